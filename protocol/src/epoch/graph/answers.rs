//! What the graph says: owners, removals, heads, who may write.

use std::collections::BTreeSet;

use super::{EpochFacts, EpochGraph, OneDevice};
use crate::{
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    log::Height,
};

impl EpochGraph {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether the record of an entry is here.
    #[must_use]
    pub fn contains(&self, entry: EntryId) -> bool {
        self.by_entry.contains_key(&entry)
    }

    /// The epoch that an entry's record begins.
    #[must_use]
    pub fn epoch_of(&self, entry: EntryId) -> Option<EpochId> {
        self.by_entry.get(&entry).and_then(|at| self.nodes.get(*at)).map(|node| node.facts.epoch)
    }

    /// The entry of an epoch's record.
    #[must_use]
    pub fn entry_of(&self, epoch: EpochId) -> Option<EntryId> {
        self.node_of(epoch).map(|(_, node)| node.entry)
    }

    /// The public record of an epoch.
    #[must_use]
    pub fn facts(&self, epoch: EpochId) -> Option<&EpochFacts> {
        self.node_of(epoch).map(|(_, node)| &node.facts)
    }

    /// Epochs whose records stand, at most this many: those that no other one follows, then the youngest.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<EpochId> {
        let heads = self.view.heads.iter().filter_map(|at| self.nodes.get(*at)).map(|node| node.facts.epoch);
        let mut newest: Vec<EpochId> = heads.take(most).collect();
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        let mut standing: Vec<_> = standing.map(|(_, node)| (node.generation, node.facts.epoch)).collect();
        standing.sort_unstable_by(|one, other| other.cmp(one));
        for (_, epoch) in standing {
            if newest.len() >= most {
                break;
            }
            if !newest.contains(&epoch) {
                newest.push(epoch);
            }
        }
        newest
    }

    /// The epochs in which what is said vanishes, each with its lifetime in milliseconds.
    pub fn lifetimes(&self) -> impl Iterator<Item = (EpochId, u64)> + '_ {
        self.nodes.iter().filter_map(|node| Some((node.facts.epoch, node.facts.lifetime_ms?)))
    }

    /// How many records lie before an epoch's on the longest way; younger epochs have more.
    #[must_use]
    pub fn generation(&self, epoch: EpochId) -> Option<u64> {
        self.node_of(epoch).map(|(_, node)| node.generation)
    }

    /// Whether the record of an epoch does not stand.
    #[must_use]
    pub fn is_void(&self, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(at, _)| self.view.void.contains(at))
    }

    /// The owners, the most senior first.
    #[must_use]
    pub fn owners(&self) -> Vec<UserId> {
        let mut owners: Vec<_> = self.view.state.owners.iter().copied().collect();
        owners.sort_by_key(|user| self.view.state.ranks.get(user).copied());
        owners
    }

    /// Whether somebody owns the room.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.view.state.owners.contains(&user)
    }

    /// Whether somebody owned the room in the state that an epoch began with.
    #[must_use]
    pub fn was_owner(&self, user: UserId, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(_, node)| node.after.owners.contains(&user))
    }

    /// Whether a device was removed.
    #[must_use]
    pub fn is_removed(&self, device: DeviceId) -> bool {
        self.view.state.removed.contains(&device)
    }

    /// Everybody who was removed.
    #[must_use]
    pub fn removed(&self) -> &BTreeSet<DeviceId> {
        &self.view.state.removed
    }

    /// The record that removed a device; of several the first.
    #[must_use]
    pub fn removal_of(&self, device: DeviceId) -> Option<&EpochFacts> {
        let mut removals = self.view.barriers.iter().filter_map(|at| self.nodes.get(*at));
        removals.find(|node| node.facts.removed.contains(&device)).map(|node| &node.facts)
    }

    /// How far the log of a removed device stands; `None` for a device that was not removed.
    #[must_use]
    pub fn cut(&self, log: LogKey) -> Option<Height> {
        let cuts = self.view.cuts.get(&log.author)?;
        Some(cuts.get(&log).copied().unwrap_or(Height::EMPTY))
    }

    /// Epochs that nothing follows, each with its entry: what the next record has for parents.
    #[must_use]
    pub fn heads(&self) -> Vec<(EpochId, EntryId)> {
        self.view.heads.iter().filter_map(|at| self.nodes.get(*at)).map(|node| (node.facts.epoch, node.entry)).collect()
    }

    /// Whether everybody who was removed is shut out of an epoch, so that it may be written in.
    #[must_use]
    pub fn is_usable(&self, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(at, _)| self.view.usable.contains(at))
    }

    /// The epoch that a device writes in, among those whose key it holds: a head if possible, else
    /// the youngest; of several the most senior author's.
    #[must_use]
    pub fn sending(&self, holds: impl Fn(EpochId) -> bool) -> Option<EpochId> {
        let usable = |at: &usize| {
            let node = self.nodes.get(*at).filter(|_| self.view.usable.contains(*at));
            node.filter(|node| holds(node.facts.epoch)).map(|node| (*at, node))
        };
        let head = self.view.heads.iter().find_map(usable);
        let youngest = || {
            let held = (0..self.nodes.len()).filter_map(|at| usable(&at));
            held.min_by_key(|(at, node)| (u64::MAX - node.generation, self.seniority(&self.view.ranks, *at)))
        };
        head.or_else(youngest).map(|(_, node)| node.facts.epoch)
    }

    /// What the graph comes to for one device.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> OneDevice<'_> {
        OneDevice::new(self, device)
    }

    /// Whether any record names a device.
    #[must_use]
    pub fn is_named(&self, device: DeviceId) -> bool {
        self.nodes.iter().any(|node| node.facts.keys.contains(&device))
    }

    /// Whether a code that was made in an epoch may still let somebody in.
    #[must_use]
    pub fn lets_in(&self, epoch: EpochId) -> bool {
        let Some((at, _)) = self.node_of(epoch) else { return true };
        self.view.usable.contains(at) && self.view.barriers.iter().all(|barrier| self.reaches(at, *barrier))
    }

    /// Whether an epoch is another one or follows it.
    #[must_use]
    pub fn follows(&self, later: EpochId, earlier: EpochId) -> bool {
        match (self.node_of(later), self.node_of(earlier)) {
            (Some((later, _)), Some((earlier, _))) => self.reaches(later, earlier),
            _ => false,
        }
    }

    /// Standing records that name where the logs of a device ended for them, though it stays: a
    /// demotion. What it may do in epochs that do not follow these counts only up to there.
    pub fn demotions(&self, device: DeviceId) -> impl Iterator<Item = &EpochFacts> {
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        standing
            .map(|(_, node)| &node.facts)
            .filter(move |facts| !facts.removed.contains(&device) && facts.heads.keys().any(|log| log.author == device))
    }

    /// The record that ended the room.
    #[must_use]
    pub fn dissolved_by(&self) -> Option<&EpochFacts> {
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        standing.map(|(_, node)| &node.facts).find(|facts| facts.dissolved)
    }

    /// Whose device wrote a record.
    #[must_use]
    pub fn user_of(&self, author: DeviceId) -> Option<UserId> {
        self.by_device(author).next().and_then(|at| self.nodes.get(at)).map(|node| node.facts.user)
    }

    /// Place of a person in the order of owners, from 0.
    #[must_use]
    pub fn seniority_of(&self, user: UserId) -> Option<usize> {
        self.owners().iter().position(|owner| *owner == user)
    }
}
