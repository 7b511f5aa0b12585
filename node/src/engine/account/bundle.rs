//! What an account is made of: its key, its rooms with their epoch keys, contacts, settings.
//!
//! A bundle goes whole from device to device: sealed in the vault, or straight to a device that is
//! linked. Two bundles that changed apart are merged: rooms and epochs are united, and of
//! everything else the later stamp stands. So nothing that a device knew is lost by a merge.

use parlor_protocol::{
    DeviceId, OwnId, RoomId, UserId,
    account::UserName,
    codec,
    entry::{Entry, Kind},
    error::CodecError,
    keys::Secret,
    limits::{NAME_MAX, VAULT_MAX},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

use crate::store::EpochKeyRecord;

/// Longest encoded bundle: what fits a vault with its nonce, tag and length.
const BUNDLE_MAX: usize = VAULT_MAX - 64;
/// Most rooms of an account.
const ROOMS_MAX: usize = 1_024;
/// Most epochs of a room whose keys an account keeps.
const EPOCHS_MAX: usize = 4_096;
/// Most keys that the person went by before.
const FORMER_MAX: usize = 64;
/// Most contacts.
const CONTACTS_MAX: usize = 4_096;
/// Longest contact, in bytes.
const CONTACT_MAX: usize = 1_024;
/// Most settings.
const SETTINGS_MAX: usize = 256;
/// Most devices of a person, those that were revoked included.
const DEVICES_MAX: usize = 256;
/// Longest name or value of a setting, and longest name of a room or person, in bytes.
const TEXT_MAX: usize = 4_096;

/// When something was set, and by which device: the later one stands, the same on every device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Milliseconds since 1970 by that device's clock.
    pub at: u64,
    /// The device.
    pub device: DeviceId,
}

/// A value of which the latest stands.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// The value.
    pub value: T,
    /// When it was set.
    pub stamp: Stamp,
}

impl<T: Ord> Stamped<T> {
    /// Sets a value.
    pub fn new(value: T, stamp: Stamp) -> Self {
        Self { value, stamp }
    }

    fn merge(&mut self, other: Self) {
        // One device may set two values in one millisecond; then the larger stands, everywhere.
        if (other.stamp, &other.value) > (self.stamp, &self.value) {
            *self = other;
        }
    }
}

/// A room of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRoom {
    /// The genesis entry, from which the room's id follows.
    pub genesis: Entry,
    /// The room's name, until the room itself tells it.
    pub name: Stamped<String>,
    /// Epochs whose key is known, those that became known first before the others.
    pub epochs: Vec<EpochKeyRecord>,
    /// False once the person left the room or forgot it.
    pub held: Stamped<bool>,
    /// When the person joined, on the first device (milliseconds since 1970): where newcomers may not
    /// read everything, the person's other devices show no less.
    pub joined: u64,
    /// Devices of the person that owners removed from the room, for ever: they are handed nothing of it.
    pub removed: BTreeSet<DeviceId>,
    /// As whom the person stands in the room: one of the account keys, the present one or a former one.
    pub own: Option<OwnId>,
}

/// A device of the person, as its other devices know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct DeviceNote {
    /// What it is called; empty until it has a name.
    pub label: String,
    /// When it was first started (milliseconds since 1970).
    pub created: u64,
    /// Whether it is signed in to the account.
    pub signed_in: bool,
}

/// Where the person's account is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountPlace {
    /// The user name.
    pub name: UserName,
    /// The archive that keeps it.
    pub archive: DeviceId,
}

impl BundleRoom {
    /// Takes in an epoch. Devices learn of one at different times; the earliest counts, and orders
    /// them, so that two devices that know the same write the same. Of two keys the one of the lower
    /// step stands, which opens everything that the other one does.
    pub(super) fn learn(&mut self, epoch: EpochKeyRecord) {
        match self.epochs.iter_mut().find(|known| known.id == epoch.id) {
            Some(known) => {
                known.since = known.since.min(epoch.since);
                if epoch.step < known.step {
                    (known.step, known.key) = (epoch.step, epoch.key);
                }
            }
            None => self.epochs.push(epoch),
        }
        self.epochs.sort_by_key(|epoch| (epoch.since, epoch.id));
    }

    /// Takes in as whom the person stands. Where devices came in as different ones, any of these is good:
    /// the same on every device.
    pub(super) fn learn_own(&mut self, own: Option<OwnId>) {
        self.own = self.own.into_iter().chain(own).min();
    }

    /// Whether owners removed a device of the person from it.
    #[must_use]
    pub fn is_out(&self, device: DeviceId) -> bool {
        self.removed.contains(&device)
    }

    fn merge(&mut self, other: Self) {
        for epoch in other.epochs {
            self.learn(epoch);
        }
        self.removed.extend(other.removed);
        self.learn_own(other.own);
        self.name.merge(other.name);
        self.held.merge(other.held);
        self.joined = self.joined.min(other.joined);
    }
}

