//! One room as an archive sees it: public rules, heights, usage. Pure: no store, no network.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, LogKey,
    access::{Learned, Rules, wire::NotAdmitted},
    entry::{Entry, Kind, Verified},
    epoch::Genesis,
    error::CodecError,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
    log::{ForkProof, Height, Heights, may_open},
    rules::Refused,
};
use std::collections::{HashMap, HashSet, VecDeque};

use super::{
    ending::Ending, keys::Keys, listening::Hearing, loading::Rest, now_ms, plain::PlainUse, sweeping::Sweeping,
};
use crate::store::{Kept, Registrant, RoomRow, Usage};

/// Runs of one log that may wait while one is being stored.
const QUEUE_MAX: usize = 64;

/// A run that waits to be stored.
#[derive(Debug)]
pub(super) struct Work<W> {
    pub(super) entries: Vec<Entry>,
    /// Who waits for it.
    pub(super) waiter: W,
}

/// One log.
#[derive(Debug)]
pub(super) struct LogState<W> {
    pub(super) height: Height,
    /// Something of this log is being stored.
    pub(super) is_busy: bool,
    /// How far it will be held when that is done.
    pub(super) planned: u64,
    /// Plain entries below this place are counted.
    plain_counted: u64,
    /// Where it ends for everybody, because its device was removed or shut out.
    cut: Option<Height>,
    /// Steps in which what is being stored opens sessions.
    pub(super) steps: Vec<(EpochId, u32)>,
    pub(super) queue: VecDeque<Work<W>>,
}

impl<W> Default for LogState<W> {
    fn default() -> Self {
        Self {
            height: Height::EMPTY,
            is_busy: false,
            planned: 0,
            plain_counted: 0,
            cut: None,
            steps: Vec::new(),
            queue: VecDeque::new(),
        }
    }
}

impl<W> LogState<W> {
    /// How far it counts.
    fn counted(&self) -> Height {
        self.cut.filter(|cut| cut.next < self.height.next).unwrap_or(self.height)
    }
}

/// One room; `W` is whoever waits for a run to be stored.
#[derive(Debug)]
pub(super) struct RoomState<W> {
    pub(super) rules: Rules,
    /// What is wrapped for doors, and what was written where.
    pub(super) keys: Keys,
    /// Entries of the records of epochs, for those who lack them.
    epochs: HashMap<EntryId, Entry>,
    pub(super) hearing: Hearing,
    pub(super) usage: Usage,
    /// When it was registered, in milliseconds since 1970, and by whom.
    pub(super) registered: u64,
    pub(super) by: Registrant,
    /// When something was stored in it last since the archive began, in milliseconds since 1970, or 0.
    pub(super) active: u64,
    /// Plain entries that were read anew and follow something that was not known yet, and how many those
    /// were the time before.
    pub(super) waiting: usize,
    pub(super) waited: usize,
    pub(super) plain: PlainUse,
    /// Devices of which nothing that lets them in is in the store yet, with the logs that are to be stored.
    pub(super) unsaved: HashMap<DeviceId, HashSet<LogKey>>,
    /// Somebody came or went.
    pub(super) is_who_outdated: bool,
    pub(super) sweeping: Sweeping,
    pub(super) ending: Ending,
    pub(super) logs: HashMap<LogKey, LogState<W>>,
    frozen: HashSet<LogKey>,
}

impl<W> RoomState<W> {
    /// A registered room of which nothing is held yet.
    ///
    /// # Errors
    /// [`CodecError`] when its genesis is damaged.
    pub(super) fn new(row: &RoomRow) -> Result<Self, CodecError> {
        let genesis = Genesis::decode(row.genesis.body())?;
        Ok(Self {
            rules: Rules::new(row.room, row.genesis.header().author, genesis),
            keys: Keys::default(),
            epochs: HashMap::new(),
            hearing: Hearing::default(),
            usage: Usage::default(),
            registered: row.registered,
            by: row.by,
            active: 0,
            waiting: 0,
            waited: usize::MAX,
            plain: PlainUse::default(),
            unsaved: HashMap::new(),
            is_who_outdated: false,
            sweeping: Sweeping::default(),
            ending: Ending::default(),
            logs: HashMap::new(),
            frozen: HashSet::new(),
        })
    }

    /// Whether an owner has dissolved it.
    pub(super) fn has_ended(&self) -> bool {
        self.rules.graph().dissolved_by().is_some()
    }

