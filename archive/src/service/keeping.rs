//! Keeping up: what is done now and then and nobody waits for. Messages vanish, dissolved rooms end, rooms go
//! when places or disk are short. A few tasks at a time, so that members find theirs free.

use parlor_protocol::{
    RoomId,
    limits::PAGE_MAX_BYTES,
    wire::{Answer, Refusal},
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Done, Service, UPKEEP_MAX, now_ms,
    places::{self, Candidate},
    storing::in_time,
};
use crate::store::{Registrant, StoreError};

/// How full the disk may be before rooms go, and how full it is then, in parts of a hundred.
const FULL: u64 = 98;
const EASED: u64 = 95;
/// How often tries that are forgiven are forgotten, in milliseconds.
const TIDY_EVERY_MS: u64 = 10 * 60 * 1_000;
/// How often rooms may go because something was refused.
pub(super) const EASE_EVERY: Duration = Duration::from_secs(1);
/// How often a disk that is full is measured: who frees it wants to see that it helped.
const FULL_EVERY: Duration = Duration::from_secs(2);

/// Something to be done about a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chore {
    /// It is deleted, all of it.
    LetGo(RoomId),
    /// It was dissolved, and may be due.
    End(RoomId),
    /// What vanishes in it is pruned.
    Sweep(RoomId),
    /// Codes and visits ended, and what is wrapped for them goes.
    Tidy(RoomId),
}

/// Where all of that stands.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    chores: VecDeque<Chore>,
    under_way: usize,
    /// Bytes of the entries of all rooms.
    pub(super) bytes: u64,
    /// Bytes of entries that there is room for in all, as far as that is known.
    room_for: Option<u64>,
    is_measuring: bool,
    /// When tries that are forgiven are forgotten next.
    tidy_at: u64,
    /// When it was last looked at what was refused because the disk is full.
    eased: Option<Instant>,
    /// Rooms in which something was refused since, two at most: what counts is whether it is one alone.
    refused: BTreeSet<RoomId>,
    /// How many bytes there was room for then.
    capacity_then: u64,
    /// The disk is full, and has to be measured again at this time.
    full: Option<Instant>,
}

impl Keeping {
    /// Chores that are being done.
    pub(super) const fn under_way(&self) -> usize {
        self.under_way
    }

    /// When a disk that is full has to be measured.
    pub(super) const fn measure_at(&self) -> Option<Instant> {
        self.full
    }
}

impl Service {
    /// Looks at everything, and begins what is due.
    pub(super) async fn keep_up(&mut self, now: u64) {
        self.count_bytes();
        self.measure();
        self.tidy_tries(now);
        self.forget_ended().await;
        if self.keeping.chores.iter().all(|chore| matches!(chore, Chore::LetGo(_))) {
            for (id, room) in &self.rooms {
                if room.has_ended() {
                    self.keeping.chores.push_back(Chore::End(*id));
                } else if room.rules.graph().lifetimes().next().is_some() {
                    self.keeping.chores.push_back(Chore::Sweep(*id));
                }
                if room.keys.is_due(now) {
                    self.keeping.chores.push_back(Chore::Tidy(*id));
                }
            }
        }
        self.go_on_keeping(now);
    }

    /// Forgets now and then what is forgiven of wrong passwords.
    fn tidy_tries(&mut self, now: u64) {
        let Some(desk) = self.desk.as_ref().filter(|_| now >= self.keeping.tidy_at) else { return };
        self.keeping.tidy_at = now.saturating_add(TIDY_EVERY_MS);
        let desk = desk.desk();
        self.tasks.spawn(async move {
            desk.forget_tries(now).await;
            Done::Nothing
        });
    }

    /// Begins as many chores as there are places for.
    fn go_on_keeping(&mut self, now: u64) {
        while self.keeping.under_way < UPKEEP_MAX {
            let Some(chore) = self.keeping.chores.pop_front() else { break };
            let is_begun = match chore {
                Chore::LetGo(room) => {
                    let store = Arc::clone(&self.store);
                    self.tasks.spawn(async move { Done::Left { room, result: store.remove_room(room).await } });
                    true
                }
                Chore::End(room) => self.end_room(room, now),
                Chore::Sweep(room) => self.sweep_room(room, now),
                Chore::Tidy(room) => self.tidy_wraps(room, true),
            };
            self.keeping.under_way += usize::from(is_begun);
        }
    }

    /// A chore is done.
    pub(super) fn chore_done(&mut self, now: u64) {
        self.keeping.under_way = self.keeping.under_way.saturating_sub(1);
        self.go_on_keeping(now);
    }

    pub(super) fn on_left(&mut self, room: RoomId, result: Result<(), StoreError>) {
        match result {
            Ok(()) => drop(self.leaving.remove(&room)),
            Err(error) => {
                // Nobody may bring it back before it is gone: half of it would be missing.
                drop(self.note_failure(&error));
                self.keeping.chores.push_back(Chore::LetGo(room));
            }
        }
    }

    /// Forgets a room that is not in the store any more.
    pub(super) async fn forget_room(&mut self, room_id: RoomId) {
        let Some(mut room) = self.rooms.remove(&room_id) else { return };
        self.refreshed.remove(&room_id);
        self.unhear(&mut room).await;
        for inbound in room.keys.abandon() {
            self.answer(inbound, &Answer::Refused(Refusal::UnknownRoom)).await;
        }
        self.forget(room.devices()).await;
        self.count_rooms();
    }

