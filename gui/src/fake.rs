//! A node without a network, for tests and for looking at the app: it answers every command
//! from memory at once. It is no part of what users run.

use parlor_node::{
    AccountCommand, AccountView, CodeInfo, Command, CommandError, CommandId, CommandResult, Connection, Delivery,
    Event, JoinStage, Member, Message, MessageBody, Order, Profile, Reaction, RecoveryWords, Reply, RequestAnswer,
    RoomRulesShown, RoomStanding, RoomSummary, SyncState,
    people::{NearbyPerson, PersonCard, PersonDevice, PersonRoom, Safety},
    store::{LockChange, LockKind},
};
use parlor_protocol::{
    DeviceId, EntryId, HistoryPolicy, Hlc, Locator, LogId, LogKey, Role, RoomCode, RoomId, UserId, account::Password,
    safety::SafetyNumber,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc, sync::Arc};

use crate::backend::Backend;

/// A room of the fake.
#[derive(Debug)]
struct Room {
    summary: RoomSummary,
    messages: Vec<Arc<Message>>,
    members: Vec<Member>,
    more: bool,
}

#[derive(Debug, Default)]
struct State {
    me: DeviceId,
    name: String,
    rooms: Vec<Room>,
    connection: Connection,
    events: VecDeque<Event>,
    given: Vec<Command>,
    next: u64,
    fail: Option<CommandError>,
    joins: bool,
    nearby: Vec<NearbyPerson>,
    held: Vec<(CommandId, Command)>,
    lock: Option<LockKind>,
    account: AccountView,
}

/// A node without a network. Clones are the same node.
#[derive(Clone, Debug, Default)]
pub struct Fake(Rc<RefCell<State>>);

/// The safety number with a person.
#[must_use]
pub fn safety(user: UserId) -> SafetyNumber {
    SafetyNumber::of(user_of(DeviceId::from_bytes(id32(1))), user)
}

/// In here every person has one device.
#[must_use]
pub fn user_of(device: DeviceId) -> UserId {
    UserId::from_bytes(*device.as_bytes())
}

fn id32(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (slot, byte) in bytes.iter_mut().zip(number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().iter().cycle()) {
        *slot = *byte;
    }
    for (slot, byte) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *slot = byte;
    }
    bytes
}

/// A code that is always the same.
#[must_use]
pub fn code() -> RoomCode {
    // Any generator will do; this one has no state to seed.
    struct Fixed(u8);
    impl rand_core::RngCore for Fixed {
        fn next_u32(&mut self) -> u32 {
            u32::from(self.step())
        }
        fn next_u64(&mut self) -> u64 {
            u64::from(self.step())
        }
        fn fill_bytes(&mut self, bytes: &mut [u8]) {
            bytes.iter_mut().for_each(|byte| *byte = self.step());
        }
    }
    impl rand_core::CryptoRng for Fixed {}
    impl Fixed {
        fn step(&mut self) -> u8 {
            self.0 = self.0.wrapping_mul(13).wrapping_add(57);
            self.0 ^ (self.0 >> 3)
        }
    }
    RoomCode::random(&mut Fixed(42))
}

