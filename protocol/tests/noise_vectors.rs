//! Published Noise vectors of our two patterns, run through snow with the same implementations
//! of cipher, curve and hash that `src/noise.rs` chooses.
//!
//! From the collections "cacophony" and "snow", as snow 0.10 carries them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use parlor_protocol::noise::{EPOCH_KEY_PATTERN, MESSAGE_PATTERN};
use serde_json::Value;
use snow::{
    Builder,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver, RingResolver},
    types::{Cipher, Dh, Hash, Random},
};

struct Ours;

impl CryptoResolver for Ours {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        DefaultResolver.resolve_rng()
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        RingResolver.resolve_cipher(choice)
    }
}

fn unhex(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    Some((0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect())
}

/// What a vector says of one side.
struct Side {
    prologue: Vec<u8>,
    secret: Option<Vec<u8>>,
    ephemeral: Option<Vec<u8>>,
    remote: Option<Vec<u8>>,
    psk: Option<[u8; 32]>,
}

impl Side {
    fn of(vector: &Value, side: &str) -> Self {
        let field = |name: &str| unhex(&vector[format!("{side}_{name}")]);
        Self {
            prologue: field("prologue").unwrap(),
            secret: field("static"),
            ephemeral: field("ephemeral"),
            remote: field("remote_static"),
            psk: unhex(&vector[format!("{side}_psks")][0]).map(|psk| psk.try_into().unwrap()),
        }
    }

    fn builder(&self, pattern: &str) -> Builder<'_> {
        let mut builder = Builder::with_resolver(pattern.parse().unwrap(), Box::new(Ours));
        builder = builder.prologue(&self.prologue).unwrap();
        if let Some(secret) = &self.secret {
            builder = builder.local_private_key(secret).unwrap();
        }
        if let Some(remote) = &self.remote {
            builder = builder.remote_public_key(remote).unwrap();
        }
        if let Some(psk) = &self.psk {
            builder = builder.psk(0, psk).unwrap();
        }
        match &self.ephemeral {
            Some(ephemeral) => builder.fixed_ephemeral_key_for_testing_only(ephemeral),
            None => builder,
        }
    }
}

/// Runs a vector and gives the number of its messages.
fn run(vector: &Value, pattern: &str) -> usize {
    let (one, two) = (Side::of(vector, "init"), Side::of(vector, "resp"));
    let mut writer = one.builder(pattern).build_initiator().unwrap();
    let mut reader = two.builder(pattern).build_responder().unwrap();
    let messages: Vec<(Vec<u8>, Vec<u8>)> = vector["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (unhex(&m["payload"]).unwrap(), unhex(&m["ciphertext"]).unwrap()))
        .collect();

    let mut out = vec![0; 4096];
    let (payload, ciphertext) = &messages[0];
    let len = writer.write_message(payload, &mut out).unwrap();
    assert_eq!(&out[..len], ciphertext);
    let len = reader.read_message(ciphertext, &mut out).unwrap();
    assert_eq!(&out[..len], payload);
    if let Some(hash) = unhex(&vector["handshake_hash"]) {
        assert_eq!(writer.get_handshake_hash(), hash);
    }

    // The stateless transport, as sessions use it.
    let writer = writer.into_stateless_transport_mode().unwrap();
    let reader = reader.into_stateless_transport_mode().unwrap();
    for (nonce, (payload, ciphertext)) in (0..).zip(&messages[1..]) {
        let len = writer.write_message(nonce, payload, &mut out).unwrap();
        assert_eq!(&out[..len], ciphertext);
        let len = reader.read_message(nonce, ciphertext, &mut out).unwrap();
        assert_eq!(&out[..len], payload);
    }
    messages.len()
}

fn run_all(pattern: &str) -> Vec<usize> {
    let vectors: Value = serde_json::from_str(include_str!("vectors/noise.json")).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    vectors.iter().filter(|v| v["protocol_name"] == pattern).map(|v| run(v, pattern)).collect()
}

#[test]
fn the_pattern_of_messages_agrees_with_the_published_vectors() {
    assert_eq!(run_all(MESSAGE_PATTERN), [6]);
}

#[test]
fn the_pattern_of_epoch_keys_agrees_with_the_published_vectors() {
    assert_eq!(run_all(EPOCH_KEY_PATTERN), [6, 2]);
}
