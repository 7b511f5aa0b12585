//! Devices that their own people revoked, as the members of a room see it.
//!
//! A revocation is a content of another device of the same person. What counts is a function of all
//! revocations together, so that everybody agrees in whatever order they came: each one stands, also
//! when the device that wrote it was revoked at the same time, unless an owner has removed its author
//! and the log ends before it. What a revoked device writes is kept and passed on, because it may hold
//! such a word; nothing else of it is heeded.

use parlor_protocol::{DeviceId, LogKey, UserId, entry::Entry, log::Height};

use super::membership::Membership;
use crate::store::RevokedRecord;

/// Revocations of a room that are remembered, and those by one device.
const REVOKED_MAX: usize = 1_024;
const REVOKED_BY_MAX: usize = 64;

impl Membership {
    /// Notes a revocation; false when it is known, or there is no place for it.
    pub(super) fn note_revoked(&mut self, record: RevokedRecord) -> bool {
        let by = record.log.author;
        let is_known = self.revoked.iter().any(|known| (known.log, known.seq) == (record.log, record.seq));
        let of_author = self.revoked.iter().filter(|known| known.log.author == by).count();
        if is_known || self.revoked.len() >= REVOKED_MAX || of_author >= REVOKED_BY_MAX {
            return false;
        }
        self.revoked.push(record);
        self.sort_members();
        true
    }

    /// By a device of the same person, in a part of its log that counts.
    fn stands(&self, record: &RevokedRecord) -> bool {
        let is_same_person = self.user_of(record.log.author) == Some(record.user);
        is_same_person && self.cut(record.log).is_none_or(|cut| record.seq < cut.next)
    }

    fn standing(&self, device: DeviceId) -> impl Iterator<Item = &RevokedRecord> {
        self.revoked.iter().filter(move |record| record.device == device && self.stands(record))
    }

    /// Whether a device was revoked by its own person.
    pub(super) fn is_revoked(&self, device: DeviceId) -> bool {
        self.standing(device).next().is_some()
    }

    /// Who revoked a device.
    pub(super) fn revoker_of(&self, device: DeviceId) -> Option<DeviceId> {
        self.standing(device).next().map(|record| record.log.author)
    }

    /// Devices that were revoked, each with its person.
    pub(super) fn revoked_devices(&self) -> std::collections::BTreeMap<DeviceId, UserId> {
        let standing = self.revoked.iter().filter(|record| self.stands(record));
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
        !self.revoked.is_empty()
            && self.revoked_head(entry.log_key()).is_some_and(|head| entry.header().seq >= head.next)
    }
}
