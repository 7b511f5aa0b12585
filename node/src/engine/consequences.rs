//! What follows from own entries, and from a decision that is durable: first in, first out, each after
//! the one before is over.
//!
//! Whoever writes only notes here what follows. `Engine::follow` is the one place that carries it out,
//! between inputs; so nothing is told or written in the middle of writing, and the order is that in
//! which things happened.

use parlor_protocol::{RoomId, content::Act};
use std::collections::VecDeque;

use super::{Engine, room::Effects};

/// Something that follows.
#[derive(Debug)]
pub(super) enum Consequence {
    /// Own entries were taken in.
    Taken { room: RoomId, effects: Effects },
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
                Consequence::Taken { room, effects } => self.tell_effects(room, effects, true),
                Consequence::Decided { room, acts } => self.decided(room, acts),
            }
        }
    }
}
