//! Storing: one run of a log after the other, acknowledged when durable.

use bytes::Bytes;
use parlor_node::net::{InboundId, NetCommand};
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    access::wire::NotAdmitted,
    entry::{Entry, Kind},
    epoch::topic_of,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
    log::{ForkProof, Height},
    wire::{Answer, Gossip, Refusal},
};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

use super::{
    Compared, Done, Opened, RETRY_MS, Service, Waiter, busy,
    loading::load,
    peers,
    rates::Cost,
    room::Work,
    taking::{Prepared, Ready},
};
use crate::store::{Appended, Kept, RoomRow, Run, Store, StoreError, Usage};

/// How long the store may take to answer; far more than a healthy one needs.
pub(super) const STORE_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Waits for the store, but not for ever: a database that hangs must not hold up the archive.
pub(super) async fn in_time<T>(reading: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    within(STORE_WITHIN, reading).await
}

pub(super) async fn within<T>(
    most: Duration,
    act: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(most, act).await.unwrap_or_else(|_| {
        Err(StoreError::Unreachable { what: "the store".into(), last_error: "it does not answer".into() })
    })
}

fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Damaged { .. } => Refusal::DoesNotFit,
        _ => Refusal::StoreUnavailable,
    }
}

impl Service {
    /// Makes a room known here that was read, and listens to it. One that is known already goes on.
    pub(super) async fn open_room(&mut self, room: Opened) {
        let id = room.rules.room();
        if self.leaving.contains(&id) {
            return;
        }
        self.rooms.entry(id).or_insert(*room);
        self.listen(id).await;
        self.know_room(id).await;
        self.count_rooms();
    }

