//! The rules once more, in the plainest way: every record has its own copy of the state, and with each
//! one that comes everything is worked out anew. What `docs/CRYPT.md` says under "Who governs" reads
//! like this. Far too slow and large for real rooms; the tests hold the graph against it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{EpochFacts, resolve::Rank};
use crate::{
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    log::Height,
    rules::Refused,
};

#[derive(Clone, Default)]
struct State {
    owners: BTreeSet<UserId>,
    ranks: BTreeMap<UserId, Rank>,
    removed: BTreeSet<DeviceId>,
}

struct Record {
    entry: EntryId,
    facts: EpochFacts,
    generation: u64,
    ancestors: BTreeSet<usize>,
    after: State,
}

/// The epochs of one room, slowly.
pub(super) struct Oracle {
    founder: DeviceId,
    founders: Vec<UserId>,
    records: Vec<Record>,
    by_entry: HashMap<EntryId, usize>,
}

impl Oracle {
    pub(super) fn new(founder: DeviceId, founders: Vec<UserId>) -> Self {
        Self { founder, founders, records: Vec::new(), by_entry: HashMap::new() }
    }

    pub(super) fn learn(&mut self, entry: EntryId, facts: EpochFacts) -> Result<bool, Refused> {
        if self.by_entry.contains_key(&entry) {
            return Ok(false);
        }
        let parents: Option<Vec<usize>> = facts.after.iter().map(|id| self.by_entry.get(id).copied()).collect();
        let parents = parents.ok_or(Refused::NotYet)?;
        let mut ancestors: BTreeSet<usize> = parents.iter().copied().collect();
        parents.iter().for_each(|parent| ancestors.extend(&self.records[*parent].ancestors));
        let generation = parents.iter().map(|parent| self.records[*parent].generation + 1).max().unwrap_or_default();
        let before = self.state_of(&self.judge(&ancestors).into_keys().collect());
        let may = before.owners.contains(&facts.user) && !before.removed.contains(&facts.author);
        if !may || (parents.is_empty() && facts.author != self.founder) {
            return Err(Refused::Never);
        }
        let mut record = Record { entry, facts, generation, ancestors, after: before };
        let mut after = record.after.clone();
        apply(&mut after, &record);
        record.after = after;
        self.by_entry.insert(entry, self.records.len());
        self.records.push(record);
        Ok(true)
    }

    fn founded(&self) -> State {
        let ranks = self.founders.iter().enumerate().rev();
        State {
            owners: self.founders.iter().copied().collect(),
            ranks: ranks.map(|(at, user)| (*user, (0, at as u64, EntryId::default(), 0))).collect(),
            removed: BTreeSet::new(),
        }
    }

    /// Those records of a set that stand, with the seniority of their authors.
    fn judge(&self, within: &BTreeSet<usize>) -> BTreeMap<usize, Rank> {
        let mut stands: BTreeMap<usize, Rank> = BTreeMap::new();
        let mut struck = BTreeSet::new();
        let mut ranks: BTreeMap<usize, Rank> = BTreeMap::new();
        let mut left = within.clone();
        for at in within {
            if let Some(place) = self.founders.iter().position(|user| *user == self.records[*at].facts.user) {
                ranks.insert(*at, (0, place as u64, EntryId::default(), 0));
            }
        }
        let turn = |at: usize, rank: Rank| {
            let record = &self.records[at];
            let stays = !record.facts.dropped.contains(&record.facts.user);
            (rank, stays, record.facts.author, record.generation, record.entry)
        };
        while let Some(at) =
            left.iter().copied().filter(|at| ranks.contains_key(at)).min_by_key(|at| turn(*at, ranks[at]))
        {
            left.remove(&at);
            if struck.contains(&at) {
                continue;
            }
            stands.insert(at, ranks[&at]);
            let one = &self.records[at];
            for other in left.clone() {
                let theirs = &self.records[other];
                for (place, user) in one.facts.added.iter().enumerate() {
                    if theirs.facts.user == *user && theirs.ancestors.contains(&at) {
                        let promotion = (1, one.generation, one.entry, place);
                        let rank = ranks.entry(other).or_insert(promotion);
                        *rank = promotion.min(*rank);
                    }
                }
                let touched =
                    one.facts.removed.contains(&theirs.facts.author) || one.facts.dropped.contains(&theirs.facts.user);
                let concurrent = !theirs.ancestors.contains(&at) && !one.ancestors.contains(&other);
                let steps_down = theirs.facts.user == one.facts.user && one.facts.dropped.contains(&one.facts.user);
                if touched && concurrent && (theirs.facts.author != one.facts.author || steps_down) {
                    struck.insert(other);
                }
            }
        }
        stands
    }

