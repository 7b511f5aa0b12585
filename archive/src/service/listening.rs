//! Listening: which topics of which rooms.
//!
//! A topic is a hash of room and epoch, so the archive works out by itself where a room's members
//! talk; what anybody names counts for nothing. It hears the newest epochs of a room, and all rooms
//! together get no more topics than a peer takes from one machine: a newcomer is told them all in one
//! message, and one too many would make it take none of them.

use parlor_node::net::NetCommand;
use parlor_protocol::{RoomId, TopicId, epoch::topic_of};
use std::collections::BTreeSet;

use super::{Service, Waiter, room::RoomState};

/// Epochs of a room that are listened to: as many as its members hear, with the one that is beginning.
const TOPICS_OF_ROOM: usize = 17;
/// Topics of all rooms. Up to half of it rooms may have more than their newest one. Rooms beyond it
/// are not heard; their members push what they write.
pub(super) const TOPICS_MAX: usize = 2_000;

/// What a room is listened to on.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    topics: BTreeSet<TopicId>,
    /// There may be others by now.
    pub(super) is_outdated: bool,
}

impl<W> RoomState<W> {
    /// Where the members of the room talk, the most important first.
    pub(super) fn topics(&self) -> Vec<TopicId> {
        let room = self.rules.room();
        self.rules.graph().newest(TOPICS_OF_ROOM).into_iter().map(|epoch| topic_of(room, epoch)).collect()
    }
}

impl Service {
    /// Listens to the newest epochs of a room, and to its old ones no longer.
    pub(super) async fn listen(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.hearing.is_outdated) else { return };
        room.hearing.is_outdated = false;
        let wanted = room.topics();
        let mut heard = std::mem::take(&mut room.hearing.topics);
        for topic in heard.extract_if(.., |topic| !wanted.contains(topic)).collect::<Vec<_>>() {
            self.leave(topic).await;
        }
        for (at, topic) in wanted.iter().enumerate() {
            if heard.contains(topic) {
                continue;
            }
            let places = if heard.is_empty() { self.limits.topics } else { self.limits.topics / 2 };
            if self.topics.len() >= places {
                // A room that is heard keeps its place for its newest epoch.
                let oldest = wanted.iter().rev().find(|topic| heard.contains(topic));
                let Some(oldest) = oldest.filter(|_| at == 0) else { break };
                heard.remove(oldest);
                self.leave(*oldest).await;
            }
            heard.insert(*topic);
            self.topics.insert(*topic, room_id);
            self.tell(NetCommand::Subscribe(*topic)).await;
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.hearing.topics = heard;
        }
    }

    /// A room is kept no longer.
    pub(super) async fn unhear(&mut self, room: &mut RoomState<Waiter>) {
        for topic in std::mem::take(&mut room.hearing.topics) {
            self.leave(topic).await;
        }
    }

    async fn leave(&mut self, topic: TopicId) {
        self.topics.remove(&topic);
        self.tell(NetCommand::Unsubscribe(topic)).await;
    }
}
