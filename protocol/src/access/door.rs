//! Doors: the public halves of codes, in their makers' logs. Archives read them: they find them by the
//! locator, check by them who comes in, and keep what is wrapped to them.

use serde::{Deserialize, Serialize};

use super::{CodeKeys, Hours};
use crate::{
    codec,
    derive::Label,
    error::{CodecError, KeyError},
    ids::{DeviceId, DoorId, DoorKey, Locator, RoomId},
    keys::{self, DhPublic, Sig},
    limits::BODY_MAX,
};

/// What everybody may see of a code. Signed by the code itself, so that nobody who lacks the code copies
/// it, into another room or as somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// Where it is found.
    pub locator: Locator,
    /// What checks that somebody has the code.
    pub door: DoorKey,
    /// What keys are wrapped to.
    pub lock: DhPublic,
    /// What the code allows.
    pub terms: Terms,
    sig: Sig,
}

/// What a code allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// When it stops working.
    pub expires: Hours,
    /// How many devices it lets in; 0 for any number.
    pub uses: u32,
    /// Whether it works only while a member is there: archives are given no keys for it, so that whoever runs
    /// one and learns the code reads nothing by it.
    pub members_only: bool,
}

impl Door {
    /// The door of a code that a device makes in a room.
    #[must_use]
    pub fn sign(code: &CodeKeys, room: RoomId, maker: DeviceId, terms: Terms) -> Self {
        let unsigned = Self { locator: code.locator(), door: code.door(), lock: code.lock(), terms, sig: Sig([0; 64]) };
        Self { sig: code.sign(Label::Door, &unsigned.message(room, maker)), ..unsigned }
    }

    /// Checks that whoever made it in this room, on this device, had the code.
    ///
    /// # Errors
    /// [`KeyError`] when a key is weak or the signature does not fit.
    pub fn check(&self, room: RoomId, maker: DeviceId) -> Result<(), KeyError> {
        keys::verify(self.door.as_bytes(), Label::Door, &self.message(room, maker), &self.sig)
    }

    /// Whether it is the door of this code.
    #[must_use]
    pub fn is_of(&self, code: &CodeKeys) -> bool {
        self.locator == code.locator() && self.door == code.door() && self.lock == code.lock()
    }

    fn message(&self, room: RoomId, maker: DeviceId) -> Vec<u8> {
        [
            room.as_bytes().as_slice(),
            maker.as_bytes(),
            &self.locator.0,
            self.door.as_bytes(),
            self.lock.as_bytes(),
            &self.terms.expires.0.to_le_bytes(),
            &self.terms.uses.to_le_bytes(),
            &[u8::from(self.terms.members_only)],
        ]
        .concat()
    }
}

/// The body of an entry of kind [`Door`](crate::entry::Kind::Door).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DoorBody {
    /// A code was made; the entry's id is the door's.
    Made(Door),
    /// A code works no longer.
    Ended(DoorId),
}

impl DoorBody {
    /// Encodes the body.
    ///
    /// # Errors
    /// None in practice.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, BODY_MAX)
    }

    /// Decodes a body. The door's signature is checked by [`Door::check`].
    ///
    /// # Errors
    /// [`CodecError`] when it is malformed.
    pub fn decode(body: &[u8]) -> Result<Self, CodecError> {
        codec::decode(body, BODY_MAX, "door")
    }
}
