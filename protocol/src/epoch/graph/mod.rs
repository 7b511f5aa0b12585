//! The epochs of a room as a graph: the only record of who owns the room and who was removed.
//!
//! Everything here is a function of the *set* of records, so that every device with the same records
//! has the same answer, in whatever order they came. Records name their parents by the id of the
//! parents' entries, so what a record followed can never be disputed.
//!
//! The rules, with their reasons, are in `docs/decisions.md`, "Who governs a room". In short:
//! a record is *valid* when its author owned the room in the state that its ancestors come to; a valid
//! record is *void* when somebody more senior removed its author at the same time. What stands is
//! united. The ideas are those of p2panda-auth and of Matrix' state resolution, made smaller: here
//! seniority decides, and nothing else.
//!
//! Owners of rooms, and anybody who makes up a room for an archive, decide what stands here. So memory
//! grows with what the records say and not with how often: no state is copied for each record, and who
//! is named is kept once. How much there may be in all is in `bounds`.

mod answers;
mod bits;
mod bounds;
mod device;
mod facts;
mod names;
#[cfg(test)]
mod oracle;
mod owners;
mod reach;
mod resolve;
mod telling;
#[cfg(test)]
mod tests;
mod view;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use crate::{
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    log::Height,
    rules::Refused,
};
pub use device::OneDevice;
pub use facts::{EpochFacts, EpochOutline};

use bits::Bits;
use names::{ADDED, DROPPED, HEADED, KEYED, Names, REMOVED, WROTE};
use owners::Owners;
use view::View;

/// One record. People and devices are numbers in the graph's lists.
#[derive(Debug)]
struct Node {
    entry: EntryId,
    outline: EpochOutline,
    author: u32,
    user: u32,
    /// The smallest number first.
    removed: Box<[u32]>,
    /// In the record's own order, each once.
    added: Box<[u32]>,
    dropped: Box<[u32]>,
    /// Ends of the logs of devices that it removes.
    cuts: Box<[(LogKey, Height)]>,
    /// Ends of the logs of devices that stay, with a lower role.
    demotions: Box<[(LogKey, Height)]>,
    /// What it takes in memory, as [`bounds`] counts.
    weight: usize,
    generation: u64,
    ancestors: Bits,
    /// Ancestors that do not stand, as the ancestors alone come to.
    void: Arc<Bits>,
    /// Records beside it that it strikes if it stands and comes first.
    strikes: Bits,
    /// The owners with this record, as its ancestors alone come to.
    owners: Arc<Owners>,
}

impl Node {
    /// Whether whoever is not named must be let in anew.
    fn is_barrier(&self) -> bool {
        !self.removed.is_empty() || self.outline.ends_codes
    }
}

/// What a record finds before it.
struct Before {
    parents: Vec<usize>,
    ancestors: Bits,
    generation: u64,
    void: Arc<Bits>,
    owners: Arc<Owners>,
    weight: usize,
}

/// The epochs of one room.
#[derive(Debug)]
pub struct EpochGraph {
    founder: DeviceId,
    founders: usize,
    founded: Arc<Owners>,
    nodes: Vec<Node>,
    by_entry: HashMap<EntryId, usize>,
    by_epoch: HashMap<EpochId, Vec<usize>>,
    devices: Names<DeviceId>,
    /// The founders have the first numbers, the most senior first.
    people: Names<UserId>,
    /// Records that change who owns the room, by generation and id.
    changes: Vec<usize>,
    /// Records that end the room.
    dissolving: Vec<usize>,
    /// Records that would strike one beside them.
    strikers: Bits,
    /// Records that some other record follows.
    followed: Bits,
    /// What all records take in memory.
    bytes: usize,
    view: View,
    digest: OnceLock<[u8; 32]>,
}

impl EpochGraph {
    /// The graph of a room that was founded by a device, with these owners, the most senior first.
    #[must_use]
    pub fn new(founder: DeviceId, founders: Vec<UserId>) -> Self {
        let mut people = Names::default();
        founders.into_iter().for_each(|user| {
            people.number(user);
        });
        let founders = people.len();
        Self {
            founder,
            founders,
            founded: Arc::new(Owners::founded((0..).take(founders))),
            nodes: Vec::new(),
            by_entry: HashMap::new(),
            by_epoch: HashMap::new(),
            devices: Names::default(),
            people,
            changes: Vec::new(),
            dissolving: Vec::new(),
            strikers: Bits::default(),
            followed: Bits::default(),
            bytes: 0,
            view: View::default(),
            digest: OnceLock::new(),
        }
    }

    /// Takes a record in; false when it is known already.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while a record that it follows is not known, or when there is no place;
    /// [`Refused::Never`] when its author may not have written it, or wrote too much before.
    pub fn learn(&mut self, entry: EntryId, facts: EpochFacts) -> Result<bool, Refused> {
        if self.by_entry.contains_key(&entry) {
            return Ok(false);
        }
        let before = self.look_before(&facts)?;
        self.put(entry, &facts, before);
        Ok(true)
    }

    /// Whether a record could be taken in: whoever writes one asks first.
    ///
    /// # Errors
    /// As [`learn`](Self::learn).
    pub fn check(&self, facts: &EpochFacts) -> Result<(), Refused> {
        self.look_before(facts).map(drop)
    }

