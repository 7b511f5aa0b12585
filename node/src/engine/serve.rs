//! Sync, the answering side: heights, pages and tails for who is in the room.

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    access::wire::NotAdmitted,
    account::{AccountAnswer, AccountRefusal},
    entry::Entry,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, TAIL_MAX},
    log::{Height, digest},
    wire::{Answer, Refusal, Request, RoomRequest, Tail},
};
use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, engine::ReadFor, intake::entries_of, io::Output, logs::Logs, peer_room::PeerRoom};
use crate::{
    net::{InboundId, NetCommand},
    store::{Read, ReadResult, StoredEntry},
};

/// First entries of a log that a tail brings along: coming in and profile stand there.
const LOG_START: u64 = 4;

/// What entries are read for.
#[derive(Debug)]
pub(super) enum Serving {
    Page {
        inbound: InboundId,
        room: RoomId,
    },
    /// Ends of logs were read; what opens them comes next.
    TailEnds {
        inbound: InboundId,
        room: RoomId,
    },
    TailOpeners {
        inbound: InboundId,
        tail: Tail,
    },
    /// Our entries at the places of a peer's lower heads.
    Heads {
        room: RoomId,
        peer: DeviceId,
        heads: Vec<(LogKey, Height)>,
    },
    /// Our entries from a place on where a peer showed others.
    Fork {
        room: RoomId,
        theirs: Vec<Entry>,
    },
}

impl Engine {
    pub(super) fn on_asked(&mut self, inbound: InboundId, from: DeviceId, bytes: &Bytes) {
        let answer = match Request::decode(bytes) {
            Err(error) => Some(Answer::unread(&error)),
            Ok(Request::Look(look)) => Some(self.on_look(from, &look)),
            Ok(Request::Enter(enter)) => self.on_enter(inbound, from, *enter),
            Ok(Request::Hello(intro)) => Some(self.on_hello(from, intro.map(|intro| *intro))),
            Ok(Request::Knock { entries }) => Some(self.on_knock(from, entries)),
            Ok(Request::Link { locator, message }) => self.on_link(inbound, from, locator, &message),
            Ok(Request::Own(sealed)) => Some(self.on_own(from, &sealed)),
            // Only archives keep accounts.
            Ok(Request::Account(_)) => Some(Answer::Account(AccountAnswer::Refused(AccountRefusal::Closed))),
            // Only archives keep wraps.
            Ok(Request::PushWraps(_)) => Some(Answer::Refused(Refusal::Unsupported)),
            Ok(Request::Room { room, ask }) => match self.rooms.get(&room) {
                // A person who has not accepted is not there.
                Some(known) if known.record.request => Some(Answer::Refused(Refusal::UnknownRoom)),
                None => Some(Answer::Refused(Refusal::UnknownRoom)),
                Some(known) if !known.is_loaded && !is_epochs(&ask) => {
                    Some(Answer::Refused(Refusal::Busy { retry_ms: 200 }))
                }
                Some(known) => match known.membership.served(from, self.now.wall) {
                    Ok(()) if is_epochs(&ask) => self.serve_epochs(room, from, &ask),
                    Ok(()) => self.serve(inbound, from, room, ask),
                    // Who is in no longer is told what became of it, and nothing else.
                    Err(why) if why != NotAdmitted::Show && is_epochs(&ask) => self.serve_epochs(room, from, &ask),
                    Err(why) => Some(Answer::Refused(Refusal::NotAdmitted(why))),
                },
            },
        };
        if let Some(answer) = answer {
            self.answer(inbound, &answer);
        }
    }

    pub(super) fn answer(&mut self, id: InboundId, answer: &Answer) {
        let bytes = answer.encode().or_else(|_| Answer::Refused(Refusal::Malformed).encode()).unwrap_or_default();
        self.out.push(Output::Net(NetCommand::Answer { id, bytes: Bytes::from(bytes) }));
    }

    /// Serves an admitted device; `None` when the store has to be read first.
    fn serve(&mut self, inbound: InboundId, from: DeviceId, room_id: RoomId, ask: RoomRequest) -> Option<Answer> {
        self.recognise(from);
        self.connections.note_in_room(from, room_id);
        self.heard(room_id, from);
        let me = self.me();
        let room = self.rooms.get(&room_id)?;
        match ask {
            RoomRequest::Heights { digest: theirs, epochs } => {
                let heights = room.logs.heights();
                let same = digest(&heights) == theirs && room.membership.rules().graph().digest() == epochs;
                // Who was asked before it had read its room from the disk could not answer.
                let is_unknown = |state: &PeerRoom| !state.answered && !state.heights_asked;
                let is_news = !same && room.peers.get(&from).is_none_or(is_unknown);
                if is_news {
                    self.sync_with(room_id, from);
                }
                Some(if same { Answer::Same } else { Answer::Heights(heights.into_iter().collect()) })
            }
            RoomRequest::Page { log, from } => {
                let read = Read::Run { room: room_id, log, from, max: PAGE_MAX_ENTRIES };
                self.read(read, ReadFor::Serve(Serving::Page { inbound, room: room_id }));
                None
            }
            RoomRequest::Tail { limit } => {
                let runs =
                    tail_runs(room.timeline.newest_of(usize::from(limit)).map(|m| (m.order.log, m.order.seq)), |log| {
                        room.logs.counted(log).next
                    });
                if runs.is_empty() {
                    return Some(Answer::Tail(Tail { total: room.logs.total(), ..Tail::default() }));
                }
                let serving = Serving::TailEnds { inbound, room: room_id };
                self.read(Read::Runs { room: room_id, runs }, ReadFor::Serve(serving));
                None
            }
            RoomRequest::Received { heights } => {
                let own = room.own_log(me);
                if let Some((_, next)) = heights.iter().find(|(log, _)| *log == own) {
                    self.note_received(room_id, from, *next);
                }
                Some(Answer::Done)
            }
            RoomRequest::Epochs { .. } => Some(Answer::Refused(Refusal::Malformed)),
            // Only archives keep rooms for others.
            RoomRequest::Push { .. } | RoomRequest::Register { .. } => {
                Some(Answer::Refused(Refusal::RegistrationClosed))
            }
        }
    }

