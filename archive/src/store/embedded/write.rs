//! The writer of the embedded store: group commit.

use parlor_protocol::{
    LogKey, RoomId,
    access::Wrap,
    entry::{Entry, Kind},
    log::{ForkProof, Height},
};
use redb::{Database, ReadableTable as _, WriteTransaction};
use std::collections::BTreeMap;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    accounts::{self, AccountChange},
    ending,
    handle::Handle,
    tables::{
        ARRIVALS, ARRIVED_KEY, DOORS, ENTRIES, FORKS, HEIGHTS, META, PLAIN, ROOMS, STEPS, USAGE, WRAPS, arrival,
        arrival_key, door_key, encode, entry_key, entry_value, fault, height_value, log_key, read_entry, read_height,
        room_key,
    },
};
use crate::{
    service::now_ms,
    store::{Appended, Kept, RoomRow, Run, StoreError, WrapKey, wrap_key},
};

/// A transaction takes no more changes past this many entries, so that nobody waits long.
const GROUP_ENTRIES: usize = 20_000;

/// One change.
#[derive(Debug)]
pub(super) enum Change {
    Room(Box<RoomRow>),
    Run(Run),
    Fork(Box<ForkProof>),
    Prune(RoomId, Vec<(LogKey, u64)>),
    /// A room has ended: these records stay.
    End(RoomId, Vec<Entry>),
    /// Deletes more of a room that has ended; done when nothing is left.
    Clear(RoomId),
    /// Forgets that a room was registered, when nothing is left of it.
    Forget(RoomId),
    /// Wraps of a room to keep, and to forget.
    Wraps(RoomId, Vec<Wrap>, Vec<WrapKey>),
    /// Something about accounts.
    Account(AccountChange),
    /// Only shows that the store can commit.
    Nothing,
}

/// A change and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) done: oneshot::Sender<Result<Appended, StoreError>>,
    /// Its bytes count as waiting until it is done.
    pub(super) _weight: Option<OwnedSemaphorePermit>,
}

impl Change {
    /// How many bytes it holds in memory, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Run(run) => run.entries.iter().map(|kept| kept.entry.bytes().len()).sum(),
            Self::End(_, records) => records.iter().map(|record| record.bytes().len()).sum(),
            Self::Wraps(_, put, _) => put.iter().map(Wrap::len).sum(),
            Self::Account(change) => change.weight(),
            _ => 0,
        }
    }
}

pub(super) const DONE: Appended = Appended::Stored(Height::EMPTY);

/// Takes what waits into one transaction, commits, answers; until the queue is closed.
pub(super) fn run(db: &Handle, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        // Nobody waits for it any more; who brought it was told that it is not stored.
        if first.done.is_closed() {
            continue;
        }
        let mut group = vec![first];
        let mut entries = 0;
        while entries < GROUP_ENTRIES {
            let Ok(job) = queue.try_recv() else { break };
            if job.done.is_closed() {
                continue;
            }
            entries += if let Change::Run(run) = &job.change { run.entries.len() } else { 1 };
            group.push(job);
        }
        let results = db.with(|db| commit(db, &group));
        for (at, job) in group.into_iter().enumerate() {
            let result = match &results {
                Ok(results) => results.get(at).cloned().unwrap_or(Err(StoreError::Stopped)),
                Err(error) => Err(error.clone()),
            };
            // Who stopped waiting does not need the answer.
            let _ = job.done.send(result);
        }
    }
}

/// One transaction. A change that is refused, or meets something damaged, leaves the others alone; a
/// failing disk fails all.
pub(super) fn commit(db: &Database, group: &[Job]) -> Result<Vec<Result<Appended, StoreError>>, StoreError> {
    let mut left_out: BTreeMap<usize, StoreError> = BTreeMap::new();
    'again: loop {
        let mut txn = db.begin_write().map_err(fault)?;
        // Costs a little at every commit and saves walking the whole file after a crash.
        txn.set_quick_repair(true);
        let mut results = Vec::with_capacity(group.len());
        for (at, job) in group.iter().enumerate() {
            if let Some(error) = left_out.get(&at) {
                results.push(Err(error.clone()));
                continue;
            }
            match change(&txn, &job.change) {
                Ok(done) => results.push(Ok(done)),
                Err(error @ StoreError::Damaged { .. }) => {
                    // What it had changed before goes with the transaction.
                    txn.abort().map_err(fault)?;
                    left_out.insert(at, error);
                    continue 'again;
                }
                Err(error) => return Err(error),
            }
        }
        txn.commit().map_err(fault)?;
        return Ok(results);
    }
}

fn change(txn: &WriteTransaction, change: &Change) -> Result<Appended, StoreError> {
    match change {
        Change::Room(row) => put_room(txn, row).map(|()| DONE),
        Change::Run(run) => append(txn, run),
        Change::Fork(proof) => put_fork(txn, proof).map(|()| DONE),
        Change::Prune(room, places) => prune(txn, *room, places).map(|()| DONE),
        Change::End(room, records) => ending::end(txn, *room, records).map(|()| DONE),
        Change::Clear(room) => ending::clear(txn, *room),
        Change::Forget(room) => ending::forget(txn, *room).map(|()| DONE),
        Change::Wraps(room, put, gone) => change_wraps(txn, *room, put, gone).map(|()| DONE),
        Change::Account(change) => accounts::carry_out(txn, change),
        Change::Nothing => Ok(DONE),
    }
}

fn put_room(txn: &WriteTransaction, row: &RoomRow) -> Result<(), StoreError> {
    let mut table = txn.open_table(ROOMS).map_err(fault)?;
    if table.get(row.room.as_bytes()).map_err(fault)?.is_none() {
        table.insert(row.room.as_bytes(), encode(row)?.as_slice()).map_err(fault)?;
    }
    Ok(())
}

