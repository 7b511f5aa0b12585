//! The records of epochs: exchanged apart from the logs, kept apart, and what follows when a new one
//! is known.
//!
//! Logs of removed devices end; what their owners decided before may still count. So records travel as
//! a set of their own: two sides tell each other the newest they know, and send what the other lacks.

use parlor_protocol::{
    DeviceId, EntryId, RoomId, TopicId,
    access::{
        Presence,
        wire::{Enter, Entered, NotAdmitted, NotEntered},
    },
    entry::Entry,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
    wire::{Answer, Refusal, Request, RoomRequest},
};

use super::{
    Engine, io::Output, membership::Refused, peer_room::ToldOf, sync::Asked, timers::Timer, unsaved::Again,
    writing::Pending,
};
use crate::{
    event::{Event, RoomStanding},
    net::NetCommand,
    store::{EpochKeyRecord, Read, Write},
};

/// Own entries of coming in that a peer is shown at most: after many restores a device has many logs, and
/// one that counts is enough.
const SHOWN_MAX: usize = 4;

impl Engine {
    /// Asks a peer for the records that are lacking here.
    pub(super) fn ask_epochs(&mut self, room_id: RoomId, peer: DeviceId) {
        if !self.connections.is_connected(peer) {
            return;
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let state = room.peers.entry(peer).or_default();
        if std::mem::replace(&mut state.epochs_asked, true) {
            return;
        }
        let tips = room.membership.rules().graph().tips();
        self.ask_room(room_id, peer, RoomRequest::Epochs { tips }, Asked::Epochs { room: room_id, peer });
    }

    /// Answers with what a peer lacks and may have.
    pub(super) fn serve_epochs(&mut self, room_id: RoomId, from: DeviceId, ask: &RoomRequest) -> Option<Answer> {
        let RoomRequest::Epochs { tips: theirs } = ask else { return None };
        let Some(room) = self.rooms.get(&room_id) else { return Some(Answer::Refused(Refusal::UnknownRoom)) };
        let graph = room.membership.rules().graph();
        let mut entries = room.membership.epochs_for(from, theirs);
        cut_to_page(&mut entries);
        let tips = if graph.is_removed(from) { Vec::new() } else { graph.tips() };
        if theirs.iter().any(|tip| !graph.contains(*tip)) {
            self.ask_epochs(room_id, from);
        }
        Some(Answer::Epochs { entries, tips })
    }

    pub(super) fn on_epochs(&mut self, room_id: RoomId, peer: DeviceId, entries: Vec<Entry>, tips: &[EntryId]) {
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let state = room.peers.entry(peer).or_default();
        state.epochs_asked = false;
        let is_asked_again = state.waits;
        let learned = self.take_epochs(room_id, entries);
        let Some(room) = self.rooms.get(&room_id) else { return };
        let graph = room.membership.rules().graph();
        let lacks_more = tips.iter().any(|tip| !graph.contains(*tip));
        if learned.is_ok_and(|learned| learned > 0) {
            if lacks_more {
                self.ask_epochs(room_id, peer);
            }
            if !is_asked_again && let Some(state) = self.rooms.get_mut(&room_id).and_then(|r| r.peers.get_mut(&peer)) {
                // It may hold more in epochs that were not known here.
                state.waits = true;
                self.sync_with(room_id, peer);
            }
        } else if archive && !graph.missing(tips).is_empty() {
            // Once for the same state of both: it may not take them, or lie.
            let (lacked, ours) = (graph.missing(tips).len(), graph.digest());
            let Some(known) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) else { return };
            // While it learns it lacks less each time.
            let is_news = known
                .told_of
                .as_ref()
                .is_none_or(|told| told.ours != ours || told.tips != tips && (lacked < told.lacked || !known.was_told));
            if is_news {
                known.told_of = Some(ToldOf { tips: tips.to_vec(), ours, lacked });
                known.was_told = true;
                self.register(room_id, peer, tips);
            }
        }
        self.show_first_screen(room_id, peer);
        self.finish_comparison(room_id, peer);
    }

    /// A peer does not serve this device: it may not know how it came in, or what became of it here.
    pub(super) fn on_not_admitted(&mut self, room_id: RoomId, peer: DeviceId, asked: &Asked, why: NotAdmitted) {
        if why == NotAdmitted::Show {
            return self.show_ins(room_id, peer);
        }
        if why == NotAdmitted::Out {
            self.forget_when_heard(room_id, peer);
        }
        if !matches!(asked, Asked::Epochs { .. }) {
            self.ask_epochs(room_id, peer);
        }
    }

