//! What a device is in the room, all in all.

use std::collections::{HashMap, HashSet};

use super::{Marks, Outs, Pass, World};
use crate::{
    access::{Hours, facts::InFact},
    ids::{DeviceId, OwnId},
    rules::Refused,
};

/// What a device is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// In. A visit has an end; whoever has a clock compares it.
    In {
        /// When a visit ends; none for who stays.
        until: Hours,
    },
    /// It left, and may come in again.
    Left,
    /// Its person sent it out for ever.
    Lost,
    /// An owner removed it.
    Removed,
    /// A removal, or for a visitor a new epoch, left it behind: it comes in again by a code.
    ShutOut,
    /// Nothing that is known here lets it in.
    Unknown,
}

/// The devices of a room that are in, and the entries by which they are.
#[derive(Debug, Default)]
pub(in crate::access) struct States {
    counted: HashMap<DeviceId, Vec<usize>>,
    /// People with a device that is in by name or code, or was and is lost.
    owns: HashSet<OwnId>,
}

impl States {
    pub(super) fn of(world: &World<'_>, kept: &Pass, now: &Pass, outs: &Outs) -> Self {
        let mut states = Self::default();
        let may_be = |device| !world.graph.is_removed(device) && outs.of(device).is_none_or(|out| !out.for_ever);
        let ins = || world.facts.ins().iter().enumerate().map(|(number, fact)| (number, fact, now.marks(number)));
        for (number, fact, marks) in ins().filter(|(_, fact, _)| may_be(fact.device())) {
            if is_counted(world, fact, Marks { link: false, ..marks }, outs) {
                states.owns.insert(fact.own);
                states.counted.entry(fact.device()).or_default().push(number);
            }
        }
        for fact in kept.roots(world) {
            let is_lost = outs.of(fact.device()).is_some_and(|out| out.for_ever && !out.left);
            if is_lost && !world.graph.is_removed(fact.device()) {
                states.owns.insert(fact.own);
            }
        }
        for (number, fact, marks) in ins().filter(|(_, fact, marks)| marks.link && may_be(fact.device())) {
            let has_root = states.owns.contains(&fact.own);
            let counted = states.counted.entry(fact.device()).or_default();
            if has_root && !counted.contains(&number) && is_counted(world, fact, marks, outs) {
                counted.push(number);
            }
        }
        states.counted.retain(|_, counted| !counted.is_empty());
        states
    }

    /// The entries by which a device is in, by their numbers.
    pub(in crate::access) fn counted(&self, device: DeviceId) -> &[usize] {
        self.counted.get(&device).map(Vec::as_slice).unwrap_or_default()
    }

    /// All devices that are in.
    pub(in crate::access) fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.counted.keys().copied()
    }

    /// What a device is.
    pub(in crate::access) fn presence(&self, world: &World<'_>, outs: &Outs, device: DeviceId) -> Presence {
        if world.graph.is_removed(device) {
            return Presence::Removed;
        }
        let counted = self.counted(device).iter().filter_map(|number| world.facts.ins().get(*number));
        let untils: Vec<Hours> = counted.map(InFact::until).collect();
        if !untils.is_empty() {
            let stays = untils.contains(&Hours::NONE);
            let until = if stays { Hours::NONE } else { untils.into_iter().max().unwrap_or_default() };
            return Presence::In { until };
        }
        match outs.of(device) {
            Some(out) if out.for_ever => Presence::Lost,
            Some(_) => Presence::Left,
            None if is_shut_out(world, device) => Presence::ShutOut,
            None => Presence::Unknown,
        }
    }
}

/// Whether a device is in by an entry that lets it in, whatever became of others of its person.
fn is_counted(world: &World<'_>, fact: &InFact, marks: Marks, outs: &Outs) -> bool {
    let lets_in = match outs.of(fact.device()) {
        None => marks.lets_in(),
        // Who left needs a new log, and more than a name in an old record.
        Some(out) => {
            !out.logs.contains(&fact.at.log.log) && (marks.code || marks.link || (world.is_direct && marks.name))
        }
    };
    lets_in && (fact.until() == Hours::NONE || is_current(world, fact))
}

/// A visitor is in while people write in the visit's epoch, or in one that names the visitor.
fn is_current(world: &World<'_>, fact: &InFact) -> bool {
    let mut heads = world.graph.heads().into_iter();
    heads.any(|(head, _)| head == fact.at.epoch || world.graph.has_key_for(head, fact.device()))
}

/// Whether everything that let it in is closed to it now.
fn is_shut_out(world: &World<'_>, device: DeviceId) -> bool {
    let one = world.graph.device(device);
    let mut ins = world.facts.of_device(device).map(|(_, fact)| fact);
    let is_shut = |fact: &InFact| one.may_write(fact.at.epoch, true) == Err(Refused::Cut);
    ins.any(|fact| is_shut(fact) || (fact.until() != Hours::NONE && !is_current(world, fact)))
}
