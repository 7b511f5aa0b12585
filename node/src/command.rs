//! What a person (or a bot) may ask of a node; `reply` has the answers.
//!
//! The app, the command line, the browser and the tests all use these and nothing else.

mod reply;

pub use parlor_protocol::content::RoomChange;
pub use reply::{CodeInfo, OwnDevice, RecoveryWords, Reply, RoomRulesShown};

use parlor_protocol::{
    DeviceId, EntryId, HistoryPolicy, LinkCode, Locator, Name, Role, RoomCode, RoomId, Text, UserId,
    account::{AccessToken, Password, RecoveryKey, UserName},
};
use serde::Serialize;
use std::time::Duration;

use crate::{error::CommandError, event::Order, store::LockChange};

/// Something asked of the node. Every command gets exactly one [`Reply`] or [`CommandError`].
#[derive(Clone, Debug)]
pub enum Command {
    /// Sets the name that others see. Answered with [`Reply::Done`].
    SetName(Name),
    /// Who this device is. Answered with [`Reply::Me`].
    Me,
    /// Makes a room and its first code. Answered with [`Reply::Created`].
    CreateRoom {
        /// The room's name, known to members only.
        name: Name,
        /// What newcomers may read.
        history: HistoryPolicy,
    },
    /// Makes one more code for a room. Answered with [`Reply::Code`].
    MakeCode {
        /// The room.
        room: RoomId,
        /// How long the code works; for ever when absent.
        lifetime: Option<Duration>,
        /// How many people may join with it; any number when absent.
        uses: Option<u32>,
        /// Whether it works only while a member is there: archives are given no keys for it.
        members_only: bool,
    },
    /// The newest code of a room that this device made or joined with and that has not expired;
    /// made when there is none. Answered with [`Reply::Code`].
    Code {
        /// The room.
        room: RoomId,
    },
    /// Joins a room. Answered with [`Reply::Joined`] once the room is known and the device is a
    /// member; history goes on arriving. A device that keeps nothing is in for some hours only. Progress
    /// comes as [`crate::Event::JoinProgress`].
    Join(RoomCode),
    /// Gives up joining with this code. Answered with [`Reply::Done`].
    CancelJoin(RoomCode),
    /// Sends a text. Answered with [`Reply::Sent`] when it is durable on this machine.
    Send {
        /// The room.
        room: RoomId,
        /// The text.
        text: Text,
        /// The message this one answers.
        reply_to: Option<EntryId>,
    },
    /// Replaces the text of an own message. Answered with [`Reply::Done`].
    Edit {
        /// The room.
        room: RoomId,
        /// The message.
        target: EntryId,
        /// The new text.
        text: Text,
    },
    /// Deletes an own message for everybody. Answered with [`Reply::Done`].
    Delete {
        /// The room.
        room: RoomId,
        /// The message.
        target: EntryId,
    },
    /// Adds or takes back a reaction. Answered with [`Reply::Done`].
    React {
        /// The room.
        room: RoomId,
        /// The message.
        target: EntryId,
        /// One emoji.
        emoji: String,
        /// True adds, false takes back.
        present: bool,
    },
    /// Everything in the room up to now has been seen. Answered with [`Reply::Done`].
    MarkRead {
        /// The room.
        room: RoomId,
    },
    /// The person is typing; call at most every two seconds. Answered with [`Reply::Done`].
    Typing {
        /// The room.
        room: RoomId,
    },
    /// All rooms. Answered with [`Reply::Rooms`].
    Rooms,
    /// The members of a room. Answered with [`Reply::Members`].
    Members {
        /// The room.
        room: RoomId,
    },
    /// A stretch of history, oldest first. Answered with [`Reply::History`].
    History {
        /// The room.
        room: RoomId,
        /// Only messages before this place; the newest when absent.
        before: Option<Order>,
        /// At most this many messages (1 to 1,000).
        limit: usize,
    },
    /// Messages that contain all the words, newest first. Answered with [`Reply::Found`].
    Search {
        /// One room, or all.
        room: Option<RoomId>,
        /// The words, in any order, upper and lower case alike.
        words: String,
        /// At most this many messages (1 to 1,000).
        limit: usize,
    },
    /// Opens the room of two with a person, and makes it when there is none. The other person is asked
    /// in with the first message. Answered with [`Reply::Joined`].
    OpenDirect {
        /// The person.
        user: UserId,
    },
    /// What to do with a room that somebody asks this person into. Answered with [`Reply::Joined`] or
    /// [`Reply::Done`].
    AnswerRequest {
        /// The room.
        room: RoomId,
        /// What to do.
        answer: RequestAnswer,
    },
    /// People on the network who want to be seen. Answered with [`Reply::Nearby`].
    Nearby,
    /// Whether people on the network may see that this person is there. Answered with
    /// [`Reply::Done`].
    SetVisible(bool),
    /// Everybody known here. Answered with [`Reply::People`].
    People,
    /// All that is known of a person. Answered with [`Reply::Person`].
    Person {
        /// The person.
        user: UserId,
    },
    /// Notes that a person's safety number was compared and is the same, or takes that back.
    /// Answered with [`Reply::Done`].
    Verify {
        /// The person.
        user: UserId,
        /// Whether it was compared.
        verified: bool,
    },
    /// Compares what the other side's screen shows (the text of the QR picture, the digits or the
    /// words) and notes the person as verified when it is the same. Answered with [`Reply::Done`].
    CompareSafety {
        /// The person.
        user: UserId,
        /// What the other side's screen shows.
        text: String,
    },
    /// Shows nothing more of a person, or shows everything again. Answered with [`Reply::Done`].
    Block {
        /// The person.
        user: UserId,
        /// Whether to block.
        blocked: bool,
    },
    /// How this node is connected. Answered with [`Reply::Connection`].
    Connection,
    /// Adds an address to reach by hand (`host`, `host:port` or a multiaddr); it is remembered.
    /// Answered with [`Reply::Done`].
    AddAddress(String),
    /// Forgets an address added by hand. Answered with [`Reply::Done`].
    RemoveAddress(String),
    /// Uses an archive, or does so no more: it is given keys in advance for newcomers, sealed for the codes of
    /// rooms, so that it lets them in while no member is there. The first archive that keeps a room is used by
    /// itself. Answered with [`Reply::Done`].
    UseArchive {
        /// The archive's device.
        archive: DeviceId,
        /// Whether it is used from now on.
        uses: bool,
    },
    /// Something about the account.
    Account(Box<AccountCommand>),
    /// Something about the person's own devices.
    Device(Box<DeviceCommand>),
    /// How the profile is locked. Answered with [`Reply::Locked`].
    LockKind,
    /// Changes how the profile is locked. Answered with [`Reply::Locked`] once that is durable.
    ChangeLock(Box<LockChange>),
    /// Removes a person with all devices from a room. Owners may. Answered with [`Reply::Done`] when
    /// it is decided and on its way to the others.
    RemovePerson {
        /// The room.
        room: RoomId,
        /// The person.
        user: UserId,
    },
    /// Removes one device of a person from a room; the person's others stay. Owners may. Answered with
    /// [`Reply::Done`].
    RemoveDevice {
        /// The room.
        room: RoomId,
        /// The device.
        device: DeviceId,
    },
    /// Gives a person a role. Owners may. Answered with [`Reply::Done`].
    SetRole {
        /// The room.
        room: RoomId,
        /// The person.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// Changes a rule of a room. Owners may. Answered with [`Reply::Done`].
    ChangeRoom {
        /// The room.
        room: RoomId,
        /// What is changed.
        change: RoomChange,
    },
    /// The rules of a room. Answered with [`Reply::Rules`].
    Rules {
        /// The room.
        room: RoomId,
    },
    /// The codes of a room. Answered with [`Reply::Codes`].
    Codes {
        /// The room.
        room: RoomId,
    },
    /// Ends one code. Who made it, moderators and owners may. Answered with [`Reply::Done`].
    RevokeCode {
        /// The room.
        room: RoomId,
        /// Which code.
        locator: Locator,
    },
    /// Ends all codes of a room, also for those who looked one up already, and makes a fresh one.
    /// Owners may. Answered with [`Reply::Code`].
    RotateCodes {
        /// The room.
        room: RoomId,
    },
    /// Silences a person in a room for a while, or lifts that. Moderators and owners may, with people of
    /// a lower role. Answered with [`Reply::Done`].
    Mute {
        /// The room.
        room: RoomId,
        /// The person.
        user: UserId,
        /// For how long; lifted when absent.
        lasts: Option<Duration>,
    },
    /// Leaves a room with all own devices. The room stays in the list until somebody knows, then it is
    /// forgotten. The last owner hands over or dissolves first. Answered with [`Reply::Done`].
    LeaveRoom {
        /// The room.
        room: RoomId,
    },
    /// Ends a room for everybody. Owners may. Answered with [`Reply::Done`].
    DissolveRoom {
        /// The room.
        room: RoomId,
    },
    /// Removes a room that is over (left, dissolved, removed from) and all its messages from this
    /// machine. Answered with [`Reply::Done`].
    ForgetRoom {
        /// The room.
        room: RoomId,
    },
}

/// What a person does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestAnswer {
    /// It becomes a room like any other.
    Accept,
    /// It goes, and this room does not come again. The other person is not told.
    Refuse,
    /// The same, and nothing more of the person is shown.
    Block,
}

