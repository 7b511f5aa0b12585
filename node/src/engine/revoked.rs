//! Devices that their own people revoked, as the members of a room see it.
//!
//! A revocation is a content of another device of the same person. What counts is a function of all
//! revocations together, so that everybody agrees in whatever order they came: each one stands, also
//! when the device that wrote it was revoked at the same time, unless an owner has removed its author
//! and the log ends before it. What a revoked device writes is kept and passed on, because it may hold
//! such a word; nothing else of it is heeded.

use parlor_protocol::{DeviceId, LogKey, UserId, entry::Entry, log::Height};

use std::collections::{BTreeMap, VecDeque};

use super::membership::Membership;
use crate::store::RevokedRecord;

/// How much is remembered of a room's revocations: 1,024 with few heads, or fewer with many. A room's
/// record has place for it.
const WEIGHT_MAX: usize = 16 * 1_024;
/// What one weighs beside its heads.
const WEIGHT_EACH: usize = 16;
/// Revocations that do not stand yet, and those by one device.
const WAITING_MAX: usize = 256;
const WAITING_BY_MAX: usize = 8;

/// Revocations of a room.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    /// Those that stood when they were noted; they are kept on the disk.
    noted: Vec<RevokedRecord>,
    /// Those that may stand once it is known whose devices these are, oldest first; in memory only.
    /// Anybody can write what never stands, so one author pushes out only what is its own.
    waiting: VecDeque<RevokedRecord>,
}

impl Revocations {
    pub(super) fn of(noted: Vec<RevokedRecord>) -> Self {
        Self { noted, waiting: VecDeque::new() }
    }

    /// Those to be kept on the disk.
    pub(super) fn noted(&self) -> &[RevokedRecord] {
        &self.noted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.noted.is_empty() && self.waiting.is_empty()
    }

    fn note(&mut self, record: RevokedRecord, stands: bool) {
        let place = (record.log, record.seq);
        let mut known = self.noted.iter().chain(&self.waiting);
        if known.any(|known| (known.log, known.seq) == place) {
            return;
        }
        if stands {
            self.noted.push(record);
            return self.fit();
        }
        let by = record.log.author;
        let mut of_author = self.waiting.iter().enumerate().filter(|(_, known)| known.log.author == by);
        let oldest = of_author.next().map(|(at, _)| at).filter(|_| of_author.count() + 1 >= WAITING_BY_MAX);
        match oldest {
            Some(at) => drop(self.waiting.remove(at)),
            None if self.waiting.len() >= WAITING_MAX => drop(self.waiting.pop_front()),
            None => {}
        }
        self.waiting.push_back(record);
    }

    /// When there is too much, those who revoked most lose their latest.
    fn fit(&mut self) {
        let weight = |record: &RevokedRecord| WEIGHT_EACH + record.heads.len();
        while self.noted.iter().map(weight).sum::<usize>() > WEIGHT_MAX {
            let mut by = BTreeMap::<DeviceId, usize>::new();
            self.noted.iter().for_each(|record| *by.entry(record.log.author).or_default() += weight(record));
            let heaviest = by.into_iter().max_by_key(|(_, weight)| *weight).map(|(author, _)| author);
            let Some(last) = self.noted.iter().rposition(|record| Some(record.log.author) == heaviest) else { return };
            self.noted.remove(last);
        }
    }
}

impl Membership {
    /// Notes a revocation, if it stands now; else it waits until it may.
    pub(super) fn note_revoked(&mut self, record: RevokedRecord) {
        let stands = self.stands(&record);
        self.revoked.note(record, stands);
        self.sort_members();
    }

    /// Notes what has come to stand since.
    pub(super) fn note_waiting(&mut self) {
        for record in std::mem::take(&mut self.revoked.waiting) {
            let stands = self.stands(&record);
            self.revoked.note(record, stands);
        }
    }

    /// By a device of the same person, in a part of its log that counts.
    fn stands(&self, record: &RevokedRecord) -> bool {
        let is_same_person = self.user_of(record.log.author) == Some(record.user);
        is_same_person && self.cut(record.log).is_none_or(|cut| record.seq < cut.next)
    }

    fn standing(&self, device: DeviceId) -> impl Iterator<Item = &RevokedRecord> {
        self.revoked.noted.iter().filter(move |record| record.device == device && self.stands(record))
    }

    /// Whether a device was revoked by its own person.
    pub(super) fn is_revoked(&self, device: DeviceId) -> bool {
        self.standing(device).next().is_some()
    }

    /// Who revoked a device.
    pub(super) fn revoker_of(&self, device: DeviceId) -> Option<DeviceId> {
        self.standing(device).next().map(|record| record.log.author)
    }

    /// Everybody who revoked a device.
    pub(super) fn revokers_of(&self, device: DeviceId) -> impl Iterator<Item = DeviceId> {
        self.standing(device).map(|record| record.log.author)
    }

    /// Devices that were revoked, each with its person.
    pub(super) fn revoked_devices(&self) -> BTreeMap<DeviceId, UserId> {
        let standing = self.revoked.noted.iter().filter(|record| self.stands(record));
        standing.map(|record| (record.device, record.user)).collect()
    }

    /// How far a log of a revoked device counts; none for a device that was not revoked.
    pub(super) fn revoked_head(&self, log: LogKey) -> Option<Height> {
        let heads = self.standing(log.author).map(|record| {
            record.heads.iter().find(|(key, _)| *key == log).map_or(Height::EMPTY, |(_, height)| *height)
        });
        heads.max_by_key(|height| (height.next, height.head))
    }

    /// Whether an entry was written by a revoked device beyond what counts.
    pub(super) fn is_beyond(&self, entry: &Entry) -> bool {
        !self.revoked.noted.is_empty()
            && self.revoked_head(entry.log_key()).is_some_and(|head| entry.header().seq >= head.next)
    }
}

#[cfg(test)]
mod tests;
