//! Logs that fork: what a peer shows is compared with what is held, and the proof is kept.
//!
//! A peer's run ends at a good signature, and so does what is held here. Whatever places the good
//! signatures stand at, the two runs prove the fork by themselves.

use parlor_protocol::{
    LogKey, RoomId,
    entry::Entry,
    limits::PAGE_MAX_ENTRIES,
    log::{ForkProof, verify_suffix},
    wire::RoomRequest,
};

use super::{Engine, engine::ReadFor, intake::entries_of, logs::Frozen, serve::Serving, sync::Asked};
use crate::store::{Read, ReadResult};

impl Engine {
    /// A run does not fit what is held: when its device signed it, what is held there is read for
    /// comparison. False when it did not.
    pub(super) fn compare_with_own(&mut self, room_id: RoomId, log: LogKey, theirs: Vec<Entry>) -> bool {
        let Ok(theirs) = verify_suffix(room_id, log, theirs) else { return false };
        let Some(room) = self.rooms.get(&room_id).filter(|room| !room.logs.is_frozen(log)) else { return true };
        let (Some(first), Some(head)) = (theirs.first(), room.logs.height(log).next.checked_sub(1)) else {
            return true;
        };
        // What follows our head says by its link what stands at that place.
        let from = first.header().seq.min(head);
        let theirs = theirs.into_iter().map(|entry| entry.into_inner()).collect();
        let read = Read::Run { room: room_id, log, from, max: PAGE_MAX_ENTRIES };
        self.read(read, ReadFor::Serve(Serving::Fork { room: room_id, theirs }));
        true
    }

    /// What is held was read: when it contradicts what a peer showed, keeps the proof and freezes the log.
    pub(super) fn prove_fork(&mut self, room_id: RoomId, theirs: &[Entry], ours: ReadResult) {
        let ours: Vec<Entry> = ours.runs.into_iter().flat_map(entries_of).collect();
        let Ok(proof) = ForkProof::new(&ours, theirs) else { return };
        let log = proof.log_key();
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| !room.logs.is_frozen(log)) else { return };
        room.logs.entry(log).frozen = Some(Frozen::Forked);
        let name = room.name_of(log.author);
        let place = proof.seq();
        self.write_fork(proof);
        self.tell_archives(room_id, [up_to_good(&ours, place), up_to_good(theirs, place)]);
        self.problem(
            format!("{name}'s device wrote two different histories"),
            "It was probably restored from an old copy. What was written in the second one is not shown; what follows is.",
        );
    }

    /// Shows archives both branches: an archive holds one of them at most, and keeps the proof when it is
    /// shown the other. By itself it compares nothing, and would take and pass on the one for ever.
    fn tell_archives(&mut self, room_id: RoomId, branches: [Vec<Entry>; 2]) {
        for archive in self.connections.archives() {
            for entries in branches.iter().filter(|branch| !branch.is_empty()).cloned() {
                self.ask_room(room_id, archive, RoomRequest::Push { entries }, Asked::Receipt);
            }
        }
    }
}

/// The entries from a place on, up to the first good signature.
fn up_to_good(run: &[Entry], place: u64) -> Vec<Entry> {
    let from = run.iter().position(|entry| entry.header().seq >= place).unwrap_or(run.len());
    let branch = run.get(from..).unwrap_or_default();
    let end = branch.iter().position(|entry| entry.clone().verify().is_ok()).map_or(0, |last| last + 1);
    branch.get(..end).unwrap_or_default().to_vec()
}
