//! A member of Parlor rooms: the engine, the network, the local store and the handle to them.
//!
//! See `docs/architecture.md`.

#![forbid(unsafe_code)]

mod command;
pub mod doctor;
mod error;
mod event;
mod handle;
pub mod net;

pub use command::{Command, CommandId, CommandResult, Reply};
pub use error::CommandError;
pub use event::{
    Connection, Delivery, Event, JoinStage, Member, Message, MessageBody, Order, Peer, Problem, Profile, Reaction,
    RoomSummary, SyncState,
};
pub use handle::{NodeHandle, Subscription};
