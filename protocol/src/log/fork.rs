//! Proofs that a log forked: two branches of it that its device signed and that contradict each other.
//!
//! Only the last signature of a page is known to be good, so a device can sign two branches in such a
//! way that good signatures never stand at the same place in both. Therefore each branch goes on to the
//! next good signature. Of an entry it has what its id is made of, not what it says.
//!
//! ```text
//! Proof : ver1 room32 author32 log8 place8, two branches                      (little endian)
//! Branch: after1 prev32 count2, count links, signature 64
//! Link  : kind1 epoch32 session8 len4 BLAKE3(body) 32
//! ```
//!
//! A branch says which entry stands at `place`: that of its first link (`after` 0), or the one that its
//! first link names as the entry before it (`after` 1), which needs not be at hand. `prev` is what the
//! first link has as the id of the entry before it, and the signature is that of the last link.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Height;
use crate::{
    codec::VERSION,
    derive::{Label, Purpose},
    entry::{Entry, Header, Kind, Reader, SIG_LEN, entry_id},
    error::{CodecError, LogError},
    ids::{DeviceId, EntryId, EpochId, LogId, LogKey, RoomId},
    keys::{Sig, Verifier},
    limits::PAGE_MAX_ENTRIES,
};

/// Most links of a branch. What is accepted has a good signature at least this often.
const LINKS_MAX: usize = PAGE_MAX_ENTRIES;
const LINK_LEN: usize = 77;
const BRANCH_MAX: usize = 35 + LINKS_MAX * LINK_LEN + SIG_LEN;
/// Longest proof, in bytes.
pub const FORK_PROOF_MAX: usize = 81 + 2 * BRANCH_MAX;

/// What the id of an entry is made of, besides what the chain gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    kind: Kind,
    epoch: EpochId,
    session: u64,
    len: u32,
    body: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Branch {
    begins_after: bool,
    prev: EntryId,
    links: Vec<Link>,
    sig: Sig,
}

/// Two branches of one log: proof that its device wrote two things at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkProof {
    room: RoomId,
    log: LogKey,
    place: u64,
    a: Branch,
    b: Branch,
}

impl ForkProof {
    /// Compares two runs of one log, each of which goes on to a good signature, and keeps what proves
    /// that they contradict each other.
    ///
    /// # Errors
    /// [`LogError::NoFork`] when they do not contradict each other, [`LogError::BadSignature`] when a
    /// branch has no good signature where they do, [`LogError::PageSize`] when it has none for too long,
    /// others when they are no runs of one log.
    pub fn new(a: &[Entry], b: &[Entry]) -> Result<Self, LogError> {
        let (a, b) = (Run::check(a)?, Run::check(b)?);
        if (a.first.room(), a.first.log_key()) != (b.first.room(), b.first.log_key()) {
            return Err(LogError::WrongLog { seq: b.first.header().seq });
        }
        let place = (a.begin().max(b.begin())..=a.end().min(b.end())).find(|place| a.at(*place) != b.at(*place));
        let place = place.ok_or(LogError::NoFork)?;
        let (a, b) = if a.at(place) < b.at(place) { (a, b) } else { (b, a) };
        let (room, log) = (a.first.room(), a.first.log_key());
        Ok(Self { room, log, place, a: a.branch(place)?, b: b.branch(place)? })
    }

    /// Checks a proof that came from outside.
    ///
    /// # Errors
    /// [`LogError`] when it proves nothing.
    pub fn check(&self) -> Result<(), LogError> {
        let says = |branch: &Branch| branch.check(self.room, self.log, self.place);
        if says(&self.a)? < says(&self.b)? { Ok(()) } else { Err(LogError::NoFork) }
    }

    /// The log that forked.
    #[must_use]
    pub const fn log_key(&self) -> LogKey {
        self.log
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The first place with two entries that is proven.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.place
    }

    /// The proof as it is stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(self.room.as_bytes());
        out.extend_from_slice(self.log.author.as_bytes());
        out.extend_from_slice(&self.log.log.0.to_le_bytes());
        out.extend_from_slice(&self.place.to_le_bytes());
        self.a.append(&mut out);
        self.b.append(&mut out);
        out
    }

    /// Reads a proof; every byte must belong to it. It is not checked yet.
    ///
    /// # Errors
    /// [`CodecError`] when the layout, a length or the version is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > FORK_PROOF_MAX {
            return Err(CodecError::TooLong { max: FORK_PROOF_MAX, got: bytes.len() });
        }
        let mut reader = Reader { rest: bytes };
        let [version] = reader.take()?;
        if version != VERSION {
            return Err(CodecError::Version { theirs: version, ours: VERSION });
        }
        let room = RoomId::from_bytes(reader.take()?);
        let author = DeviceId::from_bytes(reader.take()?);
        let log = LogKey { author, log: LogId(u64::from_le_bytes(reader.take()?)) };
        let place = u64::from_le_bytes(reader.take()?);
        let (a, b) = (Branch::read(&mut reader)?, Branch::read(&mut reader)?);
        match reader.rest.len() {
            0 => Ok(Self { room, log, place, a, b }),
            extra => Err(CodecError::Trailing { extra }),
        }
    }
}

/// Entries of one log, one after the other.
#[derive(Clone, Copy)]
struct Run<'a> {
    first: &'a Entry,
    entries: &'a [Entry],
}

impl<'a> Run<'a> {
    fn check(entries: &'a [Entry]) -> Result<Self, LogError> {
        let first = entries.first().ok_or(LogError::PageSize { max: LINKS_MAX, got: 0 })?;
        let mut height = Height { next: first.header().seq, head: first.header().prev };
        for entry in entries {
            height.check_next(first.room(), first.log_key(), entry)?;
            height = Height::after(entry);
        }
        Ok(Self { first, entries })
    }

