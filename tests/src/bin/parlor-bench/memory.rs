//! Resident memory and idle processor time of the real programs, and how fast two find each other.

use parlor_tests::process::{self, Background, free_port, parlor, parlor_on, run};
use std::time::{Duration, Instant};

use crate::{
    big_room,
    compare::runtime,
    sample::{median, show_micros},
    table::Outcome,
};

const TEXTS: usize = 100_000;
const MEMORY_TARGET_MB: f64 = 150.0;
const IDLE_TARGET_PERCENT: f64 = 1.0;
const START_TARGET: Duration = Duration::from_secs(2);

/// An archive and a node with a room of 100,000 texts: memory, and the processor while nothing happens.
pub fn memory(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::skipped("only Linux shows these figures in /proc"));
    }
    let dir = tempfile::tempdir()?;
    let (folder, port) = (dir.path().join("archive"), free_port()?);
    let room = runtime()?.block_on(big_room::fill(&folder, TEXTS))?;
    let mut command = process::archive(&folder, port)?;
    let archive = Background::start(command.env_remove("RUST_LOG"))?;
    archive.wait_for("is running")?;
    let connect = format!("127.0.0.1:{port}");
    let late = || parlor(dir.path(), "late", Some(&connect));
    run(late()?.args(["init", "--name", "late"]))?;
    run(late()?.args(["join", &room.code.to_string()]))?;
    let node = Background::start(late()?.arg("run"))?;
    node.wait_for("is up")?;
    node.until_idle()?;
    archive.until_idle()?;
    let time = Duration::from_secs(if quick { 5 } else { 40 });
    let before = (node.cpu_seconds()?, archive.cpu_seconds()?);
    std::thread::sleep(time);
    let percent = |before: f64, after: f64| (after - before) / time.as_secs_f64() * 100.0;
    let node_idle = percent(before.0, node.cpu_seconds()?);
    let archive_idle = percent(before.1, archive.cpu_seconds()?);
    let (node_mb, archive_mb) = (node.resident_mb()?, archive.resident_mb()?);
    let is_small = node_mb <= MEMORY_TARGET_MB && archive_mb <= MEMORY_TARGET_MB;
    let is_calm = node_idle < IDLE_TARGET_PERCENT && archive_idle < IDLE_TARGET_PERCENT;
    Ok(Outcome {
        figure: format!("node {node_mb:.0} MB {node_idle:.1} % archive {archive_mb:.0} MB {archive_idle:.1} %"),
        target: "<= 150 MB, < 1 %",
        met: Some(is_small && is_calm),
        notes: vec![format!(
            "{TEXTS} texts of ten members; the archive after serving all of them (peak {:.0} MB), the node after \
             reading all of them from its disk (peak {:.0} MB); idle over {} s while connected",
            archive.peak_mb()?,
            node.peak_mb()?,
            time.as_secs()
        )],
        ..Outcome::default()
    })
}

/// Two node processes started at once, until each says that it is connected.
pub fn cold_start(quick: bool) -> anyhow::Result<Outcome> {
    let dir = tempfile::tempdir()?;
    for name in ["anna", "ben"] {
        run(parlor(dir.path(), name, None)?.args(["init", "--name", name]))?;
    }
    let mut times = Vec::new();
    for _ in 0..if quick { 1 } else { 7 } {
        let port = free_port()?;
        let connect = format!("127.0.0.1:{port}");
        let start = Instant::now();
        let anna = Background::start(parlor_on(dir.path(), "anna", port)?.args(["--json", "run"]))?;
        let ben = Background::start(parlor(dir.path(), "ben", Some(&connect))?.args(["--json", "run"]))?;
        let connected = anna.wait_for(r#""peers":[{"#)?.0.max(ben.wait_for(r#""peers":[{"#)?.0);
        times.push((connected - start).as_secs_f64() * 1e6);
    }
    let (count, time) = (times.len(), median(times));
    Ok(Outcome {
        figure: show_micros(time),
        target: "<= 2 s",
        met: Some(time <= START_TARGET.as_secs_f64() * 1e6),
        notes: vec![format!("on loopback, one told the other's address; median of {count}")],
        ..Outcome::default()
    })
}
