//! What can be typed.

use clap::{Parser, Subcommand, ValueEnum, builder::FalseyValueParser};
use std::path::PathBuf;

mod own;

pub(crate) use own::{AccountDo, DevicesDo, LockDo, NewPassword, OldPassword, TypedCode, TypedToken};

/// Private chat for the machines of one house, office or classroom.
///
/// Exit codes: 0 done, 1 failed, 2 typed wrongly, 3 no such room, code or message, 4 nobody
/// reachable, 5 could not start (for example because the profile is in use), 6 sent but not saved here.
#[derive(Clone, Debug, Parser)]
#[command(name = "parlor", version, about)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: Do,
    /// Which profile to use; each is a person of its own.
    #[arg(long, global = true, env = "PARLOR_PROFILE", value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Where profiles are kept; the platform's data folder when absent.
    #[arg(long, global = true, env = "PARLOR_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Opens a locked profile with the passphrase in this file; for bots. `-` reads one line of input.
    #[arg(long, global = true, env = "PARLOR_PASSPHRASE_FILE", value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Does not use the keychain of this system.
    #[arg(long, global = true, env = "PARLOR_NO_KEYCHAIN", value_parser = FalseyValueParser::new())]
    pub(crate) no_keychain: bool,
    /// Prints JSON lines, for scripts and bots.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Shows more, and the causes of errors.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// Neither finds others nor is found by mDNS.
    #[arg(long, global = true)]
    pub(crate) no_mdns: bool,
    /// Stays off the network: shows only what this machine has, sends what is written later.
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// TCP and UDP port; 47801, or a free one when that is taken. 0 takes any.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Reaches this address (host, host:port or a multiaddr); may be repeated.
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) connect: Vec<String>,
    /// Uses only this network interface to find others; may be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) interface: Vec<String>,
    /// Does not use this network interface to find others; may be repeated.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) exclude_interface: Vec<String>,
    /// How many seconds to wait for others.
    #[arg(long, global = true, default_value_t = 10, value_name = "SECONDS")]
    pub(crate) wait: u64,
}

