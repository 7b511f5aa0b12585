//! The devices of this profile's person: listed and named, a new one linked by a code, a lost one
//! revoked, and all of them agreeing when they meet.
//!
//! Nobody needs an account or an archive for it. See `docs/CRYPT.md`, "Linking a device" and "Own
//! devices".

mod agreeing;
mod handing;
mod linking;
mod revoking;
mod telling;

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, Name,
    wire::{Answer, Request},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Engine,
    account::Stamped,
    io::{CallId, JobId, Output},
};
use crate::{
    command::{DeviceCommand, OwnDevice, Reply},
    error::CommandError,
    event::Event,
    net::{NetCommand, RequestId},
};
pub(super) use linking::Linked;
use linking::{Link, Offer};

/// Everything about the person's devices that is under way.
#[derive(Debug, Default)]
pub(super) struct Devices {
    /// A code that a new device may be linked with.
    offer: Option<Offer>,
    /// This device is being linked.
    link: Option<Link>,
    /// Requests to other devices.
    pub(super) asked: HashMap<RequestId, DeviceAsked>,
    /// Devices that were given everything and have said nothing of themselves yet, and up to when that is
    /// waited for.
    silent: BTreeMap<DeviceId, u64>,
    /// Devices that are being asked what is new, and whether to ask once more.
    asking: BTreeSet<DeviceId>,
    ask_again: BTreeSet<DeviceId>,
    /// What was last told apart when a device asked: the digests of this device and of that one.
    compared: BTreeMap<DeviceId, ([u8; 32], Vec<u8>)>,
}

/// What a request to a device was about.
#[derive(Clone, Copy, Debug)]
pub(super) enum DeviceAsked {
    /// Being linked.
    Link {
        /// The asked device.
        peer: DeviceId,
        /// The attempt: what comes when it is over is not for the next one.
        job: JobId,
    },
    /// What is new.
    Own {
        /// The asked device.
        peer: DeviceId,
    },
}

impl DeviceAsked {
    /// The asked device.
    pub(super) const fn peer(self) -> DeviceId {
        match self {
            Self::Link { peer, .. } | Self::Own { peer } => peer,
        }
    }
}

impl Engine {
    /// What a person asks about the own devices.
    pub(super) fn on_device_command(&mut self, call: CallId, command: DeviceCommand) {
        match command {
            DeviceCommand::List => {
                let devices = self.own_devices();
                self.reply(Some(call), Ok(Reply::Devices(devices)));
            }
            DeviceCommand::Offer { label } => self.offer_link(call, label),
            DeviceCommand::CancelOffer => {
                self.end_offer(CommandError::Cancelled);
                self.reply(Some(call), Ok(Reply::Done));
            }
            DeviceCommand::Link { code, label } => self.link_by(call, code, label),
            DeviceCommand::CancelLink => {
                self.fail_link(CommandError::Cancelled);
                self.reply(Some(call), Ok(Reply::Done));
            }
            DeviceCommand::Revoke { device } => self.revoke_device(call, device),
            DeviceCommand::Rename { device, label } => self.rename_device(call, device, &label),
        }
    }

    /// The person's devices, this one first.
    pub(super) fn own_devices(&self) -> Vec<OwnDevice> {
        let (bundle, me) = (self.bundle_now(), self.me());
        let shown = bundle.devices.iter().map(|(device, note)| {
            let device = *device;
            let seen = self.contacts.iter().find_map(|contact| contact.device(device));
            let is_in = |room: &&super::room::Room| {
                device == me && !room.record.request || room.membership.members.contains_key(&device)
            };
            OwnDevice {
                device,
                label: label_of(&note.value.label, device),
                created: note.value.created,
                last_seen: seen.map(|known| known.last_seen),
                own: device == me,
                online: device == me || self.connections.is_connected(device),
                signed_in: note.value.signed_in,
                revoked: bundle.revoked.get(&device).copied(),
                rooms: self.rooms.values().filter(is_in).map(super::room::Room::id).collect(),
            }
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by_key(|known| (!known.own, known.revoked.is_some(), known.created, known.device));
        shown
    }

    /// Other devices of the person, as far as they are known and were not revoked.
    pub(super) fn other_devices(&self) -> Vec<DeviceId> {
        let Some(bundle) = &self.person.bundle else { return Vec::new() };
        let me = self.me();
        let others = bundle.devices.keys().filter(|device| **device != me && !bundle.revoked.contains_key(*device));
        others.copied().collect()
    }

    fn rename_device(&mut self, call: CallId, device: DeviceId, label: &Name) {
        let mut bundle = self.renew_bundle();
        let Some(note) = bundle.devices.get_mut(&device) else {
            return self.fail(call, CommandError::NoSuchDevice);
        };
        let stamp = self.stamp_after(note.stamp);
        let mut value = note.value.clone();
        label.as_str().clone_into(&mut value.label);
        *note = Stamped::new(value, stamp);
        self.person.bundle = Some(bundle);
        self.save_person();
        self.touch_vault();
        self.event(Event::DevicesChanged);
        self.reply(Some(call), Ok(Reply::Done));
    }

    /// A peer came: it may be one of the own devices, or the one that offers to link this one.
    pub(super) fn device_met(&mut self, peer: DeviceId) {
        if self.other_devices().contains(&peer) {
            self.agree_with(peer);
        }
        self.check_link();
    }

    /// A peer went: what it was asked is asked again when it is back.
    pub(super) fn device_left(&mut self, peer: DeviceId) {
        self.devices.asking.remove(&peer);
        self.devices.ask_again.remove(&peer);
        self.devices.compared.remove(&peer);
        if let Some(link) = self.devices.link.as_mut() {
            link.forget(peer);
        }
    }

    fn ask_device(&mut self, asked: DeviceAsked, request: &Request) {
        let Ok(bytes) = request.encode() else { return };
        let id = RequestId(self.number());
        self.devices.asked.insert(id, asked);
        self.out.push(Output::Net(NetCommand::Request { id, peer: asked.peer(), bytes: Bytes::from(bytes) }));
    }

    /// A device's answer, or none when it was lost.
    pub(super) fn on_device_answer(&mut self, asked: DeviceAsked, from: DeviceId, bytes: Option<&Bytes>) {
        let answer = bytes.and_then(|bytes| Answer::decode(bytes).ok());
        match asked {
            DeviceAsked::Link { job, .. } => self.on_link_answer(job, from, answer),
            DeviceAsked::Own { .. } => self.on_own_answer(from, answer),
        }
    }
}

/// What a device is called: a short id until it has a name.
fn label_of(label: &str, device: DeviceId) -> String {
    if label.is_empty() { device.short() } else { label.to_owned() }
}
