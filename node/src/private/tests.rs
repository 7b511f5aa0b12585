#![allow(clippy::unwrap_used, reason = "tests")]

use super::{make_file, make_folder, mend, options, write};
use std::{fs, path::Path};

#[test]
fn a_file_is_written_in_one_step_over_what_a_crash_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    fs::write(dir.path().join("key.new"), "half").unwrap();
    write(&file, b"first").unwrap();
    write(&file, b"second").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"second");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    make_file(&file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"second", "what is there stays");
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        make_folder(&inner).unwrap();
        make_folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(inner.parent().unwrap())), (0o700, 0o700));
        let [first, second, third] = ["first", "second", "third"].map(|name| inner.join(name));
        make_file(&first).unwrap();
        write(&second, b"").unwrap();
        drop(options().create(true).append(true).open(&third).unwrap());
        assert_eq!([first, second, third].map(|file| mode(&file)), [0o600; 3]);
    }

    #[test]
    fn what_was_open_is_said_and_closed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("profile");
        make_folder(&dir).unwrap();
        let [key, store, inner] = ["device.key", "parlor.redb", "files"].map(|name| dir.join(name));
        fs::write(&key, "key").unwrap();
        fs::write(&store, "store").unwrap();
        make_folder(&inner).unwrap();
        for (path, open) in [(&dir, 0o755), (&key, 0o644), (&store, 0o666), (&inner, 0o711)] {
            set(path, open);
        }
        let said: Vec<_> = mend(&dir, |_| true).into_iter().map(|mended| mended.to_string()).collect();
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said.iter().all(|line| line.contains("closed to them now")), "{said:?}");
        assert!(said.iter().any(|line| line.contains("could read") && line.contains("device.key (mode 644)")));
        assert!(said.iter().any(|line| line.contains("could change") && line.contains("parlor.redb (mode 666)")));
        assert_eq!([mode(&dir), mode(&key), mode(&store), mode(&inner)], [0o700, 0o600, 0o600, 0o700]);
        assert_eq!(mend(&dir, |_| true), []);
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let [key, letter, link] = ["archive.key", "letter", "archive.redb"].map(|name| home.join(name));
        fs::write(&key, "key").unwrap();
        fs::write(&letter, "letter").unwrap();
        symlink(&letter, &link).unwrap();
        for (path, open) in [(home, 0o755), (&key, 0o644), (&letter, 0o644)] {
            set(path, open);
        }
        let mended = mend(home, |name| name.starts_with("archive."));
        assert_eq!(mended.into_iter().map(|mended| mended.path).collect::<Vec<_>>(), std::slice::from_ref(&key));
        assert_eq!([mode(home), mode(&key), mode(&letter)], [0o755, 0o600, 0o644]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_memory_behind() {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
    super::no_core_dumps().unwrap();
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    assert_eq!(getrlimit(Resource::Core).current, Some(0));
}
