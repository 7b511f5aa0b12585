//! Why a profile's store cannot be used, in the person's terms. Every message names the remedy.

use std::{io, path::PathBuf};
use thiserror::Error;

/// Why a profile's store cannot be opened.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the profile open.
    #[error("profile {profile:?} is in use by {}; close that Parlor first, or choose another profile with --profile NAME",
        .pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    InUse {
        /// The profile.
        profile: String,
        /// The process, when it could be read.
        pid: Option<u32>,
    },
    /// The file cannot be read as a store.
    #[error(
        "{file} is damaged ({detail}); `parlor repair` saves what is readable, the rest comes back from the others",
        file = .file.display()
    )]
    Damaged {
        /// The store file.
        file: PathBuf,
        /// What does not fit.
        detail: String,
    },
    /// A later Parlor wrote the file.
    #[error(
        "{file} was written by a newer Parlor (format {theirs}, this one knows {ours}); update Parlor on this machine",
        file = .file.display()
    )]
    Newer {
        /// The store file.
        file: PathBuf,
        /// Its format.
        theirs: u64,
        /// Ours.
        ours: u64,
    },
    /// An earlier Parlor wrote the file, before the format was released.
    #[error(
        "{file} was written by an older Parlor (format {theirs}, this one needs {ours}) and cannot be read any more; \
         start a new profile with --profile NAME, and keep the old program if you still need what is in this one",
        file = .file.display()
    )]
    Older {
        /// The store file.
        file: PathBuf,
        /// Its format.
        theirs: u64,
        /// Ours.
        ours: u64,
    },
    /// The key file is gone.
    #[error(
        "{file} is missing, and without it the keys in this profile cannot be opened; put it back from a backup, \
         or start a new profile with --profile NAME",
        file = .file.display()
    )]
    KeyMissing {
        /// The key file.
        file: PathBuf,
    },
    /// The key file belongs to another store.
    #[error(
        "{file} does not fit the store beside it; put the two files of one profile together again, \
         or start a new profile with --profile NAME",
        file = .file.display()
    )]
    KeyWrong {
        /// The key file.
        file: PathBuf,
    },
    /// A passphrase opens the profile, and none was given.
    #[error("this profile is locked; type its passphrase when you are asked, or give it with --passphrase-file FILE")]
    PassphraseNeeded,
    /// The passphrase is not the one.
    #[error(
        "the passphrase is wrong; try again. It cannot be reset: who has forgotten it for good starts a new profile \
         with --profile NAME and joins the rooms again"
    )]
    PassphraseWrong,
    /// There is no passphrase to change or remove.
    #[error("this profile has no passphrase; set one with `parlor lock set`")]
    NoPassphrase,
    /// The keychain alone shall open a profile that has a passphrase.
    #[error("a passphrase locks this profile; remove it first with `parlor lock remove`")]
    PassphraseStands,
    /// The keychain does not answer.
    #[error(
        "the keychain of this system did not answer ({reason}); log in to your desktop and unlock the keychain, then \
         try again. For a bot or a server set a passphrase there with `parlor lock set` and give it with \
         --passphrase-file FILE"
    )]
    KeychainSilent {
        /// Its reason.
        reason: String,
    },
    /// The keychain does not have the key.
    #[error(
        "the key of this profile is not in the keychain of this system ({file} says that it should be): the profile \
         comes from another computer or another user. Start Parlor there, set a passphrase with `parlor lock set`, then \
         bring the folder over again; or start a new profile with --profile NAME",
        file = .file.display()
    )]
    KeychainLacks {
        /// The key file.
        file: PathBuf,
    },
    /// The keychain does not forget the key.
    #[error(
        "the passphrase is set, but the keychain of this system still opens this profile at start, because it did not \
         answer ({reason}); unlock it, then set the passphrase again"
    )]
    KeychainKeeps {
        /// Its reason.
        reason: String,
    },
    /// The folder may not be written to.
    #[error(
        "Parlor may not write to {dir}; give yourself write access to it, or choose another folder with --data-dir DIR",
        dir = .dir.display()
    )]
    ReadOnly {
        /// The folder.
        dir: PathBuf,
    },
    /// The disk is full.
    #[error("the disk that holds {dir} is full; free some space, then start again", dir = .dir.display())]
    Full {
        /// The folder.
        dir: PathBuf,
    },
    /// There is no store to repair.
    #[error("there is no store at {file}; check --profile and --data-dir", file = .file.display())]
    Absent {
        /// The store file.
        file: PathBuf,
    },
    /// Something else that the system refused.
    #[error("could not use {path} ({source}); check the folder and the disk, then start again", path = .path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

#[cfg(not(target_arch = "wasm32"))]
impl StoreError {
    /// The error for what the system said about a path.
    pub(crate) fn system(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        let dir = || if path.is_dir() { path.clone() } else { path.parent().unwrap_or(&path).to_owned() };
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { dir: dir() },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { dir: dir() },
            _ => Self::System { path, source },
        }
    }
}

/// The system's reason for a failed write, in plain words.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn plain_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk can only be read".into(),
        _ => error.to_string(),
    }
}
