//! What the model asks for, and why, so that an answer finds what it is for.

use parlor_node::{Command, Order};
use parlor_protocol::{EntryId, RoomCode, RoomId, UserId};

/// Why a command was given.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// The answer changes nothing; a failure is not worth a word.
    Quiet,
    /// The answer changes nothing; a failure is shown.
    Shown,
    /// To know who this device is.
    Me,
    /// To set one's name.
    SetName,
    /// To fill the list of rooms.
    Rooms,
    /// To know the members.
    Members(RoomId),
    /// To know how the node is connected.
    Connection,
    /// To fill the window of a room.
    History {
        /// The room.
        room: RoomId,
        /// Older than this; the newest when absent.
        before: Option<Order>,
    },
    /// To send; on failure the text goes back to the composer.
    Send {
        /// The room.
        room: RoomId,
        /// The text.
        text: String,
        /// The message answered.
        reply_to: Option<EntryId>,
    },
    /// To edit; on failure the text goes back to the composer.
    Edit {
        /// The room.
        room: RoomId,
        /// The message.
        target: EntryId,
        /// The text.
        text: String,
    },
    /// To make a room.
    Create,
    /// To join a room.
    Join(RoomCode),
    /// To show a room's code.
    Code(RoomId),
    /// To know a room's rules.
    Rules(RoomId),
    /// To know a room's codes.
    Codes(RoomId),
    /// To change something about a room; what is wrong is shown on its page.
    Govern(RoomId),
    /// To search; only the newest search counts.
    Search(u64),
    /// To write to a person.
    OpenDirect,
    /// To know who is on the network.
    Nearby,
    /// To show a person's card.
    Person(UserId),
    /// To compare a person's safety number.
    CompareSafety(UserId),
    /// To add an address by hand.
    AddAddress(String),
    /// To know how the profile is locked.
    LockKind,
    /// How the account stands, or something about it.
    Account,
    /// To know where the account is signed in, or to sign a device out there.
    SignedIn,
    /// To know the own devices, or to change something about one.
    Devices,
    /// To show a code for a new device.
    OfferLink,
    /// To be linked.
    Link,
    /// To change how the profile is locked.
    ChangeLock,
}

/// A command and its purpose.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The command.
    pub command: Command,
    /// What it is for.
    pub purpose: Purpose,
}

impl Ask {
    /// A command for a purpose.
    #[must_use]
    pub fn new(command: Command, purpose: Purpose) -> Self {
        Self { command, purpose }
    }
}

/// A message worth a desktop notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The room, to open it.
    pub room: RoomId,
    /// First line: who and where.
    pub title: String,
    /// Second line: what.
    pub body: String,
}

/// What the model wants done outside of it.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Give a command to the node.
    Ask(Box<Ask>),
    /// Tell the desktop.
    Notify(Notice),
    /// Show a room.
    Open(RoomId),
    /// Show the code of a room just made.
    Share(RoomId),
}

impl Effect {
    pub(super) fn ask(command: Command, purpose: Purpose) -> Self {
        Self::Ask(Box::new(Ask::new(command, purpose)))
    }
}
