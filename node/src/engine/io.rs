//! What goes into the engine and what comes out: the whole of its contact with the world.

use parlor_protocol::{LinkCode, RoomCode, access::CodeKeys, link::StretchedLink};

use super::account::{PasswordWork, PasswordWorked};
use crate::{
    command::{Command, CommandResult},
    event::Event,
    net::{NetCommand, NetEvent},
    store::{LockChange, LockKind, Read, ReadResult, Write},
};

/// The time, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds of a clock that never jumps; for waiting.
    pub mono: u64,
    /// Milliseconds since 1970 by the wall clock, right or wrong; for display.
    pub wall: u64,
}

/// Names a command that waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Names a batch of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u64);

/// Names a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

/// Names a code being stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Something the engine is told.
#[derive(Debug)]
pub enum Input {
    /// A person asks.
    Command {
        /// For the reply.
        call: CallId,
        /// What.
        command: Command,
    },
    /// The network reports.
    Net(NetEvent),
    /// A batch of writes is durable, or failed as a whole with the system's reason.
    Written {
        /// Which.
        id: WriteId,
        /// How it went.
        result: Result<(), String>,
    },
    /// A read is done, or failed with the system's reason.
    Read {
        /// Which.
        id: ReadId,
        /// What was found.
        result: Result<ReadResult, String>,
    },
    /// A code was stretched; none when the memory for it could not be had.
    Stretched {
        /// Which.
        job: JobId,
        /// The result.
        code: Option<Box<CodeKeys>>,
    },
    /// A code that links a device was stretched; none when the memory for it could not be had.
    LinkStretched {
        /// Which.
        job: JobId,
        /// The result.
        link: Option<StretchedLink>,
    },
    /// A password was stretched.
    Password {
        /// Which.
        job: JobId,
        /// What came of it.
        worked: PasswordWorked,
    },
    /// What became of a question about the profile's lock.
    Locked {
        /// Which.
        job: JobId,
        /// How it is locked now, or why it was not changed.
        result: Result<LockKind, String>,
    },
    /// The time that [`super::Engine::next_deadline`] named has come. Early or late ticks are harmless.
    Tick,
    /// The node is about to stop: say goodbye, write what is not written.
    Stop,
}

/// Something the engine wants done.
#[derive(Debug)]
pub enum Output {
    /// Tell everybody who listens.
    Event(Event),
    /// Answer a command.
    Reply {
        /// Which.
        call: CallId,
        /// The answer.
        result: CommandResult,
    },
    /// Tell the network.
    Net(NetCommand),
    /// Make these changes durable, together and in order, then report [`Input::Written`].
    Write {
        /// For the report.
        id: WriteId,
        /// The changes.
        writes: Vec<Write>,
        /// Whether somebody waits for it. The others are made durable with the next urgent one, or
        /// at [`Output::Flush`].
        urgent: bool,
    },
    /// Make durable what waits.
    Flush,
    /// Nothing was written for a while: prepare the store for a crash.
    Tidy,
    /// Read after all writes given before, then report [`Input::Read`].
    Read {
        /// For the report.
        id: ReadId,
        /// The question.
        read: Read,
    },
    /// Stretch this code off the engine's thread, then report [`Input::Stretched`].
    Stretch {
        /// For the report.
        job: JobId,
        /// The code.
        code: RoomCode,
    },
    /// Stretch this code, which links a device, off the engine's thread, then report
    /// [`Input::LinkStretched`].
    StretchLink {
        /// For the report.
        job: JobId,
        /// The code.
        code: LinkCode,
    },
    /// Do this work with a password off the engine's thread, then report [`Input::Password`].
    Password {
        /// For the report.
        job: JobId,
        /// The work.
        work: PasswordWork,
    },
    /// Look how the profile is locked, or change it, off the engine's thread; then report
    /// [`Input::Locked`].
    Lock {
        /// For the report.
        job: JobId,
        /// The change; none only looks.
        change: Option<Box<LockChange>>,
    },
}
