//! What everybody's list says of each device: how it came in.

use std::collections::HashSet;

use super::Rules;
use crate::{
    access::{
        Hours,
        facts::{InFact, Way},
    },
    ids::{DeviceId, DoorId, EntryId, OwnId},
};

/// How a device came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameBy {
    /// It founded the room.
    Founding,
    /// An owner added it.
    Owner,
    /// By a code.
    Code {
        /// The code's door.
        door: DoorId,
        /// The device that made the code, unless a record names the newcomer and the door does not count.
        maker: Option<DeviceId>,
        /// Whether it was first heard of after the code's end: somebody inside passed it on.
        late: bool,
        /// Whether more came by the code than it lets in, and this one is among those beyond.
        too_many: bool,
    },
    /// Another device of the same person brought it.
    Link,
}

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The device.
    pub device: DeviceId,
    /// Its person.
    pub own: OwnId,
    /// The entry by which it is in.
    pub entry: EntryId,
    /// How it came.
    pub came: CameBy,
    /// When its visit ends.
    pub until: Hours,
    /// Whether its visit is over.
    pub is_gone: bool,
}

impl Rules {
    /// All devices that are in, and visitors that are gone, by their ids. `heard` tells when an entry was
    /// first heard of here, in milliseconds since 1970, where that is known.
    #[must_use]
    pub fn list(&self, now_ms: u64, heard: impl Fn(EntryId) -> Option<u64>) -> Vec<Listed> {
        let states = &self.who().states;
        let mut list: Vec<_> = states.devices().filter_map(|device| self.line(device, now_ms, &heard)).collect();
        list.sort_unstable_by_key(|line| line.device);
        list
    }

    fn line(&self, device: DeviceId, now_ms: u64, heard: &impl Fn(EntryId) -> Option<u64>) -> Option<Listed> {
        let counted = self.who().states.counted(device).iter();
        let counted = counted.filter_map(|number| Some((*number, self.facts.ins().get(*number)?)));
        // Who stays is no visitor any more; of several entries the oldest tells how it came.
        let (number, fact) = counted.min_by_key(|(_, fact)| (fact.until() != Hours::NONE, self.age(fact)))?;
        let until = fact.until();
        let came = match fact.way {
            Way::Named if device == self.founder => CameBy::Founding,
            Way::Named => CameBy::Owner,
            Way::Linked => CameBy::Link,
            Way::ByCode { door, .. } => self.by_code(number, fact, door, heard),
        };
        let (own, entry) = (fact.own, fact.at.entry);
        Some(Listed { device, own, entry, came, until, is_gone: until.is_past(now_ms, 0) })
    }

    /// Whether nothing but another device of its person brought a device: it can go without taking others
    /// along that are in because of it.
    #[must_use]
    pub fn is_only_linked(&self, device: DeviceId) -> bool {
        let counted = self.who().states.counted(device).iter().filter_map(|number| self.facts.ins().get(*number));
        let mut counted = counted.peekable();
        counted.peek().is_some() && counted.all(|fact| matches!(fact.way, Way::Linked))
    }

    pub(super) fn age(&self, fact: &InFact) -> (u64, EntryId) {
        (self.graph.generation(fact.at.epoch).unwrap_or(u64::MAX), fact.at.entry)
    }

    fn by_code(&self, number: usize, fact: &InFact, id: DoorId, heard: &impl Fn(EntryId) -> Option<u64>) -> CameBy {
        let kept = &self.who().kept;
        let Some(door) = self.facts.door(id).filter(|_| kept.marks(number).code) else {
            return CameBy::Code { door: id, maker: None, late: false, too_many: false };
        };
        let late = heard(fact.at.entry).is_some_and(|at| door.door.terms.expires.is_past(at, super::doors::GRACE_MS));
        let uses = usize::try_from(door.door.terms.uses).unwrap_or(usize::MAX);
        let order = |fact: &InFact| (heard(fact.at.entry).unwrap_or_default(), self.age(fact));
        let came_before = || {
            let mine = order(fact);
            let came = self.facts.by_door(id).filter(|(number, _)| kept.marks(*number).lets_in()).map(|(_, fact)| fact);
            let before = came.filter(|other| other.device() != fact.device() && order(other) < mine);
            before.map(InFact::device).collect::<HashSet<_>>().len()
        };
        // Most codes have no limit, and large rooms are listed often.
        let too_many = uses > 0 && came_before() >= uses;
        CameBy::Code { door: id, maker: Some(door.at.log.author), late, too_many }
    }
}
