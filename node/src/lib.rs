//! A member of Parlor rooms: the engine, the network, the local store and the handle to them.
//!
//! See `docs/architecture.md`.

#![forbid(unsafe_code)]

#[allow(clippy::disallowed_methods, reason = "only the native shell has it")]
mod actor;
mod came;
mod command;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "only the native shell has it")]
pub mod doctor;
pub mod engine;
mod error;
mod event;
mod handle;
#[allow(clippy::disallowed_methods, reason = "only the native shell has it")]
pub mod net;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "only the native shell has it")]
mod node;
#[cfg(not(target_arch = "wasm32"))]
pub mod open_files;
pub mod people;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "only native systems have files")]
pub mod private;
mod runtime;
mod stop;
#[allow(clippy::disallowed_methods, reason = "only the native shell has it")]
pub mod store;
#[cfg(not(target_arch = "wasm32"))]
pub mod unwind;
#[cfg(target_arch = "wasm32")]
mod web;

pub use came::{Came, Visit};
pub use command::{
    AccountCommand, CodeInfo, Command, CommandId, CommandResult, DeviceCommand, OwnDevice, RecoveryWords, Reply,
    RequestAnswer, RoomChange, RoomRulesShown,
};
pub use error::CommandError;
pub use event::{
    AccountDevice, AccountView, Connection, Delivery, Event, JoinStage, Member, Message, MessageBody, Order, Peer,
    Problem, Profile, Reaction, RoomStanding, RoomSummary, SyncState, Warning,
};
pub use handle::{NodeHandle, Subscription};
#[cfg(not(target_arch = "wasm32"))]
pub use node::{DEFAULT_PROFILE, Node, NodeConfig, StartError};
#[cfg(target_arch = "wasm32")]
pub use web::{ArchiveAddress, Node, NodeConfig, StartError, serve_as_worker, stretch_in_workers};
