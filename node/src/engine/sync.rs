//! Sync, the asking side: compare heights, fetch what is missing, give archives what they lack.
//!
//! Gossip is only a hint; this is what makes every member hold the same. Heights are compared
//! when a peer appears, when a gap shows, and every 30 seconds.

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, EntryId, LogKey, RoomId,
    entry::{Entry, Verified},
    error::LogError,
    limits::PAGE_MAX_ENTRIES,
    log::{Height, Heights, digest, verify_page, verify_suffix},
    wire::{Answer, Refusal, Request, RoomRequest, Tail},
};
use rand_core::RngCore as _;
use std::collections::BTreeSet;

use super::{
    Engine,
    engine::ReadFor,
    intake::entries_of,
    io::{CallId, JobId, Output},
    membership::Refused,
    room::Room,
    timers::Timer,
};
use crate::{
    event::{Event, JoinStage},
    net::{NetCommand, RequestId},
    store::{Read, ReadResult},
};

/// How often heights are compared, in milliseconds.
pub(super) const CHECK_EVERY_MS: u64 = 30_000;
/// Members that are compared with each time, others every time. What one of them has gets to all
/// the others in a few rounds (Demers and others, "Epidemic algorithms for replicated database
/// maintenance", 1987), and the work of a quiet room does not grow with its members.
const CHECKED_MAX: usize = 8;
/// Pages under way from one peer in one room.
const PAGES_IN_FLIGHT: usize = 8;
/// Messages of the first screenful, fetched before everything else after joining.
const FIRST_SCREEN: u16 = 60;
/// Members that are asked for it; besides them every archive is.
const TAILS_MAX: usize = 3;
/// After this many bad answers in a row a peer is banned.
const BAD_ANSWERS_MAX: u32 = 5;
/// Logs in which the head of a peer that holds less is compared, with each comparison: all of them
/// in a small room.
const HEADS_CHECKED: usize = 16;
/// How long to wait before asking an archive again that could not serve, in milliseconds.
const RETRY_MS: u64 = 2_000;

/// What a request was about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Invite {
        job: JobId,
    },
    Heights {
        room: RoomId,
        peer: DeviceId,
    },
    Page {
        room: RoomId,
        peer: DeviceId,
        log: LogKey,
        from: u64,
    },
    Tail {
        room: RoomId,
        peer: DeviceId,
    },
    Push {
        room: RoomId,
        peer: DeviceId,
    },
    Register {
        room: RoomId,
        peer: DeviceId,
    },
    Epochs {
        room: RoomId,
        peer: DeviceId,
    },
    Receipt,
    Hello {
        peer: DeviceId,
    },
    Knock {
        room: RoomId,
        peer: DeviceId,
    },
    /// About accounts: a job's request, or one about the vault.
    Account {
        job: Option<JobId>,
        peer: DeviceId,
    },
    /// About accounts, for a command.
    AccountCall {
        call: CallId,
    },
}

/// What is known of a peer in a room.
#[derive(Debug, Default)]
pub(super) struct PeerRoom {
    /// How far it holds each log, as it last said; of a member only the logs that it holds further.
    pub(super) heights: Heights,
    heights_asked: bool,
    ask_again: bool,
    pages: BTreeSet<LogKey>,
    pushing: bool,
    registering: bool,
    registered: bool,
    pub(super) epochs_asked: bool,
    /// What an archive knew, and this device, when it was last told of epochs that it lacks.
    pub(super) told_of: Option<(Vec<EntryId>, [u8; 32])>,
    /// How many epochs back the ticket is that it may know.
    pub(super) back: usize,
    tail_asked: bool,
    /// Its heights have been compared once, so what comes now is news.
    pub(super) compared: bool,
    bad_answers: u32,
}

