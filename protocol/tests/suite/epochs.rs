//! Changing the epoch: who can open a record, and what may not be altered in it.

use crate::fixtures::{Device, Room, rng};
use parlor_protocol::{
    EpochId, LogKey, RoomId,
    epoch::{EpochChange, EpochRecord, EpochSecrets, SEALED_KEY_LEN},
    error::{CodecError, SealError},
    keys::{DhSecret, Secret},
    limits::{DEVICES_MAX, EPOCH_PARENTS_MAX},
    log::Height,
};
use proptest::prelude::*;

struct Change {
    room: Room,
    next: EpochSecrets,
    record: EpochRecord,
    stays: Device,
    removed: Device,
}

/// A room whose maker removes one guest and keeps another.
fn change() -> Change {
    let (room, stays, removed) = (Room::new(1), Device::new(2), Device::new(3));
    let parents = vec![room.secrets.id()];
    let next = EpochSecrets::derive(room.id(), &parents, Secret::random(&mut rng(4))).unwrap();
    let key = LogKey { author: removed.id(), log: removed.log };
    let change = EpochChange {
        parents,
        removed: vec![removed.id()],
        heads: vec![(key, Height { next: 7, head: crate::fixtures::entry_id(7) })],
        recipients: vec![(stays.id(), stays.prekey.public()), (room.maker.id(), room.maker.prekey.public())],
    };
    let links = [&room.secrets];
    let maker = &room.maker;
    let record = EpochRecord::seal(&next, &change, &links, &maker.card(), &maker.noise, &mut rng(5)).unwrap();
    Change { room, next, record, stays, removed }
}

fn open(change: &Change, record: &EpochRecord) -> Result<EpochSecrets, SealError> {
    record.open(change.room.id(), change.stays.id(), &[&change.stays.prekey])
}

#[test]
fn every_remaining_device_opens_the_same_epoch() {
    let change = change();
    let (maker, room) = (&change.room.maker, change.room.id());
    let mine = open(&change, &change.record).unwrap();
    let owners = change.record.open(room, maker.id(), &[&maker.prekey]).unwrap();
    for secrets in [mine, owners] {
        assert_eq!(secrets.id(), change.next.id());
        assert_eq!(secrets.key(), change.next.key());
        assert_eq!(secrets.topic(), change.next.topic());
        assert_eq!(secrets.parents(), [change.room.secrets.id()]);
    }
}

#[test]
fn older_prekeys_are_tried_after_the_newest() {
    let change = change();
    let newer = DhSecret::random(&mut rng(77));
    let keys = [&newer, &change.stays.prekey];
    assert!(change.record.open(change.room.id(), change.stays.id(), &keys).is_ok());
    assert!(change.record.open(change.room.id(), change.stays.id(), &keys[..1]).is_err());
}

#[test]
fn nobody_else_opens_it() {
    let change = change();
    let (room, removed, stays) = (change.room.id(), &change.removed, &change.stays);
    assert!(change.record.open(room, removed.id(), &[&removed.prekey]).is_err(), "the removed device");
    assert!(change.record.open(room, stays.id(), &[&removed.prekey]).is_err(), "under another's name");
    assert!(change.record.open(room, stays.id(), &[&stays.noise]).is_err(), "with another key");
    assert!(change.record.open(room, stays.id(), &[]).is_err(), "without a key");
    assert!(change.record.open(Room::new(9).id(), stays.id(), &[&stays.prekey]).is_err(), "in another room");
}

#[test]
fn an_altered_record_does_not_open() {
    let change = change();
    let good = &change.record;
    assert!(open(&change, good).is_ok());
    let other = Device::new(50);
    let mut altered: Vec<EpochRecord> = vec![good.clone(); 10];
    altered[0].id = EpochId::from_bytes([1; 32]);
    altered[1].parents = vec![];
    altered[2].admission = change.room.secrets.admission_public();
    altered[3].owner = other.card();
    altered[4].removed = vec![];
    altered[5].removed.push(other.id());
    altered[6].heads[0].1.next = 8;
    altered[7].heads.clear();
    altered[8].keys[0].sealed[40] ^= 1;
    altered[9].keys[0].sealed = good.keys[1].sealed.clone();
    for (at, record) in altered.iter().enumerate() {
        assert!(open(&change, record).is_err(), "alteration {at}");
    }
}

#[test]
fn a_sealed_key_whose_ephemeral_key_is_of_small_order_is_refused() {
    let mut change = change();
    change.record.keys[0].sealed[..32].fill(0);
    assert!(matches!(open(&change, &change.record), Err(SealError::Key(_))));
    change.record.keys[0].sealed.clear();
    assert!(matches!(open(&change, &change.record), Err(SealError::TooShort { .. })));
}

