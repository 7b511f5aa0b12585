//! Rates: how much may be asked for over time. The one token bucket of all crates.
//!
//! Pure: time is an argument, in milliseconds of a clock that never runs backwards (where one does,
//! nothing is refilled). Everything is counted in whole numbers, so that a simulation repeats exactly.
//! See "token bucket" in RFC 2697, section 3, for the field's own description.

use std::{collections::HashMap, hash::Hash};

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    amount: u64,
    every_ms: u64,
    burst: u64,
}

impl Rate {
    /// So many tokens a second, and so many at once.
    #[must_use]
    pub const fn per_second(amount: u64, burst: u64) -> Self {
        Self::new(amount, 1_000, burst)
    }

    /// One token every so many milliseconds, and so many at once.
    #[must_use]
    pub const fn one_every(ms: u64, burst: u64) -> Self {
        Self::new(1, ms, burst)
    }

    /// So many tokens every so many milliseconds, and so many at once.
    #[must_use]
    pub const fn new(amount: u64, every_ms: u64, burst: u64) -> Self {
        Self { amount, every_ms: if every_ms == 0 { 1 } else { every_ms }, burst }
    }

    /// Tokens that may be taken at once.
    #[must_use]
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// So many times as much, for those who share a bucket.
    #[must_use]
    pub const fn times(self, n: u64) -> Self {
        Self::new(self.amount.saturating_mul(n), self.every_ms, self.burst.saturating_mul(n))
    }

    /// A number of tokens in the bucket's unit: a token is as many parts as a period has milliseconds,
    /// so that every millisecond fills a whole number of them.
    fn parts(self, tokens: u64) -> i64 {
        i64::try_from(tokens.saturating_mul(self.every_ms)).unwrap_or(i64::MAX)
    }
}

/// A bucket that fills with time and is emptied by use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    rate: Rate,
    /// In parts of a token, see [`Rate`]. Below zero there is a debt.
    level: i64,
    filled: u64,
}

impl TokenBucket {
    /// A full one.
    #[must_use]
    pub fn full(rate: Rate, now_ms: u64) -> Self {
        Self { rate, level: rate.parts(rate.burst), filled: now_ms }
    }

    /// Takes one token; false when there is none.
    pub fn take(&mut self, now_ms: u64) -> bool {
        self.take_many(1, now_ms)
    }

    /// Takes tokens; false, and none is taken, when there are not as many. What is more than the bucket
    /// holds passes when it is full, and leaves a debt.
    pub fn take_many(&mut self, tokens: u64, now_ms: u64) -> bool {
        let allowed = self.wait_ms(tokens, now_ms) == 0;
        if allowed {
            self.level = self.level.saturating_sub(self.rate.parts(tokens));
        }
        allowed
    }

    /// How many milliseconds it takes until so many tokens can be taken; 0 when they can be now.
    pub fn wait_ms(&mut self, tokens: u64, now_ms: u64) -> u64 {
        self.fill(now_ms);
        let missing = self.rate.parts(tokens.min(self.rate.burst)).saturating_sub(self.level);
        match u64::try_from(missing) {
            Ok(missing) if missing > 0 => match self.rate.amount {
                0 => u64::MAX,
                amount => missing.div_ceil(amount),
            },
            _ => 0,
        }
    }

    /// Takes tokens whether they are there or not. No debt becomes larger than `most` tokens.
    pub fn charge(&mut self, tokens: u64, most: u64, now_ms: u64) {
        self.fill(now_ms);
        let floor = self.rate.parts(most).saturating_neg();
        self.level = self.level.saturating_sub(self.rate.parts(tokens)).max(floor);
    }

    /// Whether nothing was taken that has not come back: such a bucket need not be remembered.
    pub fn is_full(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        self.level >= self.rate.parts(self.rate.burst)
    }

    fn fill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.filled);
        self.filled = self.filled.max(now_ms);
        let more = i64::try_from(passed.saturating_mul(self.rate.amount)).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(more).min(self.rate.parts(self.rate.burst));
    }
}

/// A bucket for each of many, such as addresses. At most so many are remembered; those for whom there is
/// no place share one, so that whoever has many names gains nothing by the last of them.
#[derive(Clone, Debug)]
pub struct TokenBuckets<K> {
    rate: Rate,
    most: usize,
    buckets: HashMap<K, TokenBucket>,
    shared: TokenBucket,
    tidied: u64,
}

