//! The local store: what a device keeps on its own disk.
//!
//! `record` has the words, `plan` and `answer` the rules that every store follows, `disk` keeps
//! them in one redb file, `memory` in a map. See `docs/architecture.md`, "The local store".

mod answer;
#[cfg(not(target_arch = "wasm32"))]
mod disk;
mod error;
mod frame;
mod guard;
mod local;
#[cfg(not(target_arch = "wasm32"))]
mod lock;
mod memory;
mod plan;
mod record;
mod rows;
#[cfg(not(target_arch = "wasm32"))]
mod salvage;
#[cfg(not(target_arch = "wasm32"))]
mod tables;
pub(crate) mod task;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "wasm32")]
mod web;

pub use error::StoreError;
pub(crate) use guard::LockKeeper;
pub use guard::{LockChange, LockKind};
pub use local::LocalStore;
pub use memory::MemoryStore;
pub(crate) use record::{ARCHIVES_MAX, PEERS_MAX};
pub use record::{
    AccountRecord, ArchivesRecord, CodeRecord, ContactRecord, EpochKeyRecord, Identity, KnownDevice, Loaded, Mark,
    PeerRecord, PersonRecord, Read, ReadResult, RoomRecord, SecretBytes, StoredEntry, Write,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::WebStore;
#[cfg(target_arch = "wasm32")]
pub use web::{KeepError, forget, is_kept};
#[cfg(not(target_arch = "wasm32"))]
pub use {
    disk::{DiskStore, STORE_FILE},
    guard::{GUARD_FILE, Keychain, MemoryKeychain, SystemKeychain, Unlock, change_lock, lock_kind},
    lock::ProfileLock,
    salvage::{Salvage, repair},
};