    /// Bytes that it takes.
    pub(super) const fn bytes(&self) -> u64 {
        self.usage.bytes.saturating_add(self.keys.bytes())
    }

    /// Whether something of it is being stored, or waits to be.
    pub(super) fn is_busy(&self) -> bool {
        self.sweeping.is_under_way()
            || self.keys.is_changing()
            || self.logs.values().any(|log| log.is_busy || !log.queue.is_empty())
    }

    /// Whether one device wrote everything in it, and no code lets anybody in.
    pub(super) fn is_lone(&self) -> bool {
        let mut held = self.logs.iter().filter(|(_, log)| log.height.next > 0).map(|(key, _)| key.author);
        let first = held.next();
        let is_of_one = held.all(|author| Some(author) == first);
        is_of_one && self.with_living(now_ms(), |rules, living| rules.living(living).is_empty())
    }

    /// Takes over what the store holds besides plain entries. What is under way here goes on.
    pub(super) fn absorb(&mut self, rest: Rest) {
        for (key, height) in rest.heights {
            let log = self.log(key);
            if !log.is_busy && height.next > log.height.next {
                log.height = height;
                self.note_saved(key);
            }
        }
        for record in rest.records.into_iter().filter_map(|record| record.verify().ok()) {
            // Each follows those before it.
            let _ = self.learn_epoch(&record);
        }
        self.frozen.extend(rest.forks.iter().map(ForkProof::log_key));
        self.keys.absorb(rest.wraps, rest.steps);
        self.usage = rest.usage;
    }

    /// Takes over plain entries that the store holds; how many of them follow something that is not known yet.
    pub(super) fn take_plain(&mut self, plain: Vec<Kept>) -> usize {
        let mut waiting = 0;
        for Kept { entry, .. } in plain {
            match self.admit(&entry) {
                Err(Refused::NotYet) => waiting += 1,
                _ => self.count_plain(&entry),
            }
        }
        waiting
    }

    /// Counts an entry that is kept, once.
    pub(super) fn count_plain(&mut self, entry: &Entry) {
        let (key, header) = (entry.log_key(), entry.header());
        let log = self.logs.entry(key).or_default();
        if header.kind != Kind::Content && header.seq >= log.plain_counted {
            log.plain_counted = header.seq + 1;
            self.plain.note(entry);
        }
    }

    /// Everything was taken over.
    pub(super) fn settle(&mut self) {
        self.recut();
        self.is_who_outdated = true;
    }

    /// Applies the rules to an entry, and keeps it when it is the record of an epoch.
    pub(super) fn admit(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let learned = self.rules.admit(entry);
        // Owners' decisions count also beyond the end of their log.
        if entry.header().kind == Kind::Epoch && self.rules.graph().contains(entry.id()) {
            self.keep_epoch(entry);
        }
        learned
    }

    /// Learns the record of an epoch apart from its log.
    pub(super) fn learn_epoch(&mut self, entry: &Verified<Entry>) -> Result<(), Refused> {
        if self.rules.learn_epoch(entry)?.is_some() {
            self.keep_epoch(entry);
            self.recut();
        }
        Ok(())
    }

    /// Keeps a record for others. It stands alone there, so its own signature has to be good.
    fn keep_epoch(&mut self, entry: &Verified<Entry>) {
        self.hearing.is_outdated = true;
        self.keys.is_outdated = true;
        if !self.epochs.contains_key(&entry.id()) && entry.inner().clone().verify().is_ok() {
            self.epochs.insert(entry.id(), entry.inner().clone());
        }
    }

    /// Finds out anew where logs end.
    pub(super) fn recut(&mut self) {
        let rules = &self.rules;
        self.logs.iter_mut().for_each(|(key, log)| log.cut = rules.end(*key));
    }

    /// Entries of the records that a peer lacks and may have, and the newest that are known here.
    pub(super) fn epochs_for(&self, peer: DeviceId, tips: &[EntryId]) -> (Vec<Entry>, Vec<EntryId>) {
        let missing = self.rules.epochs_for(peer, tips);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for entry in missing.iter().filter_map(|entry| self.epochs.get(entry)).take(PAGE_MAX_ENTRIES) {
            bytes += entry.bytes().len();
            if bytes > PAGE_MAX_BYTES {
                break;
            }
            entries.push(entry.clone());
        }
        let tips = if self.rules.graph().is_removed(peer) { Vec::new() } else { self.rules.graph().tips() };
        (entries, tips)
    }

