//! Writing own entries: sealed, given to the store, published.
//!
//! The place of an entry that left this machine must never be used again, or the log would fork.
//! So the store comes first, or a reservation does (see `reserving`). When the store fails, the
//! entries it did not take are undone, unless they were published already: those are kept and
//! given to it again. A command is answered when its entries are durable.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, LogId, RoomId,
    card::{DeviceCard, Prekey, UserKey},
    content::{Act, Body},
    entry::{Entry, Kind, Verified},
    log::Height,
};
use rand_core::RngCore as _;

use super::{
    Engine,
    consequences::Consequence,
    io::{CallId, WriteId},
    logs::Frozen,
    room::Effects,
    sealing::{Piece, Sealed, Sealer},
    steps::Sessions,
    unsaved::{Again, Run},
};
use crate::{
    command::Reply,
    error::CommandError,
    event::Event,
    store::{StoredEntry, Write},
};

/// What follows when a batch of writes is durable, or is not.
#[derive(Debug)]
pub(super) struct Pending {
    /// Own entries.
    own: Vec<Verified<Entry>>,
    /// Whether the own entries were published at once; if not, they are when they are durable.
    published: bool,
    /// Places of the own log that are reserved with this batch.
    reserves: Option<u64>,
    /// What own entries change about messages: seen when it is certain.
    changes: Vec<Sealed>,
    /// What people are to read about an owner's decision that this batch holds.
    acts: Option<Vec<Act>>,
    /// A command to answer.
    reply: Option<(CallId, Reply)>,
    /// What is tried again when it fails.
    again: Again,
}

impl Pending {
    /// Something that no command asked for.
    pub(super) fn unasked(again: Again) -> Self {
        Self { own: Vec::new(), published: false, reserves: None, changes: Vec::new(), acts: None, reply: None, again }
    }

    /// A room is to be forgotten, sooner or later.
    pub(super) fn forgetting(room: RoomId, call: Option<CallId>) -> Self {
        Self { again: Again::Forget(room), ..Self::answering(call, Reply::Done) }
    }

    /// An owner's decision.
    pub(super) fn deciding(call: Option<CallId>, reply: Reply, acts: Vec<Act>) -> Self {
        Self { acts: Some(acts), ..Self::answering(call, reply) }
    }

    /// The same, tried again when it fails although the command was answered then.
    pub(super) fn and_again(self, again: Again) -> Self {
        Self { again, ..self }
    }

    /// A command to answer when all is durable.
    pub(super) fn answering(call: Option<CallId>, reply: Reply) -> Self {
        Self { reply: call.map(|call| (call, reply)), ..Self::unasked(Again::Nothing) }
    }
}

impl Engine {
    /// Writes contents into a room's own log; answers the command when they are durable.
    pub(super) fn write_contents(
        &mut self,
        room: RoomId,
        bodies: Vec<Body>,
        call: Option<CallId>,
        reply: impl FnOnce(EntryId) -> Reply,
    ) {
        self.append_own(room, bodies.into_iter().map(Piece::Content).collect(), call, reply);
    }

    /// Writes an entry whose body is not sealed.
    pub(super) fn write_plain(&mut self, room: RoomId, kind: Kind, body: Vec<u8>, call: Option<CallId>, reply: Reply) {
        self.append_own(room, vec![Piece::Plain(kind, body)], call, |_| reply);
    }

    /// Writes the pieces of one command into a room's own log: all are sealed, given to the store as
    /// one batch, and then shown. What follows from them waits until this is over (`consequences`).
    pub(super) fn append_own(
        &mut self,
        room: RoomId,
        pieces: Vec<Piece>,
        call: Option<CallId>,
        reply: impl FnOnce(EntryId) -> Reply,
    ) {
        match self.seal_pieces(room, pieces) {
            Ok(sealed) => {
                let id = sealed.last().map(|last| last.entry.id()).unwrap_or_default();
                self.commit(room, sealed, call, reply(id));
            }
            Err(error) => self.reply(call, Err(error)),
        }
    }

    fn seal_pieces(&mut self, room_id: RoomId, pieces: Vec<Piece>) -> Result<Vec<Sealed>, CommandError> {
        self.ready_log(room_id)?;
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        let vanishes = room.membership.current().is_some_and(|now| room.membership.lifetime(now.id()).is_some());
        let opener = if vanishes { self.profile_body_in(room_id) } else { None };
        let comes_in = |piece: &Piece| matches!(piece, Piece::Signed(_) | Piece::Plain(Kind::Access, _));
        let is_in = room.membership.is_in(self.key.id()) || pieces.iter().any(comes_in);
        let mut sealer = Sealer { key: &self.key, rng: &mut self.rng, now: self.now, is_in, opener };
        self.rooms.get_mut(&room_id).ok_or(CommandError::NoSuchRoom)?.seal(&mut sealer, pieces)
    }

