//! The model itself, and what people's actions change in it.

use parlor_node::{
    AccountCommand, AccountDevice, AccountView, Command, CommandError, CommandId, Connection, JoinStage, Message, Peer,
    Problem, Profile, RecoveryWords, RoomSummary, store::LockKind,
};
use parlor_protocol::{Role, RoomCode, RoomId, Text, error::TextError};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    chat::{Chat, TYPING_TOLD_MS, Writing},
    command::{Ask, Effect, Purpose},
    devices::Devices,
    people::People,
};
use crate::words;

/// Messages read at once: more than two tall screens.
pub(super) const PAGE: usize = 100;
/// Most messages read at once.
const PAGE_MAX: usize = 1_000;
/// Search results shown.
const FOUND_MAX: usize = 200;
/// Messages to the person kept at once; older ones give way.
const TOASTS_MAX: usize = 4;
/// How long a message to the person stays, in milliseconds.
const TOAST_MS: u64 = 9_000;

/// A join under way.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The code.
    pub code: RoomCode,
    /// Where it stands.
    pub stage: JoinStage,
    /// Why it failed.
    pub error: Option<CommandError>,
}

/// The results of a search.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The words searched for.
    pub words: String,
    /// The messages, newest first; absent while searching.
    pub messages: Option<Vec<Arc<Message>>>,
    pub(super) serial: u64,
}

/// A short message to the person.
#[derive(Clone, Debug)]
pub struct Toast {
    /// Tells toasts apart.
    pub id: u64,
    /// What happened.
    pub what: String,
    /// What to do about it; empty when nothing.
    pub remedy: String,
    /// Whether it tells of a failure.
    pub bad: bool,
    /// When it goes, in milliseconds since 1970.
    pub until: u64,
}

/// What the app knows of the profile's lock.
#[derive(Debug, Default)]
pub struct Locking {
    /// How it is locked, once known.
    pub kind: Option<LockKind>,
    /// A change is under way.
    pub is_changing: bool,
    /// What was wrong with the last change.
    pub problem: Option<String>,
    /// Counts the changes that were carried out.
    pub serial: u64,
}

/// What the app knows of the account.
#[derive(Debug, Default)]
pub struct Account {
    /// How it stands, once known.
    pub view: Option<AccountView>,
    /// Something about it is under way.
    pub is_busy: bool,
    /// What was wrong with the last try.
    pub problem: Option<String>,
    /// The recovery key of an account that was just made, until it was written down.
    pub recovery: Option<RecoveryWords>,
    /// Where it is signed in, once that was asked.
    pub devices: Option<Vec<AccountDevice>>,
    /// Counts what was carried out.
    pub serial: u64,
}

impl Account {
    /// What was asked is done.
    pub fn finish(&mut self) {
        self.is_busy = false;
        self.problem = None;
        self.serial += 1;
    }
}

/// What just came into the open room, for screen readers to say.
#[derive(Clone, Debug)]
pub struct News {
    /// Tells two that say the same apart.
    pub number: u64,
    /// What they say.
    pub text: String,
}

/// All the app knows.
#[derive(Debug, Default)]
pub struct Model {
    /// Who this device is, once known.
    pub profile: Option<Profile>,
    /// The rooms, newest activity first; absent until read.
    pub rooms: Option<Vec<RoomSummary>>,
    /// The room on the screen.
    pub open: Option<RoomId>,
    /// How the node is connected.
    pub connection: Connection,
    /// A join under way.
    pub joining: Option<Joining>,
    /// The last search.
    pub found: Found,
    /// What came into the open room last.
    pub news: Option<News>,
    /// Messages to the person.
    pub toasts: VecDeque<Toast>,
    /// The person being looked at, and warnings about people.
    pub people: People,
    /// What is wrong with the name being set.
    pub name_problem: Option<String>,
    /// What is wrong with the address being added.
    pub address_problem: Option<String>,
    /// The profile's lock.
    pub lock: Locking,
    /// The account.
    pub account: Account,
    /// The person's own devices.
    pub devices: Devices,
    /// A room is being made.
    pub creating: bool,
    /// The node has stopped.
    pub stopped: bool,
    /// Milliseconds since 1970, set before each frame.
    pub now_ms: u64,
    pub(super) chats: HashMap<RoomId, Chat>,
    pub(super) waiting: HashMap<CommandId, Purpose>,
    pub(super) attentive: bool,
    pub(super) toasted: u64,
}

