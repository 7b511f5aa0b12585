//! Why something is not done. A reason is a number with what belongs to it, so that a reason which is
//! not known here is still a refusal.

use crate::{access::wire::NotAdmitted, codec, error::CodecError};

use super::frame::Body;

/// Longest refusal, in bytes: its number, and what belongs to a reason.
pub(super) const REFUSAL_MAX: usize = 256;

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The room is not known here.
    UnknownRoom,
    /// The device is not served in the room, for this reason.
    NotAdmitted(NotAdmitted),
    /// Too many requests; try again after some milliseconds.
    Busy {
        /// How long to wait, in milliseconds.
        retry_ms: u32,
    },
    /// The entries do not fit what is here: ask for heights first.
    DoesNotFit,
    /// The archive's quota for the room or peer is used up.
    QuotaReached,
    /// The archive cannot write at the moment.
    StoreUnavailable,
    /// The archive takes no new rooms.
    RegistrationClosed,
    /// The request is not understood.
    Malformed,
    /// The kind of the request is not known here, or nothing for this side: an older program, or one
    /// that does something else. Nobody's fault.
    Unsupported,
    /// A reason that is not known here: a newer program refuses.
    Other {
        /// Its number.
        reason: u16,
    },
}

impl Refusal {
    pub(super) fn append(&self, bytes: Vec<u8>) -> Result<Vec<u8>, CodecError> {
        let reason = |number: u16| Ok([bytes.as_slice(), &number.to_le_bytes()].concat());
        match self {
            Self::UnknownRoom => reason(1),
            Self::NotAdmitted(why) => codec::append(reason(2)?, why),
            Self::Busy { retry_ms } => codec::append(reason(3)?, retry_ms),
            Self::DoesNotFit => reason(4),
            Self::QuotaReached => reason(5),
            Self::StoreUnavailable => reason(6),
            Self::RegistrationClosed => reason(7),
            Self::Malformed => reason(8),
            Self::Unsupported => reason(9),
            Self::Other { reason: number } => reason(*number),
        }
    }

    pub(super) fn read(body: Body<'_>) -> Result<Self, CodecError> {
        let (reason, rest) = body.split_number()?;
        let known = match reason {
            1 => Self::UnknownRoom,
            2 => return Ok(Self::NotAdmitted(rest.read()?)),
            3 => return Ok(Self::Busy { retry_ms: rest.read()? }),
            4 => Self::DoesNotFit,
            5 => Self::QuotaReached,
            6 => Self::StoreUnavailable,
            7 => Self::RegistrationClosed,
            8 => Self::Malformed,
            9 => Self::Unsupported,
            reason => return Ok(Self::Other { reason }),
        };
        rest.empty().map(|()| known)
    }
}