    /// Goes on in a new log: the old one may hold entries that this device does not know any
    /// more, because it was restored from an older copy. They come back by sync.
    pub(super) fn open_new_log(&mut self, room_id: RoomId) {
        let log = LogId(self.rng.next_u64());
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.record.own_log = log;
        room.record.archived = 0;
        room.record.reserved = 0;
        room.reserved.forget();
        room.received.clear();
        room.sealing = None;
        self.save_room_now(room_id);
    }

    pub(super) fn go_on_from_older_copy(&mut self, room_id: RoomId) {
        self.open_new_log(room_id);
        self.problem(
            "this device goes on from an older copy of its data",
            "What it had written since comes back from the others. Never use two copies of one profile.",
        );
    }

    /// Makes sure that the own log takes entries, before the first one is sealed.
    fn ready_log(&mut self, room_id: RoomId) -> Result<(), CommandError> {
        let me = self.me();
        let frozen = self.rooms.get(&room_id).and_then(|room| room.logs.get(room.own_log(me))?.frozen);
        match frozen {
            // What others have already comes first; should it fail again, so does what follows.
            Some(Frozen::Unsaved) => self.retry_unsaved(),
            Some(Frozen::Forked | Frozen::Invalid) => self.go_on_from_older_copy(room_id),
            None => {}
        }
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        if room.record.request { Err(CommandError::NotAccepted) } else { Ok(()) }
    }

    /// Signs the record of a new epoch. It is learned when it is durable.
    pub(super) fn sign_epoch(
        &mut self,
        room_id: RoomId,
        epoch: EpochId,
        body: &[u8],
    ) -> Result<Verified<Entry>, CommandError> {
        self.ready_log(room_id)?;
        let room = self.rooms.get_mut(&room_id).ok_or(CommandError::NoSuchRoom)?;
        room.sign_epoch(&self.key, epoch, body)
    }

    /// Hands an owner's decision to the store.
    pub(super) fn commit_epoch(&mut self, room: RoomId, entry: Verified<Entry>, pending: Pending) {
        let writes = vec![
            Write::Append { room, entries: as_stored(std::slice::from_ref(&entry)) },
            Write::PutEpoch(Box::new(entry.inner().clone())),
        ];
        if let Some(room) = self.rooms.get_mut(&room) {
            room.reserved.waiting += 1;
        }
        self.write(writes, Pending { own: vec![entry], ..pending });
    }

    /// Hands entries to the store and shows them, as not yet stored; changes of messages and the answer
    /// wait for it, and so does publishing unless their places are reserved.
    fn commit(&mut self, room_id: RoomId, sealed: Vec<Sealed>, call: Option<CallId>, reply: Reply) {
        let entries: Vec<_> = sealed.iter().map(|sealed| sealed.entry.clone()).collect();
        let (changes, shown): (Vec<_>, Vec<_>) = sealed.into_iter().partition(Sealed::is_change);
        let mut writes = vec![Write::Append { room: room_id, entries: as_stored(&entries) }];
        let published = self.may_publish(room_id, &entries);
        if published {
            entries.iter().for_each(|entry| self.publish(entry));
        } else if let Some(room) = self.rooms.get_mut(&room_id) {
            room.reserved.waiting += 1;
        }
        let next = entries.last().map_or(0, |last| last.header().seq + 1);
        let reserves = self.reserve(room_id, next).map(|(write, below)| {
            writes.push(write);
            below
        });
        let pending = Pending { own: entries, published, reserves, changes, ..Pending::answering(call, reply) };
        match published {
            true => self.write_published(writes, pending),
            false => self.write(writes, pending),
        }
        self.take_own(room_id, shown);
    }

    fn take_own(&mut self, room_id: RoomId, sealed: Vec<Sealed>) {
        let mut effects = Effects::default();
        self.with_room(room_id, |room, viewer| {
            sealed.into_iter().for_each(|sealed| room.take_own(sealed, viewer, &mut effects));
        });
        self.consequences.push(Consequence::Taken { room: room_id, effects, live: true });
    }

