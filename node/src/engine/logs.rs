//! The logs of one room as the engine holds them: heights, sessions, entries that wait for a gap
//! to close.

use parlor_protocol::{
    DeviceId, LogId, LogKey,
    entry::{Entry, Verified},
    limits::FURTHER_LOGS_MAX,
    log::{Height, Heights, may_open},
};
use std::collections::{BTreeMap, HashMap};

use super::{moderating::Said, steps::Sessions};

/// Entries of one log that may wait for a gap to close: gossip overtakes itself, but not by much.
const HELD_MAX: usize = 64;
/// Entries of all logs of a room that may wait.
const HELD_ROOM_MAX: usize = 1024;

/// Why a log takes no more entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frozen {
    /// Its device wrote two entries for one place.
    Forked,
    /// It holds something that no honest device writes.
    Invalid,
    /// The disk refused some of its entries; they are tried again.
    Unsaved,
}

/// One log.
#[derive(Debug)]
pub(super) struct LogState {
    pub(super) height: Height,
    pub(super) durable: u64,
    pub(super) frozen: Option<Frozen>,
    /// Where it ends: what lies beyond is neither kept nor passed on, because its device was removed or
    /// shut out.
    pub(super) end: Option<Height>,
    /// Where it stops to count, because its device went out; at its end at the latest.
    pub(super) cut: Option<Height>,
    /// The sessions that seal the newest entries.
    pub(super) sessions: Sessions,
    /// When its newest text that kept the room's pace was written.
    pub(super) said: Option<Said>,
    held: BTreeMap<u64, Verified<Entry>>,
}

impl Default for LogState {
    fn default() -> Self {
        Self {
            height: Height::EMPTY,
            durable: 0,
            frozen: None,
            end: None,
            cut: None,
            sessions: Sessions::default(),
            said: None,
            held: BTreeMap::new(),
        }
    }
}

impl LogState {
    /// How far it is compared and served: up to its end.
    pub(super) fn counted(&self) -> Height {
        self.end.filter(|end| end.next < self.height.next).unwrap_or(self.height)
    }

    /// How far it is shown.
    pub(super) fn shown(&self) -> u64 {
        self.cut.map_or(self.height.next, |cut| cut.next.min(self.height.next))
    }

    /// How much of it that is durable is given to others.
    pub(super) fn durable(&self) -> u64 {
        self.end.map_or(self.durable, |end| end.next.min(self.durable))
    }
}

/// All logs of a room.
#[derive(Debug, Default)]
pub(super) struct Logs {
    logs: BTreeMap<LogKey, LogState>,
    held: usize,
}

impl Logs {
    pub(super) fn from_heights(heights: &Heights) -> Self {
        let logs = heights
            .iter()
            .map(|(key, height)| (*key, LogState { height: *height, durable: height.next, ..LogState::default() }))
            .collect();
        Self { logs, held: 0 }
    }

    pub(super) fn get(&self, key: LogKey) -> Option<&LogState> {
        self.logs.get(&key)
    }

    pub(super) fn entry(&mut self, key: LogKey) -> &mut LogState {
        self.logs.entry(key).or_default()
    }

    pub(super) fn height(&self, key: LogKey) -> Height {
        self.logs.get(&key).map_or(Height::EMPTY, |log| log.height)
    }

    /// How far a log counts.
    pub(super) fn counted(&self, key: LogKey) -> Height {
        self.logs.get(&key).map_or(Height::EMPTY, LogState::counted)
    }

    /// Whether a log ends at or before a place.
    pub(super) fn ends_before(&self, key: LogKey, seq: u64) -> bool {
        self.logs.get(&key).and_then(|log| log.end).is_some_and(|end| end.next <= seq)
    }

    pub(super) fn is_frozen(&self, key: LogKey) -> bool {
        self.logs.get(&key).is_some_and(|log| log.frozen.is_some())
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&LogKey, &mut LogState)> {
        self.logs.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&LogKey, &LogState)> {
        self.logs.iter()
    }

    pub(super) fn of(&self, author: DeviceId) -> impl Iterator<Item = (&LogKey, &LogState)> {
        self.logs.iter().filter(move |(key, _)| key.author == author)
    }

    /// Whether a log has entries here or may get its first one.
    pub(super) fn may_take(&self, key: LogKey) -> bool {
        if self.logs.get(&key).is_some_and(|log| log.height.next > 0) {
            return true;
        }
        // One that ends at its start, as a flood's do that was shut out, leaves its place to others.
        let is_begun = |log: &LogState| log.counted().next > 0;
        let (first, last) = (LogKey { log: LogId(0), ..key }, LogKey { log: LogId(u64::MAX), ..key });
        let of_device = self.logs.range(first..=last).filter(|(_, log)| is_begun(log)).count();
        // Counted exactly only where it matters.
        let of_room = match self.logs.len() {
            few if few < FURTHER_LOGS_MAX => few,
            _ => self.logs.values().filter(|log| is_begun(log)).count(),
        };
        may_open(of_room, of_device)
    }

    /// Heights of all logs that have entries.
    pub(super) fn heights(&self) -> Heights {
        let counted = self.logs.iter().map(|(key, log)| (*key, log.counted()));
        counted.filter(|(_, height)| height.next > 0).collect()
    }

    /// Number of entries held.
    pub(super) fn total(&self) -> u64 {
        self.logs.values().map(|log| log.counted().next).sum()
    }

    /// Keeps an entry that came before its predecessors. Sync fetches it again when it is dropped.
    pub(super) fn hold(&mut self, entry: Verified<Entry>) {
        if self.held >= HELD_ROOM_MAX || !self.may_take(entry.log_key()) {
            return;
        }
        let log = self.logs.entry(entry.log_key()).or_default();
        if log.held.len() < HELD_MAX && log.held.insert(entry.header().seq, entry).is_none() {
            self.held += 1;
        }
    }

    /// Takes the entries that now follow the log's end, and forgets those that are behind it.
    pub(super) fn take_held(&mut self, key: LogKey) -> Vec<Verified<Entry>> {
        let Some(log) = self.logs.get_mut(&key) else { return Vec::new() };
        let mut next = log.height;
        let mut taken = Vec::new();
        let before = log.held.len();
        while let Some(first) = log.held.first_entry() {
            if *first.key() > next.next {
                break;
            }
            let entry = first.remove();
            if entry.header().seq == next.next && (next.next == 0 || entry.header().prev == next.head) {
                next = Height::after(&entry);
                taken.push(entry);
            }
        }
        self.held = self.held.saturating_sub(before - log.held.len());
        taken
    }
}

/// Which peers fetch which logs, so that no log is fetched twice at the same time.
pub(super) type Fetching = HashMap<LogKey, DeviceId>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_that_a_removal_ended_at_their_start_leave_their_places_to_others() {
        let log = |device: usize, log| {
            let mut author = [0; 32];
            author[..8].copy_from_slice(&device.to_le_bytes());
            LogKey { author: DeviceId::from_bytes(author), log: LogId(log) }
        };
        let begun = Height { next: 3, ..Height::EMPTY };
        let mut logs = Logs::from_heights(&(0..FURTHER_LOGS_MAX).map(|device| (log(device, 1), begun)).collect());
        assert!(logs.may_take(log(FURTHER_LOGS_MAX, 1)) && !logs.may_take(log(0, 2)), "no further log of anybody");
        for device in 1..FURTHER_LOGS_MAX {
            logs.entry(log(device, 1)).end = Some(Height::EMPTY);
        }
        assert!(logs.may_take(log(0, 2)));
    }
}
