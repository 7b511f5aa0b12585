//! Entries: the signed, hash-linked records of a device's log in a room.
//!
//! ```text
//! Header 158: ver1 kind1 room32 author32 log8 seq8 prev32 epoch32 session8 len4   (little endian)
//! Entry     : Header, body (len bytes), signature 64
//! Pruned    : Header with kind | 0x80, BLAKE3(body) 32, signature 64
//! id        = derive("entry", Header || BLAKE3(body))
//! signature = Ed25519 over label || id                      (with the kind as it was written)
//! ```
//!
//! A content whose time is over is *pruned*: its body is gone, and the hash in its place keeps id,
//! chain and signature provable. See `docs/CRYPT.md`, "Disappearing messages".
//!
//! Secure logs of this kind go back to Schneier and Kelsey (1998); single-writer hash chains as
//! the unit of replication are those of Secure Scuttlebutt (Tarr et al., 2019).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, sync::Arc};

use crate::{
    codec::VERSION,
    derive::{Label, Purpose},
    epoch::Step,
    error::{CodecError, LogError},
    ids::{DeviceId, EntryId, EpochId, LogId, LogKey, RoomId},
    keys::{DeviceKey, Sig, Verifier},
    limits::{BODY_MAX, EPOCH_BODY_MAX},
};

/// Bytes of a header.
pub const HEADER_LEN: usize = 158;
/// Where the kind stands in a header.
const KIND_AT: usize = 1;
/// Set in the kind byte of an entry without its body.
const PRUNED: u8 = 0x80;
const HASH_LEN: usize = 32;
/// Bytes of a signature.
pub const SIG_LEN: usize = 64;

/// What an entry is for. All but [`Kind::Content`] have a body that archives can read,
/// because they have to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// The first entry of a room: creator, owners, policy.
    Genesis = 1,
    /// A new epoch.
    Epoch = 2,
    /// A device comes in, or devices of one person go out; see [`crate::access`].
    Access = 3,
    /// The public halves of a code, or its end; see [`crate::access`].
    Door = 4,
    /// A sealed content: what people write.
    Content = 5,
}

impl Kind {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, CodecError> {
        match byte {
            1 => Ok(Self::Genesis),
            2 => Ok(Self::Epoch),
            3 => Ok(Self::Access),
            4 => Ok(Self::Door),
            5 => Ok(Self::Content),
            other => Err(CodecError::UnknownKind(other.into())),
        }
    }

    const fn body_max(self) -> usize {
        match self {
            Self::Epoch => EPOCH_BODY_MAX,
            _ => BODY_MAX,
        }
    }
}

/// What is signed of an entry besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is for.
    pub kind: Kind,
    /// The room; all zero in a genesis entry, whose hash names the room. A genesis entry stands at
    /// place 0 and links to nothing.
    pub room: RoomId,
    /// The device that wrote and signed it.
    pub author: DeviceId,
    /// Which of the device's logs.
    pub log: LogId,
    /// Place in the log, from 0.
    pub seq: u64,
    /// The entry before it; at seq 0 all zero, or the head of the log that this one continues.
    pub prev: EntryId,
    /// The epoch; all zero in a genesis entry.
    pub epoch: EpochId,
    /// Where the session that sealed it began; its own place when it is not sealed.
    pub session: u64,
}

impl Header {
    /// Author and log.
    #[must_use]
    pub const fn log_key(&self) -> LogKey {
        LogKey { author: self.author, log: self.log }
    }

    /// Whether an entry with this header can do without its body. Archives and members act on all
    /// others for ever, and a content that opens a session has the handshake for those after it.
    #[must_use]
    pub fn may_be_pruned(&self) -> bool {
        self.kind == Kind::Content && self.session < self.seq
    }

    /// Whether an entry with this header opens a session: its body begins with a step.
    #[must_use]
    pub fn opens_session(&self) -> bool {
        self.kind == Kind::Content && self.session == self.seq
    }

    /// Nobody can seal beyond the end of an epoch's chain of keys.
    fn check_body(&self, body: &[u8]) -> Result<(), CodecError> {
        if self.opens_session() { Step::split_from(body).map(|_| ()) } else { Ok(()) }
    }

    /// The rules that a header must keep whatever log it is in.
    fn check(&self) -> Result<(), CodecError> {
        if self.session > self.seq {
            return Err(CodecError::Malformed("session of an entry"));
        }
        // The place after the last one must still be a number (`Height::next`).
        if self.seq == u64::MAX {
            return Err(CodecError::Malformed("place of an entry"));
        }
        let founds_cleanly = self.seq == 0
            && self.room == RoomId::default()
            && self.prev == EntryId::default()
            && self.epoch == EpochId::default();
        if self.kind == Kind::Genesis && !founds_cleanly {
            return Err(CodecError::Malformed("header of a genesis entry"));
        }
        Ok(())
    }

