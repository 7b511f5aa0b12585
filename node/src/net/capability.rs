//! What a program can do besides speaking its protocol version, in words that its peers read.
//!
//! Identify's agent carries them: `parlor-archive/0.1.0 can/1 accounts archive`. The protocol version says
//! whether two programs understand each other at all; these words say what is worth asking for. Words that
//! are not known here are left out, so that newer programs may say more.

use std::fmt;

/// Longest agent that is read, in bytes.
const AGENT_MAX: usize = 512;
/// Most words that are read.
const WORDS_MAX: usize = 32;
/// What stands before the words. Another number would mean that they are to be read in another way.
const MARK: &str = "can/1";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Capability {
    /// Keeps rooms for others.
    Archive = 0,
    /// Keeps accounts: people may sign in there.
    Accounts = 1,
}

impl Capability {
    const ALL: [Self; 2] = [Self::Archive, Self::Accounts];

    const fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Accounts => "accounts",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// What a program can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(u32);

impl Capabilities {
    /// The same and these.
    #[must_use]
    pub fn with(self, more: impl IntoIterator<Item = Capability>) -> Self {
        more.into_iter().fold(self, |all, one| Self(all.0 | one.bit()))
    }

    /// Whether this is among them.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Reads what a peer says of itself. What is too long, or says nothing, is nothing.
    pub(super) fn read(agent: &str) -> Self {
        if agent.len() > AGENT_MAX {
            return Self::default();
        }
        let words = agent.split_ascii_whitespace().skip_while(|word| *word != MARK).skip(1).take(WORDS_MAX);
        let known = words.filter_map(|word| Capability::ALL.into_iter().find(|known| known.word() == word));
        Self::default().with(known)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)?;
        Capability::ALL.into_iter().filter(|one| self.has(*one)).try_for_each(|one| write!(f, " {}", one.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_back_and_what_is_not_known_is_left_out() {
        for said in [vec![], vec![Capability::Archive], vec![Capability::Archive, Capability::Accounts]] {
            let all = Capabilities::default().with(said);
            assert_eq!(Capabilities::read(&format!("parlor/0.1.0 {all}")), all);
        }
        let newer = Capabilities::read("parlor/9.9.9 can/1 teleport accounts archived");
        assert!(newer.has(Capability::Accounts) && !newer.has(Capability::Archive));
    }

    #[test]
    fn rubbish_says_nothing_and_only_so_much_is_read() {
        for agent in ["", "parlor/0.1.0", "can", "parlor/0.1.0 can/2 archive", "a can/10 archive", "parlor/1 archive"] {
            assert_eq!(Capabilities::read(agent), Capabilities::default(), "{agent}");
        }
        let words = "x ".repeat(WORDS_MAX);
        assert_eq!(Capabilities::read(&format!("a can/1 {words}archive")), Capabilities::default());
        let long = format!("a can/1 {}archive", " ".repeat(AGENT_MAX));
        assert_eq!(Capabilities::read(&long), Capabilities::default());
    }
}
