//! From which epochs one comes to which, and who on the way is shut out.

use super::{
    EpochGraph,
    names::{KEYED, Mentions},
};
use crate::ids::{DeviceId, EpochId};

impl EpochGraph {
    /// Whether a record that stands has its key for a device.
    #[must_use]
    pub fn names(&self, device: DeviceId) -> bool {
        let named = self.devices.mentions(device).into_iter().flat_map(|mentions| mentions.of(KEYED).rev());
        named.into_iter().any(|at| !self.view.void.contains(at))
    }

    /// Whether the record of an epoch has its key for a device.
    #[must_use]
    pub fn has_key_for(&self, epoch: EpochId, device: DeviceId) -> bool {
        let mentions = self.devices.mentions(device).zip(self.node_of(epoch));
        mentions.is_some_and(|(mentions, (at, _))| mentions.roles(at) & KEYED != 0)
    }

    /// Whether an epoch is another one or follows it.
    #[must_use]
    pub fn follows(&self, later: EpochId, earlier: EpochId) -> bool {
        match (self.node_of(later), self.node_of(earlier)) {
            (Some((later, _)), Some((earlier, _))) => self.reaches(later, earlier),
            _ => false,
        }
    }

    /// Whether an epoch is or follows a standing barrier that an earlier one is not and does not follow.
    /// One that names `passes` lets that device through.
    #[must_use]
    pub fn barrier_between(&self, earlier: EpochId, later: EpochId, passes: Option<DeviceId>) -> bool {
        let (Some((earlier, before)), Some((later, after))) = (self.node_of(earlier), self.node_of(later)) else {
            return false;
        };
        let mut between = self.view.barriers.clone();
        between.remove_all(&before.ancestors);
        let device = passes.and_then(|device| self.devices.mentions(device));
        let lets_through = |device: &Mentions, barrier: usize| device.roles(barrier) & KEYED != 0;
        let mut stopping =
            between.iter().filter(|at| *at != earlier && (*at == later || after.ancestors.contains(*at)));
        stopping.any(|barrier| !device.is_some_and(|device| lets_through(device, barrier)))
    }

    /// Whether an epoch is, or is followed by, one that nothing follows and that people write in, with no
    /// barrier between that a device does not pass.
    #[must_use]
    pub fn leads_on(&self, epoch: EpochId, passes: Option<DeviceId>) -> bool {
        let heads = self.heads().into_iter().map(|(head, _)| head);
        let mut followed = heads.filter(|head| self.follows(*head, epoch) && self.is_usable(*head));
        followed.any(|head| !self.barrier_between(epoch, head, passes))
    }
}
