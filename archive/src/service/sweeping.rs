//! Disappearing messages: a sweep now and then that prunes contents whose time is over.
//!
//! An archive cannot open a content, so it counts from when an entry came. What members say
//! vanishes with its epoch's lifetime; what has to stay opens a session, which shows in the header.
//! See `docs/CRYPT.md`, "Disappearing messages".

use parlor_protocol::{EpochId, RoomId, entry::Header};
use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{Done, Service};
use crate::store::{Store, StoreError, Usage};

/// How often all rooms where messages vanish are swept.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Entries looked at in one step: some megabytes.
const STEP: usize = 2_000;

/// How long what was written in each epoch may stay, in milliseconds.
pub(super) type Lifetimes = HashMap<EpochId, u64>;

/// What a sweep of one room did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swept {
    /// Entries that were pruned.
    pub(super) pruned: u64,
    /// The next sweep begins here: nothing before it will ever be pruned.
    pub(super) settled: u64,
    /// What the room takes now.
    pub(super) usage: Usage,
}

/// Where the sweeps of a room stand.
#[derive(Debug, Default)]
pub(super) struct Sweeping {
    settled: u64,
    is_under_way: bool,
}

impl Sweeping {
    /// Whether the room is being swept.
    pub(super) const fn is_under_way(&self) -> bool {
        self.is_under_way
    }
}

impl Service {
    /// Sweeps a room where messages vanish; false when there is nothing to be done.
    pub(super) fn sweep_room(&mut self, id: RoomId, now: u64) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let lifetimes: Lifetimes = room.rules.graph().lifetimes().collect();
        if lifetimes.is_empty() || room.sweeping.is_under_way {
            return false;
        }
        room.sweeping.is_under_way = true;
        let (store, from) = (Arc::clone(&self.store), room.sweeping.settled);
        self.tasks.spawn(async move {
            let result = sweep(&*store, id, from, &lifetimes, now).await;
            Done::Swept { room: id, result }
        });
        true
    }

    pub(super) fn on_swept(&mut self, room_id: RoomId, result: Result<Swept, StoreError>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.sweeping.is_under_way = false;
        match result {
            Ok(swept) => {
                room.sweeping.settled = swept.settled;
                room.usage.bytes = swept.usage.bytes;
                self.metrics.pruned.inc_by(swept.pruned);
            }
            Err(error) => drop(self.note_failure(&error)),
        }
    }
}

/// Prunes what has expired of one room.
async fn sweep(
    store: &dyn Store,
    room: RoomId,
    from: u64,
    lifetimes: &Lifetimes,
    now: u64,
) -> Result<Swept, StoreError> {
    let (mut pruned, mut settled, mut next) = (0, None, from);
    loop {
        let arrived = store.arrived(room, next, STEP).await?;
        let mut places = Vec::new();
        for entry in &arrived {
            let header = entry.kept.entry.header();
            let Some(lifetime) = lifetime_of(header, lifetimes).filter(|_| !entry.kept.entry.is_pruned()) else {
                continue;
            };
            if entry.at.saturating_add(lifetime) <= now {
                places.push((header.log_key(), header.seq));
            } else {
                settled.get_or_insert(entry.number);
            }
        }
        pruned += places.len() as u64;
        if !places.is_empty() {
            store.prune(room, places).await?;
        }
        match arrived.last() {
            Some(last) => next = last.number.saturating_add(1),
            None => break,
        }
        if arrived.len() < STEP {
            break;
        }
    }
    Ok(Swept { pruned, settled: settled.unwrap_or(next), usage: store.usage(room).await? })
}

fn lifetime_of(header: &Header, lifetimes: &Lifetimes) -> Option<u64> {
    lifetimes.get(&header.epoch).copied().filter(|_| header.may_be_pruned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{Lifetimes, STEP, sweep};
    use crate::{
        fixture::Writer,
        service::now_ms,
        store::{EmbeddedStore, Store, conformance::founded},
    };

    const HOUR: u64 = 3_600_000;

    #[tokio::test]
    async fn what_has_expired_is_pruned_and_what_opens_a_session_or_has_no_lifetime_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let room = founded(&store, 1).await;
        let mut writer = Writer::new(5);
        let admission = room.comes_in(&mut writer);
        let said = room.session(&mut writer, 4);
        store.append(room.run([vec![admission], said].concat())).await.unwrap();
        let is_pruned = async || -> Vec<bool> {
            let run = store.run(room.id, writer.log_key(), 0, 99, usize::MAX).await.unwrap();
            run.iter().map(|kept| kept.entry.is_pruned()).collect()
        };
        let now = now_ms();
        let none = sweep(&store, room.id, 0, &Lifetimes::new(), now + 900 * HOUR).await.unwrap();
        assert_eq!(none.pruned, 0);
        let lifetimes = Lifetimes::from([(room.secrets.id(), HOUR)]);
        let early = sweep(&store, room.id, 0, &lifetimes, now).await.unwrap();
        assert_eq!(early.pruned, 0);
        let late = sweep(&store, room.id, early.settled, &lifetimes, now + 2 * HOUR).await.unwrap();
        assert_eq!(late.pruned, 3);
        assert_eq!(is_pruned().await, [false, false, true, true, true]);
        let again = sweep(&store, room.id, late.settled, &lifetimes, now + 2 * HOUR).await.unwrap();
        assert_eq!((again.pruned, again.settled), (0, late.settled), "nothing is looked at twice");
        store.close().await;
    }

    #[tokio::test]
    async fn a_room_of_many_steps_is_swept_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let room = founded(&store, 1).await;
        let mut writer = Writer::new(5);
        let admission = room.comes_in(&mut writer);
        store.append(room.run(vec![admission])).await.unwrap();
        let said = room.session(&mut writer, STEP + 10);
        for part in said.chunks(500) {
            store.append(room.run(part.to_vec())).await.unwrap();
        }
        let lifetimes = Lifetimes::from([(room.secrets.id(), 1)]);
        let swept = sweep(&store, room.id, 0, &lifetimes, now_ms() + HOUR).await.unwrap();
        assert_eq!(swept.pruned, STEP as u64 + 9);
        assert_eq!(swept.usage, store.usage(room.id).await.unwrap());
        store.close().await;
    }
}
