//! How much the records of a room may come to.
//!
//! What a person's records ask to be remembered is bounded among the ancestors of each record, so that
//! everybody refuses the same ones, in whatever order they come. Records that do not follow each other
//! have no such bound: somebody could write any number of them beside each other. For these there are
//! places, and the more senior an owner, the more of them: nobody can take those that a more senior
//! owner needs to remove him.

use super::{EpochFacts, EpochGraph, bits::Bits, names::WROTE};
use crate::{
    ids::UserId,
    limits::{
        EPOCH_BYTES_MAX, EPOCH_BYTES_OF_USER_MAX, EPOCH_NAMES_MAX, EPOCH_REMOVED_OF_USER_MAX, EPOCHS_MAX,
        EPOCHS_OF_USER_MAX,
    },
    rules::Refused,
};

/// What the parts of a record take in memory, in bytes, as counted here. Names themselves are kept once
/// and counted apart.
const RECORD: usize = 512;
const MENTION: usize = 8;
const HEAD: usize = 96;

/// How many names a record mentions.
fn mentions(facts: &EpochFacts) -> usize {
    facts.keys.len() + facts.removed.len() + facts.added.len() + facts.dropped.len() + facts.heads.len()
}

/// What a record takes in memory, in bytes; the same for everybody.
pub(super) fn weight(facts: &EpochFacts) -> usize {
    RECORD + MENTION * mentions(facts) + HEAD * facts.heads.len()
}

impl EpochGraph {
    /// Whether a record may follow its ancestors, by what its author's person asked to be remembered.
    ///
    /// # Errors
    /// [`Refused::Never`] when that is too much.
    pub(super) fn check_bounds(&self, facts: &EpochFacts, ancestors: &Bits, weight: usize) -> Result<(), Refused> {
        let own = self.people.mentions(facts.user).into_iter().flat_map(|mentions| mentions.of(WROTE));
        let own = own.filter(|at| ancestors.contains(*at)).filter_map(|at| self.nodes.get(at));
        let (bytes, removed) = own.fold((weight, facts.removed.len()), |(bytes, removed), node| {
            (bytes.saturating_add(node.weight), removed.saturating_add(node.removed.len()))
        });
        let fits = bytes <= EPOCH_BYTES_OF_USER_MAX && removed <= EPOCH_REMOVED_OF_USER_MAX;
        if fits { Ok(()) } else { Err(Refused::Never) }
    }

    /// Whether there is a place for one more record.
    ///
    /// # Errors
    /// [`Refused::NotYet`] when there is none.
    pub(super) fn check_places(&self, facts: &EpochFacts, weight: usize) -> Result<(), Refused> {
        let own = self.people.mentions(facts.user).into_iter().flat_map(|mentions| mentions.of(WROTE));
        let own = own.filter_map(|at| self.nodes.get(at)).map(|node| node.weight);
        let (of_user, of_user_bytes) = own.fold((0, weight), |(many, bytes), more| (many + 1, bytes + more));
        if of_user >= EPOCHS_OF_USER_MAX || of_user_bytes > EPOCH_BYTES_OF_USER_MAX {
            return Err(Refused::NotYet);
        }
        let fits = |quarters: usize| {
            self.nodes.len() < EPOCHS_MAX / 4 * quarters
                && self.bytes + weight <= EPOCH_BYTES_MAX / 4 * quarters
                && self.devices.len() + self.people.len() + mentions(facts) <= EPOCH_NAMES_MAX / 4 * quarters
        };
        // Most rooms never come near.
        if fits(2) || fits(self.quarters_of(facts.user)) { Ok(()) } else { Err(Refused::NotYet) }
    }

    /// How many quarters of all places are open to somebody.
    fn quarters_of(&self, user: UserId) -> usize {
        match self.seniority_of(user) {
            Some(0) => 4,
            Some(_) => 3,
            None => 2,
        }
    }
}
