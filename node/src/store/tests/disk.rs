//! What only the store on disk promises: seals, schema, key, lock, damage to single values.

use redb::{Database, ReadableDatabase as _};
use std::fs;

use super::{
    super::{
        DiskStore, GUARD_FILE, LocalStore as _, ProfileLock, Read, STORE_FILE, StoreError, Write,
        rows::entry_key,
        tables::{ENTRIES, META, META_SCHEMA, SCHEMA},
    },
    Author, identity, put, room_record,
};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn the_file_shows_no_name_no_key_and_no_address() {
    let dir = tempfile::tempdir().unwrap();
    let author = Author::new(1);
    let who = identity("Ada Lovelace of Ockham");
    let mut store = DiskStore::open(dir.path()).unwrap();
    put(
        &mut store,
        vec![
            Write::PutIdentity(Box::new(who.clone())),
            Write::PutRoom(Box::new(room_record(&author, "The secret garden"))),
            Write::PutManual(vec!["attic.example".into()]),
        ],
    );
    drop(store);
    let bytes = fs::read(dir.path().join(STORE_FILE)).unwrap();
    for secret in [b"Lovelace".as_slice(), b"secret garden", b"attic.example", who.device_seed.expose()] {
        assert!(!contains(&bytes, secret));
    }
    assert_eq!(DiskStore::open(dir.path()).unwrap().load().unwrap().identity.unwrap().name, "Ada Lovelace of Ockham");
}

#[cfg(unix)]
#[test]
fn the_key_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    drop(DiskStore::open(dir.path()).unwrap());
    let mode = fs::metadata(dir.path().join(GUARD_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_newer_store_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    drop(DiskStore::open(dir.path()).unwrap());
    let db = Database::open(dir.path().join(STORE_FILE)).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(META_SCHEMA, SCHEMA + 1).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = DiskStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { theirs, ours: SCHEMA, .. } if theirs == SCHEMA + 1), "{error}");
    assert!(error.to_string().contains("update Parlor"));
}

#[test]
fn an_older_store_is_refused_with_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    drop(DiskStore::open(dir.path()).unwrap());
    let db = Database::open(dir.path().join(STORE_FILE)).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(META_SCHEMA, 1).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = DiskStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Older { theirs: 1, ours: SCHEMA, .. }), "{error}");
}

#[test]
fn a_key_of_another_profile_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(DiskStore::open(dir.path()).unwrap());
    drop(DiskStore::open(other.path()).unwrap());
    fs::copy(other.path().join(GUARD_FILE), dir.path().join(GUARD_FILE)).unwrap();
    let error = DiskStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::KeyWrong { .. }), "{error}");
}

#[test]
fn a_missing_key_is_never_replaced_by_a_fresh_one() {
    let dir = tempfile::tempdir().unwrap();
    drop(DiskStore::open(dir.path()).unwrap());
    fs::remove_file(dir.path().join(GUARD_FILE)).unwrap();
    let error = DiskStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::KeyMissing { .. }), "{error}");
    assert!(!dir.path().join(GUARD_FILE).exists());
}

#[test]
fn a_second_process_is_told_who_has_the_profile() {
    let dir = tempfile::tempdir().unwrap();
    let lock = ProfileLock::take(dir.path(), "work").unwrap();
    let error = ProfileLock::take(dir.path(), "work").unwrap_err();
    let pid = std::process::id();
    assert!(error.to_string().contains(&format!("profile \"work\" is in use by process {pid}")), "{error}");
    drop(lock);
    ProfileLock::take(dir.path(), "work").unwrap();
}

#[test]
fn a_damaged_entry_ends_its_run_is_reported_and_can_be_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let run = author.run(5);
    let mut store = DiskStore::open(dir.path()).unwrap();
    put(&mut store, author.append(&run));
    drop(store);
    let db = Database::open(dir.path().join(STORE_FILE)).unwrap();
    let key = entry_key(author.room, author.log, 2);
    let mut value = db.begin_read().unwrap().open_table(ENTRIES).unwrap().get(&key).unwrap().unwrap().value().to_vec();
    *value.last_mut().unwrap() ^= 1;
    let txn = db.begin_write().unwrap();
    txn.open_table(ENTRIES).unwrap().insert(&key, value.as_slice()).unwrap();
    txn.commit().unwrap();
    drop(db);

    let mut store = DiskStore::open(dir.path()).unwrap();
    let read = Read::Run { room: author.room, log: author.log, from: 0, max: 9 };
    let result = store.read(&read).unwrap();
    assert_eq!((result.runs[0].len(), result.damaged), (2, vec![(author.log, 2)]));
    let scan = store.read(&Read::Scan { room: author.room, after: None }).unwrap();
    assert_eq!((scan.runs[0].len(), scan.damaged), (4, vec![(author.log, 2)]));
    let stranger = author.sign(2, run[1].entry.id(), b"not the one");
    assert!(store.apply(&[author.append(&[stranger])])[0].is_err());
    put(&mut store, author.append(&run[2..3]));
    assert_eq!(store.read(&read).unwrap().runs[0], run);
}

#[test]
fn many_entries_do_not_slow_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let mut store = DiskStore::open(dir.path()).unwrap();
    // A tenth of it, so that the test stays quick; the promise is that nothing walks the entries.
    for _ in 0..10 {
        let run = author.run(1000);
        put(&mut store, author.append(&run));
    }
    put(&mut store, vec![Write::PutRoom(Box::new(room_record(&author, "Old room")))]);
    drop(store);
    let start = std::time::Instant::now();
    let loaded = DiskStore::open(dir.path()).unwrap().load().unwrap();
    assert_eq!(loaded.rooms[0].1[&author.log].next, 10_000);
    assert!(start.elapsed() < std::time::Duration::from_millis(500), "{:?}", start.elapsed());
}