    /// Shows a peer by which entries this device came in.
    fn show_ins(&mut self, room_id: RoomId, peer: DeviceId) {
        let archive = self.connections.is_archive(peer);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let entries: Vec<Entry> = room.own_ins.values().cloned().collect();
        let state = room.peers.entry(peer).or_default();
        if state.was_shown || std::mem::replace(&mut state.showing, true) {
            // Who was shown and still does not serve this device may do so with the next regular comparison.
            return;
        }
        if archive {
            // It may lack the records that the entry hangs on, and asks for nothing by itself.
            self.register(room_id, peer, &[]);
        }
        for entry in entries.into_iter().rev().take(SHOWN_MAX) {
            let enter = Enter { room: room_id, entry, for_keys: false };
            self.ask(peer, &Request::Enter(Box::new(enter)), Asked::Show { room: room_id, peer });
        }
    }

    /// A peer was shown by which entry this device came in.
    pub(super) fn on_shown(&mut self, room_id: RoomId, peer: DeviceId, answer: Option<&Entered>) {
        let Some(state) = self.rooms.get_mut(&room_id).and_then(|room| room.peers.get_mut(&peer)) else { return };
        state.showing = false;
        state.was_shown = true;
        match answer {
            Some(Entered::In(_)) => self.sync_with(room_id, peer),
            // It learns what the entry hangs on, or is busy.
            Some(Entered::Refused(NotEntered::Lacking)) | None => {
                if self.connections.is_archive(peer) {
                    // It asks for nothing, so it is brought what the entry hangs on.
                    self.push_missing(room_id, peer);
                }
                self.compare_soon(room_id, peer);
            }
            Some(_) => {}
        }
    }

    /// Learns records; gives the number of new ones.
    ///
    /// # Errors
    /// What the first one that was not taken was refused for.
    pub(super) fn take_epochs(&mut self, room_id: RoomId, entries: Vec<Entry>) -> Result<usize, Refused> {
        let (mut new, mut refused) = (Vec::new(), None);
        self.with_room(room_id, |room, viewer| {
            for entry in entries {
                let taught = match entry.verify() {
                    Ok(entry) => room
                        .membership
                        .learn(&entry, viewer.me, viewer.prekeys)
                        .map(|is_new| new.extend(is_new.then(|| entry.into_inner()))),
                    Err(_) => Err(Refused::Never),
                };
                refused = refused.or(taught.err());
            }
        });
        let learned = new.len();
        if learned > 0 {
            self.after_epochs(room_id, &new);
            self.tell_members(room_id);
        }
        refused.map_or(Ok(learned), Err)
    }

    /// New records of epochs are known: keeps them, listens to their topics, ends the logs of those
    /// who were removed, and reads the room again where that shows something else.
    pub(super) fn after_epochs(&mut self, room_id: RoomId, new: &[Entry]) {
        let puts = new.iter().map(|entry| Write::PutEpoch(Box::new(entry.clone()))).collect();
        self.write_soon(puts, Pending::unasked(Again::Nothing));
        let wall = self.now.wall;
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        // A session seals in the epoch in which it was opened.
        room.sealing = None;
        let since = |room: &super::room::Room, id| {
            room.record.epochs.iter().find(|known| known.id == id).map_or(wall, |known| known.since)
        };
        let known = room.membership.known_secrets();
        let records: Vec<EpochKeyRecord> =
            known.iter().map(|secrets| EpochKeyRecord::of(secrets, since(room, secrets.id()))).collect();
        room.record.epochs = records;
        room.record_changed = true;
        room.summary_changed = true;
        let shows_other = room.recut() && room.is_loaded;
        let opens_more = room.may_read_more() && room.is_loaded;
        let had_guessed = room.guessed_any(new.iter().map(|entry| entry.header().epoch)) && room.is_loaded;
        self.note_removals(room_id, new);
        self.listen(room_id);
        self.timers.set(self.now.mono, Timer::Save(room_id));
        if shows_other || opens_more || had_guessed {
            self.reread(room_id);
        }
        self.look_at_standing(room_id);
        for archive in self.connections.archives() {
            self.ask_epochs(room_id, archive);
        }
        self.fetch_what_waited(room_id);
        self.admit_own(room_id);
        self.push_wraps_everywhere(room_id);
        self.tell_profile(room_id);
        self.flush_waiting(room_id);
        self.govern_soon(room_id);
    }

