//! Who owns the room, as a set of records comes to it.

use std::sync::Arc;

use super::{EpochGraph, Node, bits::Bits};
use crate::limits::OWNERS_MAX;

/// Numbers of the people who own the room, the smallest first. There are never more than
/// [`OWNERS_MAX`], so each record may have its own.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Owners(Vec<u32>);

impl Owners {
    pub(super) fn founded(people: impl IntoIterator<Item = u32>) -> Self {
        let mut owners = Self::default();
        people.into_iter().for_each(|person| owners.add(person));
        owners
    }

    pub(super) fn contains(&self, person: usize) -> bool {
        u32::try_from(person).is_ok_and(|person| self.0.binary_search(&person).is_ok())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter_map(|person| usize::try_from(*person).ok())
    }

    /// Adds what one record changes. Where there are too many owners nobody is added, and the last one
    /// stays.
    pub(super) fn apply(&mut self, node: &Node) {
        node.added.iter().for_each(|person| self.add(*person));
        for person in &node.dropped {
            if self.0.len() > 1
                && let Ok(at) = self.0.binary_search(person)
            {
                self.0.remove(at);
            }
        }
    }

    fn add(&mut self, person: u32) {
        if self.0.len() < OWNERS_MAX
            && let Err(at) = self.0.binary_search(&person)
        {
            self.0.insert(at, person);
        }
    }
}

impl EpochGraph {
    /// The owners in the state that the standing records of a set come to.
    pub(super) fn owners_of(&self, within: &Bits, void: &Bits) -> Owners {
        let mut owners = Owners::clone(&self.founded);
        let standing = self.changes.iter().filter(|at| within.contains(**at) && !void.contains(**at));
        standing.filter_map(|at| self.nodes.get(*at)).for_each(|node| owners.apply(node));
        owners
    }

    /// The owners after a record; the same in memory as before where it changes nothing.
    pub(super) fn owners_after(before: &Arc<Owners>, node: &Node) -> Arc<Owners> {
        if node.added.is_empty() && node.dropped.is_empty() {
            return Arc::clone(before);
        }
        let mut after = Owners::clone(before);
        after.apply(node);
        if after == **before { Arc::clone(before) } else { Arc::new(after) }
    }
}
