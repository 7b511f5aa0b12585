//! The lock of what a browser keeps. A page that keeps nothing has none.

use super::{LockChange, LockKind};
use crate::{
    engine::JobId,
    runtime::{self, Heavy},
    store::web,
};

/// Looks after the lock of a profile while its node runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockKeeper {
    /// Whether the browser keeps the profile.
    pub(crate) is_kept: bool,
}

impl LockKeeper {
    /// Starts a change, or a look, that ends with how the profile is locked then.
    pub(crate) fn start(&self, job: JobId, change: Option<LockChange>) -> Heavy<(JobId, Result<LockKind, String>)> {
        if self.is_kept {
            return runtime::later(async move { (job, web::change_lock(change).await) });
        }
        let nothing = "this page keeps nothing, so there is nothing to lock; close it when you go";
        runtime::heavy(move || (job, Err(nothing.to_owned())))
    }
}
