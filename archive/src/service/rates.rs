//! Rates: how much one peer may ask of an archive.

use parlor_node::net::InboundId;
use parlor_protocol::{DeviceId, limits::PEER_IN_FLIGHT_MAX};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Peers that are remembered; beyond that the longest silent one is forgotten.
const PEERS_MAX: usize = 4096;

/// How much a peer may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Requests a second, as many as the network itself lets a peer make.
    pub requests: f64,
    /// Look-ups of codes, and steps of signing in or up, a second. Kept low: a code cannot be guessed, and
    /// nobody types faster.
    pub look_ups: f64,
    /// Bytes a second to be stored.
    pub bytes: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { requests: 200.0, look_ups: 1.0, bytes: 32.0 * 1024.0 * 1024.0 }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Request,
    LookUp,
    Bytes(usize),
}

/// A bucket that fills with time and is emptied by use; it holds ten seconds' worth.
#[derive(Debug)]
struct Bucket {
    level: f64,
}

const BURST_SECONDS: f64 = 10.0;
/// What a malformed request costs, in seconds of the peer's requests.
const FINE_SECONDS: f64 = 2.0;
/// Most bytes of all peers together that wait to be stored.
const IN_FLIGHT_MAX: usize = 4 * PEER_IN_FLIGHT_MAX;
/// Most requests of one peer that wait for their answer: twice what members ask at the same time.
const OF_PEER_MAX: usize = 32;

#[derive(Debug)]
struct Peer {
    seen: Instant,
    requests: Bucket,
    look_ups: Bucket,
    bytes: Bucket,
}

/// Token buckets of all peers.
#[derive(Debug)]
pub(super) struct Meter {
    rates: Rates,
    peers: HashMap<DeviceId, Peer>,
}

impl Meter {
    pub(super) fn new(rates: Rates) -> Self {
        Self { rates, peers: HashMap::new() }
    }

    /// Takes a cost from a peer's bucket; false when it is empty.
    pub(super) fn allows(&mut self, peer: DeviceId, cost: Cost, now: Instant) -> bool {
        let rates = self.rates;
        let peer = self.peer(peer, now);
        let (bucket, rate, amount) = match cost {
            Cost::Request => (&mut peer.requests, rates.requests, 1.0),
            Cost::LookUp => (&mut peer.look_ups, rates.look_ups, 1.0),
            Cost::Bytes(bytes) => (&mut peer.bytes, rates.bytes, bytes as f64),
        };
        // What is larger than a full bucket passes when the bucket is full, and leaves a debt.
        if bucket.level < amount.min(rate * BURST_SECONDS) {
            return false;
        }
        bucket.level -= amount;
        true
    }

    /// A peer sent something that no honest one sends: it is served less for a while.
    pub(super) fn punish(&mut self, peer: DeviceId, now: Instant) {
        let fine = self.rates.requests * FINE_SECONDS;
        let requests = &mut self.peer(peer, now).requests;
        requests.level = (requests.level - fine).max(-fine);
    }

    fn peer(&mut self, peer: DeviceId, now: Instant) -> &mut Peer {
        let rates = self.rates;
        if !self.peers.contains_key(&peer) && self.peers.len() >= PEERS_MAX {
            let oldest = self.peers.iter().min_by_key(|(_, peer)| peer.seen).map(|(device, _)| *device);
            oldest.and_then(|device| self.peers.remove(&device));
        }
        let full = |rate: f64| Bucket { level: rate * BURST_SECONDS };
        let peer = self.peers.entry(peer).or_insert_with(|| Peer {
            seen: now,
            requests: full(rates.requests),
            look_ups: full(rates.look_ups),
            bytes: full(rates.bytes),
        });
        let passed = now.saturating_duration_since(peer.seen).min(Duration::from_secs(60)).as_secs_f64();
        peer.seen = now;
        for (bucket, rate) in
            [(&mut peer.requests, rates.requests), (&mut peer.look_ups, rates.look_ups), (&mut peer.bytes, rates.bytes)]
        {
            bucket.level = (bucket.level + passed * rate).min(rate * BURST_SECONDS);
        }
        peer
    }
}

