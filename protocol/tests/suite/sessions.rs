//! Sessions: sealing and opening contents.

use crate::fixtures::{Device, Room, conversation, conversation_in, flipped, rng, says};
use parlor_protocol::{
    EpochId,
    entry::{Entry, HEADER_LEN, Header, Kind, Verified},
    epoch::{EpochSecrets, STEP_LEN, Step},
    error::{CodecError, SealError},
    hedge::NONCE_LEN,
    keys::Secret,
    limits::{PADDING_FLOOR, SESSION_ENTRIES_MAX},
    log::Height,
    session::{OPENER_LEN, OpeningSession, SealingSession, TAG_LEN},
};
use proptest::prelude::*;

const TEXTS: [&str; 5] = ["one", "two", "three", "four", "five"];

fn room_and_log() -> (Room, Device, Vec<Verified<Entry>>) {
    let (room, device) = (Room::new(1), Device::new(2));
    let log = conversation(&room, &device, &TEXTS, 7);
    (room, device, log)
}

/// Signs the entry again with another body or header, as its own author could.
fn resigned(device: &Device, header: Header, body: &[u8]) -> Verified<Entry> {
    Entry::sign(&device.key, header, body).unwrap()
}

#[test]
fn every_holder_of_the_epoch_opens_every_entry_in_any_order() {
    let (room, _, log) = room_and_log();
    let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    for at in [4, 0, 2, 2, 1, 3] {
        assert_eq!(session.open(&log[at]), Ok(says(TEXTS[at])));
    }
}

#[test]
fn a_late_joiner_with_the_key_alone_opens_it_too() {
    let (room, _, log) = room_and_log();
    let (key, id) = (room.secrets.key().clone(), room.secrets.id());
    let joiner = EpochSecrets::derive_checked(room.id(), &[], Step::FIRST, key, id).unwrap();
    assert_eq!(OpeningSession::accept(&joiner, &log[0]).unwrap().open(&log[3]), Ok(says("four")));
}

#[test]
fn sizes_are_those_of_the_padding() {
    let (_, _, log) = room_and_log();
    assert_eq!(log[0].body().len(), OPENER_LEN + NONCE_LEN + PADDING_FLOOR + TAG_LEN);
    assert!(log[1..].iter().all(|entry| entry.body().len() == NONCE_LEN + PADDING_FLOOR + TAG_LEN));
}

#[test]
fn another_epoch_does_not_open_it() {
    let (room, device, log) = room_and_log();
    let next = EpochSecrets::derive(room.id(), &[room.secrets.id()], Secret::random(&mut rng(1))).unwrap();
    assert!(matches!(OpeningSession::accept(&next, &log[0]), Err(SealError::OutOfSession { .. })));
    // The author claims the other epoch for the same bytes.
    let claimed = resigned(&device, Header { epoch: next.id(), ..*log[0].header() }, log[0].body());
    assert_eq!(OpeningSession::accept(&next, &claimed).err(), Some(SealError::Unopenable));
    let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    let later = resigned(&device, Header { epoch: next.id(), ..*log[1].header() }, log[1].body());
    assert!(matches!(session.open(&later), Err(SealError::OutOfSession { .. })));
}

#[test]
fn a_session_is_bound_to_its_place_and_author() {
    let (room, device, log) = room_and_log();
    let opener = *log[0].header();
    let thief = Device::new(3);
    let moved = [
        resigned(&device, Header { seq: 1, session: 1, ..opener }, log[0].body()),
        resigned(&device, Header { prev: crate::fixtures::entry_id(1), ..opener }, log[0].body()),
        resigned(&device, Header { log: thief.log, ..opener }, log[0].body()),
        resigned(&thief, Header { author: thief.id(), ..opener }, log[0].body()),
    ];
    for entry in moved {
        assert_eq!(OpeningSession::accept(&room.secrets, &entry).err(), Some(SealError::Unopenable));
    }
}

