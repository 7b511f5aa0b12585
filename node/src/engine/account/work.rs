//! Stretching of passwords, which takes a quarter of a second on purpose: it goes out of the engine
//! as a [`PasswordWork`] and comes back as a [`PasswordWorked`].

use parlor_protocol::{
    account::{LogInResponse, LoggingIn, Proven, RegisterResponse, Registered, Registering},
    error::LogInError,
    keys::Secret,
    stretch::{NoMemory, Stretch, Stretched},
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
        match self.stretching() {
            Ok(work) => self.stretched(work.run()),
            Err(error) => self.refused(error),
        }
    }

    /// The part of it that takes long, for whoever does that elsewhere.
    ///
    /// # Errors
    /// [`LogInError`] when the archive's answer is none.
    pub fn stretching(&self) -> Result<Stretch, LogInError> {
        match self {
            Self::Register { state, answer, seed } => state.stretching(answer, seed),
            Self::LogIn { state, answer, seed } => state.stretching(answer, seed),
        }
    }

    /// The rest of it, with what came of that.
    #[must_use]
    pub fn stretched(self, done: Result<Stretched, NoMemory>) -> PasswordWorked {
        let done = match done {
            Ok(done) => done,
            Err(NoMemory) => return self.refused(LogInError::NoMemory),
        };
        match self {
            Self::Register { state, answer, seed } => PasswordWorked::Registered(state.stretched(&answer, &seed, done)),
            Self::LogIn { state, answer, seed } => PasswordWorked::Proven(state.stretched(&answer, &seed, done)),
        }
    }

    /// Nothing came of it.
    #[must_use]
    pub fn refused(self, error: LogInError) -> PasswordWorked {
        match self {
            Self::Register { .. } => PasswordWorked::Registered(Err(error)),
            Self::LogIn { .. } => PasswordWorked::Proven(Err(error)),
        }
    }
}
