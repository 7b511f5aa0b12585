//! Devices of one person tell each other what they know whenever they meet: rooms, names, decisions
//! about people, devices. Each asks with a digest and gets everything when it differs; both merge, and
//! merging comes to the same on both sides. An account's vault does the same by way of an archive.

use parlor_protocol::{
    DeviceId,
    limits::OWN_ASK_MAX,
    link::{OwnKey, OwnMessage},
    wire::{Answer, Refusal, Request},
};

use super::DeviceAsked;
use crate::engine::{
    Engine,
    account::{AccountBundle, Stamped},
    timers::Timer,
};

/// How long after a change the others are asked, in milliseconds.
const AGREE_AFTER_MS: u64 = 1_000;
/// How often they are asked, in milliseconds.
const AGREE_EVERY_MS: u64 = 30_000;

impl Engine {
    /// Something changed: agrees with the other devices soon.
    pub(in crate::engine) fn agree_soon(&mut self) {
        if !self.other_devices().is_empty() {
            self.timers.set(self.now.mono + AGREE_AFTER_MS, Timer::Agree);
        }
    }

    /// Asks every other device that is here what is new.
    pub(in crate::engine) fn agree(&mut self) {
        let others = self.other_devices();
        if others.is_empty() {
            return;
        }
        let next = self.now.mono + self.jitter(AGREE_EVERY_MS);
        self.timers.set(next, Timer::Agree);
        others.into_iter().for_each(|device| self.agree_with(device));
    }

    pub(super) fn agree_with(&mut self, device: DeviceId) {
        if !self.connections.is_connected(device) {
            return;
        }
        if self.devices.asking.contains(&device) {
            self.devices.ask_again.insert(device);
            return;
        }
        let key = OwnKey::of(&self.identity.user_seed);
        let Ok(contents) = self.bundle_between(device).encode() else { return };
        let (me, digest) = (self.me(), key.digest(&contents));
        let Ok(sealed) = key.seal(OwnMessage::Ask, me, device, &digest, &mut self.rng) else { return };
        debug_assert!(sealed.len() <= OWN_ASK_MAX, "a digest fits");
        self.devices.asking.insert(device);
        self.ask_device(DeviceAsked::Own { peer: device }, &Request::Own(sealed));
    }

    /// Whether a device is one of the person's. The account key alone does not make it one: who stole a
    /// device has that key, also after the device was revoked.
    fn is_own(&self, device: DeviceId) -> bool {
        let Some(bundle) = &self.person.bundle else { return false };
        let is_known = bundle.devices.contains_key(&device) && !bundle.revoked.contains_key(&device);
        // A room may know of a revocation before the device that made it was met.
        let mut rooms = self.rooms.values();
        is_known
            && !rooms.any(|room| {
                room.membership.rules().sent_out_by(device).any(|other| bundle.devices.contains_key(&other))
            })
    }

    /// One of the person's devices asks what is new. Nobody else gets an answer.
    pub(in crate::engine) fn on_own(&mut self, from: DeviceId, sealed: &[u8]) -> Answer {
        if !self.connections.may_look_up(from, self.now.mono) {
            return Answer::Refused(Refusal::Busy { retry_ms: 1_000 });
        }
        let (key, me) = (OwnKey::of(&self.identity.user_seed), self.me());
        let Ok(theirs) = key.open(OwnMessage::Ask, from, me, sealed) else { return Answer::Own(None) };
        let own = self.renew_bundle();
        if own.revoked.contains_key(&from) {
            // It is told that it is out, and nothing else.
            let mut notice = AccountBundle::new(own.user_seed, Stamped::default());
            notice.revoked = own.revoked;
            let contents = notice.encode().unwrap_or_default();
            return Answer::Own(key.seal(OwnMessage::Tell, me, from, &contents, &mut self.rng).ok());
        }
        if !self.is_own(from) {
            return Answer::Own(None);
        }
        let Ok(contents) = self.bundle_between(from).encode() else { return Answer::Own(None) };
        let digest = key.digest(&contents);
        if digest.as_slice() == theirs.as_slice() {
            return Answer::Own(None);
        }
        // It knows something that this device does not, or will in a moment. Where the two stay apart,
        // because one has more than there is place for, asking back at once would never end.
        let compared = Some((digest, theirs.to_vec()));
        if self.devices.compared.get(&from) != compared.as_ref() {
            compared.map(|compared| self.devices.compared.insert(from, compared));
            self.agree_with(from);
        }
        Answer::Own(key.seal(OwnMessage::Tell, me, from, &contents, &mut self.rng).ok())
    }

    /// What another device knows, or nothing new, or nothing at all.
    pub(super) fn on_own_answer(&mut self, from: DeviceId, answer: Option<Answer>) {
        self.devices.asking.remove(&from);
        // It may have been revoked since it was asked.
        if let Some(Answer::Own(Some(sealed))) = answer.filter(|_| self.is_own(from)) {
            let (key, me) = (OwnKey::of(&self.identity.user_seed), self.me());
            let contents = key.open(OwnMessage::Tell, from, me, &sealed).ok();
            if let Some(mut theirs) = contents.and_then(|contents| AccountBundle::decode(&contents).ok()) {
                self.leave_out_of(from, &mut theirs);
                self.take_bundle(theirs);
            }
        }
        if self.devices.ask_again.remove(&from) {
            self.agree_with(from);
        }
    }
}
