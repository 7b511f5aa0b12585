//! A room and the people who write in it, made with the protocol alone: for rows that need sealed
//! entries without running a node for each author.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Hlc, LogId, LogKey, Name, RoomCode, RoomId, Text,
    access::{self, AccessBody, DoorBody, Hours, In, InPlace, OwnKey, Wrap},
    card::{DeviceCard, Prekey, UserKey},
    content::{Body, Content},
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    session::SealingSession,
};
use parlor_tests::door::{Door, code_keys};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Bytes of the texts that are measured.
pub const TEXT_LEN: usize = 256;

/// A text of [`TEXT_LEN`] bytes that begins with its number.
pub fn text(number: usize) -> anyhow::Result<Text> {
    let filler = "the quick brown fox jumps over the lazy dog ".repeat(6);
    let mut text = format!("{number:08} {filler}");
    text.truncate(TEXT_LEN - 1);
    text.push('.');
    Ok(Text::new(&text)?)
}

/// The number that a text or payload begins with.
pub fn number_of(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text.get(..8)?).ok()?.parse().ok()
}

/// A device and the log that it writes.
pub struct Author {
    user: UserKey,
    key: DeviceKey,
    noise: DhSecret,
    prekey: DhSecret,
    log: LogId,
    height: Height,
    session: Option<SealingSession>,
    hlc: Hlc,
    rng: ChaCha20Rng,
}

impl Author {
    /// A device with keys of its own.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            user: UserKey::random(&mut rng),
            key: DeviceKey::random(&mut rng),
            noise: DhSecret::random(&mut rng),
            prekey: DhSecret::random(&mut rng),
            log: LogId(seed),
            height: Height::EMPTY,
            session: None,
            hlc: Hlc::default(),
            rng,
        }
    }

    /// The device.
    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// The device's key.
    pub fn key(&self) -> &DeviceKey {
        &self.key
    }

    /// The log it writes.
    pub fn log_key(&self) -> LogKey {
        LogKey { author: self.id(), log: self.log }
    }

    fn header(&self, kind: Kind, room: RoomId, epoch: EpochId) -> Header {
        let Height { next: seq, head: prev } = self.height;
        Header { kind, room, author: self.id(), log: self.log, seq, prev, epoch, session: seq }
    }

    fn plain(&mut self, kind: Kind, room: RoomId, epoch: EpochId, body: &[u8]) -> anyhow::Result<Verified<Entry>> {
        let entry = Entry::sign(&self.key, self.header(kind, room, epoch), body)?;
        self.height = Height::after(&entry);
        Ok(entry)
    }

    /// Begins the epoch that follows one, of which the record is named too, with a key for so many devices.
    pub fn begin_epoch(
        &mut self,
        before: &EpochSecrets,
        record: EntryId,
        devices: u64,
        wall: u64,
    ) -> anyhow::Result<(EpochSecrets, Verified<Entry>)> {
        let secrets = EpochSecrets::derive(before.room(), &[before.id()], Secret::random(&mut self.rng))?;
        let recipient = |n: u64| {
            let device = DeviceKey::random(&mut ChaCha20Rng::seed_from_u64(n)).id();
            (device, self.prekey.public())
        };
        let recipients =
            std::iter::once((self.id(), self.prekey.public())).chain((1..devices).map(recipient)).collect();
        let change =
            EpochChange { parents: vec![before.id()], after: vec![record], recipients, ..EpochChange::default() };
        let card = DeviceCard::sign(&self.user, &self.key, self.noise.public(), wall);
        let settings = RoomSettings::default();
        let record = EpochRecord::seal(&secrets, &change, &settings, &[], &card, &self.noise, &mut self.rng)?;
        let entry = self.plain(Kind::Epoch, secrets.room(), before.id(), &record.encode()?)?;
        Ok((secrets, entry))
    }

    /// Comes in as one that a record names, and says who it is.
    pub fn enter(&mut self, secrets: &EpochSecrets, name: &str, wall: u64) -> anyhow::Result<Vec<Verified<Entry>>> {
        self.come_in(secrets, name, wall, In::named)
    }

    /// The same by a code.
    pub fn enter_by(
        &mut self,
        secrets: &EpochSecrets,
        door: &Door,
        name: &str,
        wall: u64,
    ) -> anyhow::Result<Vec<Verified<Entry>>> {
        self.come_in(secrets, name, wall, |own, place| In::by_code(own, place, &door.keys, door.id(), 0, Hours::NONE))
    }

    fn come_in(
        &mut self,
        secrets: &EpochSecrets,
        name: &str,
        wall: u64,
        comes: impl FnOnce(&OwnKey, &InPlace) -> In,
    ) -> anyhow::Result<Vec<Verified<Entry>>> {
        let (room, epoch) = (secrets.room(), secrets.id());
        let place = InPlace::from(&self.header(Kind::Access, room, epoch));
        let body = AccessBody::In(comes(&OwnKey::new(&self.user, room), &place)).encode()?;
        let comes_in = self.plain(Kind::Access, room, epoch, &body)?;
        let card = DeviceCard::sign(&self.user, &self.key, self.noise.public(), wall);
        let prekey = Prekey::sign(&self.key, self.prekey.public(), wall);
        let body = Body::Profile { name: Name::new(name)?, card: Box::new(card), prekey: Box::new(prekey) };
        Ok(vec![comes_in, self.write(secrets, body, wall)?])
    }

    /// Seals and signs a content as the next entry, as a node does.
    pub fn write(&mut self, secrets: &EpochSecrets, body: Body, wall: u64) -> anyhow::Result<Verified<Entry>> {
        let mut header = self.header(Kind::Content, secrets.room(), secrets.id());
        self.hlc = self.hlc.next(wall);
        let content = Content { hlc: self.hlc, at: self.hlc.millis(), body };
        let session = match self.session.take().filter(|session| session.covers(header.epoch, header.seq)) {
            Some(session) => session,
            None => SealingSession::open(secrets, secrets.lowest(), &header, &content, &mut self.rng)?,
        };
        header.session = session.start();
        let sealed = session.seal(&header, &content, &mut self.rng)?;
        self.session = Some(session);
        let entry = Entry::sign(&self.key, header, &sealed)?;
        self.height = Height::after(&entry);
        Ok(entry)
    }

    /// Wraps the room's key to a door.
    pub fn wrap(&mut self, door: &Door, secrets: &EpochSecrets) -> Wrap {
        door.wrap(secrets, 0, &self.key, &mut self.rng)
    }

    /// Writes a numbered text.
    pub fn say(&mut self, secrets: &EpochSecrets, number: usize, wall: u64) -> anyhow::Result<Verified<Entry>> {
        self.write(secrets, Body::Text { text: text(number)?, reply_to: None, mentions: Vec::new() }, wall)
    }
}

