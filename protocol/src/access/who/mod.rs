//! Who is in: a function of the set of entries, so that everybody with the same entries has the same
//! answer, whatever order they came in. There is no clock here, no count, and no order of arrival.
//!
//! Removals and what they cut follow from the records of epochs ([`EpochGraph`]). Then come least sets,
//! in passes: who is let in, goings out aside; which goings out count; who is let in with all cuts.
//! See `docs/CRYPT.md`, "Who is in".

mod outs;
mod pass;
mod state;

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use super::facts::{Facts, InFact};
use crate::{
    epoch::EpochGraph,
    ids::{DeviceId, EpochId, LogKey, OwnId},
    log::Height,
    rules::{By, Refused, Spans},
};

pub(super) use outs::Outs;
pub(super) use pass::{Marks, Pass};
pub use state::Presence;
use state::States;

/// The set of entries that is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct World<'a> {
    pub(super) graph: &'a EpochGraph,
    pub(super) founder: DeviceId,
    /// A room of two has no doors: who left it comes back by name.
    pub(super) is_direct: bool,
    pub(super) facts: &'a Facts,
    pub(super) spans: &'a HashMap<LogKey, Spans>,
}

impl World<'_> {
    /// Where removals end a log: at the head that one names, or where one shuts its author out.
    pub(super) fn cut(&self, log: LogKey) -> Option<Height> {
        if let Some(height) = self.graph.cut(log) {
            return Some(height);
        }
        let device = std::cell::OnceCell::new();
        self.spans.get(&log)?.end(By::Removals, (self.graph.len(), 0, 0), |epoch| {
            let device = device.get_or_init(|| self.graph.device(log.author));
            device.may_write(epoch, true) == Err(Refused::Cut)
        })
    }

    /// Whether a record that stands names a device, or it founded the room.
    pub(super) fn names(&self, device: DeviceId) -> bool {
        device == self.founder || self.graph.names(device)
    }

    /// Epochs in which a log is written up to a place.
    fn epochs(&self, log: LogKey, seq: u64) -> impl Iterator<Item = EpochId> + '_ {
        self.spans.get(&log).into_iter().flat_map(move |spans| spans.until(seq))
    }
}

/// Whether something lies before where its log ends.
pub(super) fn is_before(cut: Option<Height>, seq: u64) -> bool {
    cut.is_none_or(|cut| seq < cut.next)
}

/// What the set of entries comes to.
#[derive(Debug)]
pub(super) struct Who {
    /// Who is let in, goings out aside: what these write is kept and passed on.
    pub(super) kept: Pass,
    /// Who is let in, with all cuts: what these write counts.
    pub(super) now: Pass,
    pub(super) outs: Outs,
    pub(super) states: States,
    /// People who own the room, with their places in the order of owners; found out when asked for.
    pub(super) owners: OnceLock<HashMap<OwnId, usize>>,
}

impl Who {
    pub(super) fn of(world: &World<'_>) -> Self {
        let kept = Pass::run(world, |log| world.cut(log), HashSet::new());
        let outs = Outs::heeded(world, &kept);
        // A lost device was let in all the same, so those that were linked by its person stay.
        let is_lost = |fact: &InFact| outs.of(fact.device()).is_some_and(|out| out.for_ever);
        let lost = kept.roots(world).filter(|fact| is_lost(fact)).map(|fact| fact.own).collect();
        let now = Pass::run(world, |log| outs.cut_with(world, log), lost);
        let states = States::of(world, &kept, &now, &outs);
        Self { kept, now, outs, states, owners: OnceLock::new() }
    }
}
