//! Invites: only the code opens them.

use crate::fixtures::{Device, Room, altered, rng};
use parlor_protocol::{
    EpochId, Locator, Name, RoomCode,
    epoch::Step,
    error::{CodecError, KeyError, SealError},
    invite::{Invitation, Invite, InviteBody, StretchedCode},
    keys::Secret,
    limits::INVITE_MAX,
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Stretching is slow on purpose: once for all tests.
static CODES: LazyLock<[StretchedCode; 2]> =
    LazyLock::new(|| [1, 2].map(|seed| RoomCode::random(&mut rng(seed)).stretch().unwrap()));

fn invitation(room: &Room) -> Invitation {
    Invitation {
        name: Name::new("Kitchen").unwrap(),
        genesis: room.genesis.inner().clone(),
        epoch: room.secrets.id(),
        parents: Vec::new(),
        step: Step::FIRST,
        key: room.secrets.key().clone(),
        earlier: Vec::new(),
        expires: Some(1_800_000_000_000),
    }
}

fn invite(room: &Room) -> Invite {
    Invite::seal(&CODES[0], &invitation(room), &room.maker.key, &mut rng(3)).unwrap()
}

#[test]
fn the_code_opens_the_invite_and_the_epoch_follows() {
    let room = Room::new(1);
    let invite = invite(&room);
    assert_eq!(invite.check(), Ok(()));
    assert_eq!(invite.locator, CODES[0].locator());
    let opened = invite.open(&CODES[0]).unwrap();
    assert_eq!(opened, invitation(&room));
    assert_eq!(opened.room(), room.id());
    assert_eq!(opened.epoch_secrets().unwrap().topic(), room.secrets.topic());
}

#[test]
fn another_code_neither_finds_nor_opens_it() {
    let invite = invite(&Room::new(1));
    assert_ne!(CODES[1].locator(), invite.locator);
    assert_eq!(invite.open(&CODES[1]), Err(SealError::Unopenable));
    let moved = altered(&invite, |invite| invite.locator = CODES[1].locator());
    assert_eq!(moved.open(&CODES[1]), Err(SealError::Unopenable));
    assert_eq!(moved.check(), Err(KeyError::BadSignature));
}

#[test]
fn the_same_invitation_is_sealed_differently_each_time() {
    let room = Room::new(1);
    let again = Invite::seal(&CODES[0], &invitation(&room), &room.maker.key, &mut rng(4)).unwrap();
    assert_ne!(invite(&room).sealed, again.sealed);
}

#[test]
fn an_altered_invite_is_refused() {
    let good = invite(&Room::new(1));
    let claimed = altered(&good, |invite| invite.signer = Device::new(7).id());
    assert_eq!(claimed.check(), Err(KeyError::BadSignature));
    for at in 0..good.sealed.len() {
        let mut altered = good.clone();
        altered.sealed[at] ^= 0x10;
        assert_eq!(altered.check(), Err(KeyError::BadSignature));
        assert_eq!(altered.open(&CODES[0]), Err(SealError::Unopenable));
    }
    for cut in [0, 10, 23, 24, 39, 40] {
        let mut altered = good.clone();
        altered.sealed.truncate(cut);
        assert!(altered.open(&CODES[0]).is_err());
    }
}

#[test]
fn an_invitation_whose_parts_do_not_fit_gives_no_epoch() {
    let room = Room::new(1);
    let good = invitation(&room);
    assert!(good.epoch_secrets().is_ok());
    let other_room = Invitation { genesis: Room::new(2).genesis.inner().clone(), ..good.clone() };
    let other_key = Invitation { key: Secret::from_bytes([9; 32]), ..good.clone() };
    let other_step = Invitation { step: Step::new(1).unwrap(), ..good.clone() };
    let other_parents = Invitation { parents: vec![EpochId::default()], ..good.clone() };
    let forged = crate::fixtures::flipped(&good.genesis, good.genesis.bytes().len() - 1, 1).unwrap();
    let forged = Invitation { genesis: forged, ..good };
    for bad in [other_room, other_key, other_step, other_parents, forged] {
        assert_eq!(bad.epoch_secrets().err(), Some(SealError::Unopenable));
    }
}

#[test]
fn an_invitation_that_is_too_long_is_not_sealed() {
    let room = Room::new(1);
    let mut long = invitation(&room);
    long.parents = vec![EpochId::default(); INVITE_MAX / 32];
    let sealed = Invite::seal(&CODES[0], &long, &room.maker.key, &mut rng(3));
    assert!(matches!(sealed, Err(SealError::Codec(CodecError::TooLong { .. }))));
    // The longest that is sealed is also accepted.
    let longest = (1..INVITE_MAX / 32).rev().find_map(|count| {
        long.parents.truncate(count);
        Invite::seal(&CODES[0], &long, &room.maker.key, &mut rng(3)).ok()
    });
    let longest = longest.unwrap();
    assert!(longest.sealed.len() > INVITE_MAX - 40);
    assert_eq!(longest.check(), Ok(()));
    assert!(InviteBody::decode(&InviteBody::Made(longest).encode().unwrap()).is_ok());
}

#[test]
fn invite_bodies_come_back_and_are_bounded() {
    let invite = invite(&Room::new(1));
    for body in [InviteBody::Made(invite.clone()), InviteBody::Revoked(Locator([7; 16]))] {
        assert_eq!(InviteBody::decode(&body.encode().unwrap()), Ok(body));
    }
    let mut long = invite;
    long.sealed.resize(INVITE_MAX + 1, 0);
    let long = InviteBody::Made(long).encode().unwrap();
    assert_eq!(InviteBody::decode(&long), Err(CodecError::TooLong { max: INVITE_MAX, got: INVITE_MAX + 1 }));
}

proptest! {
    #[test]
    fn any_bytes_are_no_invite_or_a_lasting_one(bytes: Vec<u8>) {
        crate::targets::invite(&bytes);
        crate::targets::invite(&[b"\x01\x00".as_slice(), &bytes].concat());
        crate::targets::invite(&[b"\x01\x01".as_slice(), &bytes].concat());
    }
}
