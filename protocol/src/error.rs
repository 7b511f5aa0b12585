//! What can be wrong with the things this crate reads, one enum for each kind of thing.

use thiserror::Error;

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// The length is wrong.
    #[error("expected {expected} hex digits, got {got}")]
    Length {
        /// Digits expected.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// A character is not a hex digit.
    #[error("not a hex digit at position {at}")]
    Digit {
        /// Byte offset of the digit pair.
        at: usize,
    },
}

/// Why a name or text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("it is empty; type something first")]
    Empty,
    /// Too long.
    #[error("it is too long: {got} bytes, the limit is {max}; shorten it or send it in parts")]
    TooLong {
        /// The limit in bytes.
        max: usize,
        /// The length in bytes.
        got: usize,
    },
    /// A control or invisible direction character.
    #[error("it has a control or invisible character at byte {at}; remove it")]
    ControlCharacter {
        /// Byte offset.
        at: usize,
    },
    /// Somebody could take the name for the id of something else.
    #[error("it looks like an id: eight or more of the digits 0 to 9 and a to f, and nothing else; add another letter")]
    LooksLikeId,
}

/// Why a typed code is not a room code. Groups and symbols count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Too few symbols.
    #[error("the code is not complete: {got} of {expected} symbols")]
    TooShort {
        /// Symbols a code has.
        expected: usize,
        /// Symbols typed.
        got: usize,
    },
    /// Too many symbols.
    #[error("the code is too long: {got} symbols instead of {expected}")]
    TooLong {
        /// Symbols a code has.
        expected: usize,
        /// Symbols typed.
        got: usize,
    },
    /// A character that no code contains.
    #[error("group {group} has {symbol:?}, which no code contains")]
    BadSymbol {
        /// Group, from 1.
        group: usize,
        /// The character.
        symbol: char,
    },
    /// The check symbols point at one wrong symbol.
    #[error("group {group} looks mistyped (symbol {symbol} of it)")]
    Mistyped {
        /// Group, from 1.
        group: usize,
        /// Symbol in the group, from 1.
        symbol: usize,
    },
    /// The check symbols say that several symbols are wrong.
    #[error("several symbols are wrong or swapped; compare every group with the original")]
    Scrambled,
    /// It is a code that links a device, where a room's code is wanted.
    #[error(
        "this code is not for a room: it links a new device to a person. Type it on the new device, where it says \"link this device\" (`parlor devices link`)"
    )]
    ForDevice,
    /// It is a room's code, where one that links a device is wanted.
    #[error(
        "this code is for a room, not for linking a device: join with it, or make a code for a device on the one you have (`parlor devices offer`)"
    )]
    ForRoom,
}

/// Why a key or signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not a point of the curve, or one of small order.
    #[error("the public key is not a safe point of the curve")]
    WeakPoint,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    BadSignature,
}

/// Why sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// Too short to be sealed bytes.
    #[error("sealed bytes are {got} bytes long, at least {min} are needed")]
    TooShort {
        /// The least.
        min: usize,
        /// The length.
        got: usize,
    },
    /// The key does not open it: wrong key, or altered bytes.
    #[error("the key does not open these bytes")]
    Unopenable,
    /// It was sealed in a step of the epoch that lies before those whose keys are known here. Nothing is
    /// wrong with it: it is for those who joined earlier.
    #[error("sealed in step {step} of the epoch; what is known here begins with step {lowest}")]
    StepBefore {
        /// The step.
        step: u32,
        /// The lowest that is known.
        lowest: u32,
    },
    /// A key was refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A session may not seal this entry (wrong place or too many entries).
    #[error("the session that began at {session} cannot be used at {seq}")]
    OutOfSession {
        /// Where the session began.
        session: u64,
        /// The place asked for.
        seq: u64,
    },
    /// What was inside is not a content.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Why bytes from the wire or a store do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Nothing there.
    #[error("the message is empty")]
    Empty,
    /// Another protocol version.
    #[error("protocol version {theirs} is not known here (this is version {ours}): update Parlor")]
    Version {
        /// The version of the message.
        theirs: u8,
        /// The version spoken here.
        ours: u8,
    },
    /// Longer than allowed.
    #[error("{got} bytes, at most {max} are allowed")]
    TooLong {
        /// The limit.
        max: usize,
        /// The length.
        got: usize,
    },
    /// Shorter than its fixed layout or what its length field says.
    #[error("cut off: {got} bytes, {expected} are needed")]
    CutOff {
        /// Needed.
        expected: usize,
        /// Present.
        got: usize,
    },
    /// Bytes left over.
    #[error("{extra} bytes too many at the end")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A count is over its limit.
    #[error("{got} {what}, at most {max} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
        /// The count.
        got: usize,
    },
    /// A kind that is not known here.
    #[error("kind {0} is not known here: update Parlor")]
    UnknownKind(u16),
    /// The encoding is malformed.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

