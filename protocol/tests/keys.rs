//! Keys: unsafe points are refused in every encoding, and secrets never show.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    card::{DeviceCard, Prekey, UserKey},
    codec,
    error::KeyError,
    keys::{DeviceKey, DhPublic, DhSecret, Secret, Sig, Verifier},
    store_key,
};
use proptest::prelude::*;
use support::{Device, changed, flipped, rng};

fn unhex(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

/// All u-coordinates of small order on Curve25519 and its twist (cr.yp.to/ecdh.html), without
/// the top bit, which X25519 ignores.
const SMALL_ORDER_X25519: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    // p - 1, p and p + 1; the latter two are 0 and 1 written the long way.
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// Points of small order on Ed25519, non-canonical encodings included (Chalkias et al., 2020).
const SMALL_ORDER_ED25519: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

#[test]
fn x25519_points_of_small_order_are_refused_in_every_encoding() {
    for text in SMALL_ORDER_X25519 {
        let mut bytes = unhex(text);
        assert_eq!(DhPublic::new(bytes), Err(KeyError::WeakPoint), "{text}");
        bytes[31] |= 0x80;
        assert_eq!(DhPublic::new(bytes), Err(KeyError::WeakPoint), "{text} with the top bit");
    }
}

#[test]
fn x25519_points_of_small_order_are_refused_when_decoded() {
    for text in SMALL_ORDER_X25519 {
        let bytes = codec::encode(&unhex(text), 64).unwrap();
        assert!(codec::decode::<DhPublic>(&bytes, 64, "key").is_err(), "{text}");
    }
    let good = DhSecret::random(&mut rng(1)).public();
    let bytes = codec::encode(&good, 64).unwrap();
    assert_eq!(codec::decode::<DhPublic>(&bytes, 64, "key").unwrap(), good);
}

#[test]
fn ed25519_points_of_small_order_are_refused() {
    for text in SMALL_ORDER_ED25519 {
        assert_eq!(Verifier::new(&unhex(text)).err(), Some(KeyError::WeakPoint), "{text}");
    }
}

#[test]
fn bytes_that_are_no_point_are_refused() {
    // y = 2 has no x on the curve.
    let mut bytes = [0; 32];
    bytes[0] = 2;
    assert_eq!(Verifier::new(&bytes).err(), Some(KeyError::WeakPoint));
}

#[test]
fn debug_output_shows_no_secret() {
    let secret = Secret::from_bytes([0x5a; 32]);
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    let dh = DhSecret::random(&mut rng(2));
    assert_eq!(format!("{dh:?}"), "DhSecret(Secret(..))");
    let key = DeviceKey::from_seed(&secret);
    assert_eq!(format!("{key:?}"), format!("DeviceKey({})", key.id().short()));
    let user = UserKey::from_seed(&secret);
    assert_eq!(format!("{user:?}"), format!("UserKey({})", user.id().short()));
    assert_eq!(format!("{:?}", Sig([0x5a; 64])), "Sig(5a5a5a5a)");
}

#[test]
fn a_key_comes_back_from_its_seed() {
    let key = DeviceKey::random(&mut rng(3));
    assert_eq!(DeviceKey::from_seed(&Secret::from_bytes(*key.seed())).id(), key.id());
    assert_ne!(*store_key(&[1; 32]), *store_key(&[2; 32]));
    assert_ne!(*store_key(&[1; 32]), [1; 32]);
}

#[test]
fn a_card_holds_for_its_user_device_key_and_time_only() {
    let (one, two) = (Device::new(&mut rng(4)), Device::new(&mut rng(5)));
    let card = one.card();
    card.check().unwrap();
    for altered in [
        changed(&card, |it| it.user = two.user.id()),
        changed(&card, |it| it.device = two.id()),
        changed(&card, |it| it.noise = two.noise.public()),
        changed(&card, |it| it.created = card.created + 1),
    ] {
        assert!(altered.check().is_err(), "{altered:?}");
    }
}

#[test]
fn nobody_can_claim_the_device_of_somebody_else() {
    let (one, two) = (Device::new(&mut rng(6)), Device::new(&mut rng(7)));
    // Signed by the wrong device key, then presented as the other's.
    let card = DeviceCard::sign(&two.user, &two.key, two.noise.public(), 1);
    assert_eq!(changed(&card, |it| it.device = one.id()).check(), Err(KeyError::BadSignature));
}

#[test]
fn a_prekey_holds_for_its_device_key_and_time_only() {
    let (one, two) = (Device::new(&mut rng(8)), Device::new(&mut rng(9)));
    let prekey = one.signed_prekey();
    prekey.check().unwrap();
    assert!(changed(&prekey, |it| it.device = two.id()).check().is_err());
    assert!(changed(&prekey, |it| it.public = two.prekey.public()).check().is_err());
    assert!(changed(&prekey, |it| it.created = 99).check().is_err());
}

#[test]
fn a_card_whose_device_is_a_weak_point_is_refused() {
    let card = Device::new(&mut rng(10)).card();
    for text in SMALL_ORDER_ED25519 {
        let weak = parlor_protocol::DeviceId::from_bytes(unhex(text));
        assert!(changed(&card, |it| it.device = weak).check().is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_altered_card_or_prekey_is_refused(bit in 0usize..1000) {
        let device = Device::new(&mut rng(11));
        let card = codec::encode(&device.card(), 4096).unwrap();
        let altered = flipped(&card, 8 + bit % (card.len() * 8 - 8));
        // The top bit of an X25519 key is ignored by the curve, but not by the signature.
        prop_assert!(!codec::decode::<DeviceCard>(&altered, 4096, "card").is_ok_and(|c| c.check().is_ok()));
        let prekey = codec::encode(&device.signed_prekey(), 4096).unwrap();
        let altered = flipped(&prekey, 8 + bit % (prekey.len() * 8 - 8));
        prop_assert!(!codec::decode::<Prekey>(&altered, 4096, "prekey").is_ok_and(|p| p.check().is_ok()));
    }

    #[test]
    fn a_random_public_key_is_taken_as_it_is(seed in any::<u64>()) {
        let public = DhSecret::random(&mut rng(seed)).public();
        prop_assert_eq!(DhPublic::new(*public.as_bytes()).unwrap(), public);
    }
}
