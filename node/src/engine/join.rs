//! Joining with a code: looking for its door, coming in at it, opening what is wrapped for it.
//!
//! Stretching a code takes a quarter of a second on purpose, so it happens outside; what is to be done
//! with the result waits here as a job. Everybody who is connected is asked; of those who know the door one
//! after the other, until one has a key that opens and is the epoch's.

use parlor_protocol::{
    DeviceId, EpochId, LogId, RoomCode, RoomId,
    access::{
        AccessBody, CodeKeys, In, InPlace, OwnKey, Wrap,
        wire::{Enter, Entered, Found, Lead, Look, NotEntered, Offer},
    },
    entry::{Entry, Header, Kind, Verified},
    epoch::EpochSecrets,
    log::Height,
    wire::Request,
};
use rand_core::RngCore as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Engine,
    doors::{NewDoor, Wish},
    founding::Founding,
    io::{CallId, JobId, Output},
    sealing::Piece,
    sync::Asked,
    timers::Timer,
};
use crate::{
    command::Reply,
    error::CommandError,
    event::{Event, JoinStage},
};

/// How long to look for a code when everybody asked so far does not know it, in milliseconds:
/// machines that just started may still be finding each other.
const UNKNOWN_AFTER_MS: u64 = 6_000;
/// How long to look for anybody to ask, in milliseconds.
const NOBODY_AFTER_MS: u64 = 30_000;
/// How often a join looks for somebody new to ask, in milliseconds.
const LOOK_EVERY_MS: u64 = 500;
/// How often one keeper is tried: others may take the step that it had on offer.
const TRIES_MAX: u32 = 32;
/// How long one keeper may take before the next one is tried, in milliseconds.
const ENTER_WITHIN_MS: u64 = 8_000;

/// Something that waits for a stretched code.
#[derive(Debug)]
pub(super) enum Job {
    /// Joining.
    Join(Box<Join>),
    /// Making a code for a room; `created` when the room was made with it.
    NewCode { call: Option<CallId>, room: RoomId, code: RoomCode, wish: Wish, created: bool },
}

/// A join under way.
#[derive(Debug)]
pub(super) struct Join {
    call: Option<CallId>,
    pub(super) code: RoomCode,
    keys: Option<CodeKeys>,
    asked: BTreeSet<DeviceId>,
    said_no: BTreeSet<DeviceId>,
    /// Who knows the door, in the order in which they said so.
    keepers: VecDeque<Keeper>,
    /// Who was asked to let this device in, and by which entry.
    entering: Option<(Keeper, Verified<Entry>)>,
    /// Since when, on the monotonic clock.
    entering_since: u64,
    tries: BTreeMap<DeviceId, u32>,
    /// When somebody was last asked, on the monotonic clock.
    last_asked: u64,
    /// Somebody knew its door.
    was_known: bool,
    /// Why the last one did not.
    refused: Option<NotEntered>,
    started: u64,
}

/// Somebody who knows the door.
#[derive(Clone, Debug)]
struct Keeper {
    peer: DeviceId,
    lead: Lead,
    genesis: Entry,
    offers: VecDeque<Offer>,
}

impl Engine {
    pub(super) fn stretch(&mut self, job: Job) {
        let id = JobId(self.number());
        let code = match &job {
            Job::Join(join) => join.code.clone(),
            Job::NewCode { code, .. } => code.clone(),
        };
        self.jobs.insert(id, job);
        self.out.push(Output::Stretch { job: id, code });
    }

    pub(super) fn on_stretched(&mut self, id: JobId, keys: Option<CodeKeys>) {
        let no_memory = || CommandError::Invalid {
            what: "there is not enough free memory to work with codes (64 MiB are needed); close something".into(),
        };
        match (self.jobs.remove(&id), keys) {
            (Some(Job::NewCode { call, room, code, wish, created }), Some(keys)) => {
                self.write_door(NewDoor { call, room, code, keys, wish, created });
            }
            (Some(Job::NewCode { call, .. }), None) => self.reply(call, Err(no_memory())),
            (Some(Job::Join(mut join)), Some(keys)) => {
                // The code may be one of a room that this device is in.
                let (me, wall) = (self.me(), self.now.wall);
                let is_here = self.rooms.values().find(|room| {
                    let door = room.membership.find_door(keys.locator(), wall, |door, _| door.is_of(&keys));
                    door.is_some() && room.membership.served(me, wall).is_ok()
                });
                if let Some((room, name)) = is_here.map(|room| (room.id(), room.record.name.clone())) {
                    return self.is_in_already(&join, room, name);
                }
                join.keys = Some(keys);
                self.jobs.insert(id, Job::Join(join));
                self.check_join(id);
            }
            (Some(Job::Join(join)), None) => self.fail_join(&join, no_memory()),
            (None, _) => {}
        }
    }

