//! Hybrid logical clock: wall-clock time that never runs backwards within a conversation.
//!
//! After Kulkarni et al., "Logical Physical Clocks" (2014). Clocks on machines without
//! a network are wrong by years, so this orders the screen and decides nothing else.

use serde::{Deserialize, Serialize};

/// The first half of time that can be written, in milliseconds since 1970.
const FOLLOWED_MAX_MS: u64 = 1 << 47;

const COUNTER_BITS: u32 = 16;

/// A point in hybrid time: 48 bits of milliseconds since 1970, 16 bits of counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Hlc(u64);

impl Hlc {
    /// The point at a wall-clock time, in milliseconds since 1970.
    #[must_use]
    pub const fn at(millis: u64) -> Self {
        let max = u64::MAX >> COUNTER_BITS;
        Self(if millis > max { max } else { millis } << COUNTER_BITS)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The raw 64 bits.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From the raw 64 bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The next point for a message written now: later than everything that is followed.
    #[must_use]
    pub fn next(self, now_ms: u64) -> Self {
        Self::at(now_ms).max(Self(self.0.saturating_add(1)))
    }

    /// The later of this point and another one that was seen, which is how order keeps to cause and
    /// effect even when a clock is years off. A point in the last half of time is not followed:
    /// nobody has such a clock by mistake, and everyone's clock would stop at the end.
    #[must_use]
    pub fn follow(self, seen: Self) -> Self {
        if seen.millis() < FOLLOWED_MAX_MS { self.max(seen) } else { self }
    }
}
