//! The rules of a room, from what everybody may see: who owns it, which epochs it has, who is
//! admitted, who was removed, which codes work.
//!
//! Members and archives apply the same rules to the same entries; members add what the epoch keys
//! open. Nothing here needs a key.

use std::collections::{HashMap, HashSet};

use crate::{
    entry::{Entry, Kind, Verified},
    epoch::{AdmissionCert, EpochRecord, Genesis},
    ids::{DeviceId, EpochId, Locator, LogKey, RoomId, UserId},
    invite::{Invite, InviteBody},
};

/// Invites that are kept of a room; the codes of later ones are not found here.
const INVITES_MAX: usize = 4096;
/// Invites that are kept of one signer, so that one member cannot use up all places.
const INVITES_OF_SIGNER_MAX: usize = 256;

/// Why an entry is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its epoch or its author's admission is not known here yet: try again later.
    NotYet,
    /// No honest device writes this.
    Never,
}

/// What an entry taught about the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing: a content, or the genesis.
    Nothing,
    /// A new epoch.
    Epoch(Box<EpochRecord>),
    /// A device was admitted.
    Admitted(DeviceId),
    /// A code was made.
    InviteMade(Box<Invite>),
    /// A code no longer works.
    InviteRevoked(Locator),
}

/// The rules of one room as far as they are known.
#[derive(Debug)]
pub struct RoomRules {
    room: RoomId,
    genesis: Genesis,
    /// Public admission key of each epoch.
    epochs: HashMap<EpochId, [u8; 32]>,
    admitted: HashSet<(DeviceId, EpochId)>,
    /// Up to which place the entries of a removed device's logs stand.
    removed: HashMap<DeviceId, HashMap<LogKey, u64>>,
    invites: HashMap<Locator, Invite>,
    revoked: HashSet<Locator>,
}

impl RoomRules {
    /// The rules of a room of which only the genesis is known.
    #[must_use]
    pub fn new(room: RoomId, genesis: Genesis) -> Self {
        Self {
            room,
            genesis,
            epochs: HashMap::new(),
            admitted: HashSet::new(),
            removed: HashMap::new(),
            invites: HashMap::new(),
            revoked: HashSet::new(),
        }
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// Adds an epoch that is known from elsewhere: from its key, or from a registration.
    pub fn add_epoch(&mut self, epoch: EpochId, admission: [u8; 32]) {
        self.epochs.entry(epoch).or_insert(admission);
    }

    /// Whether a user may change epochs.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.genesis.owners.contains(&user)
    }

    /// Whether a device may write in an epoch.
    #[must_use]
    pub fn is_admitted(&self, device: DeviceId, epoch: EpochId) -> bool {
        self.admitted.contains(&(device, epoch))
    }

    /// Whether a device is admitted to any epoch and was not removed.
    #[must_use]
    pub fn is_member(&self, device: DeviceId) -> bool {
        !self.removed.contains_key(&device) && self.admitted.iter().any(|(admitted, _)| *admitted == device)
    }

    /// Checks the certificate that a peer shows with a request.
    #[must_use]
    pub fn check_cert(&self, peer: DeviceId, cert: &AdmissionCert) -> bool {
        let may = cert.device == peer && !self.removed.contains_key(&peer);
        self.epochs
            .get(&cert.epoch)
            .filter(|_| may)
            .is_some_and(|admission| self.is_admitted(peer, cert.epoch) || cert.check(self.room, admission).is_ok())
    }

    /// The record behind a code that still works.
    #[must_use]
    pub fn invite(&self, locator: Locator) -> Option<&Invite> {
        self.invites.get(&locator).filter(|_| !self.revoked.contains(&locator))
    }

