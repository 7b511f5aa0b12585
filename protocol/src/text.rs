//! Names and message texts, checked once at the edge.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::fmt;
use unicode_security::confusable_detection::skeleton;

use crate::{
    error::TextError,
    limits::{NAME_MAX, TEXT_MAX},
};

/// The name of a person, device or room: 1 to 64 bytes of UTF-8 without control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(String);

impl Name {
    /// Checks a name. White space at both ends is removed.
    ///
    /// # Errors
    /// [`TextError`] when the name is empty, longer than 64 bytes or has control characters.
    pub fn new(name: &str) -> Result<Self, TextError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(TextError::Empty);
        }
        if name.len() > NAME_MAX {
            return Err(TextError::TooLong { max: NAME_MAX, got: name.len() });
        }
        match name.char_indices().find(|(_, c)| is_forbidden_in_name(*c)) {
            Some((at, _)) => Err(TextError::ControlCharacter { at }),
            None => Ok(Self(name.to_owned())),
        }
    }

    /// Checks a name that somebody gives to something now. Names that others gave are read with [`Name::new`].
    ///
    /// # Errors
    /// As [`Name::new`], and [`TextError::LooksLikeId`] for a name that could be taken for an id.
    pub fn choose(name: &str) -> Result<Self, TextError> {
        let name = Self::new(name)?;
        if looks_like_id(name.as_str()) { Err(TextError::LooksLikeId) } else { Ok(name) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a name could be taken for an id, or for the part of one that screens show: eight or more hex digits and
/// nothing else, white space and what looks like such a digit in another script included.
#[must_use]
pub fn looks_like_id(name: &str) -> bool {
    let mut digits = 0_usize;
    for c in name.chars().filter(|c| !c.is_whitespace() && !is_forbidden_in_name(*c)) {
        if !is_like_hex_digit(c) {
            return false;
        }
        digits += 1;
    }
    digits >= ID_SHORT
}

/// Digits of an id on screens; see [`crate::RoomId::short`].
const ID_SHORT: usize = 8;

fn is_like_hex_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_hexdigit();
    }
    // The skeleton of a digit may be a letter: that of 0 is O, that of 1 is l.
    let bare = |text: &str| -> String { skeleton(text).collect::<String>().to_lowercase() };
    let looks = bare(c.encode_utf8(&mut [0; 4]));
    "0123456789abcdef".chars().any(|digit| bare(digit.encode_utf8(&mut [0; 4])) == looks)
}

/// Control characters, and the invisible marks that let one name pass for another or
/// turn the rest of a line around (Unicode TR 36, "bidirectional text spoofing").
fn is_forbidden_in_name(c: char) -> bool {
    let marks_and_separators = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    // Letters that show as nothing: a name of these alone would look empty.
    let fillers = matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || marks_and_separators || fillers
}

/// The text of one message: up to 16 KiB of UTF-8, not empty.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Text(String);

impl Text {
    /// Checks a text. Line ends become `\n`; other control characters but tab are refused.
    ///
    /// # Errors
    /// [`TextError`] when the text is blank, longer than 16 KiB or has control characters.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() };
        if text.trim().is_empty() {
            return Err(TextError::Empty);
        }
        if text.len() > TEXT_MAX {
            return Err(TextError::TooLong { max: TEXT_MAX, got: text.len() });
        }
        match text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
            Some((at, _)) => Err(TextError::ControlCharacter { at }),
            None => Ok(Self(text)),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_traits {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(d)?).map_err(D::Error::custom)
            }
        }
    };
}

text_traits!(Name);
text_traits!(Text);

// Names and texts are what people want kept private: logs show only their length.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({} bytes)", self.0.len())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}