/// A founded room.
pub struct Founded {
    /// What opens it.
    pub secrets: EpochSecrets,
    /// Its first entry.
    pub genesis: Entry,
    /// The maker's first entries: genesis, epoch, coming in, profile, the room's name.
    pub start: Vec<Verified<Entry>>,
}

impl Founded {
    /// Founds a room.
    pub fn new(owner: &mut Author, wall: u64) -> anyhow::Result<Self> {
        let body = Genesis {
            owners: vec![owner.user.id()],
            history: HistoryPolicy::Everything,
            salt: [7; 16],
            kind: RoomKind::Group,
        };
        let genesis = owner.plain(Kind::Genesis, RoomId::default(), EpochId::default(), &body.encode()?)?;
        let secrets = EpochSecrets::derive(genesis.room(), &[], Secret::random(&mut owner.rng))?;
        let card = DeviceCard::sign(&owner.user, &owner.key, owner.noise.public(), wall);
        let change = EpochChange::default();
        let record =
            EpochRecord::seal(&secrets, &change, &RoomSettings::default(), &[], &card, &owner.noise, &mut owner.rng)?;
        let epoch = owner.plain(Kind::Epoch, secrets.room(), secrets.id(), &record.encode()?)?;
        let mut start = vec![genesis.clone(), epoch];
        start.extend(owner.enter(&secrets, "anna", wall)?);
        start.push(owner.write(&secrets, Body::RoomName { name: Name::new("kitchen")? }, wall)?);
        Ok(Self { secrets, genesis: genesis.into_inner(), start })
    }

    /// The record of the first epoch.
    pub fn record(&self) -> Option<EntryId> {
        self.start.iter().find(|entry| entry.header().kind == Kind::Epoch).map(|entry| entry.id())
    }

    /// Makes a code; its door is written into the author's log.
    pub fn code(&self, author: &mut Author) -> anyhow::Result<(RoomCode, Door)> {
        let code = RoomCode::random(&mut author.rng);
        let (keys, room) = (code_keys(&code), self.secrets.room());
        let made = access::Door::sign(&keys, room, author.id(), access::Terms::default());
        let entry = author.plain(Kind::Door, room, self.secrets.id(), &DoorBody::Made(made).encode()?)?;
        Ok((code, Door { keys, entry: entry.into_inner() }))
    }
}
