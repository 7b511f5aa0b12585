//! Doors as a program sees them that keeps no rules: it has a code, and comes in as it likes.

use parlor_protocol::{
    DoorId, EpochId, LogId, RoomCode, RoomId,
    access::{AccessBody, CodeKeys, DoorBody, Hours, In, InPlace, OwnKey, Wrap, WrapFacts, WrapPayload, wire::Offer},
    card::UserKey,
    entry::{Entry, Header, Kind},
    epoch::EpochSecrets,
    keys::DeviceKey,
    log::Height,
};
use rand_core::CryptoRng;

/// A code whose door was seen.
#[derive(Debug)]
pub struct Door {
    /// The code's keys.
    pub keys: CodeKeys,
    /// The entry that made it.
    pub entry: Entry,
}

impl Door {
    /// The door of a code among entries that somebody saw.
    #[must_use]
    pub fn find(keys: CodeKeys, entries: &[Entry]) -> Option<Self> {
        let is_its = |entry: &&Entry| {
            entry.header().kind == Kind::Door
                && matches!(DoorBody::decode(entry.body()), Ok(DoorBody::Made(door)) if door.is_of(&keys))
        };
        let entry = entries.iter().find(is_its)?.clone();
        Some(Self { keys, entry })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> DoorId {
        self.entry.id().into()
    }

    /// The entry by which a device comes in by it, as its person's.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn comes_in(&self, user: &UserKey, key: &DeviceKey, secrets: &EpochSecrets, log: u64, step: u32) -> Entry {
        self.comes_in_at(user, key, secrets.room(), Offer { epoch: secrets.id(), step }, log)
    }

    /// The same for who knows of an epoch only that it is on offer.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn comes_in_at(&self, user: &UserKey, key: &DeviceKey, room: RoomId, offer: Offer, log: u64) -> Entry {
        let header = first(key, room, offer.epoch, log);
        let own = OwnKey::new(user, room);
        let body = In::by_code(&own, &InPlace::from(&header), &self.keys, self.id(), offer.step, Hours::NONE);
        sign(key, header, &AccessBody::In(body))
    }

    /// Wraps the key of an epoch to its lock, as any device may.
    ///
    /// # Panics
    /// When it cannot be sealed.
    #[must_use]
    pub fn wrap(&self, secrets: &EpochSecrets, step: u32, signer: &DeviceKey, rng: &mut dyn CryptoRng) -> Wrap {
        let (room, door, epoch) = (secrets.room(), self.id(), secrets.id());
        let facts = WrapFacts { room, door, epoch, step, until: Hours::NONE, is_fresh: false };
        let at = parlor_protocol::epoch::Step::new(step).expect("a step");
        let payload = WrapPayload {
            name: parlor_protocol::Name::new("kitchen").expect("a name"),
            parents: secrets.parents().to_vec(),
            key: secrets.key_at(at).expect("the key of the step"),
            earlier: Vec::new(),
        };
        Wrap::seal(facts, &self.keys.lock(), &payload, signer, rng).expect("a wrap that can be sealed")
    }
}

/// The entry by which a device comes in that a record names.
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn comes_by_name(user: &UserKey, key: &DeviceKey, secrets: &EpochSecrets, log: u64) -> Entry {
    let header = first(key, secrets.room(), secrets.id(), log);
    let body = In::named(&OwnKey::new(user, secrets.room()), &InPlace::from(&header));
    sign(key, header, &AccessBody::In(body))
}

/// What a code stretches to.
///
/// # Panics
/// When there is no memory for it.
#[must_use]
pub fn code_keys(code: &RoomCode) -> CodeKeys {
    CodeKeys::from(&code.stretching().run().expect("memory to stretch a code"))
}

/// The header of the first entry of a log, by which somebody comes in.
#[must_use]
pub fn first(key: &DeviceKey, room: RoomId, epoch: EpochId, log: u64) -> Header {
    Header {
        kind: Kind::Access,
        room,
        author: key.id(),
        log: LogId(log),
        seq: 0,
        prev: Height::EMPTY.head,
        epoch,
        session: 0,
    }
}

fn sign(key: &DeviceKey, header: Header, body: &AccessBody) -> Entry {
    let body = body.encode().expect("a body that can be written");
    Entry::sign(key, header, &body).expect("an entry that can be signed").into_inner()
}
