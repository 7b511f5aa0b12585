//! User names: what a person types to sign in.
//!
//! They follow the PRECIS profile `UsernameCaseMapped` (RFC 8265, section 3.3): letters, digits and
//! ordinary marks, no spaces, lower case, one spelling of each letter. Names that look like one
//! another share a skeleton (Unicode TS 39, "confusable detection"), and an archive gives out each
//! skeleton once.

use precis_profiles::{UsernameCaseMapped, precis_core::profile::Profile as _};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::fmt;

use crate::{error::UserNameError, limits::USER_NAME_MAX};

/// A user name in its one spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct UserName(String);

impl UserName {
    /// Takes a name as typed. Case, wide letters and combining marks are brought to one form.
    ///
    /// # Errors
    /// [`UserNameError`] when it is empty, too long, or has characters that no user name has.
    pub fn new(typed: &str) -> Result<Self, UserNameError> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(UserNameError::Empty);
        }
        // Before anything looks at it: folding never makes a name more than a few times longer.
        if typed.len() > USER_NAME_MAX {
            return Err(UserNameError::TooLong { max: USER_NAME_MAX, got: typed.len() });
        }
        let profile = UsernameCaseMapped::new();
        let enforce = |name: &str| profile.enforce(name).map(String::from).map_err(|_| UserNameError::Characters);
        let name = enforce(typed)?;
        if name.len() > USER_NAME_MAX {
            return Err(UserNameError::TooLong { max: USER_NAME_MAX, got: name.len() });
        }
        // RFC 8264, section 7: what folds differently when folded again has no one spelling.
        if enforce(&name)? != name { Err(UserNameError::Characters) } else { Ok(Self(name)) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What all names that look like this one have in common. It is for comparing, not for showing.
    #[must_use]
    pub fn skeleton(&self) -> String {
        // Zero and `o` meet only after the skeleton is lowered once more.
        let once: String = unicode_security::skeleton(&self.0).collect();
        unicode_security::skeleton(&once.to_lowercase()).collect()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Logs show only its length, as with other names.
impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({} bytes)", self.0.len())
    }
}

impl std::str::FromStr for UserName {
    type Err = UserNameError;

    fn from_str(typed: &str) -> Result<Self, UserNameError> {
        Self::new(typed)
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let name = Self::new(&text).map_err(D::Error::custom)?;
        // On the wire a name stands in its one spelling, so that nobody hashes another.
        if name.0 == text { Ok(name) } else { Err(D::Error::custom(UserNameError::Characters)) }
    }
}
