//! What a set of records comes to: which of them stand.
//!
//! Records are judged in the order of their authors' seniority. One that stands strikes the
//! concurrent records of everybody less senior whom it removes. An owner who was promoted counts
//! from the first promotion that stands; the promoter is always more senior, so its record has been
//! judged before. Nothing here depends on the order in which records arrived.
//!
//! Which records could strike which others never changes, so that is found out once, when a record
//! comes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{
    EpochGraph, Node,
    bits::Bits,
    names::{ADDED, DROPPED, REMOVED, WROTE},
};
use crate::ids::{DeviceId, EntryId};

/// When somebody became owner; smaller is more senior. Founders come first, in the order of the
/// genesis, then everybody by generation and id of the promoting record.
pub(super) type Rank = (u8, u64, EntryId, usize);

/// The order in which records are judged. Who steps down does it before anything else of the same
/// rank, so that nothing done at the same time takes it back.
pub(super) type Turn = (Rank, bool, DeviceId, u64, EntryId, usize);

pub(super) fn founder_rank(at: usize) -> Rank {
    (0, at as u64, EntryId::default(), 0)
}

pub(super) fn turn(at: usize, node: &Node, rank: Rank) -> Turn {
    (rank, !node.steps_down(), node.outline.author, node.generation, node.entry, at)
}

impl Node {
    /// What its promotion of a person is worth.
    pub(super) fn promotion(&self, person: u32) -> Option<Rank> {
        let place = self.added.iter().position(|added| *added == person)?;
        Some((1, self.generation, self.entry, place))
    }

    /// Whether it would strike another record, of one that does not follow it.
    fn touches(&self, other: &Self) -> bool {
        let touched = self.removed.binary_search(&other.author).is_ok() || self.dropped.contains(&other.user);
        let is_own = other.author == self.author;
        touched && (!is_own || (other.user == self.user && self.steps_down()))
    }

    fn steps_down(&self) -> bool {
        self.dropped.contains(&self.user)
    }
}

impl EpochGraph {
    /// Notes which concurrent records the newest one would strike, and gives those that would strike
    /// it. Nothing follows it yet.
    pub(super) fn note_strikes(&mut self, newest: usize) -> Vec<usize> {
        let Some(node) = self.nodes.get(newest) else { return Vec::new() };
        let is_beside = |other: &usize| *other != newest && !node.ancestors.contains(*other);
        let (author, user) = (node.outline.author, node.outline.user);
        let of_device = self.devices.mentions(author).into_iter().flat_map(|author| author.of(REMOVED));
        let of_person = self.people.mentions(user).into_iter().flat_map(|user| user.of(DROPPED));
        let touches = |at: &usize| self.nodes.get(*at).is_some_and(|other| other.touches(node));
        let mut struck_by: Vec<usize> = of_device.chain(of_person).filter(is_beside).filter(touches).collect();
        struck_by.sort_unstable();
        struck_by.dedup();

        let devices = node.removed.iter().filter_map(|number| self.devices.mentions_of(*number as usize));
        let people = node.dropped.iter().filter_map(|number| self.people.mentions_of(*number as usize));
        let written = devices.chain(people).flat_map(|somebody| somebody.of(WROTE));
        let touched = |at: &usize| self.nodes.get(*at).is_some_and(|other| node.touches(other));
        let mut strikes = Bits::default();
        written.filter(is_beside).filter(touched).for_each(|at| strikes.insert(at));

        if !strikes.is_empty() {
            self.strikers.insert(newest);
        }
        if let Some(node) = self.nodes.get_mut(newest) {
            node.strikes = strikes;
        }
        for at in &struck_by {
            self.strikers.insert(*at);
            self.nodes.get_mut(*at).into_iter().for_each(|node| node.strikes.insert(newest));
        }
        struck_by
    }

    /// Since when the author of a record owned the room, by those of its ancestors that stand.
    pub(super) fn rank_of(&self, node: &Node, stands: impl Fn(usize) -> bool) -> Option<Rank> {
        let person = self.people.mentions_of(node.user as usize)?;
        if let Some(place) = self.founder_place(node.user) {
            return Some(founder_rank(place));
        }
        let before = person.of(ADDED).filter(|at| node.ancestors.contains(*at) && stands(*at));
        before.filter_map(|at| self.nodes.get(at)?.promotion(node.user)).min()
    }

    /// Judges the records of a set that holds all ancestors of each. Gives those that stand, each with
    /// its place in the order of seniority.
    pub(super) fn judge(&self, within: &Bits) -> HashMap<usize, Rank> {
        let (mut struck, mut judged) = (Bits::default(), Bits::default());
        let mut standing: HashMap<usize, Rank> = HashMap::new();
        let mut best: HashMap<usize, Rank> = HashMap::new();
        let mut turns: BinaryHeap<Reverse<Turn>> = BinaryHeap::new();
        for (at, node) in self.within(within) {
            if let Some(place) = self.founder_place(node.user) {
                turns.push(Reverse(turn(at, node, founder_rank(place))));
            }
        }
        while let Some(Reverse((rank, _, _, _, _, at))) = turns.pop() {
            let Some(node) = self.nodes.get(at).filter(|_| !judged.contains(at)) else { continue };
            judged.insert(at);
            if struck.contains(at) {
                continue;
            }
            standing.insert(at, rank);
            struck.unite(&node.strikes);
            for (place, person) in node.added.iter().enumerate() {
                let promotion = (1, node.generation, node.entry, place);
                let records = self.people.mentions_of(*person as usize).into_iter().flat_map(|one| one.of(WROTE));
                for later in records.filter(|later| within.contains(*later) && !judged.contains(*later)) {
                    let Some(promoted) = self.nodes.get(later).filter(|node| node.ancestors.contains(at)) else {
                        continue;
                    };
                    if best.get(&later).is_none_or(|best| promotion < *best) {
                        best.insert(later, promotion);
                        turns.push(Reverse(turn(later, promoted, promotion)));
                    }
                }
            }
        }
        standing
    }

    /// Those of a record's ancestors that do not stand in the eyes of the ancestors alone.
    pub(super) fn void_within(&self, ancestors: &Bits) -> Bits {
        let mut strikers = self.within(&self.strikers).filter(|(at, _)| ancestors.contains(*at));
        if !strikers.any(|(_, node)| node.strikes.meets(ancestors)) {
            // Nobody strikes anybody, and each of them was valid.
            return Bits::default();
        }
        if ancestors.len() == self.nodes.len() {
            return self.view.void.clone();
        }
        let mut void = ancestors.clone();
        let mut stands = Bits::default();
        self.judge(ancestors).into_keys().for_each(|at| stands.insert(at));
        void.remove_all(&stands);
        void
    }

    pub(super) fn within<'a>(&'a self, set: &'a Bits) -> impl Iterator<Item = (usize, &'a Node)> {
        set.iter().filter_map(|at| Some((at, self.nodes.get(at)?)))
    }
}