    fn is_in_already(&mut self, join: &Join, room: RoomId, name: String) {
        let code = join.code.clone();
        self.event(Event::JoinProgress { code: code.clone(), stage: JoinStage::Found { room, name } });
        self.event(Event::JoinProgress { code, stage: JoinStage::Finished { room } });
        self.reply(join.call, Ok(Reply::Joined(room)));
    }

    pub(super) fn join(&mut self, call: CallId, code: RoomCode) {
        if self.profile_body().is_none() {
            self.reply(Some(call), Err(CommandError::NoName));
            return;
        }
        self.event(Event::JoinProgress { code: code.clone(), stage: JoinStage::Preparing });
        let join = Join {
            call: Some(call),
            code,
            keys: None,
            asked: BTreeSet::new(),
            said_no: BTreeSet::new(),
            keepers: VecDeque::new(),
            entering: None,
            entering_since: self.now.mono,
            tries: BTreeMap::new(),
            refused: None,
            last_asked: self.now.mono,
            was_known: false,
            started: self.now.mono,
        };
        self.stretch(Job::Join(Box::new(join)));
    }

    pub(super) fn cancel_join(&mut self, code: &RoomCode) {
        let matches = |job: &Job| matches!(job, Job::Join(join) if join.code == *code);
        let ids: Vec<_> = self.jobs.iter().filter(|(_, job)| matches(job)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(Job::Join(join)) = self.jobs.remove(&id) {
                self.fail_join(&join, CommandError::Cancelled);
            }
        }
    }

