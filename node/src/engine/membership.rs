//! Who belongs to a room: epochs, admissions, removals, invites, profiles.

use parlor_protocol::{
    DeviceId, EpochId, Locator, LogKey, RoomId,
    card::{DeviceCard, Prekey},
    entry::{Entry, Kind, Verified},
    epoch::{AdmissionCert, EpochRecord, EpochSecrets, Genesis},
    invite::{Invite, InviteBody},
    keys::DhSecret,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Invites a room keeps; older ones are dropped when a room makes more codes than that.
const INVITES_MAX: usize = 4096;

/// Why an entry is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its epoch or its author's admission is not known here yet: try again later.
    NotYet,
    /// No honest device writes this.
    Never,
}

/// One epoch as far as it is known.
#[derive(Debug)]
struct Epoch {
    admission: [u8; 32],
    secrets: Option<EpochSecrets>,
    /// Order in which this device learned of it.
    rank: usize,
}

/// A member as the others know it.
#[derive(Clone, Debug)]
pub(super) struct MemberState {
    pub(super) name: String,
    pub(super) joined: u64,
    pub(super) owner: bool,
    /// When it was last heard of, on the monotonic clock.
    pub(super) heard: Option<u64>,
    pub(super) last_signal: u64,
    #[expect(dead_code, reason = "owners seal the next epoch's key to these")]
    pub(super) keys: (Box<DeviceCard>, Box<Prekey>),
}

/// Who belongs to a room.
#[derive(Debug)]
pub(super) struct Membership {
    room: RoomId,
    genesis: Genesis,
    epochs: HashMap<EpochId, Epoch>,
    current: EpochId,
    admitted: HashSet<(DeviceId, EpochId)>,
    /// Up to which place the entries of a removed device's logs stand.
    removed: HashMap<DeviceId, HashMap<LogKey, u64>>,
    pub(super) members: BTreeMap<DeviceId, MemberState>,
    invites: HashMap<Locator, Invite>,
    revoked: HashSet<Locator>,
}

impl Membership {
    pub(super) fn new(room: RoomId, genesis: Genesis, epochs: Vec<EpochSecrets>) -> Self {
        let current = epochs.last().map(EpochSecrets::id).unwrap_or_default();
        let epochs = epochs
            .into_iter()
            .enumerate()
            .map(|(rank, secrets)| {
                (secrets.id(), Epoch { admission: secrets.admission_public(), secrets: Some(secrets), rank })
            })
            .collect();
        Self {
            room,
            genesis,
            epochs,
            current,
            admitted: HashSet::new(),
            removed: HashMap::new(),
            members: BTreeMap::new(),
            invites: HashMap::new(),
            revoked: HashSet::new(),
        }
    }

    pub(super) fn current(&self) -> Option<&EpochSecrets> {
        self.secrets(self.current)
    }

    pub(super) fn secrets(&self, epoch: EpochId) -> Option<&EpochSecrets> {
        self.epochs.get(&epoch).and_then(|epoch| epoch.secrets.as_ref())
    }

    /// Secrets of all epochs whose key is known, oldest first.
    pub(super) fn known_secrets(&self) -> Vec<&EpochSecrets> {
        let mut known: Vec<_> = self
            .epochs
            .values()
            .filter_map(|epoch| epoch.secrets.as_ref().map(|secrets| (epoch.rank, secrets)))
            .collect();
        known.sort_by_key(|(rank, _)| *rank);
        known.into_iter().map(|(_, secrets)| secrets).collect()
    }

    pub(super) fn is_admitted(&self, device: DeviceId, epoch: EpochId) -> bool {
        self.admitted.contains(&(device, epoch))
    }

    pub(super) fn is_owner(&self, card: &DeviceCard) -> bool {
        self.genesis.owners.contains(&card.user)
    }

    /// Checks the certificate a peer shows with a request.
    pub(super) fn check_cert(&self, peer: DeviceId, cert: &AdmissionCert) -> bool {
        let known = self.epochs.get(&cert.epoch).filter(|_| cert.device == peer && !self.removed.contains_key(&peer));
        known.is_some_and(|epoch| self.is_admitted(peer, cert.epoch) || cert.check(self.room, &epoch.admission).is_ok())
    }

