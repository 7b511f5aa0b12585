//! Rates: how much one peer may ask of an archive.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId,
    limits::PEER_IN_FLIGHT_MAX,
    rate::{Rate, TokenBuckets},
};
use std::{collections::HashMap, time::Instant};

/// Peers whose use is remembered; those beyond share.
const PEERS_MAX: usize = 4096;
/// What a malformed request costs, as a part of what a peer may ask at once.
const FINE_PART: u64 = 5;
const MIB: u64 = 1024 * 1024;
/// Most bytes of all peers together that wait to be stored.
const IN_FLIGHT_MAX: usize = 4 * PEER_IN_FLIGHT_MAX;
/// Most requests of one peer that wait for their answer: twice what members ask at the same time.
const OF_PEER_MAX: usize = 32;

/// How much a peer may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests, as many as the network itself lets a peer make.
    pub requests: Rate,
    /// Look-ups of codes, and steps of signing in or up. Kept low: a code cannot be guessed, and nobody
    /// types faster.
    pub look_ups: Rate,
    /// Bytes to be stored.
    pub bytes: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            requests: Rate::per_second(200, 2_000),
            look_ups: Rate::per_second(1, 10),
            bytes: Rate::per_second(32 * MIB, 320 * MIB),
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Request,
    LookUp,
    Bytes(usize),
}

/// What all peers have used.
#[derive(Debug)]
pub(super) struct Meter {
    start: Instant,
    fine: u64,
    requests: TokenBuckets<DeviceId>,
    look_ups: TokenBuckets<DeviceId>,
    bytes: TokenBuckets<DeviceId>,
}

impl Meter {
    pub(super) fn new(rates: Rates, now: Instant) -> Self {
        let buckets = |rate| TokenBuckets::new(rate, PEERS_MAX, 0);
        Self {
            start: now,
            fine: rates.requests.burst() / FINE_PART,
            requests: buckets(rates.requests),
            look_ups: buckets(rates.look_ups),
            bytes: buckets(rates.bytes),
        }
    }

    /// Takes a cost from a peer's bucket; false when it is empty.
    pub(super) fn allows(&mut self, peer: DeviceId, cost: Cost, now: Instant) -> bool {
        let now = self.since_start(now);
        match cost {
            Cost::Request => self.requests.of(peer, now).take(now),
            Cost::LookUp => self.look_ups.of(peer, now).take(now),
            Cost::Bytes(bytes) => self.bytes.of(peer, now).take_many(bytes as u64, now),
        }
    }

    /// A peer sent something that no honest one sends: it is served less for a while.
    pub(super) fn punish(&mut self, peer: DeviceId, now: Instant) {
        let (fine, now) = (self.fine, self.since_start(now));
        self.requests.of(peer, now).charge(fine, fine, now);
    }

    fn since_start(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
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
    use std::time::Duration;

    #[test]
    fn a_peer_that_asks_too_fast_is_held_back_and_recovers() {
        let (peer, other) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let start = Instant::now();
        let mut meter = Meter::new(Rates::default(), start);
        let allowed = (0..100).filter(|_| meter.allows(peer, Cost::LookUp, start)).count();
        assert_eq!(allowed, 10);
        assert!(meter.allows(other, Cost::LookUp, start));
        assert!(meter.allows(peer, Cost::LookUp, start + Duration::from_secs(2)));
    }

    #[test]
    fn a_peer_that_sends_rubbish_is_served_less_and_recovers() {
        let (peer, start) = (DeviceId::from_bytes([1; 32]), Instant::now());
        let mut meter = Meter::new(Rates::default(), start);
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
