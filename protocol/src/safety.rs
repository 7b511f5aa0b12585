//! Safety numbers: what two people compare to be sure that nobody stands between them.
//!
//! One number for each pair of users, the same on both screens, in the manner of Signal's numeric
//! fingerprints (Marlinspike, "Safety number updates", 2016): twelve groups of five digits from an
//! iterated hash of both account keys. The same hash is shown as twelve words of the English list of
//! BIP 39, and as a text for QR pictures. Unlike Signal's, which joins one half for each person, the
//! hash is over both keys at once, so all of it has to be matched. See `docs/CRYPT.md`, "Safety
//! numbers".

use std::fmt;
use subtle::ConstantTimeEq as _;

use crate::{derive::Purpose, error::SafetyError, ids, ids::UserId};

/// Times the hash is repeated, as Signal does: each guess of somebody who searches for two keys
/// with the same number costs as many hashes.
const ROUNDS: usize = 5_200;
/// Groups of digits.
pub const SAFETY_GROUPS: usize = 12;
/// Words.
pub const SAFETY_WORDS: usize = 12;
/// What the text for QR pictures begins with.
pub const SAFETY_SCHEME: &str = "parlor:verify:";
/// Longest text that is looked at: twelve long words, or digits with much space between them.
const TYPED_MAX: usize = 512;

/// The safety number of two people. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SafetyNumber([u8; 32]);

impl SafetyNumber {
    /// The number of two people, in whichever order they are given. It takes about a millisecond.
    #[must_use]
    pub fn of(one: UserId, other: UserId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let mut hash = [0; 32];
        for _ in 0..=ROUNDS {
            let mut hasher = Purpose::SafetyNumber.hasher();
            hasher.update(&hash).update(low.as_bytes()).update(high.as_bytes());
            hash = *hasher.finalize().as_bytes();
        }
        Self(hash)
    }

    /// Twelve groups of five digits.
    #[must_use]
    pub fn groups(&self) -> [String; SAFETY_GROUPS] {
        let mut bytes = [0; SAFETY_GROUPS * 5];
        let mut hasher = Purpose::SafetyDigits.hasher();
        hasher.update(&self.0).finalize_xof().fill(&mut bytes);
        let mut groups: [String; SAFETY_GROUPS] = Default::default();
        for (group, chunk) in groups.iter_mut().zip(bytes.chunks_exact(5)) {
            let number = chunk.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
            *group = format!("{:05}", number % 100_000);
        }
        groups
    }

    /// Twelve English words.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let bits = Purpose::SafetyWords.hash(&self.0);
        let entropy = bits.first_chunk::<16>().copied().unwrap_or_default();
        bip39::Mnemonic::from_entropy(&entropy).map(|mnemonic| mnemonic.words().collect()).unwrap_or_default()
    }

    /// The text for a QR picture: the other side's app reads or pastes it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{SAFETY_SCHEME}{}", ids::hex(&self.0))
    }

    /// Whether a text that was pasted, read or typed says the same number: the text of the QR
    /// picture, the sixty digits, or the twelve words. Compared in constant time.
    ///
    /// # Errors
    /// [`SafetyError`] when the text is none of these.
    pub fn matches(&self, typed: &str) -> Result<bool, SafetyError> {
        let typed = typed.trim();
        if typed.len() > TYPED_MAX {
            return Err(SafetyError::NotANumber);
        }
        let lower = typed.to_lowercase();
        let (theirs, ours) = if lower.starts_with(SAFETY_SCHEME) {
            (lower, self.text())
        } else if lower.chars().any(|c| c.is_ascii_digit()) {
            let digits: String = lower.chars().filter(|c| !is_separator(*c)).collect();
            let complete = digits.len() == SAFETY_GROUPS * 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !complete {
                return Err(SafetyError::NotANumber);
            }
            (digits, self.groups().concat())
        } else {
            let words: Vec<&str> =
                lower.split(|c| is_separator(c) || c == ',').filter(|word| !word.is_empty()).collect();
            let known = |word: &&str| bip39::Language::English.find_word(word).is_some();
            if words.len() != SAFETY_WORDS || !words.iter().all(known) {
                return Err(SafetyError::NotANumber);
            }
            (words.join(" "), self.words().join(" "))
        };
        Ok(ours.as_bytes().ct_eq(theirs.as_bytes()).into())
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '\u{2010}'..='\u{2015}')
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.groups().join(" "))
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafetyNumber({})", ids::hex(self.0.get(..4).unwrap_or_default()))
    }
}