    /// Asks everybody who has not been asked, and gives up when it is time.
    pub(super) fn check_join(&mut self, id: JobId) {
        self.pass_over_slow_keeper(id);
        let (me, peers) = (self.me(), self.connections.everybody());
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let Some(keys) = join.keys.clone() else { return };
        let waited = self.now.mono.saturating_sub(join.started);
        let new: Vec<_> = peers.iter().filter(|peer| !join.asked.contains(peer)).copied().collect();
        join.asked.extend(&new);
        if !new.is_empty() {
            join.last_asked = self.now.mono;
        }
        let asked = join.asked.len();
        let all_said_no =
            asked > 0 && join.asked.iter().all(|peer| join.said_no.contains(peer) || !peers.contains(peer));
        let code = join.code.clone();
        let is_idle = join.entering.is_none() && join.keepers.is_empty();
        // Whoever was asked a moment ago is still given the time to answer.
        let all_had_time = self.now.mono.saturating_sub(join.last_asked) >= UNKNOWN_AFTER_MS;
        let is_too_long = waited >= NOBODY_AFTER_MS && (all_had_time || waited >= 2 * NOBODY_AFTER_MS);
        let gave_up = is_idle && ((waited >= UNKNOWN_AFTER_MS && all_said_no) || is_too_long);
        if gave_up && new.is_empty() {
            let error = match (join.refused, join.said_no.len()) {
                (Some(why), _) => not_entered(why),
                _ if join.was_known => CommandError::NobodyLetIn,
                (None, 0) => CommandError::NobodyFound,
                (None, asked) => CommandError::CodeUnknown { asked },
            };
            if let Some(Job::Join(join)) = self.jobs.remove(&id) {
                self.fail_join(&join, error);
            }
            return;
        }
        if !new.is_empty() || asked == 0 {
            self.event(Event::JoinProgress { code, stage: JoinStage::Searching { asked } });
        }
        for peer in new {
            self.ask(peer, &Request::Look(Look::sign(&keys, me, peer)), Asked::Look { job: id, peer });
        }
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Join(id));
        self.enter_somewhere(id);
    }

    pub(super) fn check_joins(&mut self) {
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        ids.into_iter().for_each(|id| self.check_join(id));
    }

    /// A peer answered whether it knows the door, or could not be asked: then it is asked again.
    pub(super) fn on_found(&mut self, id: JobId, from: DeviceId, found: Option<Found>) {
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let Some(keys) = &join.keys else { return };
        // Anything that does not fit the code is as good as a no: the peer may be hostile.
        let lead = found.as_ref().and_then(|found| found.check_lead(keys).ok());
        match found.zip(lead) {
            Some((Found { genesis, offers, .. }, lead)) => {
                let code = join.code.clone();
                let (room, name) = (lead.room, String::new());
                join.was_known = true;
                join.keepers.push_back(Keeper { peer: from, lead, genesis, offers: offers.into() });
                self.event(Event::JoinProgress { code, stage: JoinStage::Found { room, name } });
            }
            None => drop(join.said_no.insert(from)),
        }
        self.check_join(id);
    }

    /// A peer that is too busy, or was cut off, is asked again.
    pub(super) fn look_again(&mut self, id: JobId, from: DeviceId) {
        if let Some(Job::Join(join)) = self.jobs.get_mut(&id) {
            join.asked.remove(&from);
        }
    }

    /// Asks the next one who knows the door to let this device in.
    fn enter_somewhere(&mut self, id: JobId) {
        let Some(Job::Join(join)) = self.jobs.get_mut(&id).filter(|job| is_waiting(job)) else { return };
        let Some(mut keeper) = join.keepers.pop_front() else { return };
        let tries = join.tries.entry(keeper.peer).or_default();
        *tries += 1;
        let offer = keeper.offers.pop_front().filter(|_| *tries <= TRIES_MAX);
        let (Some(offer), Some(keys)) = (offer, join.keys.clone()) else {
            join.said_no.insert(keeper.peer);
            return self.enter_somewhere(id);
        };
        let (me, wall, now) = (self.key.id(), self.now.wall, self.now.mono);
        if self.rooms.get(&keeper.lead.room).is_some_and(|room| room.membership.served(me, wall).is_ok()) {
            return self.finish_here(id, keeper.lead.room);
        }
        let Some(entry) = self.sign_in(&keys, &keeper.lead, offer) else { return };
        let enter = Enter { room: keeper.lead.room, entry: entry.inner().clone(), for_keys: true };
        self.ask(keeper.peer, &Request::Enter(Box::new(enter)), Asked::Enter { job: id });
        if let Some(Job::Join(join)) = self.jobs.get_mut(&id) {
            join.entering = Some((keeper, entry));
            join.entering_since = now;
        }
    }

    /// A keeper that takes too long makes way for the next one.
    fn pass_over_slow_keeper(&mut self, id: JobId) {
        let now = self.now.mono;
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let is_slow = now.saturating_sub(join.entering_since) >= ENTER_WITHIN_MS;
        if let Some((keeper, _)) = join.entering.take_if(|_| is_slow && !join.keepers.is_empty()) {
            join.keepers.push_back(keeper);
        }
    }

    /// The room came here by another way meanwhile.
    fn finish_here(&mut self, id: JobId, room: RoomId) {
        let name = self.rooms.get(&room).map(|room| room.record.name.clone()).unwrap_or_default();
        if let Some(Job::Join(join)) = self.jobs.remove(&id) {
            self.is_in_already(&join, room, name);
        }
    }

    /// The entry by which this device comes in: the first one of a new log, each time.
    fn sign_in(&mut self, keys: &CodeKeys, lead: &Lead, offer: Offer) -> Option<Verified<Entry>> {
        let log = LogId(self.rng.next_u64());
        let header = Header {
            kind: Kind::Access,
            room: lead.room,
            author: self.me(),
            log,
            seq: 0,
            prev: Height::EMPTY.head,
            epoch: offer.epoch,
            session: 0,
        };
        let until = self.stays_until();
        let own = OwnKey::new(&self.user, lead.room);
        let body = In::by_code(&own, &InPlace::from(&header), keys, lead.door, offer.step, until);
        Entry::sign(&self.key, header, &AccessBody::In(body).encode().ok()?).ok()
    }

    /// A keeper let this device in, or did not.
    pub(super) fn on_entered(&mut self, id: JobId, from: DeviceId, answer: Option<Entered>) {
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let Some((mut keeper, entry)) = join.entering.take_if(|(keeper, _)| keeper.peer == from) else { return };
        match answer {
            Some(Entered::In(wraps)) => {
                if let Some(opened) = join.keys.as_ref().and_then(|keys| open(keys, &keeper.lead, &entry, &wraps)) {
                    return self.finish_join(id, keeper, entry, opened);
                }
                // It has no key for this, or not the epoch's.
                join.keepers.push_back(keeper);
            }
            Some(Entered::Again(offers)) => {
                keeper.offers = offers.into();
                // The others first: this one may never have a step that is free.
                join.keepers.push_back(keeper);
            }
            Some(Entered::Refused(why)) => {
                join.refused = Some(why);
                match why {
                    // It asks for what is lacking, and can say more in a moment.
                    NotEntered::Lacking => drop(join.asked.remove(&from)),
                    _ => drop(join.said_no.insert(from)),
                }
            }
            // Cut off, or too busy: the same again, by a new entry, in a moment.
            None => drop(join.asked.remove(&from)),
        }
        if matches!(self.jobs.get(&id), Some(Job::Join(join)) if !join.keepers.is_empty()) {
            self.enter_somewhere(id);
        }
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Join(id));
    }

    /// Whoever was to let this device in is gone.
    pub(super) fn entering_failed(&mut self, id: JobId) {
        let Some(Job::Join(join)) = self.jobs.get(&id) else { return };
        if let Some(peer) = join.entering.as_ref().map(|(keeper, _)| keeper.peer) {
            self.on_entered(id, peer, None);
        }
    }

    fn finish_join(&mut self, id: JobId, keeper: Keeper, entry: Verified<Entry>, opened: Opened) {
        let Some(Job::Join(join)) = self.jobs.remove(&id) else { return };
        let Keeper { peer, lead, genesis, .. } = keeper;
        let room = lead.room;
        let code = join.code.clone();
        self.event(Event::JoinProgress { code, stage: JoinStage::Found { room, name: opened.name.clone() } });
        if self.rooms.contains_key(&room) {
            // It left, or was shut out, and comes back by a new log.
            self.forget_room(room);
        }
        let founding = Founding { genesis_entry: genesis, genesis: lead.genesis, epochs: opened.epochs };
        self.add_room(room, opened.name, founding, entry.header().log, false);
        let by_archive = self.connections.is_archive(peer);
        if let Some(known) = self.rooms.get_mut(&room) {
            known.is_fresh = true;
            known.let_in_by = Some(peer);
            known.joined_with = Some(join.code.clone());
            // An archive may show an old state: members say what the room is.
            known.record.unconfirmed = by_archive;
        }
        self.save_room_now(room);
        self.append_own(room, vec![Piece::Signed(entry)], join.call, |_| Reply::Joined(room));
        self.connections.note_in_room(peer, room);
        self.sync_with(room, peer);
    }

    /// Progress of the first sync after joining goes to whoever joined.
    pub(super) fn tell_join_stage(&mut self, room_id: RoomId, stage: JoinStage) {
        let is_over = matches!(stage, JoinStage::Finished { .. });
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let Some(code) = room.joined_with.clone() else { return };
        if is_over {
            // Who is in needs the code no more.
            room.joined_with = None;
        }
        self.event(Event::JoinProgress { code, stage });
    }

    /// A member serves this device: it is in by more than an archive's word.
    pub(super) fn note_confirmed(&mut self, room_id: RoomId, peer: DeviceId) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.record.unconfirmed) else { return };
        if room.membership.is_in(peer) {
            (room.record.unconfirmed, room.summary_changed) = (false, true);
            self.save_room_now(room_id);
        }
    }

    /// A member that only an archive is in between says that it is here. That is as good where it shows the room
    /// as it is now.
    pub(super) fn note_here(&mut self, room_id: RoomId, peer: DeviceId, epoch: EpochId, at: u64) {
        let wall = self.now.wall;
        if self.rooms.get(&room_id).is_some_and(|room| room.record.unconfirmed && room.is_said_now(epoch, at, wall)) {
            self.note_confirmed(room_id, peer);
        }
    }

    fn fail_join(&mut self, join: &Join, error: CommandError) {
        self.event(Event::JoinProgress { code: join.code.clone(), stage: JoinStage::Failed });
        self.reply(join.call, Err(error));
    }

    pub(super) fn fail_jobs(&mut self) {
        for job in std::mem::take(&mut self.jobs).into_values() {
            match job {
                Job::Join(join) => self.fail_join(&join, CommandError::Stopped),
                Job::NewCode { call, .. } => self.reply(call, Err(CommandError::Stopped)),
            }
        }
    }
}

