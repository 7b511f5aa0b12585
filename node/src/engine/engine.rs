//! The engine's table: which kind of input goes to which concern.

use parlor_protocol::{
    DeviceId, RoomId, TopicId,
    card::UserKey,
    entry::Entry,
    epoch::Genesis,
    hedge::HedgedRng,
    keys::{DeviceKey, DhSecret},
    wire::Introduction,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::{BTreeMap, HashMap};

use super::{
    account::{Account, person::Person},
    connection::Connections,
    consequences::Consequences,
    contacts::Contacts,
    devices::Devices,
    io::{CallId, Input, JobId, Now, Output, ReadId, WriteId},
    join::Job,
    known::Known,
    publishing::ToPublish,
    requests::Requests,
    room::{Room, Viewer},
    serve::Serving,
    sync::Asked,
    timers::{Timer, Timers},
    unsaved::{Again, Unsaved},
    writing::Pending,
};
use crate::{
    command::CommandResult,
    error::CommandError,
    event::{Event, Problem, Profile},
    net::{NetEvent, RequestId},
    store::{Identity, Loaded, Read, RoomRecord, Write},
};

/// How often a room's summary and its members are told at most, in milliseconds: a sync changes the
/// one all the time, and when many come at once the other changes with each of them.
pub(super) const SUMMARY_EVERY_MS: u64 = 150;

/// How long entries of others wait for company before they are made durable, in milliseconds.
const FLUSH_AFTER_MS: u64 = 50;
/// How long own entries that are published wait for company, in milliseconds. Their commands wait
/// as long.
const FLUSH_PUBLISHED_AFTER_MS: u64 = 4;
/// How often the store is prepared for a crash while things are written, in milliseconds.
const TIDY_AFTER_MS: u64 = 3_000;

/// What a read is for.
#[derive(Debug)]
pub(super) enum ReadFor {
    /// Loading a room at start.
    Load(RoomId),
    /// Answering a peer.
    Serve(Serving),
    /// Sending entries to an archive.
    Push { room: RoomId, archive: DeviceId },
    /// Asking somebody into a room of two.
    Knock { room: RoomId, peer: DeviceId },
}

/// The heart of a node. See the module's first lines.
#[derive(Debug)]
pub struct Engine {
    pub(super) identity: Identity,
    pub(super) key: DeviceKey,
    pub(super) user: UserKey,
    /// Keys that the person went by before.
    pub(super) former: Vec<UserKey>,
    pub(super) account: Account,
    /// What is shared with the person's other devices.
    pub(super) person: Person,
    pub(super) devices: Devices,
    pub(super) rng: HedgedRng,
    pub(super) now: Now,
    pub(super) out: Vec<Output>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) topics: HashMap<TopicId, RoomId>,
    pub(super) connections: Connections,
    pub(super) contacts: Contacts,
    pub(super) known: Known,
    pub(super) requests: Requests,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) locking: BTreeMap<JobId, CallId>,
    pub(super) asked: HashMap<RequestId, Asked>,
    pub(super) pending: BTreeMap<WriteId, Pending>,
    pub(super) reads: HashMap<ReadId, ReadFor>,
    pub(super) timers: Timers,
    pub(super) unsaved: Unsaved,
    pub(super) to_publish: ToPublish,
    pub(super) consequences: Consequences,
    /// What was signed last for people nearby.
    pub(super) introduced: Option<Introduction>,
    /// Whether this device keeps nothing, and so is in rooms for a while only.
    pub(super) is_guest: bool,
    counter: u64,
    is_stopping: bool,
}

