//! What a person wants, as the views say it.

use jiff::tz::TimeZone;
use parlor_node::{
    AccountCommand, Command, DeviceCommand, RequestAnswer, engine::account::device_name, store::LockChange,
};
use parlor_protocol::{DeviceId, EntryId, Name, RoomCode, RoomId, UserId, guard::Passphrase};

use super::dialog::Dialog;
use crate::{config::Look, place::Place, widgets::QrPicture};

/// Something to do, in the imperative.
#[derive(Clone, Debug)]
pub enum Action {
    /// Show a room.
    OpenRoom(RoomId),
    /// Show the list of rooms (on a narrow screen).
    CloseRoom,
    /// Show the room after (1) or before (-1) the open one.
    StepRoom(isize),
    /// Show a dialog.
    Open(Dialog),
    /// Close the dialog.
    CloseDialog,
    /// Take a name.
    SetName(Name),
    /// Make a room.
    CreateRoom(Name),
    /// Join a room.
    Join(RoomCode),
    /// Give up joining.
    CancelJoin,
    /// Send the open room's draft.
    Send,
    /// The open room's draft changed.
    Typed,
    /// Say in the composer what is wrong.
    ComposerProblem(String),
    /// Answer a message.
    Reply(EntryId),
    /// Edit an own message.
    Edit(EntryId),
    /// Edit the newest own message.
    EditLast,
    /// Stop answering or editing.
    CancelWriting,
    /// Delete an own message, after asking.
    Delete(EntryId),
    /// Delete it now.
    DeleteNow(EntryId),
    /// Add or take back a reaction.
    React(EntryId, String, bool),
    /// Put a text on the clipboard and say so.
    Copy {
        /// The text.
        text: String,
        /// What it is, for the confirmation.
        what: &'static str,
    },
    /// Open a link as it stands in a text, after asking where it could deceive.
    OpenLink(String),
    /// Open it now.
    OpenNow(String),
    /// Show one message of a room, reading older ones until it is there.
    ShowMessage(RoomId, EntryId),
    /// Read older messages.
    LoadOlder,
    /// Search in all rooms.
    Search(String),
    /// Add an address by hand.
    AddAddress(String),
    /// Forget an address.
    RemoveAddress(String),
    /// Use an archive, or do so no more.
    UseArchive(DeviceId, bool),
    /// Change something about a room: its people, rules or codes, or one's own being in it.
    Govern(RoomId, Box<Command>),
    /// Show or hide the column of members.
    ToggleMembers,
    /// Change how the app looks.
    SetLook(Look),
    /// Write to a person, in a room of two.
    Message(UserId),
    /// Answer somebody who asks this person into a room of two.
    AnswerRequest(RoomId, RequestAnswer),
    /// Whether people on the network may see that this person is there.
    SetVisible(bool),
    /// Show a person's card.
    OpenPerson(UserId),
    /// Note that a person's safety number was compared, or take that back.
    Verify(UserId, bool),
    /// Compare a person's safety number with what the other screen shows.
    CompareSafety(UserId, String),
    /// Read a QR code from a picture file that is chosen.
    ReadPicture(QrOf),
    /// Read a QR code from a picture that is taken with the camera.
    TakePicture(QrOf),
    /// Save a QR picture as a file.
    SavePicture(QrPicture),
    /// Show nothing more of a person, or everything again.
    Block(UserId, bool),
    /// Take a warning about a person away.
    DismissWarning(u64),
    /// Take a message to the person away.
    DismissToast(u64),
    /// Leave the app.
    Quit,
    /// Stop the node and show nothing until the passphrase is typed.
    LockNow,
    /// Do something about the account.
    Account(Box<AccountCommand>),
    /// Do something about the own devices.
    Device(Box<DeviceCommand>),
    /// The recovery key was written down.
    RecoveryNoted,
    /// Change how the profile is locked.
    ChangeLock(Box<LockChange>),
    /// Start the node with this passphrase.
    Unlock(Passphrase),
    /// Start the node once more.
    TryAgain,
    /// Let the browser keep everything under this passphrase, or nothing.
    Keep(Option<Passphrase>),
    /// Forget everything that the browser keeps.
    ForgetKept,
    /// Load the page anew, in its newer version.
    LoadAnew,
    /// Ask the browser whether messages may be told to the desktop.
    AllowNotices,
}

/// What a QR code is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrOf {
    /// To compare this person's safety number.
    Safety(UserId),
    /// To link this device with the one that shows it.
    Link,
    /// To join the room whose code it is.
    Room,
}

/// What views need to know besides the model: the person's clock.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// The person's time zone.
    pub zone: TimeZone,
    /// What this machine is called; empty where nobody knows.
    pub machine: String,
    /// Where the app runs.
    pub place: Place,
}

impl Sight {
    /// What to call this device as long as the person did not name it.
    #[must_use]
    pub fn device_name(&self) -> Option<Name> {
        device_name(Some(&self.machine))
    }
}
