//! Wraps: keys of epochs, sealed to a code's lock. They stand in no log: members make them when asked, and
//! archives keep the newest for as long as they are of use, so that nothing old is left to open.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::fmt;

use super::{CodeKeys, Hours};
use crate::{
    codec,
    derive::Label,
    epoch::{EpochSecrets, Step},
    error::{CodecError, KeyError, SealError},
    ids::{DeviceId, DoorId, EpochId, RoomId},
    keys::{self, DeviceKey, DhPublic, Secret, Sig},
    limits::{EPOCH_PARENTS_MAX, LINKS_MAX, STEP_LAST, WRAP_MAX},
    noise,
    text::Name,
};

/// An ephemeral key and a tag.
const OVERHEAD: usize = 48;
/// What the rest of a wrap takes at most.
const FRAME: usize = 256;

/// What everybody may see of a wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WrapFacts {
    /// The room.
    pub room: RoomId,
    /// Whose code opens it.
    pub door: DoorId,
    /// The epoch whose key is in it.
    pub epoch: EpochId,
    /// From which step of the epoch's keys it opens.
    pub step: u32,
    /// When it is no longer to be handed out.
    pub until: Hours,
    /// Whether it is of use only as long as nothing was written in its step or later ones.
    pub is_fresh: bool,
}

impl WrapFacts {
    fn bytes(&self) -> Vec<u8> {
        [
            b"parlor/v1 wrap\0".as_slice(),
            self.room.as_bytes(),
            self.door.as_bytes(),
            self.epoch.as_bytes(),
            &self.step.to_le_bytes(),
            &self.until.0.to_le_bytes(),
            &[u8::from(self.is_fresh)],
        ]
        .concat()
    }
}

/// The lowest known key of an earlier epoch.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierStep {
    /// The epoch.
    pub epoch: EpochId,
    /// Its parents, which its id commits to.
    pub parents: Vec<EpochId>,
    /// Which step of its keys.
    pub step: u32,
    /// The key.
    pub key: Secret,
}

/// What is inside a wrap. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapPayload {
    /// The room's name.
    pub name: Name,
    /// The epoch's parents, which its id commits to.
    pub parents: Vec<EpochId>,
    /// The key of the wrap's step.
    pub key: Secret,
    /// Keys of earlier epochs, where newcomers may read the last days.
    #[serde(deserialize_with = "codec::bounded_list::<LINKS_MAX, _, _>")]
    pub earlier: Vec<EarlierStep>,
}

impl fmt::Debug for EarlierStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EarlierStep({} from {})", self.epoch.short(), self.step)
    }
}

impl fmt::Debug for WrapPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrapPayload({} earlier)", self.earlier.len())
    }
}

/// Derives an epoch from the key of one of its steps, which is claimed to be of `id`.
///
/// # Errors
/// [`SealError::Unopenable`] when the id does not commit to this key.
pub fn step_secrets(
    room: RoomId,
    parents: &[EpochId],
    step: u32,
    key: Secret,
    id: EpochId,
) -> Result<EpochSecrets, SealError> {
    if step >= STEP_LAST || parents.len() > EPOCH_PARENTS_MAX {
        return Err(SealError::Unopenable);
    }
    let step = Step::new(step).map_err(|_| SealError::Unopenable)?;
    EpochSecrets::derive_checked(room, parents, step, key, id)
}

impl WrapPayload {
    /// Derives the epoch of a wrap that this was in.
    ///
    /// # Errors
    /// [`SealError`] when the wrap lied about it.
    pub fn secrets(&self, facts: &WrapFacts) -> Result<EpochSecrets, SealError> {
        step_secrets(facts.room, &self.parents, facts.step, self.key.clone(), facts.epoch)
    }

    /// Derives the earlier epochs, oldest first. One whose key does not fit is left out.
    #[must_use]
    pub fn earlier_secrets(&self, room: RoomId) -> Vec<EpochSecrets> {
        let derive = |of: &EarlierStep| step_secrets(room, &of.parents, of.step, of.key.clone(), of.epoch).ok();
        self.earlier.iter().rev().filter_map(derive).collect()
    }

