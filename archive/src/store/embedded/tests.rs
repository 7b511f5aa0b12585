//! The suite against the embedded store, and what is its own: files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use async_trait::async_trait;
use redb::ReadableTable as _;
use std::sync::Arc;
use tempfile::TempDir;

use super::{EmbeddedStore, STORE_FILE, tables};
use crate::store::{
    Store, StoreError,
    conformance::{Place, conforms, founded},
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

#[tokio::test]
async fn an_altered_entry_is_noticed_when_it_is_read() {
    let folder = folder();
    let store = folder.open().await;
    let room = founded(&*store, 1).await;
    store.close().await;
    drop(store);
    let db = tables::open(&folder.0.path().join(STORE_FILE)).unwrap();
    let key = tables::entry_key(room.id, room.owner.log_key(), 1);
    let txn = db.begin_write().unwrap();
    {
        let mut entries = txn.open_table(tables::ENTRIES).unwrap();
        let mut value = entries.get(&key).unwrap().unwrap().value().to_vec();
        let middle = value.len() / 2;
        value[middle] ^= 1;
        entries.insert(&key, value.as_slice()).unwrap();
    }
    txn.commit().unwrap();
    drop(db);
    let store = folder.open().await;
    let read = store.run(room.id, room.owner.log_key(), 0, 9, usize::MAX).await;
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    store.close().await;
}
