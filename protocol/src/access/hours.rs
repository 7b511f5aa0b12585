//! Times in whole hours: what a code, a visit and a wrapped key end at.

use serde::{Deserialize, Serialize};

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The end of something, in hours since 1970; 0 when it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Hours(pub u32);

impl Hours {
    /// No end.
    pub const NONE: Self = Self(0);

    /// The first full hour that is not before a time in milliseconds since 1970.
    #[must_use]
    pub fn rounded_up(at_ms: u64) -> Self {
        Self(u32::try_from(at_ms.div_ceil(HOUR_MS)).unwrap_or(u32::MAX).max(1))
    }

    /// The time in milliseconds since 1970, where there is an end.
    #[must_use]
    pub fn end_ms(self) -> Option<u64> {
        (self != Self::NONE).then(|| u64::from(self.0) * HOUR_MS)
    }

    /// Whether it lies before a time in milliseconds since 1970, by more than a grace in milliseconds.
    #[must_use]
    pub fn is_past(self, now_ms: u64, grace_ms: u64) -> bool {
        self.end_ms().is_some_and(|end| now_ms > end.saturating_add(grace_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_the_hour_that_is_full_next() {
        assert_eq!(Hours::rounded_up(2 * HOUR_MS), Hours(2));
        assert_eq!(Hours::rounded_up(2 * HOUR_MS + 1), Hours(3));
        assert_eq!(Hours::rounded_up(u64::MAX), Hours(u32::MAX));
        assert_eq!(Hours::rounded_up(0), Hours(1), "no time means no end");
        assert!(!Hours(2).is_past(2 * HOUR_MS, 0) && Hours(2).is_past(2 * HOUR_MS + 1, 0));
        assert!(!Hours(2).is_past(2 * HOUR_MS + 5, 5) && !Hours::NONE.is_past(u64::MAX, 0));
    }
}
