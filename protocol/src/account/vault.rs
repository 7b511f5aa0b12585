//! The vault: what an account keeps at the archive, sealed.
//!
//! A random key seals the contents. That key is kept twice: wrapped under what the password gives
//! (OPAQUE's export key), and wrapped for the recovery key. A new password brings a new key, so that
//! whoever had the old one reads nothing that is written later. What wraps for the recovery key is its
//! public half (Noise `N`), which lies in the sealed contents: there the archive cannot put another one
//! in its place. Each sealed version names itself and its user: the archive cannot pass an older one off
//! as newer, nor one user's as another's.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use zeroize::Zeroizing;

use super::{ExportKey, RecoveryKey, RecoveryLock, RecoveryWrap, UserName, WrappedKey, bytes::read_bytes};
use crate::{
    content::padded_len,
    derive::Purpose,
    error::SealError,
    hedge,
    keys::Secret,
    limits::{VAULT_FLOOR, VAULT_MAX},
    noise,
};

const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const LEN_BYTES: usize = 4;
/// The recovery lock, and the length of what follows.
const HEAD: usize = 32 + LEN_BYTES;
const SEALED_LABEL: &[u8] = b"parlor/v1 vault\0";
const WRAPPED_LABEL: &[u8] = b"parlor/v1 vault key\0";
const RECOVERY_LABEL: &[u8] = b"parlor/v1 vault key for recovery\0";

/// The key that seals a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultKey(Secret);

impl VaultKey {
    /// A fresh key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// Seals the contents, with what keys are wrapped for, as one version of a user's vault; its length
    /// tells little.
    ///
    /// # Errors
    /// [`SealError`] when they are too long.
    pub fn seal(
        &self,
        user: &UserName,
        version: u64,
        lock: &RecoveryLock,
        contents: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Result<SealedVault, SealError> {
        let max = VAULT_MAX - NONCE_LEN - TAG_LEN;
        let needed = HEAD + contents.len();
        let too_long = || crate::error::CodecError::TooLong { max: max - HEAD, got: contents.len() };
        let len = u32::try_from(contents.len()).map_err(|_| too_long())?;
        if needed > max {
            return Err(too_long().into());
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(padded_len(needed).max(VAULT_FLOOR).min(max)));
        plain.extend_from_slice(lock.as_bytes());
        plain.extend_from_slice(&len.to_le_bytes());
        plain.extend_from_slice(contents);
        plain.resize(padded_len(needed).max(VAULT_FLOOR).min(max), 0);
        seal(&self.0, &sealed_data(user, version), &plain, rng).map(SealedVault)
    }

    /// Opens a version of a user's vault.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when it is of another user, another version or under another key.
    pub fn open(&self, user: &UserName, version: u64, vault: &SealedVault) -> Result<OpenVault, SealError> {
        let plain = open(&self.0, &sealed_data(user, version), &vault.0)?;
        let (lock, plain) = plain.split_first_chunk::<32>().ok_or(SealError::Unopenable)?;
        let lock = RecoveryLock::new(*lock)?;
        let (len, rest) = plain.split_first_chunk::<LEN_BYTES>().ok_or(SealError::Unopenable)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| SealError::Unopenable)?;
        let contents = rest.get(..len).ok_or(SealError::Unopenable)?;
        Ok(OpenVault { lock, contents: Zeroizing::new(contents.to_vec()) })
    }

    /// Wraps the key under what the password gave.
    ///
    /// # Errors
    /// None in practice.
    pub fn wrap(&self, user: &UserName, export: &ExportKey, rng: &mut dyn CryptoRng) -> Result<WrappedKey, SealError> {
        let bytes = seal(&by_password(export), &wrapped_data(user), self.0.expose(), rng)?;
        WrappedKey::try_from(bytes.as_slice()).map_err(SealError::from)
    }

    /// Wraps the key for the recovery key.
    ///
    /// # Errors
    /// None in practice.
    pub fn wrap_for_recovery(
        &self,
        user: &UserName,
        lock: &RecoveryLock,
        rng: &mut dyn CryptoRng,
    ) -> Result<RecoveryWrap, SealError> {
        let mut state = noise::wrap_initiator(rng, &recovery_data(user), lock.public(), self.0.expose())?;
        let mut sealed = [0; RecoveryWrap::LEN];
        let len = state.write_message(self.0.expose(), &mut sealed).map_err(|_| SealError::Unopenable)?;
        RecoveryWrap::try_from(sealed.get(..len).unwrap_or_default()).map_err(SealError::from)
    }

