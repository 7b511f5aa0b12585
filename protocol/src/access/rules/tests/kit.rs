//! Rooms from a few lines: records of epochs, logs, and their delivery in any order.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    access::{
        AccessBody, CodeKeys, Door, DoorBody, Entering, Hours, In, InPlace, Living, Out, OutDevice, OwnKey, Presence,
        Rules, Stop, Terms, wire::Offer,
    },
    card::UserKey,
    entry::{Entry, Header, Kind, Verified},
    epoch::{EpochFacts, EpochSecrets, Genesis, RoomKind},
    ids::{DeviceId, DoorId, EntryId, EpochId, LogId, LogKey, OwnId, RoomId},
    keys::{DeviceKey, Secret},
    log::Height,
    policy::HistoryPolicy,
    rules::Refused,
};

pub(super) const ROOM: RoomId = RoomId::from_bytes([200; 32]);
/// An hour of the tests, and the same in milliseconds.
pub(super) const NOW: Hours = Hours(500_000);
pub(super) const NOW_MS: u64 = 500_000 * 60 * 60 * 1000;

pub(super) fn key(device: u16) -> DeviceKey {
    let mut seed = [7; 32];
    seed[..2].copy_from_slice(&device.to_le_bytes());
    DeviceKey::from_seed(&Secret::from_bytes(seed))
}

pub(super) fn device(number: u16) -> DeviceId {
    key(number).id()
}

pub(super) fn user(person: u16) -> UserKey {
    let mut seed = [8; 32];
    seed[..2].copy_from_slice(&person.to_le_bytes());
    UserKey::from_seed(&Secret::from_bytes(seed))
}

pub(super) fn own(person: u16) -> OwnKey {
    OwnKey::new(&user(person), ROOM)
}

pub(super) fn own_id(person: u16) -> OwnId {
    own(person).id()
}

pub(super) fn code(number: u8) -> CodeKeys {
    CodeKeys::of(Secret::from_bytes([number; 32]))
}

/// The secrets of the epoch with a number; its id does not depend on what it follows here.
pub(super) fn secrets(number: u8) -> EpochSecrets {
    EpochSecrets::derive(ROOM, &[], Secret::from_bytes([number; 32])).unwrap()
}

pub(super) fn epoch(number: u8) -> EpochId {
    secrets(number).id()
}

pub(super) fn record_id(number: u8) -> EntryId {
    EntryId::from_bytes([number; 32])
}

/// A record of an epoch by a device of an owner: persons 1, 2 and 3 own the room, each by the device with
/// the same number.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u8,
    pub(super) facts: EpochFacts,
}

pub(super) fn record(number: u8, author: u16, after: &[u8], named: &[u16]) -> Record {
    let secrets = secrets(number);
    let facts = EpochFacts {
        epoch: secrets.id(),
        after: after.iter().copied().map(record_id).collect(),
        author: device(author),
        user: user(author).id(),
        admission: secrets.admission_public(),
        keys: named.iter().copied().map(device).collect(),
        ..EpochFacts::default()
    };
    Record { number, facts }
}

impl Record {
    pub(super) fn removes(mut self, number: u16) -> Self {
        self.facts.removed.insert(device(number));
        self
    }

    pub(super) fn head(mut self, log: &Log, next: u64) -> Self {
        self.facts.heads.insert(log.key(), Height { next, head: log.head_at(next) });
        self
    }

    pub(super) fn ends_codes(mut self) -> Self {
        self.facts.ends_codes = true;
        self
    }

    pub(super) fn drops(mut self, person: u16) -> Self {
        self.facts.dropped.push(user(person).id());
        self
    }
}

/// A log, written entry by entry.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) device: u16,
    id: LogId,
    first: u64,
    pub(super) entries: Vec<Verified<Entry>>,
}

impl Log {
    /// A new log of a device.
    pub(super) fn new(device: u16, id: u64) -> Self {
        Self { device, id: LogId(id), first: 0, entries: Vec::new() }
    }

    /// The log of the founder, device 1, after the genesis and the first epoch.
    pub(super) fn of_founder() -> Self {
        Self { first: 2, ..Self::new(1, 1) }.comes_named(10, 1)
    }

    pub(super) fn key(&self) -> LogKey {
        LogKey { author: device(self.device), log: self.id }
    }

    fn head_at(&self, next: u64) -> EntryId {
        let at = next.checked_sub(self.first + 1).and_then(|at| self.entries.get(usize::try_from(at).unwrap()));
        at.map_or(EntryId::default(), |entry| entry.id())
    }

