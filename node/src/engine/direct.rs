//! Rooms of two people: starting one, asking the other person in. Which of two counts, and how they
//! are united, is in `uniting.rs`.
//!
//! Whoever starts one founds it with both as owners, seals its key to the devices of the other that
//! are known, and knocks at them with the first entries until they have taken them. What strangers
//! send stays a request until the person accepts: nothing is sent back, not even that it arrived.

use parlor_protocol::{
    DeviceId, HistoryPolicy, LogId, RoomId, UserId,
    access::{AccessBody, In, InPlace, OwnKey},
    entry::{Entry, Kind},
    epoch::{EpochRecord, EpochSecrets, Genesis, RoomKind},
    keys::{DhPublic, DhSecret},
    limits::KNOCK_MAX_ENTRIES,
    log::{Height, verify_page},
    wire::{Answer, Refusal, Request},
};
use rand_core::RngCore as _;
use std::collections::BTreeMap;

use super::{
    Engine, engine::ReadFor, founding::Founding, intake::entries_of, io::CallId, room::Room, sealing::Piece,
    serve::cut_to_checked, sync::Asked, timers::Timer, uniting::Verdict, unsaved::Again, writing::Pending,
};
use crate::{
    command::{Reply, RequestAnswer},
    error::CommandError,
    event::MessageBody,
    store::{Mark, Read, ReadResult, Write},
};

/// Rooms of one person that were refused and are remembered.
const REFUSED_MAX: usize = 16;
/// How soon somebody who could not take a knock is asked again, in milliseconds, and how late at most,
/// whatever it says.
const KNOCK_AGAIN_MS: u32 = 20_000;
const KNOCK_LATEST_MS: u32 = 10 * 60 * 1_000;
/// Newest messages among which a text must be for a room to count as begun.
const LOOKED_AT: usize = 200;
/// A knock waits this long for what is written in one go, in milliseconds.
const KNOCK_AFTER_MS: u64 = 100;

/// A room of two that somebody asks this person into, as far as it was proven.
struct Knock {
    room: RoomId,
    other: UserId,
    /// The device of the other person that founded it.
    founder: DeviceId,
    genesis: Genesis,
    genesis_entry: Entry,
    secrets: EpochSecrets,
    entries: Vec<parlor_protocol::entry::Verified<Entry>>,
}

impl Engine {
    /// The other person of a room of two. The own one may have had another account key before.
    pub(super) fn other_in(&self, room: &Room) -> Option<UserId> {
        let former = self.former.iter().map(|key| key.id());
        std::iter::once(self.user.id()).chain(former).find_map(|own| room.kind.other(own))
    }

    /// Opens the room of two with a person; founds it when there is none.
    pub(super) fn open_direct(&mut self, call: CallId, user: UserId) {
        if user == self.user.id() {
            return self.reply(Some(call), Err(CommandError::NoSuchPerson));
        }
        if self.profile_body().is_none() {
            return self.reply(Some(call), Err(CommandError::NoName));
        }
        if let Some(room) = self.direct_rooms(user).first().copied() {
            // To write to somebody who asked is to accept.
            if self.rooms.get(&room).is_some_and(|room| room.record.request) {
                return self.accept_request(Some(call), room);
            }
            return self.reply(Some(call), Ok(Reply::Joined(room)));
        }
        let recipients = self.keys_of(user);
        if recipients.is_empty() {
            return self.reply(Some(call), Err(CommandError::NotReachable));
        }
        let me = self.user.id();
        let users = if me < user { [me, user] } else { [user, me] };
        let mut salt = [0; 16];
        self.rng.fill_bytes(&mut salt);
        let kind = RoomKind::Direct(users);
        let genesis = Genesis { owners: users.to_vec(), history: HistoryPolicy::Everything, salt, kind };
        if self.found(genesis, None, recipients, Some(call)).is_none() {
            self.reply(Some(call), Err(CommandError::Stopped));
        }
    }

    /// The devices of a person that are known, with the newest prekey of each.
    fn keys_of(&self, user: UserId) -> Vec<(DeviceId, DhPublic)> {
        let mut newest: BTreeMap<DeviceId, (u64, DhPublic)> = BTreeMap::new();
        let members = self.rooms.values().filter(|room| !room.record.request).flat_map(|room| &room.membership.members);
        let members = members.filter(|(_, member)| member.card.user == user).map(|(_, member)| &*member.prekey);
        let nearby =
            self.connections.introductions().filter(|intro| intro.card.user == user).map(|intro| &intro.prekey);
        for prekey in members.chain(nearby) {
            let known = newest.entry(prekey.device).or_insert((prekey.created, prekey.public));
            if known.0 < prekey.created {
                *known = (prekey.created, prekey.public);
            }
        }
        newest.retain(|device, _| !self.is_revoked_anywhere(*device));
        newest.into_iter().map(|(device, (_, public))| (device, public)).collect()
    }

