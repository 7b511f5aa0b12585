//! Answering: heights, pages, tails and codes, for admitted devices.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, Locator, LogKey, RoomId,
    entry::Entry,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, TAIL_MAX},
    log::{Heights, digest},
    wire::{Answer, Refusal, RoomRequest, Tail},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use super::{Cost, Done, RETRY_MS, Service, cut_to_checked, entries_of};
use crate::store::{Store, StoreError};

/// First entries of a log that a tail brings along: admission and profile stand there.
const LOG_START: u64 = 4;

impl Service {
    /// Looks up the record behind a code: among the rooms at hand, then in the store, which
    /// another archive may have written to.
    pub(super) fn look_up(&mut self, inbound: InboundId, locator: Locator) {
        let known = self.rooms.values().find_map(|room| room.rules.invite(locator)).cloned();
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            let invite = match known {
                Some(invite) => Some(invite),
                None => store.invite(locator).await.ok().flatten().map(|(_, invite)| invite),
            };
            Done::Answer(inbound, Answer::Invite(invite))
        });
    }

    /// Serves an admitted device; `None` when the answer comes later.
    pub(super) fn serve(&mut self, id: InboundId, from: DeviceId, room_id: RoomId, ask: RoomRequest) -> Option<Answer> {
        let room = self.rooms.get(&room_id)?;
        match ask {
            RoomRequest::Heights { digest: theirs } => {
                let heights = room.heights();
                let same = digest(&heights) == theirs;
                Some(if same { Answer::Same } else { Answer::Heights(heights.into_iter().collect()) })
            }
            RoomRequest::Page { log, from } => {
                let store = Arc::clone(&self.store);
                self.tasks.spawn(async move {
                    let run = store.run(room_id, log, from, PAGE_MAX_ENTRIES, PAGE_MAX_BYTES).await;
                    Done::Answer(id, or_unavailable(run.map(|run| Answer::Page(entries_of(cut_to_checked(run))))))
                });
                None
            }
            RoomRequest::Tail { limit } => {
                let (store, heights) = (Arc::clone(&self.store), room.heights());
                self.tasks.spawn(async move {
                    let tail = tail(&*store, room_id, heights, usize::from(limit)).await;
                    Done::Answer(id, or_unavailable(tail.map(Answer::Tail)))
                });
                None
            }
            RoomRequest::Push { entries } => {
                let bytes = entries.iter().map(|entry| entry.bytes().len()).sum();
                if self.meter.allows(from, Cost::Bytes(bytes), Instant::now()) {
                    self.push(id, room_id, entries)
                } else {
                    Some(Answer::Refused(Refusal::Busy { retry_ms: RETRY_MS }))
                }
            }
            RoomRequest::Received { .. } => Some(Answer::Done),
            RoomRequest::Register { .. } => Some(Answer::Refused(Refusal::Malformed)),
        }
    }
}

fn or_unavailable(answer: Result<Answer, StoreError>) -> Answer {
    answer.unwrap_or(Answer::Refused(Refusal::StoreUnavailable))
}

/// The newest entries: ends of logs up to their heads, and what opens them.
async fn tail(store: &dyn Store, room: RoomId, heights: Heights, limit: usize) -> Result<Tail, StoreError> {
    let total = heights.values().map(|height| height.next).sum();
    let mut starts: BTreeMap<LogKey, u64> = BTreeMap::new();
    let mut entries = 0;
    for (log, seq) in store.newest(room, limit.min(TAIL_MAX)).await? {
        let Some(next) = heights.get(&log).map(|height| height.next).filter(|next| *next > seq) else { continue };
        let before = starts.get(&log).map_or(0, |start| next - start);
        let with = (next - seq).max(before);
        if entries - before + with > TAIL_MAX as u64 {
            break;
        }
        entries = entries - before + with;
        let start = starts.entry(log).or_insert(seq);
        *start = (*start).min(seq);
    }
    let mut tail = Tail { total, ..Tail::default() };
    let mut wanted: BTreeSet<(LogKey, u64)> = BTreeSet::new();
    for (log, start) in starts {
        let run = cut_to_checked(store.run(room, log, start, TAIL_MAX, PAGE_MAX_BYTES / 4).await?);
        wanted.extend((0..LOG_START.min(start)).map(|seq| (log, seq)));
        let sessions = run.iter().map(|kept| kept.entry.header().session).filter(|session| *session < start);
        wanted.extend(sessions.map(|session| (log, session)));
        tail.suffixes.push(entries_of(run));
    }
    for (log, seq) in wanted {
        let opener: Vec<Entry> = entries_of(store.run(room, log, seq, 1, PAGE_MAX_BYTES).await?);
        tail.openers.extend(opener);
    }
    Ok(tail)
}
