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
        let requests = self.rooms.values().filter(|room| room.record.request);
        let like_it = requests
            .filter(|room| self.other_in(room).is_some_and(|user| user != other && self.standing_of(user) == standing));
        Ok(gives_way(like_it.map(|room| (room.record.joined, room.id())), most))
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

/// Of those who wait in a share, with the time since when: the one who goes for one more.
fn gives_way(waiting: impl Iterator<Item = (u64, RoomId)>, most: usize) -> Option<RoomId> {
    let waiting: Vec<_> = waiting.collect();
    if waiting.len() < most { None } else { waiting.into_iter().min().map(|(_, room)| room) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{engine::rates::Asker, net::Source};

    #[test]
    fn the_oldest_gives_way_once_the_share_is_full() {
        let room = |number: u8| RoomId::from_bytes([number; 32]);
        let waiting = [(7, room(1)), (3, room(2)), (3, room(1)), (9, room(3))];
        assert_eq!(gives_way(waiting.into_iter(), 5), None);
        assert_eq!(gives_way(waiting.into_iter(), 4), Some(room(1)));
        assert_eq!(gives_way(std::iter::empty(), 0), None);
    }

    #[test]
    fn strangers_are_counted_by_address_and_people_of_one_room_may_share_one() {
        let asker = |key: u8, address: &str| {
            let source = Some(Source::of(address.parse().unwrap()));
            Asker { device: DeviceId::from_bytes([key; 32]), source, is_stranger: true }
        };
        let mut requests = Requests::default();
        let taken = (0..50).filter(|key| requests.by_strangers.take(asker(*key, "192.0.2.1"), 0).is_ok()).count();
        assert_eq!(taken, 1);
        let others = (0..50).filter(|n| requests.by_strangers.take(asker(*n, &format!("192.0.3.{n}")), 0).is_ok());
        assert_eq!(others.count(), 15, "sixteen at once, all together");
        let hour = 60 * MINUTE;
        assert_eq!(requests.by_strangers.take(asker(99, "192.0.2.1"), hour), Ok(()));
        assert_eq!(requests.by_strangers.take(asker(99, "192.0.2.1"), hour), Err(u32::try_from(hour).unwrap()));
        let school = (0..50).filter(|key| requests.by_met.take(asker(*key, "192.0.2.1"), 0).is_ok());
        assert_eq!(school.count(), 50);
    }
}
