//! The archive's work: takes entries from gossip and pushes, stores ciphertext, answers members.
//!
//! One task owns all rooms. Checking is done here, at once; storing and reading happen in tasks of
//! their own, a bounded number at a time, one run of a log after the other. Nothing is
//! acknowledged before it is durable.

mod answering;
mod asked;
mod done;
mod ending;
mod entering;
mod flight;
mod gossip;
mod keeping;
mod keys;
mod known;
mod listening;
mod loading;
mod looking;
mod peers;
mod places;
mod plain;
mod rates;
mod registering;
mod room;
mod signing_in;
mod storing;
mod sweeping;
mod taking;
#[cfg(test)]
mod tests;
mod wrapping;

pub use rates::{Rates, Share};
pub(crate) use storing::now_ms;

use bytes::Bytes;
use parlor_node::net::{InboundId, NetCommand, NetEvent};
use parlor_protocol::{
    DeviceId, LogKey, RoomId, TopicId,
    entry::Entry,
    wire::{Answer, Refusal},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    accounts::Desk,
    blind::Blind,
    config::Registration,
    metrics::Metrics,
    store::{Kept, Store, StoreError, Usage},
};
use done::{Compared, Done, Opened, Page, Waiter};
use flight::{GossipInFlight, InFlight};
use keeping::Keeping;
use peers::Peers;
use rates::Meter;
use room::RoomState;
use signing_in::DeskQueue;

/// Reads and writes under way at the same time; more are told to come again.
const TASKS_MAX: usize = 256;
/// Pages of rooms that are read anew and wait to be looked at.
const PAGES: usize = 4;
/// Of these, what nobody waits for: sweeps, rooms that end or go.
const UPKEEP_MAX: usize = TASKS_MAX / 16;
/// When to come again, in milliseconds.
const RETRY_MS: u32 = 250;

/// What the service may take and keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Entries and bytes of one room.
    pub room: Usage,
    /// Rooms in all, those that were dissolved aside.
    pub rooms: usize,
    /// Bytes of the entries of all rooms together; as many as the disk has room for when absent.
    pub bytes: Option<u64>,
    /// Bytes of the disk that stay free for others.
    pub free_bytes: u64,
    /// Gossip topics that are listened to, of all rooms.
    pub topics: usize,
    /// Who may register rooms that are not known yet.
    pub registration: Registration,
    /// What may be asked in a time.
    pub rates: Rates,
    /// How long the store may take to keep what was pushed.
    pub store_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            room: Usage { entries: 100_000_000, bytes: 20 * 1024 * 1024 * 1024 },
            rooms: 10_000,
            bytes: None,
            free_bytes: 1024 * 1024 * 1024,
            topics: listening::TOPICS_MAX,
            registration: Registration::Open,
            rates: Rates::default(),
            store_within: storing::STORE_WITHIN,
        }
    }
}

/// The archive's work. See the module's first lines.
#[derive(Debug)]
pub(crate) struct Service {
    store: Arc<dyn Store>,
    net: mpsc::Sender<NetCommand>,
    /// This archive's device.
    me: DeviceId,
    metrics: Arc<Metrics>,
    limits: Limits,
    /// Whether other archives may write to the same store.
    is_shared: bool,
    rooms: HashMap<RoomId, RoomState<Waiter>>,
    /// Rooms that are being stored for the first time, and rooms that are being deleted.
    arriving: BTreeSet<RoomId>,
    leaving: BTreeSet<RoomId>,
    keeping: Keeping,
    /// Who registered what, under hashes.
    blind: Blind,
    /// What is listened to, and whose it is.
    topics: HashMap<TopicId, RoomId>,
    peers: Peers,
    known: known::Known,
    meter: Meter,
    in_flight: InFlight,
    gossip: GossipInFlight,
    /// When rooms of a shared store were read anew.
    refreshed: HashMap<RoomId, Instant>,
    tasks: JoinSet<Done>,
    /// Where rooms that are read anew come in, a page at a time.
    pages: mpsc::Receiver<Page>,
    to_pages: mpsc::Sender<Page>,
    /// Logs in which something waits to be stored.
    to_start: BTreeSet<(RoomId, LogKey)>,
    /// The store failed last time.
    is_failing: bool,
    /// Where devices sign in, if they can.
    desk: Option<DeskQueue>,
}

