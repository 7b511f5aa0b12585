//! What goes over the wire: gossip frames, requests and answers.
//!
//! Requests about a room carry an admission certificate, which the answering side checks against
//! the connected peer, so that only admitted devices are served.

use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountAnswer, AccountRequest},
    card::{DeviceCard, Prekey},
    codec::{self, VERSION},
    entry::Entry,
    epoch::AdmissionCert,
    error::CodecError,
    ids::{EntryId, Locator, LogKey, RoomId, TopicId},
    invite::Invite,
    limits::{
        EPOCH_TIPS_MAX, GOSSIP_MAX, KNOCK_MAX_BYTES, KNOCK_MAX_ENTRIES, LINK_HANDSHAKE_MAX, LOGS_MAX, OWN_ASK_MAX,
        PAGE_MAX_ENTRIES, TAIL_MAX, VAULT_MAX, WIRE_MAX,
    },
    link::LinkGift,
    log::Height,
    signal::Signal,
    text::Name,
};

const ENTRY_FRAME: u8 = 1;
const SIGNAL_FRAME: u8 = 2;
const RUN_FRAME: u8 = 3;
/// A single entry has a frame of its own, so that it has one encoding.
const RUN_MIN_ENTRIES: usize = 2;

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
    /// Encodes a gossip message: version, kind, then an encoded signal or the bytes of the entries.
    ///
    /// # Errors
    /// [`CodecError::TooLong`], and for runs [`CodecError::TooMany`] or too few.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        match self {
            Self::Entry(entry) => Ok([&[VERSION, ENTRY_FRAME], entry.bytes().as_ref()].concat()),
            Self::Signal(signal) => Ok([vec![VERSION, SIGNAL_FRAME], codec::encode_bare(signal, GOSSIP_MAX)?].concat()),
            Self::Run(entries) => {
                check_run(entries.len())?;
                let got = 2 + entries.iter().map(|entry| entry.bytes().len()).sum::<usize>();
                if got > GOSSIP_MAX {
                    return Err(CodecError::TooLong { max: GOSSIP_MAX, got });
                }
                let mut bytes = Vec::with_capacity(got);
                bytes.extend_from_slice(&[VERSION, RUN_FRAME]);
                entries.iter().for_each(|entry| bytes.extend_from_slice(entry.bytes()));
                Ok(bytes)
            }
        }
    }

    /// Decodes a gossip message.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        if bytes.len() > GOSSIP_MAX {
            return Err(CodecError::TooLong { max: GOSSIP_MAX, got: bytes.len() });
        }
        match bytes {
            [] => Err(CodecError::Empty),
            [VERSION, ENTRY_FRAME, entry @ ..] => Entry::decode(entry).map(Self::Entry),
            [VERSION, SIGNAL_FRAME, signal @ ..] => {
                let signal: Signal = codec::decode_bare(signal, GOSSIP_MAX, "signal")?;
                signal.check_len().map(|()| Self::Signal(signal))
            }
            [VERSION, RUN_FRAME, run @ ..] => decode_run(run).map(Self::Run),
            [VERSION] => Err(CodecError::CutOff { expected: 2, got: 1 }),
            [VERSION, kind, ..] => Err(CodecError::UnknownKind(*kind)),
            [theirs, ..] => Err(CodecError::Version { theirs: *theirs, ours: VERSION }),
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

/// A request to a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time, never in a collection")]
pub enum Request {
    /// The record behind a code. Anyone may ask, at a limited rate.
    Invite(Locator),
    /// Something about a room.
    Room {
        /// The room.
        room: RoomId,
        /// Shows that the asking device is admitted.
        cert: AdmissionCert,
        /// What about it.
        ask: RoomRequest,
    },
    /// Something about accounts. Archives answer.
    Account(AccountRequest),
    /// Who the asking machine's person is, unless that person does not want to be seen. Answered with
    /// [`Answer::Hello`].
    Hello(Option<Box<Introduction>>),
    /// Asks the other person into a room of two: the beginning of the log of the device that founded
    /// it. Answered with [`Answer::Done`] whatever the person will do.
    Knock {
        /// The entries from the genesis on.
        entries: Vec<Entry>,
    },
    /// A new device asks to be linked by a code. Answered with [`Answer::Link`], always the same when it
    /// is not: no such code, used, over, a wrong handshake.
    Link {
        /// Which offer is meant.
        locator: Locator,
        /// The first message of the handshake.
        message: Vec<u8>,
    },
    /// A device asks another one of the same person whether anything is different there. Answered with
    /// [`Answer::Own`].
    Own(Vec<u8>),
}

/// Who somebody is: enough to write to that person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// The name.
    pub name: Name,
    /// The card of the machine that says so.
    pub card: DeviceCard,
    /// Its newest prekey.
    pub prekey: Prekey,
}

