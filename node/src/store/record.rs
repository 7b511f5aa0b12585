//! What the local store keeps, in the words of the engine. No IO here.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, Hlc, Locator, LogId, LogKey, RoomCode, RoomId, UserId,
    account::{RecoveryLock, UserName, VaultKey},
    card::UserKey,
    entry::{Entry, Verified},
    epoch::{EpochSecrets, Step},
    error::SealError,
    keys::{DeviceKey, DhSecret, Secret},
    log::{ForkProof, Heights},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Machines that are remembered at most; the ones reached longest ago are forgotten.
pub(crate) const PEERS_MAX: usize = 256;
/// Most archives that a device uses, or holds for keepers of its rooms.
pub(crate) const ARCHIVES_MAX: usize = 8;

/// This device's keys and name. Kept sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// Seed of the device key.
    pub device_seed: Secret,
    /// Seed of the account key.
    pub user_seed: Secret,
    /// Noise static key.
    pub noise: DhSecret,
    /// Prekeys, newest first, with the time they were made (milliseconds since 1970).
    pub prekeys: Vec<(DhSecret, u64)>,
    /// When this identity was made (milliseconds since 1970).
    pub created: u64,
    /// The person's name; empty until it is set.
    pub name: String,
    /// Whether people on the network may see that this person is there.
    pub visible: bool,
}

impl Identity {
    /// A fresh identity.
    pub fn random(rng: &mut dyn rand_core::CryptoRng, now_ms: u64) -> Self {
        Self {
            device_seed: Secret::random(rng),
            user_seed: Secret::random(rng),
            noise: DhSecret::random(rng),
            prekeys: vec![(DhSecret::random(rng), now_ms)],
            created: now_ms,
            name: String::new(),
            visible: true,
        }
    }

    /// The device key.
    #[must_use]
    pub fn device(&self) -> DeviceKey {
        DeviceKey::from_seed(&self.device_seed)
    }

    /// The account key.
    #[must_use]
    pub fn user(&self) -> UserKey {
        UserKey::from_seed(&self.user_seed)
    }
}

/// A room as this device knows it, besides its entries. Kept sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoomRecord {
    /// The room.
    pub room: RoomId,
    /// Its name.
    pub name: String,
    /// When this device joined (milliseconds since 1970).
    pub joined: u64,
    /// The genesis entry.
    pub genesis: Entry,
    /// Epochs whose key is known, oldest first; the last one is current.
    pub epochs: Vec<EpochKeyRecord>,
    /// The log this device writes.
    pub own_log: LogId,
    /// Codes that this device made and that have not ended.
    pub codes: Vec<CodeRecord>,
    /// Unread messages of others that came after this device had read the room for the first time.
    pub unread: u64,
    /// Latest hybrid time seen.
    pub hlc: Hlc,
    /// How many entries of the own log an archive holds durably.
    pub archived: u64,
    /// How many entries of the own log each member has acknowledged.
    pub received: Vec<(DeviceId, u64)>,
    /// Places of the own log before this one may have been used and published, whether the store
    /// holds them or not.
    pub reserved: u64,
    /// The newest signal of each member, so that replays are known after a restart.
    pub signals: Vec<(DeviceId, u64)>,
    /// This person leaves, and nobody else knows yet.
    pub leaving: bool,
    /// When the prekey that the others know was made (milliseconds since 1970).
    pub prekey: u64,
    /// Somebody asks this person into it, and nothing was answered yet.
    pub request: bool,
    /// This device came in by an archive's word, and met no member yet.
    pub unconfirmed: bool,
    /// When entries of coming in were first heard of here (milliseconds since 1970).
    pub heard: Vec<(EntryId, u64)>,
}

/// An epoch whose key is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochKeyRecord {
    /// The epoch.
    pub id: EpochId,
    /// Its parents.
    pub parents: Vec<EpochId>,
    /// The lowest step that is known.
    pub step: Step,
    /// The key of that step.
    pub key: Secret,
    /// When this device learned of it (milliseconds since 1970).
    pub since: u64,
}

