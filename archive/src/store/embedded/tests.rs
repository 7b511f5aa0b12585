//! The suite against the embedded store, and what is its own: files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use async_trait::async_trait;
use redb::ReadableTable as _;
use std::sync::Arc;
use tempfile::TempDir;

use super::{
    EmbeddedStore, STORE_FILE, tables,
    write::{self, Change, Job},
};
use crate::{
    fixture::{TestRoom, Writer},
    store::{
        Appended, Store, StoreError,
        conformance::{Place, conforms, founded},
    },
};

struct Folder(TempDir);

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(EmbeddedStore::open(self.0.path()).unwrap())
    }
}

fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

conforms!(std::future::ready(folder()));

#[tokio::test]
async fn a_store_of_a_newer_archive_is_left_alone() {
    let folder = folder();
    let file = folder.0.path().join(STORE_FILE);
    let db = tables::open(&file).unwrap();
    let txn = db.begin_write().unwrap();
    txn.open_table(tables::META).unwrap().insert("schema", tables::SCHEMA + 1).unwrap();
    txn.commit().unwrap();
    drop(db);
    let error = EmbeddedStore::open(folder.0.path()).unwrap_err();
    assert_eq!(error, StoreError::NewerSchema { found: tables::SCHEMA + 1, known: tables::SCHEMA });
    assert!(error.to_string().contains("update parlor-archive"));
}

