//! Rooms that have ended: their records stay, everything else goes, a step at a time.

use parlor_protocol::{RoomId, entry::Entry, log::Height};
use redb::{ReadableTable as _, WriteTransaction};

use super::{
    read::all_logs,
    tables::{
        ARRIVALS, DOORS, ENTRIES, FORKS, HEIGHTS, PLAIN, RECORDS, ROOMS, STEPS, USAGE, WRAPS, arrival_key, entry_key,
        entry_value, fault, log_key, read_place, room_key,
    },
    write::DONE,
};
use crate::store::{Appended, Kept, StoreError};

/// Entries that are deleted in one step.
const STEP: usize = 10_000;

/// Keeps the records, and forgets how far logs are held: from here on nothing of the room counts.
pub(super) fn end(txn: &WriteTransaction, room: RoomId, records: &[Entry]) -> Result<(), StoreError> {
    let mut table = txn.open_table(RECORDS).map_err(fault)?;
    for (number, record) in (0..).zip(records) {
        let kept = Kept { entry: record.clone().trust_stored(), checked: true };
        table.insert(&arrival_key(room, number), entry_value(&kept).as_slice()).map_err(fault)?;
    }
    let (first, last) = all_logs();
    let logs = log_key(room, first)..=log_key(room, last);
    let mut heights = txn.open_table(HEIGHTS).map_err(fault)?;
    heights.retain_in::<&[u8; 72], _>(logs.start()..=logs.end(), |_, _| false).map_err(fault)?;
    let mut forks = txn.open_table(FORKS).map_err(fault)?;
    forks.retain_in::<&[u8; 72], _>(logs.start()..=logs.end(), |_, _| false).map_err(fault)?;
    Ok(())
}

/// Forgets that the room was registered, and its records. Its entries are gone already.
pub(super) fn forget(txn: &WriteTransaction, room: RoomId) -> Result<(), StoreError> {
    let mut records = txn.open_table(RECORDS).map_err(fault)?;
    let all = arrival_key(room, 0)..=arrival_key(room, u64::MAX);
    records.retain_in::<&[u8; 40], _>(all.start()..=all.end(), |_, _| false).map_err(fault)?;
    txn.open_table(ROOMS).map_err(fault)?.remove(room.as_bytes()).map_err(fault)?;
    Ok(())
}

/// Deletes a step of its entries; done when there were none left. How much a room takes goes last, so
/// that whoever is cut off finds it again.
pub(super) fn clear(txn: &WriteTransaction, room: RoomId) -> Result<Appended, StoreError> {
    let mut arrivals = txn.open_table(ARRIVALS).map_err(fault)?;
    let mut step = Vec::new();
    for row in
        arrivals.range::<&[u8; 40]>(&arrival_key(room, 0)..=&arrival_key(room, u64::MAX)).map_err(fault)?.take(STEP)
    {
        let (key, value) = row.map_err(fault)?;
        let damaged = || StoreError::Damaged { what: "an arrival is unreadable".into() };
        step.push((*key.value(), read_place(value.value()).ok_or_else(damaged)?));
    }
    let (mut entries, mut plain) = (txn.open_table(ENTRIES).map_err(fault)?, txn.open_table(PLAIN).map_err(fault)?);
    for (key, (log, seq)) in &step {
        entries.remove(&entry_key(room, *log, *seq)).map_err(fault)?;
        plain.remove(key).map_err(fault)?;
        arrivals.remove(key).map_err(fault)?;
    }
    if !step.is_empty() {
        return Ok(Appended::Stored(Height { next: step.len() as u64, ..Height::EMPTY }));
    }
    let of_room = room_key(room, &[0; 32])..=room_key(room, &[u8::MAX; 32]);
    let mut wraps = txn.open_table(WRAPS).map_err(fault)?;
    wraps.retain_in::<&[u8; 64], _>(of_room.start()..=of_room.end(), |_, _| false).map_err(fault)?;
    let mut steps = txn.open_table(STEPS).map_err(fault)?;
    steps.retain_in::<&[u8; 64], _>(of_room.start()..=of_room.end(), |_, _| false).map_err(fault)?;
    // Their keys begin with the locator: there are few, and this happens once.
    let mut doors = txn.open_table(DOORS).map_err(fault)?;
    doors.retain(|key, _| key.last_chunk::<32>() != Some(room.as_bytes())).map_err(fault)?;
    txn.open_table(USAGE).map_err(fault)?.remove(room.as_bytes()).map_err(fault)?;
    Ok(DONE)
}
