//! One simulated machine: an engine, its store, and what its person saw.

use parlor_node::{
    Command, CommandError, CommandResult, Event, Message, Reply,
    engine::{CallId, Engine, Input, Now, Output},
    store::{LocalStore as _, MemoryStore},
};
use parlor_protocol::{DeviceId, RoomId, TopicId};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Names a host: its place in the network.
pub type HostId = usize;

/// One simulated machine.
#[derive(Debug)]
pub struct Host {
    pub(super) engine: Option<Engine>,
    /// What is on its disk; survives restarts.
    pub store: MemoryStore,
    /// Milliseconds its wall clock is ahead (or behind).
    pub skew: i64,
    pub(super) topics: BTreeSet<TopicId>,
    pub(super) connected: BTreeSet<HostId>,
    pub(super) replies: BTreeMap<u64, CommandResult>,
    pub(super) next_call: u64,
    /// Counts starts; what was under way before a restart is void.
    pub(super) life: u64,
    /// When the engine is woken next.
    pub(super) wakes: Option<u64>,
    /// Everything its person was told since the last start.
    pub events: Vec<Event>,
    /// Whether it is a page that keeps nothing: a guest, from its next start on.
    pub is_guest: bool,
    /// Makes the next writes fail, as a full disk does.
    pub disk_full: bool,
    /// Real time that its engine has taken so far.
    pub busy: Duration,
    /// Where its engine's fresh random bytes come from.
    fresh: ChaCha20Rng,
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            engine: None,
            store: MemoryStore::new(),
            skew: 0,
            topics: BTreeSet::new(),
            connected: BTreeSet::new(),
            replies: BTreeMap::new(),
            next_call: 0,
            life: 0,
            wakes: None,
            events: Vec::new(),
            is_guest: false,
            disk_full: false,
            busy: Duration::ZERO,
            fresh: ChaCha20Rng::from_seed([0; 32]),
        }
    }

    pub(super) fn now(&self, clock: u64) -> Now {
        let wall = 1_800_000_000_000u64.saturating_add(clock).saturating_add_signed(self.skew);
        Now { mono: clock, wall }
    }

    /// This host's device, while it is up.
    ///
    /// # Panics
    /// When the host is down.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.engine.as_ref().expect("the host is up").device()
    }

    /// The topics that it listens to.
    #[must_use]
    pub fn heard_topics(&self) -> Vec<TopicId> {
        self.topics.iter().copied().collect()
    }

    pub(super) fn start(&mut self, clock: u64, seed: [u8; 32]) -> Vec<Output> {
        let mut loaded = self.store.load().expect("a store in memory loads");
        loaded.is_guest = self.is_guest;
        self.fresh = ChaCha20Rng::from_seed(seed);
        let (engine, outputs) = Engine::new(loaded, seed, self.now(clock));
        self.engine = Some(engine);
        self.life += 1;
        self.wakes = None;
        self.events.clear();
        outputs
    }

    pub(super) fn stop(&mut self) {
        self.engine = None;
        self.topics.clear();
        self.replies.clear();
    }

    pub(super) fn input(&mut self, clock: u64, input: Input) -> Vec<Output> {
        self.inputs(clock, vec![input])
    }

    /// Gives the engine several inputs as one turn.
    pub(super) fn inputs(&mut self, clock: u64, inputs: Vec<Input>) -> Vec<Output> {
        let (now, start) = (self.now(clock), Instant::now());
        let mut fresh = [0; 32];
        self.fresh.fill_bytes(&mut fresh);
        let outputs = self.engine.as_mut().map(|engine| engine.handle_all(now, &fresh, inputs)).unwrap_or_default();
        self.busy += start.elapsed();
        outputs
    }

    /// Asks something that needs no network. `None` while the room is still being read.
    pub(super) fn query(&mut self, clock: u64, command: Command) -> Option<Result<Reply, CommandError>> {
        self.next_call += 1;
        let call = CallId(self.next_call);
        let outputs = self.input(clock, Input::Command { call, command });
        outputs.into_iter().find_map(|output| match output {
            Output::Reply { call: answered, result } if answered == call => Some(result),
            _ => None,
        })
    }

    /// Messages of a room as its person sees them, oldest first.
    pub(super) fn messages(&mut self, clock: u64, room: RoomId) -> Vec<Message> {
        match self.query(clock, Command::History { room, before: None, limit: 1000 }) {
            Some(Ok(Reply::History { messages, .. })) => {
                messages.iter().map(|message| Message::clone(message)).collect()
            }
            _ => Vec::new(),
        }
    }
}
