//! Locked profiles: what opens them, what does not, and changes that are cut off at every step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub(super) mod stop;

use parlor_protocol::{guard::Passphrase, keys::Secret};
use std::{fs, path::Path, sync::Arc, time::Duration};

use super::{
    GUARD_FILE, Keychain, LockChange, LockKind, MemoryKeychain, Unlock, change_lock, keychain, load_or_make, lock_kind,
};
use crate::store::StoreError;

const OLD: &str = "soup on the stove";
const NEW: &str = "bread in the oven";

fn phrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

fn typed(text: &str) -> Unlock {
    Unlock { keychain: None, passphrase: Some(phrase(text)) }
}

fn with(keychain: &MemoryKeychain) -> Unlock {
    Unlock { keychain: Some(Arc::new(keychain.clone())), passphrase: None }
}

fn open(dir: &Path, unlock: &Unlock) -> Result<Secret, StoreError> {
    load_or_make(dir, true, unlock)
}

fn set(current: Option<&str>, new: &str, at_start: Option<bool>) -> LockChange {
    LockChange::SetPassphrase { current: current.map(phrase), new: phrase(new), at_start }
}

fn remove(current: &str) -> LockChange {
    LockChange::RemovePassphrase { current: phrase(current) }
}

/// What the folder has, as a thief would take it.
fn copied(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn contains(dir: &Path, secret: &Secret) -> bool {
    fs::read_dir(dir).unwrap().any(|file| {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        bytes.windows(32).any(|window| window == secret.expose())
    })
}

#[test]
fn a_new_profile_uses_the_keychain_and_its_folder_opens_nowhere_else() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &with(&keychain)).unwrap();
    assert_eq!(lock_kind(dir.path()).unwrap(), Some(LockKind::Keychain));
    assert_eq!(open(dir.path(), &with(&keychain)).unwrap(), secret);
    assert!(!contains(dir.path(), &secret));
    let stolen = copied(dir.path());
    let elsewhere = open(stolen.path(), &with(&MemoryKeychain::default())).unwrap_err();
    assert!(matches!(elsewhere, StoreError::KeychainLacks { .. }), "{elsewhere}");
    assert!(matches!(open(stolen.path(), &Unlock::default()), Err(StoreError::KeychainSilent { .. })));
}

#[test]
fn without_a_keychain_the_key_is_a_file_and_that_can_be_told() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    keychain.set_silent(true);
    let secret = load_or_make(dir.path(), false, &with(&keychain)).unwrap();
    assert_eq!(lock_kind(dir.path()).unwrap(), Some(LockKind::File));
    assert_eq!(open(dir.path(), &Unlock::default()).unwrap(), secret);
    keychain.set_silent(false);
    assert_eq!(open(dir.path(), &with(&keychain)).unwrap(), secret, "it does not move by itself");
    assert_eq!(change_lock(dir.path(), &with(&keychain), LockChange::UseKeychain).unwrap(), LockKind::Keychain);
    assert_eq!(open(dir.path(), &with(&keychain)).unwrap(), secret, "it moves when asked");
    assert!(!contains(dir.path(), &secret));
}

#[test]
fn a_keychain_that_never_answers_does_not_hold_up_a_new_profile_and_keeps_nothing() {
    /// Answers after it was given up.
    #[derive(Debug)]
    struct Slow(MemoryKeychain, std::sync::Barrier);
    impl Keychain for Slow {
        fn read(&self, name: &str) -> Result<Option<Secret>, String> {
            self.0.read(name)
        }
        fn write(&self, name: &str, secret: &Secret) -> Result<(), String> {
            self.1.wait();
            self.0.write(name, secret)
        }
        fn remove(&self, name: &str) -> Result<(), String> {
            self.0.remove(name)?;
            self.1.wait();
            Ok(())
        }
    }
    let memory = MemoryKeychain::default();
    let slow = Arc::new(Slow(memory.clone(), std::sync::Barrier::new(2)));
    let keychain: Arc<dyn Keychain> = slow.clone();
    let id = parlor_protocol::guard::GuardId::random(&mut super::open::rng(Path::new(".")).unwrap());
    let error = keychain::keep_within(Duration::from_millis(1), &keychain, id, &Secret::from_bytes([1; 32]));
    assert!(error.unwrap_err().contains("did not answer"));
    slow.1.wait();
    // It has written by now, or will in a moment; either way it takes that back.
    slow.1.wait();
    assert!(memory.is_empty());
}

