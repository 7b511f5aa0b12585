//! What a person sees: rooms, messages, members, progress, connection, problems.

use parlor_protocol::{DeviceId, EntryId, Hlc, LogKey, Role, RoomCode, RoomId, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::{
    came::{Came, Visit},
    command::{CommandId, CommandResult, RoomChange},
    people::NearbyPerson,
};

/// Something that happened, in the past tense.
#[derive(Clone, Debug)]
pub enum Event {
    /// A command given with [`crate::NodeHandle::submit`] was answered.
    Replied {
        /// Which command.
        id: CommandId,
        /// Its answer.
        result: CommandResult,
    },
    /// This device's own profile is known or changed.
    ProfileChanged(Profile),
    /// A room appeared, or its summary changed (name, unread count, last message, sync).
    RoomChanged(RoomSummary),
    /// How joining with a code goes.
    JoinProgress {
        /// The code that was typed.
        code: RoomCode,
        /// Where it stands.
        stage: JoinStage,
    },
    /// Messages appeared in a room, in screen order among themselves; some may belong before
    /// messages already shown.
    MessagesAdded {
        /// The room.
        room: RoomId,
        /// The messages.
        messages: Vec<Arc<Message>>,
        /// True for messages that were written just now, false for backlog that sync brought.
        live: bool,
    },
    /// Own messages that were shown could not be saved: they were never sent. The command that
    /// wrote them has failed.
    MessagesGone {
        /// The room.
        room: RoomId,
        /// Which messages.
        ids: Vec<EntryId>,
    },
    /// A room whose making or joining could not be saved is no room. The command has failed.
    RoomGone(RoomId),
    /// A message changed: edited, deleted, reacted to, delivered further.
    MessageChanged(Arc<Message>),
    /// Someone joined, was renamed, came online or went offline.
    MembersChanged {
        /// The room.
        room: RoomId,
        /// All members, oldest first.
        members: Vec<Member>,
    },
    /// Something about a person is not as it was: warn loudly.
    PersonWarned {
        /// Where it was seen.
        room: RoomId,
        /// The person.
        user: UserId,
        /// The person's name.
        name: String,
        /// What.
        warning: Warning,
    },
    /// People on the network came, went or changed their names.
    NearbyChanged(Vec<NearbyPerson>),
    /// Two rooms of the same two people, begun at once, became one.
    RoomMoved {
        /// The room that is gone.
        from: RoomId,
        /// The room that holds everything now.
        to: RoomId,
    },
    /// What was decided about a person changed: read the person's card again.
    PersonChanged(UserId),
    /// Someone is typing. Show it for about four seconds.
    TypingSeen {
        /// The room.
        room: RoomId,
        /// Who.
        author: DeviceId,
    },
    /// Peers, archives or addresses changed.
    ConnectionChanged(Connection),
    /// The account of this device changed, or its archive came.
    AccountChanged(AccountView),
    /// One of the person's devices is new: if nobody in front of it belongs to this person, revoke it.
    DeviceLinked {
        /// The device.
        device: DeviceId,
        /// What it is called; a short id when it has not said that within seconds.
        label: String,
    },
    /// The list of the person's devices changed: read it again.
    DevicesChanged,
    /// Something went wrong that the person should know, with its remedy.
    ProblemRaised(Problem),
    /// This subscriber was too slow and missed events: read rooms and history again.
    Lagged {
        /// How many events were missed.
        missed: u64,
    },
    /// The node has stopped; nothing more will come.
    Stopped,
}

/// Who this device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// The device.
    pub device: DeviceId,
    /// The name others see; empty until it is set.
    pub name: String,
    /// Whether people on the network may see that this person is there.
    pub visible: bool,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoomSummary {
    /// The room.
    pub room: RoomId,
    /// Its name; the other person's where the room is for two.
    pub name: String,
    /// The other person, where the room is for two.
    pub direct: Option<UserId>,
    /// In a room of two: a machine of the other person has what was written first, or the person is in
    /// the room.
    pub asked: bool,
    /// In a room of two: the other person's machine takes no request of this person for a while. It is asked
    /// again by itself.
    pub held_up: bool,
    /// Only an archive let this device in and has answered so far: what it shows may be old. It goes when
    /// somebody of the room is met.
    pub unconfirmed: bool,
    /// True while somebody asks this person into it and nothing was answered: show it apart, and
    /// notify nobody.
    pub request: bool,
    /// Live messages of others not yet seen.
    pub unread: u64,
    /// The newest message, for the second line of the list.
    pub last: Option<Arc<Message>>,
    /// Milliseconds since 1970 of the newest message, or of joining.
    pub active_at: u64,
    /// Number of members.
    pub members: usize,
    /// How complete the history on this machine is.
    pub sync: SyncState,
    /// What this device is in the room.
    pub standing: RoomStanding,
    /// What is said now vanishes after this many milliseconds.
    pub vanish_ms: Option<u64>,
    /// An archive has all that this device wrote here, and what lets people in by codes while nobody is up.
    pub kept: bool,
}

/// What this device is in a room.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum RoomStanding {
    /// A member.
    #[default]
    Member,
    /// A member; what is written now waits until an owner has united several changes.
    Changing,
    /// Leaving: nobody knows yet.
    Leaving,
    /// The person has left, on another device.
    Left,
    /// It was removed. What it has can still be read here.
    Removed {
        /// The name of who did it, when it is known.
        by: String,
    },
    /// Somebody was removed while it joined: it needs a new code.
    ShutOut,
    /// It was a guest, and its time is over: it needs a code to come again.
    VisitOver,
    /// The room has ended for everybody.
    Dissolved {
        /// The name of who did it, when it is known.
        by: String,
    },
}