    pub(super) fn on_written(&mut self, id: WriteId, result: Result<(), String>) {
        let Some(pending) = self.pending.remove(&id) else { return };
        match result {
            Ok(()) => self.on_durable(pending),
            Err(reason) => self.on_write_failed(pending, reason),
        }
    }

    fn on_durable(&mut self, pending: Pending) {
        let run = match pending.again {
            Again::Run(run) => Some(run),
            Again::Prekeys(prekeys) => {
                self.take_prekeys(prekeys);
                None
            }
            Again::Linked(linked) => {
                self.on_linked(*linked);
                None
            }
            Again::Gift(gift) => {
                self.on_gift_saved(gift.0, gift.1);
                None
            }
            Again::NewKey(job) => {
                self.on_new_key_saved(job);
                None
            }
            Again::ComesIn(comes_in) => {
                self.on_came_in(*comes_in);
                None
            }
            _ => None,
        };
        let taken = run.as_ref().and_then(|run| run.entries.last().map(|stored| &stored.entry));
        for last in taken.into_iter().chain(pending.own.last()) {
            self.note_durable(last);
        }
        self.note_saved(run.as_ref());
        self.note_answered(&pending.own, pending.published);
        if let (Some(last), Some(below)) = (pending.own.last(), pending.reserves) {
            self.note_reserved(last.room(), below);
        }
        let room = pending.own.first().map(|first| first.room());
        if let Some(room) = room.filter(|_| !pending.changes.is_empty()) {
            self.take_own(room, pending.changes);
        }
        for entry in &pending.own {
            if entry.header().kind == Kind::Epoch {
                self.learn_own_epoch(entry);
            }
            if !pending.published {
                self.publish(entry);
            }
        }
        let is_decision = pending.acts.is_some();
        if let (Some(room), Some(acts)) = (room, pending.acts) {
            self.consequences.push(Consequence::Decided { room, acts });
        }
        if let Some(room) = room {
            let ids: Vec<_> = pending.own.iter().map(|entry| entry.id()).collect();
            self.tell_changed(room, &ids);
        }
        match (pending.reply, room) {
            (Some((call, Reply::Code(code))), Some(room)) if is_decision => self.make_fresh_code(room, call, code),
            (Some((call, reply)), _) => self.reply(Some(call), Ok(reply)),
            (None, _) => {}
        }
    }

    /// An owner's decision is durable: from now on it holds here too.
    fn learn_own_epoch(&mut self, entry: &Verified<Entry>) {
        let mut effects = Effects::default();
        self.with_room(entry.room(), |room, viewer| {
            // What this device decided by the rules that it knows is taken.
            let _ = room.take_in(entry, viewer, &mut effects);
        });
        self.consequences.push(Consequence::Taken { room: entry.room(), effects, live: true });
    }

    /// The store has answered: the next own entries need not wait for these.
    fn note_answered(&mut self, own: &[Verified<Entry>], published: bool) {
        let room = own.first().map(|first| first.room()).filter(|_| !published);
        if let Some(room) = room.and_then(|room| self.rooms.get_mut(&room)) {
            room.reserved.waiting = room.reserved.waiting.saturating_sub(1);
        }
    }

    pub(super) fn note_durable(&mut self, last: &Verified<Entry>) {
        let (room_id, log) = (last.room(), last.log_key());
        if let Some(room) = self.rooms.get_mut(&room_id) {
            let durable = &mut room.logs.entry(log).durable;
            *durable = (*durable).max(last.header().seq + 1);
        }
        self.owe_receipt(room_id, log.author);
        let archives = if log.author == self.me() { self.connections.archives() } else { Vec::new() };
        archives.into_iter().for_each(|archive| self.push_missing(room_id, archive));
    }

    fn on_write_failed(&mut self, pending: Pending, reason: String) {
        self.note_answered(&pending.own, pending.published);
        if let (Some(first), Some(_)) = (pending.own.first(), pending.reserves) {
            self.note_not_reserved(first.room());
        }
        if pending.published {
            return self.keep_published(pending, reason);
        }
        if let Some(first) = pending.own.first() {
            self.undo(first.room(), Some(first));
        }
        if let (Some(first), Some(_)) = (pending.own.first(), &pending.acts) {
            self.consequences.push(Consequence::Decided { room: first.room(), acts: Vec::new() });
        }
        if let Some((_, Reply::Created { room, .. } | Reply::Joined(room))) = &pending.reply {
            self.forget_room(*room);
        }
        if let (Some((_, Reply::Code(code))), Some(first)) = (&pending.reply, pending.own.first())
            && let Some(room) = self.rooms.get_mut(&first.room())
        {
            // Nobody knows this code.
            room.record.codes.retain(|record| record.code != *code);
            room.record_changed = true;
        }
        if let Again::Forget(room) = pending.again {
            // It is gone from memory already.
            self.keep_unsaved(Again::Forget(room), &reason);
        }
        match pending.reply {
            Some((call, _)) => {
                if matches!(pending.again, Again::Contacts(_)) {
                    self.keep_unsaved(pending.again, &reason);
                }
                self.reply(Some(call), Err(CommandError::Storage { reason }));
            }
            None => self.keep_unsaved(pending.again, &reason),
        }
    }

