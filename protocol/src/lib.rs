//! The words and the locks of Parlor: codes, keys, entries, logs, epochs, sessions, wire codec.
//!
//! Nothing in this crate does IO, reads a clock or spawns a task: time and randomness are
//! arguments. It builds for the browser as it is. The construction is explained in
//! `docs/CRYPT.md`, the folders in `docs/architecture.md`.

#![forbid(unsafe_code)]

pub mod access;
pub mod account;
pub mod card;
pub mod code;
pub mod codec;
pub mod content;
mod derive;
pub mod entry;
pub mod epoch;
pub mod error;
pub mod guard;
pub mod hedge;
mod hlc;
mod ids;
pub mod keys;
pub mod limits;
pub mod link;
pub mod log;
pub mod lookalike;
pub mod noise;
mod policy;
pub mod rate;
pub mod rules;
pub mod safety;
pub mod session;
pub mod signal;
pub mod stretch;
mod text;
pub mod wire;

pub use code::RoomCode;
pub use derive::store_key;
pub use hlc::Hlc;
pub use ids::{DeviceId, DoorId, DoorKey, EntryId, EpochId, Locator, LogId, LogKey, OwnId, RoomId, TopicId, UserId};
pub use link::LinkCode;
pub use policy::{HistoryPolicy, Role};
pub use text::{Name, Text, looks_like_id};
