//! Going out: leaving a room, and sending lost devices out of it.

use serde::{Deserialize, Serialize};

use super::OwnKey;
use crate::{
    codec,
    derive::Label,
    error::{CodecError, KeyError},
    ids::{DeviceId, LogId, OwnId, RoomId},
    keys::{self, Sig},
    limits::{LOGS_OF_DEVICE_MAX, OUT_DEVICES_MAX},
    log::Height,
};

/// A device that goes out, and how far each of its logs stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutDevice {
    /// The device.
    pub device: DeviceId,
    /// Its logs as the author knows them.
    #[serde(deserialize_with = "codec::bounded_list::<LOGS_OF_DEVICE_MAX, _, _>")]
    pub heads: Vec<(LogId, Height)>,
}

/// Devices of one person go out. It counts for those that came in as that person's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Out {
    /// Whose devices.
    pub own: OwnId,
    /// Whether they may never come back: they were lost. Who leaves may.
    pub for_ever: bool,
    /// The devices.
    #[serde(deserialize_with = "codec::bounded_list::<OUT_DEVICES_MAX, _, _>")]
    pub devices: Vec<OutDevice>,
    sig: Sig,
}

impl Out {
    /// Sends devices out, in an entry that a device writes.
    ///
    /// # Errors
    /// [`CodecError::TooMany`].
    pub fn sign(
        own: &OwnKey,
        room: RoomId,
        author: DeviceId,
        for_ever: bool,
        devices: Vec<OutDevice>,
    ) -> Result<Self, CodecError> {
        let mut out = Self { own: own.id(), for_ever, devices, sig: Sig([0; 64]) };
        out.check()?;
        out.sig = own.sign(Label::Out, &out.message(room, author));
        Ok(out)
    }

    /// Checks that it is by the person whose devices it sends out.
    ///
    /// # Errors
    /// [`KeyError`] when the key is weak or the signature does not fit.
    pub fn check_own(&self, room: RoomId, author: DeviceId) -> Result<(), KeyError> {
        keys::verify(self.own.as_bytes(), Label::Out, &self.message(room, author), &self.sig)
    }

    pub(super) fn check(&self) -> Result<(), CodecError> {
        let too_many = |what, max, got| CodecError::TooMany { what, max, got };
        if self.devices.len() > OUT_DEVICES_MAX {
            return Err(too_many("devices", OUT_DEVICES_MAX, self.devices.len()));
        }
        match self.devices.iter().map(|device| device.heads.len()).find(|got| *got > LOGS_OF_DEVICE_MAX) {
            Some(got) => Err(too_many("heads", LOGS_OF_DEVICE_MAX, got)),
            None => Ok(()),
        }
    }

    /// Each list is preceded by its length.
    fn message(&self, room: RoomId, author: DeviceId) -> Vec<u8> {
        let length = |of: usize| u32::try_from(of).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = [room.as_bytes().as_slice(), author.as_bytes(), self.own.as_bytes()].concat();
        out.push(u8::from(self.for_ever));
        out.extend_from_slice(&length(self.devices.len()));
        for OutDevice { device, heads } in &self.devices {
            out.extend_from_slice(device.as_bytes());
            out.extend_from_slice(&length(heads.len()));
            for (log, height) in heads {
                out.extend_from_slice(&log.0.to_le_bytes());
                out.extend_from_slice(&height.next.to_le_bytes());
                out.extend_from_slice(height.head.as_bytes());
            }
        }
        out
    }
}