impl RoomStanding {
    /// Whether nothing can be written or changed any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Leaving
                | Self::Left
                | Self::Removed { .. }
                | Self::ShutOut
                | Self::VisitOver
                | Self::Dissolved { .. }
        )
    }
}

/// How complete a room's history on this machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SyncState {
    /// No other member and no archive has been heard of this room yet.
    Alone,
    /// Entries are arriving, or it is being found out what others have.
    Syncing {
        /// Entries held.
        have: u64,
        /// Entries known to exist.
        total: u64,
    },
    /// Everything that connected members and archives had when they were compared with is here.
    Complete,
}

/// A person's device in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The device.
    pub device: DeviceId,
    /// The person whose device it is, once it has said so. A person may have several in a room.
    pub user: Option<UserId>,
    /// Its name in the room; a short id until the name is known.
    pub name: String,
    /// How it came in; nothing in a room of two.
    pub came: Option<Came>,
    /// That it is a guest.
    pub visit: Option<Visit>,
    /// True for this very device.
    pub own: bool,
    /// What the person may do in the room.
    pub role: Role,
    /// True when the person's safety number was compared.
    pub verified: bool,
    /// True when nothing of the person is to be shown.
    pub blocked: bool,
    /// The name of somebody else in the room that this one looks like.
    pub looks_like: Option<String>,
    /// Whether it is this device, is connected, or was heard of in the last 65 seconds.
    pub online: bool,
}

/// Where a message stands on the screen: sorts by time, then author, then place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    /// Hybrid logical time.
    pub hlc: Hlc,
    /// Author and log.
    pub log: LogKey,
    /// Place in the log.
    pub seq: u64,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The entry that holds it.
    pub id: EntryId,
    /// The room.
    pub room: RoomId,
    /// Where it stands.
    pub order: Order,
    /// The device that wrote it.
    pub author: DeviceId,
    /// The author's name as known now.
    pub author_name: String,
    /// The person whose device wrote it, once known.
    pub user: Option<UserId>,
    /// True when that person's safety number was compared.
    pub verified: bool,
    /// True when that person is blocked: show only that something is hidden.
    pub hidden: bool,
    /// What to be careful about.
    pub warning: Option<Warning>,
    /// True when this very device wrote it.
    pub own: bool,
    /// Milliseconds since 1970, for display.
    pub at: u64,
    /// What it says.
    pub body: MessageBody,
    /// The message it answers.
    pub reply_to: Option<EntryId>,
    /// True when the text was replaced later.
    pub edited: bool,
    /// Reactions in the order they first appeared, each with its devices.
    pub reactions: Vec<Reaction>,
    /// How far an own message got; meaningless for others' messages.
    pub delivery: Delivery,
}

/// What to be careful about with a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Warning {
    /// A device was added to the account of somebody known here.
    NewDevice,
    /// The name looks like that of somebody else in the room.
    LooksLike {
        /// Whose name it looks like.
        user: UserId,
        /// That name.
        name: String,
    },
    /// A device was added to this person's own ones.
    OwnDevice,
}

