//! Contents: what is inside a sealed entry.
//!
//! Padded before sealing so that sizes tell little: Padmé (Nikitin et al., "Reducing Metadata
//! Leakage from Encrypted Files and Communication with PURBs", 2019) with a floor of 256 bytes.
//! Layout: length as 4 bytes little endian, a versioned encoding, zero bytes.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::{
    card::{DeviceCard, Prekey},
    codec,
    error::CodecError,
    hlc::Hlc,
    ids::{DeviceId, EntryId, UserId},
    limits::{BODY_MAX, CLOCK_AHEAD_MAX_MS, DEVICES_MAX, OUT_DEVICES_MAX, PADDING_FLOOR, REACTION_MAX, ROSTER_MAX},
    policy::{HistoryPolicy, Role},
    text::{Name, Text},
};

/// What a person wrote or did, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// When, for the order on the screen: the same for everybody.
    pub hlc: Hlc,
    /// The author's clock, right or wrong, in milliseconds since 1970.
    pub at: u64,
    /// What.
    pub body: Body,
}

/// The kinds of content. New kinds are added at the end; older versions show that a newer
/// Parlor is needed for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A message.
    Text {
        /// The text as written; links are found when it is shown.
        text: Text,
        /// The message it answers.
        reply_to: Option<EntryId>,
        /// Devices addressed in it.
        mentions: Vec<DeviceId>,
    },
    /// A new text for an own message.
    Edit {
        /// The message.
        target: EntryId,
        /// The new text.
        text: Text,
    },
    /// An own message taken back.
    Delete {
        /// The message.
        target: EntryId,
    },
    /// A reaction to a message, set or taken back.
    Reaction {
        /// The message.
        target: EntryId,
        /// One emoji.
        emoji: Emoji,
        /// Set or taken back.
        present: bool,
    },
    /// Who the author is: name for people, card and prekey for the room's owners, who need them
    /// to hand out the next epoch's key.
    Profile {
        /// The name.
        name: Name,
        /// The device's card.
        card: Box<DeviceCard>,
        /// Its newest prekey.
        prekey: Box<Prekey>,
    },
    /// The room's name.
    RoomName {
        /// The name.
        name: Name,
    },
    /// What an owner decided, for people to read. The decision itself is the record of an epoch.
    Governed(Act),
    /// Who is in the room, by an owner: where newcomers may not read everything they cannot read what
    /// members told of themselves before.
    Roster(Vec<RosterItem>),
    /// A moderator silences somebody: what the person writes after this, up to a time, is not shown.
    Mute {
        /// The person.
        user: UserId,
        /// Until then, in milliseconds of the hybrid clock; 0 lifts it.
        until: u64,
    },
    /// What people read about devices that go out: the author leaves, or takes a lost device of the same
    /// person out for ever. What counts is the entry that follows ([`Out`](crate::access::Out)).
    WentOut {
        /// The devices.
        devices: Vec<DeviceId>,
        /// For ever.
        for_ever: bool,
    },
}

/// A member of a roster. Card and prekey are signed by its device; the name is the owner's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterItem {
    /// The name.
    pub name: Name,
    /// The device's card.
    pub card: Box<DeviceCard>,
    /// Its newest prekey.
    pub prekey: Box<Prekey>,
}

/// A rule of a room, and what it is changed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomChange {
    /// Its name.
    Name(Name),
    /// What newcomers may do: [`Role::Member`] or [`Role::Reader`].
    Newcomers(Role),
    /// What newcomers may read.
    History(HistoryPolicy),
    /// Messages vanish after this many milliseconds; never when absent.
    Lifetime(Option<u64>),
    /// How long a person waits between two messages, in milliseconds; not at all when absent.
    Slow(Option<u64>),
}

/// What an owner decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Somebody was removed.
    Removed {
        /// The person.
        user: UserId,
        /// The one device, when the person stays.
        device: Option<DeviceId>,
    },
    /// Somebody was given a role.
    RoleGiven {
        /// The person.
        user: UserId,
        /// The role.
        role: Role,
    },
    /// A rule was changed.
    Changed(RoomChange),
    /// All codes that were made before have ended.
    CodesEnded,
    /// The room has ended.
    Dissolved,
}

