//! Names that look alike: `Anna` and `Аnna` with a Cyrillic first letter.
//!
//! Two names look alike when their skeletons are the same (Unicode Technical Standard 39, section 4,
//! "confusable detection"), upper and lower case and spaces not counted. Case is folded once before
//! and once after the skeleton is taken, because either alone would miss some: capital I looks like a
//! small l, but is the capital of i.

use unicode_security::confusable_detection::skeleton;

/// What a name looks like. Kept so that many names can be compared with many.
#[derive(Clone, PartialEq, Eq)]
pub struct Looks([String; 2]);

impl Looks {
    /// What a name looks like.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let bare: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        let folded_after: String = skeleton(&bare).collect();
        let folded_before: String = skeleton(&bare.to_lowercase()).collect();
        Self([folded_after.to_lowercase(), folded_before])
    }

    /// Whether somebody could take one name for the other.
    #[must_use]
    pub fn like(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, other)| one == other)
    }
}

impl std::fmt::Debug for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looks(..)")
    }
}