    pub(crate) fn encode(&self, body_len: usize) -> Result<[u8; HEADER_LEN], CodecError> {
        self.check()?;
        let max = self.kind.body_max();
        let len = u32::try_from(body_len).ok().filter(|len| *len as usize <= max);
        let len = len.ok_or(CodecError::TooLong { max, got: body_len })?;
        let mut out = [0; HEADER_LEN];
        let mut rest = out.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            if let Some((slot, tail)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
                slot.copy_from_slice(bytes);
                rest = tail;
            }
        };
        put(&[VERSION, self.kind as u8]);
        put(self.room.as_bytes());
        put(self.author.as_bytes());
        put(&self.log.0.to_le_bytes());
        put(&self.seq.to_le_bytes());
        put(self.prev.as_bytes());
        put(self.epoch.as_bytes());
        put(&self.session.to_le_bytes());
        put(&len.to_le_bytes());
        Ok(out)
    }

    /// The header, the length of the body as it was written, and whether that is pruned.
    fn decode(bytes: &[u8]) -> Result<(Self, usize, bool), CodecError> {
        let mut reader = Reader { rest: bytes };
        let [version] = reader.take::<1>()?;
        if version != VERSION {
            return Err(CodecError::Version { theirs: version, ours: VERSION });
        }
        let [byte] = reader.take::<1>()?;
        let is_pruned = byte & PRUNED != 0;
        let kind = Kind::from_byte(byte & !PRUNED).map_err(|_| CodecError::UnknownKind(byte.into()))?;
        let header = Self {
            kind,
            room: RoomId::from_bytes(reader.take()?),
            author: DeviceId::from_bytes(reader.take()?),
            log: LogId(u64::from_le_bytes(reader.take()?)),
            seq: u64::from_le_bytes(reader.take()?),
            prev: EntryId::from_bytes(reader.take()?),
            epoch: EpochId::from_bytes(reader.take()?),
            session: u64::from_le_bytes(reader.take()?),
        };
        let len = u32::from_le_bytes(reader.take()?) as usize;
        if len > kind.body_max() {
            return Err(CodecError::TooLong { max: kind.body_max(), got: len });
        }
        header.check()?;
        if is_pruned && !header.may_be_pruned() {
            return Err(CodecError::Malformed("pruned entry"));
        }
        Ok((header, len, is_pruned))
    }
}

pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl Reader<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let cut_off = CodecError::CutOff { expected: N, got: self.rest.len() };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(cut_off)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// An entry as it came: well-formed, but not yet checked against signature, log or the rules of its room.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    header: Header,
    id: EntryId,
    is_pruned: bool,
    bytes: Arc<[u8]>,
}

