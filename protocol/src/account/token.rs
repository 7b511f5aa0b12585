//! One-time tokens that whoever runs the archive gives out: to register, or to set a new password.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

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
