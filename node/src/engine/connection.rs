//! Connections: who is connected, who is an archive, which addresses are worth remembering.

use parlor_protocol::{
    DeviceId, RoomId, TopicId,
    rate::{Rate, TokenBucket},
    wire::{Introduction, RoomRequest},
};
use std::collections::{BTreeMap, BTreeSet};

use super::{
    Engine,
    engine::SUMMARY_EVERY_MS,
    io::Output,
    rates::{Asker, Meter, Share},
    sync::Asked,
    timers::Timer,
    unsaved::Again,
    writing::Pending,
};
use crate::{
    event::{Connection, Event, Peer},
    net::{NetCommand, NetEvent, Source},
    store::{ArchivesRecord, PEERS_MAX, PeerRecord, Write},
};

/// Addresses remembered for each machine.
const ADDRESSES_MAX: usize = 4;
/// Code look-ups of a peer, and what those whom nobody here knows may do by address and together: a class of
/// newcomers comes at once, and keys cost nothing.
const LOOK_UPS: Rate = Rate::per_second(1, 10);
const LOOK_UPS_OF_UNKNOWN: Share =
    Share { device: LOOK_UPS, address: Rate::per_second(20, 200), strangers: Rate::per_second(100, 1_000) };
/// Knocks of a peer, and the same. Each of a stranger takes signatures and a key agreement to look at.
const KNOCKS: Rate = Rate::one_every(5_000, 4);
const KNOCKS_OF_UNKNOWN: Share =
    Share { device: KNOCKS, address: Rate::per_second(1, 32), strangers: Rate::per_second(4, 128) };

#[derive(Debug)]
struct Connected {
    address: String,
    /// Where it comes from, as limits count it.
    source: Option<Source>,
    transport: &'static str,
    archive: bool,
    rtt_us: Option<u64>,
    rooms: BTreeSet<RoomId>,
    look_ups: TokenBucket,
    knocks: TokenBucket,
    /// Who its person is.
    introduction: Option<Box<Introduction>>,
}

/// Everything about connections.
#[derive(Debug)]
pub(super) struct Connections {
    listening: BTreeSet<String>,
    peers: BTreeMap<DeviceId, Connected>,
    pub(super) manual: Vec<String>,
    /// Archives that this device uses; see `archives`.
    pub(super) archives_record: ArchivesRecord,
    remembered: Vec<PeerRecord>,
    hints: BTreeMap<&'static str, String>,
    /// What those asked for whom nobody here knows.
    look_ups: Meter,
    knocks: Meter,
    /// When people were last told how this device is connected, and who is nearby, on the monotonic clock.
    told: u64,
    nearby_told: u64,
}

impl Connections {
    pub(super) fn new(manual: Vec<String>, remembered: Vec<PeerRecord>, archives_record: ArchivesRecord) -> Self {
        Self {
            listening: BTreeSet::new(),
            peers: BTreeMap::new(),
            manual,
            archives_record,
            remembered,
            hints: BTreeMap::new(),
            look_ups: Meter::new(LOOK_UPS_OF_UNKNOWN),
            knocks: Meter::new(KNOCKS_OF_UNKNOWN),
            told: 0,
            nearby_told: 0,
        }
    }

    pub(super) fn is_connected(&self, peer: DeviceId) -> bool {
        self.peers.contains_key(&peer)
    }

    pub(super) fn is_archive(&self, peer: DeviceId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.archive)
    }

    pub(super) fn archives(&self) -> Vec<DeviceId> {
        self.peers.iter().filter(|(_, peer)| peer.archive).map(|(id, _)| *id).collect()
    }

    /// Says what stands in the way, or that it does no more. Answers whether that is news.
    pub(super) fn set_hint(&mut self, about: &'static str, text: Option<String>) -> bool {
        let before = match text.clone() {
            Some(text) => self.hints.insert(about, text),
            None => self.hints.remove(about),
        };
        before != text
    }

    pub(super) fn everybody(&self) -> Vec<DeviceId> {
        self.peers.keys().copied().collect()
    }

    /// Machines remembered from earlier.
    pub(super) fn remembered(&self) -> impl Iterator<Item = DeviceId> {
        self.remembered.iter().map(|record| record.device)
    }

    /// Connected machines of people.
    pub(super) fn members(&self) -> Vec<DeviceId> {
        self.peers.iter().filter(|(_, peer)| !peer.archive).map(|(id, _)| *id).collect()
    }

    /// Connected members of a room, archives not included.
    pub(super) fn in_room(&self, room: RoomId) -> Vec<DeviceId> {
        self.peers.iter().filter(|(_, peer)| !peer.archive && peer.rooms.contains(&room)).map(|(id, _)| *id).collect()
    }

    pub(super) fn note_in_room(&mut self, peer: DeviceId, room: RoomId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.rooms.insert(room);
        }
    }

    /// Whether a peer may ask one more question.
    pub(super) fn may_look_up(&mut self, peer: DeviceId, now: u64) -> bool {
        self.peers.get_mut(&peer).is_some_and(|peer| peer.look_ups.take(now))
    }

    /// Who the people at connected machines are.
    pub(super) fn introductions(&self) -> impl Iterator<Item = &Introduction> {
        self.peers.values().filter_map(|peer| peer.introduction.as_deref())
    }

    /// Who the person at a machine is, as far as that was said and checked.
    pub(super) fn introduction(&self, peer: DeviceId) -> Option<&Introduction> {
        self.peers.get(&peer)?.introduction.as_deref()
    }

    /// Notes who the person at a machine is; true when that is news.
    pub(super) fn introduce(&mut self, peer: DeviceId, introduction: Option<Introduction>) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else { return false };
        let introduction = introduction.map(Box::new);
        let is_news = peer.introduction != introduction;
        peer.introduction = introduction;
        is_news
    }
}

