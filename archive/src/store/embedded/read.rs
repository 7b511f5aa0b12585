//! Reading from the embedded store.

use parlor_protocol::{
    EpochId, Locator, LogKey, RoomId,
    access::Wrap,
    entry::Entry,
    log::{ForkProof, Heights},
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _};

use super::tables::{
    ARRIVALS, DOORS, ENTRIES, FORKS, HEIGHTS, PLAIN, RECORDS, ROOMS, STEPS, Table, USAGE, WRAPS, arrival_key, decode,
    door_key, entry_key, fault, log_key, read_arrival_number, read_arrival_time, read_entry, read_height, read_place,
    room_key,
};
use crate::store::{Arrived, Kept, RoomRow, StoreError, Usage, WrapKey};

pub(super) fn room(db: &Database, room: RoomId) -> Result<Option<RoomRow>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(ROOMS).map_err(fault)?;
    let found = table.get(room.as_bytes()).map_err(fault)?;
    found.map(|row| decode(row.value(), "room")).transpose()
}

pub(super) fn rooms(db: &Database) -> Result<Vec<RoomRow>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(ROOMS).map_err(fault)?;
    let rows = table.iter().map_err(fault)?;
    rows.map(|row| decode(row.map_err(fault)?.1.value(), "room")).collect()
}

/// The first and the last log there can be.
pub(super) fn all_logs() -> (LogKey, LogKey) {
    let log = |byte: u8, id| LogKey { author: parlor_protocol::DeviceId::from_bytes([byte; 32]), log: id };
    (log(0, parlor_protocol::LogId(0)), log(u8::MAX, parlor_protocol::LogId(u64::MAX)))
}

fn read_log_key(key: &[u8; 72]) -> Option<LogKey> {
    // The place format is author, log, seq: give it an empty seq.
    let mut place = [0; 48];
    place.iter_mut().zip(key.get(32..)?).for_each(|(to, from)| *to = *from);
    read_place(&place).map(|(log, _)| log)
}

pub(super) fn heights(db: &Database, room: RoomId) -> Result<Heights, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(HEIGHTS).map_err(fault)?;
    let (first, last) = all_logs();
    let range = table.range::<&[u8; 72]>(&log_key(room, first)..=&log_key(room, last)).map_err(fault)?;
    let mut heights = Heights::new();
    for row in range {
        let (key, value) = row.map_err(fault)?;
        let damaged = || StoreError::Damaged { what: "a height is unreadable".into() };
        let log = read_log_key(key.value()).ok_or_else(damaged)?;
        heights.insert(log, read_height(value.value()).ok_or_else(damaged)?);
    }
    Ok(heights)
}

pub(super) fn run(
    db: &Database,
    room: RoomId,
    log: LogKey,
    from: u64,
    max: usize,
    max_bytes: usize,
) -> Result<Vec<Kept>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(ENTRIES).map_err(fault)?;
    let range =
        table.range::<&[u8; 80]>(&entry_key(room, log, from)..=&entry_key(room, log, u64::MAX)).map_err(fault)?;
    let (mut run, mut bytes) = (Vec::new(), 0);
    for row in range.take(max) {
        let kept = read_entry(row.map_err(fault)?.1.value())?;
        bytes += kept.entry.bytes().len();
        if bytes > max_bytes && !run.is_empty() {
            break;
        }
        run.push(kept);
    }
    Ok(run)
}

pub(super) fn newest(db: &Database, room: RoomId, limit: usize) -> Result<Vec<(LogKey, u64)>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(ARRIVALS).map_err(fault)?;
    let range = table.range::<&[u8; 40]>(&arrival_key(room, 0)..=&arrival_key(room, u64::MAX)).map_err(fault)?;
    let place =
        |value: &[u8]| read_place(value).ok_or_else(|| StoreError::Damaged { what: "an arrival is unreadable".into() });
    range.rev().take(limit).map(|row| place(row.map_err(fault)?.1.value())).collect()
}

pub(super) fn arrived(db: &Database, room: RoomId, from: u64, max: usize) -> Result<Vec<Arrived>, StoreError> {
    arrivals(db, ARRIVALS, room, from, max, usize::MAX)
}

