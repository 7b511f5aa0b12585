//! What entries say about coming in and going out: the set from which it follows who is in. Only what
//! was checked by itself is put here; what it comes to is [`who`](super::who)'s.

use std::collections::{HashMap, HashSet};

use super::{Door, Hours, How, In, InPlace, Out};
use crate::{
    entry::Header,
    ids::{DeviceId, DoorId, EntryId, EpochId, Locator, LogKey, OwnId},
};

/// Most entries of doors in one log: a code a day for ten years, each made and ended.
const DOORS_OF_LOG_MAX: u32 = 8192;
/// Most entries of going out in one log.
const OUTS_OF_LOG_MAX: u32 = 64;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) entry: EntryId,
    pub(super) log: LogKey,
    pub(super) seq: u64,
    pub(super) epoch: EpochId,
}

impl At {
    pub(super) const fn new(entry: EntryId, header: &Header) -> Self {
        Self { entry, log: header.log_key(), seq: header.seq, epoch: header.epoch }
    }
}

/// A device comes in. The signature of its person, and that of its epoch where it was linked, are good.
#[derive(Clone, Debug)]
pub(super) struct InFact {
    pub(super) at: At,
    pub(super) own: OwnId,
    pub(super) way: Way,
}

/// How it comes in.
#[derive(Clone, Debug)]
pub(super) enum Way {
    Named,
    ByCode {
        door: DoorId,
        step: u32,
        until: Hours,
        /// Whether the door's signature is good. A device that records name is taken without its door.
        is_checked: bool,
        /// To be checked once the door is here.
        early: Option<Box<(In, InPlace)>>,
    },
    Linked,
}

impl InFact {
    pub(super) const fn device(&self) -> DeviceId {
        self.at.log.author
    }

    pub(super) const fn until(&self) -> Hours {
        match self.way {
            Way::ByCode { until, .. } => until,
            Way::Named | Way::Linked => Hours::NONE,
        }
    }
}

/// A code was made.
#[derive(Clone, Debug)]
pub(super) struct DoorFact {
    pub(super) at: At,
    pub(super) door: Door,
}

/// Somebody says that a code works no longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) at: At,
}

/// Devices go out. The signature of their person is good.
#[derive(Clone, Debug)]
pub(super) struct OutFact {
    pub(super) at: At,
    pub(super) out: Out,
}

/// All of it, and where to find it.
#[derive(Debug, Default)]
pub(super) struct Facts {
    ins: Vec<InFact>,
    known: HashMap<EntryId, usize>,
    of_device: HashMap<DeviceId, Vec<usize>>,
    by_door: HashMap<DoorId, Vec<usize>>,
    linked: HashMap<OwnId, Vec<usize>>,
    doors: HashMap<DoorId, DoorFact>,
    at_locator: HashMap<Locator, Vec<DoorId>>,
    /// Doors that somebody came by, by their makers.
    used_of: HashMap<DeviceId, Vec<DoorId>>,
    endings: HashMap<DoorId, Vec<Ending>>,
    outs: Vec<OutFact>,
    gone: HashSet<EntryId>,
    door_entries: HashMap<LogKey, u32>,
    out_entries: HashMap<LogKey, u32>,
}

impl Facts {
    pub(super) fn ins(&self) -> &[InFact] {
        &self.ins
    }

    pub(super) fn outs(&self) -> &[OutFact] {
        &self.outs
    }

    pub(super) fn knows(&self, entry: EntryId) -> bool {
        self.known.contains_key(&entry)
    }

    /// Ins of a device, each with its number.
    pub(super) fn of_device(&self, device: DeviceId) -> impl Iterator<Item = (usize, &InFact)> {
        self.numbered(self.of_device.get(&device))
    }

    /// Ins by a door.
    pub(super) fn by_door(&self, door: DoorId) -> impl Iterator<Item = (usize, &InFact)> {
        self.numbered(self.by_door.get(&door))
    }

    /// Ins of linked devices of a person.
    pub(super) fn linked(&self, own: OwnId) -> impl Iterator<Item = (usize, &InFact)> {
        self.numbered(self.linked.get(&own))
    }

