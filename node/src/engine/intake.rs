//! Taking entries in: from gossip, from pages, from the store at start.

use super::{
    Engine,
    consequences::Consequence,
    engine::ReadFor,
    io::{Output, ReadId},
    logs::Frozen,
    membership::Refused,
    room::Effects,
    timers::Timer,
    unsaved::Run,
};
use crate::{
    event::{Event, Message, MessageBody},
    net::{GossipId, NetCommand, Verdict},
    store::{Read, ReadResult, StoredEntry},
};
use bytes::Bytes;
use parlor_protocol::{
    DeviceId, LogKey, RoomId, TopicId,
    entry::{Entry, Kind, Verified},
    log::Height,
    wire::Gossip,
};

/// How long after its arrival an author is told, in milliseconds: one receipt for a burst.
const RECEIPT_AFTER_MS: u64 = 200;

impl Engine {
    /// A gossip message: judged at once, stored when it continues its log.
    pub(super) fn on_gossip(&mut self, message: GossipId, from: DeviceId, topic: TopicId, bytes: &Bytes) {
        let room = self.topics.get(&topic).copied();
        let verdict = match (room, Gossip::decode(bytes)) {
            // A newer program may have sent it. What cannot be checked is not passed on.
            (_, Err(error)) if error.is_unsupported() => Verdict::Ignore,
            (_, Err(_)) => Verdict::Reject,
            (None, _) => Verdict::Ignore,
            (Some(room), Ok(Gossip::Entry(entry))) => self.on_gossip_entry(room, from, entry),
            (Some(room), Ok(Gossip::Signal(signal))) => self.on_signal(room, &signal),
            (Some(room), Ok(Gossip::Run(run))) => self.on_gossip_run(room, from, run),
        };
        self.out.push(Output::Net(NetCommand::Judge { message, verdict }));
    }

