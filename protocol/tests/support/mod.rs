//! What the protocol's tests share: seeded randomness and a small room. It checks nothing itself.

#![allow(dead_code, unreachable_pub)]

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, Hlc, LogId, LogKey, Name, RoomId, Text, UserId,
    card::{DeviceCard, Prekey, UserKey},
    content::{Body, Content},
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochSecrets, Genesis},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Randomness that is the same in every run.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// All the keys of one device.
pub struct Device {
    pub user: UserKey,
    pub key: DeviceKey,
    pub noise: DhSecret,
    pub prekey: DhSecret,
}

impl Device {
    pub fn new(rng: &mut ChaCha20Rng) -> Self {
        Self {
            user: UserKey::random(rng),
            key: DeviceKey::random(rng),
            noise: DhSecret::random(rng),
            prekey: DhSecret::random(rng),
        }
    }

    pub fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub fn card(&self) -> DeviceCard {
        DeviceCard::sign(&self.user, &self.key, self.noise.public(), 1)
    }

    pub fn signed_prekey(&self) -> Prekey {
        Prekey::sign(&self.key, self.prekey.public(), 2)
    }
}

/// A room in its first epoch.
pub struct Room {
    pub genesis: Verified<Entry>,
    pub secrets: EpochSecrets,
}

impl Room {
    pub fn new(owner: &Device, rng: &mut ChaCha20Rng) -> Self {
        let body = genesis_body(owner.user.id()).encode().unwrap();
        let header = Header { kind: Kind::Genesis, ..header(RoomId::default(), EpochId::default(), owner.id(), 0) };
        let genesis = Entry::sign(&owner.key, header, &body).unwrap();
        let secrets = EpochSecrets::derive(genesis.room(), &[], Secret::random(rng)).unwrap();
        Self { genesis, secrets }
    }

    pub fn id(&self) -> RoomId {
        self.secrets.room()
    }

    /// The header of a content entry of log 7.
    pub fn header(&self, author: DeviceId, seq: u64) -> Header {
        header(self.id(), self.secrets.id(), author, seq)
    }
}

pub fn genesis_body(owner: UserId) -> Genesis {
    Genesis { owners: vec![owner], history: HistoryPolicy::Everything, salt: [9; 16] }
}

pub fn header(room: RoomId, epoch: EpochId, author: DeviceId, seq: u64) -> Header {
    Header { kind: Kind::Content, room, author, log: LogId(7), seq, prev: EntryId::default(), epoch, session: 0 }
}

pub fn log_of(author: DeviceId) -> LogKey {
    LogKey { author, log: LogId(7) }
}

/// A chain of signed entries that follow `height`, with short bodies.
pub fn chain(key: &DeviceKey, room: RoomId, mut height: Height, count: usize) -> Vec<Entry> {
    (0..count)
        .map(|_| {
            let header =
                Header { prev: height.head, ..header(room, EpochId::from_bytes([5; 32]), key.id(), height.next) };
            let entry = Entry::sign(key, header, &height.next.to_le_bytes()).unwrap().into_inner();
            height = Height::after(&entry);
            entry
        })
        .collect()
}

pub fn text(words: &str) -> Content {
    let body = Body::Text { text: Text::new(words).unwrap(), reply_to: None, mentions: Vec::new() };
    Content { hlc: Hlc::at(1_700_000_000_000), body }
}

pub fn name(words: &str) -> Name {
    Name::new(words).unwrap()
}

/// The bytes with one bit turned around.
pub fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[bit / 8] ^= 1 << (bit % 8);
    out
}

/// A copy with something changed.
pub fn changed<T: Clone>(value: &T, change: impl FnOnce(&mut T)) -> T {
    let mut copy = value.clone();
    change(&mut copy);
    copy
}
