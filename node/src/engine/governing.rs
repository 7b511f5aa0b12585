//! Owners' decisions: removing, roles, the room's rules, uniting what several owners did at once.
//!
//! Every decision is the record of a new epoch, one entry: it is on the disk or it is not, never half.
//! It is published when it is durable and learned by its own author only then. What people read about
//! it is a content that follows.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Name, Role, RoomId, UserId,
    content::{Act, Body, RosterItem},
    epoch::{EpochChange, EpochFacts, EpochRecord, EpochSecrets, OwnerChange, RoomSettings, Stamp, Stamped, Step},
    keys::DhPublic,
    limits::{DEVICES_MAX, EPOCH_PARENTS_MAX, LINKS_MAX, LOGS_MAX, ROSTER_MAX, SPAN_MAX_MS},
    log::Height,
};
use std::collections::{BTreeSet, VecDeque};

use super::{
    Engine, io::CallId, membership::MemberState, presence::is_recent, room::Room, timers::Timer, writing::Pending,
};
use crate::{
    command::{Reply, RoomChange, RoomRulesShown},
    error::CommandError,
};

/// Decisions of a room that may wait for one that is on its way to the disk.
const CHANGES_MAX: usize = 64;
/// How long an owner waits before it does what any owner might, in milliseconds, and how much longer
/// for each owner online that is more senior.
const GOVERN_AFTER_MS: u64 = 1_000;
const GOVERN_STEP_MS: u64 = 6_000;
/// How often the epoch changes though nothing else asks for it, in milliseconds.
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How long an epoch lasts at least whose steps are used up, in milliseconds: any member can do that.
const USED_UP_MS: u64 = 60 * 60 * 1000;

/// How often an epoch is begun because of who came and who went, in milliseconds.
const CLEAR_EVERY_MS: u64 = 10 * 60 * 1000;
/// How many of those a day.
const CLEARS_A_DAY: usize = 24;

/// One setting of a room.
#[derive(Clone, Copy, Debug)]
enum Setting {
    Role(UserId, Role),
    Newcomers(Role),
    History(HistoryPolicy),
    Slow(u64),
}

/// What an owner decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    removed: Vec<DeviceId>,
    owners: OwnerChange,
    /// People who were given a lower role: the ends of their logs are named.
    demoted: Vec<UserId>,
    settings: Vec<Setting>,
    lifetime_ms: Option<Option<u64>>,
    dissolved: bool,
    ends_codes: bool,
    /// What people read about it.
    acts: Vec<Act>,
    /// It is only for what may be done by itself: uniting, welcoming, the weekly change.
    is_routine: bool,
    /// It is because of who came and who went.
    clears: bool,
}

/// Decisions under way.
#[derive(Debug, Default)]
pub(super) struct Changes {
    is_under_way: bool,
    waiting: VecDeque<(Decision, Option<CallId>, Reply)>,
}

impl Engine {
    // Commands.

