//! Codes of a room, as their makers and the others see them: making, listing, ending.
//!
//! What others have of a code is its door, a plain entry of its maker's log; the code itself stays with
//! the maker, sealed, until it ends. Who comes in by one is in `entering`, what is wrapped for it in
//! `wraps`. See `docs/CRYPT.md`, "Codes".

use parlor_protocol::{
    Locator, Role, RoomCode, RoomId,
    access::{CodeKeys, Door, DoorBody, DoorState, Terms},
    entry::Kind,
    epoch::RoomKind,
};

use super::{Engine, io::CallId, join::Job};
use crate::{
    command::{CodeInfo, Reply},
    error::CommandError,
    store::CodeRecord,
};

/// How long a code works when nobody says otherwise, in milliseconds: a week.
const CODE_LASTS_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// What somebody wants a new code to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// In milliseconds; for ever when absent.
    pub(super) lifetime_ms: Option<u64>,
    /// Any number when absent.
    pub(super) uses: Option<u32>,
    pub(super) members_only: bool,
}

impl Wish {
    /// What a code allows when nobody says otherwise.
    pub(super) const USUAL: Self = Self { lifetime_ms: Some(CODE_LASTS_MS), uses: None, members_only: false };

    fn terms(self, now_ms: u64) -> Terms {
        let uses = self.uses.unwrap_or_default();
        Terms { expires: Door::expiry(now_ms, self.lifetime_ms), uses, members_only: self.members_only }
    }
}

impl Engine {
    /// Makes a code.
    pub(super) fn make_code(&mut self, call: CallId, room_id: RoomId, wish: Wish) {
        if let Err(error) = self.may_invite(room_id) {
            return self.fail(call, error);
        }
        let code = RoomCode::random(&mut self.rng);
        self.stretch(Job::NewCode { call: Some(call), room: room_id, code, wish, created: false });
    }

    fn may_invite(&self, room_id: RoomId) -> Result<(), CommandError> {
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        if room.standing.is_over() {
            return Err(CommandError::RoomOver);
        }
        if matches!(room.kind, RoomKind::Direct(_)) {
            return Err(CommandError::OnlyForTwo);
        }
        match room.membership.current() {
            Some(_) => Ok(()),
            None => Err(CommandError::RoomChanging),
        }
    }

    /// The newest own code for any number of people that still works, or a new one.
    pub(super) fn show_code(&mut self, call: CallId, room_id: RoomId) {
        let (me, wall) = (self.me(), self.now.wall);
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let works = |record: &&CodeRecord| {
            let found = room.membership.find_door(record.locator, wall, |_, maker| maker == me);
            found.is_some_and(|(state, works)| works && state.door.terms.uses == 0 && !state.door.terms.members_only)
        };
        match room.record.codes.iter().rev().find(works).map(|record| record.code.clone()) {
            Some(code) => self.reply(Some(call), Ok(Reply::Code(code))),
            None => self.make_code(call, room_id, Wish::USUAL),
        }
    }

