//! Which goings out count, and what they cut.

use std::collections::{HashMap, HashSet};

use super::{Pass, World};
use crate::{
    access::facts::OutFact,
    ids::{DeviceId, EpochId, LogId, LogKey},
    log::Height,
};

/// That a device was sent out.
#[derive(Clone, Debug, Default)]
pub(in crate::access) struct OutOf {
    /// By an entry that lets it come back.
    pub(in crate::access) left: bool,
    /// By one that does not.
    pub(in crate::access) for_ever: bool,
    /// Its logs that are named: none of them lets it back in.
    pub(in crate::access) logs: HashSet<LogId>,
}

/// All goings out that count.
#[derive(Debug, Default)]
pub(in crate::access) struct Outs {
    of_device: HashMap<DeviceId, OutOf>,
    cuts: HashMap<LogKey, Height>,
    /// Epochs in which they were written.
    epochs: HashSet<EpochId>,
}

impl Outs {
    /// Those by who is let in, before where removals end their logs; also beyond other ones, so that two
    /// may end each other.
    pub(super) fn heeded(world: &World<'_>, kept: &Pass) -> Self {
        let mut heeded = Self::default();
        let standing = || {
            let stands = |fact: &&OutFact| kept.stands(world, world.cut(fact.at.log), &fact.at);
            world.facts.outs().iter().filter(stands)
        };
        // Nobody sends out devices of others. Only what lets somebody in tells whose a device is: of the rest
        // some is here and some is not, by the order in which things came.
        let is_own = |fact: &OutFact, device: DeviceId| {
            let mut ins = kept.ins_of(device).iter().filter_map(|number| world.facts.ins().get(*number));
            ins.any(|known| known.own == fact.out.own)
        };
        // A lost device does not say itself how far it counts, when another one of its person has said it.
        let mut said_by_others = HashSet::new();
        for fact in standing().filter(|fact| fact.out.for_ever) {
            let others = fact.out.devices.iter().map(|gone| gone.device).filter(|gone| *gone != fact.at.log.author);
            said_by_others.extend(others.filter(|gone| is_own(fact, *gone)));
        }
        for fact in standing() {
            for gone in fact.out.devices.iter().filter(|gone| is_own(fact, gone.device)) {
                let of = heeded.of_device.entry(gone.device).or_default();
                of.left |= !fact.out.for_ever;
                of.for_ever |= fact.out.for_ever;
                of.logs.extend(gone.heads.iter().map(|(log, _)| *log));
                let is_heeded = fact.at.log.author != gone.device || !said_by_others.contains(&gone.device);
                for (log, height) in gone.heads.iter().filter(|_| is_heeded) {
                    let key = LogKey { author: gone.device, log: *log };
                    let cut = heeded.cuts.entry(key).or_insert(*height);
                    // The same for everybody, also where the log forked.
                    *cut = if (height.next, height.head) > (cut.next, cut.head) { *height } else { *cut };
                }
                heeded.epochs.insert(fact.at.epoch);
            }
        }
        heeded
    }

    pub(in crate::access) fn of(&self, device: DeviceId) -> Option<&OutOf> {
        self.of_device.get(&device)
    }

    pub(in crate::access) fn devices(&self) -> impl Iterator<Item = DeviceId> + '_ {
        self.of_device.keys().copied()
    }

    pub(in crate::access) fn epochs(&self) -> impl Iterator<Item = EpochId> + '_ {
        self.epochs.iter().copied()
    }

    /// Where a log ends because its device went out. One that is gone for ever has no other logs.
    pub(in crate::access) fn cut(&self, log: LogKey) -> Option<Height> {
        let of = self.of_device.get(&log.author)?;
        let named = self.cuts.get(&log).copied();
        named.or_else(|| of.for_ever.then_some(Height::EMPTY))
    }

    /// Where a log ends, removals included: the nearer end.
    pub(in crate::access) fn cut_with(&self, world: &World<'_>, log: LogKey) -> Option<Height> {
        let ends = [world.cut(log), self.cut(log)];
        ends.into_iter().flatten().min_by_key(|cut| (cut.next, cut.head))
    }
}