impl Engine {
    /// Compares heights with a peer, now or as soon as the present comparison ends.
    pub(super) fn sync_with(&mut self, room_id: RoomId, peer: DeviceId) {
        if !self.connections.is_connected(peer) {
            return;
        }
        let archive = self.connections.is_archive(peer);
        let ready = |room: &&mut Room| room.is_loaded && !room.record.request;
        let Some(room) = self.rooms.get_mut(&room_id).filter(ready) else { return };
        let state = room.peers.entry(peer).or_default();
        if state.heights_asked {
            state.ask_again = true;
            return;
        }
        state.heights_asked = true;
        // One screenful is enough; those of all members would be the same, and all be checked.
        let may_ask = room.is_fresh && (archive || room.tails_asked < TAILS_MAX);
        let wants_tail = may_ask && !std::mem::replace(&mut state.tail_asked, true);
        room.tails_asked += usize::from(wants_tail && !archive);
        let epochs = room.membership.rules().graph().digest();
        let ask = RoomRequest::Heights { digest: digest(&room.logs.heights()), epochs };
        if wants_tail {
            self.ask_room(
                room_id,
                peer,
                RoomRequest::Tail { limit: FIRST_SCREEN },
                Asked::Tail { room: room_id, peer },
            );
            // The keys of earlier epochs come with their records.
            self.ask_epochs(room_id, peer);
        }
        self.ask_room(room_id, peer, ask, Asked::Heights { room: room_id, peer });
    }

    pub(super) fn sync_with_archives(&mut self, room: RoomId) {
        self.connections.archives().into_iter().for_each(|archive| self.sync_with(room, archive));
    }

    /// The regular comparison: with all archives and some members, others each time.
    pub(super) fn check_room(&mut self, room: RoomId) {
        let mut peers = self.connections.in_room(room);
        while peers.len() > CHECKED_MAX {
            let chosen = self.rng.next_u64() % peers.len() as u64;
            peers.swap_remove(usize::try_from(chosen).unwrap_or_default());
        }
        peers.extend(self.connections.archives());
        peers.into_iter().for_each(|peer| self.sync_with(room, peer));
        self.govern_soon(room);
        let next = self.now.mono + self.jitter(CHECK_EVERY_MS);
        self.timers.set(next, Timer::Check(room));
    }