/// Something about the account of this device. Passwords are wiped and never printed.
#[derive(Clone, Debug)]
pub enum AccountCommand {
    /// How the account stands. Answered with [`Reply::Account`].
    Status,
    /// Makes an account for the person of this device; the rooms here go into it. Answered with
    /// [`Reply::Registered`].
    Register {
        /// The user name.
        name: UserName,
        /// The password.
        password: Password,
        /// Where registration needs one.
        token: Option<AccessToken>,
        /// What this device is called.
        device: Name,
        /// The archive; the first in reach when absent.
        archive: Option<DeviceId>,
    },
    /// Signs in: the account's rooms are entered, and the rooms here join them. Answered with
    /// [`Reply::Done`].
    LogIn {
        /// The user name.
        name: UserName,
        /// The password.
        password: Password,
        /// Needed after the password was reset.
        recovery: Option<RecoveryKey>,
        /// What this device is called.
        device: Name,
        /// The archive; every one in reach is asked when absent.
        archive: Option<DeviceId>,
    },
    /// Sets a new password with a token and signs in. Answered with [`Reply::Done`].
    Recover {
        /// The user name.
        name: UserName,
        /// The token from whoever runs the archive.
        token: AccessToken,
        /// The new password.
        password: Password,
        /// Opens what is in the account.
        recovery: Option<RecoveryKey>,
        /// What this device is called.
        device: Name,
        /// The archive; the first in reach when absent.
        archive: Option<DeviceId>,
    },
    /// Changes the password. Answered with [`Reply::Done`].
    ChangePassword {
        /// The password now.
        old: Password,
        /// The new one.
        new: Password,
    },
    /// Signs this device out: it forgets the account's key and the rooms that came by it. Answered
    /// with [`Reply::Done`].
    LogOut,
    /// Deletes the account at the archive, and signs out. Answered with [`Reply::Done`].
    Delete {
        /// The password.
        password: Password,
    },
    /// The devices that are signed in. Answered with [`Reply::AccountDevices`].
    Devices,
    /// Gives one of them another name. Answered with [`Reply::Done`].
    RenameDevice {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: Name,
    },
    /// Signs one of them out. Answered with [`Reply::Done`].
    SignOut {
        /// Which.
        device: DeviceId,
    },
}

