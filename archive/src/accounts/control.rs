//! The way to a running archive for whoever runs it: a port on this machine only.
//!
//! The embedded store is open in the running archive, and only there. So the archive listens on a
//! free port of the loopback interface and writes the port and a random secret into a file of its
//! data folder that only its owner can read. `parlor-archive users` reads that file and asks. One
//! line of JSON each way.

use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use subtle::ConstantTimeEq as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{UsersAction, carry_out, system_rng};
use crate::{service::now_ms, store::Store};

const FILE: &str = "control.json";
/// Longest line; a list of accounts is the longest answer.
const LINE_MAX: u64 = 16 * 1024 * 1024;
const QUESTION_MAX: u64 = 64 * 1024;
/// How long either side waits for the other.
const WITHIN: Duration = Duration::from_secs(30);

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
        let file = dir.join(FILE);
        let door = serde_json::to_vec(&Door { port: listener.local_addr()?.port(), secret: secret.clone() })?;
        write_private(&file, &door)?;
        Ok(Self { listener, secret, file })
    }

    /// Answers until `stop` resolves.
    pub(crate) async fn serve(self, store: Arc<dyn Store>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let stream = tokio::select! {
                () = &mut stop => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = stream else { continue };
            if let Err(error) = tokio::time::timeout(WITHIN, self.answer(stream, &*store)).await {
                tracing::debug!(%error, "nobody finished asking");
            }
        }
        // A file that is left behind only names a closed door.
        let _ = std::fs::remove_file(&self.file);
    }

    async fn answer(&self, stream: TcpStream, store: &dyn Store) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        if (&mut stream).take(QUESTION_MAX).read_line(&mut line).await.is_err() {
            return;
        }
        let Ok(question) = serde_json::from_str::<Question>(&line) else { return };
        if !bool::from(question.secret.as_bytes().ct_eq(self.secret.as_bytes())) {
            return;
        }
        let result = match system_rng() {
            Ok(mut rng) => carry_out(store.accounts(), question.action, &mut rng, now_ms()).await,
            Err(reason) => Err(reason),
        };
        let mut answer = serde_json::to_vec(&result).unwrap_or_default();
        answer.push(b'\n');
        // Whoever asked may have left.
        let _ = stream.get_mut().write_all(&answer).await;
        let _ = stream.get_mut().shutdown().await;
    }
}

/// Asks the archive that runs on a data folder. `None` when none runs there.
///
/// # Errors
/// What went wrong, in words.
pub(crate) async fn ask(dir: &Path, action: &UsersAction) -> Option<Result<String, String>> {
    let door: Door = serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()?;
    let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.ok()?;
    let asked = async {
        let question = Question { secret: door.secret, action: action.clone() };
        let mut line = serde_json::to_vec(&question)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(stream).take(LINE_MAX).read_line(&mut answer).await?;
        Ok::<_, io::Error>(serde_json::from_str::<Result<String, String>>(&answer)?)
    };
    Some(match tokio::time::timeout(WITHIN, asked).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(format!("the running archive does not answer ({error}); look at its log")),
        Err(_) => Err("the running archive does not answer; look at its log".to_owned()),
    })
}

/// Writes a file that only its owner can read, as a whole or not at all.
fn write_private(file: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let draft = file.with_extension("new");
    let _ = std::fs::remove_file(&draft);
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&draft)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&draft, file)
}
