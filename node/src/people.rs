//! What can be known of a person, as the app and the command line show it.

use parlor_protocol::{DeviceId, RoomId, UserId, safety::SafetyNumber};
use serde::Serialize;

/// A person in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The person.
    pub user: UserId,
    /// The name as last seen.
    pub name: String,
    /// True for the person of this very device.
    pub own: bool,
    /// True when the safety number was compared.
    pub verified: bool,
    /// True when nothing of this person is to be shown.
    pub blocked: bool,
    /// Whether any of the person's devices is here now.
    pub online: bool,
}

/// A person on the network who wants to be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NearbyPerson {
    /// The person.
    pub user: UserId,
    /// The name that the person's machine says.
    pub name: String,
    /// True when the person was met in a room before.
    pub known: bool,
    /// True when the safety number was compared.
    pub verified: bool,
}

/// Everything known of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonCard {
    /// The person.
    pub user: UserId,
    /// The name as last seen.
    pub name: String,
    /// Other names that the person has in some room.
    pub other_names: Vec<String>,
    /// True for the person of this very device.
    pub own: bool,
    /// The rooms that this device and the person share.
    pub rooms: Vec<PersonRoom>,
    /// The person's devices as far as they were seen.
    pub devices: Vec<PersonDevice>,
    /// When the person was first seen, in milliseconds since 1970.
    pub first_seen: u64,
    /// When the person was last seen.
    pub last_seen: u64,
    /// What to compare; absent for oneself.
    pub safety: Option<Safety>,
    /// When the safety number was compared and found the same.
    pub verified: Option<u64>,
    /// True when nothing of this person is to be shown.
    pub blocked: bool,
    /// Names of other people that this person's name looks like.
    pub looks_like: Vec<String>,
}

/// A room that a person is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonRoom {
    /// The room.
    pub room: RoomId,
    /// Its name.
    pub name: String,
}

/// A device of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonDevice {
    /// The device.
    pub device: DeviceId,
    /// When it was first seen, in milliseconds since 1970.
    pub first_seen: u64,
    /// When it was last seen.
    pub last_seen: u64,
    /// True for this very device.
    pub current: bool,
    /// Whether it is here now.
    pub online: bool,
}

/// What two people compare, each on their own screen: it must be the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Safety {
    /// Twelve groups of five digits.
    pub digits: Vec<String>,
    /// Twelve words.
    pub words: Vec<String>,
    /// The text for a QR picture.
    pub text: String,
}

impl From<SafetyNumber> for Safety {
    fn from(number: SafetyNumber) -> Self {
        Self {
            digits: number.groups().to_vec(),
            words: number.words().into_iter().map(str::to_owned).collect(),
            text: number.text(),
        }
    }
}
