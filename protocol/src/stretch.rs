//! Stretching of what people type or copy: Argon2id (RFC 9106), slow and hungry on purpose.
//!
//! It is cut out as work of its own, with everything that it needs and nothing else, so that whoever may not
//! stop for it has it done elsewhere: on another thread, or in a worker of a browser.

use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::error::CodecError;

/// Memory, in KiB, unless a record says otherwise.
pub(crate) const KIB: u32 = 64 * 1024;
/// Passes over that memory, unless a record says otherwise.
pub(crate) const PASSES: u32 = 3;
/// Most memory and passes that work may ask for.
pub(crate) const KIB_MAX: u32 = 1024 * 1024;
pub(crate) const PASSES_MAX: u32 = 16;
/// Longest salt, input and result, in bytes.
const SALT_MAX: usize = 64;
const INPUT_MAX: usize = 64 * 1024;
const LENGTH_MAX: u32 = 64;

/// The memory for stretching could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("there is not enough memory to stretch a key")]
pub struct NoMemory;

/// Something to stretch. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Stretch {
    input: Zeroizing<Vec<u8>>,
    salt: Vec<u8>,
    kib: u32,
    passes: u32,
    length: u32,
}

/// What came of it. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Stretched(Zeroizing<Vec<u8>>);

impl Stretch {
    /// The usual work: 64 MiB, three passes, 32 bytes.
    pub(crate) fn new(input: &[u8], salt: &[u8]) -> Self {
        let input = Zeroizing::new(input.to_vec());
        Self { input, salt: salt.to_vec(), kib: KIB, passes: PASSES, length: 32 }
    }

    /// The same with other memory and passes.
    pub(crate) fn costing(self, kib: u32, passes: u32) -> Self {
        Self { kib, passes, ..self }
    }

    /// The same with so many bytes as result.
    pub(crate) fn giving(self, length: u32) -> Self {
        Self { length, ..self }
    }

    /// Does the work: a quarter of a second and 64 MiB. Keep it off threads that must stay responsive.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn run(&self) -> Result<Stretched, NoMemory> {
        let length = usize::try_from(self.length).map_err(|_| NoMemory)?;
        let params = Params::new(self.kib, self.passes, 1, Some(length)).map_err(|_| NoMemory)?;
        let mut out = Zeroizing::new(vec![0; length]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&self.input, &self.salt, &mut out)
            .map_err(|_| NoMemory)?;
        Ok(Stretched(out))
    }

    /// The work as bytes, for whoever does it elsewhere: memory in KiB, passes, length of the result and length
    /// of the salt, each in four bytes, little-endian; the salt; the input.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let numbers = [self.kib, self.passes, self.length, u32::try_from(self.salt.len()).unwrap_or(u32::MAX)];
        // Room for all of it: growing would leave copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(16 + self.salt.len() + self.input.len()));
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.input);
        out
    }

    /// Reads work from bytes.
    ///
    /// # Errors
    /// [`CodecError`] when it is none, or asks for more than any work of ours does.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let malformed = CodecError::Malformed("work to stretch");
        let mut rest = bytes;
        let mut number = || {
            let (taken, left) = rest.split_first_chunk::<4>()?;
            rest = left;
            Some(u32::from_le_bytes(*taken))
        };
        let (Some(kib), Some(passes), Some(length), Some(salt)) = (number(), number(), number(), number()) else {
            return Err(malformed);
        };
        let salt = usize::try_from(salt).map_err(|_| malformed)?;
        let (salt, input) = rest.split_at_checked(salt).ok_or(malformed)?;
        let is_ours = (8..=KIB_MAX).contains(&kib)
            && (1..=PASSES_MAX).contains(&passes)
            && (4..=LENGTH_MAX).contains(&length)
            && (8..=SALT_MAX).contains(&salt.len())
            && input.len() <= INPUT_MAX;
        if !is_ours {
            return Err(malformed);
        }
        Ok(Self { input: Zeroizing::new(input.to_vec()), salt: salt.to_vec(), kib, passes, length })
    }

    /// How long the result is, in bytes.
    #[must_use]
    pub const fn length(&self) -> u32 {
        self.length
    }
}

impl Stretched {
    /// What somebody else's work came to; none when it is no result of this work.
    #[must_use]
    pub fn of(work: &Stretch, bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        (u32::try_from(bytes.len()) == Ok(work.length)).then_some(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretch(..)")
    }
}

impl fmt::Debug for Stretched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretched(..)")
    }
}
