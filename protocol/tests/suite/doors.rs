//! Codes as doors: who has the code signs, and only who has it; and nothing signed counts elsewhere.

use crate::fixtures::{Device, Room, altered, entry_id, hex, rng};
use parlor_protocol::{
    DoorId, EpochId, Locator, LogId, Name, RoomCode, RoomId,
    access::{
        AccessBody, CodeKeys, Door, DoorBody, EarlierStep, Hours, How, In, InPlace, Out, OutDevice, OwnKey, Terms,
        Wrap, WrapFacts, WrapPayload,
        wire::{Enter, Entered, Found, Look, NotEntered, Offer, PushWraps},
    },
    entry::{Entry, Header, Kind},
    error::{CodecError, KeyError, SealError},
    keys::Secret,
    limits::{STEP_LAST, WRAP_MAX, WRAPS_MAX},
    log::Height,
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Stretching is slow on purpose: once for all tests.
pub static CODES: LazyLock<[CodeKeys; 2]> =
    LazyLock::new(|| [1, 2].map(|seed| CodeKeys::from(&RoomCode::random(&mut rng(seed)).stretching().run().unwrap())));

const BAD: Result<(), KeyError> = Err(KeyError::BadSignature);

fn door_entry(room: &Room, code: &CodeKeys) -> Entry {
    let door =
        Door::sign(code, room.id(), room.maker.id(), Terms { expires: Hours(500_000), uses: 3, members_only: false });
    let header = room.maker.header(Kind::Door, room.id(), room.secrets.id(), Height::EMPTY);
    Entry::sign(&room.maker.key, header, &DoorBody::Made(door).encode().unwrap()).unwrap().into_inner()
}

fn place(room: &Room, device: &Device) -> InPlace {
    InPlace { room: room.id(), epoch: room.secrets.id(), device: device.id(), log: device.log }
}

pub fn wrap(room: &Room, code: &CodeKeys) -> Wrap {
    let (facts, payload) = (facts(room), payload(room));
    Wrap::seal(facts, &code.lock(), &payload, &room.maker.key, &mut rng(5)).unwrap()
}

fn facts(room: &Room) -> WrapFacts {
    let door = DoorId::from(entry_id(4));
    WrapFacts { room: room.id(), door, epoch: room.secrets.id(), step: 0, until: Hours::NONE, is_fresh: true }
}

fn payload(room: &Room) -> WrapPayload {
    let earlier = EarlierStep {
        epoch: EpochId::from_bytes([3; 32]),
        parents: vec![EpochId::from_bytes([2; 32])],
        step: 7,
        key: Secret::from_bytes([9; 32]),
    };
    let (name, key) = (Name::new("Kitchen").unwrap(), room.secrets.key().clone());
    WrapPayload { name, parents: Vec::new(), key, earlier: vec![earlier] }
}

/// What somebody is shown who has the code.
pub fn example_found() -> Found {
    let room = Room::new(1);
    let offers = vec![Offer { epoch: room.secrets.id(), step: 3 }];
    Found { genesis: room.genesis.inner().clone(), door: door_entry(&room, &CODES[0]), offers }
}

/// An entry of coming in, as it is shown.
pub fn example_enter() -> Enter {
    let (room, device) = (Room::new(1), Device::new(2));
    let own = OwnKey::new(&device.user, room.id());
    let header = device.header(Kind::Access, room.id(), room.secrets.id(), Height::EMPTY);
    let by_code = In::by_code(&own, &InPlace::from(&header), &CODES[0], entry_id(4).into(), 3, Hours(9));
    let body = AccessBody::In(by_code).encode().unwrap();
    let entry = Entry::sign(&device.key, header, &body).unwrap().into_inner();
    Enter { room: room.id(), entry, for_keys: true }
}

/// A wrap as long as one can be, but for what a step in its parents takes.
pub fn longest_wrap(room: &Room) -> Wrap {
    let mut long = payload(room);
    long.earlier = vec![long.earlier[0].clone(); 64];
    long.earlier.iter_mut().for_each(|link| link.parents = vec![EpochId::default(); 16]);
    let longest = (1..64).rev().find_map(|count| {
        long.earlier.truncate(count);
        Wrap::seal(facts(room), &CODES[0].lock(), &long, &room.maker.key, &mut rng(5)).ok()
    });
    longest.unwrap()
}

/// Bodies of doors, for the corpus.
pub fn example_doors() -> Vec<Vec<u8>> {
    let room = Room::new(1);
    [door_entry(&room, &CODES[0]).body().to_vec(), DoorBody::Ended(entry_id(4).into()).encode().unwrap()].into()
}

/// Bodies of coming in and going out, for the corpus.
pub fn example_access() -> Vec<Vec<u8>> {
    let (room, device) = (Room::new(1), Device::new(2));
    let (own, here) = (OwnKey::new(&device.user, room.id()), place(&room, &device));
    let heads = vec![(LogId(1), Height { next: 4, head: entry_id(4) })];
    let out = Out::sign(&own, room.id(), device.id(), true, vec![OutDevice { device: device.id(), heads }]);
    let by_code = In::by_code(&own, &here, &CODES[0], entry_id(4).into(), 5, Hours(9));
    let bodies = [In::named(&own, &here), by_code, In::linked(&own, &here, &room.secrets).unwrap()].map(AccessBody::In);
    let bodies = bodies.into_iter().chain([AccessBody::Out(out.unwrap())]);
    bodies.map(|body| body.encode().unwrap()).collect()
}

#[test]
fn a_door_counts_in_its_room_for_its_maker_and_for_nothing_else() {
    let (room, other) = (Room::new(1), Room::new(2));
    let maker = room.maker.id();
    let door = Door::sign(&CODES[0], room.id(), maker, Terms { expires: Hours(7), uses: 1, members_only: false });
    assert_eq!(door.check(room.id(), maker), Ok(()));
    assert!(door.is_of(&CODES[0]) && !door.is_of(&CODES[1]));
    assert_eq!(door.check(other.id(), maker), BAD);
    assert_eq!(door.check(room.id(), other.maker.id()), BAD);
    let changes: [fn(&mut Door); 5] = [
        |door| door.locator = Locator([1; 16]),
        |door| door.lock = CODES[1].lock(),
        |door| door.terms.expires = Hours(8),
        |door| door.terms.uses = 0,
        |door| door.terms.members_only = true,
    ];
    for change in changes {
        assert_eq!(altered(&door, change).check(room.id(), maker), BAD);
    }
    let body = DoorBody::Made(door).encode().unwrap();
    assert_eq!(DoorBody::decode(&body), Ok(DoorBody::Made(door)));
}

#[test]
fn coming_in_is_signed_for_one_device_log_epoch_and_room() {
    let (room, device, account) = (Room::new(1), Device::new(2), Device::new(3));
    let here = place(&room, &device);
    let own = OwnKey::new(&account.user, room.id());
    let by_code = In::by_code(&own, &here, &CODES[0], entry_id(4).into(), 5, Hours(9));
    let linked = In::linked(&own, &here, &room.secrets).unwrap();
    let (door, admission) = (CODES[0].door(), room.secrets.admission_public());
    assert_eq!(by_code.check_own(&here), Ok(()));
    assert_eq!(by_code.check_door(&here, &door), Ok(()));
    assert_eq!(linked.check_link(&here, &admission), Ok(()));
    assert_eq!(by_code.check_door(&here, &CODES[1].door()), BAD);
    for elsewhere in [
        InPlace { room: RoomId::from_bytes([9; 32]), ..here },
        InPlace { epoch: EpochId::from_bytes([9; 32]), ..here },
        InPlace { device: account.id(), ..here },
    ] {
        assert_eq!(by_code.check_own(&elsewhere), BAD);
        assert_eq!(by_code.check_door(&elsewhere, &door), BAD);
        assert_eq!(linked.check_link(&elsewhere, &admission), BAD);
        assert!(elsewhere.device != here.device || In::linked(&own, &elsewhere, &room.secrets).is_err());
    }
    let another_log = InPlace { log: LogId(here.log.0 ^ 1), ..here };
    assert_eq!(by_code.check_own(&another_log), BAD);
    assert_eq!(by_code.check_door(&another_log, &door), BAD);
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(linked.check_link(&here, &identity), Err(KeyError::WeakPoint));
    // Neither part of it can be exchanged.
    let other = OwnKey::new(&device.user, room.id());
    assert_eq!(altered(&by_code, |body| body.own = other.id()).check_own(&here), BAD);
    let mixed = altered(&In::named(&other, &here), |body| body.how = by_code.how.clone());
    assert_eq!((mixed.check_own(&here), mixed.check_door(&here, &door)), (Ok(()), BAD));
    assert_eq!(In::named(&own, &here).check_door(&here, &door), BAD);
    assert_eq!(by_code.check_link(&here, &admission), BAD);
    for body in [by_code, linked, In::named(&own, &here)] {
        let body = AccessBody::In(body);
        assert_eq!(AccessBody::decode(&body.encode().unwrap()), Ok(body));
    }
}

#[test]
fn what_links_is_for_a_device_and_the_own_signature_for_its_log() {
    let (room, device, account) = (Room::new(1), Device::new(2), Device::new(3));
    let here = place(&room, &device);
    let another_log = InPlace { log: LogId(here.log.0 ^ 1), ..here };
    let own = OwnKey::new(&account.user, room.id());
    let (linked, admission) = (In::linked(&own, &here, &room.secrets).unwrap(), room.secrets.admission_public());
    assert_eq!(linked.check_link(&another_log, &admission), Ok(()));
    assert_eq!(linked.check_own(&another_log), BAD);
    // Nor is it for a person: with another own key only that one's signature says whose it is.
    let other = OwnKey::new(&device.user, room.id());
    let others = altered(&In::named(&other, &here), |body| body.how = linked.how.clone());
    assert_eq!((others.check_link(&here, &admission), others.check_own(&here)), (Ok(()), Ok(())));
    assert_eq!(altered(&linked, |body| body.own = other.id()).check_own(&here), BAD);
}

#[test]
fn nobody_comes_in_at_the_last_step() {
    let (room, device) = (Room::new(1), Device::new(2));
    let own = OwnKey::new(&device.user, room.id());
    let at = |step| {
        let by = In::by_code(&own, &place(&room, &device), &CODES[0], entry_id(4).into(), step, Hours::NONE);
        AccessBody::In(by).encode()
    };
    assert!(at(STEP_LAST - 1).is_ok());
    assert_eq!(at(STEP_LAST), Err(CodecError::Malformed("step of an entry")));
    let mut forged = at(STEP_LAST - 1).unwrap();
    let step = (STEP_LAST - 1) as u16;
    let at = forged.windows(2).position(|bytes| bytes == step.to_le_bytes()).unwrap();
    forged[at..at + 2].copy_from_slice(&(step + 1).to_le_bytes());
    assert_eq!(AccessBody::decode(&forged), Err(CodecError::Malformed("step of an entry")));
}

#[test]
fn a_persons_key_is_another_one_in_each_room_and_the_same_on_each_device() {
    let (account, room, other) = (Device::new(3).user, RoomId::from_bytes([1; 32]), RoomId::from_bytes([2; 32]));
    assert_eq!(OwnKey::new(&account, room).id(), OwnKey::new(&account, room).id());
    assert_ne!(OwnKey::new(&account, room).id(), OwnKey::new(&account, other).id());
    assert_ne!(OwnKey::new(&account, room).id().as_bytes(), account.id().as_bytes());
}

#[test]
fn going_out_is_signed_by_the_person_for_one_author_and_room() {
    let (room, device) = (RoomId::from_bytes([1; 32]), Device::new(2));
    let own = OwnKey::new(&device.user, room);
    let heads = vec![(LogId(1), Height { next: 4, head: entry_id(4) }), (LogId(2), Height::EMPTY)];
    let devices =
        vec![OutDevice { device: device.id(), heads }, OutDevice { device: Device::new(5).id(), heads: vec![] }];
    let out = Out::sign(&own, room, device.id(), false, devices).unwrap();
    assert_eq!(out.check_own(room, device.id()), Ok(()));
    assert_eq!(out.check_own(RoomId::from_bytes([2; 32]), device.id()), BAD);
    assert_eq!(out.check_own(room, Device::new(5).id()), BAD);
    let changes: [fn(&mut Out); 4] = [
        |out| out.for_ever = true,
        |out| out.own = OwnKey::new(&Device::new(6).user, RoomId::from_bytes([1; 32])).id(),
        |out| out.devices[0].heads[0].1.next = 9,
        |out| out.devices[1].heads = out.devices[0].heads.split_off(1),
    ];
    for change in changes {
        assert_eq!(altered(&out, change).check_own(room, device.id()), BAD);
    }
    let body = AccessBody::Out(out);
    assert_eq!(AccessBody::decode(&body.encode().unwrap()), Ok(body));
    let many = vec![OutDevice { device: device.id(), heads: vec![] }; 65];
    assert!(matches!(Out::sign(&own, room, device.id(), true, many), Err(CodecError::TooMany { got: 65, .. })));
}

#[test]
fn only_the_code_opens_what_is_wrapped_to_it() {
    let room = Room::new(1);
    let wrap = wrap(&room, &CODES[0]);
    assert_eq!(wrap.check(), Ok(()));
    let opened = wrap.open(&CODES[0]).unwrap();
    assert_eq!(opened, payload(&room));
    assert_eq!(opened.secrets(&wrap.facts).unwrap().id(), room.secrets.id());
    assert_eq!(wrap.open(&CODES[1]), Err(SealError::Unopenable));
    let changes: [fn(&mut WrapFacts); 6] = [
        |facts| facts.room = RoomId::from_bytes([7; 32]),
        |facts| facts.door = DoorId::from_bytes([7; 32]),
        |facts| facts.epoch = EpochId::from_bytes([7; 32]),
        |facts| facts.step = 1,
        |facts| facts.until = Hours(1),
        |facts| facts.is_fresh = false,
    ];
    for change in changes {
        let changed = altered(&wrap, |wrap| change(&mut wrap.facts));
        assert_eq!((changed.check(), changed.open(&CODES[0])), (BAD, Err(SealError::Unopenable)));
    }
    assert_eq!(altered(&wrap, |wrap| wrap.signer = Device::new(7).id()).check(), BAD);
    let bytes = wrap.encode().unwrap();
    assert_eq!(Wrap::decode(&bytes), Ok(wrap));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(Wrap::decode(&changed).is_err() || Wrap::decode(&changed).unwrap().check().is_err());
    }
    let lie = WrapPayload { key: Secret::from_bytes([1; 32]), ..payload(&room) };
    assert!(lie.secrets(&facts(&room)).is_err(), "the epoch's id commits to the key");
}

