//! Making rooms and codes, and joining with a code.
//!
//! Stretching a code takes a quarter of a second on purpose, so it happens outside; what is to be
//! done with the result waits here as a job.

use parlor_protocol::{
    DeviceId, HistoryPolicy, Hlc, LogId, Name, RoomCode, RoomId,
    content::Body,
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    invite::{Invitation, Invite, StretchedCode},
    keys::{DhPublic, Secret},
    log::{Height, Heights},
    wire::Request,
};
use rand_core::RngCore as _;
use std::collections::BTreeSet;

use super::{
    Engine,
    governing::DAYS_MAX,
    io::{CallId, JobId, Output},
    room::Room,
    sync::Asked,
    timers::Timer,
    unsaved::Again,
    writing::Pending,
};
use crate::{
    command::Reply,
    error::CommandError,
    event::{Event, JoinStage},
    store::{CodeRecord, EpochKeyRecord, RoomRecord, Write},
};

/// How long to look for a code when everybody asked so far does not know it, in milliseconds:
/// machines that just started may still be finding each other.
const UNKNOWN_AFTER_MS: u64 = 6_000;
/// How long to look for anybody to ask, in milliseconds.
const NOBODY_AFTER_MS: u64 = 30_000;
/// How often a join looks for somebody new to ask, in milliseconds.
const LOOK_EVERY_MS: u64 = 500;

/// Something that waits for a stretched code.
#[derive(Debug)]
pub(super) enum Job {
    /// Joining.
    Join(Join),
    /// Making a code for a room; `created` when the room was made with it.
    NewCode {
        call: Option<CallId>,
        room: RoomId,
        code: RoomCode,
        expires: Option<u64>,
        uses: Option<u32>,
        created: bool,
    },
}

/// What a room begins with here.
pub(super) struct Founding {
    pub(super) genesis_entry: Entry,
    pub(super) genesis: Genesis,
    /// Epochs whose key is known, oldest first.
    pub(super) epochs: Vec<EpochSecrets>,
}

/// A join under way.
#[derive(Debug)]
pub(super) struct Join {
    call: Option<CallId>,
    pub(super) code: RoomCode,
    stretched: Option<StretchedCode>,
    asked: BTreeSet<DeviceId>,
    said_no: BTreeSet<DeviceId>,
    started: u64,
}

impl Engine {
    // Making.

    pub(super) fn create_room(&mut self, call: CallId, name: Name, history: HistoryPolicy) {
        if self.profile_body().is_none() {
            self.reply(Some(call), Err(CommandError::NoName));
            return;
        }
        if matches!(history, HistoryPolicy::LastDays(days) if days == 0 || days > DAYS_MAX) {
            let what = format!("choose between 1 and {DAYS_MAX} days of history, or everything");
            self.reply(Some(call), Err(CommandError::Invalid { what }));
            return;
        }
        let mut salt = [0; 16];
        self.rng.fill_bytes(&mut salt);
        let genesis = Genesis { owners: vec![self.user.id()], history, salt, kind: RoomKind::Group };
        match self.found(genesis, Some(name), Vec::new(), None) {
            Some(room) => {
                let code = RoomCode::random(&mut self.rng);
                self.stretch(Job::NewCode { call: Some(call), room, code, expires: None, uses: None, created: true });
            }
            None => self.reply(Some(call), Err(CommandError::Stopped)),
        }
    }

    /// Founds a room: genesis, first epoch with its key for the recipients, own admission, profile and
    /// the room's name.
    pub(super) fn found(
        &mut self,
        genesis: Genesis,
        name: Option<Name>,
        recipients: Vec<(DeviceId, DhPublic)>,
        call: Option<CallId>,
    ) -> Option<RoomId> {
        let log = LogId(self.rng.next_u64());
        let header = Header {
            kind: Kind::Genesis,
            room: RoomId::default(),
            author: self.me(),
            log,
            seq: 0,
            prev: Height::EMPTY.head,
            epoch: parlor_protocol::EpochId::default(),
            session: 0,
        };
        let entry = Entry::sign(&self.key, header, &genesis.encode().ok()?).ok()?;
        let id = entry.room();
        let secrets = EpochSecrets::derive(id, &[], Secret::random(&mut self.rng)).ok()?;
        let Body::Profile { card, .. } = self.profile_body()? else { return None };
        let noise = self.identity.noise.clone();
        let change = EpochChange { recipients, ..EpochChange::default() };
        let settings = RoomSettings::founding(&genesis);
        let record = EpochRecord::seal(&secrets, &change, &settings, &[], &card, &noise, &mut self.rng).ok()?;
        let founding = Founding { genesis_entry: entry.inner().clone(), genesis, epochs: vec![secrets] };
        self.add_room(id, String::new(), founding, log, None, false);
        if let Some(room) = self.rooms.get_mut(&id) {
            room.logs.entry(entry.log_key()).height = Height::after(&entry);
        }
        self.commit(id, vec![entry], Vec::new(), None, Reply::Done);
        let silent = |engine: &mut Self, kind, body: &[u8]| engine.write_plain(id, kind, body, None, Reply::Done);
        silent(self, Kind::Epoch, &record.encode().ok()?);
        self.write_admission(id);
        let bodies = self.profile_body().into_iter().chain(name.map(|name| Body::RoomName { name })).collect();
        self.write_contents(id, bodies, call, |_| Reply::Joined(id));
        Some(id)
    }

