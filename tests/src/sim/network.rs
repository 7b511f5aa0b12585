//! The simulated network and clock.

use bytes::Bytes;
use parlor_node::{
    Command,
    engine::{Input, ReadId, WriteId, account::PasswordWork},
    net::{InboundId, NetEvent, RequestId},
    store::{MemoryStore, Read, Write},
};
use parlor_protocol::{DeviceId, LinkCode, Name, RoomCode, TopicId, link::StretchedLink, wire::Request};
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

/// How long the disk takes unless a test says otherwise, in milliseconds.
const DISK_MS: u64 = 3;
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
    pub(super) devices: HashMap<DeviceId, HostId>,
    pub(super) clock: u64,
    pub(super) rng: ChaCha20Rng,
    pub(super) queue: BTreeMap<(u64, u64), (HostId, u64, Happening)>,
    pub(super) counter: u64,
    pub(super) inbound: HashMap<InboundId, (HostId, u64, RequestId)>,
    pub(super) links: HashMap<LinkCode, StretchedLink>,
    /// Pairs that cannot reach each other.
    cuts: Vec<(HostId, HostId)>,
    pub(super) strangers: BTreeMap<DeviceId, Box<dyn Stranger>>,
    /// Whom which host threw out.
    pub banned: Vec<(HostId, DeviceId)>,
    /// How much longer than others a request takes, in milliseconds.
    pub holds_up: fn(&Request) -> u64,
    /// How long each disk takes, in milliseconds.
    pub disk_ms: u64,
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
            links: HashMap::new(),
            cuts: Vec::new(),
            strangers: BTreeMap::new(),
            banned: Vec::new(),
            holds_up: |_| 0,
            disk_ms: DISK_MS,
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

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below.max(1)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
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

    /// Opens a page that keeps nothing at a host: a guest with keys of its own.
    pub fn open_page(&mut self, host: HostId) {
        self.stop(host);
        self.hosts[host].is_guest = true;
        self.hosts[host].store = MemoryStore::new();
        self.start(host);
        let name = Name::new(&format!("host {host}")).expect("a good name");
        self.call(host, Command::SetName(name)).expect("a name is set");
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
        self.run_for(2 * self.disk_ms);
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
            let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(from).unwrap_or(u32::MAX));
            let event = NetEvent::PeerConnected {
                peer,
                address: format!("/ip4/{ip}/tcp/47801"),
                remote: Some(ip.into()),
                transport: "tcp",
                archive: false,
                capabilities: Default::default(),
            };
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

    pub(super) fn host_of(&self, device: DeviceId) -> Option<HostId> {
        self.devices.get(&device).copied().filter(|host| self.hosts[*host].engine.is_some())
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
}
