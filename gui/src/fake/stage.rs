//! What a test puts on the stage: rooms, members, people nearby.

use parlor_node::{Came, Connection, Event, Member, RoomStanding, RoomSummary, SyncState, people::NearbyPerson};
use parlor_protocol::{DeviceId, Role, RoomId, UserId};

use super::{Fake, Room, id32, user_of};

impl Fake {
    /// A room with this device as its only member.
    pub fn room(&self, name: &str, at: u64) -> RoomId {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        let room = RoomId::from_bytes(id32(state.next));
        let own = Member {
            device: state.me,
            user: Some(user_of(state.me)),
            name: state.name.clone(),
            came: Some(Came::Founding),
            visit: None,
            own: true,
            role: Role::Owner,
            verified: false,
            blocked: false,
            looks_like: None,
            online: true,
        };
        let summary = RoomSummary {
            kept: true,
            room,
            name: name.to_owned(),
            direct: None,
            asked: false,
            held_up: false,
            unconfirmed: false,
            request: false,
            unread: 0,
            last: None,
            active_at: at,
            members: 1,
            sync: SyncState::Complete,
            standing: RoomStanding::Member,
            vanish_ms: None,
        };
        state.rooms.push(Room { summary, messages: Vec::new(), members: vec![own], more: false });
        room
    }

    /// A room of two with somebody.
    pub fn direct(&self, user: UserId, name: &str, request: bool) -> RoomId {
        let room = self.room(name, self.latest() + 1);
        self.with_summary(room, |summary| (summary.direct, summary.request) = (Some(user), request));
        room
    }

    /// Somebody is on the network.
    pub fn is_nearby(&self, user: UserId, name: &str) {
        let person = NearbyPerson { user, name: name.to_owned(), known: false, verified: false };
        self.0.borrow_mut().nearby.push(person);
    }

    /// What is said in a room vanishes after this time.
    pub fn vanishes(&self, room: RoomId, ms: u64) {
        let mut state = self.0.borrow_mut();
        let known = state.rooms.iter_mut().find(|known| known.summary.room == room);
        known.into_iter().for_each(|known| known.summary.vanish_ms = Some(ms));
    }

    /// A member of a room. The same number is the same person in every room.
    pub fn member(&self, room: RoomId, number: u64, name: &str, online: bool) -> DeviceId {
        let device = DeviceId::from_bytes(id32(number + 1_000));
        let mut state = self.0.borrow_mut();
        if let Some(room) = state.rooms.iter_mut().find(|known| known.summary.room == room) {
            let (user, name) = (Some(user_of(device)), name.to_owned());
            room.members.push(Member {
                device,
                user,
                name,
                came: None,
                visit: None,
                own: false,
                role: Role::Member,
                verified: false,
                blocked: false,
                looks_like: None,
                online,
            });
            room.summary.members = room.members.len();
        }
        device
    }

    /// Gives a member a role; this device's own is given by its id too.
    pub fn give_role(&self, room: RoomId, device: DeviceId, role: Role) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.members.iter_mut().filter(|member| member.device == device).for_each(|member| member.role = role);
        }
    }

    /// What this device is in a room.
    pub fn stands(&self, room: RoomId, standing: RoomStanding) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.standing = standing;
        }
    }

    /// Unread messages of a room.
    pub fn unread(&self, room: RoomId, unread: u64) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.unread = unread;
        }
    }

    /// Says that a room's oldest messages are not all here.
    pub fn has_more(&self, room: RoomId, more: bool) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.more = more;
        }
    }

    /// How complete a room is.
    pub fn sync(&self, room: RoomId, sync: SyncState) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.sync = sync;
        }
    }

    /// How the node is connected.
    pub fn connect(&self, connection: Connection) {
        self.0.borrow_mut().connection = connection;
    }

    /// A room's line in the list.
    #[must_use]
    pub fn summary(&self, room: RoomId) -> Option<RoomSummary> {
        self.0.borrow().rooms.iter().find(|known| known.summary.room == room).map(|room| room.summary.clone())
    }

    /// Tells the app of a room's line.
    pub fn tell_summary(&self, room: RoomId) {
        if let Some(summary) = self.summary(room) {
            self.tell(Event::RoomChanged(summary));
        }
    }

    /// Changes the line of a room without telling of it.
    pub fn with_summary(&self, room: RoomId, change: impl FnOnce(&mut RoomSummary)) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            change(&mut room.summary);
        }
    }

    pub(super) fn latest(&self) -> u64 {
        self.0.borrow().rooms.iter().map(|room| room.summary.active_at).max().unwrap_or(1_700_000_000_000)
    }
}
