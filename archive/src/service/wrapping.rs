//! Wraps that members bring for who comes by a code, and what becomes of them: see `keys.rs`.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, RoomId,
    access::{
        Wrap, WrapFacts,
        wire::{NotAdmitted, PushWraps},
    },
    wire::{Answer, Refusal},
};
use std::{sync::Arc, time::Instant};

use super::{Done, RETRY_MS, Service, busy, keys::WrapChange, now_ms, rates::Cost, storing::in_time};
use crate::store::{StoreError, Usage};

impl Service {
    /// A member brings wraps.
    pub(super) fn take_wraps(&mut self, inbound: InboundId, from: DeviceId, push: PushWraps) -> Option<Answer> {
        let (room_id, now) = (push.room, now_ms());
        let Some(room) = self.rooms.get(&room_id) else {
            if self.is_shared {
                self.find_room(inbound, room_id);
                return None;
            }
            return Some(Answer::Refused(Refusal::UnknownRoom));
        };
        if room.has_ended() {
            return Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Out)));
        }
        if let Err(why) = room.rules.served(from, now) {
            return Some(Answer::Refused(Refusal::NotAdmitted(why)));
        }
        if let Some(refusal) = room.is_unsaved(from) {
            return Some(Answer::Refused(refusal));
        }
        if push.wraps.is_empty() {
            return Some(Answer::Done);
        }
        let bytes = push.wraps.iter().map(|wrap| wrap.len()).sum();
        if let Err(wait) = self.meter.take(self.peers.asker(from), Cost::Bytes(bytes), Instant::now()) {
            return Some(busy(wait));
        }
        if !self.in_flight.bring(inbound, bytes) {
            return Some(busy(RETRY_MS.into()));
        }
        let room = self.rooms.get(&room_id)?;
        let is_unknown = |wrap: &Wrap| {
            let WrapFacts { door, epoch, .. } = wrap.facts;
            room.rules.door(door).is_none() || room.rules.graph().facts(epoch).is_none()
        };
        if push.wraps.iter().any(is_unknown) {
            // They overtook the entries that they are for, or another archive has those: they come again.
            self.refresh(room_id);
            return Some(Answer::Refused(Refusal::DoesNotFit));
        }
        if push.wraps.iter().any(|wrap| wrap.check().is_err()) {
            return Some(Answer::Refused(Refusal::Malformed));
        }
        let max = self.most_of(room_id);
        let room = self.rooms.get_mut(&room_id)?;
        let before = room.bytes();
        if room.change_wraps(now, push.wraps, max.bytes, Some(inbound)).is_err() {
            return Some(self.refuse(room_id, Refusal::QuotaReached, bytes as u64));
        }
        let after = room.bytes();
        self.keeping.bytes = self.keeping.bytes.saturating_sub(before).saturating_add(after);
        self.store_wraps(room_id, false);
        None
    }

    /// What a room may take in all, as far as the disk has room for it.
    pub(super) fn most_of(&self, room: RoomId) -> Usage {
        let now = self.rooms.get(&room).map_or(0, |room| room.bytes());
        let bytes = self.limits.room.bytes.min(now.saturating_add(self.bytes_left()));
        Usage { bytes, ..self.limits.room }
    }

    /// Refuses something of so many bytes; when the disk is full for it other rooms may go.
    pub(super) fn refuse(&mut self, room: RoomId, refusal: Refusal, bytes: u64) -> Answer {
        if refusal == Refusal::QuotaReached && bytes > self.bytes_left() {
            self.note_full(room);
        }
        Answer::Refused(refusal)
    }

    /// Somebody came or went, or something was written: strangers are no members, and wraps that may be kept
    /// no longer go.
    pub(super) async fn note_changes(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let is_who_outdated = std::mem::take(&mut room.is_who_outdated);
        if room.keys.is_outdated {
            self.tidy_wraps(room_id, false);
        }
        if is_who_outdated {
            self.know_room(room_id).await;
        }
    }

    /// Deletes wraps of a room that may be kept no longer; false when there is nothing to be done.
    pub(super) fn tidy_wraps(&mut self, room_id: RoomId, is_chore: bool) -> bool {
        let Some(room) = self.rooms.get_mut(&room_id) else { return false };
        let before = room.bytes();
        // Nothing new comes, so there is room for it.
        let _ = room.change_wraps(now_ms(), Vec::new(), u64::MAX, None);
        let after = room.bytes();
        self.keeping.bytes = self.keeping.bytes.saturating_sub(before).saturating_add(after);
        self.store_wraps(room_id, is_chore)
    }

    /// Stores what changed, unless something is being stored already; then it is stored after that.
    fn store_wraps(&mut self, room: RoomId, is_chore: bool) -> bool {
        let Some(change) = self.rooms.get_mut(&room).and_then(|room| room.keys.begin_change()) else { return false };
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let WrapChange { put, gone, waiters } = change;
            let (put, gone) = (put.into_values().collect(), gone.into_iter().collect());
            let result = in_time(store.change_wraps(room, put, gone)).await;
            Done::WrapsChanged { room, waiters, is_chore, result }
        });
        true
    }

    pub(super) async fn on_wraps_changed(
        &mut self,
        room_id: RoomId,
        waiters: Vec<InboundId>,
        result: Result<(), StoreError>,
    ) {
        let answer = match &result {
            Ok(()) => Answer::Done,
            Err(error) => self.note_failure(error),
        };
        for inbound in waiters {
            self.answer(inbound, &answer).await;
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.keys.end_change(result.is_ok());
        }
        // What went wrong is tried again when everything is looked at the next time.
        if result.is_ok() {
            self.store_wraps(room_id, false);
        }
    }
}