    pub(super) fn height(&self) -> Height {
        let next = self.first + self.entries.len() as u64;
        Height { next, head: self.head_at(next) }
    }

    pub(super) fn last(&self) -> &Verified<Entry> {
        self.entries.last().unwrap()
    }

    fn header(&self, kind: Kind, epoch: EpochId) -> Header {
        let Height { next: seq, head: prev } = self.height();
        Header { kind, room: ROOM, author: device(self.device), log: self.id, seq, prev, epoch, session: seq }
    }

    pub(super) fn write(mut self, kind: Kind, number: u8, body: &[u8]) -> Self {
        let header = self.header(kind, epoch(number));
        self.entries.push(Entry::sign(&key(self.device), header, body).unwrap());
        self
    }

    fn comes(self, number: u8, make: impl FnOnce(&InPlace) -> In) -> Self {
        let place = InPlace::from(&self.header(Kind::Access, epoch(number)));
        let body = AccessBody::In(make(&place)).encode().unwrap();
        self.write(Kind::Access, number, &body)
    }

    pub(super) fn comes_named(self, number: u8, person: u16) -> Self {
        self.comes(number, |place| In::named(&own(person), place))
    }

    pub(super) fn comes_linked(self, number: u8, person: u16) -> Self {
        self.comes(number, |place| In::linked(&own(person), place, &secrets(number)).unwrap())
    }

    pub(super) fn comes_by(self, number: u8, person: u16, with: u8, door: DoorId) -> Self {
        self.comes_at(number, person, with, door, 0, Hours::NONE)
    }

    pub(super) fn comes_at(self, number: u8, person: u16, with: u8, door: DoorId, step: u32, until: Hours) -> Self {
        self.comes(number, |place| In::by_code(&own(person), place, &code(with), door, step, until))
    }

    pub(super) fn says(self, number: u8) -> Self {
        self.write(Kind::Content, number, b"\0\0\0\0sealed")
    }

    pub(super) fn makes(self, number: u8, with: u8) -> Self {
        self.makes_for(number, with, Hours::NONE, 0)
    }

    pub(super) fn makes_for(self, number: u8, with: u8, expires: Hours, uses: u32) -> Self {
        self.makes_on(number, with, Terms { expires, uses, members_only: false })
    }

    pub(super) fn makes_on(self, number: u8, with: u8, terms: Terms) -> Self {
        let door = Door::sign(&code(with), ROOM, device(self.device), terms);
        let body = DoorBody::Made(door).encode().unwrap();
        self.write(Kind::Door, number, &body)
    }

    pub(super) fn ends(self, number: u8, door: DoorId) -> Self {
        self.write(Kind::Door, number, &DoorBody::Ended(door).encode().unwrap())
    }

    pub(super) fn sends_out(self, number: u8, person: u16, for_ever: bool, logs: &[&Log]) -> Self {
        let mut devices = BTreeMap::<DeviceId, Vec<(LogId, Height)>>::new();
        for log in logs {
            devices.entry(device(log.device)).or_default().push((log.id, log.height()));
        }
        let devices = devices.into_iter().map(|(device, heads)| OutDevice { device, heads }).collect();
        let out = Out::sign(&own(person), ROOM, device(self.device), for_ever, devices).unwrap();
        let body = AccessBody::Out(out).encode().unwrap();
        self.write(Kind::Access, number, &body)
    }

    /// Leaves as the only device of a person.
    pub(super) fn leaves(self, number: u8, person: u16) -> Self {
        let so_far = self.clone();
        self.sends_out(number, person, false, &[&so_far])
    }

    /// The door that its last entry made.
    pub(super) fn door(&self) -> DoorId {
        self.last().id().into()
    }
}

/// Something that is delivered.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Record(Record),
    Entry(Verified<Entry>),
}

pub(super) fn items(records: &[Record], logs: &[&Log]) -> Vec<Item> {
    let entries = logs.iter().flat_map(|log| log.entries.iter().cloned().map(Item::Entry));
    records.iter().cloned().map(Item::Record).chain(entries).collect()
}

pub(super) fn empty(kind: RoomKind) -> Rules {
    let owners = (1..=3).map(|person| user(person).id()).collect();
    let genesis = Genesis { owners, history: HistoryPolicy::Everything, salt: [0; 16], kind };
    Rules::new(ROOM, device(1), genesis)
}

