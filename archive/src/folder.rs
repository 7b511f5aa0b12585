//! The data folder: one process at a time, and the archive's device key.

use parlor_protocol::{
    account::Server,
    keys::{DeviceKey, Secret},
};
use rand_core::{OsRng, TryRngCore as _};
use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
};

use crate::{accounts::system_rng, error::StartError};

const LOCK_FILE: &str = "archive.lock";
const KEY_FILE: &str = "archive.key";
const ACCOUNT_KEY_FILE: &str = "opaque.key";

/// Held as long as this process uses the folder.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

/// Makes the folder when it is missing and takes its lock.
///
/// # Errors
/// [`StartError::InUse`], or [`StartError::DataDir`] with the system's reason.
pub(crate) fn lock(dir: &Path) -> Result<FolderLock, StartError> {
    let bad = |error: std::io::Error| StartError::DataDir { dir: dir.to_owned(), reason: error.to_string() };
    std::fs::create_dir_all(dir).map_err(bad)?;
    let path = dir.join(LOCK_FILE);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(bad)?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse { dir: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(bad(error)),
    }
}

/// Writes a file that only the person who runs the archive may read; another one of that name is replaced.
///
/// # Errors
/// The system's.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let draft = path.with_extension("new");
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options.open(&draft)?;
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    std::fs::rename(draft, path)
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
            let mut options = OpenOptions::new();
            options.create_new(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&path).map_err(|error| bad(error.to_string()))?;
            file.write_all(seed.as_ref()).and_then(|()| file.sync_all()).map_err(|error| bad(error.to_string()))?;
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
            write_secret(&path, &server.to_bytes()).map_err(|error| bad(error.to_string()))?;
            Ok(server)
        }
        Err(error) => Err(bad(error.to_string())),
    }
}
