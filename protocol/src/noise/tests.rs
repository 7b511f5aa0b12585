//! The Noise patterns in use against the published vectors of the cacophony and snow projects, with
//! the very builder of this module (ring's cipher, the portable curve and hash).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use serde_json::Value;

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let hex = vector[field].as_str().unwrap_or_default();
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn states(vector: &Value) -> (HandshakeState, HandshakeState) {
    let pattern = match vector["protocol_name"].as_str().unwrap() {
        MESSAGE_PATTERN => &MESSAGE,
        EPOCH_KEY_PATTERN => &EPOCH_KEY,
        other => panic!("{other} is not in use"),
    };
    let side = |side: &str| {
        let field = |name: &str| bytes(vector, &format!("{side}_{name}"));
        (field("prologue"), field("static"), field("remote_static"), field("ephemeral"))
    };
    let psk = vector["init_psks"][0].as_str().map(|_| {
        let psk = bytes(&vector["init_psks"].as_array().map(|p| serde_json::json!({ "psk": p[0] })).unwrap(), "psk");
        <[u8; 32]>::try_from(psk).unwrap()
    });
    let (prologue, local, remote, ephemeral) = side("init");
    let mut writer = builder(pattern, Zeroizing::new([0; 32])).unwrap();
    writer = writer.prologue(&prologue).unwrap().remote_public_key(&remote).unwrap();
    writer = writer.fixed_ephemeral_key_for_testing_only(&ephemeral);
    if !local.is_empty() {
        writer = writer.local_private_key(&local).unwrap();
    }
    let (prologue, local, remote, _) = side("resp");
    let mut reader = builder(pattern, Zeroizing::new([0; 32])).unwrap();
    reader = reader.prologue(&prologue).unwrap().local_private_key(&local).unwrap();
    if !remote.is_empty() {
        reader = reader.remote_public_key(&remote).unwrap();
    }
    if let Some(psk) = &psk {
        (writer, reader) = (writer.psk(0, psk).unwrap(), reader.psk(0, psk).unwrap());
    }
    (writer.build_initiator().unwrap(), reader.build_responder().unwrap())
}

#[test]
fn the_published_noise_vectors_hold() {
    let file: Value = serde_json::from_str(include_str!("../../tests/vectors/noise.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    for pattern in [MESSAGE_PATTERN, EPOCH_KEY_PATTERN] {
        assert!(vectors.iter().any(|vector| vector["protocol_name"] == pattern), "{pattern} has a vector");
    }
    for vector in vectors {
        let (mut writer, mut reader) = states(vector);
        let messages = vector["messages"].as_array().unwrap();
        let (payload, expected) = (bytes(&messages[0], "payload"), bytes(&messages[0], "ciphertext"));
        let mut out = vec![0; expected.len()];
        assert_eq!(writer.write_message(&payload, &mut out), Ok(expected.len()));
        assert_eq!(out, expected);
        let mut plain = vec![0; out.len()];
        assert_eq!(reader.read_message(&out, &mut plain), Ok(payload.len()));
        assert_eq!(plain[..payload.len()], payload[..]);
        if vector["handshake_hash"].is_string() {
            assert_eq!(writer.get_handshake_hash(), bytes(vector, "handshake_hash"));
            assert_eq!(reader.get_handshake_hash(), bytes(vector, "handshake_hash"));
        }
        let writer = writer.into_stateless_transport_mode().unwrap();
        let reader = reader.into_stateless_transport_mode().unwrap();
        for (nonce, message) in (0u64..).zip(&messages[1..]) {
            let (payload, expected) = (bytes(message, "payload"), bytes(message, "ciphertext"));
            let mut out = vec![0; expected.len()];
            assert_eq!(writer.write_message(nonce, &payload, &mut out), Ok(expected.len()));
            assert_eq!(out, expected, "message {nonce}");
            let mut plain = vec![0; out.len()];
            assert_eq!(reader.read_message(nonce, &out, &mut plain), Ok(payload.len()));
            assert_eq!(plain[..payload.len()], payload[..]);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_handshake_and_another_seed_another() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let (psk, room) = (Secret::random(&mut rng), DhSecret::random(&mut rng));
    let handshake = |seed: u8| {
        let mut state =
            message_initiator(&mut ChaCha20Rng::from_seed([seed; 32]), b"here", &psk, &room.public(), b"").unwrap();
        let mut out = [0; 48];
        state.write_message(&[], &mut out).unwrap();
        out
    };
    assert_eq!(handshake(1), handshake(1));
    assert_ne!(handshake(1)[..32], handshake(2)[..32]);
}
