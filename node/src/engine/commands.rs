//! Commands: what a person asks, checked and handed to its concern.

use parlor_protocol::{
    EntryId, Role, RoomId,
    content::{Body, Emoji},
    epoch::RoomKind,
    error::TextError,
    looks_like_id,
    signal::SignalKind,
};

use super::{Engine, doors::Wish, io::CallId};
use crate::{
    command::{Command, Reply},
    error::CommandError,
    event::{Event, MessageBody, Order},
    store::Mark,
};

/// Most messages in one answer.
const ANSWER_MAX: usize = 1000;
/// Questions that may wait for a room to be read; more are answered with what is there.
const EARLY_MAX: usize = 64;

/// A question about a room, asked before the room was read from the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlyQuestion {
    pub(super) call: CallId,
    about: About,
}

/// What must be answered from all of a room.
#[derive(Clone, Copy, Debug)]
enum About {
    History {
        before: Option<Order>,
        limit: usize,
    },
    /// A code that works; one that was ended stands in the room's logs.
    Code,
    Codes,
}

impl Engine {
    pub(super) fn on_command(&mut self, call: CallId, command: Command) {
        if self.is_for_two(&command) {
            return self.fail(call, CommandError::OnlyForTwo);
        }
        if command.given_name().is_some_and(|name| looks_like_id(name.as_str())) {
            let what = format!("the name cannot be used: {}", TextError::LooksLikeId);
            return self.fail(call, CommandError::Invalid { what });
        }
        match command {
            Command::SetName(name) => self.set_name(call, name.as_str()),
            Command::Me => self.reply(Some(call), Ok(Reply::Me(self.profile()))),
            Command::CreateRoom { name, history } => self.create_room(call, name, history),
            Command::MakeCode { room, lifetime, uses, members_only } => {
                let lifetime_ms = lifetime.map(|lifetime| u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
                self.make_code(call, room, Wish { lifetime_ms, uses, members_only });
            }
            Command::Code { room } => self.answer_when_read(EarlyQuestion { call, about: About::Code }, room),
            Command::Join(code) => self.join(call, code),
            Command::CancelJoin(code) => {
                self.cancel_join(&code);
                self.reply(Some(call), Ok(Reply::Done));
            }
            Command::Send { room, text, reply_to } => {
                self.send(call, room, text, reply_to);
                self.knock_soon(room);
            }
            Command::Edit { room, target, text } => self.change_own(call, room, target, Body::Edit { target, text }),
            Command::Delete { room, target } => self.change_own(call, room, target, Body::Delete { target }),
            Command::React { room, target, emoji, present } => self.react(call, room, target, emoji, present),
            Command::MarkRead { room } => self.mark_read(call, room),
            Command::Typing { room } => {
                self.signal(room, SignalKind::Typing);
                self.reply(Some(call), Ok(Reply::Done));
            }
            Command::Rooms => {
                let rooms = self.summaries();
                self.reply(Some(call), Ok(Reply::Rooms(rooms)));
            }
            Command::Members { room } => {
                let members = self.members(room).ok_or(CommandError::NoSuchRoom);
                self.reply(Some(call), members.map(Reply::Members));
            }
            Command::History { room, before, limit } => {
                let about = About::History { before, limit: limit.clamp(1, ANSWER_MAX) };
                self.answer_when_read(EarlyQuestion { call, about }, room);
            }
            Command::Search { room, words, limit } => {
                let found = self.search(room, &words, limit.clamp(1, ANSWER_MAX));
                self.reply(Some(call), found);
            }
            Command::Connection => {
                let connection = self.connection();
                self.reply(Some(call), Ok(Reply::Connection(connection)));
            }
            Command::OpenDirect { user } => self.open_direct(call, user),
            Command::AnswerRequest { room, answer } => self.answer_request(call, room, answer),
            Command::Nearby => {
                let people = self.nearby();
                self.reply(Some(call), Ok(Reply::Nearby(people)));
            }
            Command::SetVisible(visible) => self.set_visible(call, visible),
            Command::People => self.answer_people(call),
            Command::Person { user } => self.answer_person(call, user),
            Command::Verify { user, verified } => self.verify_person(call, user, verified),
            Command::CompareSafety { user, text } => self.compare_safety(call, user, &text),
            Command::Block { user, blocked } => {
                self.decide(call, user, |record, at| record.blocked = Mark { is_set: blocked, at });
            }
            Command::AddAddress(address) => self.check_address(call, address),
            Command::UseArchive { archive, uses } => self.use_archive(call, archive, uses),
            Command::RemovePerson { room, user } => self.remove_person(call, room, user),
            Command::RemoveDevice { room, device } => self.remove_device(call, room, device),
            Command::SetRole { room, user, role } => self.set_role(call, room, user, role),
            Command::ChangeRoom { room, change } => self.change_room(call, room, change),
            Command::Rules { room } => {
                let rules = self.rules_shown(room).ok_or(CommandError::NoSuchRoom);
                self.reply(Some(call), rules.map(Reply::Rules));
            }
            Command::Codes { room } => self.answer_when_read(EarlyQuestion { call, about: About::Codes }, room),
            Command::RevokeCode { room, locator } => self.revoke_code(call, room, locator),
            Command::RotateCodes { room } => self.rotate_codes(call, room),
            Command::Mute { room, user, lasts } => self.mute(call, room, user, lasts),
            Command::LeaveRoom { room } => self.leave_room(call, room),
            Command::DissolveRoom { room } => self.dissolve(call, room),
            Command::ForgetRoom { room } => self.forget_over(call, room),
            Command::RemoveAddress(address) => {
                self.remove_address(address);
                self.reply(Some(call), Ok(Reply::Done));
            }
            Command::Account(command) => self.on_account_command(call, *command),
            Command::Device(command) => self.on_device_command(call, *command),
            Command::LockKind => self.ask_lock(call, None),
            Command::ChangeLock(change) => self.ask_lock(call, Some(change)),
        }
    }

    /// Whether a command would govern a room of two, in which neither is above the other.
    fn is_for_two(&self, command: &Command) -> bool {
        let (Command::RemovePerson { room, .. }
        | Command::SetRole { room, .. }
        | Command::Mute { room, .. }
        | Command::RotateCodes { room }
        | Command::DissolveRoom { room }) = command
        else {
            return false;
        };
        self.rooms.get(room).is_some_and(|room| matches!(room.kind, RoomKind::Direct(_)))
    }

    fn set_name(&mut self, call: CallId, name: &str) {
        if self.identity.name == name {
            self.reply(Some(call), Ok(Reply::Done));
            return;
        }
        name.clone_into(&mut self.identity.name);
        let identity = Box::new(self.identity.clone());
        let pending = super::writing::Pending::answering(Some(call), Reply::Done);
        self.write(vec![crate::store::Write::PutIdentity(identity)], pending);
        let profile = self.profile();
        self.event(Event::ProfileChanged(profile));
        self.greet_everybody();
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        self.touch_vault();
        rooms.into_iter().for_each(|room| self.tell_profile(room));
    }

    fn change_own(&mut self, call: CallId, room_id: RoomId, target: EntryId, body: Body) {
        let Some(room) = self.rooms.get(&room_id) else {
            self.reply(Some(call), Err(CommandError::NoSuchRoom));
            return;
        };
        let is_delete = matches!(body, Body::Delete { .. });
        let moderates = room.membership.role(self.user_id_in(room_id)) >= Role::Moderator;
        let refusal = match room.timeline.find(target) {
            None => Some(CommandError::NoSuchMessage),
            Some(message) if !(message.own || is_delete && moderates) => Some(CommandError::NotYours),
            Some(message) if !matches!(message.body, MessageBody::Text { .. }) => Some(CommandError::NoSuchMessage),
            Some(_) => None,
        };
        match refusal {
            Some(error) => self.reply(Some(call), Err(error)),
            None => self.write_contents(room_id, vec![body], Some(call), |_| Reply::Done),
        }
    }

    fn react(&mut self, call: CallId, room: RoomId, target: EntryId, emoji: String, present: bool) {
        if let Err(error) = self.may_write(room) {
            return self.fail(call, error);
        }
        if !self.rooms.get(&room).is_some_and(|room| room.timeline.contains(target)) {
            self.reply(Some(call), Err(CommandError::NoSuchMessage));
            return;
        }
        match Emoji::try_from(emoji) {
            Ok(emoji) => {
                let body = Body::Reaction { target, emoji, present };
                self.write_contents(room, vec![body], Some(call), |_| Reply::Done);
            }
            Err(error) => self.reply(Some(call), Err(CommandError::Invalid { what: format!("not an emoji: {error}") })),
        }
    }

    fn mark_read(&mut self, call: CallId, room_id: RoomId) {
        let Some(room) = self.rooms.get_mut(&room_id) else {
            self.reply(Some(call), Err(CommandError::NoSuchRoom));
            return;
        };
        if room.record.unread > 0 {
            room.record.unread = 0;
            room.summary_changed = true;
            self.save_room_now(room_id);
        }
        self.reply(Some(call), Ok(Reply::Done));
    }

    /// Answers, or waits until the room has been read: what is there before has holes.
    pub(super) fn answer_when_read(&mut self, question: EarlyQuestion, room_id: RoomId) {
        let unread = self.rooms.get_mut(&room_id).filter(|room| !room.is_loaded);
        if let Some(room) = unread.filter(|room| room.early.len() < EARLY_MAX) {
            room.early.push(question);
            return;
        }
        let call = question.call;
        match question.about {
            About::History { before, limit } => {
                let history = self.history(room_id, before, limit);
                self.reply(Some(call), history);
            }
            About::Code => self.show_code(call, room_id),
            About::Codes => {
                let codes = self.codes(room_id).ok_or(CommandError::NoSuchRoom);
                self.reply(Some(call), codes.map(Reply::Codes));
            }
        }
    }

    fn history(&mut self, room_id: RoomId, before: Option<Order>, limit: usize) -> crate::CommandResult {
        let me = self.me();
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        let (messages, more) = room.timeline.page(before, limit);
        let incomplete = !room.is_loaded || room.logs.total() < room.known_total();
        let messages = messages.iter().map(|message| room.dressed(message, me)).collect();
        Ok(Reply::History { messages, more: more || incomplete })
    }

    fn search(&mut self, only: Option<RoomId>, words: &str, limit: usize) -> crate::CommandResult {
        let me = self.me();
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        if only.is_some_and(|room| !self.rooms.contains_key(&room)) {
            return Err(CommandError::NoSuchRoom);
        }
        if words.is_empty() {
            return Err(CommandError::Invalid { what: "type at least one word to search for".into() });
        }
        let rooms = self.rooms.values().filter(|room| only.is_none_or(|only| only == room.id()));
        let mut found: Vec<_> = rooms
            .flat_map(|room| room.timeline.search(&words).take(limit).map(|message| room.dressed(message, me)))
            .collect();
        found.sort_by_key(|message| std::cmp::Reverse(message.order));
        found.truncate(limit);
        Ok(Reply::Found(found))
    }

    fn check_address(&mut self, call: CallId, address: String) {
        let address = address.trim().to_owned();
        let plausible = !address.is_empty()
            && address.len() <= 256
            && address.chars().all(|c| !c.is_whitespace() && !c.is_control());
        if plausible {
            self.add_address(address);
            self.reply(Some(call), Ok(Reply::Done));
        } else {
            let what = "an address looks like 192.168.1.20, desk.local:47801 or /ip4/192.168.1.20/tcp/47801";
            self.reply(Some(call), Err(CommandError::Invalid { what: what.into() }));
        }
    }
}
