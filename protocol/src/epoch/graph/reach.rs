//! From which epochs one comes to which, and who on the way is shut out.

use super::EpochGraph;
use crate::ids::{DeviceId, EpochId};

impl EpochGraph {
    /// Whether a record that stands has its key for a device.
    #[must_use]
    pub fn names(&self, device: DeviceId) -> bool {
        let mut standing = self.nodes.iter().enumerate().filter(|(at, _)| !self.view.void.contains(*at));
        standing.any(|(_, node)| node.facts.keys.contains(&device))
    }

    /// Whether the record of an epoch has its key for a device.
    #[must_use]
    pub fn has_key_for(&self, epoch: EpochId, device: DeviceId) -> bool {
        self.node_of(epoch).is_some_and(|(_, node)| node.facts.keys.contains(&device))
    }

    /// Whether an epoch is or follows a standing barrier that an earlier one is not and does not follow.
    /// One that names `passes` lets that device through.
    #[must_use]
    pub fn barrier_between(&self, earlier: EpochId, later: EpochId, passes: Option<DeviceId>) -> bool {
        let (Some((earlier, _)), Some((later, _))) = (self.node_of(earlier), self.node_of(later)) else {
            return false;
        };
        let stops = |barrier: usize| {
            let node = self.nodes.get(barrier);
            !passes.is_some_and(|device| node.is_some_and(|node| node.facts.keys.contains(&device)))
        };
        let mut between = self.view.barriers.iter().copied();
        between.any(|at| self.reaches(later, at) && !self.reaches(earlier, at) && stops(at))
    }

    /// Whether an epoch is, or is followed by, one that nothing follows and that people write in, with no
    /// barrier between that a device does not pass.
    #[must_use]
    pub fn leads_on(&self, epoch: EpochId, passes: Option<DeviceId>) -> bool {
        let heads = self.heads();
        let mut usable = heads.into_iter().map(|(head, _)| head).filter(|head| self.is_usable(*head));
        usable.any(|head| self.follows(head, epoch) && !self.barrier_between(epoch, head, passes))
    }
}
