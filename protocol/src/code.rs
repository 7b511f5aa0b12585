//! Room codes: what people type to join, and how any code is written and read.
//!
//! A code is 80 random bits in Crockford's base 32 (16 symbols) followed by two check symbols,
//! written `7KQ2-M4X9-TB3H-0RVW-5C`. The check symbols are those of a Reed-Solomon code over
//! GF(32) (Reed and Solomon, 1960): every one or two wrong symbols are noticed, and a single one
//! is located, so that the error can name its group. See `docs/CRYPT.md`, "Codes".

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{error::CodeError, stretch::Stretch};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
pub(crate) const DATA: usize = 16;
const CHECK: usize = 2;
/// Symbols of a code, check symbols included.
pub const CODE_SYMBOLS: usize = DATA + CHECK;
/// Symbols of a group; the last group has the two check symbols.
pub const CODE_GROUP: usize = 4;
/// The scheme of a code written as a link.
pub const LINK_SCHEME: &str = "parlor:";
/// How the address of a page begins.
const PAGE_SCHEMES: [&str; 2] = ["http://", "https://"];
/// The code itself is random and unique, so one salt serves all.
const STRETCH_SALT: &[u8] = b"parlor/v1 room code";
/// What follows the scheme where the code links a device.
pub(crate) const DEVICE_PREFIX: &str = "link:";

/// What a code is for. Both kinds look alike and have the same check, but for a constant that is added
/// to the check symbols: no code of one kind, and none with one wrong symbol, is one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Joining a room.
    Room,
    /// Linking a device.
    Device,
}

impl Use {
    const fn mark(self) -> [u8; CHECK] {
        match self {
            Self::Room => [0, 0],
            Self::Device => [15, 31],
        }
    }
}

/// A room code. It is a secret: `Debug` shows nothing of it and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Zeroize, ZeroizeOnDrop)]
pub struct RoomCode([u8; DATA]);

impl RoomCode {
    /// A fresh code from 80 random bits.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        Self(random_symbols(rng))
    }

    /// The 80 bits as 16 symbol values of five bits each: the input of key stretching.
    #[must_use]
    pub fn symbols(&self) -> &[u8; DATA] {
        &self.0
    }

    /// What takes long on the way from the code to its keys
    /// ([`CodeKeys`](crate::access::CodeKeys)): about a quarter of a second and 64 MiB, on purpose. Keep
    /// it off threads that must stay responsive.
    #[must_use]
    pub fn stretching(&self) -> Stretch {
        Stretch::new(self.symbols(), STRETCH_SALT)
    }

    /// The code as a link that opens Parlor, `parlor:7KQ2-...`.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{LINK_SCHEME}{self}")
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_symbols(f, &self.0, Use::Room)
    }
}

/// 80 random bits as 16 symbols.
pub(crate) fn random_symbols(rng: &mut dyn CryptoRng) -> [u8; DATA] {
    let mut symbols = [0; DATA];
    rng.fill_bytes(&mut symbols);
    symbols.iter_mut().for_each(|symbol| *symbol &= 31);
    symbols
}

/// Writes symbols and their check symbols in groups.
pub(crate) fn write_symbols(f: &mut fmt::Formatter<'_>, data: &[u8; DATA], purpose: Use) -> fmt::Result {
    let check = marked(gf32::check_symbols(data), purpose);
    for (index, symbol) in data.iter().chain(&check).enumerate() {
        if index > 0 && index % CODE_GROUP == 0 {
            f.write_str("-")?;
        }
        let letter = ALPHABET.get(usize::from(*symbol)).copied().unwrap_or(b'?');
        write!(f, "{}", char::from(letter))?;
    }
    Ok(())
}

fn marked(check: [u8; CHECK], purpose: Use) -> [u8; CHECK] {
    let ([a, b], [x, y]) = (check, purpose.mark());
    [a ^ x, b ^ y]
}

impl fmt::Debug for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomCode(..)")
    }
}

/// The value of a typed character; `O`, `I` and `L` are read as digits, as in Crockford's base 32.
fn symbol_value(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().position(|letter| char::from(*letter) == c).and_then(|at| u8::try_from(at).ok())
}

/// Characters people put between groups: spaces of all kinds, dashes of all kinds, dots, line ends.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}' | '\u{feff}')
}

/// What typing has come to so far, for live checking in a form.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode {
    /// The groups as they will be written, upper case, at most five; the last may be partial.
    pub groups: Vec<String>,
    /// What is wrong so far. [`CodeError::TooShort`] only means: go on typing.
    pub state: Result<RoomCode, CodeError>,
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedCode({} groups, complete: {})", self.groups.len(), self.state.is_ok())
    }
}

/// Reads a code as it is being typed or pasted: bare, or as a link, `parlor:CODE` or that of a page in a
/// browser, `http://HOST/#CODE`.
#[must_use]
pub fn read_typed(input: &str) -> TypedCode {
    let (bare, is_for_device) = without_scheme(input);
    let Typed { groups, state } = read_symbols(bare, Use::Room);
    let state = if is_for_device { Err(CodeError::ForDevice) } else { state.map(RoomCode) };
    TypedCode { groups, state }
}

/// A code without the link in front, and whether that said that it is for a device.
pub(crate) fn without_scheme(input: &str) -> (&str, bool) {
    let strip = |text: &str, prefix: &str| {
        text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)).then_some(prefix.len())
    };
    let trimmed = input.trim();
    let is_page = PAGE_SCHEMES.into_iter().any(|scheme| strip(trimmed, scheme).is_some());
    // A page's address without a code has none of its symbols.
    let trimmed = if is_page { trimmed.split_once('#').map_or("", |(_, code)| code) } else { trimmed };
    let bare = match strip(trimmed, LINK_SCHEME) {
        Some(len) => trimmed.get(len..).unwrap_or_default().trim_start_matches('/'),
        None => trimmed,
    };
    match strip(bare, DEVICE_PREFIX) {
        Some(len) => (bare.get(len..).unwrap_or_default(), true),
        None => (bare, false),
    }
}

