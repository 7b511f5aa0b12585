//! What guards a profile: the record that leads to the secret under which its store is sealed.
//!
//! The secret itself never changes. It lies in the record (plain), in the system's keychain, or
//! in the record sealed under a passphrase; changing how it is guarded changes the record only.
//! Bytes and reasons are in `docs/CRYPT.md`, "The profile's lock".

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::CryptoRng;
use std::fmt;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    derive::Purpose,
    error::CodecError,
    keys::Secret,
    limits::{PASSPHRASE_MAX, PASSPHRASE_MIN_CHARS},
    stretch::{self, NoMemory, Stretch, Stretched},
};

/// Begins every record but a plain one.
const MAGIC: [u8; 8] = *b"PRLRLOCK";
const VERSION: u8 = 1;
const KEYCHAIN: u8 = 1;
const PASSPHRASE: u8 = 2;
const BOTH: u8 = 3;
const SEALED_LEN: usize = 48;
/// Longest record.
pub const GUARD_MAX: usize = 8 + 2 + 16 + 8 + 16 + 24 + SEALED_LEN;

/// What a person types to open a profile. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// A passphrase as typed, to open something.
    ///
    /// # Errors
    /// [`PassphraseError`] when it is empty or too long to be one.
    pub fn new(text: &str) -> Result<Self, PassphraseError> {
        match text.len() {
            0 => Err(PassphraseError::Empty),
            got if got > PASSPHRASE_MAX => Err(PassphraseError::TooLong { max: PASSPHRASE_MAX }),
            _ => Ok(Self(Zeroizing::new(text.to_owned()))),
        }
    }

    /// A passphrase as typed, to lock something with.
    ///
    /// # Errors
    /// As [`Passphrase::new`], and when it is so short that it is quickly guessed.
    pub fn choose(text: &str) -> Result<Self, PassphraseError> {
        let chosen = Self::new(text)?;
        let got = text.trim().chars().count();
        if got < PASSPHRASE_MIN_CHARS {
            return Err(PassphraseError::TooShort { min: PASSPHRASE_MIN_CHARS, got });
        }
        Ok(chosen)
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Passphrase {}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Why a text is no passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PassphraseError {
    /// Nothing was typed.
    #[error("type the passphrase")]
    Empty,
    /// So short that it is quickly guessed.
    #[error("a passphrase needs at least {min} characters, this one has {got}; four or five words are good")]
    TooShort {
        /// Fewest characters.
        min: usize,
        /// Characters typed.
        got: usize,
    },
    /// Longer than any passphrase.
    #[error("a passphrase has at most {max} bytes; type a shorter one")]
    TooLong {
        /// Most bytes.
        max: usize,
    },
}

/// Why a record does not give its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GuardError {
    /// The passphrase is not the one, or the record was altered. Nothing tells these apart.
    #[error("the passphrase is wrong")]
    Wrong,
    /// The memory for stretching could not be had.
    #[error("there is not enough memory to check the passphrase")]
    NoMemory,
}

impl From<NoMemory> for GuardError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

/// Names a profile's secret in a keychain. Random; says nothing about the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardId([u8; 16]);

impl GuardId {
    /// A fresh name.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for GuardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::ids::hex(&self.0))
    }
}

/// A secret sealed under a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseLock {
    kib: u32,
    passes: u32,
    salt: [u8; 16],
    nonce: [u8; 24],
    sealed: [u8; SEALED_LEN],
}

impl PassphraseLock {
    /// Seals a secret. Takes 64 MiB and a moment.
    ///
    /// # Errors
    /// [`GuardError::NoMemory`].
    pub fn seal(
        id: GuardId,
        passphrase: &Passphrase,
        secret: &Secret,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, GuardError> {
        let lock = Self::fresh(rng);
        let stretched = lock.stretching(passphrase).run()?;
        lock.sealed(id, &stretched, secret)
    }

    /// A lock with nothing in it yet: what has to be stretched for it is known.
    pub fn fresh(rng: &mut dyn CryptoRng) -> Self {
        let mut lock =
            Self { kib: stretch::KIB, passes: stretch::PASSES, salt: [0; 16], nonce: [0; 24], sealed: [0; SEALED_LEN] };
        rng.fill_bytes(&mut lock.salt);
        rng.fill_bytes(&mut lock.nonce);
        lock
    }

    /// The part of sealing and opening that takes long, to be done elsewhere.
    #[must_use]
    pub fn stretching(&self, passphrase: &Passphrase) -> Stretch {
        Stretch::new(passphrase.0.as_bytes(), &self.salt).costing(self.kib, self.passes)
    }

    /// Puts a secret into a fresh lock, with what its passphrase stretched to. Never twice into the same.
    ///
    /// # Errors
    /// [`GuardError::NoMemory`].
    pub fn sealed(mut self, id: GuardId, stretched: &Stretched, secret: &Secret) -> Result<Self, GuardError> {
        let payload = Payload { msg: secret.expose(), aad: &self.bound(id) };
        let sealed = cipher(stretched).encrypt(XNonce::from_slice(&self.nonce), payload);
        self.sealed = sealed.ok().and_then(|sealed| sealed.try_into().ok()).ok_or(GuardError::NoMemory)?;
        Ok(self)
    }

    /// Opens the secret. Takes 64 MiB and a moment.
    ///
    /// # Errors
    /// [`GuardError`].
    pub fn open(&self, id: GuardId, passphrase: &Passphrase) -> Result<Secret, GuardError> {
        self.opened(id, &self.stretching(passphrase).run()?)
    }

    /// Opens the secret with what the passphrase stretched to.
    ///
    /// # Errors
    /// [`GuardError::Wrong`].
    pub fn opened(&self, id: GuardId, stretched: &Stretched) -> Result<Secret, GuardError> {
        let payload = Payload { msg: &self.sealed, aad: &self.bound(id) };
        let opened = cipher(stretched)
            .decrypt(XNonce::from_slice(&self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| GuardError::Wrong)?;
        let mut bytes = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| GuardError::Wrong)?;
        let secret = Secret::from_bytes(bytes);
        bytes.zeroize();
        Ok(secret)
    }

    /// What the seal is bound to.
    fn bound(&self, id: GuardId) -> Vec<u8> {
        [id.0.as_slice(), &self.kib.to_le_bytes(), &self.passes.to_le_bytes(), &self.salt].concat()
    }
}

fn cipher(stretched: &Stretched) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*Purpose::PassphraseLock.secret(stretched.expose())).into())
}

