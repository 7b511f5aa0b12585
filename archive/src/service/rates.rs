//! Rates: how much one peer may ask of an archive.

use parlor_protocol::DeviceId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Peers that are remembered; beyond that the longest silent one is forgotten.
const PEERS_MAX: usize = 4096;

/// How much a peer may ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Requests a second.
    pub requests: f64,
    /// Code look-ups a second. Kept low: a code cannot be guessed, and nobody types faster.
    pub look_ups: f64,
    /// Bytes a second to be stored.
    pub bytes: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { requests: 500.0, look_ups: 1.0, bytes: 32.0 * 1024.0 * 1024.0 }
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
        let (bucket, amount) = match cost {
            Cost::Request => (&mut peer.requests, 1.0),
            Cost::LookUp => (&mut peer.look_ups, 1.0),
            Cost::Bytes(bytes) => (&mut peer.bytes, bytes as f64),
        };
        if bucket.level < amount {
            return false;
        }
        bucket.level -= amount;
        true
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
}