fn put_fork(txn: &WriteTransaction, proof: &ForkProof) -> Result<(), StoreError> {
    let mut table = txn.open_table(FORKS).map_err(fault)?;
    table.insert(&log_key(proof.room(), proof.log_key()), encode(proof)?.as_slice()).map_err(fault)?;
    Ok(())
}

fn prune(txn: &WriteTransaction, room: RoomId, places: &[(LogKey, u64)]) -> Result<(), StoreError> {
    let mut entries = txn.open_table(ENTRIES).map_err(fault)?;
    let mut usage = txn.open_table(USAGE).map_err(fault)?;
    let (count, mut bytes) = usage.get(room.as_bytes()).map_err(fault)?.map_or((0, 0), |value| value.value());
    for (log, seq) in places {
        let key = entry_key(room, *log, *seq);
        let held = entries.get(&key).map_err(fault)?.map(|value| read_entry(value.value())).transpose()?;
        let Some(held) = held else { continue };
        let pruned = Kept { entry: held.entry.pruned(), checked: held.checked };
        if pruned != held {
            let (before, after) = (held.entry.bytes().len() as u64, pruned.entry.bytes().len() as u64);
            bytes = bytes.saturating_sub(before).saturating_add(after);
            entries.insert(&key, entry_value(&pruned).as_slice()).map_err(fault)?;
        }
    }
    usage.insert(room.as_bytes(), (count, bytes)).map_err(fault)?;
    Ok(())
}

fn append(txn: &WriteTransaction, run: &Run) -> Result<Appended, StoreError> {
    let mut heights = txn.open_table(HEIGHTS).map_err(fault)?;
    let log = log_key(run.room, run.log);
    let held = heights.get(&log).map_err(fault)?.and_then(|value| read_height(value.value()));
    let held = held.unwrap_or(Height::EMPTY);
    let mut entries = txn.open_table(ENTRIES).map_err(fault)?;
    let (held_already, new) = run.split(held.next);
    // The chain covers what came before, so the last entry in common decides. Ids are compared,
    // because signatures may differ between two copies of one entry.
    if let Some(last) = held_already.last() {
        let key = entry_key(run.room, run.log, last.entry.header().seq);
        let stored = entries.get(&key).map_err(fault)?.map(|stored| read_entry(stored.value())).transpose()?;
        if stored.is_none_or(|stored| stored.entry.id() != last.entry.id()) {
            return Ok(Appended::Conflict(held));
        }
    }
    let mut height = held;
    for kept in new {
        if height.check_next(run.room, run.log, &kept.entry).is_err() {
            return Ok(Appended::Conflict(held));
        }
        height = Height::after(&kept.entry);
    }
    let mut meta = txn.open_table(META).map_err(fault)?;
    let mut arrivals = txn.open_table(ARRIVALS).map_err(fault)?;
    let mut plain = txn.open_table(PLAIN).map_err(fault)?;
    let mut usage = txn.open_table(USAGE).map_err(fault)?;
    let mut arrived = meta.get(ARRIVED_KEY).map_err(fault)?.map_or(0, |value| value.value());
    let (room, at) = (run.room.as_bytes(), now_ms());
    let (mut count, mut bytes) = usage.get(room).map_err(fault)?.map_or((0, 0), |value| value.value());
    for kept in new {
        let seq = kept.entry.header().seq;
        entries.insert(&entry_key(run.room, run.log, seq), entry_value(kept).as_slice()).map_err(fault)?;
        let (key, value) = (arrival_key(run.room, arrived), arrival(run.log, seq, at));
        arrivals.insert(&key, value.as_slice()).map_err(fault)?;
        if kept.entry.header().kind != Kind::Content {
            plain.insert(&key, value.as_slice()).map_err(fault)?;
        }
        arrived += 1;
        count += 1;
        bytes += kept.entry.bytes().len() as u64;
    }
    heights.insert(&log, height_value(height).as_slice()).map_err(fault)?;
    meta.insert(ARRIVED_KEY, arrived).map_err(fault)?;
    usage.insert(room, (count, bytes)).map_err(fault)?;
    note_doors(txn, run)?;
    note_steps(txn, run)?;
    Ok(Appended::Stored(height))
}

fn note_doors(txn: &WriteTransaction, run: &Run) -> Result<(), StoreError> {
    if run.doors.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(DOORS).map_err(fault)?;
    for locator in &run.doors {
        table.insert(&door_key(*locator, run.room), [].as_slice()).map_err(fault)?;
    }
    Ok(())
}

fn note_steps(txn: &WriteTransaction, run: &Run) -> Result<(), StoreError> {
    if run.steps.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(STEPS).map_err(fault)?;
    for (epoch, step) in &run.steps {
        let key = room_key(run.room, epoch.as_bytes());
        let known = table.get(&key).map_err(fault)?.map(|value| value.value());
        if known.is_none_or(|known| known < *step) {
            table.insert(&key, *step).map_err(fault)?;
        }
    }
    Ok(())
}

fn change_wraps(txn: &WriteTransaction, room: RoomId, put: &[Wrap], gone: &[WrapKey]) -> Result<(), StoreError> {
    let mut table = txn.open_table(WRAPS).map_err(fault)?;
    for key in gone {
        table.remove(&room_key(room, key)).map_err(fault)?;
    }
    for wrap in put {
        table.insert(&room_key(room, &wrap_key(wrap)?), encode(wrap)?.as_slice()).map_err(fault)?;
    }
    Ok(())
}