#[test]
fn what_another_wrote_cannot_be_passed_off_as_own() {
    let (room, _, log) = room_and_log();
    let thief = Device::new(3);
    let own = conversation(&room, &thief, &["x", "y"], 8);
    let stolen = resigned(&thief, *own[1].header(), log[1].body());
    let (theirs, mine) = (&log[0], &own[0]);
    assert_eq!(OpeningSession::accept(&room.secrets, mine).unwrap().open(&stolen), Err(SealError::Unopenable));
    let with_theirs = OpeningSession::accept(&room.secrets, theirs).unwrap().open(&stolen);
    assert!(matches!(with_theirs, Err(SealError::OutOfSession { .. })));
}

#[test]
fn moved_and_altered_bodies_do_not_open() {
    let (room, device, log) = room_and_log();
    let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    let at_other_place = resigned(&device, *log[2].header(), log[1].body());
    assert_eq!(session.open(&at_other_place), Err(SealError::Unopenable));
    for at in (0..log[1].body().len()).step_by(7) {
        let mut body = log[1].body().to_vec();
        body[at] ^= 1;
        assert_eq!(session.open(&resigned(&device, *log[1].header(), &body)), Err(SealError::Unopenable));
    }
    for at in 0..OPENER_LEN {
        if (2..STEP_LEN).contains(&at) {
            continue; // There is no such step, and no entry with it.
        }
        let mut body = log[0].body().to_vec();
        body[at] ^= 1;
        assert!(OpeningSession::accept(&room.secrets, &resigned(&device, *log[0].header(), &body)).is_err());
    }
}

#[test]
fn short_bodies_are_refused() {
    let (room, device, log) = room_and_log();
    let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    let opener = |len: usize| resigned(&device, *log[0].header(), &log[0].body()[..len]);
    for len in [4, 35, 36, 51] {
        let error = OpeningSession::accept(&room.secrets, &opener(len)).err();
        assert_eq!(error, Some(SealError::TooShort { min: 52, got: len }));
    }
    assert!(OpeningSession::accept(&room.secrets, &opener(52)).is_ok());
    assert_eq!(session.open(&opener(64)), Err(SealError::TooShort { min: 92, got: 64 }));
    let short = resigned(&device, *log[1].header(), &[0; 39]);
    assert_eq!(session.open(&short), Err(SealError::TooShort { min: 40, got: 39 }));
    let bare_tag = resigned(&device, *log[1].header(), &[0; 40]);
    assert_eq!(session.open(&bare_tag), Err(SealError::Unopenable));
}

#[test]
fn a_handshake_with_a_small_order_key_is_refused() {
    let (room, device, log) = room_and_log();
    let mut body = log[0].body().to_vec();
    body[STEP_LEN..STEP_LEN + 32].fill(0);
    let opener = resigned(&device, *log[0].header(), &body);
    assert!(matches!(OpeningSession::accept(&room.secrets, &opener), Err(SealError::Key(_))));
}

#[test]
fn only_content_entries_of_the_session_are_opened() {
    let (room, device, log) = room_and_log();
    let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
    let other_kind = resigned(&device, Header { kind: Kind::Door, ..*log[1].header() }, log[1].body());
    assert!(matches!(session.open(&other_kind), Err(SealError::OutOfSession { .. })));
    let body = [Step::FIRST.to_bytes().as_slice(), log[1].body()].concat();
    let other_session = resigned(&device, Header { session: 1, ..*log[1].header() }, &body);
    assert!(matches!(session.open(&other_session), Err(SealError::OutOfSession { .. })));
    assert!(matches!(OpeningSession::accept(&room.secrets, &log[1]), Err(SealError::OutOfSession { .. })));
    let elsewhere = conversation(&Room::new(9), &device, &["a", "b"], 7);
    assert!(matches!(session.open(&elsewhere[1]), Err(SealError::OutOfSession { .. })));
}

