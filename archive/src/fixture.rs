//! Rooms for this crate's tests, made with the keys that an archive never has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_protocol::{
    DeviceId, DoorId, EntryId, EpochId, HistoryPolicy, LogId, LogKey, Name, RoomId,
    access::{
        AccessBody, CodeKeys, Door, DoorBody, Hours, In, InPlace, Out, OutDevice, OwnKey, Terms, Wrap, WrapFacts,
        WrapPayload,
    },
    card::{DeviceCard, UserKey},
    codec,
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings, Step},
    keys::{DeviceKey, DhSecret, Secret},
    limits::BODY_MAX,
    log::Height,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::store::{Kept, Registrant, RoomRow, Run};

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

    /// Another log of the same device.
    pub(crate) fn again(&self, log: u64) -> Self {
        Self { log: LogId(log), height: Height::EMPTY, ..self.clone() }
    }

    /// Another device of the same person.
    pub(crate) fn beside(&self, seed: u64) -> Self {
        Self { user: self.user.clone(), ..Self::new(seed) }
    }

    fn place(&self, room: RoomId, epoch: EpochId) -> InPlace {
        InPlace { room, epoch, device: self.id(), log: self.log }
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
        let step = Step::FIRST.to_bytes();
        let room = BODY_MAX - step.len();
        let body = if opens { [&step, &body[..body.len().min(room)]].concat() } else { body.to_vec() };
        let entry = Entry::sign(&self.key, header, &body).unwrap().into_inner();
        self.height = Height::after(&entry);
        entry
    }
}

/// Seeds of writers whom the first epoch names besides the founder.
pub(crate) const NAMED: [u64; 10] = [5, 6, 7, 8, 12, 13, 14, 15, 16, 17];

/// A code, without the time that stretching one takes.
pub(crate) fn code(number: u8) -> CodeKeys {
    let secret = codec::encode(&Secret::from_bytes([number; 32]), 64).unwrap();
    codec::decode(&secret, 64, "code").unwrap()
}

