//! Taking a lost device out of everything: every room, the account, the circle of the own devices.
//!
//! The device goes on a list that all own devices share. Each of them says so in every room in which
//! the device still is; members heed it at once, and owners, this person among them, remove the device
//! by a change of epoch. Nobody has to do anything, and it is done again until it is done: rooms that
//! are still being read or changed are looked at later (`govern_soon`).

use parlor_protocol::{DeviceId, RoomId, access::Presence, account::AccountRequest, wire::Request};

use crate::{
    command::Reply,
    engine::{Engine, account::AccountBundle, io::CallId, sync::Asked, writing::Pending},
    error::CommandError,
    event::Event,
};

impl Engine {
    /// Revokes one of the own devices, for ever.
    pub(super) fn revoke_device(&mut self, call: CallId, device: DeviceId) {
        let mut bundle = self.renew_bundle();
        let error = match () {
            () if device == self.me() => Some(CommandError::RevokeElsewhere),
            () if bundle.revoked.contains_key(&self.me()) => Some(CommandError::DeviceRevoked),
            () if !bundle.devices.contains_key(&device) => Some(CommandError::NoSuchDevice),
            () => None,
        };
        if let Some(error) = error {
            return self.fail(call, error);
        }
        let at = self.now.wall;
        bundle.revoked.entry(device).or_insert(at);
        self.person.bundle = Some(bundle);
        match self.put_person() {
            Some(write) => self.write(vec![write], Pending::answering(Some(call), Reply::Done)),
            // In the rooms it is said all the same.
            None => self.fail(call, CommandError::VaultFull),
        }
        self.revoke_everywhere();
        self.touch_vault();
        self.event(Event::DevicesChanged);
    }

    /// Whether this very device was revoked by another one of the person.
    fn is_revoked(&self) -> bool {
        let me = self.me();
        self.person.bundle.as_ref().is_some_and(|bundle| bundle.revoked.contains_key(&me))
    }

    /// Another device knew of revocations.
    pub(in crate::engine) fn follow_revoked(&mut self, before: &AccountBundle, after: &AccountBundle) {
        let me = self.me();
        if after.revoked.contains_key(&me) && !before.revoked.contains_key(&me) {
            self.end_offer(CommandError::DeviceRevoked);
            self.problem(
                "this device was revoked by another one of yours: nothing more comes to it, and nothing that it writes \
                 counts",
                "What it has can still be read. If that was not you, somebody has one of your devices: tell the owners \
                 of your rooms, and start anew with an empty data folder.",
            );
        }
        if before.revoked != after.revoked {
            self.revoke_everywhere();
        }
    }

    /// Does everywhere what a revocation asks for.
    fn revoke_everywhere(&mut self) {
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.revoke_in(room);
            // Who owns the room does not wait.
            self.govern(room);
        }
        if let Some(archive) = self.account.record.as_ref().map(|record| record.archive) {
            self.sign_out_revoked(archive);
        }
    }

    /// Has revoked devices signed out of the account.
    pub(in crate::engine) fn sign_out_revoked(&mut self, archive: DeviceId) {
        let is_signed_in = self.account.record.as_ref().is_some_and(|record| record.signed_in);
        if !is_signed_in || self.is_revoked() || !self.connections.is_connected(archive) {
            return;
        }
        let revoked = self.person.bundle.as_ref().map(|bundle| bundle.revoked.keys().copied().collect::<Vec<_>>());
        for device in revoked.unwrap_or_default() {
            // Best said again each time: one that is not signed in is refused, which does no harm.
            let request = Request::Account(AccountRequest::RevokeDevice { device });
            self.ask(archive, &request, Asked::Receipt);
        }
    }

    /// Says in a room which own devices are revoked, where nobody has said so yet.
    pub(in crate::engine) fn revoke_in(&mut self, room_id: RoomId) {
        let Some(bundle) = self.person.bundle.as_ref().filter(|bundle| !bundle.revoked.is_empty()) else { return };
        let me = self.me();
        let Some(room) = self.rooms.get(&room_id).filter(|room| room.is_loaded && !room.record.request) else { return };
        let membership = &room.membership;
        let rules = membership.rules();
        // Also who was sent out itself says so: a thief may have been quicker.
        if membership.current().is_none() || !rules.was_in(me) || rules.graph().is_removed(me) {
            return;
        }
        let may_go_out = |device| matches!(rules.presence(device), Presence::In { .. } | Presence::Left);
        let is_own = |device| rules.own_of(device).is_some_and(|own| self.stands_as(room_id, own));
        let is_due = |device: &&DeviceId| is_own(**device) && may_go_out(**device);
        let due: Vec<_> = bundle.revoked.keys().filter(|device| **device != me).filter(is_due).copied().collect();
        if !due.is_empty() {
            self.send_out(room_id, &due, true, None);
        }
    }
}
