//! Connections that are being set up: how many there may be, and who gives way. A state machine without IO.
//!
//! Before its handshake nobody can tell who a connection is, only from where it comes. So places are
//! counted by address, addresses at which known devices were seen have places of their own, and where
//! there is none the connection that has waited longest gives way: a handshake on a LAN takes
//! milliseconds, and whoever holds places open without one only loses them.

use std::collections::{BTreeMap, HashMap};

use futures::future::AbortHandle;
use parlor_protocol::rate::{Rate, TokenBucket, TokenBuckets};
use web_time::Instant;

use super::super::source::Source;

/// Connections being set up from one address, and from all addresses where nobody known was seen.
const OF_SOURCE_MAX: usize = 64;
const OF_ALL_MAX: usize = 256;
/// The same from addresses where known devices were seen.
const OF_TRUSTED_SOURCE_MAX: usize = 128;
const OF_TRUSTED_MAX: usize = 256;
/// How many may begin: a handshake takes a third of a millisecond of a processor.
const RATE_OF_SOURCE: Rate = Rate::per_second(16, 64);
const RATE_OF_ALL: Rate = Rate::per_second(256, 1_024);
const RATE_OF_TRUSTED_SOURCE: Rate = Rate::per_second(256, 512);
/// Addresses that are counted by themselves, and addresses that are trusted.
const SOURCES_MAX: usize = 4_096;

/// How a connection comes. Whoever sends UDP can name any address as its own, so that both are counted
/// apart: nobody can take places of TCP for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Way {
    Tcp,
    Udp,
}

/// Where it comes from; without an address (no transport has that) all count as one.
pub(super) type From = (Way, Option<Source>);

#[derive(Debug)]
struct Waiting {
    from: From,
    trusted: bool,
    abort: AbortHandle,
}

/// See the module.
#[derive(Debug)]
pub(super) struct HalfOpen {
    began: Instant,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    sources: TokenBuckets<From>,
    trusted_sources: TokenBuckets<From>,
    all: TokenBucket,
    /// Addresses where known devices were seen, with when that was last.
    trusted: HashMap<Source, Instant>,
}