    /// Removes all devices of a person.
    pub(super) fn remove_person(&mut self, call: CallId, room_id: RoomId, user: UserId) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let devices: Vec<_> = room.membership.devices_of(user).collect();
        if user == self.user_id_in(room_id) {
            return self.fail(call, CommandError::LeaveInstead);
        }
        if devices.is_empty() {
            return self.fail(call, CommandError::NoSuchMember);
        }
        let dropped = if room.membership.is_owner(user) { vec![user] } else { Vec::new() };
        let acts = vec![Act::Removed { user, device: None }];
        let owners = OwnerChange { added: Vec::new(), dropped };
        self.enact(
            room_id,
            Decision { removed: devices, owners, acts, ..Decision::default() },
            Some(call),
            Reply::Done,
        );
    }

    /// Removes one device; the person stays.
    pub(super) fn remove_device(&mut self, call: CallId, room_id: RoomId, device: DeviceId) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        if !room.membership.is_in(device) {
            return self.fail(call, CommandError::NoSuchMember);
        }
        let known = room.membership.user_of(device);
        // One that never said whose it is can be removed all the same.
        let user = known.unwrap_or_default();
        if device == self.me() {
            return self.fail(call, CommandError::LeaveInstead);
        }
        let is_only = known.is_some() && room.membership.devices_of(user).count() <= 1;
        if is_only && user != self.user_id_in(room_id) {
            return self.remove_person(call, room_id, user);
        }
        let acts = vec![Act::Removed { user, device: Some(device) }];
        self.enact(room_id, Decision { removed: vec![device], acts, ..Decision::default() }, Some(call), Reply::Done);
    }

    /// Gives a person a role.
    pub(super) fn set_role(&mut self, call: CallId, room_id: RoomId, user: UserId, role: Role) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let before = room.membership.role(user);
        if !room.membership.is_owner(self.user_id_in(room_id)) {
            return self.fail(call, CommandError::OwnersOnly);
        }
        if room.membership.devices_of(user).next().is_none() {
            return self.fail(call, CommandError::NoSuchMember);
        }
        if before == role {
            return self.reply(Some(call), Ok(Reply::Done));
        }
        if before == Role::Owner && room.membership.rules().graph().owners().len() < 2 {
            return self.fail(call, CommandError::LastOwner);
        }
        let mut decision = Decision { acts: vec![Act::RoleGiven { user, role }], ..Decision::default() };
        if role == Role::Owner {
            decision.owners.added.push(user);
        } else {
            decision.settings.push(Setting::Role(user, role));
        }
        if before == Role::Owner {
            decision.owners.dropped.push(user);
        }
        if role < before {
            decision.demoted.push(user);
        }
        self.enact(room_id, decision, Some(call), Reply::Done);
    }

    /// Changes a rule of the room.
    pub(super) fn change_room(&mut self, call: CallId, room_id: RoomId, change: RoomChange) {
        let Some(room) = self.rooms.get(&room_id) else { return self.fail(call, CommandError::NoSuchRoom) };
        let mut decision = Decision { acts: vec![Act::Changed(change.clone())], ..Decision::default() };
        match change {
            RoomChange::Name(name) => {
                return match room.membership.role(self.user_id_in(room_id)) {
                    Role::Owner => {
                        self.write_contents(room_id, vec![Body::RoomName { name }], Some(call), |_| Reply::Done)
                    }
                    _ => self.fail(call, CommandError::OwnersOnly),
                };
            }
            RoomChange::Newcomers(role) if role > Role::Member => {
                let what = "newcomers can be members or readers; give other roles person by person".into();
                return self.fail(call, CommandError::Invalid { what });
            }
            RoomChange::Newcomers(role) => {
                // Who is here keeps what it may do.
                let settings = room.membership.settings();
                let unnamed = room.membership.users().into_iter().filter(|user| !settings.names(*user));
                decision.settings.extend(unnamed.map(|user| Setting::Role(user, settings.newcomers.value)));
                decision.settings.push(Setting::Newcomers(role));
            }
            RoomChange::History(HistoryPolicy::LastDays(days)) if days == 0 || days > DAYS_MAX => {
                let what = format!("choose between 1 and {DAYS_MAX} days, or everything");
                return self.fail(call, CommandError::Invalid { what });
            }
            RoomChange::History(policy) => decision.settings.push(Setting::History(policy)),
            RoomChange::Lifetime(ms) | RoomChange::Slow(ms) if ms.is_some_and(|ms| ms == 0 || ms > SPAN_MAX_MS) => {
                let what = "choose a time between a second and ten years, or none".into();
                return self.fail(call, CommandError::Invalid { what });
            }
            RoomChange::Lifetime(ms) => decision.lifetime_ms = Some(ms),
            RoomChange::Slow(ms) => decision.settings.push(Setting::Slow(ms.unwrap_or_default())),
        }
        self.enact(room_id, decision, Some(call), Reply::Done);
    }

    /// Ends the room for everybody.
    pub(super) fn dissolve(&mut self, call: CallId, room_id: RoomId) {
        let decision =
            Decision { dissolved: true, ends_codes: true, acts: vec![Act::Dissolved], ..Decision::default() };
        self.enact(room_id, decision, Some(call), Reply::Done);
    }

    /// Begins an epoch in which no code that was made before lets anybody in.
    pub(super) fn end_codes(&mut self, room_id: RoomId, call: CallId, reply: Reply) {
        let decision = Decision { ends_codes: true, acts: vec![Act::CodesEnded], ..Decision::default() };
        self.enact(room_id, decision, Some(call), reply);
    }

    /// The rules of a room, for people.
    pub(super) fn rules_shown(&self, room_id: RoomId) -> Option<RoomRulesShown> {
        let membership = &self.rooms.get(&room_id)?.membership;
        let settings = membership.settings();
        let head = membership.rules().graph().heads().first().map(|(head, _)| *head);
        Some(RoomRulesShown {
            newcomers: settings.newcomers.value,
            history: settings.history.value,
            lifetime_ms: head.and_then(|head| membership.rules().graph().facts(head)?.lifetime_ms),
            slow_ms: Some(settings.slow_ms.value).filter(|ms| *ms > 0),
            role: membership.role(self.user_id_in(room_id)),
        })
    }

    pub(super) fn fail(&mut self, call: CallId, error: CommandError) {
        self.reply(Some(call), Err(error));
    }

    // Carrying decisions out.

    /// Carries a decision out, or lets it wait for the one before.
    pub(super) fn enact(&mut self, room_id: RoomId, decision: Decision, call: Option<CallId>, reply: Reply) {
        let user = self.user_id_in(room_id);
        let Some(room) = self.rooms.get_mut(&room_id) else { return self.reply(call, Err(CommandError::NoSuchRoom)) };
        let refusal = match () {
            () if !room.is_loaded => Some(CommandError::StillReading),
            () if !room.membership.is_owner(user) => Some(CommandError::OwnersOnly),
            () if room.standing.is_over() => Some(CommandError::RoomOver),
            () if room.changes.waiting.len() >= CHANGES_MAX => Some(CommandError::RoomChanging),
            () => None,
        };
        if let Some(error) = refusal {
            return self.reply(call, Err(error));
        }
        if room.changes.is_under_way {
            if !decision.is_routine {
                room.changes.waiting.push_back((decision, call, reply));
            }
            return;
        }
        let clears = decision.clears;
        match self.write_epoch(room_id, decision) {
            Ok((body, epoch, acts)) => {
                let signed = self.sign_epoch(room_id, epoch, &body);
                match signed {
                    Ok(entry) => {
                        let wall = self.now.wall;
                        if let Some(room) = self.rooms.get_mut(&room_id) {
                            room.changes.is_under_way = true;
                            room.cleared.extend(clears.then_some(wall));
                        }
                        let pending = Pending::deciding(call, reply, acts);
                        self.commit_epoch(room_id, entry, pending);
                    }
                    Err(error) => self.reply(call, Err(error)),
                }
            }
            Err(error) => self.reply(call, Err(error)),
        }
    }

    /// A decision is durable, or is not: the next one may follow.
    pub(super) fn decided(&mut self, room_id: RoomId, acts: Vec<Act>) {
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        room.changes.is_under_way = false;
        let next = room.changes.waiting.pop_front();
        let mut bodies: Vec<Body> = acts.into_iter().map(Body::Governed).collect();
        if room.membership.history() != HistoryPolicy::Everything {
            // Who joins in this epoch cannot read what members told of themselves before.
            let known: Vec<RosterItem> = room.membership.members.values().filter_map(roster_item).collect();
            bodies.extend(known.chunks(ROSTER_MAX).map(|items| Body::Roster(items.to_vec())));
        }
        if !bodies.is_empty() && room.membership.current().is_some() {
            self.write_contents(room_id, bodies, None, |_| Reply::Done);
        }
        if let Some((decision, call, reply)) = next {
            self.enact(room_id, decision, call, reply);
        }
    }

    /// Makes the record of the next epoch.
    fn write_epoch(
        &mut self,
        room_id: RoomId,
        decision: Decision,
    ) -> Result<(Vec<u8>, EpochId, Vec<Act>), CommandError> {
        let Some(Body::Profile { card, prekey, .. }) = self.profile_body_in(room_id) else {
            return Err(CommandError::NoName);
        };
        let me = self.me();
        let room = self.rooms.get(&room_id).ok_or(CommandError::NoSuchRoom)?;
        let change = change_of(room, &decision, (me, prekey.public), self.now.wall);
        let settings = settings_after(room, &decision.settings);
        let links = links_of(room, &change.parents, settings.history.value);
        let failed =
            |error: &dyn std::error::Error| CommandError::Invalid { what: format!("this cannot be done: {error}") };
        let parents: Vec<_> = change.parents.iter().map(|parent| parent.as_bytes().as_slice()).collect();
        let key = self.rng.secret_for(&[&[room_id.as_bytes().as_slice()], parents.as_slice()].concat());
        let secrets = EpochSecrets::derive(room_id, &change.parents, key).map_err(|e| failed(&e))?;
        let noise = &self.identity.noise;
        let record = EpochRecord::seal(&secrets, &change, &settings, &links, &card, noise, &mut self.rng)
            .map_err(|error| failed(&error))?;
        // What others refuse must never stand in the own log.
        if room.membership.rules().graph().check(&EpochFacts::from(&record)).is_err() {
            let what = "this cannot be done: so much was decided in this room that nothing more fits".into();
            return Err(CommandError::Invalid { what });
        }
        let body = record.encode().map_err(|error| failed(&error))?;
        Ok((body, secrets.id(), decision.acts))
    }

    // What owners do by themselves.

    /// When something waits for an owner, does it soon: the most senior owner online at once, the next
    /// ones only when it has not been done.
    pub(super) fn govern_soon(&mut self, room_id: RoomId) {
        self.revoke_in(room_id);
        if self.due(room_id).is_none() {
            return;
        }
        let (now, user) = (self.now.mono, self.user_id_in(room_id));
        let Some(room) = self.rooms.get(&room_id) else { return };
        let graph = room.membership.rules().graph();
        let is_here = |owner: &UserId| {
            let mut devices = room.membership.members.iter().filter(|(_, member)| member.card.user == *owner);
            devices.any(|(device, member)| self.connections.is_connected(*device) || is_recent(member.heard, now))
        };
        let before = graph.owners().into_iter().take_while(|owner| *owner != user).filter(is_here).count();
        // Of several devices of one person the one with the smallest id comes first.
        let own = room.membership.devices_of(user).filter(|device| *device < self.key.id());
        let before = before + own.filter(|device| self.connections.is_connected(*device)).count();
        let wait = GOVERN_AFTER_MS + u64::try_from(before).unwrap_or(0) * GOVERN_STEP_MS;
        let at = now + wait + self.jitter(GOVERN_AFTER_MS);
        self.timers.set(at, Timer::Govern(room_id));
    }

    /// Does what waits for an owner.
    pub(super) fn govern(&mut self, room_id: RoomId) {
        if let Some(decision) = self.due(room_id) {
            self.enact(room_id, decision, None, Reply::Done);
        }
    }

    /// What waits for an owner in a room, if this device is one's.
    fn due(&self, room_id: RoomId) -> Option<Decision> {
        let room = self.rooms.get(&room_id).filter(|room| room.is_loaded && !room.changes.is_under_way)?;
        let membership = &room.membership;
        if !membership.is_owner(self.user_id_in(room_id)) || room.standing.is_over() || !membership.is_in(self.me()) {
            return None;
        }
        let routine = Decision { is_routine: true, ..Decision::default() };
        let graph = membership.rules().graph();
        let heads = graph.heads();
        let Some((head, _)) = heads.first().filter(|_| heads.len() == 1) else {
            return (heads.len() > 1).then_some(routine);
        };
        // Who left owns nothing any more.
        let here: BTreeSet<UserId> = membership.users();
        let gone = membership.gone_owners(&here);
        if !gone.is_empty() {
            return Some(Decision { owners: OwnerChange { added: Vec::new(), dropped: gone }, ..routine });
        }
        let lost = membership.rules().lost();
        if !lost.is_empty() {
            let user = |device: &DeviceId| membership.user_of(*device).unwrap_or_default();
            let act = |device: &DeviceId| Act::Removed { user: user(device), device: Some(*device) };
            let acts = lost.iter().map(act).collect();
            return Some(Decision { removed: lost, acts, ..routine });
        }
        let said_hello = |device| membership.members.contains_key(&device);
        if membership.rules().wants_epoch(self.now.wall, said_hello) && room.may_clear(self.now.wall) {
            return Some(Decision { clears: true, ..routine });
        }
        let since = room.record.epochs.iter().find(|known| known.id == *head).map(|known| known.since)?;
        let is_over = |period| self.now.wall >= since.saturating_add(period);
        (is_over(WEEK_MS) || (room.uses_many_steps(*head) && is_over(USED_UP_MS))).then_some(routine)
    }
}