    fn check(&self) -> Result<(), CodecError> {
        let fits = |parents: &[EpochId]| parents.len() <= EPOCH_PARENTS_MAX;
        let earlier_fit = self.earlier.iter().all(|of| of.step < STEP_LAST && fits(&of.parents));
        if fits(&self.parents) && earlier_fit { Ok(()) } else { Err(CodecError::Malformed("wrap")) }
    }
}

/// A key of an epoch, sealed to a code's lock and signed by the member who did it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// What everybody may see.
    pub facts: WrapFacts,
    sealed: Vec<u8>,
    /// Who made it.
    pub signer: DeviceId,
    sig: Sig,
}

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrap({:?}, {} bytes, by {})", self.facts, self.sealed.len(), self.signer.short())
    }
}

impl Wrap {
    /// Seals and signs.
    ///
    /// # Errors
    /// [`SealError`] when it would be too long.
    pub fn seal(
        facts: WrapFacts,
        lock: &DhPublic,
        payload: &WrapPayload,
        signer: &DeviceKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        payload.check()?;
        let plain = codec::encode_secret(payload, WRAP_MAX - OVERHEAD - FRAME)?;
        let mut state = noise::wrap_initiator(rng, &facts.bytes(), lock)?;
        let mut sealed = vec![0; plain.len() + OVERHEAD];
        state.write_message(&plain, &mut sealed).map_err(|_| SealError::Unopenable)?;
        let sig = signer.sign(Label::Wrap, &Self::message(&facts, &sealed));
        let wrap = Self { facts, sealed, signer: signer.id(), sig };
        wrap.check_bounds()?;
        Ok(wrap)
    }

    /// Checks its bounds and its signature. Whether its signer is in the room is for the caller to check.
    ///
    /// # Errors
    /// [`KeyError`] when something is over its bounds, the key is weak or the signature does not fit.
    pub fn check(&self) -> Result<(), KeyError> {
        self.check_bounds().map_err(|_| KeyError::BadSignature)?;
        keys::verify(self.signer.as_bytes(), Label::Wrap, &Self::message(&self.facts, &self.sealed), &self.sig)
    }

    /// Opens it with its code. The caller checks that what is inside fits ([`WrapPayload::secrets`]).
    ///
    /// # Errors
    /// [`SealError`] when the code does not open it.
    pub fn open(&self, code: &CodeKeys) -> Result<WrapPayload, SealError> {
        noise::check_ephemeral(&self.sealed)?;
        let mut state = noise::wrap_responder(&self.facts.bytes(), code.lock_secret())?;
        // As long as what is sealed: into anything shorter snow decrypts by way of a buffer of its own
        // that it does not wipe.
        let mut plain = zeroize::Zeroizing::new(vec![0; self.sealed.len()]);
        let len = state.read_message(&self.sealed, &mut plain).map_err(|_| SealError::Unopenable)?;
        let payload: WrapPayload = codec::decode(plain.get(..len).unwrap_or_default(), WRAP_MAX, "wrap")?;
        payload.check()?;
        Ok(payload)
    }

    /// How many bytes it takes in a store, about.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sealed.len() + FRAME
    }

    /// Never: every wrap has a frame.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Encodes it for a store.
    ///
    /// # Errors
    /// [`CodecError`] when something is over its bounds.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check_bounds()?;
        codec::encode(self, WRAP_MAX)
    }

    /// Decodes it and checks its bounds; its signature is checked by [`check`](Self::check).
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or something is over its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let wrap: Self = codec::decode(bytes, WRAP_MAX, "wrap")?;
        wrap.check_bounds().map(|()| wrap)
    }

    pub(super) fn check_bounds(&self) -> Result<(), CodecError> {
        let (max, got) = (WRAP_MAX - FRAME, self.sealed.len());
        if got > max {
            return Err(CodecError::TooLong { max, got });
        }
        if self.facts.step < STEP_LAST { Ok(()) } else { Err(CodecError::Malformed("step of a wrap")) }
    }

    fn message(facts: &WrapFacts, sealed: &[u8]) -> Vec<u8> {
        [facts.bytes().as_slice(), blake3::hash(sealed).as_bytes()].concat()
    }
}