impl Entry {
    /// Writes and signs an entry. `author` of the header must be the key's device.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] when the body is longer than its kind allows,
    /// [`CodecError::Malformed`] when the header breaks a rule or names another author, or the body of
    /// a session's opener begins with no step.
    pub fn sign(key: &DeviceKey, header: Header, body: &[u8]) -> Result<Verified<Self>, CodecError> {
        if header.author != key.id() {
            return Err(CodecError::Malformed("author of an entry"));
        }
        header.check_body(body)?;
        let head = header.encode(body.len())?;
        let id = entry_id(&head, blake3::hash(body).as_bytes());
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len() + SIG_LEN);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&key.sign(Label::Entry, id.as_bytes()).0);
        Ok(Verified(Self { header, id, is_pruned: false, bytes: bytes.into() }))
    }

    /// Reads an entry; every byte must belong to it.
    ///
    /// # Errors
    /// [`CodecError`] when the layout, a length, the kind or the version is wrong.
    pub fn decode(bytes: impl Into<Arc<[u8]>>) -> Result<Self, CodecError> {
        let bytes: Arc<[u8]> = bytes.into();
        let (header, len, is_pruned) = Header::decode(&bytes)?;
        let len = if is_pruned { HASH_LEN } else { len };
        let expected = HEADER_LEN + len + SIG_LEN;
        match bytes.len() {
            got if got < expected => return Err(CodecError::CutOff { expected, got }),
            got if got > expected => return Err(CodecError::Trailing { extra: got - expected }),
            _ => {}
        }
        let (head, rest) = bytes.split_at(HEADER_LEN);
        let body = rest.get(..len).unwrap_or_default();
        header.check_body(body)?;
        let id =
            if is_pruned { entry_id(&as_written(head), body) } else { entry_id(head, blake3::hash(body).as_bytes()) };
        Ok(Self { header, id, is_pruned, bytes })
    }

    /// Reads the entry that these bytes begin with, and gives back what follows it.
    ///
    /// # Errors
    /// As [`Entry::decode`].
    pub fn decode_first(bytes: &[u8]) -> Result<(Self, &[u8]), CodecError> {
        let (_, len, is_pruned) = Header::decode(bytes)?;
        let expected = HEADER_LEN + if is_pruned { HASH_LEN } else { len } + SIG_LEN;
        let cut_off = CodecError::CutOff { expected, got: bytes.len() };
        let (first, rest) = bytes.split_at_checked(expected).ok_or(cut_off)?;
        Ok((Self::decode(first)?, rest))
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The entry's id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// Author and log.
    #[must_use]
    pub const fn log_key(&self) -> LogKey {
        self.header.log_key()
    }

    /// The room it belongs to; for a genesis entry the room that it founds.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self.header.kind {
            Kind::Genesis => RoomId::from_bytes(Purpose::Room.hash(self.id.as_bytes())),
            _ => self.header.room,
        }
    }

    /// Whether the body is gone.
    #[must_use]
    pub const fn is_pruned(&self) -> bool {
        self.is_pruned
    }

    /// The same entry without its body: same header, id and signature. One that may not be pruned
    /// stays as it is.
    #[must_use]
    pub fn pruned(&self) -> Self {
        if self.is_pruned || !self.header.may_be_pruned() {
            return self.clone();
        }
        let mut bytes = Vec::with_capacity(HEADER_LEN + HASH_LEN + SIG_LEN);
        bytes.extend(self.bytes.iter().take(HEADER_LEN).enumerate().map(|(at, byte)| match at {
            KIND_AT => byte | PRUNED,
            _ => *byte,
        }));
        bytes.extend_from_slice(blake3::hash(self.body()).as_bytes());
        bytes.extend_from_slice(&self.sig().0);
        Self { header: self.header, id: self.id, is_pruned: true, bytes: bytes.into() }
    }

    /// The body; nothing when it is pruned.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        if self.is_pruned {
            return &[];
        }
        self.bytes.get(HEADER_LEN..self.bytes.len().saturating_sub(SIG_LEN)).unwrap_or_default()
    }

    /// Length and hash of the body as it was written, also when it is pruned.
    pub(crate) fn body_facts(&self) -> (u32, [u8; HASH_LEN]) {
        let (head, rest) = self.bytes.split_at_checked(HEADER_LEN).unwrap_or_default();
        let len = head.last_chunk().map_or(0, |len| u32::from_le_bytes(*len));
        let hash = match rest.first_chunk::<HASH_LEN>() {
            Some(hash) if self.is_pruned => *hash,
            _ => *blake3::hash(self.body()).as_bytes(),
        };
        (len, hash)
    }

    /// The step of the epoch that it opens a session in, if it opens one.
    #[must_use]
    pub fn opened_step(&self) -> Option<Step> {
        let body = self.header.opens_session().then(|| self.body())?;
        Step::split_from(body).ok().map(|(step, _)| step)
    }

    /// The signature.
    #[must_use]
    pub fn sig(&self) -> Sig {
        Sig(self.bytes.last_chunk::<SIG_LEN>().copied().unwrap_or([0; SIG_LEN]))
    }

    /// The whole entry as it goes over the wire and into stores.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Checks the signature of this one entry.
    ///
    /// # Errors
    /// [`LogError::BadSignature`].
    pub fn verify(self) -> Result<Verified<Self>, LogError> {
        let seq = self.header.seq;
        Verifier::new(self.header.author.as_bytes())
            .and_then(|key| key.verify(Label::Entry, self.id.as_bytes(), &self.sig()))
            .map_err(|_| LogError::BadSignature { seq })?;
        Ok(Verified(self))
    }

    /// Takes an entry out of this machine's own store as verified: it was checked before it was
    /// written there.
    #[must_use]
    pub const fn trust_stored(self) -> Verified<Self> {
        Verified(self)
    }
}

pub(crate) fn entry_id(head: &[u8], body_hash: &[u8]) -> EntryId {
    let mut hasher = Purpose::Entry.hasher();
    hasher.update(head).update(body_hash);
    EntryId::from_bytes(*hasher.finalize().as_bytes())
}

/// The header of a pruned entry as it was signed.
fn as_written(head: &[u8]) -> Vec<u8> {
    head.iter().enumerate().map(|(at, byte)| if at == KIND_AT { byte & !PRUNED } else { *byte }).collect()
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { kind, author, log, seq, .. } = &self.header;
        let pruned = if self.is_pruned { ", pruned" } else { "" };
        write!(f, "Entry({kind:?} {} {author:?}/{}#{seq}, {} bytes{pruned})", self.id.short(), log.0, self.bytes.len())
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.bytes)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Entry, E> {
                Entry::decode(bytes).map_err(E::custom)
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Entry, E> {
                Entry::decode(bytes).map_err(E::custom)
            }
        }
        d.deserialize_byte_buf(Bytes).map_err(D::Error::custom)
    }
}

/// Something whose signature was checked. Only verified entries can be opened or stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(pub(crate) T);

impl<T> Verified<T> {
    /// What was verified.
    pub const fn inner(&self) -> &T {
        &self.0
    }

    /// What was verified, by value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Verified<Entry> {
    /// The same entry without its body, as well verified as before.
    #[must_use]
    pub fn pruned(&self) -> Self {
        Self(self.0.pruned())
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
