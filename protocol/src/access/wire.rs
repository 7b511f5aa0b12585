//! What is asked and answered about coming in. The bodies of requests and answers; which of them is
//! meant, the wire says.

use serde::{Deserialize, Serialize};

use super::{CodeKeys, Door, DoorBody, Wrap};
use crate::{
    codec,
    derive::Label,
    entry::{Entry, Kind},
    epoch::Genesis,
    error::{CodecError, KeyError},
    ids::{DeviceId, DoorId, DoorKey, EpochId, Locator, RoomId},
    keys::{self, Sig},
    limits::{OFFERS_MAX, STEP_LAST, WRAPS_MAX},
};

/// Who has a code looks for its door. The code signs who asks and who is asked, so that nobody hands the
/// look on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Where the door is found.
    pub locator: Locator,
    /// Which door it is: of those with this locator, which binds nobody, the one that has this key. So one
    /// signature is checked, however many there are.
    pub door: DoorKey,
    sig: Sig,
}

impl Look {
    /// Asks as one device at another one.
    #[must_use]
    pub fn sign(code: &CodeKeys, asker: DeviceId, keeper: DeviceId) -> Self {
        Self { locator: code.locator(), door: code.door(), sig: code.sign(Label::Look, &Self::message(asker, keeper)) }
    }

    /// Checks that the asking peer has the code of the door that it names.
    ///
    /// # Errors
    /// [`KeyError`] when it has not.
    pub fn check(&self, asker: DeviceId, keeper: DeviceId) -> Result<(), KeyError> {
        keys::verify(self.door.as_bytes(), Label::Look, &Self::message(asker, keeper), &self.sig)
    }

    fn message(asker: DeviceId, keeper: DeviceId) -> Vec<u8> {
        [asker.as_bytes().as_slice(), keeper.as_bytes()].concat()
    }
}

/// An epoch that somebody may come into, and the step from which it is read then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offer {
    /// The epoch.
    pub epoch: EpochId,
    /// The step.
    pub step: u32,
}

/// The answer to a look of somebody who has the code of a living door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The entry that founded the room.
    pub genesis: Entry,
    /// The entry that made the door.
    pub door: Entry,
    /// Where one may come in, owners' epochs first.
    #[serde(deserialize_with = "codec::bounded_list::<OFFERS_MAX, _, _>")]
    pub offers: Vec<Offer>,
}

/// What a code leads to, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// The room.
    pub room: RoomId,
    /// The device that founded it.
    pub founder: DeviceId,
    /// How it was founded.
    pub genesis: Genesis,
    /// The door's name.
    pub door: DoorId,
    /// The door.
    pub made: Door,
    /// The device that made the code.
    pub maker: DeviceId,
}

impl Found {
    /// Checks that whoever has the code was led to the room in which it was made: both entries are signed,
    /// and the door is of this code, room and maker.
    ///
    /// # Errors
    /// [`KeyError`] when anything does not fit.
    pub fn check_lead(&self, code: &CodeKeys) -> Result<Lead, KeyError> {
        let room = self.genesis.room();
        let bad = KeyError::BadSignature;
        let (genesis, entry) = (self.genesis.clone().verify(), self.door.clone().verify());
        let (genesis, entry) = (genesis.map_err(|_| bad)?, entry.map_err(|_| bad)?);
        let fits = genesis.header().kind == Kind::Genesis && entry.header().kind == Kind::Door;
        let founding = Genesis::decode(genesis.body()).map_err(|_| bad)?;
        let (maker, of_room) = (entry.header().author, entry.header().room);
        match DoorBody::decode(entry.body()) {
            Ok(DoorBody::Made(made)) if fits && of_room == room && made.is_of(code) => {
                made.check(room, maker)?;
                let founder = genesis.header().author;
                Ok(Lead { room, founder, genesis: founding, door: entry.id().into(), made, maker })
            }
            _ => Err(bad),
        }
    }

