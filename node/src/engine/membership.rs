//! Who belongs to a room, for a member: the public rules, and what the epoch keys add to them.

use parlor_protocol::{
    DeviceId, EpochId, Locator, Role, RoomId, UserId,
    card::{DeviceCard, Prekey},
    entry::{Entry, Verified},
    epoch::{AdmissionCert, EpochRecord, EpochSecrets, Genesis},
    invite::Invite,
    keys::DhSecret,
    lookalike::Looks,
    rules::{Learned, RoomRules},
};
use std::collections::{BTreeMap, HashMap};

pub(super) use parlor_protocol::rules::Refused;

/// A member as the others know it.
#[derive(Clone, Debug)]
pub(super) struct MemberState {
    pub(super) name: String,
    pub(super) joined: u64,
    /// What the name looks like.
    pub(super) looks: Looks,
    /// The person's safety number was compared.
    pub(super) verified: bool,
    /// Nothing of the person is to be shown.
    pub(super) blocked: bool,
    pub(super) role: Role,
    /// When it was last heard of, on the monotonic clock.
    pub(super) heard: Option<u64>,
    pub(super) last_signal: u64,
    /// Whose device it is, and its Noise key.
    pub(super) card: Box<DeviceCard>,
    /// What owners seal the next epoch's key to.
    pub(super) prekey: Box<Prekey>,
}

/// Who belongs to a room.
#[derive(Debug)]
pub(super) struct Membership {
    room: RoomId,
    rules: RoomRules,
    /// Epochs whose key is known, each with the order in which it became known.
    secrets: HashMap<EpochId, (usize, EpochSecrets)>,
    current: EpochId,
    pub(super) members: BTreeMap<DeviceId, MemberState>,
}

impl Membership {
    pub(super) fn new(room: RoomId, genesis: Genesis, epochs: Vec<EpochSecrets>) -> Self {
        let current = epochs.last().map(EpochSecrets::id).unwrap_or_default();
        let mut rules = RoomRules::new(room, genesis);
        epochs.iter().for_each(|secrets| rules.add_epoch(secrets.id(), secrets.admission_public()));
        let secrets = epochs.into_iter().enumerate().map(|(rank, secrets)| (secrets.id(), (rank, secrets))).collect();
        Self { room, rules, secrets, current, members: BTreeMap::new() }
    }

    pub(super) fn current(&self) -> Option<&EpochSecrets> {
        self.secrets(self.current)
    }

    pub(super) fn secrets(&self, epoch: EpochId) -> Option<&EpochSecrets> {
        self.secrets.get(&epoch).map(|(_, secrets)| secrets)
    }

    /// Secrets of all epochs whose key is known, oldest first.
    pub(super) fn known_secrets(&self) -> Vec<&EpochSecrets> {
        let mut known: Vec<_> = self.secrets.values().collect();
        known.sort_by_key(|(rank, _)| *rank);
        known.into_iter().map(|(_, secrets)| secrets).collect()
    }

    /// What a person may do.
    pub(super) fn role(&self, user: UserId) -> Role {
        if self.rules.is_owner(user) { Role::Owner } else { Role::Member }
    }

    pub(super) fn is_member(&self, device: DeviceId) -> bool {
        self.rules.is_member(device)
    }

    /// Checks the certificate a peer shows with a request.
    pub(super) fn check_cert(&self, peer: DeviceId, cert: &AdmissionCert) -> bool {
        self.rules.check_cert(peer, cert)
    }

    pub(super) fn invite(&self, locator: Locator) -> Option<&Invite> {
        self.rules.invite(locator)
    }

    /// Whether an entry may stand in its log; true when it changed who belongs to the room.
    pub(super) fn admit(
        &mut self,
        entry: &Verified<Entry>,
        me: DeviceId,
        prekeys: &[&DhSecret],
    ) -> Result<bool, Refused> {
        match self.rules.admit(entry)? {
            Learned::Epoch(record) => {
                self.follow(&record, me, prekeys);
                Ok(true)
            }
            Learned::Admitted(_) => Ok(true),
            Learned::Nothing | Learned::InviteMade(_) | Learned::InviteRevoked(_) => Ok(false),
        }
    }

    /// Takes up a new epoch when it has a key for this device.
    fn follow(&mut self, record: &EpochRecord, me: DeviceId, prekeys: &[&DhSecret]) {
        if let Ok(secrets) = record.open(self.room, me, prekeys) {
            let rank = self.secrets.len();
            self.secrets.entry(record.id).or_insert((rank, secrets));
            if record.parents.contains(&self.current) {
                self.current = record.id;
            }
        }
        record.removed.iter().for_each(|device| {
            self.members.remove(device);
        });
    }

    /// Number of members besides this device.
    pub(super) fn others(&self, me: DeviceId) -> usize {
        self.members.keys().filter(|device| **device != me).count()
    }
}
