//! Who is served. The peer is the key of the connection; nothing that it shows with a request counts.

use super::Rules;
use crate::{
    access::{Presence, wire::NotAdmitted},
    ids::DeviceId,
};

impl Rules {
    /// Whether a peer is served at a time in milliseconds since 1970.
    ///
    /// # Errors
    /// Why it is not.
    pub fn served(&self, peer: DeviceId, now_ms: u64) -> Result<(), NotAdmitted> {
        match self.presence(peer) {
            Presence::In { until } if until.is_past(now_ms, 0) => Err(NotAdmitted::Out),
            Presence::In { .. } => Ok(()),
            Presence::Left | Presence::Lost => Err(NotAdmitted::Out),
            Presence::Removed => Err(NotAdmitted::Removed),
            Presence::ShutOut => Err(NotAdmitted::ShutOut),
            Presence::Unknown => Err(NotAdmitted::Show),
        }
    }

    /// What a device is in the room.
    #[must_use]
    pub fn presence(&self, device: DeviceId) -> Presence {
        let who = self.who();
        who.states.presence(&self.world(), &who.outs, device)
    }

    /// Whether a device is in, visits aside that may be over.
    #[must_use]
    pub fn is_in(&self, device: DeviceId) -> bool {
        !self.graph.is_removed(device) && !self.who().states.counted(device).is_empty()
    }

    /// Whether a device is in at a time in milliseconds since 1970.
    #[must_use]
    pub fn is_in_at(&self, device: DeviceId, now_ms: u64) -> bool {
        self.served(device, now_ms).is_ok()
    }

    /// Whether a device was let in ever, by entries that count or that a going out ended.
    #[must_use]
    pub fn was_in(&self, device: DeviceId) -> bool {
        self.who().kept.lets_in(device)
    }

    /// The devices that are in at a time in milliseconds since 1970.
    pub fn devices_in(&self, now_ms: u64) -> impl Iterator<Item = DeviceId> + '_ {
        self.who().states.devices().filter(move |device| self.is_in_at(*device, now_ms))
    }
}
