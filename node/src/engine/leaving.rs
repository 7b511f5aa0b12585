//! Leaving a room, and forgetting one that is over.

use parlor_protocol::{DeviceId, RoomId, content::Body};

use super::{Engine, io::CallId, writing::Pending};
use crate::{command::Reply, error::CommandError, store::Write};

impl Engine {
    /// Leaves a room with all own devices.
    pub(super) fn leave_room(&mut self, call: CallId, room_id: RoomId) {
        let (me, user) = (self.me(), self.user_id_in(room_id));
        let Some(room) = self.rooms.get_mut(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        if !room.is_loaded {
            return self.fail(call, CommandError::StillReading);
        }
        if room.standing.is_over() {
            return self.fail(call, CommandError::RoomOver);
        }
        let is_alone = room.membership.users().iter().all(|other| *other == user);
        let is_last_owner = room.membership.is_owner(user) && room.membership.rules().graph().owners().len() < 2;
        if is_last_owner && !is_alone {
            return self.fail(call, CommandError::LastOwner);
        }
        let has_other_devices = room.membership.devices_of(user).any(|device| device != me);
        room.record.leaving = true;
        if room.membership.current().is_some() {
            self.write_contents(room_id, vec![Body::Leave], Some(call), |_| Reply::Done);
            self.save_room_now(room_id);
            self.look_at_standing(room_id);
        } else {
            self.reply(Some(call), Ok(Reply::Done));
        }
        if is_alone && !has_other_devices && self.connections.archives().is_empty() {
            // Nobody is there who could be told.
            self.forget(room_id, None);
        }
    }

    /// Whether nobody is left in a room that is being left, and this is another device of the person.
    pub(super) fn is_last_own(&self, room_id: RoomId, device: DeviceId) -> bool {
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.record.leaving) else { return false };
        room.membership.members.is_empty() && self.other_devices().contains(&device)
    }

    /// Somebody has the own log up to a place: a room that is being left may be forgotten.
    pub(super) fn forget_when_left(&mut self, room_id: RoomId, reached: u64) {
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.record.leaving) else { return };
        let own = room.logs.get(room.own_log(me));
        if own.is_some_and(|own| own.height.next > 0 && own.durable >= own.height.next && reached >= own.height.next) {
            self.forget(room_id, None);
        }
    }

    /// Removes a room that is over from this machine.
    pub(super) fn forget_over(&mut self, call: CallId, room_id: RoomId) {
        match self.rooms.get(&room_id) {
            None => self.fail(call, CommandError::NoSuchRoom),
            Some(room) if !room.standing.is_over() => self.fail(call, CommandError::RoomNotOver),
            Some(_) => self.forget(room_id, Some(call)),
        }
    }

    fn forget(&mut self, room_id: RoomId, call: Option<CallId>) {
        self.forget_room(room_id);
        let writes = std::iter::once(Write::ForgetRoom(room_id)).chain(self.mark_gone(room_id)).collect();
        self.write(writes, Pending::forgetting(room_id, call));
    }
}
