//! Places for those who ask this person into a room of two, as long as nothing was answered.
//!
//! They are given by standing. Whom the person verified always has one. Those who are, or were, in a room
//! of this device have theirs, and strangers have some, which are all that they can take from each other.
//! Within a share the oldest request gives way. A key costs nothing, so nobody has a place because of one:
//! strangers are held back by the address that they come from. See [`super::direct`].

use parlor_protocol::{DeviceId, RoomId, UserId, rate::Rate};

use super::{
    Engine,
    rates::{Meter, Share},
};

/// Requests of strangers, and of people met in rooms, that wait for an answer at most.
const OF_STRANGERS_MAX: usize = 16;
const OF_MET_MAX: usize = 64;

const MINUTE: u64 = 60_000;
/// How often strangers may ask.
const BY_STRANGERS: Share = Share {
    device: Rate::one_every(60 * MINUTE, 1),
    address: Rate::one_every(60 * MINUTE, 1),
    strangers: Rate::one_every(MINUTE, 16),
};
/// How often others may. All of a room may come from one address.
const BY_MET: Share = Share {
    device: Rate::one_every(MINUTE, 8),
    address: Rate::one_every(MINUTE, 64),
    strangers: Rate::one_every(MINUTE, 64),
};

/// Who somebody is to this person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Verified,
    /// Is or was in a room of this device.
    Met,
    Stranger,
}

/// How often was asked.
#[derive(Debug)]
pub(super) struct Requests {
    by_strangers: Meter,
    by_met: Meter,
}

impl Default for Requests {
    fn default() -> Self {
        Self { by_strangers: Meter::new(BY_STRANGERS), by_met: Meter::new(BY_MET) }
    }
}

impl Engine {
    /// Takes a place for a request of somebody that came from a machine. Answers which request gives way
    /// for it, if one must.
    ///
    /// # Errors
    /// How long to wait, in milliseconds.
    pub(super) fn take_place(&mut self, from: DeviceId, other: UserId) -> Result<Option<RoomId>, u32> {
        let (standing, asker, now) = (self.standing_of(other), self.asker(from), self.now.mono);
        let most = match standing {
            Standing::Verified => return Ok(None),
            Standing::Met => {
                self.requests.by_met.take(asker, now)?;
                OF_MET_MAX
            }
            Standing::Stranger => {
                // It is the person who is a stranger; the machine may be anybody's who passes it on.
                let asker = super::rates::Asker { is_stranger: true, ..asker };
                self.requests.by_strangers.take(asker, now)?;
                OF_STRANGERS_MAX
            }
        };
        // Who asks anew has the place of before.
        let like_it =
            self.rooms.values().filter(|room| room.record.request).filter(|room| {
                self.other_in(room).is_some_and(|user| user != other && self.standing_of(user) == standing)
            });
        let mut like_it: Vec<_> = like_it.map(|room| (room.record.joined, room.id())).collect();
        like_it.sort_unstable();
        Ok((like_it.len() >= most).then(|| like_it.first().map(|(_, room)| *room)).flatten())
    }

    fn standing_of(&self, user: UserId) -> Standing {
        if self.contacts.is_verified(user) {
            return Standing::Verified;
        }
        // Who asks is in a room with this person by that alone, which says nothing.
        let mut rooms = self.rooms.values().filter(|room| !room.record.request);
        let was_in = rooms.any(|room| room.membership.all_devices_of(user).next().is_some());
        if was_in { Standing::Met } else { Standing::Stranger }
    }
}
