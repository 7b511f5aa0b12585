//! Telling the person of new devices, also of one that says nothing of itself: whoever read a code over
//! somebody's shoulder has everything, and would rather not be noticed.

use parlor_protocol::DeviceId;

use super::label_of;
use crate::{
    engine::{
        Engine,
        account::{AccountBundle, DeviceNote, Stamp, Stamped},
        timers::Timer,
    },
    event::Event,
};

/// How long a new device may take to say what it is called, in milliseconds.
const FIRST_WORD_MS: u64 = 10_000;

/// Whether a device has said something of itself. One that was given everything has not before its
/// first word.
fn spoke(note: &Stamped<DeviceNote>) -> bool {
    note.stamp != Stamp::default()
}

impl Engine {
    /// What another device knew is known here now: tells people of new devices and changed ones.
    pub(in crate::engine) fn tell_devices(&mut self, before: &AccountBundle, after: &AccountBundle) {
        let me = self.me();
        for (device, note) in after.devices.iter().filter(|(device, _)| **device != me) {
            let known = before.devices.get(device);
            if spoke(note) && !known.is_some_and(spoke) {
                self.devices.silent.remove(device);
                let label = label_of(&note.value.label, *device);
                self.event(Event::DeviceLinked { device: *device, label });
            } else if known.is_none() {
                self.await_word(*device);
            }
        }
        if (&before.devices, &before.revoked) != (&after.devices, &after.revoked) {
            self.event(Event::DevicesChanged);
        }
    }

    /// A device has everything now: it is told of when it says what it is called, or soon at any rate.
    pub(super) fn await_word(&mut self, device: DeviceId) {
        let until = self.now.mono + FIRST_WORD_MS;
        self.devices.silent.entry(device).or_insert(until);
        self.timers.set(until, Timer::FirstWord);
    }

    /// Tells of devices that have said nothing for long enough.
    pub(in crate::engine) fn tell_silent(&mut self) {
        let now = self.now.mono;
        let due = self.devices.silent.iter().filter(|(_, until)| **until <= now);
        let due: Vec<_> = due.map(|(device, _)| *device).collect();
        for device in due {
            self.devices.silent.remove(&device);
            let Some(bundle) = self.person.bundle.as_ref().filter(|known| !known.revoked.contains_key(&device)) else {
                continue;
            };
            let label = bundle.devices.get(&device).map(|note| note.value.label.clone()).unwrap_or_default();
            self.event(Event::DeviceLinked { device, label: label_of(&label, device) });
        }
        if let Some(next) = self.devices.silent.values().min().copied() {
            self.timers.set(next, Timer::FirstWord);
        }
    }
}