    /// Keeps own entries that the disk refused but that others have: they are given to it again.
    fn keep_published(&mut self, pending: Pending, reason: String) {
        let Some(first) = pending.own.first() else { return };
        let run = Run { room: first.room(), log: first.log_key(), entries: as_stored(&pending.own) };
        self.take_own(run.room, pending.changes);
        self.keep_unsaved(Again::Run(run), &reason);
        if let Some((call, _)) = pending.reply {
            self.reply(Some(call), Err(CommandError::SentNotSaved { reason }));
        }
    }

    /// Takes back own entries that never became durable, from `first` on.
    fn undo(&mut self, room_id: RoomId, first: Option<&Verified<Entry>>) {
        let Some(first) = first else { return };
        let (log, seq) = (first.log_key(), first.header().seq);
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let state = room.logs.entry(log);
        if state.height.next > seq {
            state.height = Height { next: seq, head: first.header().prev };
            state.sessions = Sessions::default();
            // Another session must seal that place: this one has used its nonce.
            room.sealing = None;
        }
        let gone: Vec<EntryId> = room
            .timeline
            .newest_of(usize::MAX)
            .filter(|message| message.order.log == log && message.order.seq >= seq)
            .map(|message| message.id)
            .collect();
        gone.iter().for_each(|id| room.timeline.remove(*id));
        room.summary_changed = true;
        if !gone.is_empty() {
            self.event(Event::MessagesGone { room: room_id, ids: gone });
        }
    }

    /// What tells others who this device is.
    pub(super) fn profile_body(&self) -> Option<Body> {
        self.profile_body_as(&self.user)
    }

    /// The same under one of the person's keys.
    pub(super) fn profile_body_as(&self, user: &UserKey) -> Option<Body> {
        let name = parlor_protocol::Name::new(&self.identity.name).ok()?;
        let (prekey, created) = self.identity.prekeys.first()?;
        let card = DeviceCard::sign(user, &self.key, self.identity.noise.public(), self.identity.created);
        let prekey = Prekey::sign(&self.key, prekey.public(), *created);
        Some(Body::Profile { name, card: Box::new(card), prekey: Box::new(prekey) })
    }

    /// A peer or archive holds our own log up to `next`. Of others than members it means nothing:
    /// anybody can say so, and they pass it on to nobody.
    pub(super) fn note_received(&mut self, room_id: RoomId, peer: DeviceId, next: u64) {
        let me = self.me();
        let archive = self.connections.is_archive(peer);
        if !self.is_heeded(room_id, peer) {
            return;
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let next = next.min(room.logs.height(room.own_log(me)).next);
        if room.record.leaving {
            return self.forget_when_left(room_id, next);
        }
        let known = if archive { &mut room.record.archived } else { room.received.entry(peer).or_default() };
        if *known >= next {
            return;
        }
        let from = std::mem::replace(known, next);
        room.record_changed = true;
        room.summary_changed |= archive;
        let own = room.own_log(me);
        let told: Vec<EntryId> = room
            .timeline
            .newest_of(TOLD_MAX)
            .filter(|message| message.order.log == own && (from..next).contains(&message.order.seq))
            .map(|message| message.id)
            .collect();
        self.tell_changed(room_id, &told);
        self.timers.set(self.now.mono + SAVE_AFTER_MS, super::timers::Timer::Save(room_id));
    }
}

/// Messages whose delivery is told anew at most: a screenful or two. Others are told when read.
pub(super) const TOLD_MAX: usize = 200;
/// How long after a change a room's record is written, in milliseconds.
const SAVE_AFTER_MS: u64 = 3_000;

fn as_stored(entries: &[Verified<Entry>]) -> Vec<StoredEntry> {
    entries.iter().map(|entry| StoredEntry { entry: entry.clone(), checked: true }).collect()
}
