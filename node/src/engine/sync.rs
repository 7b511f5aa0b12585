//! Sync, the asking side: comparing heights, and what was asked of whom.
//!
//! What is missing is fetched in `fetching.rs`; what archives lack is given to them in `archiving.rs`;
//! when a room is complete is said in `progress.rs`.
//!
//! Gossip is only a hint; this is what makes every member hold the same. Heights are compared
//! when a peer appears, when a gap shows, and every 30 seconds.

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    log::{Height, digest},
    wire::{Answer, Refusal, Request, RoomRequest},
};
use rand_core::RngCore as _;

use super::{
    Engine,
    io::{CallId, JobId, Output},
    peer_room::{FirstScreen, MISFITS_MAX, PeerRoom},
    room::Room,
    timers::Timer,
};
use crate::net::{NetCommand, RequestId};

/// How often heights are compared, in milliseconds.
pub(super) const CHECK_EVERY_MS: u64 = 30_000;
/// Members that are compared with each time, others every time. What one of them has gets to all
/// the others in a few rounds (Demers and others, "Epidemic algorithms for replicated database
/// maintenance", 1987), and the work of a quiet room does not grow with its members.
const CHECKED_MAX: usize = 8;
/// Others who listen, besides them: they may have just come in, or be anybody.
const UNKNOWN_CHECKED_MAX: usize = 2;
/// Comparisons with members that are under way at once; others wait their turn. When many come at
/// the same time the first of them bring what all of them have, and with the rest it is the same.
pub(super) const COMPARED_AT_ONCE: usize = 8;
/// The same with devices that listen to the room's topics and are not known as members (yet).
const STRANGERS_COMPARED_AT_ONCE: usize = 8;
/// Messages of the first screenful, fetched before everything else after joining.
const FIRST_SCREEN: u16 = 60;
/// Members that are asked for it; besides them every archive is.
const TAILS_MAX: usize = 3;
/// How long to wait before asking an archive again that could not serve, in milliseconds.
pub(super) const RETRY_MS: u64 = 2_000;
/// The same with whose word counts where it may only be too busy: a minute.
const BUSY_MAX: u32 = 30;

