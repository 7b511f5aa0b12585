//! Whom to dial when: known peers, discovered ones, and addresses that a person typed.
//!
//! A state machine without IO: the time is an argument, dials and lookups are answers.

use std::collections::{HashMap, VecDeque};

use libp2p::{Multiaddr, swarm::ConnectionId};
use parlor_protocol::DeviceId;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use web_time::{Duration, Instant};

/// The first wait after a failure or a lost connection.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait: someone who comes back is not kept waiting for long.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Between the addresses of one typed host: QUIC answers within this on a LAN.
const STAGGER: Duration = Duration::from_millis(250);
/// How soon after another try a new announcement may cause a dial.
const REFRESH_MIN: Duration = Duration::from_secs(1);
/// Most addresses of one peer that are kept, newest first.
const ADDRESSES_MAX: usize = 8;
/// Most targets: the devices of a large site.
const TARGETS_MAX: usize = 1024;
/// After so many failures a peer that is only known from an announcement is forgotten.
const FORGET_AFTER: u32 = 8;

/// Whom or what to reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Target {
    Peer(DeviceId),
    Typed(String),
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Dial a peer at its addresses, then report with [`Dialer::started`] or [`Dialer::refused`].
    Peer(DeviceId, Vec<Multiaddr>),
    /// Look up what was typed, then report with [`Dialer::resolved`].
    Lookup(String),
    /// Dial one address of what was typed; report as for a peer.
    Address(String, Multiaddr),
}

#[derive(Debug)]
struct Entry {
    addresses: VecDeque<Multiaddr>,
    /// Addresses of a typed host that are still to be dialed in this round.
    round: VecDeque<Multiaddr>,
    /// The peer that answered at what was typed.
    peer: Option<DeviceId>,
    /// Typed, remembered, or once connected: forgotten only where another one needs the place.
    kept: bool,
    looking_up: bool,
    in_flight: Vec<ConnectionId>,
    failures: u32,
    tried: Option<Instant>,
    next: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dialer {
    targets: HashMap<Target, Entry>,
    jitter: ChaCha8Rng,
}

impl Dialer {
    pub(super) fn new(seed: u64) -> Self {
        Self { targets: HashMap::new(), jitter: ChaCha8Rng::seed_from_u64(seed) }
    }

    fn entry(&mut self, target: Target, next: Instant) -> Option<&mut Entry> {
        if self.targets.len() >= TARGETS_MAX && !self.targets.contains_key(&target) {
            // Who does not answer makes room, strangers first: anybody can make up machines. What a person typed
            // always has a place; of others the new one is left out where nobody makes room.
            let fails = |target: &Target, e: &Entry| {
                matches!(target, Target::Peer(_)) && e.in_flight.is_empty() && (!e.kept || e.failures > 0)
            };
            let failing = self.targets.iter().filter(|(target, e)| fails(target, e));
            match failing.max_by_key(|(_, e)| (!e.kept, e.failures)).map(|(target, _)| target.clone()) {
                Some(worst) => drop(self.targets.remove(&worst)),
                None if matches!(target, Target::Peer(_)) => return None,
                None => {}
            }
        }
        Some(self.targets.entry(target).or_insert_with(|| Entry {
            addresses: VecDeque::new(),
            round: VecDeque::new(),
            peer: None,
            kept: false,
            looking_up: false,
            in_flight: Vec::new(),
            failures: 0,
            tried: None,
            next,
        }))
    }

    /// Keep trying what a person typed.
    pub(super) fn add_typed(&mut self, text: &str, now: Instant) {
        if let Some(entry) = self.entry(Target::Typed(text.to_owned()), now) {
            entry.kept = true;
            entry.next = now;
            entry.failures = 0;
        }
    }

    /// Stop trying it.
    pub(super) fn remove_typed(&mut self, text: &str) {
        self.targets.remove(&Target::Typed(text.to_owned()));
    }

    /// A peer was at these addresses earlier, or is now (a connection came from there).
    pub(super) fn remember(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant) {
        if let Some(entry) = self.entry(Target::Peer(peer), now) {
            entry.kept = true;
            entry.learn(addresses);
        }
    }

