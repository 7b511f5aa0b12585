//! Changing the epoch: who can open a record, and what may not be altered in it.

use crate::fixtures::{Device, Room, altered, rng};
use parlor_protocol::{
    EpochId, LogKey, Role, RoomId,
    epoch::{EpochChange, EpochRecord, EpochSecrets, RoomSettings, SEALED_KEY_LEN, Stamp, Stamped, Step},
    error::{CodecError, SealError},
    keys::{DhSecret, Secret},
    limits::{DEVICES_MAX, EPOCH_PARENTS_MAX, LINKS_MAX, SETTINGS_MAX},
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
        after: vec![crate::fixtures::entry_id(8)],
        removed: vec![removed.id()],
        heads: vec![(key, Height { next: 7, head: crate::fixtures::entry_id(7) })],
        recipients: vec![(stays.id(), stays.prekey.public()), (room.maker.id(), room.maker.prekey.public())],
        ..EpochChange::default()
    };
    let links = [&room.secrets];
    let maker = &room.maker;
    let record =
        EpochRecord::seal(&next, &change, &RoomSettings::default(), &links, &maker.card(), &maker.noise, &mut rng(5))
            .unwrap();
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
    let mut changed: Vec<EpochRecord> = vec![good.clone(); 17];
    changed[0].id = EpochId::from_bytes([1; 32]);
    changed[1].parents = vec![];
    changed[2].admission = change.room.secrets.admission_public();
    changed[3].owner = other.card();
    changed[4].removed = vec![];
    changed[5].removed.push(other.id());
    changed[6].heads[0].1.next = 8;
    changed[7].heads.clear();
    changed[10].after[0] = crate::fixtures::entry_id(9);
    changed[11].owners.added.push(other.user.id());
    changed[12].owners.dropped.push(other.user.id());
    changed[13].lifetime_ms = Some(1);
    changed[14].dissolved = true;
    changed[15].ends_codes = true;
    changed[16].settings[30] ^= 1;
    changed[8].keys[0].sealed[40] ^= 1;
    changed[9].keys[0].sealed = good.keys[1].sealed.clone();
    for (at, record) in changed.iter().enumerate() {
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
    let derive = |room, parents: &[EpochId], key| EpochSecrets::derive_checked(room, parents, Step::FIRST, key, id);
    assert!(derive(room, &[a, b], key()).is_ok());
    assert!(derive(room, &[b, a, b], key()).is_ok(), "order and repetition of parents do not matter");
    assert_eq!(derive(room, &[a], key()).err(), Some(SealError::Unopenable));
    assert_eq!(derive(RoomId::default(), &[a, b], key()).err(), Some(SealError::Unopenable));
    assert_eq!(derive(room, &[a, b], Secret::from_bytes([5; 32])).err(), Some(SealError::Unopenable));
}

/// What somebody has of an epoch who was given it from a step on.
fn from_step(whole: &EpochSecrets, number: u32) -> EpochSecrets {
    let step = Step::new(number).unwrap();
    let key = whole.key_at(step).unwrap();
    EpochSecrets::derive_checked(whole.room(), whole.parents(), step, key, whole.id()).unwrap()
}

#[test]
fn a_step_gives_all_later_ones_and_what_the_epoch_has_once() {
    let whole = change().next;
    for number in [0, 1, 31, 32, 33, 500, 1_022, 1_023, 1_024] {
        let some = from_step(&whole, number);
        assert_eq!((some.id(), some.topic(), some.lowest().number()), (whole.id(), whole.topic(), number));
        assert_eq!(some.admission_public(), whole.admission_public());
        for other in [0, 1, 2, 31, 32, 33, 64, 499, 500, 501, 1_022, 1_023, 1_024] {
            let step = Step::new(other).unwrap();
            let expected = if other < number { None } else { whole.key_at(step) };
            assert_eq!(some.key_at(step), expected, "step {other} from step {number}");
            assert_eq!(some.at(step).map(|secrets| secrets.step()), (other >= number).then_some(step));
        }
    }
}

