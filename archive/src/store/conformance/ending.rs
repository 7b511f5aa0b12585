//! Rooms that have ended.

use parlor_protocol::log::{ForkProof, Heights};

use super::{Place, founded, plain};
use crate::{
    fixture::{TestRoom, Writer, code},
    store::{Appended, Store, Usage},
};
use parlor_protocol::RoomId;

/// Nothing of a room is found in any way.
async fn is_empty(store: &dyn Store, room: RoomId) -> bool {
    store.heights(room).await.unwrap() == Heights::new()
        && plain(store, room).await.is_empty()
        && store.newest(room, 10).await.unwrap().is_empty()
        && store.arrived(room, 0, 10).await.unwrap().is_empty()
        && store.forks(room).await.unwrap().is_empty()
        && store.wraps(room, None, 10).await.unwrap().is_empty()
        && store.steps(room).await.unwrap().is_empty()
        && store.usage(room).await.unwrap() == Usage::default()
}

/// A door with a wrap, and something written.
async fn make_door(store: &dyn Store, room: &TestRoom, owner: &mut Writer) {
    let (door, entry) = room.door(owner, &code(7));
    let wrap = room.wrap(owner, &code(7), room.wrap_facts(door, 0), 1);
    store.append(room.run(vec![entry, room.content(owner, b"sealed")])).await.unwrap();
    store.change_wraps(room.id, vec![wrap], Vec::new()).await.unwrap();
}

pub(crate) async fn a_room_that_has_ended_keeps_its_records_and_nothing_else(place: &dyn Place) {
    let store = place.open().await;
    let (mut room, other) = (founded(&*store, 1).await, founded(&*store, 2).await);
    let mut owner = room.owner.clone();
    make_door(&*store, &room, &mut owner).await;
    store.append(room.run(room.contents(&mut owner, 5))).await.unwrap();
    let (mut a, mut b) = (owner.clone(), owner.clone());
    store
        .put_fork(ForkProof::new(&[room.content(&mut a, b"one")], &[room.content(&mut b, b"two")]).unwrap())
        .await
        .unwrap();
    make_door(&*store, &other, &mut other.owner.clone()).await;
    let of_other = (store.wraps(other.id, None, 9).await.unwrap(), store.steps(other.id).await.unwrap());
    assert_eq!(store.rooms_at(code(7).locator()).await.unwrap().len(), 2);
    let others = (store.heights(other.id).await.unwrap(), store.usage(other.id).await.unwrap());
    assert!(store.records(room.id).await.unwrap().is_empty());

    room.owner = owner;
    let records = vec![room.epoch.clone(), room.dissolve()];
    for _ in 0..2 {
        store.end_room(room.id, records.clone()).await.unwrap();
        assert!(is_empty(&*store, room.id).await);
        assert!(store.run(room.id, room.owner.log_key(), 0, 99, usize::MAX).await.unwrap().is_empty());
        assert_eq!(store.rooms_at(code(7).locator()).await.unwrap(), [other.id]);
        assert_eq!(store.records(room.id).await.unwrap(), records);
        assert!(store.room(room.id).await.unwrap().is_some(), "it is known that it was");
    }
    // The other room has what it had.
    assert_eq!((store.heights(other.id).await.unwrap(), store.usage(other.id).await.unwrap()), others);
    let now = (store.wraps(other.id, None, 9).await.unwrap(), store.steps(other.id).await.unwrap());
    assert_eq!((now.0.len(), now), (1, of_other));
    store.close().await;
    let store = place.open().await;
    assert!(is_empty(&*store, room.id).await);
    assert_eq!(store.records(room.id).await.unwrap(), records);
    // Should it go on after all, its members bring it again.
    assert!(matches!(store.append(room.run(room.start.clone())).await.unwrap(), Appended::Stored(_)));
    assert_eq!(plain(&*store, room.id).await.len(), 3);
    store.close().await;
}

pub(crate) async fn an_ended_room_of_many_entries_is_gone_to_the_last_one(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut writer = Writer::new(5);
    let said = room.contents(&mut writer, 12_000);
    for run in said.chunks(500) {
        store.append(room.run(run.to_vec())).await.unwrap();
    }
    store.end_room(room.id, vec![room.epoch.clone()]).await.unwrap();
    assert!(is_empty(&*store, room.id).await);
    assert!(store.run(room.id, writer.log_key(), 0, 9, usize::MAX).await.unwrap().is_empty());
    assert!(store.run(room.id, writer.log_key(), 11_990, 9, usize::MAX).await.unwrap().is_empty());
    store.close().await;
}

pub(crate) async fn a_room_that_is_removed_leaves_nothing_and_can_be_registered_again(place: &dyn Place) {
    let store = place.open().await;
    let (room, other) = (founded(&*store, 1).await, founded(&*store, 2).await);
    let mut owner = room.owner.clone();
    make_door(&*store, &room, &mut owner).await;
    let others = (store.heights(other.id).await.unwrap(), store.usage(other.id).await.unwrap());
    for _ in 0..2 {
        store.remove_room(room.id).await.unwrap();
        assert!(is_empty(&*store, room.id).await);
        assert_eq!(store.room(room.id).await.unwrap(), None);
        assert_eq!(store.rooms().await.unwrap(), [other.row()]);
        assert_eq!(store.rooms_at(code(7).locator()).await.unwrap(), []);
    }
    assert_eq!((store.heights(other.id).await.unwrap(), store.usage(other.id).await.unwrap()), others);
    // One that had ended leaves no records either.
    let ended = founded(&*store, 3).await;
    store.end_room(ended.id, vec![ended.epoch.clone()]).await.unwrap();
    store.remove_room(ended.id).await.unwrap();
    assert!(store.records(ended.id).await.unwrap().is_empty());
    store.close().await;
    let store = place.open().await;
    assert!(is_empty(&*store, room.id).await);
    store.put_room(room.row()).await.unwrap();
    assert!(matches!(store.append(room.run(room.start.clone())).await.unwrap(), Appended::Stored(_)));
    assert_eq!(store.usage(room.id).await.unwrap().entries, 3);
    store.close().await;
}
