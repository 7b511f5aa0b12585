//! A MongoDB server for tests: the one that `PARLOR_TEST_MONGODB` names, or SecantusDB from PyPI,
//! started on a free port in a folder of its own and ended with the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    sync::{
        OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
const VARIABLE: &str = "PARLOR_TEST_MONGODB";
const PROGRAM: &str = "secantusd-py";

/// A server process of our own.
#[derive(Debug)]
pub(crate) struct Server {
    folder: TempDir,
    port: u16,
    options: Vec<&'static str>,
    process: Mutex<Option<Child>>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts a server that syncs every commit to disk.
    pub(crate) fn start(options: &[&'static str]) -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { folder, port: free_port(), options: options.to_vec(), process: Mutex::new(None) };
        server.restart();
        Arc::new(server)
    }

    fn storage(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the process (again) on the same port and folder and waits until it listens.
    pub(crate) fn restart(&self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let started = Command::new(PROGRAM)
            .args(["--host", "127.0.0.1", "--sync-on-commit", "--port", &self.port.to_string(), "--storage-path"])
            .arg(self.storage())
            .args(&self.options)
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let child = started.unwrap_or_else(|error| {
            panic!(
                "the MongoDB tests need a server: `pip install secantusdb` for {PROGRAM} ({error}), or set {VARIABLE} \
                 to the address of a MongoDB that may be written to"
            )
        });
        *self.process.lock().unwrap() = Some(child);
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let ended = self.process.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < end, "{PROGRAM} does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the process at once, as a power cut would.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.process.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    #[allow(dead_code, reason = "one of the test programs needs it")]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn uri(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    pub(crate) fn uri_as(&self, login: &str, database: &str) -> String {
        format!("mongodb://{login}@127.0.0.1:{}/{database}?directConnection=true&authSource=admin", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A database of its own on a server that tests share while any of them runs.
#[derive(Debug)]
pub(crate) struct TestDatabase {
    pub(crate) uri: String,
    _server: Option<Arc<Server>>,
}

impl TestDatabase {
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("parlor_test_{}_{number}", std::process::id());
        if let Ok(uri) = std::env::var(VARIABLE) {
            return Self { uri: with_database(&uri, &name), _server: None };
        }
        let server = tokio::task::spawn_blocking(shared).await.unwrap();
        Self { uri: server.uri(&name), _server: Some(server) }
    }
}

/// One server for all tests of this process; it ends with the last test that holds it.
fn shared() -> Arc<Server> {
    static SHARED: OnceLock<Mutex<Weak<Server>>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let server = Server::start(&[]);
        *shared = Arc::downgrade(&server);
        server
    })
}

/// The address with the path replaced by a database of the test's own.
fn with_database(uri: &str, name: &str) -> String {
    let (start, options) = uri.split_once('?').map_or((uri, String::new()), |(s, o)| (s, format!("?{o}")));
    let (scheme, rest) = start.split_once("://").expect("an address with ://");
    let hosts = rest.split_once('/').map_or(rest, |(hosts, _)| hosts);
    format!("{scheme}://{hosts}/{name}{options}")
}

/// Something on a free port that introduces itself as told, for servers that we do not have: older
/// ones, secondaries. It says the same whatever it is asked, and ends with the test's process.
pub(crate) fn pretend(hello: &mongodb::bson::Document) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hello = mongodb::bson::serialize_to_vec(hello).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let hello = hello.clone();
            std::thread::spawn(move || pretend_to(stream.unwrap(), &hello));
        }
    });
    format!("mongodb://{address}/db?directConnection=true&serverSelectionTimeoutMS=2000")
}

/// Answers until the other side leaves. Messages begin with length, id, what they answer, kind.
fn pretend_to(mut stream: TcpStream, hello: &[u8]) -> Option<()> {
    const OP_REPLY: i32 = 1;
    const OP_QUERY: i32 = 2004;
    loop {
        let mut head = [0; 16];
        stream.read_exact(&mut head).ok()?;
        let number = |at: usize| i32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let mut rest = vec![0; usize::try_from(number(0)).unwrap() - head.len()];
        stream.read_exact(&mut rest).ok()?;
        // An old reply: flags, cursor, start, one document. A new one: flags, section of kind 0.
        let (kind, before) = if number(12) == OP_QUERY {
            (OP_REPLY, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0].as_slice())
        } else {
            (number(12), [0; 5].as_slice())
        };
        let body = [before, hello].concat();
        let length = i32::try_from(head.len() + body.len()).unwrap();
        let head: Vec<u8> = [length, 1, number(4), kind].iter().flat_map(|number| number.to_le_bytes()).collect();
        stream.write_all(&[head, body].concat()).ok()?;
    }
}
