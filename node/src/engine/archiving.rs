//! Giving archives what they lack: rooms that they do not know, and entries.

use parlor_protocol::{DeviceId, EntryId, LogKey, RoomId, limits::PAGE_MAX_ENTRIES, log::Height, wire::RoomRequest};

use super::{
    Engine,
    engine::ReadFor,
    intake::entries_of,
    sync::{Asked, RETRY_MS},
    timers::Timer,
};
use crate::store::{Read, ReadResult};

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
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let Some(state) = room.peers.get_mut(&archive) else { return };
        if state.pushing.is_some() || state.heights_asked {
            return;
        }
        let theirs = |log: &LogKey| state.heights.get(log).map_or(0, |height| height.next);
        let may_take = |log: &LogKey| !state.not_taken.contains(log);
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
        let ask = RoomRequest::Push { entries: entries_of(run) };
        self.ask_room(room_id, archive, ask, Asked::Push { room: room_id, peer: archive });
    }

    pub(super) fn on_pushed(&mut self, room_id: RoomId, archive: DeviceId, heights: Vec<(LogKey, Height)>) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let state = room.peers.entry(archive).or_default();
        state.pushing = None;
        let mut moved = false;
        let mut own_next = None;
        for (log, height) in heights {
            // Whatever else an archive claims is no reason to go on at once.
            let held = room.logs.height(log).next;
            if height.next > held {
                continue;
            }
            let before = state.heights.insert(log, height).map_or(0, |before| before.next);
            moved |= height.next > before;
            if log == own {
                own_next = Some(height.next);
            }
        }
        if moved {
            // What was not taken before may have waited for this.
            state.not_taken.clear();
            state.misfits = 0;
        }
        if let Some(next) = own_next {
            self.note_received(room_id, archive, next);
        }
        if moved {
            self.push_missing(room_id, archive);
            self.go_on_with(room_id, archive);
        } else {
            // The archive took nothing: its heights were not what we thought.
            self.timers.set(self.now.mono + RETRY_MS, Timer::Check(room_id));
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
