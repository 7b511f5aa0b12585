//! The record of a new epoch: whom it removes, and its key sealed to each remaining device.
//!
//! Who may write one is for the reader to decide (an owner's device, see [`EpochRecord::owner`]):
//! here are only the layout and the locks. See `docs/CRYPT.md`, "Changing the epoch".

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use super::{EpochSecrets, RoomSettings, Step, count};
use crate::{
    card::DeviceCard,
    codec,
    derive::Purpose,
    error::{CodecError, SealError},
    ids::{DeviceId, EntryId, EpochId, LogKey, RoomId, UserId},
    keys::{DhPublic, DhSecret, Secret},
    limits::{DEVICES_MAX, EPOCH_BODY_MAX, EPOCH_PARENTS_MAX, LINKS_MAX, LOGS_MAX, SETTINGS_MAX, SPAN_MAX_MS},
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

/// Who becomes an owner, and who is one no longer. Everybody may see it: archives have to know who
/// may begin epochs.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OwnerChange {
    /// New owners.
    pub added: Vec<UserId>,
    /// Owners no longer. The last owner stays, whatever is written here.
    pub dropped: Vec<UserId>,
}

/// The first key of an earlier epoch, for those who may read everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousKey {
    /// The epoch.
    pub epoch: EpochId,
    /// Its parents, which its id commits to.
    pub parents: Vec<EpochId>,
    /// Nonce and key, sealed under the new epoch's first key.
    pub sealed: Vec<u8>,
}

/// What a new epoch changes; decided by an owner before sealing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EpochChange {
    /// The epochs that this one follows; none in a room's first epoch.
    pub parents: Vec<EpochId>,
    /// The entries of their records, in the same order.
    pub after: Vec<EntryId>,
    /// Devices that are removed.
    pub removed: Vec<DeviceId>,
    /// Who becomes or stops being an owner.
    pub owners: OwnerChange,
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The room ends.
    pub dissolved: bool,
    /// Codes that were made before no longer let anybody in.
    pub ends_codes: bool,
    /// Heads of the logs of removed devices as the owner knows them: what they wrote up to here
    /// stands. Heads of a device that stays belong to somebody who was given a lower role: what the
    /// old role allowed counts in older epochs only up to there.
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
    /// The entries of their records, in the same order: what it follows cannot be disputed.
    pub after: Vec<EntryId>,
    /// The public half of its admission key.
    pub admission: [u8; 32],
    /// The owner's card: shows that the entry's author is a device of an owner.
    pub owner: DeviceCard,
    /// Devices that are removed.
    pub removed: Vec<DeviceId>,
    /// Who becomes or stops being an owner.
    pub owners: OwnerChange,
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// The room ends.
    pub dissolved: bool,
    /// Codes that were made before no longer let anybody in, also who looked them up already.
    pub ends_codes: bool,
    /// Heads of logs as the owner knew them; see [`EpochChange::heads`].
    pub heads: Vec<(LogKey, Height)>,
    /// The first key, sealed to each remaining device.
    pub keys: Vec<SealedKey>,
    /// Where newcomers may read everything: keys of earlier epochs, each sealed under the new key.
    /// Empty otherwise.
    pub previous: Vec<PreviousKey>,
    /// Sealed [`super::RoomSettings`].
    pub settings: Vec<u8>,
}

/// Bytes of a key sealed under another: nonce, key, tag.
const PREVIOUS_LEN: usize = 24 + 32 + 16;