/// How a profile's secret is guarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The secret lies here as it is.
    Plain(Secret),
    /// The system's keychain has it.
    Keychain(GuardId),
    /// A passphrase opens it.
    Passphrase(GuardId, PassphraseLock),
    /// The system's keychain has it, and a passphrase opens it too.
    Both(GuardId, PassphraseLock),
}

impl Guard {
    /// The name of the secret in a keychain; none when it lies here as it is.
    #[must_use]
    pub const fn id(&self) -> Option<GuardId> {
        match self {
            Self::Plain(_) => None,
            Self::Keychain(id) | Self::Passphrase(id, _) | Self::Both(id, _) => Some(*id),
        }
    }

    /// What the passphrase opens, where there is one.
    #[must_use]
    pub const fn lock(&self) -> Option<&PassphraseLock> {
        match self {
            Self::Plain(_) | Self::Keychain(_) => None,
            Self::Passphrase(_, lock) | Self::Both(_, lock) => Some(lock),
        }
    }

    /// Writes the record.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        // Room for the longest: growing would leave copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(GUARD_MAX));
        let (kind, id) = match self {
            Self::Plain(secret) => {
                out.extend_from_slice(secret.expose());
                return out;
            }
            Self::Keychain(id) => (KEYCHAIN, id),
            Self::Passphrase(id, _) => (PASSPHRASE, id),
            Self::Both(id, _) => (BOTH, id),
        };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, kind]);
        out.extend_from_slice(&id.0);
        if let Some(lock) = self.lock() {
            out.extend_from_slice(&lock.kib.to_le_bytes());
            out.extend_from_slice(&lock.passes.to_le_bytes());
            out.extend_from_slice(&lock.salt);
            out.extend_from_slice(&lock.nonce);
            out.extend_from_slice(&lock.sealed);
        }
        out
    }

    /// Reads a record. 32 bytes are a plain secret; every other record has another length.
    ///
    /// # Errors
    /// [`CodecError`] when it is none, or a newer one.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if let Ok(mut secret) = <[u8; 32]>::try_from(bytes) {
            let plain = Self::Plain(Secret::from_bytes(secret));
            secret.zeroize();
            return Ok(plain);
        }
        let malformed = CodecError::Malformed("key file");
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or(malformed)?;
        let [version, kind] = take(&mut rest)?;
        if version != VERSION {
            return Err(CodecError::Version { theirs: version, ours: VERSION });
        }
        let id = GuardId(take(&mut rest)?);
        let guard = match kind {
            KEYCHAIN => Self::Keychain(id),
            PASSPHRASE => Self::Passphrase(id, read_lock(&mut rest)?),
            BOTH => Self::Both(id, read_lock(&mut rest)?),
            other => return Err(CodecError::UnknownKind(other.into())),
        };
        if rest.is_empty() { Ok(guard) } else { Err(CodecError::Trailing { extra: rest.len() }) }
    }
}

fn read_lock(rest: &mut &[u8]) -> Result<PassphraseLock, CodecError> {
    let (kib, passes) = (u32::from_le_bytes(take(rest)?), u32::from_le_bytes(take(rest)?));
    // It may have been edited.
    if !(8..=stretch::KIB_MAX).contains(&kib) || !(1..=stretch::PASSES_MAX).contains(&passes) {
        return Err(CodecError::Malformed("key file"));
    }
    Ok(PassphraseLock { kib, passes, salt: take(rest)?, nonce: take(rest)?, sealed: take(rest)? })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CodecError> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(CodecError::Malformed("key file"))?;
    *rest = left;
    Ok(*taken)
}
