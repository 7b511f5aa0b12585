//! Batches that nobody waits for, made durable together.

use super::{
    super::{
        DiskStore, Read,
        task::{Done, Job, start},
    },
    Author,
};
use crate::engine::WriteId;

#[test]
fn nobody_is_told_durable_before_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let mut ports = start(Box::new(DiskStore::open(dir.path()).unwrap())).unwrap();
    let entries = author.run(5);
    let write =
        |id, at: usize, urgent| Job::Write { id: WriteId(id), writes: author.append(&entries[at..=at]), urgent };
    let written = |done: Option<Done>| match done {
        Some(Done::Written(batches)) => {
            assert!(batches.iter().all(|(_, result)| result.is_ok()), "{batches:?}");
            batches.iter().map(|(id, _)| id.0).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    ports.jobs.blocking_send(write(1, 0, false)).unwrap();
    ports.jobs.blocking_send(Job::Flush).unwrap();
    assert_eq!(written(ports.done.blocking_recv()), [1]);
    ports.jobs.blocking_send(write(2, 1, false)).unwrap();
    let read = Read::Run { room: author.room, log: author.log, from: 0, max: 9 };
    ports.jobs.blocking_send(Job::Read { id: crate::engine::ReadId(9), read }).unwrap();
    assert_eq!(written(ports.done.blocking_recv()), [2], "a question sees what was given before");
    match ports.done.blocking_recv() {
        Some(Done::Read { result: Ok(found), .. }) => assert_eq!(found.runs.iter().flatten().count(), 2),
        other => panic!("{other:?}"),
    }
    ports.jobs.blocking_send(write(3, 2, false)).unwrap();
    ports.jobs.blocking_send(write(4, 3, true)).unwrap();
    assert_eq!(written(ports.done.blocking_recv()), [3, 4]);
    ports.jobs.blocking_send(write(5, 4, false)).unwrap();
    drop(ports.jobs);
    assert_eq!(written(ports.done.blocking_recv()), [5], "the end writes what waits");
    assert!(ports.done.blocking_recv().is_none());
    ports.thread.0.join().unwrap();
}