    /// Whether a peer is told of epochs: who is in, and who is in no longer. Of a room that has ended nothing
    /// may be left by which somebody came in, so there a record that names the peer is enough.
    pub(super) fn hears_of_epochs(&self, peer: DeviceId, served: Result<(), NotAdmitted>) -> bool {
        served != Err(NotAdmitted::Show) || (self.has_ended() && self.rules.graph().names(peer))
    }

    /// All records of epochs, each after those that it follows.
    pub(super) fn records(&self) -> Vec<Entry> {
        let all = self.rules.graph().missing(&[]);
        all.iter().filter_map(|entry| self.epochs.get(entry)).cloned().collect()
    }

    /// Nothing of its logs is held any more.
    pub(super) fn forget_logs(&mut self) {
        self.logs.clear();
        self.frozen.clear();
        self.keys.forget();
        self.usage = Usage::default();
    }

    /// Where logs end that do not go on.
    pub(super) fn ends(&self) -> HashMap<LogKey, u64> {
        self.logs.iter().filter_map(|(key, log)| Some((*key, log.cut?.next))).collect()
    }

    pub(super) fn log(&mut self, key: LogKey) -> &mut LogState<W> {
        self.logs.entry(key).or_default()
    }

    pub(super) fn height(&self, key: LogKey) -> Height {
        self.logs.get(&key).map_or(Height::EMPTY, |log| log.height)
    }

    /// The place after everything that is held, being stored or waiting.
    pub(super) fn expected(&self, key: LogKey) -> u64 {
        let Some(log) = self.logs.get(&key) else { return 0 };
        let waiting = log.queue.back().and_then(|work| work.entries.last()).map(|entry| entry.header().seq + 1);
        let storing = if log.is_busy { log.planned } else { 0 };
        waiting.unwrap_or(0).max(storing).max(log.height.next)
    }

    pub(super) fn heights(&self) -> Heights {
        let counted = self.logs.iter().map(|(key, log)| (*key, log.counted()));
        counted.filter(|(_, height)| height.next > 0).collect()
    }

    pub(super) fn freeze(&mut self, log: LogKey) {
        self.frozen.insert(log);
    }

    pub(super) fn is_frozen(&self, log: LogKey) -> bool {
        self.frozen.contains(&log)
    }

    /// Puts a run in line.
    ///
    /// # Errors
    /// The run's waiter, when too much waits already.
    pub(super) fn enqueue(&mut self, log: LogKey, work: Work<W>) -> Result<(), W> {
        if !self.may_begin(log) || self.log(log).queue.len() >= QUEUE_MAX {
            return Err(work.waiter);
        }
        self.log(log).queue.push_back(work);
        Ok(())
    }

    /// Whether there is a place for a log.
    pub(super) fn may_begin(&self, log: LogKey) -> bool {
        // A log of which nothing was good yet takes no place; one that is being stored does.
        let is_begun = |log: &LogState<W>| log.height.next > 0 || log.is_busy;
        if self.logs.get(&log).is_some_and(is_begun) {
            return true;
        }
        // Nor does one that ends at its start, as a flood's do that was shut out.
        let takes_place = |log: &LogState<W>| log.counted().next > 0 || log.is_busy;
        let begun = || self.logs.iter().filter(|(_, state)| takes_place(state));
        let of_device = begun().filter(|(other, _)| other.author == log.author).count();
        may_open(begun().count(), of_device)
    }

    /// Whether something of a log is being stored.
    pub(super) fn log_is_busy(&self, log: LogKey) -> bool {
        self.logs.get(&log).is_some_and(|log| log.is_busy)
    }

    /// Something of a log is being stored from now on: it is held up to a place then, and the store knows that
    /// something was written in these steps.
    pub(super) fn begin_storing(&mut self, log: LogKey, planned: u64, steps: Vec<(EpochId, u32)>) {
        let log = self.log(log);
        (log.is_busy, log.planned, log.steps) = (true, planned, steps);
    }

    /// Forgets a log of which nothing was good: members could make up any number of them.
    pub(super) fn forget_unused(&mut self, key: LogKey) {
        let is_unused = |log: &LogState<W>| log.height.next == 0 && !log.is_busy && log.queue.is_empty();
        if self.logs.get(&key).is_some_and(is_unused) {
            self.logs.remove(&key);
        }
    }

    pub(super) fn is_member(&self, device: DeviceId) -> bool {
        self.rules.is_in(device)
    }
}