impl Room {
    /// Whether one more epoch may be begun because of who came and who went: the first at once, then one in
    /// ten minutes, 24 a day. Clocks that were set back forget what lies ahead.
    fn may_clear(&self, wall: u64) -> bool {
        let since = |span: u64| self.cleared.iter().filter(|at| **at <= wall && at.saturating_add(span) > wall).count();
        since(CLEAR_EVERY_MS) == 0 && since(24 * 60 * 60 * 1000) < CLEARS_A_DAY
    }
}

/// A member as newcomers are told of it.
fn roster_item(member: &MemberState) -> Option<RosterItem> {
    let name = Name::new(&member.name).ok()?;
    Some(RosterItem { name, card: member.card.clone(), prekey: member.prekey.clone() })
}

/// Most days of history that newcomers can be given, other than everything.
pub(super) const DAYS_MAX: u16 = 30;

/// What the next epoch changes.
fn change_of(room: &Room, decision: &Decision, me: (DeviceId, DhPublic), wall: u64) -> EpochChange {
    let membership = &room.membership;
    let graph = membership.rules().graph();
    let heads: Vec<(EpochId, EntryId)> = graph.heads().into_iter().take(EPOCH_PARENTS_MAX).collect();
    let (parents, after): (Vec<EpochId>, Vec<EntryId>) = heads.iter().copied().unzip();
    let lifetime = parents.first().and_then(|head| graph.facts(*head)).and_then(|facts| facts.lifetime_ms);
    let removed: BTreeSet<DeviceId> = decision.removed.iter().copied().collect();
    // Guests past their time are left out as well.
    let stays = |device: DeviceId| !removed.contains(&device) && membership.served(device, wall).is_ok();
    let stays = membership.members.iter().filter(|(device, _)| **device != me.0 && stays(**device));
    let recipients = std::iter::once(me).chain(stays.map(|(device, member)| (*device, member.prekey.public)));
    let demoted = decision.demoted.iter().flat_map(|user| membership.devices_of(*user));
    let named: BTreeSet<DeviceId> = demoted.chain(removed.iter().copied()).collect();
    let logs = named.iter().flat_map(|device| room.logs.of(*device));
    EpochChange {
        parents,
        after,
        removed: removed.iter().copied().collect(),
        owners: decision.owners.clone(),
        lifetime_ms: decision.lifetime_ms.unwrap_or(lifetime),
        dissolved: decision.dissolved,
        ends_codes: decision.ends_codes,
        heads: logs
            .map(|(log, state)| {
                let next = state.shown();
                let cut = membership.cut(*log).filter(|cut| cut.next == next);
                (*log, cut.unwrap_or_else(|| state.counted()))
            })
            .filter(|(_, h): &(_, Height)| h.next > 0)
            .take(LOGS_MAX)
            .collect(),
        recipients: recipients.take(DEVICES_MAX).collect(),
    }
}

