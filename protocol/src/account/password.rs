//! Passwords: wiped from memory, never shown, never sent.

use precis_profiles::{OpaqueString, precis_core::profile::Profile as _};
use std::fmt;
use zeroize::Zeroizing;

use crate::{
    error::PasswordError,
    limits::{PASSWORD_MAX, PASSWORD_MIN_CHARS},
};

/// A password as typed, in one spelling (PRECIS profile `OpaqueString`, RFC 8265, section 4.2), so
/// that it is the same from every keyboard.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a password that exists already.
    ///
    /// # Errors
    /// [`PasswordError`] when it is empty, too long or has characters that none has.
    pub fn new(typed: &str) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::Empty);
        }
        if typed.len() > PASSWORD_MAX {
            return Err(PasswordError::TooLong { max: PASSWORD_MAX });
        }
        match OpaqueString::new().enforce(typed) {
            Ok(text) => Ok(Self(Zeroizing::new(text.into_owned()))),
            Err(_) => Err(PasswordError::Characters),
        }
    }

    /// Takes a password that is to become one.
    ///
    /// # Errors
    /// Those of [`Password::new`], and [`PasswordError::TooShort`].
    pub fn choose(typed: &str) -> Result<Self, PasswordError> {
        let password = Self::new(typed)?;
        let got = password.0.chars().count();
        if got < PASSWORD_MIN_CHARS {
            return Err(PasswordError::TooShort { min: PASSWORD_MIN_CHARS, got });
        }
        Ok(password)
    }

    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