    pub(super) fn write_admission(&mut self, room: RoomId) {
        if let Some(body) = self.cert(room).and_then(|cert| cert.encode().ok()) {
            self.write_plain(room, Kind::Admission, &body, None, Reply::Done);
        }
    }

    pub(super) fn add_room(
        &mut self,
        id: RoomId,
        name: String,
        founding: Founding,
        own_log: LogId,
        code: Option<CodeRecord>,
        request: bool,
    ) {
        let (wall, prekey) = (self.now.wall, self.identity.prekeys.first().map_or(0, |(_, made)| *made));
        let record = RoomRecord {
            room: id,
            name,
            joined: wall,
            genesis: founding.genesis_entry,
            epochs: founding.epochs.iter().map(|secrets| EpochKeyRecord::of(secrets, wall)).collect(),
            own_log,
            codes: code.into_iter().collect(),
            unread: 0,
            hlc: Hlc::default(),
            archived: 0,
            received: Vec::new(),
            reserved: 0,
            signals: Vec::new(),
            leaving: false,
            prekey,
            request,
            revoked: Vec::new(),
        };
        self.write(vec![Write::PutRoom(Box::new(record.clone()))], Pending::unasked(Again::Room(id)));
        self.touch_vault();
        self.open_room(Room::new(record, founding.genesis, founding.epochs, &Heights::new()));
    }

    /// A room whose first entries could not be saved: as if it had never been made or joined.
    pub(super) fn forget_room(&mut self, id: RoomId) {
        let Some(room) = self.rooms.remove(&id) else { return };
        for secrets in room.membership.known_secrets() {
            if self.topics.remove(&secrets.topic()).is_some() {
                self.out.push(Output::Net(crate::net::NetCommand::Unsubscribe(secrets.topic())));
            }
        }
        self.unsaved.forget(id);
        self.event(Event::RoomGone(id));
    }

    pub(super) fn stretch(&mut self, job: Job) {
        let id = JobId(self.number());
        let code = match &job {
            Job::Join(join) => join.code.clone(),
            Job::NewCode { code, .. } => code.clone(),
        };
        self.jobs.insert(id, job);
        self.out.push(Output::Stretch { job: id, code });
    }

    pub(super) fn on_stretched(&mut self, id: JobId, stretched: Option<StretchedCode>) {
        let no_memory = || CommandError::Invalid {
            what: "there is not enough free memory to work with codes (64 MiB are needed); close something".into(),
        };
        match (self.jobs.remove(&id), stretched) {
            (Some(Job::NewCode { call, room, code, expires, uses, created }), Some(stretched)) => {
                self.write_invite(call, room, code, stretched, expires, uses, created);
            }
            (Some(Job::NewCode { call, .. }), None) => self.reply(call, Err(no_memory())),
            (Some(Job::Join(mut join)), Some(stretched)) => {
                // The code may be one of a room that this device is in.
                let locator = stretched.locator();
                let own = self.rooms.values().find_map(|room| room.invite(locator)).cloned();
                join.stretched = Some(stretched);
                self.jobs.insert(id, Job::Join(join));
                match own {
                    Some(invite) => self.on_invite(id, self.me(), Some(invite)),
                    None => self.check_join(id),
                }
            }
            (Some(Job::Join(join)), None) => self.fail_join(join, no_memory()),
            (None, _) => {}
        }
    }

    // Joining.

    pub(super) fn join(&mut self, call: CallId, code: RoomCode) {
        if self.profile_body().is_none() {
            self.reply(Some(call), Err(CommandError::NoName));
            return;
        }
        self.event(Event::JoinProgress { code: code.clone(), stage: JoinStage::Preparing });
        let join = Join {
            call: Some(call),
            code,
            stretched: None,
            asked: BTreeSet::new(),
            said_no: BTreeSet::new(),
            started: self.now.mono,
        };
        self.stretch(Job::Join(join));
    }

    pub(super) fn cancel_join(&mut self, code: &RoomCode) {
        let matches = |job: &Job| matches!(job, Job::Join(join) if join.code == *code);
        let ids: Vec<_> = self.jobs.iter().filter(|(_, job)| matches(job)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(Job::Join(join)) = self.jobs.remove(&id) {
                self.fail_join(join, CommandError::Cancelled);
            }
        }
    }

