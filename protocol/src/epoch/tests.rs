//! What is inside an epoch's secrets against the published vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::{ids::hex, keys::Secret};
use serde_json::Value;

#[test]
fn the_secrets_of_an_epoch_are_those_of_the_vectors() {
    let vector: Value = serde_json::from_str(include_str!("../../tests/vectors/epochs.json")).unwrap();
    let (room, parent) = (RoomId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secrets = EpochSecrets::derive(room, &[parent], Secret::from_bytes([3; 32])).unwrap();
    assert_eq!(vector["room_secret"], hex(secrets.room_secret().expose()));
    assert_eq!(vector["admission_seed"], hex(&secrets.admission_seed()));
    assert_eq!(vector["settings_key"], hex(secrets.settings_key().expose()));
    assert_eq!(secrets.room_public().as_bytes(), secrets.room_secret().public().as_bytes());
    assert_eq!(vector["previous_key"], hex(secrets.previous_key().unwrap().expose()));
    for step in vector["steps"].as_array().unwrap() {
        let number = u32::try_from(step["step"].as_u64().unwrap()).unwrap();
        let secrets = secrets.at(Step::new(number).unwrap()).unwrap();
        assert_eq!(step["psk"], hex(secrets.psk().expose()));
        assert_eq!(step["signal_key"], hex(secrets.signal_key().expose()));
    }
}

#[test]
fn the_key_that_leads_back_is_known_only_with_all_of_the_epoch() {
    let room = RoomId::from_bytes([1; 32]);
    let whole = EpochSecrets::derive(room, &[], Secret::from_bytes([3; 32])).unwrap();
    let step = Step::new(1).unwrap();
    let key = whole.key_at(step).unwrap();
    let later = EpochSecrets::derive_checked(room, &[], step, key, whole.id()).unwrap();
    assert!(whole.previous_key().is_some());
    assert!(later.previous_key().is_none());
    assert_eq!(later.settings_key(), whole.settings_key());
    assert_eq!(later.room_secret().expose(), whole.room_secret().expose());
}
