//! The secret that guards a profile: 32 random bytes in `device.key`, readable by its owner only.
//!
//! It is durable before anything is sealed with it.

use rand_core::{OsRng, TryRngCore as _};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};
use zeroize::Zeroizing;

use super::StoreError;

/// The file with the secret, in the profile folder.
pub const GUARD_FILE: &str = "device.key";

/// Reads the secret of a profile, or makes it when the profile has no store yet.
pub(super) fn load_or_make(dir: &Path, has_store: bool) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let path = dir.join(GUARD_FILE);
    match File::open(&path) {
        Ok(file) => {
            let mut bytes = Zeroizing::new(Vec::with_capacity(64));
            file.take(64).read_to_end(&mut bytes).map_err(|error| StoreError::system(&path, error))?;
            match <[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(guard) => Ok(Zeroizing::new(guard)),
                Err(_) => Err(StoreError::KeyWrong { file: path }),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && has_store => {
            Err(StoreError::KeyMissing { file: path })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir, &path),
        Err(error) => Err(StoreError::system(&path, error)),
    }
}

fn make(dir: &Path, path: &Path) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let mut guard = Zeroizing::new([0; 32]);
    OsRng
        .try_fill_bytes(guard.as_mut())
        .map_err(|error| StoreError::system(path, io::Error::other(error.to_string())))?;
    let fresh = path.with_extension("key.new");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&fresh);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(guard.as_ref())?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_dir(dir)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&fresh);
        StoreError::system(path, error)
    })?;
    Ok(guard)
}

/// Makes a rename or a new file in a folder durable. Windows has no such call and needs none.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
