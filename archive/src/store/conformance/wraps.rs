//! Where doors are found, what is wrapped for them, and what was written where.

use parlor_protocol::{EpochId, Locator, access::Wrap};

use super::{Place, founded};
use crate::{
    fixture::code,
    store::{Run, Store, WrapKey, wrap_key},
};
use parlor_protocol::RoomId;

pub(crate) async fn rooms_are_found_by_what_opens_their_doors(place: &dyn Place) {
    let store = place.open().await;
    let (room, other) = (founded(&*store, 1).await, founded(&*store, 2).await);
    let (mut owner, mut thief) = (room.owner.clone(), other.owner.clone());
    let (_, entry) = room.door(&mut owner, &code(7));
    let made = room.run(vec![entry]);
    store.append(made.clone()).await.unwrap();
    let at = code(7).locator();
    assert_eq!(store.rooms_at(at).await.unwrap(), [room.id]);
    assert_eq!(store.rooms_at(Locator([9; 16])).await.unwrap(), []);
    // Who makes one at the same place in another room takes nothing from the first.
    let (_, entry) = other.door(&mut thief, &code(7));
    store.append(other.run(vec![entry])).await.unwrap();
    store.append(made).await.unwrap();
    let mut both = [room.id, other.id];
    both.sort_unstable();
    let mut found = store.rooms_at(at).await.unwrap();
    found.sort_unstable();
    assert_eq!(found, both);
    store.close().await;
}

/// All wraps of a room, read a few at a time.
async fn all(store: &dyn Store, room: RoomId) -> Vec<(WrapKey, Wrap)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let some = store.wraps(room, after, 3).await.unwrap();
        assert!(some.len() <= 3);
        let Some((last, _)) = some.last() else { return all };
        after = Some(*last);
        all.extend(some);
    }
}

pub(crate) async fn wraps_are_kept_a_page_at_a_time_until_they_are_deleted(place: &dyn Place) {
    let store = place.open().await;
    let (room, other) = (founded(&*store, 1).await, founded(&*store, 2).await);
    let (door, _) = room.door(&mut room.owner.clone(), &code(7));
    let wraps: Vec<_> = (0..10).map(|seed| room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), seed)).collect();
    let mut expected: Vec<_> = wraps.iter().map(|wrap| (wrap_key(wrap).unwrap(), wrap.clone())).collect();
    expected.sort_unstable_by_key(|(key, _)| *key);
    for _ in 0..2 {
        store.change_wraps(room.id, wraps.clone(), Vec::new()).await.unwrap();
        assert_eq!(all(&*store, room.id).await, expected);
    }
    assert_eq!(all(&*store, other.id).await, []);
    assert_eq!(store.wrap(room.id, expected[3].0).await.unwrap(), Some(expected[3].1.clone()));
    assert_eq!(store.wrap(other.id, expected[3].0).await.unwrap(), None);
    // Some go while another one comes; what is not there does no harm.
    let gone = vec![expected[0].0, expected[9].0, [5; 32]];
    let more = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 1), 99);
    store.change_wraps(room.id, vec![more.clone()], gone).await.unwrap();
    expected.remove(9);
    expected.remove(0);
    expected.push((wrap_key(&more).unwrap(), more));
    expected.sort_unstable_by_key(|(key, _)| *key);
    assert_eq!(all(&*store, room.id).await, expected);
    store.close().await;
    let store = place.open().await;
    assert_eq!(all(&*store, room.id).await, expected);
    store.close().await;
}

pub(crate) async fn the_highest_step_of_each_epoch_is_kept(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut owner = room.owner.clone();
    let (one, other) = (EpochId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    for steps in [vec![(one, 3)], vec![(one, 2), (other, 0)], vec![(other, 7)], vec![(other, 5)]] {
        let run = Run { steps, ..room.run(room.contents(&mut owner, 1)) };
        store.append(run).await.unwrap();
    }
    let mut steps = store.steps(room.id).await.unwrap();
    steps.sort_unstable();
    assert_eq!(steps, [(one, 3), (other, 7)]);
    store.close().await;
}