    /// Unwraps a key with what the password gave.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when it is of another user or another password.
    pub fn unwrap(user: &UserName, export: &ExportKey, wrapped: &WrappedKey) -> Result<Self, SealError> {
        Self::from_plain(&open(&by_password(export), &wrapped_data(user), wrapped.as_bytes())?)
    }

    /// Unwraps a key with the recovery key.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when it is of another user or another recovery key.
    pub fn recover(user: &UserName, key: &RecoveryKey, wrapped: &RecoveryWrap) -> Result<Self, SealError> {
        noise::check_ephemeral(wrapped.as_bytes())?;
        let mut state = noise::wrap_responder(&recovery_data(user), &key.opener())?;
        // As long as what is sealed: into anything shorter snow decrypts by way of a buffer of its own that
        // it does not wipe.
        let mut plain = Zeroizing::new([0; RecoveryWrap::LEN]);
        let len = state.read_message(wrapped.as_bytes(), plain.as_mut()).map_err(|_| SealError::Unopenable)?;
        Self::from_plain(plain.get(..len).unwrap_or_default())
    }

    fn from_plain(plain: &[u8]) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(<[u8; 32]>::try_from(plain).map_err(|_| SealError::Unopenable)?);
        Ok(Self(Secret::from_bytes(*bytes)))
    }
}

/// What was in a vault.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenVault {
    /// What keys are wrapped for.
    pub lock: RecoveryLock,
    /// The contents.
    pub contents: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for OpenVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenVault({} bytes)", self.contents.len())
    }
}

fn by_password(export: &ExportKey) -> Secret {
    Secret::from_bytes(*Purpose::VaultPassword.secret(export.expose()))
}

fn sealed_data(user: &UserName, version: u64) -> Vec<u8> {
    [SEALED_LABEL, &version.to_le_bytes(), user.as_str().as_bytes()].concat()
}

fn wrapped_data(user: &UserName) -> Vec<u8> {
    [WRAPPED_LABEL, user.as_str().as_bytes()].concat()
}

fn recovery_data(user: &UserName) -> Vec<u8> {
    [RECOVERY_LABEL, user.as_str().as_bytes()].concat()
}

fn seal(key: &Secret, aad: &[u8], plain: &[u8], rng: &mut dyn CryptoRng) -> Result<Vec<u8>, SealError> {
    let mut sealed = hedge::nonce(rng, key.expose(), aad, plain).to_vec();
    let body = XChaCha20Poly1305::new(key.expose().into())
        .encrypt(XNonce::from_slice(&sealed), Payload { msg: plain, aad })
        .map_err(|_| SealError::Unopenable)?;
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let min = NONCE_LEN + TAG_LEN;
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::TooShort { min, got: sealed.len() })?;
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: body, aad })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Unopenable)
}

/// A sealed version of a vault: nonce, sealed contents, tag.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedVault(Vec<u8>);

impl SealedVault {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes bytes from a store.
    ///
    /// # Errors
    /// [`crate::error::CodecError::TooLong`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, crate::error::CodecError> {
        match bytes.len() {
            got if got > VAULT_MAX => Err(crate::error::CodecError::TooLong { max: VAULT_MAX, got }),
            _ => Ok(Self(bytes)),
        }
    }
}

impl fmt::Debug for SealedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedVault({} bytes)", self.0.len())
    }
}

impl Serialize for SealedVault {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SealedVault {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::from_bytes(read_bytes::<D>(d, VAULT_MAX)?).map_err(D::Error::custom)
    }
}

/// A vault as the archive keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultRecord {
    /// Counts writes, from 1. Part of what the seal covers.
    pub version: u64,
    /// The contents.
    pub sealed: SealedVault,
    /// The key under the password; none after the archive's operator reset the password.
    pub by_password: Option<WrappedKey>,
    /// The key for the recovery key.
    pub by_recovery: RecoveryWrap,
}