impl Service {
    /// Restores all rooms from the store and listens to them, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub(crate) async fn restore(
        store: Arc<dyn Store>,
        net: mpsc::Sender<NetCommand>,
        me: DeviceId,
        metrics: Arc<Metrics>,
        limits: Limits,
        blind: Blind,
    ) -> Result<Self, StoreError> {
        let (to_pages, pages) = mpsc::channel(PAGES);
        let mut service = Self {
            is_shared: store.is_shared(),
            store,
            net,
            me,
            metrics,
            limits,
            rooms: HashMap::new(),
            arriving: BTreeSet::new(),
            leaving: BTreeSet::new(),
            keeping: Keeping::default(),
            blind,
            topics: HashMap::new(),
            peers: Peers::default(),
            known: known::Known::default(),
            meter: Meter::new(limits.rates, Instant::now()),
            in_flight: InFlight::default(),
            gossip: GossipInFlight::default(),
            refreshed: HashMap::new(),
            tasks: JoinSet::new(),
            pages,
            to_pages,
            to_start: BTreeSet::new(),
            is_failing: false,
            desk: None,
        };
        let mut rows = service.store.rooms().await?;
        // Whoever makes up rooms takes nobody's place.
        rows.sort_by_key(|row| row.registered);
        for row in rows {
            if let Err(error) = RoomState::<Waiter>::new(&row) {
                tracing::error!(%error, "the genesis of room {} is damaged; run `parlor-archive verify`", row.room.short());
                continue;
            }
            let room = loading::load(&*service.store, &row).await?;
            service.open_room(room).await;
        }
        let signed_in = service.store.accounts().signed_in(known::KNOWN_MAX).await?;
        service.know_signed_in(signed_in).await;
        service.count_rooms();
        service.count_bytes();
        service.measure();
        Ok(service)
    }

    /// Keeps accounts as well.
    pub(crate) fn with_accounts(mut self, desk: Arc<Desk>) -> Self {
        self.desk = Some(DeskQueue::new(desk));
        self
    }

    /// Works until the network ends or `stop` resolves; then finishes what is under way.
    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<NetEvent>, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut sweep = tokio::time::interval(sweeping::SWEEP_EVERY);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = sweep.tick() => {
                    self.keep_up(now_ms()).await;
                }
                () = at(self.keeping.measure_at()) => self.measure_again(),
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.on_done(done.unwrap_or(Done::Nothing)).await;
                }
                Some(page) = self.pages.recv() => self.on_page(page),
                event = events.recv() => match event {
                    Some(event) => self.on_event(event).await,
                    None => break,
                },
            }
        }
        // Whoever reads a room anew stops.
        self.pages.close();
        while let Some(done) = self.tasks.join_next().await {
            self.on_done(done.unwrap_or(Done::Nothing)).await;
        }
    }

    async fn tell(&self, command: NetCommand) {
        // A network that has ended takes no more commands; the service ends right after it.
        let _ = self.net.send(command).await;
    }

    async fn answer(&mut self, id: InboundId, answer: &Answer) {
        self.in_flight.end(id);
        if let Answer::Refused(refusal) = answer {
            self.metrics.count_refusal(refusal);
        }
        let bytes = answer.encode().or_else(|_| Answer::Refused(Refusal::Malformed).encode()).unwrap_or_default();
        self.tell(NetCommand::Answer { id, bytes: Bytes::from(bytes) }).await;
    }

    async fn on_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Gossip { message, from, topic, bytes } => self.on_gossip(message, from, topic, &bytes).await,
            NetEvent::Asked { id, from, bytes } => self.on_asked(id, from, &bytes).await,
            NetEvent::PeerConnected { peer, remote, .. } => {
                self.peers.connected(peer, remote);
                self.count_peers();
            }
            NetEvent::PeerDisconnected(peer) => {
                self.peers.disconnected(peer);
                if let Some(desk) = &self.desk {
                    desk.disconnected(peer);
                }
                self.count_peers();
            }
            NetEvent::Listening(address) => tracing::debug!(%address, "listening"),
            NetEvent::Hint { text: Some(text), .. } => tracing::warn!("{text}"),
            _ => {}
        }
    }

    /// Tasks that somebody waits for.
    fn tasks_under_way(&self) -> usize {
        self.tasks.len().saturating_sub(self.gossip.len() + self.keeping.under_way())
    }

    fn count_peers(&self) {
        self.metrics.peers.set(i64::try_from(self.peers.len()).unwrap_or(i64::MAX));
    }
}

/// Waits for a time, or for ever without one.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Asks a peer to come again, after some milliseconds.
fn busy(wait_ms: u64) -> Answer {
    Answer::Refused(Refusal::Busy { retry_ms: u32::try_from(wait_ms).unwrap_or(u32::MAX) })
}

/// Cuts a run to end at a checked signature, so that the page proves itself to whoever gets it.
fn cut_to_checked(mut run: Vec<Kept>) -> Vec<Kept> {
    let end = run.iter().rposition(|kept| kept.checked).map_or(0, |at| at + 1);
    run.truncate(end);
    run
}

fn entries_of(run: Vec<Kept>) -> Vec<Entry> {
    run.into_iter().map(|kept| kept.entry.into_inner()).collect()
}
