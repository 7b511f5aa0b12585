//! The steps of an epoch: how far into its chain of keys somebody can look.
//!
//! See `docs/CRYPT.md`, "Steps".

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::error::CodecError;

/// Bytes of a step where it stands in the clear, little endian.
pub const STEP_LEN: usize = 4;

/// A place in an epoch's chain of keys, 0 to 1,024. Who has the key of one has those of all later
/// ones, and of none before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Step(u32);

impl Step {
    /// The first one: who has its key reads all of the epoch.
    pub const FIRST: Self = Self(0);
    /// The last one that is written in, except for what everybody reads.
    pub const LAST: Self = Self(1_023);
    /// The end of the chain, which everybody in the epoch has: names and rosters are sealed in it, and
    /// what the epoch has once comes of it (settings, admission, the sessions' responder).
    pub const COMMON: Self = Self(1_024);

    /// A step from its number.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] when it is beyond [`Step::COMMON`].
    pub const fn new(number: u32) -> Result<Self, CodecError> {
        if number <= Self::COMMON.0 { Ok(Self(number)) } else { Err(CodecError::Malformed("step of an epoch")) }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The one after it; never beyond [`Step::LAST`].
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1)).min(Self::LAST)
    }

    /// The step that the body of an entry that opens a session begins with, and what follows it.
    ///
    /// # Errors
    /// [`CodecError::CutOff`] when the body is too short, [`CodecError::Malformed`] when there is no
    /// such step.
    pub fn split_from(body: &[u8]) -> Result<(Self, &[u8]), CodecError> {
        let cut_off = CodecError::CutOff { expected: STEP_LEN, got: body.len() };
        let (step, rest) = body.split_first_chunk::<STEP_LEN>().ok_or(cut_off)?;
        Ok((Self::new(u32::from_le_bytes(*step))?, rest))
    }

    /// As it stands in the clear.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; STEP_LEN] {
        self.0.to_le_bytes()
    }
}

impl TryFrom<u32> for Step {
    type Error = CodecError;

    fn try_from(number: u32) -> Result<Self, CodecError> {
        Self::new(number)
    }
}

impl From<Step> for u32 {
    fn from(step: Step) -> Self {
        step.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
