//! Forks, pages, durability, many writers at once.

use parlor_protocol::{entry::Entry, limits::BODY_MAX, log::ForkProof};
use std::sync::Arc;

use super::{Place, entries_of, founded, plain};
use crate::{
    fixture::{Writer, code, ids},
    service::now_ms,
    store::{Appended, StoreError, wrap_key},
};

pub(crate) async fn fork_proofs_are_kept(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let (mut a, mut b) = (room.owner.clone(), room.owner.clone());
    let proof = ForkProof::new(&[room.content(&mut a, b"one")], &[room.content(&mut b, b"two")]).unwrap();
    store.put_fork(proof.clone()).await.unwrap();
    store.put_fork(proof.clone()).await.unwrap();
    assert_eq!(store.forks(room.id).await.unwrap(), [proof]);
    store.close().await;
}

pub(crate) async fn pages_end_at_their_limits(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let (mut owner, log) = (room.owner.clone(), room.owner.log_key());
    let large: Vec<Entry> = (0..20).map(|n| room.content(&mut owner, &vec![n; BODY_MAX])).collect();
    for run in large.chunks(10) {
        store.append(room.run(run.to_vec())).await.unwrap();
    }
    let size = large[0].bytes().len();
    let seqs = |run: Vec<crate::store::Kept>| run.iter().map(|k| k.entry.header().seq).collect::<Vec<_>>();
    let read = async |from, max, bytes| seqs(store.run(room.id, log, from, max, bytes).await.unwrap());
    assert_eq!(read(3, 256, usize::MAX).await, (3..23).collect::<Vec<_>>());
    assert_eq!(read(3, 256, 5 * size).await, (3..8).collect::<Vec<_>>());
    assert_eq!(read(3, 256, 5 * size - 1).await, (3..7).collect::<Vec<_>>());
    assert_eq!(read(4, 2, usize::MAX).await, [4, 5]);
    assert_eq!(read(22, 9, 1).await, [22], "one entry always fits");
    store.close().await;
}

pub(crate) async fn plain_entries_come_a_page_at_a_time(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    for seed in 10..16 {
        let mut writer = Writer::new(seed);
        let comes_in = room.comes_in(&mut writer);
        store.append(room.run(vec![comes_in])).await.unwrap();
        store.append(room.run(room.contents(&mut writer, 3))).await.unwrap();
    }
    let all = store.plain(room.id, 0, 99, usize::MAX).await.unwrap();
    assert_eq!(all.len(), 9, "genesis, epoch and seven who come in");
    assert!(all.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert_eq!(plain(&*store, room.id).await, all.iter().map(|arrived| arrived.kept.clone()).collect::<Vec<_>>());
    let size = |range: std::ops::Range<usize>| all[range].iter().map(|a| a.kept.entry.bytes().len()).sum();
    assert_eq!(store.plain(room.id, 0, 99, size(0..4)).await.unwrap(), all[..4]);
    assert_eq!(store.plain(room.id, all[4].number, 99, 1).await.unwrap(), all[4..5], "one entry always fits");
    assert_eq!(store.plain(room.id, all[8].number + 1, 99, usize::MAX).await.unwrap(), []);
    store.close().await;
}

pub(crate) async fn rooms_do_not_mix(place: &dyn Place) {
    let store = place.open().await;
    let (one, two) = (founded(&*store, 1).await, founded(&*store, 2).await);
    // One device with a log of the same number in both rooms.
    let (mut here, mut there) = (Writer::new(9), Writer::new(9));
    let log = here.log_key();
    store.append(one.run(vec![one.comes_in(&mut here)])).await.unwrap();
    store.append(one.run(one.contents(&mut here, 2))).await.unwrap();
    store.append(two.run(vec![two.comes_in(&mut there)])).await.unwrap();
    assert_eq!(store.heights(one.id).await.unwrap()[&log].next, 3);
    assert_eq!(store.heights(two.id).await.unwrap()[&log].next, 1);
    assert_eq!(store.heights(two.id).await.unwrap().len(), 2);
    assert_eq!(store.newest(two.id, 99).await.unwrap().len(), 4);
    assert_eq!(plain(&*store, two.id).await.len(), 4);
    assert_eq!(store.run(two.id, log, 0, 99, usize::MAX).await.unwrap().len(), 1);
    assert_eq!(store.usage(one.id).await.unwrap().entries, 6);
    store.close().await;
}

pub(crate) async fn everything_is_there_after_opening_anew(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let (mut owner, mut other) = (room.owner.clone(), room.owner.clone());
    let (door, entry) = room.door(&mut owner, &code(7));
    let proof = ForkProof::new(std::slice::from_ref(&entry), &[room.content(&mut other, b"two")]).unwrap();
    store.append(room.run(vec![entry])).await.unwrap();
    let wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 4), 1);
    store.change_wraps(room.id, vec![wrap.clone()], Vec::new()).await.unwrap();
    store.append(room.run(room.contents(&mut owner, 300))).await.unwrap();
    store.put_fork(proof.clone()).await.unwrap();
    let log = owner.log_key();
    let before = (
        store.heights(room.id).await.unwrap(),
        store.newest(room.id, 999).await.unwrap(),
        plain(&*store, room.id).await,
        store.run(room.id, log, 0, 999, usize::MAX).await.unwrap(),
        store.usage(room.id).await.unwrap(),
    );
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.rooms().await.unwrap(), [room.row()]);
    let after = (
        store.heights(room.id).await.unwrap(),
        store.newest(room.id, 999).await.unwrap(),
        plain(&*store, room.id).await,
        store.run(room.id, log, 0, 999, usize::MAX).await.unwrap(),
        store.usage(room.id).await.unwrap(),
    );
    assert_eq!(before, after);
    assert_eq!(store.rooms_at(code(7).locator()).await.unwrap(), [room.id]);
    assert_eq!(store.wrap(room.id, wrap_key(&wrap).unwrap()).await.unwrap(), Some(wrap));
    assert_eq!(store.steps(room.id).await.unwrap(), [(room.secrets.id(), 0)]);
    assert_eq!(store.forks(room.id).await.unwrap(), [proof]);
    // What arrives now is newer than all that came before.
    let next = room.contents(&mut owner, 1);
    store.append(room.run(next)).await.unwrap();
    assert_eq!(store.newest(room.id, 1).await.unwrap(), [(log, 304)]);
    store.close().await;
}

