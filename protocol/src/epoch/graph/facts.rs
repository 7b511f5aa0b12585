//! What everybody may see of the record of an epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    epoch::EpochRecord,
    ids::{DeviceId, EntryId, EpochId, LogKey, UserId},
    log::Height,
};

/// What everybody may see of a record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EpochFacts {
    /// The epoch that it begins.
    pub epoch: EpochId,
    /// The entries of the records that it follows.
    pub after: Vec<EntryId>,
    /// The device that wrote it.
    pub author: DeviceId,
    /// Whose device that is.
    pub user: UserId,
    /// The public half of the admission key.
    pub admission: [u8; 32],
    /// Devices that are removed.
    pub removed: BTreeSet<DeviceId>,
    /// People who become owners.
    pub added: Vec<UserId>,
    /// People who are owners no longer.
    pub dropped: Vec<UserId>,
    /// What the removed wrote up to here stands.
    pub heads: BTreeMap<LogKey, Height>,
    /// Devices that get the new key.
    pub keys: BTreeSet<DeviceId>,
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The room ends.
    pub dissolved: bool,
    /// Codes that were made before no longer let anybody in.
    pub ends_codes: bool,
}

impl From<&EpochRecord> for EpochFacts {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.id,
            after: record.after.clone(),
            author: record.owner.device,
            user: record.owner.user,
            admission: record.admission,
            removed: record.removed.iter().copied().collect(),
            added: record.owners.added.clone(),
            dropped: record.owners.dropped.clone(),
            heads: record.heads.iter().copied().collect(),
            keys: record.keys.iter().map(|key| key.device).collect(),
            lifetime_ms: record.lifetime_ms,
            dissolved: record.dissolved,
            ends_codes: record.ends_codes,
        }
    }
}

/// What the graph keeps of a record by itself. Whom the record names is kept with those who are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochOutline {
    /// The epoch that it begins.
    pub epoch: EpochId,
    /// The device that wrote it.
    pub author: DeviceId,
    /// Whose device that is.
    pub user: UserId,
    /// The public half of the admission key.
    pub admission: [u8; 32],
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The room ends.
    pub dissolved: bool,
    /// Codes that were made before no longer let anybody in.
    pub ends_codes: bool,
}

impl From<&EpochFacts> for EpochOutline {
    fn from(facts: &EpochFacts) -> Self {
        Self {
            epoch: facts.epoch,
            author: facts.author,
            user: facts.user,
            admission: facts.admission,
            lifetime_ms: facts.lifetime_ms,
            dissolved: facts.dissolved,
            ends_codes: facts.ends_codes,
        }
    }
}