    /// Asks again for what peers hold and what was refused for want of an epoch, whoever brought that.
    fn fetch_what_waited(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id) else { return };
        let waiting: Vec<_> = room.peers.iter().filter(|(_, state)| state.waits).map(|(peer, _)| *peer).collect();
        waiting.into_iter().for_each(|peer| self.sync_with(room_id, peer));
    }

    /// Listens to the topics of the newest epochs, and to no others.
    pub(super) fn listen(&mut self, room_id: RoomId) {
        // To a room that is only asked into nobody listens.
        let Some(room) = self.rooms.get(&room_id).filter(|room| !room.record.request) else { return };
        let wanted: Vec<TopicId> = room.membership.heard_secrets().iter().map(|secrets| secrets.topic()).collect();
        let old: Vec<TopicId> = self
            .topics
            .iter()
            .filter(|(topic, of)| **of == room_id && !wanted.contains(topic))
            .map(|(t, _)| *t)
            .collect();
        for topic in old {
            self.topics.remove(&topic);
            self.out.push(Output::Net(NetCommand::Unsubscribe(topic)));
        }
        for topic in wanted {
            if self.topics.insert(topic, room_id).is_none() {
                self.out.push(Output::Net(NetCommand::Subscribe(topic)));
            }
        }
    }

    /// Reads a room from the store again: what may be shown, or can be opened, is another now.
    pub(super) fn reread(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        room.begin_anew();
        self.read(Read::Scan { room: room_id, after: None }, super::engine::ReadFor::Load(room_id));
    }

    /// Tells what is shown otherwise after a room was read again.
    pub(super) fn tell_reread(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(before) = room.before.take() else { return };
        room.timeline.keep_provisional(&before, |log, seq| !room.logs.ends_before(log, seq));
        let gone: Vec<EntryId> = before.ids().filter(|id| !room.timeline.contains(*id)).collect();
        let mut events = Vec::new();
        if !gone.is_empty() {
            events.push(Event::MessagesGone { room: room_id, ids: gone });
        }
        let mut added = Vec::new();
        for message in room.timeline.oldest_first() {
            match before.find(message.id) {
                None => added.push(room.dressed(message, me)),
                Some(old) if old != *message => events.push(Event::MessageChanged(room.dressed(message, me))),
                Some(_) => {}
            }
        }
        if !added.is_empty() {
            events.push(Event::MessagesAdded { room: room_id, messages: added, live: false });
        }
        events.into_iter().for_each(|event| self.event(event));
    }

    /// Finds out what this device is in a room, and tells people when that has changed.
    pub(super) fn look_at_standing(&mut self, room_id: RoomId) {
        let (me, own, is_guest, wall) = (self.me(), self.user_id_in(room_id), self.is_guest, self.now.wall);
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        let graph = room.membership.rules().graph();
        let name = |device| room.membership.known(device).map(|member| member.name.clone()).unwrap_or_default();
        let standing = match room.membership.rules().presence(me) {
            _ if graph.removal_of(me).is_some() => RoomStanding::Removed {
                by: graph.removal_of(me).map(|removal| name(removal.author)).unwrap_or_default(),
            },
            Presence::Lost => RoomStanding::Removed { by: room.membership.name_of_user(own) },
            _ if graph.dissolved_by().is_some() => {
                RoomStanding::Dissolved { by: graph.dissolved_by().map(|end| name(end.author)).unwrap_or_default() }
            }
            _ if room.record.leaving => RoomStanding::Leaving,
            Presence::Left => RoomStanding::Left,
            Presence::In { until } if until.is_past(wall, 0) => RoomStanding::VisitOver,
            Presence::ShutOut if is_guest => RoomStanding::VisitOver,
            Presence::ShutOut | Presence::Removed => RoomStanding::ShutOut,
            _ if room.membership.current().is_none() => RoomStanding::Changing,
            Presence::In { .. } | Presence::Unknown => RoomStanding::Member,
        };
        if room.standing == standing {
            return;
        }
        room.standing = standing.clone();
        room.summary_changed = true;
        let name = room.record.name.clone();
        if standing == RoomStanding::ShutOut {
            self.problem(
                format!(
                    "somebody was removed from {name} while this device joined, and its code is of no use any more"
                ),
                "Ask a member for a new code and join again.",
            );
        }
        self.fail_waiting_for_good(room_id);
    }
}

/// Cuts records to what one message may hold.
pub(super) fn cut_to_page(entries: &mut Vec<Entry>) {
    let mut bytes = 0;
    let fits = entries.iter().take(PAGE_MAX_ENTRIES).take_while(|entry| {
        bytes += entry.bytes().len();
        bytes <= PAGE_MAX_BYTES
    });
    let fits = fits.count();
    entries.truncate(fits);
}
