//! What events change in the model.

use parlor_node::{
    AccountCommand, Command, CommandError, CommandId, CommandResult, Event, JoinStage, Message, MessageBody, Reply,
    RoomSummary,
};
use parlor_protocol::RoomId;
use std::sync::Arc;

use super::{
    chat::Writing,
    command::{Effect, Notice, Purpose},
    naming,
    state::{Locking, Model, News, history},
};
use crate::words;

/// Characters of a message in a notification.
const NOTICE_CHARS: usize = 160;

impl Model {
    /// Takes in one event.
    pub fn apply(&mut self, mut event: Event) -> Vec<Effect> {
        naming::event(&mut event);
        match event {
            Event::Replied { id, result } => return self.replied(id, result),
            Event::ProfileChanged(profile) => self.profile = Some(profile),
            Event::RoomChanged(summary) => self.room_changed(summary),
            Event::JoinProgress { code, stage } => self.join_progress(&code, stage),
            Event::MessagesAdded { room, messages, live } => return self.messages_added(room, messages, live),
            Event::MessageChanged(message) => self.message_changed(message),
            Event::MessagesGone { room, ids } => {
                self.chat_mut(room).timeline.remove(&ids);
                self.found.messages.iter_mut().for_each(|found| found.retain(|message| !ids.contains(&message.id)));
            }
            Event::RoomGone(room) => self.room_gone(room),
            Event::MembersChanged { room, members } => self.chat_mut(room).members = members,
            Event::TypingSeen { room, author } => {
                let now = self.now_ms;
                self.chat_mut(room).saw_typing(author, now);
            }
            Event::PersonWarned { room, user, name, warning } => self.people.warned(room, user, &name, &warning),
            Event::NearbyChanged(people) => self.people.nearby = people,
            Event::RoomMoved { from, to } if self.open == Some(from) => return vec![Effect::Open(to)],
            Event::RoomMoved { .. } => {}
            Event::PersonChanged(user) => return self.people.changed(user),
            Event::DeviceLinked { label, .. } => return self.device_linked(&label),
            Event::DevicesChanged => return self.devices_changed(),
            Event::AccountChanged(view) => self.account.view = Some(view),
            Event::ConnectionChanged(connection) => self.connection = connection,
            Event::ProblemRaised(problem) => self.problem(problem),
            Event::Lagged { .. } => return self.read_again(),
            Event::Stopped if !self.stopped => {
                self.stopped = true;
                self.toast("Parlor has stopped.", "Close this window and start it again.", true);
            }
            Event::Stopped => {}
        }
        Vec::new()
    }

    fn account_done(&mut self, reply: Reply) {
        match reply {
            Reply::Account(view) => self.account.view = Some(view),
            Reply::Registered(words) => {
                self.account.recovery = Some(words);
                self.account.finish();
            }
            _ => self.account.finish(),
        }
    }

    fn room_changed(&mut self, summary: RoomSummary) {
        let room = summary.room;
        if self.summary(room).is_none_or(|known| known.sync != summary.sync) {
            self.chat_mut(room).timeline.unstall();
        }
        let rooms = self.rooms.get_or_insert_default();
        rooms.retain(|known| known.room != room);
        let at = rooms.partition_point(|known| known.active_at > summary.active_at);
        rooms.insert(at, summary);
    }

    fn room_gone(&mut self, room: RoomId) {
        if let Some(rooms) = &mut self.rooms {
            rooms.retain(|known| known.room != room);
        }
        self.chats.remove(&room);
        if self.open == Some(room) {
            self.open = None;
        }
    }

    fn join_progress(&mut self, code: &parlor_protocol::RoomCode, stage: JoinStage) {
        if let Some(joining) = self.joining.as_mut().filter(|joining| joining.code == *code) {
            joining.stage = stage;
        }
    }

    fn messages_added(&mut self, room: RoomId, messages: Vec<Arc<Message>>, live: bool) -> Vec<Effect> {
        let watched = self.attentive && self.open == Some(room);
        // Strangers make no noise.
        let is_request = self.summary(room).is_none_or(|summary| summary.request);
        if live && self.open == Some(room) {
            self.hear(&messages);
        }
        let chat = self.chat_mut(room);
        for message in &messages {
            chat.stopped_typing(message.author);
        }
        let others = messages.iter().filter(|message| !message.own && !message.hidden && live);
        if !watched && chat.marker.is_none() && chat.timeline.is_loaded() {
            chat.marker = others.clone().map(|message| message.order).min();
        }
        // A burst is one notification, of its newest message.
        let newest = others.filter(|message| matches!(message.body, MessageBody::Text { .. })).max_by_key(|m| m.order);
        let newest = newest.filter(|_| !watched && !is_request).cloned();
        let governs = |message: &Arc<Message>| {
            let body = &message.body;
            matches!(body, MessageBody::RoomChanged { .. } | MessageBody::RoleGiven { .. } | MessageBody::CodesEnded)
        };
        // What is on the room's page is out of date now, if it was ever shown.
        let changed = chat.rules.is_some() && messages.iter().any(governs);
        chat.timeline.add(messages);
        let mut effects = if changed { ask_about(room) } else { Vec::new() };
        effects.extend(newest.map(|message| Effect::Notify(self.notice(&message))));
        effects
    }

