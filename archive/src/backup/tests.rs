#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::{
    fixture::{TestRoom, Writer, code},
    store::{
        EmbeddedStore, TestDatabase,
        conformance::{Place as _, founded},
    },
};
use parlor_protocol::limits::BODY_MAX;
use std::path::PathBuf;
use tempfile::TempDir;

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn store(&self, name: &str) -> EmbeddedStore {
        let dir = self.folder.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        EmbeddedStore::open(&dir).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Two rooms with everything that a room can have; 644 entries in all.
async fn fill(store: &dyn Store) -> Vec<TestRoom> {
    let rooms = vec![founded(store, 1).await, founded(store, 2).await];
    for room in &rooms {
        let mut member = Writer::new(5);
        store.append(room.run(vec![room.comes_in(&mut member)])).await.unwrap();
        let (_, entry) = room.door(&mut member, &code(room.owner.log.0.try_into().unwrap()));
        store.append(room.run(vec![entry])).await.unwrap();
        let large: Vec<_> = (0..17).map(|n| room.content(&mut member, &vec![n; BODY_MAX])).collect();
        store.append(room.run(large)).await.unwrap();
        let mut twin = member.clone();
        for _ in 0..3 {
            store.append(room.run(room.contents(&mut member, 100))).await.unwrap();
        }
        let ours = store.run(room.id, member.log_key(), twin.height.next, 1, 1).await.unwrap();
        let proof = ForkProof::new(std::slice::from_ref(ours[0].entry.inner()), &[room.content(&mut twin, b"another")])
            .unwrap();
        store.put_fork(proof).await.unwrap();
    }
    rooms
}

async fn everything(store: &dyn Store, rooms: &[TestRoom]) -> String {
    let mut out = String::new();
    let mut rows = store.rooms().await.unwrap();
    rows.sort_by_key(|row| row.room);
    for row in rows {
        let heights = store.heights(row.room).await.unwrap();
        for log in heights.keys() {
            out += &format!("{:?}", store.run(row.room, *log, 0, 9999, usize::MAX).await.unwrap());
        }
        out += &format!("{row:?} {heights:?} {:?}", store.forks(row.room).await.unwrap());
        out += &format!("{:?}", store.usage(row.room).await.unwrap());
    }
    for room in rooms {
        let at = code(room.owner.log.0.try_into().unwrap()).locator();
        assert_eq!(store.rooms_at(at).await.unwrap(), [room.id]);
        out += &format!("{:?}", store.steps(room.id).await.unwrap());
    }
    out
}

#[tokio::test]
async fn a_backup_brings_everything_back_also_into_the_other_store() {
    let files = Files::new();
    let (one, file) = (files.store("one"), files.file("backup"));
    let rooms = fill(&one).await;
    assert_eq!(
        backup(&one, &file).await.unwrap(),
        format!("2 rooms with 644 entries were written to {}.", file.display())
    );
    let expected = everything(&one, &rooms).await;
    let place = TestDatabase::new().await;
    let other = place.open().await;
    for store in [&files.store("two") as &dyn Store, &*other] {
        assert_eq!(restore(store, &file).await.unwrap(), "2 rooms with 644 entries were restored.");
        assert_eq!(everything(store, &rooms).await, expected);
        assert_eq!(verify(store).await.unwrap(), "All is well: 2 rooms with 644 entries.");
        // Restoring again changes nothing.
        restore(store, &file).await.unwrap();
        assert_eq!(everything(store, &rooms).await, expected);
    }
    let again = files.file("again");
    backup(&*other, &again).await.unwrap();
    let three = files.store("three");
    restore(&three, &again).await.unwrap();
    assert_eq!(everything(&three, &rooms).await, expected);
    other.close().await;
}

#[tokio::test]
async fn a_backup_has_no_wraps_so_that_an_old_one_opens_nothing_for_a_code_that_ended() {
    let files = Files::new();
    let (one, two, file) = (files.store("one"), files.store("two"), files.file("backup"));
    let room = founded(&one, 1).await;
    let mut owner = room.owner.clone();
    let (door, entry) = room.door(&mut owner, &code(7));
    one.append(room.run(vec![entry])).await.unwrap();
    let wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1);
    let bytes = wrap.encode().unwrap();
    one.change_wraps(room.id, vec![wrap], Vec::new()).await.unwrap();
    backup(&one, &file).await.unwrap();
    let sealed = &bytes[bytes.len() / 2..bytes.len() / 2 + 16];
    let written = std::fs::read(&file).unwrap();
    assert!(!written.windows(sealed.len()).any(|window| window == sealed));
    restore(&two, &file).await.unwrap();
    assert_eq!(two.wraps(room.id, None, 9).await.unwrap(), []);
    assert_eq!(two.rooms_at(code(7).locator()).await.unwrap(), [room.id], "the door is found");
    assert_eq!(two.run(room.id, owner.log_key(), 3, 1, 1).await.unwrap()[0].entry.id(), door.into());
}

