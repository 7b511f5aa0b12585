//! People: their cards, and what is decided about them.

use parlor_node::{
    CommandError, CommandResult, Event, Member, Reply,
    people::{PersonCard, PersonDevice, PersonRoom, Safety},
};
use parlor_protocol::UserId;

use super::{Fake, safety};

impl Fake {
    pub(super) fn person(&self, user: UserId) -> CommandResult {
        let state = self.0.borrow();
        let members = state.rooms.iter().flat_map(|room| room.members.iter().map(move |member| (room, member)));
        let found: Vec<_> = members.filter(|(_, member)| member.user == Some(user)).collect();
        let Some((_, member)) = found.first() else { return Err(CommandError::NoSuchPerson) };
        let rooms =
            found.iter().map(|(room, _)| PersonRoom { room: room.summary.room, name: room.summary.name.clone() });
        let device = PersonDevice {
            device: member.device,
            first_seen: 1_699_000_000_000,
            last_seen: 1_699_999_000_000,
            current: member.own,
            online: member.online,
        };
        Ok(Reply::Person(Box::new(PersonCard {
            user,
            name: member.name.clone(),
            other_names: Vec::new(),
            own: member.own,
            rooms: rooms.collect(),
            devices: vec![device],
            first_seen: 1_699_000_000_000,
            last_seen: 1_699_999_000_000,
            safety: (!member.own).then(|| Safety::from(safety(user))),
            verified: member.verified.then_some(1_699_500_000_000),
            blocked: member.blocked,
            looks_like: member.looks_like.iter().cloned().collect(),
        })))
    }

    /// Changes every member that is a person, and tells of it.
    pub fn decide(&self, user: UserId, change: impl Fn(&mut Member)) -> CommandResult {
        let mut changed = Vec::new();
        for room in &mut self.0.borrow_mut().rooms {
            room.members.iter_mut().filter(|member| member.user == Some(user)).for_each(&change);
            changed.push((room.summary.room, room.members.clone()));
        }
        changed.into_iter().for_each(|(room, members)| self.tell(Event::MembersChanged { room, members }));
        self.tell(Event::PersonChanged(user));
        Ok(Reply::Done)
    }
}
