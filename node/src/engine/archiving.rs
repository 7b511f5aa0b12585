//! Giving archives what they lack: rooms that they do not know, and entries.

use parlor_protocol::{DeviceId, EntryId, LogKey, RoomId, limits::PAGE_MAX_ENTRIES, log::Height, wire::RoomRequest};

use super::{Engine, engine::ReadFor, intake::entries_of, peer_room::PeerRoom, sync::Asked};
use crate::store::{Read, ReadResult};

/// Archives that are not used and are given entries of a room at the same time.
const UNUSED_AT_ONCE: usize = 4;

impl Engine {
    /// Makes the room known to an archive.
    pub(super) fn register(&mut self, room_id: RoomId, archive: DeviceId, tips: &[EntryId]) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let mut epochs = room.membership.missing_entries(tips);
        let state = room.peers.entry(archive).or_default();
        if room.membership.rules().graph().is_empty() || state.registering {
            return;
        }
        state.registering = true;
        // The rest follows when these are known there.
        super::epochs::cut_to_page(&mut epochs);
        let ask = RoomRequest::Register { genesis: room.record.genesis.clone(), epochs };
        self.ask_room(room_id, archive, ask, Asked::Register { room: room_id, peer: archive });
    }

    pub(super) fn on_registered(&mut self, room_id: RoomId, archive: DeviceId) {
        if let Some(room) = self.rooms.get_mut(&room_id) {
            let state = room.peers.entry(archive).or_default();
            state.registering = false;
            state.registered = true;
            let is_served = state.answered;
            self.note_archive(archive);
            if !is_served {
                // It serves who is in by what it has, which may be nothing yet.
                self.push_missing(room_id, archive);
            }
            self.sync_with(room_id, archive);
            self.ask_epochs(room_id, archive);
        }
    }

    /// Sends the archive the next run that it lacks, own entries first.
    pub(super) fn push_missing(&mut self, room_id: RoomId, archive: DeviceId) {
        let me = self.me();
        if !self.uses_archive(archive) && self.gives_to_unused(room_id) >= UNUSED_AT_ONCE {
            // With the next comparison there may be a place.
            return;
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let Some(state) = room.peers.get_mut(&archive) else { return };
        if state.pushing.is_some() || state.heights_asked {
            return;
        }
        let theirs = |log: &LogKey| state.heights.get(log).map_or(0, |height| height.next);
        let was_given = |log: &LogKey| state.confirmed.get(log).is_some_and(|next| *next > theirs(log));
        let may_take = |log: &LogKey| !state.not_taken.contains(log) && !was_given(log);
        let lacking = room.logs.iter().filter(|(key, log)| log.frozen.is_none() && log.durable() > theirs(key));
        let lacking = lacking.filter(|(key, _)| may_take(key));
        // The creator's log comes first: it has the genesis and the epochs that others need.
        let creator = room.record.genesis.header().author;
        let next = lacking.min_by_key(|(key, _)| (key.author != creator, **key != own)).map(|(key, _)| *key);
        if let Some(log) = next {
            let from = theirs(&log);
            state.pushing = Some(log);
            let read = Read::Run { room: room_id, log, from, max: PAGE_MAX_ENTRIES };
            self.read(read, ReadFor::Push { room: room_id, archive });
        }
    }

    /// How many archives that are not used something is on its way to.
    fn gives_to_unused(&self, room_id: RoomId) -> usize {
        let Some(room) = self.rooms.get(&room_id) else { return 0 };
        let is_one = |(id, state): &(&DeviceId, &PeerRoom)| state.pushing.is_some() && !self.uses_archive(**id);
        room.peers.iter().filter(is_one).count()
    }

    pub(super) fn push_read(&mut self, room_id: RoomId, archive: DeviceId, result: ReadResult) {
        let mut run = super::serve::cut_to_checked(result.runs.into_iter().next().unwrap_or_default());
        if let Some(room) = self.rooms.get(&room_id) {
            run = super::serve::cut_to_end(run, &room.logs);
        }
        if run.is_empty() || !self.connections.is_connected(archive) {
            if let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive)) {
                state.pushing = None;
            }
            return;
        }
        let end = run.last().map_or(0, |last| last.entry.header().seq + 1);
        if let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive)) {
            state.pushed_to = end;
        }
        let ask = RoomRequest::Push { entries: entries_of(run) };
        self.ask_room(room_id, archive, ask, Asked::Push { room: room_id, peer: archive });
    }

    pub(super) fn on_pushed(&mut self, room_id: RoomId, archive: DeviceId, heights: Vec<(LogKey, Height)>) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let state = room.peers.entry(archive).or_default();
        let Some(sent) = state.pushing.take() else { return };
        // Whatever else an archive claims is no reason to go on at once.
        let held = room.logs.height(sent).next;
        let said = heights.into_iter().find(|(log, height)| *log == sent && height.next <= held);
        let next = said.map_or(0, |(_, height)| height.next);
        let before = state.heights.get(&sent).map_or(0, |before| before.next);
        if let Some((log, height)) = said.filter(|_| next > before) {
            state.heights.insert(log, height);
            state.confirmed.insert(log, next);
        }
        let is_whole = next > before && next >= state.pushed_to;
        if is_whole {
            // What was not taken before may have waited for this.
            state.not_taken.clear();
            state.misfits = 0;
            state.was_shown = false;
        }
        if sent == own && said.is_some() {
            self.note_received(room_id, archive, next);
        }
        if is_whole {
            self.push_missing(room_id, archive);
        } else {
            // It took a part, or nothing: what the rest waits for may be in another log. It gets no whole page
            // again for each entry that it takes.
            self.on_misfit(room_id, archive, sent);
        }
        if next > before {
            self.go_on_with(room_id, archive);
        }
    }

    /// An archive was brought everything. If it did not serve this device it may do so now, and it may take what
    /// is wrapped for doors that it did not know.
    fn go_on_with(&mut self, room_id: RoomId, archive: DeviceId) {
        let state = self.rooms.get(&room_id).and_then(|room| room.peers.get(&archive));
        match state.filter(|state| state.pushing.is_none()) {
            Some(state) if state.answered => self.push_wraps(room_id, archive),
            Some(_) => self.sync_with(room_id, archive),
            None => {}
        }
    }
}