impl Model {
    /// What to ask at start.
    #[must_use]
    pub fn first_questions() -> Vec<Effect> {
        vec![
            Effect::ask(Command::Me, Purpose::Me),
            Effect::ask(Command::Rooms, Purpose::Rooms),
            Effect::ask(Command::Connection, Purpose::Connection),
            Effect::ask(Command::Nearby, Purpose::Nearby),
            Effect::ask(Command::LockKind, Purpose::LockKind),
            Effect::ask(Command::Account(Box::new(AccountCommand::Status)), Purpose::Account),
        ]
    }

    /// The archives that are connected.
    #[must_use]
    pub fn archives(&self) -> Vec<&Peer> {
        self.connection.peers.iter().filter(|peer| peer.archive).collect()
    }

    /// The open room's chat.
    #[must_use]
    pub fn open_chat(&self) -> Option<&Chat> {
        self.open.and_then(|room| self.chats.get(&room))
    }

    /// A room's chat, if it was opened before.
    #[must_use]
    pub fn chat(&self, room: RoomId) -> Option<&Chat> {
        self.chats.get(&room)
    }

    /// A room's chat to change, made when there is none.
    pub fn chat_mut(&mut self, room: RoomId) -> &mut Chat {
        self.chats.entry(room).or_default()
    }

    /// A room's line in the list.
    #[must_use]
    pub fn summary(&self, room: RoomId) -> Option<&RoomSummary> {
        self.rooms.iter().flatten().find(|summary| summary.room == room)
    }

    /// Why this person cannot write in a room, if so.
    #[must_use]
    pub fn why_not_write(&self, room: RoomId) -> Option<String> {
        let summary = self.summary(room)?;
        if summary.standing.is_over() {
            return words::standing(&summary.standing);
        }
        let reads = self.chat(room).and_then(Chat::own).is_some_and(|own| own.role == Role::Reader);
        reads.then(|| "In this room you can only read. Owners of the room can change that.".to_owned())
    }