impl Command {
    /// The name that somebody gives to something with this command.
    pub(crate) fn given_name(&self) -> Option<&Name> {
        match self {
            Self::SetName(name)
            | Self::CreateRoom { name, .. }
            | Self::ChangeRoom { change: RoomChange::Name(name), .. } => Some(name),
            Self::Device(command) => match &**command {
                DeviceCommand::Rename { label, .. } => Some(label),
                _ => None,
            },
            Self::Account(command) => match &**command {
                AccountCommand::RenameDevice { name, .. } => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Something about the person's own devices. No account is needed.
#[derive(Clone, Debug)]
pub enum DeviceCommand {
    /// All devices. Answered with [`Reply::Devices`].
    List,
    /// Shows a code with which one new device can be linked, once and within ten minutes; an earlier one
    /// ends. Answered with [`Reply::LinkOffered`]; when a device was linked, [`crate::Event::DeviceLinked`]
    /// comes.
    Offer {
        /// What this device is called, if it has no name yet.
        label: Name,
    },
    /// Takes the code back. Answered with [`Reply::Done`].
    CancelOffer,
    /// Makes this device one of the person's whose device shows the code: that person's rooms come, and
    /// the rooms here join them. Answered with [`Reply::Linked`].
    Link {
        /// The code.
        code: LinkCode,
        /// What this device is called, if it has no name yet.
        label: Name,
    },
    /// Gives up being linked. Answered with [`Reply::Done`].
    CancelLink,
    /// Takes a lost device out of every room, of the account, and of the circle of the own devices, for
    /// ever. Answered with [`Reply::Done`] when that is decided; rooms of others follow when their owners
    /// are online.
    Revoke {
        /// Which; not this one.
        device: DeviceId,
    },
    /// Gives a device another name; only the own devices learn it. Answered with [`Reply::Done`].
    Rename {
        /// Which.
        device: DeviceId,
        /// Its name.
        label: Name,
    },
}

/// The result of a command.
pub type CommandResult = Result<Reply, CommandError>;

/// Numbers commands, so that an answer finds its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CommandId(pub u64);
