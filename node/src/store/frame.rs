//! The frame around every value in the store file: what it is, a checksum, and the seal.
//!
//! ```text
//! magic8 kind1 flags1 generation8 key_len2 key payload_len4 checksum8 payload     (big endian)
//! ```
//!
//! A frame explains itself, so that `salvage` finds the values of a damaged file without the
//! tables around them. Records are sealed with XChaCha20-Poly1305 under the store key; kind, key
//! and generation are the associated data, so that no record can stand in another's place.

use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _, aead::Payload};
use rand_core::{OsRng, TryRngCore as _};
use std::fmt;
use zeroize::Zeroizing;

/// Begins every frame. The second half is not text, so that no text contains it.
pub(super) const MAGIC: [u8; 8] = *b"PRLR\x01\xE5\x9B\xF3";
const NONCE_LEN: usize = 24;
const CHECKSUM_LEN: usize = 8;
/// Longest payload that is believed: the largest record plus room to grow.
const PAYLOAD_MAX: usize = 8 * 1024 * 1024;
/// The signature of this very entry was checked.
pub(super) const FLAG_CHECKED: u8 = 1;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// A known text under the store key, to tell whether the key fits.
    KeyCheck = 0,
    /// Keys and name.
    Identity = 1,
    /// A room record; the key is the room.
    Room = 2,
    /// Addresses added by hand.
    Manual = 3,
    /// A machine that was reached; the key is its device.
    Peer = 4,
    /// A proof of a fork; the key is room, log and place.
    Fork = 5,
    /// An entry as it came. Not sealed again.
    Entry = 6,
    /// A person known here; the key is the user.
    Contact = 7,
    /// The record of an epoch, an entry as it came; the key is room and entry.
    Epoch = 8,
    /// The account that this device is signed in to.
    Account = 9,
    /// What is shared with the person's other devices.
    Person = 10,
    /// Archives that this device uses.
    Archives = 11,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::KeyCheck,
        Self::Identity,
        Self::Room,
        Self::Manual,
        Self::Peer,
        Self::Fork,
        Self::Entry,
        Self::Contact,
        Self::Epoch,
        Self::Account,
        Self::Person,
        Self::Archives,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A frame, read but not opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) generation: u64,
    pub(super) key: &'a [u8],
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Writes the frame.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.key.len() + self.payload.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[self.kind as u8, self.flags]);
        out.extend_from_slice(&self.generation.to_be_bytes());
        out.extend_from_slice(&u16::try_from(self.key.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(self.key);
        out.extend_from_slice(&u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(&checksum(&out, self.payload));
        out.extend_from_slice(self.payload);
        out
    }

    /// Reads a frame from the beginning of some bytes; `None` when it is not intact. Bytes after
    /// it do not matter.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        let [kind, flags] = take(&mut rest)?;
        let generation = u64::from_be_bytes(take(&mut rest)?);
        let key_len = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let key = take_slice(&mut rest, key_len)?;
        let len = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok().filter(|len| *len <= PAYLOAD_MAX)?;
        let head = bytes.get(..bytes.len() - rest.len())?;
        let sum: [u8; CHECKSUM_LEN] = take(&mut rest)?;
        let payload = take_slice(&mut rest, len)?;
        if checksum(head, payload) != sum {
            return None;
        }
        Some(Self { kind: Kind::from_byte(kind)?, flags, generation, key, payload })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

fn take_slice<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}

fn checksum(head: &[u8], payload: &[u8]) -> [u8; CHECKSUM_LEN] {
    let hash = blake3::Hasher::new().update(head).update(payload).finalize();
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Seals and opens records.
#[derive(Clone)]
pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    /// The sealer of a profile, from the secret that guards it.
    pub(super) fn new(guard: &[u8; 32]) -> Self {
        let key = parlor_protocol::store_key(guard);
        Self { cipher: XChaCha20Poly1305::new((&*key).into()) }
    }

    /// Seals a record and puts it into its frame. `None` when the system has no randomness.
    pub(super) fn seal(&self, kind: Kind, key: &[u8], generation: u64, plain: &[u8]) -> Option<Vec<u8>> {
        let mut payload = vec![0; NONCE_LEN];
        OsRng.try_fill_bytes(&mut payload).ok()?;
        let aad = aad(kind, key, generation);
        let nonce = XNonce::clone_from_slice(&payload);
        payload.extend_from_slice(&self.cipher.encrypt(&nonce, Payload { msg: plain, aad: &aad }).ok()?);
        Some(Frame { kind, flags: 0, generation, key, payload: &payload }.encode())
    }

    /// Opens a record. `None` when it was sealed under another key.
    pub(super) fn open(&self, frame: &Frame<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = frame.payload.split_at_checked(NONCE_LEN)?;
        let aad = aad(frame.kind, frame.key, frame.generation);
        let payload = Payload { msg: sealed, aad: &aad };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok().map(Zeroizing::new)
    }
}

fn aad(kind: Kind, key: &[u8], generation: u64) -> Vec<u8> {
    [b"parlor/v1 store record".as_slice(), &[kind as u8], &generation.to_be_bytes(), key].concat()
}
