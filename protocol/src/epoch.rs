//! Rooms and epochs: founding, and the change to a new key.
//!
//! An epoch's id commits to its key (see `secrets`), because ChaCha20-Poly1305 does not: without that, a sealed
//! body could be made that opens differently under two keys (Grubbs et al., "Message Franking via
//! Committing Authenticated Encryption", 2017). The id stands in every signed header.

use serde::{Deserialize, Serialize};

use crate::{
    codec,
    derive::Purpose,
    error::CodecError,
    ids::{EpochId, RoomId, TopicId, UserId},
    limits::{BODY_MAX, DEVICES_MAX},
    policy::HistoryPolicy,
};

mod graph;
mod record;
mod secrets;
mod settings;
mod step;
#[cfg(test)]
mod tests;

pub use graph::{EpochFacts, EpochGraph, EpochOutline, OneDevice};
pub use record::{EpochChange, EpochRecord, OwnerChange, PreviousKey, SEALED_KEY_LEN, SealedKey};
pub use secrets::{EpochSecrets, StepSecrets};
pub use settings::{RoomSettings, Stamp, Stamped};
pub use step::{STEP_LEN, Step};

/// The body of a genesis entry. The room's id is the hash of that entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// Users who may change epochs, the most senior first.
    pub owners: Vec<UserId>,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Makes two rooms of one maker differ.
    pub salt: [u8; 16],
    /// For whom the room is.
    pub kind: RoomKind,
}

/// For whom a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RoomKind {
    /// For everybody who has a code.
    #[default]
    Group,
    /// For two people, the smaller user id first. Both own it.
    Direct([UserId; 2]),
}

impl RoomKind {
    /// The other person of a room of two.
    #[must_use]
    pub fn other(&self, user: UserId) -> Option<UserId> {
        match self {
            Self::Direct([one, other]) if *one == user => Some(*other),
            Self::Direct([one, other]) if *other == user => Some(*one),
            _ => None,
        }
    }

    /// Whether a person may be in the room at all.
    #[must_use]
    pub fn admits(&self, user: UserId) -> bool {
        match self {
            Self::Group => true,
            Self::Direct(users) => users.contains(&user),
        }
    }
}

impl Genesis {
    /// Encodes the body.
    ///
    /// # Errors
    /// [`CodecError`] when there is no owner or there are too many.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        self.check()?;
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body.
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed or has no owner or too many.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        let genesis: Self = codec::decode(body, BODY_MAX, "genesis")?;
        genesis.check().map(|()| genesis)
    }

    fn check(&self) -> Result<(), CodecError> {
        count("owners", self.owners.len(), DEVICES_MAX)?;
        if self.owners.is_empty() {
            return Err(CodecError::Malformed("genesis without owner"));
        }
        match self.kind {
            RoomKind::Direct([one, other]) if one >= other || self.owners != [one, other] => {
                Err(CodecError::Malformed("genesis of two"))
            }
            _ => Ok(()),
        }
    }
}

fn count(what: &'static str, got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooMany { what, max, got }) } else { Ok(()) }
}

/// Where an epoch's gossip goes. A hash of room and epoch: nobody can claim the topic of another room,
/// and who keeps the records of a room, but no key, knows where to listen.
#[must_use]
pub fn topic_of(room: RoomId, epoch: EpochId) -> TopicId {
    TopicId::from_bytes(Purpose::EpochTopic.hash(&[room.as_bytes().as_slice(), epoch.as_bytes()].concat()))
}
