//! Fetching pages of logs from peers that hold more, and what a page that does not fit means.

use parlor_protocol::{
    DeviceId, LogKey, RoomId,
    entry::{Entry, Verified},
    error::LogError,
    log::{Height, verify_page},
    wire::RoomRequest,
};
use rand_core::RngCore as _;

use super::{Engine, engine::ReadFor, io::Output, membership::Refused, peer_room::PeerRoom, room::Room, sync::Asked};
use crate::{
    net::NetCommand,
    store::{Read, ReadResult},
};

/// Pages under way from one peer in one room.
const PAGES_IN_FLIGHT: usize = 8;
/// The same from one that nobody here knows, and from all of those together. What such a peer wrote itself has
/// a place all the same: it may have just come in.
const PAGES_OF_UNKNOWN: usize = 2;
const PAGES_OF_ALL_UNKNOWN: usize = 16;
/// Logs of one peer of which it is remembered that it did not bring them. Beyond that it brings none.
const NOT_BROUGHT_MAX: usize = 256;
/// After this many bad answers in a row a peer is banned.
const BAD_ANSWERS_MAX: u32 = 5;
/// Logs in which the head of a peer that holds less is compared, with each comparison: all of them
/// in a small room.
const HEADS_CHECKED: usize = 16;

/// What a peer is when a log may be had from several: the first ones come before the others, who keep none of
/// them from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// A member, an archive that is used, or who let this device in.
    Trusted,
    /// Another archive.
    Archive,
    /// It listens to the room, as anybody may who knows the topic.
    Unknown,
}

impl PeerRoom {
    fn failed_to_bring(&self, log: LogKey) -> bool {
        self.not_brought.len() >= NOT_BROUGHT_MAX || self.not_brought.contains(&log)
    }

    /// A log did not come from it as it said.
    pub(super) fn note_not_brought(&mut self, log: LogKey) {
        if self.not_brought.len() < NOT_BROUGHT_MAX {
            self.not_brought.insert(log);
        }
    }
}

impl Room {
    /// Whether this device just came in, and knows nobody yet.
    pub(super) fn is_newcomer(&self) -> bool {
        self.is_fresh && !self.has_synced
    }

    /// Whoever was to bring a log is done with it.
    pub(super) fn fetched(&mut self, log: LogKey, from: DeviceId) {
        if self.fetching.get(&log) == Some(&from) {
            self.fetching.remove(&log);
        }
        if let Some(state) = self.peers.get_mut(&from) {
            state.pages.remove(&log);
        }
    }
}

impl Engine {
    fn standing(&self, room: &Room, peer: DeviceId) -> Standing {
        let is_served = || room.membership.served(peer, self.now.wall).is_ok();
        match () {
            () if room.let_in_by == Some(peer) || self.uses_archive(peer) || is_served() => Standing::Trusted,
            () if self.connections.is_archive(peer) => Standing::Archive,
            () => Standing::Unknown,
        }
    }

    /// Whether a peer's word counts in a room as that of somebody who has to do with it.
    pub(super) fn trusts(&self, room_id: RoomId, peer: DeviceId) -> bool {
        self.rooms.get(&room_id).is_some_and(|room| self.standing(room, peer) == Standing::Trusted)
    }

    /// In which turn a log is asked for at a peer: the smallest first.
    fn turn(&self, room: &Room, peer: DeviceId, log: LogKey) -> (Standing, bool) {
        let has_failed = room.peers.get(&peer).is_some_and(|state| state.failed_to_bring(log));
        (self.standing(room, peer), has_failed)
    }

    /// Whether a log waits for somebody who comes before a peer, or may not be asked for at all.
    fn is_busy(&self, room: &Room, peer: DeviceId, log: LogKey) -> bool {
        let comes_first =
            |other: &DeviceId| *other == peer || self.turn(room, *other, log) <= self.turn(room, peer, log);
        room.logs.is_frozen(log) || room.fetching.get(&log).is_some_and(comes_first)
    }

    /// How many more pages a peer may be asked for: of what others wrote, and in all.
    fn places(&self, room: &Room, peer: DeviceId) -> (usize, usize) {
        let under_way = room.peers.get(&peer).map_or(0, |state| state.pages.len());
        if room.is_newcomer() || self.standing(room, peer) != Standing::Unknown {
            let places = PAGES_IN_FLIGHT.saturating_sub(under_way);
            return (places, places);
        }
        let of_unknown = room
            .peers
            .iter()
            .filter(|(other, state)| !state.pages.is_empty() && self.standing(room, **other) == Standing::Unknown);
        let of_all: usize = of_unknown.map(|(_, state)| state.pages.len()).sum();
        let own = PAGES_OF_UNKNOWN.saturating_sub(under_way);
        (own.min(PAGES_OF_ALL_UNKNOWN.saturating_sub(of_all)), own)
    }

