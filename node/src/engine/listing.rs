//! The list of a room's members: everybody who can be served, and how they came in.

use parlor_protocol::{
    EntryId, RoomId,
    access::{CameBy, Listed},
    epoch::RoomKind,
};
use std::collections::HashMap;

use super::{Engine, presence::is_recent, room::Room};
use crate::{
    came::{Came, Visit},
    event::{Member, Warning},
};

impl Engine {
    /// The members of a room, oldest first, then those of whom nothing but their device is known.
    pub(super) fn members(&self, room_id: RoomId) -> Option<Vec<Member>> {
        let room = self.rooms.get(&room_id)?;
        let heard: HashMap<EntryId, u64> = room.record.heard.iter().copied().collect();
        let lines = room.membership.rules().list(self.now.wall, |entry| heard.get(&entry).copied());
        let mut members: Vec<_> = lines.iter().map(|line| self.member(room, line)).collect();
        members.sort_by_key(|(joined, member)| (*joined, member.device));
        Some(members.into_iter().map(|(_, member)| member).collect())
    }

    /// A member with the time at which it joined, where that is known.
    fn member(&self, room: &Room, line: &Listed) -> (u64, Member) {
        let (device, me, now) = (line.device, self.me(), self.now.mono);
        let known = room.membership.known(device);
        let user = room.membership.user_of(device);
        let role = || match user {
            Some(user) => room.membership.role(user),
            None => room.membership.settings().newcomers.value,
        };
        let blocked = known.is_some_and(|member| member.blocked);
        let is_heard = || self.connections.is_connected(device) || known.is_some_and(|m| is_recent(m.heard, now));
        let visit = line.until.end_ms().map(|until| Visit { until, over: line.is_gone });
        let member = Member {
            device,
            user,
            name: room.name_of(device),
            came: self.came(room, line),
            visit,
            own: device == me,
            role: known.map_or_else(role, |member| member.role),
            verified: known.is_some_and(|member| member.verified),
            blocked,
            looks_like: room.looks_like(device).and_then(Warning::name),
            online: !line.is_gone && (device == me || !blocked && is_heard()),
        };
        (known.map_or(u64::MAX, |member| member.joined), member)
    }

    fn came(&self, room: &Room, line: &Listed) -> Option<Came> {
        if matches!(room.kind, RoomKind::Direct(_)) {
            return None;
        }
        let is_own = |device| room.membership.user_of(device) == Some(self.user_id_in(room.id()));
        Some(match line.came {
            CameBy::Founding => Came::Founding,
            CameBy::Owner => Came::Owner,
            CameBy::Code { maker, late, too_many, .. } => Came::Code {
                by: maker.map(|maker| room.name_of(maker)),
                own: maker.is_some_and(is_own),
                late,
                too_many,
            },
            CameBy::Link => Came::Link { by: room.name_of(line.device), own: is_own(line.device) },
        })
    }
}