    /// What others wrote into the open room; of a burst the newest.
    fn hear(&mut self, messages: &[Arc<Message>]) {
        let others = messages.iter().filter(|message| !message.own && !message.hidden);
        let Some(newest) = others.max_by_key(|message| message.order) else { return };
        let said = words::one_line(newest, NOTICE_CHARS);
        let text = match newest.body {
            MessageBody::Text { .. } => format!("{}: {said}", newest.author_name),
            _ => said,
        };
        let number = self.news.as_ref().map_or(0, |news| news.number + 1);
        self.news = Some(News { number, text });
    }

    fn notice(&self, message: &Message) -> Notice {
        let room = self.summary(message.room).map_or("", |summary| summary.name.as_str());
        let is_direct = self.summary(message.room).is_some_and(|summary| summary.direct.is_some());
        let title = if room.is_empty() || is_direct {
            message.author_name.clone()
        } else {
            format!("{} in {room}", message.author_name)
        };
        Notice { room: message.room, title, body: words::one_line(message, NOTICE_CHARS) }
    }

    fn message_changed(&mut self, message: Arc<Message>) {
        for summary in self.rooms.iter_mut().flatten() {
            if summary.last.as_ref().is_some_and(|last| last.id == message.id) {
                summary.last = Some(Arc::clone(&message));
            }
        }
        for found in self.found.messages.iter_mut().flatten() {
            if found.id == message.id {
                *found = Arc::clone(&message);
            }
        }
        if let Some(chat) = self.chats.get_mut(&message.room) {
            let gone = message.body == MessageBody::Deleted;
            if gone && matches!(chat.draft.writing, Writing::Edit(id) | Writing::Reply(id) if id == message.id) {
                chat.draft.cancel();
            }
            chat.timeline.change(message);
        }
    }

    fn read_again(&mut self) -> Vec<Effect> {
        let mut effects = Self::first_questions();
        let open = self.open;
        // Windows of other rooms may have holes now: they are read when they are opened.
        for (room, chat) in &mut self.chats {
            if Some(*room) != open {
                chat.timeline = super::Timeline::default();
            }
        }
        if let Some(room) = open {
            self.chat_mut(room).timeline.expect_page();
            effects.push(history(room, None));
            effects.push(Effect::ask(parlor_node::Command::Members { room }, Purpose::Members(room)));
        }
        effects
    }

    fn replied(&mut self, id: CommandId, result: CommandResult) -> Vec<Effect> {
        // Other subscribers' questions are answered on the same stream.
        let Some(purpose) = self.waiting.remove(&id) else { return Vec::new() };
        self.answer(purpose, result)
    }

    /// Takes in the answer to a question.
    pub fn answer(&mut self, purpose: Purpose, result: CommandResult) -> Vec<Effect> {
        match result {
            Ok(reply) => self.succeeded(purpose, reply),
            Err(error) => self.failed(purpose, error),
        }
    }

    fn succeeded(&mut self, purpose: Purpose, mut reply: Reply) -> Vec<Effect> {
        naming::reply(&mut reply);
        match (purpose, reply) {
            (_, Reply::Me(profile)) => self.profile = Some(profile),
            (_, Reply::Rooms(rooms)) => self.rooms = Some(rooms),
            (_, Reply::Connection(connection)) => self.connection = connection,
            (Purpose::OpenDirect, Reply::Joined(room)) => return vec![Effect::Open(room)],
            (_, Reply::Nearby(people)) => self.people.nearby = people,
            (Purpose::Person(user), Reply::Person(card)) => self.people.show(user, *card),
            (Purpose::CompareSafety(user), _) => self.people.compared(user, None),
            (Purpose::Account, reply) => self.account_done(reply),
            (Purpose::SignedIn, Reply::AccountDevices(devices)) => {
                self.account.devices = Some(devices);
                self.account.problem = None;
            }
            (Purpose::SignedIn, _) => {
                return vec![Effect::ask(Command::Account(Box::new(AccountCommand::Devices)), Purpose::SignedIn)];
            }
            (purpose @ (Purpose::Devices | Purpose::OfferLink | Purpose::Link), reply) => {
                return self.devices_answered(&purpose, reply);
            }
            (Purpose::LockKind, Reply::Locked(kind)) => self.lock.kind = Some(kind),
            (Purpose::ChangeLock, Reply::Locked(kind)) => {
                self.lock =
                    Locking { kind: Some(kind), serial: self.lock.serial.wrapping_add(1), ..Locking::default() };
                self.toast("The lock was changed.", "", false);
            }
            (Purpose::SetName, _) => self.name_problem = None,
            (Purpose::AddAddress(_), _) => self.address_problem = None,
            (Purpose::Members(room), Reply::Members(members)) => self.chat_mut(room).members = members,
            (Purpose::History { room, before }, Reply::History { messages, more }) => {
                let chat = self.chat_mut(room);
                chat.timeline.take_page(before, messages, more);
                chat.place_marker();
            }
            (Purpose::Code(room), Reply::Code(code)) => self.chat_mut(room).code = Some(code),
            (Purpose::Rules(room), Reply::Rules(rules)) => self.chat_mut(room).rules = Some(rules),
            (Purpose::Codes(room), Reply::Codes(codes)) => self.chat_mut(room).codes = Some(codes),
            (Purpose::Govern(room), _) => {
                self.chat_mut(room).rules_problem = None;
                return ask_about(room);
            }
            (Purpose::Create, Reply::Created { room, code }) => {
                self.creating = false;
                self.chat_mut(room).code = Some(code);
                return vec![Effect::Open(room), Effect::Share(room)];
            }
            (Purpose::Join(code), Reply::Joined(room))
                if self.joining.as_ref().is_some_and(|joining| joining.code == code) =>
            {
                self.joining = None;
                return vec![Effect::Open(room)];
            }
            (Purpose::Search(serial), Reply::Found(messages)) if self.found.serial == serial => {
                self.found.messages = Some(messages);
            }
            _ => {}
        }
        Vec::new()
    }

