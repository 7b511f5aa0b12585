//! Stretching of passwords, which takes a quarter of a second on purpose: it goes out of the engine
//! as a [`PasswordWork`] and comes back as a [`PasswordWorked`].

use parlor_protocol::{
    account::{LogInResponse, LoggingIn, Proven, RegisterResponse, Registered, Registering},
    error::LogInError,
    keys::Secret,
};

/// Work with a password that is done outside the engine.
#[derive(Debug)]
pub enum PasswordWork {
    /// A password is being set.
    Register {
        /// Where it stands.
        state: Box<Registering>,
        /// The archive's answer.
        answer: RegisterResponse,
        /// Fresh random bytes.
        seed: Secret,
    },
    /// Somebody signs in.
    LogIn {
        /// Where it stands.
        state: Box<LoggingIn>,
        /// The archive's answer.
        answer: LogInResponse,
        /// Fresh random bytes.
        seed: Secret,
    },
}

/// What came of it.
#[derive(Debug)]
pub enum PasswordWorked {
    /// A password was set.
    Registered(Result<Registered, LogInError>),
    /// The login is right, or is not.
    Proven(Result<Proven, LogInError>),
}

impl PasswordWork {
    /// Does the work. It blocks for a quarter of a second and takes 64 MiB.
    #[must_use]
    pub fn run(self) -> PasswordWorked {
        match self {
            Self::Register { state, answer, seed } => PasswordWorked::Registered(state.finish(&answer, &seed)),
            Self::LogIn { state, answer, seed } => PasswordWorked::Proven(state.finish(&answer, &seed)),
        }
    }
}