/// Everything that an account is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBundle {
    /// Seed of the account key.
    pub user_seed: Secret,
    /// Seeds of keys that the person went by before: rooms may know them as their owner.
    pub former: Vec<Secret>,
    /// The person's name.
    pub name: Stamped<String>,
    /// The rooms.
    pub rooms: BTreeMap<RoomId, BundleRoom>,
    /// What is known of other people, each as an encoded record of its own.
    pub contacts: BTreeMap<UserId, Stamped<Vec<u8>>>,
    /// Settings that go with the person, by name.
    pub settings: BTreeMap<String, Stamped<String>>,
    /// The person's devices.
    pub devices: BTreeMap<DeviceId, Stamped<DeviceNote>>,
    /// Devices that were revoked, and when (milliseconds since 1970): for ever.
    pub revoked: BTreeMap<DeviceId, u64>,
    /// Where the person's account is, if there is one.
    pub account: Stamped<Option<AccountPlace>>,
}

impl AccountBundle {
    /// An account with nothing in it yet.
    #[must_use]
    pub fn new(user_seed: Secret, name: Stamped<String>) -> Self {
        Self {
            user_seed,
            former: Vec::new(),
            name,
            rooms: BTreeMap::new(),
            contacts: BTreeMap::new(),
            settings: BTreeMap::new(),
            devices: BTreeMap::new(),
            revoked: BTreeMap::new(),
            account: Stamped::default(),
        }
    }

    /// Takes in what another copy has. The account key stays; another one joins the former keys.
    pub fn merge(&mut self, other: Self) {
        let keys = [other.user_seed].into_iter().chain(other.former);
        for key in keys {
            if key != self.user_seed && !self.former.contains(&key) {
                self.former.push(key);
            }
        }
        // The same on every device, whichever bundle came first.
        self.former.sort_by(|a, b| a.expose().cmp(b.expose()));
        self.name.merge(other.name);
        self.account.merge(other.account);
        for (device, note) in other.devices {
            match self.devices.get_mut(&device) {
                Some(known) => known.merge(note),
                None => drop(self.devices.insert(device, note)),
            }
        }
        self.merge_revoked(other.revoked);
        for (id, room) in other.rooms {
            match self.rooms.get_mut(&id) {
                Some(known) => known.merge(room),
                None => drop(self.rooms.insert(id, room)),
            }
        }
        for (user, contact) in other.contacts {
            match self.contacts.get_mut(&user) {
                Some(known) => known.merge(contact),
                None => drop(self.contacts.insert(user, contact)),
            }
        }
        for (name, setting) in other.settings {
            match self.settings.get_mut(&name) {
                Some(known) => known.merge(setting),
                None => drop(self.settings.insert(name, setting)),
            }
        }
    }

    /// Takes in only which devices another copy says are revoked.
    fn merge_revoked(&mut self, other: BTreeMap<DeviceId, u64>) {
        for (device, at) in other {
            self.revoked.entry(device).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }

    /// Both together; where that is more than a bundle holds only this one, and which devices the other
    /// one says are revoked, because that is heeded whatever else there is no place for. Whether all of
    /// it found a place.
    pub(super) fn united(&self, other: Self) -> (Self, bool) {
        let revoked = other.revoked.clone();
        let mut united = self.clone();
        united.merge(other);
        if united.encode().is_ok() {
            return (united, true);
        }
        let mut united = self.clone();
        united.merge_revoked(revoked);
        let is_fit = united.encode().is_ok();
        (if is_fit { united } else { self.clone() }, false)
    }

    /// Encodes a bundle, to be sealed. What is encoded can be decoded.
    ///
    /// # Errors
    /// [`CodecError`] when the account has more than a vault holds, or more of something than it may
    /// have.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, CodecError> {
        self.check()?;
        codec::encode_secret(self, BUNDLE_MAX)
    }

    /// Decodes a bundle that was opened.
    ///
    /// # Errors
    /// [`CodecError`] when it is none, or has more of something than an account may have.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let bundle: Self = codec::decode(bytes, BUNDLE_MAX, "account")?;
        bundle.check()?;
        Ok(bundle)
    }

    /// Whether it has no more of anything than it may have.
    fn check(&self) -> Result<(), CodecError> {
        let bundle = self;
        count("rooms", bundle.rooms.len(), ROOMS_MAX)?;
        count("former keys", bundle.former.len(), FORMER_MAX)?;
        count("contacts", bundle.contacts.len(), CONTACTS_MAX)?;
        count("settings", bundle.settings.len(), SETTINGS_MAX)?;
        count("devices", bundle.devices.len().max(bundle.revoked.len()), DEVICES_MAX)?;
        bundle.devices.values().try_for_each(|note| short(note.value.label.len(), NAME_MAX))?;
        short(bundle.name.value.len(), TEXT_MAX)?;
        for (id, room) in &bundle.rooms {
            count("epochs", room.epochs.len(), EPOCHS_MAX)?;
            count("removed devices", room.removed.len(), DEVICES_MAX)?;
            short(room.name.value.len(), TEXT_MAX)?;
            if room.genesis.header().kind != Kind::Genesis || room.genesis.room() != *id {
                return Err(CodecError::Malformed("room of an account"));
            }
        }
        bundle.contacts.values().try_for_each(|contact| short(contact.value.len(), CONTACT_MAX))?;
        let mut settings = bundle.settings.iter();
        settings.try_for_each(|(name, value)| short(name.len().max(value.value.len()), TEXT_MAX))
    }
}

fn count(what: &'static str, got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooMany { what, max, got }) } else { Ok(()) }
}

fn short(got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooLong { max, got }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