#[tokio::test]
async fn a_backup_of_an_older_form_is_told_as_such() {
    let files = Files::new();
    let file = files.file("backup");
    std::fs::write(&file, b"PARLOR-ARCHIVE-BACKUP 3\n\0\0\0\0").unwrap();
    let error = restore(&files.store("one"), &file).await.unwrap_err();
    assert!(error.to_string().contains("of another version"), "{error}");
}

#[tokio::test]
async fn an_existing_file_is_not_written_over() {
    let files = Files::new();
    let file = files.file("backup");
    std::fs::write(&file, b"precious").unwrap();
    let error = backup(&files.store("one"), &file).await.unwrap_err();
    assert!(error.to_string().contains("choose a new file"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
}

#[tokio::test]
async fn a_damaged_or_cut_off_backup_is_noticed_wherever_it_is_damaged() {
    let files = Files::new();
    let (one, file) = (files.store("one"), files.file("backup"));
    let room = founded(&one, 1).await;
    one.append(room.run(room.contents(&mut room.owner.clone(), 50))).await.unwrap();
    backup(&one, &file).await.unwrap();
    let good = std::fs::read(&file).unwrap();
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&file, &bad).unwrap();
        let error = restore(&files.store(&format!("bad{at}")), &file).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("damaged") || text.contains("not a backup"), "at {at}: {text}");
        std::fs::write(&file, &good[..at]).unwrap();
        assert!(restore(&files.store(&format!("cut{at}")), &file).await.is_err(), "cut at {at}");
    }
}

#[tokio::test]
async fn a_backup_is_not_mixed_into_a_store_that_holds_something_else() {
    let files = Files::new();
    let (one, two, file) = (files.store("one"), files.store("two"), files.file("backup"));
    let room = founded(&one, 1).await;
    let (mut owner, mut twin) = (room.owner.clone(), room.owner.clone());
    one.append(room.run(room.contents(&mut owner, 5))).await.unwrap();
    backup(&one, &file).await.unwrap();
    founded(&two, 1).await;
    two.append(room.run(vec![room.content(&mut twin, b"another")])).await.unwrap();
    let error = restore(&two, &file).await.unwrap_err();
    assert!(error.to_string().contains("restore into an empty store"), "{error}");
}

#[tokio::test]
async fn verify_names_the_room_with_an_entry_of_a_stranger() {
    let files = Files::new();
    let store = files.store("one");
    let (good, bad) = (founded(&store, 1).await, founded(&store, 2).await);
    assert_eq!(verify(&store).await.unwrap(), "All is well: 2 rooms with 6 entries.");
    // The store keeps what it is given: this one never came in.
    let mut stranger = Writer::new(9);
    store.append(bad.run(bad.contents(&mut stranger, 3))).await.unwrap();
    let error = verify(&store).await.unwrap_err().to_string();
    assert!(error.contains(&bad.id.short()) && error.contains("not admitted"), "{error}");
    assert!(!error.contains(&good.id.short()) && !error.contains(&bad.id.to_string()), "{error}");
}

#[tokio::test]
async fn verify_notices_a_signature_that_is_not_good() {
    let files = Files::new();
    let store = files.store("one");
    let room = founded(&store, 1).await;
    let mut owner = room.owner.clone();
    let mut run = room.run(room.contents(&mut owner, 3));
    run.entries[2].entry = crate::fixture::forged(run.entries[2].entry.inner()).trust_stored();
    store.append(run).await.unwrap();
    let error = verify(&store).await.unwrap_err().to_string();
    assert!(error.contains("signature of entry 5"), "{error}");

    let store = files.store("two");
    let room = founded(&store, 1).await;
    let mut owner = room.owner.clone();
    let (door, entry) = room.door(&mut owner, &code(7));
    store.append(room.run(vec![entry])).await.unwrap();
    let mut wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1);
    store.change_wraps(room.id, vec![wrap.clone()], Vec::new()).await.unwrap();
    assert_eq!(verify(&store).await.unwrap(), "All is well: 1 rooms with 4 entries.");
    wrap.signer = Writer::new(5).id();
    store.change_wraps(room.id, vec![wrap], Vec::new()).await.unwrap();
    let error = verify(&store).await.unwrap_err().to_string();
    assert!(error.contains("wrapped for a code"), "{error}");
}
