//! Finding values in a damaged file: by their magic, and by its tables where they can be read.

use parlor_protocol::{EntryId, LogKey, RoomId};
use redb::{ReadOnlyDatabase, ReadableDatabase as _, ReadableTable as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use crate::unwind;

use super::{
    super::{
        disk::Fault,
        frame::{Frame, Kind, MAGIC},
        rows::{decode_entry, decode_height, seq_of, split_log_key},
        tables::{ENTRIES, HEIGHTS, RECORDS},
    },
    Found, Places, Records,
};

/// Bytes looked through at once.
const WINDOW: usize = 1024 * 1024;
/// Bytes read for a frame at first; most are shorter.
const FRAME_GUESS: u64 = 4 * 1024;
/// Longest frame.
const FRAME_MAX: u64 = 9 * 1024 * 1024;

/// What the tables say, as far as they can be read.
#[derive(Debug, Default)]
pub(super) struct Present {
    pub(super) entries: BTreeSet<(RoomId, LogKey, u64, EntryId)>,
    pub(super) heights: BTreeMap<(RoomId, LogKey), u64>,
    records: BTreeMap<Vec<u8>, u64>,
}

/// Reads the tables. What cannot be read is left out.
pub(super) fn present_in(file: &Path) -> Present {
    let mut present = Present::default();
    // redb may panic on a file whose structure is broken; what was read until then counts.
    let read = unwind::catch(|| read_tables(file, &mut present));
    if !matches!(read, Ok(Ok(()))) {
        tracing::debug!("the tables cannot be read to the end");
    }
    present
}

fn read_tables(file: &Path, present: &mut Present) -> Result<(), Fault> {
    let txn = ReadOnlyDatabase::open(file)?.begin_read()?;
    for item in txn.open_table(HEIGHTS)?.iter()? {
        let (key, value) = item?;
        if let Some(log) = split_log_key(key.value()) {
            present.heights.insert(log, decode_height(value.value()).next);
        }
    }
    for item in txn.open_table(RECORDS)?.iter()? {
        let (key, value) = item?;
        if let Some(frame) = Frame::decode(value.value()) {
            present.records.insert(key.value().to_vec(), frame.generation);
        }
    }
    for item in txn.open_table(ENTRIES)?.iter()? {
        let (key, value) = item?;
        let key = key.value();
        if let (Some((room, log)), Some(stored)) = (split_log_key(key), decode_entry(value.value())) {
            present.entries.insert((room, log, seq_of(key), stored.entry.id()));
        }
    }
    Ok(())
}

/// Finds every intact value in the file.
pub(super) fn found_in(file: &mut File, present: &Present) -> io::Result<(Places, Records)> {
    let (mut places, mut records) = (Places::new(), Records::new());
    let mut window = vec![0; WINDOW];
    let mut start = 0;
    loop {
        file.seek(SeekFrom::Start(start))?;
        let read = read_up_to(file, &mut window)?;
        let bytes = window.get(..read).unwrap_or_default();
        for at in positions(bytes) {
            let offset = start + at as u64;
            if let Some(bytes) = frame_at(file, offset) {
                sort_in(&bytes, offset, present, &mut places, &mut records);
            }
        }
        if read < WINDOW {
            return Ok((places, records));
        }
        // Windows overlap, so that a magic across their border is seen.
        start += (WINDOW - (MAGIC.len() - 1)) as u64;
    }
}

fn positions(bytes: &[u8]) -> Vec<usize> {
    bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC).map(|(at, _)| at).collect()
}

fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// The bytes of the intact frame at an offset.
pub(super) fn frame_at(file: &mut File, offset: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for most in [FRAME_GUESS, 80 * 1024, FRAME_MAX] {
        bytes.clear();
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.by_ref().take(most).read_to_end(&mut bytes).ok()?;
        if Frame::decode(&bytes).is_some() {
            return Some(bytes);
        }
        if (bytes.len() as u64) < most {
            break;
        }
    }
    None
}

fn sort_in(bytes: &[u8], offset: u64, present: &Present, places: &mut Places, records: &mut Records) {
    let Some(frame) = Frame::decode(bytes) else { return };
    if frame.kind == Kind::Entry {
        let Some(stored) = decode_entry(bytes) else { return };
        let (entry, generation) = (stored.entry.inner(), frame.generation);
        let log = places.entry((entry.room(), entry.log_key())).or_default();
        let candidates = log.entry(entry.header().seq).or_default();
        let found = Found { offset, generation, id: entry.id(), prev: entry.header().prev };
        // Freed pages keep old copies of the same entry.
        if !candidates.iter().any(|other| other.id == found.id) {
            candidates.push(found);
        }
        return;
    }
    let key = (frame.kind, frame.key.to_vec());
    let in_tables = present.records.get(&super::super::rows::record_key(frame.kind, frame.key)).copied();
    let rank = |generation: u64| (in_tables == Some(generation), generation);
    let newer = records.get(&key).is_none_or(|(known, _)| rank(*known) < rank(frame.generation));
    if newer {
        records.insert(key, (frame.generation, frame.encode()));
    }
}
