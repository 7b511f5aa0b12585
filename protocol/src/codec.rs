//! The one place that knows the encoding library: bincode 2, standard configuration, bounded.
//!
//! Everything that is not hashed or signed directly goes through here, so that the library can
//! be exchanged without touching anything else.

use bincode::config::{self, Config};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

use crate::error::CodecError;

/// The protocol version that this crate speaks. It is the first byte of every message.
pub const VERSION: u8 = 1;

/// What bincode may allocate before it has seen the bytes: the largest message plus overhead of
/// decoded vectors.
const ALLOCATION_MAX: usize = 4 * 1024 * 1024;

fn limits() -> impl Config {
    config::standard().with_limit::<ALLOCATION_MAX>()
}

/// Encodes a value without a version byte, for what lies inside a signed or sealed frame.
///
/// # Errors
/// [`CodecError::TooLong`] when it would be longer than `max` bytes.
pub(crate) fn encode_bare<T: Serialize>(value: &T, max: usize) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, config::standard()).map_err(|_| CodecError::Malformed("value"))?;
    if bytes.len() > max { Err(CodecError::TooLong { max, got: bytes.len() }) } else { Ok(bytes) }
}

/// Decodes a value without a version byte; every byte must belong to it.
///
/// # Errors
/// [`CodecError`] when it is too long, malformed or has bytes left over.
pub(crate) fn decode_bare<T: DeserializeOwned>(bytes: &[u8], max: usize, what: &'static str) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(CodecError::TooLong { max, got: bytes.len() });
    }
    let (value, used) = bincode::serde::decode_from_slice(bytes, limits()).map_err(|_| CodecError::Malformed(what))?;
    if used < bytes.len() { Err(CodecError::Trailing { extra: bytes.len() - used }) } else { Ok(value) }
}

/// Encodes a versioned message.
///
/// # Errors
/// [`CodecError::TooLong`] when it would be longer than `max` bytes.
pub fn encode<T: Serialize>(value: &T, max: usize) -> Result<Vec<u8>, CodecError> {
    let body = encode_bare(value, max.saturating_sub(1))?;
    let mut out = Vec::with_capacity(body.len() + 1);
    out.push(VERSION);
    out.extend_from_slice(&body);
    Ok(out)
}

/// Decodes a versioned message.
///
/// # Errors
/// [`CodecError`] for another version, or a message that is empty, too long, malformed or has
/// bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize, what: &'static str) -> Result<T, CodecError> {
    match bytes.split_first() {
        None => Err(CodecError::Empty),
        Some((&VERSION, _)) if bytes.len() > max => Err(CodecError::TooLong { max, got: bytes.len() }),
        Some((&VERSION, body)) => decode_bare(body, max, what),
        Some((&theirs, _)) => Err(CodecError::Version { theirs, ours: VERSION }),
    }
}

/// Decodes a list of at most `MAX` items and stops at the first one too many. For items that may
/// be a single byte on the wire, whose memory would be many times the message otherwise.
pub(crate) fn bounded_list<'de, const MAX: usize, T, D>(d: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Bounded<const MAX: usize, T>(PhantomData<T>);

    impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for Bounded<MAX, T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut out = Vec::with_capacity(items.size_hint().unwrap_or_default().min(MAX).min(64));
            while let Some(item) = items.next_element()? {
                if out.len() == MAX {
                    return Err(A::Error::custom(format_args!("more than {MAX} items")));
                }
                out.push(item);
            }
            Ok(out)
        }
    }

    d.deserialize_seq(Bounded::<MAX, T>(PhantomData))
}
