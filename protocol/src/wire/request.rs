//! What is asked of a peer: by anyone, about a room, about accounts.
//!
//! Requests about a room carry nothing that shows who asks: the peer is the key of the connection, and
//! who is served follows from the room's own entries.

use serde::{Deserialize, Serialize};

use crate::{
    access::wire::{Enter, Look, PushWraps},
    account::AccountRequest,
    card::{DeviceCard, Prekey},
    entry::Entry,
    error::CodecError,
    ids::{EntryId, Locator, LogKey, RoomId},
    limits::{
        BODY_MAX, EPOCH_TIPS_MAX, KNOCK_MAX_BYTES, KNOCK_MAX_ENTRIES, LINK_HANDSHAKE_MAX, LOGS_MAX, OWN_ASK_MAX,
        PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, TAIL_MAX, VAULT_MAX, WIRE_MAX, WRAP_MAX, WRAPS_MAX,
    },
    text::Name,
};

use super::{
    account, count,
    frame::{self, Body, HEADER_LEN, kinds},
};

/// Room in front of every request about a room, and what is small in itself.
const IN_ROOM: usize = 512;
/// An entry by which somebody comes in, or something of its size.
const IN_ENTRY: usize = 1024;
/// A page, with the lengths of its entries.
const PAGE: usize = PAGE_MAX_BYTES + 8 * PAGE_MAX_ENTRIES;
/// A log and its height without a head: author, log, place.
const PLACE: usize = 64;
/// A vault with its wrapped keys, and names, tokens and records beside it.
const VAULT: usize = VAULT_MAX + 4096;
/// Names, tokens and messages of a login.
const SMALL: usize = 1024;

kinds! {
    /// Kinds of requests: below `0x0100` anyone's, from there about rooms, from `0x0200` about accounts.
    RequestKind {
        Look = 0x0001, 128;
        Hello = 0x0002, SMALL;
        Knock = 0x0003, KNOCK_MAX_BYTES + 8 * KNOCK_MAX_ENTRIES + 8;
        Link = 0x0004, LINK_HANDSHAKE_MAX + 32;
        Own = 0x0005, OWN_ASK_MAX + 8;
        Enter = 0x0006, IN_ENTRY;

        Heights = 0x0100, IN_ROOM;
        Page = 0x0101, IN_ROOM;
        Tail = 0x0102, IN_ROOM;
        Push = 0x0103, WIRE_MAX - HEADER_LEN;
        // The genesis comes with the records.
        Register = 0x0104, IN_ROOM + BODY_MAX + PAGE;
        Received = 0x0105, IN_ROOM + LOGS_MAX * PLACE;
        Epochs = 0x0106, IN_ROOM + EPOCH_TIPS_MAX * 32;
        PushWraps = 0x0107, IN_ROOM + WRAPS_MAX * (WRAP_MAX + 8);

        Status = 0x0200, 0;
        StartRegister = 0x0201, SMALL;
        FinishRegister = 0x0202, VAULT;
        StartLogIn = 0x0203, SMALL;
        FinishLogIn = 0x0204, SMALL;
        LogOut = 0x0205, 0;
        StartChange = 0x0206, SMALL;
        FinishChange = 0x0207, VAULT;
        StartReset = 0x0208, SMALL;
        FinishReset = 0x0209, SMALL;
        Vault = 0x020a, 0;
        PutVault = 0x020b, VAULT;
        PutVaultAndKeys = 0x020c, VAULT;
        Devices = 0x020d, 0;
        RenameDevice = 0x020e, SMALL;
        RevokeDevice = 0x020f, SMALL;
        Delete = 0x0210, 0;
    }
}

/// A request to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Who has a code looks for its door. Anyone may ask, at a limited rate. Answered with
    /// [`Answer::Found`](super::Answer::Found).
    Look(Look),
    /// A device shows the entry by which it comes in. Answered with
    /// [`Answer::Entered`](super::Answer::Entered).
    Enter(Box<Enter>),
    /// Wraps for an archive to keep. Answered with [`Answer::Done`](super::Answer::Done).
    PushWraps(PushWraps),
    /// Something about a room.
    Room {
        /// The room.
        room: RoomId,
        /// What about it.
        ask: RoomRequest,
    },
    /// Something about accounts. Archives answer.
    Account(AccountRequest),
    /// Who the asking machine's person is, unless that person does not want to be seen. Answered with
    /// [`Answer::Hello`](super::Answer::Hello).
    Hello(Option<Box<Introduction>>),
    /// Asks the other person into a room of two: the beginning of the log of the device that founded
    /// it. Answered with [`Answer::Done`](super::Answer::Done) whatever the person will do.
    Knock {
        /// The entries from the genesis on.
        entries: Vec<Entry>,
    },
    /// A new device asks to be linked by a code. Answered with [`Answer::Link`](super::Answer::Link),
    /// always the same when it is not: no such code, used, over, a wrong handshake.
    Link {
        /// Which offer is meant.
        locator: Locator,
        /// The first message of the handshake.
        message: Vec<u8>,
    },
    /// A device asks another one of the same person whether anything is different there. Answered with
    /// [`Answer::Own`](super::Answer::Own).
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

