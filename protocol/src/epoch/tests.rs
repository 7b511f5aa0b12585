//! What is inside an epoch's secrets against the published vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::ids::hex;
use serde_json::Value;

#[test]
fn the_secrets_of_an_epoch_are_those_of_the_vectors() {
    let vector: Value = serde_json::from_str(include_str!("../../tests/vectors/epochs.json")).unwrap();
    let (room, parent) = (RoomId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    let secrets = EpochSecrets::derive(room, &[parent], Secret::from_bytes([3; 32])).unwrap();
    assert_eq!(vector["psk"], hex(secrets.psk().expose()));
    assert_eq!(vector["room_secret"], hex(secrets.room_secret().expose()));
    assert_eq!(vector["signal_key"], hex(secrets.signal_key().expose()));
    assert_eq!(vector["admission_seed"], hex(&secrets.admission.to_bytes()));
    assert_eq!(secrets.room_public().as_bytes(), secrets.room_secret().public().as_bytes());
    let previous = Purpose::EpochPrevious.secret(secrets.key().expose());
    assert_eq!(vector["previous_key"], hex(previous.as_ref()));
}
