//! How records of epochs are read and learnt.

use crate::{
    entry::{Entry, Kind, Verified},
    epoch::{EpochFacts, EpochGraph, EpochRecord},
    ids::RoomId,
    rules::Refused,
};

/// Reads an epoch entry of a room, whether or not its place in the log is known.
///
/// # Errors
/// [`Refused::Never`] when it is malformed or of another room.
fn read_record(room: RoomId, entry: &Verified<Entry>) -> Result<EpochRecord, Refused> {
    let header = entry.header();
    let record = EpochRecord::decode(entry.body()).map_err(|_| Refused::Never)?;
    let is_own = record.owner.device == header.author;
    let here = header.kind == Kind::Epoch && header.room == room && record.id == header.epoch;
    if is_own && here { Ok(record) } else { Err(Refused::Never) }
}

/// Learns an epoch from its entry, wherever it came from. Gives the record when it is new.
///
/// # Errors
/// [`Refused::NotYet`] while what it follows is not known, [`Refused::Never`] when its author may not have
/// written it.
pub(crate) fn learn_record(
    graph: &mut EpochGraph,
    room: RoomId,
    entry: &Verified<Entry>,
) -> Result<Option<EpochRecord>, Refused> {
    if graph.contains(entry.id()) {
        return Ok(None);
    }
    let record = read_record(room, entry)?;
    if !record.after.iter().all(|parent| graph.contains(*parent)) {
        return Err(Refused::NotYet);
    }
    let epochs = record.after.iter().map(|parent| graph.epoch_of(*parent));
    if !record.parents.iter().copied().map(Some).eq(epochs) {
        return Err(Refused::Never);
    }
    let is_new = graph.learn(entry.id(), EpochFacts::from(&record))?;
    Ok(is_new.then_some(record))
}