impl Engine {
    /// Starts an engine from what the store holds. `seed` is 32 random bytes. The outputs are to
    /// be carried out like those of [`Engine::handle`].
    #[must_use]
    pub fn new(loaded: Loaded, seed: [u8; 32], now: Now) -> (Self, Vec<Output>) {
        let is_new = loaded.identity.is_none();
        let fresh = || Identity::random(&mut ChaCha20Rng::from_seed(seed), now.wall);
        let mut identity = loaded.identity.unwrap_or_else(fresh);
        let (account, person) = (Account::new(loaded.account), Person::new(loaded.person));
        // Both are written together, but a write that was on its way before may have come after.
        if let Some(bundle) = &person.bundle {
            identity.user_seed = bundle.user_seed.clone();
        }
        let mut engine = Self {
            rng: HedgedRng::new(&identity.device(), &seed),
            key: identity.device(),
            user: identity.user(),
            connections: Connections::new(loaded.manual, loaded.peers, loaded.archives),
            contacts: Contacts::new(loaded.contacts),
            known: Known::default(),
            requests: Requests::default(),
            former: person.former(),
            account,
            person,
            devices: Devices::default(),
            identity,
            now,
            out: Vec::new(),
            rooms: BTreeMap::new(),
            topics: HashMap::new(),
            jobs: BTreeMap::new(),
            locking: BTreeMap::new(),
            asked: HashMap::new(),
            pending: BTreeMap::new(),
            reads: HashMap::new(),
            timers: Timers::default(),
            unsaved: Unsaved::default(),
            to_publish: ToPublish::default(),
            consequences: Consequences::default(),
            introduced: None,
            is_guest: loaded.is_guest,
            counter: 0,
            is_stopping: false,
        };
        if is_new {
            engine.save_identity();
        }
        let mut epochs: BTreeMap<RoomId, Vec<Entry>> = BTreeMap::new();
        for epoch in loaded.epochs {
            epochs.entry(epoch.room()).or_default().push(epoch);
        }
        for (record, heights) in loaded.rooms {
            if let Some(mut room) = restore(record, &heights) {
                let id = room.id();
                let prekeys: Vec<&DhSecret> = engine.identity.prekeys.iter().map(|(secret, _)| secret).collect();
                room.membership.restore(epochs.remove(&id).unwrap_or_default(), engine.key.id(), &prekeys);
                room.recut();
                engine.open_room(room);
                engine.go_on_after_crash(id);
            }
        }
        for proof in &loaded.forks {
            if let Some(room) = engine.rooms.get_mut(&proof.room()) {
                room.logs.entry(proof.log_key()).frozen = Some(super::logs::Frozen::Forked);
            }
        }
        engine.timers.set(now.mono + super::prekeys::FIRST_LOOK_MS, Timer::Prekeys);
        // Power may have gone before all of them were entered.
        if let Some(bundle) = engine.person.bundle.clone() {
            engine.enter_rooms(&bundle);
        }
        engine.touch_vault();
        engine.tell_known();
        engine.greet_strangers();
        engine.follow();
        let outputs = std::mem::take(&mut engine.out);
        (engine, outputs)
    }

    /// Takes an input and returns what is to be done. `fresh` is 32 fresh random bytes of the system.
    pub fn handle(&mut self, now: Now, fresh: &[u8; 32], input: Input) -> Vec<Output> {
        self.handle_all(now, fresh, [input])
    }

