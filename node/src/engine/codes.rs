//! Codes of a room: making, sealing anew in every epoch, ending.

use parlor_protocol::{
    EpochId, HistoryPolicy, Locator, Name, Role, RoomCode, RoomId,
    content::Body,
    entry::Kind,
    epoch::RoomKind,
    invite::{EarlierKey, Invitation, Invite, InviteBody, StretchedCode},
    limits::LINKS_MAX,
};
use std::collections::BTreeSet;

use super::{Engine, io::CallId, join::Job, room::Room};
use crate::{
    command::{CodeInfo, Reply},
    error::CommandError,
    store::CodeRecord,
};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Engine {
    pub(super) fn make_code(&mut self, call: CallId, room_id: RoomId, lifetime_ms: Option<u64>, uses: Option<u32>) {
        if let Err(error) = self.may_invite(room_id) {
            return self.fail(call, error);
        }
        let expires = lifetime_ms.map(|ms| self.now.wall.saturating_add(ms));
        let code = RoomCode::random(&mut self.rng);
        self.stretch(Job::NewCode { call: Some(call), room: room_id, code, expires, uses, created: false });
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

    /// The newest code that still works, or a new one.
    pub(super) fn show_code(&mut self, call: CallId, room_id: RoomId) {
        let now = self.now.wall;
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let works = |record: &&CodeRecord| {
            let is_in_time = record.expires.is_none_or(|expires| expires > now);
            is_in_time && room.invite(record.stretched.locator()).is_some()
        };
        let code = room.record.codes.iter().rev().filter(|record| record.uses.is_none()).find(works);
        match code.map(|record| record.code.clone()) {
            Some(code) => self.reply(Some(call), Ok(Reply::Code(code))),
            None => self.make_code(call, room_id, None, None),
        }
    }

    /// Writes the record of a new code.
    #[expect(clippy::too_many_arguments, reason = "the parts of one code")]
    pub(super) fn write_invite(
        &mut self,
        call: Option<CallId>,
        room_id: RoomId,
        code: RoomCode,
        stretched: StretchedCode,
        expires: Option<u64>,
        uses: Option<u32>,
        created: bool,
    ) {
        let Some(body) = self.seal_invite(room_id, &stretched, expires) else {
            return self.reply(call, Err(CommandError::NoSuchRoom));
        };
        let locator = stretched.locator();
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.record.codes.push(CodeRecord { code: code.clone(), expires, stretched, uses });
        }
        self.save_room_now(room_id);
        self.tell_limit(room_id, locator, uses);
        let reply = if created { Reply::Created { room: room_id, code } } else { Reply::Code(code) };
        self.write_plain(room_id, Kind::Invite, &body, call, reply);
    }

    /// Tells members how many may join with a code, so that each of them can count.
    fn tell_limit(&mut self, room_id: RoomId, locator: Locator, uses: Option<u32>) {
        if let Some(uses) = uses {
            self.write_contents(room_id, vec![Body::CodeLimit { locator, uses }], None, |_| Reply::Done);
        }
    }

    fn seal_invite(&mut self, room_id: RoomId, stretched: &StretchedCode, expires: Option<u64>) -> Option<Vec<u8>> {
        let room = self.rooms.get(&room_id)?;
        let secrets = room.membership.current()?;
        let step = room.offered_step(self.now.wall);
        let invitation = Invitation {
            name: Name::new(&room.record.name).ok()?,
            genesis: room.record.genesis.clone(),
            epoch: secrets.id(),
            parents: secrets.parents().to_vec(),
            step,
            key: secrets.key_at(step)?,
            expires,
            earlier: earlier_keys(room, self.now.wall),
        };
        let invite = Invite::seal(stretched, &invitation, &self.key, &mut self.rng).ok()?;
        InviteBody::Made(invite).encode().ok()
    }

    /// Seals own codes that still work under the key of the present epoch, so that who joins with them
    /// reads on, and from the step on from which newcomers may. Not after a removal: the removed know
    /// the code.
    pub(super) fn reseal_codes(&mut self, room_id: RoomId) {
        let (me, now) = (self.me(), self.now.wall);
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded && !room.standing.is_over()) else {
            return;
        };
        let Some(current) = room.membership.current().map(parlor_protocol::epoch::EpochSecrets::id) else { return };
        let is_read_on = room.membership.history() == HistoryPolicy::Everything;
        let offered = room.offered_step(now);
        // Whether a code is to be sealed anew, and whether that is for another epoch.
        let due = |record: &CodeRecord| {
            let code = room.membership.rules().code(record.stretched.locator()).filter(|code| code.invite.signer == me)?;
            let is_newer = code.epoch != current;
            let offers = || code.invite.open(&record.stretched).ok().map(|invitation| invitation.step);
            let is_in_time = record.expires.is_none_or(|expires| expires > now);
            let is_due = (is_newer || (!is_read_on && offers() != Some(offered)))
                && is_in_time
                && room.invite(record.stretched.locator()).is_some();
            is_due.then_some(is_newer)
        };
        let due: Vec<_> = room.record.codes.iter().filter_map(|record| Some((record.clone(), due(record)?))).collect();
        for (CodeRecord { stretched, expires, uses, .. }, is_newer) in due {
            if let Some(body) = self.seal_invite(room_id, &stretched, expires) {
                // Who joins from now on may not be able to read what was said in earlier epochs.
                self.tell_limit(room_id, stretched.locator(), uses.filter(|_| is_newer && !is_read_on));
                self.write_plain(room_id, Kind::Invite, &body, None, Reply::Done);
            }
        }
    }

    /// The codes of a room, those that work first.
    pub(super) fn codes(&self, room_id: RoomId) -> Option<Vec<CodeInfo>> {
        let room = self.rooms.get(&room_id)?;
        let now = self.now.wall;
        let mut codes: Vec<CodeInfo> = room
            .membership
            .codes()
            .map(|state| {
                let invite = state.standing.invite;
                let known = room.record.codes.iter().find(|record| record.stretched.locator() == invite.locator);
                let expires = known.and_then(|record| record.expires);
                CodeInfo {
                    locator: invite.locator,
                    code: known.map(|record| record.code.clone()),
                    maker: invite.signer,
                    maker_name: room.name_of(invite.signer),
                    expires,
                    used: room.joined_by(invite.locator),
                    uses: room.uses_of(invite.locator),
                    works: room.invite(invite.locator).is_some() && expires.is_none_or(|expires| expires > now),
                    revoked: state.revoked,
                }
            })
            .collect();
        codes.sort_by_key(|code| (!code.works, code.locator));
        Some(codes)
    }

    pub(super) fn revoke_code(&mut self, call: CallId, room_id: RoomId, locator: Locator) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let Some(maker) = room.membership.rules().code(locator).map(|code| code.invite.signer) else {
            return self.fail(call, CommandError::NoSuchCode);
        };
        if maker != self.me() && room.membership.role(self.user_id_in(room_id)) < Role::Moderator {
            return self.fail(call, CommandError::ModeratorsOnly);
        }
        self.end_code(room_id, locator, Some(call));
    }

    fn end_code(&mut self, room_id: RoomId, locator: Locator, call: Option<CallId>) {
        match InviteBody::Revoked(locator).encode() {
            Ok(body) => self.write_plain(room_id, Kind::Invite, &body, call, Reply::Done),
            Err(_) => self.reply(call, Err(CommandError::NoSuchCode)),
        }
    }

    /// Ends all codes by a new epoch and makes a fresh one.
    pub(super) fn rotate_codes(&mut self, call: CallId, room_id: RoomId) {
        match self.rooms.get(&room_id) {
            None => self.fail(call, CommandError::NoSuchRoom),
            Some(room) if !room.membership.is_owner(self.user_id_in(room_id)) => {
                self.fail(call, CommandError::OwnersOnly)
            }
            Some(_) => {
                self.end_codes(room_id, None);
                let code = RoomCode::random(&mut self.rng);
                // It is sealed under the new epoch: stretching takes longer than the disk, and a code that
                // is sealed too early is sealed anew.
                self.stretch(Job::NewCode {
                    call: Some(call),
                    room: room_id,
                    code,
                    expires: None,
                    uses: None,
                    created: false,
                });
            }
        }
    }

    /// Somebody joined with a code, or it is told how many may. When it is used up it ends: by its maker,
    /// by whoever used it last, and by owners where the maker is not here. Members count for
    /// themselves, archives heed the word of any of them. Two who use it at the same moment far apart
    /// may both get in.
    pub(super) fn count_uses(&mut self, room_id: RoomId, locators: BTreeSet<Locator>) {
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded) else { return };
        let (me, is_owner) = (self.me(), room.membership.is_owner(self.user_id_in(room_id)));
        let is_due = |locator: &Locator| {
            let Some(code) = room.membership.rules().code(*locator) else { return false };
            let is_used_up = room.uses_of(*locator).is_some_and(|uses| room.joined_by(*locator) >= uses);
            let maker = code.invite.signer;
            let is_mine = maker == me || room.has_joined_by(*locator, me);
            let ends = is_mine || (is_owner && !self.connections.is_connected(maker));
            is_used_up && ends && code.revocations.is_empty() && room.membership.is_member(me)
        };
        let ended: Vec<_> = locators.into_iter().filter(is_due).collect();
        ended.into_iter().for_each(|locator| self.end_code(room_id, locator, None));
    }
}

/// Keys of earlier epochs for who joins: where newcomers may read the last days, those of the epochs
/// that lasted into these days. Where they may read everything the records bring them.
fn earlier_keys(room: &Room, now: u64) -> Vec<EarlierKey> {
    let HistoryPolicy::LastDays(days) = room.membership.history() else { return Vec::new() };
    let from = now.saturating_sub(u64::from(days) * DAY_MS);
    let current = room.membership.current().map(parlor_protocol::epoch::EpochSecrets::id);
    // An epoch ends when the next one begins; they are kept oldest first.
    let ends = room.record.epochs.iter().skip(1).map(|next| next.since).chain([u64::MAX]);
    let lasted = room.record.epochs.iter().zip(ends).filter(|(known, ends)| *ends >= from && Some(known.id) != current);
    let earlier = |epoch: EpochId| {
        let secrets = room.membership.secrets(epoch)?;
        let step = room.step_for_newcomers(secrets, now)?;
        Some(EarlierKey { epoch, parents: secrets.parents().to_vec(), step, key: secrets.key_at(step)? })
    };
    let mut earlier: Vec<_> = lasted.filter_map(|(known, _)| earlier(known.id)).collect();
    earlier.reverse();
    earlier.truncate(LINKS_MAX);
    earlier
}
