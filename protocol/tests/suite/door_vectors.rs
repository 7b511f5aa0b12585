//! Fixed vectors of codes as doors: what a code stretches to, and the bytes of everything that is signed or
//! sealed with it. See `vectors.rs`.

use crate::{
    doors::{CODES, example_access, example_doors, wrap},
    fixtures::{Device, Room, hex, rng},
    vectors::compare,
};
use parlor_protocol::{
    RoomCode, RoomId,
    access::{CodeKeys, OwnKey, wire::Look},
};
use serde_json::{Value, json};

#[test]
fn codes_stretch_to_these_doors() {
    let vectors: Vec<Value> = (1..=3)
        .map(|seed| {
            let code = RoomCode::random(&mut rng(seed));
            let stretched = code.stretching().run().unwrap();
            let keys = CodeKeys::from(&stretched);
            let derive = |purpose: &str| blake3::derive_key(&format!("parlor/v1/{purpose}"), stretched.expose());
            // By hand, so that the table in the code is checked and not just used.
            assert_eq!(keys.locator().0, derive("code locator")[..16]);
            let lock = x25519_dalek::StaticSecret::from(derive("code lock"));
            assert_eq!(keys.lock().as_bytes(), x25519_dalek::PublicKey::from(&lock).as_bytes());
            let door = ed25519_dalek::SigningKey::from_bytes(&derive("code door"));
            assert_eq!(keys.door().as_bytes(), door.verifying_key().as_bytes());
            json!({
                "code": code.to_string(),
                "symbols": hex(code.symbols()),
                "stretched": hex(stretched.expose()),
                "locator": hex(&keys.locator().0),
                "door": hex(keys.door().as_bytes()),
                "lock": hex(keys.lock().as_bytes()),
            })
        })
        .collect();
    compare("code_keys.json", &json!(vectors));
}

#[test]
fn doors_comings_and_goings_and_wraps_have_these_bytes() {
    let (room, device) = (Room::new(1), Device::new(2));
    let look = Look::sign(&CODES[0], Device::new(2).id(), Device::new(3).id());
    let [named, by_code, linked, out] = example_access().try_into().unwrap();
    let [made, ended] = example_doors().try_into().unwrap();
    let wrap = wrap(&room, &CODES[0]);
    let own = |room| hex(OwnKey::new(&device.user, room).id().as_bytes());
    let vectors = json!({
        "own": { "room": hex(room.id().as_bytes()), "key": own(room.id()), "in_another": own(RoomId::default()) },
        "door": { "made": hex(&made), "ended": hex(&ended) },
        "in": { "named": hex(&named), "by_code": hex(&by_code), "linked": hex(&linked) },
        "out": hex(&out),
        "look": parlor_protocol::codec::encode(&look, 256).map(|bytes| hex(&bytes)).unwrap(),
        "wrap": { "seed": 5, "bytes": hex(&wrap.encode().unwrap()) },
    });
    compare("doors.json", &vectors);
}

/// Whoever drops one of these leaves nothing behind: every part wipes itself.
#[test]
fn keys_of_codes_are_made_of_what_wipes_itself() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<parlor_protocol::keys::Secret>();
    wiped::<ed25519_dalek::SigningKey>();
}
