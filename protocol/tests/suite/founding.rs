//! Genesis bodies.

use crate::fixtures::{Device, Room};
use parlor_protocol::{
    EpochId, HistoryPolicy, RoomId, UserId,
    entry::{Entry, Kind},
    epoch::{Genesis, RoomKind},
    error::CodecError,
    log::Height,
};
use proptest::prelude::*;

#[test]
fn a_genesis_without_owner_or_with_too_many_is_refused() {
    let genesis = |owners| Genesis { owners, history: HistoryPolicy::Everything, salt: [1; 16], kind: RoomKind::Group };
    assert!(genesis(vec![]).encode().is_err());
    let too_many = genesis(vec![UserId::default(); 513]);
    assert_eq!(too_many.encode(), Err(CodecError::TooMany { what: "owners", max: 512, got: 513 }));
    // Version, no owner, policy, salt, kind.
    let mut bytes = vec![1, 0, 0];
    bytes.extend_from_slice(&[1; 16]);
    bytes.push(0);
    assert_eq!(Genesis::decode(&bytes), Err(CodecError::Malformed("genesis without owner")));
}

#[test]
fn a_room_is_named_by_all_of_its_genesis_entry() {
    let room = Room::new(1);
    assert_eq!(room.genesis.room(), room.id());
    assert_ne!(Room::new(2).id(), room.id());
    let header = *room.genesis.header();
    let other = Entry::sign(&room.maker.key, header, b"another body").unwrap();
    assert_ne!(other.room(), room.id());
}

#[test]
fn a_genesis_entry_names_no_room_epoch_or_entry_before_it() {
    let maker = Device::new(1);
    let good = maker.header(Kind::Genesis, RoomId::default(), EpochId::default(), Height::EMPTY);
    assert!(Entry::sign(&maker.key, good, b"").is_ok());
    let mut with_room = good;
    with_room.room = RoomId::from_bytes([1; 32]);
    let mut with_epoch = good;
    with_epoch.epoch = EpochId::from_bytes([1; 32]);
    let mut later = good;
    (later.seq, later.session) = (1, 1);
    for bad in [with_room, with_epoch, later] {
        assert_eq!(Entry::sign(&maker.key, bad, b"").err(), Some(CodecError::Malformed("header of a genesis entry")));
    }
}

#[test]
fn another_version_asks_for_an_update() {
    let mut body = Room::new(1).genesis.body().to_vec();
    body[0] = 2;
    let error = Genesis::decode(&body).unwrap_err();
    assert_eq!(error, CodecError::Version { theirs: 2, ours: 1 });
    assert!(error.to_string().contains("update Parlor"));
    assert_eq!(Genesis::decode(&[]), Err(CodecError::Empty));
}

proptest! {
    #[test]
    fn genesis_bodies_come_back(owners in prop::collection::vec(any::<[u8; 32]>(), 1..20), joining: bool, salt: [u8; 16]) {
        let history = if joining { HistoryPolicy::FromJoining } else { HistoryPolicy::Everything };
        let genesis = Genesis { owners: owners.into_iter().map(UserId::from_bytes).collect(), history, salt, kind: RoomKind::Group };
        prop_assert_eq!(Genesis::decode(&genesis.encode().unwrap()), Ok(genesis));
    }

    #[test]
    fn any_bytes_are_no_genesis_or_a_lasting_one(bytes: Vec<u8>) {
        crate::targets::genesis(&bytes);
        crate::targets::genesis(&[b"\x01".as_slice(), &bytes].concat());
    }
}

#[test]
fn a_room_of_two_belongs_to_exactly_these_two() {
    let (one, other, third) = (UserId::from_bytes([1; 32]), UserId::from_bytes([2; 32]), UserId::from_bytes([3; 32]));
    let genesis = |owners: &[UserId], users| Genesis {
        owners: owners.to_vec(),
        history: HistoryPolicy::Everything,
        salt: [1; 16],
        kind: RoomKind::Direct(users),
    };
    let good = genesis(&[one, other], [one, other]);
    assert_eq!(Genesis::decode(&good.encode().unwrap()), Ok(good.clone()));
    for bad in [
        genesis(&[one, other], [other, one]),
        genesis(&[one, one], [one, one]),
        genesis(&[other, one], [one, other]),
        genesis(&[one], [one, other]),
        genesis(&[one, other, third], [one, other]),
        genesis(&[one, third], [one, other]),
    ] {
        assert!(bad.encode().is_err(), "{bad:?}");
    }
    assert_eq!((good.kind.other(one), good.kind.other(other), good.kind.other(third)), (Some(other), Some(one), None));
    assert!(good.kind.admits(one) && !good.kind.admits(third) && RoomKind::Group.admits(third));
}