    /// Checks what bounds its parts do not have.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn check(&self) -> Result<(), CodecError> {
        check_offers(&self.offers)
    }
}

fn check_offers(offers: &[Offer]) -> Result<(), CodecError> {
    if offers.len() > OFFERS_MAX {
        return Err(CodecError::TooMany { what: "offers", max: OFFERS_MAX, got: offers.len() });
    }
    match offers.iter().all(|offer| offer.step < STEP_LAST) {
        true => Ok(()),
        false => Err(CodecError::Malformed("step of an offer")),
    }
}

/// A device shows the entry by which it comes in, for the first time or to somebody who lacks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// The room.
    pub room: RoomId,
    /// The entry: the first of a log of the asking device.
    pub entry: Entry,
    /// Whether it asks for keys; who shows the entry to somebody who lacks it has them.
    pub for_keys: bool,
}

impl Enter {
    /// Checks that it can be what it says.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn check(&self) -> Result<(), CodecError> {
        let header = self.entry.header();
        let fits = header.kind == Kind::Access && header.room == self.room;
        if fits { Ok(()) } else { Err(CodecError::Malformed("entering")) }
    }
}

/// The answer to [`Enter`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entered {
    /// The entry is durable here. Who came by a code gets what is wrapped for it.
    In(#[serde(deserialize_with = "codec::bounded_list::<WRAPS_MAX, _, _>")] Vec<Wrap>),
    /// The step is no longer on offer; these are.
    Again(#[serde(deserialize_with = "codec::bounded_list::<OFFERS_MAX, _, _>")] Vec<Offer>),
    /// It may not come in.
    Refused(NotEntered),
}

impl Entered {
    /// Checks what bounds its parts do not have.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn check(&self) -> Result<(), CodecError> {
        match self {
            Self::In(wraps) => check_wraps(wraps),
            Self::Again(offers) => check_offers(offers),
            Self::Refused(_) => Ok(()),
        }
    }
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotEntered {
    /// Its entry hangs on what is not here yet; it is asked for.
    Lacking,
    /// A signature or a place does not fit.
    Wrong,
    /// An owner removed the device.
    Removed,
    /// The device was sent out for ever by its person.
    Out,
    /// The epoch is closed to it: a removal lies between it and those in which people write.
    ShutOut,
    /// Who made the code is no longer in the room.
    MakerGone,
    /// The code was ended.
    Ended,
    /// The code's time is over.
    Expired,
    /// As many came by the code as it lets in.
    UsedUp,
    /// The person has as many devices in the room as anybody may.
    TooManyOwn,
    /// The room is full.
    Full,
}

/// Wraps for an archive to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushWraps {
    /// The room.
    pub room: RoomId,
    /// The wraps.
    #[serde(deserialize_with = "codec::bounded_list::<WRAPS_MAX, _, _>")]
    pub wraps: Vec<Wrap>,
}

impl PushWraps {
    /// Checks what bounds its parts do not have.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn check(&self) -> Result<(), CodecError> {
        match self.wraps.iter().all(|wrap| wrap.facts.room == self.room) {
            true => check_wraps(&self.wraps),
            false => Err(CodecError::Malformed("wraps")),
        }
    }
}

fn check_wraps(wraps: &[Wrap]) -> Result<(), CodecError> {
    if wraps.len() > WRAPS_MAX {
        return Err(CodecError::TooMany { what: "wraps", max: WRAPS_MAX, got: wraps.len() });
    }
    wraps.iter().try_for_each(Wrap::check_bounds)
}

/// Why a peer is not served in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotAdmitted {
    /// Nothing here shows that it came in: it shows its entry ([`Enter`]).
    Show,
    /// It left, its person sent it out, or its visit is over.
    Out,
    /// An owner removed it.
    Removed,
    /// A removal shut it out with others: it comes in again by a code that works.
    ShutOut,
}