impl EpochKeyRecord {
    /// What is kept of an epoch that has been known since then (milliseconds since 1970).
    #[must_use]
    pub fn of(secrets: &EpochSecrets, since: u64) -> Self {
        let (id, parents) = (secrets.id(), secrets.parents().to_vec());
        Self { id, parents, step: secrets.lowest(), key: secrets.key().clone(), since }
    }

    /// The epoch that it is of.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the key is not that of the epoch.
    pub fn secrets(&self, room: RoomId) -> Result<EpochSecrets, SealError> {
        EpochSecrets::derive_checked(room, &self.parents, self.step, self.key.clone(), self.id)
    }
}

/// A code that this device made and can show again, until it ends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeRecord {
    /// The code.
    pub code: RoomCode,
    /// Where its door is found.
    pub locator: Locator,
}

/// A person known here, and what was decided about them. Kept sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRecord {
    /// The person: the account key that was seen, and verified if it was.
    pub user: UserId,
    /// The name as last seen; empty until one was.
    pub name: String,
    /// When the person was first seen (milliseconds since 1970).
    pub first_seen: u64,
    /// When the person was last seen.
    pub last_seen: u64,
    /// The devices that were seen, oldest first.
    pub devices: Vec<KnownDevice>,
    /// Whether the safety number was compared.
    pub verified: Mark,
    /// Whether nothing of this person is to be shown.
    pub blocked: Mark,
    /// Rooms of two with this person that were refused.
    pub refused: Vec<RoomId>,
}

/// A device of a known person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDevice {
    /// The device.
    pub device: DeviceId,
    /// When it was first seen (milliseconds since 1970).
    pub first_seen: u64,
    /// When it was last seen.
    pub last_seen: u64,
}

/// A decision and when it was made, so that of two devices' decisions the later one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    /// Whether it is set.
    pub is_set: bool,
    /// When that was decided (milliseconds since 1970); 0 when it never was.
    pub at: u64,
}

impl Mark {
    /// Takes the later decision; true when that is another one.
    pub fn merge(&mut self, other: Self) -> bool {
        let is_later = (other.at, other.is_set) > (self.at, self.is_set);
        if is_later {
            *self = other;
        }
        is_later
    }
}

impl ContactRecord {
    /// A person of whom nothing is known yet.
    #[must_use]
    pub fn new(user: UserId, now_ms: u64) -> Self {
        Self {
            user,
            name: String::new(),
            first_seen: now_ms,
            last_seen: now_ms,
            devices: Vec::new(),
            verified: Mark::default(),
            blocked: Mark::default(),
            refused: Vec::new(),
        }
    }

    /// A device of the person.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> Option<&KnownDevice> {
        self.devices.iter().find(|known| known.device == device)
    }
}

/// An entry with what is known of its own signature. The last entry of every run that is
/// appended is checked; see `parlor_protocol::log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry.
    pub entry: Verified<Entry>,
    /// True when this very signature was checked, false when only the chain was.
    pub checked: bool,
}

/// The account that this device is signed in to. Kept sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRecord {
    /// The user name.
    pub name: UserName,
    /// The archive that keeps it.
    pub archive: DeviceId,
    /// The key of the vault.
    pub vault_key: VaultKey,
    /// The key that it has instead, when the archive heard of a new password and this device did not.
    pub next_key: Option<VaultKey>,
    /// What keys are wrapped for, so that the recovery key opens them.
    pub lock: RecoveryLock,
    /// The highest version of the vault that was seen.
    pub version: u64,
    /// False once the archive said that this device was signed out.
    pub signed_in: bool,
}

/// What this device shares with the others of its person. Kept sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PersonRecord {
    /// Key, rooms, contacts, devices: an encoded bundle, as it was last known.
    pub bundle: SecretBytes,
    /// Rooms that this device entered because another one was in them.
    pub entered: BTreeSet<RoomId>,
    /// Seed of the account key that this device had before.
    pub before: Option<Secret>,
}

/// Encoded secrets: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

impl Serialize for SecretBytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(s)
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(d).map(|bytes| Self(Zeroizing::new(bytes)))
    }
}

/// A machine to try again at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The machine's device.
    pub device: DeviceId,
    /// Multiaddrs it was reached at, newest first, at most four.
    pub addresses: Vec<String>,
}