/// A room with one epoch and its maker, who has written genesis, epoch and the entry by which it came in.
#[derive(Clone)]
pub(crate) struct TestRoom {
    pub(crate) id: RoomId,
    pub(crate) secrets: EpochSecrets,
    pub(crate) owner: Writer,
    pub(crate) genesis: Entry,
    pub(crate) epoch: Entry,
    /// Genesis, epoch, coming in.
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
        let named = NAMED.into_iter().map(Writer::new).map(|writer| (writer.id(), writer.noise.public()));
        let recipients = named.chain([(owner.id(), owner.noise.public())]).collect();
        let record = epoch_record(&owner, &secrets, &EpochChange { recipients, ..EpochChange::default() });
        let epoch = owner.write(Kind::Epoch, id, secrets.id(), &record.encode().unwrap());
        let comes_in = named_in(&mut owner, id, secrets.id());
        let start = vec![genesis.clone(), epoch.clone(), comes_in];
        Self { id, secrets, owner, genesis, epoch, start, stays: Vec::new() }
    }

    pub(crate) fn row(&self) -> RoomRow {
        RoomRow { room: self.id, genesis: self.genesis.clone(), registered: 5, by: Registrant([6; 16]) }
    }

    /// The entry by which a device comes in that a record names.
    pub(crate) fn comes_in(&self, writer: &mut Writer) -> Entry {
        named_in(writer, self.id, self.secrets.id())
    }

    /// The entry by which a device comes in by a code, at a step.
    pub(crate) fn comes_by(&self, writer: &mut Writer, code: &CodeKeys, door: DoorId, step: u32) -> Entry {
        let (own, place) = (OwnKey::new(&writer.user, self.id), writer.place(self.id, self.secrets.id()));
        self.writes_in(writer, In::by_code(&own, &place, code, door, step, Hours::NONE))
    }

    /// The entry by which a device comes in with the epoch's key.
    pub(crate) fn comes_linked(&self, writer: &mut Writer) -> Entry {
        let (own, place) = (OwnKey::new(&writer.user, self.id), writer.place(self.id, self.secrets.id()));
        self.writes_in(writer, In::linked(&own, &place, &self.secrets).unwrap())
    }

    pub(crate) fn writes_in(&self, writer: &mut Writer, body: In) -> Entry {
        let body = AccessBody::In(body).encode().unwrap();
        writer.write(Kind::Access, self.id, self.secrets.id(), &body)
    }

    /// Devices of the writer's person go out.
    pub(crate) fn sends_out(&self, writer: &mut Writer, for_ever: bool, gone: &[&Writer]) -> Entry {
        let devices = gone.iter().map(|gone| OutDevice { device: gone.id(), heads: vec![(gone.log, gone.height)] });
        let own = OwnKey::new(&writer.user, self.id);
        let out = Out::sign(&own, self.id, writer.id(), for_ever, devices.collect()).unwrap();
        writer.write(Kind::Access, self.id, self.secrets.id(), &AccessBody::Out(out).encode().unwrap())
    }

    /// Leaves, as the only device of a person.
    pub(crate) fn leaves(&self, writer: &mut Writer) -> Entry {
        let so_far = writer.clone();
        self.sends_out(writer, false, &[&so_far])
    }

    /// The door of a code that is good for ever and for any number; its entry and its name.
    pub(crate) fn door(&self, writer: &mut Writer, code: &CodeKeys) -> (DoorId, Entry) {
        self.door_for(writer, code, Hours::NONE, 0)
    }

    pub(crate) fn door_for(&self, writer: &mut Writer, code: &CodeKeys, expires: Hours, uses: u32) -> (DoorId, Entry) {
        let door = Door::sign(code, self.id, writer.id(), Terms { expires, uses, members_only: false });
        let entry = writer.write(Kind::Door, self.id, self.secrets.id(), &DoorBody::Made(door).encode().unwrap());
        (entry.id().into(), entry)
    }

    /// A code is ended.
    pub(crate) fn ends(&self, writer: &mut Writer, door: DoorId) -> Entry {
        writer.write(Kind::Door, self.id, self.secrets.id(), &DoorBody::Ended(door).encode().unwrap())
    }

    /// What is to be seen of a wrap of the room's epoch.
    pub(crate) fn wrap_facts(&self, door: DoorId, step: u32) -> WrapFacts {
        let (room, epoch) = (self.id, self.secrets.id());
        WrapFacts { room, door, epoch, step, until: Hours::NONE, is_fresh: false }
    }

    /// A step's key, wrapped for a door; each time another one.
    pub(crate) fn wrap(&self, signer: &Writer, code: &CodeKeys, facts: WrapFacts, seed: u64) -> Wrap {
        let step = Step::new(facts.step).unwrap();
        let payload = WrapPayload {
            name: Name::new("kitchen").unwrap(),
            parents: self.secrets.parents().to_vec(),
            key: self.secrets.key_at(step).unwrap(),
            earlier: Vec::new(),
        };
        Wrap::seal(facts, &code.lock(), &payload, &signer.key, &mut rng(seed)).unwrap()
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

    pub(crate) fn run(&self, entries: Vec<Entry>) -> Run {
        let door = |entry: &Entry| match DoorBody::decode(entry.body()) {
            Ok(DoorBody::Made(door)) if entry.header().kind == Kind::Door => Some(door.locator),
            _ => None,
        };
        let step = |entry: &Entry| Some((entry.header().epoch, entry.opened_step()?.number()));
        let doors = entries.iter().filter_map(door).collect();
        let steps = entries.iter().filter_map(step).collect();
        Run { room: self.id, log: entries[0].log_key(), entries: kept(entries), doors, steps }
    }
}

fn named_in(writer: &mut Writer, room: RoomId, epoch: EpochId) -> Entry {
    let own = OwnKey::new(&writer.user, room);
    let body = AccessBody::In(In::named(&own, &writer.place(room, epoch))).encode().unwrap();
    writer.write(Kind::Access, room, epoch, &body)
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
