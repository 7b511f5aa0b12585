//! Typed identifiers, so that a room can never be passed where a device is meant.
//!
//! All of them are 32 bytes and print as lowercase hex. In `Debug` they are cut to
//! eight digits to keep logs readable. See `docs/CRYPT.md`, "Identifiers".

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};

use crate::error::IdError;

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first eight hex digits, for logs and screens.
            #[must_use]
            pub fn short(&self) -> String {
                hex(self.0.get(..4).unwrap_or_default())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                unhex32(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.serialize_str(&hex(&self.0)) } else { self.0.serialize(s) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(D::Error::custom)
                } else {
                    <[u8; 32]>::deserialize(d).map(Self)
                }
            }
        }
    };
}

id32!(
    /// A room: the hash of its genesis entry.
    RoomId
);
id32!(
    /// A device: its Ed25519 public key, which is also its libp2p peer key.
    DeviceId
);
id32!(
    /// A user: the Ed25519 public half of the account key.
    UserId
);
id32!(
    /// A period of one room key. Commits to the key, the room and the parent epochs.
    EpochId
);
id32!(
    /// One entry: a hash of its header and body. The signature is not part of it.
    EntryId
);
id32!(
    /// The door of a code: the id of the entry that made it.
    DoorId
);
id32!(
    /// The Ed25519 public key that signs for a code.
    DoorKey
);
id32!(
    /// The Ed25519 public key that ties the devices of one person together in one room. Nothing shows
    /// whose it is.
    OwnId
);
id32!(
    /// The gossip topic of an epoch. Only holders of the epoch key can compute it.
    TopicId
);

impl From<EntryId> for DoorId {
    fn from(entry: EntryId) -> Self {
        Self(entry.0)
    }
}

impl From<DoorId> for EntryId {
    fn from(door: DoorId) -> Self {
        Self(door.0)
    }
}

/// The random number of one log of a device in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct LogId(pub u64);

/// One device's log in one room: who writes it, and which of its logs it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogKey {
    /// The device that writes and signs the log.
    pub author: DeviceId,
    /// Which of the device's logs in this room.
    pub log: LogId,
}

/// What a room code leads to at members and archives: 16 bytes derived from the code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Locator(pub [u8; 16]);

impl Locator {
    /// As lowercase hex.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locator({})", hex(self.0.get(..4).unwrap_or_default()))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unhex32(text: &str) -> Result<[u8; 32], IdError> {
    if text.len() != 64 {
        return Err(IdError::Length { expected: 64, got: text.len() });
    }
    let mut out = [0; 32];
    for (index, (slot, pair)) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)).enumerate() {
        *slot = std::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or(IdError::Digit { at: index * 2 })?;
    }
    Ok(out)
}