    fn numbered<'a>(&'a self, of: Option<&'a Vec<usize>>) -> impl Iterator<Item = (usize, &'a InFact)> {
        of.into_iter().flatten().filter_map(|at| Some((*at, self.ins.get(*at)?)))
    }

    pub(super) fn door(&self, door: DoorId) -> Option<&DoorFact> {
        self.doors.get(&door)
    }

    pub(super) fn doors(&self) -> impl Iterator<Item = (DoorId, &DoorFact)> {
        self.doors.iter().map(|(id, fact)| (*id, fact))
    }

    pub(super) fn doors_at(&self, locator: Locator) -> &[DoorId] {
        self.at_locator.get(&locator).map(Vec::as_slice).unwrap_or_default()
    }

    /// Doors of a device that somebody came by.
    pub(super) fn used_of(&self, maker: DeviceId) -> &[DoorId] {
        self.used_of.get(&maker).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn endings(&self, door: DoorId) -> &[Ending] {
        self.endings.get(&door).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether an entry of doors is here, or its log may have one more.
    pub(super) fn may_have_door(&self, log: LogKey, entry: EntryId) -> bool {
        let ends = |ending: &Ending| ending.at.entry == entry;
        let is_known = || self.doors.contains_key(&entry.into()) || self.endings.values().flatten().any(ends);
        self.door_entries.get(&log).is_none_or(|count| *count < DOORS_OF_LOG_MAX) || is_known()
    }

    /// Whether an entry of going out is here, or its log may have one more.
    pub(super) fn may_have_out(&self, log: LogKey, entry: EntryId) -> bool {
        self.out_entries.get(&log).is_none_or(|count| *count < OUTS_OF_LOG_MAX) || self.gone.contains(&entry)
    }

    pub(super) fn add_in(&mut self, fact: InFact) {
        let number = self.ins.len();
        if self.known.insert(fact.at.entry, number).is_some() {
            return;
        }
        self.of_device.entry(fact.device()).or_default().push(number);
        match &fact.way {
            Way::Named => {}
            Way::Linked => self.linked.entry(fact.own).or_default().push(number),
            Way::ByCode { door, .. } => {
                self.by_door.entry(*door).or_default().push(number);
                self.note_used(*door);
            }
        }
        self.ins.push(fact);
    }

    fn note_used(&mut self, door: DoorId) {
        let maker = self.doors.get(&door).map(|fact| fact.at.log.author);
        let of_maker = maker.map(|maker| self.used_of.entry(maker).or_default());
        if let Some(doors) = of_maker.filter(|doors| !doors.contains(&door)) {
            doors.push(door);
        }
    }

    /// Adds a door; true when somebody came by it before it was here.
    pub(super) fn add_door(&mut self, fact: DoorFact) -> bool {
        let (id, locator, key) = (DoorId::from(fact.at.entry), fact.door.locator, fact.door.door);
        if self.doors.contains_key(&id) {
            return false;
        }
        *self.door_entries.entry(fact.at.log).or_default() += 1;
        self.at_locator.entry(locator).or_default().push(id);
        self.doors.insert(id, fact);
        let early = self.by_door.get(&id).cloned().unwrap_or_default();
        for number in &early {
            let Some(Way::ByCode { is_checked, early, .. }) = self.ins.get_mut(*number).map(|fact| &mut fact.way)
            else {
                continue;
            };
            *is_checked = early.take().is_some_and(|early| early.0.check_door(&early.1, &key).is_ok());
        }
        if !early.is_empty() {
            self.note_used(id);
        }
        !early.is_empty()
    }

    pub(super) fn add_ending(&mut self, door: DoorId, at: At) {
        let endings = self.endings.entry(door).or_default();
        if endings.iter().all(|known| known.at.entry != at.entry) {
            endings.push(Ending { at });
            *self.door_entries.entry(at.log).or_default() += 1;
        }
    }

    pub(super) fn add_out(&mut self, fact: OutFact) {
        if self.gone.insert(fact.at.entry) {
            *self.out_entries.entry(fact.at.log).or_default() += 1;
            self.outs.push(fact);
        }
    }
}

impl Way {
    /// What is kept of how a device came in; `is_of_door` tells whether the door's signature is good,
    /// where the door is here.
    pub(super) fn of(body: &In, place: InPlace, is_of_door: Option<bool>) -> Self {
        match &body.how {
            How::Named => Self::Named,
            How::Linked(_) => Self::Linked,
            How::ByCode(by) => Self::ByCode {
                door: by.door,
                step: by.step,
                until: by.until,
                is_checked: is_of_door == Some(true),
                early: is_of_door.is_none().then(|| Box::new((body.clone(), place))),
            },
        }
    }
}