    /// A peer announced itself. The dial waits for `delay` so that not both sides dial.
    pub(super) fn announced(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant, delay: Duration) {
        let at = now + delay;
        if let Some(entry) = self.entry(Target::Peer(peer), at) {
            if entry.learn(addresses) {
                entry.failures = 0;
            }
            let rested = entry.tried.is_none_or(|tried| at.saturating_duration_since(tried) >= REFRESH_MIN);
            if rested {
                entry.next = entry.next.min(at);
            }
        }
    }

    /// A peer said goodbye or its announcement expired. A connection is not touched.
    pub(super) fn withdrawn(&mut self, peer: DeviceId) {
        let target = Target::Peer(peer);
        if self.targets.get(&target).is_some_and(|e| !e.kept && e.failures > 0) {
            self.targets.remove(&target);
        }
    }

    /// What to do now. `is_free` says whether a peer may be dialed: not connected, not banned.
    pub(super) fn due(&mut self, now: Instant, is_free: impl Fn(&DeviceId) -> bool) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for (target, entry) in &mut self.targets {
            if entry.next > now || entry.looking_up {
                continue;
            }
            match target {
                Target::Peer(peer) if entry.in_flight.is_empty() && !entry.addresses.is_empty() && is_free(peer) => {
                    attempts.push(Attempt::Peer(*peer, entry.addresses.iter().cloned().collect()));
                }
                Target::Typed(text) if entry.peer.as_ref().is_none_or(&is_free) => {
                    if let Some(address) = entry.round.pop_front() {
                        entry.next = now + STAGGER;
                        attempts.push(Attempt::Address(text.clone(), address));
                    } else if entry.in_flight.is_empty() {
                        entry.looking_up = true;
                        entry.tried = Some(now);
                        attempts.push(Attempt::Lookup(text.clone()));
                    } else {
                        entry.next = now + STAGGER;
                    }
                }
                // Connected, banned or under way: look again in a while.
                _ => entry.next = now + BACKOFF_MAX,
            }
        }
        attempts
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.targets.values().filter(|e| !e.looking_up).map(|e| e.next).min()
    }

    /// What was typed stands for these addresses (none: the lookup failed).
    pub(super) fn resolved(&mut self, text: &str, addresses: Vec<Multiaddr>, now: Instant) {
        let wait = self.backoff(&Target::Typed(text.to_owned()));
        let Some(entry) = self.targets.get_mut(&Target::Typed(text.to_owned())) else { return };
        entry.looking_up = false;
        if addresses.is_empty() {
            entry.failures += 1;
            entry.next = now + wait;
        } else {
            entry.round = addresses.into();
            entry.next = now;
        }
    }

    /// A dial began.
    pub(super) fn started(&mut self, target: &Target, connection: ConnectionId, now: Instant) {
        if let Some(entry) = self.targets.get_mut(target) {
            entry.in_flight.push(connection);
            entry.tried = Some(now);
            if matches!(target, Target::Peer(_)) {
                entry.next = now + BACKOFF_MAX;
            }
        }
    }

    /// A dial could not even begin.
    pub(super) fn refused(&mut self, target: &Target, now: Instant) {
        self.failed_target(target, now);
    }

    /// A dial failed. Answers with what was typed, and how often it failed, when all its
    /// addresses failed.
    pub(super) fn failed(&mut self, connection: ConnectionId, now: Instant) -> Option<(String, u32)> {
        let target = self.take(connection)?;
        let failures = self.failed_target(&target, now)?;
        match target {
            Target::Typed(text) => Some((text, failures)),
            Target::Peer(_) => None,
        }
    }

    fn failed_target(&mut self, target: &Target, now: Instant) -> Option<u32> {
        let wait = self.backoff(target);
        let entry = self.targets.get_mut(target)?;
        if !entry.in_flight.is_empty() || !entry.round.is_empty() {
            return None;
        }
        entry.failures += 1;
        entry.next = now + wait;
        let failures = entry.failures;
        if !entry.kept && failures >= FORGET_AFTER {
            self.targets.remove(target);
        }
        Some(failures)
    }

