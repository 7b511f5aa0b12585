//! The real programs as processes of their own, and what the system says of them.

use anyhow::Context as _;
use std::{
    env,
    io::{BufRead as _, BufReader, Read, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::real::PATIENCE;

/// Ticks of processor time in a second, as Linux shows them to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is kept of what a program says.
const SAID_MAX: usize = 64 * 1024 * 1024;

/// A program of ours, from the same build as the running one.
///
/// # Errors
/// When it was not built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let here = env::current_exe()?;
    // Tests lie one folder deeper than programs.
    let found = here.ancestors().skip(1).take(2).map(|dir| dir.join(&file)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is missing; build it first: cargo build --workspace --bins"))
}

/// A port that was free a moment ago.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// `parlor` for one profile, on any port, without mDNS, told this address.
///
/// # Errors
/// When it was not built.
pub fn parlor(dir: &Path, profile: &str, connect: Option<&str>) -> anyhow::Result<Command> {
    let mut command = parlor_on(dir, profile, 0)?;
    command.args(connect.into_iter().flat_map(|address| ["--connect", address]));
    Ok(command)
}

/// `parlor` for one profile on a port, without mDNS.
///
/// # Errors
/// When it was not built.
pub fn parlor_on(dir: &Path, profile: &str, port: u16) -> anyhow::Result<Command> {
    let mut command = Command::new(program("parlor")?);
    let own = ["PARLOR_PROFILE", "PARLOR_DATA_DIR", "PARLOR_PASSPHRASE_FILE", "RUST_LOG"];
    for name in own {
        command.env_remove(name);
    }
    // Nothing of a test may come into the keychain of whoever runs it.
    command.env("PARLOR_NO_KEYCHAIN", "1");
    command.arg("--data-dir").arg(dir).args(["--profile", profile, "--no-mdns", "--port", &port.to_string()]);
    Ok(command)
}

/// The web page, where `cargo xtask web` has built it.
#[must_use]
pub fn page() -> Option<PathBuf> {
    let here = env::current_exe().ok()?;
    here.ancestors().skip(2).take(3).map(|dir| dir.join("web")).find(|dir| dir.join("index.html.gz").is_file())
}

/// `parlor-archive` on one port, without mDNS and health page, that tells all it can in its log.
///
/// # Errors
/// When it was not built.
pub fn archive(dir: &Path, port: u16) -> anyhow::Result<Command> {
    let mut command = bare_archive(dir, port)?;
    command.args(["--web", "off"]);
    Ok(command)
}

/// The same with a web page, at any port of this machine.
///
/// # Errors
/// When it was not built.
pub fn archive_with_page(dir: &Path, port: u16, page: &Path) -> anyhow::Result<Command> {
    let mut command = bare_archive(dir, port)?;
    command.args(["--web", "127.0.0.1:0", "--web-dir"]).arg(page);
    Ok(command)
}

fn bare_archive(dir: &Path, port: u16) -> anyhow::Result<Command> {
    let mut command = Command::new(program("parlor-archive")?);
    let own = ["PARLOR_MONGODB", "PARLOR_ARCHIVE_CONFIG", "PARLOR_ARCHIVE_DATA_DIR"];
    for name in own {
        command.env_remove(name);
    }
    command.env("RUST_LOG", "trace,libp2p_gossipsub=info");
    command.arg("--data-dir").arg(dir).args(["--no-mdns", "--port", &port.to_string()]);
    command.args(["--http", "off"]);
    Ok(command)
}

/// Runs a program to its end and gives what it printed.
///
/// # Errors
/// When it does not start, or fails: then with what it said.
pub fn run(command: &mut Command) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
    anyhow::ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr).trim());
    Ok(String::from_utf8(stdout)?)
}

/// The same with something to read.
///
/// # Errors
/// When it does not start, or fails: then with what it said.
pub fn run_with(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It may stop reading early, and is right to.
    let _ = child.stdin.take().context("no input")?.write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    anyhow::ensure!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr).trim());
    Ok(String::from_utf8(stdout)?)
}