/// Entries of a table of arrivals. Numbers are single here.
fn arrivals(
    db: &Database,
    table: Table<&'static [u8; 40]>,
    room: RoomId,
    from: u64,
    max: usize,
    max_bytes: usize,
) -> Result<Vec<Arrived>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let (table, entries) = (txn.open_table(table).map_err(fault)?, txn.open_table(ENTRIES).map_err(fault)?);
    let range = table.range::<&[u8; 40]>(&arrival_key(room, from)..=&arrival_key(room, u64::MAX)).map_err(fault)?;
    let (mut arrived, mut bytes) = (Vec::new(), 0);
    for row in range.take(max) {
        let damaged = || StoreError::Damaged { what: "an arrival is unreadable".into() };
        let (key, value) = row.map_err(fault)?;
        let (log, seq) = read_place(value.value()).ok_or_else(damaged)?;
        let entry = entries.get(&entry_key(room, log, seq)).map_err(fault)?.ok_or_else(damaged)?;
        let (number, at) = (read_arrival_number(key.value()), read_arrival_time(value.value()));
        let kept = read_entry(entry.value())?;
        bytes += kept.entry.bytes().len();
        if bytes > max_bytes && !arrived.is_empty() {
            break;
        }
        arrived.push(Arrived { number, at, kept });
    }
    Ok(arrived)
}

pub(super) fn plain(
    db: &Database,
    room: RoomId,
    from: u64,
    max: usize,
    max_bytes: usize,
) -> Result<Vec<Arrived>, StoreError> {
    arrivals(db, PLAIN, room, from, max, max_bytes)
}

pub(super) fn records(db: &Database, room: RoomId) -> Result<Vec<Entry>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(RECORDS).map_err(fault)?;
    let range = table.range::<&[u8; 40]>(&arrival_key(room, 0)..=&arrival_key(room, u64::MAX)).map_err(fault)?;
    range.map(|row| Ok(read_entry(row.map_err(fault)?.1.value())?.entry.into_inner())).collect()
}

pub(super) fn rooms_at(db: &Database, locator: Locator) -> Result<Vec<RoomId>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(DOORS).map_err(fault)?;
    let (first, last) = (RoomId::from_bytes([0; 32]), RoomId::from_bytes([u8::MAX; 32]));
    let range = table.range::<&[u8; 48]>(&door_key(locator, first)..=&door_key(locator, last)).map_err(fault)?;
    let room = |key: &[u8; 48]| RoomId::from_bytes(key.last_chunk::<32>().copied().unwrap_or_default());
    range.map(|row| Ok(room(row.map_err(fault)?.0.value()))).collect()
}

pub(super) fn steps(db: &Database, room: RoomId) -> Result<Vec<(EpochId, u32)>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(STEPS).map_err(fault)?;
    let range = table.range::<&[u8; 64]>(&room_key(room, &[0; 32])..=&room_key(room, &[u8::MAX; 32])).map_err(fault)?;
    let epoch = |key: &[u8; 64]| EpochId::from_bytes(key.last_chunk::<32>().copied().unwrap_or_default());
    range
        .map(|row| {
            let (key, value) = row.map_err(fault)?;
            Ok((epoch(key.value()), value.value()))
        })
        .collect()
}

pub(super) fn wraps(
    db: &Database,
    room: RoomId,
    after: Option<WrapKey>,
    max: usize,
) -> Result<Vec<(WrapKey, Wrap)>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(WRAPS).map_err(fault)?;
    let (first, last) = (room_key(room, &after.unwrap_or_default()), room_key(room, &[u8::MAX; 32]));
    let range = table.range::<&[u8; 64]>(&first..=&last).map_err(fault)?;
    let key = |key: &[u8; 64]| key.last_chunk::<32>().copied().unwrap_or_default();
    let rows = range.map(|row| {
        let (at, value) = row.map_err(fault)?;
        Ok((key(at.value()), decode(value.value(), "wrap")?))
    });
    rows.filter(|row| row.as_ref().map_or(true, |(key, _)| Some(*key) != after)).take(max).collect()
}

pub(super) fn wrap(db: &Database, room: RoomId, key: WrapKey) -> Result<Option<Wrap>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(WRAPS).map_err(fault)?;
    let found = table.get(&room_key(room, &key)).map_err(fault)?;
    found.map(|value| decode(value.value(), "wrap")).transpose()
}

pub(super) fn forks(db: &Database, room: RoomId) -> Result<Vec<ForkProof>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(FORKS).map_err(fault)?;
    let (first, last) = all_logs();
    let range = table.range::<&[u8; 72]>(&log_key(room, first)..=&log_key(room, last)).map_err(fault)?;
    range.map(|row| decode(row.map_err(fault)?.1.value(), "fork proof")).collect()
}

pub(super) fn usage(db: &Database, room: RoomId) -> Result<Usage, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let table = txn.open_table(USAGE).map_err(fault)?;
    let found = table.get(room.as_bytes()).map_err(fault)?.map(|value| value.value());
    Ok(found.map_or_else(Usage::default, |(entries, bytes)| Usage { entries, bytes }))
}