    /// Unread messages in all rooms.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.rooms.iter().flatten().map(|room| room.unread).sum()
    }

    /// Whether nothing is being written, asked or joined, and the newest own messages are with others.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.joining.is_none() && !self.creating && self.chats.values().all(Chat::is_at_rest)
    }

    /// A command was given for a purpose.
    pub fn expect(&mut self, id: CommandId, purpose: Purpose) {
        self.waiting.insert(id, purpose);
    }

    /// Shows a room and reads what is missing of it.
    pub fn open_room(&mut self, room: RoomId) -> Vec<Effect> {
        if self.open != Some(room) {
            self.close_room();
        }
        self.open = Some(room);
        self.attentive = true;
        let unread = self.summary(room).map_or(0, |summary| summary.unread);
        let chat = self.chat_mut(room);
        chat.mark_unread = unread;
        let mut effects = Vec::new();
        if chat.timeline.is_loaded() {
            chat.place_marker();
        } else if !chat.timeline.is_loading() {
            chat.timeline.expect_page();
            effects.push(history(room, None));
        }
        effects.push(Effect::ask(Command::Members { room }, Purpose::Members(room)));
        effects
    }

    /// Back to the list of rooms.
    pub fn close_room(&mut self) {
        if let Some(chat) = self.open.and_then(|room| self.chats.get_mut(&room)) {
            chat.marker = None;
        }
        self.open = None;
    }

    /// The top of the open room came near.
    pub fn load_older(&mut self) -> Vec<Effect> {
        let Some(room) = self.open else { return Vec::new() };
        let timeline = &mut self.chat_mut(room).timeline;
        if !timeline.wants_older() {
            return Vec::new();
        }
        timeline.expect_page();
        // Every page makes all rows anew, so there should be few: the more there is, the more is read.
        let limit = (timeline.items().len() / 4).clamp(PAGE, PAGE_MAX);
        vec![stretch(room, timeline.oldest(), limit)]
    }

    /// Whether the person sees the newest message of the open room now. Marks the room as read.
    pub fn set_attentive(&mut self, attentive: bool) -> Vec<Effect> {
        self.attentive = attentive;
        let Some(room) = self.open.filter(|_| attentive) else { return Vec::new() };
        let unread = self.summary(room).map_or(0, |summary| summary.unread);
        let chat = self.chat_mut(room);
        let newest = chat.timeline.items().last().map(|item| item.message.id);
        if unread == 0 || newest.is_none() || chat.marked == newest {
            return Vec::new();
        }
        chat.marked = newest;
        vec![Effect::ask(Command::MarkRead { room }, Purpose::Quiet)]
    }

    /// The person typed in the open room.
    pub fn typed(&mut self) -> Vec<Effect> {
        let (now, Some(room)) = (self.now_ms, self.open) else { return Vec::new() };
        let chat = self.chat_mut(room);
        chat.draft.problem = None;
        let quiet = chat.draft.text.trim().is_empty() || matches!(chat.draft.writing, Writing::Edit(_));
        if quiet || chat.told_typing.is_some_and(|at| now.saturating_sub(at) < TYPING_TOLD_MS) {
            return Vec::new();
        }
        chat.told_typing = Some(now);
        vec![Effect::ask(Command::Typing { room }, Purpose::Quiet)]
    }

    /// Sends or edits what the open room's draft says. A text that cannot be sent stays.
    pub fn send(&mut self) -> Vec<Effect> {
        let Some(room) = self.open else { return Vec::new() };
        let chat = self.chat_mut(room);
        let text = match Text::new(chat.draft.text.trim()) {
            Ok(text) => text,
            Err(TextError::Empty) => return Vec::new(),
            Err(error) => {
                chat.draft.problem = Some(words::text_problem(&error));
                return Vec::new();
            }
        };
        let kept = text.as_str().to_owned();
        let writing = std::mem::take(&mut chat.draft.writing);
        chat.draft.text = std::mem::take(&mut chat.draft.aside);
        chat.draft.problem = None;
        chat.told_typing = None;
        let ask = match writing {
            Writing::Edit(target) => {
                let purpose = Purpose::Edit { room, target, text: kept };
                Ask::new(Command::Edit { room, target, text }, purpose)
            }
            Writing::New | Writing::Reply(_) => {
                let reply_to = if let Writing::Reply(to) = writing { Some(to) } else { None };
                chat.marker = None;
                Ask::new(Command::Send { room, text, reply_to }, Purpose::Send { room, text: kept, reply_to })
            }
        };
        vec![Effect::Ask(Box::new(ask))]
    }

    /// Joins with a code.
    pub fn join(&mut self, code: RoomCode) -> Vec<Effect> {
        self.joining = Some(Joining { code: code.clone(), stage: JoinStage::Preparing, error: None });
        vec![Effect::ask(Command::Join(code.clone()), Purpose::Join(code))]
    }

    /// Gives up joining.
    pub fn cancel_join(&mut self) -> Vec<Effect> {
        match self.joining.take() {
            Some(joining) if joining.error.is_none() => {
                vec![Effect::ask(Command::CancelJoin(joining.code), Purpose::Quiet)]
            }
            _ => Vec::new(),
        }
    }

    /// Searches all rooms, or forgets the last search when there are no words.
    pub fn search(&mut self, room: Option<RoomId>, words: &str) -> Vec<Effect> {
        let serial = self.found.serial.wrapping_add(1);
        self.found = Found { words: words.trim().to_owned(), messages: None, serial };
        if self.found.words.is_empty() {
            return Vec::new();
        }
        let command = Command::Search { room, words: self.found.words.clone(), limit: FOUND_MAX };
        vec![Effect::ask(command, Purpose::Search(serial))]
    }

    /// Tells the person something.
    pub fn toast(&mut self, what: impl Into<String>, remedy: impl Into<String>, bad: bool) {
        let (what, remedy) = (what.into(), remedy.into());
        self.toasts.retain(|toast| toast.what != what);
        if self.toasts.len() >= TOASTS_MAX {
            self.toasts.pop_front();
        }
        self.toasted += 1;
        let until = self.now_ms.saturating_add(TOAST_MS);
        self.toasts.push_back(Toast { id: self.toasted, what, remedy, bad, until });
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.toast(problem.what, problem.remedy, true);
    }
}

pub(super) fn history(room: RoomId, before: Option<parlor_node::Order>) -> Effect {
    stretch(room, before, PAGE)
}

fn stretch(room: RoomId, before: Option<parlor_node::Order>, limit: usize) -> Effect {
    Effect::ask(Command::History { room, before, limit }, Purpose::History { room, before })
}