/// Everything but the entries, as read at start.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Keys and name; none in a new profile.
    pub identity: Option<Identity>,
    /// The rooms, each with how far its logs are held.
    pub rooms: Vec<(RoomRecord, Heights)>,
    /// Records of epochs, in no order.
    pub epochs: Vec<Entry>,
    /// Forks that were proven.
    pub forks: Vec<ForkProof>,
    /// Addresses added by hand.
    pub manual: Vec<String>,
    /// Archives that this device uses.
    pub archives: ArchivesRecord,
    /// Machines that were reached before.
    pub peers: Vec<PeerRecord>,
    /// People known here.
    pub contacts: Vec<ContactRecord>,
    /// The account that this device is signed in to.
    pub account: Option<AccountRecord>,
    /// What is shared with the person's other devices.
    pub person: Option<PersonRecord>,
    /// Whether nothing of this is kept: the device is a guest in the rooms that it joins, and goes out of
    /// them when it stops.
    pub is_guest: bool,
}

/// Archives that a device uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivesRecord {
    /// They.
    pub used: Vec<DeviceId>,
    /// Whether the person said something about them: from then on none is used by itself.
    pub is_decided: bool,
}

/// One change. Changes of one batch become durable together, batches in the order given.
#[derive(Clone, Debug)]
pub enum Write {
    /// Keys and name.
    PutIdentity(Box<Identity>),
    /// A room's record.
    PutRoom(Box<RoomRecord>),
    /// A run of one log, which must continue what the store holds: otherwise the whole batch
    /// fails and changes nothing. Entries already held with the same id are skipped; one that
    /// is held but damaged is replaced.
    Append {
        /// The room.
        room: RoomId,
        /// The entries, in order.
        entries: Vec<StoredEntry>,
    },
    /// The record of an epoch, kept apart from the log in which it stands: logs end for removed
    /// devices, what they decided before may still count.
    PutEpoch(Box<Entry>),
    /// Forgets a room: its record, keys and codes, its entries and everything else about it.
    ForgetRoom(RoomId),
    /// A proof that a log forked.
    PutFork(Box<ForkProof>),
    /// The addresses added by hand.
    PutManual(Vec<String>),
    /// The archives that this device uses.
    PutArchives(ArchivesRecord),
    /// A machine that was reached.
    PutPeer(PeerRecord),
    /// The account that this device is signed in to, or none any more.
    PutAccount(Option<Box<AccountRecord>>),
    /// What is shared with the person's other devices, or nothing any more.
    PutPerson(Option<Box<PersonRecord>>),
    /// A person known here.
    PutContact(Box<ContactRecord>),
    /// Contents whose time is over: their pruned form takes their place. What may not be pruned
    /// and places that are not held are passed over.
    Prune {
        /// The room.
        room: RoomId,
        /// The places.
        places: Vec<(LogKey, u64)>,
    },
}

/// A question about stored entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A run of one log: up to `max` entries from `from` on, cut at about 1 MiB.
    Run {
        /// The room.
        room: RoomId,
        /// The log.
        log: LogKey,
        /// Place of the first entry.
        from: u64,
        /// Most entries.
        max: usize,
    },
    /// Several runs at once, for tails and openers; each `(log, from, max)`. Cut at 1 MiB together.
    Runs {
        /// The room.
        room: RoomId,
        /// The runs.
        runs: Vec<(LogKey, u64, usize)>,
    },
    /// All entries of a room, log by log, for loading at start: up to 2,000 after this place,
    /// cut at about 16 MiB. Damaged entries are passed over; the room is read through when the
    /// run comes back empty.
    Scan {
        /// The room.
        room: RoomId,
        /// The last place that was read.
        after: Option<(LogKey, u64)>,
    },
}

/// The answer to a [`Read`]: the runs asked for, in the order asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadResult {
    /// One run for [`Read::Run`] and [`Read::Scan`], as many as asked for [`Read::Runs`]. A run
    /// may be shorter than asked, or empty.
    pub runs: Vec<Vec<StoredEntry>>,
    /// Places whose entry is in the store but damaged. A [`Write::Append`] of the same entry heals it.
    pub damaged: Vec<(LogKey, u64)>,
}
