//! Who can read: codes, coming in and going out.
//!
//! A code signs at a *door*: its public halves stand in an entry of its maker's log, and whoever has
//! the code comes in by an entry of its own that the code signed. Keys are wrapped to the code's *lock*
//! by members when asked, and stand in no log. So everybody who can be served stands in everybody's
//! list, and a code that ended opens nothing. See `docs/CRYPT.md`, "Codes".
//!
//! Nothing here does IO, reads a clock or draws randomness of its own.

mod code;
mod door;
mod enter;
mod facts;
mod hours;
mod leave;
mod own;
mod rules;
mod who;
pub mod wire;
mod wrap;

pub use code::CodeKeys;
pub use door::{Door, DoorBody, Terms};
pub use enter::{ByCode, How, In, InPlace};
pub use hours::Hours;
pub use leave::{Out, OutDevice};
pub use own::OwnKey;
pub use rules::{CameBy, DoorState, Entering, KeptWrap, Learned, Listed, Living, Rules, Stop};
pub use who::Presence;
pub use wrap::{EarlierStep, Wrap, WrapFacts, WrapPayload, step_secrets};

use serde::{Deserialize, Serialize};

use crate::{codec, error::CodecError, limits::BODY_MAX};

/// The body of an entry of kind [`Access`](crate::entry::Kind::Access).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessBody {
    /// Its author comes in.
    In(In),
    /// Devices of its author's person go out.
    Out(Out),
}

impl AccessBody {
    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError`] when a count or a step is over its limit.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check()?;
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body. Signatures are checked by [`In`] and [`Out`].
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or over a limit.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let decoded: Self = codec::decode(body, BODY_MAX, "access")?;
        decoded.check().map(|()| decoded)
    }

    fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::In(body) => body.check(),
            Self::Out(body) => body.check(),
        }
    }
}
