//! What guards a profile: records come back, passphrases open, nothing else does.

use crate::fixtures::rng;
use parlor_protocol::{
    error::CodecError,
    guard::{GUARD_MAX, Guard, GuardError, GuardId, Passphrase, PassphraseError, PassphraseLock},
    keys::Secret,
    limits::PASSPHRASE_MAX,
};
use proptest::prelude::*;

const SECRET: Secret = Secret::from_bytes([9; 32]);

fn locked() -> (GuardId, PassphraseLock) {
    let id = GuardId::random(&mut rng(1));
    let passphrase = Passphrase::choose("soup on the stove").unwrap();
    (id, PassphraseLock::seal(id, &passphrase, &SECRET, &mut rng(2)).unwrap())
}

#[test]
fn the_passphrase_opens_and_no_other_does() {
    let (id, lock) = locked();
    let open = |text: &str| lock.open(id, &Passphrase::new(text).unwrap());
    assert_eq!(open("soup on the stove"), Ok(SECRET));
    assert_eq!(open("soup on the stove "), Err(GuardError::Wrong));
    assert_eq!(open("Soup on the stove"), Err(GuardError::Wrong));
    let other = GuardId::random(&mut rng(3));
    assert_eq!(lock.open(other, &Passphrase::new("soup on the stove").unwrap()), Err(GuardError::Wrong));
}

#[test]
fn a_seal_is_never_the_same_twice() {
    let (id, lock) = locked();
    let again = PassphraseLock::seal(id, &Passphrase::new("soup on the stove").unwrap(), &SECRET, &mut rng(9)).unwrap();
    assert_ne!(lock, again);
}

#[test]
fn every_altered_byte_of_a_lock_is_noticed() {
    let (id, lock) = locked();
    let good = Guard::Passphrase(id, lock).encode();
    let passphrase = Passphrase::new("soup on the stove").unwrap();
    // One byte of every field; each costs a stretch.
    for at in [0, 8, 9, 10, 26, 30, 34, 50, 74, good.len() - 1] {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x10;
        let Ok(guard) = Guard::decode(&bytes) else { continue };
        let opened = guard.id().zip(guard.lock()).map(|(id, lock)| lock.open(id, &passphrase));
        assert!(!matches!(opened, Some(Ok(_))), "byte {at}");
    }
}

#[test]
fn passphrases_are_refused_with_the_remedy() {
    assert_eq!(Passphrase::new("").unwrap_err(), PassphraseError::Empty);
    assert_eq!(Passphrase::choose("  short  ").unwrap_err(), PassphraseError::TooShort { min: 8, got: 5 });
    assert!(Passphrase::new("short").is_ok(), "what is refused when choosing may still be tried");
    let long = "x".repeat(PASSPHRASE_MAX + 1);
    assert_eq!(Passphrase::choose(&long).unwrap_err(), PassphraseError::TooLong { max: PASSPHRASE_MAX });
    assert!(Passphrase::choose("früh am Tag").is_ok());
}

#[test]
fn a_record_of_a_later_version_is_told_from_rubbish() {
    let mut bytes = Guard::Keychain(GuardId::random(&mut rng(1))).encode().to_vec();
    bytes[8] = 2;
    assert_eq!(Guard::decode(&bytes), Err(CodecError::Version { theirs: 2, ours: 1 }));
    assert!(Guard::decode(b"").is_err());
    assert!(Guard::decode(&[7; 31]).is_err());
}

#[test]
fn an_edited_record_cannot_ask_for_all_memory() {
    let (id, lock) = locked();
    let mut bytes = Guard::Both(id, lock).encode().to_vec();
    bytes[26..30].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Guard::decode(&bytes).is_err());
}

proptest! {
    #[test]
    fn whatever_is_taken_comes_back_as_the_same_bytes(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..160),
            (0..5_u8, prop::collection::vec(any::<u8>(), 0..130))
                .prop_map(|(kind, rest)| [b"PRLRLOCK".as_slice(), &[1, kind], &rest].concat()),
        ],
    ) {
        if let Ok(guard) = Guard::decode(&bytes) {
            prop_assert!(bytes.len() <= GUARD_MAX);
            prop_assert_eq!(guard.encode().to_vec(), bytes);
        }
    }
}
