//! What the graph says: owners, removals, heads, who may write.

use super::{
    EpochGraph, EpochOutline, OneDevice,
    names::{ADDED, HEADED, WROTE},
    resolve::{Rank, founder_rank},
};
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
        self.by_entry.get(&entry).and_then(|at| self.nodes.get(*at)).map(|node| node.outline.epoch)
    }

    /// The entry of an epoch's record.
    #[must_use]
    pub fn entry_of(&self, epoch: EpochId) -> Option<EntryId> {
        self.node_of(epoch).map(|(_, node)| node.entry)
    }

    /// The public record of an epoch.
    #[must_use]
    pub fn facts(&self, epoch: EpochId) -> Option<&EpochOutline> {
        self.node_of(epoch).map(|(_, node)| &node.outline)
    }

    /// Epochs whose records stand, at most this many: those that no other one follows, then the youngest.
    #[must_use]
    pub fn newest(&self, most: usize) -> Vec<EpochId> {
        let heads = self.view.heads.iter().filter_map(|at| self.nodes.get(*at)).map(|node| node.outline.epoch);
        let mut newest: Vec<EpochId> = heads.take(most).collect();
        let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        let mut standing: Vec<_> = standing.map(|(_, node)| (node.generation, node.outline.epoch)).collect();
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
        self.nodes.iter().filter_map(|node| Some((node.outline.epoch, node.outline.lifetime_ms?)))
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
        let mut owners: Vec<_> = self.owners_now().iter().map(|person| (self.rank_of_person(person), person)).collect();
        owners.sort_unstable();
        owners.into_iter().filter_map(|(_, person)| self.people.id(person)).collect()
    }

    /// Since when somebody owns the room, or first did.
    fn rank_of_person(&self, person: usize) -> Option<Rank> {
        let number = u32::try_from(person).ok()?;
        if let Some(place) = self.founder_place(number) {
            return Some(founder_rank(place));
        }
        let promotions = self.people.mentions_of(person)?.of(ADDED).filter(|at| !self.view.void.contains(*at));
        promotions.filter_map(|at| self.nodes.get(at)?.promotion(number)).min()
    }

    /// Whether somebody owns the room.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.people.find(user).is_some_and(|person| self.owners_now().contains(person))
    }

    /// Whether somebody owned the room in the state that an epoch began with.
    #[must_use]
    pub fn was_owner(&self, user: UserId, epoch: EpochId) -> bool {
        let person = self.people.find(user).zip(self.node_of(epoch));
        person.is_some_and(|(person, (_, node))| node.owners.contains(person))
    }

    /// Whether a device was removed.
    #[must_use]
    pub fn is_removed(&self, device: DeviceId) -> bool {
        self.removals(device).next().is_some()
    }

    /// The record that removed a device; of several the first.
    #[must_use]
    pub fn removal_of(&self, device: DeviceId) -> Option<&EpochOutline> {
        self.removals(device).next().and_then(|at| self.nodes.get(at)).map(|node| &node.outline)
    }

    /// How far the log of a removed device stands; `None` for a device that was not removed.
    #[must_use]
    pub fn cut(&self, log: LogKey) -> Option<Height> {
        self.is_removed(log.author).then(|| self.cuts().get(&log).copied().unwrap_or(Height::EMPTY))
    }

    /// Epochs that nothing follows, each with its entry: what the next record has for parents.
    #[must_use]
    pub fn heads(&self) -> Vec<(EpochId, EntryId)> {
        self.view
            .heads
            .iter()
            .filter_map(|at| self.nodes.get(*at))
            .map(|node| (node.outline.epoch, node.entry))
            .collect()
    }

    /// Whether everybody who was removed is shut out of an epoch, so that it may be written in.
    #[must_use]
    pub fn is_usable(&self, epoch: EpochId) -> bool {
        self.node_of(epoch).is_some_and(|(at, _)| self.shuts_out_all(at))
    }

    /// The epoch that a device writes in, among those whose key it holds: a head if possible, else
    /// the youngest; of several the most senior author's.
    #[must_use]
    pub fn sending(&self, holds: impl Fn(EpochId) -> bool) -> Option<EpochId> {
        let held = |at: usize| self.nodes.get(at).map(|node| node.outline.epoch).filter(|epoch| holds(*epoch));
        let usable = |at: usize| held(at).filter(|_| self.shuts_out_all(at));
        let head = self.view.heads.iter().find_map(|at| usable(*at));
        head.or_else(|| {
            let standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
            let standing = standing.filter(|(at, _)| held(*at).is_some());
            let key = |(at, node): (usize, &super::Node)| ((u64::MAX - node.generation, self.seniority(at)), at);
            let mut youngest: Vec<_> = standing.map(key).collect();
            youngest.sort_unstable();
            youngest.into_iter().find_map(|(_, at)| usable(at))
        })
    }

    /// What the graph comes to for one device.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> OneDevice<'_> {
        OneDevice::new(self, device)
    }

    /// Standing records that name where the logs of a device ended for them, though it stays: a
    /// demotion. What it may do in epochs that do not follow these counts only up to there. Each by its
    /// epoch, and where this log ended; a log that it does not name at its beginning.
    pub fn demotions(&self, log: LogKey) -> impl Iterator<Item = (EpochId, Height)> + '_ {
        let demotions = self.devices.mentions(log.author).into_iter().flat_map(|device| device.of(HEADED));
        demotions.filter(|at| !self.view.void.contains(*at)).filter_map(move |at| {
            let node = self.nodes.get(at)?;
            let named = node.demotions.binary_search_by_key(&log, |(log, _)| *log).ok();
            let height = named.and_then(|at| node.demotions.get(at)).map_or(Height::EMPTY, |(_, height)| *height);
            Some((node.outline.epoch, height))
        })
    }

    /// The record that ended the room.
    #[must_use]
    pub fn dissolved_by(&self) -> Option<&EpochOutline> {
        let ending = self.dissolving.iter().find(|at| !self.view.void.contains(**at));
        ending.and_then(|at| self.nodes.get(*at)).map(|node| &node.outline)
    }

    /// Whose device wrote a record.
    #[must_use]
    pub fn user_of(&self, author: DeviceId) -> Option<UserId> {
        let first = self.devices.mentions(author)?.of(WROTE).next()?;
        self.nodes.get(first).map(|node| node.outline.user)
    }

    /// Place of a person in the order of owners, from 0.
    #[must_use]
    pub fn seniority_of(&self, user: UserId) -> Option<usize> {
        self.owners().iter().position(|owner| *owner == user)
    }
}
