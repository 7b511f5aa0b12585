//! The frame around everything on the wire: `version1 kind2 len4 body`, numbers little endian.
//!
//! It knows lengths and numbers of kinds, not what the kinds say. What is too long is refused by the
//! header alone, before there is memory for a body.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, VERSION},
    error::CodecError,
    limits::WIRE_MAX,
};

/// Length of a frame's header, in bytes.
pub const HEADER_LEN: usize = 7;

/// A table of kinds: what may stand in the header of one sort of messages.
pub(super) trait Kinds: Copy + Sized {
    /// The kind of this number, when there is one.
    fn of(number: u16) -> Option<Self>;
    /// Its number.
    fn number(self) -> u16;
    /// The longest body, in bytes.
    fn body_max(self) -> usize;
    /// What it is called in errors.
    fn name(self) -> &'static str;
}

/// Makes an enum of kinds: `Name = number, longest body in bytes;`.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($kind:ident = $number:literal, $max:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name {
            $(
                #[doc = concat!("`", stringify!($kind), "`.")]
                $kind = $number,
            )*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The kind of this number, when it is known here.
            #[must_use]
            pub const fn of(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)*
                    _ => None,
                }
            }

            /// Its number in a frame.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$kind => $number,)*
                }
            }

            /// The longest body that it may have, in bytes.
            #[must_use]
            pub const fn body_max(self) -> usize {
                match self {
                    $(Self::$kind => $max,)*
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                }
            }
        }

        impl $crate::wire::frame::Kinds for $name {
            fn of(number: u16) -> Option<Self> {
                Self::of(number)
            }

            fn number(self) -> u16 {
                self.number()
            }

            fn body_max(self) -> usize {
                self.body_max()
            }

            fn name(self) -> &'static str {
                self.name()
            }
        }
    };
}
pub(super) use kinds;

/// The first bytes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    version: u8,
    kind: u16,
    len: u32,
}

/// What the reader of a stream does after a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Reads a body of so many bytes and hands on header and body.
    Read(usize),
    /// Throws away so many bytes and hands on the header alone: enough to say what is not known here.
    Skip(usize),
}

impl Header {
    /// Takes a header apart.
    #[must_use]
    pub const fn read([version, k0, k1, l0, l1, l2, l3]: [u8; HEADER_LEN]) -> Self {
        Self { version, kind: u16::from_le_bytes([k0, k1]), len: u32::from_le_bytes([l0, l1, l2, l3]) }
    }

    fn write(self) -> [u8; HEADER_LEN] {
        let ([k0, k1], [l0, l1, l2, l3]) = (self.kind.to_le_bytes(), self.len.to_le_bytes());
        [self.version, k0, k1, l0, l1, l2, l3]
    }

    /// What to do with the body of a request.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] when the announced body is longer than its kind may be.
    pub fn plan_request(self) -> Result<Plan, CodecError> {
        self.plan::<super::RequestKind>()
    }

    /// What to do with the body of an answer.
    ///
    /// # Errors
    /// As [`Header::plan_request`].
    pub fn plan_answer(self) -> Result<Plan, CodecError> {
        self.plan::<super::AnswerKind>()
    }

    fn plan<K: Kinds>(self) -> Result<Plan, CodecError> {
        if self.version != VERSION {
            // How long a body of another version is cannot be told.
            return Ok(Plan::Skip(0));
        }
        let got = usize::try_from(self.len).unwrap_or(usize::MAX);
        let kind = K::of(self.kind);
        let max = kind.map_or(WIRE_MAX - HEADER_LEN, K::body_max);
        match kind {
            _ if got > max => Err(CodecError::TooLong { max, got }),
            Some(_) => Ok(Plan::Read(got)),
            None => Ok(Plan::Skip(got)),
        }
    }
}

/// Encodes a frame around a body that is made by the codec.
pub(super) fn encode<K: Kinds, T: Serialize>(kind: K, body: &T) -> Result<Vec<u8>, CodecError> {
    wrap(kind, |bytes| codec::append(bytes, body))
}

/// Encodes a frame around a body of raw bytes.
pub(super) fn wrap<K: Kinds>(
    kind: K,
    body: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, CodecError>,
) -> Result<Vec<u8>, CodecError> {
    let header = |len| Header { version: VERSION, kind: kind.number(), len }.write();
    let mut bytes = body(header(0).to_vec())?;
    let (got, max) = (bytes.len().saturating_sub(HEADER_LEN), kind.body_max());
    let fits = u32::try_from(got).ok().filter(|_| got <= max);
    let len = fits.ok_or(CodecError::TooLong { max, got })?;
    if let Some(first) = bytes.first_chunk_mut::<HEADER_LEN>() {
        *first = header(len);
    }
    Ok(bytes)
}

/// The body of a frame whose kind is known and whose length is right.
pub(super) struct Body<'a> {
    bytes: &'a [u8],
    max: usize,
    name: &'static str,
}

impl<'a> Body<'a> {
    /// A number at the beginning, and what comes after it.
    pub(super) fn split_number(self) -> Result<(u16, Self), CodecError> {
        let got = self.bytes.len();
        let (number, bytes) = self.bytes.split_first_chunk::<2>().ok_or(CodecError::CutOff { expected: 2, got })?;
        Ok((u16::from_le_bytes(*number), Self { bytes, ..self }))
    }

    /// The bytes as they came.
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads what the codec made; every byte must belong to it.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, CodecError> {
        codec::decode_bare(self.bytes, self.max, self.name)
    }

    /// Nothing stands in it.
    pub(super) fn empty(self) -> Result<(), CodecError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(CodecError::Trailing { extra: self.bytes.len() }) }
    }
}

/// Takes a frame apart.
///
/// The kind is looked at before the length and the body: of a kind that is not known the header is
/// enough, see [`Plan::Skip`].
pub(super) fn open<K: Kinds>(bytes: &[u8]) -> Result<(K, Body<'_>), CodecError> {
    let Some(&version) = bytes.first() else { return Err(CodecError::Empty) };
    if version != VERSION {
        return Err(CodecError::Version { theirs: version, ours: VERSION });
    }
    let Some((header, body)) = bytes.split_first_chunk::<HEADER_LEN>() else {
        return Err(CodecError::CutOff { expected: HEADER_LEN, got: bytes.len() });
    };
    let header = Header::read(*header);
    let kind = K::of(header.kind).ok_or(CodecError::UnknownKind(header.kind))?;
    let max = kind.body_max();
    let (len, got) = (usize::try_from(header.len).unwrap_or(usize::MAX), body.len());
    if len.max(got) > max {
        Err(CodecError::TooLong { max, got: len.max(got) })
    } else if got < len {
        Err(CodecError::CutOff { expected: len, got })
    } else if got > len {
        Err(CodecError::Trailing { extra: got - len })
    } else {
        Ok((kind, Body { bytes: body, max, name: kind.name() }))
    }
}
