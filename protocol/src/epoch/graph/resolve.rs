//! What a set of records comes to: which of them stand, who owns the room, who is removed.
//!
//! Records are judged in the order of their authors' seniority. One that stands strikes the
//! concurrent records of everybody less senior whom it removes. An owner who was promoted counts
//! from the first promotion that stands; the promoter is always more senior, so its record has been
//! judged before. Nothing here depends on the order in which records arrived.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use super::{Bits, EpochGraph, Node};
use crate::ids::{DeviceId, EntryId, UserId};

/// When somebody became owner; smaller is more senior. Founders come first, in the order of the
/// genesis, then everybody by generation and id of the promoting record.
pub(super) type Rank = (u8, u64, EntryId, usize);

/// What a set of records comes to.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct State {
    /// Owners now.
    pub(super) owners: BTreeSet<UserId>,
    /// Everybody who ever became owner, and when.
    pub(super) ranks: BTreeMap<UserId, Rank>,
    /// Devices that were removed.
    pub(super) removed: BTreeSet<DeviceId>,
}

impl State {
    pub(super) fn founded(owners: &[UserId]) -> Self {
        let ranks = owners.iter().enumerate().map(|(at, user)| (*user, founder_rank(at)));
        // A founder who is named twice has the first place.
        let ranks = ranks.rev().collect();
        Self { owners: owners.iter().copied().collect(), ranks, removed: BTreeSet::new() }
    }

    /// Adds what one record that stands changes. The last owner stays owner.
    pub(super) fn apply(&mut self, node: &Node) {
        for (at, user) in node.facts.added.iter().enumerate() {
            self.owners.insert(*user);
            self.ranks.entry(*user).or_insert((1, node.generation, node.entry, at));
        }
        for user in &node.facts.dropped {
            if self.owners.len() > 1 {
                self.owners.remove(user);
            }
        }
        self.removed.extend(&node.facts.removed);
    }

    /// Whether applying the record would leave everything as it is.
    pub(super) fn includes(&self, node: &Node) -> bool {
        let facts = &node.facts;
        facts.removed.iter().all(|device| self.removed.contains(device))
            && facts.added.iter().all(|user| self.owners.contains(user))
            && !facts.dropped.iter().any(|user| self.owners.contains(user))
    }
}

fn founder_rank(at: usize) -> Rank {
    (0, at as u64, EntryId::default(), 0)
}

/// The order in which records are judged. Who steps down does it before anything else of the same
/// rank, so that nothing done at the same time takes it back.
type Turn = (Rank, bool, DeviceId, u64, EntryId, usize);

impl EpochGraph {
    /// Judges the records of a set that holds all ancestors of each. Gives those that do not stand,
    /// and the place in the order of seniority of those that do.
    pub(super) fn judge(&self, within: &Bits) -> (Bits, BTreeMap<usize, Rank>) {
        let (mut void, mut struck, mut judged) = (within.clone(), Bits::default(), Bits::default());
        let mut stands = Bits::default();
        let mut ranks = BTreeMap::new();
        let mut turns: BinaryHeap<Reverse<Turn>> = BinaryHeap::new();
        let turn = |at: usize, node: &Node, rank: Rank| -> Turn {
            let stays = !node.facts.dropped.contains(&node.facts.user);
            (rank, stays, node.facts.author, node.generation, node.entry, at)
        };
        for (at, node) in self.within(within) {
            if let Some(place) = self.founders.iter().position(|user| *user == node.facts.user) {
                turns.push(Reverse(turn(at, node, founder_rank(place))));
            }
        }
        while let Some(Reverse((rank, _, _, _, _, at))) = turns.pop() {
            let Some(node) = self.nodes.get(at).filter(|_| !judged.contains(at)) else { continue };
            judged.insert(at);
            if struck.contains(at) {
                continue;
            }
            stands.insert(at);
            ranks.insert(at, rank);
            for (place, user) in node.facts.added.iter().enumerate() {
                let later = self.by_user(*user).filter(|later| within.contains(*later));
                for (later, promoted) in later.filter_map(|later| Some((later, self.nodes.get(later)?))) {
                    if promoted.ancestors.contains(at) {
                        turns.push(Reverse(turn(later, promoted, (1, node.generation, node.entry, place))));
                    }
                }
            }
            for other in self.touched_by(node).filter(|other| within.contains(*other) && !judged.contains(*other)) {
                let Some(theirs) = self.nodes.get(other) else { continue };
                let concurrent = !theirs.ancestors.contains(at) && !node.ancestors.contains(other);
                let steps_down = theirs.facts.user == node.facts.user && node.facts.dropped.contains(&node.facts.user);
                if concurrent && (theirs.facts.author != node.facts.author || steps_down) {
                    struck.insert(other);
                }
            }
        }
        void.remove_all(&stands);
        (void, ranks)
    }

    /// Records by somebody whom a record removes or drops.
    fn touched_by<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = usize> + 'a {
        let by_devices = node.facts.removed.iter().flat_map(|device| self.by_device(*device));
        by_devices.chain(node.facts.dropped.iter().flat_map(|user| self.by_user(*user)))
    }

    pub(super) fn within<'a>(&'a self, set: &'a Bits) -> impl Iterator<Item = (usize, &'a Node)> {
        set.iter().filter_map(|at| Some((at, self.nodes.get(at)?)))
    }

    /// The state that the standing records of a set come to.
    pub(super) fn state_of(&self, within: &Bits, void: &Bits) -> State {
        let mut order: Vec<&Node> =
            self.within(within).filter(|(at, _)| !void.contains(*at)).map(|(_, node)| node).collect();
        order.sort_by_key(|node| (node.generation, node.entry));
        let mut state = State::founded(&self.founders);
        order.into_iter().for_each(|node| state.apply(node));
        state
    }
}