/// A request about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoomRequest {
    /// How far are the logs held? Answered with [`Answer::Same`] when they match the digest, and the
    /// records of epochs match theirs.
    Heights {
        /// Digest of the asking side's heights.
        digest: [u8; 32],
        /// Digest of the records of epochs that the asking side knows.
        epochs: [u8; 32],
    },
    /// Entries of a log, in order.
    Page {
        /// The log.
        log: LogKey,
        /// Place of the first entry wanted.
        from: u64,
    },
    /// The newest entries of the room.
    Tail {
        /// At most this many.
        limit: u16,
    },
    /// Entries for an archive to keep: a run of one log. Answered once they are durable.
    Push {
        /// The entries, in order; the last one's signature authenticates them.
        entries: Vec<Entry>,
    },
    /// Makes a room known to an archive, or tells it of a new epoch.
    Register {
        /// The genesis entry.
        genesis: Entry,
        /// Epoch entries, oldest first; when there are more than fit, the rest in further requests.
        epochs: Vec<Entry>,
        /// The topics that the member listens to. An archive works them out from the epochs' records and
        /// goes by nothing else.
        topics: Vec<TopicId>,
    },
    /// What of the asked device's own logs has arrived here: a receipt.
    Received {
        /// Logs of the asked device, each with the number of entries held.
        heights: Vec<(LogKey, u64)>,
    },
    /// The records of epochs that the asking side lacks. Also answered to who was removed or shut out,
    /// so that people are told.
    Epochs {
        /// Entries of the newest records that it knows.
        tips: Vec<EntryId>,
    },
}

/// The newest entries of a room: for each log its end, and what is needed to open it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tail {
    /// Ends of logs, each in order up to its head.
    #[serde(deserialize_with = "codec::bounded_list::<LOGS_MAX, _, _>")]
    pub suffixes: Vec<Vec<Entry>>,
    /// First entries of these logs (admission, profile) and entries that open their sessions.
    pub openers: Vec<Entry>,
    /// Entries of the room in all logs together.
    pub total: u64,
}

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The room is not known here.
    UnknownRoom,
    /// The device is not admitted to the room.
    NotAdmitted,
    /// Too many requests; try again after some milliseconds.
    Busy {
        /// How long to wait, in milliseconds.
        retry_ms: u32,
    },
    /// The entries do not fit what is here: ask for heights first.
    DoesNotFit,
    /// The archive's quota for the room or peer is used up.
    QuotaReached,
    /// The archive cannot write at the moment.
    StoreUnavailable,
    /// The archive takes no new rooms.
    RegistrationClosed,
    /// The request is not understood.
    Malformed,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The record, or none.
    Invite(Option<Invite>),
    /// Both sides hold the same.
    Same,
    /// How far each log is held.
    Heights(Vec<(LogKey, Height)>),
    /// Entries of a log; empty when there are none after the place asked for.
    Page(Vec<Entry>),
    /// The newest entries.
    Tail(Tail),
    /// Stored durably up to these heights.
    Pushed(Vec<(LogKey, Height)>),
    /// Noted.
    Done,
    /// Not served.
    Refused(Refusal),
    /// About accounts.
    Account(AccountAnswer),
    /// Records of epochs.
    Epochs {
        /// Entries, each after those that it follows; ask again when there are more.
        entries: Vec<Entry>,
        /// Entries of the newest records that the answering side knows.
        tips: Vec<EntryId>,
    },
    /// Who the answering machine's person is, if that person wants to be seen.
    Hello(Option<Box<Introduction>>),
    /// What a new device is given, or nothing.
    Link(Option<LinkGift>),
    /// What the answering device of the same person knows, sealed; nothing when it is the same, or when
    /// the asking device is none of the person's.
    Own(Option<Vec<u8>>),
}

