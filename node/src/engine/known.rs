//! Who is no stranger to this device: whom the network gives places that strangers cannot take, and whose
//! addresses are remembered.
//!
//! Known are members of own rooms, the person's other devices, the archives that this device uses, and
//! machines remembered from earlier. Keys cost nothing, so nobody becomes known by
//! connecting, being announced, or saying something of itself.

use parlor_protocol::DeviceId;
use std::collections::BTreeSet;

use super::{Engine, io::Output, timers::Timer};
use crate::net::{KNOWN_BATCH, NetCommand};

/// Most devices that are known: all members of the rooms that a person comfortably has.
const KNOWN_MAX: usize = 16_384;
/// How long changes wait for company, in milliseconds.
const TELL_AFTER_MS: u64 = 150;
/// How often strangers are greeted, in milliseconds: whoever asks for nothing for a minute is let go.
const GREET_EVERY_MS: u64 = 40_000;

/// Who is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whom the network was told.
    told: BTreeSet<DeviceId>,
}

impl Engine {
    pub(super) fn is_known(&self, device: DeviceId) -> bool {
        self.known.told.contains(&device)
    }

    /// Somebody is known from this moment on, because it just showed that it is.
    pub(super) fn recognise(&mut self, device: DeviceId) {
        if device != self.me() && self.known.told.len() < KNOWN_MAX && self.known.told.insert(device) {
            self.out.push(Output::Net(NetCommand::Know(vec![device])));
            self.remember_connected(device);
        }
    }

    /// Who is known may have changed.
    pub(super) fn look_at_known(&mut self) {
        self.timers.set(self.now.mono + TELL_AFTER_MS, Timer::Known);
    }

    /// Tells the network who is known now, and who is not any more.
    pub(super) fn tell_known(&mut self) {
        let now = self.known_now();
        let told = std::mem::replace(&mut self.known.told, now);
        let new: Vec<_> = self.known.told.difference(&told).copied().collect();
        let gone: Vec<_> = told.difference(&self.known.told).copied().collect();
        let tell = |devices: &[DeviceId], command: fn(Vec<DeviceId>) -> NetCommand| {
            devices.chunks(KNOWN_BATCH).map(|some| Output::Net(command(some.to_vec()))).collect::<Vec<_>>()
        };
        self.out.extend(tell(&gone, NetCommand::Forget));
        self.out.extend(tell(&new, NetCommand::Know));
        new.into_iter().for_each(|device| self.remember_connected(device));
    }

    fn known_now(&self) -> BTreeSet<DeviceId> {
        let rooms = self.rooms.values().filter(|room| !room.record.request);
        let members = rooms.flat_map(|room| room.membership.members.keys().copied());
        let me = self.me();
        // What is dearer comes first, where there are too many.
        self.other_devices()
            .into_iter()
            .chain(self.chosen_archives())
            .chain(self.connections.remembered())
            .chain(members)
            .filter(|device| *device != me)
            .scan(BTreeSet::new(), |seen, device| {
                Some((seen.len() < KNOWN_MAX && seen.insert(device)).then_some(device))
            })
            .flatten()
            .collect()
    }

    /// Greets strangers that are people's machines again, so that those who are only nearby stay.
    pub(super) fn greet_strangers(&mut self) {
        self.timers.set(self.now.mono + GREET_EVERY_MS, Timer::Greet);
        let strangers: Vec<_> =
            self.connections.members().into_iter().filter(|device| !self.is_known(*device)).collect();
        strangers.into_iter().for_each(|device| self.greet(device));
    }
}
