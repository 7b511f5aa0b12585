//! One process per profile.
//!
//! The lock is the system's, so it ends with the process whatever happens to it. The process id
//! is in a file of its own, because Windows lets nobody read a locked file. Whoever has the lock closes what other
//! users of this computer could get at.

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
};

use super::StoreError;
use crate::private::{self, Mended};

const LOCK_FILE: &str = "profile.lock";
const PID_FILE: &str = "profile.pid";

/// Held as long as this process uses the profile.
#[derive(Debug)]
pub struct ProfileLock {
    // The lock ends when the file is closed.
    _file: File,
    pid: PathBuf,
    mended: Vec<Mended>,
}

impl ProfileLock {
    /// Takes the lock of a profile folder.
    ///
    /// # Errors
    /// [`StoreError::InUse`] with the process that has it, or the system's reason.
    pub fn take(dir: &Path, profile: &str) -> Result<Self, StoreError> {
        let (path, pid) = (dir.join(LOCK_FILE), dir.join(PID_FILE));
        let file = private::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::system(&path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&pid).ok().and_then(|pid| pid.trim().parse().ok());
                return Err(StoreError::InUse { profile: profile.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::system(&path, error)),
        }
        private::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&pid)
            .and_then(|mut file| file.write_all(std::process::id().to_string().as_bytes()))
            .map_err(|error| StoreError::system(&pid, error))?;
        Ok(Self { _file: file, pid, mended: private::mend(dir, |_| true) })
    }

    /// What of the profile other users of this computer could get at, until now.
    #[must_use]
    pub fn mended(&self) -> &[Mended] {
        &self.mended
    }
}

impl Drop for ProfileLock {
    fn drop(&mut self) {
        // Best effort: a stale number is overwritten by the next one who takes the lock.
        let _ = fs::remove_file(&self.pid);
    }
}
