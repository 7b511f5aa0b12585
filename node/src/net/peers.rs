//! Who is connected, over what, and what waits until a peer has said what it is.

use std::{collections::HashMap, net::IpAddr};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use parlor_protocol::{DeviceId, rate::TokenBucket};
use web_time::{Duration, Instant};

use super::{address, event::NetEvent, requests::REQUESTS};

/// How long to wait for identify before a peer is shown without its agent.
const IDENTIFY_WAIT: Duration = Duration::from_secs(3);
/// Most events that wait for identify. More than that, and the peer is shown as it is.
const HELD_MAX: usize = 64;

/// A connection of this age is none of the racing dials of one meeting.
const SETTLED: Duration = Duration::from_secs(3);
/// How long a peer may take to close a connection that it opened by mistake.
const SECOND_THOUGHTS: Duration = Duration::from_millis(500);

/// One connection.
#[derive(Debug)]
struct Link {
    address: Multiaddr,
    dialed: bool,
    since: Instant,
}

/// One connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) device: DeviceId,
    links: HashMap<ConnectionId, Link>,
    since: Instant,
    /// `PeerConnected` was sent.
    shown: bool,
    archive: bool,
    /// What identify says it listens on, where that fits what we see.
    listens: Vec<Multiaddr>,
    held: Vec<NetEvent>,
    /// When the peer dialed us although, to us, it was connected.
    doubted: Option<Instant>,
    /// Counts milliseconds since the peer came.
    requests: TokenBucket,
}

impl Peer {
    /// The address to show: one that can be dialed again, if there is one. That ends in
    /// `/p2p/...`, others do not.
    fn address(&self, peer: PeerId) -> Multiaddr {
        let dialed = self.links.values().find(|link| link.dialed).map(|link| &link.address);
        match dialed.or_else(|| self.listens.first()) {
            Some(address) => address::with_peer(address, peer),
            None => {
                self.links.values().next().map_or_else(Multiaddr::empty, |link| address::without_peer(&link.address))
            }
        }
    }

    /// Whether it may make one more request.
    pub(super) fn may_ask(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_millis();
        self.requests.take(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    fn connected(&self, peer: PeerId) -> NetEvent {
        let transport = self.links.values().next().map_or("tcp", |link| address::transport_of(&link.address));
        NetEvent::PeerConnected {
            peer: self.device,
            address: self.address(peer).to_string(),
            remote: self.links.values().find_map(|link| address::ip_of(&link.address)),
            transport,
            archive: self.archive,
        }
    }
}

/// All connected peers.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<PeerId, Peer>,
}

impl Peers {
    /// A connection is open. Answers whether the peer was connected before.
    pub(super) fn opened(
        &mut self,
        peer: PeerId,
        device: DeviceId,
        connection: ConnectionId,
        address: Multiaddr,
        dialed: bool,
        now: Instant,
    ) -> bool {
        let known = self.peers.contains_key(&peer);
        let entry = self.peers.entry(peer).or_insert_with(|| Peer {
            device,
            links: HashMap::new(),
            since: now,
            shown: false,
            archive: false,
            listens: Vec::new(),
            held: Vec::new(),
            doubted: None,
            requests: TokenBucket::full(REQUESTS, 0),
        });
        let settled = entry.links.values().any(|link| now.saturating_duration_since(link.since) > SETTLED);
        if !dialed && settled {
            entry.doubted = Some(now);
        }
        entry.links.insert(connection, Link { address, dialed, since: now });
        known
    }

    /// A connection is closed. Answers with the peer when it was the last one, and whether
    /// `PeerConnected` had been sent.
    pub(super) fn closed(&mut self, peer: &PeerId, connection: ConnectionId) -> Option<(DeviceId, bool)> {
        let entry = self.peers.get_mut(peer)?;
        entry.links.remove(&connection);
        if !entry.links.is_empty() {
            return None;
        }
        self.peers.remove(peer).map(|entry| (entry.device, entry.shown))
    }

    /// Identify says what the peer is. Answers with what to report and the addresses to remember.
    pub(super) fn identified(
        &mut self,
        peer: PeerId,
        archive: bool,
        listens: &[Multiaddr],
    ) -> (Vec<NetEvent>, Vec<Multiaddr>) {
        let Some(entry) = self.peers.get_mut(&peer) else { return Default::default() };
        let seen: Vec<IpAddr> = entry.links.values().filter_map(|link| address::ip_of(&link.address)).collect();
        // A peer may claim any address. Only those at an IP it really connected from are used; by a page none,
        // because its policy lets it connect to where it came from and nowhere else.
        let is_near = |a: &Multiaddr| address::ip_of(a).is_some_and(|ip| seen.contains(&ip));
        let fits = |a: &&Multiaddr| !address::IS_PAGE && address::is_dialable(a) && is_near(a);
        entry.listens = listens.iter().filter(fits).take(4).map(|a| address::with_peer(a, peer)).collect();
        // QUIC, TCP, WebSocket.
        entry.listens.sort_by_key(address::transport_of);
        let learnt = entry.listens.clone();
        let news = !entry.shown || (archive && !entry.archive);
        entry.archive = archive;
        (if news { self.show(peer) } else { Vec::new() }, learnt)
    }

    fn show(&mut self, peer: PeerId) -> Vec<NetEvent> {
        let Some(entry) = self.peers.get_mut(&peer) else { return Vec::new() };
        entry.shown = true;
        let mut events = vec![entry.connected(peer)];
        events.append(&mut entry.held);
        events
    }

    /// An event of a peer: what to report now. It waits until the peer was shown.
    pub(super) fn order(&mut self, peer: &PeerId, event: NetEvent) -> Vec<NetEvent> {
        let Some(entry) = self.peers.get_mut(peer) else { return Vec::new() };
        if entry.shown {
            return vec![event];
        }
        entry.held.push(event);
        if entry.held.len() > HELD_MAX { self.show(*peer) } else { Vec::new() }
    }

