//! What follows from entries that were taken in, or from a decision that is durable: first in, first
//! out, each after the one before is over.
//!
//! Whoever takes entries in or writes them only notes here what follows. `Engine::follow` is the one
//! place that carries it out, between inputs; so nothing is told, published or written in the middle
//! of taking in or sealing, and the order is that in which things happened.

use parlor_protocol::{RoomId, content::Act};
use std::collections::VecDeque;

use super::{Engine, room::Effects};

/// Something that follows.
#[derive(Debug)]
pub(super) enum Consequence {
    /// Entries were taken in; `live` when they are new to everybody.
    Taken { room: RoomId, effects: Effects, live: bool },
    /// An owner's decision is durable, or is not; people are to read this about it.
    Decided { room: RoomId, acts: Vec<Act> },
}

/// What follows from the input at hand. It is empty between inputs, so nothing from outside adds up.
#[derive(Debug, Default)]
pub(super) struct Consequences(VecDeque<Consequence>);

impl Consequences {
    pub(super) fn push(&mut self, consequence: Consequence) {
        self.0.push_back(consequence);
    }
}

impl Engine {
    /// Carries out what follows, and what follows from that.
    pub(super) fn follow(&mut self) {
        while let Some(next) = self.consequences.0.pop_front() {
            match next {
                Consequence::Taken { room, effects, live } => self.tell_effects(room, effects, live),
                Consequence::Decided { room, acts } => self.decided(room, acts),
            }
        }
    }
}
