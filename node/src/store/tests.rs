//! The contract of every local store, run on each, and what only the one on disk promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod contract;
mod crash;
mod damage;
mod disk;
mod group;
mod repair;

use parlor_protocol::{
    EntryId, EpochId, Hlc, LogId, LogKey, RoomId,
    entry::{Entry, Header, Kind, Verified},
    keys::DeviceKey,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use super::{Identity, LocalStore, RoomRecord, StoredEntry, Write};

/// A device that writes one log of one room.
pub(super) struct Author {
    pub(super) key: DeviceKey,
    pub(super) room: RoomId,
    pub(super) log: LogKey,
    next: u64,
    prev: EntryId,
}

impl Author {
    pub(super) fn new(seed: u8) -> Self {
        let key = DeviceKey::random(&mut ChaCha20Rng::from_seed([seed; 32]));
        let log = LogKey { author: key.id(), log: LogId(u64::from(seed)) };
        Self { key, room: RoomId::from_bytes([9; 32]), log, next: 0, prev: EntryId::default() }
    }

    pub(super) fn sign(&self, seq: u64, prev: EntryId, body: &[u8]) -> StoredEntry {
        self.sign_in(0, seq, prev, body)
    }

    /// An entry of the session that began at a place.
    pub(super) fn sign_in(&self, session: u64, seq: u64, prev: EntryId, body: &[u8]) -> StoredEntry {
        let header = Header {
            kind: Kind::Content,
            room: self.room,
            author: self.log.author,
            log: self.log.log,
            seq,
            prev,
            epoch: EpochId::default(),
            session,
        };
        // What opens a session begins with a step.
        let step: &[u8] = if session == seq { &[0; 4] } else { &[] };
        StoredEntry { entry: Entry::sign(&self.key, header, &[step, body].concat()).unwrap(), checked: true }
    }

    pub(super) fn write(&mut self, body: &[u8]) -> StoredEntry {
        let stored = self.sign(self.next, self.prev, body);
        self.next += 1;
        self.prev = stored.entry.id();
        stored
    }

    pub(super) fn run(&mut self, count: usize) -> Vec<StoredEntry> {
        (0..count).map(|n| self.write(format!("body {n}").repeat(1 + n % 40).as_bytes())).collect()
    }

    pub(super) fn append(&self, entries: &[StoredEntry]) -> Vec<Write> {
        vec![Write::Append { room: self.room, entries: entries.to_vec() }]
    }
}

pub(super) fn identity(name: &str) -> Identity {
    let mut identity = Identity::random(&mut ChaCha20Rng::from_seed([1; 32]), 1000);
    identity.name = name.to_owned();
    identity
}

pub(super) fn room_record(author: &Author, name: &str) -> RoomRecord {
    let genesis: Verified<Entry> = author.sign(0, EntryId::default(), b"genesis").entry;
    RoomRecord {
        room: author.room,
        name: name.to_owned(),
        joined: 5,
        genesis: genesis.into_inner(),
        epochs: Vec::new(),
        own_log: author.log.log,
        codes: Vec::new(),
        unread: 3,
        hlc: Hlc::at(7),
        archived: 2,
        received: vec![(author.log.author, 1)],
        reserved: 0,
        signals: Vec::new(),
        leaving: false,
        prekey: 0,
        request: false,
        unconfirmed: false,
        heard: Vec::new(),
    }
}

pub(super) fn put(store: &mut dyn LocalStore, batch: Vec<Write>) {
    store.apply(&[batch]).pop().unwrap().unwrap();
}
