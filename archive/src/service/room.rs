//! One room as an archive sees it: public rules, heights, usage. Pure: no store, no network.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, Locator, LogKey,
    access::{AccessBody, Entering, Learned, Rules, wire::NotAdmitted},
    entry::{Entry, Kind, Verified},
    epoch::{Genesis, Step},
    error::{CodecError, LogError},
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
    log::{ForkProof, Height, Heights, may_open, verify_page},
    rules::Refused,
    wire::Refusal,
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

/// A run that may be stored.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) entries: Vec<Kept>,
    /// Where doors are found that it makes.
    pub(super) doors: Vec<Locator>,
    /// Steps of epochs in which it opens sessions.
    pub(super) steps: Vec<(EpochId, u32)>,
}

/// What becomes of a run.
#[derive(Debug)]
pub(super) enum Prepared {
    /// Store it.
    Store(Ready),
    /// All of it is held already.
    Held,
    /// Whether it is held or contradicts what is held shows when this entry is compared with the
    /// one in the store.
    Compare(Box<Entry>),
    /// It is refused.
    Refused(Refusal),
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
    pub(super) queue: VecDeque<Work<W>>,
}

impl<W> Default for LogState<W> {
    fn default() -> Self {
        Self { height: Height::EMPTY, is_busy: false, planned: 0, plain_counted: 0, cut: None, queue: VecDeque::new() }
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
    pub(super) genesis: Entry,
    /// Doors at hand, what is wrapped for them, and what was written where.
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
    plain: PlainUse,
    pub(super) sweeping: Sweeping,
    pub(super) ending: Ending,
    logs: HashMap<LogKey, LogState<W>>,
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
            genesis: row.genesis.clone(),
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

    /// Whether something of it is being stored, or waits to be.
    pub(super) fn is_busy(&self) -> bool {
        self.sweeping.is_under_way() || self.logs.values().any(|log| log.is_busy || !log.queue.is_empty())
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
            }
        }
        for record in rest.records.into_iter().filter_map(|record| record.verify().ok()) {
            // Each follows those before it.
            let _ = self.learn_epoch(&record);
        }
        self.frozen.extend(rest.forks.iter().map(ForkProof::log_key));
        self.keys.absorb(&rest.wraps, rest.steps);
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
    fn count_plain(&mut self, entry: &Entry) {
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
    }

    /// Applies the rules to an entry, and keeps it when it is the record of an epoch.
    fn admit(&mut self, entry: &Verified<Entry>) -> Result<Learned, Refused> {
        let learned = self.rules.admit(entry);
        if matches!(learned, Ok(Learned::DoorMade(_))) {
            self.keys.keep_entry(entry);
        }
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
        if !self.epochs.contains_key(&entry.id()) && entry.inner().clone().verify().is_ok() {
            self.epochs.insert(entry.id(), entry.inner().clone());
        }
    }

    /// Finds out anew where logs end.
    fn recut(&mut self) {
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
        // A log of which nothing was good yet takes no place; one that is being stored does.
        let is_begun = |log: &LogState<W>| log.height.next > 0 || log.is_busy;
        if !self.logs.get(&log).is_some_and(is_begun) {
            let begun = || self.logs.iter().filter(|(_, state)| is_begun(state));
            let of_device = begun().filter(|(other, _)| other.author == log.author).count();
            if !may_open(begun().count(), of_device) {
                return Err(work.waiter);
            }
        }
        if self.log(log).queue.len() >= QUEUE_MAX {
            return Err(work.waiter);
        }
        self.log(log).queue.push_back(work);
        Ok(())
    }

    /// Forgets a log of which nothing was good: members could make up any number of them.
    pub(super) fn forget_unused(&mut self, key: LogKey) {
        let is_unused = |log: &LogState<W>| log.height.next == 0 && !log.is_busy && log.queue.is_empty();
        if self.logs.get(&key).is_some_and(is_unused) {
            self.logs.remove(&key);
        }
    }

