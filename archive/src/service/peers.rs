//! Who is connected, from where, and whether it is known here: in a room that is kept, or signed in.

use parlor_protocol::{
    DeviceId,
    account::{AccountAnswer, AccountRefusal, AccountRequest},
};
use std::{collections::HashMap, net::IpAddr};

use super::rates::Asker;
use crate::source::Source;

/// One connected peer.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    source: Source,
    is_member: bool,
    is_signed_in: bool,
}

/// All connected peers.
#[derive(Debug, Default)]
pub(super) struct Peers(HashMap<DeviceId, Peer>);

impl Peers {
    /// A peer is connected; it may be told twice.
    pub(super) fn connected(&mut self, device: DeviceId, remote: Option<IpAddr>) {
        self.0.entry(device).or_default().source = Source::from(remote);
    }

    /// A peer is gone.
    pub(super) fn disconnected(&mut self, device: DeviceId) {
        self.0.remove(&device);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A peer as limits see it.
    pub(super) fn asker(&self, device: DeviceId) -> Asker {
        let Peer { source, is_member, is_signed_in } = self.0.get(&device).copied().unwrap_or_default();
        Asker { device, source, is_known: is_member || is_signed_in, is_signed_in }
    }

    /// A peer was served in a room that it is in.
    pub(super) fn note_member(&mut self, device: DeviceId) {
        if let Some(peer) = self.0.get_mut(&device) {
            peer.is_member = true;
        }
    }

    /// A peer is signed in, or not any more.
    pub(super) fn note_signed_in(&mut self, device: DeviceId, is_signed_in: bool) {
        if let Some(peer) = self.0.get_mut(&device) {
            peer.is_signed_in = is_signed_in;
        }
    }
}

/// What an answer about accounts shows of whether the asking device is signed in; nothing when it shows
/// neither.
pub(super) fn shows_signed_in(asked_to_register: bool, answer: &AccountAnswer) -> Option<bool> {
    match answer {
        AccountAnswer::Status(status) => Some(status.is_some()),
        AccountAnswer::LoggedIn(_)
        | AccountAnswer::Vault(_)
        | AccountAnswer::VaultChanged(_)
        | AccountAnswer::Devices(_) => Some(true),
        AccountAnswer::Done if asked_to_register => Some(true),
        AccountAnswer::Refused(AccountRefusal::NotSignedIn | AccountRefusal::Disabled) => Some(false),
        _ => None,
    }
}

/// Whether a request makes an account when it is done.
pub(super) const fn makes_account(ask: &AccountRequest) -> bool {
    matches!(ask, AccountRequest::FinishRegister { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_known_is_known_for_as_long_as_it_is_connected() {
        let (mut peers, device) = (Peers::default(), DeviceId::from_bytes([1; 32]));
        peers.note_member(device);
        assert!(!peers.asker(device).is_known, "not connected");
        peers.connected(device, None);
        assert!(!peers.asker(device).is_known);
        peers.note_member(device);
        peers.connected(device, Some(IpAddr::from([192, 0, 2, 1])));
        let asker = peers.asker(device);
        assert!(asker.is_known && !asker.is_signed_in);
        assert_eq!(asker.source, Source::from(Some(IpAddr::from([192, 0, 2, 1]))));
        peers.note_signed_in(device, true);
        assert!(peers.asker(device).is_signed_in);
        peers.disconnected(device);
        assert!(!peers.asker(device).is_known);
    }
}
