//! What is told to everybody in a room: entries, runs of them, and signals.
//!
//! A frame of a kind that is not known here is ignored: who sent it is not fined, and it is not passed
//! on, because nobody forwards what it cannot check. Those who know the kind hear of it from each other,
//! and what is stored comes by sync anyway.

use crate::{
    entry::Entry,
    error::CodecError,
    ids::TopicId,
    limits::{GOSSIP_MAX, PAGE_MAX_ENTRIES},
    signal::Signal,
};

use super::{
    count,
    frame::{self, HEADER_LEN, kinds},
};

/// A single entry has a frame of its own, so that it has one encoding.
const RUN_MIN_ENTRIES: usize = 2;

kinds! {
    /// Kinds of gossip, `0x4000` and above.
    GossipKind {
        Entry = 0x4001, GOSSIP_MAX - HEADER_LEN;
        // A signal is sealed in 256 bytes at most, with a signature and its author.
        Signal = 0x4002, 1024;
        Run = 0x4003, GOSSIP_MAX - HEADER_LEN;
    }
}

/// A gossip message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gossip {
    /// A new entry.
    Entry(Entry),
    /// Something that is not stored.
    Signal(Signal),
    /// New entries of one log, in order: a page, authenticated by the signature of its last entry.
    Run(Vec<Entry>),
}

impl Gossip {
    /// Encodes a gossip message: a frame around an encoded signal or the bytes of the entries.
    ///
    /// # Errors
    /// [`CodecError::TooLong`], and for runs [`CodecError::TooMany`] or too few.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::Entry(entry) => frame::wrap(GossipKind::Entry, |mut bytes| {
                bytes.extend_from_slice(entry.bytes());
                Ok(bytes)
            }),
            Self::Signal(signal) => frame::encode(GossipKind::Signal, signal),
            Self::Run(entries) => {
                check_run(entries.len())?;
                frame::wrap(GossipKind::Run, |mut bytes| {
                    bytes.reserve(entries.iter().map(|entry| entry.bytes().len()).sum());
                    entries.iter().for_each(|entry| bytes.extend_from_slice(entry.bytes()));
                    Ok(bytes)
                })
            }
        }
    }

    /// Decodes a gossip message.
    ///
    /// # Errors
    /// [`CodecError`]. What [is not supported](CodecError::is_unsupported) is nobody's fault: the frame,
    /// or the entry in it, is of a kind that this program does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > GOSSIP_MAX {
            return Err(CodecError::TooLong { max: GOSSIP_MAX, got: bytes.len() });
        }
        let (kind, body) = frame::open(bytes)?;
        match kind {
            GossipKind::Entry => Entry::decode(body.raw()).map(Self::Entry),
            GossipKind::Signal => {
                let signal: Signal = body.read()?;
                signal.check_len().map(|()| Self::Signal(signal))
            }
            GossipKind::Run => decode_run(body.raw()).map(Self::Run),
        }
    }
}

fn check_run(got: usize) -> Result<(), CodecError> {
    if got < RUN_MIN_ENTRIES { Err(CodecError::Malformed("run")) } else { count("entries", got, PAGE_MAX_ENTRIES) }
}

fn decode_run(mut bytes: &[u8]) -> Result<Vec<Entry>, CodecError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        count("entries", entries.len() + 1, PAGE_MAX_ENTRIES)?;
        let (entry, rest) = Entry::decode_first(bytes)?;
        entries.push(entry);
        bytes = rest;
    }
    check_run(entries.len()).map(|()| entries)
}

/// The id under which gossip recognises duplicates: 20 bytes of the hash of topic and all bytes,
/// signature included. gossipsub notes an id before it lets us look at the message, so under the
/// entry's own id a copy with a broken signature would keep the true one out, and without the topic a
/// copy in another room's topic would (see `docs/decisions.md`).
#[must_use]
pub fn gossip_id(topic: TopicId, bytes: &[u8]) -> [u8; 20] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(topic.as_bytes()).update(bytes);
    hasher.finalize().as_bytes().first_chunk::<20>().copied().unwrap_or_default()
}
