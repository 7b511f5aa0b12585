//! Tables and keys of the embedded store. All numbers in keys are big endian, so that ranges are
//! in order.

use parlor_node::private;
use parlor_protocol::{DeviceId, Locator, LogId, LogKey, RoomId, codec, entry::Entry, limits::WIRE_MAX, log::Height};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;

use crate::store::{Kept, StoreError, check_schema};

/// The format of the file.
pub(super) const SCHEMA: u64 = 5;
const SCHEMA_KEY: &str = "schema";
/// How many entries arrived in all: the next arrival number.
pub(super) const ARRIVED_KEY: &str = "arrived";

/// Memory for pages of the file. redb's own default is a gigabyte, much for a spare computer; what
/// does not fit is read from the system's cache.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

pub(super) type Table<K> = TableDefinition<'static, K, &'static [u8]>;

/// Numbers about the file.
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Room -> row.
pub(super) const ROOMS: Table<&[u8; 32]> = TableDefinition::new("rooms");
/// Room, author, log, seq -> checked flag, checksum, entry.
pub(super) const ENTRIES: Table<&[u8; 80]> = TableDefinition::new("entries");
/// Room, author, log -> next, head.
pub(super) const HEIGHTS: Table<&[u8; 72]> = TableDefinition::new("heights");
/// Room, arrival -> author, log, seq, when.
pub(super) const ARRIVALS: Table<&[u8; 40]> = TableDefinition::new("arrivals");
/// The same for entries that are not contents.
pub(super) const PLAIN: Table<&[u8; 40]> = TableDefinition::new("plain");
/// Locator, room in which a door with it was made.
pub(super) const DOORS: Table<&[u8; 48]> = TableDefinition::new("doors");
/// Room, hash -> wrap.
pub(super) const WRAPS: Table<&[u8; 64]> = TableDefinition::new("wraps");
/// Room, epoch -> highest step in which something was written.
pub(super) const STEPS: TableDefinition<'static, &[u8; 64], u32> = TableDefinition::new("steps");
/// Room, author, log -> proof.
pub(super) const FORKS: Table<&[u8; 72]> = TableDefinition::new("forks");
/// Room, number -> record of an epoch of a room that has ended, as an entry.
pub(super) const RECORDS: Table<&[u8; 40]> = TableDefinition::new("records");
/// Room -> entries, bytes.
pub(super) const USAGE: TableDefinition<'static, &[u8; 32], (u64, u64)> = TableDefinition::new("usage");

/// Name -> account.
pub(super) const ACCOUNTS: Table<&str> = TableDefinition::new("accounts");
/// Name -> vault.
pub(super) const VAULTS: Table<&str> = TableDefinition::new("vaults");
/// What names that look alike have in common -> name.
pub(super) const SKELETONS: TableDefinition<'static, &str, &str> = TableDefinition::new("skeletons");
/// Device -> name of the account that it is signed in to.
pub(super) const SIGNED_IN: TableDefinition<'static, &[u8; 32], &str> = TableDefinition::new("signed in");
/// Device that is signed in -> when it was last seen.
pub(super) const SEEN: TableDefinition<'static, &[u8; 32], u64> = TableDefinition::new("seen");
/// Hash of a token -> token.
pub(super) const PASSES: Table<&[u8; 32]> = TableDefinition::new("passes");
/// Place -> count, last, when all is forgiven.
pub(super) const TRIES: TableDefinition<'static, u64, (u32, u64, u64)> = TableDefinition::new("tries");
/// The account key's id, under the empty name.
pub(super) const ACCOUNT_KEY: TableDefinition<'static, &str, &[u8; 32]> = TableDefinition::new("account key");