    /// Asks everybody who has not been asked, and gives up when it is time.
    pub(super) fn check_join(&mut self, id: JobId) {
        let peers = self.connections.everybody();
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let Some(locator) = join.stretched.as_ref().map(StretchedCode::locator) else { return };
        let waited = self.now.mono.saturating_sub(join.started);
        let new: Vec<_> = peers.iter().filter(|peer| !join.asked.contains(peer)).copied().collect();
        join.asked.extend(&new);
        let asked = join.asked.len();
        let all_said_no =
            asked > 0 && join.asked.iter().all(|peer| join.said_no.contains(peer) || !peers.contains(peer));
        let code = join.code.clone();
        let gave_up = (waited >= UNKNOWN_AFTER_MS && all_said_no) || waited >= NOBODY_AFTER_MS;
        if gave_up && new.is_empty() {
            let error = match join.said_no.len() {
                0 => CommandError::NobodyFound,
                asked => CommandError::CodeUnknown { asked },
            };
            if let Some(Job::Join(join)) = self.jobs.remove(&id) {
                self.fail_join(join, error);
            }
            return;
        }
        if !new.is_empty() || asked == 0 {
            self.event(Event::JoinProgress { code, stage: JoinStage::Searching { asked } });
        }
        for peer in new {
            self.ask(peer, &Request::Invite(locator), Asked::Invite { job: id });
        }
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Join(id));
    }

    pub(super) fn check_joins(&mut self) {
        let ids: Vec<_> = self.jobs.keys().copied().collect();
        ids.into_iter().for_each(|id| self.check_join(id));
    }

    pub(super) fn on_invite(&mut self, id: JobId, from: DeviceId, invite: Option<Invite>) {
        let Some(Job::Join(join)) = self.jobs.get_mut(&id) else { return };
        let Some(stretched) = &join.stretched else { return };
        // Anything that the code does not open is as good as a no: the peer may be hostile.
        let invitation = invite.filter(|invite| invite.check().is_ok()).and_then(|invite| invite.open(stretched).ok());
        let Some(invitation) = invitation else {
            join.said_no.insert(from);
            self.check_join(id);
            return;
        };
        let Some(Job::Join(join)) = self.jobs.remove(&id) else { return };
        self.enter(join, &invitation, from);
    }

    fn enter(&mut self, join: Join, invitation: &Invitation, from: DeviceId) {
        let room_id = invitation.room();
        let secrets = invitation.epoch_secrets();
        let genesis = Genesis::decode(invitation.genesis.body());
        let (Ok(secrets), Ok(genesis)) = (secrets, genesis) else {
            self.fail_join(join, CommandError::InviteInvalid);
            return;
        };
        if invitation.expires.is_some_and(|expires| expires <= self.now.wall) {
            self.fail_join(join, CommandError::CodeExpired);
            return;
        }
        let name = invitation.name.as_str().to_owned();
        self.event(Event::JoinProgress {
            code: join.code.clone(),
            stage: JoinStage::Found { room: room_id, name: name.clone() },
        });
        if self.rooms.contains_key(&room_id) {
            self.event(Event::JoinProgress { code: join.code.clone(), stage: JoinStage::Finished { room: room_id } });
            self.reply(join.call, Ok(Reply::Joined(room_id)));
            return;
        }
        let log = LogId(self.rng.next_u64());
        let Some(stretched) = join.stretched.clone() else { return };
        let locator = stretched.locator();
        let code = CodeRecord { code: join.code.clone(), expires: invitation.expires, stretched, uses: None };
        let epochs = invitation.earlier_secrets().into_iter().chain([secrets]).collect();
        let founding = Founding { genesis_entry: invitation.genesis.clone(), genesis, epochs };
        self.add_room(room_id, name, founding, log, Some(code), false);
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.is_fresh = true;
        }
        self.write_admission(room_id);
        let bodies = self.profile_body_in(room_id).into_iter().chain([Body::JoinedBy(locator)]).collect();
        self.write_contents(room_id, bodies, join.call, |_| Reply::Joined(room_id));
        self.connections.note_in_room(from, room_id);
        self.sync_with(room_id, from);
    }

    fn fail_join(&mut self, join: Join, error: CommandError) {
        self.event(Event::JoinProgress { code: join.code.clone(), stage: JoinStage::Failed });
        self.reply(join.call, Err(error));
    }

    pub(super) fn fail_jobs(&mut self) {
        for job in std::mem::take(&mut self.jobs).into_values() {
            match job {
                Job::Join(join) => self.fail_join(join, CommandError::Stopped),
                Job::NewCode { call, .. } => self.reply(call, Err(CommandError::Stopped)),
            }
        }
    }

    /// Progress of the first sync after joining goes to whoever joined with one of the room's codes.
    pub(super) fn tell_join_stage(&mut self, room_id: RoomId, stage: JoinStage) {
        let code =
            self.rooms.get(&room_id).and_then(|room| room.record.codes.first()).map(|record| record.code.clone());
        if let Some(code) = code {
            self.event(Event::JoinProgress { code, stage });
        }
    }
}
