//! What stands in the store, row by row: keys and values, the same on a disk and in a browser.

use parlor_protocol::{
    DeviceId, EntryId, LogId, LogKey, RoomId, codec,
    entry::Entry,
    log::{ForkProof, Height},
};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{
    StoredEntry, Write,
    frame::{FLAG_CHECKED, Frame, Kind},
};

/// The layout of keys and values that this Parlor writes, on disks and in browsers. Whoever changes one
/// of them, or a record, counts it up: then an old store says so instead of being misread.
pub(super) const SCHEMA: u32 = 6;
/// Longest encoded record: a room with many epochs stays far below.
const RECORD_MAX: usize = 4 * 1024 * 1024;

/// Key in the table of records.
pub(super) fn record_key(kind: Kind, key: &[u8]) -> Vec<u8> {
    [&[kind as u8], key].concat()
}

/// Key in the table of heights.
pub(super) fn log_key(room: RoomId, log: LogKey) -> [u8; 72] {
    let mut out = [0; 72];
    fill(&mut out, &[room.as_bytes(), log.author.as_bytes(), &log.log.0.to_be_bytes()]);
    out
}

/// Key in the table of entries.
pub(super) fn entry_key(room: RoomId, log: LogKey, seq: u64) -> [u8; 80] {
    let mut out = [0; 80];
    fill(&mut out, &[&log_key(room, log), &seq.to_be_bytes()]);
    out
}

/// The key under which a fork is kept.
pub(super) fn fork_key(fork: &ForkProof) -> [u8; 80] {
    entry_key(fork.room(), fork.log_key(), fork.seq())
}

/// The key under which the record of an epoch is kept.
pub(super) fn epoch_key(entry: &Entry) -> [u8; 64] {
    let mut out = [0; 64];
    fill(&mut out, &[entry.room().as_bytes(), entry.id().as_bytes()]);
    out
}

/// Reads a key of the table of heights, or the beginning of one of the table of entries.
pub(super) fn split_log_key(key: &[u8]) -> Option<(RoomId, LogKey)> {
    let (room, rest) = key.split_first_chunk::<32>()?;
    let (author, rest) = rest.split_first_chunk::<32>()?;
    let (log, _) = rest.split_first_chunk::<8>()?;
    let log = LogKey { author: DeviceId::from_bytes(*author), log: LogId(u64::from_be_bytes(*log)) };
    Some((RoomId::from_bytes(*room), log))
}

/// Reads the place from a key of the table of entries.
pub(super) fn seq_of(key: &[u8; 80]) -> u64 {
    key.last_chunk::<8>().map_or(0, |seq| u64::from_be_bytes(*seq))
}

/// Value in the table of heights.
pub(super) fn encode_height(height: Height) -> [u8; 40] {
    let mut out = [0; 40];
    fill(&mut out, &[&height.next.to_be_bytes(), height.head.as_bytes()]);
    out
}

/// Reads a value of the table of heights.
pub(super) fn decode_height(value: &[u8; 40]) -> Height {
    let next = value.first_chunk::<8>().map_or(0, |next| u64::from_be_bytes(*next));
    Height { next, head: EntryId::from_bytes(value.last_chunk::<32>().copied().unwrap_or_default()) }
}

/// Value in the table of entries.
pub(super) fn encode_entry(entry: &StoredEntry, generation: u64) -> Vec<u8> {
    let flags = if entry.checked { FLAG_CHECKED } else { 0 };
    Frame { kind: Kind::Entry, flags, generation, key: &[], payload: entry.entry.bytes() }.encode()
}

/// Reads a value of the table of entries; `None` when it is damaged.
pub(super) fn decode_entry(value: &[u8]) -> Option<StoredEntry> {
    let frame = Frame::decode(value).filter(|frame| frame.kind == Kind::Entry)?;
    let entry = Entry::decode(frame.payload).ok()?;
    Some(StoredEntry { entry: entry.trust_stored(), checked: frame.flags & FLAG_CHECKED != 0 })
}

/// Encodes a record before it is sealed. `None` when it is longer than any can be.
pub(super) fn encode_record<T: Serialize>(record: &T) -> Option<Zeroizing<Vec<u8>>> {
    codec::encode_secret(record, RECORD_MAX).ok()
}

/// Decodes a record that was opened.
pub(super) fn decode_record<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    codec::decode(bytes, RECORD_MAX, "record").ok()
}

fn fill(out: &mut [u8], parts: &[&[u8]]) {
    out.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
}

/// A record before it is sealed.
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) key: Vec<u8>,
    /// None when it is longer than any can be.
    pub(super) plain: Option<Zeroizing<Vec<u8>>>,
}

/// The record that a change puts into the store; none for what is no record.
pub(super) fn record_of(write: &Write) -> Option<Record> {
    let (kind, key, plain) = match write {
        Write::PutIdentity(identity) => (Kind::Identity, Vec::new(), encode_record(identity)),
        Write::PutRoom(room) => (Kind::Room, room.room.as_bytes().to_vec(), encode_record(room)),
        Write::PutEpoch(epoch) => (Kind::Epoch, epoch_key(epoch).to_vec(), encode_record(epoch)),
        Write::PutFork(fork) => (Kind::Fork, fork_key(fork).to_vec(), encode_record(fork)),
        Write::PutManual(manual) => (Kind::Manual, Vec::new(), encode_record(manual)),
        Write::PutArchives(archives) => (Kind::Archives, Vec::new(), encode_record(archives)),
        Write::PutAccount(account) => (Kind::Account, Vec::new(), encode_record(account)),
        Write::PutPerson(person) => (Kind::Person, Vec::new(), encode_record(person)),
        Write::PutPeer(peer) => (Kind::Peer, peer.device.as_bytes().to_vec(), encode_record(peer)),
        Write::PutContact(contact) => (Kind::Contact, contact.user.as_bytes().to_vec(), encode_record(contact)),
        Write::ForgetRoom(_) | Write::Append { .. } | Write::Prune { .. } => return None,
    };
    Some(Record { kind, key, plain })
}
