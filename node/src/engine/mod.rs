//! The heart of a node: a state machine without IO.
//!
//! It takes an [`Input`] and the time and returns [`Output`]s; it never waits, reads a clock,
//! touches a socket or a file. The shell (`crate::actor`) carries out the outputs. Because of
//! that whole networks of engines run in one test thread on virtual time.

pub mod account;
mod archives;
mod archiving;
mod commands;
mod connection;
mod consequences;
mod contacts;
mod devices;
mod direct;
mod doors;
mod early;
#[expect(clippy::module_inception, reason = "the table of inputs; the module is its concerns")]
mod engine;
mod entering;
mod epochs;
mod fetching;
mod forks;
mod founding;
mod gossip_runs;
mod governing;
mod hello;
mod intake;
mod io;
mod join;
mod known;
mod leaving;
mod listing;
mod locking;
mod logs;
mod membership;
mod moderating;
mod peer_room;
mod people;
mod prekeys;
mod presence;
mod progress;
mod publishing;
mod rates;
mod requests;
mod reserving;
mod room;
mod sealing;
mod sending;
mod serve;
mod steps;
mod sync;
mod telling;
mod timeline;
mod timers;
mod uniting;
mod unsaved;
mod vanishing;
mod visits;
mod wraps;
mod writing;

pub use engine::Engine;
pub use io::{CallId, Input, JobId, Now, Output, ReadId, WriteId};
