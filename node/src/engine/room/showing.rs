//! How a room's entries are shown as messages, early ones from a tail too.

use parlor_protocol::{
    DeviceId, EntryId, LogKey, UserId,
    content::Body,
    entry::{Entry, Kind, Verified},
    session::OpeningSession,
};
use std::{collections::BTreeMap, sync::Arc};

use super::{Effects, Room, Viewer, When};
use crate::event::{Delivery, Message, MessageBody, Order, Warning};

/// Lines about people without a name that are remembered, to be told anew.
const NAMELESS_MAX: usize = 1_024;

/// The person that a line is about besides its author, and the name that it says.
const fn subject(body: &MessageBody) -> Option<(UserId, &String)> {
    match body {
        MessageBody::Removed { user, name, .. }
        | MessageBody::RoleGiven { user, name, .. }
        | MessageBody::Muted { user, name, .. } => Some((*user, name)),
        _ => None,
    }
}

impl Room {
    /// Shows entries from a tail before their logs are complete.
    pub(in crate::engine) fn preview(
        &mut self,
        entries: &[Verified<Entry>],
        openers: &[Verified<Entry>],
        viewer: Viewer<'_>,
    ) -> Effects {
        let mut sessions: BTreeMap<(LogKey, u64), OpeningSession> = BTreeMap::new();
        let mut effects = Effects::default();
        for entry in openers.iter().chain(entries) {
            let header = entry.header();
            let Some(secrets) = self.membership.secrets(header.epoch) else { continue };
            if header.kind == Kind::Content
                && header.session == header.seq
                && let Ok(session) = OpeningSession::accept(secrets, entry)
            {
                sessions.insert((entry.log_key(), header.seq), session);
            }
        }
        for (entry, shown) in openers.iter().map(|e| (e, false)).chain(entries.iter().map(|e| (e, true))) {
            let Some(session) = sessions.get(&(entry.log_key(), entry.header().session)) else { continue };
            let Ok(content) = session.open(entry) else { continue };
            if !self.membership.may_show_early(entry) {
                continue;
            }
            let when = When { hlc: content.hlc, shown_at: content.shown_at(viewer.wall) };
            // What is held was judged with all of its log before it.
            let is_held = self.logs.height(entry.log_key()).next > entry.header().seq;
            if self.has_vanished(entry, &content, viewer) {
                continue;
            }
            match content.body {
                Body::Profile { name, card, prekey } => {
                    let (author, user) = (entry.header().author, card.user);
                    if self.membership.known(author).is_none() {
                        self.learn_profile(author, name.as_str(), card, prekey, content.hlc, viewer);
                        self.name_lines(user, &mut effects);
                        effects.members_changed = true;
                    }
                }
                Body::Text { text, reply_to, .. }
                    if shown && !is_held && !self.hides(entry.header().epoch, content.hlc) =>
                {
                    let body = MessageBody::Text { text: text.to_string() };
                    let message = self.message(entry, when, body, viewer);
                    let message = Message { reply_to, ..message };
                    effects.added.extend(self.timeline.insert(message, true));
                }
                _ => {}
            }
        }
        effects
    }

    pub(super) fn show(
        &mut self,
        entry: &Verified<Entry>,
        when: When,
        body: MessageBody,
        reply_to: Option<EntryId>,
        viewer: Viewer<'_>,
        effects: &mut Effects,
    ) {
        if self.hides(entry.header().epoch, when.hlc) {
            return;
        }
        let about = subject(&body).filter(|(user, _)| !self.membership.has_name(*user));
        if let Some((user, _)) = about.filter(|_| self.nameless.len() < NAMELESS_MAX) {
            self.nameless.insert((user, entry.id()));
        }
        let message = Message { reply_to, ..self.message(entry, when, body, viewer) };
        effects.added.extend(self.timeline.insert(message, false));
        self.summary_changed = true;
    }

