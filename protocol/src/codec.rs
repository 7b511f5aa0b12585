//! The one place that knows the encoding library: bincode 2, standard configuration, bounded.
//!
//! Everything that is not hashed or signed directly goes through here, so that the library can
//! be exchanged without touching anything else.

use bincode::{config, error::DecodeError};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};
use zeroize::Zeroizing;

use crate::error::CodecError;

/// The protocol version that this crate speaks. It is the first byte of every message.
pub const VERSION: u8 = 1;

/// What a decoder may claim for one message, by the length of the message: a length field in a
/// few bytes must not make us reserve megabytes. bincode counts a number as 8 bytes however short
/// it was written, so an honest message claims at most eight times its length.
const CLAIM_SMALL: usize = 16 * 1024;
const CLAIM_MIDDLE: usize = 512 * 1024;
const CLAIM_LARGE: usize = 16 * 1024 * 1024;

fn decode_claiming<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let claims = bytes.len().saturating_mul(8);
    if claims < CLAIM_SMALL {
        bincode::serde::decode_from_slice(bytes, config::standard().with_limit::<CLAIM_SMALL>())
    } else if claims < CLAIM_MIDDLE {
        bincode::serde::decode_from_slice(bytes, config::standard().with_limit::<CLAIM_MIDDLE>())
    } else {
        bincode::serde::decode_from_slice(bytes, config::standard().with_limit::<CLAIM_LARGE>())
    }
}

/// Writes a value after what is there already.
///
/// # Errors
/// [`CodecError::Malformed`] for a value that cannot be encoded.
pub(crate) fn append<T: Serialize>(mut out: Vec<u8>, value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_into_std_write(value, &mut out, config::standard())
        .map_err(|_| CodecError::Malformed("value"))?;
    Ok(out)
}

/// Decodes a value without a version byte; every byte must belong to it.
///
/// # Errors
/// [`CodecError`] when it is too long, malformed or has bytes left over.
pub(crate) fn decode_bare<T: DeserializeOwned>(bytes: &[u8], max: usize, what: &'static str) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(CodecError::TooLong { max, got: bytes.len() });
    }
    let (value, used) = decode_claiming(bytes).map_err(|_| CodecError::Malformed(what))?;
    if used < bytes.len() { Err(CodecError::Trailing { extra: bytes.len() - used }) } else { Ok(value) }
}

/// Encodes a versioned message.
///
/// # Errors
/// [`CodecError::TooLong`] when it would be longer than `max` bytes.
pub fn encode<T: Serialize>(value: &T, max: usize) -> Result<Vec<u8>, CodecError> {
    let bytes = append(vec![VERSION], value)?;
    if bytes.len() > max { Err(CodecError::TooLong { max, got: bytes.len() }) } else { Ok(bytes) }
}

/// Encodes a versioned message that holds secrets. Its length is counted first, so that the bytes are
/// written in one place: a buffer that grows would leave copies behind that nobody wipes.
///
/// # Errors
/// [`CodecError::TooLong`] when it would be longer than `max` bytes.
pub fn encode_secret<T: Serialize>(value: &T, max: usize) -> Result<Zeroizing<Vec<u8>>, CodecError> {
    let malformed = |_| CodecError::Malformed("value");
    let mut count = Count(1);
    bincode::serde::encode_into_std_write(value, &mut count, config::standard()).map_err(malformed)?;
    let Count(got) = count;
    if got > max {
        return Err(CodecError::TooLong { max, got });
    }
    let mut out = Zeroizing::new(Vec::with_capacity(got));
    out.push(VERSION);
    bincode::serde::encode_into_std_write(value, &mut *out, config::standard()).map_err(malformed)?;
    Ok(out)
}

/// Counts bytes and keeps none.
struct Count(usize);

impl std::io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Decodes a versioned message.
///
/// # Errors
/// [`CodecError`] for another version, or a message that is empty, too long, malformed or has
/// bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], max: usize, what: &'static str) -> Result<T, CodecError> {
    if bytes.len() > max {
        return Err(CodecError::TooLong { max, got: bytes.len() });
    }
    match bytes.split_first() {
        None => Err(CodecError::Empty),
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

#[cfg(test)]
mod tests;
