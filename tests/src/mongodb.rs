//! A MongoDB server: the one that `PARLOR_TEST_MONGODB` names, or SecantusDB from PyPI, started on a
//! free port in a folder of its own, and ended when dropped.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

use crate::{process::free_port, real::PATIENCE};

const VARIABLE: &str = "PARLOR_TEST_MONGODB";
const PROGRAM: &str = "secantusd-py";

/// A server.
#[derive(Debug)]
pub struct Server {
    uri: String,
    own: Option<Own>,
}

/// One of our own.
#[derive(Debug)]
struct Own {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Finds or starts a server.
    ///
    /// # Errors
    /// The reason when there is none.
    pub fn find() -> Result<Self, String> {
        match std::env::var(VARIABLE) {
            Ok(uri) => Ok(Self { uri, own: None }),
            Err(_) => Self::start(),
        }
    }

    /// Starts one that can be killed.
    ///
    /// # Errors
    /// The reason when there is none.
    pub fn start() -> Result<Self, String> {
        let start = || -> anyhow::Result<Self> {
            let (folder, port) = (tempfile::tempdir()?, free_port()?);
            let process = serve(&folder, port)?;
            let uri = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
            Ok(Self { uri, own: Some(Own { process, port, folder }) })
        };
        start().map_err(|error| format!("no MongoDB: `pip install secantusdb` or set {VARIABLE} ({error})"))
    }

    /// Kills our own server without warning.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(own) = &mut self.own {
            own.process.kill()?;
            own.process.wait()?;
        }
        Ok(())
    }

    /// Starts it again, with what it had stored.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        if let Some(own) = &mut self.own {
            own.process = serve(&own.folder, own.port)?;
        }
        Ok(())
    }

    /// What it is, for people.
    #[must_use]
    pub fn what(&self) -> &'static str {
        if self.own.is_some() { "SecantusDB" } else { "the server of PARLOR_TEST_MONGODB" }
    }

    /// The address with this database in it.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        let (start, options) = self.uri.split_once('?').map_or((self.uri.as_str(), None), |(s, o)| (s, Some(o)));
        let (scheme, rest) = start.split_once("://").unwrap_or(("mongodb", start));
        let hosts = rest.split_once('/').map_or(rest, |(hosts, _)| hosts);
        let options = options.map(|options| format!("?{options}")).unwrap_or_default();
        format!("{scheme}://{hosts}/{database}{options}")
    }
}

fn serve(folder: &TempDir, port: u16) -> anyhow::Result<Child> {
    let process = Command::new(PROGRAM)
        .args(["--host", "127.0.0.1", "--sync-on-commit", "--port", &port.to_string(), "--storage-path"])
        .arg(folder.path().join("data"))
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(Instant::now() < deadline, "{PROGRAM} does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(process)
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}
