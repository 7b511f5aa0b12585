//! The record of a new epoch: whom it removes, and its key sealed to each remaining device.
//!
//! Who may write one is for the reader to decide (an owner's device, see [`EpochRecord::owner`]):
//! here are only the layout and the locks. See `docs/CRYPT.md`, "Changing the epoch".

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use super::{EpochSecrets, count, epoch_id};
use crate::{
    card::DeviceCard,
    codec,
    derive::Purpose,
    error::{CodecError, SealError},
    ids::{DeviceId, EpochId, LogKey, RoomId},
    keys::{DhPublic, DhSecret, Secret},
    limits::{DEVICES_MAX, EPOCH_BODY_MAX, EPOCH_PARENTS_MAX, LOGS_MAX},
    log::Height,
    noise,
};

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
    /// Heads of the logs as the owner knows them: what the removed wrote up to here stands. Those
    /// of the removed devices must be among them; in a room with very many logs the others may be
    /// left out to keep the record within its limit.
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
    /// Heads of logs as the owner knew them: at least those of the removed devices.
    pub heads: Vec<(LogKey, Height)>,
    /// The key, sealed to each remaining device.
    pub keys: Vec<SealedKey>,
    /// Where newcomers may read everything: the keys of the parents, each sealed under the new
    /// key, in the order of `parents`. Empty otherwise.
    pub previous: Vec<Vec<u8>>,
}

/// Bytes of a key sealed under another: nonce, key, tag.
const PREVIOUS_LEN: usize = 24 + 32 + 16;

impl EpochRecord {
    /// Makes the record of a new epoch. `links` are the parents' secrets, in the order of
    /// `change.parents`, when newcomers may read everything, and empty otherwise.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when `secrets` or `links` are not those of the change's parents,
    /// [`SealError::Codec`] when a count is over its limit.
    pub fn seal(
        secrets: &EpochSecrets,
        change: &EpochChange,
        links: &[&EpochSecrets],
        owner: &DeviceCard,
        owner_secret: &DhSecret,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        let follows = epoch_id(&secrets.key, secrets.room, &change.parents) == secrets.id;
        let linked = links.is_empty() || links.iter().map(|link| link.id).eq(change.parents.iter().copied());
        if !follows || !linked {
            return Err(SealError::Unopenable);
        }
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
        let change_hash = record.change_hash(secrets.room);
        for (device, prekey) in &change.recipients {
            let prologue = prologue(&change_hash, *device);
            let mut state = noise::epoch_key_initiator(rng, &prologue, owner_secret, prekey)?;
            let mut sealed = vec![0; SEALED_KEY_LEN];
            state.write_message(secrets.key.expose(), &mut sealed).map_err(|_| SealError::Unopenable)?;
            record.keys.push(SealedKey { device: *device, sealed });
        }
        for parent in links {
            record.previous.push(seal_previous(secrets, parent, rng)?);
        }
        record.check()?;
        Ok(record)
    }

    /// Opens the new epoch with this device's prekeys, newest first.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when no key of this device is in it or opens it, or when the id
    /// does not commit to the key, or the admission key is not the one of this epoch.
    pub fn open(&self, room: RoomId, device: DeviceId, prekeys: &[&DhSecret]) -> Result<EpochSecrets, SealError> {
        let sealed = self.keys.iter().find(|key| key.device == device).ok_or(SealError::Unopenable)?;
        noise::check_ephemeral(&sealed.sealed)?;
        let prologue = prologue(&self.change_hash(room), device);
        for prekey in prekeys {
            let mut state = noise::epoch_key_responder(&prologue, prekey, &self.owner.noise)?;
            // As long as key and tag: into anything shorter snow decrypts by way of a buffer of its
            // own that it does not wipe.
            let mut plain = zeroize::Zeroizing::new([0; 48]);
            if state.read_message(&sealed.sealed, plain.as_mut()) == Ok(32) {
                let key = plain.first_chunk().copied().map(Secret::from_bytes).ok_or(SealError::Unopenable)?;
                let secrets = EpochSecrets::derive_checked(room, &self.parents, key, self.id)?;
                let fits = secrets.admission_public() == self.admission;
                return if fits { Ok(secrets) } else { Err(SealError::Unopenable) };
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
        let at = self.parents.iter().position(|p| *p == parent).ok_or(SealError::Unopenable)?;
        let sealed = self.previous.get(at).ok_or(SealError::Unopenable)?;
        let (nonce, sealed) = sealed.split_at_checked(24).ok_or(SealError::Unopenable)?;
        let key = Purpose::EpochPrevious.secret(secrets.key.expose());
        let plain = XChaCha20Poly1305::new(key.as_ref().into())
            .decrypt(XNonce::from_slice(nonce), sealed)
            .map(zeroize::Zeroizing::new)
            .map_err(|_| SealError::Unopenable)?;
        let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| SealError::Unopenable)?;
        EpochSecrets::derive_checked(secrets.room, grandparents, Secret::from_bytes(key), parent)
    }

    /// What every sealed key is bound to: all of the record that is decided before sealing.
    fn change_hash(&self, room: RoomId) -> [u8; 32] {
        let mut hasher = Purpose::EpochChange.hasher();
        hasher.update(room.as_bytes()).update(self.id.as_bytes()).update(&self.admission);
        hasher.update(self.owner.user.as_bytes()).update(self.owner.device.as_bytes());
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
        *hasher.finalize().as_bytes()
    }

    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError`] when the room has too many devices and logs for one record.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check()?;
        codec::encode(self, EPOCH_BODY_MAX)
    }

    /// Decodes a body and checks its counts and the owner's card.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or over a limit.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let record: Self = codec::decode(body, EPOCH_BODY_MAX, "epoch")?;
        record.check()?;
        record.owner.check().map_err(|_| CodecError::Malformed("owner's card"))?;
        Ok(record)
    }

    fn check(&self) -> Result<(), CodecError> {
        count("parents", self.parents.len(), EPOCH_PARENTS_MAX)?;
        count("removed devices", self.removed.len(), DEVICES_MAX)?;
        count("heads", self.heads.len(), LOGS_MAX)?;
        count("sealed keys", self.keys.len(), DEVICES_MAX)?;
        let lengths_fit = self.keys.iter().all(|key| key.sealed.len() == SEALED_KEY_LEN)
            && self.previous.iter().all(|key| key.len() == PREVIOUS_LEN);
        let linked_fully = self.previous.is_empty() || self.previous.len() == self.parents.len();
        if lengths_fit && linked_fully { Ok(()) } else { Err(CodecError::Malformed("epoch")) }
    }
}

/// Binds a sealed key to its record and its recipient.
fn prologue(change_hash: &[u8; 32], recipient: DeviceId) -> Vec<u8> {
    [change_hash.as_slice(), recipient.as_bytes()].concat()
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