/// What can be done with a request.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum AnswerTyped {
    /// It becomes a room like any other.
    Accept,
    /// It goes, and does not come again.
    Refuse,
    /// The same, and nothing more of the person is shown.
    Block,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Do {
    /// Makes the profile and sets the name that others see.
    Init {
        /// The name.
        #[arg(long)]
        name: Option<String>,
    },
    /// Changes the name that others see.
    Name {
        /// The name.
        name: String,
    },
    /// Makes a room and prints its code.
    Create {
        /// The room's name.
        name: String,
        /// What newcomers may read: everything, from-joining, or the last days, as 7d.
        #[arg(long)]
        history: Option<String>,
    },
    /// Prints a code that lets others into a room.
    Code {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Makes a new code.
        #[arg(long)]
        new: bool,
        /// The new code works this long, for example 2h or 30d; a week if nothing is said, `never` for until it is ended.
        #[arg(long, value_name = "TIME", requires = "new")]
        expires: Option<String>,
    },
    /// Joins a room; asks for its code.
    Join {
        /// The code.
        #[command(flatten)]
        code: TypedCode,
        /// Does not wait until the history is here.
        #[arg(long)]
        no_wait: bool,
    },
    /// Lists the rooms of this profile.
    Rooms,
    /// Sends a message; reads it from the standard input when the text is absent or `-`.
    Send {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// The text.
        #[arg(default_value = "-")]
        text: String,
    },
    /// Prints the newest messages.
    Tail {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Goes on printing what arrives.
        #[arg(long, short)]
        follow: bool,
        /// How many messages.
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: usize,
    },
    /// Prints a room's history, oldest first.
    History {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Only messages since then: 2h, 7d, or a date like 2026-03-01.
        #[arg(long)]
        since: Option<String>,
        /// At most this many of the newest messages.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Finds messages that contain all the words.
    Search {
        /// The words.
        #[arg(required = true)]
        words: Vec<String>,
        /// Only in this room.
        #[arg(long)]
        room: Option<String>,
        /// At most this many messages.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Lists the members of a room, with how each came in.
    Members {
        /// The room: its name, or the beginning of its id.
        room: String,
    },
    /// Sends a message to one person, in a room of two.
    Dm {
        /// The person: the name, or the beginning of the account key.
        person: String,
        /// The text; read from the standard input when it is absent or `-`.
        #[arg(default_value = "-")]
        text: String,
    },
    /// Lists the rooms that people ask you into, or answers one.
    Requests {
        /// The room: the person's name, or the beginning of the room's id.
        #[arg(requires = "answer")]
        room: Option<String>,
        /// What to do with it.
        #[arg(value_enum)]
        answer: Option<AnswerTyped>,
    },
    /// Lists the people on the network who want to be seen.
    Nearby,
    /// Lists everybody known here.
    People,
    /// Shows what is known of a person.
    Person {
        /// The person: the name, or the beginning of the account key.
        person: String,
    },
    /// Shows the safety number that you and a person compare, or notes that it is the same.
    Verify {
        /// The person: the name, or the beginning of the account key.
        person: String,
        /// What the other screen shows: the digits, the words, or the text that begins with
        /// parlor:verify:.
        text: Vec<String>,
        /// You have compared it by eye, and it is the same.
        #[arg(long)]
        yes: bool,
        /// Takes it back.
        #[arg(long, conflicts_with_all = ["yes", "text"])]
        undo: bool,
    },
    /// Shows nothing more of a person.
    Block {
        /// The person: the name, or the beginning of the account key.
        person: String,
    },
    /// Shows a person again.
    Unblock {
        /// The person: the name, or the beginning of the account key.
        person: String,
    },
    /// Removes somebody from a room: reads and writes nothing of it any more. Owners may.
    Remove {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Who: a name, or the beginning of a device's id.
        who: String,
        /// Removes only this one device; the person's others stay.
        #[arg(long)]
        device: bool,
    },
    /// Gives somebody a role in a room. Owners may.
    Role {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Who: a name, or the beginning of a device's id.
        who: String,
        /// The role.
        #[arg(value_enum)]
        role: RoleName,
    },
    /// Lists, makes and ends the codes of a room.
    Codes {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// What to do with them.
        #[command(subcommand)]
        action: CodesDo,
    },
    /// Shows the rules of a room, and changes those that are named. Owners may.
    Policy {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// The room's new name.
        #[arg(long)]
        name: Option<String>,
        /// What newcomers may read: everything, from-joining, or the last days, as 7d.
        #[arg(long)]
        history: Option<String>,
        /// What newcomers may do: member or reader.
        #[arg(long, value_enum)]
        newcomers: Option<RoleName>,
        /// Messages vanish after this time, as 7d, or never.
        #[arg(long, value_name = "TIME")]
        vanish: Option<String>,
        /// How long everybody waits between two messages, as 30s, or none.
        #[arg(long, value_name = "TIME")]
        slow: Option<String>,
    },
    /// Silences somebody in a room for a while. Moderators and owners may.
    Mute {
        /// The room: its name, or the beginning of its id.
        room: String,
        /// Who: a name, or the beginning of a device's id.
        who: String,
        /// For how long, as 10m or 2h; off lifts it.
        time: String,
    },
    /// Leaves a room.
    Leave {
        /// The room: its name, or the beginning of its id.
        room: String,
    },
    /// Ends a room for everybody. Owners may.
    Dissolve {
        /// The room: its name, or the beginning of its id.
        room: String,
    },
    /// Removes a room that is over, and all its messages, from this machine.
    Forget {
        /// The room: its name, or the beginning of its id.
        room: String,
    },
    /// Lists the machines that can be reached now.
    Peers,
    /// Lists the archives that can be reached now and says which are used; or uses one, or does so no more.
    ///
    /// An archive that is used lets people in by the codes of rooms while nobody is there.
    Archives {
        /// Uses the archive whose id begins like this.
        #[arg(long = "use", value_name = "ID")]
        add: Option<String>,
        /// Does not use it any more.
        #[arg(long = "stop", value_name = "ID", conflicts_with = "add")]
        drop: Option<String>,
    },
    /// Examines the network and says what to do about what it finds.
    Doctor,
    /// Keeps the node up. With --json it prints events and reads commands as JSON lines.
    Run,
    /// Saves what is readable in a damaged store; the rest comes back from the others.
    Repair,
    /// Signing in on any machine of the network: an account at the archive.
    Account {
        /// What to do.
        #[command(subcommand)]
        action: AccountDo,
    },
    /// Your own devices, and adding one by a code; no account is needed.
    Devices {
        /// What to do.
        #[command(subcommand)]
        action: DevicesDo,
    },
    /// How the profile is locked, and changing that.
    Lock {
        /// What to do.
        #[command(subcommand)]
        action: LockDo,
    },
    /// Prints completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Roles, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleName {
    /// Removes people, gives roles, changes and ends the room.
    Owner,
    /// Takes back messages of others.
    Moderator,
    /// Reads and writes.
    Member,
    /// Only reads.
    Reader,
}

/// What can be done with codes.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CodesDo {
    /// Lists them.
    List,
    /// Makes one more.
    New {
        /// It works this long, for example 2h or 30d; a week if nothing is said, `never` for until it is ended.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// So many people may join with it.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// It works only while a member is there: archives are given no keys for it.
        #[arg(long)]
        members_only: bool,
    },
    /// Ends one.
    Revoke {
        /// The id of the code in the list, or the beginning of it. The code itself is better typed when asked.
        code: Option<String>,
        /// Reads the code from this file; `-` reads one line of input.
        #[arg(long, value_name = "FILE", conflicts_with = "code")]
        code_file: Option<PathBuf>,
    },
    /// Ends all, also for those who looked one up already, and prints a fresh one.
    Rotate,
}
