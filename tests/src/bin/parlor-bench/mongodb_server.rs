//! A MongoDB server to measure with: the one that `PARLOR_TEST_MONGODB` names, or SecantusDB from
//! PyPI, started on a free port in a folder of its own, and ended when dropped.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const VARIABLE: &str = "PARLOR_TEST_MONGODB";
const PROGRAM: &str = "secantusd-py";
const PATIENCE: Duration = Duration::from_secs(60);

/// A server.
pub struct Server {
    uri: String,
    what: &'static str,
    process: Option<(Child, TempDir)>,
}

impl Server {
    /// Finds or starts a server; the reason when there is none.
    pub fn find() -> Result<Self, String> {
        if let Ok(uri) = std::env::var(VARIABLE) {
            return Ok(Self { uri, what: "the server of PARLOR_TEST_MONGODB", process: None });
        }
        Self::start().map_err(|error| format!("no MongoDB: `pip install secantusdb` or set {VARIABLE} ({error})"))
    }

    fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(PROGRAM)
            .args(["--host", "127.0.0.1", "--sync-on-commit", "--port", &port.to_string(), "--storage-path"])
            .arg(folder.path().join("data"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            uri: format!("mongodb://127.0.0.1:{port}/?directConnection=true"),
            what: "SecantusDB",
            process: Some((process, folder)),
        };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            anyhow::ensure!(Instant::now() < deadline, "{PROGRAM} does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// What it is, for people.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The address with this database in it.
    pub fn uri(&self, database: &str) -> String {
        let (start, options) = self.uri.split_once('?').map_or((self.uri.as_str(), None), |(s, o)| (s, Some(o)));
        let (scheme, rest) = start.split_once("://").unwrap_or(("mongodb", start));
        let hosts = rest.split_once('/').map_or(rest, |(hosts, _)| hosts);
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        format!("{scheme}://{hosts}/{database}{options}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((process, _)) = &mut self.process {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