    pub(super) fn serve_read(&mut self, serving: Serving, result: ReadResult) {
        match serving {
            Serving::Page { inbound, room } => {
                let run = result.runs.into_iter().next().unwrap_or_default();
                let page = match self.rooms.get(&room) {
                    Some(room) => cut_to_end(cut_to_checked(run), &room.logs),
                    None => Vec::new(),
                };
                self.answer(inbound, &Answer::Page(entries_of(page)));
            }
            Serving::TailEnds { inbound, room } => self.serve_tail_ends(inbound, room, result),
            Serving::TailOpeners { inbound, mut tail } => {
                tail.openers = result.runs.into_iter().flat_map(entries_of).collect();
                self.answer(inbound, &Answer::Tail(tail));
            }
            Serving::Heads { room, peer, heads } => self.on_heads_read(room, peer, heads, result),
            Serving::Fork { room, theirs } => self.prove_fork(room, &theirs, result),
        }
    }

    fn serve_tail_ends(&mut self, inbound: InboundId, room_id: RoomId, result: ReadResult) {
        let cut = |run| match self.rooms.get(&room_id) {
            Some(room) => cut_to_end(cut_to_checked(run), &room.logs),
            None => Vec::new(),
        };
        let suffixes: Vec<_> = result.runs.into_iter().map(cut).filter(|run: &Vec<_>| !run.is_empty()).collect();
        let mut wanted: BTreeSet<(LogKey, u64)> = BTreeSet::new();
        for run in &suffixes {
            let Some(first) = run.first().map(|stored| *stored.entry.header()) else { continue };
            let starts = (0..LOG_START).filter(|seq| *seq < first.seq);
            wanted.extend(starts.map(|seq| (first.log_key(), seq)));
            let sessions = run.iter().map(|stored| stored.entry.header().session);
            wanted.extend(sessions.filter(|start| *start < first.seq).map(|start| (first.log_key(), start)));
        }
        let total = self.rooms.get(&room_id).map_or(0, |room| room.logs.total());
        let tail = Tail { suffixes: suffixes.into_iter().map(entries_of).collect(), openers: Vec::new(), total };
        if wanted.is_empty() {
            self.answer(inbound, &Answer::Tail(tail));
            return;
        }
        let runs = wanted.into_iter().map(|(log, seq)| (log, seq, 1)).collect();
        self.read(Read::Runs { room: room_id, runs }, ReadFor::Serve(Serving::TailOpeners { inbound, tail }));
    }
}

/// The ends of logs that hold the given newest entries, at most `TAIL_MAX` entries in all. An end
/// reaches to the head of its log, whose signature is always a checked one.
fn tail_runs(newest: impl Iterator<Item = (LogKey, u64)>, next: impl Fn(LogKey) -> u64) -> Vec<(LogKey, u64, usize)> {
    let mut starts: BTreeMap<LogKey, u64> = BTreeMap::new();
    let mut total = 0;
    for (log, seq) in newest {
        let end = next(log);
        let before = starts.get(&log).map_or(0, |start| end.saturating_sub(*start));
        let with = end.saturating_sub(seq);
        if total - before + with.max(before) > TAIL_MAX as u64 {
            break;
        }
        total = total - before + with.max(before);
        let start = starts.entry(log).or_insert(seq);
        *start = (*start).min(seq);
    }
    let len = |log: LogKey, start: u64| usize::try_from(next(log).saturating_sub(start)).unwrap_or(TAIL_MAX);
    starts.into_iter().map(|(log, start)| (log, start, len(log, start))).collect()
}

const fn is_epochs(ask: &RoomRequest) -> bool {
    matches!(ask, RoomRequest::Epochs { .. })
}

/// Cuts a run to where its log ends. The entry there need not have been checked before: it is now.
pub(super) fn cut_to_end(mut run: Vec<StoredEntry>, logs: &Logs) -> Vec<StoredEntry> {
    let Some(log) = run.first().map(|first| first.entry.log_key()) else { return run };
    let before = run.len();
    run.retain(|stored| !logs.ends_before(log, stored.entry.header().seq));
    let is_cut = run.len() < before;
    while is_cut && run.last().is_some_and(|last| !last.checked && last.entry.inner().clone().verify().is_err()) {
        run.pop();
    }
    run
}

/// Cuts a run to what one page may hold and to end at a checked signature, so that the page proves
/// itself to whoever gets it.
pub(super) fn cut_to_checked(mut run: Vec<StoredEntry>) -> Vec<StoredEntry> {
    let mut bytes = 0;
    let fits = run.iter().take(PAGE_MAX_ENTRIES).take_while(|stored| {
        bytes += stored.entry.bytes().len();
        bytes <= PAGE_MAX_BYTES
    });
    let fits = fits.count();
    run.truncate(fits);
    let end = run.iter().rposition(|stored| stored.checked).map_or(0, |at| at + 1);
    run.truncate(end);
    run
}
