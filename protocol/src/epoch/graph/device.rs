//! What the graph comes to for one device: where it may write, whether it is a member. Asked for many
//! epochs at once, so what is the same for all of them is found out first.

use std::collections::BTreeSet;

use super::{EpochGraph, Node, bits::Bits};
use crate::{
    ids::{DeviceId, EpochId},
    rules::Refused,
};

/// One device in the graph.
#[derive(Clone, Debug)]
pub struct OneDevice<'a> {
    graph: &'a EpochGraph,
    device: DeviceId,
    /// Standing removals that know nothing of it: it is neither among those who stay nor among those who
    /// go, so its admission may have been made with a removed member's keys.
    strange: Bits,
}

impl<'a> OneDevice<'a> {
    pub(super) fn new(graph: &'a EpochGraph, device: DeviceId) -> Self {
        let mut strange = Bits::default();
        for (at, node) in graph.view.barriers.iter().filter_map(|at| Some((*at, graph.nodes.get(*at)?))) {
            if !node.facts.keys.contains(&device) && !node.facts.removed.contains(&device) {
                strange.insert(at);
            }
        }
        Self { graph, device, strange }
    }

    /// Whether its entries in an epoch are to be taken, by what is known of removals. `admitted` tells
    /// whether it was let in by a certificate; else the record itself must name it.
    ///
    /// # Errors
    /// [`Refused::NotYet`] when nothing lets it in yet, [`Refused::Cut`] when a removal shut it out.
    pub fn may_write(&self, epoch: EpochId, admitted: bool) -> Result<(), Refused> {
        let Some((at, node)) = self.graph.node_of(epoch) else {
            return if admitted { Ok(()) } else { Err(Refused::NotYet) };
        };
        let named = node.facts.keys.contains(&self.device);
        if !named && !admitted {
            return Err(Refused::NotYet);
        }
        if self.is_shut_out(at, node, named) { Err(Refused::Cut) } else { Ok(()) }
    }

    /// Whether a removal shut it out of an epoch. Who is named there is shut out only by a removal that
    /// knew that.
    fn is_shut_out(&self, at: usize, node: &Node, named: bool) -> bool {
        if !named {
            return !self.strange.are_within(&node.ancestors, at);
        }
        let knew = |barrier: usize| self.graph.nodes.get(barrier).is_some_and(|node| node.ancestors.contains(at));
        self.strange.iter().any(|barrier| !self.graph.reaches(at, barrier) && knew(barrier))
    }

    /// Whether a standing epoch lets it in, by name or by a certificate to one of these.
    #[must_use]
    pub fn is_member(&self, certified: &BTreeSet<EpochId>) -> bool {
        if self.graph.is_removed(self.device) {
            return false;
        }
        let stands = |(at, node): (usize, &Node)| {
            let named = node.facts.keys.contains(&self.device);
            let admitted = named || certified.contains(&node.facts.epoch);
            admitted && !self.graph.view.void.contains(at) && !self.is_shut_out(at, node, named)
        };
        self.graph.nodes.iter().enumerate().rev().any(stands)
    }
}
