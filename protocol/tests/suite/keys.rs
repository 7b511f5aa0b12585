//! Keys from outside, cards and prekeys.

use crate::fixtures::{Device, altered};
use curve25519_dalek::constants::EIGHT_TORSION;
use parlor_protocol::{
    card::{DeviceCard, Prekey},
    error::KeyError,
    keys::{DeviceKey, DhPublic, Secret, Verifier},
};

fn bytes32(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap();
    std::array::from_fn(byte)
}

/// The X25519 u-coordinates of small order, canonical and not, after
/// <https://cr.yp.to/ecdh.html#validate>; the ones on the twist included.
const SMALL_ORDER: [&str; 12] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
    "4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7",
    "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn x25519_keys_of_small_order_are_refused_in_every_encoding() {
    for hex in &SMALL_ORDER[..7] {
        // X25519 ignores the top bit (RFC 7748), so each has a second spelling.
        let mut key = bytes32(hex);
        assert_eq!(DhPublic::new(key), Err(KeyError::WeakPoint), "{hex}");
        key[31] |= 0x80;
        assert_eq!(DhPublic::new(key), Err(KeyError::WeakPoint), "{hex} with the top bit");
        assert!(serde_json::from_str::<DhPublic>(&format!("{key:?}")).is_err(), "and not by way of serde");
    }
}

#[test]
fn the_rest_of_the_well_known_list_is_of_small_order_only_without_the_masked_bit() {
    // These five are 2p-1, 2p, 2p+1 and two sums with p. With the top bit masked, as RFC 7748 demands, they
    // are other, good points: what counts is that the result of a key exchange is never zero.
    for hex in &SMALL_ORDER[7..] {
        let Ok(key) = DhPublic::new(bytes32(hex)) else { continue };
        let shared =
            x25519_dalek::StaticSecret::from([9; 32]).diffie_hellman(&x25519_dalek::PublicKey::from(*key.as_bytes()));
        assert!(shared.was_contributory(), "{hex}");
    }
}

#[test]
fn good_x25519_keys_pass() {
    for seed in 0..32 {
        let public = Device::new(seed).noise.public();
        assert_eq!(DhPublic::new(*public.as_bytes()), Ok(public));
    }
}

#[test]
fn signing_keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        let mut key = point.compress().to_bytes();
        assert_eq!(Verifier::new(&key).err(), Some(KeyError::WeakPoint));
        key[31] ^= 0x80;
        assert_eq!(Verifier::new(&key).err(), Some(KeyError::WeakPoint), "other sign");
    }
    // y = 1 and y = -1, written as p + 1 and 2^255 - 1 - 18: not canonical.
    for first in [0xee, 0xed, 0xec] {
        let mut key = [0xff; 32];
        (key[0], key[31]) = (first, 0x7f);
        assert_eq!(Verifier::new(&key).err(), Some(KeyError::WeakPoint), "{first:x}");
    }
    assert_eq!(Verifier::new(&[2; 32]).err(), Some(KeyError::WeakPoint), "no point at all");
    assert!(Verifier::new(Device::new(1).id().as_bytes()).is_ok());
}

#[test]
fn a_device_key_comes_back_from_its_seed() {
    let key = Device::new(4).key;
    assert_eq!(DeviceKey::from_seed(&Secret::from_bytes(*key.seed())).id(), key.id());
}

#[test]
fn cards_and_prekeys_hold_until_anything_in_them_is_altered() {
    let device = Device::new(1);
    let (card, prekey, other) = (device.card(), device.signed_prekey(), Device::new(2));
    assert_eq!(card.check(), Ok(()));
    assert_eq!(prekey.check(), Ok(()));
    let altered_cards = [
        altered(&card, |card| card.user = other.user.id()),
        altered(&card, |card| card.device = other.id()),
        altered(&card, |card| card.noise = other.noise.public()),
        altered(&card, |card| card.created += 1),
    ];
    assert!(altered_cards.iter().all(|card| card.check() == Err(KeyError::BadSignature)));
    let altered_prekeys = [
        altered(&prekey, |prekey| prekey.device = other.id()),
        altered(&prekey, |prekey| prekey.public = other.prekey.public()),
        altered(&prekey, |prekey| prekey.created = 0),
    ];
    assert!(altered_prekeys.iter().all(|prekey| prekey.check() == Err(KeyError::BadSignature)));
}

#[test]
fn a_card_needs_both_signatures() {
    // A device cannot put itself under a user who did not sign it, nor a user claim a device.
    let (thief, victim) = (Device::new(1), Device::new(2));
    let claimed = DeviceCard::sign(&thief.user, &victim.key, victim.noise.public(), 1);
    assert_eq!(altered(&claimed, |card| card.user = victim.user.id()).check(), Err(KeyError::BadSignature));
    assert_eq!(altered(&claimed, |card| card.device = thief.id()).check(), Err(KeyError::BadSignature));
}

#[test]
fn cards_come_back_and_every_changed_byte_is_noticed() {
    let card = Device::new(3).card();
    let json = serde_json::to_vec(&card).unwrap();
    let back: DeviceCard = serde_json::from_slice(&json).unwrap();
    assert_eq!(back, card);
    let prekey = Device::new(3).signed_prekey();
    let back: Prekey = serde_json::from_slice(&serde_json::to_vec(&prekey).unwrap()).unwrap();
    assert_eq!(back, prekey);
}
