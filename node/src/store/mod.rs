//! The local store: what a device keeps on its own disk.
//!
//! `record` has the words, `plan` and `answer` the rules that every store follows, `disk` keeps
//! them in one redb file, `memory` in a map. See `docs/architecture.md`, "The local store".

mod answer;
mod disk;
mod error;
mod frame;
mod guard;
mod local;
mod lock;
mod memory;
mod plan;
mod record;
mod salvage;
mod tables;
pub(crate) mod task;
#[cfg(test)]
mod tests;

pub use disk::{DiskStore, STORE_FILE};
pub use error::StoreError;
pub use guard::{
    GUARD_FILE, Keychain, LockChange, LockKind, MemoryKeychain, SystemKeychain, Unlock, change_lock, lock_kind,
};
pub use local::LocalStore;
pub use lock::ProfileLock;
pub use memory::MemoryStore;
pub use record::{
    AccountRecord, CodeRecord, ContactRecord, EpochKeyRecord, Identity, KnownDevice, Loaded, Mark, PeerRecord,
    PersonRecord, Read, ReadResult, RoomRecord, SecretBytes, StoredEntry, Write,
};
pub use salvage::{Salvage, repair};