pub(super) fn learn(rules: &mut Rules, record: &Record) -> Result<bool, Refused> {
    let learned = rules.graph.learn(record_id(record.number), record.facts.clone());
    rules.forget_who();
    learned
}

/// Delivers in an order, entries of one log one after the other, each thing again and again until it is
/// taken or nothing changes any more.
pub(super) fn deliver(rules: &mut Rules, items: &[Item], order: &[usize]) -> HashSet<EntryId> {
    let mut taken = HashSet::new();
    loop {
        let before = taken.len();
        for at in order {
            let (id, is_taken) = match &items[*at] {
                Item::Record(record) if !taken.contains(&record_id(record.number)) => {
                    (record_id(record.number), learn(rules, record).is_ok())
                }
                Item::Entry(entry) if !taken.contains(&entry.id()) => {
                    let prev = entry.header().prev;
                    let follows = prev == EntryId::default() || taken.contains(&prev);
                    (entry.id(), follows && rules.admit(entry).is_ok())
                }
                _ => continue,
            };
            if is_taken {
                taken.insert(id);
            }
        }
        if taken.len() == before {
            return taken;
        }
    }
}

/// The room of a group after everything was delivered.
pub(super) fn room(records: &[Record], logs: &[&Log]) -> Rules {
    let (mut rules, items) = (empty(RoomKind::Group), items(records, logs));
    let order: Vec<usize> = (0..items.len()).collect();
    deliver(&mut rules, &items, &order);
    rules
}

/// The same where the last record came after everything else.
pub(super) fn room_before(records: &[Record], logs: &[&Log]) -> Rules {
    let (mut rules, items) = (empty(RoomKind::Group), items(records, logs));
    let last = records.len() - 1;
    let order: Vec<usize> = (0..items.len()).filter(|at| *at != last).chain([last]).collect();
    deliver(&mut rules, &items, &order[..order.len() - 1]);
    deliver(&mut rules, &items, &order);
    rules
}

/// What everybody is to agree on, whatever order things came in.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    presences: BTreeMap<DeviceId, Presence>,
    standing: BTreeSet<EntryId>,
    doors: Vec<(DoorId, usize, bool)>,
    living: Vec<DoorId>,
    list: String,
    wants_epoch: bool,
}

pub(super) fn outcome(rules: &Rules, items: &[Item], taken: &HashSet<EntryId>) -> Outcome {
    let entries = || items.iter().filter_map(|item| if let Item::Entry(entry) = item { Some(entry) } else { None });
    let devices: BTreeSet<DeviceId> = entries().map(|entry| entry.header().author).collect();
    let standing = entries().filter(|entry| taken.contains(&entry.id()) && rules.stands(entry));
    let mut doors: Vec<_> = rules
        .doors()
        .map(|door| (door.id, rules.came_by(door.id).len(), rules.is_ended(door.id, |_, _| true)))
        .collect();
    doors.sort_unstable();
    // What came after a removal that shut it out is not taken, so nothing is known of it.
    let presence = |device| match rules.presence(device) {
        Presence::ShutOut => Presence::Unknown,
        other => other,
    };
    Outcome {
        presences: devices.into_iter().map(|device| (device, presence(device))).collect(),
        standing: standing.map(|entry| entry.id()).collect(),
        doors,
        living: rules.living(&living(&|door| rules.is_ended(door, |_, _| true))),
        list: format!("{:?}", rules.list(NOW_MS, |_| None)),
        wants_epoch: rules.wants_epoch(NOW_MS, |_| true),
    }
}

pub(super) fn living<'a>(is_ended: &'a dyn Fn(DoorId) -> bool) -> Living<'a> {
    Living { now_ms: NOW_MS, is_ended }
}

/// The last entry of a log, shown by its author where step 0 of every epoch is on offer.
pub(super) fn enter(rules: &Rules, log: &Log) -> Result<(), Stop> {
    let offers: Vec<Offer> = rules.graph().heads().into_iter().map(|(epoch, _)| Offer { epoch, step: 0 }).collect();
    let is_ended = |door| rules.is_ended(door, |_, _| true);
    let entering = Entering { living: living(&is_ended), offers: &offers, for_keys: true };
    rules.check_enter(log.last(), device(log.device), &entering)
}

pub(super) fn is_in(rules: &Rules, number: u16) -> bool {
    rules.served(device(number), NOW_MS).is_ok()
}

/// The numbers of devices up to 60 that are in.
pub(super) fn all_in(rules: &Rules) -> Vec<u16> {
    (1..60).filter(|number| is_in(rules, *number)).collect()
}