impl Fake {
    /// A node of a person; an empty name is a first start.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let fake = Self::default();
        {
            let mut state = fake.0.borrow_mut();
            state.me = DeviceId::from_bytes(id32(1));
            name.clone_into(&mut state.name);
            state.next = 100;
        }
        fake
    }

    /// This device.
    #[must_use]
    pub fn me(&self) -> DeviceId {
        self.0.borrow().me
    }

    /// How the profile is locked; by the system's keychain unless this says otherwise.
    pub fn locked_by(&self, kind: LockKind) {
        self.0.borrow_mut().lock = Some(kind);
    }

    /// A room with this device as its only member.
    pub fn room(&self, name: &str, at: u64) -> RoomId {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        let room = RoomId::from_bytes(id32(state.next));
        let own = Member {
            device: state.me,
            user: user_of(state.me),
            name: state.name.clone(),
            own: true,
            role: Role::Owner,
            verified: false,
            blocked: false,
            looks_like: None,
            online: true,
        };
        let summary = RoomSummary {
            room,
            name: name.to_owned(),
            direct: None,
            asked: false,
            request: false,
            unread: 0,
            last: None,
            active_at: at,
            members: 1,
            sync: SyncState::Complete,
            standing: RoomStanding::Member,
            vanish_ms: None,
        };
        state.rooms.push(Room { summary, messages: Vec::new(), members: vec![own], more: false });
        room
    }

    /// A room of two with somebody.
    pub fn direct(&self, user: UserId, name: &str, request: bool) -> RoomId {
        let room = self.room(name, self.latest() + 1);
        self.with_summary(room, |summary| (summary.direct, summary.request) = (Some(user), request));
        room
    }

    fn with_summary(&self, room: RoomId, change: impl FnOnce(&mut RoomSummary)) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            change(&mut room.summary);
        }
    }

    /// Somebody is on the network.
    pub fn is_nearby(&self, user: UserId, name: &str) {
        let person = NearbyPerson { user, name: name.to_owned(), known: false, verified: false };
        self.0.borrow_mut().nearby.push(person);
    }

    /// What is said in a room vanishes after this time.
    pub fn vanishes(&self, room: RoomId, ms: u64) {
        let mut state = self.0.borrow_mut();
        let known = state.rooms.iter_mut().find(|known| known.summary.room == room);
        known.into_iter().for_each(|known| known.summary.vanish_ms = Some(ms));
    }

    /// A member of a room. The same number is the same person in every room.
    pub fn member(&self, room: RoomId, number: u64, name: &str, online: bool) -> DeviceId {
        let device = DeviceId::from_bytes(id32(number + 1_000));
        let mut state = self.0.borrow_mut();
        if let Some(room) = state.rooms.iter_mut().find(|known| known.summary.room == room) {
            let (user, name) = (user_of(device), name.to_owned());
            room.members.push(Member {
                device,
                user,
                name,
                own: false,
                role: Role::Member,
                verified: false,
                blocked: false,
                looks_like: None,
                online,
            });
            room.summary.members = room.members.len();
        }
        device
    }

    /// Gives a member a role; this device's own is given by its id too.
    pub fn give_role(&self, room: RoomId, device: DeviceId, role: Role) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.members.iter_mut().filter(|member| member.device == device).for_each(|member| member.role = role);
        }
    }

    /// What this device is in a room.
    pub fn stands(&self, room: RoomId, standing: RoomStanding) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.standing = standing;
        }
    }

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
            user: name.map(|member| member.user),
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

    /// Unread messages of a room.
    pub fn unread(&self, room: RoomId, unread: u64) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.unread = unread;
        }
    }

    /// Says that a room's oldest messages are not all here.
    pub fn has_more(&self, room: RoomId, more: bool) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.more = more;
        }
    }

    /// How complete a room is.
    pub fn sync(&self, room: RoomId, sync: SyncState) {
        if let Some(room) = self.0.borrow_mut().rooms.iter_mut().find(|known| known.summary.room == room) {
            room.summary.sync = sync;
        }
    }

    /// A room's line in the list.
    #[must_use]
    pub fn summary(&self, room: RoomId) -> Option<RoomSummary> {
        self.0.borrow().rooms.iter().find(|known| known.summary.room == room).map(|room| room.summary.clone())
    }

    /// How the node is connected.
    pub fn connect(&self, connection: Connection) {
        self.0.borrow_mut().connection = connection;
    }

    /// Something happens.
    pub fn tell(&self, event: Event) {
        self.0.borrow_mut().events.push_back(event);
    }

    /// The next command fails.
    pub fn fail_next(&self, error: CommandError) {
        self.0.borrow_mut().fail = Some(error);
    }

    /// Whether joining works at once; otherwise it waits for [`Self::finish_join`].
    pub fn joins_at_once(&self, joins: bool) {
        self.0.borrow_mut().joins = joins;
    }

    /// Ends a join that waits.
    pub fn finish_join(&self, result: CommandResult) {
        let mut state = self.0.borrow_mut();
        if let Some((id, _)) = state.held.pop() {
            state.events.push_back(Event::Replied { id, result });
        }
    }

    /// The commands given so far.
    #[must_use]
    pub fn given(&self) -> Vec<Command> {
        self.0.borrow().given.clone()
    }

    /// Forgets the commands given so far.
    pub fn forget_given(&self) {
        self.0.borrow_mut().given.clear();
    }
}