impl Warning {
    /// The name that is taken, if one is.
    #[must_use]
    pub fn name(self) -> Option<String> {
        match self {
            Self::LooksLike { name, .. } => Some(name),
            Self::NewDevice | Self::OwnDevice => None,
        }
    }
}

/// One emoji and who set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who set it.
    pub by: Vec<DeviceId>,
}

/// What a line of the timeline says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MessageBody {
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// A message its author took back.
    Deleted,
    /// Someone joined.
    Joined,
    /// Someone took another name.
    Renamed {
        /// The name before.
        from: String,
    },
    /// The room was made.
    RoomCreated,
    /// Somebody left.
    Left,
    /// Somebody was removed.
    Removed {
        /// The person.
        user: UserId,
        /// The person's name, or the device's when only one was removed.
        name: String,
        /// True when only one device was removed.
        device: bool,
    },
    /// Somebody was given a role.
    RoleGiven {
        /// The person.
        user: UserId,
        /// The person's name.
        name: String,
        /// The role.
        role: Role,
    },
    /// Somebody was silenced for a while, or that was lifted.
    Muted {
        /// The person.
        user: UserId,
        /// The person's name.
        name: String,
        /// Until then, in milliseconds since 1970; lifted when absent.
        until: Option<u64>,
    },
    /// A rule of the room was changed.
    RoomChanged {
        /// What it is now.
        change: RoomChange,
    },
    /// All codes that were made before have ended.
    CodesEnded,
    /// The room has ended for everybody.
    Dissolved,
    /// A content this version cannot show; a newer Parlor can.
    NeedsUpdate,
}

/// How far an own message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Delivery {
    /// It is safe on this machine.
    pub stored: bool,
    /// How many other members have it.
    pub reached: u32,
    /// How many other members there are.
    pub of: u32,
    /// An archive has it, durably.
    pub archived: bool,
}

/// Where joining stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum JoinStage {
    /// The code is being turned into a key (a quarter of a second).
    Preparing,
    /// Asking those who are connected; none answered yet.
    Searching {
        /// How many peers were asked.
        asked: usize,
    },
    /// The room was found; this device is becoming a member.
    Found {
        /// The room.
        room: RoomId,
        /// Its name.
        name: String,
    },
    /// History is arriving.
    Reading {
        /// The room.
        room: RoomId,
        /// Entries held.
        have: u64,
        /// Entries known to exist.
        total: u64,
    },
    /// Everything is here.
    Finished {
        /// The room.
        room: RoomId,
    },
    /// It did not work; the command's error says why.
    Failed,
}

/// How this node is connected.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Connection {
    /// Addresses others can reach this node at.
    pub listening: Vec<String>,
    /// Everyone connected now.
    pub peers: Vec<Peer>,
    /// Addresses added by hand.
    pub manual: Vec<String>,
    /// Archives that this device uses, in reach or not: it gives them keys for newcomers.
    pub archives: Vec<DeviceId>,
    /// What stands in the way, each with its remedy; empty when all is well.
    pub hints: Vec<String>,
}

/// A connected machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// The machine's device.
    pub device: DeviceId,
    /// A name from a shared room, or a short id.
    pub name: String,
    /// True for archives.
    pub archive: bool,
    /// True for archives that this device uses: which it gives keys for newcomers.
    pub used: bool,
    /// The remote address, as a multiaddr.
    pub address: String,
    /// `tcp`, `quic` or `websocket`.
    pub transport: String,
    /// Round-trip time in microseconds, once measured.
    pub rtt_us: Option<u64>,
}

/// How the account of this device stands.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct AccountView {
    /// The user name; none without an account.
    pub name: Option<String>,
    /// The archive that keeps it.
    pub archive: Option<DeviceId>,
    /// False once this device was signed out from elsewhere.
    pub signed_in: bool,
    /// Whether that archive is connected.
    pub reachable: bool,
}

/// A device that is signed in to the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountDevice {
    /// The device.
    pub device: DeviceId,
    /// What it is called.
    pub name: String,
    /// When it signed in, in milliseconds since 1970 by the archive's clock.
    pub since: u64,
    /// When it last was there, by the same clock and to the hour; none when that is not known.
    pub last_seen: Option<u64>,
    /// True for this very device.
    pub own: bool,
}

/// Something that went wrong, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}