/// A request about a room. On the wire each is a kind of its own, with the room in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomRequest {
    /// How far are the logs held? Answered with [`Answer::Same`](super::Answer::Same) when they match
    /// the digest, and the records of epochs match theirs.
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
        use RequestKind as Kind;
        match self {
            Self::Look(look) => frame::encode(Kind::Look, look),
            Self::Enter(enter) => frame::encode(Kind::Enter, enter),
            Self::PushWraps(push) => frame::encode(Kind::PushWraps, push),
            Self::Hello(introduction) => frame::encode(Kind::Hello, introduction),
            Self::Knock { entries } => frame::encode(Kind::Knock, entries),
            Self::Link { locator, message } => frame::encode(Kind::Link, &(locator, message)),
            Self::Own(sealed) => frame::encode(Kind::Own, sealed),
            Self::Room { room, ask } => ask.encode(*room),
            Self::Account(ask) => account::encode_request(ask),
        }
    }

    /// Decodes a request and checks its counts.
    ///
    /// # Errors
    /// [`CodecError`]. What [is not supported](CodecError::is_unsupported) is answered with
    /// [`Refusal::Unsupported`](super::Refusal::Unsupported) and is nobody's fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        use RequestKind as Kind;
        let (kind, body) = frame::open::<Kind>(bytes)?;
        match kind {
            Kind::Look => body.read().map(Self::Look),
            Kind::Enter => {
                let enter: Box<Enter> = body.read()?;
                enter.check().map(|()| Self::Enter(enter))
            }
            Kind::PushWraps => {
                let push: PushWraps = body.read()?;
                push.check().map(|()| Self::PushWraps(push))
            }
            Kind::Hello => body.read().map(Self::Hello),
            Kind::Knock => {
                let entries: Vec<Entry> = body.read()?;
                count("entries", entries.len(), KNOCK_MAX_ENTRIES)?;
                count("bytes", Self::knock_len(&entries), KNOCK_MAX_BYTES)?;
                Ok(Self::Knock { entries })
            }
            Kind::Link => {
                let (locator, message): (_, Vec<u8>) = body.read()?;
                count("bytes", message.len(), LINK_HANDSHAKE_MAX)?;
                Ok(Self::Link { locator, message })
            }
            Kind::Own => {
                let sealed: Vec<u8> = body.read()?;
                count("bytes", sealed.len(), OWN_ASK_MAX)?;
                Ok(Self::Own(sealed))
            }
            Kind::Heights | Kind::Page | Kind::Tail | Kind::Push | Kind::Register | Kind::Received | Kind::Epochs => {
                let (room, ask) = RoomRequest::decode(kind, body)?;
                Ok(Self::Room { room, ask })
            }
            Kind::Status
            | Kind::StartRegister
            | Kind::FinishRegister
            | Kind::StartLogIn
            | Kind::FinishLogIn
            | Kind::LogOut
            | Kind::StartChange
            | Kind::FinishChange
            | Kind::StartReset
            | Kind::FinishReset
            | Kind::Vault
            | Kind::PutVault
            | Kind::PutVaultAndKeys
            | Kind::Devices
            | Kind::RenameDevice
            | Kind::RevokeDevice
            | Kind::Delete => account::decode_request(kind, body).map(Self::Account),
        }
    }
}

impl RoomRequest {
    fn encode(&self, room: RoomId) -> Result<Vec<u8>, CodecError> {
        use RequestKind as Kind;
        match self {
            Self::Heights { digest, epochs } => frame::encode(Kind::Heights, &(room, digest, epochs)),
            Self::Page { log, from } => frame::encode(Kind::Page, &(room, log, from)),
            Self::Tail { limit } => frame::encode(Kind::Tail, &(room, limit)),
            Self::Push { entries } => frame::encode(Kind::Push, &(room, entries)),
            Self::Register { genesis, epochs } => frame::encode(Kind::Register, &(room, genesis, epochs)),
            Self::Received { heights } => frame::encode(Kind::Received, &(room, heights)),
            Self::Epochs { tips } => frame::encode(Kind::Epochs, &(room, tips)),
        }
    }

    fn decode(kind: RequestKind, body: Body<'_>) -> Result<(RoomId, Self), CodecError> {
        use RequestKind as Kind;
        match kind {
            Kind::Heights => {
                let (room, digest, epochs) = body.read()?;
                Ok((room, Self::Heights { digest, epochs }))
            }
            Kind::Page => {
                let (room, log, from) = body.read()?;
                Ok((room, Self::Page { log, from }))
            }
            Kind::Tail => {
                let (room, limit) = body.read()?;
                count("entries", usize::from(limit), TAIL_MAX)?;
                Ok((room, Self::Tail { limit }))
            }
            Kind::Push => {
                let (room, entries): (_, Vec<_>) = body.read()?;
                count("entries", entries.len(), PAGE_MAX_ENTRIES)?;
                Ok((room, Self::Push { entries }))
            }
            Kind::Register => {
                let (room, genesis, epochs): (_, _, Vec<_>) = body.read()?;
                count("epochs", epochs.len(), PAGE_MAX_ENTRIES)?;
                Ok((room, Self::Register { genesis, epochs }))
            }
            Kind::Received => {
                let (room, heights): (_, Vec<_>) = body.read()?;
                count("heights", heights.len(), LOGS_MAX)?;
                Ok((room, Self::Received { heights }))
            }
            Kind::Epochs => {
                let (room, tips): (_, Vec<_>) = body.read()?;
                count("tips", tips.len(), EPOCH_TIPS_MAX)?;
                Ok((room, Self::Epochs { tips }))
            }
            other => Err(CodecError::UnknownKind(other.number())),
        }
    }
}