impl CodecError {
    /// Whether the message is of a kind or version that is not known here. It need not be wrong: a newer
    /// program may have sent it. So nobody is fined for it; every other error is of somebody who does not
    /// keep to the protocol.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::UnknownKind(_) | Self::Version { .. })
    }
}

/// Why an entry does not belong in its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// The signature does not fit.
    #[error("the signature of entry {seq} does not fit")]
    BadSignature {
        /// Its place.
        seq: u64,
    },
    /// It is of another log or room.
    #[error("entry {seq} is of another log or room")]
    WrongLog {
        /// Its place.
        seq: u64,
    },
    /// It does not follow the one before.
    #[error("expected entry {expected}, got {got}")]
    Gap {
        /// The place expected.
        expected: u64,
        /// Its place.
        got: u64,
    },
    /// Its link to the entry before does not fit.
    #[error("entry {seq} does not link to the entry before it")]
    BrokenLink {
        /// Its place.
        seq: u64,
    },
    /// A page without entries, or with too many.
    #[error("a page has {got} entries, 1 to {max} are allowed")]
    PageSize {
        /// The limit.
        max: usize,
        /// The count.
        got: usize,
    },
    /// A page that is too long.
    #[error("a page has {got} bytes, {max} are allowed")]
    PageBytes {
        /// The limit.
        max: usize,
        /// The length.
        got: usize,
    },
    /// Two branches of a log that do not contradict each other.
    #[error("nothing contradicts anything")]
    NoFork,
}

/// Why a text is no safety number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SafetyError {
    /// It is neither digits, words nor the text of a QR picture.
    #[error(
        "this is no safety number; paste all twelve groups of digits, all twelve words, or the text that begins with parlor:verify:"
    )]
    NotANumber,
}

/// Why a text is not a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UserNameError {
    /// Nothing there.
    #[error("type a user name")]
    Empty,
    /// Too long.
    #[error("the user name is too long: {got} bytes, the limit is {max}")]
    TooLong {
        /// The limit in bytes.
        max: usize,
        /// The length in bytes.
        got: usize,
    },
    /// A character that no user name has.
    #[error("a user name has letters, digits and marks like . _ - and no spaces; use only these")]
    Characters,
}

/// Why a password is refused. It never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// Nothing there.
    #[error("type a password")]
    Empty,
    /// Too short to be chosen.
    #[error("the password is too short: {got} characters, use at least {min}; a few words in a row are good")]
    TooShort {
        /// The fewest characters.
        min: usize,
        /// Characters given.
        got: usize,
    },
    /// Too long.
    #[error("the password is too long; the limit is {max} bytes")]
    TooLong {
        /// The limit in bytes.
        max: usize,
    },
    /// A character that no password has.
    #[error("the password has a character that cannot be typed everywhere; leave it out")]
    Characters,
}

/// Why a text is not a recovery key. It never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecoveryKeyError {
    /// Too few or too many words.
    #[error("a recovery key has {expected} words, these are {got}")]
    Count {
        /// Words a key has.
        expected: usize,
        /// Words given.
        got: usize,
    },
    /// A word that no recovery key has.
    #[error("word {number} is in no recovery key; compare it with what you wrote down")]
    UnknownWord {
        /// Which word, from 1.
        number: usize,
    },
    /// The checksum does not fit.
    #[error("a word is wrong or two are swapped; compare every word with what you wrote down")]
    Mixed,
}

/// Why a step of setting a password or signing in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogInError {
    /// Name or password is wrong.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// The message of the other side is none.
    #[error("the other side's message makes no sense")]
    Malformed,
    /// Not enough memory for stretching.
    #[error("there is not enough free memory to work with passwords (64 MiB are needed); close something")]
    NoMemory,
}
