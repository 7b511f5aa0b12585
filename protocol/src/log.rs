//! Logs: chains of entries, pages that are verified at once, heads, and proofs of forks.
//!
//! In a page the last signature is checked: it covers the id of its entry, which covers the
//! id of the one before, and so on. The signatures of contents inside a page are therefore *not* known
//! to be good, and a page that is passed on must end at an entry whose signature was checked here
//! (`checked` in stores); see `docs/decisions.md`, "Pages end at checked signatures". Everything else
//! that stands in logs is also shown to others by itself, without its log, so its own signature has to
//! be good.

mod fork;

pub use fork::{FORK_PROOF_MAX, ForkProof};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{
    derive::Purpose,
    entry::{Entry, Header, Kind, Verified},
    error::LogError,
    ids::{EntryId, LogKey, RoomId},
    limits::{FURTHER_LOGS_MAX, LOGS_MAX, LOGS_OF_DEVICE_MAX, PAGE_MAX_BYTES, PAGE_MAX_ENTRIES},
};

/// How far a log is held: the place the next entry takes and the id of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Height {
    /// Place of the next entry; the number of entries held.
    pub next: u64,
    /// Id of the last entry; for an empty log all zero.
    pub head: EntryId,
}

impl Height {
    /// An empty log.
    pub const EMPTY: Self = Self { next: 0, head: EntryId::from_bytes([0; 32]) };

    /// The height with one more entry.
    #[must_use]
    pub const fn after(entry: &Entry) -> Self {
        Self { next: entry.header().seq.saturating_add(1), head: entry.id() }
    }

    /// Checks that an entry is the next one of the log.
    ///
    /// # Errors
    /// [`LogError`] when it is of another room or log, leaves a gap or does not link.
    pub fn check_next(&self, room: RoomId, log: LogKey, entry: &Entry) -> Result<(), LogError> {
        let Header { seq, prev, .. } = *entry.header();
        if entry.room() != room || entry.log_key() != log {
            return Err(LogError::WrongLog { seq });
        }
        if seq != self.next {
            return Err(LogError::Gap { expected: self.next, got: seq });
        }
        // A log may begin with a link to the author's earlier log, so seq 0 links freely.
        if seq > 0 && prev != self.head {
            return Err(LogError::BrokenLink { seq });
        }
        Ok(())
    }
}

/// How far every log of a room is held.
pub type Heights = BTreeMap<LogKey, Height>;

/// Whether a room may take one more log, by a device that has `of_device` of its `of_room` logs:
/// a device that opens very many must not lock out those who have none.
#[must_use]
pub const fn may_open(of_room: usize, of_device: usize) -> bool {
    match of_device {
        0 => of_room < LOGS_MAX,
        _ => of_room < FURTHER_LOGS_MAX && of_device < LOGS_OF_DEVICE_MAX,
    }
}

/// A digest of heights: equal digests mean equal logs.
#[must_use]
pub fn digest(heights: &Heights) -> [u8; 32] {
    let mut hasher = Purpose::HeadsDigest.hasher();
    for (key, height) in heights {
        hasher.update(key.author.as_bytes());
        hasher.update(&key.log.0.to_le_bytes());
        hasher.update(&height.next.to_le_bytes());
        hasher.update(height.head.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Verifies a page of one log that follows `height`: every link, the signature of the last entry, which
/// authenticates the rest, and those of entries that are no contents.
///
/// # Errors
/// [`LogError`]; nothing of a bad page may be used.
pub fn verify_page(
    room: RoomId,
    log: LogKey,
    mut height: Height,
    entries: Vec<Entry>,
) -> Result<Vec<Verified<Entry>>, LogError> {
    if entries.is_empty() || entries.len() > PAGE_MAX_ENTRIES {
        return Err(LogError::PageSize { max: PAGE_MAX_ENTRIES, got: entries.len() });
    }
    // It is passed on as a page, up to the same signature or a later one.
    let bytes = entries.iter().map(|entry| entry.bytes().len()).sum();
    if bytes > PAGE_MAX_BYTES {
        return Err(LogError::PageBytes { max: PAGE_MAX_BYTES, got: bytes });
    }
    for entry in &entries {
        height.check_next(room, log, entry)?;
        height = Height::after(entry);
    }
    authenticate(entries)
}

/// Verifies the end of a log whose beginning is not here: links among the entries, and the
/// signature of the last. It shows that the device wrote exactly these in this order.
///
/// # Errors
/// [`LogError`]; nothing of a bad suffix may be used.
pub fn verify_suffix(room: RoomId, log: LogKey, entries: Vec<Entry>) -> Result<Vec<Verified<Entry>>, LogError> {
    let first = entries.first().map(|entry| *entry.header());
    match first {
        Some(header) => verify_page(room, log, Height { next: header.seq, head: header.prev }, entries),
        None => Err(LogError::PageSize { max: PAGE_MAX_ENTRIES, got: 0 }),
    }
}

/// Whether others are shown an entry by itself: records of epochs, doors, how somebody came in.
fn stands_alone(entry: &Entry) -> bool {
    entry.header().kind != Kind::Content
}

fn authenticate(entries: Vec<Entry>) -> Result<Vec<Verified<Entry>>, LogError> {
    let last = entries.len().saturating_sub(1);
    for (_, entry) in entries.iter().enumerate().filter(|(at, entry)| *at == last || stands_alone(entry)) {
        entry.clone().verify()?;
    }
    Ok(entries.into_iter().map(Verified).collect())
}
