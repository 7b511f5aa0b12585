//! What the app knows of people: the one being looked at, and warnings.

use parlor_node::{
    Command, Warning,
    people::{NearbyPerson, PersonCard},
};
use parlor_protocol::{RoomId, UserId};
use std::collections::VecDeque;

use super::command::{Effect, Purpose};
use crate::words;

/// Warnings kept at once; older ones stand in the conversation all the same.
const WARNED_MAX: usize = 8;

/// A warning that stays until it is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warned {
    /// Tells warnings apart.
    pub id: u64,
    /// The room where it was seen.
    pub room: RoomId,
    /// The person.
    pub user: UserId,
    /// What to be careful about.
    pub text: String,
}

/// People as the app shows them.
#[derive(Debug, Default)]
pub struct People {
    /// The person being looked at.
    pub looked_at: Option<UserId>,
    /// That person's card, once it is here.
    pub card: Option<PersonCard>,
    /// Why the safety number was not the same, or could not be read.
    pub problem: Option<String>,
    /// Counts the comparisons that came out well.
    pub same: u64,
    /// People on the network who want to be seen.
    pub nearby: Vec<NearbyPerson>,
    /// Warnings, oldest first.
    pub warned: VecDeque<Warned>,
    next: u64,
}

impl People {
    /// A person is to be shown.
    pub fn look_at(&mut self, user: UserId) {
        (self.looked_at, self.card, self.problem) = (Some(user), None, None);
    }

    pub(super) fn show(&mut self, user: UserId, card: PersonCard) {
        if self.looked_at == Some(user) {
            self.card = Some(card);
        }
    }

    /// A safety number was compared, or could not be.
    pub fn compared(&mut self, user: UserId, problem: Option<String>) {
        if self.looked_at == Some(user) {
            self.same += u64::from(problem.is_none());
            self.problem = problem;
        }
    }

    pub(super) fn changed(&self, user: UserId) -> Vec<Effect> {
        let shown = self.looked_at == Some(user);
        shown.then(|| Effect::ask(Command::Person { user }, Purpose::Person(user))).into_iter().collect()
    }

    pub(super) fn warned(&mut self, room: RoomId, user: UserId, name: &str, warning: &Warning) {
        let text = words::warning(name, warning);
        // The same person in several rooms is one warning.
        self.warned.retain(|known| known.text != text || known.user != user);
        if self.warned.len() >= WARNED_MAX {
            self.warned.pop_front();
        }
        self.next += 1;
        self.warned.push_back(Warned { id: self.next, room, user, text });
    }

    /// Takes a warning away.
    pub fn dismiss(&mut self, id: u64) {
        self.warned.retain(|known| known.id != id);
    }
}