fn count(what: &'static str, got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooMany { what, max, got }) } else { Ok(()) }
}

impl Request {
    /// The bytes of the entries of a knock.
    #[must_use]
    pub fn knock_len(entries: &[Entry]) -> usize {
        entries.iter().map(|entry| entry.bytes().len()).sum()
    }

    /// Encodes a request.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, WIRE_MAX)
    }

    /// Decodes a request and checks its counts.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let request: Self = codec::decode(bytes, WIRE_MAX, "request")?;
        if let Self::Account(ask) = &request {
            ask.check()?;
        }
        if let Self::Knock { entries } = &request {
            count("entries", entries.len(), KNOCK_MAX_ENTRIES)?;
            count("bytes", Self::knock_len(entries), KNOCK_MAX_BYTES)?;
        }
        if let Self::Link { message, .. } = &request {
            count("bytes", message.len(), LINK_HANDSHAKE_MAX)?;
        }
        if let Self::Own(sealed) = &request {
            count("bytes", sealed.len(), OWN_ASK_MAX)?;
        }
        if let Self::Room { ask, .. } = &request {
            match ask {
                RoomRequest::Push { entries } => count("entries", entries.len(), PAGE_MAX_ENTRIES)?,
                RoomRequest::Tail { limit } => count("entries", usize::from(*limit), TAIL_MAX)?,
                RoomRequest::Received { heights } => count("heights", heights.len(), LOGS_MAX)?,
                RoomRequest::Register { epochs, topics, .. } => {
                    count("epochs", epochs.len(), PAGE_MAX_ENTRIES)?;
                    count("topics", topics.len(), PAGE_MAX_ENTRIES)?;
                }
                RoomRequest::Epochs { tips } => count("tips", tips.len(), EPOCH_TIPS_MAX)?,
                RoomRequest::Heights { .. } | RoomRequest::Page { .. } => {}
            }
        }
        Ok(request)
    }
}

impl Answer {
    /// Encodes an answer.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        codec::encode(self, WIRE_MAX)
    }

    /// Decodes an answer and checks its counts.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let answer: Self = codec::decode(bytes, WIRE_MAX, "answer")?;
        match &answer {
            Self::Heights(heights) | Self::Pushed(heights) => count("heights", heights.len(), LOGS_MAX)?,
            Self::Invite(Some(invite)) => invite.check_len()?,
            Self::Page(entries) => count("entries", entries.len(), PAGE_MAX_ENTRIES)?,
            Self::Epochs { entries, tips } => {
                count("epochs", entries.len(), PAGE_MAX_ENTRIES)?;
                count("tips", tips.len(), EPOCH_TIPS_MAX)?;
            }
            Self::Tail(tail) => {
                count("suffixes", tail.suffixes.len(), LOGS_MAX)?;
                count("entries", tail.suffixes.iter().map(Vec::len).sum(), TAIL_MAX)?;
                count("openers", tail.openers.len(), TAIL_MAX * 8)?;
            }
            Self::Account(answer) => answer.check()?,
            Self::Link(Some(gift)) => gift.check()?,
            Self::Own(Some(sealed)) => count("bytes", sealed.len(), VAULT_MAX)?,
            _ => {}
        }
        Ok(answer)
    }
}