#[test]
fn a_passphrase_at_start_opens_the_folder_anywhere_and_nothing_else_does() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &with(&keychain)).unwrap();
    let kind = change_lock(dir.path(), &with(&keychain), set(None, OLD, None)).unwrap();
    assert_eq!((kind, keychain.len()), (LockKind::Passphrase, 0), "the keychain has forgotten it");
    assert!(!contains(dir.path(), &secret));
    let stolen = copied(dir.path());
    assert!(matches!(open(stolen.path(), &with(&keychain)), Err(StoreError::PassphraseNeeded)));
    assert!(matches!(open(stolen.path(), &typed(NEW)), Err(StoreError::PassphraseWrong)));
    assert_eq!(open(stolen.path(), &typed(OLD)).unwrap(), secret);
}

#[test]
fn with_both_the_keychain_opens_at_start_and_locking_needs_the_passphrase() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &Unlock::default()).unwrap();
    let kind = change_lock(dir.path(), &with(&keychain), set(None, OLD, Some(false))).unwrap();
    assert_eq!(kind, LockKind::Both);
    assert_eq!(open(dir.path(), &with(&keychain)).unwrap(), secret);
    // Locked by the person: whatever the keychain knows, a wrong passphrase does not open it.
    let wrong = Unlock { passphrase: Some(phrase(NEW)), ..with(&keychain) };
    assert!(matches!(open(dir.path(), &wrong), Err(StoreError::PassphraseWrong)));
    // Elsewhere the passphrase is asked.
    let stolen = copied(dir.path());
    let elsewhere = with(&MemoryKeychain::default());
    assert!(matches!(open(stolen.path(), &elsewhere), Err(StoreError::PassphraseNeeded)));
    assert_eq!(open(stolen.path(), &typed(OLD)).unwrap(), secret);
}

#[test]
fn changing_and_removing_need_the_passphrase_also_where_the_keychain_would_open() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &with(&keychain)).unwrap();
    change_lock(dir.path(), &with(&keychain), set(None, OLD, Some(false))).unwrap();
    for change in [set(None, NEW, None), set(Some(NEW), NEW, None), remove(NEW)] {
        let error = change_lock(dir.path(), &with(&keychain), change).unwrap_err();
        assert!(matches!(error, StoreError::PassphraseNeeded | StoreError::PassphraseWrong), "{error}");
    }
    let kind = change_lock(dir.path(), &with(&keychain), set(Some(OLD), NEW, None)).unwrap();
    assert_eq!(kind, LockKind::Both, "another passphrase, the same way");
    assert!(matches!(open(dir.path(), &typed(OLD)), Err(StoreError::PassphraseWrong)));
    assert_eq!(open(dir.path(), &typed(NEW)).unwrap(), secret);
    assert_eq!(change_lock(dir.path(), &with(&keychain), remove(NEW)).unwrap(), LockKind::Keychain);
    assert!(matches!(change_lock(dir.path(), &with(&keychain), remove(NEW)), Err(StoreError::NoPassphrase)));
}

#[test]
fn removing_falls_back_to_the_folder_only_where_no_keychain_had_the_key() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &Unlock::default()).unwrap();
    change_lock(dir.path(), &Unlock::default(), set(None, OLD, None)).unwrap();
    assert_eq!(change_lock(dir.path(), &Unlock::default(), remove(OLD)).unwrap(), LockKind::File);
    assert_eq!(open(dir.path(), &Unlock::default()).unwrap(), secret);
    change_lock(dir.path(), &with(&keychain), set(None, OLD, Some(false))).unwrap();
    keychain.set_silent(true);
    let error = change_lock(dir.path(), &with(&keychain), remove(OLD)).unwrap_err();
    assert!(matches!(error, StoreError::KeychainSilent { .. }), "{error}");
    assert!(!contains(dir.path(), &secret));
}