impl Backend for Fake {
    fn submit(&mut self, command: Command) -> Result<CommandId, CommandError> {
        let mut state = self.0.borrow_mut();
        state.next += 1;
        let id = CommandId(state.next);
        state.given.push(command.clone());
        if let Some(error) = state.fail.take() {
            state.events.push_back(Event::Replied { id, result: Err(error) });
            return Ok(id);
        }
        if let Command::Join(code) = &command
            && !state.joins
        {
            let stage = JoinStage::Searching { asked: 2 };
            state.events.push_back(Event::JoinProgress { code: code.clone(), stage });
            state.held.push((id, command));
            return Ok(id);
        }
        drop(state);
        let result = self.answer(command);
        self.0.borrow_mut().events.push_back(Event::Replied { id, result });
        Ok(id)
    }

    fn drain(&mut self) -> Vec<Event> {
        self.0.borrow_mut().events.drain(..).collect()
    }
}

impl Fake {
    fn account(&self, command: AccountCommand) -> CommandResult {
        use AccountCommand::{Delete, LogIn, LogOut, Recover, Register, Status};
        let registers = matches!(command, Register { .. });
        match command {
            Status => return Ok(Reply::Account(self.0.borrow().account.clone())),
            LogIn { password, .. } if password == Password::new("wrong password").unwrap_or(password.clone()) => {
                return Err(CommandError::WrongLogIn);
            }
            Register { name, .. } | LogIn { name, .. } | Recover { name, .. } => {
                let name = Some(name.as_str().to_owned());
                self.0.borrow_mut().account = AccountView { name, signed_in: true, ..AccountView::default() };
            }
            LogOut | Delete { .. } => self.0.borrow_mut().account = AccountView::default(),
            _ => {}
        }
        let view = self.0.borrow().account.clone();
        self.tell(Event::AccountChanged(view));
        let words = vec!["abandon"; 23].join(" ") + " art";
        Ok(if registers { Reply::Registered(RecoveryWords::new(words.into())) } else { Reply::Done })
    }

