//! What the graph comes to for one device: where it may write. Asked for many
//! epochs at once, so what is the same for all of them is found out first.

use super::{
    EpochGraph, Node,
    bits::Bits,
    names::{KEYED, Mentions, REMOVED},
};
use crate::{
    ids::{DeviceId, EpochId},
    rules::Refused,
};

/// One device in the graph.
#[derive(Clone, Debug)]
pub struct OneDevice<'a> {
    graph: &'a EpochGraph,
    mentions: Option<&'a Mentions>,
    /// Standing removals that know nothing of it: it is neither among those who stay nor among those who
    /// go, so a removed member may have let it in.
    strange: Bits,
}

impl<'a> OneDevice<'a> {
    pub(super) fn new(graph: &'a EpochGraph, device: DeviceId) -> Self {
        let mentions = graph.devices.mentions(device);
        let mut known = Bits::default();
        let knowing = mentions.into_iter().flat_map(|mentions| mentions.of(KEYED | REMOVED));
        knowing.for_each(|at| known.insert(at));
        let mut strange = graph.view.barriers.clone();
        strange.remove_all(&known);
        Self { graph, mentions, strange }
    }

    /// Whether its entries in an epoch are to be taken, by what is known of removals. `admitted` tells
    /// whether something else lets it in; if not, the record itself must name it.
    ///
    /// # Errors
    /// [`Refused::NotYet`] when nothing lets it in yet, [`Refused::Cut`] when a removal shut it out.
    pub fn may_write(&self, epoch: EpochId, admitted: bool) -> Result<(), Refused> {
        let Some((at, node)) = self.graph.node_of(epoch) else {
            return if admitted { Ok(()) } else { Err(Refused::NotYet) };
        };
        let named = self.is_named(at);
        if !named && !admitted {
            return Err(Refused::NotYet);
        }
        if self.is_shut_out(at, node, named) { Err(Refused::Cut) } else { Ok(()) }
    }

    fn is_named(&self, at: usize) -> bool {
        self.mentions.is_some_and(|mentions| mentions.roles(at) & KEYED != 0)
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
}
