//! Closing what other users of this computer can get at: files of an older program, of another one, or of a copy
//! that was made without care.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Something of ours that other users of this computer could get at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The file or folder.
    pub path: PathBuf,
    /// The mode that it had: the nine bits of owner, group and others.
    pub mode: u32,
    /// Why it still has that mode; none when it is closed now.
    pub still_open: Option<String>,
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (could, path, mode) =
            (if self.mode & 0o022 == 0 { "read" } else { "change" }, self.path.display(), self.mode);
        match &self.still_open {
            None => write!(f, "others on this computer could {could} {path} (mode {mode:o}); it is closed to them now"),
            Some(reason) => write!(
                f,
                "others on this computer can {could} {path} (mode {mode:o}), and it could not be closed to them \
                 ({reason}); see to it that only you can"
            ),
        }
    }
}

/// Closes a folder and the files and folders in it to everybody but their owner, and says what was open. What
/// `is_ours` does not know by its name is left alone, and so is then the folder itself: it may be somebody's home.
/// Links are not followed.
#[must_use]
pub fn mend(dir: &Path, is_ours: impl Fn(&str) -> bool) -> Vec<Mended> {
    #[cfg(unix)]
    return unix::mend(dir, is_ours);
    #[cfg(not(unix))]
    {
        let _ = (dir, is_ours);
        Vec::new()
    }
}

/// The mode of a file, if others than its owner can get at it.
#[must_use]
pub fn is_open(file: &std::fs::File) -> Option<u32> {
    #[cfg(unix)]
    return unix::open_mode(&file.metadata().ok()?);
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

#[cfg(unix)]
mod unix {
    use super::Mended;
    use crate::private::files::{FILE, FOLDER};
    use rustix::fs::{Mode, OFlags, open};
    use std::{
        fs::{File, Metadata, Permissions},
        io,
        os::unix::fs::{MetadataExt as _, PermissionsExt as _},
        path::Path,
    };

    /// A folder of ours holds a handful of files.
    const ENTRIES_MAX: usize = 4_096;
    /// What belongs to the group and to others.
    const OTHERS: u32 = 0o077;

    pub(super) fn open_mode(meta: &Metadata) -> Option<u32> {
        let mode = meta.mode() & 0o777;
        (mode & OTHERS != 0).then_some(mode)
    }

    pub(super) fn mend(dir: &Path, is_ours: impl Fn(&str) -> bool) -> Vec<Mended> {
        let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
        let names: Vec<_> = entries.flatten().take(ENTRIES_MAX).map(|entry| entry.file_name()).collect();
        let (ours, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.to_str().is_some_and(&is_ours));
        // The folder first: in one that others may change, a name could lead elsewhere a moment later.
        let folder = if others.is_empty() { close(dir) } else { None };
        folder.into_iter().chain(ours.into_iter().filter_map(|name| close(&dir.join(name)))).collect()
    }

    /// Closes a file or a folder, by its handle, so that it is the one that was looked at.
    fn close(path: &Path) -> Option<Mended> {
        let seen = path.symlink_metadata().ok()?;
        let mode = open_mode(&seen).filter(|_| seen.is_file() || seen.is_dir())?;
        let closed = || -> io::Result<()> {
            // Neither follows a link nor waits for the other end of a pipe.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(open(path, flags, Mode::empty())?);
            let meta = file.metadata()?;
            let wanted = if meta.is_dir() { FOLDER } else { FILE };
            file.set_permissions(Permissions::from_mode(meta.mode() & wanted))?;
            match open_mode(&file.metadata()?) {
                None => Ok(()),
                Some(_) => Err(io::Error::other("this disk keeps no modes")),
            }
        };
        let still_open = closed().err().map(|error| error.to_string());
        Some(Mended { path: path.to_owned(), mode, still_open })
    }
}