    /// Takes inputs that came together, in order, as one turn: cheaper than one after the other, and
    /// entries that they write leave as one gossip message.
    pub fn handle_all(&mut self, now: Now, fresh: &[u8; 32], inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
        self.rng.stir(fresh);
        // The monotonic clock of a shell never runs backwards; a simulator's might by mistake.
        self.now = Now { mono: now.mono.max(self.now.mono), wall: now.wall };
        inputs.into_iter().for_each(|input| self.take(input));
        self.run_timers();
        self.tell_summaries();
        self.publish_all();
        std::mem::take(&mut self.out)
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Command { call, command } => self.on_command(call, command),
            Input::Net(event) => self.on_net(event),
            Input::Written { id, result } => self.on_written(id, result),
            Input::Read { id, result } => self.on_read(id, result),
            Input::Stretched { job, code } => self.on_stretched(job, code.map(|code| *code)),
            Input::LinkStretched { job, link } => self.on_link_stretched(job, link),
            Input::Password { job, worked } => self.on_password(job, worked),
            Input::Locked { job, result } => self.on_locked(job, result),
            Input::Tick => {}
            Input::Stop => self.on_stop(),
        }
        self.follow();
    }

    /// When the engine wants an [`Input::Tick`] at the latest, on the monotonic clock.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next()
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.key.id()
    }

    fn on_net(&mut self, event: NetEvent) {
        match event {
            NetEvent::Gossip { message, from, topic, bytes } => self.on_gossip(message, from, topic, &bytes),
            NetEvent::Asked { id, from, bytes } => self.on_asked(id, from, &bytes),
            NetEvent::Answered { id, from, bytes } => match self.devices.asked.remove(&id) {
                Some(asked) => self.on_device_answer(asked, from, Some(&bytes)),
                None => self.on_answered(id, from, &bytes),
            },
            NetEvent::RequestFailed { id, reason } => match self.devices.asked.remove(&id) {
                Some(asked) => self.on_device_answer(asked, asked.peer(), None),
                None => self.on_request_failed(id, &reason),
            },
            NetEvent::PeerSubscribed { peer, topic } => self.on_subscribed(peer, topic),
            NetEvent::PeerUnsubscribed { .. } => {}
            other => self.on_connection(other),
        }
    }

    fn run_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.now.mono) {
            if self.is_stopping {
                continue;
            }
            match timer {
                Timer::Check(room) => self.check_room(room),
                Timer::Signal(room) => self.signal_online(room),
                Timer::Presence(room) => self.refresh_presence(room),
                Timer::Receipts(room) => self.send_receipts(room),
                Timer::Summary(room) => self.rooms.get_mut(&room).into_iter().for_each(|r| r.summary_changed = true),
                Timer::Connection => self.tell_connection(),
                Timer::Nearby => self.tell_nearby(),
                Timer::Known => self.tell_known(),
                Timer::Greet => self.greet_strangers(),
                Timer::Members(room) => self.tell_members(room),
                Timer::Visits(room) => self.look_at_visits(room),
                Timer::Save(room) => self.save_room(room),
                Timer::Release(room) => self.release(room),
                Timer::Govern(room) => self.govern(room),
                Timer::Waiting(room) => self.expire_waiting(room),
                Timer::Vanish(room) => self.vanish(room),
                Timer::Join(job) => self.check_join(job),
                Timer::Prekeys => self.renew_prekeys(),
                Timer::Account => {
                    self.repeat_questions();
                    self.continue_account();
                }
                Timer::Vault => self.check_vault(),
                Timer::Agree => self.agree(),
                Timer::Link => self.check_link(),
                Timer::Offer => self.check_offer(),
                Timer::FirstWord => self.tell_silent(),
                Timer::Retry => self.retry_unsaved(),
                Timer::Flush => self.out.push(Output::Flush),
                Timer::Tidy => self.out.push(Output::Tidy),
                Timer::Contacts => self.save_contacts(),
                Timer::Knock(room) => self.knock(room),
            }
            self.follow();
        }
    }

    fn on_stop(&mut self) {
        self.is_stopping = true;
        self.end_visits();
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.stop_waiting(room);
            self.signal(room, parlor_protocol::signal::SignalKind::Offline);
            self.give_back(room);
            self.save_room_now(room);
            let early = self.rooms.get_mut(&room).map(|room| std::mem::take(&mut room.early)).unwrap_or_default();
            early.into_iter().for_each(|question| self.reply(Some(question.call), Err(CommandError::Stopped)));
        }
        self.save_contacts();
        self.fail_jobs();
        self.fail_account(CommandError::Stopped);
        self.fail_link(CommandError::Stopped);
        self.leave_locking();
    }

    /// Opens a room: reads its entries and puts it to work. One that is still a request only waits.
    pub(super) fn open_room(&mut self, mut room: Room) {
        let (id, request) = (room.id(), room.record.request);
        let is_empty = room.logs.total() == 0;
        room.is_loaded = is_empty;
        self.rooms.insert(id, room);
        self.look_at_known();
        if !is_empty {
            self.read(Read::Scan { room: id, after: None }, ReadFor::Load(id));
        }
        if !request {
            self.work_on(id);
        }
    }

    /// Puts a room to work: listens to its topics, checks it now and then.
    pub(super) fn work_on(&mut self, id: RoomId) {
        self.listen(id);
        let jitter = self.jitter(super::sync::CHECK_EVERY_MS);
        self.timers.set(self.now.mono + jitter, Timer::Check(id));
        self.timers.set(self.now.mono + super::presence::SIGNAL_EVERY_MS, Timer::Signal(id));
        self.sync_with_archives(id);
    }

    // Small services for all concerns.

    pub(super) fn me(&self) -> DeviceId {
        self.key.id()
    }

    pub(super) fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Between three quarters and all of a period, so that machines do not act in step.
    pub(super) fn jitter(&mut self, period: u64) -> u64 {
        period - self.rng.next_u64() % (period / 4).max(1)
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    pub(super) fn reply(&mut self, call: Option<CallId>, result: CommandResult) {
        if let Some(call) = call {
            self.out.push(Output::Reply { call, result });
        }
    }

    pub(super) fn problem(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.event(Event::ProblemRaised(Problem { what: what.into(), remedy: remedy.into() }));
    }

    pub(super) fn read(&mut self, read: Read, purpose: ReadFor) {
        let id = ReadId(self.number());
        self.reads.insert(id, purpose);
        self.out.push(Output::Read { id, read });
    }

    /// Gives a batch to the store.
    pub(super) fn write(&mut self, writes: Vec<Write>, pending: Pending) {
        self.give(writes, pending, true);
    }

    /// Gives a batch to the store that nobody waits for.
    pub(super) fn write_soon(&mut self, writes: Vec<Write>, pending: Pending) {
        self.give(writes, pending, false);
        self.timers.set(self.now.mono + FLUSH_AFTER_MS, Timer::Flush);
    }

    /// Gives a batch to the store whose entries are published: the disk need not sync for each.
    pub(super) fn write_published(&mut self, writes: Vec<Write>, pending: Pending) {
        self.give(writes, pending, false);
        self.timers.set(self.now.mono + FLUSH_PUBLISHED_AFTER_MS, Timer::Flush);
    }

    fn give(&mut self, writes: Vec<Write>, pending: Pending, urgent: bool) {
        let id = WriteId(self.number());
        self.pending.insert(id, pending);
        self.out.push(Output::Write { id, writes, urgent });
        self.timers.set(self.now.mono + TIDY_AFTER_MS, Timer::Tidy);
    }

    pub(super) fn save_identity(&mut self) {
        let identity = Box::new(self.identity.clone());
        self.write(vec![Write::PutIdentity(identity)], Pending::unasked(Again::Identity));
    }

    pub(super) fn profile(&self) -> Profile {
        Profile { device: self.me(), name: self.identity.name.clone(), visible: self.identity.visible }
    }

    /// Runs `act` on a room with the viewer that opening needs.
    pub(super) fn with_room<T>(&mut self, room: RoomId, act: impl FnOnce(&mut Room, Viewer<'_>) -> T) -> Option<T> {
        let prekeys: Vec<&DhSecret> = self.identity.prekeys.iter().map(|(secret, _)| secret).collect();
        let viewer = Viewer { me: self.key.id(), prekeys: &prekeys, wall: self.now.wall, contacts: &self.contacts };
        self.rooms.get_mut(&room).map(|room| act(room, viewer))
    }
}

/// Rebuilds a room from its record; `None` when the record contradicts itself.
fn restore(record: RoomRecord, heights: &parlor_protocol::log::Heights) -> Option<Room> {
    let genesis = Genesis::decode(record.genesis.body()).ok()?;
    let epochs: Vec<_> = record.epochs.iter().filter_map(|epoch| epoch.secrets(record.room).ok()).collect();
    (!epochs.is_empty()).then(|| Room::new(record, genesis, epochs, heights))
}
