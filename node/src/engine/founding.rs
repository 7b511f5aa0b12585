//! Making rooms, and putting a room that was made or joined among the others.

use parlor_protocol::DeviceId;
use parlor_protocol::{
    HistoryPolicy, Hlc, LogId, Name, RoomCode, RoomId,
    access::{AccessBody, In, InPlace, OwnKey},
    content::Body,
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    keys::DhPublic,
    log::{Height, Heights},
};
use rand_core::RngCore as _;

use super::{
    Engine,
    doors::Wish,
    governing::DAYS_MAX,
    io::{CallId, Output},
    join::Job,
    room::Room,
    sealing::Piece,
    unsaved::Again,
    writing::Pending,
};
use crate::{
    command::Reply,
    error::CommandError,
    event::Event,
    store::{EpochKeyRecord, RoomRecord, Write},
};

/// What a room begins with here.
pub(super) struct Founding {
    pub(super) genesis_entry: Entry,
    pub(super) genesis: Genesis,
    /// Epochs whose key is known, oldest first.
    pub(super) epochs: Vec<EpochSecrets>,
}

impl Engine {
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
                self.stretch(Job::NewCode { call: Some(call), room, code, wish: Wish::USUAL, created: true });
            }
            None => self.reply(Some(call), Err(CommandError::Stopped)),
        }
    }

    /// Founds a room: genesis, first epoch with its key for the recipients, coming in, profile and the
    /// room's name, as one batch.
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
        let first = Entry::sign(&self.key, header, &genesis.encode().ok()?).ok()?;
        let id = first.room();
        let secrets = EpochSecrets::derive(id, &[], self.rng.secret_for(&[id.as_bytes()])).ok()?;
        let Body::Profile { card, .. } = self.profile_body()? else { return None };
        let noise = self.identity.noise.clone();
        let change = EpochChange { recipients, ..EpochChange::default() };
        let settings = RoomSettings::founding(&genesis);
        let record = EpochRecord::seal(&secrets, &change, &settings, &[], &card, &noise, &mut self.rng).ok()?;
        let epoch = secrets.id();
        let header = Header { kind: Kind::Epoch, room: id, seq: 1, session: 1, prev: first.id(), epoch, ..header };
        let second = Entry::sign(&self.key, header, &record.encode().ok()?).ok()?;
        let place = InPlace { room: id, epoch, device: self.me(), log };
        let came_in = AccessBody::In(In::named(&OwnKey::new(&self.user, id), &place)).encode().ok()?;
        let founding = Founding { genesis_entry: first.inner().clone(), genesis, epochs: vec![secrets] };
        self.add_room(id, String::new(), founding, log, false);
        // Nothing is written in an epoch whose record is not known.
        self.with_room(id, |room, viewer| room.membership.learn(&second, viewer.me, viewer.prekeys));
        let pieces = [Piece::Signed(first), Piece::Signed(second), Piece::Plain(Kind::Access, came_in)];
        let bodies = self.profile_body().into_iter().chain(name.map(|name| Body::RoomName { name }));
        let pieces = pieces.into_iter().chain(bodies.map(Piece::Content)).collect();
        if let Some(room) = self.rooms.get_mut(&id) {
            room.record.prekey = self.identity.prekeys.first().map_or(0, |(_, made)| *made);
        }
        self.append_own(id, pieces, call, |_| Reply::Joined(id));
        Some(id)
    }

    /// Puts a room among the others. What its members have to know of this device is written when the
    /// record of its epoch is here.
    pub(super) fn add_room(&mut self, id: RoomId, name: String, founding: Founding, own_log: LogId, request: bool) {
        let record = self.room_record(id, name, &founding, own_log, request);
        self.write(vec![Write::PutRoom(Box::new(record.clone()))], Pending::unasked(Again::Room(id)));
        self.touch_vault();
        self.open_room(Room::new(record, founding.genesis, founding.epochs, &Heights::new()));
    }

    fn room_record(&self, id: RoomId, name: String, founding: &Founding, own_log: LogId, request: bool) -> RoomRecord {
        let wall = self.now.wall;
        RoomRecord {
            room: id,
            name,
            joined: wall,
            genesis: founding.genesis_entry.clone(),
            epochs: founding.epochs.iter().map(|secrets| EpochKeyRecord::of(secrets, wall)).collect(),
            own_log,
            codes: Vec::new(),
            unread: 0,
            hlc: Hlc::default(),
            archived: 0,
            received: Vec::new(),
            reserved: 0,
            signals: Vec::new(),
            leaving: false,
            prekey: 0,
            request,
            unconfirmed: false,
            heard: Vec::new(),
        }
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
}
