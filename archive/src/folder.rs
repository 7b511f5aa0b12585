//! The data folder: one process at a time, the archive's device key, and nothing in it that other users of the
//! computer may read.

use parlor_node::private;
use parlor_protocol::{
    account::Server,
    keys::{DeviceKey, Secret},
};
use rand_core::{OsRng, TryRngCore as _};
use std::{fs::File, path::Path};

use crate::{accounts::system_rng, error::StartError, store::STORE_FILE};

const LOCK_FILE: &str = "archive.lock";
const KEY_FILE: &str = "archive.key";
const ACCOUNT_KEY_FILE: &str = "opaque.key";
/// Where a running archive is reached by whoever runs it.
pub(crate) const CONTROL_FILE: &str = "control.json";
/// The certificate that the archive made itself, and its key.
pub(crate) const CERT_FILE: &str = "web.crt";
pub(crate) const CERT_KEY_FILE: &str = "web.key";
/// Everything that lies in a data folder.
const FILES: [&str; 7] = [LOCK_FILE, KEY_FILE, ACCOUNT_KEY_FILE, STORE_FILE, CONTROL_FILE, CERT_FILE, CERT_KEY_FILE];

/// Held as long as this process uses the folder.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

/// Makes the folder when it is missing and takes its lock.
///
/// # Errors
/// [`StartError::InUse`], or [`StartError::DataDir`] with the system's reason.
pub(crate) fn lock(dir: &Path) -> Result<FolderLock, StartError> {
    let bad = |error: std::io::Error| StartError::DataDir { dir: dir.to_owned(), reason: error.to_string() };
    private::make_folder(dir).map_err(bad)?;
    let path = dir.join(LOCK_FILE);
    let file = private::options().create(true).truncate(false).write(true).open(path).map_err(bad)?;
    match file.try_lock() {
        Ok(()) => {
            for mended in private::mend(dir, is_ours) {
                tracing::warn!("{mended}");
            }
            Ok(FolderLock(file))
        }
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse { dir: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(bad(error)),
    }
}

/// Whether the archive made a file of this name, or its administrator put it there for it.
fn is_ours(name: &str) -> bool {
    let name = name.strip_suffix(".new").unwrap_or(name);
    FILES.contains(&name)
}

/// Reads the archive's device key, or makes it. It opens no message; it only names the archive.
///
/// # Errors
/// [`StartError::Key`] when the file is damaged, or [`StartError::DataDir`].
pub(crate) fn device_key(dir: &Path) -> Result<DeviceKey, StartError> {
    let path = dir.join(KEY_FILE);
    let bad = |reason: String| StartError::DataDir { dir: dir.to_owned(), reason };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let seed = <[u8; 32]>::try_from(bytes).map_err(|_| StartError::Key { file: path })?;
            Ok(DeviceKey::from_seed(&Secret::from_bytes(seed)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = zeroize::Zeroizing::new([0; 32]);
            OsRng.try_fill_bytes(seed.as_mut()).map_err(|error| bad(error.to_string()))?;
            private::write(&path, seed.as_ref()).map_err(|error| bad(error.to_string()))?;
            Ok(DeviceKey::from_seed(&Secret::from_bytes(*seed)))
        }
        Err(error) => Err(bad(error.to_string())),
    }
}

/// Reads the account key, or makes it. It is kept apart from the accounts: who has only one of them
/// cannot try passwords. `given` is a file elsewhere, for several archives on one database.
///
/// # Errors
/// [`StartError::AccountKey`] when the file is no key, or [`StartError::DataDir`].
pub(crate) fn account_key(dir: &Path, given: Option<&Path>) -> Result<Server, StartError> {
    let path = given.map_or_else(|| dir.join(ACCOUNT_KEY_FILE), Path::to_owned);
    let bad = |reason: String| StartError::DataDir { dir: dir.to_owned(), reason };
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes = zeroize::Zeroizing::new(bytes);
            Server::from_bytes(&bytes).map_err(|_| StartError::AccountKey { file: path })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let server = Server::random(&mut system_rng().map_err(bad)?);
            // Half a key would lock everybody out: it is whole before it has its name.
            private::write(&path, &server.to_bytes()).map_err(|error| bad(error.to_string()))?;
            Ok(server)
        }
        Err(error) => Err(bad(error.to_string())),
    }
}
