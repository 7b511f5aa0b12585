//! Damaged files are told apart from good ones, and give back what is readable.

use parlor_protocol::guard::Passphrase;
use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
};

use super::{
    super::{DiskStore, LocalStore as _, LockChange, Read, STORE_FILE, StoreError, Unlock, Write, change_lock, repair},
    Author, identity, put, room_record,
};

fn filled(dir: &Path, entries: usize) -> Author {
    let mut author = Author::new(1);
    let who = identity("Ada");
    author.key = who.device();
    author.log.author = author.key.id();
    let run = author.run(entries);
    let mut store = DiskStore::open(dir).unwrap();
    put(
        &mut store,
        vec![
            Write::PutIdentity(Box::new(who)),
            Write::PutRoom(Box::new(room_record(&author, "Kitchen"))),
            Write::PutManual(vec!["10.0.0.7".into()]),
        ],
    );
    for part in run.chunks(50) {
        put(&mut store, author.append(part));
    }
    author
}

fn held(dir: &Path, author: &Author) -> usize {
    let mut store = DiskStore::open(dir).unwrap();
    store.read(&Read::Scan { room: author.room, after: None }).unwrap().runs[0].len()
}

#[test]
fn a_whole_store_is_repaired_without_loss() {
    let dir = tempfile::tempdir().unwrap();
    let author = filled(dir.path(), 120);
    let salvage = repair(dir.path(), "today", &Unlock::default()).unwrap();
    assert_eq!((salvage.rooms, salvage.entries, salvage.lost_entries), (1, 120, 0));
    assert_eq!((salvage.identity, salvage.new_logs), (true, 0));
    assert!(salvage.kept.exists());
    assert_eq!(held(dir.path(), &author), 120);
    let loaded = DiskStore::open(dir.path()).unwrap().load().unwrap();
    assert_eq!((loaded.identity.unwrap().name.as_str(), loaded.rooms[0].0.archived), ("Ada", 2));
}

#[test]
fn a_truncated_file_is_refused_with_the_remedy_and_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let author = filled(dir.path(), 800);
    let file = dir.path().join(STORE_FILE);
    let whole = fs::metadata(&file).unwrap().len();
    OpenOptions::new().write(true).open(&file).unwrap().set_len(whole * 3 / 5).unwrap();
    let error = DiskStore::open(dir.path()).and_then(|mut store| store.load()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("parlor repair"), "{error}");

    let salvage = repair(dir.path(), "today", &Unlock::default()).unwrap();
    println!("{salvage:?}");
    assert!(salvage.entries > 0);
    assert_eq!(held(dir.path(), &author), salvage.entries);
    let loaded = DiskStore::open(dir.path()).unwrap().load().unwrap();
    if salvage.rooms == 1 && salvage.identity {
        let room = &loaded.rooms[0].0;
        assert_ne!(room.own_log, author.log.log, "the end of the old log may be lost, so it may not go on");
        assert_eq!((room.archived, room.received.len()), (0, 0));
    }
}

#[test]
fn a_file_with_a_hole_is_salvaged() {
    let dir = tempfile::tempdir().unwrap();
    let author = filled(dir.path(), 800);
    let path = dir.path().join(STORE_FILE);
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    // Both headers of the database.
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&[0xAA; 512]).unwrap();
    drop(file);
    assert!(matches!(DiskStore::open(dir.path()), Err(StoreError::Damaged { .. })));
    let salvage = repair(dir.path(), "today", &Unlock::default()).unwrap();
    assert_eq!((salvage.identity, salvage.rooms, salvage.entries, salvage.new_logs), (true, 1, 800, 1));
    assert_eq!(held(dir.path(), &author), 800);
}

#[test]
fn a_file_of_rubbish_is_refused_and_gives_back_nothing() {
    let dir = tempfile::tempdir().unwrap();
    drop(DiskStore::open(dir.path()).unwrap());
    fs::write(dir.path().join(STORE_FILE), vec![0x5A; 100_000]).unwrap();
    assert!(matches!(DiskStore::open(dir.path()), Err(StoreError::Damaged { .. })));
    let salvage = repair(dir.path(), "today", &Unlock::default()).unwrap();
    assert_eq!((salvage.identity, salvage.rooms, salvage.entries), (false, 0, 0));
    DiskStore::open(dir.path()).unwrap();
}

#[test]
fn a_locked_store_is_repaired_with_its_passphrase_and_stays_locked() {
    let dir = tempfile::tempdir().unwrap();
    let author = filled(dir.path(), 20);
    let new = Passphrase::new("soup on the stove").unwrap();
    let unlock = Unlock { keychain: None, passphrase: Some(new.clone()) };
    let set = LockChange::SetPassphrase { current: None, new, at_start: None };
    change_lock(dir.path(), &Unlock::default(), set).unwrap();
    let error = repair(dir.path(), "today", &Unlock::default()).unwrap_err();
    assert!(matches!(error, StoreError::PassphraseNeeded), "{error}");
    let salvage = repair(dir.path(), "today", &unlock).unwrap();
    assert_eq!((salvage.identity, salvage.rooms, salvage.entries), (true, 1, 20));
    assert!(matches!(DiskStore::open(dir.path()), Err(StoreError::PassphraseNeeded)));
    let mut store = DiskStore::open_with(dir.path(), &unlock).unwrap();
    assert_eq!(store.read(&Read::Scan { room: author.room, after: None }).unwrap().runs[0].len(), 20);
}

#[test]
fn without_a_store_there_is_nothing_to_repair() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(repair(dir.path(), "today", &Unlock::default()), Err(StoreError::Absent { .. })));
}