#[test]
fn a_wrap_that_is_too_long_is_not_sealed_and_the_longest_is_taken() {
    let room = Room::new(1);
    let mut long = payload(&room);
    long.earlier = vec![long.earlier[0].clone(); 64];
    assert!(Wrap::seal(facts(&room), &CODES[0].lock(), &long, &room.maker.key, &mut rng(5)).is_ok(), "all links");
    long.earlier.iter_mut().for_each(|link| link.parents = vec![EpochId::default(); 16]);
    let sealed = Wrap::seal(facts(&room), &CODES[0].lock(), &long, &room.maker.key, &mut rng(5));
    assert!(matches!(sealed, Err(SealError::Codec(CodecError::TooLong { .. }))));
    let longest = longest_wrap(&room);
    assert!(longest.encode().unwrap().len() <= WRAP_MAX);
    let opened = longest.open(&CODES[0]).unwrap();
    long.earlier.truncate(opened.earlier.len());
    assert_eq!(opened, long);
    let push = PushWraps { room: room.id(), wraps: vec![longest.clone(); WRAPS_MAX] };
    assert_eq!(push.check(), Ok(()));
    assert!(PushWraps { room: room.id(), wraps: vec![longest; WRAPS_MAX + 1] }.check().is_err());
}

#[test]
fn a_look_is_for_one_asker_at_one_keeper() {
    let (asker, keeper, other) = (Device::new(1).id(), Device::new(2).id(), Device::new(3).id());
    let look = Look::sign(&CODES[0], asker, keeper);
    assert_eq!((look.locator, look.door), (CODES[0].locator(), CODES[0].door()));
    assert_eq!(look.check(asker, keeper), Ok(()));
    let mut other_door = look;
    other_door.door = CODES[1].door();
    assert_eq!(other_door.check(asker, keeper), BAD);
    assert_eq!(look.check(other, keeper), BAD, "handed on by who was asked");
    assert_eq!(look.check(asker, other), BAD, "kept and asked elsewhere");
}

