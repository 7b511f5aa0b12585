//! What can go wrong when a person asks something of a node, in the person's terms.

use parlor_protocol::DeviceId;
use serde::Serialize;
use thiserror::Error;

/// Why a command was not carried out. Every message names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum CommandError {
    /// No such room here.
    #[error("this device is in no such room; look at the list of its rooms")]
    NoSuchRoom,
    /// No such message here.
    #[error("there is no such message here (yet); it may still be arriving")]
    NoSuchMessage,
    /// Nobody known here has this account key.
    #[error("nobody known here is meant by that; look at the list of people, or at the members of a room")]
    NoSuchPerson,
    /// No device of the person is known to which the room's key could be sealed.
    #[error("no machine of this person is known; try again when both are on the same network, or meet in a room first")]
    NotReachable,
    /// The room is for two.
    #[error("this room is for two people; make a room and share its code to talk with more")]
    OnlyForTwo,
    /// Somebody asks this person in.
    #[error("accept the request first")]
    NotAccepted,
    /// The other side's screen shows another safety number.
    #[error(
        "the safety numbers differ: somebody may stand between you, or this is not the person you think. \
         Compare once more in person, and write nothing confidential until they are the same"
    )]
    SafetyDiffers,
    /// Only the author may do this.
    #[error("only the person who wrote a message can change it")]
    NotYours,
    /// A name has to be chosen first.
    #[error("choose a name first, so that others know who writes")]
    NoName,
    /// Nobody knows the code.
    #[error(
        "nobody here knows this code ({asked} asked). Compare it with the original; it may also have expired. \
         If it is right, start a machine that is in the room, or the archive"
    )]
    CodeUnknown {
        /// How many peers said no.
        asked: usize,
    },
    /// Nobody could be asked.
    #[error(
        "found no other Parlor machine to ask. Check that both are on the same network; \
         if they are, the network may filter multicast: add the other machine's address by hand"
    )]
    NobodyFound,
    /// There are machines of the room, and none of them could let this one in.
    #[error(
        "the machines that know this code cannot let this one in just now: they are starting, or their disk is full. \
         Try again in a minute, or start another machine that is in the room"
    )]
    NobodyLetIn,
    /// The code is past its time.
    #[error(
        "this code has expired; ask a member for a new one (or check the date on this machine: codes expire by its clock)"
    )]
    CodeExpired,
    /// The code was ended, or who made it is in the room no longer.
    #[error("this code works no longer; ask a member for a new one")]
    CodeEnded,
    /// As many came by the code as it lets in.
    #[error("as many people as may have joined with this code already; ask a member for a new one")]
    CodeUsedUp,
    /// There is no place for one more device.
    #[error("the room is full; somebody has to leave it first")]
    RoomFull,
    /// This device was removed, or its person took it out.
    #[error("this device was taken out of the room; an owner or its person has to let it in anew")]
    NotLetIn,
    /// Nobody could check by what this device comes in.
    #[error("the others could not check this code yet; try again in a minute, or ask a member for a new code")]
    InviteInvalid,
    /// A join with this code was given up.
    #[error("this was cancelled")]
    Cancelled,
    /// A value is not acceptable.
    #[error("{what}")]
    Invalid {
        /// What is wrong and what would be right.
        what: String,
    },
    /// The disk does not take it.
    #[error(
        "could not save this on disk ({reason}); nothing was sent. Free some space or check the folder, then try again"
    )]
    Storage {
        /// The system's reason.
        reason: String,
    },
    /// The others have it, the disk does not.
    #[error(
        "this was sent, but could not be saved on this machine yet ({reason}). Free some space or check the folder; \
         Parlor tries again by itself. Do not send it again"
    )]
    SentNotSaved {
        /// The system's reason.
        reason: String,
    },
    /// The lock of the profile was not changed.
    #[error("{reason}")]
    LockRefused {
        /// Why, with the remedy.
        reason: String,
    },
    /// Only owners may do this.
    #[error("only owners of the room can do this; ask one of them")]
    OwnersOnly,
    /// Only moderators and owners may do this.
    #[error("only moderators and owners of the room can do this; ask one of them")]
    ModeratorsOnly,
    /// A room is never without an owner.
    #[error("you are the room's last owner: make somebody else an owner first, or dissolve the room")]
    LastOwner,
    /// Nobody removes oneself.
    #[error("you cannot remove yourself; leave the room instead")]
    LeaveInstead,
    /// No such member.
    #[error("nobody like that is in this room; look at the list of its members")]
    NoSuchMember,
    /// No such code.
    #[error("there is no such code in this room; look at the list of its codes")]
    NoSuchCode,
    /// Readers read.
    #[error("in this room you can only read; ask an owner if you need to write")]
    ReadersOnlyRead,
    /// A moderator silenced this person.
    #[error("a moderator silenced you in this room for another {} s; nothing was sent", .wait_ms.div_ceil(1000))]
    Muted {
        /// For how much longer, in milliseconds.
        wait_ms: u64,
    },
    /// The room is slow.
    #[error("in this room everybody waits between messages; try again in {} s", .wait_ms.div_ceil(1000))]
    TooSoon {
        /// How long to wait, in milliseconds.
        wait_ms: u64,
    },
    /// Nobody silences people of the same role or a higher one.
    #[error("you can silence only people whose role is below yours")]
    NotBelowYou,
    /// The room has ended for this device.
    #[error(
        "this room has ended for you: nothing can be changed or written in it. You can remove it from this machine"
    )]
    RoomOver,
    /// This device was a guest, and its time is over.
    #[error("your visit to this room is over; ask a member for a code to come in again")]
    VisitOver,
    /// The room has not ended.
    #[error("you are still in this room; leave it before you remove it from this machine")]
    RoomNotOver,
    /// A removal shut the joiner out.
    #[error("somebody was removed while you joined, and your code is of no use any more; ask a member for a new one")]
    CodeOutdated,
    /// Owners' changes have to be united first.
    #[error(
        "the room's owners changed it at the same time, and none of them is here to unite that; nothing was sent. \
         Try again when an owner is online"
    )]
    RoomChanging,
    /// The room is not read yet.
    #[error("this room is still being read from disk; try again in a moment")]
    StillReading,
    /// No archive is in reach.
    #[error(
        "found no archive to sign in at. Start it, or check that both are on the same network; if the network filters \
         multicast, add the archive's address by hand"
    )]
    NoArchive,
    /// Several archives are in reach, and the account would be for one.
    #[error(
        "there are several archives here: {}. Say which one is meant; each shows its device when it starts",
        .archives.iter().map(DeviceId::short).collect::<Vec<_>>().join(", ")
    )]
    ManyArchives {
        /// Those that are connected.
        archives: Vec<DeviceId>,
    },
    /// The archive does not answer as it should.
    #[error("the archive could not do this now; try again in a moment, and look at its log if it happens again")]
    ArchiveSilent,
    /// Name or password is wrong.
    #[error("the user name or the password is wrong; check both and try again")]
    WrongLogIn,
    /// Somebody has the name.
    #[error("this user name, or one that looks like it, is taken; choose another")]
    NameTaken,
    /// No new accounts.
    #[error("this archive takes no new accounts; ask whoever runs it for a token (`parlor-archive users add NAME`)")]
    RegistrationClosed,
    /// The archive has as many accounts as it may have.
    #[error("this archive has as many accounts as it may have; ask whoever runs it for more (`--max-accounts`)")]
    ArchiveFull,
    /// A token is needed or wrong.
    #[error("a token is needed, or this one is wrong, used up or too old; ask whoever runs the archive for one")]
    TokenWrong,
    /// Too many tries.
    #[error("there were too many tries; wait {seconds} seconds, then try again")]
    TryLater {
        /// How long to wait.
        seconds: u64,
    },
    /// Closed by the archive's operator.
    #[error("this account was closed by whoever runs the archive; ask there")]
    AccountDisabled,
    /// Too many devices.
    #[error("this account has as many devices as it may have; sign one of them out first")]
    TooManyDevices,
    /// Not signed in.
    #[error("this device is not signed in to an account; sign in first")]
    NotSignedIn,
    /// Signed in already.
    #[error("this device is signed in to an account already; sign out first")]
    AlreadySignedIn,
    /// Something about the account is under way.
    #[error("something about your account is under way; try again in a moment")]
    AccountBusy,
    /// The password does not open the vault.
    #[error("the password was reset, so it does not open what is in the account: give the recovery key as well")]
    VaultLocked,
    /// The recovery key does not open the vault.
    #[error("this recovery key is not the one of this account; compare every word with what you wrote down")]
    RecoveryWrong,
    /// The vault cannot be read.
    #[error("the archive's copy of your account is damaged; ask whoever runs it to restore a backup")]
    VaultDamaged,
    /// The vault has no room.
    #[error("there are more rooms here than an account can hold; leave some, then try again")]
    VaultFull,
    /// No device offers to be linked with the code.
    #[error(
        "no device here offers to be linked with this code ({asked} asked). Compare it with the other device's screen; a \
         code works once and for ten minutes, so show a new one there if in doubt"
    )]
    LinkUnknown {
        /// How many devices said no.
        asked: usize,
    },
    /// Devices that may be the right one were asked too much to answer.
    #[error(
        "the other device could not answer in time: {busy} of the machines here are asked too much just now, and \
         {asked} do not know this code. Try again in a minute; the code works for ten minutes, so show a new one if in doubt"
    )]
    LinkHeldUp {
        /// How many devices said no.
        asked: usize,
        /// How many had no time.
        busy: usize,
    },
    /// A link is under way.
    #[error("this device is being linked already; wait for that, or cancel it")]
    LinkBusy,
    /// The code was made here.
    #[error("this code was made on this very device; type it on the new one")]
    LinkOwn,
    /// No such own device.
    #[error("you have no such device; look at the list of your devices")]
    NoSuchDevice,
    /// A device does not revoke itself.
    #[error("you are at this very device: revoke it from another one; to leave, sign out or leave its rooms")]
    RevokeElsewhere,
    /// This device was revoked.
    #[error(
        "this device was revoked, for ever: keep what you need from it, then start anew with an empty data folder and \
         link that"
    )]
    DeviceRevoked,
    /// The node has stopped.
    #[error("Parlor has stopped")]
    Stopped,
}
