//! One room as an archive sees it: public rules, heights, usage. Pure: no store, no network.

use parlor_protocol::{
    DeviceId, LogKey, RoomId, TopicId,
    entry::{Entry, Verified},
    epoch::Genesis,
    error::LogError,
    limits::LOGS_MAX,
    log::{ForkProof, Height, Heights, verify_page},
    rules::{Learned, Refused, RoomRules},
    wire::Refusal,
};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use crate::store::{InviteChange, Kept, Usage};

/// Runs of one log that may wait while one is being stored.
const QUEUE_MAX: usize = 64;

/// A run that waits to be stored.
#[derive(Debug)]
pub(super) struct Work<W> {
    pub(super) entries: Vec<Entry>,
    /// Who waits for it; nobody when it came by gossip.
    pub(super) waiter: Option<W>,
}

/// A run that may be stored.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) entries: Vec<Kept>,
    pub(super) invites: Vec<InviteChange>,
}

/// What becomes of a run.
#[derive(Debug)]
pub(super) enum Prepared {
    /// Store it.
    Store(Ready),
    /// All of it is held already.
    Held,
    /// It contradicts what is held: here is one of its entries, to be compared.
    Contradicts(Box<Entry>),
    /// It is refused.
    Refused(Refusal),
}

/// One log.
#[derive(Debug)]
pub(super) struct LogState<W> {
    pub(super) height: Height,
    /// Something of this log is being stored.
    pub(super) is_busy: bool,
    pub(super) queue: VecDeque<Work<W>>,
}

impl<W> Default for LogState<W> {
    fn default() -> Self {
        Self { height: Height::EMPTY, is_busy: false, queue: VecDeque::new() }
    }
}

/// One room; `W` is whoever waits for a run to be stored.
#[derive(Debug)]
pub(super) struct RoomState<W> {
    pub(super) rules: RoomRules,
    pub(super) topics: BTreeSet<TopicId>,
    pub(super) usage: Usage,
    logs: HashMap<LogKey, LogState<W>>,
    frozen: HashSet<LogKey>,
}

impl<W> RoomState<W> {
    pub(super) fn new(room: RoomId, genesis: Genesis) -> Self {
        Self {
            rules: RoomRules::new(room, genesis),
            topics: BTreeSet::new(),
            usage: Usage::default(),
            logs: HashMap::new(),
            frozen: HashSet::new(),
        }
    }

    /// Takes over what the store holds.
    pub(super) fn restore(&mut self, heights: Heights, plain: Vec<Kept>, forks: &[ForkProof], usage: Usage) {
        for (log, height) in heights {
            self.log(log).height = height;
        }
        // An admission may need an epoch that arrived after it: try until nothing changes.
        let mut waiting: Vec<Verified<Entry>> = plain.into_iter().map(|kept| kept.entry).collect();
        loop {
            let before = waiting.len();
            waiting.retain(|entry| self.rules.admit(entry) == Err(Refused::NotYet));
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        self.frozen = forks.iter().map(ForkProof::log_key).collect();
        self.usage = usage;
    }

    pub(super) fn log(&mut self, key: LogKey) -> &mut LogState<W> {
        self.logs.entry(key).or_default()
    }

    pub(super) fn height(&self, key: LogKey) -> Height {
        self.logs.get(&key).map_or(Height::EMPTY, |log| log.height)
    }

    pub(super) fn heights(&self) -> Heights {
        self.logs.iter().filter(|(_, log)| log.height.next > 0).map(|(key, log)| (*key, log.height)).collect()
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
    pub(super) fn enqueue(&mut self, log: LogKey, work: Work<W>) -> Result<(), Option<W>> {
        let is_new = !self.logs.contains_key(&log);
        if (is_new && self.logs.len() >= LOGS_MAX) || self.log(log).queue.len() >= QUEUE_MAX {
            return Err(work.waiter);
        }
        self.log(log).queue.push_back(work);
        Ok(())
    }

    /// Checks a run against log and rules: chain, signature, admission.
    pub(super) fn prepare(&mut self, log: LogKey, entries: Vec<Entry>, max: Usage) -> Prepared {
        let room = self.rules.room();
        if self.is_frozen(log) {
            return Prepared::Refused(Refusal::DoesNotFit);
        }
        let height = self.height(log);
        let (held, new): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.header().seq < height.next);
        let contradiction = held.iter().find(|e| e.header().seq + 1 == height.next && e.id() != height.head);
        if let Some(entry) = contradiction {
            return Prepared::Contradicts(Box::new(entry.clone()));
        }
        let Some(first) = new.first().cloned() else { return Prepared::Held };
        let verified = match verify_page(room, log, height, new) {
            Ok(verified) => verified,
            Err(LogError::BrokenLink { .. }) => return Prepared::Contradicts(Box::new(first)),
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
        let mut ready = Ready { entries: Vec::with_capacity(verified.len()), invites: Vec::new() };
        let last = verified.len().saturating_sub(1);
        let mut refused = None;
        for (at, entry) in verified.into_iter().enumerate() {
            match self.rules.admit(&entry) {
                Ok(Learned::InviteMade(invite)) => ready.invites.push(InviteChange::Put(*invite)),
                Ok(Learned::InviteRevoked(locator)) => ready.invites.push(InviteChange::Revoke(locator)),
                Ok(_) => {}
                Err(Refused::NotYet) => refused = Some(Refusal::NotAdmitted),
                Err(Refused::Never) => refused = Some(Refusal::Malformed),
            }
            if refused.is_some() {
                break;
            }
            ready.entries.push(Kept { entry, checked: at == last });
        }
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

    /// Whether a single gossip entry is good enough to be passed on.
    pub(super) fn may_pass_on(&self, entry: &Verified<Entry>) -> bool {
        let header = entry.header();
        !self.is_frozen(entry.log_key()) && self.rules.is_admitted(header.author, header.epoch)
    }

    pub(super) fn is_member(&self, device: DeviceId) -> bool {
        self.rules.is_member(device)
    }
}
