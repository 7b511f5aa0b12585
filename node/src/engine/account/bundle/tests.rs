//! Merging: nothing is lost, in whatever order copies meet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use parlor_protocol::{
    EpochId, HistoryPolicy, LogId,
    entry::Header,
    epoch::{Genesis, RoomKind, Step},
    keys::DeviceKey,
    log::Height,
};
use proptest::prelude::*;

fn genesis(seed: u8) -> Entry {
    let key = DeviceKey::from_seed(&Secret::from_bytes([seed; 32]));
    let body = Genesis {
        owners: vec![UserId::from_bytes([seed; 32])],
        history: HistoryPolicy::Everything,
        salt: [seed; 16],
        kind: RoomKind::Group,
    };
    let header = Header {
        kind: Kind::Genesis,
        room: RoomId::default(),
        author: key.id(),
        log: LogId(1),
        seq: 0,
        prev: Height::EMPTY.head,
        epoch: EpochId::default(),
        session: 0,
    };
    Entry::sign(&key, header, &body.encode().unwrap()).unwrap().into_inner()
}

fn epoch(n: u8) -> EpochKeyRecord {
    EpochKeyRecord {
        id: EpochId::from_bytes([n; 32]),
        parents: vec![],
        step: Step::FIRST,
        key: Secret::from_bytes([n; 32]),
        since: 0,
    }
}

fn stamp(at: u64, device: u8) -> Stamp {
    Stamp { at, device: DeviceId::from_bytes([device; 32]) }
}

fn room(seed: u8, epochs: &[u8], at: u64, held: bool) -> (RoomId, BundleRoom) {
    let genesis = genesis(seed);
    let room = BundleRoom {
        name: Stamped::new(format!("room {seed} {at}"), stamp(at, 1)),
        epochs: epochs.iter().copied().map(epoch).collect(),
        held: Stamped::new(held, stamp(at, 2)),
        joined: at,
        own: None,
        removed: epochs.iter().map(|device| DeviceId::from_bytes([*device; 32])).collect(),
        genesis,
    };
    (room.genesis.room(), room)
}

fn empty() -> AccountBundle {
    AccountBundle::new(Secret::from_bytes([9; 32]), Stamped::default())
}

/// The same with every list in one order, for comparing.
fn sorted(mut bundle: AccountBundle) -> AccountBundle {
    bundle.rooms.values_mut().for_each(|room| room.epochs.sort_by_key(|epoch| epoch.id));
    bundle.former.sort_by_key(|key| *key.expose());
    bundle
}

#[test]
fn of_an_epochs_keys_the_one_of_the_lower_step_stands_in_either_order() {
    let at = |step: u32, key: u8, since| {
        let step = Step::new(step).unwrap();
        EpochKeyRecord { step, key: Secret::from_bytes([key; 32]), since, ..epoch(1) }
    };
    for known in [[at(3, 33, 8), at(7, 77, 5)], [at(7, 77, 5), at(3, 33, 8)]] {
        let (id, mut shared) = room(1, &[], 5, true);
        let mut other = shared.clone();
        let [first, second] = known;
        shared.epochs.push(first);
        other.epochs.push(second);
        let (mut one, mut two) = (empty(), empty());
        one.rooms.insert(id, shared);
        two.rooms.insert(id, other);
        one.merge(two);
        assert_eq!(one.rooms[&id].epochs, [at(3, 33, 5)], "known since the earlier of the two");
    }
}

#[test]
fn rooms_and_epochs_are_united_and_the_later_word_stands() {
    let mut one = empty();
    one.rooms.extend([room(1, &[1, 2], 5, true), room(2, &[3], 5, true)]);
    let mut other = empty();
    other.rooms.extend([room(1, &[2, 4], 7, false), room(3, &[5], 5, true)]);
    one.merge(other);
    let (id, _) = room(1, &[], 0, true);
    assert_eq!(one.rooms.len(), 3);
    assert_eq!(one.rooms[&id].epochs, [epoch(1), epoch(2), epoch(4)]);
    assert!(!one.rooms[&id].held.value);
    assert_eq!(one.rooms[&id].name.value, "room 1 7");
}

#[test]
fn another_account_key_is_kept_as_a_former_one() {
    let mut account = empty();
    let mine = AccountBundle::new(Secret::from_bytes([4; 32]), Stamped::default());
    account.merge(mine.clone());
    account.merge(mine);
    assert_eq!(account.user_seed, Secret::from_bytes([9; 32]));
    assert_eq!(account.former, [Secret::from_bytes([4; 32])]);
}

