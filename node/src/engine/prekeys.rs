//! Prekeys: short-lived keys to which owners seal new epochs' keys.
//!
//! A new one every week, told with the profile. Old ones are kept for two weeks and more, for epochs
//! that were begun by somebody who had not heard of the new one. After that, who steals this device's
//! keys does not open what was sealed before.

use parlor_protocol::{RoomId, keys::DhSecret};

use super::{Engine, timers::Timer, unsaved::Again, writing::Pending};
use crate::{
    command::Reply,
    store::{Identity, Write},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How long a prekey is told to others, in milliseconds.
const RENEW_AFTER_MS: u64 = 7 * DAY_MS;
/// How often it is looked whether it is time, in milliseconds.
const LOOK_EVERY_MS: u64 = 60 * 60 * 1000;
/// How long a node runs before it looks the first time, in milliseconds: what others sealed to the old
/// keys while it was away comes first.
pub(super) const FIRST_LOOK_MS: u64 = 15 * 60 * 1000;
/// Prekeys that are kept: by number and not by time, because clocks jump. With a new one every week the
/// oldest was replaced between two and three weeks ago.
const KEPT_MAX: usize = 4;

impl Engine {
    /// Renews the prekey when it is time, and tells rooms that do not know the newest one.
    pub(super) fn renew_prekeys(&mut self) {
        let wall = self.now.wall;
        // One from the future was made while the clock was wrong.
        let is_due = |made: u64| wall >= made.saturating_add(RENEW_AFTER_MS) || made > wall.saturating_add(DAY_MS);
        if self.identity.prekeys.first().is_none_or(|(_, made)| is_due(*made)) {
            let mut prekeys = self.identity.prekeys.clone();
            prekeys.insert(0, (DhSecret::random(&mut self.rng), wall));
            prekeys.truncate(KEPT_MAX);
            // Told only when it is on the disk: what is sealed to a key that a power cut took away could
            // never be opened. What the disk refuses is tried again at the next look.
            let identity = Identity { prekeys: prekeys.clone(), ..self.identity.clone() };
            let write = Write::PutIdentity(Box::new(identity));
            self.write(vec![write], Pending::unasked(Again::Prekeys(prekeys)));
        }
        self.tell_prekeys();
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Prekeys);
    }

    /// A new prekey is on the disk: it may be told.
    pub(super) fn take_prekeys(&mut self, prekeys: Vec<(DhSecret, u64)>) {
        self.identity.prekeys = prekeys;
        // The name may have been saved meanwhile, with the keys as they were.
        self.save_identity();
        self.tell_prekeys();
    }

    fn tell_prekeys(&mut self) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.tell_profile(room));
    }

    /// Tells a room who this device is, if it does not know it: its name, its person, its newest prekey.
    /// What cannot be told yet is told when the room has been read, or this device is in.
    pub(super) fn tell_profile(&mut self, room_id: RoomId) {
        let newest = self.identity.prekeys.first().map_or(0, |(_, made)| *made);
        let (me, user) = (self.me(), self.user_id_in(room_id));
        let Some(body) = self.profile_body_in(room_id) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let is_open = room.is_loaded && !room.standing.is_over();
        let may = is_open && room.membership.current().is_some() && room.membership.is_in(me);
        // A power cut may have kept the note and not what was told.
        let known = room.membership.known(me);
        let is_known = known.is_some_and(|known| known.name == self.identity.name && known.card.user == user);
        if !may || (is_known && room.record.prekey == newest) {
            return;
        }
        room.record.prekey = newest;
        room.record_changed = true;
        self.write_contents(room_id, vec![body], None, |_| Reply::Done);
        self.save_room(room_id);
    }
}
