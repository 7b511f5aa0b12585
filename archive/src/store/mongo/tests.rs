//! The suite against a server over the wire, and what is its own: outages, errors, sharing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use async_trait::async_trait;
use mongodb::bson::doc;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    MongoStore, connect,
    server::{Server, TestDatabase, pretend},
};
use crate::{
    fixture::{Writer, ids},
    store::{
        Appended, Store, StoreError,
        conformance::{Place, conforms, founded},
    },
};

#[async_trait]
impl Place for TestDatabase {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(MongoStore::open(&self.uri).await.unwrap())
    }
}

conforms!(TestDatabase::new());

/// With a short wait for the server, so that outages show quickly.
fn impatient(uri: &str) -> String {
    format!("{uri}&serverSelectionTimeoutMS=500&connectTimeoutMS=500")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_archives_on_one_database_store_each_entry_once() {
    let place = TestDatabase::new().await;
    let (one, two) = (place.open().await, place.open().await);
    let room = founded(&*one, 1).await;
    let mut owner = room.owner.clone();
    for _ in 0..20 {
        let run = room.contents(&mut owner, 7);
        let (a, b) = tokio::join!(one.append(room.run(run.clone())), two.append(room.run(run)));
        let stored = Appended::Stored(owner.height);
        // One of them may meet entries of the other whose height has not moved yet.
        assert!(a == Ok(stored) && b == Ok(stored), "{a:?} {b:?}");
    }
    assert_eq!(two.heights(room.id).await.unwrap(), one.heights(room.id).await.unwrap());
    assert_eq!(two.usage(room.id).await.unwrap().entries, 3 + 140);
    assert_eq!(one.newest(room.id, 999).await.unwrap().len(), 143);
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_writes() {
    let server = tokio::task::spawn_blocking(|| Server::start(&[])).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(MongoStore::open(&impatient(&server.uri("killed"))).await.unwrap());
    let room = founded(&*store, 1).await;
    let mut tasks = Vec::new();
    let is_back = Arc::new(AtomicBool::new(false));
    for seed in 0..4 {
        let (store, room, is_back) = (Arc::clone(&store), room.clone(), Arc::clone(&is_back));
        tasks.push(tokio::spawn(async move {
            let mut writer = Writer::new(50 + seed);
            let mut acknowledged = Vec::new();
            let mut failures = 0;
            let mut run = vec![room.comes_in(&mut writer)];
            let end = Instant::now() + Duration::from_secs(90);
            // Goes on until it has written through the outage; a write that was tried again may not have failed.
            while !is_back.load(Ordering::SeqCst) || acknowledged.len() < 60 {
                assert!(Instant::now() < end, "{failures} failures, {} acknowledged", acknowledged.len());
                match store.append(room.run(run.clone())).await {
                    Ok(Appended::Stored(height)) => {
                        assert_eq!(height, writer.height);
                        acknowledged.append(&mut run);
                        run = room.contents(&mut writer, 3);
                    }
                    Ok(Appended::Conflict(height)) => panic!("a conflict at {height:?}"),
                    Err(StoreError::Unreachable { .. } | StoreError::Other(_) | StoreError::ReadOnly { .. }) => {
                        failures += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            (writer.log_key(), acknowledged)
        }));
    }
    let (killer, checker) = (Arc::clone(&server), Arc::clone(&store));
    while checker.usage(room.id).await.unwrap().entries < 40 {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || killer.kill()).await.unwrap();
    let down = store.check().await.unwrap_err();
    assert!(matches!(down, StoreError::Unreachable { .. }), "{down:?}");
    assert!(down.to_string().contains("check that it runs"), "{down}");
    let starter = Arc::clone(&server);
    tokio::task::spawn_blocking(move || starter.restart()).await.unwrap();
    is_back.store(true, Ordering::SeqCst);
    for task in tasks {
        let (log, acknowledged) = task.await.unwrap();
        let held = store.run(room.id, log, 0, 9999, usize::MAX).await.unwrap();
        let held: Vec<_> = held.into_iter().map(|kept| kept.entry.into_inner()).collect();
        assert!(held.len() >= acknowledged.len());
        assert_eq!(ids(&held[..acknowledged.len()]), ids(&acknowledged));
    }
    store.check().await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let uri = "mongodb://anna:hunter2@127.0.0.1:9/db?serverSelectionTimeoutMS=300";
    let error = MongoStore::open(uri).await.unwrap_err();
    let StoreError::Unreachable { what, .. } = &error else { panic!("{error:?}") };
    assert!(what.contains("127.0.0.1:9") && what.contains("db"), "{what}");
    assert!(!error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_told_as_such() {
    let server = tokio::task::spawn_blocking(|| Server::start(&["--auth"])).await.unwrap();
    let uri = server.uri_as("nobody:hunter2", "parlor");
    let error = MongoStore::open(&uri).await.unwrap_err();
    assert!(matches!(error, StoreError::LoginRefused { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    // Without any login at all.
    let error = MongoStore::open(&server.uri("parlor")).await.unwrap_err();
    assert!(matches!(error, StoreError::LoginRefused { .. }), "{error:?}");
}

/// A Unix socket that leads to a server: what a container without a network has.
#[cfg(unix)]
fn socket_to(port: u16, path: &std::path::Path) {
    let listener = tokio::net::UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_network_is_reached_by_its_socket_with_a_login() {
    let server = tokio::task::spawn_blocking(|| Server::start(&[])).await.unwrap();
    let (client, _, _) = connect::connect(&server.uri("parlor")).await.unwrap();
    let user = doc! { "createUser": "parlor", "pwd": "hunter2", "roles": [{ "role": "readWrite", "db": "parlor" }] };
    client.database("admin").run_command(user).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("mongodb-27017.sock");
    socket_to(server.port(), &socket);
    let socket = socket.to_str().unwrap();
    let encoded = socket.replace('/', "%2F");
    let with = |login: &str| format!("mongodb://{login}@{encoded}/parlor?directConnection=true&authSource=admin");
    let store = MongoStore::open(&with("parlor:hunter2")).await.unwrap();
    assert_eq!(store.describe(), format!("MongoDB at {socket} (database parlor)"));
    founded(&store, 1).await;
    store.check().await.unwrap();
    assert_eq!(store.rooms().await.unwrap().len(), 1);
    store.close().await;

    let error = MongoStore::open(&with("parlor:hunter3")).await.unwrap_err();
    assert!(matches!(error, StoreError::LoginRefused { .. }), "{error:?}");
    let gone = with("parlor:hunter2").replace("27017", "9") + "&serverSelectionTimeoutMS=300";
    let error = MongoStore::open(&gone).await.unwrap_err();
    let StoreError::Unreachable { what, .. } = &error else { panic!("{error:?}") };
    assert!(what.contains("mongodb-9.sock"), "{what}");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_text() {
    let error = MongoStore::open("mongo//anna:hunter2@host").await.unwrap_err();
    assert!(error.to_string().contains("address"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_archive_is_left_alone() {
    let place = TestDatabase::new().await;
    place.open().await.close().await;
    let (_, database, _) = connect::connect(&place.uri).await.unwrap();
    let meta = database.collection::<mongodb::bson::Document>("meta");
    meta.update_one(doc! { "_id": "schema" }, doc! { "$set": { "version": 99_i64 } }).await.unwrap();
    let error = MongoStore::open(&place.uri).await.unwrap_err();
    assert_eq!(error, StoreError::NewerSchema { found: 99, known: 5 });
    let schema = meta.find_one(doc! { "_id": "schema" }).await.unwrap().unwrap();
    assert_eq!(schema.get_i64("version").unwrap(), 99, "the number stays");
    // Three is the form in which codes were kept as keys.
    for older in [1_i64, 3] {
        meta.update_one(doc! { "_id": "schema" }, doc! { "$set": { "version": older } }).await.unwrap();
        let error = MongoStore::open(&place.uri).await.unwrap_err();
        assert_eq!(error, StoreError::OlderSchema { found: older.unsigned_abs(), known: 5 });
        assert!(error.to_string().contains("move it away"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_made_at_the_start() {
    let place = TestDatabase::new().await;
    place.open().await.close().await;
    let (_, database, _) = connect::connect(&place.uri).await.unwrap();
    let entries = database.collection::<mongodb::bson::Document>("entries").list_index_names().await.unwrap();
    assert!(entries.contains(&"by_arrival".to_owned()) && entries.contains(&"by_kind".to_owned()), "{entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_old_or_takes_no_writes_is_told_as_such() {
    let hello = doc! { "ok": 1.0, "minWireVersion": 0, "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000, "logicalSessionTimeoutMinutes": 30, "readOnly": false };
    let with = |wire: i32, is_writable: bool| {
        let mut hello = hello.clone();
        hello.extend(doc! { "maxWireVersion": wire, "isWritablePrimary": is_writable, "ismaster": is_writable });
        if !is_writable {
            hello.extend(doc! { "setName": "rs0", "secondary": true, "hosts": ["127.0.0.1:1"] });
        }
        hello
    };
    // Wire version 8 is MongoDB 4.2.
    let old = MongoStore::open(&pretend(&with(8, true))).await.unwrap_err();
    assert!(matches!(&old, StoreError::TooOld { .. }), "{old:?}");
    assert!(old.to_string().contains("needs MongoDB 4.4 or newer"), "{old}");
    let secondary = MongoStore::open(&pretend(&with(21, false))).await.unwrap_err();
    assert!(matches!(secondary, StoreError::ReadOnly { .. }), "{secondary:?}");
    assert!(secondary.to_string().contains("primary"), "{secondary}");
}

#[test]
fn processors_without_avx_are_recognised() {
    assert!(connect::is_too_old("processor : 0\nflags\t\t: fpu sse4_2 popcnt\n"));
    assert!(!connect::is_too_old("processor : 0\nflags\t\t: fpu sse4_2 avx avx2\n"));
    assert!(connect::is_too_old("Features\t: fp asimd evtstrm crc32 cpuid\n"), "a Raspberry Pi 4");
    assert!(!connect::is_too_old("Features\t: fp asimd crc32 atomics fphp asimddp\n"), "a Raspberry Pi 5");
    assert!(!connect::is_too_old(""));
}
