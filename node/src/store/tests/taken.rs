//! Batches that are taken at once and made durable later.

use super::{
    super::{
        DiskStore, LocalStore as _, Read,
        task::{Done, Job, start},
    },
    Author,
};
use crate::engine::WriteId;

fn count(store: &mut DiskStore, author: &Author) -> usize {
    let read = Read::Run { room: author.room, log: author.log, from: 0, max: 100 };
    store.read(&read).unwrap().runs.iter().map(Vec::len).sum()
}

#[test]
fn what_is_taken_is_seen_at_once_and_there_after_the_flush() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let mut store = DiskStore::open(dir.path()).unwrap();
    let batch = author.append(&[author.sign(0, parlor_protocol::EntryId::default(), b"one")]);
    author.next = 1;
    assert_eq!(store.take(&[batch]), [Ok(())]);
    assert_eq!(count(&mut store, &author), 1);
    store.flush().unwrap();
    store.tidy();
    drop(store);
    assert_eq!(count(&mut DiskStore::open(dir.path()).unwrap(), &author), 1);
}

#[test]
fn what_was_taken_before_the_disk_failed_is_told_as_lost_and_can_be_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let mut store = DiskStore::open(dir.path()).unwrap();
    let entries = author.run(3);
    assert_eq!(store.take(&[author.append(&entries[..2])]), [Ok(())]);
    store.fail();
    // It may be there or not; nobody may be told that it is.
    assert!(store.flush().is_err());
    assert_eq!(store.take(&[author.append(&entries)]), [Ok(())]);
    store.flush().unwrap();
    assert_eq!(count(&mut store, &author), 3);
}

#[test]
fn nobody_is_told_durable_before_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut author = Author::new(1);
    let mut ports = start(Box::new(DiskStore::open(dir.path()).unwrap())).unwrap();
    let entries = author.run(3);
    let write =
        |id, at: usize, urgent| Job::Write { id: WriteId(id), writes: author.append(&entries[at..=at]), urgent };
    let written = |done: Option<Done>| match done {
        Some(Done::Written { id, result: Ok(()) }) => id.0,
        other => panic!("{other:?}"),
    };
    ports.jobs.blocking_send(write(1, 0, false)).unwrap();
    ports
        .jobs
        .blocking_send(Job::Read { id: crate::engine::ReadId(9), read: Read::Scan { room: author.room, after: None } })
        .unwrap();
    assert!(matches!(ports.done.blocking_recv(), Some(Done::Read { .. })), "the batch waits, the question does not");
    ports.jobs.blocking_send(Job::Flush).unwrap();
    assert_eq!(written(ports.done.blocking_recv()), 1);
    ports.jobs.blocking_send(write(2, 1, false)).unwrap();
    ports.jobs.blocking_send(write(3, 2, true)).unwrap();
    assert_eq!((written(ports.done.blocking_recv()), written(ports.done.blocking_recv())), (2, 3));
    drop(ports.jobs);
    assert!(ports.done.blocking_recv().is_none());
    ports.thread.join().unwrap();
}
