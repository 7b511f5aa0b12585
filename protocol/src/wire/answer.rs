//! What is answered to requests.

use serde::{Deserialize, Serialize};

use crate::{
    access::wire::{Entered, Found},
    account::AccountAnswer,
    codec,
    entry::Entry,
    error::CodecError,
    ids::{EntryId, LogKey},
    limits::{
        ACCOUNT_DEVICES_MAX, BODY_MAX, EPOCH_TIPS_MAX, LINK_MAX, LOGS_MAX, OFFERS_MAX, PAGE_MAX_BYTES,
        PAGE_MAX_ENTRIES, TAIL_MAX, VAULT_MAX, WIRE_MAX, WRAP_MAX, WRAPS_MAX,
    },
    link::LinkGift,
    log::Height,
};

use super::{
    Introduction, Refusal, account, count,
    frame::{self, HEADER_LEN, kinds},
    refusal::REFUSAL_MAX,
};

/// A page, with the lengths of its entries.
const PAGE: usize = PAGE_MAX_BYTES + 8 * PAGE_MAX_ENTRIES;
/// A log and its height: author, log, place, head.
const HEIGHT: usize = 96;
/// A vault with its wrapped keys.
const VAULT: usize = VAULT_MAX + 4096;
/// Names and messages of a login.
const SMALL: usize = 1024;

kinds! {
    /// Kinds of answers, `0x8000` and above: from `0x8100` about rooms, from `0x8200` about accounts.
    AnswerKind {
        Refused = 0x8000, REFUSAL_MAX;
        Done = 0x8001, 0;
        // The genesis, the door's entry, and what is on offer.
        Found = 0x8002, BODY_MAX + SMALL + OFFERS_MAX * 48;
        Hello = 0x8003, SMALL;
        Link = 0x8004, LINK_MAX + SMALL;
        Own = 0x8005, VAULT_MAX + 8;
        Entered = 0x8006, SMALL + OFFERS_MAX * 48 + WRAPS_MAX * (WRAP_MAX + 8);

        Same = 0x8100, 0;
        Heights = 0x8101, LOGS_MAX * HEIGHT;
        Page = 0x8102, PAGE;
        Tail = 0x8103, WIRE_MAX - HEADER_LEN;
        Pushed = 0x8104, LOGS_MAX * HEIGHT;
        Epochs = 0x8105, PAGE + EPOCH_TIPS_MAX * 32;

        AccountRefused = 0x8200, REFUSAL_MAX;
        AccountDone = 0x8201, 0;
        AccountStatus = 0x8202, SMALL;
        Registering = 0x8203, SMALL;
        LoggingIn = 0x8204, SMALL;
        LoggedIn = 0x8205, VAULT;
        Vault = 0x8206, VAULT;
        VaultChanged = 0x8207, VAULT;
        AccountDevices = 0x8208, ACCOUNT_DEVICES_MAX * 256;
    }
}

/// The newest entries of a room: for each log its end, and what is needed to open it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tail {
    /// Ends of logs, each in order up to its head.
    #[serde(deserialize_with = "codec::bounded_list::<LOGS_MAX, _, _>")]
    pub suffixes: Vec<Vec<Entry>>,
    /// First entries of these logs (coming in, profile) and entries that open their sessions.
    pub openers: Vec<Entry>,
    /// Entries of the room in all logs together.
    pub total: u64,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The door of a code and what is on offer there, or nothing: no such door here, or the asking device
    /// has not its code.
    Found(Option<Box<Found>>),
    /// Whether a device was let in, and its keys.
    Entered(Entered),
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

