//! Storing: one run of a log after the other, acknowledged when durable.

use parlor_node::net::{InboundId, NetCommand};
use parlor_protocol::{
    LogKey, RoomId,
    entry::Entry,
    epoch::Genesis,
    log::ForkProof,
    wire::{Answer, Refusal},
};
use std::{sync::Arc, time::SystemTime};

use super::{
    Done, RETRY_MS, Service,
    room::{Prepared, Ready, RoomState, Work},
};
use crate::store::{Appended, RoomRow, Run, Store, StoreError};

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Reads everything that a room's rules follow from.
pub(super) async fn load_room(store: &dyn Store, row: &RoomRow) -> Result<Box<RoomState<InboundId>>, StoreError> {
    let damaged = |_| StoreError::Damaged { what: format!("the genesis of room {}", row.room.short()) };
    let genesis = Genesis::decode(row.genesis.body()).map_err(damaged)?;
    let mut state = Box::new(RoomState::new(row.room, genesis));
    state.topics = row.topics.iter().copied().collect();
    let heights = store.heights(row.room).await?;
    let (plain, forks, usage) =
        (store.plain(row.room).await?, store.forks(row.room).await?, store.usage(row.room).await?);
    state.restore(heights, plain, &forks, usage);
    Ok(state)
}

fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Damaged { .. } => Refusal::DoesNotFit,
        _ => Refusal::StoreUnavailable,
    }
}

impl Service {
    pub(super) async fn open_room(&mut self, room: RoomId, state: RoomState<InboundId>) {
        for topic in state.topics.clone() {
            if self.topics.insert(topic, room).is_none() {
                self.tell(NetCommand::Subscribe(topic)).await;
            }
        }
        self.rooms.insert(room, state);
    }

