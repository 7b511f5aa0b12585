//! The first screenful, which is shown before the logs that prove it: and what becomes of messages
//! whose log never comes.

use parlor_protocol::{
    DeviceId, EntryId, LogKey, RoomId,
    entry::{Entry, Verified},
    log::verify_suffix,
    wire::Tail,
};

use super::{Engine, peer_room::FirstScreen};
use crate::event::Event;

/// How long what a peer showed may wait for its log while nothing of it comes, in milliseconds.
const UNPROVEN_MS: u64 = 2 * 60 * 1_000;

/// A message that a peer showed before its log was here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Early {
    message: EntryId,
    log: LogKey,
    by: DeviceId,
    /// Until when it waits, on the monotonic clock.
    until: u64,
}

impl Engine {
    pub(super) fn on_tail(&mut self, room_id: RoomId, by: DeviceId, tail: Tail) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&by)) else {
            // It is gone, and what it showed is as good as before.
            return self.show_early(room_id, by, tail);
        };
        state.first_screen = FirstScreen::Waits(tail);
        self.show_first_screen(room_id, by);
        self.finish_comparison(room_id, by);
    }

    /// Shows the first screenful of a peer, as soon as the records of its epochs are here, and goes on to
    /// the rest.
    pub(super) fn show_first_screen(&mut self, room_id: RoomId, by: DeviceId) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&by)) else { return };
        if state.epochs_asked {
            return;
        }
        match std::mem::replace(&mut state.first_screen, FirstScreen::Done) {
            FirstScreen::Waits(tail) => {
                self.show_early(room_id, by, tail);
                self.fetch_missing(room_id, by);
            }
            before => state.first_screen = before,
        }
    }

    fn show_early(&mut self, room_id: RoomId, by: DeviceId, tail: Tail) {
        let (me, until) = (self.me(), self.now.mono + UNPROVEN_MS);
        let mut entries = Vec::new();
        for suffix in tail.suffixes {
            let Some(log) = suffix.first().map(Entry::log_key) else { continue };
            entries.extend(verify_suffix(room_id, log, suffix).unwrap_or_default());
        }
        let openers: Vec<Verified<Entry>> = tail
            .openers
            .into_iter()
            .filter(|entry| entry.room() == room_id)
            .filter_map(|entry| entry.verify().ok())
            .collect();
        let Some(effects) = self.with_room(room_id, |room, viewer| room.preview(&entries, &openers, viewer)) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.summary_changed = true;
        let early = |message: EntryId, log: LogKey| Early { message, log, by, until };
        room.early_shown.extend(effects.added.iter().map(|message| early(message.id, message.order.log)));
        let mut messages: Vec<_> = effects.added.iter().map(|message| room.dressed(message, me)).collect();
        messages.sort_by_key(|message| message.order);
        if !messages.is_empty() {
            self.event(Event::MessagesAdded { room: room_id, messages, live: false });
        }
        if effects.members_changed {
            self.tell_members(room_id);
        }
    }

    /// Takes away what somebody showed early and has not proven since. What a peer holds has come when
    /// all of it was compared; who is gone may come back with it.
    pub(super) fn drop_unproven(&mut self, room_id: RoomId) {
        let now = self.now.mono;
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        let mut gone = Vec::new();
        for early in std::mem::take(&mut room.early_shown) {
            if !room.timeline.is_provisional(early.message) {
                continue;
            }
            let peer = room.peers.get(&early.by).filter(|_| self.connections.is_connected(early.by));
            let comes =
                |peer: &super::peer_room::PeerRoom| !peer.compared && (!peer.pages.is_empty() || now < early.until);
            if peer.is_some_and(comes) || room.fetching.contains_key(&early.log) {
                room.early_shown.push(early);
            } else {
                room.timeline.remove(early.message);
                gone.push(early.message);
            }
        }
        if !gone.is_empty() {
            room.summary_changed = true;
            self.event(Event::MessagesGone { room: room_id, ids: gone });
        }
    }
}