impl Engine {
    pub(super) fn on_connection(&mut self, event: NetEvent) {
        match event {
            NetEvent::Listening(address) => {
                self.connections.listening.insert(address);
            }
            NetEvent::StoppedListening(address) => {
                self.connections.listening.remove(&address);
            }
            NetEvent::PeerConnected { peer, address, remote, transport, archive, .. } => {
                self.on_connected(peer, address, remote.map(Source::of), transport, archive);
            }
            NetEvent::PeerDisconnected(peer) => self.on_disconnected(peer),
            NetEvent::RoundTrip { peer, micros } => {
                // Too frequent and too small a change to tell everybody each time.
                if let Some(peer) = self.connections.peers.get_mut(&peer) {
                    peer.rtt_us = Some(micros);
                }
                return;
            }
            NetEvent::VersionMismatch { peer, theirs } => {
                let newer = theirs > parlor_protocol::codec::VERSION;
                let which = if newer { "this machine" } else { "the other machine" };
                self.problem(
                    format!("the machine {} speaks another version of Parlor ({theirs})", peer.short()),
                    format!("Update Parlor on {which}."),
                );
                return;
            }
            NetEvent::Hint { key, text } => {
                match text {
                    Some(text) => self.connections.hints.insert(key, text),
                    None => self.connections.hints.remove(key),
                };
            }
            _ => return,
        }
        self.tell_connection();
    }

