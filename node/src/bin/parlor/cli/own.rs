//! What can be typed about the person's account, devices and profile, and how secrets are given.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done about the lock of a profile.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LockDo {
    /// Says how the profile is locked.
    Status,
    /// Sets a passphrase. It cannot be reset when it is forgotten.
    Set {
        /// Lets the system's keychain open the profile at start; the passphrase is asked only after
        /// locking in the app, and on other computers.
        #[arg(long)]
        after_locking: bool,
        /// Takes the new passphrase from this file instead of asking.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Sets another passphrase.
    Change {
        /// Takes the new passphrase from this file instead of asking.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Takes the passphrase away. The key goes into the system's keychain where there is one, else
    /// into the folder.
    Remove,
    /// Takes the key from the folder into the system's keychain.
    Keychain,
}

/// About the account.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum AccountDo {
    /// Shows the account of this profile.
    Status,
    /// Makes an account; the rooms of this profile go into it.
    Register {
        /// The user name.
        name: String,
        /// The token from whoever runs the archive, where one is needed.
        #[command(flatten)]
        token: TypedToken,
        /// Which archive, by its device or the beginning of it, where there are several.
        #[arg(long, value_name = "DEVICE")]
        archive: Option<String>,
        /// The password.
        #[command(flatten)]
        new: NewPassword,
    },
    /// Signs in: the account's rooms come to this machine.
    Login {
        /// The user name.
        name: String,
        /// The password.
        #[command(flatten)]
        old: OldPassword,
        /// A file with the recovery key; needed after the password was reset. `-` reads one line of input.
        #[arg(long, value_name = "FILE")]
        recovery_file: Option<PathBuf>,
        /// Which archive, by its device or the beginning of it, where there are several.
        #[arg(long, value_name = "DEVICE")]
        archive: Option<String>,
    },
    /// Signs out: this machine forgets the account and the rooms that came by it.
    Logout {
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Changes the password.
    Passwd {
        /// The password until now.
        #[command(flatten)]
        old: OldPassword,
        /// The new one.
        #[command(flatten)]
        new: NewPassword,
    },
    /// Sets a new password with a token from whoever runs the archive, and signs in; asks for the token.
    Recover {
        /// The user name.
        name: String,
        /// The token.
        #[command(flatten)]
        token: TypedToken,
        /// A file with the recovery key of 24 words. `-` reads one line of input.
        #[arg(long, value_name = "FILE")]
        recovery_file: PathBuf,
        /// Which archive, by its device or the beginning of it, where there are several.
        #[arg(long, value_name = "DEVICE")]
        archive: Option<String>,
        /// The new password.
        #[command(flatten)]
        new: NewPassword,
    },
    /// Deletes the account at the archive.
    Delete {
        /// Does not ask.
        #[arg(long)]
        yes: bool,
        /// The password.
        #[command(flatten)]
        old: OldPassword,
    },
    /// Shows the devices that are signed in.
    Devices,
    /// Signs another device out.
    SignOut {
        /// The device: its name, or the beginning of its id.
        device: String,
    },
}

/// About the person's own devices.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DevicesDo {
    /// Lists them.
    List,
    /// Shows a code for one new device and waits until it is used.
    Offer,
    /// Makes this device one of the person's whose device shows the code; asks for the code.
    Link {
        /// The code.
        #[command(flatten)]
        code: TypedCode,
    },
    /// Takes a lost device out of all your rooms, for ever.
    Revoke {
        /// The device: its name, or the beginning of its id.
        device: String,
        /// Does not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Gives a device another name; only your own devices see it.
    Rename {
        /// The device: its name, or the beginning of its id.
        device: String,
        /// Its new name.
        name: String,
    },
}

/// The code of a room or for linking a device.
#[derive(Clone, Debug, Args)]
pub(crate) struct TypedCode {
    /// The code or its link; spaces, dashes and case do not matter. Other users of this computer can see it here:
    /// better leave it out and type it when asked. `-` reads one line of input.
    pub(crate) code: Option<String>,
    /// Reads the code from this file; `-` reads one line of input.
    #[arg(long, value_name = "FILE", conflicts_with = "code")]
    pub(crate) code_file: Option<PathBuf>,
}

/// A token from whoever runs the archive.
#[derive(Clone, Debug, Args)]
pub(crate) struct TypedToken {
    /// The token from whoever runs the archive; `-` asks for it, or reads one line of input. Other users of this
    /// computer can see a token that stands here.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// Reads the token from this file; `-` reads one line of input.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    pub(crate) token_file: Option<PathBuf>,
}

/// A password that exists.
#[derive(Clone, Debug, Args)]
pub(crate) struct OldPassword {
    /// Reads the password from this file instead of asking; `-` reads one line of input.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// A password that is chosen.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewPassword {
    /// Reads the new password from this file instead of asking; `-` reads one line of input.
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,
}
