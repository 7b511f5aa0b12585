//! What is remembered between the steps of a login, and right after it. In memory only: whoever is in
//! the middle of signing in when an archive restarts begins again.
//!
//! Places are shared fairly. Where there is none left, the address that has most gives one up, so that
//! whoever comes with many keys pushes out its own logins and not those of people. What somebody has proven
//! lies apart from that: strangers cannot reach it at all.

use parlor_protocol::{
    DeviceId,
    account::{Answered, UserName},
};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::source::Source;

/// Logins that may be between their steps, of all and of one address.
const WAITING_MAX: usize = 4_096;
const OF_ADDRESS_MAX: usize = 512;
/// Devices whose login is fresh, of all and of one user.
const PROVEN_MAX: usize = 4_096;
const OF_USER_MAX: usize = 8;
/// How long a login may take, with the asking machine's stretching.
const LOG_IN_WITHIN: Duration = Duration::from_secs(120);
/// How long after a login passwords and keys may be changed, or an account deleted.
const FRESH_FOR: Duration = Duration::from_secs(300);

/// A login between its steps; whether it was counted as a try for the name.
type Begun = (Answered, bool);

/// Something that belongs to an owner, of whom there are only so many.
struct Held<O, T> {
    owner: O,
    at: Instant,
    what: T,
}

/// At most so many for each device, and shared fairly between owners.
struct Shared<O, T> {
    held: HashMap<DeviceId, Held<O, T>>,
    most: usize,
    of_owner: usize,
    within: Duration,
}

impl<O: Clone + Eq + Hash + Ord, T> Shared<O, T> {
    fn new(most: usize, of_owner: usize, within: Duration) -> Self {
        Self { held: HashMap::new(), most, of_owner, within }
    }

    fn put(&mut self, device: DeviceId, owner: O, what: T, now: Instant) {
        self.held.remove(&device);
        let of_owner = self.held.values().filter(|held| held.owner == owner).count();
        if of_owner >= self.of_owner {
            self.drop_oldest_of(&owner);
        }
        if self.held.len() >= self.most {
            let within = self.within;
            self.held.retain(|_, held| now.saturating_duration_since(held.at) <= within);
        }
        if self.held.len() >= self.most {
            let mut counts = HashMap::<&O, usize>::new();
            self.held.values().for_each(|held| *counts.entry(&held.owner).or_default() += 1);
            let most = counts.into_iter().max_by_key(|(owner, count)| (*count, *owner)).map(|(owner, _)| owner.clone());
            if let Some(owner) = most {
                self.drop_oldest_of(&owner);
            }
        }
        self.held.insert(device, Held { owner, at: now, what });
    }

    fn drop_oldest_of(&mut self, owner: &O) {
        let of_owner = self.held.iter().filter(|(_, held)| held.owner == *owner);
        let oldest = of_owner.min_by_key(|(_, held)| held.at).map(|(device, _)| *device);
        oldest.and_then(|device| self.held.remove(&device));
    }

    fn is_in_time(&self, held: &Held<O, T>, now: Instant) -> bool {
        now.saturating_duration_since(held.at) <= self.within
    }
}

/// What is remembered of devices that sign in.
pub(super) struct Between {
    begun: Mutex<Shared<Source, Begun>>,
    proven: Mutex<Shared<UserName, ()>>,
}

impl Default for Between {
    fn default() -> Self {
        Self {
            begun: Mutex::new(Shared::new(WAITING_MAX, OF_ADDRESS_MAX, LOG_IN_WITHIN)),
            proven: Mutex::new(Shared::new(PROVEN_MAX, OF_USER_MAX, FRESH_FOR)),
        }
    }
}

impl Between {
    /// The first step of a device's login was answered, and counted for the name or not.
    pub(super) fn answered(&self, device: DeviceId, source: Source, answered: Answered, counted: bool) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.put(device, source, (answered, counted), Instant::now());
    }

    /// What the first step was answered with; once.
    pub(super) fn take_answered(&self, device: DeviceId) -> Option<Begun> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let held = begun.held.remove(&device)?;
        begun.is_in_time(&held, Instant::now()).then_some(held.what)
    }

    /// A device has proven to be a user.
    pub(super) fn has_proven(&self, device: DeviceId, name: UserName) {
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).put(device, name, (), Instant::now());
    }

    /// The user that a device has just proven to be, on the connection that it still has.
    pub(super) fn proven(&self, device: DeviceId) -> Option<UserName> {
        let proven = self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        let held = proven.held.get(&device)?;
        proven.is_in_time(held, Instant::now()).then(|| held.owner.clone())
    }

    /// A device was signed out, or its connection is closed.
    pub(super) fn forget(&self, device: DeviceId) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).held.remove(&device);
        self.proven.lock().unwrap_or_else(PoisonError::into_inner).held.remove(&device);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn device(number: usize) -> DeviceId {
        DeviceId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    #[test]
    fn who_comes_with_many_keys_pushes_out_its_own_and_not_those_of_others() {
        let (mut shared, now) = (Shared::new(100, 60, Duration::from_secs(10)), Instant::now());
        shared.put(device(0), "anna", (), now);
        (1..500).for_each(|key| shared.put(device(key), "stranger", (), now));
        assert_eq!(shared.held.len(), 61);
        // Many addresses as well: the one with most gives way, and so the one with one never does.
        for key in 500..1_000 {
            shared.put(device(key), ["b", "c", "d", "e"].get(key % 4).unwrap(), (), now);
        }
        assert_eq!(shared.held.len(), 100);
        assert!(shared.held.contains_key(&device(0)));
    }

    #[test]
    fn what_is_over_makes_room_first() {
        let (mut shared, now) = (Shared::new(3, 3, Duration::from_secs(10)), Instant::now());
        for key in 0..3 {
            shared.put(device(key), key, (), now);
        }
        let later = now + Duration::from_secs(11);
        shared.put(device(3), 0, (), later);
        assert_eq!(shared.held.len(), 1);
    }
}
