//! Device ids and libp2p peer ids are the same 32 bytes in different wrappings.

use libp2p::{
    PeerId,
    identity::{Keypair, PublicKey, ed25519},
};
use parlor_protocol::DeviceId;

use super::error::NetError;

/// What stands before the 32 key bytes in the peer id of an Ed25519 key: identity multihash of
/// 36 bytes, then the protobuf fields "key type = Ed25519" and "32 bytes of key".
const ED25519_PEER_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The peer id of a device. `None` when the bytes are not an Ed25519 public key.
#[must_use]
pub fn peer_of(device: &DeviceId) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(device.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// The device behind a peer id. `None` for keys of another kind, which Parlor does not use.
#[must_use]
pub fn device_of(peer: &PeerId) -> Option<DeviceId> {
    let bytes = peer.to_bytes();
    let key = bytes.strip_prefix(&ED25519_PEER_PREFIX)?;
    Some(DeviceId::from_bytes(key.try_into().ok()?))
}

/// The libp2p key pair of a device. The seed is copied and the copy is wiped.
pub(super) fn keypair(seed: &[u8; 32]) -> Result<Keypair, NetError> {
    let mut copy = zeroize::Zeroizing::new(*seed);
    Keypair::ed25519_from_bytes(copy.as_mut_slice()).map_err(|error| NetError::Setup { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_id_survives_the_way_to_a_peer_id_and_back() {
        for seed in 0..20 {
            let peer = keypair(&[seed; 32]).unwrap().public().to_peer_id();
            let device = device_of(&peer).unwrap();
            assert_eq!(peer_of(&device), Some(peer));
        }
    }

    #[test]
    fn a_peer_id_that_is_no_ed25519_key_is_no_device() {
        // A hashed (SHA-256) peer id, as RSA keys have.
        let peer: PeerId = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".parse().unwrap();
        assert_eq!(device_of(&peer), None);
    }
}
