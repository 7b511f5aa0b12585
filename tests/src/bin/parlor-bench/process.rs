//! The real programs as processes of their own, and what the system says of them.

use anyhow::Context as _;
use std::{
    io::{BufRead as _, BufReader, Read},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::compare::PATIENCE;

/// Ticks of processor time in a second, as Linux shows them to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program of ours from the folder of this one.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.exists(), "{name} is missing: cargo build --release -p parlor-node -p parlor-archive");
    Ok(path)
}

/// A port that was free a moment ago.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// A program in the background, with the lines it prints. It is ended when dropped.
pub struct Background {
    child: Child,
    lines: Receiver<(Instant, String)>,
}

impl Background {
    /// Starts it.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        Ok(Self { child, lines: read_lines(out) })
    }

    /// When the first line came that has `what` in it.
    pub fn wait_for(&self, what: &str) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok((at, line)) if line.contains(what) => return Ok(at),
                Ok(_) => {}
                Err(_) => anyhow::bail!("{what:?} did not come within {PATIENCE:?}"),
            }
        }
    }

    fn status(&self, field: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).context("not in /proc")?;
        let kb: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse()?;
        Ok(kb / 1024.0)
    }

    /// Resident memory now, in MB.
    pub fn resident_mb(&self) -> anyhow::Result<f64> {
        self.status("VmRSS")
    }

    /// Resident memory at its highest, in MB.
    pub fn peak_mb(&self) -> anyhow::Result<f64> {
        self.status("VmHWM")
    }

    /// Processor time used so far, user and system.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the name in parentheses; what follows begins with the state.
        let (_, rest) = stat.rsplit_once(')').context("not in /proc")?;
        let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// Waits until it has nothing left to do.
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

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(out: impl Read + Send + 'static) -> Receiver<(Instant, String)> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send((Instant::now(), line)).is_err() {
                break;
            }
        }
    });
    lines
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> anyhow::Result<()> {
    let out = command.stdin(Stdio::null()).output()?;
    anyhow::ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr).trim());
    Ok(())
}
