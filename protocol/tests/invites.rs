//! Invites: opened by their code alone, and never altered unnoticed. Signals: likewise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    EpochId, Locator, RoomCode, RoomId, codec,
    entry::{Entry, Header, Kind},
    epoch::{EpochSecrets, Genesis},
    error::{CodecError, KeyError, SealError},
    invite::{Invitation, Invite, InviteBody, StretchedCode},
    keys::Secret,
    limits::INVITE_MAX,
    signal::{Signal, SignalBody, SignalKind},
};
use proptest::prelude::*;
use std::sync::LazyLock;
use support::{Device, Room, changed, flipped, genesis_body, name, rng};

// Stretching takes a while on purpose, so the tests share two codes.
static CODE: LazyLock<StretchedCode> = LazyLock::new(|| RoomCode::random(&mut rng(1)).stretch().unwrap());
static OTHER: LazyLock<StretchedCode> = LazyLock::new(|| RoomCode::random(&mut rng(2)).stretch().unwrap());

fn invitation() -> (Device, Invitation) {
    let mut rng = rng(3);
    let owner = Device::new(&mut rng);
    let room = Room::new(&owner, &mut rng);
    let invitation = Invitation {
        name: name("Kitchen"),
        genesis: room.genesis.into_inner(),
        epoch: room.secrets.id(),
        parents: Vec::new(),
        key: room.secrets.key().clone(),
        expires: Some(1_800_000_000_000),
    };
    (owner, invitation)
}

fn sealed() -> (Invitation, Invite) {
    let (owner, invitation) = invitation();
    let invite = Invite::seal(&CODE, &invitation, &owner.key, &mut rng(4)).unwrap();
    (invitation, invite)
}

#[test]
fn the_same_code_always_stretches_to_the_same_place() {
    let again = RoomCode::random(&mut rng(1)).stretch().unwrap();
    assert_eq!(again, *CODE);
    assert_ne!(OTHER.locator(), CODE.locator());
}

#[test]
fn a_code_opens_its_invite_and_leads_into_the_room() {
    let (invitation, invite) = sealed();
    assert_eq!(invite.check(), Ok(()));
    let opened = invite.open(&CODE).unwrap();
    assert_eq!(opened, invitation);
    let secrets = opened.epoch_secrets().unwrap();
    assert_eq!((secrets.room(), secrets.id()), (invitation.room(), invitation.epoch));
}

#[test]
fn another_code_opens_nothing() {
    let (_, invite) = sealed();
    assert_eq!(invite.open(&OTHER), Err(SealError::Unopenable));
    // Not even when somebody files the record under the other code's locator.
    let moved = changed(&invite, |i| i.locator = OTHER.locator());
    assert_eq!(moved.open(&OTHER), Err(SealError::Unopenable));
    assert_eq!(moved.open(&CODE), Err(SealError::Unopenable));
    assert_eq!(moved.check(), Err(KeyError::BadSignature));
}

#[test]
fn an_invite_holds_for_its_signer_only() {
    let (_, invite) = sealed();
    let other = Device::new(&mut rng(5)).id();
    assert_eq!(changed(&invite, |i| i.signer = other).check(), Err(KeyError::BadSignature));
}

