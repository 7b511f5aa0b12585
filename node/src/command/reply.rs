//! What commands are answered with.

use parlor_protocol::{DeviceId, EntryId, HistoryPolicy, LinkCode, Locator, Role, RoomCode, RoomId};
use serde::Serialize;
use std::sync::Arc;
use zeroize::Zeroizing;

use crate::{
    event::{AccountDevice, AccountView, Connection, Member, Message, Profile, RoomSummary},
    people::{NearbyPerson, Person, PersonCard},
    store::LockKind,
};
/// One of the person's own devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnDevice {
    /// The device.
    pub device: DeviceId,
    /// What it is called; a short id until it has a name.
    pub label: String,
    /// When it was first started, in milliseconds since 1970, by its own clock.
    pub created: u64,
    /// When it was last seen from here, in milliseconds since 1970.
    pub last_seen: Option<u64>,
    /// True for this very device.
    pub own: bool,
    /// Whether it is this device or connected now.
    pub online: bool,
    /// Whether it said that it is signed in to the account.
    pub signed_in: bool,
    /// When it was revoked, if it was.
    pub revoked: Option<u64>,
    /// The rooms here that it is in.
    pub rooms: Vec<RoomId>,
}

/// The 24 words of a recovery key, on their way to the screen: wiped, and not printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryWords(Zeroizing<String>);

impl RecoveryWords {
    /// Wraps the words.
    #[must_use]
    pub const fn new(words: Zeroizing<String>) -> Self {
        Self(words)
    }

    /// The words, with single spaces.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for RecoveryWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryWords(..)")
    }
}

impl Serialize for RecoveryWords {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

/// The answer to a [`Command`](super::Command).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Carried out.
    Done,
    /// Who this device is.
    Me(Profile),
    /// The new room and its first code.
    Created {
        /// The room.
        room: RoomId,
        /// The code that lets others in.
        code: RoomCode,
    },
    /// A code.
    Code(RoomCode),
    /// The room that was joined.
    Joined(RoomId),
    /// The message that was written.
    Sent(EntryId),
    /// All rooms, newest activity first.
    Rooms(Vec<RoomSummary>),
    /// The members, oldest first.
    Members(Vec<Member>),
    /// A stretch of history.
    History {
        /// Oldest first.
        messages: Vec<Arc<Message>>,
        /// True when older messages are here or can still arrive.
        more: bool,
    },
    /// Search results, newest first.
    Found(Vec<Arc<Message>>),
    /// How this node is connected.
    Connection(Connection),
    /// People on the network who want to be seen.
    Nearby(Vec<NearbyPerson>),
    /// Everybody known here, by name.
    People(Vec<Person>),
    /// All that is known of a person.
    Person(Box<PersonCard>),
    /// How the profile is locked now.
    Locked(LockKind),
    /// The rules of a room.
    Rules(RoomRulesShown),
    /// The codes of a room, newest first.
    Codes(Vec<CodeInfo>),
    /// How the account stands.
    Account(AccountView),
    /// The new account's recovery key. It is shown once.
    Registered(RecoveryWords),
    /// The devices that are signed in to the account.
    AccountDevices(Vec<AccountDevice>),
    /// The person's devices, this one first.
    Devices(Vec<OwnDevice>),
    /// A code that links one new device.
    LinkOffered {
        /// The code.
        code: LinkCode,
        /// When it stops working, in milliseconds since 1970.
        expires: u64,
    },
    /// This device is one of the person's now.
    Linked {
        /// What the device is called that it was linked by.
        by: String,
        /// How many rooms came.
        rooms: usize,
    },
}

/// The rules of a room, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomRulesShown {
    /// What newcomers may do.
    pub newcomers: Role,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Messages vanish after this many milliseconds.
    pub lifetime_ms: Option<u64>,
    /// How long a person waits between two messages, in milliseconds.
    pub slow_ms: Option<u64>,
    /// What this person may do.
    pub role: Role,
}

/// A code, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CodeInfo {
    /// Names the code, for [`Command::RevokeCode`](super::Command::RevokeCode).
    pub locator: Locator,
    /// The code itself, where this device made it or joined with it.
    pub code: Option<RoomCode>,
    /// Who made it.
    pub maker: DeviceId,
    /// Its maker's name.
    pub maker_name: String,
    /// When it stops working, in milliseconds since 1970; known where the code is.
    pub expires: Option<u64>,
    /// How many people have joined with it, as far as is known.
    pub used: u32,
    /// How many may; known on the maker's device.
    pub uses: Option<u32>,
    /// Whether it works only while a member is there, because archives have no keys for it.
    pub members_only: bool,
    /// Whether it works.
    pub works: bool,
    /// Whether somebody ended it.
    pub revoked: bool,
}
