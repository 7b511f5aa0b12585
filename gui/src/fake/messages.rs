//! Messages: what is said in a room, and reading it again.

use parlor_node::{CommandError, CommandResult, Delivery, Event, Message, MessageBody, Order, Reaction, Reply};
use parlor_protocol::{DeviceId, EntryId, Hlc, LogId, LogKey, RoomId};
use std::sync::Arc;

use super::{Fake, id32};

impl Fake {
    /// A message, not yet in any room.
    #[must_use]
    pub fn message(&self, room: RoomId, author: DeviceId, body: MessageBody, at: u64) -> Message {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        let seq = state.next;
        let own = author == state.me;
        let members = state.rooms.iter().find(|known| known.summary.room == room).map(|room| room.members.as_slice());
        let name = members.unwrap_or_default().iter().find(|member| member.device == author);
        Message {
            id: EntryId::from_bytes(id32(seq)),
            room,
            order: Order { hlc: Hlc::at(at), log: LogKey { author, log: LogId(1) }, seq },
            author,
            author_name: name.map_or_else(|| author.short(), |member| member.name.clone()),
            user: name.and_then(|member| member.user),
            verified: name.is_some_and(|member| member.verified),
            hidden: name.is_some_and(|member| member.blocked),
            warning: None,
            own,
            at,
            body,
            reply_to: None,
            edited: false,
            reactions: Vec::new(),
            delivery: Delivery { stored: true, reached: 0, of: 0, archived: false },
        }
    }

    /// A text in a room's history.
    pub fn says(&self, room: RoomId, author: DeviceId, text: &str, at: u64) -> EntryId {
        let message = self.message(room, author, MessageBody::Text { text: text.to_owned() }, at);
        self.put(message)
    }

    /// Puts a message into its room's history without telling anybody.
    pub fn put(&self, message: Message) -> EntryId {
        let id = message.id;
        let mut state = self.0.borrow_mut();
        if let Some(room) = state.rooms.iter_mut().find(|room| room.summary.room == message.room) {
            room.summary.active_at = room.summary.active_at.max(message.at);
            room.messages.push(Arc::new(message));
            let newest = room.messages.len().checked_sub(2).and_then(|from| room.messages.get(from..));
            if newest.is_some_and(|newest| !newest.is_sorted_by_key(|message| message.order)) {
                room.messages.sort_by_key(|message| message.order);
            }
            room.summary.last = room.messages.last().cloned();
        }
        id
    }

    /// Changes a message of the history without telling anybody.
    pub fn change(&self, id: EntryId, change: impl FnOnce(&mut Message)) -> Option<Arc<Message>> {
        let mut state = self.0.borrow_mut();
        let messages = state.rooms.iter_mut().flat_map(|room| &mut room.messages);
        let slot = messages.into_iter().find(|message| message.id == id)?;
        change(Arc::make_mut(slot));
        Some(Arc::clone(slot))
    }

    /// A live message of someone: it is in the history, and the app is told.
    pub fn arrives(&self, room: RoomId, author: DeviceId, text: &str, at: u64) -> EntryId {
        let message = self.message(room, author, MessageBody::Text { text: text.to_owned() }, at);
        let id = self.put(message.clone());
        self.tell(Event::MessagesAdded { room, messages: vec![Arc::new(message)], live: true });
        id
    }

    pub(super) fn send(&self, room: RoomId, text: &str, reply_to: Option<EntryId>) -> EntryId {
        let mut message =
            self.message(room, self.me(), MessageBody::Text { text: text.to_owned() }, self.latest() + 1_000);
        message.reply_to = reply_to;
        let others = self.summary(room).map_or(0, |summary| summary.members.saturating_sub(1));
        message.delivery.of = u32::try_from(others).unwrap_or(u32::MAX);
        let id = self.put(message.clone());
        self.tell(Event::MessagesAdded { room, messages: vec![Arc::new(message)], live: true });
        self.tell_summary(room);
        id
    }

    pub(super) fn changed(&self, target: EntryId, change: impl FnOnce(&mut Message)) -> CommandResult {
        let message = self.change(target, change).ok_or(CommandError::NoSuchMessage)?;
        self.tell(Event::MessageChanged(message));
        Ok(Reply::Done)
    }

    pub(super) fn history(&self, room: RoomId, before: Option<Order>, limit: usize) -> Reply {
        let state = self.0.borrow();
        let Some(room) = state.rooms.iter().find(|known| known.summary.room == room) else {
            return Reply::History { messages: Vec::new(), more: false };
        };
        let end = before.map_or(room.messages.len(), |before| room.messages.partition_point(|m| m.order < before));
        let start = end.saturating_sub(limit);
        let messages = room.messages.get(start..end).unwrap_or_default().to_vec();
        Reply::History { messages, more: start > 0 || room.more }
    }

    pub(super) fn search(&self, words: &str, limit: usize) -> Reply {
        let words: Vec<_> = words.split_whitespace().map(str::to_lowercase).collect();
        let state = self.0.borrow();
        let fits = |message: &&Arc<Message>| match &message.body {
            MessageBody::Text { text } => {
                let text = text.to_lowercase();
                words.iter().all(|word| text.contains(word))
            }
            _ => false,
        };
        let mut found: Vec<_> = state.rooms.iter().flat_map(|room| &room.messages).filter(fits).cloned().collect();
        found.sort_by_key(|message| std::cmp::Reverse(message.order));
        found.truncate(limit);
        Reply::Found(found)
    }
}

pub(super) fn react(message: &mut Message, who: DeviceId, emoji: String, present: bool) {
    match message.reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
        Some(reaction) => {
            reaction.by.retain(|device| *device != who);
            if present {
                reaction.by.push(who);
            }
        }
        None if present => message.reactions.push(Reaction { emoji, by: vec![who] }),
        None => {}
    }
    message.reactions.retain(|reaction| !reaction.by.is_empty());
}