    /// A dial succeeded. Answers with what was typed, if that was dialed.
    pub(super) fn established(&mut self, connection: ConnectionId, peer: DeviceId) -> Option<String> {
        let target = self.take(connection)?;
        let entry = self.targets.get_mut(&target)?;
        entry.failures = 0;
        entry.peer = Some(peer);
        entry.round.clear();
        match target {
            Target::Typed(text) => Some(text),
            Target::Peer(_) => None,
        }
    }

    /// The last connection to a peer is gone: redial soon.
    pub(super) fn disconnected(&mut self, peer: DeviceId, now: Instant) {
        let wait = self.jittered(BACKOFF_MIN);
        for (target, entry) in &mut self.targets {
            if *target == Target::Peer(peer) {
                entry.failures = 0;
                entry.next = now + wait;
            } else if entry.peer == Some(peer) {
                // After the peer's own addresses had their chance.
                entry.failures = 0;
                entry.next = now + wait + BACKOFF_MIN * 4;
            }
        }
    }

    /// The network changed, or the machine slept: try everything anew.
    pub(super) fn reset(&mut self, now: Instant) {
        for entry in self.targets.values_mut() {
            entry.failures = 0;
            entry.next = now;
        }
    }

    fn take(&mut self, connection: ConnectionId) -> Option<Target> {
        let (target, entry) = self.targets.iter_mut().find(|(_, entry)| entry.in_flight.contains(&connection))?;
        entry.in_flight.retain(|c| *c != connection);
        Some(target.clone())
    }

    fn backoff(&mut self, target: &Target) -> Duration {
        let failures = self.targets.get(target).map_or(0, |entry| entry.failures);
        let wait = BACKOFF_MIN.saturating_mul(1 << failures.min(6)).min(BACKOFF_MAX);
        self.jittered(wait)
    }

    /// Three to five quarters of the time, so that machines that start together do not stay in step.
    fn jittered(&mut self, wait: Duration) -> Duration {
        let part = f64::from(self.jitter.next_u32()) / f64::from(u32::MAX);
        wait.mul_f64(0.75 + part / 2.0)
    }
}