#[test]
fn who_has_a_code_is_led_to_the_room_in_which_it_was_made_and_to_no_other() {
    let (room, lure) = (Room::new(1), Room::new(2));
    let found = example_found();
    assert_eq!(found.check(), Ok(()));
    let lead = found.check_lead(&CODES[0]).unwrap();
    assert_eq!((lead.room, lead.founder, lead.maker), (room.id(), room.maker.id(), room.maker.id()));
    assert_eq!(lead.door, DoorId::from(found.door.id()));
    assert_eq!(found.check_lead(&CODES[1]), Err(KeyError::BadSignature));
    // A keeper who has seen the door, and not the code, leads to a room of its own.
    let of_lure = Found { genesis: lure.genesis.inner().clone(), ..found.clone() };
    assert_eq!(of_lure.check_lead(&CODES[0]), Err(KeyError::BadSignature));
    let Ok(DoorBody::Made(seen)) = DoorBody::decode(found.door.body()) else { panic!("made above") };
    let header = Header { room: lure.id(), author: lure.maker.id(), ..*found.door.header() };
    let copied = Entry::sign(&lure.maker.key, header, &DoorBody::Made(seen).encode().unwrap()).unwrap();
    let copied = Found { door: copied.into_inner(), ..of_lure };
    assert_eq!(copied.check_lead(&CODES[0]), Err(KeyError::BadSignature));
    let far = Found { offers: vec![Offer { epoch: room.secrets.id(), step: STEP_LAST }], ..found };
    assert!(far.check().is_err());
}