impl EpochRecord {
    /// Makes the record of a new epoch. `links` are secrets of earlier epochs when newcomers may read
    /// everything of these and of the new one, and empty otherwise.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when `secrets` are not those of an epoch with the change's parents,
    /// a link is of another room, or not all of one of them is known; [`SealError::Codec`] when a count is over its limit.
    pub fn seal(
        secrets: &EpochSecrets,
        change: &EpochChange,
        settings: &RoomSettings,
        links: &[&EpochSecrets],
        owner: &DeviceCard,
        owner_secret: &DhSecret,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        let is_whole = |secrets: &EpochSecrets| secrets.lowest() == Step::FIRST;
        let linked = |link: &&EpochSecrets| link.room() == secrets.room() && link.id() != secrets.id() && is_whole(link);
        if !is_whole(secrets) || !secrets.follows(&change.parents) || !links.iter().all(linked) {
            return Err(SealError::Unopenable);
        }
        let mut record = Self {
            id: secrets.id(),
            parents: change.parents.clone(),
            after: change.after.clone(),
            admission: secrets.admission_public(),
            owner: owner.clone(),
            removed: change.removed.clone(),
            owners: change.owners.clone(),
            lifetime_ms: change.lifetime_ms,
            dissolved: change.dissolved,
            ends_codes: change.ends_codes,
            heads: change.heads.clone(),
            keys: Vec::with_capacity(change.recipients.len()),
            previous: Vec::with_capacity(links.len()),
            settings: settings.seal(secrets, rng)?,
        };
        let change_hash = record.change_hash(secrets.room());
        for (device, prekey) in &change.recipients {
            let prologue = prologue(&change_hash, *device);
            let mut state = noise::epoch_key_initiator(rng, &prologue, owner_secret, prekey)?;
            let mut sealed = vec![0; SEALED_KEY_LEN];
            state.write_message(secrets.key().expose(), &mut sealed).map_err(|_| SealError::Unopenable)?;
            record.keys.push(SealedKey { device: *device, sealed });
        }
        for link in links {
            let sealed = seal_previous(secrets, link, rng)?;
            record.previous.push(PreviousKey { epoch: link.id(), parents: link.parents().to_vec(), sealed });
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
                let secrets = EpochSecrets::derive_checked(room, &self.parents, Step::FIRST, key, self.id)?;
                let fits = secrets.admission_public() == self.admission;
                return if fits { Ok(secrets) } else { Err(SealError::Unopenable) };
            }
        }
        Err(SealError::Unopenable)
    }

    /// Opens the keys of earlier epochs where newcomers may read everything: those that are `wanted`.
    /// Nothing where not all of this epoch is known. One that does not fit its id is left out.
    #[must_use]
    pub fn open_previous(&self, secrets: &EpochSecrets, wanted: impl Fn(EpochId) -> bool) -> Vec<EpochSecrets> {
        let Some(key) = secrets.previous_key() else { return Vec::new() };
        let cipher = XChaCha20Poly1305::new(key.expose().into());
        let open = |link: &PreviousKey| {
            let (nonce, sealed) = link.sealed.split_at_checked(24)?;
            let plain = cipher.decrypt(XNonce::from_slice(nonce), sealed).map(zeroize::Zeroizing::new).ok()?;
            let key = Secret::from_bytes(<[u8; 32]>::try_from(plain.as_slice()).ok()?);
            EpochSecrets::derive_checked(secrets.room(), &link.parents, Step::FIRST, key, link.epoch).ok()
        };
        self.previous.iter().filter(|link| wanted(link.epoch)).filter_map(open).collect()
    }

    /// Opens the settings.
    ///
    /// # Errors
    /// [`SealError`] when they are not sealed under this epoch's key, or are malformed.
    pub fn open_settings(&self, secrets: &EpochSecrets) -> Result<RoomSettings, SealError> {
        RoomSettings::open(&self.settings, secrets)
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
        part(4, self.after.iter().flat_map(|entry| *entry.as_bytes()).collect());
        part(5, self.owners.added.iter().flat_map(|user| *user.as_bytes()).collect());
        part(6, self.owners.dropped.iter().flat_map(|user| *user.as_bytes()).collect());
        let lifetime = self.lifetime_ms.map(|ms| ms.to_le_bytes().to_vec()).unwrap_or_default();
        part(7, lifetime);
        part(8, vec![u8::from(self.dissolved), u8::from(self.ends_codes)]);
        part(9, blake3::hash(&self.settings).as_bytes().to_vec());
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
        count("new owners", self.owners.added.len(), DEVICES_MAX)?;
        count("dropped owners", self.owners.dropped.len(), DEVICES_MAX)?;
        count("links", self.previous.len(), LINKS_MAX)?;
        let lengths_fit = self.keys.iter().all(|key| key.sealed.len() == SEALED_KEY_LEN)
            && self
                .previous
                .iter()
                .all(|key| key.sealed.len() == PREVIOUS_LEN && key.parents.len() <= EPOCH_PARENTS_MAX)
            && self.settings.len() <= SETTINGS_MAX
            && self.lifetime_ms.is_none_or(|ms| ms > 0 && ms <= SPAN_MAX_MS);
        if lengths_fit && self.after.len() == self.parents.len() { Ok(()) } else { Err(CodecError::Malformed("epoch")) }
    }
}

/// Binds a sealed key to its record and its recipient.
fn prologue(change_hash: &[u8; 32], recipient: DeviceId) -> Vec<u8> {
    [change_hash.as_slice(), recipient.as_bytes()].concat()
}

fn seal_previous(secrets: &EpochSecrets, parent: &EpochSecrets, rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealError> {
    let mut out = vec![0; 24];
    rng.fill_bytes(&mut out);
    let key = secrets.previous_key().ok_or(SealError::Unopenable)?;
    let sealed = XChaCha20Poly1305::new(key.expose().into())
        .encrypt(XNonce::from_slice(&out), parent.key().expose().as_slice())
        .map_err(|_| SealError::Unopenable)?;
    out.extend_from_slice(&sealed);
    Ok(out)
}