#[test]
fn the_id_commits_to_key_room_and_parents() {
    let room = RoomId::from_bytes([1; 32]);
    let (a, b) = (EpochId::from_bytes([2; 32]), EpochId::from_bytes([3; 32]));
    let key = || Secret::from_bytes([4; 32]);
    let id = EpochSecrets::derive(room, &[a, b], key()).unwrap().id();
    let derive = |room, parents: &[EpochId], key| EpochSecrets::derive_checked(room, parents, key, id);
    assert!(derive(room, &[a, b], key()).is_ok());
    assert!(derive(room, &[b, a, b], key()).is_ok(), "order and repetition of parents do not matter");
    assert_eq!(derive(room, &[a], key()).err(), Some(SealError::Unopenable));
    assert_eq!(derive(RoomId::default(), &[a, b], key()).err(), Some(SealError::Unopenable));
    assert_eq!(derive(room, &[a, b], Secret::from_bytes([5; 32])).err(), Some(SealError::Unopenable));
}

#[test]
fn the_parents_key_opens_where_it_is_linked() {
    let change = change();
    let old = &change.room.secrets;
    let back = change.record.open_previous(&change.next, old.id(), &[]).unwrap();
    assert_eq!(back.key(), old.key());
    assert!(change.record.open_previous(&change.next, change.next.id(), &[]).is_err(), "not a parent");
    assert!(change.record.open_previous(&change.next, old.id(), &[old.id()]).is_err(), "wrong grandparents");
    assert!(change.record.open_previous(old, old.id(), &[]).is_err(), "the old key does not open itself");
    let mut unlinked = change.record.clone();
    unlinked.previous.clear();
    assert!(unlinked.open_previous(&change.next, old.id(), &[]).is_err());
}

#[test]
fn a_record_cannot_be_made_for_other_parents_or_with_links_out_of_order() {
    let change = change();
    let maker = &change.room.maker;
    let seal = |parents: Vec<EpochId>, links: &[&EpochSecrets]| {
        let wanted = EpochChange { parents, ..EpochChange::default() };
        EpochRecord::seal(&change.next, &wanted, links, &maker.card(), &maker.noise, &mut rng(1))
    };
    let parent = change.room.secrets.id();
    assert!(seal(vec![parent], &[]).is_ok());
    assert_eq!(seal(vec![], &[]).err(), Some(SealError::Unopenable));
    assert_eq!(seal(vec![parent], &[&change.next]).err(), Some(SealError::Unopenable));
}

#[test]
fn counts_and_lengths_over_their_limits_are_refused() {
    let change = change();
    let over = |alter: &dyn Fn(&mut EpochRecord)| {
        let mut record = change.record.clone();
        alter(&mut record);
        record.encode().unwrap_err()
    };
    let parents = over(&|r| r.parents = vec![EpochId::default(); EPOCH_PARENTS_MAX + 1]);
    assert_eq!(parents, CodecError::TooMany { what: "parents", max: EPOCH_PARENTS_MAX, got: EPOCH_PARENTS_MAX + 1 });
    let keys = over(&|r| r.keys = vec![r.keys[0].clone(); DEVICES_MAX + 1]);
    assert!(matches!(keys, CodecError::TooMany { what: "sealed keys", .. }));
    assert_eq!(over(&|r| r.keys[0].sealed.push(0)), CodecError::Malformed("epoch"));
    assert_eq!(over(&|r| r.previous.push(vec![0; 72])), CodecError::Malformed("epoch"));
    assert_eq!(SEALED_KEY_LEN, 80);
}

#[test]
fn a_full_room_fits_one_record() {
    let change = change();
    let mut record = change.record.clone();
    record.keys = vec![record.keys[0].clone(); DEVICES_MAX];
    record.removed = vec![change.removed.id(); DEVICES_MAX];
    record.heads = vec![record.heads[0]; DEVICES_MAX];
    assert_eq!(EpochRecord::decode(&record.encode().unwrap()), Ok(record));
}

#[test]
fn a_record_with_a_bad_card_is_refused() {
    let mut record = change().record;
    record.owner.created += 1;
    assert_eq!(EpochRecord::decode(&record.encode().unwrap()), Err(CodecError::Malformed("owner's card")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_changed_byte_of_a_record_is_noticed_or_harmless(at: prop::sample::Index, mask in 1..=255u8) {
        let change = change();
        let mut body = change.record.encode().unwrap();
        let at = at.index(body.len());
        body[at] ^= mask;
        // Other recipients' keys and the links are no part of what one device checks; the entry's
        // signature covers them.
        if let Ok(secrets) = EpochRecord::decode(&body).map_err(SealError::from).and_then(|record| open(&change, &record)) {
            prop_assert_eq!(secrets.key(), change.next.key());
        }
    }

    #[test]
    fn any_bytes_are_no_record_or_a_lasting_one(bytes: Vec<u8>) {
        crate::targets::epoch(&bytes);
        crate::targets::epoch(&[b"\x01".as_slice(), &bytes].concat());
    }
}