    fn look_before(&self, facts: &EpochFacts) -> Result<Before, Refused> {
        let parents: Option<Vec<usize>> = facts.after.iter().map(|id| self.by_entry.get(id).copied()).collect();
        let parents = parents.ok_or(Refused::NotYet)?;
        // Only who founded the room begins its first epoch.
        if parents.is_empty() && facts.author != self.founder {
            return Err(Refused::Never);
        }
        let mut ancestors = Bits::default();
        let mut generation = 0;
        for (at, node) in parents.iter().filter_map(|at| Some((*at, self.nodes.get(*at)?))) {
            ancestors.unite(&node.ancestors);
            ancestors.insert(at);
            generation = generation.max(node.generation + 1);
        }
        let (void, owners) = self.state_before(&parents, &ancestors);
        let is_owner = self.people.find(facts.user).is_some_and(|person| owners.contains(person));
        let mut removals = self.devices.mentions(facts.author).into_iter().flat_map(|author| author.of(REMOVED));
        if !is_owner || removals.any(|at| ancestors.contains(at) && !void.contains(at)) {
            return Err(Refused::Never);
        }
        let weight = bounds::weight(facts);
        self.check_bounds(facts, &ancestors, weight)?;
        self.check_places(facts, weight)?;
        Ok(Before { parents, ancestors, generation, void, owners, weight })
    }

    /// Which ancestors do not stand, and who owns the room, as the ancestors alone come to.
    fn state_before(&self, parents: &[usize], ancestors: &Bits) -> (Arc<Bits>, Arc<Owners>) {
        match parents {
            [] => (Arc::default(), Arc::clone(&self.founded)),
            [one] => self.nodes.get(*one).map(|node| (node.void.clone(), node.owners.clone())).unwrap_or_default(),
            _ => {
                let void = self.void_within(ancestors);
                let owners = self.owners_of(ancestors, &void);
                // Most often it is what one of them says already.
                let of_parents = parents.iter().filter_map(|at| self.nodes.get(*at));
                let same = of_parents.map(|node| &node.owners).find(|known| ***known == owners).cloned();
                (Arc::new(void), same.unwrap_or_else(|| Arc::new(owners)))
            }
        }
    }

    fn put(&mut self, entry: EntryId, facts: &EpochFacts, before: Before) {
        let at = self.nodes.len();
        let author = self.devices.note(facts.author, at, WROTE);
        let user = self.people.note(facts.user, at, WROTE);
        facts.keys.iter().for_each(|device| {
            self.devices.note(*device, at, KEYED);
        });
        let mut removed: Box<[u32]> =
            facts.removed.iter().map(|device| self.devices.note(*device, at, REMOVED)).collect();
        removed.sort_unstable();
        let (mut cuts, mut demotions) = (Vec::new(), Vec::new());
        for (log, height) in &facts.heads {
            if facts.removed.contains(&log.author) {
                cuts.push((*log, *height));
            } else {
                self.devices.note(log.author, at, HEADED);
                demotions.push((*log, *height));
            }
        }
        let mut node = Node {
            entry,
            outline: EpochOutline::from(facts),
            author,
            user,
            removed,
            added: self.note_people(&facts.added, at, ADDED),
            dropped: self.note_people(&facts.dropped, at, DROPPED),
            cuts: cuts.into(),
            demotions: demotions.into(),
            weight: before.weight,
            generation: before.generation,
            ancestors: before.ancestors,
            void: before.void,
            strikes: Bits::default(),
            owners: Arc::clone(&before.owners),
        };
        node.owners = Self::owners_after(&before.owners, &node);
        self.by_entry.insert(entry, at);
        self.by_epoch.entry(facts.epoch).or_default().push(at);
        before.parents.iter().for_each(|parent| self.followed.insert(*parent));
        self.bytes = self.bytes.saturating_add(node.weight);
        if node.outline.dissolved {
            self.dissolving.push(at);
        }
        let changes = !node.added.is_empty() || !node.dropped.is_empty();
        let age = (node.generation, node.entry);
        self.nodes.push(node);
        if changes {
            let is_older = |other: &usize| self.nodes.get(*other).is_some_and(|n| (n.generation, n.entry) < age);
            let place = self.changes.partition_point(is_older);
            self.changes.insert(place, at);
        }
        self.digest = OnceLock::new();
        let struck_by = self.note_strikes(at);
        self.look_again(at, &struck_by);
    }

    /// Notes people whom a record names, each once.
    fn note_people(&mut self, people: &[UserId], at: usize, role: u8) -> Box<[u32]> {
        let mut numbers = Vec::new();
        for user in people {
            let number = self.people.note(*user, at, role);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers.into()
    }

    /// The place of a founder, from 0.
    fn founder_place(&self, person: u32) -> Option<usize> {
        usize::try_from(person).ok().filter(|place| *place < self.founders)
    }

    /// The record of an epoch. Somebody who holds an epoch's key could write a second record for it;
    /// then the most senior author's counts.
    fn node_of(&self, epoch: EpochId) -> Option<(usize, &Node)> {
        let places = self.by_epoch.get(&epoch)?;
        let best = match places.as_slice() {
            [one] => Some(one),
            several => several.iter().min_by_key(|at| (self.view.void.contains(**at), self.seniority(**at))),
        };
        best.and_then(|at| Some((*at, self.nodes.get(*at)?)))
    }

    /// Whether `later` is `earlier` or follows it.
    fn reaches(&self, later: usize, earlier: usize) -> bool {
        later == earlier || self.nodes.get(later).is_some_and(|node| node.ancestors.contains(earlier))
    }
}