#[test]
fn there_is_no_step_beyond_the_end_of_the_chain() {
    assert_eq!(Step::new(1_024), Ok(Step::COMMON));
    assert_eq!(Step::new(1_025), Err(CodecError::Malformed("step of an epoch")));
    assert_eq!((Step::FIRST.next().number(), Step::LAST.next(), Step::COMMON.next()), (1, Step::LAST, Step::LAST));
}

#[test]
fn a_record_is_made_with_the_first_key_only() {
    let change = change();
    let (maker, later) = (&change.room.maker, from_step(&change.next, 1));
    let wanted = EpochChange {
        parents: vec![change.room.secrets.id()],
        after: vec![crate::fixtures::entry_id(8)],
        ..EpochChange::default()
    };
    let settings = RoomSettings::default();
    let seal = |secrets| EpochRecord::seal(secrets, &wanted, &settings, &[], &maker.card(), &maker.noise, &mut rng(1));
    assert!(seal(&change.next).is_ok());
    assert_eq!(seal(&later).err(), Some(SealError::Unopenable));
}

#[test]
fn keys_of_earlier_epochs_open_where_they_are_linked() {
    let change = change();
    let old = &change.room.secrets;
    let keys = |record: &EpochRecord, secrets| -> Vec<_> {
        record.open_previous(secrets, |_| true).iter().map(|secrets| (secrets.id(), secrets.key().clone())).collect()
    };
    assert_eq!(keys(&change.record, &change.next), [(old.id(), old.key().clone())]);
    assert_eq!(change.record.open_previous(&change.next, |id| id != old.id()).len(), 0, "what is not wanted");
    let later = from_step(&change.next, 1);
    assert_eq!(keys(&change.record, &later), [], "who joined within the epoch");
    assert_eq!(keys(&change.record, old), [], "the old key does not open itself");
    let wrong = altered(&change.record, |record| record.previous[0].parents.push(old.id()));
    assert_eq!(keys(&wrong, &change.next), [], "other parents");
    let wrong = altered(&change.record, |record| record.previous[0].epoch = change.next.id());
    assert_eq!(keys(&wrong, &change.next), [], "the key of another epoch");
    assert_eq!(keys(&altered(&change.record, |record| record.previous.clear()), &change.next), []);
}

#[test]
fn settings_open_with_the_key_of_their_epoch_only() {
    let change = change();
    let mut settings = RoomSettings::default();
    settings.set_role(change.stays.user.id(), Role::Reader, Stamp::default());
    let sealed = settings.seal(&change.next, &mut rng(1)).unwrap();
    assert_eq!(RoomSettings::open(&sealed, &change.next), Ok(settings.clone()));
    assert_eq!(RoomSettings::open(&sealed, &from_step(&change.next, 1_024)), Ok(settings.clone()), "at any step");
    assert!(RoomSettings::open(&sealed, &change.room.secrets).is_err());
    assert!(RoomSettings::open(&sealed[..20], &change.next).is_err());
    assert_eq!(change.record.open_settings(&change.next), Ok(RoomSettings::default()));
}

#[test]
fn of_two_settings_the_later_value_of_each_item_is_taken() {
    let (anna, ben) = (Device::new(1).user.id(), Device::new(2).user.id());
    let at = |generation, byte| Stamp { generation, epoch: EpochId::from_bytes([byte; 32]) };
    let (mut one, mut two) = (RoomSettings::default(), RoomSettings::default());
    one.set_role(anna, Role::Moderator, at(3, 1));
    one.slow_ms = Stamped { value: 5_000, stamp: at(2, 1) };
    two.set_role(anna, Role::Reader, at(3, 2));
    two.set_role(ben, Role::Reader, at(1, 0));
    two.slow_ms = Stamped { value: 9_000, stamp: at(1, 9) };
    two.newcomers = Stamped { value: Role::Reader, stamp: at(1, 1) };
    let (mut forth, mut back) = (one.clone(), two.clone());
    forth.unite(two);
    back.unite(one);
    assert_eq!(forth, back, "in either order");
    assert_eq!((forth.role(anna), forth.role(ben)), (Role::Reader, Role::Reader));
    assert_eq!((forth.slow_ms.value, forth.newcomers.value), (5_000, Role::Reader));
    assert_eq!(forth.role(Device::new(3).user.id()), Role::Reader, "a newcomer");
}

