//! What the app keeps for one room: its timeline, its members, who types, the draft.

use parlor_node::{CodeInfo, Member, Message, MessageBody, Order, RoomRulesShown};
use parlor_protocol::{DeviceId, EntryId, Role, RoomCode};
use std::sync::Arc;

use super::Timeline;

/// How long "is typing" stays, in milliseconds.
pub(super) const TYPING_SHOWN_MS: u64 = 4_000;
/// One's own typing is told at most this often, in milliseconds.
pub(super) const TYPING_TOLD_MS: u64 = 2_000;

/// Messages that are looked at for whether all were sent.
const NEWEST: usize = 50;

/// What the composer is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// A new message.
    #[default]
    New,
    /// An answer to a message.
    Reply(EntryId),
    /// Another text for an own message.
    Edit(EntryId),
}

/// A text not yet sent. Every room has its own.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The text.
    pub text: String,
    /// What it is for.
    pub writing: Writing,
    /// The new message that was set aside while an old one is edited.
    pub aside: String,
    /// What is wrong with it, with the remedy.
    pub problem: Option<String>,
}

impl Draft {
    /// Answers a message from now on.
    pub fn reply(&mut self, to: EntryId) {
        self.leave_edit();
        self.writing = Writing::Reply(to);
    }

    /// Edits a message from now on; what was written so far is set aside.
    pub fn edit(&mut self, message: EntryId, text: &str) {
        self.leave_edit();
        self.aside = std::mem::replace(&mut self.text, text.to_owned());
        self.writing = Writing::Edit(message);
    }

    /// Back to a new message.
    pub fn cancel(&mut self) {
        self.leave_edit();
        self.writing = Writing::New;
        self.problem = None;
    }

    fn leave_edit(&mut self) {
        if matches!(self.writing, Writing::Edit(_)) {
            self.text = std::mem::take(&mut self.aside);
        }
    }
}

/// One room as far as it is loaded.
#[derive(Debug, Default)]
pub struct Chat {
    /// The messages.
    pub timeline: Timeline,
    /// The members, oldest first.
    pub members: Vec<Member>,
    /// What is being written.
    pub draft: Draft,
    /// The newest code, once asked for.
    pub code: Option<RoomCode>,
    /// The rules, once asked for.
    pub rules: Option<RoomRulesShown>,
    /// All codes, once asked for.
    pub codes: Option<Vec<CodeInfo>>,
    /// Why a change of the room did not work.
    pub rules_problem: Option<String>,
    /// The first message not seen when the room was opened or left.
    pub marker: Option<Order>,
    /// Unread messages whose first one is still to be found once the page is here.
    pub(super) mark_unread: u64,
    /// The message that was the newest when the room was last marked as read.
    pub(super) marked: Option<EntryId>,
    pub(super) typing: Vec<(DeviceId, u64)>,
    pub(super) told_typing: Option<u64>,
}

impl Chat {
    /// Whether nothing is being written here, and the newest own messages are with others.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let is_written = self.draft.text.trim().is_empty() && self.draft.aside.trim().is_empty();
        let newest = self.timeline.items().iter().rev().take(NEWEST).map(|item| &item.message);
        is_written && newest.filter(|message| message.own).all(|message| has_left(message))
    }

    /// The names of those who type now.
    #[must_use]
    pub fn typing_names(&self, now_ms: u64) -> Vec<&str> {
        let typing = self.typing.iter().filter(|(_, until)| *until > now_ms);
        typing.filter_map(|(device, _)| self.member_name(*device)).collect()
    }

    /// When the next "is typing" goes out of date.
    #[must_use]
    pub fn typing_until(&self, now_ms: u64) -> Option<u64> {
        self.typing.iter().map(|(_, until)| *until).filter(|until| *until > now_ms).min()
    }

    /// A member's name.
    #[must_use]
    pub fn member_name(&self, device: DeviceId) -> Option<&str> {
        self.members.iter().find(|member| member.device == device).map(|member| member.name.as_str())
    }

    /// What this person may do in the room.
    #[must_use]
    pub fn own_role(&self) -> Role {
        self.own().map_or(Role::Reader, |member| member.role)
    }

    /// This device as a member; absent until the members are known.
    #[must_use]
    pub fn own(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.own)
    }

    /// The own message that the up arrow edits: the newest one with a text.
    #[must_use]
    pub fn last_own(&self) -> Option<&Arc<Message>> {
        let texts = self.timeline.items().iter().rev().map(|item| &item.message);
        texts.take(50).find(|message| message.own && matches!(message.body, MessageBody::Text { .. }))
    }

    pub(super) fn place_marker(&mut self) {
        let wanted = std::mem::take(&mut self.mark_unread);
        if wanted == 0 || self.marker.is_some() {
            return;
        }
        let others = self.timeline.items().iter().rev().map(|item| &item.message).filter(|message| !message.own);
        self.marker = others.take(usize::try_from(wanted).unwrap_or(usize::MAX)).last().map(|message| message.order);
    }

    pub(super) fn saw_typing(&mut self, author: DeviceId, now_ms: u64) {
        self.typing.retain(|(device, until)| *device != author && *until > now_ms);
        self.typing.push((author, now_ms.saturating_add(TYPING_SHOWN_MS)));
    }

    pub(super) fn stopped_typing(&mut self, author: DeviceId) {
        self.typing.retain(|(device, _)| *device != author);
    }
}

/// Whether somebody else has an own message, or nobody else is there to have it.
fn has_left(message: &Message) -> bool {
    let delivery = message.delivery;
    delivery.archived || delivery.reached > 0 || (delivery.stored && delivery.of == 0)
}
