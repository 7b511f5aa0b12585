//! Publishing own entries without waiting for the disk.
//!
//! A place of a log must never be used twice, or the log forks. So places are reserved: the room's
//! record on the disk names a place, and entries before it may be published while they are still on
//! their way to the disk. A start that finds fewer entries than are reserved cannot know which places
//! were used, so it goes on in a new log; what was published comes back from the others. Only a
//! crash or a power cut in the middle of a conversation leads to that: when nothing was written for
//! a while, and when the node stops, the reservation is given back.

use parlor_protocol::{
    RoomId,
    entry::{Entry, Kind, Verified},
};

use super::{Engine, timers::Timer};
use crate::store::Write;

/// Places reserved at a time; renewed when half of them are used.
const AHEAD: u64 = 1024;
/// Who writes again within this time, in milliseconds, is in a conversation.
const CONVERSATION_MS: u64 = 10_000;

/// What a room may publish before it is durable.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    /// Places before this one are reserved on the disk.
    below: u64,
    /// Batches that wait for the disk before they are published. Nothing overtakes them.
    pub(super) waiting: usize,
    /// When the last own entry was written, on the monotonic clock.
    last: Option<u64>,
}

impl Reserved {
    /// The log has changed: nothing of the new one is reserved.
    pub(super) fn forget(&mut self) {
        self.below = 0;
    }
}

impl Engine {
    /// Whether these own entries, the newest of their log, may be published at once.
    pub(super) fn may_publish(&self, room: RoomId, entries: &[Verified<Entry>]) -> bool {
        let is_heard = !self.connections.in_room(room).is_empty();
        let Some(room) = self.rooms.get(&room) else { return false };
        if room.reserved.waiting > 0 || self.unsaved.is_failing() {
            return false;
        }
        // Nothing of a guest's is kept: it never starts again, with less than it published.
        if self.is_guest {
            return true;
        }
        // What else is written (comings in, codes) can wait for the disk, and be undone.
        let is_sealed = entries.iter().all(|entry| entry.header().kind == Kind::Content);
        let is_reserved = entries.last().is_some_and(|last| last.header().seq < room.reserved.below);
        is_heard && is_sealed && is_reserved
    }

    /// Takes note of own entries; in a conversation, reserves more places when few are left. The
    /// write belongs to the batch of the entries, and counts when that is durable.
    pub(super) fn reserve(&mut self, room_id: RoomId, next: u64) -> Option<(Write, u64)> {
        let mono = self.now.mono;
        let is_heard = !self.connections.in_room(room_id).is_empty();
        let room = self.rooms.get_mut(&room_id)?;
        let last = room.reserved.last.replace(mono);
        self.timers.set(mono + CONVERSATION_MS, Timer::Release(room_id));
        let in_conversation = is_heard && last.is_some_and(|last| mono < last + CONVERSATION_MS);
        if !in_conversation || room.record.reserved >= next + AHEAD / 2 {
            return None;
        }
        room.record.reserved = next + AHEAD;
        Some((Write::PutRoom(Box::new(room.record.clone())), room.record.reserved))
    }

    /// A reservation is on the disk.
    pub(super) fn note_reserved(&mut self, room: RoomId, below: u64) {
        if let Some(room) = self.rooms.get_mut(&room)
            && room.record.reserved == below
        {
            room.reserved.below = below;
        }
    }

    /// A reservation is not on the disk; the one before it still is.
    pub(super) fn note_not_reserved(&mut self, room: RoomId) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.record.reserved = room.reserved.below;
        }
    }

    /// Gives the reservation back when the conversation is over and all of it is durable.
    pub(super) fn release(&mut self, room_id: RoomId) {
        let (me, mono) = (self.me(), self.now.mono);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let log = room.own_log(me);
        let (next, durable) = room.logs.get(log).map_or((0, 0), |log| (log.height.next, log.durable));
        let over = room.reserved.last.map_or(0, |last| last + CONVERSATION_MS);
        if over > mono || durable < next {
            return self.timers.set(over.max(mono + 1_000), Timer::Release(room_id));
        }
        self.give_back(room_id);
        self.save_room(room_id);
    }

    /// From now on nothing is published before it is durable, until places are reserved anew. The
    /// record that says so comes after all entries given to the store before; should one of these
    /// fail, the next start still finds fewer entries than the record names.
    pub(super) fn give_back(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let next = room.logs.height(room.own_log(me)).next;
        room.reserved.below = 0;
        if room.record.reserved > next {
            room.record.reserved = next;
            room.record_changed = true;
        }
    }

    /// After a start: whether places were reserved that this device does not know the use of.
    pub(super) fn go_on_after_crash(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id) else { return };
        if room.record.reserved > room.logs.height(room.own_log(me)).next {
            tracing::info!("the last run ended in the middle of a conversation: going on in a new log");
            self.open_new_log(room_id);
        }
    }
}
