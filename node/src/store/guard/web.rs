//! The lock of a profile that a page holds in memory: there is none.

use super::{LockChange, LockKind};

/// Looks after nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockKeeper;

impl LockKeeper {
    /// There is nothing to look at and nothing to change.
    pub(crate) fn carry_out(&self, _: Option<LockChange>) -> Result<LockKind, String> {
        Err("this page keeps nothing, so there is nothing to lock; close it to be safe".into())
    }
}
