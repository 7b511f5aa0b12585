//! The file `device.key`: read whole, replaced in one step, readable by its owner only.

use parlor_protocol::{
    error::CodecError,
    guard::{GUARD_MAX, Guard},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
};
use zeroize::Zeroizing;

use super::StoreError;
use crate::private;

/// The file that leads to the profile's secret, in the profile folder.
pub const GUARD_FILE: &str = "device.key";
/// One byte more than any record shows that a file is none.
const READ_MAX: usize = GUARD_MAX + 1;

/// Reads the file; nothing when there is none.
pub(super) fn read(dir: &Path) -> Result<Option<Guard>, StoreError> {
    let path = dir.join(GUARD_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::system(&path, error)),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(READ_MAX));
    let limit = u64::try_from(READ_MAX).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| StoreError::system(&path, error))?;
    match Guard::decode(&bytes) {
        Ok(guard) => Ok(Some(guard)),
        Err(CodecError::Version { theirs, ours }) => {
            Err(StoreError::Newer { file: path, theirs: theirs.into(), ours: ours.into() })
        }
        Err(_) => Err(StoreError::KeyWrong { file: path }),
    }
}

/// Replaces the file in one step: whatever happens, the old record is there or the new one.
pub(super) fn write(dir: &Path, guard: &Guard) -> Result<(), StoreError> {
    let path = dir.join(GUARD_FILE);
    let fresh = path.with_extension("key.new");
    let replace = || -> io::Result<()> {
        step()?;
        let _ = fs::remove_file(&fresh);
        step()?;
        let mut file = private::options().write(true).create_new(true).open(&fresh)?;
        step()?;
        file.write_all(&guard.encode())?;
        step()?;
        file.sync_all()?;
        drop(file);
        step()?;
        // Held open, so that its bytes can be wiped once nothing leads to them any more.
        let old = if cfg!(unix) { OpenOptions::new().write(true).open(&path).ok() } else { None };
        fs::rename(&fresh, &path)?;
        step()?;
        sync_dir(dir)?;
        step()?;
        if let Some(Err(error)) = old.map(wipe) {
            tracing::debug!(%error, "the old key file could not be wiped");
        }
        Ok(())
    };
    replace().map_err(|error| StoreError::system(path, error))
}

/// Writes zeros over a file that nothing leads to any more. Disks that never write to the same
/// place twice (flash, copy on write, snapshots) keep the old bytes all the same.
fn wipe(mut file: File) -> io::Result<()> {
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0 {
        // A backup made of hard links shares these bytes.
        return Ok(());
    }
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(READ_MAX).min(READ_MAX);
    file.rewind()?;
    file.write_all(&vec![0; len])?;
    file.sync_all()
}

/// Makes a rename or a new file in a folder durable. Windows has no such call and needs none.
pub(in crate::store) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "tests stop here")]
fn step() -> io::Result<()> {
    Ok(())
}

/// A place where a test may stop the change, as a power cut would.
#[cfg(test)]
pub(super) use super::tests::stop::step;
