//! Guests: devices that keep nothing, on computers that others use too, and so are in rooms for some
//! hours only.
//!
//! A guest's entry of coming in says when its time is over. Whoever has a clock compares it: nobody serves
//! it after that, and the next epoch leaves it out. When it stops before, it says that it goes out.
//! What a guest writes is published at once: it is kept nowhere, so there is no disk to wait for.

use parlor_protocol::{RoomId, access::Hours};

use super::{Engine, room::Room, timers::Timer};
use crate::event::Member;

/// How long a visit lasts, in milliseconds: a day at a shared computer.
const VISIT_MS: u64 = 12 * 60 * 60 * 1000;
/// How often to look at visits at least, in milliseconds: the clock that they end by may be set, and goes on
/// while the machine sleeps.
const LOOK_EVERY_MS: u64 = 60_000;

impl Engine {
    /// Whether this device is a person of its own for as long as it runs. Where it belongs to somebody with
    /// an account or other devices, those come into a room because it did, so it stays.
    fn is_visitor(&self) -> bool {
        self.is_guest && self.account.record.is_none() && self.other_devices().is_empty()
    }

    /// When the time of this device ends in a room that it comes into now.
    pub(super) fn stays_until(&self) -> Hours {
        match self.is_visitor() {
            true => Hours::rounded_up(self.now.wall.saturating_add(VISIT_MS)),
            false => Hours::NONE,
        }
    }

    /// The device stops, and nothing of it is left then: it says so in its rooms.
    pub(super) fn end_visits(&mut self) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        self.go_out(rooms);
    }

    /// Says in rooms that a guest goes out, where that takes nobody else along.
    pub(super) fn go_out(&mut self, rooms: impl IntoIterator<Item = RoomId>) {
        let (me, is_visitor) = (self.me(), self.is_visitor());
        if !self.is_guest {
            return;
        }
        let may_go = |room: &Room| {
            let is_in = room.membership.current().is_some() && room.membership.is_in(me);
            let is_alone = is_visitor || room.membership.rules().is_only_linked(me);
            room.is_loaded && is_in && is_alone && !room.standing.is_over() && !room.record.request
        };
        for room in rooms {
            if self.rooms.get(&room).is_some_and(may_go) {
                self.send_out(room, &[me], false, None);
            }
        }
    }

    /// The members were told: looks again when the next visit ends.
    pub(super) fn watch_visits(&mut self, room_id: RoomId, members: &[Member]) {
        let visits = || members.iter().filter_map(|member| member.visit);
        let next = visits().filter(|visit| !visit.over).map(|visit| visit.until).min();
        if let Some(next) = next {
            let left = next.saturating_sub(self.now.wall).saturating_add(1);
            self.timers.set(self.now.mono + left.min(LOOK_EVERY_MS), Timer::Visits(room_id));
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.visits_over = visits().filter(|visit| visit.over).count();
        }
    }

    /// A visit may be over, also that of this device.
    pub(super) fn look_at_visits(&mut self, room_id: RoomId) {
        let Some(members) = self.members(room_id) else { return };
        let told = self.rooms.get(&room_id).map_or(0, |room| room.visits_over);
        self.watch_visits(room_id, &members);
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.visits_over != told) else { return };
        room.summary_changed = true;
        self.look_at_standing(room_id);
        self.tell_members(room_id);
    }
}
