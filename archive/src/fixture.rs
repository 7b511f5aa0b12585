//! Rooms for this crate's tests, made with the keys that an archive never has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_protocol::{
    DeviceId, EntryId, EpochId, HistoryPolicy, LogId, LogKey, Name, RoomCode, RoomId,
    card::{DeviceCard, UserKey},
    entry::{Entry, Header, Kind, Verified},
    epoch::{AdmissionCert, EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings, Step},
    invite::{Invitation, Invite, InviteBody},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::store::{Kept, RoomRow, Run};

/// Randomness that is the same in every run.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A device and the log that it writes.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) user: UserKey,
    pub(crate) key: DeviceKey,
    pub(crate) noise: DhSecret,
    pub(crate) log: LogId,
    pub(crate) height: Height,
}

impl Writer {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = &mut rng(seed);
        Self {
            user: UserKey::random(rng),
            key: DeviceKey::random(rng),
            noise: DhSecret::random(rng),
            log: LogId(seed),
            height: Height::EMPTY,
        }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub(crate) fn log_key(&self) -> LogKey {
        LogKey { author: self.id(), log: self.log }
    }

    /// Writes the next entry of its log.
    pub(crate) fn write(&mut self, kind: Kind, room: RoomId, epoch: EpochId, body: &[u8]) -> Entry {
        self.write_since(self.height.next, kind, room, epoch, body)
    }

    /// Writes the next entry of its log, of a session that began at a place.
    fn write_since(&mut self, session: u64, kind: Kind, room: RoomId, epoch: EpochId, body: &[u8]) -> Entry {
        let header = Header {
            kind,
            room,
            author: self.id(),
            log: self.log,
            seq: self.height.next,
            prev: self.height.head,
            epoch,
            session,
        };
        // What opens a session begins with a step.
        let opens = kind == Kind::Content && session == header.seq;
        let body = [if opens { Step::FIRST.to_bytes().as_slice() } else { &[] }, body].concat();
        let entry = Entry::sign(&self.key, header, &body).unwrap().into_inner();
        self.height = Height::after(&entry);
        entry
    }
}

/// A room with one epoch and its maker, who has written genesis, epoch and admission.
#[derive(Clone)]
pub(crate) struct TestRoom {
    pub(crate) id: RoomId,
    pub(crate) secrets: EpochSecrets,
    pub(crate) owner: Writer,
    pub(crate) genesis: Entry,
    pub(crate) epoch: Entry,
    /// Genesis, epoch, admission.
    pub(crate) start: Vec<Entry>,
    /// Devices that stay when others are removed, besides the owner's.
    pub(crate) stays: Vec<DeviceId>,
}

impl TestRoom {
    pub(crate) fn new(seed: u64) -> Self {
        let mut owner = Writer::new(seed);
        let rng = &mut rng(seed + 1_000_000);
        let body = Genesis {
            owners: vec![owner.user.id()],
            history: HistoryPolicy::Everything,
            salt: [9; 16],
            kind: RoomKind::Group,
        };
        let zero = (RoomId::default(), EpochId::default());
        let genesis = owner.write(Kind::Genesis, zero.0, zero.1, &body.encode().unwrap());
        let id = genesis.room();
        let secrets = EpochSecrets::derive(id, &[], Secret::random(rng)).unwrap();
        let record = epoch_record(&owner, &secrets, &EpochChange::default());
        let epoch = owner.write(Kind::Epoch, id, secrets.id(), &record.encode().unwrap());
        let admission = owner.write(Kind::Admission, id, secrets.id(), &secrets.admit(owner.id()).encode().unwrap());
        let start = vec![genesis.clone(), epoch.clone(), admission];
        Self { id, secrets, owner, genesis, epoch, start, stays: Vec::new() }
    }

    pub(crate) fn row(&self) -> RoomRow {
        RoomRow { room: self.id, genesis: self.genesis.clone(), registered: 5 }
    }

    pub(crate) fn cert(&self, writer: &Writer) -> AdmissionCert {
        self.secrets.admit(writer.id())
    }

    pub(crate) fn admission(&self, writer: &mut Writer) -> Entry {
        let body = self.cert(writer).encode().unwrap();
        writer.write(Kind::Admission, self.id, self.secrets.id(), &body)
    }

    pub(crate) fn content(&self, writer: &mut Writer, body: &[u8]) -> Entry {
        writer.write(Kind::Content, self.id, self.secrets.id(), body)
    }

    /// A session: what opens it, and the contents after that.
    pub(crate) fn session(&self, writer: &mut Writer, count: usize) -> Vec<Entry> {
        let (start, epoch) = (writer.height.next, self.secrets.id());
        let body = |n| format!("a sealed text {n} that is longer than a hash").into_bytes();
        (0..count).map(|n| writer.write_since(start, Kind::Content, self.id, epoch, &body(n))).collect()
    }

