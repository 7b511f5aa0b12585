//! Telling people: room summaries, members, changed messages. And keeping records.

use parlor_protocol::{EntryId, RoomId};

use super::{Engine, engine::SUMMARY_EVERY_MS, room::Room, timers::Timer, unsaved::Again, writing::Pending};
use crate::{
    event::{Event, RoomSummary},
    store::Write,
};

impl Engine {
    /// All rooms, newest activity first.
    pub(super) fn summaries(&self) -> Vec<RoomSummary> {
        let mut rooms: Vec<_> = self.rooms.values().map(|room| self.summary(room)).collect();
        rooms.sort_by_key(|room| std::cmp::Reverse(room.active_at));
        rooms
    }

    /// A room's name; the other person's where it is for two.
    pub(super) fn name_of_room(&self, room: &Room) -> String {
        let Some(other) = self.other_in(room) else { return room.record.name.clone() };
        let member = room.membership.members.values().find(|member| member.card.user == other);
        let known = || self.contacts.find(other).map(|known| known.name.clone()).filter(|name| !name.is_empty());
        let nearby = || self.connections.introductions().find(|intro| intro.card.user == other);
        member
            .map(|member| member.name.clone())
            .or_else(known)
            .or_else(|| nearby().map(|intro| intro.name.as_str().to_owned()))
            .unwrap_or_else(|| other.short())
    }

    fn summary(&self, room: &Room) -> RoomSummary {
        let last = room.timeline.newest().map(|message| room.dressed(&message, self.me()));
        RoomSummary {
            kept: room.is_kept(self.key.id(), self.now.wall),
            room: room.id(),
            name: self.name_of_room(room),
            direct: self.other_in(room),
            asked: room.asked || room.membership.members.len() > 1,
            held_up: room.held_up && !room.asked && room.membership.members.len() <= 1,
            unconfirmed: room.record.unconfirmed,
            request: room.record.request,
            unread: room.record.unread,
            active_at: last.as_ref().map_or(room.record.joined, |message| message.at),
            last,
            members: room.membership.rules().devices_in(self.now.wall).count(),
            sync: room.sync_state(),
            standing: room.standing.clone(),
            vanish_ms: room.membership.current().and_then(|secrets| room.membership.lifetime(secrets.id())),
        }
    }

    /// Tells the summaries that changed, each at most every so often.
    pub(super) fn tell_summaries(&mut self) {
        let now = self.now.mono;
        let changed: Vec<_> = self
            .rooms
            .values()
            .filter(|room| room.summary_changed)
            .map(|room| (room.id(), room.summary_sent))
            .collect();
        for (id, sent) in changed {
            let due = sent + SUMMARY_EVERY_MS;
            if sent > 0 && due > now {
                self.timers.set(due, Timer::Summary(id));
                continue;
            }
            let Some(summary) = self.rooms.get(&id).map(|room| self.summary(room)) else { continue };
            self.event(Event::RoomChanged(summary));
            if let Some(room) = self.rooms.get_mut(&id) {
                room.summary_changed = false;
                room.summary_sent = now.max(1);
            }
        }
    }

    /// Tells who is in a room, now or as soon as it is time again.
    pub(super) fn tell_members(&mut self, room_id: RoomId) {
        self.look_at_known();
        let now = self.now.mono;
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        let due = room.members_sent + SUMMARY_EVERY_MS;
        if room.members_sent > 0 && due > now {
            self.timers.set(due, Timer::Members(room_id));
            return;
        }
        room.members_sent = now.max(1);
        if let Some(members) = self.members(room_id) {
            self.watch_visits(room_id, &members);
            self.event(Event::MembersChanged { room: room_id, members });
        }
    }

    pub(super) fn tell_changed(&mut self, room_id: RoomId, ids: &[EntryId]) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        room.summary_changed |= !ids.is_empty();
        let events: Vec<_> = ids
            .iter()
            .filter_map(|id| room.timeline.find(*id))
            .map(|message| Event::MessageChanged(room.dressed(&message, me)))
            .collect();
        events.into_iter().for_each(|event| self.event(event));
    }

    /// Writes a room's record when it changed.
    pub(super) fn save_room(&mut self, room_id: RoomId) {
        if self.rooms.get(&room_id).is_some_and(|room| room.record_changed) {
            self.save_room_now(room_id);
        }
    }

    pub(super) fn save_room_now(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.record_changed = false;
        if room.is_loaded {
            // Who is not in the room any more needs no place on the disk.
            room.received.retain(|device, _| room.membership.is_in(*device));
        }
        room.record.received = room.received.iter().map(|(device, next)| (*device, *next)).collect();
        if room.is_loaded {
            let signals = room.membership.members.iter().map(|(device, member)| (*device, member.last_signal));
            room.record.signals = signals.collect();
        }
        let record = Box::new(room.record.clone());
        self.touch_vault();
        self.write(vec![Write::PutRoom(record)], Pending::unasked(Again::Room(room_id)));
    }
}