    pub(super) fn ask_room(&mut self, room_id: RoomId, peer: DeviceId, ask: RoomRequest, asked: Asked) {
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id) else { return };
        let back = room.peers.get(&peer).map_or(0, |state| state.back);
        if let Some(cert) = room.membership.ticket(me, back) {
            self.ask(peer, &Request::Room { room: room_id, cert, ask }, asked);
        }
    }

    pub(super) fn ask(&mut self, peer: DeviceId, request: &Request, asked: Asked) {
        let Ok(bytes) = request.encode() else { return };
        let id = RequestId(self.number());
        self.asked.insert(id, asked);
        self.out.push(Output::Net(NetCommand::Request { id, peer, bytes: Bytes::from(bytes) }));
    }

    pub(super) fn on_answered(&mut self, id: RequestId, from: DeviceId, bytes: &Bytes) {
        let Some(asked) = self.asked.remove(&id) else { return };
        let answer = Answer::decode(bytes).unwrap_or(Answer::Refused(Refusal::Malformed));
        match (asked, answer) {
            (Asked::Invite { job }, Answer::Invite(invite)) => self.on_invite(job, from, invite),
            (Asked::Invite { job }, _) => self.on_invite(job, from, None),
            (Asked::Heights { room, peer }, Answer::Same) => self.on_same(room, peer),
            (Asked::Heights { room, peer }, Answer::Heights(heights)) => {
                self.ask_epochs(room, peer);
                self.on_heights(room, peer, heights);
            }
            (Asked::Page { room, peer, log, from }, Answer::Page(entries)) => {
                self.on_page(room, peer, log, from, entries);
            }
            (Asked::Tail { room, .. }, Answer::Tail(tail)) => self.on_tail(room, tail),
            (Asked::Push { room, peer }, Answer::Pushed(heights)) => self.on_pushed(room, peer, heights),
            (Asked::Register { room, peer }, Answer::Done) => self.on_registered(room, peer),
            (Asked::Hello { peer }, Answer::Hello(intro)) => self.meet(peer, intro.map(|intro| *intro)),
            (Asked::Hello { .. }, _) | (Asked::Knock { .. }, Answer::Done) => {}
            (Asked::Knock { room, peer }, _) => self.knock_failed(room, peer),
            (Asked::Account { job, peer }, answer) => self.on_account_answer(job, peer, Some(answer)),
            (Asked::AccountCall { call }, answer) => self.on_account_call(call, Some(answer)),
            (Asked::Epochs { room, peer }, Answer::Epochs { entries, tips }) => {
                self.on_epochs(room, peer, entries, &tips);
            }
            (asked, Answer::Refused(refusal)) => self.on_refused(&asked, &refusal),
            (Asked::Receipt, _) => {}
            (asked, _) => self.on_refused(&asked, &Refusal::Malformed),
        }
    }

    pub(super) fn on_request_failed(&mut self, id: RequestId, _reason: &str) {
        match self.asked.remove(&id) {
            Some(Asked::Invite { job }) => self.check_join(job),
            Some(Asked::Knock { room, peer }) => self.knock_failed(room, peer),
            Some(Asked::Account { job, peer }) => self.on_account_answer(job, peer, None),
            Some(Asked::AccountCall { call }) => self.on_account_call(call, None),
            Some(asked) => self.on_refused(&asked, &Refusal::Busy { retry_ms: 0 }),
            None => {}
        }
    }

    /// A request came to nothing: forget that it is under way; the next comparison tries again.
    fn on_refused(&mut self, asked: &Asked, refusal: &Refusal) {
        let (Asked::Heights { room, peer }
        | Asked::Page { room, peer, .. }
        | Asked::Tail { room, peer }
        | Asked::Push { room, peer }
        | Asked::Epochs { room, peer }
        | Asked::Register { room, peer }) = asked
        else {
            return;
        };
        let (room_id, peer) = (*room, *peer);
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        // A peer that is gone was forgotten already.
        let Some(state) = room.peers.get_mut(&peer) else { return };
        match asked {
            Asked::Heights { .. } => state.heights_asked = false,
            Asked::Page { log, .. } => {
                state.pages.remove(log);
                state.heights.remove(log);
                room.fetching.remove(log);
            }
            Asked::Push { .. } => state.pushing = false,
            Asked::Register { .. } => state.registering = false,
            Asked::Epochs { .. } => state.epochs_asked = false,
            _ => {}
        }
        if let Asked::Page { log, .. } = asked {
            self.fetch_elsewhere(room_id, peer, *log);
        }
        if *refusal == Refusal::UnknownRoom && archive {
            self.register(room_id, peer, &[]);
        } else if *refusal == Refusal::NotAdmitted {
            self.on_not_admitted(room_id, peer, asked);
        } else if archive && matches!(refusal, Refusal::StoreUnavailable | Refusal::Busy { .. } | Refusal::DoesNotFit) {
            self.timers.set(self.now.mono + RETRY_MS, Timer::Check(room_id));
        } else if archive && matches!(refusal, Refusal::QuotaReached | Refusal::RegistrationClosed) {
            self.hint_archive_refuses(refusal);
        }
    }

    fn on_same(&mut self, room_id: RoomId, peer: DeviceId) {
        let me = self.me();
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let heights = match archive {
            true => room.logs.heights().into_iter().collect(),
            false => vec![(own, room.logs.counted(own))],
        };
        self.on_heights(room_id, peer, heights);
    }

    fn on_heights(&mut self, room_id: RoomId, peer: DeviceId, heights: Vec<(LogKey, Height)>) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let state = room.peers.entry(peer).or_default();
        state.heights_asked = false;
        state.heights = heights.into_iter().collect();
        let again = std::mem::take(&mut state.ask_again);
        let own = room.own_log(me);
        let theirs = room.peers.get(&peer).and_then(|state| state.heights.get(&own)).copied();
        room.summary_changed = true;
        if let Some(theirs) = theirs {
            self.note_received(room_id, peer, theirs.next);
        }
        self.check_lower_heads(room_id, peer);
        self.fetch_missing(room_id, peer);
        self.finish_comparison(room_id, peer);
        if self.connections.is_archive(peer) {
            self.push_missing(room_id, peer);
        }
        if again {
            self.sync_with(room_id, peer);
        }
    }

    /// Asks for the next page of every log that the peer holds further than this device.
    fn fetch_missing(&mut self, room_id: RoomId, peer: DeviceId) {
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(state) = room.peers.get_mut(&peer) else { return };
        if !archive {
            // Of a member only what this device lacks is of use. All logs of all members would be a
            // square of numbers in memory, gone through with every answer.
            state.heights.retain(|log, theirs| {
                let ours = room.logs.counted(*log);
                theirs.next > ours.next || (theirs.next == ours.next && theirs.head != ours.head)
            });
        }
        let mut wanted = Vec::new();
        for (log, theirs) in &state.heights {
            if state.pages.len() + wanted.len() >= PAGES_IN_FLIGHT {
                break;
            }
            let ours = room.logs.counted(*log);
            if room.logs.ends_before(*log, ours.next) {
                continue;
            }
            let differs = theirs.next == ours.next && theirs.head != ours.head && ours.next > 0;
            let busy = room.fetching.contains_key(log) || room.logs.is_frozen(*log);
            if !busy && theirs.next > ours.next && room.logs.may_take(*log) {
                wanted.push((*log, ours.next));
            } else if !busy && differs {
                wanted.push((*log, ours.next - 1));
            }
        }
        for (log, from) in wanted {
            self.ask_page(room_id, peer, log, from);
        }
    }

    fn ask_page(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey, from: u64) {
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.fetching.insert(log, peer);
            room.peers.entry(peer).or_default().pages.insert(log);
            let asked = Asked::Page { room: room_id, peer, log, from };
            self.ask_room(room_id, peer, RoomRequest::Page { log, from }, asked);
        }
    }

    fn on_page(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey, from: u64, entries: Vec<Entry>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.fetching.remove(&log);
        let state = room.peers.entry(peer).or_default();
        state.pages.remove(&log);
        if !room.is_loaded {
            // It is being read anew; after that everything is compared again.
            return;
        }
        let live = state.compared;
        let ours = room.logs.height(log);
        let is_asked_for = |entry: &Entry| entry.room() == room_id && entry.log_key() == log;
        let fits = entries.first().is_none_or(|first| first.header().seq == from) && entries.iter().all(is_asked_for);
        let (held, new): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.header().seq < ours.next);
        // One at our head, or the first of some that lie below it.
        let comparable = held.iter().find(|entry| entry.header().seq + 1 == ours.next || new.is_empty()).cloned();
        let contradicts = |entry: &Entry| entry.header().seq + 1 < ours.next || entry.id() != ours.head;
        let mut waits = false;
        let is_good = match comparable {
            _ if !fits => false,
            Some(theirs) if contradicts(&theirs) => self.compare_with_own(room_id, log, &theirs, held, new),
            // The peer has less than it said, or the same: believe what it showed.
            _ if new.is_empty() => {
                state.heights.insert(log, ours);
                true
            }
            // What follows our head does not link to it, though the peer just showed the same head.
            at_head => match verify_page(room_id, log, ours, new.clone()) {
                Ok(entries) => {
                    state.bad_answers = 0;
                    match self.append(room_id, log, entries, live) {
                        Ok(()) => {}
                        Err(refused) => {
                            waits = true;
                            self.on_page_refused(room_id, peer, log, refused);
                        }
                    }
                    self.fetch_missing(room_id, peer);
                    true
                }
                Err(LogError::BrokenLink { seq }) if at_head.is_none() && seq == ours.next && ours.next > 0 => {
                    let is_signed = verify_suffix(room_id, log, new).is_ok();
                    if is_signed {
                        self.suspect_fork(room_id, peer, log);
                    }
                    is_signed
                }
                Err(_) => false,
            },
        };
        if !is_good {
            self.on_bad_answer(room_id, peer, log);
            self.fetch_missing(room_id, peer);
        }
        if !waits {
            self.fetch_elsewhere(room_id, peer, log);
        }
        self.finish_comparison(room_id, peer);
    }

    /// A peer showed an entry at a place that is taken here: when its device signed it, ours is
    /// read for comparison. False when it did not.
    fn compare_with_own(
        &mut self,
        room_id: RoomId,
        log: LogKey,
        theirs: &Entry,
        mut run: Vec<Entry>,
        new: Vec<Entry>,
    ) -> bool {
        run.extend(new);
        let is_signed = verify_suffix(room_id, log, run).is_ok();
        if is_signed {
            self.read_own_for_fork(room_id, theirs);
        }
        is_signed
    }

    /// A log that one peer did not bring may be had from another that holds it.
    fn fetch_elsewhere(&mut self, room_id: RoomId, not_from: DeviceId, log: LogKey) {
        let Some(room) = self.rooms.get(&room_id).filter(|room| !room.fetching.contains_key(&log)) else { return };
        let next = room.logs.height(log).next;
        let has_more = |peer: &PeerRoom| peer.heights.get(&log).is_some_and(|theirs| theirs.next > next);
        let others: Vec<_> =
            room.peers.iter().filter(|(id, peer)| **id != not_from && has_more(peer)).map(|(id, _)| *id).collect();
        others.into_iter().for_each(|other| self.fetch_missing(room_id, other));
    }

    /// Part of a page could not be taken: what it waits for stands in another log.
    fn on_page_refused(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey, refused: Refused) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let ours = room.logs.height(log);
        if let Some(state) = room.peers.get_mut(&peer) {
            state.heights.insert(log, ours);
            // When other logs are still arriving, compare again after them.
            state.ask_again |= refused == Refused::NotYet && !state.pages.is_empty();
        }
    }

    fn on_bad_answer(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) else { return };
        state.heights.remove(&log);
        state.bad_answers += 1;
        if state.bad_answers >= BAD_ANSWERS_MAX {
            self.out.push(Output::Net(NetCommand::Ban(peer)));
        }
    }

    /// Something does not link: asks for the entry at our own head, to compare the two.
    pub(super) fn suspect_fork(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let ours = room.logs.height(log);
        let busy = room.fetching.contains_key(&log) || room.logs.is_frozen(log) || ours.next == 0;
        if !busy && self.connections.is_connected(peer) {
            self.ask_page(room_id, peer, log, ours.next - 1);
        }
    }

    /// A peer that holds less of a log shows its head. If another entry stands at that place here,
    /// the log forked: whoever holds the longer branch would not ask for the shorter one.
    fn check_lower_heads(&mut self, room_id: RoomId, peer: DeviceId) {
        let skipped = self.rng.next_u64();
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(state) = room.peers.get(&peer) else { return };
        let is_lower = |(log, theirs): &(&LogKey, &Height)| {
            theirs.next > 0 && theirs.next < room.logs.height(**log).next && !room.logs.is_frozen(**log)
        };
        let lower: Vec<_> = state.heights.iter().filter(is_lower).map(|(log, theirs)| (*log, *theirs)).collect();
        let spare = u64::try_from(lower.len().saturating_sub(HEADS_CHECKED)).unwrap_or(0);
        let skipped = usize::try_from(skipped % (spare + 1)).unwrap_or(0);
        let heads: Vec<_> = lower.into_iter().skip(skipped).take(HEADS_CHECKED).collect();
        if heads.is_empty() {
            return;
        }
        let runs = heads.iter().map(|(log, theirs)| (*log, theirs.next - 1, 1)).collect();
        let serving = super::serve::Serving::Heads { room: room_id, peer, heads };
        self.read(Read::Runs { room: room_id, runs }, ReadFor::Serve(serving));
    }

    /// Our entries at the places of a peer's heads were read: what differs is fetched as proof.
    pub(super) fn on_heads_read(
        &mut self,
        room_id: RoomId,
        peer: DeviceId,
        heads: Vec<(LogKey, Height)>,
        result: ReadResult,
    ) {
        for ((log, theirs), run) in heads.into_iter().zip(result.runs) {
            let differs = run.first().is_some_and(|ours| ours.entry.id() != theirs.head);
            let Some(room) = self.rooms.get(&room_id).filter(|_| differs) else { continue };
            let busy = room.fetching.contains_key(&log) || room.logs.is_frozen(log);
            if !busy && self.connections.is_connected(peer) {
                self.ask_page(room_id, peer, log, theirs.next - 1);
            }
        }
    }

    fn read_own_for_fork(&mut self, room: RoomId, theirs: &Entry) {
        let log = theirs.log_key();
        let read = Read::Run { room, log, from: theirs.header().seq, max: 1 };
        self.read(read, ReadFor::Serve(super::serve::Serving::Fork { room, theirs: Box::new(theirs.clone()) }));
    }

    /// Tells how far sync is, and ends the first one after joining.
    fn finish_comparison(&mut self, room_id: RoomId, peer: DeviceId) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.summary_changed = true;
        let (have, total) = (room.logs.total(), room.known_total());
        let Some(state) = room.peers.get_mut(&peer) else { return };
        let still = !state.pages.is_empty();
        if !still && !state.heights_asked {
            state.compared = true;
            room.has_synced = true;
            if std::mem::take(&mut state.ask_again) {
                self.sync_with(room_id, peer);
                return;
            }
        }
        if room_is_fresh(self.rooms.get(&room_id)) {
            let stage = if still {
                JoinStage::Reading { room: room_id, have, total }
            } else {
                JoinStage::Finished { room: room_id }
            };
            self.tell_join_stage(room_id, stage);
            if let Some(room) = self.rooms.get_mut(&room_id).filter(|_| !still) {
                room.is_fresh = false;
            }
        }
    }

    fn on_tail(&mut self, room_id: RoomId, tail: Tail) {
        let me = self.me();
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
        let mut messages: Vec<_> = effects.added.iter().map(|message| room.dressed(message, me)).collect();
        messages.sort_by_key(|message| message.order);
        if !messages.is_empty() {
            self.event(Event::MessagesAdded { room: room_id, messages, live: false });
        }
        if effects.members_changed {
            self.tell_members(room_id);
        }
    }

    // Archives.

    /// Makes the room known to an archive.
    pub(super) fn register(&mut self, room_id: RoomId, archive: DeviceId, tips: &[EntryId]) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let topics: Vec<_> = room.membership.heard_secrets().iter().map(|secrets| secrets.topic()).collect();
        let mut epochs = room.membership.missing_entries(tips);
        let state = room.peers.entry(archive).or_default();
        if room.membership.rules().graph().is_empty() || state.registering {
            return;
        }
        state.registering = true;
        // The rest follows when these are known there.
        super::epochs::cut_to_page(&mut epochs);
        let ask = RoomRequest::Register { genesis: room.record.genesis.clone(), epochs, topics };
        self.ask_room(room_id, archive, ask, Asked::Register { room: room_id, peer: archive });
    }

    fn on_registered(&mut self, room_id: RoomId, archive: DeviceId) {
        if let Some(room) = self.rooms.get_mut(&room_id) {
            let state = room.peers.entry(archive).or_default();
            state.registering = false;
            state.registered = true;
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
        if state.pushing || state.heights_asked {
            return;
        }
        let theirs = |log: &LogKey| state.heights.get(log).map_or(0, |height| height.next);
        let lacking = room.logs.iter().filter(|(key, log)| log.frozen.is_none() && log.durable() > theirs(key));
        // The creator's log comes first: it has the genesis and the epochs that others need.
        let creator = room.record.genesis.header().author;
        let next = lacking.min_by_key(|(key, _)| (key.author != creator, **key != own)).map(|(key, _)| *key);
        if let Some(log) = next {
            let from = theirs(&log);
            state.pushing = true;
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
                state.pushing = false;
            }
            return;
        }
        let ask = RoomRequest::Push { entries: entries_of(run) };
        self.ask_room(room_id, archive, ask, Asked::Push { room: room_id, peer: archive });
    }

    fn on_pushed(&mut self, room_id: RoomId, archive: DeviceId, heights: Vec<(LogKey, Height)>) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let own = room.own_log(me);
        let state = room.peers.entry(archive).or_default();
        state.pushing = false;
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
        if let Some(next) = own_next {
            self.note_received(room_id, archive, next);
        }
        if moved {
            self.push_missing(room_id, archive);
        } else {
            // The archive took nothing: its heights were not what we thought.
            self.timers.set(self.now.mono + RETRY_MS, Timer::Check(room_id));
        }
    }

    /// Everything about a peer that went away is forgotten; others may fetch what it was to bring.
    pub(super) fn forget_peer(&mut self, peer: DeviceId) {
        for room in self.rooms.values_mut() {
            room.peers.remove(&peer);
            room.fetching.retain(|_, from| *from != peer);
            room.summary_changed = true;
        }
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let others: Vec<_> =
                self.rooms.get(&room).map(|room| room.peers.keys().copied().collect()).unwrap_or_default();
            others.into_iter().for_each(|other| self.fetch_missing(room, other));
        }
    }
}

fn room_is_fresh(room: Option<&Room>) -> bool {
    room.is_some_and(|room| room.is_fresh)
}