impl HalfOpen {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            waiting: BTreeMap::new(),
            next: 0,
            sources: TokenBuckets::new(RATE_OF_SOURCE, SOURCES_MAX, 0),
            trusted_sources: TokenBuckets::new(RATE_OF_TRUSTED_SOURCE, SOURCES_MAX, 0),
            all: TokenBucket::full(RATE_OF_ALL, 0),
            trusted: HashMap::new(),
        }
    }

    /// A known device was seen at this address.
    pub(super) fn trust(&mut self, source: Source, now: Instant) {
        if self.trusted.len() >= SOURCES_MAX && !self.trusted.contains_key(&source) {
            let oldest = self.trusted.iter().min_by_key(|(_, seen)| **seen).map(|(source, _)| *source);
            oldest.and_then(|source| self.trusted.remove(&source));
        }
        self.trusted.insert(source, now);
    }

    /// A connection begins; `abort` ends it. Answers with its number, or `None` when too many begin.
    pub(super) fn enter(&mut self, from: From, abort: AbortHandle, now: Instant) -> Option<u64> {
        let ms = u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        let trusted = from.1.is_some_and(|source| self.trusted.contains_key(&source));
        let allowed = if trusted {
            self.trusted_sources.of(from, ms).take(ms)
        } else {
            self.sources.of(from, ms).take(ms) && self.all.take(ms)
        };
        if !allowed {
            return None;
        }
        let (of_source, of_all) = match trusted {
            true => (OF_TRUSTED_SOURCE_MAX, OF_TRUSTED_MAX),
            false => (OF_SOURCE_MAX, OF_ALL_MAX),
        };
        self.make_room(of_source, |waiting| waiting.trusted == trusted && waiting.from == from);
        self.make_room(of_all, |waiting| waiting.trusted == trusted && waiting.from.0 == from.0);
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, Waiting { from, trusted, abort });
        Some(number)
    }

    /// The oldest gives way where there are as many as may be.
    fn make_room(&mut self, most: usize, is_like_it: impl Fn(&Waiting) -> bool) {
        let mut like_it = self.waiting.iter().filter(|(_, waiting)| is_like_it(waiting));
        let oldest = like_it.next().map(|(number, _)| *number);
        if like_it.count() + 1 >= most
            && let Some(gone) = oldest.and_then(|oldest| self.waiting.remove(&oldest))
        {
            gone.abort.abort();
        }
    }

    /// A connection is set up, or failed.
    pub(super) fn leave(&mut self, number: u64) {
        self.waiting.remove(&number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use web_time::Duration;

    fn from(n: u16) -> From {
        let [a, b] = n.to_be_bytes();
        (Way::Tcp, Some(Source::of([10, 0, a, b].into())))
    }

    /// Opens and stays silent: the handles of those that got in.
    fn open(half: &mut HalfOpen, from: From, many: usize, now: Instant) -> Vec<AbortHandle> {
        let one = |_| {
            let (abort, _) = AbortHandle::new_pair();
            half.enter(from, abort.clone(), now).map(|_| abort)
        };
        (0..many).filter_map(one).collect()
    }

    #[test]
    fn one_address_opens_only_so_many_and_others_get_in() {
        let now = Instant::now();
        let mut half = HalfOpen::new(now);
        assert_eq!(open(&mut half, from(1), 10_000, now).len() as u64, RATE_OF_SOURCE.burst());
        assert_eq!(half.waiting.len(), OF_SOURCE_MAX);
        let (member, _) = AbortHandle::new_pair();
        let number = half.enter(from(2), member.clone(), now).unwrap();
        open(&mut half, from(1), 10_000, now + Duration::from_secs(5));
        assert!(!member.is_aborted());
        half.leave(number);
        assert_eq!(half.waiting.len(), OF_SOURCE_MAX);
    }

    #[test]
    fn whoever_waits_longest_gives_way_and_a_handshake_has_its_time() {
        let now = Instant::now();
        let mut half = HalfOpen::new(now);
        let silent = open(&mut half, from(1), OF_SOURCE_MAX, now);
        let second = now + Duration::from_secs(1);
        let (member, _) = AbortHandle::new_pair();
        // From the very address of who fills it.
        half.enter(from(1), member.clone(), second).unwrap();
        assert!(silent.first().unwrap().is_aborted());
        // What comes in the next second pushes out others, not this one.
        open(&mut half, from(1), 10_000, second + Duration::from_secs(1));
        assert!(!member.is_aborted());
    }

    #[test]
    fn from_where_a_known_device_was_seen_it_gets_in_whatever_all_others_do() {
        let now = Instant::now();
        let mut half = HalfOpen::new(now);
        half.trust(from(9).1.unwrap(), now);
        let strangers = |half: &mut HalfOpen| (100..700).for_each(|n| drop(open(half, from(n), 100, now)));
        strangers(&mut half);
        let (member, _) = AbortHandle::new_pair();
        assert!(half.enter(from(9), member.clone(), now).is_some());
        strangers(&mut half);
        assert!(!member.is_aborted());
        assert!(half.waiting.len() <= OF_ALL_MAX + OF_TRUSTED_MAX);
    }

    #[test]
    fn who_forges_addresses_by_udp_takes_no_place_of_tcp() {
        let now = Instant::now();
        let mut half = HalfOpen::new(now);
        open(&mut half, (Way::Udp, from(1).1), 10_000, now);
        let (member, _) = AbortHandle::new_pair();
        assert!(half.enter(from(1), member.clone(), now).is_some());
        open(&mut half, (Way::Udp, from(1).1), 10_000, now + Duration::from_secs(1));
        assert!(!member.is_aborted());
    }

    #[test]
    fn only_so_many_addresses_are_remembered() {
        let now = Instant::now();
        let mut half = HalfOpen::new(now);
        for n in 0..u32::try_from(SOURCES_MAX).unwrap() + 9 {
            half.trust(Source::of(std::net::Ipv4Addr::from_bits(n).into()), now + Duration::from_millis(n.into()));
        }
        assert_eq!(half.trusted.len(), SOURCES_MAX);
        assert!(!half.trusted.contains_key(&Source::of([0, 0, 0, 0].into())), "the oldest is forgotten");
    }
}
