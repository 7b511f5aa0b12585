//! Answering: heights, pages and tails, for who is in the room.

use parlor_node::net::InboundId;
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    access::wire::NotAdmitted,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, TAIL_MAX},
    log::{Heights, digest},
    wire::{Answer, Refusal, RoomRequest, Tail},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Done, Service, TASKS_MAX, cut_to_checked, entries_of, now_ms, storing::in_time};
use crate::store::{Kept, Store, StoreError};

/// First entries of a log that a tail brings along: coming in and profile stand there.
const LOG_START: u64 = 4;
/// How the bytes of a tail are shared between what was written last and what opens it.
const SUFFIXES_MAX_BYTES: usize = PAGE_MAX_BYTES / 2;
const OPENERS_MAX_BYTES: usize = PAGE_MAX_BYTES / 2;
/// How old the knowledge of a room may be when other archives write to the same store.
const REFRESH_EVERY: Duration = Duration::from_secs(10);

impl Service {
    /// Somebody asks about a room.
    pub(super) async fn ask_room(
        &mut self,
        id: InboundId,
        from: DeviceId,
        room: RoomId,
        ask: RoomRequest,
    ) -> Option<Answer> {
        let Some(known) = self.rooms.get(&room) else {
            if self.is_shared {
                self.find_room(id, room);
                return None;
            }
            return Some(Answer::Refused(Refusal::UnknownRoom));
        };
        let (served, has_ended) = (known.rules.served(from, now_ms()), known.has_ended());
        let unsaved = known.is_unsaved(from);
        match (served, ask) {
            // Who is in no longer is told what became of it, and nothing else.
            (_, RoomRequest::Epochs { tips }) if known.hears_of_epochs(from, served) => {
                let (entries, tips) = known.epochs_for(from, &tips);
                Some(Answer::Epochs { entries, tips })
            }
            // A room that has ended is served to nobody.
            _ if has_ended => Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Out))),
            // Entries count by themselves, whoever brings them; what lets this peer in may be among them.
            (Ok(()) | Err(NotAdmitted::Show), RoomRequest::Push { entries }) => {
                let is_in = served.is_ok() && unsaved.is_none();
                if is_in {
                    self.know([from]).await;
                }
                self.push(id, from, room, entries, is_in)
            }
            (Ok(()), _) if let Some(refusal) = unsaved => Some(Answer::Refused(refusal)),
            (Ok(()), ask) => {
                self.know([from]).await;
                self.serve(id, room, ask)
            }
            (Err(why), _) => Some(Answer::Refused(Refusal::NotAdmitted(why))),
        }
    }

    /// Serves a device that is in; `None` when the answer comes later.
    pub(super) fn serve(&mut self, id: InboundId, room_id: RoomId, ask: RoomRequest) -> Option<Answer> {
        let room = self.rooms.get(&room_id)?;
        match ask {
            RoomRequest::Heights { digest: theirs, epochs } => {
                let heights = room.heights();
                let same = digest(&heights) == theirs && room.rules.graph().digest() == epochs;
                self.refresh(room_id);
                Some(if same { Answer::Same } else { Answer::Heights(heights.into_iter().collect()) })
            }
            RoomRequest::Page { log, from } => {
                let (store, end) = (Arc::clone(&self.store), room.rules.end(log).map_or(u64::MAX, |cut| cut.next));
                self.tasks.spawn(async move {
                    let run = in_time(store.run(room_id, log, from, PAGE_MAX_ENTRIES, PAGE_MAX_BYTES)).await;
                    let page = |run| Answer::Page(entries_of(end_at_good_signature(cut_to_end(run, end))));
                    Done::Answer(id, or_unavailable(run.map(page)))
                });
                None
            }
            RoomRequest::Tail { limit } => {
                let (store, heights, ends) = (Arc::clone(&self.store), room.heights(), room.ends());
                self.tasks.spawn(async move {
                    let tail = in_time(tail(&*store, room_id, heights, &ends, usize::from(limit))).await;
                    Done::Answer(id, or_unavailable(tail.map(Answer::Tail)))
                });
                None
            }
            RoomRequest::Received { .. } => Some(Answer::Done),
            // Dealt with before.
            RoomRequest::Push { .. } | RoomRequest::Epochs { .. } | RoomRequest::Register { .. } => {
                Some(Answer::Refused(Refusal::Malformed))
            }
        }
    }
}

