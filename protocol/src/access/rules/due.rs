//! Whether an owner is to begin an epoch because of who came and who went.

use super::Rules;
use crate::{
    access::{Presence, facts::InFact},
    ids::{DeviceId, EpochId},
};

impl Rules {
    /// Whether an owner who is online is to begin an epoch: somebody who is out might hold the key of one
    /// in which people write, or somebody who is in and `said_hello` lacks it. How soon after the last one
    /// is the caller's to say.
    #[must_use]
    pub fn wants_epoch(&self, now_ms: u64, said_hello: impl Fn(DeviceId) -> bool) -> bool {
        let heads = self.graph.heads();
        let mut heads = heads.iter().map(|(head, _)| *head);
        heads.any(|head| self.is_known_outside(head) || self.is_lacking_inside(head, now_ms, &said_hello))
            || !self.lost().is_empty()
    }

    fn is_known_outside(&self, head: EpochId) -> bool {
        let outs = &self.who().outs;
        let lies_before = |epoch: EpochId| epoch == head || !self.graph.follows(head, epoch);
        let mut out = outs.devices().filter(|device| !self.is_in(*device));
        outs.epochs().any(lies_before) || out.any(|device| self.has_key_of(device, head))
    }

    fn is_lacking_inside(&self, head: EpochId, now_ms: u64, said_hello: &impl Fn(DeviceId) -> bool) -> bool {
        self.devices_in(now_ms).any(|device| said_hello(device) && !self.has_key_of(device, head))
    }

    /// Whether an epoch names a device, or it came in there.
    fn has_key_of(&self, device: DeviceId, epoch: EpochId) -> bool {
        let came_in = |fact: &InFact| fact.at.epoch == epoch;
        let kept = &self.who().kept;
        self.graph.has_key_for(epoch, device)
            || self.facts.of_device(device).any(|(number, fact)| came_in(fact) && kept.marks(number).lets_in())
    }

    /// Devices that their persons sent out for ever and no record removes yet: the next epoch does.
    #[must_use]
    pub fn lost(&self) -> Vec<DeviceId> {
        let mut lost: Vec<_> =
            self.who().outs.devices().filter(|device| self.presence(*device) == Presence::Lost).collect();
        lost.sort_unstable();
        lost
    }
}