/// Whether a join asks nobody to let it in at the moment.
fn is_waiting(job: &Job) -> bool {
    matches!(job, Job::Join(join) if join.entering.is_none())
}

/// What a code opened.
struct Opened {
    name: String,
    /// The epochs whose keys came along, oldest first.
    epochs: Vec<EpochSecrets>,
}

/// Opens the first wrap that fits the entry and whose key is that of its epoch.
fn open(keys: &CodeKeys, lead: &Lead, entry: &Entry, wraps: &[Wrap]) -> Option<Opened> {
    let (room, epoch) = (lead.room, entry.header().epoch);
    let fits = |wrap: &&Wrap| {
        let facts = &wrap.facts;
        (facts.room, facts.door, facts.epoch) == (room, lead.door, epoch) && wrap.check().is_ok()
    };
    wraps.iter().filter(fits).find_map(|wrap| {
        let payload = wrap.open(keys).ok()?;
        let secrets = payload.secrets(&wrap.facts).ok()?;
        let epochs = payload.earlier_secrets(room).into_iter().chain([secrets]).collect();
        Some(Opened { name: payload.name.as_str().to_owned(), epochs })
    })
}

/// What a person is told who was not let in.
fn not_entered(why: NotEntered) -> CommandError {
    match why {
        NotEntered::Expired => CommandError::CodeExpired,
        NotEntered::Ended | NotEntered::MakerGone | NotEntered::ShutOut => CommandError::CodeEnded,
        NotEntered::UsedUp => CommandError::CodeUsedUp,
        NotEntered::Full | NotEntered::TooManyOwn => CommandError::RoomFull,
        NotEntered::Removed | NotEntered::Out => CommandError::NotLetIn,
        NotEntered::Lacking | NotEntered::Wrong => CommandError::InviteInvalid,
    }
}
