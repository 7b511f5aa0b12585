//! Rooms and epochs: founding, admission, and the change to a new key.
//!
//! An epoch's id commits to its key, because ChaCha20-Poly1305 does not: without that, a sealed
//! body could be made that opens differently under two keys (Grubbs et al., "Message Franking via
//! Committing Authenticated Encryption", 2017). The id stands in every signed header.

use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{
    codec,
    derive::{Label, Purpose},
    error::{CodecError, KeyError, SealError},
    ids::{DeviceId, EpochId, RoomId, TopicId, UserId},
    keys::{self, DhPublic, DhSecret, Secret, Sig},
    limits::{BODY_MAX, DEVICES_MAX},
    policy::HistoryPolicy,
};

mod graph;
mod record;
mod settings;
#[cfg(test)]
mod tests;

pub use graph::{EpochFacts, EpochGraph, OneDevice};
pub use record::{EpochChange, EpochRecord, OwnerChange, PreviousKey, SEALED_KEY_LEN, SealedKey};
pub use settings::{RoomSettings, Stamp, Stamped};

/// The body of a genesis entry. The room's id is the hash of that entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Users who may change epochs, the most senior first.
    pub owners: Vec<UserId>,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Makes two rooms of one maker differ.
    pub salt: [u8; 16],
    /// For whom the room is.
    pub kind: RoomKind,
}

/// For whom a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RoomKind {
    /// For everybody who has a code.
    #[default]
    Group,
    /// For two people, the smaller user id first. Both own it.
    Direct([UserId; 2]),
}

impl RoomKind {
    /// The other person of a room of two.
    #[must_use]
    pub fn other(&self, user: UserId) -> Option<UserId> {
        match self {
            Self::Direct([one, other]) if *one == user => Some(*other),
            Self::Direct([one, other]) if *other == user => Some(*one),
            _ => None,
        }
    }

    /// Whether a person may be in the room at all.
    #[must_use]
    pub fn admits(&self, user: UserId) -> bool {
        match self {
            Self::Group => true,
            Self::Direct(users) => users.contains(&user),
        }
    }
}