    /// Writes the door of a new code.
    pub(super) fn write_door(&mut self, new: NewDoor) {
        let NewDoor { call, room: room_id, code, keys, wish, created } = new;
        let door = Door::sign(&keys, room_id, self.me(), wish.terms(self.now.wall));
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return self.reply(call, Err(CommandError::NoSuchRoom));
        };
        room.record.codes.push(CodeRecord { code: code.clone(), locator: keys.locator() });
        self.save_room_now(room_id);
        let reply = if created { Reply::Created { room: room_id, code } } else { Reply::Code(code) };
        self.write_door_body(room_id, DoorBody::Made(door), call, reply);
    }

    fn write_door_body(&mut self, room_id: RoomId, body: DoorBody, call: Option<CallId>, reply: Reply) {
        match body.encode() {
            Ok(body) => self.write_plain(room_id, Kind::Door, body, call, reply),
            Err(_) => self.reply(call, Err(CommandError::NoSuchCode)),
        }
    }

    /// The codes of a room, those that work first.
    pub(super) fn codes(&self, room_id: RoomId) -> Option<Vec<CodeInfo>> {
        let (room, wall) = (self.rooms.get(&room_id)?, self.now.wall);
        let rules = room.membership.rules();
        let info = |state: DoorState<'_>| {
            let known = room.record.codes.iter().find(|record| record.locator == state.door.locator);
            CodeInfo {
                locator: state.door.locator,
                code: known.map(|record| record.code.clone()),
                maker: state.maker,
                maker_name: room.name_of(state.maker),
                expires: state.door.terms.expires.end_ms(),
                used: u32::try_from(rules.came_by(state.id).len()).unwrap_or(u32::MAX),
                uses: Some(state.door.terms.uses).filter(|uses| *uses > 0),
                members_only: state.door.terms.members_only,
                works: room.membership.opens(state.id, wall),
                revoked: room.membership.is_ended(state.id),
            }
        };
        let mut codes: Vec<CodeInfo> = rules.doors().map(info).collect();
        codes.sort_by_key(|code| (!code.works, code.locator));
        Some(codes)
    }

    pub(super) fn revoke_code(&mut self, call: CallId, room_id: RoomId, locator: Locator) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let (me, own, wall) = (self.me(), self.user_id_in(room_id), self.now.wall);
        // Somebody may have copied the locator of an own code.
        let is_own = |maker| maker == me || room.membership.user_of(maker) == Some(own);
        let own_door = room.membership.find_door(locator, wall, |_, maker| is_own(maker));
        let Some((door, _)) = own_door.or_else(|| room.membership.find_door(locator, wall, |_, _| true)) else {
            return self.fail(call, CommandError::NoSuchCode);
        };
        let is_own = is_own(door.maker);
        if !is_own && room.membership.role(own) < Role::Moderator {
            return self.fail(call, CommandError::ModeratorsOnly);
        }
        let ended = DoorBody::Ended(door.id);
        self.write_door_body(room_id, ended, Some(call), Reply::Done);
    }

    /// Ends all codes by a new epoch and makes a fresh one.
    pub(super) fn rotate_codes(&mut self, call: CallId, room: RoomId) {
        match self.rooms.get(&room) {
            None => self.fail(call, CommandError::NoSuchRoom),
            Some(known) if !known.membership.is_owner(self.user_id_in(room)) => {
                self.fail(call, CommandError::OwnersOnly);
            }
            Some(_) => {
                let code = RoomCode::random(&mut self.rng);
                self.end_codes(room, call, Reply::Code(code));
            }
        }
    }

    /// All codes are ended, durably: only now the fresh one is made, so that its door stands behind that.
    pub(super) fn make_fresh_code(&mut self, room: RoomId, call: CallId, code: RoomCode) {
        self.stretch(Job::NewCode { call: Some(call), room, code, wish: Wish::USUAL, created: false });
    }

    /// Something about doors has changed: codes that let nobody in any more are forgotten, and archives
    /// are given what they lack.
    pub(super) fn after_doors(&mut self, room_id: RoomId) {
        let (me, wall) = (self.me(), self.now.wall);
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.is_loaded) else { return };
        let before = room.record.codes.len();
        let membership = &room.membership;
        let own_door = |locator| membership.find_door(locator, wall, |_, maker| maker == me);
        room.record.codes.retain(|record| own_door(record.locator).is_none_or(|(_, works)| works));
        room.record_changed |= room.record.codes.len() < before;
        room.forget_door_entries(wall);
        self.save_room(room_id);
        self.push_wraps_everywhere(room_id);
    }
}

/// A code that was stretched, to be written.
pub(super) struct NewDoor {
    pub(super) call: Option<CallId>,
    pub(super) room: RoomId,
    pub(super) code: RoomCode,
    pub(super) keys: CodeKeys,
    pub(super) wish: Wish,
    pub(super) created: bool,
}
