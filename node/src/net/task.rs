//! The one task that owns the swarm: a loop, a `select!`, translation.
//!
//! Nothing is dropped when the reader of events is slow: events wait in a short queue, the swarm
//! is not polled while one waits, and libp2p's own bounded buffers hold the peers back. Commands
//! are still taken meanwhile, so that a reader that is itself waiting to send a command gets on.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use libp2p::{
    PeerId, Swarm,
    identity::Keypair,
    swarm::{
        DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use parlor_protocol::DeviceId;
use tokio::sync::{mpsc, oneshot};
use web_time::{Duration, Instant, SystemTime};

use super::{
    address::{self, Typed},
    announcement::{Announcement, Found, Heard},
    asked::Asked,
    behaviour::Behaviour,
    clock::SleepWatch,
    command::NetCommand,
    config::NetConfig,
    dialer::{Attempt, Dialer, Target},
    discovery::Browser,
    doors::Doors,
    error::NetError,
    event::NetEvent,
    gossip,
    hints::{self, Alone, Change},
    identity,
    interfaces::Interface,
    listen::{self, Chosen},
    meshing::Meshing,
    peers::Peers,
    requests::Outbound,
    system, transport,
};
use crate::runtime;

/// How long a peer that misbehaved is refused.
pub(super) const BAN: Duration = Duration::from_secs(600);
/// How often the clocks are compared and lost things looked for.
const TICK: Duration = Duration::from_secs(2);
/// How often the system is asked for its addresses: every so many ticks.
const INTERFACE_TICKS: u32 = 2;
/// How long the device with the larger id waits before it dials one it discovered, so that the
/// other one's dial comes first and one connection is enough.
const POLITE: Duration = Duration::from_millis(600);
/// How long a name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long closing connections may take at the end.
const GOODBYE: Duration = Duration::from_millis(400);
/// How long to wait for the port to be free again at the end.
const PORT_FREE: Duration = Duration::from_secs(2);
/// Commands wait when so many events do: a reader that floods us with failing requests.
const OUTBOX_MAX: usize = 1024;
/// How long discovery rests after a flood.
const FLOOD_PAUSE: Duration = Duration::from_secs(10);
/// Most devices that are refused at once, and most hints about versions.
const BANS_MAX: usize = 1024;

/// Work that went to another thread and came back.
enum Done {
    Lookup(String, Vec<IpAddr>),
    Interfaces(Option<Vec<Interface>>),
}

/// The state of the network task.
pub(super) struct Task {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) device: DeviceId,
    config: NetConfig,
    pub(super) doors: Doors,
    ports: Chosen,
    commands: mpsc::Receiver<NetCommand>,
    events: mpsc::Sender<NetEvent>,
    outbox: VecDeque<NetEvent>,
    pub(super) peers: Peers,
    pub(super) dialer: Dialer,
    pub(super) waiting: gossip::Waiting,
    pub(super) meshing: Meshing,
    pub(super) outbound: Outbound,
    pub(super) asked: Asked,
    pub(super) bans: HashMap<PeerId, Instant>,
    pub(super) alone: Alone,
    pub(super) address_hint: Option<String>,
    discovery: Option<Browser>,
    /// When discovery may begin again after somebody flooded it.
    discover_again: Option<Instant>,
    sleep: SleepWatch,
    pub(super) interfaces: Vec<Interface>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    tick: Instant,
    ticks: u32,
    is_listing: bool,
}

impl Task {
    pub(super) async fn prepare(
        config: NetConfig,
        key: Keypair,
        device: DeviceId,
        doors: Doors,
        commands: mpsc::Receiver<NetCommand>,
        events: mpsc::Sender<NetEvent>,
    ) -> Result<Self, NetError> {
        let ports = listen::choose(config.ports, &config.bind)?;
        let mut swarm = transport::swarm(&config, key, doors.clone())?;
        listen_on(&mut swarm, &ports, &config)?;
        let now = Instant::now();
        let seed = device.as_bytes().iter().fold(0_u64, |seed, byte| seed.rotate_left(8) ^ u64::from(*byte));
        let interfaces = system::interfaces().await.unwrap_or_default();
        let mut task = Self {
            swarm,
            device,
            ports,
            commands,
            events,
            outbox: VecDeque::new(),
            peers: Peers::default(),
            dialer: Dialer::new(seed, now),
            waiting: gossip::Waiting::default(),
            meshing: Meshing::default(),
            outbound: Outbound::default(),
            asked: Asked::new(now),
            bans: HashMap::new(),
            alone: Alone::new(now),
            address_hint: None,
            discovery: None,
            discover_again: None,
            sleep: SleepWatch::new(now, SystemTime::now()),
            interfaces,
            work: FuturesUnordered::new(),
            tick: now + TICK,
            ticks: 0,
            is_listing: false,
            doors,
            config,
        };
        task.begin(now);
        Ok(task)
    }