    /// Checks a run against log and rules: chain, signature, admission.
    pub(super) fn prepare(&mut self, log: LogKey, entries: Vec<Entry>, max: Usage) -> Prepared {
        let room = self.rules.room();
        if self.is_frozen(log) {
            return Prepared::Refused(Refusal::DoesNotFit);
        }
        let height = self.height(log);
        let (held, new): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.header().seq < height.next);
        let Some(first) = new.first().cloned() else {
            return match held.last() {
                Some(last) if last.id() == height.head => Prepared::Held,
                Some(last) => Prepared::Compare(Box::new(last.clone())),
                None => Prepared::Refused(Refusal::Malformed),
            };
        };
        if let Some(last) = held.last().filter(|last| last.id() != height.head) {
            return Prepared::Compare(Box::new(last.clone()));
        }
        let verified = match verify_page(room, log, height, new) {
            Ok(verified) => verified,
            Err(LogError::BrokenLink { seq }) if seq == first.header().seq => {
                return Prepared::Compare(Box::new(first));
            }
            Err(LogError::Gap { .. }) => return Prepared::Refused(Refusal::DoesNotFit),
            Err(_) => return Prepared::Refused(Refusal::Malformed),
        };
        let bytes: u64 = verified.iter().map(|entry| entry.bytes().len() as u64).sum();
        let full = self.usage.entries + verified.len() as u64 > max.entries || self.usage.bytes + bytes > max.bytes;
        if full {
            return Prepared::Refused(Refusal::QuotaReached);
        }
        self.take(verified)
    }

    /// Applies the rules; entries before a refused one are kept when their end can be proven.
    fn take(&mut self, verified: Vec<Verified<Entry>>) -> Prepared {
        let mut ready = Ready { entries: Vec::with_capacity(verified.len()), doors: Vec::new(), steps: Vec::new() };
        let last = verified.len().saturating_sub(1);
        let mut refused = None;
        let epochs = self.rules.graph().len();
        let mut changes = false;
        for (at, entry) in verified.into_iter().enumerate() {
            let is_known = self.rules.graph().facts(entry.header().epoch);
            if entry.is_pruned() && is_known.is_none_or(|facts| facts.lifetime_ms.is_none()) {
                // Nobody prunes what stays for ever.
                refused = Some(Refusal::Malformed);
                break;
            }
            if !self.plain.has_room_for(entry.inner()) {
                refused = Some(Refusal::QuotaReached);
                break;
            }
            match self.admit(&entry) {
                Ok(Learned::DoorMade(door)) => {
                    ready.doors.extend(self.rules.door(door).map(|state| state.door.locator));
                    changes = true;
                }
                Ok(Learned::Nothing | Learned::Epoch(_)) => {}
                Ok(_) => changes = true,
                // Why is for who asks: its author may be another one.
                Err(Refused::NotYet) => refused = Some(Refusal::NotAdmitted(NotAdmitted::Show)),
                Err(Refused::Cut) => refused = Some(Refusal::NotAdmitted(NotAdmitted::ShutOut)),
                Err(Refused::Never) => refused = Some(Refusal::Malformed),
            }
            if refused.is_some() {
                break;
            }
            self.count_plain(entry.inner());
            if let Some(step) = entry.opened_step().filter(|step| *step <= Step::LAST) {
                let (epoch, step) = (entry.header().epoch, step.number());
                if self.keys.note_written(epoch, step) {
                    ready.steps.push((epoch, step));
                }
            }
            ready.entries.push(Kept { entry, checked: at == last });
        }
        if self.rules.graph().len() > epochs || changes {
            self.recut();
            self.keys.is_outdated = true;
        }
        self.keys.is_outdated |= !ready.steps.is_empty();
        if let Some(end) = ready.entries.last_mut().filter(|end| !end.checked) {
            end.checked = end.entry.inner().clone().verify().is_ok();
            if !end.checked {
                return Prepared::Refused(Refusal::Malformed);
            }
        }
        match refused {
            Some(refusal) if ready.entries.is_empty() => Prepared::Refused(refusal),
            _ => Prepared::Store(ready),
        }
    }

    /// Whether gossip entries, in order, are good enough to be passed on together. What cannot be
    /// judged yet is not: members exchange it by themselves.
    pub(super) fn may_pass_on(&self, run: &[Verified<Entry>], now: u64) -> bool {
        let mut came_in = Vec::new();
        run.iter().all(|entry| {
            let may_pass = self.may_pass_one_on(entry, &came_in, now);
            if may_pass && self.comes_in(entry) {
                came_in.push(entry.header().epoch);
            }
            may_pass
        })
    }

    /// `came_in`: epochs into which entries right before this one let its author.
    fn may_pass_one_on(&self, entry: &Verified<Entry>, came_in: &[EpochId], now: u64) -> bool {
        let header = entry.header();
        if self.is_frozen(entry.log_key()) || !self.rules.keeps(entry) {
            return false;
        }
        match header.kind {
            Kind::Genesis | Kind::Admission | Kind::Invite => false,
            Kind::Epoch => self.rules.graph().contains(entry.id()),
            Kind::Access if self.comes_in(entry) => self.may_come_in(entry, now),
            Kind::Access | Kind::Door | Kind::Content => {
                self.rules.may_write(header.author, header.epoch).is_ok() || came_in.contains(&header.epoch)
            }
        }
    }

    /// Whether an entry is one by which its author comes in.
    pub(super) fn comes_in(&self, entry: &Entry) -> bool {
        entry.header().kind == Kind::Access && matches!(AccessBody::decode(entry.body()), Ok(AccessBody::In(_)))
    }

    /// Whether an entry of coming in is taken that nobody of the room answers for.
    pub(super) fn may_come_in(&self, entry: &Verified<Entry>, now: u64) -> bool {
        self.with_living(now, |rules, living| {
            let entering = Entering { living: *living, offers: &[], for_keys: false };
            rules.check_gossiped(entry, &entering).is_ok()
        })
    }

    /// Whether an entry lies in what is held of its log.
    pub(super) fn log_holds(&self, entry: &Entry) -> bool {
        self.height(entry.log_key()).next > entry.header().seq
    }

    pub(super) fn is_member(&self, device: DeviceId) -> bool {
        self.rules.is_in(device)
    }
}