/// How often buckets that are full again are looked for, in milliseconds.
const TIDY_EVERY_MS: u64 = 1_000;

impl<K: Eq + Hash> TokenBuckets<K> {
    /// With a place for so many.
    #[must_use]
    pub fn new(rate: Rate, most: usize, now_ms: u64) -> Self {
        Self { rate, most, buckets: HashMap::new(), shared: TokenBucket::full(rate, now_ms), tidied: now_ms }
    }

    /// The bucket of one.
    pub fn of(&mut self, key: K, now_ms: u64) -> &mut TokenBucket {
        if self.buckets.len() >= self.most && !self.buckets.contains_key(&key) {
            self.tidy(now_ms);
            if self.buckets.len() >= self.most {
                return &mut self.shared;
            }
        }
        let rate = self.rate;
        self.buckets.entry(key).or_insert_with(|| TokenBucket::full(rate, now_ms))
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    fn tidy(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.tidied) >= TIDY_EVERY_MS {
            self.tidied = now_ms;
            self.buckets.retain(|_, bucket| !bucket.is_full(now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_as_much_as_time_brings() {
        let mut bucket = TokenBucket::full(Rate::per_second(2, 10), 5_000);
        assert_eq!((0..100).filter(|_| bucket.take(5_000)).count(), 10);
        assert_eq!(bucket.wait_ms(1, 5_000), 500);
        assert!(!bucket.take(5_499));
        assert!(bucket.take(5_500));
        assert_eq!((0..100).filter(|_| bucket.take(3_600_000)).count(), 10, "it holds no more than a burst");
    }

    #[test]
    fn slow_rates_are_exact() {
        let mut bucket = TokenBucket::full(Rate::one_every(3, 1), 0);
        // Asked every millisecond, one passes in three: nothing is lost or won by rounding.
        assert_eq!((0..3_000).filter(|now| bucket.take(*now)).count(), 1_000);
        let mut daily = TokenBucket::full(Rate::new(24, 24 * 60 * 60 * 1_000, 24), 0);
        assert!(daily.take_many(24, 0));
        assert_eq!(daily.wait_ms(1, 0), 60 * 60 * 1_000);
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_when_it_is_full_and_leaves_a_debt() {
        let mut bucket = TokenBucket::full(Rate::per_second(10, 20), 0);
        assert!(bucket.take_many(50, 0));
        assert_eq!(bucket.wait_ms(1, 0), 3_100);
        assert!(!bucket.take_many(50, 4_999));
        assert!(bucket.take_many(50, 5_000));
    }

    #[test]
    fn fines_add_up_to_a_debt_that_is_bounded() {
        let mut bucket = TokenBucket::full(Rate::per_second(10, 20), 0);
        (0..100).for_each(|_| bucket.charge(20, 20, 0));
        assert_eq!(bucket.wait_ms(1, 0), 2_100);
        assert!(bucket.take(2_100));
    }

    #[test]
    fn a_clock_that_runs_back_refills_nothing_and_one_that_jumps_far_fills_one_bucket() {
        let mut bucket = TokenBucket::full(Rate::per_second(1, 1), 10_000);
        assert!(bucket.take(10_000));
        assert!(!bucket.take(0));
        assert!(bucket.take(u64::MAX));
        assert!(!bucket.take(u64::MAX));
        let mut never = TokenBucket::full(Rate::per_second(0, 1), 0);
        assert!(never.take(0));
        assert_eq!(never.wait_ms(1, 0), u64::MAX);
    }

    #[test]
    fn each_has_a_bucket_and_those_without_a_place_share_one() {
        let mut buckets = TokenBuckets::new(Rate::one_every(1_000, 1), 2, 0);
        assert!(buckets.of("anna", 0).take(0));
        assert!(!buckets.of("anna", 0).take(0));
        assert!(buckets.of("ben", 0).take(0));
        // More names than places: all the others together get one.
        assert!(buckets.of("clara", 0).take(0));
        assert!(!buckets.of("dora", 0).take(0));
        // Whoever has everything back is forgotten first.
        assert!(buckets.of("dora", 1_000).take(1_000));
        assert!(buckets.of("clara", 1_000).take(1_000));
        assert_eq!(buckets.len(), 2);
    }
}