    /// Peers that did not say what they are in time.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<NetEvent> {
        let late = |entry: &Peer| !entry.shown && now.saturating_duration_since(entry.since) >= IDENTIFY_WAIT;
        let late: Vec<_> = self.peers.iter().filter(|(_, entry)| late(entry)).map(|(peer, _)| *peer).collect();
        late.into_iter().flat_map(|peer| self.show(peer)).collect()
    }

    /// Peers whose old connection is dead, though nobody told us: nobody dials a peer that is
    /// connected, so a peer that dials us has restarted or lost us. All its connections must be
    /// closed, because gossipsub tells its topics to a peer only on the first one.
    pub(super) fn restarted(&mut self, now: Instant) -> Vec<PeerId> {
        let mut restarted = Vec::new();
        for (peer, entry) in &mut self.peers {
            if entry.doubted.is_some_and(|since| now >= since + SECOND_THOUGHTS) {
                entry.doubted = None;
                if entry.links.len() > 1 {
                    restarted.push(*peer);
                }
            }
        }
        restarted
    }

    /// When to look at [`Peers::overdue`] and [`Peers::restarted`] next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let overdue = self.peers.values().filter(|entry| !entry.shown).map(|entry| entry.since + IDENTIFY_WAIT);
        let doubted = self.peers.values().filter_map(|entry| entry.doubted).map(|since| since + SECOND_THOUGHTS);
        overdue.chain(doubted).min()
    }

    /// Peers that are connected through an address that fits.
    pub(super) fn through(&self, fits: impl Fn(IpAddr) -> bool) -> Vec<PeerId> {
        let reached = |entry: &Peer| entry.links.values().filter_map(|link| address::ip_of(&link.address)).any(&fits);
        self.peers.iter().filter(|(_, entry)| reached(entry)).map(|(peer, _)| *peer).collect()
    }

    pub(super) fn entry(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(peer)
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub(super) fn ids(&self) -> Vec<PeerId> {
        self.peers.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::{super::address::local, *};

    fn connected(dialed: bool) -> (Peers, PeerId, Instant) {
        let (peer, now) = (PeerId::random(), Instant::now());
        let mut peers = Peers::default();
        peers.opened(peer, DeviceId::default(), ConnectionId::new_unchecked(1), local(50_000), dialed, now);
        (peers, peer, now)
    }

    fn shown_address(events: &[NetEvent]) -> String {
        match events.first() {
            Some(NetEvent::PeerConnected { address, .. }) => address.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_of_a_peer_wait_until_it_was_shown() {
        let (mut peers, peer, _) = connected(true);
        let event = NetEvent::RoundTrip { peer: DeviceId::default(), micros: 1 };
        assert!(peers.order(&peer, event.clone()).is_empty());
        let (events, _) = peers.identified(peer, false, &[]);
        assert!(matches!(events.as_slice(), [NetEvent::PeerConnected { .. }, NetEvent::RoundTrip { .. }]));
        assert_eq!(peers.order(&peer, event).len(), 1);
    }

    #[test]
    fn a_silent_peer_is_shown_after_a_while() {
        let (mut peers, _, now) = connected(true);
        assert!(peers.overdue(now).is_empty());
        assert_eq!(peers.overdue(now + IDENTIFY_WAIT).len(), 1);
        assert!(peers.next_due().is_none());
    }

    #[test]
    fn a_peer_that_dials_again_after_a_while_has_restarted_unless_it_changes_its_mind() {
        let (mut peers, peer, now) = connected(true);
        let second = ConnectionId::new_unchecked(2);
        // At once: two dials that met.
        peers.opened(peer, DeviceId::default(), second, local(1), false, now);
        assert!(peers.restarted(now + SETTLED * 2).is_empty());
        peers.closed(&peer, second);
        let later = now + SETTLED * 2;
        peers.opened(peer, DeviceId::default(), second, local(1), false, later);
        assert!(peers.restarted(later).is_empty());
        assert_eq!(peers.restarted(later + SECOND_THOUGHTS), [peer]);
        peers.closed(&peer, second);
        peers.opened(peer, DeviceId::default(), second, local(1), false, later);
        peers.closed(&peer, second);
        assert!(peers.restarted(later + SECOND_THOUGHTS).is_empty());
    }

    #[test]
    fn a_peer_that_asks_too_fast_is_slowed_down_and_may_ask_again_later() {
        let (mut peers, peer, now) = connected(false);
        let entry = peers.entry(&peer).unwrap();
        assert_eq!((0..10_000).filter(|_| entry.may_ask(now)).count() as u64, REQUESTS.burst());
        assert!(entry.may_ask(now + Duration::from_secs(1)));
    }

    #[test]
    fn an_address_worth_remembering_ends_in_the_peer() {
        let (mut peers, peer, _) = connected(true);
        assert!(shown_address(&peers.identified(peer, false, &[]).0).ends_with(&format!("tcp/50000/p2p/{peer}")));
        // Who dialed us is remembered where it listens, not at the port it dialed from.
        let (mut peers, peer, _) = connected(false);
        let elsewhere = "/ip4/10.9.9.9/tcp/47801".parse().unwrap();
        let (events, learnt) = peers.identified(peer, false, &[elsewhere, local(47801)]);
        assert!(shown_address(&events).ends_with(&format!("tcp/47801/p2p/{peer}")));
        assert_eq!(learnt.len(), 1);
        let (mut peers, peer, _) = connected(false);
        assert!(!shown_address(&peers.identified(peer, false, &[]).0).contains("p2p"));
    }
}
