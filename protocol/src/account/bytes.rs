//! Messages of OPAQUE and wrapped keys: byte strings of one length, checked before they are parsed.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;

use crate::error::CodecError;

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Box<[u8]>);

        impl $name {
            /// How long it is, in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = CodecError;

            fn try_from(bytes: &[u8]) -> Result<Self, CodecError> {
                let got = bytes.len();
                match got.cmp(&Self::LEN) {
                    std::cmp::Ordering::Less => Err(CodecError::CutOff { expected: Self::LEN, got }),
                    std::cmp::Ordering::Equal => Ok(Self(bytes.into())),
                    std::cmp::Ordering::Greater => Err(CodecError::TooLong { max: Self::LEN, got }),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let bytes = read_bytes::<D>(d, Self::LEN)?;
                Self::try_from(bytes.as_slice()).map_err(D::Error::custom)
            }
        }
    };
}

fixed_bytes!(
    /// Registering, first message: the blinded password.
    RegisterRequest,
    32
);
fixed_bytes!(
    /// Registering, the archive's answer.
    RegisterResponse,
    64
);
fixed_bytes!(
    /// Registering, last message: the record that the archive keeps. Nothing in it is the password,
    /// but who has it and the archive's account key can try passwords.
    RegisterUpload,
    192
);
fixed_bytes!(
    /// Logging in, first message (KE1).
    LogInRequest,
    96
);
fixed_bytes!(
    /// Logging in, the archive's answer (KE2).
    LogInResponse,
    320
);
fixed_bytes!(
    /// Logging in, last message (KE3): shows that the password was right.
    LogInProof,
    64
);
fixed_bytes!(
    /// A vault's key, sealed: nonce, key, tag.
    WrappedKey,
    24 + 32 + 16
);
fixed_bytes!(
    /// A vault's key, sealed for the recovery key: ephemeral key, key, tag.
    RecoveryWrap,
    32 + 32 + 16
);

/// Reads a byte string of at most `max` bytes.
pub(super) fn read_bytes<'de, D: Deserializer<'de>>(d: D, max: usize) -> Result<Vec<u8>, D::Error> {
    struct Visitor(usize);

    impl serde::de::Visitor<'_> for Visitor {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {} bytes", self.0)
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            self.visit_byte_buf(bytes.to_vec())
        }

        fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            match bytes.len() {
                got if got > self.0 => Err(E::custom(CodecError::TooLong { max: self.0, got })),
                _ => Ok(bytes),
            }
        }
    }

    d.deserialize_byte_buf(Visitor(max))
}