impl Service {
    /// Reads a room anew now and then when other archives write to the same store; whether it does so now.
    pub(super) fn refresh(&mut self, room: RoomId) -> bool {
        let now = Instant::now();
        let is_due = self.refreshed.get(&room).is_none_or(|at| now.duration_since(*at) >= REFRESH_EVERY);
        let may_read = self.is_shared && is_due && self.tasks_under_way() < TASKS_MAX;
        if may_read {
            self.refreshed.insert(room, now);
            self.reload(room);
        }
        may_read
    }
}

fn or_unavailable(answer: Result<Answer, StoreError>) -> Answer {
    answer.unwrap_or(Answer::Refused(Refusal::StoreUnavailable))
}

/// Leaves out what lies beyond the end of its log.
fn cut_to_end(mut run: Vec<Kept>, end: u64) -> Vec<Kept> {
    run.retain(|kept| kept.entry.header().seq < end);
    run
}

/// Cuts a page to end at a signature that is good. Pushes may be a little longer than pages, so
/// that none in reach was checked: then some are checked now.
fn end_at_good_signature(run: Vec<Kept>) -> Vec<Kept> {
    let is_checked = run.iter().any(|kept| kept.checked);
    let mut run = if is_checked { cut_to_checked(run) } else { run };
    while let Some(last) = run.last().filter(|last| !last.checked) {
        if last.entry.inner().clone().verify().is_ok() {
            break;
        }
        run.pop();
    }
    run
}

/// The newest entries: ends of logs up to their heads, and what opens them. Everything together
/// fits in one answer.
async fn tail(
    store: &dyn Store,
    room: RoomId,
    heights: Heights,
    ends: &HashMap<LogKey, u64>,
    limit: usize,
) -> Result<Tail, StoreError> {
    let end = |log: &LogKey| ends.get(log).copied().unwrap_or(u64::MAX);
    let mut newest = store.newest(room, limit.min(TAIL_MAX)).await?;
    newest.retain(|(log, seq)| *seq < end(log));
    let mut oldest: BTreeMap<LogKey, u64> = BTreeMap::new();
    for (log, seq) in &newest {
        let start = oldest.entry(*log).or_insert(*seq);
        *start = (*start).min(*seq);
    }
    let mut suffixes: BTreeMap<LogKey, Vec<Kept>> = BTreeMap::new();
    for (log, start) in oldest {
        let run = store.run(room, log, start, TAIL_MAX, usize::MAX).await?;
        suffixes.insert(log, cut_to_end(run, end(&log)));
    }
    // Newest first, as many as fit: a suffix grows by whatever lies between an entry and its head.
    let mut starts: BTreeMap<LogKey, u64> = BTreeMap::new();
    let (mut entries, mut bytes) = (0, 0);
    for (log, seq) in newest {
        let Some(suffix) = suffixes.get(&log) else { continue };
        let until = starts.get(&log).copied().unwrap_or(u64::MAX);
        let more: Vec<_> = suffix.iter().filter(|kept| (seq..until).contains(&kept.entry.header().seq)).collect();
        entries += more.len();
        bytes += more.iter().map(|kept| kept.entry.bytes().len()).sum::<usize>();
        if entries > TAIL_MAX || bytes > SUFFIXES_MAX_BYTES {
            break;
        }
        starts.insert(log, seq.min(until));
    }
    let mut tail = Tail { total: heights.values().map(|height| height.next).sum(), ..Tail::default() };
    let mut wanted: BTreeSet<(LogKey, u64)> = BTreeSet::new();
    for (log, start) in starts {
        let suffix = suffixes.remove(&log).unwrap_or_default();
        let suffix = suffix.into_iter().filter(|kept| kept.entry.header().seq >= start).collect();
        let suffix = if ends.contains_key(&log) { end_at_good_signature(suffix) } else { cut_to_checked(suffix) };
        wanted.extend((0..LOG_START.min(start)).map(|seq| (log, seq)));
        let sessions = suffix.iter().map(|kept| kept.entry.header().session).filter(|session| *session < start);
        wanted.extend(sessions.map(|session| (log, session)));
        tail.suffixes.push(entries_of(suffix));
    }
    tail.suffixes.retain(|suffix| !suffix.is_empty());
    let mut bytes = 0;
    for (log, seq) in wanted {
        for opener in store.run(room, log, seq, 1, usize::MAX).await? {
            bytes += opener.entry.bytes().len();
            // An opener stands alone, so its own signature has to be good.
            let is_signed = opener.checked || opener.entry.inner().clone().verify().is_ok();
            if is_signed && bytes <= OPENERS_MAX_BYTES && tail.openers.len() < TAIL_MAX {
                tail.openers.push(opener.entry.into_inner());
            }
        }
    }
    Ok(tail)
}
