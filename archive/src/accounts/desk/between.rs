//! What is remembered between the steps of a login, and right after it. In memory only: whoever is in
//! the middle of signing in when an archive restarts begins again.

use parlor_protocol::{
    DeviceId,
    account::{Answered, UserName},
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Logins that may be between their steps; more push out the oldest.
const WAITING_MAX: usize = 4_096;
/// How long a login may take, with the asking machine's stretching.
const LOG_IN_WITHIN: Duration = Duration::from_secs(120);
/// How long after a login a password may be changed or an account deleted.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// What is remembered of a device that signs in.
struct Waiting {
    at: Instant,
    /// Between the steps of a login; whether it was counted as a try for the name.
    answered: Option<(Answered, bool)>,
    /// The user that it proved to be.
    proven: Option<(UserName, Instant)>,
}

/// What is remembered of devices that sign in.
#[derive(Default)]
pub(super) struct Between(Mutex<HashMap<DeviceId, Waiting>>);

impl Between {
    /// The first step of a device's login was answered, and counted for the name or not.
    pub(super) fn answered(&self, device: DeviceId, answered: Answered, counted: bool) {
        self.remember(device, |waiting| waiting.answered = Some((answered, counted)));
    }

    /// A device has proven to be a user.
    pub(super) fn has_proven(&self, device: DeviceId, name: UserName) {
        self.remember(device, |waiting| waiting.proven = Some((name, Instant::now())));
    }

    fn remember(&self, device: DeviceId, change: impl FnOnce(&mut Waiting)) {
        let now = Instant::now();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX && !waiting.contains_key(&device) {
            let oldest = waiting.iter().min_by_key(|(_, waiting)| waiting.at).map(|(device, _)| *device);
            oldest.and_then(|device| waiting.remove(&device));
        }
        let entry = waiting.entry(device).or_insert(Waiting { at: now, answered: None, proven: None });
        entry.at = now;
        change(entry);
    }

    /// What the first step was answered with; once.
    pub(super) fn take_answered(&self, device: DeviceId) -> Option<(Answered, bool)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = waiting.get_mut(&device)?;
        let is_late = entry.at.elapsed() > LOG_IN_WITHIN;
        entry.answered.take().filter(|_| !is_late)
    }

    /// The user that a device has just proven to be.
    pub(super) fn proven(&self, device: DeviceId) -> Option<UserName> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let proven = waiting.get(&device).and_then(|waiting| waiting.proven.as_ref());
        proven.filter(|(_, at)| at.elapsed() <= FRESH_FOR).map(|(name, _)| name.clone())
    }

    /// A device was signed out.
    pub(super) fn forget(&self, device: DeviceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&device);
    }
}
