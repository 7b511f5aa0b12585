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

mod hearsay;

use hearsay::Hearsay;

/// The first wait after a failure or a lost connection.
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// The longest wait: someone who comes back is not kept waiting for long.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Between the addresses of one typed host: QUIC answers within this on a LAN.
const STAGGER: Duration = Duration::from_millis(250);
/// How soon after another try a new announcement may cause a dial.
const REFRESH_MIN: Duration = Duration::from_secs(1);
/// Most addresses of one peer that others named, and most where it was reached itself; newest first.
const ADDRESSES_MAX: usize = 8;
const PROVEN_MAX: usize = 4;
/// Most targets: the devices of a large site.
const TARGETS_MAX: usize = 1024;
/// After so many failures a peer that is only known from an announcement is forgotten.
const FORGET_AFTER: u32 = 8;
/// How often what others say of a device may end its waiting: new addresses cost nothing.
const FORGIVE_EVERY: Duration = Duration::from_secs(60);

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
    /// Where the peer itself answered. What others name does not push these out.
    proven: VecDeque<Multiaddr>,
    /// What was announced or said.
    heard: VecDeque<Multiaddr>,
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
    /// When what others said of it ended its waiting.
    forgiven: Option<Instant>,
    next: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dialer {
    targets: HashMap<Target, Entry>,
    hearsay: Hearsay,
    jitter: ChaCha8Rng,
}

impl Dialer {
    pub(super) fn new(seed: u64, now: Instant) -> Self {
        let jitter = ChaCha8Rng::seed_from_u64(seed);
        Self { targets: HashMap::new(), hearsay: Hearsay::new(now), jitter }
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
            proven: VecDeque::new(),
            heard: VecDeque::new(),
            round: VecDeque::new(),
            peer: None,
            kept: false,
            looking_up: false,
            in_flight: Vec::new(),
            failures: 0,
            tried: None,
            forgiven: None,
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

    /// A peer that is known was at these addresses earlier, or was reached there now.
    pub(super) fn remember(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant) {
        if let Some(entry) = self.entry(Target::Peer(peer), now) {
            entry.kept = true;
            learn(&mut entry.proven, addresses, PROVEN_MAX);
        }
    }

    /// Whether a peer is one to come back to: it is known, or it is not any more.
    pub(super) fn keep(&mut self, peer: DeviceId, kept: bool) {
        if let Some(entry) = self.targets.get_mut(&Target::Peer(peer)) {
            entry.kept = kept;
        }
    }

    /// A peer that is connected says where it listens. Of what is new only so much is taken, and nothing is
    /// dialed sooner for it.
    pub(super) fn said(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant) {
        let taken = self.take_hearsay(peer, addresses, now);
        if !taken.is_empty()
            && let Some(entry) = self.entry(Target::Peer(peer), now)
        {
            learn(&mut entry.heard, &taken, ADDRESSES_MAX);
        }
    }

    /// A peer announced itself. The dial waits for `delay` so that not both sides dial.
    pub(super) fn announced(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant, delay: Duration) {
        let taken = self.take_hearsay(peer, addresses, now);
        if taken.is_empty() {
            return;
        }
        let at = now + delay;
        if let Some(entry) = self.entry(Target::Peer(peer), at) {
            learn(&mut entry.heard, &taken, ADDRESSES_MAX);
            let rested = entry.tried.is_none_or(|tried| at.saturating_duration_since(tried) >= REFRESH_MIN);
            // Somebody who is back need not wait. A stranger that fails is believed once a minute only,
            // because announcing costs nothing.
            let last = entry.forgiven.filter(|_| !entry.kept && entry.failures > 0);
            if rested && last.is_none_or(|last| now.saturating_duration_since(last) >= FORGIVE_EVERY) {
                entry.forgiven = Some(now);
                entry.next = entry.next.min(at);
            }
        }
    }

    /// The addresses that are known already, and as many of the new ones as may be taken now.
    fn take_hearsay(&mut self, peer: DeviceId, addresses: &[Multiaddr], now: Instant) -> Vec<Multiaddr> {
        let known = self.targets.get(&Target::Peer(peer));
        let mut may =
            |address: &&Multiaddr| known.is_some_and(|known| known.has(address)) || self.hearsay.takes(address, now);
        addresses.iter().take(ADDRESSES_MAX).filter(|address| may(address)).cloned().collect()
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
                Target::Peer(peer) if entry.in_flight.is_empty() && !entry.is_nowhere() && is_free(peer) => {
                    attempts.push(Attempt::Peer(*peer, entry.addresses()));
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

    /// Who answered where a person typed.
    pub(super) fn typed_peers(&self) -> impl Iterator<Item = DeviceId> {
        self.targets.iter().filter(|(target, _)| matches!(target, Target::Typed(_))).filter_map(|(_, entry)| entry.peer)
    }

    /// The last connection to a peer is gone: redial soon, or, where it is nobody to come back to, later.
    pub(super) fn disconnected(&mut self, peer: DeviceId, now: Instant) {
        let (wait, long) = (self.jittered(BACKOFF_MIN), self.jittered(BACKOFF_MAX));
        for (target, entry) in &mut self.targets {
            if *target == Target::Peer(peer) {
                entry.failures = 0;
                entry.next = now + if entry.kept { wait } else { long };
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
    fn has(&self, address: &Multiaddr) -> bool {
        self.proven.contains(address) || self.heard.contains(address)
    }

    fn is_nowhere(&self) -> bool {
        self.proven.is_empty() && self.heard.is_empty()
    }

    /// Where to dial: where it answered before comes first.
    fn addresses(&self) -> Vec<Multiaddr> {
        let others = self.heard.iter().filter(|address| !self.proven.contains(address));
        self.proven.iter().chain(others).cloned().collect()
    }
}

/// Puts addresses at the front, and lets go what is too much.
fn learn(known: &mut VecDeque<Multiaddr>, addresses: &[Multiaddr], most: usize) {
    for address in addresses.iter().take(most).rev() {
        known.retain(|other| other != address);
        known.push_front(address.clone());
    }
    known.truncate(most);
}

#[cfg(test)]
mod tests;