impl Entry {
    /// Whether something new was learnt.
    fn learn(&mut self, addresses: &[Multiaddr]) -> bool {
        let mut new = false;
        for address in addresses.iter().take(ADDRESSES_MAX).rev() {
            match self.addresses.iter().position(|known| known == address) {
                Some(at) => {
                    self.addresses.remove(at);
                }
                None => new = true,
            }
            self.addresses.push_front(address.clone());
        }
        self.addresses.truncate(ADDRESSES_MAX);
        new
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::{super::address::local, *};

    fn peer(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 32])
    }

    fn connection(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn machines_that_somebody_made_up_take_no_place_from_what_is_typed_or_announced() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        dialer.remember(peer(1), &[local(1)], now);
        for n in 0..u16::try_from(TARGETS_MAX).unwrap() + 50 {
            let mut id = [9; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            let made_up = Target::Peer(DeviceId::from_bytes(id));
            dialer.remember(DeviceId::from_bytes(id), &[local(2)], now);
            dialer.started(&made_up, connection(n.into()), now);
            dialer.failed(connection(n.into()), now);
        }
        assert_eq!(dialer.targets.len(), TARGETS_MAX);
        dialer.add_typed("192.168.1.5", now);
        dialer.announced(peer(2), &[local(3)], now, Duration::ZERO);
        let due = dialer.due(now, |_| true);
        for wanted in [
            Attempt::Lookup("192.168.1.5".to_owned()),
            Attempt::Peer(peer(2), vec![local(3)]),
            Attempt::Peer(peer(1), vec![local(1)]),
        ] {
            assert!(due.contains(&wanted), "{wanted:?}");
        }
        assert_eq!(dialer.targets.len(), TARGETS_MAX);
    }

    #[test]
    fn what_is_typed_has_a_place_also_where_everybody_answers() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        for n in 0..u16::try_from(TARGETS_MAX).unwrap() {
            let mut id = [9; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            dialer.remember(DeviceId::from_bytes(id), &[local(2)], now);
        }
        dialer.add_typed("192.168.1.5", now);
        assert!(dialer.due(now, |_| false).contains(&Attempt::Lookup("192.168.1.5".to_owned())));
    }

    #[test]
    fn waits_grow_from_half_a_second_to_half_a_minute() {
        let mut dialer = Dialer::new(1);
        let mut now = Instant::now();
        dialer.remember(peer(1), &[local(1)], now);
        let mut waits = Vec::new();
        for n in 0..10 {
            assert_eq!(dialer.due(now, |_| true), [Attempt::Peer(peer(1), vec![local(1)])]);
            dialer.started(&Target::Peer(peer(1)), connection(n), now);
            assert_eq!(dialer.due(now, |_| true), []);
            dialer.failed(connection(n), now);
            let next = dialer.next_due().unwrap();
            waits.push(next - now);
            now = next;
        }
        assert!(*waits.first().unwrap() < Duration::from_millis(700), "{waits:?}");
        assert!(*waits.last().unwrap() > Duration::from_secs(20), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait < BACKOFF_MAX * 2), "{waits:?}");
    }

    #[test]
    fn a_connected_peer_is_not_dialed_and_a_lost_one_soon_is() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        dialer.remember(peer(1), &[local(1)], now);
        assert_eq!(dialer.due(now, |_| false), []);
        dialer.disconnected(peer(1), now);
        assert_eq!(dialer.due(now, |_| true), []);
        assert_eq!(dialer.due(now + Duration::from_secs(1), |_| true).len(), 1);
    }

    #[test]
    fn a_change_of_the_network_ends_all_waiting() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        dialer.remember(peer(1), &[local(1)], now);
        for n in 0..8 {
            dialer.started(&Target::Peer(peer(1)), connection(n), now);
            dialer.failed(connection(n), now);
        }
        assert_eq!(dialer.due(now + Duration::from_secs(5), |_| true), []);
        dialer.reset(now + Duration::from_secs(5));
        assert_eq!(dialer.due(now + Duration::from_secs(5), |_| true).len(), 1);
    }

    #[test]
    fn the_addresses_of_a_typed_host_are_tried_one_after_the_other_until_one_answers() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        let typed = Target::Typed("host".into());
        dialer.add_typed("host", now);
        assert_eq!(dialer.due(now, |_| true), [Attempt::Lookup("host".into())]);
        assert_eq!(dialer.due(now, |_| true), []);
        dialer.resolved("host", vec![local(1), local(2), local(3)], now);
        assert_eq!(dialer.due(now, |_| true), [Attempt::Address("host".into(), local(1))]);
        dialer.started(&typed, connection(1), now);
        assert_eq!(dialer.due(now, |_| true), []);
        let later = now + STAGGER;
        assert_eq!(dialer.due(later, |_| true), [Attempt::Address("host".into(), local(2))]);
        dialer.started(&typed, connection(2), later);
        assert_eq!(dialer.established(connection(2), peer(2)), Some("host".into()));
        assert_eq!(dialer.due(later + STAGGER, |p| *p != peer(2)), []);
    }

    #[test]
    fn a_peer_known_only_from_an_announcement_is_forgotten_when_it_never_answers() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        dialer.announced(peer(1), &[local(1)], now, Duration::ZERO);
        for n in 0..FORGET_AFTER as usize {
            dialer.started(&Target::Peer(peer(1)), connection(n), now);
            dialer.failed(connection(n), now);
        }
        assert!(dialer.targets.is_empty());
    }

    #[test]
    fn a_flood_of_announcements_neither_grows_without_bound_nor_pushes_out_known_peers() {
        let mut dialer = Dialer::new(1);
        let now = Instant::now();
        dialer.remember(peer(255), &[local(1)], now);
        for n in 0..3000_u32 {
            let mut id = [0; 32];
            id.iter_mut().zip(n.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
            dialer.announced(DeviceId::from_bytes(id), &[local(1)], now, Duration::ZERO);
        }
        assert_eq!(dialer.targets.len(), TARGETS_MAX);
        assert!(dialer.targets.contains_key(&Target::Peer(peer(255))));
    }
}
