//! The heart of a node: a state machine without IO.
//!
//! It takes an [`Input`] and the time and returns [`Output`]s; it never waits, reads a clock,
//! touches a socket or a file. The shell (`crate::actor`) carries out the outputs. Because of
//! that whole networks of engines run in one test thread on virtual time.

mod io;

pub use io::{CallId, Input, JobId, Now, Output, ReadId, WriteId};
