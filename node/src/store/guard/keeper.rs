//! Looks after the lock of a profile while its node runs.

use std::{path::PathBuf, sync::Arc};

use crate::{
    engine::JobId,
    runtime::{self, Heavy},
};

use super::{Keychain, LockChange, LockKind, Unlock, change_lock, lock_kind};

/// Changes the lock of a profile that is open. It does not have the secret.
#[derive(Clone, Debug)]
pub(crate) struct LockKeeper {
    pub(crate) dir: PathBuf,
    pub(crate) keychain: Option<Arc<dyn Keychain>>,
}

impl LockKeeper {
    /// Starts a change, or a look, that ends with how the profile is locked then. Keychains may ask the
    /// person, passphrases are stretched: it takes a while.
    pub(crate) fn start(&self, job: JobId, change: Option<LockChange>) -> Heavy<(JobId, Result<LockKind, String>)> {
        let keeper = self.clone();
        runtime::heavy(move || (job, keeper.carry_out(change)))
    }

    fn carry_out(&self, change: Option<LockChange>) -> Result<LockKind, String> {
        let unlock = Unlock { keychain: self.keychain.clone(), passphrase: None };
        let result = match change {
            Some(change) => change_lock(&self.dir, &unlock, change),
            None => lock_kind(&self.dir).map(|kind| kind.unwrap_or(LockKind::File)),
        };
        result.map_err(|error| error.to_string())
    }
}