    /// Whether an entry may stand in its log, and what it changes about membership.
    pub(super) fn admit(
        &mut self,
        entry: &Verified<Entry>,
        me: DeviceId,
        prekeys: &[&DhSecret],
    ) -> Result<bool, Refused> {
        let header = entry.header();
        let cut = self.removed.get(&header.author).map(|heads| heads.get(&header.log_key()).copied().unwrap_or(0));
        if cut.is_some_and(|cut| header.seq >= cut) {
            return Err(Refused::Never);
        }
        match header.kind {
            Kind::Genesis if header.seq == 0 && entry.room() == self.room => Ok(false),
            Kind::Genesis => Err(Refused::Never),
            Kind::Epoch => self.learn_epoch(entry, me, prekeys).map(|()| true),
            Kind::Admission => self.learn_admission(entry).map(|()| true),
            Kind::Invite => {
                self.require_admitted(header.author, header.epoch)?;
                self.learn_invite(entry)?;
                Ok(false)
            }
            Kind::Content => self.require_admitted(header.author, header.epoch).map(|()| false),
        }
    }

    fn require_admitted(&self, device: DeviceId, epoch: EpochId) -> Result<(), Refused> {
        if self.is_admitted(device, epoch) { Ok(()) } else { Err(Refused::NotYet) }
    }

    fn learn_epoch(&mut self, entry: &Verified<Entry>, me: DeviceId, prekeys: &[&DhSecret]) -> Result<(), Refused> {
        let record = EpochRecord::decode(entry.body()).map_err(|_| Refused::Never)?;
        let by_owner = self.is_owner(&record.owner) && record.owner.device == entry.header().author;
        if !by_owner || record.id != entry.header().epoch {
            return Err(Refused::Never);
        }
        let rank = self.epochs.len();
        let follows_current = record.parents.contains(&self.current);
        let secrets = record.open(self.room, me, prekeys).ok();
        let opened = secrets.is_some();
        let epoch = self.epochs.entry(record.id).or_insert(Epoch { admission: record.admission, secrets: None, rank });
        if epoch.admission != record.admission {
            return Err(Refused::Never);
        }
        epoch.secrets = epoch.secrets.take().or(secrets);
        if opened && follows_current {
            self.current = record.id;
        }
        for device in record.removed {
            let heads = record.heads.iter().filter(|(key, _)| key.author == device).map(|(key, h)| (*key, h.next));
            self.removed.entry(device).or_insert_with(|| heads.collect());
            self.members.remove(&device);
        }
        Ok(())
    }

    fn learn_admission(&mut self, entry: &Verified<Entry>) -> Result<(), Refused> {
        let header = entry.header();
        let cert = AdmissionCert::decode(entry.body()).map_err(|_| Refused::Never)?;
        if cert.device != header.author || cert.epoch != header.epoch {
            return Err(Refused::Never);
        }
        let epoch = self.epochs.get(&cert.epoch).ok_or(Refused::NotYet)?;
        cert.check(self.room, &epoch.admission).map_err(|_| Refused::Never)?;
        self.admitted.insert((cert.device, cert.epoch));
        Ok(())
    }

    fn learn_invite(&mut self, entry: &Verified<Entry>) -> Result<(), Refused> {
        match InviteBody::decode(entry.body()).map_err(|_| Refused::Never)? {
            InviteBody::Made(invite) => {
                if invite.signer != entry.header().author || invite.check().is_err() {
                    return Err(Refused::Never);
                }
                if self.invites.len() < INVITES_MAX {
                    self.invites.insert(invite.locator, invite);
                }
            }
            InviteBody::Revoked(locator) => {
                self.revoked.insert(locator);
            }
        }
        Ok(())
    }

    pub(super) fn invite(&self, locator: Locator) -> Option<&Invite> {
        self.invites.get(&locator).filter(|_| !self.revoked.contains(&locator))
    }

    /// Number of members besides this device.
    pub(super) fn others(&self, me: DeviceId) -> usize {
        self.members.keys().filter(|device| **device != me).count()
    }
}