    pub(super) fn store_room(&mut self, inbound: InboundId, row: RoomRow, epochs: Vec<Entry>) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let result = store.put_room(row.clone()).await;
            Done::Registered { inbound, row: Box::new(row), epochs, result }
        });
    }

    async fn on_registered(&mut self, row: RoomRow, epochs: Vec<Entry>) {
        if let Some(room) = self.rooms.get_mut(&row.room) {
            room.topics.extend(&row.topics);
            let topics = row.topics.clone();
            for topic in topics {
                if self.topics.insert(topic, row.room).is_none() {
                    self.tell(NetCommand::Subscribe(topic)).await;
                }
            }
        } else if let Ok(genesis) = Genesis::decode(row.genesis.body()) {
            let mut state = RoomState::new(row.room, genesis);
            state.topics = row.topics.iter().copied().collect();
            self.open_room(row.room, state).await;
            tracing::info!(rooms = self.rooms.len(), "a room was registered");
        }
        if let Some(room) = self.rooms.get_mut(&row.room) {
            // The entries come again in their log; until then their keys let members in.
            for entry in epochs.into_iter().filter_map(|entry| entry.verify().ok()) {
                if let Ok(record) = room.rules.epoch_by_owner(&entry) {
                    room.rules.add_epoch(record.id, record.admission);
                }
            }
        }
        self.metrics.rooms.set(i64::try_from(self.rooms.len()).unwrap_or(i64::MAX));
    }

    /// A member pushes a run.
    pub(super) fn push(&mut self, inbound: InboundId, room_id: RoomId, entries: Vec<Entry>) -> Option<Answer> {
        let Some(log) = entries.first().map(Entry::log_key) else { return Some(Answer::Refused(Refusal::Malformed)) };
        let room = self.rooms.get_mut(&room_id)?;
        match room.enqueue(log, Work { entries, waiter: Some(inbound) }) {
            Ok(()) => {
                self.to_start.insert((room_id, log));
                None
            }
            Err(_) => Some(Answer::Refused(Refusal::Busy { retry_ms: RETRY_MS })),
        }
    }

    /// Starts storing whatever waits in logs that are not busy.
    pub(super) fn start_waiting(&mut self) {
        for (room_id, log) in std::mem::take(&mut self.to_start) {
            while let Some(room) = self.rooms.get_mut(&room_id) {
                let max = self.limits.room;
                let state = room.log(log);
                if state.is_busy {
                    break;
                }
                let Some(work) = state.queue.pop_front() else { break };
                let Work { entries, waiter } = work;
                let height = room.height(log);
                match room.prepare(log, entries, max) {
                    Prepared::Store(ready) => self.append(room_id, log, ready, waiter),
                    Prepared::Held => self.answer_later(waiter, Answer::Pushed(vec![(log, height)])),
                    Prepared::Refused(refusal) => self.answer_later(waiter, Answer::Refused(refusal)),
                    Prepared::Contradicts(theirs) => {
                        self.compare(room_id, log, *theirs);
                        self.answer_later(waiter, Answer::Refused(Refusal::DoesNotFit));
                    }
                }
            }
        }
    }

    fn answer_later(&mut self, waiter: Option<InboundId>, answer: Answer) {
        if let Some(inbound) = waiter {
            self.tasks.spawn(std::future::ready(Done::Answer(inbound, answer)));
        }
    }

    fn append(&mut self, room: RoomId, log: LogKey, ready: Ready, waiter: Option<InboundId>) {
        if let Some(state) = self.rooms.get_mut(&room) {
            state.log(log).is_busy = true;
        }
        let store = Arc::clone(&self.store);
        let entries = ready.entries.len() as u64;
        let bytes = ready.entries.iter().map(|kept| kept.entry.bytes().len() as u64).sum();
        let run = Run { room, log, entries: ready.entries, invites: ready.invites };
        self.tasks.spawn(async move {
            let result = store.append(run).await;
            Done::Appended { room, log, waiter, entries, bytes, result }
        });
    }

    /// A run contradicts what is held: keeps the proof and freezes the log.
    fn compare(&mut self, room: RoomId, log: LogKey, theirs: Entry) {
        let store = Arc::clone(&self.store);
        let held = self.rooms.get(&room).map_or(0, |room| room.height(log).next);
        // Either the same place, or the place after ours whose link does not fit.
        let from = theirs.header().seq.min(held.saturating_sub(1));
        self.tasks.spawn(async move {
            let ours = store.run(room, log, from, 1, usize::MAX).await.unwrap_or_default();
            let proof = ours.first().and_then(|ours| ForkProof::new(ours.entry.inner(), &theirs).ok());
            let kept = match proof {
                Some(proof) => store.put_fork(proof).await.is_ok(),
                None => false,
            };
            if kept { Done::Forked { room, log } } else { Done::Nothing }
        });
    }

    pub(super) async fn on_done(&mut self, done: Done) {
        match done {
            Done::Answer(inbound, answer) => self.answer(inbound, &answer).await,
            Done::Appended { room, log, waiter, entries, bytes, result } => {
                let answer = self.on_appended(room, log, entries, bytes, result);
                if let Some(inbound) = waiter {
                    self.answer(inbound, &answer).await;
                }
                self.to_start.insert((room, log));
            }
            Done::Registered { inbound, row, epochs, result } => {
                let answer = match result {
                    Ok(()) => {
                        self.on_registered(*row, epochs).await;
                        Answer::Done
                    }
                    Err(error) => {
                        self.note_failure(&error);
                        Answer::Refused(refusal(&error))
                    }
                };
                self.answer(inbound, &answer).await;
            }
            Done::Reloaded { room, state: Ok(mut state) } => {
                if let Some(old) = self.rooms.remove(&room) {
                    state.topics.extend(&old.topics);
                }
                self.open_room(room, *state).await;
            }
            Done::Reloaded { state: Err(error), .. } => self.note_failure(&error),
            Done::Forked { room, log } => {
                self.metrics.forks.inc();
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.freeze(log);
                }
            }
            Done::Nothing => {}
        }
        self.start_waiting();
    }

    fn on_appended(
        &mut self,
        room_id: RoomId,
        log: LogKey,
        entries: u64,
        bytes: u64,
        result: Result<Appended, StoreError>,
    ) -> Answer {
        let Some(room) = self.rooms.get_mut(&room_id) else { return Answer::Refused(Refusal::UnknownRoom) };
        room.log(log).is_busy = false;
        match result {
            Ok(Appended::Stored(height)) => {
                room.log(log).height = height;
                room.usage.entries += entries;
                room.usage.bytes += bytes;
                self.metrics.entries.inc_by(entries);
                self.metrics.bytes.inc_by(bytes);
                self.is_failing = false;
                Answer::Pushed(vec![(log, height)])
            }
            Ok(Appended::Conflict(_)) => {
                // Another archive wrote to the same store: read the room anew.
                self.reload(room_id);
                Answer::Refused(Refusal::DoesNotFit)
            }
            Err(error) => {
                let answer = Answer::Refused(refusal(&error));
                self.note_failure(&error);
                answer
            }
        }
    }

    fn reload(&mut self, room: RoomId) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let row = store.rooms().await.map(|rows| rows.into_iter().find(|row| row.room == room));
            match row {
                Ok(Some(row)) => Done::Reloaded { room, state: load_room(&*store, &row).await },
                Ok(None) => Done::Nothing,
                Err(error) => Done::Reloaded { room, state: Err(error) },
            }
        });
    }

    /// A failing store is told once, not with every entry.
    fn note_failure(&mut self, error: &StoreError) {
        self.metrics.store_failures.inc();
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!("{error}");
        }
    }
}