#[test]
fn a_session_ends_after_its_last_entry() {
    let (room, device) = (Room::new(1), Device::new(2));
    let start = 10;
    let header = room.content_header(&device, Height { next: start, head: crate::fixtures::entry_id(1) });
    let sealing = SealingSession::open(&room.secrets, Step::FIRST, &header, &says("first"), &mut rng(1)).unwrap();
    let opener = resigned(&device, header, &sealing.seal(&header, &says("first"), &mut rng(2)).unwrap());
    let opening = OpeningSession::accept(&room.secrets, &opener).unwrap();

    let last = start + SESSION_ENTRIES_MAX - 1;
    let body = sealing.seal(&Header { seq: last, ..header }, &says("last"), &mut rng(2)).unwrap();
    let last_entry = resigned(&device, Header { seq: last, ..header }, &body);
    assert_eq!(opening.open(&last_entry), Ok(says("last")));

    let beyond = last + 1;
    assert!(!sealing.covers(header.epoch, beyond));
    assert_eq!(
        sealing.seal(&Header { seq: beyond, ..header }, &says("x"), &mut rng(2)),
        Err(SealError::OutOfSession { session: start, seq: beyond })
    );
    assert!(sealing.seal(&Header { seq: start - 1, ..header }, &says("x"), &mut rng(2)).is_err());
    let entry = resigned(&device, Header { seq: beyond, ..header }, &body);
    assert_eq!(opening.open(&entry), Err(SealError::OutOfSession { session: start, seq: beyond }));
}

#[test]
fn no_place_is_sealed_twice() {
    let (room, device) = (Room::new(1), Device::new(2));
    let header = room.content_header(&device, Height::EMPTY);
    let session = SealingSession::open(&room.secrets, Step::FIRST, &header, &says("first"), &mut rng(1)).unwrap();
    let seal = |seq, text| session.seal(&Header { seq, ..header }, &says(text), &mut rng(2));
    let epoch = room.secrets.id();
    assert!(session.covers(epoch, 0));
    seal(0, "a").unwrap();
    assert!(!session.covers(parlor_protocol::EpochId::default(), 0), "it seals in one epoch");
    assert!(!session.covers(epoch, 0), "so that its owner opens a new session instead");
    assert_eq!(seal(0, "b"), Err(SealError::OutOfSession { session: 0, seq: 0 }));
    seal(2, "c").unwrap();
    assert!(seal(1, "d").is_err());
    assert!(seal(3, "e").is_ok());
}

#[test]
fn a_session_opens_only_at_its_own_place_and_epoch() {
    let (room, device) = (Room::new(1), Device::new(2));
    let header = room.content_header(&device, Height { next: 4, head: crate::fixtures::entry_id(1) });
    let first = says("first");
    let open = |header: Header| SealingSession::open(&room.secrets, Step::FIRST, &header, &first, &mut rng(1)).is_ok();
    assert!(open(header));
    assert!(!open(Header { session: 3, ..header }));
    assert!(!open(Header { epoch: EpochId::default(), ..header }));
    assert!(!open(Header { kind: Kind::Door, ..header }));
    assert!(!open(Header { room: Room::new(2).id(), ..header }));
}

#[test]
fn two_sessions_never_give_the_same_bytes() {
    let (room, device) = (Room::new(1), Device::new(2));
    let one = conversation(&room, &device, &TEXTS, 1);
    let two = conversation(&room, &device, &TEXTS, 2);
    for (a, b) in one.iter().zip(&two) {
        assert_ne!(a.body()[STEP_LEN..STEP_LEN + 32], b.body()[STEP_LEN..STEP_LEN + 32]);
        assert_ne!(a.body(), b.body());
    }
}

#[test]
fn who_joined_at_a_step_opens_that_one_and_later_ones_and_none_before() {
    let (room, device) = (Room::new(1), Device::new(2));
    let step = |number| Step::new(number).unwrap();
    let key = room.secrets.key_at(step(7)).unwrap();
    let joiner = EpochSecrets::derive_checked(room.id(), &[], step(7), key, room.secrets.id()).unwrap();
    for (number, opens) in [(0, false), (6, false), (7, true), (8, true), (1_023, true), (1_024, true)] {
        let log = conversation_in(&room, &device, step(number), &["a", "b"], 7);
        assert_eq!(log[0].opened_step(), Some(step(number)));
        assert_eq!(log[1].opened_step(), None);
        let open = |secrets| OpeningSession::accept(secrets, &log[0]).map(|session| session.open(&log[1]));
        assert_eq!(open(&room.secrets).unwrap(), Ok(says("b")), "with all of the epoch, step {number}");
        let before = SealError::StepBefore { step: number, lowest: 7 };
        assert_eq!(open(&joiner), if opens { Ok(Ok(says("b"))) } else { Err(before) });
    }
    let header = room.content_header(&device, Height::EMPTY);
    let sealed = SealingSession::open(&joiner, step(6), &header, &says("a"), &mut rng(1));
    assert_eq!(sealed.err(), Some(SealError::StepBefore { step: 6, lowest: 7 }), "nor can it seal there");
}

