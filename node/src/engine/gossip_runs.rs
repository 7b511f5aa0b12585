//! Runs of entries from gossip: judged as a whole by the signature of their last entry.

use super::Engine;
use crate::net::Verdict;
use parlor_protocol::{DeviceId, RoomId, entry::Entry, log::verify_suffix};

impl Engine {
    /// Entries of one log that their author published together. What is held already is left out. A
    /// run that leaves a gap is not kept: its entries were not checked one by one, and sync brings
    /// them as a page.
    pub(super) fn on_gossip_run(&mut self, room_id: RoomId, from: DeviceId, run: Vec<Entry>) -> Verdict {
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id) else { return Verdict::Ignore };
        let Some(log) = run.first().map(Entry::log_key) else { return Verdict::Reject };
        // What is told is whole: only time prunes it.
        if run.iter().any(|entry| entry.room() != room_id || entry.log_key() != log || entry.is_pruned()) {
            return Verdict::Reject;
        }
        let begin = run.first().map_or(0, |first| first.header().seq);
        if room.standing.is_over() {
            return Verdict::Ignore;
        }
        if log.author == me || room.logs.is_frozen(log) || room.logs.ends_before(log, begin) {
            return Verdict::Ignore;
        }
        let height = room.logs.height(log);
        let (held, new): (Vec<_>, Vec<_>) = run.into_iter().partition(|entry| entry.header().seq < height.next);
        let ends_at_head = |last: &&Entry| last.header().seq + 1 == height.next;
        if let Some(last) = held.last().filter(ends_at_head).filter(|last| last.id() != height.head) {
            let theirs = [last.clone()].into_iter().chain(new).collect();
            let is_good = self.compare_with_own(room_id, log, theirs);
            return if is_good { Verdict::Ignore } else { Verdict::Reject };
        }
        if new.is_empty() {
            return Verdict::Ignore;
        }
        let Ok(new) = verify_suffix(room_id, log, new) else { return Verdict::Reject };
        let leaves_gap = new.first().is_some_and(|first| first.header().seq > height.next);
        if leaves_gap || !room.is_loaded {
            let is_known = !room.is_loaded || room.membership.is_in(log.author);
            self.sync_with(room_id, from);
            return if is_known { Verdict::Accept } else { Verdict::Ignore };
        }
        if new.first().is_some_and(|first| height.check_next(room_id, log, first).is_err()) {
            self.compare_with_own(room_id, log, new.into_iter().map(|entry| entry.into_inner()).collect());
            return Verdict::Ignore;
        }
        if new.iter().any(|entry| !room.may_come_in_by_gossip(entry, self.now.wall)) {
            return Verdict::Ignore;
        }
        self.append_gossip(room_id, from, log, new)
    }
}
