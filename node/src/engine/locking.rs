//! How the profile is locked: the engine hands the question on and the answer back. It never sees
//! the profile's secret.

use super::{
    Engine,
    io::{CallId, JobId, Output},
};
use crate::{
    command::Reply,
    error::CommandError,
    store::{LockChange, LockKind},
};

/// Questions about the lock that may be under way; each may take a passphrase's stretching.
const LOCKING_MAX: usize = 8;

impl Engine {
    pub(super) fn ask_lock(&mut self, call: CallId, change: Option<Box<LockChange>>) {
        if self.locking.len() >= LOCKING_MAX {
            let what = "the lock is being changed already; try again in a moment".into();
            self.reply(Some(call), Err(CommandError::Invalid { what }));
            return;
        }
        let job = JobId(self.number());
        self.locking.insert(job, call);
        self.out.push(Output::Lock { job, change });
    }

    pub(super) fn on_locked(&mut self, job: JobId, result: Result<LockKind, String>) {
        let call = self.locking.remove(&job);
        self.reply(call, result.map(Reply::Locked).map_err(|reason| CommandError::LockRefused { reason }));
    }

    /// Answers who still waits when the node stops. A change under way ends by itself.
    pub(super) fn leave_locking(&mut self) {
        for call in std::mem::take(&mut self.locking).into_values() {
            self.reply(Some(call), Err(CommandError::Stopped));
        }
    }
}