/// A program in the background with what it prints. It is killed when dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
    lines: Receiver<(Instant, String)>,
    said: Arc<Mutex<String>>,
}

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (sender, lines) = channel();
        let said = Arc::new(Mutex::new(String::new()));
        listen(child.stdout.take().context("no output")?, Some(sender), &said);
        listen(child.stderr.take().context("no output")?, None, &said);
        Ok(Self { child, lines, said })
    }

    /// The next line on its standard output that has `what` in it, and when it came.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`], with all it said.
    pub fn wait_for(&self, what: &str) -> anyhow::Result<(Instant, String)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok((at, line)) if line.contains(what) => return Ok((at, line)),
                Ok(_) => {}
                Err(_) => anyhow::bail!("{what:?} did not come within {PATIENCE:?}; it said:\n{}", self.said()),
            }
        }
    }

    /// The system's number for it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said something, on either output.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`], with all it said.
    pub fn until_said(&self, what: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(what) {
            anyhow::ensure!(Instant::now() < deadline, "{what:?} was not said; it said:\n{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The lines on its standard output that nobody took yet.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.lines.try_iter().map(|(_, line)| line)
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until it ends by itself, and says whether it ended well.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub fn ends_well(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            anyhow::ensure!(Instant::now() < deadline, "it does not end; it said:\n{}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Files and sockets that it has open.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn open_files(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Everything it said so far, on both outputs, as far as that is kept.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives it a line to read.
    ///
    /// # Errors
    /// When it reads no more.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("no input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// Asks it to stop, and says whether it ended well.
    ///
    /// # Errors
    /// When it does not end within [`PATIENCE`].
    pub fn stop(&mut self) -> anyhow::Result<bool> {
        // There is no such signal on Windows; what a killed program leaves is tested all the same.
        if !cfg!(unix) {
            self.kill()?;
            return Ok(true);
        }
        anyhow::ensure!(Command::new("kill").arg(self.child.id().to_string()).status()?.success(), "it was gone");
        self.ends_well()
    }

    /// Kills it without warning.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Resident memory now, in MB.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn resident_mb(&self) -> anyhow::Result<f64> {
        resident_mb(self.child.id())
    }

    /// Resident memory at its highest, in MB.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_mb(&self) -> anyhow::Result<f64> {
        status_mb(self.child.id(), "VmHWM")
    }

    /// Processor time used so far, user and system.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(self.child.id())
    }

    /// Waits until it has nothing left to do.
    ///
    /// # Errors
    /// When it is busy for longer than [`PATIENCE`].
    pub fn until_idle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.cpu_seconds()?;
            thread::sleep(Duration::from_secs(2));
            if self.cpu_seconds()? - before < 0.06 {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "still busy after {PATIENCE:?}");
        }
    }
}

fn status_mb(id: u32, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("not in /proc")?;
    let kb: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse()?;
    Ok(kb / 1024.0)
}

/// Resident memory of a process, in MB.
///
/// # Errors
/// When the system does not tell.
pub fn resident_mb(id: u32) -> anyhow::Result<f64> {
    status_mb(id, "VmRSS")
}

/// Processor time that a process has used so far, user and system.
///
/// # Errors
/// When the system does not tell.
pub fn cpu_seconds(id: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field is the name in parentheses; what follows begins with the state.
    let (_, rest) = stat.rsplit_once(')').context("not in /proc")?;
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(from: impl Read + Send + 'static, to: Option<Sender<(Instant, String)>>, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                if said.len() + line.len() < SAID_MAX {
                    said.push_str(&line);
                    said.push('\n');
                }
            }
            if let Some(to) = &to {
                // Nobody may be waiting any more.
                let _ = to.send((Instant::now(), line));
            }
        }
    });
}
