//! Rooms that have ended: their records stay, everything else goes, a step at a time.

use parlor_protocol::{RoomId, entry::Entry, invite::Invite, log::Height};
use redb::{ReadableTable as _, WriteTransaction};

use super::{
    read::all_logs,
    tables::{
        ARRIVALS, ENTRIES, FORKS, HEIGHTS, INVITES, PLAIN, RECORDS, ROOMS, USAGE, arrival_key, decode, entry_key,
        entry_value, fault, log_key, read_place,
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
    let mut invites = txn.open_table(INVITES).map_err(fault)?;
    let mut of_room = Vec::new();
    for row in invites.iter().map_err(fault)? {
        let (key, value) = row.map_err(fault)?;
        // Ended ones have no room any more, and say nothing.
        let held: Option<(RoomId, Invite)> = decode(value.value(), "invite").ok();
        if held.is_some_and(|(of, _)| of == room) {
            of_room.push(*key.value());
        }
    }
    for locator in &of_room {
        invites.remove(locator).map_err(fault)?;
    }
    txn.open_table(USAGE).map_err(fault)?.remove(room.as_bytes()).map_err(fault)?;
    Ok(DONE)
}
