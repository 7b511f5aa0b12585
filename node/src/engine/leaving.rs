//! Going out of a room: leaving it with all own devices, taking a lost one out for ever; and forgetting
//! one that is over.

use parlor_protocol::{
    DeviceId, RoomId,
    access::OutDevice,
    content::Body,
    limits::{LOGS_OF_DEVICE_MAX, OUT_DEVICES_MAX},
    log::Height,
};

use std::collections::BTreeMap;

use super::{Engine, io::CallId, room::Room, sealing::Piece, writing::Pending};
use crate::{command::Reply, error::CommandError, store::Write};

/// For how long after leaving an answer may be to what was asked before, in milliseconds.
const STALE_MS: u64 = 20_000;

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
        (room.record.leaving, room.left_at) = (true, self.now.mono);
        let may_say_so = room.membership.current().is_some() && room.membership.is_in(me);
        if may_say_so {
            let own = self.own_devices_in(room_id);
            self.send_out(room_id, &own, false, Some(call));
            self.save_room_now(room_id);
            self.look_at_standing(room_id);
        } else {
            self.save_room_now(room_id);
            self.reply(Some(call), Ok(Reply::Done));
        }
        if may_say_so && is_alone && !has_other_devices && self.connections.archives().is_empty() {
            // Nobody is there who could be told.
            self.forget(room_id, None);
        }
    }

    /// Somebody left before this device was in, or the room's key was there: it says so now.
    pub(super) fn go_on_leaving(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded && room.record.leaving) else { return };
        if room.membership.current().is_some() && room.membership.is_in(me) {
            let own = self.own_devices_in(room_id);
            self.send_out(room_id, &own, false, None);
        }
    }

    /// Says that own devices go out, for people and for the rules, as one.
    pub(super) fn send_out(&mut self, room_id: RoomId, devices: &[DeviceId], for_ever: bool, call: Option<CallId>) {
        let Some(room) = self.rooms.get(&room_id) else { return self.reply(call, Err(CommandError::NoSuchRoom)) };
        // People read of it from who is still in: what comes after the ends of its own logs counts no more.
        let is_in = room.membership.is_in(self.me());
        // Devices that became one person's only later stand there by keys of their own.
        let mut by_own: BTreeMap<_, Vec<DeviceId>> = BTreeMap::new();
        for device in devices {
            by_own.entry(room.membership.rules().own_of(*device)).or_default().push(*device);
        }
        let mut pieces = Vec::new();
        let line = |devices| Piece::Content(Body::WentOut { devices, for_ever });
        pieces.extend(devices.chunks(OUT_DEVICES_MAX).filter(|_| is_in).map(|some| line(some.to_vec())));
        for (own, devices) in by_own {
            let own = self.own_key(room_id, own);
            let out = |some: &[DeviceId]| Piece::Out { own: own.clone(), devices: some.to_vec(), for_ever };
            pieces.extend(devices.chunks(OUT_DEVICES_MAX).map(out));
        }
        self.append_own(room_id, pieces, call, |_| Reply::Done);
    }

    /// The devices in a room of this device's person.
    fn own_devices_in(&self, room_id: RoomId) -> Vec<DeviceId> {
        let Some(rules) = self.rooms.get(&room_id).map(|room| room.membership.rules()) else { return Vec::new() };
        let is_own = |device: &DeviceId| rules.own_of(*device).is_some_and(|own| self.stands_as(room_id, own));
        rules.devices_in(0).filter(is_own).collect()
    }

    /// Whether nobody is left in a room that is being left, and this is another device of the person.
    fn is_last_own(&self, room_id: RoomId, device: DeviceId) -> bool {
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.record.leaving) else { return false };
        room.membership.members.is_empty() && self.other_devices().contains(&device)
    }

    /// Whether a peer counts that says to have heard something: an archive, a member, or the last device of
    /// this person.
    pub(super) fn is_heeded(&self, room_id: RoomId, peer: DeviceId) -> bool {
        let is_in = || self.rooms.get(&room_id).is_some_and(|room| room.membership.is_in(peer));
        self.uses_archive(peer) || self.is_last_own(room_id, peer) || is_in()
    }

    /// A peer does not serve this device because it went out: it has heard that this person leaves, unless
    /// that is about an earlier time.
    pub(super) fn forget_when_heard(&mut self, room_id: RoomId, peer: DeviceId) {
        let is_fresh = |room: &Room| room.left_at.saturating_add(STALE_MS) <= self.now.mono;
        if self.rooms.get(&room_id).is_some_and(is_fresh) && self.is_heeded(room_id, peer) {
            self.forget_when_left(room_id, u64::MAX);
        }
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

impl Room {
    /// A device that goes out, with the ends of its logs as they are known here.
    pub(super) fn out_of(&self, device: DeviceId) -> OutDevice {
        // Those come first that no earlier going out has named: who came and went often has many logs.
        let (named, open): (Vec<_>, Vec<_>) = self.logs.of(device).partition(|(_, state)| state.cut.is_some());
        let heads = open.into_iter().chain(named).map(|(key, state)| (key.log, state.counted()));
        let heads = heads.filter(|(_, head): &(_, Height)| head.next > 0).take(LOGS_OF_DEVICE_MAX).collect();
        OutDevice { device, heads }
    }
}
