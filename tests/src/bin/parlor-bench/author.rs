//! A room and the people who write in it, made with the protocol alone: for rows that need sealed
//! entries without running a node for each author.

use parlor_protocol::{
    DeviceId, EpochId, HistoryPolicy, Hlc, LogId, LogKey, Name, RoomCode, RoomId, Text,
    card::{DeviceCard, Prekey, UserKey},
    content::{Body, Content},
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    invite::{Invitation, Invite, InviteBody},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    session::SealingSession,
};
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

    /// Writes its admission to the room's epoch and who it is.
    pub fn enter(&mut self, secrets: &EpochSecrets, name: &str, wall: u64) -> anyhow::Result<Vec<Verified<Entry>>> {
        let cert = secrets.admit(self.id()).encode()?;
        let admission = self.plain(Kind::Admission, secrets.room(), secrets.id(), &cert)?;
        let card = DeviceCard::sign(&self.user, &self.key, self.noise.public(), wall);
        let prekey = Prekey::sign(&self.key, self.prekey.public(), wall);
        let body = Body::Profile { name: Name::new(name)?, card: Box::new(card), prekey: Box::new(prekey) };
        Ok(vec![admission, self.write(secrets, body, wall)?])
    }

    /// Seals and signs a content as the next entry, as a node does.
    pub fn write(&mut self, secrets: &EpochSecrets, body: Body, wall: u64) -> anyhow::Result<Verified<Entry>> {
        let mut header = self.header(Kind::Content, secrets.room(), secrets.id());
        let session = match self.session.take().filter(|session| session.covers(header.epoch, header.seq)) {
            Some(session) => session,
            None => SealingSession::open(secrets, secrets.lowest(), &header, &mut self.rng)?,
        };
        header.session = session.start();
        self.hlc = self.hlc.next(wall);
        let sealed = session.seal(header.seq, &Content { hlc: self.hlc, at: self.hlc.millis(), body })?;
        self.session = Some(session);
        let entry = Entry::sign(&self.key, header, &sealed)?;
        self.height = Height::after(&entry);
        Ok(entry)
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
    /// The maker's first entries: genesis, epoch, admission, profile, the room's name.
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

    /// Makes a code; the record that it unlocks is written into the author's log.
    pub fn code(&self, author: &mut Author) -> anyhow::Result<(RoomCode, Invite, Verified<Entry>)> {
        let code = RoomCode::random(&mut author.rng);
        let invitation = Invitation {
            name: Name::new("kitchen")?,
            genesis: self.genesis.clone(),
            epoch: self.secrets.id(),
            parents: Vec::new(),
            step: parlor_protocol::epoch::Step::FIRST,
            key: self.secrets.key().clone(),
            earlier: Vec::new(),
            expires: None,
        };
        let invite = Invite::seal(&code.stretch()?, &invitation, &author.key, &mut author.rng)?;
        let body = InviteBody::Made(invite.clone()).encode()?;
        let entry = author.plain(Kind::Invite, self.secrets.room(), self.secrets.id(), &body)?;
        Ok((code, invite, entry))
    }
}
