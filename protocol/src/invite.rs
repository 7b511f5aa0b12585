//! Invites: the records that room codes unlock.
//!
//! A code is stretched once with Argon2id (RFC 9106; 64 MiB, 3 passes) into a key and a locator.
//! Members and archives find the record by the locator; only the key opens it.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    code::RoomCode,
    codec,
    derive::{Label, Purpose},
    entry::{Entry, Kind},
    epoch::{EpochSecrets, Step},
    error::{CodecError, KeyError, SealError},
    ids::{DeviceId, EpochId, Locator, RoomId},
    keys::{self, DeviceKey, Secret, Sig},
    limits::{BODY_MAX, EPOCH_PARENTS_MAX, INVITE_MAX, LINKS_MAX},
    stretch::{Stretch, Stretched},
    text::Name,
};

/// The code itself is random and unique, so one salt serves all.
const STRETCH_SALT: &[u8] = b"parlor/v1 room code";
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;

/// What a code stretches to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchedCode {
    key: Secret,
    locator: Locator,
}

impl StretchedCode {
    /// Where the record is found.
    #[must_use]
    pub const fn locator(&self) -> Locator {
        self.locator
    }
}

impl RoomCode {
    /// Stretches the code. It takes about a quarter of a second and 64 MiB on purpose: keep it
    /// off threads that must stay responsive.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the memory cannot be had.
    pub fn stretch(&self) -> Result<StretchedCode, SealError> {
        let stretched = self.stretching().run().map_err(|_| SealError::Unopenable)?;
        Ok(StretchedCode::from(&stretched))
    }

    /// The part of stretching that takes long, to be done elsewhere.
    #[must_use]
    pub fn stretching(&self) -> Stretch {
        Stretch::new(self.symbols(), STRETCH_SALT)
    }
}

impl From<&Stretched> for StretchedCode {
    fn from(stretched: &Stretched) -> Self {
        let mut locator = [0; 16];
        let hashed = Purpose::InviteLocator.secret(stretched.expose());
        locator.iter_mut().zip(hashed.iter()).for_each(|(to, from)| *to = *from);
        let key = Secret::from_bytes(*Purpose::InviteKey.secret(stretched.expose()));
        Self { key, locator: Locator(locator) }
    }
}

/// The key of an earlier epoch, from some step of it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierKey {
    /// The epoch.
    pub epoch: EpochId,
    /// Its parents, which its id commits to.
    pub parents: Vec<EpochId>,
    /// The step from which on it can be read.
    pub step: Step,
    /// The key of that step.
    pub key: Secret,
}

/// What an invite tells to whoever has the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The room's name.
    pub name: Name,
    /// The genesis entry, from which the room's id follows.
    pub genesis: Entry,
    /// The epoch.
    pub epoch: EpochId,
    /// Its parents, which its id commits to.
    pub parents: Vec<EpochId>,
    /// The step from which on it can be read.
    pub step: Step,
    /// The key of that step.
    pub key: Secret,
    /// Keys of earlier epochs, where newcomers may read the last days.
    pub earlier: Vec<EarlierKey>,
    /// When the code stops working, in milliseconds since 1970. Only who opens the invite can see
    /// and heed it; a revocation is heeded by everyone.
    pub expires: Option<u64>,
}

impl Invitation {
    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomId {
        self.genesis.room()
    }

    /// Checks the genesis entry and derives the epoch.
    ///
    /// # Errors
    /// [`SealError`] when they do not fit together.
    pub fn epoch_secrets(&self) -> Result<EpochSecrets, SealError> {
        let founds = self.genesis.header().kind == Kind::Genesis && self.genesis.clone().verify().is_ok();
        if !founds || self.parents.len() > EPOCH_PARENTS_MAX || self.step > Step::LAST {
            return Err(SealError::Unopenable);
        }
        EpochSecrets::derive_checked(self.room(), &self.parents, self.step, self.key.clone(), self.epoch)
    }

