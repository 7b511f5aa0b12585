//! The answer to every command.

use parlor_node::{
    CodeInfo, Command, CommandError, CommandResult, Event, MessageBody, Profile, Reply, RequestAnswer, RoomRulesShown,
    store::{LockChange, LockKind},
};
use parlor_protocol::{HistoryPolicy, Locator, Role, RoomId};

use super::{Fake, code, messages::react, safety};

impl Fake {
    pub(super) fn answer(&self, command: Command) -> CommandResult {
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
            Command::Device(command) => self.device(*command),
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
            Command::UseArchive { archive, uses } => {
                let mut inner = self.0.borrow_mut();
                for peer in inner.connection.peers.iter_mut().filter(|peer| peer.device == archive) {
                    peer.used = uses;
                }
                drop(inner);
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
                members_only: false,
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

    pub(super) fn profile(&self) -> Profile {
        let state = self.0.borrow();
        Profile { device: state.me, name: state.name.clone(), visible: true }
    }

    fn own_role(&self, room: RoomId) -> Role {
        let state = self.0.borrow();
        let known = state.rooms.iter().find(|known| known.summary.room == room);
        let own = known.and_then(|room| room.members.iter().find(|member| member.own));
        own.map_or(Role::Owner, |member| member.role)
    }

    fn tell_connection(&self) {
        let connection = self.0.borrow().connection.clone();
        self.tell(Event::ConnectionChanged(connection));
    }
}