    /// Whether a room knows that a device was revoked by its person.
    fn is_revoked_anywhere(&self, device: DeviceId) -> bool {
        self.rooms.values().any(|room| room.membership.is_lost(device))
    }

    /// The person a device belongs to, as far as it is known.
    fn user_of(&self, device: DeviceId) -> Option<UserId> {
        let member = self.rooms.values().find_map(|room| room.membership.members.get(&device));
        let nearby = || self.connections.introductions().find(|intro| intro.card.device == device);
        member.map(|member| member.card.user).or_else(|| nearby().map(|intro| intro.card.user))
    }

    // Knocking.

    /// Something was written, or somebody came: see who has to be asked in.
    pub(super) fn knock_soon(&mut self, room_id: RoomId) {
        if self.rooms.get(&room_id).is_some_and(|room| self.other_in(room).is_some()) {
            self.timers.set(self.now.mono + KNOCK_AFTER_MS, Timer::Knock(room_id));
        }
    }

    /// A peer is there: rooms of two with its person are offered to it.
    pub(super) fn knock_at(&mut self, peer: DeviceId) {
        let rooms = self.user_of(peer).map(|user| self.direct_rooms(user)).unwrap_or_default();
        rooms.into_iter().for_each(|room| self.knock_soon(room));
    }

