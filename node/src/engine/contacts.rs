//! The people known here: names, devices, and what was decided about them.
//!
//! A decision (verified, blocked) carries the time it was made, so that of two devices' decisions
//! the later one holds. Records are written a while after they changed; decisions at once.

use parlor_protocol::{DeviceId, UserId};
use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, timers::Timer, unsaved::Again, writing::Pending};
use crate::store::{ContactRecord, KnownDevice, Write};

/// People that are remembered at most; further ones are shown, but nothing is decided about them.
pub(super) const CONTACTS_MAX: usize = 8_192;
/// Devices of one person that are remembered at most.
pub(super) const DEVICES_OF_PERSON_MAX: usize = 64;
/// How long after a change a record is written, in milliseconds.
const SAVE_AFTER_MS: u64 = 3_000;
/// When somebody was seen is kept this exactly, in milliseconds.
const SEEN_EVERY_MS: u64 = 5 * 60 * 1_000;

/// The people known here.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    known: BTreeMap<UserId, ContactRecord>,
    changed: BTreeSet<UserId>,
}

/// What learning about a device brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Learned {
    /// The device was not known before.
    pub(super) is_new_device: bool,
    /// When the person was first seen, if before now.
    pub(super) known_since: Option<u64>,
    /// The name is another one than before.
    pub(super) is_new_name: bool,
}

impl Contacts {
    pub(super) fn new(loaded: Vec<ContactRecord>) -> Self {
        Self { known: loaded.into_iter().map(|record| (record.user, record)).collect(), changed: BTreeSet::new() }
    }

    pub(super) fn find(&self, user: UserId) -> Option<&ContactRecord> {
        self.known.get(&user)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ContactRecord> {
        self.known.values()
    }

    pub(super) fn is_verified(&self, user: UserId) -> bool {
        self.find(user).is_some_and(|record| record.verified.is_set)
    }

    pub(super) fn is_blocked(&self, user: UserId) -> bool {
        self.find(user).is_some_and(|record| record.blocked.is_set)
    }

    /// A person's record to change; made when there is none and there is room.
    pub(super) fn edit(&mut self, user: UserId, wall: u64) -> Option<&mut ContactRecord> {
        if !self.known.contains_key(&user) && self.known.len() >= CONTACTS_MAX {
            return None;
        }
        self.changed.insert(user);
        Some(self.known.entry(user).or_insert_with(|| ContactRecord::new(user, wall)))
    }

    /// A device showed its card: whose it is and what the person is called.
    pub(super) fn learn(&mut self, user: UserId, device: DeviceId, name: &str, wall: u64) -> Learned {
        let known = self.find(user).filter(|record| !record.devices.is_empty());
        let known_since = known.map(|record| record.first_seen);
        let is_new_device = known.is_none_or(|record| record.device(device).is_none());
        let is_new_name = known.is_none_or(|record| record.name != name);
        let learned = Learned { is_new_device, known_since, is_new_name };
        if !is_new_device && !is_new_name {
            return learned;
        }
        if let Some(record) = self.edit(user, wall) {
            name.clone_into(&mut record.name);
            if is_new_device && record.devices.len() < DEVICES_OF_PERSON_MAX {
                record.devices.push(KnownDevice { device, first_seen: wall, last_seen: wall });
            }
        }
        learned
    }

    /// A device is here now.
    pub(super) fn saw(&mut self, user: UserId, device: DeviceId, wall: u64) {
        let Some(record) = self.known.get_mut(&user) else { return };
        let mut is_news = false;
        let seen = std::iter::once(&mut record.last_seen);
        let seen = seen
            .chain(record.devices.iter_mut().filter(|known| known.device == device).map(|known| &mut known.last_seen));
        for at in seen {
            // A clock that was set back is followed as well.
            if wall.abs_diff(*at) >= SEEN_EVERY_MS {
                *at = wall;
                is_news = true;
            }
        }
        if is_news {
            self.changed.insert(user);
        }
    }

    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Takes the records that are to be written.
    pub(super) fn take_changed(&mut self) -> Vec<Write> {
        let changed = std::mem::take(&mut self.changed);
        let records = changed.iter().filter_map(|user| self.known.get(user));
        records.map(|record| Write::PutContact(Box::new(record.clone()))).collect()
    }

    /// What could not be written is written again with the next change.
    pub(super) fn keep_changed(&mut self, users: impl IntoIterator<Item = UserId>) {
        self.changed.extend(users);
    }
}

impl Engine {
    /// Writes what changed about people, a little later.
    pub(super) fn save_contacts_soon(&mut self) {
        if self.contacts.has_changed() {
            self.timers.set(self.now.mono + SAVE_AFTER_MS, Timer::Contacts);
        }
    }

    /// Writes what changed about people.
    pub(super) fn save_contacts(&mut self) {
        let writes = self.contacts.take_changed();
        if !writes.is_empty() {
            let users = writes.iter().filter_map(|write| match write {
                Write::PutContact(record) => Some(record.user),
                _ => None,
            });
            let again = Again::Contacts(users.collect());
            self.write_soon(writes, Pending::unasked(again));
        }
    }
}