    fn state_of(&self, standing: &BTreeSet<usize>) -> State {
        let mut order: Vec<&Record> = standing.iter().map(|at| &self.records[*at]).collect();
        order.sort_by_key(|record| (record.generation, record.entry));
        let mut state = self.founded();
        order.into_iter().for_each(|record| apply(&mut state, record));
        state
    }

    /// What all records come to.
    pub(super) fn answer(&self) -> Answers {
        let all: BTreeSet<usize> = (0..self.records.len()).collect();
        let ranks = self.judge(&all);
        let standing: BTreeSet<usize> = ranks.keys().copied().collect();
        let state = self.state_of(&standing);
        let mut owners: Vec<_> = state.owners.iter().copied().collect();
        owners.sort_by_key(|user| state.ranks[user]);
        let mut heads: Vec<usize> = standing.iter().copied().collect();
        heads.retain(|at| !standing.iter().any(|other| self.records[*other].ancestors.contains(at)));
        heads.sort_by_key(|at| (ranks[at], self.records[*at].facts.author, self.records[*at].entry));
        let usable = standing.iter().filter(|at| state.removed.is_subset(&self.records[**at].after.removed));
        let barriers: Vec<&Record> = standing
            .iter()
            .map(|at| &self.records[*at])
            .filter(|record| !record.facts.removed.is_empty() || record.facts.ends_codes)
            .collect();
        let mut cuts: BTreeMap<LogKey, Height> = BTreeMap::new();
        for (log, height) in barriers
            .iter()
            .flat_map(|record| record.facts.heads.iter().filter(|(log, _)| record.facts.removed.contains(&log.author)))
        {
            let cut = cuts.entry(*log).or_insert(*height);
            *cut = if (height.next, height.head) > (cut.next, cut.head) { *height } else { *cut };
        }
        let id = |at: &usize| self.records[*at].entry;
        let was_owner = self.records.iter().map(|record| (record.entry, record.after.owners.clone())).collect();
        Answers {
            owners,
            removed: state.removed.clone(),
            standing: standing.iter().map(id).collect(),
            heads: heads.iter().map(id).collect(),
            usable: usable.map(id).collect(),
            cuts,
            was_owner,
            writers: self.writers(&standing),
        }
    }

    /// For every device that anything names: in which epochs it may write once something let it in.
    fn writers(&self, standing: &BTreeSet<usize>) -> BTreeMap<DeviceId, BTreeSet<EpochId>> {
        let named = self.records.iter().flat_map(|record| record.facts.keys.iter().chain(&record.facts.removed));
        let barriers = || {
            let standing = standing.iter().map(|at| (*at, &self.records[*at]));
            standing.filter(|(_, record)| !record.facts.removed.is_empty() || record.facts.ends_codes)
        };
        let writes = |device: DeviceId| {
            let strange: Vec<usize> = barriers()
                .filter(|(_, record)| !record.facts.keys.contains(&device) && !record.facts.removed.contains(&device))
                .map(|(at, _)| at)
                .collect();
            let reaches = |at: usize, barrier: usize| at == barrier || self.records[at].ancestors.contains(&barrier);
            let is_shut_out = |at: usize| {
                let named = self.records[at].facts.keys.contains(&device);
                let shuts = |barrier: usize| !named || self.records[barrier].ancestors.contains(&at);
                strange.iter().any(|barrier| !reaches(at, *barrier) && shuts(*barrier))
            };
            let writes = (0..self.records.len()).filter(|at| !is_shut_out(*at));
            writes.map(|at| self.records[at].facts.epoch).collect()
        };
        named.map(|device| (*device, writes(*device))).collect()
    }
}

/// Adds what one record changes. The last owner stays owner.
fn apply(state: &mut State, record: &Record) {
    for (at, user) in record.facts.added.iter().enumerate() {
        state.owners.insert(*user);
        state.ranks.entry(*user).or_insert((1, record.generation, record.entry, at));
    }
    for user in &record.facts.dropped {
        if state.owners.len() > 1 {
            state.owners.remove(user);
        }
    }
    state.removed.extend(&record.facts.removed);
}

/// Everything that devices decide by.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) owners: Vec<UserId>,
    pub(super) removed: BTreeSet<DeviceId>,
    pub(super) standing: BTreeSet<EntryId>,
    pub(super) heads: Vec<EntryId>,
    pub(super) usable: BTreeSet<EntryId>,
    pub(super) cuts: BTreeMap<LogKey, Height>,
    pub(super) was_owner: BTreeMap<EntryId, BTreeSet<UserId>>,
    pub(super) writers: BTreeMap<DeviceId, BTreeSet<EpochId>>,
}