#[test]
fn an_entry_that_is_shown_is_one_of_coming_in_here() {
    let (room, device) = (Room::new(1), Device::new(2));
    let own = OwnKey::new(&device.user, room.id());
    let header = device.header(Kind::Access, room.id(), room.secrets.id(), Height::EMPTY);
    let body = AccessBody::In(In::named(&own, &InPlace::from(&header)));
    let entry = Entry::sign(&device.key, header, &body.encode().unwrap()).unwrap().into_inner();
    assert_eq!(Enter { room: room.id(), entry: entry.clone(), for_keys: true }.check(), Ok(()));
    assert!(Enter { room: RoomId::from_bytes([1; 32]), entry, for_keys: true }.check().is_err());
    assert!(Enter { room: room.id(), entry: door_entry(&room, &CODES[0]), for_keys: true }.check().is_err());
    let answers = [Entered::In(vec![wrap(&room, &CODES[0])]), Entered::Refused(NotEntered::UsedUp)];
    assert!(answers.iter().all(|answer| answer.check().is_ok()));
}

#[test]
fn nothing_of_a_code_or_of_a_wrapped_key_is_printed() {
    let (room, device) = (Room::new(1), Device::new(2));
    let code = &CODES[0];
    assert_eq!(format!("{code:?}"), "CodeKeys(..)");
    let own = OwnKey::new(&device.user, room.id());
    assert_eq!(format!("{own:?}"), format!("OwnKey({})", own.id().short()));
    let shown = format!("{:?} {:?} {:?}", payload(&room), payload(&room).earlier, wrap(&room, code));
    assert!(shown.starts_with("WrapPayload(1 earlier) [EarlierStep(03030303 from 7)] Wrap(WrapFacts {"), "{shown}");
    for secret in [room.secrets.key().expose(), &[9; 32]] {
        assert!(!shown.contains(&hex(&secret[..4])) && !shown.contains("Kitchen"), "{shown}");
    }
    let by = In::by_code(&own, &place(&room, &device), code, entry_id(4).into(), 5, Hours(9));
    assert!(matches!(by.how, How::ByCode(_)) && format!("{by:?}").contains("step: 5"));
}

proptest! {
    #[test]
    fn any_bytes_are_nothing_of_this_or_something_lasting(bytes: Vec<u8>, kind in 0..4u8) {
        for target in [crate::targets::door, crate::targets::access, crate::targets::wrap] {
            target(&bytes);
            target(&[[1, kind].as_slice(), &bytes].concat());
        }
    }
}
