//! Rooms that an owner has dissolved: served to nobody from that moment on, and deleted a week later.
//!
//! Until then an owner who is more senior, and who was away, can still say that it does not stand
//! (`docs/CRYPT.md`, "Who governs"). The records of its epochs stay for good, for members who come back
//! late and have to hear of it. Should it turn out after all that the room goes on, its members bring
//! everything again.

use parlor_protocol::{RoomId, entry::Entry};
use std::sync::Arc;

use super::{Done, Service};
use crate::store::{Store, StoreError, Usage};

/// How long what was in a dissolved room is kept, in milliseconds.
const STAYS_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Entries looked at in one step.
const STEP: usize = 2_000;

/// What became of a room that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing of it is left but its records.
    Gone,
    /// It stays until then, in milliseconds since 1970.
    Later(u64),
}

/// Where the end of a room stands.
#[derive(Debug, Default)]
pub(super) struct Ending {
    due: u64,
    /// When this archive was told of the end by a record alone, in milliseconds since 1970.
    heard: u64,
    is_under_way: bool,
    is_done: bool,
}

impl Ending {
    /// Somebody told of the end.
    pub(super) fn heard(&mut self, now: u64) {
        self.heard = now;
    }
}

impl Service {
    /// Deletes what was in a dissolved room when its time is over; false when there is nothing to be done.
    pub(super) fn end_room(&mut self, id: RoomId, now: u64) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        if !room.has_ended() {
            // It turned out that it goes on.
            room.ending.is_done = false;
            return false;
        }
        if room.ending.is_done || room.ending.is_under_way || room.ending.due > now {
            return false;
        }
        room.ending.is_under_way = true;
        let (store, heard, records) = (Arc::clone(&self.store), room.ending.heard, room.records());
        self.tasks.spawn(async move {
            let result = end_if_due(&*store, id, records, heard, now).await;
            Done::Ended { room: id, result }
        });
        true
    }

    pub(super) fn on_ended(&mut self, room_id: RoomId, result: Result<Ended, StoreError>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.ending.is_under_way = false;
        match result {
            Ok(Ended::Gone) => {
                room.ending.is_done = true;
                room.forget_logs();
                tracing::info!("a room that was dissolved is deleted");
            }
            Ok(Ended::Later(due)) => room.ending.due = due,
            Err(error) => drop(self.note_failure(&error)),
        }
    }
}

/// Deletes a dissolved room when its newest entry came long enough ago, and it was `heard` of the end as
/// long ago: after that nothing is taken any more.
async fn end_if_due(
    store: &dyn Store,
    room: RoomId,
    records: Vec<Entry>,
    heard: u64,
    now: u64,
) -> Result<Ended, StoreError> {
    if store.usage(room).await? == Usage::default() && !store.records(room).await?.is_empty() {
        return Ok(Ended::Gone);
    }
    let (mut newest, mut next) = (heard, 0);
    loop {
        let arrived = store.arrived(room, next, STEP).await?;
        let Some(last) = arrived.last() else { break };
        newest = arrived.iter().map(|entry| entry.at).fold(newest, u64::max);
        next = last.number.saturating_add(1);
        if arrived.len() < STEP {
            break;
        }
    }
    let due = newest.saturating_add(STAYS_MS);
    if due > now {
        return Ok(Ended::Later(due));
    }
    store.end_room(room, records).await?;
    Ok(Ended::Gone)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
    use super::{Ended, STAYS_MS, end_if_due};
    use crate::{
        fixture::Writer,
        service::now_ms,
        store::{EmbeddedStore, Store, Usage, conformance::founded},
    };

    #[tokio::test]
    async fn a_dissolved_room_stays_a_week_after_its_last_entry_and_is_gone_then() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(folder.path()).unwrap();
        let room = founded(&store, 1).await;
        let mut writer = Writer::new(5);
        store.append(room.run(room.contents(&mut writer, 3))).await.unwrap();
        let records = vec![room.epoch.clone()];
        let before = store.usage(room.id).await.unwrap();
        let now = now_ms();
        let early = end_if_due(&store, room.id, records.clone(), 0, now).await.unwrap();
        assert!(matches!(early, Ended::Later(due) if (now + STAYS_MS - 60_000..=now + STAYS_MS).contains(&due)));
        assert_eq!(store.usage(room.id).await.unwrap(), before);
        // A quiet room, of whose end somebody tells a month later.
        let month = now + 30 * 24 * 60 * 60 * 1_000;
        let told = end_if_due(&store, room.id, records.clone(), month, month + 60_000).await.unwrap();
        assert_eq!(told, Ended::Later(month + STAYS_MS));
        for _ in 0..2 {
            let late = end_if_due(&store, room.id, records.clone(), 0, now + STAYS_MS + 1_000).await.unwrap();
            assert_eq!(late, Ended::Gone);
            assert_eq!(store.usage(room.id).await.unwrap(), Usage::default());
            assert_eq!(store.records(room.id).await.unwrap(), records);
        }
        store.close().await;
    }
}