    /// Forgets a room at once, and deletes it from the store as soon as it is its turn.
    pub(super) async fn let_go(&mut self, room_id: RoomId) {
        self.forget_room(room_id).await;
        self.leaving.insert(room_id);
        self.keeping.chores.push_front(Chore::LetGo(room_id));
        self.metrics.let_go.inc();
        self.go_on_keeping(now_ms());
    }

    /// Something was refused in a room because the disk is full.
    pub(super) fn note_full(&mut self, room: RoomId) {
        let capacity = self.capacity().unwrap_or(u64::MAX);
        let keeping = &mut self.keeping;
        if keeping.full.is_none() {
            tracing::warn!("the disk is full, or as full as it may be: no more is taken until there is space");
            keeping.full = Some(Instant::now() + FULL_EVERY);
        }
        keeping.capacity_then = capacity;
        if keeping.refused.len() < 2 {
            keeping.refused.insert(room);
        }
    }

    /// Looks at the disk at once when something was refused because it is full. What was known of it is as
    /// old as a minute.
    pub(super) fn ease(&mut self) {
        let is_due = self.keeping.eased.is_none_or(|at| at.elapsed() >= EASE_EVERY);
        if !self.keeping.refused.is_empty() && is_due {
            self.keeping.eased = Some(Instant::now());
            self.measure();
        }
    }

    /// Lone rooms go when the disk is full. It was just measured.
    async fn make_room(&mut self) {
        let Some(capacity) = self.capacity() else { return };
        let refused = std::mem::take(&mut self.keeping.refused);
        // If there is more space than then, those who were refused come again first.
        let mut is_short = !refused.is_empty() && capacity <= self.keeping.capacity_then;
        if !is_short && self.keeping.bytes <= part(capacity, FULL) {
            return;
        }
        while std::mem::take(&mut is_short) || self.keeping.bytes > part(capacity, EASED) {
            // No room goes for itself: it would be brought again, and go again, without end.
            let last = self.candidates().max_by_key(|room| room.active).map(|room| room.room);
            let goes_for_others = |room: &Candidate| match refused.is_empty() {
                true => Some(room.room) != last,
                false => refused.iter().any(|other| *other != room.room),
            };
            let Some(goes) = places::oldest_lone(self.candidates().filter(goes_for_others)) else { break };
            let bytes = self.rooms.get(&goes).map_or(0, |room| room.bytes());
            self.keeping.bytes = self.keeping.bytes.saturating_sub(bytes);
            tracing::info!("the disk is full; a room of one device goes, which brings it again when there is room");
            self.let_go(goes).await;
        }
    }

    /// Records of dissolved rooms stay for members who come late, but not without end: whoever has most
    /// loses the oldest.
    async fn forget_ended(&mut self) {
        let mut ended: Vec<_> = self.rooms.iter().filter(|(_, room)| room.has_ended() && !room.is_busy()).collect();
        if ended.len() <= self.limits.rooms {
            return;
        }
        ended.sort_unstable_by_key(|(id, room)| (room.registered, **id));
        let mut of = HashMap::<Registrant, VecDeque<RoomId>>::new();
        let (count, over) = (ended.len(), ended.len() - self.limits.rooms);
        ended.iter().for_each(|(id, room)| of.entry(room.by).or_default().push_back(**id));
        let mut goes = Vec::with_capacity(over.min(count));
        for _ in 0..over {
            let Some(rooms) = of.values_mut().max_by_key(|rooms| rooms.len()) else { break };
            goes.extend(rooms.pop_front());
        }
        for room in goes {
            self.let_go(room).await;
        }
    }

    /// Bytes of entries that may be kept in all.
    pub(super) fn capacity(&self) -> Option<u64> {
        [self.limits.bytes, self.keeping.room_for].into_iter().flatten().min()
    }

    /// Bytes of entries that may still come.
    pub(super) fn bytes_left(&self) -> u64 {
        self.capacity().map_or(u64::MAX, |capacity| capacity.saturating_sub(self.keeping.bytes))
    }

    pub(super) fn count_bytes(&mut self) {
        self.keeping.bytes = self.rooms.values().map(|room| room.bytes()).sum();
        self.metrics.kept.set(i64::try_from(self.keeping.bytes).unwrap_or(i64::MAX));
    }

    /// Asks the store how much the disk has room for.
    pub(super) fn measure(&mut self) {
        if std::mem::replace(&mut self.keeping.is_measuring, true) {
            return;
        }
        let (store, free, kept) = (Arc::clone(&self.store), self.limits.free_bytes, self.keeping.bytes);
        self.tasks.spawn(async move { Done::Measured { result: in_time(store.room_for(kept, free)).await } });
    }

    /// The disk was full a moment ago: it is measured again.
    pub(super) fn measure_again(&mut self) {
        self.keeping.full = Some(Instant::now() + FULL_EVERY);
        self.measure();
    }

    pub(super) async fn on_measured(&mut self, result: Result<Option<u64>, StoreError>) {
        self.keeping.is_measuring = false;
        match result {
            Ok(room_for) => self.keeping.room_for = room_for,
            Err(error) => drop(self.note_failure(&error)),
        }
        self.make_room().await;
        if self.keeping.full.is_some() {
            let has_space = self.bytes_left() >= PAGE_MAX_BYTES as u64;
            self.keeping.full = (!has_space).then(|| Instant::now() + FULL_EVERY);
            if has_space {
                tracing::info!("there is space on the disk again");
            }
        }
    }

    pub(super) fn count_rooms(&self) {
        self.metrics.rooms.set(i64::try_from(self.rooms.len()).unwrap_or(i64::MAX));
    }
}

fn part(of: u64, parts: u64) -> u64 {
    u64::try_from(u128::from(of) * u128::from(parts) / 100).unwrap_or(u64::MAX)
}