impl Genesis {
    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError`] when there is no owner or there are too many.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check()?;
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or has no owner or too many.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let genesis: Self = codec::decode(body, BODY_MAX, "genesis")?;
        genesis.check().map(|()| genesis)
    }

    fn check(&self) -> Result<(), CodecError> {
        count("owners", self.owners.len(), DEVICES_MAX)?;
        if self.owners.is_empty() {
            return Err(CodecError::Malformed("genesis without owner"));
        }
        match self.kind {
            RoomKind::Direct([one, other]) if one >= other || self.owners != [one, other] => {
                Err(CodecError::Malformed("genesis of two"))
            }
            _ => Ok(()),
        }
    }
}

fn count(what: &'static str, got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooMany { what, max, got }) } else { Ok(()) }
}

/// The id of an epoch: a hash of key, room and sorted parents.
fn epoch_id(key: &Secret, room: RoomId, parents: &[EpochId]) -> EpochId {
    let mut sorted = parents.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hasher = Purpose::EpochId.hasher();
    hasher.update(key.expose()).update(room.as_bytes());
    hasher.update(&u32::try_from(sorted.len()).unwrap_or(u32::MAX).to_le_bytes());
    sorted.iter().for_each(|parent| {
        hasher.update(parent.as_bytes());
    });
    let id = EpochId::from_bytes(*hasher.finalize().as_bytes());
    zeroize::Zeroize::zeroize(&mut hasher);
    id
}

/// Where an epoch's gossip goes. A hash of room and epoch: nobody can claim the topic of another room,
/// and who keeps the records of a room, but no key, knows where to listen.
#[must_use]
pub fn topic_of(room: RoomId, epoch: EpochId) -> TopicId {
    TopicId::from_bytes(Purpose::EpochTopic.hash(&[room.as_bytes().as_slice(), epoch.as_bytes()].concat()))
}

/// Everything that follows from an epoch's key.
#[derive(Clone)]
pub struct EpochSecrets {
    id: EpochId,
    room: RoomId,
    parents: Vec<EpochId>,
    key: Secret,
    room_secret: DhSecret,
    room_public: DhPublic,
    psk: Secret,
    inner: Secret,
    admission: SigningKey,
    signal: Secret,
}

impl EpochSecrets {
    /// Derives an epoch from its key.
    ///
    /// # Errors
    /// [`KeyError::WeakPoint`]: impossible for a derived key, checked all the same.
    pub fn derive(room: RoomId, parents: &[EpochId], key: Secret) -> Result<Self, KeyError> {
        let bytes = key.expose();
        let room_secret = DhSecret::from_bytes(*Purpose::EpochRoomSecret.secret(bytes));
        let room_public = DhPublic::new(*room_secret.public().as_bytes())?;
        Ok(Self {
            id: epoch_id(&key, room, parents),
            room,
            parents: parents.to_vec(),
            room_secret,
            room_public,
            psk: Secret::from_bytes(*Purpose::EpochPsk.secret(bytes)),
            inner: Secret::from_bytes(*Purpose::EpochInner.secret(bytes)),
            admission: SigningKey::from_bytes(&Purpose::EpochAdmission.secret(bytes)),
            signal: Secret::from_bytes(*Purpose::EpochSignal.secret(bytes)),
            key,
        })
    }

    /// Derives an epoch from a key that is claimed to be the key of `id`.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the id does not commit to this key.
    pub fn derive_checked(room: RoomId, parents: &[EpochId], key: Secret, id: EpochId) -> Result<Self, SealError> {
        let secrets = Self::derive(room, parents, key)?;
        if secrets.id == id { Ok(secrets) } else { Err(SealError::Unopenable) }
    }

    /// The epoch.
    #[must_use]
    pub const fn id(&self) -> EpochId {
        self.id
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The epochs before this one.
    #[must_use]
    pub fn parents(&self) -> &[EpochId] {
        &self.parents
    }

    /// The epoch's key, to be kept sealed.
    #[must_use]
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// Where the epoch's gossip goes.
    #[must_use]
    pub fn topic(&self) -> TopicId {
        topic_of(self.room, self.id)
    }

    pub(crate) const fn psk(&self) -> &Secret {
        &self.psk
    }

    /// The key of what contents are put through before a session seals them.
    pub(crate) const fn inner_key(&self) -> &Secret {
        &self.inner
    }

    pub(crate) const fn room_public(&self) -> &DhPublic {
        &self.room_public
    }

    pub(crate) const fn room_secret(&self) -> &DhSecret {
        &self.room_secret
    }

    pub(crate) const fn signal_key(&self) -> &Secret {
        &self.signal
    }

    /// The public half of the admission key, which archives and relays check certificates with.
    #[must_use]
    pub fn admission_public(&self) -> [u8; 32] {
        self.admission.verifying_key().to_bytes()
    }

    /// Certifies a device: proof that somebody who holds the epoch's key let it in.
    #[must_use]
    pub fn admit(&self, device: DeviceId) -> AdmissionCert {
        let message = AdmissionCert::message(self.room, self.id, device);
        let sig = Sig(self.admission.sign(&[Label::Admission.bytes(), &message].concat()).to_bytes());
        AdmissionCert { epoch: self.id, device, sig }
    }
}

impl fmt::Debug for EpochSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochSecrets({} of {})", self.id.short(), self.room.short())
    }
}

/// Shows that a device belongs to an epoch. It is the body of an admission entry and the ticket
/// in sync requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionCert {
    /// The epoch.
    pub epoch: EpochId,
    /// The device.
    pub device: DeviceId,
    sig: Sig,
}

impl AdmissionCert {
    pub(crate) const fn from_parts(epoch: EpochId, device: DeviceId, sig: Sig) -> Self {
        Self { epoch, device, sig }
    }

    pub(crate) const fn sig(&self) -> Sig {
        self.sig
    }

    /// Checks the certificate against the epoch's public admission key.
    ///
    /// # Errors
    /// [`KeyError`] when it does not fit.
    pub fn check(&self, room: RoomId, admission: &[u8; 32]) -> Result<(), KeyError> {
        keys::verify(admission, Label::Admission, &Self::message(room, self.epoch, self.device), &self.sig)
    }

    /// Encodes the body of an admission entry.
    ///
    /// # Errors
    /// None in practice.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_MAX)
    }

    /// Decodes the body of an admission entry.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        codec::decode(body, BODY_MAX, "admission")
    }

    fn message(room: RoomId, epoch: EpochId, device: DeviceId) -> Vec<u8> {
        [room.as_bytes().as_slice(), epoch.as_bytes(), device.as_bytes()].concat()
    }
}
