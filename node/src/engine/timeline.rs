//! The timeline of one room: messages in screen order, and the changes made to them.
//!
//! Changes (edits, deletions, reactions) may arrive before the message they are about, because
//! every device has its own log; they wait here until it comes.

use parlor_protocol::{DeviceId, EntryId, Hlc, LogKey};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crate::event::{Message, MessageBody, Order, Reaction};

/// Changes that may wait for their message; those beyond it are left out until the next start reads
/// the logs again.
const WAITING_MAX: usize = 10_000;

/// A change to a message.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) by: DeviceId,
    pub(super) hlc: Hlc,
    /// Its author may take back messages of others.
    pub(super) moderates: bool,
    pub(super) kind: ChangeKind,
}

#[derive(Clone, Debug)]
pub(super) enum ChangeKind {
    Edit(String),
    Delete,
    React { emoji: String, present: bool },
}

/// Messages in screen order.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    messages: BTreeMap<Order, Arc<Message>>,
    places: HashMap<EntryId, Order>,
    /// Shown early from a tail; the log that proves them in full is still on its way.
    provisional: HashSet<EntryId>,
    waiting: HashMap<EntryId, Vec<Change>>,
    waiting_count: usize,
    /// The latest edit of a message, and the latest word of a device on a reaction.
    edited_at: HashMap<EntryId, Hlc>,
    reacted_at: HashMap<(EntryId, DeviceId, String), Hlc>,
}

impl Timeline {
    pub(super) fn contains(&self, id: EntryId) -> bool {
        self.places.contains_key(&id)
    }

    /// Whether a message was shown early and its log has not proven it.
    pub(super) fn is_provisional(&self, id: EntryId) -> bool {
        self.provisional.contains(&id)
    }

    /// Adds a message; `None` when it is there already. Changes that waited for it are applied.
    pub(super) fn insert(&mut self, message: Message, provisional: bool) -> Option<Arc<Message>> {
        let id = message.id;
        if self.places.contains_key(&id) {
            if !provisional {
                self.provisional.remove(&id);
            }
            return None;
        }
        if provisional {
            self.provisional.insert(id);
        }
        self.places.insert(id, message.order);
        self.messages.insert(message.order, Arc::new(message));
        let waiting = self.waiting.remove(&id).unwrap_or_default();
        self.waiting_count = self.waiting_count.saturating_sub(waiting.len());
        for change in waiting {
            self.apply(id, change);
        }
        self.find(id)
    }

    /// Applies a change, or keeps it until its message comes. Returns the message when it changed.
    pub(super) fn apply(&mut self, target: EntryId, change: Change) -> Option<Arc<Message>> {
        let Some(message) = self.places.get(&target).and_then(|order| self.messages.get_mut(order)) else {
            if self.waiting_count < WAITING_MAX {
                self.waiting.entry(target).or_default().push(change);
                self.waiting_count += 1;
            }
            return None;
        };
        let own_word = change.by == message.author;
        let deleted = message.body == MessageBody::Deleted;
        match change.kind {
            ChangeKind::Edit(text) => {
                let newer = self.edited_at.get(&target).is_none_or(|at| *at < change.hlc);
                if !own_word || deleted || !newer {
                    return None;
                }
                self.edited_at.insert(target, change.hlc);
                let message = Arc::make_mut(message);
                message.body = MessageBody::Text { text };
                message.edited = true;
            }
            ChangeKind::Delete => {
                if !(own_word || change.moderates) || deleted {
                    return None;
                }
                let message = Arc::make_mut(message);
                message.body = MessageBody::Deleted;
                message.reactions.clear();
            }
            ChangeKind::React { emoji, present } => {
                let clock = self.reacted_at.entry((target, change.by, emoji.clone())).or_default();
                if deleted || *clock >= change.hlc {
                    return None;
                }
                *clock = change.hlc;
                set_reaction(&mut Arc::make_mut(message).reactions, emoji, change.by, present);
            }
        }
        Some(Arc::clone(message))
    }

    pub(super) fn find(&self, id: EntryId) -> Option<Arc<Message>> {
        self.places.get(&id).and_then(|order| self.messages.get(order)).cloned()
    }

    /// All ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.places.keys().copied()
    }

    /// All messages, oldest first.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.messages.values()
    }

    /// Takes over what was shown early and whose log is still on its way.
    pub(super) fn keep_provisional(&mut self, before: &Self, stands: impl Fn(LogKey, u64) -> bool) {
        for message in before.provisional.iter().filter_map(|id| before.find(*id)) {
            if stands(message.order.log, message.order.seq) {
                self.insert(Message::clone(&message), true);
            }
        }
    }

    pub(super) fn remove(&mut self, id: EntryId) {
        self.provisional.remove(&id);
        if let Some(order) = self.places.remove(&id) {
            self.messages.remove(&order);
        }
    }

    pub(super) fn newest(&self) -> Option<Arc<Message>> {
        self.messages.values().next_back().cloned()
    }

    /// Up to `limit` messages before a place, oldest first, and whether there are more.
    pub(super) fn page(&self, before: Option<Order>, limit: usize) -> (Vec<Arc<Message>>, bool) {
        let mut found: Vec<_> = match before {
            Some(before) => self.messages.range(..before).rev().take(limit + 1).map(|(_, m)| Arc::clone(m)).collect(),
            None => self.messages.values().rev().take(limit + 1).cloned().collect(),
        };
        let more = found.len() > limit;
        found.truncate(limit);
        found.reverse();
        (found, more)
    }

    /// Messages that contain all the words (lower case), newest first.
    pub(super) fn search<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = &'a Arc<Message>> + 'a {
        self.messages.values().rev().filter(move |message| match &message.body {
            MessageBody::Text { text } => {
                let text = text.to_lowercase();
                words.iter().all(|word| text.contains(word))
            }
            _ => false,
        })
    }

    /// The newest messages, newest first.
    pub(super) fn newest_of(&self, limit: usize) -> impl Iterator<Item = &Arc<Message>> {
        self.messages.values().rev().take(limit)
    }
}

fn set_reaction(reactions: &mut Vec<Reaction>, emoji: String, by: DeviceId, present: bool) {
    let at = reactions.iter().position(|reaction| reaction.emoji == emoji);
    match (at.and_then(|at| reactions.get_mut(at)), present) {
        (Some(reaction), true) if !reaction.by.contains(&by) => reaction.by.push(by),
        (Some(reaction), false) => {
            reaction.by.retain(|device| *device != by);
            reactions.retain(|reaction| !reaction.by.is_empty());
        }
        (None, true) => reactions.push(Reaction { emoji, by: vec![by] }),
        _ => {}
    }
}