#[test]
fn a_session_holds_in_the_step_it_names_only() {
    let (room, device, log) = room_and_log();
    let mut body = log[0].body().to_vec();
    body[..STEP_LEN].copy_from_slice(&Step::new(1).unwrap().to_bytes());
    let moved = resigned(&device, *log[0].header(), &body);
    assert_eq!(OpeningSession::accept(&room.secrets, &moved).err(), Some(SealError::Unopenable));
}

#[test]
fn two_sessions_of_one_log_seal_in_turns() {
    let (room, device) = (Room::new(1), Device::new(2));
    let header = |seq| room.content_header(&device, Height { next: seq, head: crate::fixtures::entry_id(1) });
    let texts = SealingSession::open(&room.secrets, Step::FIRST, &header(0), &says("a"), &mut rng(1)).unwrap();
    let names = SealingSession::open(&room.secrets, Step::COMMON, &header(1), &says("b"), &mut rng(2)).unwrap();
    let entry = |session: &SealingSession, seq, text| {
        let header = Header { session: session.start(), ..header(seq) };
        resigned(&device, header, &session.seal(&header, &says(text), &mut rng(3)).unwrap())
    };
    let log = [entry(&texts, 0, "a"), entry(&names, 1, "b"), entry(&texts, 2, "c"), entry(&names, 3, "d")];
    let (one, other) = (
        OpeningSession::accept(&room.secrets, &log[0]).unwrap(),
        OpeningSession::accept(&room.secrets, &log[1]).unwrap(),
    );
    assert_eq!((one.step(), other.step()), (Step::FIRST, Step::COMMON));
    assert_eq!((one.open(&log[2]), other.open(&log[3])), (Ok(says("c")), Ok(says("d"))));
    assert!(one.open(&log[3]).is_err() && other.open(&log[2]).is_err());
}

#[test]
fn an_opener_beyond_the_last_step_is_no_entry_at_all() {
    let (_, device, log) = room_and_log();
    let body = |step: u32| [step.to_le_bytes().as_slice(), &log[0].body()[STEP_LEN..]].concat();
    let sign = |step| Entry::sign(&device.key, *log[0].header(), &body(step));
    assert!(sign(1_024).is_ok());
    for step in [1_025, u32::MAX] {
        assert_eq!(sign(step).err(), Some(CodecError::Malformed("step of an epoch")));
        let mut bytes = log[0].bytes().to_vec();
        bytes[HEADER_LEN..HEADER_LEN + STEP_LEN].copy_from_slice(&step.to_le_bytes());
        assert_eq!(Entry::decode(bytes).err(), Some(CodecError::Malformed("step of an epoch")));
    }
    let none = Entry::sign(&device.key, *log[0].header(), &[0; 3]);
    assert_eq!(none.err(), Some(CodecError::CutOff { expected: 4, got: 3 }));
}

#[test]
fn an_entry_with_a_broken_signature_never_reaches_a_session() {
    let (_, _, log) = room_and_log();
    let last = log[1].bytes().len() - 1;
    assert!(flipped(&log[1], last, 1).unwrap().verify().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_body_is_refused_or_opened_without_panic(body in prop::collection::vec(any::<u8>(), 0..400), opens: bool) {
        let (room, device, log) = room_and_log();
        let header = *log[usize::from(!opens)].header();
        let Ok(entry) = Entry::sign(&device.key, header, &body) else { return Ok(()) };
        prop_assert!(OpeningSession::accept(&room.secrets, &entry).is_err());
        let session = OpeningSession::accept(&room.secrets, &log[0]).unwrap();
        prop_assert!(session.open(&entry).is_err());
    }
}
