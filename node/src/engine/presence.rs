//! Presence: who is here, who is typing. Sealed gossip that is never stored.

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, RoomId,
    error::SealError,
    signal::{Signal, SignalBody, SignalKind},
    wire::Gossip,
};

use rand_core::RngCore as _;

use super::{Engine, io::Output, timers::Timer};
use crate::{
    event::Event,
    net::{NetCommand, Verdict},
};

/// How often a device says that it is here, in milliseconds.
pub(super) const SIGNAL_EVERY_MS: u64 = 20_000;
/// How soon a device tells a newcomer that it is here, in milliseconds.
const ANSWER_WITHIN_MS: u64 = 1_000;
/// After this long without a word a device counts as offline: two signals may be lost.
pub(super) const ONLINE_FOR_MS: u64 = 65_000;

impl Engine {
    pub(super) fn signal(&mut self, room_id: RoomId, kind: SignalKind) {
        let wall = self.now.wall;
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| !room.record.request) else { return };
        let Some(secrets) = room.membership.current() else { return };
        // Also later than everything written, which the others know even after a restart.
        room.last_signal = wall.max(room.record.hlc.millis() + 1).max(room.last_signal + 1);
        let body = SignalBody { at: room.last_signal, kind };
        let topic = secrets.topic();
        let Ok(signal) = Signal::seal(secrets, room.writing_step(wall), &self.key, body, &mut self.rng) else { return };
        if let Ok(bytes) = Gossip::Signal(signal).encode() {
            self.out.push(Output::Net(NetCommand::Publish { topic, bytes: Bytes::from(bytes) }));
        }
    }

    pub(super) fn signal_online(&mut self, room: RoomId) {
        let is_heard = !self.connections.in_room(room).is_empty() || !self.connections.archives().is_empty();
        // Before all is read the time of the last own message is not known.
        if is_heard && self.rooms.get(&room).is_some_and(|room| room.is_loaded) {
            self.signal(room, SignalKind::Online);
        }
        let next = self.now.mono + self.jitter(SIGNAL_EVERY_MS);
        self.timers.set(next, Timer::Signal(room));
    }

    /// Whoever comes sees soon who is here already. The timer makes one signal of many: a signal goes to
    /// everybody, so one for each of a hundred peers would be ten thousand messages.
    pub(super) fn signal_soon(&mut self, room: RoomId) {
        let soon = self.now.mono + self.rng.next_u64() % ANSWER_WITHIN_MS;
        self.timers.set(soon, Timer::Signal(room));
    }

    pub(super) fn on_signal(&mut self, room_id: RoomId, signal: &Signal) -> Verdict {
        let (me, now) = (self.me(), self.now.mono);
        let Some(room) = self.rooms.get_mut(&room_id) else { return Verdict::Ignore };
        let Some(secrets) = room.membership.secrets(signal.epoch) else { return Verdict::Ignore };
        let body = match signal.open(secrets) {
            Ok(body) => body,
            // It is good, and for those who joined earlier.
            Err(SealError::StepBefore { .. }) => return Verdict::Accept,
            Err(_) => return Verdict::Reject,
        };
        if signal.author == me {
            return Verdict::Ignore;
        }
        let Some(member) = room.membership.members.get_mut(&signal.author) else { return Verdict::Accept };
        if body.at <= member.last_signal {
            return Verdict::Ignore;
        }
        member.last_signal = body.at;
        let is_newcomer = !is_recent(member.heard, now) && body.kind == SignalKind::Online;
        match body.kind {
            SignalKind::Online => self.heard(room_id, signal.author),
            SignalKind::Typing => {
                self.heard(room_id, signal.author);
                if !self.rooms.get(&room_id).is_some_and(|room| room.is_hidden(signal.author)) {
                    self.event(Event::TypingSeen { room: room_id, author: signal.author });
                }
            }
            SignalKind::Offline => {
                // A machine that says goodbye counts as gone at once.
                member.heard = now.checked_sub(ONLINE_FOR_MS + 1);
                self.tell_members(room_id);
            }
        }
        if is_newcomer {
            self.signal_soon(room_id);
        }
        self.note_here(room_id, signal.author, signal.epoch, body.at);
        Verdict::Accept
    }

    /// A member showed that it is here.
    pub(super) fn heard(&mut self, room_id: RoomId, device: DeviceId) {
        let now = self.now.mono;
        let Some(member) = self.rooms.get_mut(&room_id).and_then(|room| room.membership.members.get_mut(&device))
        else {
            return;
        };
        let was_online = is_recent(member.heard, now);
        member.heard = Some(now);
        let user = member.card.user;
        self.contacts.saw(user, device, self.now.wall);
        self.save_contacts_soon();
        self.timers.set(now + ONLINE_FOR_MS, Timer::Presence(room_id));
        if !was_online {
            self.tell_members(room_id);
        }
    }

    /// Somebody may have been silent for too long.
    pub(super) fn refresh_presence(&mut self, room_id: RoomId) {
        self.tell_members(room_id);
        let now = self.now.mono;
        let Some(room) = self.rooms.get(&room_id) else { return };
        let oldest =
            room.membership.members.values().filter_map(|m| m.heard).filter(|h| is_recent(Some(*h), now)).min();
        if let Some(oldest) = oldest {
            self.timers.set(oldest + ONLINE_FOR_MS + 1, Timer::Presence(room_id));
        }
    }
}

pub(super) fn is_recent(heard: Option<u64>, now: u64) -> bool {
    heard.is_some_and(|heard| now.saturating_sub(heard) <= ONLINE_FOR_MS)
}
