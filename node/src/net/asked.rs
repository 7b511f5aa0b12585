//! Requests of peers that wait for our answer, and how many strangers may make.
//!
//! Known devices have places that strangers cannot take, and a rate each. Strangers are counted by address
//! and all together, in number and in bytes, because a new key costs nothing.

use std::collections::HashMap;

use bytes::Bytes;
use libp2p::request_response::{InboundRequestId, ResponseChannel};
use parlor_protocol::rate::{Rate, TokenBucket, TokenBuckets};
use web_time::Instant;

use super::{command::InboundId, source::Source};

/// Most requests of known devices that wait for our answer.
const KNOWN_MAX: usize = 1_024;
/// The same of all strangers, and of those at one address.
const STRANGERS: Load = Load { requests: 256, bytes: 16 * 1024 * 1024 };
const OF_SOURCE: Load = Load { requests: 64, bytes: 4 * 1024 * 1024 };
/// Requests that strangers may make on average and at once: those at one address, and all of them.
const RATE_OF_SOURCE: Rate = Rate::per_second(50, 200);
const RATE_OF_ALL: Rate = Rate::per_second(400, 800);
/// Addresses that are counted by themselves; the rest shares one count.
const SOURCES_MAX: usize = 1_024;

/// Requests, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    requests: usize,
    bytes: usize,
}

impl Load {
    fn fits(self, bytes: usize, most: Self) -> bool {
        self.requests < most.requests && self.bytes.saturating_add(bytes) <= most.bytes
    }

    fn add(&mut self, bytes: usize) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn subtract(&mut self, bytes: usize) {
        self.requests = self.requests.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Known,
    /// From where, as far as that can be told.
    Stranger(Option<Source>),
}

#[derive(Debug)]
struct Waiting {
    wire: InboundRequestId,
    channel: ResponseChannel<Bytes>,
    from: From,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Asked {
    began: Instant,
    waiting: HashMap<InboundId, Waiting>,
    names: HashMap<InboundRequestId, InboundId>,
    counts: Counts,
    next: u64,
}

/// Who has how much under way, and what strangers may still ask.
#[derive(Debug)]
struct Counts {
    known: usize,
    strangers: Load,
    sources: HashMap<Option<Source>, Load>,
    rates: TokenBuckets<Option<Source>>,
    rate: TokenBucket,
}

impl Counts {
    fn new() -> Self {
        Self {
            known: 0,
            strangers: Load::default(),
            sources: HashMap::new(),
            rates: TokenBuckets::new(RATE_OF_SOURCE, SOURCES_MAX, 0),
            rate: TokenBucket::full(RATE_OF_ALL, 0),
        }
    }

    fn enter(&mut self, from: From, bytes: usize, ms: u64) -> bool {
        match from {
            From::Known => {
                let fits = self.known < KNOWN_MAX;
                self.known += usize::from(fits);
                fits
            }
            From::Stranger(source) => {
                let own = self.sources.get(&source).copied().unwrap_or_default();
                let fits = own.fits(bytes, OF_SOURCE) && self.strangers.fits(bytes, STRANGERS);
                let allowed = fits && self.rates.of(source, ms).take(ms) && self.rate.take(ms);
                if allowed {
                    self.strangers.add(bytes);
                    self.sources.entry(source).or_default().add(bytes);
                }
                allowed
            }
        }
    }

    fn leave(&mut self, from: From, bytes: usize) {
        match from {
            From::Known => self.known = self.known.saturating_sub(1),
            From::Stranger(source) => {
                self.strangers.subtract(bytes);
                if let Some(own) = self.sources.get_mut(&source) {
                    own.subtract(bytes);
                    if own.requests == 0 {
                        self.sources.remove(&source);
                    }
                }
            }
        }
    }
}

impl Asked {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, waiting: HashMap::new(), names: HashMap::new(), counts: Counts::new(), next: 0 }
    }

    /// Takes a request of so many bytes. `None` when too many wait, or come: dropping the channel tells the
    /// peer.
    pub(super) fn push(
        &mut self,
        wire: InboundRequestId,
        channel: ResponseChannel<Bytes>,
        from: From,
        bytes: usize,
        now: Instant,
    ) -> Option<InboundId> {
        let ms = u64::try_from(now.saturating_duration_since(self.began).as_millis()).unwrap_or(u64::MAX);
        if !self.counts.enter(from, bytes, ms) {
            return None;
        }
        let id = InboundId(self.next);
        self.next += 1;
        self.waiting.insert(id, Waiting { wire, channel, from, bytes });
        self.names.insert(wire, id);
        Some(id)
    }

    /// Where the answer goes.
    pub(super) fn take(&mut self, id: InboundId) -> Option<ResponseChannel<Bytes>> {
        let waiting = self.waiting.remove(&id)?;
        self.names.remove(&waiting.wire);
        self.counts.leave(waiting.from, waiting.bytes);
        Some(waiting.channel)
    }

    /// The request failed before it was answered.
    pub(super) fn failed(&mut self, wire: InboundRequestId) {
        if let Some(id) = self.names.get(&wire).copied() {
            self.take(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(n: u8) -> From {
        From::Stranger(Some(Source::of([10, 0, 0, n].into())))
    }

    #[test]
    fn strangers_at_one_address_have_only_so_much_under_way_and_all_together_have() {
        let mut counts = Counts::new();
        let small = (0..1_000).filter(|_| counts.enter(stranger(1), 100, 0)).count();
        assert_eq!(small, OF_SOURCE.requests);
        let large = (0..1_000).filter(|_| counts.enter(stranger(2), 1024 * 1024, 0)).count();
        assert_eq!(large, 4);
        for n in 3..=255 {
            while counts.enter(stranger(n), 64 * 1024, 0) {}
        }
        assert!(counts.strangers.requests <= STRANGERS.requests && counts.strangers.bytes <= STRANGERS.bytes);
        // Known devices are not kept out by that.
        assert!((0..KNOWN_MAX).all(|_| counts.enter(From::Known, 1024 * 1024, 0)));
        assert!(!counts.enter(From::Known, 1, 0));
        counts.leave(From::Known, 1);
        assert!(counts.enter(From::Known, 1, 0));
    }

    #[test]
    fn whoever_is_answered_may_ask_again_until_it_asked_too_often() {
        let mut counts = Counts::new();
        let asked = (0..10_000).take_while(|_| {
            let allowed = counts.enter(stranger(1), 100, 0);
            counts.leave(stranger(1), 100);
            allowed
        });
        assert_eq!(asked.count() as u64, RATE_OF_SOURCE.burst());
        assert!(counts.enter(stranger(2), 100, 0) && counts.enter(stranger(1), 100, 1_000));
        counts.leave(stranger(1), 100);
        counts.leave(stranger(2), 100);
        assert!(counts.sources.is_empty() && counts.strangers == Load::default(), "nothing is left over");
    }

    #[test]
    fn a_crowd_of_addresses_asks_no_more_than_one_crowd_may() {
        let mut counts = Counts::new();
        let mut asked = 0;
        for n in 0..=255 {
            while counts.enter(stranger(n), 100, 0) {
                counts.leave(stranger(n), 100);
                asked += 1;
            }
        }
        assert_eq!(asked, RATE_OF_ALL.burst());
    }
}
