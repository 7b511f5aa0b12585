//! Why an archive could not start. Every message names the remedy.

use parlor_node::net::NetError;
use std::path::PathBuf;
use thiserror::Error;

use crate::store::StoreError;

/// Why an archive could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The platform names no data folder.
    #[error("this system names no data folder for programs; choose one with --data-dir DIR")]
    NoDataDir,
    /// A config file cannot be used.
    #[error("{file}: {reason}; correct the file, `parlor-archive --print-config` shows the form", file = .file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The data folder cannot be used.
    #[error("cannot use {dir} ({reason}); check the folder or choose another with --data-dir DIR", dir = .dir.display())]
    DataDir {
        /// The folder.
        dir: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// Another archive uses the data folder.
    #[error("{dir} is in use by another parlor-archive; stop it, or choose another folder with --data-dir DIR", dir = .dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The device key is damaged.
    #[error("{file} is damaged; put it back from a backup, or delete it (members then see a new archive)", file = .file.display())]
    Key {
        /// The file.
        file: PathBuf,
    },
    /// The account key is damaged.
    #[error("{file} is no account key; put it back from a backup. Without the right one nobody can sign in", file = .file.display())]
    AccountKey {
        /// The file.
        file: PathBuf,
    },
    /// The accounts in the store were made with another account key.
    #[error(
        "the accounts in the store were made with another account key; give the file that the first archive has \
         (opaque.key in its data folder) with --account-key FILE"
    )]
    OtherAccountKey,
    /// The address for health and metrics cannot be used.
    #[error(
        "cannot serve health and metrics at {address} ({reason}); choose another with --http ADDRESS:PORT, or --http off"
    )]
    Http {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The address for the web page cannot be used.
    #[error("cannot serve the web page at {address} ({reason}); choose another with --web ADDRESS:PORT, or --web off")]
    Web {
        /// The address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The folder with the web page holds none.
    #[error("{dir} is no web page ({reason}); give the folder that `cargo xtask web` made", dir = .dir.display())]
    Page {
        /// The folder.
        dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The certificate for the web page cannot be used.
    #[error(
        "cannot use the certificate in {file} ({reason}); give PEM files with --tls-cert and --tls-key, or take          --tls-self-signed", file = .file.display()
    )]
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot be used.
    #[error(transparent)]
    Net(#[from] NetError),
}
