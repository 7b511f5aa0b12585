//! Taking: whether a run may be stored, and what it teaches. Pure: no store, no network.

use parlor_protocol::{
    DeviceId, DoorId, EpochId, Locator, LogKey,
    access::{
        AccessBody, Entering, How, Learned,
        wire::{NotAdmitted, Offer},
    },
    entry::{Entry, Kind, Verified},
    epoch::Step,
    error::LogError,
    log::verify_page,
    rules::Refused,
    wire::Refusal,
};

use super::{RETRY_MS, room::RoomState};
use crate::store::{Kept, Usage};

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
    /// Whether it is held or contradicts what is held shows when these entries are compared with those
    /// in the store.
    Compare(Vec<Entry>),
    /// It is refused.
    Refused(Refusal),
}

impl<W> RoomState<W> {
    /// Checks a run against log and rules: chain, signature, admission.
    pub(super) fn prepare(&mut self, log: LogKey, entries: Vec<Entry>, max: Usage) -> Prepared {
        let room = self.rules.room();
        if self.is_frozen(log) {
            return Prepared::Refused(Refusal::DoesNotFit);
        }
        let height = self.height(log);
        let (mut held, new): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.header().seq < height.next);
        let Some(first) = new.first().cloned() else {
            return match held.pop() {
                Some(last) if last.id() == height.head => Prepared::Held,
                Some(last) => Prepared::Compare(vec![last]),
                None => Prepared::Refused(Refusal::Malformed),
            };
        };
        if let Some(last) = held.pop().filter(|last| last.id() != height.head) {
            return Prepared::Compare([last].into_iter().chain(new).collect());
        }
        if first.room() == room && first.log_key() == log && first.header().seq == height.next {
            let links = height.next == 0 || first.header().prev == height.head;
            if !links {
                // Its link says what stands at the end here for its author.
                return Prepared::Compare(new);
            }
        }
        let verified = match verify_page(room, log, height, new) {
            Ok(verified) => verified,
            Err(LogError::Gap { .. }) => return Prepared::Refused(Refusal::DoesNotFit),
            Err(_) => return Prepared::Refused(Refusal::Malformed),
        };
        let bytes: u64 = verified.iter().map(|entry| entry.bytes().len() as u64).sum();
        let full = self.usage.entries + verified.len() as u64 > max.entries || self.bytes() + bytes > max.bytes;
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
            let device = entry.header().author;
            let was_in = comes_in(&entry) && self.rules.is_in(device) && !self.unsaved.contains_key(&device);
            match self.admit(&entry) {
                Ok(Learned::DoorMade(door)) => {
                    ready.doors.extend(self.rules.door(door).map(|state| state.door.locator));
                    changes = true;
                }
                Ok(Learned::In(device)) => {
                    changes = true;
                    if !was_in {
                        self.unsaved.entry(device).or_default().insert(entry.log_key());
                    }
                }
                Ok(Learned::Nothing | Learned::Epoch(_)) => {}
                Ok(Learned::Out(_) | Learned::DoorEnded(_)) => changes = true,
                // Why is for who asks: its author may be another one.
                Err(Refused::NotYet) => refused = Some(Refusal::NotAdmitted(NotAdmitted::Show)),
                Err(Refused::Cut) => refused = Some(Refusal::NotAdmitted(NotAdmitted::ShutOut)),
                Err(Refused::Never) => refused = Some(Refusal::Malformed),
            }
            if refused.is_some() {
                break;
            }
            self.count_plain(entry.inner());
            ready.entries.push(Kept { entry, checked: at == last });
        }
        if self.rules.graph().len() > epochs || changes {
            self.recut();
            self.keys.is_outdated = true;
            self.is_who_outdated = true;
        }
        // What the rules have learned stands in entries whose signature was checked, so it is stored: only contents
        // behind the last good signature are not.
        while let Some(end) = ready.entries.last_mut().filter(|end| !end.checked) {
            end.checked = end.entry.inner().clone().verify().is_ok();
            if !end.checked {
                ready.entries.pop();
            }
        }
        self.note_steps(&mut ready);
        match refused {
            Some(refusal) if ready.entries.is_empty() => Prepared::Refused(refusal),
            _ => Prepared::Store(ready),
        }
    }

    fn note_steps(&mut self, ready: &mut Ready) {
        for Kept { entry, .. } in &ready.entries {
            if let Some(step) = entry.opened_step().filter(|step| *step <= Step::LAST) {
                let (epoch, step) = (entry.header().epoch, step.number());
                self.keys.note_written(epoch, step);
                if self.keys.is_step_new(epoch, step) {
                    ready.steps.push((epoch, step));
                }
            }
        }
    }

    /// Whether gossip entries, in order, are good enough to be passed on together. What cannot be
    /// judged yet is not: members exchange it by themselves.
    pub(super) fn may_pass_on(&self, run: &[Verified<Entry>], now: u64) -> bool {
        let mut came_in = Vec::new();
        run.iter().all(|entry| {
            let may_pass = self.may_pass_one_on(entry, &came_in, now);
            if may_pass && comes_in(entry) {
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
            Kind::Genesis => false,
            Kind::Epoch => self.rules.graph().contains(entry.id()),
            Kind::Access if comes_in(entry) => self.may_come_in(entry, now),
            Kind::Access | Kind::Door | Kind::Content => {
                self.rules.may_write(header.author, header.epoch).is_ok() || came_in.contains(&header.epoch)
            }
        }
    }

    /// Whether an entry of coming in is taken that nobody of the room answers for.
    pub(super) fn may_come_in(&self, entry: &Verified<Entry>, now: u64) -> bool {
        let offers = self.open_steps(door_of(entry), entry.header().epoch, now);
        self.with_living(now, |rules, living| {
            let entering = Entering { living: *living, offers: &offers, for_keys: false };
            rules.check_gossiped(entry, &entering).is_ok()
        })
    }

    /// Whether an entry lies in what is held of its log.
    pub(super) fn log_holds(&self, entry: &Entry) -> bool {
        self.height(entry.log_key()).next > entry.header().seq
    }

    /// Whether all that lets a device in is not in the store yet: nobody is served before that. What is said
    /// to it: to come again while it is being stored, and when that went wrong to show its entry again.
    pub(super) fn is_unsaved(&self, device: DeviceId) -> Option<Refusal> {
        let logs = self.unsaved.get(&device)?;
        let is_under_way = |log: &LogKey| self.logs.get(log).is_some_and(|log| log.is_busy || !log.queue.is_empty());
        Some(match logs.iter().any(is_under_way) {
            true => Refusal::Busy { retry_ms: RETRY_MS },
            false => Refusal::NotAdmitted(NotAdmitted::Show),
        })
    }

    /// A run of a log is in the store.
    pub(super) fn note_saved(&mut self, log: LogKey) {
        if self.unsaved.get(&log.author).is_some_and(|logs| logs.contains(&log)) {
            self.unsaved.remove(&log.author);
        }
        let steps = std::mem::take(&mut self.log(log).steps);
        self.keys.note_stored(&steps);
    }
}

/// Whether an entry is one by which its author comes in.
pub(super) fn comes_in(entry: &Entry) -> bool {
    entry.header().kind == Kind::Access && matches!(AccessBody::decode(entry.body()), Ok(AccessBody::In(_)))
}

/// The door by which an entry comes in.
pub(super) fn door_of(entry: &Entry) -> Option<DoorId> {
    coming_of(entry).map(|(door, _)| door)
}

/// The door by which an entry comes in, and where.
pub(super) fn coming_of(entry: &Entry) -> Option<(DoorId, Offer)> {
    match AccessBody::decode(entry.body()) {
        Ok(AccessBody::In(body)) if entry.header().kind == Kind::Access => match body.how {
            How::ByCode(by) => Some((by.door, Offer { epoch: entry.header().epoch, step: by.step })),
            How::Named | How::Linked(_) => None,
        },
        _ => None,
    }
}
