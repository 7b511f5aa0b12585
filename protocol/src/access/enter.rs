//! Coming in: the visible act without which nobody is served.

use serde::{Deserialize, Serialize};

use super::{CodeKeys, Hours, OwnKey};
use crate::{
    derive::Label,
    entry::Header,
    epoch::EpochSecrets,
    error::{CodecError, KeyError},
    ids::{DeviceId, DoorId, DoorKey, EpochId, LogId, OwnId, RoomId},
    keys::{self, Sig},
    limits::STEP_LAST,
};

/// Where a device comes in. The own key's signature in every [`In`] is over all of it, and so is that of a code:
/// they count for no other device, log, epoch or room. The signature that links leaves out the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InPlace {
    /// The room.
    pub room: RoomId,
    /// The epoch.
    pub epoch: EpochId,
    /// The device that comes in.
    pub device: DeviceId,
    /// Its log that begins so.
    pub log: LogId,
}

impl From<&Header> for InPlace {
    fn from(header: &Header) -> Self {
        Self { room: header.room, epoch: header.epoch, device: header.author, log: header.log }
    }
}

impl InPlace {
    /// What the epoch's admission key signs: the device, in this epoch, with any log.
    fn admission(&self) -> Vec<u8> {
        [self.room.as_bytes().as_slice(), self.epoch.as_bytes(), self.device.as_bytes()].concat()
    }

    fn bytes(&self) -> [u8; 104] {
        let mut out = [0; 104];
        let parts = [self.room.as_bytes().as_slice(), self.epoch.as_bytes(), self.device.as_bytes()];
        let log = self.log.0.to_le_bytes();
        out.iter_mut().zip(parts.into_iter().flatten().chain(&log)).for_each(|(to, from)| *to = *from);
        out
    }
}

/// A device comes in: the first entry of its log (of a founder's, after the first epoch).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct In {
    /// Whose devices it belongs to.
    pub own: OwnId,
    sig: Sig,
    /// What lets it in.
    pub how: How,
}

/// What lets a device in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// A record of an epoch names it, or it founded the room.
    Named,
    /// It has a code.
    ByCode(ByCode),
    /// Another device of the same person gave it the epoch's key: a signature by the epoch's admission key over
    /// room, epoch and device. It covers neither the log nor the person: that it is this log, and whose device
    /// it is, says the own key's signature that stands in every [`In`].
    Linked(Sig),
}

/// That a device has a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByCode {
    /// The code's door.
    pub door: DoorId,
    /// The step of the epoch's keys from which it reads.
    pub step: u32,
    /// When a visit ends; none for who stays.
    pub until: Hours,
    sig: Sig,
}

impl ByCode {
    fn message(&self, place: &InPlace, own: OwnId) -> Vec<u8> {
        let (step, until) = (self.step.to_le_bytes(), self.until.0.to_le_bytes());
        [place.bytes().as_slice(), &step, &until, own.as_bytes()].concat()
    }
}

impl In {
    fn new(own: &OwnKey, place: &InPlace, how: How) -> Self {
        Self { own: own.id(), sig: own.sign(Label::InOwn, &place.bytes()), how }
    }

    /// Comes in where a record names the device, or as founder.
    #[must_use]
    pub fn named(own: &OwnKey, place: &InPlace) -> Self {
        Self::new(own, place, How::Named)
    }

    /// Comes in by a code.
    #[must_use]
    pub fn by_code(own: &OwnKey, place: &InPlace, code: &CodeKeys, door: DoorId, step: u32, until: Hours) -> Self {
        let mut by = ByCode { door, step, until, sig: Sig([0; 64]) };
        by.sig = code.sign(Label::InByCode, &by.message(place, own.id()));
        Self::new(own, place, How::ByCode(by))
    }

    /// Comes in with the epoch's key, which another device of the same person gave.
    ///
    /// # Errors
    /// [`KeyError::BadSignature`] when the secrets are not those of the place's epoch.
    pub fn linked(own: &OwnKey, place: &InPlace, secrets: &EpochSecrets) -> Result<Self, KeyError> {
        if (secrets.room(), secrets.id()) != (place.room, place.epoch) {
            return Err(KeyError::BadSignature);
        }
        Ok(Self::new(own, place, How::Linked(secrets.sign_admission(&place.admission()))))
    }

    /// The code's part, where a code lets it in.
    #[must_use]
    pub const fn by(&self) -> Option<&ByCode> {
        match &self.how {
            How::ByCode(by) => Some(by),
            How::Named | How::Linked(_) => None,
        }
    }

    /// Checks that it belongs to the person that it names.
    ///
    /// # Errors
    /// [`KeyError`] when the key is weak or the signature does not fit.
    pub fn check_own(&self, place: &InPlace) -> Result<(), KeyError> {
        keys::verify(self.own.as_bytes(), Label::InOwn, &place.bytes(), &self.sig)
    }

    /// Checks that it had the code of a door. Which door it names is for the caller to compare.
    ///
    /// # Errors
    /// [`KeyError`] when it came by no code, the key is weak or the signature does not fit.
    pub fn check_door(&self, place: &InPlace, door: &DoorKey) -> Result<(), KeyError> {
        let by = self.by().ok_or(KeyError::BadSignature)?;
        keys::verify(door.as_bytes(), Label::InByCode, &by.message(place, self.own), &by.sig)
    }

    /// Checks that it had the epoch's key, by the public half of the epoch's admission key.
    ///
    /// # Errors
    /// [`KeyError`] when it was not linked or the signature does not fit.
    pub fn check_link(&self, place: &InPlace, admission: &[u8; 32]) -> Result<(), KeyError> {
        match self.how {
            How::Linked(sig) => keys::verify(admission, Label::Admission, &place.admission(), &sig),
            How::Named | How::ByCode(_) => Err(KeyError::BadSignature),
        }
    }

    /// The last step is for what every newcomer may read, so nobody comes in there.
    pub(super) fn check(&self) -> Result<(), CodecError> {
        match self.by() {
            Some(by) if by.step >= STEP_LAST => Err(CodecError::Malformed("step of an entry")),
            _ => Ok(()),
        }
    }
}