/// What a peer has under way.
#[derive(Debug, Default)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// Requests that are not answered yet, and bytes that peers have brought and that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    requests: HashMap<InboundId, (DeviceId, usize)>,
    of_peer: HashMap<DeviceId, Load>,
    total: usize,
}

impl InFlight {
    /// Takes note of a request; false when its peer has too many under way already.
    pub(super) fn begin(&mut self, id: InboundId, peer: DeviceId) -> bool {
        let load = self.of_peer.entry(peer).or_default();
        if load.requests >= OF_PEER_MAX {
            return false;
        }
        load.requests += 1;
        self.requests.insert(id, (peer, 0));
        true
    }

    /// Takes note of bytes that a request brings; false when too much is under way already.
    pub(super) fn bring(&mut self, id: InboundId, bytes: usize) -> bool {
        let Some((peer, brought)) = self.requests.get_mut(&id) else { return false };
        let Some(load) = self.of_peer.get_mut(peer) else { return false };
        if load.bytes + bytes > PEER_IN_FLIGHT_MAX || self.total + bytes > IN_FLIGHT_MAX {
            return false;
        }
        *brought += bytes;
        load.bytes += bytes;
        self.total += bytes;
        true
    }

    /// The request was answered.
    pub(super) fn end(&mut self, id: InboundId) {
        let Some((peer, bytes)) = self.requests.remove(&id) else { return };
        self.total -= bytes;
        if let Some(load) = self.of_peer.get_mut(&peer) {
            load.requests -= 1;
            load.bytes -= bytes;
            if load.requests == 0 {
                self.of_peer.remove(&peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_asks_too_fast_is_held_back_and_recovers() {
        let mut meter = Meter::new(Rates { look_ups: 1.0, ..Rates::default() });
        let (peer, other) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let start = Instant::now();
        let allowed = (0..100).filter(|_| meter.allows(peer, Cost::LookUp, start)).count();
        assert_eq!(allowed, 10);
        assert!(meter.allows(other, Cost::LookUp, start));
        assert!(meter.allows(peer, Cost::LookUp, start + Duration::from_secs(2)));
    }

    #[test]
    fn a_peer_that_sends_rubbish_is_served_less_and_recovers() {
        let mut meter = Meter::new(Rates::default());
        let (peer, start) = (DeviceId::from_bytes([1; 32]), Instant::now());
        (0..10).for_each(|_| meter.punish(peer, start));
        assert!(!meter.allows(peer, Cost::Request, start));
        assert!(meter.allows(peer, Cost::Request, start + Duration::from_secs(10)));
    }

    #[test]
    fn a_peer_has_only_so_much_under_way() {
        let mut in_flight = InFlight::default();
        let (peer, other) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        assert!(in_flight.begin(InboundId(1), peer) && in_flight.bring(InboundId(1), PEER_IN_FLIGHT_MAX));
        assert!(in_flight.begin(InboundId(2), peer) && !in_flight.bring(InboundId(2), 1));
        assert!(in_flight.begin(InboundId(3), other) && in_flight.bring(InboundId(3), 1));
        in_flight.end(InboundId(4));
        in_flight.end(InboundId(1));
        assert!(in_flight.bring(InboundId(2), 1));
    }

    #[test]
    fn a_peer_has_only_so_many_requests_under_way_and_others_are_not_held_up() {
        let mut in_flight = InFlight::default();
        let (peer, other) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let begun = (0..100).filter(|id| in_flight.begin(InboundId(*id), peer)).count();
        assert_eq!(begun, OF_PEER_MAX);
        assert!(in_flight.begin(InboundId(200), other));
        in_flight.end(InboundId(99));
        assert!(!in_flight.begin(InboundId(201), peer), "that one was not under way");
        in_flight.end(InboundId(0));
        assert!(in_flight.begin(InboundId(201), peer));
    }
}
