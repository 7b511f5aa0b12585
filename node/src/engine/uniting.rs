//! Rooms of two that were begun twice: which of them counts, and how one is carried into the other.
//!
//! Two people may begin to write to each other at the same moment. Both keep the room with the smaller
//! id then, and nobody is asked, because both wanted to write. That is so only while the other person
//! has never been in the room that would go, and while whoever founded the new one could read the old
//! one anyway. Everything else is a request like that of a stranger: somebody with a stolen account key
//! must not take over a conversation, and nobody may take one from another person's disk.

use parlor_protocol::{DeviceId, RoomId, Text, UserId, content::Body};

use super::{Engine, room::Room};
use crate::{
    command::Reply,
    event::{Event, MessageBody},
};

/// Own texts that are carried from one room of two to the other; a room with more stays.
const CARRIED_MAX: usize = 200;

/// What becomes of a room of two that somebody asks this person into.
pub(super) enum Verdict {
    /// Both began at once, and this own room counts.
    Keep(RoomId),
    /// Both began at once, and the new one counts.
    Move,
    /// The person decides.
    Ask,
}

impl Engine {
    /// The rooms of two with a person, the one that counts first: requests come last; before them rooms
    /// in which the other one has never been, of which both sides choose the smallest id; and first of
    /// all the one in which both have been for longest.
    pub(super) fn direct_rooms(&self, user: UserId) -> Vec<RoomId> {
        let rank = |room: &Room| {
            let since = has_been_in(room, user).then_some(room.record.joined);
            (room.record.request, since.is_none(), since, room.id())
        };
        let with = self.rooms.values().filter(|room| self.other_in(room) == Some(user));
        let mut rooms: Vec<_> = with.map(rank).collect();
        rooms.sort_unstable();
        rooms.into_iter().map(|(.., room)| room).collect()
    }

    /// What becomes of a room that a device of the other person founded, beside those that are held, the
    /// one that counts first.
    pub(super) fn verdict(&self, held: &[RoomId], new: RoomId, other: UserId, founder: DeviceId) -> Verdict {
        let first = held.first().and_then(|room| self.rooms.get(room));
        let Some(own) = first.filter(|room| !room.record.request) else { return Verdict::Ask };
        let (has_been, is_in) = (has_been_in(own, other), own.membership.devices_of(other).next().is_some());
        if own.id() < new && (is_in || !has_been) {
            return Verdict::Keep(own.id());
        }
        // What was written goes only to a device that it was written to.
        if !has_been && is_sealed_to(own, founder) { Verdict::Move } else { Verdict::Ask }
    }

    /// Of several rooms with one person one counts: what this device wrote in those where the other one
    /// has never been is written there once more, and they are forgotten.
    pub(super) fn unite_direct(&mut self, user: UserId) {
        let me = self.me();
        let mut held = self.direct_rooms(user);
        held.retain(|room| self.rooms.get(room).is_some_and(|room| room.is_loaded && !room.record.request));
        let Some((first, others)) = held.split_first() else { return };
        for other in others {
            if self.rooms.get(other).is_none_or(|room| has_been_in(room, user)) {
                continue;
            }
            let texts = |room: &Room| -> Vec<String> {
                let own = room.timeline.oldest_first().filter(|message| message.author == me);
                own.filter_map(|message| match &message.body {
                    MessageBody::Text { text } => Some(text.clone()),
                    _ => None,
                })
                .collect()
            };
            // Some may have been carried before the machine lost power.
            let mut there = self.rooms.get(first).map(texts).unwrap_or_default();
            let mut carried = self.rooms.get(other).map(texts).unwrap_or_default();
            carried.retain(|text| match there.iter().position(|known| known == text) {
                Some(at) => {
                    there.swap_remove(at);
                    false
                }
                None => true,
            });
            if carried.len() > CARRIED_MAX {
                continue;
            }
            let texts = carried.iter().filter_map(|text| Text::new(text).ok());
            let bodies: Vec<_> = texts.map(|text| Body::Text { text, reply_to: None, mentions: Vec::new() }).collect();
            if !bodies.is_empty() {
                self.write_contents(*first, bodies, None, |_| Reply::Done);
            }
            self.event(Event::RoomMoved { from: *other, to: *first });
            self.drop_room(*other);
        }
    }
}

/// Whether a device of the other person is or was in a room of two, or founded it.
fn has_been_in(room: &Room, other: UserId) -> bool {
    let founder = room.record.genesis.header().author;
    room.membership.user_of(founder) == Some(other) || room.membership.all_devices_of(other).next().is_some()
}

/// Whether a key of the room was sealed to a device.
fn is_sealed_to(room: &Room, device: DeviceId) -> bool {
    let epochs = room.membership.known_secrets();
    let mut records = epochs.iter().filter_map(|secrets| room.membership.record(secrets.id()));
    records.any(|record| record.keys.iter().any(|key| key.device == device))
}
