//! Rooms, runs of entries, and what is refused.

use parlor_protocol::{
    Locator,
    entry::{Entry, Kind},
};

use super::{Place, entries_of, founded, plain};
use crate::{
    fixture::{TestRoom, Writer, forged, ids, kept},
    store::{Appended, RoomRow, Run, Usage},
};

pub(crate) async fn an_empty_store_knows_nothing(place: &dyn Place) {
    let store = place.open().await;
    let room = TestRoom::new(1);
    assert_eq!(store.rooms().await.unwrap(), []);
    assert!(store.heights(room.id).await.unwrap().is_empty());
    assert_eq!(store.run(room.id, room.owner.log_key(), 0, 9, 9).await.unwrap(), []);
    assert_eq!(store.newest(room.id, 9).await.unwrap(), []);
    assert_eq!(plain(&*store, room.id).await, []);
    assert_eq!(store.rooms_at(Locator([1; 16])).await.unwrap(), []);
    assert_eq!(store.wraps(room.id, None, 9).await.unwrap(), []);
    assert_eq!(store.wrap(room.id, [1; 32]).await.unwrap(), None);
    assert_eq!(store.steps(room.id).await.unwrap(), []);
    assert_eq!(store.forks(room.id).await.unwrap(), []);
    assert_eq!(store.usage(room.id).await.unwrap(), Usage::default());
    store.check().await.unwrap();
    store.close().await;
}

pub(crate) async fn a_room_registered_twice_stays_as_it_was(place: &dyn Place) {
    let store = place.open().await;
    let (room, other) = (TestRoom::new(1), TestRoom::new(2));
    store.put_room(room.row()).await.unwrap();
    store.put_room(RoomRow { registered: 99, ..room.row() }).await.unwrap();
    store.put_room(other.row()).await.unwrap();
    let rooms = store.rooms().await.unwrap();
    assert_eq!(rooms.len(), 2);
    assert!(rooms.contains(&room.row()) && rooms.contains(&other.row()));
    store.close().await;
}

pub(crate) async fn entries_come_back_as_they_were(place: &dyn Place) {
    let store = place.open().await;
    let mut room = founded(&*store, 1).await;
    let log = room.owner.log_key();
    let mut owner = room.owner.clone();
    let more = room.contents(&mut owner, 40);
    room.owner = owner;
    let stored = store.append(room.run(more.clone())).await.unwrap();
    assert_eq!(stored, Appended::Stored(room.owner.height));
    assert_eq!(store.heights(room.id).await.unwrap().into_iter().collect::<Vec<_>>(), [(log, room.owner.height)]);
    let run = store.run(room.id, log, 0, 256, usize::MAX).await.unwrap();
    assert_eq!(entries_of(&run), [room.start.clone(), more].concat());
    let checked: Vec<u64> = run.iter().filter(|k| k.checked).map(|k| k.entry.header().seq).collect();
    assert_eq!(checked, [2, 42], "only the ends of runs are known to be signed");
    assert_eq!(store.run(room.id, log, 43, 9, 9).await.unwrap(), []);
    store.close().await;
}

pub(crate) async fn storing_again_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut owner = room.owner.clone();
    let more = room.contents(&mut owner, 10);
    let first = store.append(room.run(more.clone())).await.unwrap();
    let (usage, newest) = (store.usage(room.id).await.unwrap(), store.newest(room.id, 99).await.unwrap());
    let sizes: usize = room.start.iter().chain(&more).map(|entry| entry.bytes().len()).sum();
    assert_eq!((usage.entries, usage.bytes), (13, sizes as u64));
    assert_eq!(store.append(room.run(more.clone())).await.unwrap(), first);
    assert_eq!(store.append(room.run(more[2..5].to_vec())).await.unwrap(), first, "a part from the middle");
    assert_eq!(store.append(room.run(room.start.clone())).await.unwrap(), first);
    assert_eq!(store.usage(room.id).await.unwrap(), usage);
    assert_eq!(store.newest(room.id, 99).await.unwrap(), newest);
    // A run that begins with what is held adds only the rest.
    let rest = room.contents(&mut owner, 3);
    let both = [more, rest].concat();
    assert_eq!(store.append(room.run(both)).await.unwrap(), Appended::Stored(owner.height));
    assert_eq!(store.usage(room.id).await.unwrap().entries, 16);
    store.close().await;
}

pub(crate) async fn a_gap_is_refused(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut owner = room.owner.clone();
    let more = room.contents(&mut owner, 5);
    let late = store.append(room.run(more[1..].to_vec())).await.unwrap();
    assert_eq!(late, Appended::Conflict(room.owner.height));
    assert_eq!(store.heights(room.id).await.unwrap()[&room.owner.log_key()], room.owner.height);
    assert_eq!(store.newest(room.id, 99).await.unwrap().len(), 3);
    store.append(room.run(more)).await.unwrap();
    assert_eq!(store.heights(room.id).await.unwrap()[&room.owner.log_key()], owner.height);
    store.close().await;
}

pub(crate) async fn another_entry_at_a_held_place_is_a_conflict(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let (mut owner, mut forked) = (room.owner.clone(), room.owner.clone());
    let honest = room.contents(&mut owner, 5);
    store.append(room.run(honest.clone())).await.unwrap();
    let held = Appended::Conflict(owner.height);
    let fork: Vec<Entry> = (0..9).map(|n| room.content(&mut forked, format!("other {n}").as_bytes())).collect();
    assert_eq!(store.append(room.run(fork[..1].to_vec())).await.unwrap(), held, "below the head");
    assert_eq!(store.append(room.run(fork[..5].to_vec())).await.unwrap(), held, "up to the head");
    assert_eq!(store.append(room.run(fork.clone())).await.unwrap(), held, "beyond the head");
    assert_eq!(store.append(room.run(fork[5..].to_vec())).await.unwrap(), held, "after the head");
    let run = store.run(room.id, owner.log_key(), 3, 99, usize::MAX).await.unwrap();
    assert_eq!(ids(&entries_of(&run)), ids(&honest));
    // A copy with another signature is the same entry.
    let mut copies = kept(honest.clone());
    copies[0].entry = forged(&honest[0]).trust_stored();
    let again = Run { entries: copies[..1].to_vec(), ..room.run(honest) };
    assert_eq!(store.append(again).await.unwrap(), Appended::Stored(owner.height));
    store.close().await;
}

pub(crate) async fn the_newest_come_by_arrival(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut writers: Vec<Writer> = (10..13).map(Writer::new).collect();
    let mut expected: Vec<_> = (0..3).map(|seq| (room.owner.log_key(), seq)).collect();
    for round in 0..4 {
        for writer in &mut writers {
            let entry = if round == 0 { room.comes_in(writer) } else { room.content(writer, b"sealed") };
            expected.push((writer.log_key(), entry.header().seq));
            store.append(room.run(vec![entry])).await.unwrap();
        }
    }
    expected.reverse();
    assert_eq!(store.newest(room.id, 99).await.unwrap(), expected);
    assert_eq!(store.newest(room.id, 4).await.unwrap(), expected[..4]);
    assert_eq!(store.newest(room.id, 0).await.unwrap(), []);
    let plain = plain(&*store, room.id).await;
    assert!(plain.iter().all(|kept| kept.entry.header().kind != Kind::Content));
    assert_eq!(plain.len(), 6, "genesis, epoch and four who come in");
    store.close().await;
}