    fn answer(&self, command: Command) -> CommandResult {
        match command {
            Command::Me => Ok(Reply::Me(self.profile())),
            Command::SetName(name) => {
                name.as_str().clone_into(&mut self.0.borrow_mut().name);
                self.tell(Event::ProfileChanged(self.profile()));
                Ok(Reply::Done)
            }
            Command::CreateRoom { name, .. } => {
                let room = self.room(name.as_str(), self.latest() + 1);
                self.tell_summary(room);
                Ok(Reply::Created { room, code: code() })
            }
            Command::Code { .. } | Command::MakeCode { .. } => Ok(Reply::Code(code())),
            Command::Join(_) => {
                let room = self.room("Joined room", self.latest() + 1);
                self.tell_summary(room);
                Ok(Reply::Joined(room))
            }
            Command::Send { room, text, reply_to } => Ok(Reply::Sent(self.send(room, text.as_str(), reply_to))),
            Command::Edit { target, text, .. } => self.changed(target, |message| {
                message.body = MessageBody::Text { text: text.as_str().to_owned() };
                message.edited = true;
            }),
            Command::Delete { target, .. } => self.changed(target, |message| message.body = MessageBody::Deleted),
            Command::React { target, emoji, present, .. } => {
                let me = self.me();
                self.changed(target, |message| react(message, me, emoji, present))
            }
            Command::MarkRead { room } => {
                self.unread(room, 0);
                self.tell_summary(room);
                Ok(Reply::Done)
            }
            Command::Rooms => {
                let mut rooms: Vec<_> = self.0.borrow().rooms.iter().map(|room| room.summary.clone()).collect();
                rooms.sort_by_key(|room| std::cmp::Reverse(room.active_at));
                Ok(Reply::Rooms(rooms))
            }
            Command::Members { room } => {
                let state = self.0.borrow();
                let found = state.rooms.iter().find(|known| known.summary.room == room);
                Ok(Reply::Members(found.map(|room| room.members.clone()).unwrap_or_default()))
            }
            Command::History { room, before, limit } => Ok(self.history(room, before, limit)),
            Command::Search { words, limit, .. } => Ok(self.search(&words, limit)),
            Command::Account(command) => self.account(*command),
            Command::Device(_) => Ok(Reply::Done),
            Command::LockKind => Ok(Reply::Locked(self.0.borrow().lock.unwrap_or(LockKind::Keychain))),
            Command::ChangeLock(change) => {
                let kind = match *change {
                    LockChange::SetPassphrase { at_start: Some(false), .. } => LockKind::Both,
                    LockChange::SetPassphrase { .. } => LockKind::Passphrase,
                    LockChange::RemovePassphrase { .. } | LockChange::UseKeychain => LockKind::Keychain,
                };
                self.0.borrow_mut().lock = Some(kind);
                Ok(Reply::Locked(kind))
            }
            Command::Connection => Ok(Reply::Connection(self.0.borrow().connection.clone())),
            Command::AddAddress(address) => {
                self.0.borrow_mut().connection.manual.push(address);
                self.tell_connection();
                Ok(Reply::Done)
            }
            Command::RemoveAddress(address) => {
                self.0.borrow_mut().connection.manual.retain(|known| *known != address);
                self.tell_connection();
                Ok(Reply::Done)
            }
            Command::CancelJoin(_) => {
                self.finish_join(Err(CommandError::Cancelled));
                Ok(Reply::Done)
            }
            Command::OpenDirect { user } => {
                let known =
                    self.0.borrow().rooms.iter().find(|r| r.summary.direct == Some(user)).map(|r| r.summary.room);
                let room = known.unwrap_or_else(|| self.direct(user, "Direct", false));
                self.tell_summary(room);
                Ok(Reply::Joined(room))
            }
            Command::AnswerRequest { room, answer } => {
                if answer == RequestAnswer::Accept {
                    self.with_summary(room, |summary| summary.request = false);
                    self.tell_summary(room);
                    return Ok(Reply::Joined(room));
                }
                self.0.borrow_mut().rooms.retain(|known| known.summary.room != room);
                self.tell(Event::RoomGone(room));
                Ok(Reply::Done)
            }
            Command::Nearby => Ok(Reply::Nearby(self.0.borrow().nearby.clone())),
            Command::SetVisible(_) => Ok(Reply::Done),
            Command::People => Ok(Reply::People(Vec::new())),
            Command::Person { user } => self.person(user),
            Command::Verify { user, verified } => self.decide(user, |member| member.verified = verified),
            Command::Block { user, blocked } => self.decide(user, |member| member.blocked = blocked),
            Command::CompareSafety { user, text } => match safety(user).matches(&text) {
                Ok(true) => self.decide(user, |member| member.verified = true),
                Ok(false) => Err(CommandError::SafetyDiffers),
                Err(error) => Err(CommandError::Invalid { what: error.to_string() }),
            },
            Command::Typing { .. } => Ok(Reply::Done),
            Command::RemovePerson { .. }
            | Command::RemoveDevice { .. }
            | Command::SetRole { .. }
            | Command::ChangeRoom { .. }
            | Command::Mute { .. }
            | Command::RevokeCode { .. }
            | Command::LeaveRoom { .. }
            | Command::DissolveRoom { .. }
            | Command::ForgetRoom { .. } => Ok(Reply::Done),
            Command::RotateCodes { .. } => Ok(Reply::Code(code())),
            Command::Codes { .. } => Ok(Reply::Codes(vec![CodeInfo {
                locator: Locator([7; 16]),
                code: Some(code()),
                maker: self.me(),
                maker_name: self.0.borrow().name.clone(),
                expires: None,
                used: 2,
                uses: None,
                works: true,
                revoked: false,
            }])),
            Command::Rules { room } => Ok(Reply::Rules(RoomRulesShown {
                newcomers: Role::Member,
                history: HistoryPolicy::Everything,
                lifetime_ms: None,
                slow_ms: None,
                role: self.own_role(room),
            })),
        }
    }