/// The settings of the next epoch: those of all heads together, and what was decided.
fn settings_after(room: &Room, decided: &[Setting]) -> RoomSettings {
    let membership = &room.membership;
    let heads = membership.rules().graph().heads();
    let generations = heads.iter().filter_map(|(epoch, _)| membership.rules().graph().generation(*epoch));
    let generation = generations.max().map_or(0, |newest| newest + 1);
    let epoch = heads.first().map(|(epoch, _)| *epoch).unwrap_or_default();
    // Also later than a stamp that somebody set far ahead.
    let later = |old: Stamp| Stamp { generation: generation.max(old.generation.saturating_add(1)), epoch };
    let mut settings = membership.settings();
    for setting in decided {
        match *setting {
            Setting::Role(user, role) => {
                let stamp = later(settings.role_stamp(user));
                settings.set_role(user, role, stamp);
            }
            Setting::Newcomers(value) => settings.newcomers = Stamped { value, stamp: later(settings.newcomers.stamp) },
            Setting::History(value) => settings.history = Stamped { value, stamp: later(settings.history.stamp) },
            Setting::Slow(value) => settings.slow_ms = Stamped { value, stamp: later(settings.slow_ms.stamp) },
        }
    }
    settings
}

/// Keys of earlier epochs that the next one brings along: where newcomers may read everything, those
/// of its parents and of epochs that nothing follows because their record does not stand.
fn links_of<'a>(room: &'a Room, parents: &[EpochId], history: HistoryPolicy) -> Vec<&'a EpochSecrets> {
    if history != HistoryPolicy::Everything {
        return Vec::new();
    }
    let membership = &room.membership;
    let void =
        membership.known_secrets().into_iter().filter(|secrets| membership.rules().graph().is_void(secrets.id()));
    let parents = parents.iter().filter_map(|parent| membership.secrets(*parent));
    // Newcomers may read everything only of epochs in which that held too.
    let is_open = |secrets: &&EpochSecrets| {
        let policy = membership.settings_at(secrets.id()).history.value;
        policy == HistoryPolicy::Everything && secrets.lowest() == Step::FIRST
    };
    parents.chain(void).filter(is_open).take(LINKS_MAX).collect()
}