    /// Asks for the next page of every log that the peer holds further than this device.
    pub(super) fn fetch_missing(&mut self, room_id: RoomId, peer: DeviceId) {
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(state) = room.peers.get_mut(&peer) else { return };
        if state.first_screen.is_under_way() {
            // It is shown first; then this is asked for.
            return;
        }
        if !archive {
            // Of a member only what this device lacks is of use. All logs of all members would be a
            // square of numbers in memory, gone through with every answer.
            state.heights.retain(|log, theirs| {
                let ours = room.logs.counted(*log);
                theirs.next > ours.next || (theirs.next == ours.next && theirs.head != ours.head)
            });
        }
        let Some(room) = self.rooms.get(&room_id) else { return };
        let Some(state) = room.peers.get(&peer) else { return };
        let (of_others, in_all) = self.places(room, peer);
        let mut wanted = Vec::new();
        let own = state.heights.iter().filter(|(log, _)| log.author == peer);
        let others = state.heights.iter().filter(|(log, _)| log.author != peer);
        for (log, theirs) in own.chain(others) {
            if wanted.len() >= in_all || log.author != peer && wanted.len() >= of_others {
                break;
            }
            let ours = room.logs.counted(*log);
            if room.logs.ends_before(*log, ours.next) {
                continue;
            }
            let from = if theirs.next > ours.next && room.logs.may_take(*log) {
                ours.next
            } else if theirs.next == ours.next && theirs.head != ours.head && ours.next > 0 {
                ours.next - 1
            } else {
                continue;
            };
            if !self.is_busy(room, peer, *log) {
                wanted.push((*log, from));
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

    pub(super) fn on_page(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey, from: u64, entries: Vec<Entry>) {
        let (is_used, wall) = (self.uses_archive(peer), self.now.wall);
        let let_in_by = self.rooms.get(&room_id).and_then(|room| room.let_in_by);
        // A newcomer believes who let it in, as long as that one is there, and not whoever answers first.
        let may_be_first = let_in_by.is_none_or(|keeper| keeper == peer || !self.connections.is_connected(keeper));
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.fetched(log, peer);
        let state = room.peers.entry(peer).or_default();
        if !room.is_loaded {
            // It is being read anew; after that everything is compared again.
            return;
        }
        if room.logs.is_frozen(log) {
            // It was asked for before that.
            self.fetch_missing(room_id, peer);
            self.finish_comparison(room_id, peer);
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
            Some(theirs) if contradicts(&theirs) => {
                let from_there = held.into_iter().skip_while(|entry| entry.header().seq < theirs.header().seq);
                self.compare_with_own(room_id, log, from_there.chain(new).collect())
            }
            // The peer has less than it said, or the same: believe what it showed.
            _ if new.is_empty() => {
                if state.heights.get(&log).is_some_and(|said| said.next > ours.next) {
                    state.note_not_brought(log);
                }
                state.heights.insert(log, ours);
                true
            }
            // What follows our head does not link to it, though the peer just showed the same head.
            at_head => match verify_page(room_id, log, ours, new.clone()) {
                Ok(entries) => {
                    state.bad_answers = 0;
                    state.not_brought.remove(&log);
                    // Whom only an outsider says to be in came by a code that works, or not at all.
                    let is_newcomer = may_be_first && room.is_newcomer();
                    let is_in = room.membership.served(peer, wall).is_ok();
                    let is_trusted = is_used || is_newcomer || is_in;
                    let may_come = |entry: &Verified<Entry>| room.may_come_in_by_gossip(entry, wall);
                    let taken = match is_trusted || entries.iter().all(may_come) {
                        true => self.append(room_id, log, entries, live),
                        false => Err(Refused::NotYet),
                    };
                    match taken {
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
                    self.compare_with_own(room_id, log, new)
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

    /// A log that one peer did not bring may be had from another that holds it.
    pub(super) fn fetch_elsewhere(&mut self, room_id: RoomId, not_from: DeviceId, log: LogKey) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let holder = room.fetching.get(&log);
        if holder.is_some_and(|holder| self.turn(room, *holder, log) == (Standing::Trusted, false)) {
            return;
        }
        let next = room.logs.height(log).next;
        let has_more = |peer: &PeerRoom| peer.heights.get(&log).is_some_and(|theirs| theirs.next > next);
        let others = room.peers.iter().filter(|(id, peer)| **id != not_from && has_more(peer));
        let mut others: Vec<_> = others.map(|(id, _)| (self.turn(room, *id, log), *id)).collect();
        others.sort_unstable();
        others.into_iter().for_each(|(_, other)| self.fetch_missing(room_id, other));
    }

    /// Asks everybody for what is missing, first those whose word counts.
    pub(super) fn fetch_everywhere(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let mut peers: Vec<_> = room.peers.keys().map(|peer| (self.standing(room, *peer), *peer)).collect();
        peers.sort_unstable();
        peers.into_iter().for_each(|(_, peer)| self.fetch_missing(room_id, peer));
    }

    /// Part of a page could not be taken: what it waits for stands in another log.
    fn on_page_refused(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey, refused: Refused) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let ours = room.logs.height(log);
        if let Some(state) = room.peers.get_mut(&peer) {
            state.heights.insert(log, ours);
            state.waits |= refused == Refused::NotYet;
            // When other logs are still arriving, compare again after them.
            state.ask_again |= refused == Refused::NotYet && !state.pages.is_empty();
        }
    }

    fn on_bad_answer(&mut self, room_id: RoomId, peer: DeviceId, log: LogKey) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) else { return };
        state.heights.remove(&log);
        state.note_not_brought(log);
        state.bad_answers += 1;
        if state.bad_answers >= BAD_ANSWERS_MAX {
            self.out.push(Output::Net(NetCommand::Ban(peer)));
        }
    }

    /// A peer that holds less of a log shows its head. If another entry stands at that place here,
    /// the log forked: whoever holds the longer branch would not ask for the shorter one.
    pub(super) fn check_lower_heads(&mut self, room_id: RoomId, peer: DeviceId) {
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
            let has_place = self.places(room, peer).0 > 0;
            if has_place && !self.is_busy(room, peer, log) && self.connections.is_connected(peer) {
                self.ask_page(room_id, peer, log, theirs.next - 1);
            }
        }
    }
}
