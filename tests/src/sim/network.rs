//! The simulated network and clock.

use bytes::Bytes;
use parlor_node::{
    Command, CommandResult, Event, Message, MessageBody, Reply,
    engine::{CallId, Input, Output, ReadId, WriteId, account::PasswordWork},
    net::{GossipId, InboundId, NetCommand, NetEvent, RequestId},
    store::{LocalStore as _, Read, Write},
};
use parlor_protocol::{
    DeviceId, HistoryPolicy, LinkCode, Name, RoomCode, RoomId, Text, TopicId,
    invite::StretchedCode,
    link::StretchedLink,
    wire::{Answer, Request},
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::{BTreeMap, HashMap};

use super::{
    host::{Host, HostId},
    stranger::Stranger,
};

/// How badly the network behaves.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Share of gossip messages and requests that are lost, in percent.
    pub loss_percent: u64,
    /// Share of gossip messages that arrive twice, in percent.
    pub duplicate_percent: u64,
    /// Least and most delay of a message, in milliseconds; a wide range reorders.
    pub delay_ms: (u64, u64),
}

impl Faults {
    /// A good LAN.
    pub const NONE: Self = Self { loss_percent: 0, duplicate_percent: 0, delay_ms: (1, 2) };
    /// A bad one.
    pub const BAD: Self = Self { loss_percent: 20, duplicate_percent: 10, delay_ms: (1, 400) };
}

/// How long the disk takes, in milliseconds.
const DISK_MS: u64 = 3;
/// How long a lost request takes to fail, in milliseconds.
const REQUEST_TIMEOUT_MS: u64 = 2_000;

#[derive(Debug)]
pub(super) enum Happening {
    Tick,
    Write { id: WriteId, writes: Vec<Write> },
    Read { id: ReadId, read: Read },
    Stretched { job: parlor_node::engine::JobId, code: RoomCode },
    LinkStretched { job: parlor_node::engine::JobId, code: LinkCode },
    Password { job: parlor_node::engine::JobId, work: PasswordWork },
    Locked { job: parlor_node::engine::JobId },
    Gossip { from: DeviceId, topic: TopicId, bytes: Bytes },
    Asked { from: HostId, from_life: u64, request: RequestId, bytes: Bytes },
    Net(NetEvent),
}

/// What the hosts have sent each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Gossip messages that hosts gave to the network; each goes to everybody who listens.
    pub published: u64,
    /// Requests, and their bytes together with those of the answers.
    pub requests: u64,
    /// See `requests`.
    pub request_bytes: u64,
    /// Things that happened to hosts.
    pub happenings: u64,
}

/// A network of hosts on virtual time.
#[derive(Debug)]
pub struct Network {
    /// The machines.
    pub hosts: Vec<Host>,
    /// How badly the network behaves from now on.
    pub faults: Faults,
    /// What was sent so far.
    pub traffic: Traffic,
    /// Whether to keep what people are told; large networks have no memory for that.
    pub keeps_events: bool,
    devices: HashMap<DeviceId, HostId>,
    clock: u64,
    rng: ChaCha20Rng,
    queue: BTreeMap<(u64, u64), (HostId, u64, Happening)>,
    counter: u64,
    inbound: HashMap<InboundId, (HostId, u64, RequestId)>,
    stretched: HashMap<RoomCode, StretchedCode>,
    links: HashMap<LinkCode, StretchedLink>,
    /// Pairs that cannot reach each other.
    cuts: Vec<(HostId, HostId)>,
    pub(super) strangers: BTreeMap<DeviceId, Box<dyn Stranger>>,
    /// Whom which host threw out.
    pub banned: Vec<(HostId, DeviceId)>,
    /// Every gossip message that a host published, in order, whether somebody heard it or not.
    pub published: Vec<(HostId, Bytes)>,
}

