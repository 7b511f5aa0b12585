//! Devices, rooms and logs made from fixed seeds, so that every run sees the same bytes.

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Hlc, LogId, Name, RoomId, Text,
    card::{DeviceCard, Prekey, UserKey},
    content::{Body, Content},
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochSecrets, Genesis, RoomKind, Step},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    session::SealingSession,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device with all its keys.
pub struct Device {
    pub key: DeviceKey,
    pub user: UserKey,
    pub noise: DhSecret,
    pub prekey: DhSecret,
    pub log: LogId,
}

impl Device {
    pub fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        Self {
            key: DeviceKey::random(&mut rng),
            user: UserKey::random(&mut rng),
            noise: DhSecret::random(&mut rng),
            prekey: DhSecret::random(&mut rng),
            log: LogId(rng.next_u64()),
        }
    }

    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub fn card(&self) -> DeviceCard {
        DeviceCard::sign(&self.user, &self.key, self.noise.public(), 1_700_000_000_000)
    }

    pub fn signed_prekey(&self) -> Prekey {
        Prekey::sign(&self.key, self.prekey.public(), 1_700_000_000_001)
    }

    /// The header of the next entry after `height`, opening a session.
    pub fn header(&self, kind: Kind, room: RoomId, epoch: EpochId, height: Height) -> Header {
        let Height { next: seq, head: prev } = height;
        Header { kind, room, author: self.id(), log: self.log, seq, prev, epoch, session: seq }
    }

    pub fn profile(&self, name: &str) -> Body {
        Body::Profile {
            name: Name::new(name).unwrap(),
            card: Box::new(self.card()),
            prekey: Box::new(self.signed_prekey()),
        }
    }
}

/// A room and the secrets of its first epoch.
pub struct Room {
    pub genesis: Verified<Entry>,
    pub secrets: EpochSecrets,
    pub maker: Device,
}

impl Room {
    pub fn new(seed: u64) -> Self {
        let maker = Device::new(seed);
        let mut rng = rng(seed ^ 0xFFFF);
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let body =
            Genesis { owners: vec![maker.user.id()], history: HistoryPolicy::Everything, salt, kind: RoomKind::Group };
        let header = maker.header(Kind::Genesis, RoomId::default(), EpochId::default(), Height::EMPTY);
        let genesis = Entry::sign(&maker.key, header, &body.encode().unwrap()).unwrap();
        let secrets = EpochSecrets::derive(genesis.room(), &[], Secret::random(&mut rng)).unwrap();
        Self { genesis, secrets, maker }
    }

    pub fn id(&self) -> RoomId {
        self.secrets.room()
    }

    pub fn content_header(&self, device: &Device, height: Height) -> Header {
        device.header(Kind::Content, self.id(), self.secrets.id(), height)
    }
}

pub fn says(text: &str) -> Content {
    let text = Text::new(text).unwrap();
    let body = Body::Text { text, reply_to: None, mentions: Vec::new() };
    Content { hlc: Hlc::at(1_700_000_000_000), at: 1_700_000_000_000, body }
}

/// A log of sealed messages in one session, from place 0.
pub fn conversation(room: &Room, device: &Device, texts: &[&str], seed: u64) -> Vec<Verified<Entry>> {
    conversation_in(room, device, Step::FIRST, texts, seed)
}

/// The same in some step of the epoch.
pub fn conversation_in(room: &Room, device: &Device, step: Step, texts: &[&str], seed: u64) -> Vec<Verified<Entry>> {
    let mut height = Height::EMPTY;
    let opener = room.content_header(device, height);
    let session = SealingSession::open(&room.secrets, step, &opener, &mut rng(seed)).unwrap();
    texts
        .iter()
        .map(|text| {
            let mut header = room.content_header(device, height);
            header.session = session.start();
            let body = session.seal(header.seq, &says(text)).unwrap();
            let entry = Entry::sign(&device.key, header, &body).unwrap();
            height = Height::after(&entry);
            entry
        })
        .collect()
}

/// The body of an entry that opens a session, as far as anybody sees who cannot open it.
pub fn opener(rest: &[u8]) -> Vec<u8> {
    [Step::FIRST.to_bytes().as_slice(), rest].concat()
}

/// A log of `count` entries whose bodies are not really sealed.
pub fn plain_log(room: &Room, device: &Device, count: usize) -> Vec<Entry> {
    let mut height = Height::EMPTY;
    (0..count)
        .map(|n| {
            let header = room.content_header(device, height);
            let entry = Entry::sign(&device.key, header, &opener(format!("body {n}").as_bytes())).unwrap().into_inner();
            height = Height::after(&entry);
            entry
        })
        .collect()
}

/// The same entry with one byte changed, unless it no longer decodes.
pub fn flipped(entry: &Entry, at: usize, mask: u8) -> Option<Entry> {
    let mut bytes = entry.bytes().to_vec();
    bytes[at] ^= mask;
    Entry::decode(bytes).ok()
}

/// A copy with something changed: fields that cannot be written in a struct expression stay.
pub fn altered<T: Clone>(good: &T, alter: impl FnOnce(&mut T)) -> T {
    let mut copy = good.clone();
    alter(&mut copy);
    copy
}

pub fn entry_id(byte: u8) -> EntryId {
    EntryId::from_bytes([byte; 32])
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