    fn begin(&mut self, now: Instant) {
        if self.ports.moved {
            self.hint("port", Some(hints::port_moved(self.ports.tcp, self.ports.quic)));
        }
        self.discover();
        for text in std::mem::take(&mut self.config.manual) {
            self.add_address(&text, now);
        }
        for (peer, addresses) in std::mem::take(&mut self.config.known) {
            let addresses: Vec<_> =
                addresses.iter().filter_map(|a| a.parse().ok()).filter(address::is_dialable).collect();
            if peer != self.device {
                self.dialer.remember(peer, &addresses, now);
                self.set_known(&[peer], true, now);
                for source in addresses.iter().filter_map(|address| self.doors.source(address)) {
                    self.doors.trust(source, now);
                }
            }
        }
    }

    /// Looks for others, and tells them of this device.
    fn discover(&mut self) {
        if !self.config.mdns {
            return;
        }
        let own = Announcement { device: self.device, ports: self.ports, archive: self.config.archive };
        match Browser::start(&self.config.interfaces, Some(&own)) {
            Ok(browser) => self.discovery = Some(browser),
            Err(error) => self.hint("multicast", Some(hints::no_multicast(&error.0))),
        }
    }

    pub(super) fn ports(&self) -> Chosen {
        self.ports
    }

    /// Runs until it is told to stop, or nobody sends commands or reads events any more.
    pub(super) async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let is_idle = self.outbox.is_empty();
            let wake = self.next_wake();
            tokio::select! {
                _ = &mut stopped => break,
                room = has_room(&self.events), if !is_idle => match room {
                    true => self.flush(),
                    false => break,
                },
                () = self.events.closed(), if is_idle => break,
                command = self.commands.recv(), if self.outbox.len() < OUTBOX_MAX => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                event = self.swarm.select_next_some(), if is_idle => self.on_swarm_event(event),
                found = next_found(&mut self.discovery), if is_idle => self.on_found(found),
                Some(done) = self.work.next(), if !self.work.is_empty() => self.on_done(done),
                () = runtime::sleep_until(wake) => self.on_wake(),
            }
        }
        self.finish().await;
    }

    async fn finish(mut self) {
        if let Some(discovery) = self.discovery.take() {
            discovery.stop().await;
        }
        for peer in self.peers.ids() {
            // Not connected any more is fine, too.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let all_closed = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        // Who does not answer the goodbye notices the closed socket.
        let _ = runtime::timeout(GOODBYE, all_closed).await;
        let (port, bind) = (self.ports.quic, std::mem::take(&mut self.config.bind));
        drop(self);
        // QUIC keeps its socket for a moment, to repeat the goodbye. Who restarts wants the port.
        let freed = async {
            while port.is_some_and(|port| !listen::udp_is_free(&bind, port)) {
                runtime::sleep_until(Instant::now() + Duration::from_millis(20)).await;
            }
        };
        let _ = runtime::timeout(PORT_FREE, freed).await;
    }

    /// Reports an event, now or when there is room.
    pub(super) fn emit(&mut self, event: NetEvent) {
        let event = if self.outbox.is_empty() {
            match self.events.try_send(event) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(event) | mpsc::error::TrySendError::Closed(event)) => event,
            }
        } else {
            event
        };
        self.outbox.push_back(event);
    }

    fn flush(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.outbox.push_front(event);
                return;
            }
        }
    }

    pub(super) fn emit_all(&mut self, events: Vec<NetEvent>) {
        events.into_iter().for_each(|event| self.emit(event));
    }

    pub(super) fn hint(&mut self, key: &'static str, text: Option<String>) {
        self.emit(NetEvent::Hint { key, text });
    }

    /// Refuses a peer for a while.
    pub(super) fn ban(&mut self, peer: PeerId, time: Duration, now: Instant) {
        if self.bans.len() < BANS_MAX || self.bans.contains_key(&peer) {
            self.bans.insert(peer, now + time);
            self.swarm.behaviour_mut().set_blocked(peer, true);
        } else {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn on_found(&mut self, found: Found) {
        match found {
            Found::Here { device, addresses, .. } if device != self.device => {
                let is_near = |heard: &Heard| heard.is_near(&self.interfaces, &self.config.interfaces);
                let mut addresses: Vec<_> = addresses.into_iter().filter(is_near).map(|heard| heard.address).collect();
                address::rank(&mut addresses, &self.interfaces);
                let delay = if self.device < device { Duration::ZERO } else { POLITE };
                self.dialer.announced(device, &addresses, Instant::now(), delay);
            }
            Found::Here { .. } => {}
            Found::Gone(device) => self.dialer.withdrawn(device),
            Found::Flooded => {
                tracing::warn!("somebody announces machines without end: looking for others begins anew");
                self.discovery = None;
                self.discover_again = Some(Instant::now() + FLOOD_PAUSE);
            }
        }
    }

    fn next_wake(&self) -> Instant {
        [self.dialer.next_due(), self.alone.due(), self.peers.next_due(), self.meshing.due()]
            .into_iter()
            .flatten()
            .fold(self.tick, Instant::min)
    }

    fn on_wake(&mut self) {
        let now = Instant::now();
        self.pass_on_held(now);
        let overdue = self.peers.overdue(now);
        self.emit_all(overdue);
        for peer in self.peers.restarted(now) {
            tracing::debug!(%peer, "it dialed anew: its old connection is dead");
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        if self.alone.check(now) == Some(Change::Show) {
            let port = self.ports.quic.or(self.ports.tcp);
            let own = hints::own_addresses(&self.interfaces, &self.config.interfaces, port);
            self.hint("alone", Some(hints::alone(&own)));
        }
        if now >= self.tick {
            self.on_tick(now);
        }
        let (peers, bans) = (&self.peers, &self.bans);
        let is_free = |device: &DeviceId| {
            identity::peer_of(device).is_some_and(|peer| !peers.is_connected(&peer) && !bans.contains_key(&peer))
        };
        for attempt in self.dialer.due(now, is_free) {
            self.dial(attempt, now);
        }
    }

    fn on_tick(&mut self, now: Instant) {
        self.tick = now + TICK;
        self.ticks = self.ticks.wrapping_add(1);
        if self.sleep.slept(now, SystemTime::now()) {
            tracing::info!("the computer slept or its clock was set: looking for peers anew");
            self.look_anew(now);
        }
        if self.ticks.is_multiple_of(INTERFACE_TICKS) {
            self.list_interfaces();
        }
        if self.discover_again.is_some_and(|when| when <= now) {
            self.discover_again = None;
            self.discover();
        }
        self.judge_strangers(now);
        for peer in self.bans.iter().filter(|(_, until)| **until <= now).map(|(peer, _)| *peer).collect::<Vec<_>>() {
            self.bans.remove(&peer);
            self.swarm.behaviour_mut().set_blocked(peer, false);
        }
        for wire in self.outbound.lost(now) {
            if let Some((id, device)) = self.outbound.ended(wire) {
                self.emit(NetEvent::RequestFailed { id, reason: "no answer in time".to_owned() });
                self.send_requests(device);
            }
        }
    }

    /// After sleep, or when the addresses of the machine changed.
    pub(super) fn look_anew(&mut self, now: Instant) {
        self.dialer.reset(now);
        if let Some(discovery) = &self.discovery {
            discovery.refresh();
        }
        if self.peers.is_empty() {
            self.alone.restart(now);
        }
    }

    fn dial(&mut self, attempt: Attempt, now: Instant) {
        let (target, options) = match attempt {
            Attempt::Lookup(text) => return self.look_up(text),
            Attempt::Peer(device, addresses) => {
                let target = Target::Peer(device);
                let Some(peer) = identity::peer_of(&device) else { return self.dialer.refused(&target, now) };
                let options = DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(addresses)
                    // Two that dial each other from their listening ports would meet in the middle
                    // (TCP simultaneous open), where both take themselves for the dialer.
                    .allocate_new_port()
                    .build();
                (target, options)
            }
            Attempt::Address(text, address) => {
                let options = match address::peer_in(&address) {
                    Some(peer) => DialOpts::peer_id(peer).addresses(vec![address]).allocate_new_port().build(),
                    None => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
                };
                (Target::Typed(text), options)
            }
        };
        let connection = options.connection_id();
        if matches!(target, Target::Typed(_)) {
            self.swarm.behaviour_mut().gate.places.will_dial_by_hand(connection);
        }
        match self.swarm.dial(options) {
            Ok(()) => self.dialer.started(&target, connection, now),
            Err(error) => {
                tracing::debug!(?target, %error, "not dialed");
                // libp2p leaves out the addresses that we listen on.
                if let (Target::Typed(text), DialError::NoAddresses) = (&target, &error) {
                    self.show_address_hint(text, hints::own_address(text));
                }
                self.dialer.refused(&target, now);
            }
        }
    }

    fn look_up(&mut self, text: String) {
        let Some(typed) = Typed::parse(&text) else { return self.dialer.remove_typed(&text) };
        let Some((host, port)) = typed.lookup() else {
            return self.dialer.resolved(&text, typed.dialable(&[]), Instant::now());
        };
        let lookup = async move {
            let found = runtime::timeout(LOOKUP, system::look_up(host, port)).await;
            Done::Lookup(text, found.unwrap_or_default())
        };
        self.work.push(lookup.boxed());
    }

    fn on_done(&mut self, done: Done) {
        let now = Instant::now();
        match done {
            Done::Lookup(text, ips) => {
                let addresses = Typed::parse(&text).map(|typed| typed.dialable(&ips)).unwrap_or_default();
                let dialable = addresses.into_iter().filter(address::is_dialable).collect();
                self.dialer.resolved(&text, dialable, now);
            }
            Done::Interfaces(found) => {
                self.is_listing = false;
                if let Some(found) = found {
                    self.on_interfaces(found, now);
                }
            }
        }
    }
}

impl Task {
    /// Asks the system for its addresses, unless that is under way.
    pub(super) fn list_interfaces(&mut self) {
        if !std::mem::replace(&mut self.is_listing, true) {
            self.work.push(system::interfaces().map(Done::Interfaces).boxed());
        }
    }

    fn on_interfaces(&mut self, found: Vec<Interface>, now: Instant) {
        let (old, new) = (lasting(&self.interfaces), lasting(&found));
        let before = std::mem::replace(&mut self.interfaces, found);
        if old == new {
            return;
        }
        tracing::info!("the addresses of this computer changed: looking for peers anew");
        // Connections from an address that is gone are dead, which would show only after a while.
        let gone: Vec<_> = before
            .into_iter()
            .filter(|i| i.addresses.iter().any(|(ip, _)| old.contains(ip) && !new.contains(ip)))
            .collect();
        for peer in self.peers.through(|ip| gone.iter().any(|i| i.reaches(ip))) {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.look_anew(now);
    }
}

/// Link-local addresses come and go with containers and say little.
fn lasting(interfaces: &[Interface]) -> Vec<IpAddr> {
    let is_lasting = |ip: &IpAddr| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    interfaces.iter().flat_map(|i| i.addresses.iter().map(|(ip, _)| *ip)).filter(is_lasting).collect()
}

/// Waits for room in the queue of events. `false` when nobody reads any more.
async fn has_room(events: &mpsc::Sender<NetEvent>) -> bool {
    events.reserve().await.is_ok()
}

async fn next_found(discovery: &mut Option<Browser>) -> Found {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}

/// Listens. One address that fails (no IPv6, say) does not stop the others.
fn listen_on(swarm: &mut Swarm<Behaviour>, ports: &Chosen, config: &NetConfig) -> Result<(), NetError> {
    let addresses = ports.addresses(&config.bind);
    let mut failed = None;
    let mut listening = 0;
    for address in &addresses {
        match swarm.listen_on(address.clone()) {
            Ok(_) => listening += 1,
            Err(error) => {
                tracing::debug!(%address, %error, "not listening");
                failed = Some(error.to_string());
            }
        }
    }
    match failed {
        Some(reason) if listening == 0 => Err(NetError::NothingToListenOn { reason }),
        _ => Ok(()),
    }
}