    /// Knocks at every connected device of the other person that is not in the room yet.
    pub(super) fn knock(&mut self, room_id: RoomId) {
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded && !room.record.request) else { return };
        let Some(other) = self.other_in(room) else { return };
        // An empty room is none yet, unless the other side waits to be told which one counts.
        let says_something = room.timeline.newest_of(LOOKED_AT).any(|m| matches!(m.body, MessageBody::Text { .. }));
        if !says_something && !room.knocks_empty {
            return;
        }
        let log = room.record.genesis.log_key();
        let lacking = self.connections.everybody().into_iter().filter(|peer| {
            !room.membership.members.contains_key(peer)
                && !room.knocked.contains(peer)
                && self.user_of(*peer) == Some(other)
                && !self.is_revoked_anywhere(*peer)
        });
        let lacking: Vec<_> = lacking.collect();
        for peer in lacking {
            if let Some(room) = self.rooms.get_mut(&room_id) {
                room.knocked.insert(peer);
            }
            let read = Read::Run { room: room_id, log, from: 0, max: KNOCK_MAX_ENTRIES };
            self.read(read, ReadFor::Knock { room: room_id, peer });
        }
    }

    pub(super) fn knock_read(&mut self, room: RoomId, peer: DeviceId, result: ReadResult) {
        let run = cut_to_checked(result.runs.into_iter().next().unwrap_or_default());
        let entries = fitting(entries_of(run));
        if entries.is_empty() || !self.connections.is_connected(peer) {
            return self.knock_failed(room, peer, None);
        }
        self.ask(peer, &Request::Knock { entries }, Asked::Knock { room, peer });
    }

    /// Somebody has what was written first.
    pub(super) fn knock_taken(&mut self, room_id: RoomId) {
        if let Some(room) = self.rooms.get_mut(&room_id) {
            (room.asked, room.held_up, room.summary_changed) = (true, false, true);
        }
    }

    /// Somebody could not be asked in now: once more later, by itself. The person is told where it may take
    /// longer.
    pub(super) fn knock_failed(&mut self, room_id: RoomId, peer: DeviceId, refusal: Option<&Refusal>) {
        let wait = match refusal {
            Some(Refusal::Busy { retry_ms }) => *retry_ms,
            _ => 0,
        };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.knocked.remove(&peer);
        let again = wait.clamp(KNOCK_AGAIN_MS, KNOCK_LATEST_MS);
        self.timers.set(self.now.mono + u64::from(again), Timer::Knock(room_id));
        let is_news = wait > KNOCK_AGAIN_MS && !room.asked && !std::mem::replace(&mut room.held_up, true);
        if is_news {
            room.summary_changed = true;
            self.problem(
                "the machine of the person you wrote to takes no more requests just now, so your message is not there \
                 yet",
                "It waits on this machine and is sent again by itself. Meet in a room, or verify each other, and it \
                 comes through at once.",
            );
        }
    }

    // Being asked in.

    /// Somebody knocks. Whatever the person does with it, the answer is the same.
    pub(super) fn on_knock(&mut self, from: DeviceId, entries: Vec<Entry>) -> Answer {
        if !self.may_knock(from) {
            return Answer::Refused(Refusal::Busy { retry_ms: KNOCK_AGAIN_MS });
        }
        let prekeys: Vec<&DhSecret> = self.identity.prekeys.iter().map(|(secret, _)| secret).collect();
        let own: Vec<UserId> = std::iter::once(&self.user).chain(&self.former).map(|key| key.id()).collect();
        let Some(knock) = open_knock(entries, self.me(), &own, &prekeys) else {
            return Answer::Refused(Refusal::Malformed);
        };
        let contact = self.contacts.find(knock.other);
        let is_blocked = contact.is_some_and(|known| known.blocked.is_set);
        let was_refused = contact.is_some_and(|known| known.refused.contains(&knock.room));
        if was_refused || self.rooms.contains_key(&knock.room) {
            return Answer::Done;
        }
        if self.rooms.values().any(|room| !room.is_loaded) {
            // Who is in a room, and who was revoked, is not known before it was read.
            return Answer::Refused(Refusal::Busy { retry_ms: KNOCK_AGAIN_MS });
        }
        if self.is_revoked_anywhere(knock.founder) {
            // Whatever a revoked device begins is not by its person.
            return Answer::Done;
        }
        if is_blocked {
            // As if it were taken, so that nobody learns from the wait that they are blocked.
            return match self.take_place(from, knock.other) {
                Ok(_) => Answer::Done,
                Err(retry_ms) => Answer::Refused(Refusal::Busy { retry_ms }),
            };
        }
        let held = self.direct_rooms(knock.other);
        let (room, other) = (knock.room, knock.other);
        match self.verdict(&held, room, other, knock.founder) {
            // Whoever does not know it yet is told.
            Verdict::Keep(own) => {
                if let Some(room) = self.rooms.get_mut(&own) {
                    room.knocks_empty = true;
                    room.knocked.remove(&from);
                }
                self.knock_soon(own);
            }
            Verdict::Move => {
                self.take_knock(knock, false);
                self.unite_direct(other);
                self.knock_soon(room);
            }
            Verdict::Ask => return self.take_request(from, knock, &held),
        }
        Answer::Done
    }

    /// Keeps what somebody asks as a request, one of each person.
    fn take_request(&mut self, from: DeviceId, knock: Knock, held: &[RoomId]) -> Answer {
        let is_request = |room: &&RoomId| self.rooms.get(*room).is_some_and(|room| room.record.request);
        let former: Vec<_> = held.iter().filter(is_request).copied().collect();
        if former.iter().min().is_some_and(|request| *request < knock.room) {
            return Answer::Done;
        }
        match self.take_place(from, knock.other) {
            Err(retry_ms) => return Answer::Refused(Refusal::Busy { retry_ms }),
            Ok(oldest) => former.into_iter().chain(oldest).for_each(|room| self.drop_room(room)),
        }
        self.take_knock(knock, true);
        Answer::Done
    }

    fn take_knock(&mut self, knock: Knock, request: bool) {
        let Knock { room, genesis, genesis_entry, secrets, entries, .. } = knock;
        let Some(log) = entries.first().map(|first| first.log_key()) else { return };
        let own_log = LogId(self.rng.next_u64());
        let founding = Founding { genesis_entry, genesis, epochs: vec![secrets] };
        self.add_room(room, String::new(), founding, own_log, request);
        // The chain and the rules are checked like those of everything else that comes.
        let _ = self.append(room, log, entries, true);
        if !request {
            self.enter_direct(room, None);
        }
    }

    /// Becomes a member of a room of two.
    fn enter_direct(&mut self, room: RoomId, call: Option<CallId>) {
        let Some(came_in) = self.by_name(room) else { return self.reply(call, Err(CommandError::RoomChanging)) };
        // It holds nothing before it is in: both are one batch.
        let pieces = [came_in].into_iter().chain(self.profile_body_in(room).map(Piece::Content)).collect();
        self.append_own(room, pieces, call, |_| Reply::Joined(room));
        self.touch_vault();
        let others: Vec<_> = self.connections.everybody();
        others.into_iter().for_each(|peer| self.sync_with(room, peer));
    }

    /// Coming in where the founder's record names this device.
    fn by_name(&self, room_id: RoomId) -> Option<Piece> {
        let room = self.rooms.get(&room_id)?;
        let (epoch, log) = (room.membership.current()?.id(), room.record.own_log);
        let place = InPlace { room: room_id, epoch, device: self.me(), log };
        let own = OwnKey::new(self.user_in(room_id), room_id);
        Some(Piece::Plain(Kind::Access, AccessBody::In(In::named(&own, &place)).encode().ok()?))
    }

    /// What the person does with a request.
    pub(super) fn answer_request(&mut self, call: CallId, room_id: RoomId, answer: RequestAnswer) {
        let request = self.rooms.get(&room_id).filter(|room| room.record.request);
        let Some(other) = request.and_then(|room| self.other_in(room)) else {
            return self.reply(Some(call), Err(CommandError::NoSuchRoom));
        };
        // Now this person has to do with them.
        self.learn_members(room_id);
        match answer {
            RequestAnswer::Accept => self.accept_request(Some(call), room_id),
            RequestAnswer::Refuse | RequestAnswer::Block => {
                let (wall, block) = (self.now.wall, answer == RequestAnswer::Block);
                if let Some(record) = self.contacts.edit(other, wall) {
                    record.refused.retain(|room| *room != room_id);
                    record.refused.push(room_id);
                    let many = record.refused.len().saturating_sub(REFUSED_MAX);
                    record.refused.drain(..many);
                    if block {
                        let at = wall.max(record.blocked.at.saturating_add(1));
                        record.blocked = Mark { is_set: true, at };
                    }
                }
                self.drop_room(room_id);
                let writes = self.contacts.take_changed();
                let again = Again::Contacts(vec![other]);
                self.write(writes, Pending::answering(Some(call), Reply::Done).and_again(again));
                self.show_decision(other);
            }
        }
    }

    fn accept_request(&mut self, call: Option<CallId>, room_id: RoomId) {
        if self.profile_body().is_none() {
            return self.reply(call, Err(CommandError::NoName));
        }
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.record.request = false;
            room.record.joined = self.now.wall;
            room.summary_changed = true;
            room.is_fresh = true;
        }
        self.save_room_now(room_id);
        self.work_on(room_id);
        self.enter_direct(room_id, call);
        // What was written to this person where nobody came is written there.
        if let Some(other) = self.rooms.get(&room_id).and_then(|room| self.other_in(room)) {
            self.unite_direct(other);
        }
    }

    /// Forgets a room and everything of it on this machine.
    pub(super) fn drop_room(&mut self, room_id: RoomId) {
        self.forget_room(room_id);
        let writes = std::iter::once(Write::ForgetRoom(room_id)).chain(self.mark_gone(room_id)).collect();
        self.write(writes, Pending::unasked(Again::Forget(room_id)));
    }
}

