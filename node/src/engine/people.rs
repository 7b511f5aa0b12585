//! People: who they are, whether they were verified, and warnings about them.

use parlor_protocol::{DeviceId, RoomId, UserId, safety::SafetyNumber};
use std::collections::BTreeSet;

use super::{Engine, io::CallId, presence::is_recent, writing::Pending};
use crate::{
    command::{CommandResult, Reply},
    error::CommandError,
    event::{Event, Warning},
    people::{Person, PersonCard, PersonDevice, PersonRoom, Safety},
    store::{ContactRecord, Mark},
};

/// A profile that an entry showed.
#[derive(Clone, Debug)]
pub(super) struct SeenProfile {
    pub(super) device: DeviceId,
    pub(super) user: UserId,
    pub(super) name: String,
}

impl Engine {
    /// Notes who showed a profile in a room, and warns of what is not as it was.
    pub(super) fn note_people(&mut self, room_id: RoomId, seen: Vec<SeenProfile>) {
        let wall = self.now.wall;
        // Whoever only asks is nobody whom this person has met: keys cost nothing, and contacts have an end.
        let is_request = self.rooms.get(&room_id).is_some_and(|room| room.record.request);
        for SeenProfile { device, user, name } in seen {
            if is_request && self.contacts.find(user).is_none() {
                continue;
            }
            let learned = self.contacts.learn(user, device, &name, wall);
            let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded && device != self.key.id()) else {
                continue;
            };
            // Whoever comes into a room meets people with several devices: those are no news.
            let known = learned.known_since.is_some_and(|since| !room.is_fresh || since < room.record.joined);
            let looks_like = room.looks_like(device);
            if learned.is_new_device && known {
                let warning = if user == self.user.id() { Warning::OwnDevice } else { Warning::NewDevice };
                self.event(Event::PersonWarned { room: room_id, user, name: name.clone(), warning });
            }
            if let Some(warning) = looks_like.filter(|_| learned.is_new_device || learned.is_new_name) {
                self.event(Event::PersonWarned { room: room_id, user, name, warning });
            }
        }
        self.save_contacts_soon();
    }

    /// Notes everybody of a room.
    pub(super) fn learn_members(&mut self, room_id: RoomId) {
        let wall = self.now.wall;
        let Some(room) = self.rooms.get(&room_id) else { return };
        for (device, member) in &room.membership.members {
            if let Some(user) = room.membership.user_of(*device) {
                self.contacts.learn(user, *device, &member.name, wall);
            }
        }
        self.save_contacts_soon();
    }

    pub(super) fn answer_people(&mut self, call: CallId) {
        let people = self.contacts.iter().map(|record| Person {
            user: record.user,
            name: record.name.clone(),
            own: record.user == self.user.id(),
            verified: record.verified.is_set,
            blocked: record.blocked.is_set,
            online: record.devices.iter().any(|known| self.is_online(known.device)),
        });
        let mut people: Vec<_> = people.collect();
        people.sort_by_cached_key(|person| (person.name.to_lowercase(), person.user));
        self.reply(Some(call), Ok(Reply::People(people)));
    }

    fn is_online(&self, device: DeviceId) -> bool {
        let now = self.now.mono;
        let mut members = self.rooms.values().filter_map(|room| room.membership.members.get(&device));
        device == self.me() || self.connections.is_connected(device) || members.any(|m| is_recent(m.heard, now))
    }

    pub(super) fn answer_person(&mut self, call: CallId, user: UserId) {
        let card = self.person_card(user);
        self.reply(Some(call), card);
    }

    fn person_card(&self, user: UserId) -> CommandResult {
        let record = self.contacts.find(user).ok_or(CommandError::NoSuchPerson)?;
        let own = user == self.user.id();
        let mut names = BTreeSet::from([record.name.clone()]);
        let mut rooms = Vec::new();
        let mut looks_like = BTreeSet::new();
        for room in self.rooms.values() {
            let mut is_in = false;
            for (device, member) in room.membership.members.iter().filter(|(_, member)| member.card.user == user) {
                is_in = true;
                names.insert(member.name.clone());
                if let Some(Warning::LooksLike { name, .. }) = room.looks_like(*device) {
                    looks_like.insert(name);
                }
            }
            if is_in {
                rooms.push(PersonRoom { room: room.id(), name: self.name_of_room(room) });
            }
        }
        names.remove(&record.name);
        let devices = record.devices.iter().map(|known| PersonDevice {
            device: known.device,
            first_seen: known.first_seen,
            last_seen: known.last_seen,
            current: known.device == self.me(),
            online: self.is_online(known.device),
        });
        Ok(Reply::Person(Box::new(PersonCard {
            user,
            name: record.name.clone(),
            other_names: names.into_iter().collect(),
            own,
            rooms,
            devices: devices.collect(),
            first_seen: record.first_seen,
            last_seen: record.last_seen,
            safety: (!own).then(|| Safety::from(SafetyNumber::of(self.user.id(), user))),
            verified: Some(record.verified).filter(|mark| mark.is_set).map(|mark| mark.at),
            blocked: record.blocked.is_set,
            looks_like: looks_like.into_iter().collect(),
        })))
    }

    pub(super) fn verify_person(&mut self, call: CallId, user: UserId, verified: bool) {
        self.decide(call, user, |record, at| record.verified = Mark { is_set: verified, at });
    }

    /// Compares what the other side's screen shows, and marks the person as verified when it is the
    /// same number.
    pub(super) fn compare_safety(&mut self, call: CallId, user: UserId, text: &str) {
        if self.contacts.find(user).is_none() || user == self.user.id() {
            self.reply(Some(call), Err(CommandError::NoSuchPerson));
            return;
        }
        match SafetyNumber::of(self.user.id(), user).matches(text) {
            Ok(true) => self.verify_person(call, user, true),
            Ok(false) => self.reply(Some(call), Err(CommandError::SafetyDiffers)),
            Err(error) => self.reply(Some(call), Err(CommandError::Invalid { what: error.to_string() })),
        }
    }

    /// Writes down a decision about a person, shows it everywhere, and answers when it is durable.
    pub(super) fn decide(&mut self, call: CallId, user: UserId, change: impl FnOnce(&mut ContactRecord, u64)) {
        let wall = self.now.wall;
        let known = self.contacts.find(user).filter(|_| user != self.user.id());
        // A decision is newer than the one before it, whatever the clock says.
        let after = known.map(|record| record.verified.at.max(record.blocked.at).saturating_add(1));
        let record = after.and_then(|after| Some((self.contacts.edit(user, wall)?, wall.max(after))));
        let Some((record, at)) = record else {
            self.reply(Some(call), Err(CommandError::NoSuchPerson));
            return;
        };
        change(record, at);
        let writes = self.contacts.take_changed();
        let again = super::unsaved::Again::Contacts(vec![user]);
        self.write(writes, Pending::answering(Some(call), Reply::Done).and_again(again));
        self.touch_vault();
        self.show_decision(user);
    }

    /// Everything that shows this person is told anew.
    pub(super) fn show_decision(&mut self, user: UserId) {
        let (verified, blocked) = (self.contacts.is_verified(user), self.contacts.is_blocked(user));
        let me = self.me();
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room_id in rooms {
            let Some(room) = self.rooms.get_mut(&room_id) else { continue };
            let devices = room.mark_person(user, verified, blocked, me);
            if devices.is_empty() {
                continue;
            }
            let shown = room.timeline.newest_of(super::writing::TOLD_MAX);
            let shown: Vec<_> = shown.filter(|m| devices.contains(&m.author)).map(|m| m.id).collect();
            self.tell_changed(room_id, &shown);
            self.tell_members(room_id);
        }
        self.event(Event::PersonChanged(user));
    }
}
