//! Keychains: the one of the system, and one in memory for tests.
//!
//! A keychain may ask the person, answer slowly or not at all. So it is asked on a thread of its
//! own, and given up after a while.

use parlor_protocol::{guard::GuardId, keys::Secret};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use zeroize::Zeroize as _;

/// How long a keychain may take to open a profile: the system may ask for its own password.
const READ_WITHIN: Duration = Duration::from_secs(60);
/// How long a keychain may take to keep something. A start that makes a profile waits this long
/// at most, and goes on without it then.
const KEEP_WITHIN: Duration = Duration::from_secs(5);
/// The name of all our secrets in the system's keychain.
const SERVICE: &str = "Parlor";

/// A place outside of the profile's folder that keeps a secret for it. Calls block. Errors are
/// the system's reason in plain words.
pub trait Keychain: Send + Sync + fmt::Debug {
    /// The secret of this name, if there is one.
    ///
    /// # Errors
    /// When the keychain does not answer.
    fn read(&self, name: &str) -> Result<Option<Secret>, String>;

    /// Keeps a secret under a name.
    ///
    /// # Errors
    /// When the keychain does not take it.
    fn write(&self, name: &str, secret: &Secret) -> Result<(), String>;

    /// Forgets the secret of this name; it is no error when there is none.
    ///
    /// # Errors
    /// When the keychain does not answer.
    fn remove(&self, name: &str) -> Result<(), String>;
}

/// The keychain of this system: the secret service of a Linux desktop (over D-Bus), the keychain
/// of macOS, the credential manager of Windows.
#[derive(Clone, Copy, Debug)]
pub struct SystemKeychain;

impl SystemKeychain {
    fn entry(name: &str) -> Result<keyring::Entry, String> {
        if let Err(error) = keyring::Entry::store_status() {
            return Err(error.to_string());
        }
        keyring::Entry::new(SERVICE, name).map_err(|error| error.to_string())
    }
}

impl Keychain for SystemKeychain {
    fn read(&self, name: &str) -> Result<Option<Secret>, String> {
        let mut bytes = match Self::entry(name)?.get_secret() {
            Ok(bytes) => bytes,
            Err(keyring::Error::NoEntry) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).map(Secret::from_bytes);
        bytes.zeroize();
        secret.map(Some).map_err(|_| "what it keeps for this profile is damaged".to_owned())
    }

    fn write(&self, name: &str, secret: &Secret) -> Result<(), String> {
        Self::entry(name)?.set_secret(secret.expose()).map_err(|error| error.to_string())
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A keychain in memory, for tests. Clones are the same keychain.
#[derive(Clone, Debug, Default)]
pub struct MemoryKeychain {
    kept: Arc<Mutex<HashMap<String, Secret>>>,
    silent: Arc<AtomicBool>,
}

impl MemoryKeychain {
    /// Answers no more, or answers again.
    pub fn set_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    /// How many secrets it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether it keeps nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Secret>) -> T) -> Result<T, String> {
        if self.silent.load(Ordering::SeqCst) {
            return Err("nobody answers".into());
        }
        Ok(act(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Keychain for MemoryKeychain {
    fn read(&self, name: &str) -> Result<Option<Secret>, String> {
        self.with(|kept| kept.get(name).cloned())
    }

    fn write(&self, name: &str, secret: &Secret) -> Result<(), String> {
        self.with(|kept| drop(kept.insert(name.to_owned(), secret.clone())))
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        self.with(|kept| drop(kept.remove(name)))
    }
}

/// The secret of a profile.
pub(super) fn read(keychain: &Arc<dyn Keychain>, id: GuardId) -> Result<Option<Secret>, String> {
    let keychain = Arc::clone(keychain);
    ask(READ_WITHIN, move |_| keychain.read(&id.to_string()))
}

/// Keeps a secret and looks whether it is there. Answers with its name.
pub(super) fn keep(keychain: &Arc<dyn Keychain>, id: GuardId, secret: &Secret) -> Result<GuardId, String> {
    keep_within(KEEP_WITHIN, keychain, id, secret)
}

pub(super) fn keep_within(
    within: Duration,
    keychain: &Arc<dyn Keychain>,
    id: GuardId,
    secret: &Secret,
) -> Result<GuardId, String> {
    let (keychain, secret) = (Arc::clone(keychain), secret.clone());
    ask(within, move |given_up| {
        let name = id.to_string();
        keychain.write(&name, &secret)?;
        let kept = keychain.read(&name)?;
        if given_up.load(Ordering::SeqCst) {
            // Too late: the profile goes on without it, and nothing of it may stay here.
            return keychain.remove(&name).map(|()| id);
        }
        if kept.as_ref() == Some(&secret) { Ok(id) } else { Err("it does not give back what it was given".into()) }
    })
}

/// Forgets the secret of a profile.
pub(super) fn forget(keychain: &Arc<dyn Keychain>, id: GuardId) -> Result<(), String> {
    let keychain = Arc::clone(keychain);
    ask(KEEP_WITHIN, move |_| keychain.remove(&id.to_string()))
}

/// Asks on a thread of its own and waits only so long. The question learns when it was given up.
fn ask<T: Send + 'static>(
    within: Duration,
    question: impl FnOnce(&AtomicBool) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (sender, answer) = mpsc::sync_channel(1);
    let given_up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&given_up);
    thread::Builder::new()
        .name("keychain".into())
        .spawn(move || {
            // Nobody takes the answer any more after the time is over.
            let _ = sender.send(question(&seen));
        })
        .map_err(|error| error.to_string())?;
    answer.recv_timeout(within).unwrap_or_else(|error| {
        given_up.store(true, Ordering::SeqCst);
        Err(match error {
            mpsc::RecvTimeoutError::Timeout => format!("it did not answer within {} seconds", within.as_secs()),
            mpsc::RecvTimeoutError::Disconnected => "it failed".to_owned(),
        })
    })
}
