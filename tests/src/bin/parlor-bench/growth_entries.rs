//! How figures grow with the entries of a room: joining, memory, opening, what the archive takes in
//! when it already holds them, and its backup.

use parlor_node::{Command, MessageBody, Node, NodeConfig, NodeHandle, Reply, SyncState};
use parlor_protocol::RoomId;
use parlor_tests::process::{self, Background, free_port, parlor, run};
use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    big_room::{self, BigRoom},
    compare::{PATIENCE, runtime},
    ingest,
    join::{self, Joined, LAST_TEXT},
    parlor::{self as nodes, ANY_PORTS},
    sample::{median, show_micros},
    table::Outcome,
};

/// What a person sees at first.
const SCREENFUL: usize = 60;

/// The same figures for rooms of very different sizes.
pub fn entries(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::skipped("only Linux shows the memory of a process in /proc"));
    }
    let sizes: &[usize] = if quick { &[1_000, 5_000] } else { &[10_000, 100_000, 1_000_000] };
    let mut notes = Vec::new();
    for texts in sizes {
        let lines = of_size(*texts, quick)?;
        lines.iter().for_each(|line| eprintln!("    {line}"));
        notes.extend(lines);
    }
    Ok(Outcome { figure: "see below".into(), notes, ..Outcome::default() })
}

fn of_size(texts: usize, quick: bool) -> anyhow::Result<Vec<String>> {
    let runtime = runtime()?;
    let dir = tempfile::tempdir()?;
    let (folder, port) = (dir.path().join("archive"), free_port()?);
    let room = runtime.block_on(big_room::fill(&folder, texts))?;
    let file_mb = folder_mb(&folder)?;
    let mut command = process::archive(&folder, port)?;
    let mut archive = Background::start(command.env_remove("RUST_LOG"))?;
    archive.wait_for("is running")?;
    archive.until_idle()?;
    let archive_mb = archive.resident_mb()?;
    let at = format!("/ip4/127.0.0.1/tcp/{port}");
    let joined = runtime.block_on(join_rounds(dir.path(), &at, &room, if quick { 1 } else { 3 }))?;
    archive.until_idle()?;
    let (served_mb, peak_mb) = (archive.resident_mb()?, archive.peak_mb()?);
    let rate = runtime.block_on(ingest_rate(&at, if quick { 2 } else { 10 }))?;
    anyhow::ensure!(archive.stop()?, "the archive did not end well");
    let opened = runtime.block_on(open_rounds(dir.path(), if quick { 1 } else { 3 }))?;
    let (node_mb, node_peak_mb) = node_memory(dir.path())?;
    let (backup, backup_mb) = backup(dir.path(), &folder)?;
    let middle = |of: &dyn Fn(&Joined) -> Duration| {
        show_micros(median(joined.iter().map(|joined| of(joined).as_secs_f64() * 1e6).collect()))
    };
    let middle_opened = |of: fn(&Opened) -> Duration| {
        show_micros(median(opened.iter().map(|opened| of(opened).as_secs_f64() * 1e6).collect()))
    };
    Ok(vec![
        format!(
            "{texts}: join, first screenful {}, all readable {}, all on the disk {}",
            middle(&|j| j.screen - j.stretched),
            middle(&|j| j.finished - j.stretched),
            middle(&|j| j.durable - j.stretched)
        ),
        format!(
            "{texts}: open, up after {}, newest on the screen {}, all read {}",
            middle_opened(|opened| opened.up),
            middle_opened(|opened| opened.newest),
            middle_opened(|opened| opened.all)
        ),
        format!(
            "{texts}: memory, node {node_mb:.0} MB (peak {node_peak_mb:.0}), archive at start {archive_mb:.0} MB, after \
             serving {served_mb:.0} MB (peak {peak_mb:.0})"
        ),
        format!(
            "{texts}: archive file {file_mb:.0} MB ({:.0} B an entry), takes in {rate:.0} entries/s beside them, backup \
             in {backup:.2} s ({backup_mb:.0} MB)",
            file_mb * 1024.0 * 1024.0 / texts as f64
        ),
    ])
}

