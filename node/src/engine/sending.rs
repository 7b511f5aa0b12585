//! Sending texts: whether one may, and what waits while owners' changes are being united.

use parlor_protocol::{EntryId, Role, RoomId, Text, content::Body};

use std::collections::VecDeque;

use super::{Engine, io::CallId, timers::Timer};
use crate::{command::Reply, error::CommandError, event::RoomStanding};

/// Texts of a room that may wait.
const WAITING_MAX: usize = 64;
/// How long they wait for an owner, in milliseconds.
const WAIT_MS: u64 = 30_000;

/// A text that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    call: CallId,
    text: Text,
    reply_to: Option<EntryId>,
    until: u64,
}

impl Engine {
    /// Sends a text, or keeps it until it is known in which epoch, and in which of its steps, to write.
    pub(super) fn send(&mut self, call: CallId, room_id: RoomId, text: Text, reply_to: Option<EntryId>) {
        let may = self.may_write(room_id).and_then(|()| match self.rooms.get(&room_id) {
            Some(room) => self.may_send_now(room),
            None => Err(CommandError::NoSuchRoom),
        });
        if let Err(error) = may {
            return self.fail(call, error);
        }
        let (me, until) = (self.me(), self.now.mono + WAIT_MS);
        match self.rooms.get_mut(&room_id) {
            Some(room) if !room.knows_where_to_write(me) => {
                if room.waiting.len() >= WAITING_MAX {
                    return self.fail(call, CommandError::RoomChanging);
                }
                room.waiting.push_back(Waiting { call, text, reply_to, until });
                self.timers.set(until, Timer::Waiting(room_id));
            }
            room => {
                if let Some(room) = room {
                    room.last_text = Some(self.now.mono);
                }
                let body = Body::Text { text, reply_to, mentions: Vec::new() };
                self.write_contents(room_id, vec![body], Some(call), Reply::Sent);
            }
        }
    }

    /// Whether this device may write something for people to see.
    pub(super) fn may_write(&self, room_id: RoomId) -> Result<(), CommandError> {
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        if room.record.request {
            return Err(CommandError::NotAccepted);
        }
        match &room.standing {
            RoomStanding::ShutOut => return Err(CommandError::CodeOutdated),
            RoomStanding::VisitOver => return Err(CommandError::VisitOver),
            standing if standing.is_over() => return Err(CommandError::RoomOver),
            _ => {}
        }
        match room.membership.role(self.user_id_in(room_id)) {
            Role::Reader => Err(CommandError::ReadersOnlyRead),
            _ => Ok(()),
        }
    }

    /// It is known where to write: sends what waited.
    pub(super) fn flush_waiting(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if !room.knows_where_to_write(me) {
            return;
        }
        for Waiting { call, text, reply_to, .. } in std::mem::take(&mut room.waiting) {
            self.send(call, room_id, text, reply_to);
        }
    }

    /// Gives back what waited too long; the text is in the composer again.
    pub(super) fn expire_waiting(&mut self, room_id: RoomId) {
        let now = self.now.mono;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let (due, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut room.waiting).into_iter().partition(|text| text.until <= now);
        room.waiting = waiting;
        if let Some(next) = room.waiting.front() {
            self.timers.set(next.until, Timer::Waiting(room_id));
        }
        due.into_iter().for_each(|text| self.fail(text.call, CommandError::RoomChanging));
    }

    /// The room is over for this device: what waited is not sent any more.
    pub(super) fn fail_waiting_for_good(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.standing.is_over()) else { return };
        let waiting = std::mem::take(&mut room.waiting);
        waiting.into_iter().for_each(|text| self.fail(text.call, CommandError::RoomOver));
    }

    /// The node stops.
    pub(super) fn stop_waiting(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let waiting = std::mem::take(&mut room.waiting);
        waiting.into_iter().for_each(|text| self.fail(text.call, CommandError::Stopped));
    }
}
