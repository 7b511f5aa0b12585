//! The recovery key: 24 words that open the vault when the password is lost.
//!
//! Its public half, the lock, lies with the account's devices, so that a new vault key can be wrapped for it
//! without the words, which nobody keeps.

use bip39::{Error, Language, Mnemonic};
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

use crate::{
    derive::Purpose,
    error::{KeyError, RecoveryKeyError},
    keys::{DhPublic, DhSecret, Secret},
};

/// Words of a recovery key.
const WORDS: usize = 24;
/// Longest text that is looked at: 24 words of 8 letters, and generous spaces.
const TEXT_MAX: usize = 1024;

/// 256 random bits, written as 24 English words (BIP 39) of which the last carries a checksum.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Secret);

impl RecoveryKey {
    /// A fresh key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The words, in lower case with single spaces. Show them once, and to nobody else.
    #[must_use]
    pub fn words(&self) -> Zeroizing<String> {
        // 32 bytes are always 24 words.
        let mnemonic = Mnemonic::from_entropy(self.0.expose());
        Zeroizing::new(mnemonic.map(|mnemonic| mnemonic.to_string()).unwrap_or_default())
    }

    /// What keys are wrapped for.
    #[must_use]
    pub fn lock(&self) -> RecoveryLock {
        RecoveryLock(self.opener().public())
    }

    pub(super) fn opener(&self) -> DhSecret {
        DhSecret::from_bytes(*Purpose::VaultRecovery.secret(self.0.expose()))
    }
}

/// The public half of a recovery key. Whoever has it can wrap for the recovery key, and open nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryLock(DhPublic);

impl RecoveryLock {
    /// From its bytes.
    ///
    /// # Errors
    /// [`KeyError::WeakPoint`] for points of small order.
    pub fn new(bytes: [u8; 32]) -> Result<Self, KeyError> {
        DhPublic::new(bytes).map(Self)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    pub(super) const fn public(&self) -> &DhPublic {
        &self.0
    }
}

impl Serialize for RecoveryLock {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.as_bytes().serialize(s)
    }
}

impl<'de> Deserialize<'de> for RecoveryLock {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(<[u8; 32]>::deserialize(d)?).map_err(D::Error::custom)
    }
}

impl FromStr for RecoveryKey {
    type Err = RecoveryKeyError;

    fn from_str(typed: &str) -> Result<Self, RecoveryKeyError> {
        let words = Zeroizing::new(typed.get(..TEXT_MAX).unwrap_or(typed).to_lowercase());
        let got = words.split_whitespace().count();
        if typed.len() > TEXT_MAX || got != WORDS {
            return Err(RecoveryKeyError::Count { expected: WORDS, got });
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words).map_err(|error| match error {
            Error::UnknownWord(at) => RecoveryKeyError::UnknownWord { number: at + 1 },
            _ => RecoveryKeyError::Mixed,
        })?;
        let (entropy, len) = mnemonic.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        let bytes = entropy.get(..len).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(|bytes| Self(Secret::from_bytes(bytes))).ok_or(RecoveryKeyError::Mixed)
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(..)")
    }
}