#[test]
fn a_bundle_with_too_much_or_with_a_room_under_a_wrong_id_is_refused() {
    // Neither made here nor taken from elsewhere.
    let refused = |bundle: &AccountBundle| {
        let made = bundle.encode().unwrap_err();
        assert_eq!(AccountBundle::decode(&codec::encode(bundle, 4 * BUNDLE_MAX).unwrap()).unwrap_err(), made);
        made
    };
    let mut bundle = empty();
    bundle.former = vec![Secret::from_bytes([1; 32]); FORMER_MAX + 1];
    assert!(matches!(refused(&bundle), CodecError::TooMany { .. }));
    let mut bundle = empty();
    bundle.rooms.insert(RoomId::from_bytes([1; 32]), room(1, &[], 1, true).1);
    assert!(matches!(refused(&bundle), CodecError::Malformed(_)));
    let mut bundle = empty();
    let (id, mut large) = room(1, &[], 1, true);
    large.epochs = vec![epoch(1); EPOCHS_MAX + 1];
    bundle.rooms.insert(id, large);
    assert!(matches!(refused(&bundle), CodecError::TooMany { .. }));
    // As many rooms with as many epochs as each may have are too long all the same.
    let mut bundle = empty();
    for seed in 1..=8 {
        let (id, mut large) = room(seed, &[], 1, true);
        large.epochs = vec![epoch(1); EPOCHS_MAX];
        bundle.rooms.insert(id, large);
    }
    assert!(matches!(bundle.encode(), Err(CodecError::TooLong { .. })));
}

#[test]
fn a_bundle_shows_no_key() {
    let mut bundle = empty();
    bundle.rooms.extend([room(1, &[7], 5, true)]);
    let shown = format!("{bundle:?}");
    assert!(shown.contains("Secret(..)") && !shown.contains("[7, 7") && !shown.contains("[9, 9"), "{shown}");
}

fn any_bundle() -> impl Strategy<Value = AccountBundle> {
    let rooms =
        prop::collection::vec((1..4u8, prop::collection::btree_set(1..6u8, 0..4), 0..4u64, any::<bool>()), 0..4);
    let contacts = prop::collection::vec((1..4u8, 0..4u64, 1..3u8, any::<u8>()), 0..4);
    let settings = prop::collection::vec(("[ab]", 0..4u64, 1..3u8, "[xy]"), 0..4);
    let devices = prop::collection::vec((1..4u8, 0..4u64, 1..3u8, "[xy]", any::<bool>()), 0..4);
    let former = prop::collection::vec(1..4u8, 0..3);
    (rooms, contacts, settings, 0..4u64, devices, former).prop_map(
        |(rooms, contacts, settings, named, devices, former)| {
            let mut bundle = empty();
            bundle.name = Stamped::new(format!("name {named}"), stamp(named, 1));
            for (seed, epochs, at, held) in rooms {
                let mut other = empty();
                let epochs: Vec<u8> = epochs.into_iter().collect();
                other.rooms.extend([room(seed, &epochs, at, held)]);
                bundle.merge(other);
            }
            for (user, at, device, value) in contacts {
                bundle.contacts.insert(UserId::from_bytes([user; 32]), Stamped::new(vec![value], stamp(at, device)));
            }
            for (device, at, by, label, is_revoked) in devices {
                let id = DeviceId::from_bytes([device; 32]);
                let note = DeviceNote { label, created: 1, signed_in: is_revoked };
                bundle.devices.insert(id, Stamped::new(note, stamp(at, by)));
                if is_revoked {
                    bundle.revoked.insert(id, at);
                }
                let place = AccountPlace { name: UserName::new("anna").unwrap(), archive: id };
                bundle.account = Stamped::new(Some(place), stamp(at, by));
            }
            for seed in former {
                bundle.merge(AccountBundle::new(Secret::from_bytes([seed; 32]), Stamped::default()));
            }
            for (name, at, device, value) in settings {
                bundle.settings.insert(name, Stamped::new(value, stamp(at, device)));
            }
            bundle
        },
    )
}

fn merged(one: &AccountBundle, other: &AccountBundle) -> AccountBundle {
    let mut merged = one.clone();
    merged.merge(other.clone());
    sorted(merged)
}

proptest! {
    #[test]
    fn copies_end_the_same_in_whatever_order_they_meet(a in any_bundle(), b in any_bundle(), c in any_bundle()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &a), sorted(a.clone()));
    }

    #[test]
    fn a_bundle_comes_back(a in any_bundle()) {
        prop_assert_eq!(AccountBundle::decode(&a.encode().unwrap()), Ok(a));
    }

    #[test]
    fn any_bytes_are_no_bundle_or_a_lasting_one(bytes: Vec<u8>) {
        if let Ok(bundle) = AccountBundle::decode(&[&[1], bytes.as_slice()].concat()) {
            prop_assert_eq!(AccountBundle::decode(&bundle.encode().unwrap()), Ok(bundle));
        }
    }
}
