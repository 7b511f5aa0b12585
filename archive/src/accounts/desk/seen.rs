//! When devices that are signed in were last there, for the list that a person looks at. Kept to the
//! hour, and written at most once an hour for each device: a list of moments would say when somebody
//! is at home, and nobody needs it.

use parlor_protocol::DeviceId;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// How exactly it is kept, in milliseconds.
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Who was noted in this hour already.
#[derive(Default)]
pub(super) struct Seen(Mutex<(u64, HashSet<DeviceId>)>);

impl Seen {
    /// The hour to note a device with, when it was not noted in this hour.
    pub(super) fn to_note(&self, device: DeviceId, now: u64) -> Option<u64> {
        let hour = now - now % HOUR_MS;
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.0 != hour {
            *noted = (hour, HashSet::new());
        }
        noted.1.insert(device).then_some(hour)
    }

    /// A device was signed out; should it come back it is noted anew.
    pub(super) fn forget(&self, device: DeviceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_noted_once_an_hour_and_to_the_hour() {
        let (seen, device) = (Seen::default(), DeviceId::from_bytes([1; 32]));
        assert_eq!(seen.to_note(device, 3 * HOUR_MS + 5), Some(3 * HOUR_MS));
        assert_eq!(seen.to_note(device, 4 * HOUR_MS - 1), None);
        assert_eq!(seen.to_note(device, 4 * HOUR_MS), Some(4 * HOUR_MS));
        seen.forget(device);
        assert_eq!(seen.to_note(device, 4 * HOUR_MS + 1), Some(4 * HOUR_MS));
    }
}