/// What typing has come to.
pub(crate) struct Typed {
    pub(crate) groups: Vec<String>,
    pub(crate) state: Result<[u8; DATA], CodeError>,
}

/// Reads the symbols of a code.
pub(crate) fn read_symbols(bare: &str, purpose: Use) -> Typed {
    let mut values = Zeroizing::new(Vec::with_capacity(CODE_SYMBOLS));
    let mut groups: Vec<String> = Vec::new();
    let mut bad = None;
    let mut got = 0;
    // A paste of a whole book is cut here: nothing past a few codes' length can matter.
    for c in bare.chars().filter(|c| !is_separator(*c)).take(CODE_SYMBOLS * 4) {
        if got < CODE_SYMBOLS {
            if got % CODE_GROUP == 0 {
                groups.push(String::new());
            }
            if let Some(group) = groups.last_mut() {
                group.push(symbol_value(c).and_then(|v| ALPHABET.get(usize::from(v))).map_or(c, |b| char::from(*b)));
            }
            match symbol_value(c) {
                Some(value) => values.push(value),
                None => bad = bad.or(Some(CodeError::BadSymbol { group: got / CODE_GROUP + 1, symbol: c })),
            }
        }
        got += 1;
    }
    Typed { groups, state: bad.map_or_else(|| check(&values, got, purpose), Err) }
}

fn check(values: &[u8], got: usize, purpose: Use) -> Result<[u8; DATA], CodeError> {
    if got < CODE_SYMBOLS {
        return Err(CodeError::TooShort { expected: CODE_SYMBOLS, got });
    }
    let symbols = values.split_first_chunk::<DATA>();
    let Some((data, Ok(check))) = symbols.map(|(data, rest)| (*data, <[u8; CHECK]>::try_from(rest))) else {
        return Err(CodeError::TooLong { expected: CODE_SYMBOLS, got });
    };
    if got > CODE_SYMBOLS {
        return Err(CodeError::TooLong { expected: CODE_SYMBOLS, got });
    }
    let fault = |purpose| {
        let unmarked = Zeroizing::new([data.as_slice(), &marked(check, purpose)].concat());
        gf32::locate_error(&unmarked)
    };
    match (fault(purpose), purpose) {
        (gf32::Located::None, _) => Ok(data),
        (_, Use::Room) if matches!(fault(Use::Device), gf32::Located::None) => Err(CodeError::ForDevice),
        (_, Use::Device) if matches!(fault(Use::Room), gf32::Located::None) => Err(CodeError::ForRoom),
        (gf32::Located::At(at), _) => {
            Err(CodeError::Mistyped { group: at / CODE_GROUP + 1, symbol: at % CODE_GROUP + 1 })
        }
        (gf32::Located::Several, _) => Err(CodeError::Scrambled),
    }
}

impl FromStr for RoomCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        read_typed(text).state
    }
}

impl Serialize for RoomCode {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoomCode {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

/// Arithmetic in GF(32) with the polynomial x^5 + x^2 + 1, whose root is a generator.
mod gf32 {
    use super::{CHECK, CODE_SYMBOLS, DATA};

    const ORDER: usize = 31;

    fn mul(a: u8, b: u8) -> u8 {
        let (mut a, mut b, mut product) = (u16::from(a), b, 0u16);
        while b > 0 {
            if b & 1 == 1 {
                product ^= a;
            }
            a <<= 1;
            if a & 0x20 != 0 {
                a ^= 0b10_0101;
            }
            b >>= 1;
        }
        // Every step stays below 32.
        u8::try_from(product & 31).unwrap_or_default()
    }

    fn pow(base: u8, exponent: usize) -> u8 {
        (0..exponent % ORDER).fold(1, |acc, _| mul(acc, base))
    }

    /// `sum(value[i] * alpha^(i * power))`, alpha = 2.
    fn syndrome(values: &[u8], power: usize) -> u8 {
        values.iter().enumerate().fold(0, |acc, (i, value)| acc ^ mul(*value, pow(2, i * power)))
    }

    /// The two symbols that make both syndromes zero: the solution of a linear system of two
    /// equations, by trying all 1,024 pairs (a code is printed rarely).
    pub(super) fn check_symbols(data: &[u8; DATA]) -> [u8; CHECK] {
        let (s1, s2) = (syndrome(data, 1), syndrome(data, 2));
        let (a1, a2) = (pow(2, DATA), pow(2, 2 * DATA));
        let (b1, b2) = (pow(2, DATA + 1), pow(2, 2 * (DATA + 1)));
        for a in 0..32 {
            for b in 0..32 {
                if mul(a, a1) ^ mul(b, b1) == s1 && mul(a, a2) ^ mul(b, b2) == s2 {
                    return [a, b];
                }
            }
        }
        // The system is regular, so the loop always returns.
        [0; CHECK]
    }

    pub(super) enum Located {
        None,
        At(usize),
        Several,
    }

    /// A single error `e` at `i` gives the syndromes `e alpha^i` and `e alpha^2i`.
    pub(super) fn locate_error(values: &[u8]) -> Located {
        let (s1, s2) = (syndrome(values, 1), syndrome(values, 2));
        match (s1, s2) {
            (0, 0) => Located::None,
            (0, _) | (_, 0) => Located::Several,
            _ => (0..CODE_SYMBOLS).find(|i| mul(s1, pow(2, *i)) == s2).map_or(Located::Several, Located::At),
        }
    }
}
