//! Stretching that is done elsewhere: the same keys come out, and bytes that are no work are refused.

use crate::fixtures::rng;
use parlor_protocol::{
    LinkCode, RoomCode,
    access::CodeKeys,
    guard::{GuardError, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
    link::StretchedLink,
    stretch::{Stretch, Stretched},
};
use proptest::prelude::*;
use zeroize::Zeroizing;

/// As a worker does it, which has nothing but bytes.
fn elsewhere(work: &Stretch) -> Stretched {
    let bytes = work.encode();
    let done = Stretch::decode(&bytes).unwrap().run().unwrap();
    Stretched::of(work, Zeroizing::new(done.expose().to_vec())).unwrap()
}

#[test]
fn codes_stretch_to_the_same_elsewhere() {
    let (room, link) = (RoomCode::random(&mut rng(1)), LinkCode::random(&mut rng(2)));
    assert_eq!(CodeKeys::from(&elsewhere(&room.stretching())), CodeKeys::from(&room.stretching().run().unwrap()));
    assert_eq!(StretchedLink::from(&elsewhere(&link.stretching())), link.stretch().unwrap());
}

#[test]
fn a_lock_that_was_sealed_with_work_done_elsewhere_opens_with_the_passphrase() {
    let (id, secret) = (GuardId::random(&mut rng(1)), Secret::from_bytes([9; 32]));
    let passphrase = Passphrase::new("soup on the stove").unwrap();
    let fresh = PassphraseLock::fresh(&mut rng(2));
    let stretched = elsewhere(&fresh.stretching(&passphrase));
    let lock = fresh.sealed(id, &stretched, &secret).unwrap();
    assert_eq!(lock.open(id, &passphrase).as_ref(), Ok(&secret));
    assert_eq!(lock.opened(id, &stretched), Ok(secret));
    let other = elsewhere(&lock.stretching(&Passphrase::new("soup on the table").unwrap()));
    assert_eq!(lock.opened(id, &other), Err(GuardError::Wrong));
}

#[test]
fn work_that_asks_for_too_much_or_too_little_is_refused_and_debug_shows_nothing() {
    let work = RoomCode::random(&mut rng(1)).stretching();
    let good = work.encode();
    assert_eq!(Stretch::decode(&good).unwrap(), work);
    for (at, number) in
        [(0, 0), (0, 1024 * 1024 + 1), (4, 0), (4, 17), (8, 3), (8, 65), (12, 7), (12, 65), (12, u32::MAX)]
    {
        let mut bytes = good.to_vec();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        assert!(Stretch::decode(&bytes).is_err(), "{number} at {at}");
    }
    assert!(Stretch::decode(&[&good[..], &[0; 64 * 1024]].concat()).is_err());
    assert_eq!(format!("{work:?}"), "Stretch(..)");
    assert!(Stretched::of(&work, Zeroizing::new(vec![0; 31])).is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_work_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(work) = Stretch::decode(&bytes) {
            let again = work.encode();
            prop_assert_eq!(again.as_slice(), bytes.as_slice());
        }
    }
}