    pub(crate) fn contents(&self, writer: &mut Writer, count: usize) -> Vec<Entry> {
        (0..count).map(|n| self.content(writer, format!("sealed {n}").as_bytes())).collect()
    }

    /// An epoch change by the owner, who writes it down; `removed` with the heads that stand.
    pub(crate) fn change(&mut self, removed: &[(DeviceId, LogKey, Height)]) -> (EpochSecrets, Entry) {
        self.change_with(removed, None)
    }

    /// An epoch in which what is said vanishes; the room goes on in it.
    pub(crate) fn let_vanish(&mut self, lifetime_ms: u64) -> Entry {
        let (secrets, entry) = self.change_with(&[], Some(lifetime_ms));
        (self.secrets, self.epoch) = (secrets, entry.clone());
        entry
    }

    /// An epoch that changes nothing else; the room goes on in it.
    pub(crate) fn renew(&mut self) -> Entry {
        let (secrets, entry) = self.change(&[]);
        (self.secrets, self.epoch) = (secrets, entry.clone());
        entry
    }

    /// The owner dissolves the room; its record.
    pub(crate) fn dissolve(&mut self) -> Entry {
        let (secrets, entry) = self.write_change(&[], None, true);
        (self.secrets, self.epoch) = (secrets, entry.clone());
        entry
    }

    fn change_with(
        &mut self,
        removed: &[(DeviceId, LogKey, Height)],
        lifetime_ms: Option<u64>,
    ) -> (EpochSecrets, Entry) {
        self.write_change(removed, lifetime_ms, false)
    }

    fn write_change(
        &mut self,
        removed: &[(DeviceId, LogKey, Height)],
        lifetime_ms: Option<u64>,
        dissolved: bool,
    ) -> (EpochSecrets, Entry) {
        let rng = &mut rng(self.owner.height.next + 77);
        let parents = vec![self.secrets.id()];
        let secrets = EpochSecrets::derive(self.id, &parents, Secret::random(rng)).unwrap();
        let prekey = self.owner.noise.public();
        let change = EpochChange {
            parents,
            removed: removed.iter().map(|(device, ..)| *device).collect(),
            heads: removed.iter().map(|(_, log, height)| (*log, *height)).collect(),
            after: vec![self.epoch.id()],
            lifetime_ms,
            dissolved,
            recipients: self.stays.iter().chain([&self.owner.id()]).map(|device| (*device, prekey)).collect(),
            ..EpochChange::default()
        };
        let body = epoch_record(&self.owner, &secrets, &change).encode().unwrap();
        let entry = self.owner.write(Kind::Epoch, self.id, secrets.id(), &body);
        (secrets, entry)
    }

    /// A code's record made by `writer`, and the entry that carries it.
    pub(crate) fn invite(&self, writer: &mut Writer, seed: u64) -> (Invite, Entry) {
        let rng = &mut rng(seed);
        let code = RoomCode::random(rng).stretch().unwrap();
        let invitation = Invitation {
            name: Name::new("kitchen").unwrap(),
            genesis: self.genesis.clone(),
            epoch: self.secrets.id(),
            parents: Vec::new(),
            step: Step::FIRST,
            key: self.secrets.key().clone(),
            earlier: Vec::new(),
            expires: None,
        };
        let invite = Invite::seal(&code, &invitation, &writer.key, rng).unwrap();
        let body = InviteBody::Made(invite.clone()).encode().unwrap();
        let entry = writer.write(Kind::Invite, self.id, self.secrets.id(), &body);
        (invite, entry)
    }

    pub(crate) fn run(&self, entries: Vec<Entry>) -> Run {
        Run { room: self.id, log: entries[0].log_key(), entries: kept(entries), invites: Vec::new() }
    }
}

pub(crate) fn epoch_record(owner: &Writer, secrets: &EpochSecrets, change: &EpochChange) -> EpochRecord {
    let card = DeviceCard::sign(&owner.user, &owner.key, owner.noise.public(), 1);
    EpochRecord::seal(secrets, change, &RoomSettings::default(), &[], &card, &owner.noise, &mut rng(5)).unwrap()
}

/// A run whose last entry is the checked one.
pub(crate) fn kept(entries: Vec<Entry>) -> Vec<Kept> {
    let last = entries.len().saturating_sub(1);
    let entries = entries.into_iter().enumerate();
    entries.map(|(at, entry)| Kept { entry: verified(entry), checked: at == last }).collect()
}

pub(crate) fn verified(entry: Entry) -> Verified<Entry> {
    entry.verify().unwrap()
}

/// The same entry with a signature that does not fit.
pub(crate) fn forged(entry: &Entry) -> Entry {
    let mut bytes = entry.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    Entry::decode(bytes).unwrap()
}

pub(crate) fn ids(entries: &[Entry]) -> Vec<EntryId> {
    entries.iter().map(Entry::id).collect()
}
