//! Documents of the MongoDB store. Keys are byte strings of fixed length, big endian, so that
//! their order is the order of the log and a room's documents lie together.

use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use parlor_protocol::{
    DeviceId, EntryId, EpochId, Locator, LogId, LogKey, RoomId, codec,
    entry::{Entry, Kind},
    limits::WIRE_MAX,
    log::{ForkProof, Height},
};

use crate::store::{Arrived, Kept, Registrant, RoomRow, StoreError};

/// Bits of an arrival number below the milliseconds since 1970.
pub(super) const ARRIVAL_BITS: u32 = 20;

pub(super) fn binary(bytes: &[u8]) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() })
}

/// Room, author, log: 72 bytes.
pub(super) fn log_key(room: RoomId, log: LogKey) -> Vec<u8> {
    [room.as_bytes().as_slice(), log.author.as_bytes(), &log.log.0.to_be_bytes()].concat()
}

/// Room, author, log, seq: 80 bytes.
pub(super) fn entry_key(room: RoomId, log: LogKey, seq: u64) -> Vec<u8> {
    [log_key(room, log), seq.to_be_bytes().to_vec()].concat()
}

pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged { what: format!("a document of {what} is unreadable") }
}

pub(super) fn bytes<'a>(document: &'a Document, field: &str, what: &str) -> Result<&'a [u8], StoreError> {
    match document.get(field) {
        Some(Bson::Binary(binary)) => Ok(&binary.bytes),
        _ => Err(damaged(what)),
    }
}

pub(super) fn array<const N: usize>(bytes: &[u8], what: &str) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| damaged(what))
}

pub(super) fn number(document: &Document, field: &str, what: &str) -> Result<u64, StoreError> {
    let number = document.get_i64(field).map_err(|_| damaged(what))?;
    u64::try_from(number).map_err(|_| damaged(what))
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads author and log (and what follows) of a key that begins with a room.
fn read_key(key: &[u8], what: &str) -> Result<(LogKey, u64), StoreError> {
    let bad = || damaged(what);
    let (_, rest) = key.split_first_chunk::<32>().ok_or_else(bad)?;
    let (author, rest) = rest.split_first_chunk::<32>().ok_or_else(bad)?;
    let (log, rest) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
    let seq = rest.first_chunk::<8>().map_or(0, |seq| u64::from_be_bytes(*seq));
    Ok((LogKey { author: DeviceId::from_bytes(*author), log: LogId(u64::from_be_bytes(*log)) }, seq))
}

pub(super) fn entry_document(room: RoomId, kept: &Kept, arrival: i64) -> Document {
    let header = kept.entry.header();
    doc! {
        "_id": binary(&entry_key(room, header.log_key(), header.seq)),
        "room": binary(room.as_bytes()),
        "arrival": arrival,
        "plain": header.kind != Kind::Content,
        "checked": kept.checked,
        "entry": binary(kept.entry.bytes()),
    }
}

pub(super) fn read_entry(document: &Document) -> Result<Kept, StoreError> {
    let entry = Entry::decode(bytes(document, "entry", "entries")?).map_err(|_| damaged("entries"))?;
    Ok(Kept { entry: entry.trust_stored(), checked: document.get_bool("checked").unwrap_or(false) })
}

/// An entry with its arrival number, which begins with the time.
pub(super) fn read_arrived(document: &Document) -> Result<Arrived, StoreError> {
    let number = number(document, "arrival", "entries")?;
    Ok(Arrived { number, at: number >> ARRIVAL_BITS, kept: read_entry(document)? })
}

pub(super) fn read_place(document: &Document) -> Result<(LogKey, u64), StoreError> {
    read_key(bytes(document, "_id", "entries")?, "entries")
}

/// A log's height and how many bytes it takes.
pub(super) fn read_height(document: &Document) -> Result<(LogKey, Height, u64), StoreError> {
    let (log, _) = read_key(bytes(document, "_id", "heights")?, "heights")?;
    let head = array::<32>(bytes(document, "head", "heights")?, "heights")?;
    let height = Height { next: number(document, "next", "heights")?, head: EntryId::from_bytes(head) };
    Ok((log, height, number(document, "bytes", "heights")?))
}

/// Id, what is set once.
pub(super) fn room_document(row: &RoomRow) -> (Bson, Document) {
    let once = doc! {
        "genesis": binary(row.genesis.bytes()),
        "registered": signed(row.registered),
        "by": binary(&row.by.0),
    };
    (binary(row.room.as_bytes()), once)
}

pub(super) fn read_room(document: &Document) -> Result<RoomRow, StoreError> {
    let genesis = Entry::decode(bytes(document, "genesis", "rooms")?).map_err(|_| damaged("rooms"))?;
    let by = Registrant(array(bytes(document, "by", "rooms")?, "rooms")?);
    Ok(RoomRow { room: genesis.room(), genesis, registered: number(document, "registered", "rooms")?, by })
}

fn encoded<T: serde::Serialize>(value: &T) -> Result<Bson, StoreError> {
    let bytes = codec::encode(value, WIRE_MAX).map_err(|error| StoreError::Other(error.to_string()))?;
    Ok(binary(&bytes))
}

/// Id, what is set once.
pub(super) fn door_document(room: RoomId, locator: Locator) -> (Bson, Document) {
    let id = binary(&[locator.0.as_slice(), room.as_bytes()].concat());
    (id, doc! { "locator": binary(&locator.0), "room": binary(room.as_bytes()) })
}

pub(super) fn read_door(document: &Document) -> Result<RoomId, StoreError> {
    Ok(RoomId::from_bytes(array::<32>(bytes(document, "room", "doors")?, "doors")?))
}

pub(super) fn step_id(room: RoomId, epoch: EpochId) -> Bson {
    binary(&[room.as_bytes().as_slice(), epoch.as_bytes()].concat())
}

pub(super) fn read_step(document: &Document) -> Result<(EpochId, u32), StoreError> {
    let id = array::<64>(bytes(document, "_id", "steps")?, "steps")?;
    let epoch = id.last_chunk::<32>().copied().ok_or_else(|| damaged("steps"))?;
    let step = u32::try_from(number(document, "step", "steps")?).map_err(|_| damaged("steps"))?;
    Ok((EpochId::from_bytes(epoch), step))
}

pub(super) fn fork_document(proof: &ForkProof) -> Result<(Bson, Document), StoreError> {
    let document = doc! { "room": binary(proof.room().as_bytes()), "proof": encoded(proof)? };
    Ok((binary(&log_key(proof.room(), proof.log_key())), document))
}

pub(super) fn read_fork(document: &Document) -> Result<ForkProof, StoreError> {
    codec::decode(bytes(document, "proof", "forks")?, WIRE_MAX, "fork proof").map_err(|_| damaged("forks"))
}

/// A record of an epoch of a room that has ended.
pub(super) fn record_document(room: RoomId, number: u64, record: &Entry) -> (Bson, Document) {
    let id = binary(&[room.as_bytes().as_slice(), &number.to_be_bytes()].concat());
    (id.clone(), doc! { "_id": id, "room": binary(room.as_bytes()), "entry": binary(record.bytes()) })
}

pub(super) fn read_record(document: &Document) -> Result<Entry, StoreError> {
    Entry::decode(bytes(document, "entry", "records")?).map_err(|_| damaged("records"))
}
