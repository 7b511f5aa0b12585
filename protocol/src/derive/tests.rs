//! The two tables: nothing in them may mean two things.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;

const PURPOSES: [Purpose; 36] = [
    Purpose::Entry,
    Purpose::Room,
    Purpose::EpochId,
    Purpose::EpochCommit,
    Purpose::EpochStep,
    Purpose::EpochChange,
    Purpose::EpochRoomSecret,
    Purpose::EpochPsk,
    Purpose::EpochTopic,
    Purpose::EpochAdmission,
    Purpose::EpochSignal,
    Purpose::EpochPrevious,
    Purpose::EpochSettings,
    Purpose::EpochsDigest,
    Purpose::HeadsDigest,
    Purpose::StoreKey,
    Purpose::SafetyNumber,
    Purpose::SafetyDigits,
    Purpose::SafetyWords,
    Purpose::PassphraseLock,
    Purpose::VaultPassword,
    Purpose::VaultRecovery,
    Purpose::AccessToken,
    Purpose::TokenProof,
    Purpose::AccountKeyId,
    Purpose::LinkPsk,
    Purpose::LinkLocator,
    Purpose::OwnDevices,
    Purpose::EpochInner,
    Purpose::HedgeDevice,
    Purpose::HedgeTurn,
    Purpose::HedgeUse,
    Purpose::CodeLocator,
    Purpose::CodeDoor,
    Purpose::CodeLock,
    Purpose::OwnDoor,
];
const LABELS: [Label; 12] = [
    Label::Entry,
    Label::Card,
    Label::Prekey,
    Label::Admission,
    Label::Signal,
    Label::Hedge,
    Label::Door,
    Label::InOwn,
    Label::InByCode,
    Label::Out,
    Label::Look,
    Label::Wrap,
];

#[test]
fn no_two_purposes_share_a_context() {
    let contexts: std::collections::BTreeSet<&str> = PURPOSES.iter().map(|purpose| purpose.context()).collect();
    assert_eq!(contexts.len(), PURPOSES.len());
    assert!(contexts.iter().all(|context| context.starts_with("parlor/v1/")));
}

#[test]
fn no_label_begins_another() {
    for (a, b) in LABELS.iter().flat_map(|a| LABELS.iter().map(move |b| (a, b))) {
        assert!(a == b || !b.bytes().starts_with(a.bytes()), "{a:?} begins {b:?}");
        assert_eq!(a.bytes().iter().filter(|byte| **byte == 0).count(), 1);
        assert_eq!(a.bytes().last(), Some(&0));
    }
}

#[test]
fn secrets_and_hashes_are_blake3_key_derivation() {
    let expected = blake3::derive_key("parlor/v1/epoch psk", b"material");
    assert_eq!(*Purpose::EpochPsk.secret(b"material"), expected);
    assert_eq!(Purpose::EpochPsk.hash(b"material"), expected);
    assert_eq!(*store_key(&[1; 32]), blake3::derive_key("parlor/v1/store key", &[1; 32]));
}
