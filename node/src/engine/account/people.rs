//! What was decided about people goes with the account, so that it holds on every device.

use parlor_protocol::{UserId, codec};
use serde::{Deserialize, Serialize};

use super::{AccountBundle, Engine, Stamp, Stamped};
use crate::store::Mark;

/// Most people of an account of whom something was decided.
const PEOPLE_MAX: usize = 4_096;
/// Longest encoded decision, in bytes.
const DECIDED_MAX: usize = 256;

/// What was decided about a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Decided {
    name: String,
    verified: Mark,
    blocked: Mark,
}

fn decode(bytes: &[u8]) -> Option<Decided> {
    codec::decode(bytes, DECIDED_MAX, "contact").ok()
}

impl Engine {
    /// Puts into a bundle what this device's person decided about others.
    pub(super) fn put_people(&self, bundle: &mut AccountBundle) {
        let own = self.user.id();
        let decided = self.contacts.iter().filter(|record| record.user != own);
        for record in decided.filter(|record| record.verified.at > 0 || record.blocked.at > 0) {
            let known = bundle.contacts.get(&record.user).and_then(|known| decode(&known.value));
            let (mut verified, mut blocked) = (record.verified, record.blocked);
            if let Some(known) = &known {
                verified.merge(known.verified);
                blocked.merge(known.blocked);
            }
            // The name alone is no news: two devices would write it in turn for ever.
            if known.is_some_and(|known| (known.verified, known.blocked) == (verified, blocked)) {
                continue;
            }
            let stamp = Stamp { at: verified.at.max(blocked.at), device: self.me() };
            let decided = Decided { name: record.name.clone(), verified, blocked };
            let has_room = bundle.contacts.len() < PEOPLE_MAX || bundle.contacts.contains_key(&record.user);
            if let Some(value) = codec::encode(&decided, DECIDED_MAX).ok().filter(|_| has_room) {
                bundle.contacts.insert(record.user, Stamped::new(value, stamp));
            }
        }
    }

    /// Takes in what the person decided on another device.
    pub(super) fn take_people(&mut self, bundle: &AccountBundle) {
        let (own, wall) = (self.user.id(), self.now.wall);
        let mut changed: Vec<UserId> = Vec::new();
        for (user, known) in bundle.contacts.iter().filter(|(user, _)| **user != own) {
            let Some(theirs) = decode(&known.value) else { continue };
            let (mut verified, mut blocked) =
                self.contacts.find(*user).map(|record| (record.verified, record.blocked)).unwrap_or_default();
            let is_news = verified.merge(theirs.verified) | blocked.merge(theirs.blocked);
            if !is_news {
                continue;
            }
            if let Some(record) = self.contacts.edit(*user, wall) {
                (record.verified, record.blocked) = (verified, blocked);
                if record.name.is_empty() {
                    record.name = theirs.name;
                }
                changed.push(*user);
            }
        }
        changed.into_iter().for_each(|user| self.show_decision(user));
        self.save_contacts_soon();
    }
}