impl Answer {
    /// Encodes an answer.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        use AnswerKind as Kind;
        match self {
            Self::Refused(refusal) => frame::wrap(Kind::Refused, |bytes| refusal.append(bytes)),
            Self::Done => frame::wrap(Kind::Done, Ok),
            Self::Found(found) => frame::encode(Kind::Found, found),
            Self::Entered(entered) => frame::encode(Kind::Entered, entered),
            Self::Hello(introduction) => frame::encode(Kind::Hello, introduction),
            Self::Link(gift) => frame::encode(Kind::Link, gift),
            Self::Own(sealed) => frame::encode(Kind::Own, sealed),
            Self::Same => frame::wrap(Kind::Same, Ok),
            Self::Heights(heights) => frame::encode(Kind::Heights, heights),
            Self::Page(entries) => frame::encode(Kind::Page, entries),
            Self::Tail(tail) => frame::encode(Kind::Tail, tail),
            Self::Pushed(heights) => frame::encode(Kind::Pushed, heights),
            Self::Epochs { entries, tips } => frame::encode(Kind::Epochs, &(entries, tips)),
            Self::Account(answer) => account::encode_answer(answer),
        }
    }

    /// Decodes an answer and checks its counts.
    ///
    /// # Errors
    /// [`CodecError`]. What [is not supported](CodecError::is_unsupported) counts as not served, and is
    /// nobody's fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        use AnswerKind as Kind;
        let (kind, body) = frame::open::<Kind>(bytes)?;
        match kind {
            Kind::Refused => Refusal::read(body).map(Self::Refused),
            Kind::Done => body.empty().map(|()| Self::Done),
            Kind::Found => {
                let found: Option<Box<Found>> = body.read()?;
                found.as_ref().map_or(Ok(()), |found| found.check()).map(|()| Self::Found(found))
            }
            Kind::Entered => {
                let entered: Entered = body.read()?;
                entered.check().map(|()| Self::Entered(entered))
            }
            Kind::Hello => body.read().map(Self::Hello),
            Kind::Link => {
                let gift: Option<LinkGift> = body.read()?;
                gift.as_ref().map_or(Ok(()), LinkGift::check).map(|()| Self::Link(gift))
            }
            Kind::Own => {
                let sealed: Option<Vec<u8>> = body.read()?;
                count("bytes", sealed.as_ref().map_or(0, Vec::len), VAULT_MAX)?;
                Ok(Self::Own(sealed))
            }
            Kind::Same => body.empty().map(|()| Self::Same),
            Kind::Heights => read_heights(body).map(Self::Heights),
            Kind::Page => {
                let entries: Vec<Entry> = body.read()?;
                count("entries", entries.len(), PAGE_MAX_ENTRIES)?;
                Ok(Self::Page(entries))
            }
            Kind::Tail => {
                let tail: Tail = body.read()?;
                count("suffixes", tail.suffixes.len(), LOGS_MAX)?;
                count("entries", tail.suffixes.iter().map(Vec::len).sum(), TAIL_MAX)?;
                count("openers", tail.openers.len(), TAIL_MAX * 8)?;
                Ok(Self::Tail(tail))
            }
            Kind::Pushed => read_heights(body).map(Self::Pushed),
            Kind::Epochs => {
                let (entries, tips): (Vec<_>, Vec<_>) = body.read()?;
                count("epochs", entries.len(), PAGE_MAX_ENTRIES)?;
                count("tips", tips.len(), EPOCH_TIPS_MAX)?;
                Ok(Self::Epochs { entries, tips })
            }
            Kind::AccountRefused
            | Kind::AccountDone
            | Kind::AccountStatus
            | Kind::Registering
            | Kind::LoggingIn
            | Kind::LoggedIn
            | Kind::Vault
            | Kind::VaultChanged
            | Kind::AccountDevices => account::decode_answer(kind, body).map(Self::Account),
        }
    }

    /// What stands for an answer that cannot be read: not served, because this side does not know its
    /// kind, or because it is malformed.
    #[must_use]
    pub const fn unread(error: &CodecError) -> Self {
        Self::Refused(if error.is_unsupported() { Refusal::Unsupported } else { Refusal::Malformed })
    }
}

fn read_heights(body: frame::Body<'_>) -> Result<Vec<(LogKey, Height)>, CodecError> {
    let heights: Vec<_> = body.read()?;
    count("heights", heights.len(), LOGS_MAX)?;
    Ok(heights)
}