    fn failed(&mut self, purpose: Purpose, error: CommandError) -> Vec<Effect> {
        let what = words::command_error(&error);
        match purpose {
            // The app stays open, so it can wait for the first machine to be switched on.
            Purpose::Join(code)
                if error == CommandError::NobodyFound
                    && self.joining.as_ref().is_some_and(|joining| joining.code == code) =>
            {
                return vec![Effect::ask(Command::Join(code.clone()), Purpose::Join(code))];
            }
            Purpose::Quiet | Purpose::LockKind => {}
            Purpose::Account => {
                self.account.is_busy = false;
                self.account.problem = Some(what);
            }
            Purpose::SignedIn => self.account.problem = Some(what),
            Purpose::Devices | Purpose::OfferLink | Purpose::Link => self.devices_failed(&purpose, &error),
            Purpose::ChangeLock => {
                self.lock.is_changing = false;
                self.lock.problem = Some(what);
            }
            // The others have it: it must not stand in the composer again.
            _ if matches!(error, CommandError::SentNotSaved { .. }) => {
                self.toast("Sent, but not saved here yet.", what, true);
            }
            Purpose::CompareSafety(user) => self.people.compared(user, Some(what)),
            Purpose::SetName => self.name_problem = Some(what),
            Purpose::AddAddress(_) => self.address_problem = Some(what),
            Purpose::Govern(room) if self.chats.contains_key(&room) => self.chat_mut(room).rules_problem = Some(what),
            // A room that is gone has no page.
            Purpose::Rules(_) | Purpose::Codes(_) if error == CommandError::NoSuchRoom => {}
            Purpose::Create => {
                self.creating = false;
                self.toast("The room was not made.", what, true);
            }
            Purpose::Join(code) => {
                if let Some(joining) = self.joining.as_mut().filter(|joining| joining.code == code) {
                    joining.stage = JoinStage::Failed;
                    joining.error = Some(error);
                }
            }
            Purpose::History { room, .. } => {
                self.chat_mut(room).timeline.miss_page();
                self.toast("Older messages could not be read.", what, true);
            }
            Purpose::Send { room, text, reply_to } => {
                let writing = reply_to.map_or(Writing::New, Writing::Reply);
                self.give_back(room, text, writing, what);
            }
            Purpose::Edit { room, target, text } => self.give_back(room, text, Writing::Edit(target), what),
            Purpose::Search(_) => {
                self.found.messages = Some(Vec::new());
                self.toast("The search failed.", what, true);
            }
            _ => self.toast("That did not work.", what, true),
        }
        Vec::new()
    }

    /// Nothing a person wrote is lost: it stands in the composer again.
    fn give_back(&mut self, room: RoomId, text: String, writing: Writing, problem: String) {
        let draft = &mut self.chat_mut(room).draft;
        if draft.text.is_empty() {
            draft.text = text;
            draft.writing = writing;
        } else {
            draft.text = format!("{text}\n{}", draft.text);
        }
        draft.problem = Some(problem);
    }
}

/// The questions behind a room's page.
pub(crate) fn ask_about(room: RoomId) -> Vec<Effect> {
    vec![
        Effect::ask(Command::Rules { room }, Purpose::Rules(room)),
        Effect::ask(Command::Codes { room }, Purpose::Codes(room)),
        Effect::ask(Command::Members { room }, Purpose::Members(room)),
    ]
}
