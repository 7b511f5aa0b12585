//! Prekeys: short-lived keys to which owners seal new epochs' keys.
//!
//! A new one every week, told with the profile. The old one is kept for two weeks more, for epochs
//! that were begun by somebody who had not heard of the new one. After that, who steals this device's
//! keys does not open what was sealed before.

use parlor_protocol::{RoomId, keys::DhSecret};

use super::{Engine, timers::Timer};
use crate::command::Reply;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// How long a prekey is told to others, in milliseconds.
const RENEW_AFTER_MS: u64 = 7 * DAY_MS;
/// How long one is kept after another took its place, in milliseconds.
const KEEP_FOR_MS: u64 = 14 * DAY_MS;
/// How often it is looked whether it is time, in milliseconds.
const LOOK_EVERY_MS: u64 = 60 * 60 * 1000;
/// Prekeys that are kept at most, whatever the clock does.
const KEPT_MAX: usize = 8;

impl Engine {
    /// Renews the prekey when it is time, and tells rooms that do not know the newest one.
    pub(super) fn renew_prekeys(&mut self) {
        let wall = self.now.wall;
        // One from the future was made while the clock was wrong.
        let is_due = |made: u64| wall >= made.saturating_add(RENEW_AFTER_MS) || made > wall.saturating_add(DAY_MS);
        if self.identity.prekeys.first().is_none_or(|(_, made)| is_due(*made)) {
            self.identity.prekeys.insert(0, (DhSecret::random(&mut self.rng), wall));
            let mut newer = wall;
            self.identity.prekeys.retain(|(_, made)| {
                let is_kept = *made >= wall || wall < newer.saturating_add(KEEP_FOR_MS);
                newer = *made;
                is_kept
            });
            self.identity.prekeys.truncate(KEPT_MAX);
            self.save_identity();
        }
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        rooms.into_iter().for_each(|room| self.tell_prekey(room));
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Prekeys);
    }

    /// Tells a room the newest prekey, if it does not know it.
    fn tell_prekey(&mut self, room_id: RoomId) {
        let newest = self.identity.prekeys.first().map_or(0, |(_, made)| *made);
        let Some(body) = self.profile_body_in(room_id) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let may = room.is_loaded && !room.standing.is_over() && room.membership.current().is_some();
        if !may || room.record.prekey == newest {
            return;
        }
        room.record.prekey = newest;
        room.record_changed = true;
        self.write_contents(room_id, vec![body], None, |_| Reply::Done);
        self.save_room(room_id);
    }
}