    /// The first place of which it says what stands there. Of the place before a log it says nothing.
    fn begin(self) -> u64 {
        self.first.header().seq.saturating_sub(1)
    }

    fn end(self) -> u64 {
        self.entries.last().unwrap_or(self.first).header().seq
    }

    fn index(self, place: u64) -> Option<usize> {
        usize::try_from(place.checked_sub(self.first.header().seq)?).ok()
    }

    /// The id of the entry at a place.
    fn at(self, place: u64) -> Option<EntryId> {
        match self.index(place) {
            Some(at) => self.entries.get(at).map(Entry::id),
            None => (place + 1 == self.first.header().seq).then_some(self.first.header().prev),
        }
    }

    fn branch(self, place: u64) -> Result<Branch, LogError> {
        let rest = self.entries.get(self.index(place).unwrap_or(0)..).unwrap_or_default();
        let is_signed = |entry: &Entry| entry.clone().verify().is_ok();
        let last = rest.iter().take(LINKS_MAX).position(is_signed);
        match last.and_then(|last| Some((rest.first()?, rest.get(..=last)?, rest.get(last)?))) {
            Some((first, entries, last)) => Ok(Branch {
                begins_after: first.header().seq > place,
                prev: first.header().prev,
                links: entries.iter().map(Link::of).collect(),
                sig: last.sig(),
            }),
            None if rest.len() > LINKS_MAX => Err(LogError::PageSize { max: LINKS_MAX, got: rest.len() }),
            None => Err(LogError::BadSignature { seq: self.end() }),
        }
    }
}

impl Branch {
    /// Checks that the device signed it, and gives the id of the entry that it has at the place.
    fn check(&self, room: RoomId, log: LogKey, place: u64) -> Result<EntryId, LogError> {
        if self.links.is_empty() || self.links.len() > LINKS_MAX {
            return Err(LogError::PageSize { max: LINKS_MAX, got: self.links.len() });
        }
        let mut seq = place.saturating_add(self.begins_after.into());
        let mut prev = self.prev;
        let mut there = self.begins_after.then_some(prev);
        for link in &self.links {
            let id = link.id(room, log, seq, prev)?;
            there = there.or(Some(id));
            (seq, prev) = (seq.saturating_add(1), id);
        }
        Verifier::new(log.author.as_bytes())
            .and_then(|key| key.verify(Label::Entry, prev.as_bytes(), &self.sig))
            .map_err(|_| LogError::BadSignature { seq: seq.saturating_sub(1) })?;
        there.ok_or(LogError::NoFork)
    }

    fn append(&self, out: &mut Vec<u8>) {
        out.push(self.begins_after.into());
        out.extend_from_slice(self.prev.as_bytes());
        out.extend_from_slice(&u16::try_from(self.links.len()).unwrap_or(u16::MAX).to_le_bytes());
        for Link { kind, epoch, session, len, body } in &self.links {
            out.push(*kind as u8);
            out.extend_from_slice(epoch.as_bytes());
            out.extend_from_slice(&session.to_le_bytes());
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(body);
        }
        out.extend_from_slice(&self.sig.0);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let begins_after = match reader.take()? {
            [0] => false,
            [1] => true,
            _ => return Err(CodecError::Malformed("branch of a fork")),
        };
        let prev = EntryId::from_bytes(reader.take()?);
        let count = usize::from(u16::from_le_bytes(reader.take()?));
        if count == 0 || count > LINKS_MAX {
            return Err(CodecError::Malformed("length of a branch"));
        }
        let links = (0..count).map(|_| Link::read(reader)).collect::<Result<_, _>>()?;
        Ok(Self { begins_after, prev, links, sig: Sig(reader.take()?) })
    }
}

impl Link {
    fn of(entry: &Entry) -> Self {
        let Header { kind, epoch, session, .. } = *entry.header();
        let (len, body) = entry.body_facts();
        Self { kind, epoch, session, len, body }
    }

    fn id(&self, room: RoomId, log: LogKey, seq: u64, prev: EntryId) -> Result<EntryId, LogError> {
        let Self { kind, epoch, session, len, body } = *self;
        // A genesis entry cannot name the room: its hash does.
        let named = if kind == Kind::Genesis { RoomId::default() } else { room };
        let header = Header { kind, room: named, author: log.author, log: log.log, seq, prev, epoch, session };
        let head = usize::try_from(len).ok().and_then(|len| header.encode(len).ok());
        let id = entry_id(&head.ok_or(LogError::WrongLog { seq })?, &body);
        let founds_another = kind == Kind::Genesis && RoomId::from_bytes(Purpose::Room.hash(id.as_bytes())) != room;
        if founds_another { Err(LogError::WrongLog { seq }) } else { Ok(id) }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let [kind] = reader.take()?;
        Ok(Self {
            kind: Kind::from_byte(kind)?,
            epoch: EpochId::from_bytes(reader.take()?),
            session: u64::from_le_bytes(reader.take()?),
            len: u32::from_le_bytes(reader.take()?),
            body: reader.take()?,
        })
    }
}

impl Serialize for ForkProof {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.encode())
    }
}

impl<'de> Deserialize<'de> for ForkProof {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = ForkProof;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the proof of a fork")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<ForkProof, E> {
                ForkProof::decode(bytes).map_err(E::custom)
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<ForkProof, E> {
                ForkProof::decode(&bytes).map_err(E::custom)
            }
        }
        d.deserialize_byte_buf(Bytes).map_err(D::Error::custom)
    }
}