    pub(super) fn store_room(&mut self, inbound: InboundId, row: RoomRow, epochs: Vec<Entry>, is_new: bool) {
        if is_new {
            self.arriving.insert(row.room);
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let result = async {
                store.put_room(row.clone()).await?;
                // Another archive with the same store may hold a lot of it already.
                if is_new { load(&*store, &row).await.map(Some) } else { Ok(None) }
            };
            let result = in_time(result).await;
            Done::Registered { inbound, row: Box::new(row), epochs, result }
        });
    }

    async fn on_registered(&mut self, row: RoomRow, epochs: Vec<Entry>, loaded: Option<Opened>) {
        if !self.rooms.contains_key(&row.room) {
            tracing::info!(rooms = self.rooms.len() + 1, "a room was registered");
        }
        if let Some(room) = loaded {
            self.open_room(room).await;
        }
        if let Some(room) = self.rooms.get_mut(&row.room) {
            // The entries come again in their log; until then they let members in. Each follows those
            // before it.
            for entry in epochs.into_iter().filter_map(|entry| entry.verify().ok()) {
                let _ = room.learn_epoch(&entry);
            }
        }
        self.listen(row.room).await;
    }

    /// A member pushes a run.
    pub(super) fn push(
        &mut self,
        inbound: InboundId,
        from: DeviceId,
        room_id: RoomId,
        entries: Vec<Entry>,
        is_in: bool,
    ) -> Option<Answer> {
        let Some(log) = entries.first().map(Entry::log_key) else { return Some(Answer::Refused(Refusal::Malformed)) };
        let bytes = entries.iter().map(|entry| entry.bytes().len()).sum();
        if let Err(wait) = self.meter.take(self.peers.asker(from), Cost::Bytes(bytes), Instant::now()) {
            return Some(busy(wait));
        }
        if !self.in_flight.bring(inbound, bytes) {
            return Some(busy(RETRY_MS.into()));
        }
        // Of who is not in itself, all of what lets somebody in is checked.
        if !is_in && !self.may_all_come(room_id, &entries) {
            return Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show)));
        }
        let room = self.rooms.get_mut(&room_id)?;
        match room.enqueue(log, Work { entries, waiter: Waiter::Asked(inbound) }) {
            Ok(()) => {
                self.to_start.insert((room_id, log));
                None
            }
            Err(_) => Some(busy(RETRY_MS.into())),
        }
    }

    /// Starts storing whatever waits in logs that are not busy.
    pub(super) fn start_waiting(&mut self) {
        for (room_id, log) in std::mem::take(&mut self.to_start) {
            let max = self.most_of(room_id);
            while let Some(room) = self.rooms.get_mut(&room_id) {
                let state = room.log(log);
                if state.is_busy {
                    break;
                }
                let Some(work) = state.queue.pop_front() else { break };
                let Work { entries, waiter } = work;
                let wanted: u64 = entries.iter().map(|entry| entry.bytes().len() as u64).sum();
                let height = room.height(log);
                match room.prepare(log, entries, max) {
                    Prepared::Store(ready) => self.append(room_id, log, ready, waiter),
                    Prepared::Held => self.answer_later(waiter, Answer::Pushed(vec![(log, height)])),
                    Prepared::Refused(refusal) => {
                        let answer = self.refuse(room_id, refusal, wanted);
                        self.answer_later(waiter, answer);
                    }
                    Prepared::Compare(theirs) => self.compare(room_id, log, theirs, waiter),
                }
            }
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.forget_unused(log);
            }
        }
    }

    fn answer_later(&mut self, waiter: Waiter, answer: Answer) {
        if let Some(inbound) = waiter.asked() {
            self.tasks.spawn(std::future::ready(Done::Answer(inbound, answer)));
        }
    }

    fn append(&mut self, room: RoomId, log: LogKey, ready: Ready, waiter: Waiter) {
        let Some(planned) = ready.entries.last().map(|kept| Height::after(kept.entry.inner())) else { return };
        let Ready { entries, doors, steps } = ready;
        if let Some(state) = self.rooms.get_mut(&room) {
            state.begin_storing(log, planned.next, steps.clone());
        }
        let (store, most) = (Arc::clone(&self.store), self.limits.store_within);
        let added = Usage {
            entries: entries.len() as u64,
            bytes: entries.iter().map(|kept| kept.entry.bytes().len() as u64).sum(),
        };
        // Who pushed may be gone before others hear of it by gossip. The end of the run is enough:
        // it shows them that something is missing.
        let tells = |kept: &&Kept| waiter.asked().is_some() && kept.checked && !kept.entry.is_pruned();
        let news = entries.last().filter(tells).map(|kept| Box::new(kept.entry.inner().clone()));
        let run = Run { room, log, entries, doors, steps };
        self.tasks.spawn(async move {
            // What comes of it nevertheless is found when the entries come again.
            let result = within(most, store.append(run)).await;
            Done::Appended { room, log, waiter, planned, added, news, result }
        });
    }

    /// Compares a run with what is held at its places, or before it when they are free: a contradiction is
    /// kept as proof and freezes the log.
    pub(super) fn compare(&mut self, room: RoomId, log: LogKey, theirs: Vec<Entry>, waiter: Waiter) {
        let store = Arc::clone(&self.store);
        let next = self.rooms.get(&room).map_or(0, |room| room.height(log).next);
        self.tasks.spawn(async move {
            let result = in_time(compare_with_held(&*store, room, log, next, &theirs)).await;
            Done::Compared { room, log, waiter, result }
        });
    }

    pub(super) async fn on_done(&mut self, done: Done) {
        match done {
            Done::Answer(inbound, answer) => self.answer(inbound, &answer).await,
            Done::Appended { room, log, waiter, planned, added, news, result } => {
                let answer = self.on_appended(room, log, planned, added, result);
                self.listen(room).await;
                self.note_changes(room).await;
                if let (Some(news), Answer::Pushed(_)) = (news, &answer) {
                    self.pass_on(*news).await;
                }
                if let Some(inbound) = waiter.asked() {
                    self.answer(inbound, &answer).await;
                }
                self.to_start.insert((room, log));
            }
            Done::Applied { application, account } => {
                let inbound = application.inbound;
                if let Some(answer) = self.on_applied(*application, account).await {
                    self.answer(inbound, &answer).await;
                }
            }
            Done::Registered { inbound, row, epochs, result } => {
                self.arriving.remove(&row.room);
                let answer = match result {
                    Ok(loaded) => {
                        self.on_registered(*row, epochs, loaded).await;
                        Answer::Done
                    }
                    Err(error) => self.note_failure(&error),
                };
                self.answer(inbound, &answer).await;
            }
            Done::Found { inbound, result } => {
                let answer = match result {
                    Ok(Some(room)) => {
                        self.open_room(room).await;
                        Answer::Refused(Refusal::Busy { retry_ms: RETRY_MS })
                    }
                    Ok(None) => Answer::Refused(Refusal::UnknownRoom),
                    Err(error) => self.note_failure(&error),
                };
                self.answer(inbound, &answer).await;
            }
            Done::Located { inbound, look, result } => self.on_located(inbound, look, result).await,
            Done::Looked { inbound, look, result } => self.on_looked(inbound, look, result).await,
            Done::CameIn { comes_in, appended, wraps } => self.on_came_in(*comes_in, appended, wraps).await,
            Done::WrapsChanged { room, waiters, is_chore, result } => {
                self.on_wraps_changed(room, waiters, result).await;
                if is_chore {
                    self.chore_done(now_ms());
                }
            }
            Done::Reloaded { room, result } => self.on_reloaded(room, result).await,
            Done::Compared { room, log, waiter, result } => {
                let answer = self.on_compared(room, log, result);
                if let Some(inbound) = waiter.asked() {
                    self.answer(inbound, &answer).await;
                }
            }
            Done::Swept { room, result } => {
                self.on_swept(room, result);
                self.chore_done(now_ms());
            }
            Done::Ended { room, result } => {
                self.on_ended(room, result);
                self.chore_done(now_ms());
            }
            Done::Left { room, result } => {
                self.on_left(room, result);
                self.chore_done(now_ms());
            }
            Done::Measured { result } => self.on_measured(result).await,
            Done::AtDesk { inbound, from, registers, answer } => {
                if let Some(is_signed_in) = peers::shows_signed_in(registers, &answer) {
                    self.peers.note_signed_in(from, is_signed_in);
                    match is_signed_in {
                        true => self.know_signed_in(vec![from]).await,
                        false => self.forget_signed_in(from).await,
                    }
                }
                self.answer(inbound, &Answer::Account(answer)).await;
            }
            Done::Nothing => {}
        }
        self.start_waiting();
        self.ease();
    }

    /// Tells the members: those who can open it, and everybody when an epoch begins.
    pub(super) async fn pass_on(&self, news: Entry) {
        let Some(room) = self.rooms.get(&news.room()) else { return };
        let topics = match news.header().kind {
            Kind::Epoch => room.topics(),
            _ => vec![topic_of(news.room(), news.header().epoch)],
        };
        let Ok(bytes) = Gossip::Entry(news).encode().map(Bytes::from) else { return };
        for topic in topics {
            self.tell(NetCommand::Publish { topic, bytes: bytes.clone() }).await;
        }
    }

    pub(super) fn on_appended(
        &mut self,
        room_id: RoomId,
        log: LogKey,
        planned: Height,
        added: Usage,
        result: Result<Appended, StoreError>,
    ) -> Answer {
        let Some(room) = self.rooms.get_mut(&room_id) else { return Answer::Refused(Refusal::UnknownRoom) };
        room.log(log).is_busy = false;
        match result {
            Ok(Appended::Stored(height)) => {
                room.log(log).height = height;
                room.note_saved(log);
                room.usage.entries += added.entries;
                room.usage.bytes += added.bytes;
                room.active = now_ms();
                self.keeping.bytes = self.keeping.bytes.saturating_add(added.bytes);
                self.metrics.entries.inc_by(added.entries);
                self.metrics.bytes.inc_by(added.bytes);
                if std::mem::replace(&mut self.is_failing, false) {
                    tracing::info!("the store works again");
                }
                if height != planned {
                    // Another archive with the same store was ahead: learn what it took.
                    self.reload(room_id);
                }
                Answer::Pushed(vec![(log, height)])
            }
            Ok(Appended::Conflict(_)) => {
                self.reload(room_id);
                Answer::Refused(Refusal::DoesNotFit)
            }
            Err(error) => self.note_failure(&error),
        }
    }

    fn on_compared(&mut self, room_id: RoomId, log: LogKey, result: Result<Compared, StoreError>) -> Answer {
        let Some(room) = self.rooms.get_mut(&room_id) else { return Answer::Refused(Refusal::UnknownRoom) };
        match result {
            Ok(Compared::Same) => Answer::Pushed(vec![(log, room.height(log))]),
            Ok(Compared::Forked) => {
                if !room.is_frozen(log) {
                    room.freeze(log);
                    self.metrics.forks.inc();
                    tracing::warn!("a log forked; it takes no more entries, and the proof is kept");
                }
                Answer::Refused(Refusal::DoesNotFit)
            }
            Ok(Compared::Unproven) => Answer::Refused(Refusal::DoesNotFit),
            Err(error) => self.note_failure(&error),
        }
    }

    /// Opens a room that another archive registered in the same store; whoever asked for it is told
    /// to come again.
    pub(super) fn find_room(&mut self, inbound: InboundId, room: RoomId) {
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let reading = async {
                match store.room(room).await? {
                    Some(row) => load(&*store, &row).await.map(Some),
                    None => Ok(None),
                }
            };
            Done::Found { inbound, result: in_time(reading).await }
        });
    }

    /// A failing store is told once, not with every entry.
    pub(super) fn note_failure(&mut self, error: &StoreError) -> Answer {
        self.metrics.store_failures.inc();
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::error!("{error}");
        }
        Answer::Refused(refusal(error))
    }
}

async fn compare_with_held(
    store: &dyn Store,
    room: RoomId,
    log: LogKey,
    next: u64,
    theirs: &[Entry],
) -> Result<Compared, StoreError> {
    let Some(first) = theirs.first() else { return Ok(Compared::Unproven) };
    let from = first.header().seq.min(next.saturating_sub(1));
    // Both go on to a good signature; what is held has one within as much as is taken at once.
    let held = store.run(room, log, from, PAGE_MAX_ENTRIES, PAGE_MAX_BYTES).await?;
    let ours: Vec<Entry> = held.into_iter().map(|kept| kept.entry.into_inner()).collect();
    if ours.first().is_some_and(|ours| ours.id() == first.id()) {
        return Ok(Compared::Same);
    }
    match ForkProof::new(&ours, theirs) {
        Ok(proof) => store.put_fork(proof).await.map(|()| Compared::Forked),
        Err(_) => Ok(Compared::Unproven),
    }
}
