//! What one device of a person hands to another, and what it takes.
//!
//! Owners of a room may remove one device of a person whose other devices stay. Those must not bring
//! it back by the way: between two devices nothing passes of a room from which either of them was
//! removed, and a device keeps no newer keys of a room from which it was removed itself. Each bundle
//! says which devices those are, so that keys never travel without that. See `docs/CRYPT.md`, "Own
//! devices".

use parlor_protocol::{DeviceId, RoomId, entry::Entry, epoch::EpochRecord};

use super::label_of;
use crate::engine::{
    Engine,
    account::{AccountBundle, Stamped},
};

impl Engine {
    /// What another device of the person is handed of all that this one knows.
    pub(super) fn bundle_between(&mut self, other: DeviceId) -> AccountBundle {
        let bundle = self.renew_bundle();
        self.cut_to(other, bundle)
    }

    /// Cuts a bundle to what another device of the person may have of it.
    pub(super) fn cut_to(&self, other: DeviceId, mut bundle: AccountBundle) -> AccountBundle {
        let me = self.me();
        bundle.rooms.retain(|id, shared| !shared.is_out(me) && !shared.is_out(other) && !self.is_out_of(other, *id));
        for (id, shared) in &mut bundle.rooms {
            // Right after joining nobody knows yet whom the owners removed. All keys or none: with an old
            // one alone a new device would be shut out.
            if self.rooms.get(id).is_some_and(|room| !room.membership.is_settled()) {
                shared.epochs.clear();
            }
        }
        bundle
    }

    /// Leaves out of what came what this device may not have, whoever told it.
    pub(in crate::engine) fn leave_out(&self, theirs: &mut AccountBundle) {
        let me = self.me();
        let rooms = theirs.rooms.iter_mut();
        for (_, shared) in rooms.filter(|(id, shared)| shared.is_out(me) || self.is_out_of(me, **id)) {
            shared.epochs.clear();
            shared.name = Stamped::default();
        }
    }

    /// Leaves out of what a device told what it has no say in any more.
    pub(super) fn leave_out_of(&self, from: DeviceId, theirs: &mut AccountBundle) {
        theirs.rooms.retain(|id, _| !self.is_out_of(from, *id));
    }

    /// Whether owners removed a device of the person from a room, as far as this one knows.
    fn is_out_of(&self, device: DeviceId, room: RoomId) -> bool {
        let shared = self.person.bundle.as_ref().and_then(|bundle| bundle.rooms.get(&room));
        self.rooms.get(&room).is_some_and(|known| known.membership.rules().graph().is_removed(device))
            || shared.is_some_and(|shared| shared.is_out(device))
    }

    /// New records of epochs may remove own devices: the others note it, and the person is told what
    /// that does not do.
    pub(in crate::engine) fn note_removals(&mut self, room_id: RoomId, new: &[Entry]) {
        let records = new.iter().filter_map(|entry| EpochRecord::decode(entry.body()).ok());
        let removals: Vec<_> = records.filter(|record| !record.removed.is_empty()).collect();
        let (me, user) = (self.me(), self.user_id_in(room_id));
        let Some(bundle) = self.person.bundle.as_ref().filter(|_| !removals.is_empty()) else { return };
        let is_out = |device: &DeviceId| self.is_out_of(*device, room_id);
        let is_news = |device: &DeviceId| {
            *device != me
                && bundle.devices.contains_key(device)
                && !bundle.revoked.contains_key(device)
                && is_out(device)
        };
        let by_others = removals.iter().filter(|record| record.owner.user != user);
        let told: Vec<_> = match is_out(&me) {
            true => Vec::new(),
            false => by_others.flat_map(|record| &record.removed).copied().filter(is_news).collect(),
        };
        let labels: Vec<_> = told
            .into_iter()
            .map(|device| {
                let label = bundle.devices.get(&device).map(|note| note.value.label.clone()).unwrap_or_default();
                label_of(&label, device)
            })
            .collect();
        self.renew_bundle();
        let name = self.rooms.get(&room_id).map(|room| room.record.name.clone()).unwrap_or_default();
        for label in labels {
            self.problem(
                format!("an owner of {name} removed your device {label} from the room"),
                "Your other devices tell it nothing more of that room. If you do not have it any more, revoke it in the \
                 list of your devices: while it is signed in to your account it can still read the room's keys there.",
            );
        }
    }
}
