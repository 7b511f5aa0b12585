//! Which rooms go when places or disk are short, so that no stranger takes either for good.
//!
//! A room of which one device wrote everything, and to which no living door leads, is the cheapest to make and
//! the cheapest to lose: its one member has all of it, and registers it again by itself. Those go first,
//! the oldest first. When none is left and places are short, the registrant that has by far the most rooms
//! loses the one that was quiet the longest. What holds for disk is milder: there a room that several
//! people wrote in is never deleted, new entries are refused instead.

use parlor_protocol::RoomId;
use std::collections::HashMap;

use crate::store::Registrant;

/// A registrant with at most this part of all places never loses a room in which several people wrote.
const FAIR_PART: usize = 16;

/// A room, as far as this goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) room: RoomId,
    /// Who registered it.
    pub(super) by: Registrant,
    /// When it was registered, in milliseconds since 1970.
    pub(super) registered: u64,
    /// When something was stored in it last since the archive began, or 0.
    pub(super) active: u64,
    /// One device wrote everything in it, and no living door leads to it.
    pub(super) is_lone: bool,
}

/// The lone room that goes first.
pub(super) fn oldest_lone(rooms: impl Iterator<Item = Candidate>) -> Option<RoomId> {
    rooms.filter(|room| room.is_lone).min_by_key(|room| (room.registered, room.room)).map(|room| room.room)
}

/// The room that makes place for one more of a registrant, where there are `places`.
pub(super) fn makes_place(rooms: &[Candidate], asking: Registrant, places: usize) -> Option<RoomId> {
    oldest_lone(rooms.iter().copied()).or_else(|| {
        let mut counts = HashMap::<Registrant, usize>::new();
        rooms.iter().for_each(|room| *counts.entry(room.by).or_default() += 1);
        let own = counts.get(&asking).copied().unwrap_or(0);
        let (most, count) = counts.into_iter().max_by_key(|(by, count)| (*count, *by))?;
        let is_fair = count.saturating_mul(FAIR_PART) <= places || count <= own.saturating_add(1);
        if is_fair {
            return None;
        }
        let of_most = rooms.iter().filter(|room| room.by == most);
        of_most.min_by_key(|room| (room.active, room.registered, room.room)).map(|room| room.room)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: u8) -> Registrant {
        Registrant([name; 16])
    }

    fn room(number: u8, of: u8, active: u64, is_lone: bool) -> Candidate {
        let room = RoomId::from_bytes([number; 32]);
        Candidate { room, by: by(of), registered: number.into(), active, is_lone }
    }

    #[test]
    fn lone_rooms_go_first_and_the_oldest_of_them() {
        let rooms = [room(1, 1, 0, false), room(3, 1, 9, true), room(2, 2, 9, true)];
        assert_eq!(makes_place(&rooms, by(3), 3), Some(RoomId::from_bytes([2; 32])));
        assert_eq!(oldest_lone(rooms.into_iter()), Some(RoomId::from_bytes([2; 32])));
    }

    #[test]
    fn who_has_far_too_many_rooms_makes_place_for_others_also_where_no_room_is_lone() {
        let mut rooms: Vec<_> = (1..=30).map(|number| room(number, 1, u64::from(number != 7), false)).collect();
        rooms.push(room(99, 2, 0, false));
        assert_eq!(makes_place(&rooms, by(3), 31), Some(RoomId::from_bytes([7; 32])), "the quietest one");
        assert_eq!(makes_place(&rooms, by(1), 31), None, "for itself it makes none");
        assert_eq!(oldest_lone(rooms.into_iter()), None);
    }

    #[test]
    fn where_nobody_has_too_many_nobody_loses_one() {
        let rooms: Vec<_> = (0..32).map(|number| room(number, number, 0, false)).collect();
        assert_eq!(makes_place(&rooms, by(200), 32), None);
    }
}
