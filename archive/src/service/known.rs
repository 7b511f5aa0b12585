//! Who is no stranger to an archive: devices that write in rooms which are kept here, and devices that are
//! signed in. The network gives them places that strangers cannot take.
//!
//! Whoever may register a room makes its own devices known, and keys cost nothing. So the oldest rooms come
//! first, and where there are too many whoever was known first stays (`parlor_node::net`, known devices).

use parlor_node::net::{KNOWN_BATCH, NetCommand};
use parlor_protocol::{DeviceId, RoomId};
use std::collections::{BTreeSet, HashSet};

use super::{Service, room::RoomState};

/// Most devices that are known.
pub(super) const KNOWN_MAX: usize = 65_536;

/// Who is known.
#[derive(Debug, Default)]
pub(super) struct Known {
    told: HashSet<DeviceId>,
    /// Known because they are signed in, whatever rooms they are in.
    signed_in: HashSet<DeviceId>,
}

impl<W> RoomState<W> {
    /// Who writes in the room, and who wrote there and is no member any more.
    fn authors(&self) -> (BTreeSet<DeviceId>, BTreeSet<DeviceId>) {
        self.heights().keys().map(|log| log.author).partition(|device| self.is_member(*device))
    }

    /// Everybody who wrote in the room.
    pub(super) fn devices(&self) -> BTreeSet<DeviceId> {
        self.heights().keys().map(|log| log.author).collect()
    }
}

impl Service {
    /// Devices are known from now on.
    pub(super) async fn know(&mut self, devices: impl IntoIterator<Item = DeviceId>) {
        let mut new = Vec::new();
        for device in devices {
            if self.known.told.len() < KNOWN_MAX && self.known.told.insert(device) {
                new.push(device);
            }
        }
        for some in new.chunks(KNOWN_BATCH) {
            self.tell(NetCommand::Know(some.to_vec())).await;
        }
    }

    /// Devices that are signed in are known from now on.
    pub(super) async fn know_signed_in(&mut self, devices: Vec<DeviceId>) {
        let places = KNOWN_MAX.saturating_sub(self.known.signed_in.len());
        self.known.signed_in.extend(devices.iter().take(places).copied());
        self.know(devices).await;
    }

    /// A device is not signed in any more.
    pub(super) async fn forget_signed_in(&mut self, device: DeviceId) {
        if self.known.signed_in.remove(&device) {
            self.forget([device]).await;
        }
    }

    /// The members of a room who write there are known, and whoever is no member any more is a stranger.
    pub(super) async fn know_room(&mut self, room: RoomId) {
        let Some((members, others)) = self.rooms.get(&room).map(RoomState::authors) else { return };
        self.know(members).await;
        self.forget(others).await;
    }

    /// Devices that are members of no room and not signed in are strangers from now on.
    pub(super) async fn forget(&mut self, devices: impl IntoIterator<Item = DeviceId>) {
        let is_elsewhere = |device: &DeviceId| {
            self.known.signed_in.contains(device)
                || self.rooms.values().any(|room| room.is_member(*device) && room.authors().0.contains(device))
        };
        let gone: Vec<_> =
            devices.into_iter().filter(|device| self.known.told.contains(device) && !is_elsewhere(device)).collect();
        for device in &gone {
            self.known.told.remove(device);
        }
        for some in gone.chunks(KNOWN_BATCH) {
            self.tell(NetCommand::Forget(some.to_vec())).await;
        }
    }
}