#[test]
fn settings_that_make_newcomers_more_than_members_are_refused() {
    let settings = altered(&RoomSettings::default(), |settings| settings.newcomers.value = Role::Moderator);
    assert_eq!(settings.encode(), Err(CodecError::Malformed("settings")));
}

#[test]
fn a_record_cannot_be_made_for_other_parents_or_with_its_own_key_for_a_link() {
    let change = change();
    let maker = &change.room.maker;
    let seal = |parents: Vec<EpochId>, links: &[&EpochSecrets]| {
        let after = parents.iter().map(|_| crate::fixtures::entry_id(8)).collect();
        let wanted = EpochChange { parents, after, ..EpochChange::default() };
        let settings = RoomSettings::default();
        EpochRecord::seal(&change.next, &wanted, &settings, links, &maker.card(), &maker.noise, &mut rng(1))
    };
    let parent = change.room.secrets.id();
    assert!(seal(vec![parent], &[]).is_ok());
    assert_eq!(seal(vec![], &[]).err(), Some(SealError::Unopenable));
    assert_eq!(seal(vec![parent], &[&change.next]).err(), Some(SealError::Unopenable));
    let half = from_step(&change.room.secrets, 1);
    assert_eq!(seal(vec![parent], &[&half]).err(), Some(SealError::Unopenable), "not all of the link is known");
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
    assert_eq!(over(&|r| r.previous[0].sealed.push(0)), CodecError::Malformed("epoch"));
    assert_eq!(over(&|r| r.after.clear()), CodecError::Malformed("epoch"));
    assert_eq!(over(&|r| r.settings = vec![0; SETTINGS_MAX + 1]), CodecError::Malformed("epoch"));
    assert_eq!(over(&|r| r.lifetime_ms = Some(0)), CodecError::Malformed("epoch"));
    let links = over(&|r| r.previous = vec![r.previous[0].clone(); LINKS_MAX + 1]);
    assert!(matches!(links, CodecError::TooMany { what: "links", .. }));
    assert_eq!(SEALED_KEY_LEN, 80);
}

#[test]
fn a_full_room_fits_one_record() {
    let change = change();
    let mut record = change.record.clone();
    record.keys = vec![record.keys[0].clone(); DEVICES_MAX];
    record.removed = vec![change.removed.id(); DEVICES_MAX];
    record.heads = vec![record.heads[0]; DEVICES_MAX];
    record.settings = vec![0; SETTINGS_MAX];
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
    fn every_key_of_the_chain_gives_the_same_epoch_and_no_other_key_does(step in 0..=1_024u32, other in 0..=1_024u32) {
        let whole = change().next;
        let (step, other) = (Step::new(step).unwrap(), Step::new(other).unwrap());
        let key = whole.key_at(step).unwrap();
        let derived = EpochSecrets::derive_checked(whole.room(), whole.parents(), other, key, whole.id());
        prop_assert_eq!(derived.is_ok(), step == other);
    }

    #[test]
    fn any_bytes_are_no_settings_or_lasting_ones(bytes: Vec<u8>) {
        crate::targets::settings(&bytes);
        crate::targets::settings(&[b"\x01".as_slice(), &bytes].concat());
    }

    #[test]
    fn any_bytes_are_no_record_or_a_lasting_one(bytes: Vec<u8>) {
        crate::targets::epoch(&bytes);
        crate::targets::epoch(&[b"\x01".as_slice(), &bytes].concat());
    }
}
