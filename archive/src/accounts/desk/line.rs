//! Turns of those who have to wait for a name. While somebody guesses, a try is let through only now and
//! then; if it were whoever comes first, a stranger who asks all the time would get every one, and the
//! person who knows the password none. So machines that were told to wait stand in line, and each place
//! further back waits a little longer. Who was let through, or did not ask for a while, is out of it.
//!
//! A line belongs to a place, so it says nothing about which names there are. It is in memory only: after
//! a restart it begins anew. Of one address only a few stand in it: a stranger has to bring as many addresses
//! as it wants to be ahead by, for keys cost nothing.

use parlor_protocol::DeviceId;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{source::Source, store::TryPlace};

/// How much later than the one before it a machine may try, in milliseconds: enough to press a button.
const TURN_MS: u64 = 30_000;
/// The longest that somebody far back waits for those who do not come.
const LATEST_MS: u64 = 10 * TURN_MS;
/// Who did not ask for so long gave up, in milliseconds.
const STAYS_MS: u64 = 15 * 60 * 1_000;
/// Machines in a line; more try as they come.
const LINE_MAX: usize = 128;
/// Of those, machines of one address.
const OF_ADDRESS_MAX: usize = 4;
/// Lines; beyond that the one is forgotten in which nobody asked for the longest time.
const LINES_MAX: usize = 4_096;

/// A machine, where it is, and when it asked last.
type Standing = (DeviceId, Source, u64);

/// The lines of all places.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<TryPlace, Vec<Standing>>>);

impl Lines {
    /// How much later than the first one a machine may try, in milliseconds.
    pub(super) fn later(&self, place: TryPlace, machine: DeviceId, now: u64) -> u64 {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.get(&place).into_iter().flatten();
        let there = line.filter(|(.., asked)| now.saturating_sub(*asked) <= STAYS_MS);
        let before = there.take_while(|(standing, ..)| *standing != machine).count();
        u64::try_from(before).map_or(LATEST_MS, |before| LATEST_MS.min(before.saturating_mul(TURN_MS)))
    }

    /// A machine was told to wait.
    pub(super) fn stand(&self, place: TryPlace, machine: DeviceId, source: Source, now: u64) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES_MAX && !lines.contains_key(&place) {
            let last = |line: &[Standing]| line.iter().map(|(.., asked)| *asked).max();
            let quiet = lines.iter().min_by_key(|(_, line)| last(line)).map(|(place, _)| *place);
            quiet.and_then(|quiet| lines.remove(&quiet));
        }
        let line = lines.entry(place).or_default();
        line.retain(|(.., asked)| now.saturating_sub(*asked) <= STAYS_MS);
        let of_address = line.iter().filter(|(_, other, _)| *other == source).count();
        if let Some((.., asked)) = line.iter_mut().find(|(standing, ..)| *standing == machine) {
            *asked = now;
        } else if line.len() < LINE_MAX && of_address < OF_ADDRESS_MAX {
            line.push((machine, source, now));
        }
    }

    /// A machine was let through.
    pub(super) fn leave(&self, place: TryPlace, machine: DeviceId) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(&place) {
            line.retain(|(standing, ..)| *standing != machine);
            if line.is_empty() {
                lines.remove(&place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(seed: u16) -> DeviceId {
        let [a, b] = seed.to_be_bytes();
        DeviceId::from_bytes([[a; 16], [b; 16]].concat().try_into().unwrap_or_default())
    }

    fn at(address: u16) -> Source {
        let [a, b] = address.to_be_bytes();
        Source::V4([10, 0, a, b].into())
    }

    #[test]
    fn who_waits_keeps_its_turn_and_who_comes_later_stands_behind() {
        let (lines, place) = (Lines::default(), TryPlace(7));
        assert_eq!(lines.later(place, machine(1), 5), 0);
        lines.stand(place, machine(1), at(1), 5);
        lines.stand(place, machine(2), at(2), 6);
        lines.stand(place, machine(1), at(1), 7);
        assert_eq!((lines.later(place, machine(1), 8), lines.later(place, machine(2), 8)), (0, TURN_MS));
        assert_eq!(lines.later(place, machine(3), 8), 2 * TURN_MS);
        assert_eq!(lines.later(TryPlace(8), machine(3), 8), 0, "another place");
        lines.leave(place, machine(1));
        assert_eq!((lines.later(place, machine(2), 8), lines.later(place, machine(1), 8)), (0, TURN_MS));
    }

    #[test]
    fn many_machines_at_one_address_take_only_a_few_turns() {
        let (lines, place) = (Lines::default(), TryPlace(7));
        (0..100).for_each(|n| lines.stand(place, machine(n), at(1), 5));
        lines.stand(place, machine(200), at(2), 6);
        assert_eq!(lines.later(place, machine(200), 7), OF_ADDRESS_MAX as u64 * TURN_MS);
    }

    #[test]
    fn who_gave_up_holds_up_nobody() {
        let (lines, place) = (Lines::default(), TryPlace(7));
        lines.stand(place, machine(1), at(1), 5);
        lines.stand(place, machine(2), at(2), STAYS_MS);
        assert_eq!(lines.later(place, machine(2), STAYS_MS + 5), TURN_MS);
        assert_eq!(lines.later(place, machine(2), STAYS_MS + 6), 0);
    }

    #[test]
    fn lines_are_bounded() {
        let lines = Lines::default();
        (0..1_000).for_each(|n| lines.stand(TryPlace(0), machine(n), at(n), 5));
        assert_eq!(lines.later(TryPlace(0), machine(999), 5), LATEST_MS);
        (1..5_000).for_each(|n| lines.stand(TryPlace(n), machine(1), at(1), 6));
        let held = lines.0.lock().map(|lines| (lines.len(), lines.contains_key(&TryPlace(0))));
        assert_eq!(held.unwrap_or_default(), (LINES_MAX, false));
    }
}