/// A reaction: up to 64 bytes without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Emoji(String);

impl Emoji {
    /// The emoji as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// What people feel is as private as what they write.
impl fmt::Debug for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emoji({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Emoji {
    type Error = CodecError;

    fn try_from(emoji: String) -> Result<Self, CodecError> {
        let blank = emoji.trim().is_empty() || emoji.chars().any(char::is_control);
        if emoji.len() > REACTION_MAX {
            Err(CodecError::TooLong { max: REACTION_MAX, got: emoji.len() })
        } else if blank {
            Err(CodecError::Malformed("emoji"))
        } else {
            Ok(Self(emoji))
        }
    }
}

impl From<Emoji> for String {
    fn from(emoji: Emoji) -> Self {
        emoji.0
    }
}

const LEN_BYTES: usize = 4;

impl Content {
    /// The time to show, in milliseconds since 1970, to somebody whose clock shows `now_ms`. It is
    /// the hybrid time, which makes up for clocks that are late; where somebody's clock was far
    /// ahead, the author's own time; and never more than five minutes ahead.
    #[must_use]
    pub fn shown_at(&self, now_ms: u64) -> u64 {
        let latest = now_ms.saturating_add(CLOCK_AHEAD_MAX_MS);
        let hybrid = self.hlc.millis();
        if hybrid <= latest { hybrid } else { self.at.min(latest) }
    }

    /// Encodes and pads to at most `max` bytes.
    ///
    /// # Errors
    /// [`CodecError::TooLong`].
    pub fn encode(&self, max: usize) -> Result<zeroize::Zeroizing<Vec<u8>>, CodecError> {
        let inner = zeroize::Zeroizing::new(codec::encode(self, max.saturating_sub(LEN_BYTES))?);
        let len = u32::try_from(inner.len()).map_err(|_| CodecError::TooLong { max, got: inner.len() })?;
        let padded = padded_len(inner.len() + LEN_BYTES).min(max);
        let mut out = zeroize::Zeroizing::new(Vec::with_capacity(padded));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&inner);
        out.resize(padded, 0);
        Ok(out)
    }

    /// Decodes a padded content.
    ///
    /// # Errors
    /// [`CodecError`]; a kind of content from a newer version gives [`CodecError::Malformed`]
    /// or [`CodecError::Version`].
    pub fn decode(padded: &[u8]) -> Result<Self, CodecError> {
        let cut_off = CodecError::CutOff { expected: LEN_BYTES, got: padded.len() };
        let (len, rest) = padded.split_first_chunk::<LEN_BYTES>().ok_or(cut_off)?;
        let len = u32::from_le_bytes(*len) as usize;
        let (inner, padding) =
            rest.split_at_checked(len).ok_or(CodecError::CutOff { expected: len, got: rest.len() })?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(CodecError::Malformed("padding"));
        }
        let content: Self = codec::decode(inner, BODY_MAX, "content")?;
        match &content.body {
            Body::Text { mentions, .. } if mentions.len() > DEVICES_MAX => {
                Err(CodecError::TooMany { what: "mentions", max: DEVICES_MAX, got: mentions.len() })
            }
            Body::WentOut { devices, .. } if devices.len() > OUT_DEVICES_MAX => {
                Err(CodecError::TooMany { what: "devices", max: OUT_DEVICES_MAX, got: devices.len() })
            }
            Body::Roster(items) if items.len() > ROSTER_MAX => {
                Err(CodecError::TooMany { what: "roster", max: ROSTER_MAX, got: items.len() })
            }
            _ => Ok(content),
        }
    }
}

/// Padmé: the length rounded up so that only its leading bits remain; at most 12 % more.
#[must_use]
pub fn padded_len(len: usize) -> usize {
    if len <= PADDING_FLOOR {
        return PADDING_FLOOR;
    }
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - kept)) - 1;
    // Nothing near the end of `usize` is ever padded; it only must not wrap.
    len.checked_add(mask).map_or(len, |sum| sum & !mask)
}