/// As many entries as one knock may carry.
fn fitting(mut entries: Vec<Entry>) -> Vec<Entry> {
    while entries.len() > KNOCK_MAX_ENTRIES || Request::knock_len(&entries) > parlor_protocol::limits::KNOCK_MAX_BYTES {
        if entries.pop().is_none() {
            break;
        }
    }
    entries
}

/// Checks everything about a knock that can be checked: the chain and its signatures, that it is a
/// room of two with this person, that the other one's device founded it, and that the key opens.
fn open_knock(entries: Vec<Entry>, me: DeviceId, own: &[UserId], prekeys: &[&DhSecret]) -> Option<Knock> {
    let genesis_entry = entries.first()?.clone();
    let (room, log) = (genesis_entry.room(), genesis_entry.log_key());
    let entries = verify_page(room, log, Height::EMPTY, entries).ok()?;
    if genesis_entry.header().kind != Kind::Genesis || log.author == me {
        return None;
    }
    let genesis = Genesis::decode(genesis_entry.body()).ok()?;
    let other = own.iter().find_map(|user| genesis.kind.other(*user)).filter(|other| !own.contains(other))?;
    let epoch = entries.get(1).filter(|entry| entry.header().kind == Kind::Epoch)?;
    let record = EpochRecord::decode(epoch.body()).ok()?;
    let by_other = record.owner.user == other && record.owner.device == log.author && record.parents.is_empty();
    if !by_other || record.id != epoch.header().epoch || record.owner.check().is_err() {
        return None;
    }
    let secrets = record.open(room, me, prekeys).ok()?;
    Some(Knock { room, other, founder: log.author, genesis, genesis_entry, secrets, entries })
}
