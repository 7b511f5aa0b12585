//! The published vectors against our wiring, and what a login must refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use opaque_ke::ksf::Identity;
use serde_json::Value;
use std::collections::VecDeque;

/// Gives out prepared bytes, draw by draw.
struct Prepared(VecDeque<Vec<u8>>);

impl Prepared {
    fn new(draws: &[&[u8]]) -> Self {
        Self(draws.iter().map(|draw| draw.to_vec()).collect())
    }
}

impl rand_core::RngCore for Prepared {
    fn next_u32(&mut self) -> u32 {
        panic!("the vectors draw bytes only")
    }

    fn next_u64(&mut self) -> u64 {
        panic!("the vectors draw bytes only")
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        let draw = self.0.pop_front().expect("no more was prepared");
        assert!(draw.len() <= out.len());
        out.fill(0);
        out[..draw.len()].copy_from_slice(&draw);
    }
}

impl CryptoRng for Prepared {}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

struct Vector(Value);

impl Vector {
    fn all(kind: &str) -> Vec<Self> {
        let file: Value = serde_json::from_str(include_str!("../../../tests/vectors/opaque.json")).unwrap();
        file[kind].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    fn get(&self, field: &str) -> Vec<u8> {
        unhex(self.0[field].as_str().unwrap())
    }

    fn maybe(&self, field: &str) -> Option<Vec<u8>> {
        self.0[field].as_str().map(unhex)
    }

    /// Seed, private key, and the public key of nobody.
    fn setup(&self, nobody: &[u8]) -> ServerSetup<Suite<Identity>> {
        let bytes = [self.get("oprf_seed"), self.get("server_private_key"), nobody.to_vec()].concat();
        ServerSetup::deserialize(&bytes).unwrap()
    }
}

macro_rules! message {
    ($kind:ident, $bytes:expr) => {
        $kind::try_from($bytes.as_slice()).unwrap()
    };
}

#[test]
fn the_published_real_vectors_come_out() {
    for vector in Vector::all("real") {
        let setup = vector.setup(&vector.get("server_public_key"));
        let (user, server) = (vector.maybe("client_identity"), vector.maybe("server_identity"));
        let identifiers = Identifiers { client: user.as_deref(), server: server.as_deref() };
        let (password, id, context) =
            (vector.get("password"), vector.get("credential_identifier"), vector.get("context"));

        // A blind is drawn as 64 bytes, and reduced; 32 of them zero leave the rest as it is.
        let mut rng = Prepared::new(&[&vector.get("blind_registration")]);
        let (state, request) = client::start_registration::<Identity>(&password, &mut rng).unwrap();
        assert_eq!(request.as_bytes(), vector.get("registration_request"));
        let answer = server::register(&setup, &id, &request).unwrap();
        assert_eq!(answer.as_bytes(), vector.get("registration_response"));
        let mut rng = Prepared::new(&[&vector.get("envelope_nonce")]);
        let done = client::finish_registration(state, &password, &answer, identifiers, &Identity, &mut rng).unwrap();
        assert_eq!(done.record.as_bytes(), vector.get("registration_upload"));
        assert_eq!(done.export.expose(), vector.get("export_key"));

        let draws = [vector.get("blind_login"), vector.get("client_keyshare_seed"), vector.get("client_nonce")];
        let mut rng = Prepared::new(&draws.each_ref().map(Vec::as_slice));
        let (state, ke1) = client::start_login::<Identity>(&password, &mut rng).unwrap();
        assert_eq!(ke1.as_bytes(), vector.get("ke1"));
        // The record of nobody is made in any case, so that it costs no time to see who exists.
        let draws =
            [vec![0; 64], vector.get("masking_nonce"), vector.get("server_keyshare_seed"), vector.get("server_nonce")];
        let mut rng = Prepared::new(&draws.each_ref().map(Vec::as_slice));
        let (waiting, ke2) =
            server::start_login(&setup, &id, Some(&done.record), &ke1, identifiers, &context, &mut rng).unwrap();
        assert_eq!(ke2.as_bytes(), vector.get("ke2"));
        let proven =
            client::finish_login(state, &password, &ke2, identifiers, &context, &Identity, &mut Prepared::new(&[]))
                .unwrap();
        assert_eq!(proven.proof.as_bytes(), vector.get("ke3"));
        assert_eq!(proven.export.expose(), vector.get("export_key"));
        server::finish_login(waiting, &proven.proof, identifiers, &context).unwrap();
    }
}

#[test]
fn the_published_vector_of_somebody_unknown_comes_out() {
    for vector in Vector::all("fake") {
        let setup = vector.setup(&vector.get("client_public_key"));
        let (user, server) = (vector.maybe("client_identity"), vector.maybe("server_identity"));
        let identifiers = Identifiers { client: user.as_deref(), server: server.as_deref() };
        let draws = ["masking_key", "masking_nonce", "server_keyshare_seed", "server_nonce"];
        let draws = draws.map(|draw| vector.get(draw));
        let mut rng = Prepared::new(&draws.each_ref().map(Vec::as_slice));
        let ke1 = message!(LogInRequest, vector.get("ke1"));
        let (id, context) = (vector.get("credential_identifier"), vector.get("context"));
        let (_, ke2) = server::start_login(&setup, &id, None, &ke1, identifiers, &context, &mut rng).unwrap();
        assert_eq!(ke2.as_bytes(), vector.get("ke2"));
    }
}

#[test]
fn a_password_that_was_stretched_elsewhere_signs_in_as_one_that_was_stretched_here() {
    let elsewhere = |work: Stretch| Stretch::decode(&work.encode()).unwrap().run().unwrap();
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let (server, seed) = (Server::random(&mut rng), Secret::from_bytes([6; 32]));
    let (user, password) = (UserName::new("anna").unwrap(), Password::new("soup on the stove").unwrap());
    let binding = Binding { device: DeviceId::from_bytes([1; 32]), archive: DeviceId::from_bytes([2; 32]) };
    let (state, message) = Registering::start(user.clone(), password.clone(), &mut rng).unwrap();
    let answer = server.register(&user, &message).unwrap();
    let stretched = elsewhere(state.stretching(&answer, &seed).unwrap());
    let registered = state.stretched(&answer, &seed, stretched).unwrap();
    for is_here in [false, true] {
        let (state, message) = LoggingIn::start(user.clone(), password.clone(), binding, &mut rng).unwrap();
        let answered = server.log_in(&user, Some(&registered.record), &message, binding, &mut rng).unwrap();
        let proven = if is_here {
            state.finish(&answered.message, &seed).unwrap()
        } else {
            let stretched = elsewhere(state.stretching(&answered.message, &seed).unwrap());
            state.stretched(&answered.message, &seed, stretched).unwrap()
        };
        assert_eq!(proven.export.expose(), registered.export.expose());
        assert!(answered.accepts(&proven.proof));
    }
    let (state, message) = LoggingIn::start(user.clone(), password, binding, &mut rng).unwrap();
    let answered = server.log_in(&user, Some(&registered.record), &message, binding, &mut rng).unwrap();
    let other = Stretch::new(b"another", STRETCH_SALT).giving(64).run().unwrap();
    assert!(matches!(state.stretched(&answered.message, &seed, other), Err(LogInError::Wrong)));
}
