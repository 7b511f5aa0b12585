//! The way to a running archive for whoever runs it: a port on this machine only.
//!
//! The embedded store is open in the running archive, and only there. So the archive listens on a
//! free port of the loopback interface and writes the port and a random secret into a file of its
//! data folder that only its owner can read. `parlor-archive users` reads that file and asks. One
//! line of JSON each way. Every user of the computer can connect. Who does not show the secret at once goes, the longest
//! silent first when there are many, so that nobody is held up.

use parlor_node::private;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use subtle::ConstantTimeEq as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{AbortHandle, JoinSet},
};

use super::{UsersAction, carry_out, system_rng};
use crate::{folder::CONTROL_FILE, service::now_ms, store::Store};

/// Longest line; a list of accounts is the longest answer.
const LINE_MAX: u64 = 16 * 1024 * 1024;
const QUESTION_MAX: u64 = 64 * 1024;
/// How long carrying out may take, and how long who asks waits for it.
const WITHIN: Duration = Duration::from_secs(30);
/// How long somebody who connects may take to show the secret.
const SHOWN_WITHIN: Duration = Duration::from_secs(3);
/// Connections at once that have not shown it; the oldest goes when one more comes.
const STRANGERS_MAX: usize = 32;
/// Actions at once.
const ACTIONS_MAX: usize = 4;
/// How long to wait when the system gives no connection, because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is asked again where others pushed the question out.
const TRIES: usize = 5;

#[derive(Serialize, Deserialize)]
struct Door {
    port: u16,
    secret: String,
}

#[derive(Serialize, Deserialize)]
struct Question {
    secret: String,
    action: UsersAction,
}

/// A running archive's door.
#[derive(Debug)]
pub(crate) struct Control {
    listener: TcpListener,
    secret: String,
    file: PathBuf,
}

impl Control {
    /// Opens the door and writes down where it is.
    ///
    /// # Errors
    /// The system's reason.
    pub(crate) async fn open(dir: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut bytes = [0; 32];
        rand_core::RngCore::fill_bytes(&mut system_rng().map_err(io::Error::other)?, &mut bytes);
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let file = dir.join(CONTROL_FILE);
        let door = serde_json::to_vec(&Door { port: listener.local_addr()?.port(), secret: secret.clone() })?;
        private::write(&file, &door)?;
        Ok(Self { listener, secret, file })
    }

    /// Answers until `stop` resolves.
    pub(crate) async fn serve(self, store: Arc<dyn Store>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let room = Arc::new(Room { secret: self.secret, store, actions: Semaphore::new(ACTIONS_MAX) });
        let mut connections = JoinSet::new();
        let mut strangers: VecDeque<Stranger> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            strangers.retain(|stranger| !stranger.task.is_finished() && !stranger.is_known.load(Ordering::Acquire));
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if strangers.len() >= STRANGERS_MAX
                && let Some(oldest) = strangers.pop_front()
            {
                oldest.task.abort();
            }
            let is_known = Arc::new(AtomicBool::new(false));
            let (room, known) = (Arc::clone(&room), Arc::clone(&is_known));
            let task = connections.spawn(async move { room.answer(stream, &known).await });
            strangers.push_back(Stranger { task, is_known });
        }
        // A file that is left behind only names a closed door.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Somebody who connected and has not shown the secret yet.
struct Stranger {
    task: AbortHandle,
    is_known: Arc<AtomicBool>,
}

/// What connections need.
struct Room {
    secret: String,
    store: Arc<dyn Store>,
    actions: Semaphore,
}

impl Room {
    async fn answer(&self, stream: TcpStream, is_known: &AtomicBool) {
        let mut stream = BufReader::new(stream);
        let Ok(Some(action)) = tokio::time::timeout(SHOWN_WITHIN, self.question(&mut stream)).await else { return };
        is_known.store(true, Ordering::Release);
        let done = async {
            let _permit = self.actions.acquire().await;
            match system_rng() {
                Ok(mut rng) => carry_out(self.store.accounts(), action, &mut rng, now_ms()).await,
                Err(reason) => Err(reason),
            }
        };
        let Ok(result) = tokio::time::timeout(WITHIN, done).await else { return };
        let mut answer = serde_json::to_vec(&result).unwrap_or_default();
        answer.push(b'\n');
        // Whoever asked may have left, or may never read.
        let _ = tokio::time::timeout(WITHIN, stream.get_mut().write_all(&answer)).await;
        let _ = stream.get_mut().shutdown().await;
    }

    /// What is asked for by somebody who shows the secret.
    async fn question(&self, stream: &mut BufReader<TcpStream>) -> Option<UsersAction> {
        let mut line = String::new();
        stream.take(QUESTION_MAX).read_line(&mut line).await.ok()?;
        let question = serde_json::from_str::<Question>(&line).ok()?;
        bool::from(question.secret.as_bytes().ct_eq(self.secret.as_bytes())).then_some(question.action)
    }
}

/// Asks the archive that runs on a data folder. `None` when none runs there.
///
/// # Errors
/// What went wrong, in words.
pub(crate) async fn ask(dir: &Path, action: &UsersAction) -> Option<Result<String, String>> {
    let door: Door = serde_json::from_slice(&std::fs::read(dir.join(CONTROL_FILE)).ok()?).ok()?;
    let first = TcpStream::connect(("127.0.0.1", door.port)).await.ok()?;
    let asked = async {
        let mut stream = Some(first);
        for _ in 0..TRIES {
            let stream = match stream.take() {
                Some(first) => first,
                None => TcpStream::connect(("127.0.0.1", door.port)).await?,
            };
            // One that was pushed out before the archive read the question ends without a word.
            match ask_once(stream, &door, action).await {
                Ok(answer) if !answer.is_empty() => {
                    return Ok(serde_json::from_str::<Result<String, String>>(&answer)?);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("it closes every connection"))
    };
    Some(match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(format!("the running archive does not answer ({error}); look at its log")),
        Err(_) => Err("the running archive does not answer; look at its log".to_owned()),
    })
}

/// The line that comes for a question; empty when the connection ends without one.
async fn ask_once(mut stream: TcpStream, door: &Door, action: &UsersAction) -> io::Result<String> {
    let question = Question { secret: door.secret.clone(), action: action.clone() };
    let mut line = serde_json::to_vec(&question)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    BufReader::new(stream).take(LINE_MAX).read_line(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
