//! One-time tokens that whoever runs the archive gives out: to register, or to set a new password.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

use subtle::ConstantTimeEq as _;

use super::Binding;
use crate::{code::RoomCode, derive::Purpose, error::CodeError};

/// 80 random bits, written like a room code and with the same check symbols.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken(RoomCode);

impl AccessToken {
    /// A fresh token.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(RoomCode::random(rng))
    }

    /// What an archive keeps of it. A token is random, so its hash tells nothing.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Purpose::AccessToken.hash(self.0.symbols())
    }

    /// What a device shows an archive instead of the token: whoever only calls itself an archive could use
    /// the token itself at the true one.
    #[must_use]
    pub fn proof(&self, binding: &Binding) -> TokenProof {
        TokenProof::new(&self.hash(), binding)
    }
}

/// Bytes of a token's hash by which an archive finds it.
pub const TOKEN_MARK_LEN: usize = 8;

/// Shows one archive that one device has a token; worth nothing to others. 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenProof {
    mark: [u8; TOKEN_MARK_LEN],
    mac: [u8; 32],
}

impl TokenProof {
    fn new(hash: &[u8; 32], binding: &Binding) -> Self {
        let mut hasher = Purpose::TokenProof.hasher();
        hasher.update(hash);
        hasher.update(binding.device.as_bytes());
        hasher.update(binding.archive.as_bytes());
        let mut mark = [0; TOKEN_MARK_LEN];
        mark.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
        Self { mark, mac: *hasher.finalize().as_bytes() }
    }

    /// The first bytes of the token's hash.
    #[must_use]
    pub const fn mark(&self) -> [u8; TOKEN_MARK_LEN] {
        self.mark
    }

    /// Whether it is the proof of the token with this hash, for this device and archive. In constant time.
    #[must_use]
    pub fn fits(&self, hash: &[u8; 32], binding: &Binding) -> bool {
        let right = Self::new(hash, binding);
        bool::from(right.mac.ct_eq(&self.mac) & right.mark.ct_eq(&self.mark))
    }
}

impl fmt::Debug for TokenProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenProof(..)")
    }
}

impl FromStr for AccessToken {
    type Err = CodeError;

    fn from_str(typed: &str) -> Result<Self, CodeError> {
        typed.parse().map(Self)
    }
}

impl fmt::Display for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand_core::TryRngCore as _;

    use super::*;
    use crate::ids::DeviceId;

    fn binding(device: u8, archive: u8) -> Binding {
        Binding { device: DeviceId::from_bytes([device; 32]), archive: DeviceId::from_bytes([archive; 32]) }
    }

    #[test]
    fn a_proof_is_good_for_one_token_one_device_and_one_archive() {
        let mut rng = rand_core::OsRng.unwrap_err();
        let (token, other) = (AccessToken::random(&mut rng), AccessToken::random(&mut rng));
        let proof = token.proof(&binding(1, 2));
        assert!(proof.fits(&token.hash(), &binding(1, 2)));
        assert!(!proof.fits(&other.hash(), &binding(1, 2)), "another token");
        assert!(!proof.fits(&token.hash(), &binding(3, 2)), "whoever got the proof shows it");
        assert!(!proof.fits(&token.hash(), &binding(1, 3)), "at another archive");
        assert_eq!(proof.mark(), token.hash()[..8]);
        assert_eq!(format!("{proof:?}"), "TokenProof(..)");
    }
}
