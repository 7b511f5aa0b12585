//! The secret that guards a profile: where it is kept, and how that is changed.
//!
//! `device.key` in the profile's folder leads to it (`parlor_protocol::guard` has the bytes). The
//! secret never changes, so a change replaces that one file, in one step: whoever is killed in the
//! middle of it finds the old lock or the new one. The keychain is given its copy before the file
//! names it, and loses it only while the file still has another way.

#[cfg(not(target_arch = "wasm32"))]
mod change;
#[cfg(not(target_arch = "wasm32"))]
mod file;
#[cfg(not(target_arch = "wasm32"))]
mod keeper;
#[cfg(not(target_arch = "wasm32"))]
mod keychain;
mod kind;
#[cfg(not(target_arch = "wasm32"))]
mod open;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
use super::StoreError;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use keeper::LockKeeper;
pub use kind::{LockChange, LockKind};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::LockKeeper;
#[cfg(not(target_arch = "wasm32"))]
pub use {
    change::change_lock,
    file::GUARD_FILE,
    keychain::{Keychain, MemoryKeychain, SystemKeychain},
    open::{Unlock, lock_kind},
};
#[cfg(not(target_arch = "wasm32"))]
pub(super) use {file::sync_dir, open::load_or_make};