    /// A person's name is known now: lines that told of them by an id are told anew.
    pub(super) fn name_lines(&mut self, user: UserId, effects: &mut Effects) {
        if !self.nameless.is_empty() && self.membership.has_name(user) {
            let is_named = |(of, entry): &(UserId, EntryId)| (*of == user).then_some(*entry);
            effects.changed.extend(self.nameless.iter().filter_map(is_named));
            self.nameless.retain(|(of, _)| *of != user);
        }
    }

    /// A line with the name of the person that it is about, where that was not known yet when it came: a log
    /// may come before that of who is named in it.
    fn named(&self, body: &MessageBody) -> Option<MessageBody> {
        let (user, name) = subject(body)?;
        if *name != user.short() || !self.membership.has_name(user) {
            return None;
        }
        let mut body = body.clone();
        if let MessageBody::Removed { name, .. }
        | MessageBody::RoleGiven { name, .. }
        | MessageBody::Muted { name, .. } = &mut body
        {
            *name = self.membership.name_of_user(user);
        }
        Some(body)
    }

    pub(super) fn message(
        &self,
        entry: &Verified<Entry>,
        when: When,
        body: MessageBody,
        viewer: Viewer<'_>,
    ) -> Message {
        let header = entry.header();
        let member = self.membership.members.get(&header.author);
        Message {
            id: entry.id(),
            room: self.id(),
            order: Order { hlc: when.hlc, log: entry.log_key(), seq: header.seq },
            author: header.author,
            author_name: self.name_of(header.author),
            user: member.map(|member| member.card.user),
            verified: member.is_some_and(|member| member.verified),
            hidden: member.is_some_and(|member| member.blocked),
            warning: None,
            own: header.author == viewer.me,
            at: when.shown_at,
            body,
            reply_to: None,
            edited: false,
            reactions: Vec::new(),
            delivery: Delivery::default(),
        }
    }

    /// A message as it is told: with what is known of its author now, and how far it got.
    pub(in crate::engine) fn dressed(&self, message: &Arc<Message>, me: DeviceId) -> Arc<Message> {
        let named = self.named(&message.body).map(|body| Arc::new(Message { body, ..Message::clone(message) }));
        let message = named.as_ref().unwrap_or(message);
        let member = self.membership.known(message.author);
        let Some(member) = member else { return Arc::clone(message) };
        let is_further = || message.body == MessageBody::Joined && self.is_further_device(message.author, member);
        let user = Some(member.card.user);
        let is_mine = self.membership.known(me).is_some_and(|own| Some(own.card.user) == user);
        let further = if is_mine { Warning::OwnDevice } else { Warning::NewDevice };
        // A device needs no warning of itself.
        let warning = self.looks_like(message.author).or_else(|| (!message.own && is_further()).then_some(further));
        let is_as_it_was = message.author_name == member.name
            && (message.user, message.verified, message.hidden) == (user, member.verified, member.blocked)
            && message.warning == warning;
        if is_as_it_was && !message.own {
            return Arc::clone(message);
        }
        let mut dressed = Message::clone(message);
        dressed.author_name.clone_from(&member.name);
        (dressed.user, dressed.verified, dressed.hidden) = (user, member.verified, member.blocked);
        dressed.warning = warning;
        if message.own {
            dressed.delivery = self.delivery(&message.order, me);
        }
        Arc::new(dressed)
    }

    pub(super) fn delivery(&self, order: &Order, me: DeviceId) -> Delivery {
        let current = order.log == self.own_log(me);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let others = self.membership.members.keys().filter(|device| **device != me);
        let reached =
            others.filter(|device| !current || self.received.get(device).is_some_and(|next| *next > order.seq));
        Delivery {
            stored: self.logs.get(order.log).is_some_and(|log| log.durable > order.seq),
            reached: count(reached.count()),
            of: count(self.membership.others(me)),
            archived: !current || self.record.archived > order.seq,
        }
    }
}
