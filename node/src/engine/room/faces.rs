//! Who the devices of a room are: names, cards, and names that look alike.

use parlor_protocol::{
    DeviceId, Hlc, UserId,
    card::{DeviceCard, Prekey},
    lookalike::Looks,
};

use super::{Room, Viewer};
use crate::{engine::membership::MemberState, event::Warning};

impl Room {
    /// Learns who a device is; false when its card does not belong to it.
    pub(super) fn learn_profile(
        &mut self,
        author: DeviceId,
        name: &str,
        card: Box<DeviceCard>,
        prekey: Box<Prekey>,
        hlc: Hlc,
        viewer: Viewer<'_>,
    ) -> bool {
        // Logs say it again, and the first screenful did before them.
        let is_checked =
            self.membership.known(author).is_some_and(|known| known.card == card && known.prekey == prekey);
        let is_genuine = is_checked || card.check().is_ok() && prekey.check().is_ok();
        let fits = card.device == author && prekey.device == author && is_genuine;
        let fits = fits && self.kind.admits(card.user);
        if !fits {
            return false;
        }
        let role = self.membership.role(card.user);
        let known = self.membership.known(author);
        // What an older log says comes later, and is older all the same.
        let prekey = match known {
            Some(member) if member.prekey.created > prekey.created => member.prekey.clone(),
            _ => prekey,
        };
        let renamed = known.is_none_or(|member| member.name != name);
        let looks = known.filter(|_| !renamed).map_or_else(|| Looks::of(name), |member| member.looks.clone());
        let (verified, blocked) = (viewer.contacts.is_verified(card.user), viewer.contacts.is_blocked(card.user));
        let member = MemberState {
            name: name.to_owned(),
            looks,
            verified,
            blocked,
            joined: known.map_or(hlc.millis(), |member| member.joined),
            role,
            heard: known.and_then(|member| member.heard),
            last_signal: known.map_or_else(|| self.remembered_signal(author, hlc), |member| member.last_signal),
            card,
            prekey,
        };
        let was_alike = self.alike.contains_key(&author) || self.alike.values().any(|user| *user == member.card.user);
        let is_alike = |other: &MemberState| other.card.user != member.card.user && other.looks.like(&member.looks);
        let find = renamed && (was_alike || self.membership.members.values().any(is_alike));
        self.membership.put(author, member);
        if find {
            self.find_alike(viewer.me);
        }
        self.summary_changed = true;
        true
    }

    /// The newest signal of a member as far as this device remembers: replays are older.
    pub(super) fn remembered_signal(&self, author: DeviceId, hlc: Hlc) -> u64 {
        let saved = self.record.signals.iter().find(|(device, _)| *device == author).map_or(0, |(_, at)| *at);
        saved.max(Hlc::default().follow(hlc).millis())
    }

    /// A member's name, or the short form of its id.
    pub(in crate::engine) fn name_of(&self, device: DeviceId) -> String {
        self.membership.known(device).map_or_else(|| device.short(), |member| member.name.clone())
    }

    /// Whether nothing that this device writes is to be shown.
    pub(in crate::engine) fn is_hidden(&self, author: DeviceId) -> bool {
        self.membership.members.get(&author).is_some_and(|member| member.blocked)
    }

    /// Whether another device of the same person was in the room before this one.
    pub(super) fn is_further_device(&self, device: DeviceId, member: &MemberState) -> bool {
        let before = |(other, known): (&DeviceId, &MemberState)| {
            known.card.user == member.card.user && (known.joined, *other) < (member.joined, device)
        };
        self.membership.members.iter().any(before)
    }

    /// Whose name a device's person has taken, so that one could take them for each other.
    pub(in crate::engine) fn looks_like(&self, device: DeviceId) -> Option<Warning> {
        let user = *self.alike.get(&device)?;
        let original = self.membership.members.values().find(|member| member.card.user == user)?;
        Some(Warning::LooksLike { user, name: original.name.clone() })
    }

    /// Finds the people whose names look like that of somebody else. Of two the one is genuine who
    /// is this device's own person, else who was verified, else who was here first.
    pub(super) fn find_alike(&mut self, me: DeviceId) {
        self.alike.clear();
        let members = &self.membership.members;
        let own = members.get(&me).map(|member| member.card.user);
        let rank = |member: &MemberState| {
            let user = member.card.user;
            let joined = members.values().filter(|other| other.card.user == user).map(|other| other.joined).min();
            (own != Some(user), !member.verified, joined, user)
        };
        for (device, member) in members {
            let genuine = members
                .values()
                .filter(|other| other.card.user != member.card.user && other.looks.like(&member.looks))
                .min_by_key(|other| rank(other));
            if let Some(genuine) = genuine.filter(|genuine| rank(genuine) < rank(member)) {
                self.alike.insert(*device, genuine.card.user);
            }
        }
    }

    /// Marks a person as decided; returns the person's devices when that changed something here.
    pub(in crate::engine) fn mark_person(
        &mut self,
        user: UserId,
        verified: bool,
        blocked: bool,
        me: DeviceId,
    ) -> Vec<DeviceId> {
        let mut devices = Vec::new();
        for (device, member) in &mut self.membership.members {
            if member.card.user == user {
                (member.verified, member.blocked) = (verified, blocked);
                devices.push(*device);
            }
        }
        if !devices.is_empty() {
            // Who was verified is the genuine one from now on.
            self.find_alike(me);
            self.summary_changed = true;
        }
        devices
    }
}
