//! The code that links a device: written and checked like a room's, and never taken for one.

use rand_core::CryptoRng;
use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    code::{DATA, DEVICE_PREFIX, LINK_SCHEME, Typed, Use, random_symbols, read_symbols, without_scheme, write_symbols},
    derive::Purpose,
    error::{CodeError, SealError},
    ids::Locator,
    keys::Secret,
    stretch::{Stretch, Stretched},
};

const SALT: &[u8] = b"parlor/v1 link code";

/// 80 random bits that one device shows and another is given. A secret: `Debug` shows nothing of it and
/// it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize, ZeroizeOnDrop)]
pub struct LinkCode([u8; DATA]);

/// What a code stretches to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StretchedLink {
    pub(super) psk: Secret,
    locator: Locator,
}

impl StretchedLink {
    /// Says which offer is meant, and nothing about the code.
    #[must_use]
    pub const fn locator(&self) -> Locator {
        self.locator
    }
}

impl LinkCode {
    /// A fresh code.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(random_symbols(rng))
    }

    /// The code as a link, for a QR picture: `parlor:link:7KQ2-...`.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{LINK_SCHEME}{DEVICE_PREFIX}{self}")
    }

    /// Stretches the code, as slowly as a room's code.
    ///
    /// # Errors
    /// [`SealError::Unopenable`] when the memory cannot be had.
    pub fn stretch(&self) -> Result<StretchedLink, SealError> {
        let stretched = self.stretching().run().map_err(|_| SealError::Unopenable)?;
        Ok(StretchedLink::from(&stretched))
    }

    /// The part of stretching that takes long, to be done elsewhere.
    #[must_use]
    pub fn stretching(&self) -> Stretch {
        Stretch::new(&self.0, SALT)
    }
}

impl From<&Stretched> for StretchedLink {
    fn from(stretched: &Stretched) -> Self {
        let hashed = Purpose::LinkLocator.secret(stretched.expose());
        let locator = hashed.first_chunk::<16>().copied().unwrap_or_default();
        let psk = Secret::from_bytes(*Purpose::LinkPsk.secret(stretched.expose()));
        Self { psk, locator: Locator(locator) }
    }
}

impl fmt::Display for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_symbols(f, &self.0, Use::Device)
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(..)")
    }
}

impl Serialize for LinkCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// What typing has come to so far, for live checking in a form.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedLink {
    /// The groups as they will be written; the last may be partial.
    pub groups: Vec<String>,
    /// What is wrong so far. [`CodeError::TooShort`] only means: go on typing.
    pub state: Result<LinkCode, CodeError>,
}

impl fmt::Debug for TypedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedLink({} groups, complete: {})", self.groups.len(), self.state.is_ok())
    }
}

/// Reads a code as it is being typed or pasted, with or without the `parlor:link:` in front.
#[must_use]
pub fn read_typed_link(input: &str) -> TypedLink {
    let Typed { groups, state } = read_symbols(without_scheme(input).0, Use::Device);
    TypedLink { groups, state: state.map(LinkCode) }
}

impl FromStr for LinkCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        read_typed_link(text).state
    }
}