#[test]
fn a_keychain_that_does_not_forget_is_told_and_both_ways_stay_open() {
    let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
    let secret = load_or_make(dir.path(), false, &Unlock::default()).unwrap();
    change_lock(dir.path(), &with(&keychain), set(None, OLD, Some(false))).unwrap();
    keychain.set_silent(true);
    let error = change_lock(dir.path(), &with(&keychain), set(Some(OLD), NEW, Some(true))).unwrap_err();
    assert!(matches!(error, StoreError::KeychainKeeps { .. }), "{error}");
    assert_eq!(lock_kind(dir.path()).unwrap(), Some(LockKind::Both));
    assert_eq!(open(dir.path(), &typed(NEW)).unwrap(), secret);
}

#[test]
fn a_change_killed_at_any_step_leaves_a_profile_that_opens_in_the_old_way_or_the_new() {
    /// A name, the passphrase before and whether it is asked at start, the change.
    type Case = (&'static str, Option<(&'static str, bool)>, fn() -> LockChange);
    let changes: [Case; 7] = [
        ("file to keychain", None, || LockChange::UseKeychain),
        ("file to passphrase", None, || set(None, NEW, Some(true))),
        ("file to both", None, || set(None, NEW, Some(false))),
        ("another passphrase", Some((OLD, true)), || set(Some(OLD), NEW, None)),
        ("both to passphrase", Some((OLD, false)), || set(Some(OLD), NEW, Some(true))),
        ("passphrase away", Some((OLD, true)), || remove(OLD)),
        ("both to keychain", Some((OLD, false)), || remove(OLD)),
    ];
    for (name, before, change) in changes {
        let mut cuts = 0;
        for at in 0.. {
            let (dir, keychain) = (tempfile::tempdir().unwrap(), MemoryKeychain::default());
            let secret = load_or_make(dir.path(), false, &Unlock::default()).unwrap();
            if let Some((passphrase, at_start)) = before {
                change_lock(dir.path(), &with(&keychain), set(None, passphrase, Some(at_start))).unwrap();
            }
            let done = stop::at(at, || change_lock(dir.path(), &with(&keychain), change()));
            let ways = [with(&keychain), typed(OLD), typed(NEW)];
            let opened: Vec<_> = ways.iter().map(|way| open(dir.path(), way)).collect();
            assert!(opened.iter().any(|way| way.as_ref().is_ok_and(|found| *found == secret)), "{name}, cut {at}");
            let Err(error) = done else { break };
            assert!(error.to_string().contains("power cut"), "{name}: {error}");
            // The same change again, from where it was cut, ends well: nothing is in the way.
            let again = change_lock(dir.path(), &with(&keychain), change());
            let was_done = matches!(
                again,
                Err(StoreError::PassphraseWrong | StoreError::PassphraseNeeded | StoreError::NoPassphrase)
            );
            assert!(again.is_ok() || was_done, "{name}, cut {at}: {again:?}");
            cuts += 1;
        }
        assert!(cuts >= 6, "{name} was cut {cuts} times");
    }
}

#[test]
fn a_key_file_of_a_later_parlor_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = [b"PRLRLOCK".as_slice(), &[9, 1], &[0; 16]].concat();
    fs::write(dir.path().join(GUARD_FILE), &bytes).unwrap();
    let error = open(dir.path(), &Unlock::default()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { theirs: 9, .. }) && error.to_string().contains("update"), "{error}");
    assert!(change_lock(dir.path(), &Unlock::default(), set(None, NEW, None)).is_err());
    assert_eq!(fs::read(dir.path().join(GUARD_FILE)).unwrap(), bytes);
}

#[test]
fn nothing_that_is_printed_has_the_secret_or_the_passphrase() {
    let keychain = MemoryKeychain::default();
    keychain.write("x", &Secret::from_bytes([0xAB; 32])).unwrap();
    let unlock = Unlock { passphrase: Some(phrase(OLD)), ..with(&keychain) };
    let shown = format!("{unlock:?} {:?}", set(Some(OLD), NEW, None));
    assert!(!shown.contains("soup") && !shown.contains("bread"), "{shown}");
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
}