    /// Reads an epoch entry by an owner, whether or not its place in the log is known.
    ///
    /// # Errors
    /// [`Refused::Never`] when it is malformed or not by an owner of the room.
    pub fn epoch_by_owner(&self, entry: &Verified<Entry>) -> Result<EpochRecord, Refused> {
        let header = entry.header();
        let record = EpochRecord::decode(entry.body()).map_err(|_| Refused::Never)?;
        let by_owner = self.is_owner(record.owner.user) && record.owner.device == header.author;
        let here = header.kind == Kind::Epoch && header.room == self.room && record.id == header.epoch;
        if by_owner && here { Ok(record) } else { Err(Refused::Never) }
    }

    /// Whether a device was removed.
    #[must_use]
    pub fn is_removed(&self, device: DeviceId) -> bool {
        self.removed.contains_key(&device)
    }

    /// Whether an entry is not cut off by the removal of its author.
    #[must_use]
    pub fn stands(&self, entry: &Entry) -> bool {
        let header = entry.header();
        let cut = self.removed.get(&header.author).map(|heads| heads.get(&header.log_key()).copied().unwrap_or(0));
        cut.is_none_or(|cut| header.seq < cut)
    }

    /// Whether an entry may stand in its log, and what it teaches. Chain and signature were
    /// checked before.
    ///
    /// # Errors
    /// [`Refused`]: for now, or for ever.
    pub fn admit(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let header = entry.header();
        if !self.stands(entry) {
            return Err(Refused::Never);
        }
        match header.kind {
            Kind::Genesis if header.seq == 0 && entry.room() == self.room => Ok(Learned::Nothing),
            Kind::Genesis => Err(Refused::Never),
            Kind::Epoch => self.learn_epoch(entry),
            Kind::Admission => self.learn_admission(entry),
            Kind::Invite => {
                self.require_admitted(header.author, header.epoch)?;
                self.learn_invite(entry)
            }
            Kind::Content => self.require_admitted(header.author, header.epoch).map(|()| Learned::Nothing),
        }
    }

    fn require_admitted(&self, device: DeviceId, epoch: EpochId) -> Result<(), Refused> {
        if self.is_admitted(device, epoch) { Ok(()) } else { Err(Refused::NotYet) }
    }

    fn learn_epoch(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let record = self.epoch_by_owner(entry)?;
        if *self.epochs.entry(record.id).or_insert(record.admission) != record.admission {
            return Err(Refused::Never);
        }
        for device in &record.removed {
            let heads = record.heads.iter().filter(|(key, _)| key.author == *device);
            self.removed.entry(*device).or_insert_with(|| heads.map(|(key, height)| (*key, height.next)).collect());
        }
        Ok(Learned::Epoch(Box::new(record)))
    }

    fn learn_admission(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let header = entry.header();
        let cert = AdmissionCert::decode(entry.body()).map_err(|_| Refused::Never)?;
        if cert.device != header.author || cert.epoch != header.epoch {
            return Err(Refused::Never);
        }
        let admission = self.epochs.get(&cert.epoch).ok_or(Refused::NotYet)?;
        cert.check(self.room, admission).map_err(|_| Refused::Never)?;
        self.admitted.insert((cert.device, cert.epoch));
        Ok(Learned::Admitted(cert.device))
    }

    fn learn_invite(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        match InviteBody::decode(entry.body()).map_err(|_| Refused::Never)? {
            InviteBody::Made(invite) => {
                if invite.signer != entry.header().author || invite.check().is_err() {
                    return Err(Refused::Never);
                }
                self.keep_invite(&invite);
                Ok(Learned::InviteMade(Box::new(invite)))
            }
            InviteBody::Revoked(locator) => {
                self.revoked.insert(locator);
                Ok(Learned::InviteRevoked(locator))
            }
        }
    }

    /// Keeps an invite, unless there is one with its locator: a later one must not take the place
    /// of a code that works. Archives keep the first as well.
    fn keep_invite(&mut self, invite: &Invite) {
        let of_signer = self.invites.values().filter(|kept| kept.signer == invite.signer).count();
        if self.invites.len() < INVITES_MAX && of_signer < INVITES_OF_SIGNER_MAX {
            self.invites.entry(invite.locator).or_insert_with(|| invite.clone());
        }
    }
}