    fn on_connected(
        &mut self,
        peer: DeviceId,
        address: String,
        source: Option<Source>,
        transport: &'static str,
        archive: bool,
    ) {
        // A peer may be told twice, the second time as an archive: what is known of it stays.
        let connected = match self.connections.peers.remove(&peer) {
            Some(known) => Connected { address, source, transport, archive, rtt_us: None, ..known },
            None => Connected {
                address,
                source,
                transport,
                archive,
                rtt_us: None,
                rooms: BTreeSet::new(),
                look_ups: TokenBucket::full(LOOK_UPS, self.now.mono),
                knocks: TokenBucket::full(KNOCKS, self.now.mono),
                introduction: None,
            },
        };
        self.connections.peers.insert(peer, connected);
        if self.is_known(peer) {
            self.remember_connected(peer);
        }
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            // Somebody who was away for long may listen to none of our topics any more.
            let is_member = self.rooms.get(&room).is_some_and(|room| room.membership.members.contains_key(&peer));
            if is_member {
                self.connections.note_in_room(peer, room);
            }
            if archive || is_member {
                self.sync_with(room, peer);
            }
            self.heard(room, peer);
        }
        self.check_joins();
        self.greet(peer);
        self.knock_at(peer);
        if archive {
            self.account_met(peer);
        }
        self.device_met(peer);
    }

    fn on_disconnected(&mut self, peer: DeviceId) {
        let gone = self.connections.peers.remove(&peer);
        for room in self.rooms.values_mut() {
            room.knocked.remove(&peer);
        }
        self.forget_peer(peer);
        self.device_left(peer);
        self.tell_other_archive();
        if gone.is_some_and(|gone| gone.introduction.is_some()) {
            self.tell_nearby();
        }
    }

    /// Whether a peer may look up one more code, or come in by one.
    pub(super) fn may_look_up(&mut self, peer: DeviceId) -> bool {
        let (asker, now) = (self.asker(peer), self.now.mono);
        if asker.is_stranger {
            return self.connections.look_ups.take(asker, now).is_ok();
        }
        self.connections.may_look_up(peer, now)
    }

    /// Whether a peer may knock once more.
    pub(super) fn may_knock(&mut self, peer: DeviceId) -> bool {
        let (asker, now) = (self.asker(peer), self.now.mono);
        if asker.is_stranger {
            return self.connections.knocks.take(asker, now).is_ok();
        }
        self.connections.peers.get_mut(&peer).is_some_and(|peer| peer.knocks.take(now))
    }

    /// A peer, as far as limits are about it.
    pub(super) fn asker(&self, peer: DeviceId) -> Asker {
        let source = self.connections.peers.get(&peer).and_then(|peer| peer.source);
        Asker { device: peer, source, is_stranger: !self.is_known(peer) }
    }

    /// A peer listens to one of our topics: it is in the room.
    pub(super) fn on_subscribed(&mut self, peer: DeviceId, topic: TopicId) {
        let Some(room) = self.topics.get(&topic).copied() else { return };
        self.connections.note_in_room(peer, room);
        self.heard(room, peer);
        self.sync_with(room, peer);
        self.signal_soon(room);
    }

    /// Remembers where a machine is that is known. Strangers are not, however often they come.
    pub(super) fn remember_connected(&mut self, device: DeviceId) {
        let Some(peer) = self.connections.peers.get(&device) else { return };
        // Only an address that names the peer can be dialed again.
        if peer.address.contains("/p2p/") {
            let address = peer.address.clone();
            self.remember(device, &address);
        }
    }

    fn remember(&mut self, device: DeviceId, address: &str) {
        let known = &mut self.connections.remembered;
        let at = known.iter().position(|record| record.device == device);
        let mut record = at.map_or_else(|| PeerRecord { device, addresses: Vec::new() }, |at| known.remove(at));
        let is_news = record.addresses.first().is_none_or(|first| first != address);
        record.addresses.retain(|known| known != address);
        record.addresses.insert(0, address.to_owned());
        record.addresses.truncate(ADDRESSES_MAX);
        self.connections.remembered.push(record.clone());
        if self.connections.remembered.len() > PEERS_MAX {
            self.connections.remembered.remove(0);
        }
        if is_news {
            self.write(vec![Write::PutPeer(record)], Pending::unasked(Again::Nothing));
        }
    }

    pub(super) fn save_manual(&mut self) {
        self.write(vec![Write::PutManual(self.connections.manual.clone())], Pending::unasked(Again::Manual));
    }

    pub(super) fn add_address(&mut self, address: String) {
        if !self.connections.manual.contains(&address) {
            self.connections.manual.push(address.clone());
            self.save_manual();
        }
        self.out.push(Output::Net(NetCommand::AddAddress(address)));
        self.tell_connection();
    }

    pub(super) fn remove_address(&mut self, address: String) {
        self.connections.manual.retain(|known| *known != address);
        self.save_manual();
        self.out.push(Output::Net(NetCommand::RemoveAddress(address)));
        self.tell_connection();
    }

    pub(super) fn hint_archive_refuses(&mut self, refusal: &parlor_protocol::wire::Refusal) {
        let text = match refusal {
            parlor_protocol::wire::Refusal::RegistrationClosed => {
                "The archive takes no new rooms. Ask whoever runs it to open registration."
            }
            _ => {
                "The archive takes no more of this room: its quota is used up, or its disk is full. Ask whoever runs it."
            }
        };
        self.connections.hints.insert("archive", text.to_owned());
        self.tell_connection();
    }

    pub(super) fn connection(&self) -> Connection {
        let name = |device: &DeviceId| {
            let member = self.rooms.values().find_map(|room| room.membership.members.get(device));
            member.map_or_else(|| device.short(), |member| member.name.clone())
        };
        let peers = self.connections.peers.iter().map(|(device, peer)| Peer {
            device: *device,
            name: if peer.archive { "archive".to_owned() } else { name(device) },
            archive: peer.archive,
            used: peer.archive && self.is_chosen(*device),
            address: peer.address.clone(),
            transport: peer.transport.to_owned(),
            rtt_us: peer.rtt_us,
        });
        Connection {
            listening: self.connections.listening.iter().cloned().collect(),
            peers: peers.collect(),
            manual: self.connections.manual.clone(),
            archives: self.chosen_archives(),
            hints: self.connections.hints.values().cloned().collect(),
        }
    }

    /// Tells how this device is connected, now or as soon as it is time again: when a hundred machines
    /// come at once, a list of all of them for each would be ten thousand lines.
    pub(super) fn tell_connection(&mut self) {
        let due = self.connections.told + SUMMARY_EVERY_MS;
        if self.connections.told > 0 && due > self.now.mono {
            return self.timers.set(due, Timer::Connection);
        }
        self.connections.told = self.now.mono.max(1);
        let connection = self.connection();
        self.event(Event::ConnectionChanged(connection));
    }

    /// Tells who is on the network, in the same way.
    pub(super) fn tell_nearby(&mut self) {
        let due = self.connections.nearby_told + SUMMARY_EVERY_MS;
        if self.connections.nearby_told > 0 && due > self.now.mono {
            return self.timers.set(due, Timer::Nearby);
        }
        self.connections.nearby_told = self.now.mono.max(1);
        self.event(Event::NearbyChanged(self.nearby()));
    }

    /// Tells the authors that are connected what of theirs has arrived.
    pub(super) fn send_receipts(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let authors = std::mem::take(&mut room.receipts);
        if self.rooms.get(&room_id).is_some_and(|room| room.record.request) {
            return;
        }
        for author in authors {
            if !self.connections.is_connected(author) {
                continue;
            }
            let Some(room) = self.rooms.get(&room_id) else { return };
            let heights = room.logs.of(author).map(|(log, state)| (*log, state.durable)).collect();
            let ask = RoomRequest::Received { heights };
            self.ask(author, &parlor_protocol::wire::Request::Room { room: room_id, ask }, Asked::Receipt);
        }
    }
}
