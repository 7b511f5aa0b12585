//! How far sync is: when a comparison has ended, and when a room is complete.
//!
//! Complete is what people and programs rely on who look and go: all that the connected members and
//! archives had is here, the records of epochs and what was said in them too. Whoever fails to answer
//! is not waited for.

use parlor_protocol::{DeviceId, RoomId};

use super::{Engine, engine::SUMMARY_EVERY_MS, peer_room::PeerRoom, room::Room, sync::COMPARED_AT_ONCE};
use crate::event::{JoinStage, SyncState};

impl Engine {
    /// Something that was asked of a peer has come, or will not: tells how far sync is, and ends the
    /// first one after joining.
    pub(super) fn finish_comparison(&mut self, room_id: RoomId, peer: DeviceId) {
        let now = self.now.mono;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.summary_changed = true;
        let is_loaded = room.is_loaded;
        let Some(state) = room.peers.get_mut(&peer) else { return };
        let still = state.is_catching_up();
        // What came while the room was read anew was not taken: it is compared again after that.
        state.compared |= !still && state.answered && is_loaded;
        let (answered, has_ended) = (state.answered, !state.fetches() && !state.heights_asked);
        let again = has_ended && std::mem::take(&mut state.ask_again);
        room.note_synced();
        if again {
            self.sync_with(room_id, peer);
            return;
        }
        if !room.is_fresh || !answered {
            return;
        }
        room.is_fresh = still;
        if !still {
            self.tell_join_stage(room_id, JoinStage::Finished { room: room_id });
        } else if room.progress_sent == 0 || room.progress_sent + SUMMARY_EVERY_MS <= now {
            room.progress_sent = now.max(1);
            let (have, total) = (room.logs.total(), room.known_total());
            self.tell_join_stage(room_id, JoinStage::Reading { room: room_id, have, total });
        }
    }
}

impl PeerRoom {
    /// Whether entries of it are under way, or are asked for as soon as its first screenful is here.
    fn fetches(&self) -> bool {
        self.first_screen.is_under_way() || !self.pages.is_empty()
    }

    /// Whether something is still asked of it that may bring what it had when it was first compared
    /// with, or what had to wait for something else. A later comparison is no more than a look.
    fn is_catching_up(&self) -> bool {
        let compares = self.heights_asked || self.ask_again || self.registering;
        self.epochs_asked || self.fetches() || compares && (!self.answered || self.waits)
    }
}

impl Room {
    /// Members, archives that are used, and who let this device in. Anybody may listen to a topic or call itself
    /// an archive, and be slow to answer.
    pub(super) fn counted_peers(&self) -> impl Iterator<Item = &PeerRoom> {
        let counts = |(device, state): &(&DeviceId, &PeerRoom)| {
            state.used || self.let_in_by == Some(**device) || self.membership.is_in(**device)
        };
        self.peers.iter().filter(counts).map(|(_, state)| state)
    }

    /// Whether something is still asked of those who count that may be news.
    pub(super) fn is_catching_up(&self) -> bool {
        let is_awaited = |state: &PeerRoom| !state.compared && !state.has_failed && state.is_catching_up();
        self.counted_peers().any(is_awaited)
    }

    /// Notes when the room has been compared to the end with all who are there; of a crowd the first
    /// ones bring what all of them have.
    pub(super) fn note_synced(&mut self) {
        if self.has_synced {
            return;
        }
        let compared = self.counted_peers().filter(|state| state.compared).count();
        let goes_on = self.is_catching_up();
        self.has_synced = compared >= COMPARED_AT_ONCE || compared > 0 && !goes_on;
        self.summary_changed |= self.has_synced;
    }

    /// How complete the room is.
    pub(super) fn sync_state(&self) -> SyncState {
        let (have, total) = (self.logs.total(), self.known_total());
        let catches_up = self.counted_peers().any(|state| !state.has_failed && state.is_catching_up());
        let waits = catches_up && self.counted_peers().any(|state| state.waits);
        match () {
            () if !self.is_loaded || have < total || waits => SyncState::Syncing { have, total },
            () if self.has_synced => SyncState::Complete,
            () if catches_up => SyncState::Syncing { have, total },
            () => SyncState::Alone,
        }
    }
}
