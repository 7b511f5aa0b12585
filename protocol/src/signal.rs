//! Signals: who is here and who is typing. Sealed gossip that is never stored.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    codec,
    derive::Label,
    epoch::{EpochSecrets, Step},
    error::{CodecError, KeyError, SealError},
    ids::{DeviceId, EpochId, RoomId},
    keys::{self, DeviceKey, Sig},
};

const SEALED_MAX: usize = 256;

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalKind {
    /// The device is here.
    Online,
    /// The device is about to leave.
    Offline,
    /// The person is typing.
    Typing,
}

/// What is inside a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalBody {
    /// Grows with every signal and every content of a device (its clock in milliseconds, or one more
    /// than its last signal and the hybrid time of what it wrote), so that an old one is recognised.
    pub at: u64,
    /// What it says.
    pub kind: SignalKind,
}

/// A sealed and signed signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The epoch whose key seals it.
    pub epoch: EpochId,
    /// The step of the epoch in which it is sealed.
    pub step: Step,
    /// The device it is from.
    pub author: DeviceId,
    nonce: [u8; 24],
    sealed: Vec<u8>,
    sig: Sig,
}

impl Signal {
    /// Seals and signs a signal in a step of an epoch.
    ///
    /// # Errors
    /// [`SealError::StepBefore`] when the key of the step is not known.
    pub fn seal(
        secrets: &EpochSecrets,
        step: Step,
        key: &DeviceKey,
        body: SignalBody,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let plain = codec::encode(&body, SEALED_MAX)?;
        let sealed = XChaCha20Poly1305::new(secrets.open_step(step)?.signal_key().expose().into())
            .encrypt(XNonce::from_slice(&nonce), plain.as_slice())
            .map_err(|_| SealError::Unopenable)?;
        let mut signal = Self { epoch: secrets.id(), step, author: key.id(), nonce, sealed, sig: Sig([0; 64]) };
        signal.sig = key.sign(Label::Signal, &signal.message(secrets.room()));
        Ok(signal)
    }

    /// Checks and opens a signal.
    ///
    /// # Errors
    /// [`SealError::StepBefore`] when the signature is good, but it was sealed in a step before those
    /// that are known here; other [`SealError`]s when the signature or the key does not fit.
    pub fn open(&self, secrets: &EpochSecrets) -> Result<SignalBody, SealError> {
        if self.epoch != secrets.id() {
            return Err(SealError::Unopenable);
        }
        self.check(secrets.room())?;
        let plain = XChaCha20Poly1305::new(secrets.open_step(self.step)?.signal_key().expose().into())
            .decrypt(XNonce::from_slice(&self.nonce), self.sealed.as_slice())
            .map_err(|_| SealError::Unopenable)?;
        Ok(codec::decode(&plain, SEALED_MAX, "signal")?)
    }

    pub(crate) fn check_len(&self) -> Result<(), CodecError> {
        let got = self.sealed.len();
        if got > SEALED_MAX { Err(CodecError::TooLong { max: SEALED_MAX, got }) } else { Ok(()) }
    }

    /// Checks length and signature, for relays, which cannot open it.
    ///
    /// # Errors
    /// [`KeyError`] when it does not fit.
    pub fn check(&self, room: RoomId) -> Result<(), KeyError> {
        self.check_len().map_err(|_| KeyError::BadSignature)?;
        keys::verify(self.author.as_bytes(), Label::Signal, &self.message(room), &self.sig)
    }

    fn message(&self, room: RoomId) -> Vec<u8> {
        [
            room.as_bytes().as_slice(),
            self.epoch.as_bytes(),
            &self.step.to_bytes(),
            self.author.as_bytes(),
            &self.nonce,
            blake3::hash(&self.sealed).as_bytes(),
        ]
        .concat()
    }
}