#[tokio::test]
async fn a_store_of_an_older_archive_is_left_alone() {
    let folder = folder();
    let file = folder.0.path().join(STORE_FILE);
    drop(tables::open(&file).unwrap());
    // Three is the form in which codes were kept as keys.
    for older in [1, 3] {
        let db = redb::Database::create(&file).unwrap();
        let txn = db.begin_write().unwrap();
        txn.open_table(tables::META).unwrap().insert("schema", older).unwrap();
        txn.commit().unwrap();
        drop(db);
        let error = EmbeddedStore::open(folder.0.path()).unwrap_err();
        assert_eq!(error, StoreError::OlderSchema { found: older, known: 5 });
        assert!(error.to_string().contains("--data-dir"));
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named_and_kept() {
    let folder = folder();
    let file = folder.0.path().join(STORE_FILE);
    std::fs::write(&file, b"not a database at all").unwrap();
    let error = EmbeddedStore::open(folder.0.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(STORE_FILE));
    assert_eq!(std::fs::read(&file).unwrap(), b"not a database at all");
}

#[tokio::test]
async fn the_file_is_opened_again_after_the_disk_failed() {
    let folder = folder();
    let store = EmbeddedStore::open(folder.0.path()).unwrap();
    let room = founded(&store, 1).await;
    let full = || StoreError::Full { reason: "no space left".into() };
    assert_eq!(store.db.with(|_| Err::<(), _>(full())), Err(full()));
    store.check().await.unwrap();
    assert_eq!(store.heights(room.id).await.unwrap().len(), 1);
    store.close().await;
    assert_eq!(store.check().await, Err(StoreError::Stopped));
}

/// Flips a bit of a stored entry.
fn alter(folder: &Folder, room: &TestRoom, seq: u64) {
    let db = tables::open(&folder.0.path().join(STORE_FILE)).unwrap();
    let key = tables::entry_key(room.id, room.owner.log_key(), seq);
    let txn = db.begin_write().unwrap();
    {
        let mut entries = txn.open_table(tables::ENTRIES).unwrap();
        let mut value = entries.get(&key).unwrap().unwrap().value().to_vec();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        entries.insert(&key, value.as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

#[tokio::test]
async fn an_altered_entry_is_noticed_when_it_is_read() {
    let folder = folder();
    let store = folder.open().await;
    let room = founded(&*store, 1).await;
    store.close().await;
    drop(store);
    alter(&folder, &room, 1);
    let store = folder.open().await;
    let read = store.run(room.id, room.owner.log_key(), 0, 9, usize::MAX).await;
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    store.close().await;
}

#[tokio::test]
async fn a_run_that_meets_an_altered_entry_does_not_hold_up_those_that_came_with_it() {
    let folder = folder();
    let store = folder.open().await;
    let room = founded(&*store, 1).await;
    store.close().await;
    drop(store);
    alter(&folder, &room, 1);
    let mut member = Writer::new(5);
    let good = room.run(vec![room.comes_in(&mut member)]);
    let bad = room.run(room.start[..2].to_vec());
    let jobs: Vec<_> = [good.clone(), bad, good]
        .map(|run| Job { change: Change::Run(run), done: tokio::sync::oneshot::channel().0, _weight: None })
        .into();
    let db = tables::open(&folder.0.path().join(STORE_FILE)).unwrap();
    let results = write::commit(&db, &jobs).unwrap();
    drop(db);
    assert_eq!(results[0], Ok(Appended::Stored(member.height)));
    assert!(matches!(results[1], Err(StoreError::Damaged { .. })), "{results:?}");
    assert_eq!(results[2], Ok(Appended::Stored(member.height)));
    let store = folder.open().await;
    assert_eq!(store.heights(room.id).await.unwrap()[&member.log_key()], member.height);
    store.close().await;
}

/// Everything that can be read is as it was written; false when the store is refused.
async fn is_read(dir: &std::path::Path, room: &TestRoom, written: &[parlor_protocol::entry::Entry]) -> bool {
    let Ok(store) = EmbeddedStore::open(dir) else { return false };
    let log = room.owner.log_key();
    let read = async {
        store.rooms().await?;
        store.heights(room.id).await?;
        store.newest(room.id, 100).await?;
        store.run(room.id, log, 0, 1_000, usize::MAX).await
    };
    let read = read.await;
    for kept in read.iter().flatten() {
        let seq = usize::try_from(kept.entry.header().seq).unwrap();
        assert_eq!(Some(kept.entry.inner()), written.get(seq), "place {seq} holds what nobody wrote");
    }
    store.close().await;
    read.is_ok()
}

/// Places that are cut or flipped.
const PLACES: usize = 1_000;
/// Where a child begins, see below.
const FROM: &str = "PARLOR_TEST_CUTS_FROM";

/// Damages a store at all places from one on, and says each before it is tried.
async fn cuts_and_flips(from: usize) {
    let home = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(home.path()).unwrap();
    let mut room = founded(&store, 1).await;
    let mut owner = room.owner.clone();
    let mut written = room.start.clone();
    for _ in 0..8 {
        let entries = room.contents(&mut owner, 7);
        written.extend(entries.iter().cloned());
        store.append(room.run(entries)).await.unwrap();
    }
    room.owner = owner;
    store.close().await;
    drop(store);
    let whole = std::fs::read(home.path().join(STORE_FILE)).unwrap();
    let mut rng = crate::fixture::rng(7);
    for place in 0..PLACES {
        let dir = tempfile::tempdir().unwrap();
        let at = usize::try_from(rand_core::RngCore::next_u64(&mut rng)).unwrap() % whole.len();
        if place < from {
            continue;
        }
        let mut bytes = whole.clone();
        if place % 4 == 0 {
            bytes.truncate(at);
        } else {
            let end = (at + 1 + place % 40).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte ^= 1 << (place % 8));
        }
        std::fs::write(dir.path().join(STORE_FILE), &bytes).unwrap();
        println!("place {place}");
        if !is_read(dir.path(), &room, &written).await {
            println!("noticed");
        }
    }
    println!("place {PLACES}");
}

/// In a process of its own: where its own lists of free pages are damaged, redb panics while it panics
/// already, and nobody can catch that. The process ends then, and nothing wrong was read.
#[tokio::test]
async fn a_thousand_cuts_and_flips_are_noticed_or_harmless() {
    if let Some(from) = std::env::var_os(FROM) {
        return cuts_and_flips(from.to_str().unwrap().parse().unwrap()).await;
    }
    let (mut from, mut noticed, mut ended) = (0, 0, 0);
    while from < PLACES {
        let name = "store::embedded::tests::a_thousand_cuts_and_flips_are_noticed_or_harmless";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let said = child.args(["--exact", name, "--nocapture"]).env(FROM, from.to_string()).output().unwrap();
        let lines = String::from_utf8_lossy(&said.stdout).into_owned();
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        noticed += lines.lines().filter(|line| line.ends_with("noticed")).count();
        let places = lines.lines().filter_map(|line| line.rsplit_once("place ")?.1.parse::<usize>().ok());
        let last = places.max().unwrap_or_else(|| panic!("nothing was tried: {errors}"));
        if !said.status.success() {
            assert!(errors.contains("non-unwinding panic"), "place {last}: {errors}");
            ended += 1;
        }
        from = last + 1;
    }
    assert!(noticed > 0, "nothing was ever noticed");
    assert!(ended <= PLACES / 50, "the process ended at {ended} places");
}