/// What redb reports, in our words.
pub(super) fn fault(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Io(error) if is_full(&error) => StoreError::Full { reason: error.to_string() },
        redb::Error::Corrupted(what) => StoreError::Damaged { what },
        error => StoreError::Other(error.to_string()),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

pub(super) fn open(file: &Path) -> Result<Database, StoreError> {
    let damaged = |what: String| StoreError::Damaged { what: format!("{}: {what}", file.display()) };
    // redb would make it readable for everybody.
    private::make_file(file).map_err(|error| fault(redb::Error::Io(error)))?;
    let db = Database::builder().set_cache_size(CACHE_BYTES).create(file).map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => {
            StoreError::Other(format!("{} is in use by another parlor-archive", file.display()))
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => damaged(error.to_string()),
            _ if is_full(&error) => StoreError::Full { reason: error.to_string() },
            _ => StoreError::Other(format!("{}: {error}", file.display())),
        },
        error => damaged(error.to_string()),
    })?;
    if is_complete(&db)? {
        return Ok(db);
    }
    let txn = db.begin_write().map_err(fault)?;
    {
        let mut meta = txn.open_table(META).map_err(fault)?;
        let found = meta.get(SCHEMA_KEY).map_err(fault)?.map(|value| value.value());
        match found {
            Some(found) => check_schema(found, SCHEMA)?,
            None => drop(meta.insert(SCHEMA_KEY, SCHEMA).map_err(fault)?),
        }
        txn.open_table(ROOMS).map_err(fault)?;
        txn.open_table(ENTRIES).map_err(fault)?;
        txn.open_table(HEIGHTS).map_err(fault)?;
        txn.open_table(ARRIVALS).map_err(fault)?;
        txn.open_table(PLAIN).map_err(fault)?;
        txn.open_table(DOORS).map_err(fault)?;
        txn.open_table(WRAPS).map_err(fault)?;
        txn.open_table(STEPS).map_err(fault)?;
        txn.open_table(FORKS).map_err(fault)?;
        txn.open_table(RECORDS).map_err(fault)?;
        txn.open_table(USAGE).map_err(fault)?;
        txn.open_table(ACCOUNTS).map_err(fault)?;
        txn.open_table(VAULTS).map_err(fault)?;
        txn.open_table(SKELETONS).map_err(fault)?;
        txn.open_table(SIGNED_IN).map_err(fault)?;
        txn.open_table(SEEN).map_err(fault)?;
        txn.open_table(PASSES).map_err(fault)?;
        txn.open_table(TRIES).map_err(fault)?;
        txn.open_table(ACCOUNT_KEY).map_err(fault)?;
    }
    txn.commit().map_err(fault)?;
    db.begin_read().map_err(fault)?;
    Ok(db)
}

/// Whether all tables are there, so that nothing has to be written to open the store. On a file whose
/// lists of free pages are damaged, writing may panic twice, which nobody can catch; a store like that
/// can still be read, verified and saved.
fn is_complete(db: &Database) -> Result<bool, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let meta = match txn.open_table(META) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(false),
        meta => meta.map_err(fault)?,
    };
    match meta.get(SCHEMA_KEY).map_err(fault)?.map(|value| value.value()) {
        Some(found) => check_schema(found, SCHEMA)?,
        None => return Ok(false),
    }
    let there: Vec<String> = txn.list_tables().map_err(fault)?.map(|table| table.name().to_owned()).collect();
    let wanted = [
        ROOMS.name(),
        ENTRIES.name(),
        HEIGHTS.name(),
        ARRIVALS.name(),
        PLAIN.name(),
        DOORS.name(),
        WRAPS.name(),
        STEPS.name(),
        FORKS.name(),
        RECORDS.name(),
        USAGE.name(),
        ACCOUNTS.name(),
        VAULTS.name(),
        SKELETONS.name(),
        SIGNED_IN.name(),
        SEEN.name(),
        PASSES.name(),
        TRIES.name(),
        ACCOUNT_KEY.name(),
    ];
    Ok(wanted.iter().all(|name| there.iter().any(|table| table == name)))
}

fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(parts.iter().flat_map(|part| part.iter())).for_each(|(to, from)| *to = *from);
    out
}

pub(super) fn log_key(room: RoomId, log: LogKey) -> [u8; 72] {
    join(&[room.as_bytes(), log.author.as_bytes(), &log.log.0.to_be_bytes()])
}

