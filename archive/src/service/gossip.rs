//! Gossip: what is good is passed on, what continues its log is stored.

use bytes::Bytes;
use parlor_node::net::{GossipId, NetCommand, Verdict};
use parlor_protocol::{
    DeviceId, RoomId, TopicId,
    entry::{Entry, Kind},
    log::verify_suffix,
    rules::Refused,
    wire::Gossip,
};
use std::time::Instant;

use super::{
    Service, Waiter, now_ms,
    rates::Cost,
    room::Work,
    taking::{comes_in, door_of},
};

impl Service {
    pub(super) async fn on_gossip(&mut self, message: GossipId, from: DeviceId, topic: TopicId, bytes: &Bytes) {
        let room = self.topics.get(&topic).copied();
        let verdict = match (room, Gossip::decode(bytes)) {
            // A newer program may have sent it. What cannot be checked is not passed on.
            (_, Err(error)) if error.is_unsupported() => Verdict::Ignore,
            (_, Err(_)) => Verdict::Reject,
            (None, _) => Verdict::Ignore,
            (Some(room), Ok(Gossip::Entry(entry))) => self.on_gossip_entries(room, from, vec![entry]),
            (Some(room), Ok(Gossip::Run(run))) => self.on_gossip_entries(room, from, run),
            (Some(room), Ok(Gossip::Signal(signal))) => {
                let known = self.rooms.get(&room).is_some_and(|room| room.is_member(signal.author));
                match signal.check(room) {
                    Err(_) => Verdict::Reject,
                    Ok(()) if known => Verdict::Accept,
                    Ok(()) => Verdict::Ignore,
                }
            }
        };
        self.metrics.count_gossip(verdict);
        self.tell(NetCommand::Judge { message, verdict }).await;
        if let Some(room) = room {
            self.listen(room).await;
            self.note_changes(room).await;
        }
        self.start_waiting();
    }

    /// Entries of one log, one or a run: passed on when they are good, stored when they continue it.
    fn on_gossip_entries(&mut self, room_id: RoomId, from: DeviceId, entries: Vec<Entry>) -> Verdict {
        let now = Instant::now();
        let Some(room) = self.rooms.get_mut(&room_id) else { return Verdict::Ignore };
        let (Some(first), Some(last)) = (entries.first(), entries.last().cloned()) else { return Verdict::Reject };
        let (log, begin, end) = (first.log_key(), first.header().seq, last.header().seq);
        // What is told is whole: only time prunes it.
        if entries.iter().any(|entry| entry.room() != room_id || entry.log_key() != log || entry.is_pruned()) {
            return Verdict::Reject;
        }
        let height = room.height(log);
        if end + 1 == height.next && last.id() == height.head || room.is_frozen(log) {
            return Verdict::Ignore;
        }
        let bytes = entries.iter().map(|entry| entry.bytes().len()).sum();
        let who = self.peers.asker(from);
        if self.meter.take(who, Cost::Bytes(bytes), now).is_err() {
            return Verdict::Ignore;
        }
        let Ok(verified) = verify_suffix(room_id, log, entries) else { return Verdict::Reject };
        for epoch in verified.iter().filter(|entry| entry.header().kind == Kind::Epoch) {
            if room.learn_epoch(epoch) == Err(Refused::Never) {
                return Verdict::Reject;
            }
        }
        let may_pass = room.may_pass_on(&verified, now_ms());
        if end < height.next {
            // Held already, or the other half of a fork.
            if let Some(place) = self.gossip.compare(who.source) {
                self.compare(room_id, log, vec![last], Waiter::Gossip { _place: place });
            }
            return Verdict::Ignore;
        }
        let mut comes = verified.iter().filter(|entry| comes_in(entry));
        // Whoever is in may have let it in all the same; then it is pushed.
        if comes.any(|entry| !may_pass || !self.meter.comes(door_of(entry), now)) {
            return Verdict::Ignore;
        }
        if (begin..=end).contains(&room.expected(log))
            && let Some(place) = self.gossip.bring(who.source, bytes)
        {
            // When too much waits the member pushes it again later.
            let entries = verified.into_iter().map(|entry| entry.into_inner()).collect();
            let _ = room.enqueue(log, Work { entries, waiter: Waiter::Gossip { _place: place } });
            self.to_start.insert((room_id, log));
        }
        if may_pass { Verdict::Accept } else { Verdict::Ignore }
    }
}