#[test]
fn a_record_tells_nothing_of_the_room() {
    let (invitation, invite) = sealed();
    let bytes = codec::encode(&invite, INVITE_MAX * 2).unwrap();
    for secret in [invitation.key.expose().as_slice(), invitation.room().as_bytes(), b"Kitchen"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    assert!(!format!("{:?}", *CODE).contains(&format!("{:?}", CODE.locator().0)));
    assert!(format!("{:?}", *CODE).contains("Secret(..)"));
}

#[test]
fn an_invitation_that_does_not_fit_together_is_refused() {
    let (owner, good) = invitation();
    assert!(good.epoch_secrets().is_ok());
    let other = EpochSecrets::derive(good.room(), &[], Secret::from_bytes([1; 32])).unwrap();
    let header = Header { kind: Kind::Content, ..*good.genesis.header() };
    let content = Entry::sign(&owner.key, header, good.genesis.body()).unwrap().into_inner();
    let mut forged = good.genesis.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for (what, bad) in [
        ("key", changed(&good, |i| i.key = other.key().clone())),
        ("epoch", changed(&good, |i| i.epoch = other.id())),
        ("parents", changed(&good, |i| i.parents = vec![EpochId::default()])),
        ("too many parents", changed(&good, |i| i.parents = vec![EpochId::default(); 17])),
        ("not a genesis", changed(&good, |i| i.genesis = content.clone())),
        ("forged genesis", changed(&good, |i| i.genesis = Entry::decode(forged.clone()).unwrap())),
    ] {
        assert_eq!(bad.epoch_secrets().err(), Some(SealError::Unopenable), "{what}");
    }
}

#[test]
fn whatever_can_be_sealed_can_be_checked() {
    let (owner, good) = invitation();
    let mut refused = false;
    for owners in 80..130 {
        let body = Genesis { owners: vec![owner.user.id(); owners], ..genesis_body(owner.user.id()) };
        let genesis = Entry::sign(&owner.key, *good.genesis.header(), &body.encode().unwrap()).unwrap().into_inner();
        match Invite::seal(&CODE, &changed(&good, |i| i.genesis = genesis), &owner.key, &mut rng(6)) {
            Ok(invite) => assert_eq!((invite.check(), refused), (Ok(()), false), "{owners} owners"),
            Err(error) => {
                assert!(matches!(error, SealError::Codec(CodecError::TooLong { .. })));
                refused = true;
            }
        }
    }
    assert!(refused);
}

#[test]
fn a_record_that_is_too_long_is_refused_before_anything_else() {
    let (_, invite) = sealed();
    let long = changed(&invite, |i| i.sealed.resize(INVITE_MAX + 1, 0));
    assert_eq!(long.check(), Err(KeyError::BadSignature));
    let body = InviteBody::Made(long).encode().unwrap();
    assert_eq!(InviteBody::decode(&body), Err(CodecError::TooLong { max: INVITE_MAX, got: INVITE_MAX + 1 }));
    let short = changed(&invite, |i| i.sealed.truncate(23));
    assert_eq!(short.open(&CODE), Err(SealError::TooShort { min: 24, got: 23 }));
}

#[test]
fn invite_entries_read_back() {
    for body in [InviteBody::Made(sealed().1), InviteBody::Revoked(Locator([7; 16]))] {
        assert_eq!(InviteBody::decode(&body.encode().unwrap()).unwrap(), body);
    }
}

fn signal() -> (EpochSecrets, Signal) {
    let mut rng = rng(7);
    let device = Device::new(&mut rng);
    let room = Room::new(&device, &mut rng);
    let body = SignalBody { at: 5, kind: SignalKind::Typing };
    let signal = Signal::seal(&room.secrets, &device.key, body, &mut rng).unwrap();
    (room.secrets, signal)
}

#[test]
fn a_signal_is_opened_by_members_and_checked_by_relays() {
    let (secrets, signal) = signal();
    assert_eq!(signal.open(&secrets).unwrap(), SignalBody { at: 5, kind: SignalKind::Typing });
    assert_eq!(signal.check(secrets.room()), Ok(()));
    assert_eq!(signal.check(RoomId::default()), Err(KeyError::BadSignature));
    let other = EpochSecrets::derive(secrets.room(), &[], Secret::from_bytes([1; 32])).unwrap();
    assert_eq!(signal.open(&other), Err(SealError::Unopenable));
}

#[test]
fn a_signal_cannot_be_passed_off_as_somebody_elses_or_another_epochs() {
    let (secrets, signal) = signal();
    let other = Device::new(&mut rng(8)).id();
    assert!(changed(&signal, |s| s.author = other).open(&secrets).is_err());
    assert!(changed(&signal, |s| s.epoch = EpochId::default()).check(secrets.room()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_turned_bit_in_an_invite_is_noticed(bit in any::<prop::sample::Index>()) {
        let (_, invite) = sealed();
        let bytes = codec::encode(&invite, INVITE_MAX).unwrap();
        let altered = codec::decode::<Invite>(&flipped(&bytes, bit.index(bytes.len() * 8)), INVITE_MAX, "invite");
        prop_assert!(!altered.is_ok_and(|invite| invite.check().is_ok()));
    }

    #[test]
    fn altered_sealed_bytes_do_not_open(bit in any::<prop::sample::Index>()) {
        let (_, invite) = sealed();
        let altered = changed(&invite, |i| i.sealed = flipped(&i.sealed, bit.index(i.sealed.len() * 8)));
        prop_assert_eq!(altered.open(&CODE), Err(SealError::Unopenable));
    }

    #[test]
    fn a_turned_bit_in_a_signal_is_noticed(bit in any::<prop::sample::Index>()) {
        let (secrets, signal) = signal();
        let bytes = codec::encode(&signal, 1024).unwrap();
        let altered = codec::decode::<Signal>(&flipped(&bytes, bit.index(bytes.len() * 8)), 1024, "signal");
        prop_assert!(!altered.is_ok_and(|signal| signal.open(&secrets).is_ok()));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = [vec![1], bytes].concat();
        if let Ok(InviteBody::Made(invite)) = InviteBody::decode(&bytes) {
            prop_assert!(invite.open(&CODE).is_err());
        }
        let _ = codec::decode::<Signal>(&bytes, 1024, "signal");
    }
}