impl Network {
    /// A network of `hosts` machines, all started, named, and connected to each other.
    #[must_use]
    pub fn new(hosts: usize, seed: u64, faults: Faults) -> Self {
        let mut network = Self {
            hosts: (0..hosts).map(|_| Host::new()).collect(),
            faults,
            traffic: Traffic::default(),
            keeps_events: true,
            devices: HashMap::new(),
            clock: 1_000,
            rng: ChaCha20Rng::seed_from_u64(seed),
            queue: BTreeMap::new(),
            counter: 0,
            inbound: HashMap::new(),
            stretched: HashMap::new(),
            links: HashMap::new(),
            cuts: Vec::new(),
            strangers: BTreeMap::new(),
            banned: Vec::new(),
            published: Vec::new(),
        };
        for host in 0..hosts {
            network.start(host);
            let name = Name::new(&format!("host {host}")).expect("a good name");
            network.call(host, Command::SetName(name)).expect("a name is set");
        }
        network
    }

    /// Milliseconds since the beginning.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock
    }

    fn random(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random(100) < percent
    }

    pub(super) fn delay(&mut self) -> u64 {
        let (least, most) = self.faults.delay_ms;
        least + self.random(most - least + 1)
    }

    pub(super) fn schedule(&mut self, after: u64, host: HostId, happening: Happening) {
        self.counter += 1;
        let life = self.hosts[host].life;
        self.queue.insert((self.clock + after, self.counter), (host, life, happening));
    }

    /// Starts a host (again) and connects it to everybody it can reach.
    pub fn start(&mut self, host: HostId) {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let outputs = self.hosts[host].start(self.clock, seed);
        self.devices.insert(self.hosts[host].device(), host);
        self.carry_out(host, outputs);
        for other in 0..self.hosts.len() {
            self.connect(host, other);
        }
    }

    /// Lets a host hear a gossip message from a peer, as if any machine had said it, and returns what
    /// it does, done already.
    pub fn whisper(&mut self, host: HostId, from: DeviceId, topic: TopicId, bytes: Bytes) -> Vec<NetCommand> {
        self.counter += 1;
        let event = NetEvent::Gossip { message: GossipId(self.counter), from, topic, bytes };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Net(event));
        let net = |output: &Output| match output {
            Output::Net(command) => Some(command.clone()),
            _ => None,
        };
        let commands = outputs.iter().filter_map(net).collect();
        self.carry_out(host, outputs);
        commands
    }

    /// Asks a host something as any machine may, and returns its answer if it has one at once.
    pub fn ask_as(&mut self, from: DeviceId, host: HostId, request: &Request) -> Option<Answer> {
        self.counter += 1;
        let bytes = Bytes::from(request.encode().expect("a request that can be written"));
        let event = NetEvent::Asked { id: InboundId(self.counter), from, bytes };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Net(event));
        let answer = outputs.iter().find_map(|output| match output {
            Output::Net(NetCommand::Answer { bytes, .. }) => Answer::decode(bytes).ok(),
            _ => None,
        });
        self.carry_out(host, outputs);
        answer
    }

    /// Stops a host as a power cut does.
    pub fn stop(&mut self, host: HostId) {
        for other in 0..self.hosts.len() {
            self.disconnect(host, other);
        }
        self.hosts[host].stop();
    }

    /// Stops a host as its person does: what it still writes is written.
    pub fn quit(&mut self, host: HostId) {
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Stop);
        self.carry_out(host, outputs);
        self.run_for(2 * DISK_MS);
        self.stop(host);
    }

    /// Cuts the network between two groups until [`Network::heal`].
    pub fn cut(&mut self, left: &[HostId], right: &[HostId]) {
        for a in left {
            for b in right {
                self.cuts.push((*a, *b));
                self.disconnect(*a, *b);
            }
        }
    }

    /// Ends all cuts.
    pub fn heal(&mut self) {
        for (a, b) in std::mem::take(&mut self.cuts) {
            self.connect(a, b);
        }
    }

    fn connect(&mut self, a: HostId, b: HostId) {
        let cut = self.cuts.contains(&(a, b)) || self.cuts.contains(&(b, a));
        let up = self.hosts[a].engine.is_some() && self.hosts[b].engine.is_some();
        if a == b || cut || !up || !self.hosts[a].connected.insert(b) {
            return;
        }
        self.hosts[b].connected.insert(a);
        for (to, from) in [(a, b), (b, a)] {
            let peer = self.hosts[from].device();
            let address = format!("/ip4/10.0.0.{from}/tcp/47801");
            let event = NetEvent::PeerConnected { peer, address, transport: "tcp", archive: false };
            self.schedule(0, to, Happening::Net(event));
            let shared: Vec<_> = self.hosts[from].topics.intersection(&self.hosts[to].topics).copied().collect();
            for topic in shared {
                self.schedule(1, to, Happening::Net(NetEvent::PeerSubscribed { peer, topic }));
            }
        }
    }

    fn disconnect(&mut self, a: HostId, b: HostId) {
        if !self.hosts[a].connected.remove(&b) {
            return;
        }
        self.hosts[b].connected.remove(&a);
        for (to, from) in [(a, b), (b, a)] {
            if self.hosts[to].engine.is_some() && self.hosts[from].engine.is_some() {
                let peer = self.hosts[from].device();
                self.schedule(0, to, Happening::Net(NetEvent::PeerDisconnected(peer)));
            }
        }
    }

    fn host_of(&self, device: DeviceId) -> Option<HostId> {
        self.devices.get(&device).copied().filter(|host| self.hosts[*host].engine.is_some())
    }

    fn carry_out(&mut self, host: HostId, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Event(event) if self.keeps_events => self.hosts[host].events.push(event),
                Output::Event(_) => {}
                Output::Reply { call, result } => {
                    self.hosts[host].replies.insert(call.0, result);
                }
                Output::Flush | Output::Tidy => {}
                // What a host that stops has not written yet is lost.
                Output::Write { id, writes, .. } => self.schedule(DISK_MS, host, Happening::Write { id, writes }),
                Output::Read { id, read } => self.schedule(DISK_MS, host, Happening::Read { id, read }),
                Output::Stretch { job, code } => self.schedule(250, host, Happening::Stretched { job, code }),
                Output::StretchLink { job, code } => self.schedule(250, host, Happening::LinkStretched { job, code }),
                // A host of the simulator has no folder to lock.
                Output::Lock { job, .. } => self.schedule(DISK_MS, host, Happening::Locked { job }),
                Output::Password { job, work } => self.schedule(250, host, Happening::Password { job, work }),
                Output::Net(command) => self.carry_out_net(host, command),
            }
        }
        if let Some(deadline) = self.hosts[host].engine.as_ref().and_then(|engine| engine.next_deadline()) {
            let at = deadline.max(self.clock);
            // One tick on its way is enough, unless something is due sooner.
            if self.hosts[host].wakes.is_none_or(|wakes| at < wakes) {
                self.hosts[host].wakes = Some(at);
                self.schedule(at - self.clock, host, Happening::Tick);
            }
        }
    }

    fn carry_out_net(&mut self, host: HostId, command: NetCommand) {
        match command {
            NetCommand::Subscribe(topic) => self.subscribe(host, topic),
            NetCommand::Publish { topic, bytes } => self.publish(host, topic, &bytes),
            NetCommand::Request { id, peer, bytes } => {
                self.traffic.requests += 1;
                self.traffic.request_bytes += bytes.len() as u64;
                if self.strangers.contains_key(&peer) {
                    return self.ask_stranger(host, peer, id, &bytes);
                }
                let to = self.host_of(peer).filter(|to| self.hosts[host].connected.contains(to));
                match to {
                    Some(to) if !self.chance(self.faults.loss_percent) => {
                        let from_life = self.hosts[host].life;
                        let delay = self.delay();
                        self.schedule(delay, to, Happening::Asked { from: host, from_life, request: id, bytes });
                    }
                    _ => {
                        let event = NetEvent::RequestFailed { id, reason: "lost".into() };
                        self.schedule(REQUEST_TIMEOUT_MS, host, Happening::Net(event));
                    }
                }
            }
            NetCommand::Answer { id, bytes } => {
                self.traffic.request_bytes += bytes.len() as u64;
                let Some((to, life, request)) = self.inbound.remove(&id) else { return };
                let from = self.hosts[host].device();
                if self.hosts[to].life == life && self.hosts[to].engine.is_some() {
                    let lost = self.chance(self.faults.loss_percent) || !self.hosts[host].connected.contains(&to);
                    let (delay, event) = if lost {
                        (REQUEST_TIMEOUT_MS, NetEvent::RequestFailed { id: request, reason: "lost".into() })
                    } else {
                        (self.delay(), NetEvent::Answered { id: request, from, bytes })
                    };
                    self.schedule(delay, to, Happening::Net(event));
                }
            }
            NetCommand::Ban(peer) => self.ban(host, peer),
            _ => {}
        }
    }

    fn subscribe(&mut self, host: HostId, topic: TopicId) {
        self.hosts[host].topics.insert(topic);
        let others: Vec<_> =
            self.hosts[host].connected.iter().copied().filter(|o| self.hosts[*o].topics.contains(&topic)).collect();
        for other in others {
            for (to, from) in [(host, other), (other, host)] {
                let peer = self.hosts[from].device();
                self.schedule(1, to, Happening::Net(NetEvent::PeerSubscribed { peer, topic }));
            }
        }
    }

    /// Floods: every connected listener gets the message once, or not, or twice.
    fn publish(&mut self, host: HostId, topic: TopicId, bytes: &Bytes) {
        self.published.push((host, bytes.clone()));
        self.traffic.published += 1;
        let from = self.hosts[host].device();
        let listeners: Vec<_> =
            self.hosts[host].connected.iter().copied().filter(|o| self.hosts[*o].topics.contains(&topic)).collect();
        for listener in listeners {
            let copies = match () {
                () if self.chance(self.faults.loss_percent) => 0,
                () if self.chance(self.faults.duplicate_percent) => 2,
                () => 1,
            };
            for _ in 0..copies {
                let delay = self.delay();
                self.schedule(delay, listener, Happening::Gossip { from, topic, bytes: bytes.clone() });
            }
        }
    }

    /// Lets the next thing happen. False when nothing will ever happen again.
    fn step(&mut self) -> bool {
        let Some(((at, _), (host, life, happening))) = self.queue.pop_first() else { return false };
        self.clock = self.clock.max(at);
        self.traffic.happenings += 1;
        if self.hosts[host].life != life || self.hosts[host].engine.is_none() {
            return true;
        }
        let input = match happening {
            Happening::Tick => {
                if self.hosts[host].wakes.is_some_and(|wakes| wakes <= at) {
                    self.hosts[host].wakes = None;
                }
                Input::Tick
            }
            Happening::Write { id, writes } => {
                let host = &mut self.hosts[host];
                let result = match host.disk_full {
                    true => Err("no space left".to_owned()),
                    false => host.store.apply(&[writes]).remove(0),
                };
                Input::Written { id, result }
            }
            Happening::Read { id, read } => Input::Read { id, result: self.hosts[host].store.read(&read) },
            Happening::Stretched { job, code } => {
                let stretch = |code: &RoomCode| code.stretch().expect("there is memory");
                let stretched = self.stretched.entry(code).or_insert_with_key(stretch).clone();
                Input::Stretched { job, code: Some(stretched) }
            }
            Happening::LinkStretched { job, code } => {
                let stretch = |code: &LinkCode| code.stretch().expect("there is memory");
                let link = self.links.entry(code).or_insert_with_key(stretch).clone();
                Input::LinkStretched { job, link: Some(link) }
            }
            Happening::Locked { job } => Input::Locked { job, result: Ok(parlor_node::store::LockKind::File) },
            Happening::Password { job, work } => Input::Password { job, worked: work.run() },
            Happening::Gossip { from, topic, bytes } => {
                self.counter += 1;
                Input::Net(NetEvent::Gossip { message: GossipId(self.counter), from, topic, bytes })
            }
            Happening::Asked { from, from_life, request, bytes } => {
                let Some(engine) = self.hosts[from].engine.as_ref() else { return true };
                let asker = engine.device();
                self.counter += 1;
                let id = InboundId(self.counter);
                self.inbound.insert(id, (from, from_life, request));
                Input::Net(NetEvent::Asked { id, from: asker, bytes })
            }
            Happening::Net(event) => Input::Net(event),
        };
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, input);
        self.carry_out(host, outputs);
        true
    }

    /// Lets time pass.
    pub fn run_for(&mut self, millis: u64) {
        let end = self.clock + millis;
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
        }
        self.clock = end;
    }

    /// Lets time pass until something holds, at most ten virtual minutes. True when it holds.
    pub fn run_until(&mut self, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.clock + 600_000;
        while self.clock < end {
            if holds(self) {
                return true;
            }
            self.run_for(50);
        }
        holds(self)
    }

    /// Gives a command without waiting; its number finds the answer in [`Network::answer`].
    pub fn submit(&mut self, host: HostId, command: Command) -> u64 {
        self.hosts[host].next_call += 1;
        let number = self.hosts[host].next_call;
        let clock = self.clock;
        let outputs = self.hosts[host].input(clock, Input::Command { call: CallId(number), command });
        self.carry_out(host, outputs);
        number
    }

    /// Gives commands that came together, as somebody does who pastes many texts: the engine takes
    /// them as one turn. Their numbers find the answers.
    pub fn submit_all(&mut self, host: HostId, commands: Vec<Command>) -> Vec<u64> {
        let first = self.hosts[host].next_call + 1;
        let numbers: Vec<u64> = (first..).take(commands.len()).collect();
        self.hosts[host].next_call += commands.len() as u64;
        let input = |(number, command): (&u64, Command)| Input::Command { call: CallId(*number), command };
        let inputs = numbers.iter().zip(commands).map(input).collect();
        let clock = self.clock;
        let outputs = self.hosts[host].inputs(clock, inputs);
        self.carry_out(host, outputs);
        numbers
    }

    /// The answer to a command, once it is there.
    pub fn answer(&mut self, host: HostId, number: u64) -> Option<CommandResult> {
        self.hosts[host].replies.remove(&number)
    }

    /// Gives a command and lets time pass until it is answered.
    ///
    /// # Errors
    /// The command's error.
    pub fn call(&mut self, host: HostId, command: Command) -> CommandResult {
        let number = self.submit(host, command);
        let mut result = None;
        self.run_until(|network| {
            result = network.answer(host, number);
            result.is_some()
        });
        result.expect("a command is answered within ten minutes")
    }

    /// Makes a room; returns it and its code.
    pub fn create(&mut self, host: HostId, name: &str) -> (RoomId, RoomCode) {
        let command =
            Command::CreateRoom { name: Name::new(name).expect("a good name"), history: HistoryPolicy::Everything };
        match self.call(host, command) {
            Ok(Reply::Created { room, code }) => (room, code),
            other => panic!("a room is made, not {other:?}"),
        }
    }

    /// Joins a room.
    ///
    /// # Errors
    /// The command's error.
    pub fn join(&mut self, host: HostId, code: &RoomCode) -> CommandResult {
        self.call(host, Command::Join(code.clone()))
    }

    /// Sends a text without waiting for anything.
    pub fn send(&mut self, host: HostId, room: RoomId, text: &str) {
        let text = Text::new(text).expect("a good text");
        self.submit(host, Command::Send { room, text, reply_to: None });
    }

    /// Messages of a room as a host's person sees them.
    pub fn messages(&mut self, host: HostId, room: RoomId) -> Vec<Message> {
        let clock = self.clock;
        self.hosts[host].messages(clock, room)
    }

    /// Texts of a room as a host's person sees them, in screen order.
    pub fn texts(&mut self, host: HostId, room: RoomId) -> Vec<String> {
        let messages = self.messages(host, room).into_iter();
        messages
            .filter_map(|message| match message.body {
                MessageBody::Text { text } => Some(text),
                _ => None,
            })
            .collect()
    }

    /// How many members of a room a host knows.
    pub fn member_count(&mut self, host: HostId, room: RoomId) -> usize {
        let clock = self.clock;
        match self.hosts[host].query(clock, Command::Members { room }) {
            Some(Ok(Reply::Members(members))) => members.len(),
            _ => 0,
        }
    }

    /// Problems that a host's person was told of.
    #[must_use]
    pub fn problems(&self, host: HostId) -> Vec<String> {
        let problem = |event: &Event| match event {
            Event::ProblemRaised(problem) => Some(problem.what.clone()),
            _ => None,
        };
        self.hosts[host].events.iter().filter_map(problem).collect()
    }
}
