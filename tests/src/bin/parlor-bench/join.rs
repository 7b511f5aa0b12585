//! A newcomer joins a large room from the archive over loopback.

use parlor_archive::{Archive, ArchiveConfig, WebConfig};
use parlor_node::{
    Command, Event, JoinStage, MessageBody, NodeHandle, Order, Reply, Subscription,
    net::{Port, Ports},
};
use parlor_protocol::{RoomId, Text};
use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    author::number_of,
    big_room::{self, BigRoom},
    compare::runtime,
    parlor::{self, ANY_PORTS, until},
    sample::{median, show_micros},
    table::Outcome,
};

const ALL_TARGET: Duration = Duration::from_secs(2);
const SCREEN_TARGET: Duration = Duration::from_millis(150);
/// How long a join may take before the row fails.
const JOIN_WITHIN: Duration = Duration::from_secs(300);
/// What a newcomer writes when everything is there.
pub const LAST_TEXT: &str = "everything is here";
/// Most messages that one history command may ask for.
const HISTORY_MAX: usize = 1000;

/// Starts an archive on loopback.
pub async fn archive(dir: &Path, mongodb: Option<String>) -> anyhow::Result<Archive> {
    archive_with(dir, mongodb, WebConfig { address: None, ..WebConfig::default() }).await
}

/// Starts an archive on loopback that serves a page.
pub async fn archive_with(dir: &Path, mongodb: Option<String>, web: WebConfig) -> anyhow::Result<Archive> {
    let mut config = ArchiveConfig::new(dir.to_owned());
    config.mdns = false;
    // A page needs a WebSocket; rows without one have no port for it.
    let ws = if web.address.is_some() { Port::Any } else { Port::Off };
    config.ports = Ports { ws, ..ANY_PORTS };
    config.http = None;
    config.mongodb = mongodb;
    config.web = web;
    Ok(Archive::start(config).await?)
}

/// When what happened, from the join command on.
#[derive(Clone, Copy, Debug)]
pub struct Joined {
    /// The code was stretched: a quarter of a second on purpose, against guessing.
    pub stretched: Duration,
    /// The first texts were told.
    pub screen: Duration,
    /// The first sync ended: everything is readable.
    pub finished: Duration,
    /// Everything is on the disk.
    pub durable: Duration,
}

/// Joins a room of so many texts.
pub fn join(texts: usize, quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let room = big_room::fill(&dir.path().join("archive"), texts).await?;
        let archive = archive(&dir.path().join("archive"), None).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        let mut rounds = Vec::new();
        for round in 0..if quick { 1 } else { 5 } {
            let node = parlor::node(dir.path(), &format!("late{round}"), ANY_PORTS, std::slice::from_ref(&at)).await?;
            let handle = node.handle();
            until_archive(&handle).await?;
            rounds.push(measure(&handle, &room).await?);
            node.shutdown().await;
        }
        archive.shutdown().await;
        Ok(outcome(&rounds, texts))
    })
}

fn outcome(rounds: &[Joined], texts: usize) -> Outcome {
    let micros = |of: fn(&Joined) -> Duration| median(rounds.iter().map(|j| of(j).as_secs_f64() * 1e6).collect());
    let all = micros(|j| j.durable - j.stretched);
    let screen = micros(|j| j.screen - j.stretched);
    let is_met = all <= ALL_TARGET.as_secs_f64() * 1e6 && screen <= SCREEN_TARGET.as_secs_f64() * 1e6;
    Outcome {
        figure: format!("all {} screen {}", show_micros(all), show_micros(screen)),
        target: "<= 2 s; <= 150 ms",
        met: (texts == 100_000).then_some(is_met),
        notes: vec![format!(
            "from the code being stretched (that takes {} more, on purpose) until all {texts} texts are readable ({}) \
             and on the disk ({}); screen: until the first texts are told; median of {}",
            show_micros(micros(|j| j.stretched)),
            show_micros(micros(|j| j.finished - j.stretched)),
            show_micros(all),
            rounds.len()
        )],
        ..Outcome::default()
    }
}

/// Waits until an archive is connected.
pub async fn until_archive(handle: &NodeHandle) -> anyhow::Result<()> {
    until("the archive is connected", async || is_connected(handle).await).await
}

async fn is_connected(handle: &NodeHandle) -> bool {
    let connection = handle.call(Command::Connection).await;
    matches!(connection, Ok(Reply::Connection(connection)) if connection.peers.iter().any(|peer| peer.archive))
}

/// Joins, until everything is on the disk. A text of its own is the room's newest afterwards.
pub async fn measure(handle: &NodeHandle, room: &BigRoom) -> anyhow::Result<Joined> {
    tokio::time::timeout(JOIN_WITHIN, join_and_count(handle, room)).await?
}

async fn join_and_count(handle: &NodeHandle, room: &BigRoom) -> anyhow::Result<Joined> {
    let mut events = handle.subscribe();
    let start = Instant::now();
    handle.submit(Command::Join(room.code.clone()))?;
    let (id, stretched, screen, finished) = watch(&mut events, start).await?;
    // The store works in order: what is written last is durable last.
    let send = Command::Send { room: id, text: Text::new(LAST_TEXT)?, reply_to: None };
    handle.call(send).await?;
    let durable = start.elapsed();
    let found = count_texts(handle, id).await?;
    anyhow::ensure!(found == room.texts, "{found} texts are readable, not {}", room.texts);
    Ok(Joined { stretched, screen, finished, durable })
}

/// Watches a join from outside until the first sync is over.
async fn watch(events: &mut Subscription, start: Instant) -> anyhow::Result<(RoomId, Duration, Duration, Duration)> {
    let (mut stretched, mut screen) = (None, None);
    loop {
        match events.next().await {
            Event::JoinProgress { stage: JoinStage::Searching { .. }, .. } => {
                stretched.get_or_insert_with(|| start.elapsed());
            }
            Event::JoinProgress { stage: JoinStage::Failed, .. } => anyhow::bail!("the join failed"),
            Event::JoinProgress { stage: JoinStage::Finished { room }, .. } => {
                let finished = start.elapsed();
                return Ok((room, stretched.unwrap_or_default(), screen.unwrap_or(finished), finished));
            }
            Event::MessagesAdded { messages, .. } if messages.iter().any(|message| is_numbered(&message.body)) => {
                screen.get_or_insert_with(|| start.elapsed());
            }
            Event::Lagged { missed } => eprintln!("    the subscriber missed {missed} events"),
            Event::Stopped => anyhow::bail!("the node stopped"),
            _ => {}
        }
    }
}

/// Whether it is one of the room's texts, and not what earlier rounds wrote.
fn is_numbered(body: &MessageBody) -> bool {
    matches!(body, MessageBody::Text { text } if number_of(text.as_bytes()).is_some())
}

async fn count_texts(handle: &NodeHandle, room: RoomId) -> anyhow::Result<usize> {
    let (mut count, mut before): (usize, Option<Order>) = (0, None);
    loop {
        let history = handle.call(Command::History { room, before, limit: HISTORY_MAX }).await?;
        let Reply::History { messages, more } = history else { anyhow::bail!("no history") };
        count += messages.iter().filter(|message| is_numbered(&message.body)).count();
        before = messages.first().map(|message| message.order);
        if !more || before.is_none() {
            return Ok(count);
        }
    }
}
