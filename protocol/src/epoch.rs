//! Rooms and epochs: founding, admission, and the change to a new key.
//!
//! An epoch's id commits to its key, because ChaCha20-Poly1305 does not: without that, a sealed
//! body could be made that opens differently under two keys (Grubbs et al., "Message Franking via
//! Committing Authenticated Encryption", 2017). The id stands in every signed header.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use ed25519_dalek::{Signer as _, SigningKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{
    card::DeviceCard,
    codec,
    derive::{Label, Purpose},
    error::{CodecError, KeyError, SealError},
    ids::{DeviceId, EpochId, LogKey, RoomId, TopicId, UserId},
    keys::{self, DhPublic, DhSecret, Secret, Sig},
    limits::{BODY_MAX, DEVICES_MAX, EPOCH_BODY_MAX, EPOCH_PARENTS_MAX, LOGS_MAX},
    log::Height,
    noise,
    policy::HistoryPolicy,
};

/// The body of a genesis entry. The room's id is the hash of that entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Users who may change epochs, the most senior first.
    pub owners: Vec<UserId>,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Makes two rooms of one maker differ.
    pub salt: [u8; 16],
}

impl Genesis {
    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError`] when there are too many owners.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or has no owner or too many.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let genesis: Self = codec::decode(body, BODY_MAX, "genesis")?;
        count("owners", genesis.owners.len(), DEVICES_MAX)?;
        if genesis.owners.is_empty() { Err(CodecError::Malformed("genesis without owner")) } else { Ok(genesis) }
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
    topic: TopicId,
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
            topic: TopicId::from_bytes(Purpose::EpochTopic.hash(bytes)),
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
    pub const fn topic(&self) -> TopicId {
        self.topic
    }

    pub(crate) const fn psk(&self) -> &Secret {
        &self.psk
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

/// Bytes of an epoch key sealed to one device.
pub const SEALED_KEY_LEN: usize = 80;

/// A new epoch's key, sealed to one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedKey {
    /// The device.
    pub device: DeviceId,
    /// A one-way Noise `K` message of 80 bytes.
    pub sealed: Vec<u8>,
}

/// What a new epoch changes; decided by an owner before sealing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EpochChange {
    /// The epochs that this one follows; none in a room's first epoch.
    pub parents: Vec<EpochId>,
    /// Devices that are removed.
    pub removed: Vec<DeviceId>,
    /// Heads of all logs as the owner knows them: what the removed wrote up to here stands.
    pub heads: Vec<(LogKey, Height)>,
    /// The devices that get the new key, each with its newest prekey.
    pub recipients: Vec<(DeviceId, DhPublic)>,
}

/// The body of an epoch entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The new epoch.
    pub id: EpochId,
    /// The epochs that it follows.
    pub parents: Vec<EpochId>,
    /// The public half of its admission key.
    pub admission: [u8; 32],
    /// The owner's card: shows that the entry's author is a device of an owner.
    pub owner: DeviceCard,
    /// Devices that are removed.
    pub removed: Vec<DeviceId>,
    /// Heads of all logs as the owner knew them.
    pub heads: Vec<(LogKey, Height)>,
    /// The key, sealed to each remaining device.
    pub keys: Vec<SealedKey>,
    /// Where newcomers may read everything: the keys of the parents, each sealed under the new
    /// key. Empty otherwise.
    pub previous: Vec<Vec<u8>>,
}

/// Bytes of a key sealed under another: nonce, key, tag.
const PREVIOUS_LEN: usize = 24 + 32 + 16;

impl EpochRecord {
    /// Makes the record of a new epoch. `links` are the parents' secrets when newcomers may read
    /// everything, and empty otherwise.
    ///
    /// # Errors
    /// [`SealError`] when a prekey is refused.
    pub fn seal(
        secrets: &EpochSecrets,
        change: &EpochChange,
        links: &[&EpochSecrets],
        owner: &DeviceCard,
        owner_secret: &DhSecret,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        let mut record = Self {
            id: secrets.id,
            parents: change.parents.clone(),
            admission: secrets.admission_public(),
            owner: owner.clone(),
            removed: change.removed.clone(),
            heads: change.heads.clone(),
            keys: Vec::with_capacity(change.recipients.len()),
            previous: Vec::with_capacity(links.len()),
        };
        for (device, prekey) in &change.recipients {
            let prologue = record.prologue(secrets.room, *device);
            let mut state = noise::epoch_key_initiator(rng, &prologue, owner_secret, prekey)?;
            let mut sealed = vec![0; SEALED_KEY_LEN];
            state.write_message(secrets.key.expose(), &mut sealed).map_err(|_| SealError::Unopenable)?;
            record.keys.push(SealedKey { device: *device, sealed });
        }
        for parent in links {
            record.previous.push(seal_previous(secrets, parent, rng)?);
        }
        Ok(record)
    }

    /// Opens the new epoch with this device's prekeys, newest first.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when no key of this device is in it or opens it, or when the id
    /// does not commit to the key.
    pub fn open(&self, room: RoomId, device: DeviceId, prekeys: &[&DhSecret]) -> Result<EpochSecrets, SealError> {
        let sealed = self.keys.iter().find(|key| key.device == device).ok_or(SealError::Unopenable)?;
        let prologue = self.prologue(room, device);
        for prekey in prekeys {
            let mut state = noise::epoch_key_responder(&prologue, prekey, &self.owner.noise)?;
            let mut key = zeroize::Zeroizing::new([0; 32]);
            if state.read_message(&sealed.sealed, key.as_mut()) == Ok(32) {
                return EpochSecrets::derive_checked(room, &self.parents, Secret::from_bytes(*key), self.id);
            }
        }
        Err(SealError::Unopenable)
    }

    /// Opens the key of a parent epoch where newcomers may read everything.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when it is not linked or does not fit its id.
    pub fn open_previous(
        &self,
        secrets: &EpochSecrets,
        parent: EpochId,
        grandparents: &[EpochId],
    ) -> Result<EpochSecrets, SealError> {
        if !self.parents.contains(&parent) {
            return Err(SealError::Unopenable);
        }
        // A merge by an owner who lacks the key of one branch links only the others, so places
        // tell nothing; the id shows which key is which, and there are 16 at most.
        let key = Purpose::EpochPrevious.secret(secrets.key.expose());
        self.previous
            .iter()
            .find_map(|sealed| {
                let previous = open_previous_key(&key, sealed)?;
                EpochSecrets::derive_checked(secrets.room, grandparents, previous, parent).ok()
            })
            .ok_or(SealError::Unopenable)
    }

    /// Binds a sealed key to everything else in the record and to its recipient.
    fn prologue(&self, room: RoomId, recipient: DeviceId) -> Vec<u8> {
        let mut hasher = Purpose::EpochChange.hasher();
        hasher.update(room.as_bytes()).update(self.id.as_bytes()).update(&self.admission);
        let mut part = |tag: u8, bytes: Vec<u8>| {
            hasher.update(&[tag]).update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
        };
        part(1, self.parents.iter().flat_map(|p| *p.as_bytes()).collect());
        part(2, self.removed.iter().flat_map(|d| *d.as_bytes()).collect());
        part(
            3,
            self.heads
                .iter()
                .flat_map(|(key, height)| {
                    [
                        key.author.as_bytes().as_slice(),
                        &key.log.0.to_le_bytes(),
                        &height.next.to_le_bytes(),
                        height.head.as_bytes(),
                    ]
                    .concat()
                })
                .collect(),
        );
        part(4, recipient.as_bytes().to_vec());
        hasher.finalize().as_bytes().to_vec()
    }

    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] when the room has too many devices and logs for one record.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, EPOCH_BODY_MAX)
    }

    /// Decodes a body and checks its counts and the owner's card.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or over a limit.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let record: Self = codec::decode(body, EPOCH_BODY_MAX, "epoch")?;
        count("parents", record.parents.len(), EPOCH_PARENTS_MAX)?;
        count("removed devices", record.removed.len(), DEVICES_MAX)?;
        count("heads", record.heads.len(), LOGS_MAX)?;
        count("sealed keys", record.keys.len(), DEVICES_MAX)?;
        count("linked keys", record.previous.len(), record.parents.len())?;
        let lengths_fit = record.keys.iter().all(|key| key.sealed.len() == SEALED_KEY_LEN)
            && record.previous.iter().all(|key| key.len() == PREVIOUS_LEN);
        let card_fits = record.owner.check().is_ok();
        if lengths_fit && card_fits { Ok(record) } else { Err(CodecError::Malformed("epoch")) }
    }
}

fn seal_previous(secrets: &EpochSecrets, parent: &EpochSecrets, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealError> {
    let mut out = vec![0; 24];
    rng.fill_bytes(&mut out);
    let key = Purpose::EpochPrevious.secret(secrets.key.expose());
    let sealed = XChaCha20Poly1305::new(key.as_ref().into())
        .encrypt(XNonce::from_slice(&out), parent.key.expose().as_slice())
        .map_err(|_| SealError::Unopenable)?;
    out.extend_from_slice(&sealed);
    Ok(out)
}

fn open_previous_key(key: &[u8; 32], sealed: &[u8]) -> Option<Secret> {
    let (nonce, sealed) = sealed.split_at_checked(24)?;
    let plain = XChaCha20Poly1305::new(key.into())
        .decrypt(XNonce::from_slice(nonce), sealed)
        .map(zeroize::Zeroizing::new)
        .ok()?;
    <[u8; 32]>::try_from(plain.as_slice()).ok().map(Secret::from_bytes)
}