/// What a request was about.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Look {
        job: JobId,
        peer: DeviceId,
    },
    Enter {
        job: JobId,
    },
    /// Own entries of coming in, for who lacks them.
    Show {
        room: RoomId,
        peer: DeviceId,
    },
    Wraps {
        room: RoomId,
        peer: DeviceId,
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

impl Engine {
    /// Compares heights with a peer, now or as soon as the present comparison ends.
    pub(super) fn sync_with(&mut self, room_id: RoomId, peer: DeviceId) {
        if !self.connections.is_connected(peer) {
            return;
        }
        let (me, archive, used) = (self.me(), self.connections.is_archive(peer), self.uses_archive(peer));
        let ready = |room: &&mut Room| room.is_loaded && !room.record.request;
        let Some(room) = self.rooms.get_mut(&room_id).filter(ready) else { return };
        // Anybody may listen to a topic and never answer: those have places of their own.
        let is_member = room.membership.members.contains_key(&peer);
        let is_full = !archive && room.is_comparing_enough(is_member);
        let own = room.own_log(me);
        let state = room.peers.entry(peer).or_default();
        (state.archive, state.used) = (archive, used);
        if state.heights_asked {
            state.ask_again = true;
            return;
        }
        if is_full {
            if !room.to_compare.contains(&peer) {
                room.to_compare.push_back(peer);
            }
            return;
        }
        state.heights_asked = true;
        // One screenful is enough; those of all members would be the same, and all be checked.
        let may_ask = room.is_fresh && (archive || room.tails_asked < TAILS_MAX);
        let wants_tail = may_ask && matches!(state.first_screen, FirstScreen::Unasked);
        if wants_tail {
            state.first_screen = FirstScreen::Asked;
        }
        room.tails_asked += usize::from(wants_tail && !archive);
        let epochs = room.membership.rules().graph().digest();
        let heights = room.logs.heights();
        let ask = RoomRequest::Heights { digest: digest(&heights), epochs };
        let is_offered = |(log, _): &(LogKey, Height)| archive || *log == own;
        state.offered = heights.into_iter().filter(is_offered).collect();
        room.summary_changed |= !room.has_synced;
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

    /// Goes on with those who wait to be compared with.
    fn compare_waiting(&mut self, room_id: RoomId) {
        while let Some(room) = self.rooms.get_mut(&room_id) {
            let (members, others) = (!room.is_comparing_enough(true), !room.is_comparing_enough(false));
            let has_place = |peer: &DeviceId| if room.membership.members.contains_key(peer) { members } else { others };
            let Some(at) = room.to_compare.iter().position(has_place) else { return };
            if let Some(peer) = room.to_compare.remove(at) {
                self.sync_with(room_id, peer);
            }
        }
    }

    pub(super) fn sync_with_archives(&mut self, room: RoomId) {
        self.connections.archives().into_iter().for_each(|archive| self.sync_with(room, archive));
    }

    /// The regular comparison: with all archives and some members, others each time.
    pub(super) fn check_room(&mut self, room: RoomId) {
        let known = self.rooms.get(&room);
        let is_known = |peer: &DeviceId| {
            known.is_none_or(|room| room.is_newcomer() || room.membership.served(*peer, self.now.wall).is_ok())
        };
        let (members, others) = self.connections.in_room(room).into_iter().partition(is_known);
        let mut peers = self.some_of(members, CHECKED_MAX);
        peers.extend(self.some_of(others, UNKNOWN_CHECKED_MAX));
        peers.extend(self.connections.archives());
        if let Some(room) = self.rooms.get_mut(&room) {
            room.peers.values_mut().for_each(|state| (state.was_told, state.was_shown) = (false, false));
        }
        self.drop_unproven(room);
        if self.rooms.get(&room).is_some_and(|room| room.shows_too_much) {
            self.reread(room);
        }
        peers.into_iter().for_each(|peer| self.sync_with(room, peer));
        self.govern_soon(room);
        // With the days another step is the first that newcomers may read, and codes end.
        self.after_doors(room);
        let next = self.now.mono + self.jitter(CHECK_EVERY_MS);
        self.timers.set(next, Timer::Check(room));
    }

    /// So many of the peers, others each time.
    fn some_of(&mut self, mut peers: Vec<DeviceId>, most: usize) -> Vec<DeviceId> {
        while peers.len() > most {
            let chosen = self.rng.next_u64() % peers.len() as u64;
            peers.swap_remove(usize::try_from(chosen).unwrap_or_default());
        }
        peers
    }

    pub(super) fn ask_room(&mut self, room_id: RoomId, peer: DeviceId, ask: RoomRequest, asked: Asked) {
        if self.rooms.contains_key(&room_id) {
            self.ask(peer, &Request::Room { room: room_id, ask }, asked);
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
        let answer = Answer::decode(bytes).unwrap_or_else(|error| Answer::unread(&error));
        match (asked, answer) {
            (Asked::Look { job, .. }, Answer::Found(found)) => self.on_found(job, from, found.map(|found| *found)),
            (Asked::Look { job, .. }, Answer::Refused(Refusal::Busy { .. })) => self.look_again(job, from),
            (Asked::Look { job, .. }, _) => self.on_found(job, from, None),
            (Asked::Enter { job }, Answer::Entered(entered)) => self.on_entered(job, from, Some(entered)),
            (Asked::Enter { job }, _) => self.on_entered(job, from, None),
            (Asked::Show { room, peer }, Answer::Entered(entered)) => self.on_shown(room, peer, Some(&entered)),
            (Asked::Show { room, peer }, _) => self.on_shown(room, peer, None),
            (Asked::Wraps { room, peer }, Answer::Done) => self.wraps_taken(room, peer),
            (Asked::Wraps { room, peer }, _) => self.wraps_not_taken(room, peer),
            (Asked::Heights { room, peer }, Answer::Same) => self.on_same(room, peer),
            (Asked::Heights { room, peer }, Answer::Heights(heights)) => {
                self.ask_epochs(room, peer);
                self.on_heights(room, peer, heights);
            }
            (Asked::Page { room, peer, log, from }, Answer::Page(entries)) => {
                self.on_page(room, peer, log, from, entries);
            }
            (Asked::Tail { room, peer }, Answer::Tail(tail)) => self.on_tail(room, peer, tail),
            (Asked::Push { room, peer }, Answer::Pushed(heights)) => self.on_pushed(room, peer, heights),
            (Asked::Register { room, peer }, Answer::Done) => self.on_registered(room, peer),
            (Asked::Epochs { room, peer }, Answer::Epochs { entries, tips }) => {
                self.on_epochs(room, peer, entries, &tips);
            }
            (Asked::Hello { peer }, Answer::Hello(intro)) => self.meet(peer, intro.map(|intro| *intro)),
            (Asked::Hello { .. }, _) => {}
            (Asked::Knock { room, .. }, Answer::Done) => self.knock_taken(room),
            (Asked::Knock { room, peer }, Answer::Refused(refusal)) => self.knock_failed(room, peer, Some(&refusal)),
            (Asked::Knock { room, peer }, _) => self.knock_failed(room, peer, None),
            (Asked::Account { job, peer }, answer) => self.on_account_answer(job, peer, Some(answer)),
            (Asked::AccountCall { call }, answer) => self.on_account_call(call, Some(answer)),
            (asked, Answer::Refused(refusal)) => self.on_refused(&asked, &refusal),
            (Asked::Receipt, _) => {}
            (asked, _) => self.on_refused(&asked, &Refusal::Malformed),
        }
    }

    pub(super) fn on_request_failed(&mut self, id: RequestId, _reason: &str) {
        match self.asked.remove(&id) {
            Some(Asked::Look { job, peer }) => self.look_again(job, peer),
            Some(Asked::Enter { job }) => self.entering_failed(job),
            Some(Asked::Show { room, peer }) => self.on_shown(room, peer, None),
            Some(Asked::Wraps { room, peer }) => self.wraps_not_taken(room, peer),
            Some(Asked::Knock { room, peer }) => self.knock_failed(room, peer, None),
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
        if matches!(asked, Asked::Heights { .. } | Asked::Page { .. } | Asked::Epochs { .. }) {
            // What it has is not known, or not here.
            state.answered = false;
            state.has_failed = true;
        }
        let mut pushed = None;
        match asked {
            Asked::Heights { .. } => state.heights_asked = false,
            Asked::Page { log, .. } => {
                state.heights.remove(log);
                state.note_not_brought(*log);
                room.fetched(*log, peer);
            }
            Asked::Push { .. } => pushed = state.pushing.take(),
            Asked::Register { .. } => state.registering = false,
            Asked::Epochs { .. } => state.epochs_asked = false,
            Asked::Tail { .. } => state.first_screen = FirstScreen::Done,
            _ => {}
        }
        match asked {
            Asked::Epochs { .. } => self.show_first_screen(room_id, peer),
            Asked::Tail { .. } => self.fetch_missing(room_id, peer),
            _ => {}
        }
        self.finish_comparison(room_id, peer);
        self.compare_waiting(room_id);
        if let Asked::Page { log, .. } = asked {
            self.fetch_elsewhere(room_id, peer, *log);
        }
        if *refusal == Refusal::UnknownRoom && archive {
            self.on_unknown_room(room_id, peer);
        } else if let Refusal::NotAdmitted(why) = refusal {
            if let Some(log) = pushed {
                if let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) {
                    state.not_taken.insert(log);
                }
                self.push_missing(room_id, peer);
            }
            // Of the log of another device it says nothing about this one.
            if pushed.is_none_or(|log| log.author == self.me()) {
                self.on_not_admitted(room_id, peer, asked, *why);
            }
        } else if let (Refusal::DoesNotFit, Some(log)) = (refusal, pushed) {
            self.on_misfit(room_id, peer, log);
        } else if archive && matches!(refusal, Refusal::StoreUnavailable | Refusal::Busy { .. } | Refusal::DoesNotFit) {
            self.compare_soon(room_id, peer);
        } else if archive && matches!(refusal, Refusal::QuotaReached | Refusal::RegistrationClosed) {
            self.hint_archive_refuses(refusal);
        }
    }

    /// An archive has something else at these places, or less than was thought. The other logs go on; whether it
    /// holds more of this one meanwhile is soon seen, but not again and again where it never takes it.
    pub(super) fn on_misfit(&mut self, room_id: RoomId, archive: DeviceId, log: LogKey) {
        let state = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive));
        let Some(state) = state else { return };
        state.not_taken.insert(log);
        self.check_again(room_id, archive, MISFITS_MAX);
        self.push_missing(room_id, archive);
    }

    /// An archive does not know the room. It is told of it, but not again and again where it forgets it at once.
    fn on_unknown_room(&mut self, room_id: RoomId, archive: DeviceId) {
        let state = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&archive));
        let Some(state) = state else { return };
        if std::mem::replace(&mut state.was_told, true) {
            self.check_again(room_id, archive, MISFITS_MAX);
        } else {
            self.register(room_id, archive, &[]);
        }
    }

    /// Something came to nothing with a peer, and may go well soon. Whose word counts is asked often, others a few
    /// times; then the regular comparison will do.
    pub(super) fn compare_soon(&mut self, room_id: RoomId, peer: DeviceId) {
        let most = if self.trusts(room_id, peer) { BUSY_MAX } else { MISFITS_MAX };
        self.check_again(room_id, peer, most);
    }

    fn check_again(&mut self, room_id: RoomId, peer: DeviceId, most: u32) {
        let state = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer));
        let Some(state) = state else { return };
        state.misfits += 1;
        if state.misfits <= most {
            self.timers.set(self.now.mono + RETRY_MS, Timer::Check(room_id));
        }
    }

    fn on_same(&mut self, room_id: RoomId, peer: DeviceId) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) else { return };
        // The same as this device had when it asked. What it wrote since, the other need not have.
        let heights = std::mem::take(&mut state.offered);
        self.on_heights(room_id, peer, heights);
    }

    fn on_heights(&mut self, room_id: RoomId, peer: DeviceId, heights: Vec<(LogKey, Height)>) {
        self.note_archive(peer);
        let (me, used) = (self.me(), self.uses_archive(peer));
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let state = room.peers.entry(peer).or_default();
        state.used = used;
        (state.heights_asked, state.answered, state.waits) = (false, true, false);
        state.heights = heights.into_iter().collect();
        state.not_taken.clear();
        state.note_fallen_back();
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
            self.push_wraps(room_id, peer);
        } else {
            self.note_confirmed(room_id, peer);
        }
        if again {
            self.sync_with(room_id, peer);
        }
        self.compare_waiting(room_id);
    }

    /// Everything about a peer that went away is forgotten; others may fetch what it was to bring.
    pub(super) fn forget_peer(&mut self, peer: DeviceId) {
        for room in self.rooms.values_mut() {
            room.peers.remove(&peer);
            room.to_compare.retain(|waiting| *waiting != peer);
            room.fetching.retain(|_, from| *from != peer);
            room.summary_changed = true;
            room.note_synced();
        }
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.fetch_everywhere(room);
            self.compare_waiting(room);
        }
    }
}

impl Room {
    /// Whether as many comparisons are under way as may be, with members or with those who only say that
    /// they are in the room.
    fn is_comparing_enough(&self, members: bool) -> bool {
        let is_under_way = |(device, state): &(&DeviceId, &PeerRoom)| {
            state.heights_asked && self.membership.members.contains_key(device) == members
        };
        let max = if members { COMPARED_AT_ONCE } else { STRANGERS_COMPARED_AT_ONCE };
        self.peers.iter().filter(is_under_way).count() >= max
    }
}