    /// Derives the earlier epochs that it brings along, oldest first. One whose key does not fit is
    /// left out.
    #[must_use]
    pub fn earlier_secrets(&self) -> Vec<EpochSecrets> {
        let derive = |earlier: &EarlierKey| {
            let fits = earlier.parents.len() <= EPOCH_PARENTS_MAX;
            let key = fits.then(|| earlier.key.clone())?;
            EpochSecrets::derive_checked(self.room(), &earlier.parents, earlier.step, key, earlier.epoch).ok()
        };
        self.earlier.iter().rev().take(LINKS_MAX).filter_map(derive).collect()
    }
}

/// The record that members and archives keep for a code. Its holder learns nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Where it is found.
    pub locator: Locator,
    /// Nonce and sealed [`Invitation`].
    pub sealed: Vec<u8>,
    /// The member who made the code.
    pub signer: DeviceId,
    sig: Sig,
}

impl Invite {
    /// One that opens nothing.
    #[cfg(test)]
    pub(crate) fn empty(locator: Locator, signer: DeviceId) -> Self {
        Self { locator, sealed: Vec::new(), signer, sig: Sig([0; 64]) }
    }

    /// Seals and signs an invite.
    ///
    /// # Errors
    /// [`SealError`] when it would be too long.
    pub fn seal(
        code: &StretchedCode,
        invitation: &Invitation,
        signer: &DeviceKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealError> {
        let plain = zeroize::Zeroizing::new(codec::encode(invitation, INVITE_MAX - NONCE_LEN - TAG_LEN)?);
        let mut sealed = vec![0; NONCE_LEN];
        rng.fill_bytes(&mut sealed);
        let payload = Payload { msg: &plain, aad: &code.locator.0 };
        let body = XChaCha20Poly1305::new(code.key.expose().into())
            .encrypt(XNonce::from_slice(&sealed), payload)
            .map_err(|_| SealError::Unopenable)?;
        sealed.extend_from_slice(&body);
        let sig = signer.sign(Label::Invite, &Self::message(code.locator, &sealed));
        Ok(Self { locator: code.locator, sealed, signer: signer.id(), sig })
    }

    /// Checks length and signature. Whether the signer is a member is for the caller to check.
    ///
    /// # Errors
    /// [`KeyError`] when the signature does not fit.
    pub fn check(&self) -> Result<(), KeyError> {
        self.check_len().map_err(|_| KeyError::BadSignature)?;
        keys::verify(self.signer.as_bytes(), Label::Invite, &Self::message(self.locator, &self.sealed), &self.sig)
    }

    pub(crate) fn check_len(&self) -> Result<(), CodecError> {
        let got = self.sealed.len();
        if got > INVITE_MAX { Err(CodecError::TooLong { max: INVITE_MAX, got }) } else { Ok(()) }
    }

    /// Opens the invite with its code.
    ///
    /// # Errors
    /// [`SealError`] when the code does not open it.
    pub fn open(&self, code: &StretchedCode) -> Result<Invitation, SealError> {
        if self.locator != code.locator {
            return Err(SealError::Unopenable);
        }
        let too_short = SealError::TooShort { min: NONCE_LEN, got: self.sealed.len() };
        let (nonce, sealed) = self.sealed.split_at_checked(NONCE_LEN).ok_or(too_short)?;
        let plain = XChaCha20Poly1305::new(code.key.expose().into())
            .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &code.locator.0 })
            .map(zeroize::Zeroizing::new)
            .map_err(|_| SealError::Unopenable)?;
        Ok(codec::decode(&plain, INVITE_MAX, "invitation")?)
    }

    fn message(locator: Locator, sealed: &[u8]) -> Vec<u8> {
        [locator.0.as_slice(), blake3::hash(sealed).as_bytes()].concat()
    }
}

/// The body of an invite entry: a new code's record, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InviteBody {
    /// A code was made.
    Made(Invite),
    /// A code no longer works.
    Revoked(Locator),
}

impl InviteBody {
    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body. The invite's signature is checked by [`Invite::check`].
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or too long.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let decoded: Self = codec::decode(body, BODY_MAX, "invite")?;
        match &decoded {
            Self::Made(invite) => invite.check_len().map(|()| decoded),
            Self::Revoked(_) => Ok(decoded),
        }
    }
}
