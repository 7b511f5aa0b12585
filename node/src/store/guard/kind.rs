//! How a profile can be locked, and what can be changed about it. Words only.

#[cfg(not(target_arch = "wasm32"))]
use parlor_protocol::guard::Guard;
use parlor_protocol::guard::Passphrase;
use serde::Serialize;

/// How a profile is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LockKind {
    /// Not at all: the key lies in the profile's folder.
    File,
    /// The system's keychain opens it.
    Keychain,
    /// A passphrase is asked at every start.
    Passphrase,
    /// The system's keychain opens it at start, the passphrase after locking.
    Both,
}

impl LockKind {
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) const fn of(guard: &Guard) -> Self {
        match guard {
            Guard::Plain(_) => Self::File,
            Guard::Keychain(_) => Self::Keychain,
            Guard::Passphrase(..) => Self::Passphrase,
            Guard::Both(..) => Self::Both,
        }
    }

    /// Whether there is a passphrase.
    #[must_use]
    pub const fn has_passphrase(self) -> bool {
        matches!(self, Self::Passphrase | Self::Both)
    }
}

/// A change of how a profile is locked.
#[derive(Clone, Debug)]
pub enum LockChange {
    /// Sets a passphrase, or another one.
    SetPassphrase {
        /// The one until now, where there is one.
        current: Option<Passphrase>,
        /// The new one.
        new: Passphrase,
        /// True: it is asked at every start. False: the system's keychain opens the profile at
        /// start, and the passphrase is asked after locking. Absent: as until now, or at every start.
        at_start: Option<bool>,
    },
    /// Takes the passphrase away. The key goes into the system's keychain where there is one, else
    /// into the folder.
    RemovePassphrase {
        /// The one until now.
        current: Passphrase,
    },
    /// Takes the key from the folder into the system's keychain.
    UseKeychain,
}