    fn on_gossip_entry(&mut self, room_id: RoomId, from: DeviceId, entry: Entry) -> Verdict {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return Verdict::Ignore };
        // What is told is whole: only time prunes it.
        if entry.room() != room_id || entry.is_pruned() {
            return Verdict::Reject;
        }
        let log = entry.log_key();
        let height = room.logs.height(log);
        if entry.header().kind == Kind::Epoch && entry.header().author != me {
            // What owners decide counts at once, also when their log has a gap here.
            match self.take_epochs(room_id, vec![entry.clone()]) {
                Err(Refused::Never) => return Verdict::Reject,
                Err(Refused::NotYet | Refused::Cut) => self.ask_epochs(room_id, from),
                Ok(_) => {}
            }
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return Verdict::Ignore };
        // Who is out and still hears what is said takes none of it.
        if entry.header().kind == Kind::Content && room.standing.is_over() {
            return Verdict::Ignore;
        }
        if entry.header().author == me || room.logs.is_frozen(log) || room.logs.ends_before(log, entry.header().seq) {
            return Verdict::Ignore;
        }
        if entry.header().seq < height.next {
            // Only the head is at hand for comparison; older forks are found by sync.
            let contradicts = entry.header().seq + 1 == height.next && entry.id() != height.head;
            let is_good = !contradicts || self.compare_with_own(room_id, log, vec![entry]);
            return if is_good { Verdict::Ignore } else { Verdict::Reject };
        }
        let Ok(entry) = entry.verify() else { return Verdict::Reject };
        if entry.header().kind == Kind::Access && !(room.is_loaded && room.may_come_in_by_gossip(&entry, self.now.wall))
        {
            // Whoever is in may have let it in all the same; then it comes with its log.
            return Verdict::Ignore;
        }
        if entry.header().seq > height.next || !room.is_loaded {
            if room.is_loaded && !room.membership.is_in(log.author) {
                // Sync shows whether something lets it in; strangers get no room to fill.
                self.sync_with(room_id, from);
                return Verdict::Ignore;
            }
            room.logs.hold(entry);
            self.sync_with(room_id, from);
            return Verdict::Accept;
        }
        if height.check_next(room_id, log, &entry).is_err() {
            self.compare_with_own(room_id, log, vec![entry.into_inner()]);
            return Verdict::Ignore;
        }
        self.append_gossip(room_id, from, log, vec![entry])
    }

    /// Appends what gossip brought, and judges it by what became of it.
    pub(super) fn append_gossip(
        &mut self,
        room_id: RoomId,
        from: DeviceId,
        log: LogKey,
        entries: Vec<Verified<Entry>>,
    ) -> Verdict {
        match self.append(room_id, log, entries, true) {
            Ok(()) => Verdict::Accept,
            Err(Refused::NotYet) => {
                self.sync_with(room_id, from);
                Verdict::Ignore
            }
            Err(Refused::Cut) => Verdict::Ignore,
            Err(Refused::Never) => Verdict::Reject,
        }
    }

    /// Appends a verified run that continues its log, then whatever waited for it. The last entry's
    /// own signature has been checked. Entries before a refused one are kept.
    pub(super) fn append(
        &mut self,
        room_id: RoomId,
        log: LogKey,
        entries: Vec<Verified<Entry>>,
        live: bool,
    ) -> Result<(), Refused> {
        let mut effects = Effects::default();
        let mut stored: Vec<StoredEntry> = Vec::with_capacity(entries.len());
        let result = self.with_room(room_id, |room, viewer| {
            if !room.logs.may_take(log) {
                return Err(Refused::NotYet);
            }
            let before = room.logs.height(log);
            let mut result = Ok(());
            let mut queue = entries;
            while !queue.is_empty() && result.is_ok() {
                let last = queue.len() - 1;
                for (at, entry) in std::mem::take(&mut queue).into_iter().enumerate() {
                    if let Err(refused) = room.take_in(&entry, viewer, &mut effects) {
                        result = Err(refused);
                        break;
                    }
                    room.logs.entry(log).height = Height::after(&entry);
                    stored.push(StoredEntry { entry, checked: at == last });
                }
                queue = room.logs.take_held(log);
            }
            // A run cut short must still end at a good signature: what follows the last one could neither be
            // passed on nor prove a fork. It comes again with what it was cut from.
            if cut_to_good(&mut stored) {
                room.shows_too_much = true;
                room.logs.entry(log).height = stored.last().map_or(before, |end| Height::after(&end.entry));
            }
            // A log of which nothing was ever good is not remembered: strangers could make thousands.
            if result == Err(Refused::Never) && room.logs.height(log).next > 0 {
                room.logs.entry(log).frozen = Some(Frozen::Invalid);
            }
            room.summary_changed = true;
            result
        });
        let is_own = self.rooms.get(&room_id).is_some_and(|room| room.own_log(self.me()) == log);
        if is_own && !stored.is_empty() {
            // Nothing leaves this machine before its place is reserved on the disk, so this is an older
            // copy. A peer that only claims to hold more proves nothing.
            self.go_on_from_older_copy(room_id);
        }
        if !stored.is_empty() {
            self.write_run(Run { room: room_id, log, entries: stored });
        }
        self.consequences.push(Consequence::Taken { room: room_id, effects, live });
        result.unwrap_or(Err(Refused::NotYet))
    }

    /// Tells subscribers what entries changed, and does what follows from them.
    pub(super) fn tell_effects(&mut self, room_id: RoomId, effects: Effects, live: bool) {
        let me = self.me();
        if !effects.profiles.is_empty() {
            self.note_people(room_id, effects.profiles);
        }
        if !effects.epochs.is_empty() {
            self.after_epochs(room_id, &effects.epochs);
        }
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let mut events = Vec::new();
        if !effects.added.is_empty() && room.is_loaded {
            // What was written while this device was away is news to its person too; what was there when it
            // joined is not.
            let since = room.record.joined;
            let is_news = |m: &Message| live || (!room.is_fresh && m.order.hlc.millis() > since);
            let texts = effects.added.iter().filter(|m| !m.own && matches!(m.body, MessageBody::Text { .. }));
            let texts = texts.filter(|m| is_news(m) && !room.is_hidden(m.author));
            let unread = u64::try_from(texts.count()).unwrap_or(u64::MAX);
            room.record.unread = room.record.unread.saturating_add(unread);
            room.record_changed |= unread > 0;
            let mut messages: Vec<_> = effects.added.iter().map(|message| room.dressed(message, me)).collect();
            messages.sort_by_key(|message| message.order);
            events.push(Event::MessagesAdded { room: room_id, messages, live });
        }
        if room.is_loaded {
            let changed = effects.changed.iter().filter_map(|id| room.timeline.find(*id));
            events.extend(changed.map(|message| Event::MessageChanged(room.dressed(&message, me))));
        }
        if !effects.gone.is_empty() && room.is_loaded {
            room.summary_changed = true;
            events.push(Event::MessagesGone { room: room_id, ids: effects.gone });
        }
        events.into_iter().for_each(|event| self.event(event));
        effects.here.into_iter().for_each(|author| self.note_confirmed(room_id, author));
        self.vanish_later(room_id);
        if effects.shows_again {
            self.reread(room_id);
        }
        if effects.access {
            self.after_access(room_id);
        }
        if effects.members_changed {
            self.tell_members(room_id);
            self.look_at_standing(room_id);
            self.govern_soon(room_id);
        }
        if effects.steps {
            // Who joins from now on reads from a later step on.
            self.push_wraps_everywhere(room_id);
        }
    }

    /// Somebody came in or went out, or something about codes is new: what counts of the logs, and who
    /// may come in, is another now.
    fn after_access(&mut self, room_id: RoomId) {
        self.admit_own(room_id);
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        room.membership.sort_members();
        if room.recut() {
            self.reread(room_id);
        }
        self.after_doors(room_id);
        self.tell_profile(room_id);
        self.flush_waiting(room_id);
        self.go_on_leaving(room_id);
    }

    /// The own entry of coming in may have had to wait for what it hangs on.
    pub(super) fn admit_own(&mut self, room_id: RoomId) {
        let mut effects = Effects::default();
        let was_admitted = self.with_room(room_id, |room, viewer| {
            let waiting = std::mem::take(&mut room.unadmitted);
            let before = waiting.len();
            for entry in waiting {
                if room.take_in(&entry, viewer, &mut effects) == Err(Refused::NotYet) {
                    room.unadmitted.push(entry);
                }
            }
            room.unadmitted.len() < before
        });
        if was_admitted == Some(true) {
            self.consequences.push(Consequence::Taken { room: room_id, effects, live: true });
        }
    }

    /// Entries of others became durable: their authors may be told.
    pub(super) fn owe_receipt(&mut self, room_id: RoomId, author: DeviceId) {
        let me = self.me();
        if let Some(room) = self.rooms.get_mut(&room_id).filter(|_| author != me) {
            room.receipts.insert(author);
            self.timers.set(self.now.mono + RECEIPT_AFTER_MS, Timer::Receipts(room_id));
        }
    }

    /// A stretch of a room read at start.
    pub(super) fn on_loaded(&mut self, room_id: RoomId, result: &ReadResult) {
        let entries: Vec<_> = result.runs.iter().flatten().collect();
        let last = entries.last().map(|stored| (stored.entry.log_key(), stored.entry.header().seq));
        let retry = self.with_room(room_id, |room, viewer| {
            let mut effects = Effects::default();
            room.unresolved.extend(entries.iter().map(|stored| stored.entry.clone()));
            // Logs are read one after the other, but an entry may need what stands in a log further on: an
            // epoch, a door, how its device came in. What is refused is tried again with the next stretch,
            // and after the last one for as long as that lets in more.
            let is_last = entries.is_empty();
            loop {
                let waiting = std::mem::take(&mut room.unresolved);
                let before = waiting.len();
                for entry in waiting {
                    if room.take_in(&entry, viewer, &mut effects) == Err(Refused::NotYet) {
                        room.unresolved.push(entry);
                    }
                }
                if !is_last || room.unresolved.len() == before {
                    break;
                }
            }
        });
        if retry.is_none() {
            return;
        }
        self.fetch_damaged(room_id, &entries, &result.damaged);
        if !result.damaged.is_empty() {
            self.problem(
                format!("{} stored messages are damaged", result.damaged.len()),
                "They are fetched again from other members or the archive. If this happens again, check the disk.",
            );
        }
        match last {
            Some(after) => self.read(Read::Scan { room: room_id, after: Some(after) }, ReadFor::Load(room_id)),
            None => self.finish_loading(room_id),
        }
    }

    /// Takes logs as held only up to what is damaged, so that sync brings the rest again; the store
    /// puts each entry back into its place.
    fn fetch_damaged(&mut self, room_id: RoomId, entries: &[&StoredEntry], damaged: &[(LogKey, u64)]) {
        for (log, seq) in damaged {
            let before = entries
                .iter()
                .map(|stored| &stored.entry)
                .find(|entry| entry.log_key() == *log && entry.header().seq + 1 == *seq);
            let intact = match before {
                Some(entry) => Height::after(entry),
                None if *seq == 0 => Height::EMPTY,
                None => continue,
            };
            let Some(room) = self.rooms.get_mut(&room_id) else { return };
            let is_own = room.own_log(self.key.id()) == *log;
            let state = room.logs.entry(*log);
            if intact.next < state.height.next {
                (state.height, state.durable) = (intact, intact.next);
            }
            if is_own {
                // Its place must not be used twice.
                self.open_new_log(room_id);
            }
        }
    }

    fn finish_loading(&mut self, room_id: RoomId) {
        let me = self.me();
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.is_loaded = true;
        self.timers.set(self.now.mono, Timer::Vanish(room_id));
        // What lets this device in may hang on what has not come yet.
        let unresolved = std::mem::take(&mut room.unresolved);
        let is_own_in = |entry: &Verified<Entry>| entry.header().author == me && entry.header().kind == Kind::Access;
        room.unadmitted = unresolved.into_iter().filter(is_own_in).collect();
        room.summary_changed = true;
        room.membership.sort_members();
        let shown_otherwise = room.recut();
        room.hide_muted();
        let waiting: Vec<LogKey> = room.logs.iter().map(|(key, _)| *key).collect();
        self.timers.set(self.now.mono, Timer::Signal(room_id));
        self.tell_reread(room_id);
        self.look_at_standing(room_id);
        self.tell_members(room_id);
        self.govern_soon(room_id);
        self.flush_waiting(room_id);
        if shown_otherwise {
            // A log ends where only the whole room shows it.
            self.reread(room_id);
            return;
        }
        for log in waiting {
            let held = self.rooms.get_mut(&room_id).map(|room| room.logs.take_held(log)).unwrap_or_default();
            if !held.is_empty() {
                // A refusal here only means that sync brings the entries again.
                let _ = self.append(room_id, log, held, true);
            }
        }
        if let Some(user) = self.rooms.get(&room_id).and_then(|room| self.other_in(room)) {
            self.unite_direct(user);
            self.knock_soon(room_id);
        }
        let early = self.rooms.get_mut(&room_id).map(|room| std::mem::take(&mut room.early)).unwrap_or_default();
        early.into_iter().for_each(|question| self.answer_when_read(question, room_id));
        let peers = self.connections.in_room(room_id);
        peers.into_iter().for_each(|peer| self.sync_with(room_id, peer));
        self.sync_with_archives(room_id);
        self.after_access(room_id);
        self.tell_profile(room_id);
    }

    /// The answer to a read.
    pub(super) fn on_read(&mut self, id: ReadId, result: Result<ReadResult, String>) {
        let Some(purpose) = self.reads.remove(&id) else { return };
        let result = result.unwrap_or_else(|reason| {
            self.problem(
                format!("the store on this machine cannot be read ({reason})"),
                "Check the disk and the data folder, then start Parlor again.",
            );
            ReadResult::default()
        });
        match purpose {
            ReadFor::Load(room) => self.on_loaded(room, &result),
            ReadFor::Serve(serving) => self.serve_read(serving, result),
            ReadFor::Knock { room, peer } => self.knock_read(room, peer, result),
            ReadFor::Push { room, archive } => self.push_read(room, archive, result),
        }
    }
}

/// Cuts entries to the last good signature; whether any were cut off.
fn cut_to_good(entries: &mut Vec<StoredEntry>) -> bool {
    let before = entries.len();
    while let Some(end) = entries.last_mut().filter(|end| !end.checked) {
        end.checked = end.entry.inner().clone().verify().is_ok();
        if !end.checked {
            entries.pop();
        }
    }
    entries.len() < before
}

/// The entries of a run by themselves.
pub(super) fn entries_of(run: Vec<StoredEntry>) -> Vec<Entry> {
    run.into_iter().map(|stored| stored.entry.into_inner()).collect()
}