fn folder_mb(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes as f64 / 1024.0 / 1024.0)
}

fn profile(round: usize) -> String {
    format!("late{round}")
}

async fn join_rounds(dir: &Path, at: &str, room: &BigRoom, rounds: usize) -> anyhow::Result<Vec<Joined>> {
    let mut joined = Vec::new();
    for round in 0..rounds {
        let node = nodes::node(dir, &profile(round), ANY_PORTS, &[at.to_owned()]).await?;
        join::until_archive(&node.handle()).await?;
        joined.push(join::measure(&node.handle(), room).await?);
        node.shutdown().await;
    }
    Ok(joined)
}

/// Members of another room push; entries a second.
async fn ingest_rate(at: &str, pages: usize) -> anyhow::Result<f64> {
    let rounds = 3;
    // The big room's authors have the first seeds.
    let mut pushers = ingest::pushers(at, rounds * pages, 1_000).await?;
    let mut rates = Vec::new();
    for round in 0..rounds {
        rates.push(ingest::push_all(&mut pushers, 1 + round * pages..1 + (round + 1) * pages).await?);
    }
    Ok(median(rates))
}

/// When what was there after a start without network, from the start on.
struct Opened {
    up: Duration,
    newest: Duration,
    all: Duration,
}

async fn open_rounds(dir: &Path, rounds: usize) -> anyhow::Result<Vec<Opened>> {
    let mut opened = Vec::new();
    for _ in 0..rounds {
        let begin = Instant::now();
        let mut config = NodeConfig::new(Some(profile(0)), Some(dir.to_owned()));
        config.online = false;
        let node = Node::start(config).await?;
        let up = begin.elapsed();
        let (newest, all) = tokio::time::timeout(PATIENCE, until_read(&node.handle(), begin)).await??;
        opened.push(Opened { up, newest, all });
        node.shutdown().await;
    }
    Ok(opened)
}

async fn until_read(handle: &NodeHandle, begin: Instant) -> anyhow::Result<(Duration, Duration)> {
    let mut newest = None;
    loop {
        let Reply::Rooms(rooms) = handle.call(Command::Rooms).await? else { anyhow::bail!("no rooms") };
        let Some(room) = rooms.first() else { anyhow::bail!("no room") };
        let all = begin.elapsed();
        if newest.is_none() && shows_the_newest(handle, room.room).await? {
            newest = Some(begin.elapsed());
        }
        if let (Some(newest), false) = (newest, matches!(room.sync, SyncState::Syncing { .. })) {
            return Ok((newest, all.max(newest)));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The first newcomer wrote when everything was there; only other newcomers came after.
async fn shows_the_newest(handle: &NodeHandle, room: RoomId) -> anyhow::Result<bool> {
    let history = handle.call(Command::History { room, before: None, limit: SCREENFUL }).await?;
    let Reply::History { messages, .. } = history else { anyhow::bail!("no history") };
    let is_last = |body: &MessageBody| matches!(body, MessageBody::Text { text } if text == LAST_TEXT);
    Ok(messages.len() == SCREENFUL && messages.iter().any(|message| is_last(&message.body)))
}

/// Resident memory of a node that has read the room from its disk, and its highest.
fn node_memory(dir: &Path) -> anyhow::Result<(f64, f64)> {
    let node = Background::start(parlor(dir, &profile(0), None)?.arg("run"))?;
    node.wait_for("is up")?;
    node.until_idle()?;
    Ok((node.resident_mb()?, node.peak_mb()?))
}

/// Seconds that a backup takes, and its size in MB.
fn backup(dir: &Path, folder: &Path) -> anyhow::Result<(f64, f64)> {
    let file = dir.join("archive.backup");
    let begin = Instant::now();
    run(process::archive(folder, 0)?.env_remove("RUST_LOG").arg("backup").arg(&file))?;
    Ok((begin.elapsed().as_secs_f64(), file.metadata()?.len() as f64 / 1024.0 / 1024.0))
}
