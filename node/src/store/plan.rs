//! What a batch of writes comes to: the rules of appending, the same for every store.
//!
//! A plan is made completely before anything is changed, so a batch that is refused leaves no
//! trace. No IO here but through [`Held`].

use parlor_protocol::{EntryId, LogKey, RoomId, log::Height};
use std::{borrow::Cow, collections::BTreeMap};

use super::{StoredEntry, Write};

/// What is known of one place of a log.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, never in a collection")]
pub(super) enum Slot {
    /// The entry is there.
    Intact(StoredEntry),
    /// Something is there that is not an entry any more.
    Damaged,
}

/// What a store holds, as far as the rules need to see it.
pub(super) trait Held {
    /// What can go wrong when looking.
    type Fault;

    /// How far a log is held.
    fn height(&self, room: RoomId, log: LogKey) -> Result<Height, Self::Fault>;

    /// Visits what is held of a room in the order of the keys, from this place on, until the
    /// visitor returns false or the room ends.
    fn visit(
        &self,
        room: RoomId,
        from: (LogKey, u64),
        visitor: &mut dyn FnMut(LogKey, u64, Slot) -> bool,
    ) -> Result<(), Self::Fault>;

    /// What is at one place, if anything.
    fn slot(&self, room: RoomId, log: LogKey, seq: u64) -> Result<Option<Slot>, Self::Fault> {
        let mut found = None;
        self.visit(room, (log, seq), &mut |at, place, slot| {
            if (at, place) == (log, seq) {
                found = Some(slot);
            }
            false
        })?;
        Ok(found)
    }
}

/// Why a batch has no plan.
#[derive(Debug)]
pub(super) enum Refused<F> {
    /// It breaks the rules.
    Rule(String),
    /// The store could not be looked at.
    Fault(F),
}

/// What a batch changes.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) entries: BTreeMap<(RoomId, LogKey, u64), Cow<'a, StoredEntry>>,
    pub(super) heights: BTreeMap<(RoomId, LogKey), Height>,
    pub(super) records: Vec<&'a Write>,
}

/// Works out a batch against what is held.
pub(super) fn plan<'a, H: Held>(held: &H, batch: &'a [Write]) -> Result<Plan<'a>, Refused<H::Fault>> {
    let mut plan = Plan::default();
    for write in batch {
        match write {
            Write::Append { room, entries } => {
                for entry in entries {
                    plan.append(held, *room, entry)?;
                }
            }
            Write::Prune { room, places } => {
                for (log, seq) in places {
                    plan.prune(held, *room, *log, *seq).map_err(Refused::Fault)?;
                }
            }
            record => plan.records.push(record),
        }
    }
    Ok(plan)
}

impl<'a> Plan<'a> {
    fn append<H: Held>(&mut self, held: &H, room: RoomId, stored: &'a StoredEntry) -> Result<(), Refused<H::Fault>> {
        let entry = stored.entry.inner();
        let (log, seq) = (entry.log_key(), entry.header().seq);
        let height = match self.heights.get(&(room, log)) {
            Some(height) => *height,
            None => held.height(room, log).map_err(Refused::Fault)?,
        };
        if entry.room() == room && seq < height.next {
            return self.repeat(held, room, stored, height);
        }
        height.check_next(room, log, entry).map_err(|error| Refused::Rule(format!("the run does not fit: {error}")))?;
        self.entries.insert((room, log, seq), Cow::Borrowed(stored));
        self.heights.insert((room, log), Height::after(entry));
        Ok(())
    }

    /// An entry for a place that is taken: the same one is skipped, a damaged one replaced.
    fn repeat<H: Held>(
        &mut self,
        held: &H,
        room: RoomId,
        stored: &'a StoredEntry,
        height: Height,
    ) -> Result<(), Refused<H::Fault>> {
        let entry = stored.entry.inner();
        let (log, seq) = (entry.log_key(), entry.header().seq);
        let taken = || Refused::Rule(format!("place {seq} of the log already holds another entry"));
        if let Some(planned) = self.entries.get(&(room, log, seq)) {
            return if planned.entry.id() == entry.id() { Ok(()) } else { Err(taken()) };
        }
        match held.slot(room, log, seq).map_err(Refused::Fault)? {
            Some(Slot::Intact(present)) if present.entry.id() == entry.id() => Ok(()),
            Some(Slot::Intact(_)) => Err(taken()),
            Some(Slot::Damaged) | None => {
                // What follows it names it, so it is known which entry belongs here.
                let expected = if seq + 1 == height.next {
                    Some(height.head)
                } else {
                    self.following(held, room, log, seq + 1).map_err(Refused::Fault)?
                };
                if expected.is_some_and(|id| id != entry.id()) {
                    return Err(taken());
                }
                self.entries.insert((room, log, seq), Cow::Borrowed(stored));
                Ok(())
            }
        }
    }

    /// Puts the pruned form of an entry into its place.
    fn prune<H: Held>(&mut self, held: &H, room: RoomId, log: LogKey, seq: u64) -> Result<(), H::Fault> {
        let Some(stored) = self.at(held, room, log, seq)? else { return Ok(()) };
        let entry = stored.entry.pruned();
        if entry != stored.entry {
            self.entries.insert((room, log, seq), Cow::Owned(StoredEntry { entry, checked: stored.checked }));
        }
        Ok(())
    }

    /// What will stand at a place, when it can be read.
    fn at<H: Held>(&self, held: &H, room: RoomId, log: LogKey, seq: u64) -> Result<Option<StoredEntry>, H::Fault> {
        if let Some(planned) = self.entries.get(&(room, log, seq)) {
            return Ok(Some(planned.clone().into_owned()));
        }
        Ok(match held.slot(room, log, seq)? {
            Some(Slot::Intact(stored)) => Some(stored),
            Some(Slot::Damaged) | None => None,
        })
    }

    fn following<H: Held>(&self, held: &H, room: RoomId, log: LogKey, seq: u64) -> Result<Option<EntryId>, H::Fault> {
        if let Some(planned) = self.entries.get(&(room, log, seq)) {
            return Ok(Some(planned.entry.header().prev));
        }
        Ok(match held.slot(room, log, seq)? {
            Some(Slot::Intact(next)) => Some(next.entry.header().prev),
            _ => None,
        })
    }
}
