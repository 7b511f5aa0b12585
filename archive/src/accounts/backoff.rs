//! How long whoever tries passwords has to wait. Pure; the counts are kept by the store, so that a
//! restart forgives nothing.
//!
//! A try is counted before it is answered: with OPAQUE the asking side knows from the first answer
//! whether a password is right, and need not say so.

use crate::store::Tries;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Tries for one name.
    Name,
    /// Tries by one machine.
    Peer,
}

/// One try is forgiven after this long without another, in milliseconds.
const FORGIVE_EVERY_MS: u64 = 10 * 60 * 1_000;

impl Counted {
    /// Tries that nobody waits for: people mistype.
    const fn free(self) -> u32 {
        match self {
            Self::Name => 5,
            Self::Peer => 20,
        }
    }

    /// The longest wait between two tries, in milliseconds. A stranger who guesses makes a person wait
    /// this long, once for each of the stranger's machines that waits before the person's, and never on
    /// machines that are signed in.
    const fn longest(self) -> u64 {
        match self {
            Self::Name => 5 * 60 * 1_000,
            Self::Peer => 60 * 1_000,
        }
    }
}

/// Counts one more try, or tells how long to wait. Where there is a wait, whoever is not the next in line
/// waits `later` milliseconds longer.
pub(super) fn one_more(counted: Counted, tries: Tries, now: u64, later: u64) -> Result<Tries, u64> {
    // A clock that was set back does not lock anybody out.
    let passed = now.saturating_sub(tries.last);
    let forgiven = u32::try_from(passed / FORGIVE_EVERY_MS).unwrap_or(u32::MAX);
    let count = tries.count.saturating_sub(forgiven);
    let over = count.saturating_sub(counted.free());
    let wait = match over {
        0 => 0,
        over => counted.longest().min(1_000 << over.min(20)).saturating_add(later),
    };
    match wait.saturating_sub(passed) {
        left if left > 0 && now >= tries.last => Err(left),
        _ => Ok(with_count(Tries { last: now, ..tries }, count.saturating_add(1))),
    }
}

/// The same with another count.
pub(super) fn with_count(tries: Tries, count: u32) -> Tries {
    Tries { count, until: tries.last.saturating_add(FORGIVE_EVERY_MS.saturating_mul(count.into())), ..tries }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Tries as fast as allowed for a day; how many were.
    fn tries_in_a_day(counted: Counted) -> u32 {
        let (mut tries, mut now, mut done) = (Tries::default(), 1, 0);
        while now < 24 * 60 * 60 * 1_000 {
            match one_more(counted, tries, now, 0) {
                Ok(more) => (tries, done) = (more, done + 1),
                Err(wait) => now += wait,
            }
        }
        done
    }

    #[test]
    fn people_may_mistype_and_machines_may_not_guess() {
        let mut tries = Tries::default();
        for _ in 0..6 {
            tries = one_more(Counted::Name, tries, 1_000, 0).unwrap();
        }
        assert_eq!(one_more(Counted::Name, tries, 1_000, 0), Err(2_000));
        assert!(one_more(Counted::Name, tries, 3_000, 0).is_ok());
        // Who is not the next one waits longer, but only where there is something to wait for.
        assert_eq!(one_more(Counted::Name, tries, 3_000, 30_000), Err(30_000));
        assert!(one_more(Counted::Name, Tries::default(), 3_000, 30_000).is_ok());
        assert!(tries_in_a_day(Counted::Name) < 320, "{}", tries_in_a_day(Counted::Name));
        assert!(tries_in_a_day(Counted::Peer) < 1_600);
    }

    #[test]
    fn tries_are_forgiven_with_time_and_a_clock_set_back_locks_nobody_out() {
        let tries = with_count(Tries { last: 1_000_000_000, ..Tries::default() }, 30);
        assert_eq!(tries.until, 1_000_000_000 + 30 * FORGIVE_EVERY_MS);
        let later = one_more(Counted::Name, tries, 1_000_000_000 + 40 * FORGIVE_EVERY_MS, 0).unwrap();
        assert_eq!(later.count, 1);
        assert!(one_more(Counted::Name, tries, 5, 0).is_ok());
    }
}
