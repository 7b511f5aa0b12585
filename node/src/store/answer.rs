//! How a question about stored entries is answered: the same for every store.

use parlor_protocol::{DeviceId, LogId, LogKey, RoomId, limits::PAGE_MAX_BYTES};

use super::{
    Read, ReadResult, StoredEntry,
    plan::{Held, Slot},
};

/// Most entries of one [`Read::Scan`].
pub(super) const SCAN_MAX_ENTRIES: usize = 2000;
/// Most bytes of one [`Read::Scan`]; entries are small, so this only stops a hostile room.
const SCAN_MAX_BYTES: usize = 16 * PAGE_MAX_BYTES;

/// Answers a question from what is held.
pub(super) fn answer<H: Held>(held: &H, read: &Read) -> Result<ReadResult, H::Fault> {
    let mut result = ReadResult::default();
    match read {
        Read::Run { room, log, from, max } => {
            let mut budget = Budget::new(PAGE_MAX_BYTES);
            let run = run(held, *room, *log, *from, *max, &mut budget, &mut result.damaged)?;
            result.runs.push(run);
        }
        Read::Runs { room, runs } => {
            let mut budget = Budget::new(PAGE_MAX_BYTES);
            for (log, from, max) in runs {
                let run = run(held, *room, *log, *from, *max, &mut budget, &mut result.damaged)?;
                result.runs.push(run);
            }
        }
        Read::Scan { room, after } => {
            let run = scan(held, *room, *after, &mut result.damaged)?;
            result.runs.push(run);
        }
    }
    Ok(result)
}

/// Bytes that may still be read. The first entry always fits, so that every answer gets on.
struct Budget {
    left: usize,
    any: bool,
}

impl Budget {
    const fn new(left: usize) -> Self {
        Self { left, any: false }
    }

    fn take(&mut self, entry: &StoredEntry) -> bool {
        let len = entry.entry.bytes().len();
        if self.any && len > self.left {
            self.left = 0;
            return false;
        }
        self.any = true;
        self.left = self.left.saturating_sub(len);
        true
    }
}

fn run<H: Held>(
    held: &H,
    room: RoomId,
    log: LogKey,
    from: u64,
    max: usize,
    budget: &mut Budget,
    damaged: &mut Vec<(LogKey, u64)>,
) -> Result<Vec<StoredEntry>, H::Fault> {
    let mut run = Vec::new();
    let next = held.height(room, log)?.next;
    let end = next.min(from.saturating_add(u64::try_from(max).unwrap_or(u64::MAX)));
    if from >= end {
        return Ok(run);
    }
    let mut expected = from;
    let mut cut = false;
    held.visit(room, (log, from), &mut |at, seq, slot| {
        if at != log || seq != expected || expected >= end {
            return false;
        }
        match slot {
            Slot::Intact(entry) if budget.take(&entry) => {
                run.push(entry);
                expected += 1;
                expected < end
            }
            Slot::Intact(_) => {
                cut = true;
                false
            }
            Slot::Damaged => false,
        }
    })?;
    // Short of the end without a cut: the entry at this place is damaged, or gone.
    if expected < end && !cut {
        damaged.push((log, expected));
    }
    Ok(run)
}

fn scan<H: Held>(
    held: &H,
    room: RoomId,
    after: Option<(LogKey, u64)>,
    damaged: &mut Vec<(LogKey, u64)>,
) -> Result<Vec<StoredEntry>, H::Fault> {
    let mut run = Vec::new();
    let mut budget = Budget::new(SCAN_MAX_BYTES);
    let start = LogKey { author: DeviceId::default(), log: LogId(0) };
    let from = after.unwrap_or((start, 0));
    held.visit(room, from, &mut |log, seq, slot| {
        if after == Some((log, seq)) {
            return true;
        }
        match slot {
            Slot::Intact(entry) => {
                if !budget.take(&entry) {
                    return false;
                }
                run.push(entry);
            }
            Slot::Damaged => damaged.push((log, seq)),
        }
        run.len() < SCAN_MAX_ENTRIES
    })?;
    Ok(run)
}