pub(super) fn entry_key(room: RoomId, log: LogKey, seq: u64) -> [u8; 80] {
    join(&[&log_key(room, log), &seq.to_be_bytes()])
}

pub(super) fn arrival_key(room: RoomId, arrival: u64) -> [u8; 40] {
    join(&[room.as_bytes(), &arrival.to_be_bytes()])
}

/// A room and something of it that has 32 bytes.
pub(super) fn room_key(room: RoomId, of: &[u8; 32]) -> [u8; 64] {
    join(&[room.as_bytes(), of])
}

pub(super) fn door_key(locator: Locator, room: RoomId) -> [u8; 48] {
    join(&[&locator.0, room.as_bytes()])
}

pub(super) fn place(log: LogKey, seq: u64) -> [u8; 48] {
    join(&[log.author.as_bytes(), &log.log.0.to_be_bytes(), &seq.to_be_bytes()])
}

/// A place with when its entry came.
pub(super) fn arrival(log: LogKey, seq: u64, at: u64) -> [u8; 56] {
    join(&[&place(log, seq), &at.to_be_bytes()])
}

/// When an entry came; 0 in files of before this was kept.
pub(super) fn read_arrival_time(bytes: &[u8]) -> u64 {
    bytes.get(48..).and_then(|at| at.first_chunk::<8>()).map_or(0, |at| u64::from_be_bytes(*at))
}

pub(super) fn read_arrival_number(key: &[u8; 40]) -> u64 {
    key.last_chunk::<8>().map_or(0, |number| u64::from_be_bytes(*number))
}

pub(super) fn read_place(bytes: &[u8]) -> Option<(LogKey, u64)> {
    let (author, rest) = bytes.split_first_chunk::<32>()?;
    let (log, rest) = rest.split_first_chunk::<8>()?;
    let (seq, _) = rest.split_first_chunk::<8>()?;
    let log = LogId(u64::from_be_bytes(*log));
    Some((LogKey { author: DeviceId::from_bytes(*author), log }, u64::from_be_bytes(*seq)))
}

pub(super) fn height_value(height: Height) -> [u8; 40] {
    join(&[&height.next.to_be_bytes(), height.head.as_bytes()])
}

pub(super) fn read_height(bytes: &[u8]) -> Option<Height> {
    let (next, rest) = bytes.split_first_chunk::<8>()?;
    let (head, _) = rest.split_first_chunk::<32>()?;
    Some(Height { next: u64::from_be_bytes(*next), head: parlor_protocol::EntryId::from_bytes(*head) })
}

const CHECKSUM: usize = 8;

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    blake3::hash(bytes).as_bytes().first_chunk::<CHECKSUM>().copied().unwrap_or_default()
}

/// An entry as it is stored: checked flag, checksum, the entry's own bytes.
pub(super) fn entry_value(kept: &Kept) -> Vec<u8> {
    let bytes = kept.entry.bytes();
    let mut out = Vec::with_capacity(1 + CHECKSUM + bytes.len());
    out.push(u8::from(kept.checked));
    out.extend_from_slice(&checksum(bytes));
    out.extend_from_slice(bytes);
    out
}

pub(super) fn read_entry(value: &[u8]) -> Result<Kept, StoreError> {
    let damaged = || StoreError::Damaged { what: "an entry does not match its checksum".into() };
    let (checked, rest) = value.split_first().ok_or_else(damaged)?;
    let (sum, bytes) = rest.split_first_chunk::<CHECKSUM>().ok_or_else(damaged)?;
    if *sum != checksum(bytes) {
        return Err(damaged());
    }
    let entry = Entry::decode(bytes).map_err(|_| damaged())?.trust_stored();
    Ok(Kept { entry, checked: *checked == 1 })
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    codec::encode(value, WIRE_MAX).map_err(|error| StoreError::Other(error.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, StoreError> {
    codec::decode(bytes, WIRE_MAX, what).map_err(|error| StoreError::Damaged { what: error.to_string() })
}
