//! Making folders and files for their owner alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Mode of folders: their owner enters, lists and changes them.
#[cfg(unix)]
pub(super) const FOLDER: u32 = 0o700;
/// Mode of files: their owner reads and writes them.
#[cfg(unix)]
pub(super) const FILE: u32 = 0o600;

/// Makes a folder that only its owner may enter, and those above it that are missing. One that is there stays as it
/// is; [`super::mend`] looks after it.
///
/// # Errors
/// The system's.
pub fn make_folder(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER);
    builder.create(dir)
}

/// How to open a file so that only its owner may read it, should it be made by that.
#[must_use]
pub fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE);
    options
}

/// Makes an empty file that only its owner may read, for a library that opens it by its name. One that is there
/// stays as it is.
///
/// # Errors
/// The system's.
pub fn make_file(path: &Path) -> io::Result<()> {
    match options().create_new(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Writes a file that only its owner may read, in one step: whatever happens, the old one is there or the new one.
///
/// # Errors
/// The system's.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = options().create_new(true).write(true).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&draft, path)?;
    match path.parent() {
        // Windows has no such call and needs none.
        Some(dir) if cfg!(unix) => {
            File::open(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })?.sync_all()
        }
        _ => Ok(()),
    }
}
