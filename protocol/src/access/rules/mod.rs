//! The rules of a room, from what everybody may see: which epochs it has, who is in, who may come in,
//! which codes work. Members and archives apply the same rules to the same entries; members add what the
//! epochs' keys open. Nothing here needs a key or a clock: times are arguments.

mod admit;
mod doors;
mod due;
mod ends;
mod enter;
mod listing;
mod sent_out;
mod serving;
#[cfg(test)]
mod tests;
mod wraps;

use std::{collections::HashMap, sync::OnceLock};

use super::{
    facts::Facts,
    who::{Who, World},
};
use crate::{
    epoch::{EpochGraph, Genesis, RoomKind},
    ids::{DeviceId, LogKey, RoomId, UserId},
    rules::Spans,
};

pub use admit::Learned;
pub use doors::{DoorState, Living};
pub use enter::{Entering, Stop};
pub use listing::{CameBy, Listed};
pub use wraps::KeptWrap;

/// The rules of one room as far as they are known.
#[derive(Debug)]
pub struct Rules {
    room: RoomId,
    founder: DeviceId,
    kind: RoomKind,
    graph: EpochGraph,
    spans: HashMap<LogKey, Spans>,
    facts: Facts,
    /// Worked out when it is asked for, and anew when something is learnt that may change it.
    who: OnceLock<Who>,
}

impl Rules {
    /// The rules of a room of which only the genesis, and the device that wrote it, is known.
    #[must_use]
    pub fn new(room: RoomId, founder: DeviceId, genesis: Genesis) -> Self {
        Self {
            room,
            founder,
            kind: genesis.kind,
            graph: EpochGraph::new(founder, genesis.owners),
            spans: HashMap::new(),
            facts: Facts::default(),
            who: OnceLock::new(),
        }
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The epochs, and what owners decided.
    #[must_use]
    pub const fn graph(&self) -> &EpochGraph {
        &self.graph
    }

    /// Whether a user may change epochs.
    #[must_use]
    pub fn is_owner(&self, user: UserId) -> bool {
        self.graph.is_owner(user)
    }

    fn is_direct(&self) -> bool {
        matches!(self.kind, RoomKind::Direct(_))
    }

    fn world(&self) -> World<'_> {
        World {
            graph: &self.graph,
            founder: self.founder,
            is_direct: self.is_direct(),
            facts: &self.facts,
            spans: &self.spans,
        }
    }

    fn who(&self) -> &Who {
        self.who.get_or_init(|| Who::of(&self.world()))
    }

    fn forget_who(&mut self) {
        self.who = OnceLock::new();
    }
}