    fn person(&self, user: UserId) -> CommandResult {
        let state = self.0.borrow();
        let members = state.rooms.iter().flat_map(|room| room.members.iter().map(move |member| (room, member)));
        let found: Vec<_> = members.filter(|(_, member)| member.user == user).collect();
        let Some((_, member)) = found.first() else { return Err(CommandError::NoSuchPerson) };
        let rooms =
            found.iter().map(|(room, _)| PersonRoom { room: room.summary.room, name: room.summary.name.clone() });
        let device = PersonDevice {
            device: member.device,
            first_seen: 1_699_000_000_000,
            last_seen: 1_699_999_000_000,
            current: member.own,
            online: member.online,
        };
        Ok(Reply::Person(Box::new(PersonCard {
            user,
            name: member.name.clone(),
            other_names: Vec::new(),
            own: member.own,
            rooms: rooms.collect(),
            devices: vec![device],
            first_seen: 1_699_000_000_000,
            last_seen: 1_699_999_000_000,
            safety: (!member.own).then(|| Safety::from(safety(user))),
            verified: member.verified.then_some(1_699_500_000_000),
            blocked: member.blocked,
            looks_like: member.looks_like.iter().cloned().collect(),
        })))
    }

    /// Changes every member that is a person, and tells of it.
    pub fn decide(&self, user: UserId, change: impl Fn(&mut Member)) -> CommandResult {
        let mut changed = Vec::new();
        for room in &mut self.0.borrow_mut().rooms {
            room.members.iter_mut().filter(|member| member.user == user).for_each(&change);
            changed.push((room.summary.room, room.members.clone()));
        }
        changed.into_iter().for_each(|(room, members)| self.tell(Event::MembersChanged { room, members }));
        self.tell(Event::PersonChanged(user));
        Ok(Reply::Done)
    }

    fn profile(&self) -> Profile {
        let state = self.0.borrow();
        Profile { device: state.me, name: state.name.clone(), visible: true }
    }

    fn own_role(&self, room: RoomId) -> Role {
        let state = self.0.borrow();
        let known = state.rooms.iter().find(|known| known.summary.room == room);
        let own = known.and_then(|room| room.members.iter().find(|member| member.own));
        own.map_or(Role::Owner, |member| member.role)
    }

    fn latest(&self) -> u64 {
        self.0.borrow().rooms.iter().map(|room| room.summary.active_at).max().unwrap_or(1_700_000_000_000)
    }

    /// Tells the app of a room's line.
    pub fn tell_summary(&self, room: RoomId) {
        if let Some(summary) = self.summary(room) {
            self.tell(Event::RoomChanged(summary));
        }
    }

    fn tell_connection(&self) {
        let connection = self.0.borrow().connection.clone();
        self.tell(Event::ConnectionChanged(connection));
    }

    fn send(&self, room: RoomId, text: &str, reply_to: Option<EntryId>) -> EntryId {
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

    fn changed(&self, target: EntryId, change: impl FnOnce(&mut Message)) -> CommandResult {
        let message = self.change(target, change).ok_or(CommandError::NoSuchMessage)?;
        self.tell(Event::MessageChanged(message));
        Ok(Reply::Done)
    }

    fn history(&self, room: RoomId, before: Option<Order>, limit: usize) -> Reply {
        let state = self.0.borrow();
        let Some(room) = state.rooms.iter().find(|known| known.summary.room == room) else {
            return Reply::History { messages: Vec::new(), more: false };
        };
        let end = before.map_or(room.messages.len(), |before| room.messages.partition_point(|m| m.order < before));
        let start = end.saturating_sub(limit);
        let messages = room.messages.get(start..end).unwrap_or_default().to_vec();
        Reply::History { messages, more: start > 0 || room.more }
    }

    fn search(&self, words: &str, limit: usize) -> Reply {
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

fn react(message: &mut Message, who: DeviceId, emoji: String, present: bool) {
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
