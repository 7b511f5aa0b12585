//! Parlor beside bare gossipsub: latency and rate. Both run in this process at the same time and
//! take turns in short rounds, so that both see the machine in the same state.

use bytes::Bytes;
use parlor_node::{Command, Node, NodeHandle};
use parlor_protocol::RoomId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::{
    author::{Author, Founded, TEXT_LEN, text},
    parlor, raw,
    sample::{Sample, median},
    table::Outcome,
};

pub use parlor_tests::real::PATIENCE;
/// Messages that are sent and not yet received by everybody, in the rate rows.
const WINDOW: usize = 200;
const LATENCY_TARGET: f64 = 1.5;
const RATE_TARGET: f64 = 0.5;

/// What carries the bytes.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    Tcp,
    Quic,
}

/// A message that reached one of the others.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its number.
    pub number: usize,
    /// When.
    pub at: Instant,
}

/// The one that sends.
pub enum Sender {
    Parlor { handle: NodeHandle, room: RoomId },
    Raw { commands: mpsc::Sender<Bytes>, payload: usize },
    Mqtt { client: rumqttc::AsyncClient, topic: &'static str },
}

/// Nodes of one system: one sends, the others report what they got.
pub struct Group {
    pub sender: Sender,
    pub arrivals: mpsc::Receiver<Arrival>,
    pub others: usize,
    pub nodes: Vec<Node>,
    pub dir: Option<TempDir>,
}

impl Group {
    /// Gives a message to the sending node; it does not wait for anything that happens to it.
    async fn send(&self, number: usize) -> anyhow::Result<()> {
        match &self.sender {
            Sender::Parlor { handle, room } => {
                handle.submit(Command::Send { room: *room, text: text(number)?, reply_to: None })?;
            }
            Sender::Raw { commands, payload } => {
                let mut bytes = text(number)?.as_str().as_bytes().to_vec();
                bytes.resize(*payload, b'.');
                commands.send(bytes.into()).await?;
            }
            Sender::Mqtt { client, topic } => {
                client.publish(*topic, rumqttc::QoS::AtMostOnce, false, text(number)?.as_str()).await?;
            }
        }
        Ok(())
    }

    async fn arrival(&mut self) -> anyhow::Result<Arrival> {
        let arrival = tokio::time::timeout(PATIENCE, self.arrivals.recv()).await;
        let arrival = arrival.map_err(|_| anyhow::anyhow!("a message did not arrive within {PATIENCE:?}"))?;
        arrival.ok_or_else(|| anyhow::anyhow!("the nodes have stopped"))
    }

    /// One message after the other, each when everybody has the one before.
    pub async fn latency(&mut self, numbers: std::ops::Range<usize>, times: &mut Sample) -> anyhow::Result<()> {
        for number in numbers {
            let start = Instant::now();
            self.send(number).await?;
            let mut missing = self.others;
            while missing > 0 {
                let arrival = self.arrival().await?;
                if arrival.number == number {
                    times.add(arrival.at - start);
                    missing -= 1;
                }
            }
            // What follows a message (receipts, summaries, acknowledgements) is not part of the next one.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Ok(())
    }

    /// As many as possible, a window of them under way; messages per second until all have all.
    pub async fn rate(&mut self, numbers: std::ops::Range<usize>) -> anyhow::Result<f64> {
        let (count, start) = (numbers.len(), Instant::now());
        let mut missing: HashMap<usize, usize> = HashMap::new();
        let mut numbers = numbers.peekable();
        while numbers.peek().is_some() || !missing.is_empty() {
            while missing.len() < WINDOW
                && let Some(number) = numbers.next()
            {
                missing.insert(number, self.others);
                self.send(number).await?;
            }
            let arrival = self.arrival().await?;
            if let Some(left) = missing.get_mut(&arrival.number) {
                *left -= 1;
                if *left == 0 {
                    missing.remove(&arrival.number);
                }
            }
        }
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    pub async fn stop(self) {
        drop((self.sender, self.arrivals));
        for node in self.nodes {
            node.shutdown().await;
        }
        drop(self.dir);
    }
}

/// Bytes of a gossip message that holds a text of [`TEXT_LEN`] bytes.
fn sealed_len() -> anyhow::Result<usize> {
    let mut author = Author::new(1);
    let room = Founded::new(&mut author, 0)?;
    let entry = author.say(&room.secrets, 0, 0)?.into_inner();
    Ok(parlor_protocol::wire::Gossip::Entry(entry).encode()?.len())
}

/// Parlor, and bare gossipsub beside it.
pub async fn both(transport: Transport, peers: usize) -> anyhow::Result<(Group, Group)> {
    let (mut ours, mut bare) =
        (parlor::group(transport, peers).await?, raw::group(transport, peers, sealed_len()?).await?);
    warm_up(&mut ours, &mut bare).await?;
    Ok((ours, bare))
}

async fn warm_up(ours: &mut Group, other: &mut Group) -> anyhow::Result<()> {
    // Meshes form with the first heartbeats; nothing before is measured.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut ignored = Sample::new()?;
    ours.latency(0..20, &mut ignored).await?;
    other.latency(0..20, &mut ignored).await
}

/// Messages of one turn in the latency rows.
pub const LATENCY_ROUND: usize = 15;

/// Latency of two systems in turns, after which they stop.
pub async fn in_turns(mut ours: Group, mut other: Group, rounds: usize) -> anyhow::Result<(Sample, Sample)> {
    warm_up(&mut ours, &mut other).await?;
    let (mut times, mut other_times) = (Sample::new()?, Sample::new()?);
    for round in 0..rounds {
        let numbers = 100 + round * LATENCY_ROUND..100 + (round + 1) * LATENCY_ROUND;
        ours.latency(numbers.clone(), &mut times).await?;
        other.latency(numbers, &mut other_times).await?;
    }
    ours.stop().await;
    other.stop().await;
    Ok((times, other_times))
}

pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// From the command to the event at each of the others.
pub fn latency(transport: Transport, peers: usize, quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let (ours, bare) = (parlor::group(transport, peers).await?, raw::group(transport, peers, sealed_len()?).await?);
        let rounds = if quick { 2 } else { 40 };
        let (times, bare_times) = in_turns(ours, bare, rounds).await?;
        let ratio = times.p50() / bare_times.p50();
        Ok(Outcome {
            figure: times.show(),
            compared: format!("bare gossipsub {}", bare_times.show()),
            ratio: Some(ratio),
            target: "p50 <= 1.5x",
            met: Some(ratio <= LATENCY_TARGET),
            notes: vec![format!("{} messages of {TEXT_LEN} B each way", rounds * LATENCY_ROUND)],
        })
    })
}

/// Messages a second from one node until all others have them.
pub fn rate(peers: usize, quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let (mut ours, mut bare) = both(Transport::Tcp, peers).await?;
        let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
        let (rounds, round) = if quick { (1, 200) } else { (7, 1_000) };
        for number in 0..rounds {
            let numbers = 100 + number * round..100 + (number + 1) * round;
            rates.push(ours.rate(numbers.clone()).await?);
            bare_rates.push(bare.rate(numbers).await?);
        }
        ours.stop().await;
        bare.stop().await;
        let (rate, bare_rate) = (median(rates), median(bare_rates));
        Ok(Outcome {
            figure: format!("{rate:.0} msg/s"),
            compared: format!("bare gossipsub {bare_rate:.0} msg/s"),
            ratio: Some(rate / bare_rate),
            target: ">= 0.5x",
            met: Some(rate / bare_rate >= RATE_TARGET),
            notes: vec![format!("{rounds} rounds of {round} messages over TCP, median")],
        })
    })
}
