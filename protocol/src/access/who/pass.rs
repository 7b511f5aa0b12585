//! One pass: the least set of devices that are let in, by the cuts that are given.
//!
//! Whom a record names, and the founder, are the beginning; a code lets in when its maker is let in, and a
//! person's linked device when one is that came in otherwise. Being let in only ever adds to who else is,
//! so the order of looking does not matter.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{World, is_before};
use crate::{
    access::{
        Hours,
        facts::{At, InFact, Way},
    },
    ids::{DeviceId, DoorId, EpochId, LogKey, OwnId},
    log::Height,
    rules::Refused,
};

/// What lets a device in by one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(in crate::access) struct Marks {
    pub(in crate::access) name: bool,
    pub(in crate::access) code: bool,
    pub(in crate::access) link: bool,
}

impl Marks {
    pub(in crate::access) const fn lets_in(self) -> bool {
        self.name || self.code || self.link
    }

    /// Whether it lets in without another device of the same person.
    pub(in crate::access) const fn is_root(self) -> bool {
        self.name || self.code
    }
}

/// Who is let in.
#[derive(Debug, Default)]
pub(in crate::access) struct Pass {
    /// By the numbers of Ins.
    marks: Vec<Marks>,
    of_device: HashMap<DeviceId, Vec<usize>>,
    /// People with a device that came in by name or code.
    owns: HashSet<OwnId>,
}

type Cut<'a> = &'a dyn Fn(LogKey) -> Option<Height>;

struct Run<'a> {
    world: &'a World<'a>,
    cut: Cut<'a>,
    pass: Pass,
    doors: HashSet<DoorId>,
    queue: VecDeque<usize>,
}

impl Pass {
    /// `owns`: people whose linked devices are let in whatever else is known.
    pub(super) fn run(world: &World<'_>, cut: impl Fn(LogKey) -> Option<Height>, owns: HashSet<OwnId>) -> Self {
        let ins = world.facts.ins();
        let pass = Self { marks: vec![Marks::default(); ins.len()], ..Self::default() };
        let mut run = Run { world, cut: &cut, pass, doors: HashSet::new(), queue: VecDeque::new() };
        owns.into_iter().for_each(|own| run.link(own));
        let mut named = HashMap::new();
        for (number, fact) in ins.iter().enumerate() {
            if *named.entry(fact.device()).or_insert_with(|| world.names(fact.device())) {
                run.mark(number, fact, |marks| marks.name = true);
            }
        }
        while let Some(number) = run.queue.pop_front() {
            if let Some(fact) = ins.get(number) {
                run.open_doors(fact.device());
            }
        }
        run.pass
    }

    /// What lets a device in by an entry, by the entry's number.
    pub(in crate::access) fn marks(&self, number: usize) -> Marks {
        self.marks.get(number).copied().unwrap_or_default()
    }

    /// Numbers of the entries by which a device is let in.
    pub(in crate::access) fn ins_of(&self, device: DeviceId) -> &[usize] {
        self.of_device.get(&device).map(Vec::as_slice).unwrap_or_default()
    }

    pub(in crate::access) fn lets_in(&self, device: DeviceId) -> bool {
        self.of_device.contains_key(&device)
    }

    /// Entries by which devices are let in without another one of the same person.
    pub(super) fn roots<'a>(&'a self, world: &'a World<'_>) -> impl Iterator<Item = &'a InFact> {
        let ins = world.facts.ins().iter().zip(&self.marks);
        ins.filter(|(_, marks)| marks.is_root()).map(|(fact, _)| fact)
    }

    /// Whether a person has a device that came in by name or code.
    pub(in crate::access) fn has_root(&self, own: OwnId) -> bool {
        self.owns.contains(&own)
    }

    /// Whether a device may write in an epoch.
    ///
    /// # Errors
    /// [`Refused::NotYet`] while nothing that is known lets it, [`Refused::Cut`] when a removal shut it
    /// out.
    pub(in crate::access) fn may_write(
        &self,
        world: &World<'_>,
        device: DeviceId,
        epoch: EpochId,
    ) -> Result<(), Refused> {
        let graph = world.graph;
        if graph.entry_of(epoch).is_none() {
            return Err(Refused::NotYet);
        }
        if graph.is_removed(device) {
            // How far its logs stand, removals say.
            return if self.lets_in(device) { Ok(()) } else { Err(Refused::NotYet) };
        }
        graph.device(device).may_write(epoch, true)?;
        let ins = self.ins_of(device).iter().filter_map(|number| world.facts.ins().get(*number));
        let mut ins = ins.peekable();
        if ins.peek().is_none() {
            return Err(Refused::NotYet);
        }
        if graph.has_key_for(epoch, device) || ins.any(|fact| covers(world, fact, epoch)) {
            Ok(())
        } else {
            Err(Refused::NotYet)
        }
    }

    /// Whether an entry that is at a place in a log counts: nothing cuts it off, and everything up to it was
    /// written where its author may write.
    pub(in crate::access) fn stands(&self, world: &World<'_>, cut: Option<Height>, at: &At) -> bool {
        let device = at.log.author;
        is_before(cut, at.seq)
            && self.lets_in(device)
            && world.epochs(at.log, at.seq).chain([at.epoch]).all(|epoch| self.may_write(world, device, epoch).is_ok())
    }
}

/// Whether coming in lets a device write in an epoch: its own, and later ones up to a barrier that does not
/// name the device. A visit lasts for its epoch.
fn covers(world: &World<'_>, fact: &InFact, epoch: EpochId) -> bool {
    fact.at.epoch == epoch
        || (fact.until() == Hours::NONE
            && world.graph.follows(epoch, fact.at.epoch)
            && !world.graph.barrier_between(fact.at.epoch, epoch, Some(fact.device())))
}

impl Run<'_> {
    fn mark(&mut self, number: usize, fact: &InFact, set: impl Fn(&mut Marks)) {
        let Some(marks) = self.pass.marks.get_mut(number) else { return };
        let before = *marks;
        let mut after = before;
        set(&mut after);
        if after == before || !is_before((self.cut)(fact.at.log), fact.at.seq) {
            return;
        }
        *marks = after;
        if !before.lets_in() {
            self.pass.of_device.entry(fact.device()).or_default().push(number);
            self.queue.push_back(number);
        }
        if after.is_root() && self.pass.owns.insert(fact.own) {
            self.link(fact.own);
        }
    }

    fn link(&mut self, own: OwnId) {
        self.pass.owns.insert(own);
        for (number, fact) in self.world.facts.linked(own) {
            self.mark(number, fact, |marks| marks.link = true);
        }
    }

    /// Lets in who came by the doors of a device that is let in.
    fn open_doors(&mut self, maker: DeviceId) {
        let facts = self.world.facts;
        for id in facts.used_of(maker) {
            let Some(door) = facts.door(*id).filter(|_| !self.doors.contains(id)) else { continue };
            if !self.pass.stands(self.world, (self.cut)(door.at.log), &door.at) {
                continue;
            }
            self.doors.insert(*id);
            for (number, fact) in facts.by_door(*id) {
                let is_checked = matches!(fact.way, Way::ByCode { is_checked: true, .. });
                if is_checked && !self.world.graph.barrier_between(door.at.epoch, fact.at.epoch, None) {
                    self.mark(number, fact, |marks| marks.code = true);
                }
            }
        }
    }
}