pub(crate) async fn many_writers_at_once_lose_nothing(place: &dyn Place) {
    const WRITERS: u64 = 24;
    const RUNS: usize = 8;
    let store = place.open().await;
    let room = Arc::new(founded(&*store, 1).await);
    let writing = (0..WRITERS).map(|seed| {
        let (store, room) = (Arc::clone(&store), Arc::clone(&room));
        tokio::spawn(async move {
            let mut writer = Writer::new(100 + seed);
            let mut all = vec![room.comes_in(&mut writer)];
            store.append(room.run(all.clone())).await.unwrap();
            for _ in 0..RUNS {
                let run = room.contents(&mut writer, 5);
                assert_eq!(store.append(room.run(run.clone())).await.unwrap(), Appended::Stored(writer.height));
                all.extend(run);
            }
            (writer, all)
        })
    });
    for done in writing.collect::<Vec<_>>() {
        let (writer, all) = done.await.unwrap();
        let run = store.run(room.id, writer.log_key(), 0, 999, usize::MAX).await.unwrap();
        assert_eq!(ids(&entries_of(&run)), ids(&all));
        assert_eq!(store.heights(room.id).await.unwrap()[&writer.log_key()], writer.height);
    }
    let count = 3 + WRITERS * (1 + 5 * RUNS as u64);
    assert_eq!(store.usage(room.id).await.unwrap().entries, count);
    assert_eq!(store.newest(room.id, 9999).await.unwrap().len() as u64, count);
    store.close().await;
}

pub(crate) async fn a_closed_store_finishes_what_it_took_and_takes_no_more(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let mut owner = room.owner.clone();
    let runs: Vec<_> = (0..20).map(|_| room.run(room.contents(&mut owner, 3))).collect();
    let appends: Vec<_> = runs
        .into_iter()
        .map(|run| {
            let store = Arc::clone(&store);
            async move { store.append(run).await }
        })
        .collect();
    let (results, ()) = tokio::join!(futures::future::join_all(appends), store.close());
    let stored = results.iter().filter(|result| matches!(result, Ok(Appended::Stored(_)))).count() as u64;
    let late = store.append(room.run(room.contents(&mut owner.clone(), 1))).await;
    assert_eq!(late, Err(StoreError::Stopped));
    let store = place.open().await;
    assert_eq!(store.usage(room.id).await.unwrap().entries, 3 + 3 * stored, "all that was acknowledged, no more");
    store.close().await;
}

pub(crate) async fn what_is_pruned_keeps_its_place_its_order_and_its_proof(place: &dyn Place) {
    let store = place.open().await;
    let room = founded(&*store, 1).await;
    let (mut owner, before) = (room.owner.clone(), now_ms());
    let (log, entries) = (owner.log_key(), room.session(&mut owner, 5));
    store.append(room.run(entries.clone())).await.unwrap();
    let usage = store.usage(room.id).await.unwrap();
    let arrived = store.arrived(room.id, 0, 99).await.unwrap();
    let all = [room.start.clone(), entries.clone()].concat();
    assert_eq!(arrived.iter().map(|a| a.kept.entry.id()).collect::<Vec<_>>(), ids(&all));
    assert!(arrived.windows(2).all(|pair| pair[0].number < pair[1].number && pair[0].at <= pair[1].at));
    assert!(arrived[3..].iter().all(|a| (before..=now_ms()).contains(&a.at)), "{arrived:?}");
    let rest = store.arrived(room.id, arrived[4].number, 2).await.unwrap();
    assert_eq!(rest, arrived[4..6]);

    // Genesis, epoch, coming in and what opens a session are never pruned; a place that is not held
    // does no harm.
    store.prune(room.id, [0, 1, 2, 3, 4, 6, 6, 99].map(|seq| (log, seq)).into()).await.unwrap();
    let run = store.run(room.id, log, 0, 99, usize::MAX).await.unwrap();
    assert_eq!(ids(&entries_of(&run)), ids(&all), "the same log");
    let is_pruned: Vec<u64> = run.iter().filter(|k| k.entry.is_pruned()).map(|k| k.entry.header().seq).collect();
    assert_eq!(is_pruned, [4, 6]);
    let pruned = store.usage(room.id).await.unwrap();
    assert_eq!(pruned.entries, usage.entries);
    let freed: u64 = [1, 3].map(|at: usize| entries[at].bytes().len() as u64).iter().sum();
    let left: u64 = [1, 3].map(|at: usize| entries[at].pruned().bytes().len() as u64).iter().sum();
    assert_eq!(pruned.bytes + freed, usage.bytes + left);

    // A full entry never takes the place of a pruned one, also after opening anew.
    assert_eq!(store.append(room.run(entries)).await.unwrap(), Appended::Stored(owner.height));
    store.close().await;
    let store = place.open().await;
    let again = store.run(room.id, log, 0, 99, usize::MAX).await.unwrap();
    assert_eq!(again, run);
    assert_eq!(store.usage(room.id).await.unwrap(), pruned);
    store.close().await;
}
