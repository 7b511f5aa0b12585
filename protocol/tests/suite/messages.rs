//! Gossip frames, requests and answers.

use crate::fixtures::{Device, Room, entry_id, flipped, plain_log, rng};
use parlor_protocol::{
    Locator, LogId, LogKey, TopicId,
    entry::Entry,
    error::CodecError,
    limits::{EPOCH_TIPS_MAX, GOSSIP_MAX, LOGS_MAX, PAGE_MAX_ENTRIES, TAIL_MAX, WIRE_MAX},
    log::Height,
    signal::{Signal, SignalBody, SignalKind},
    wire::{Answer, Gossip, Refusal, Request, RoomRequest, Tail, gossip_id},
};
use proptest::prelude::*;

fn ask(ask: RoomRequest) -> Request {
    let room = Room::new(1);
    Request::Room { room: room.id(), cert: room.secrets.admit(Device::new(2).id()), ask }
}

fn entries(count: usize) -> Vec<Entry> {
    plain_log(&Room::new(1), &Device::new(2), count)
}

fn key(log: u64) -> LogKey {
    LogKey { author: Device::new(2).id(), log: LogId(log) }
}

fn height(next: u64) -> Height {
    Height { next, head: entry_id(9) }
}

#[test]
fn every_request_comes_back() {
    let genesis = Room::new(1).genesis.into_inner();
    let asks = [
        RoomRequest::Heights { digest: [7; 32], epochs: [8; 32] },
        RoomRequest::Page { log: key(1), from: u64::MAX },
        RoomRequest::Tail { limit: 200 },
        RoomRequest::Push { entries: entries(3) },
        RoomRequest::Register { genesis, epochs: entries(2), topics: vec![TopicId::from_bytes([3; 32])] },
        RoomRequest::Received { heights: vec![(key(1), 5)] },
        RoomRequest::Epochs { tips: vec![entry_id(4); EPOCH_TIPS_MAX] },
    ];
    for request in asks.map(ask).into_iter().chain([Request::Invite(Locator([1; 16]))]) {
        assert_eq!(Request::decode(&request.encode().unwrap()), Ok(request));
    }
}

#[test]
fn every_answer_comes_back() {
    let answers = [
        Answer::Invite(None),
        Answer::Same,
        Answer::Heights(vec![(key(1), height(4)); LOGS_MAX]),
        Answer::Page(entries(PAGE_MAX_ENTRIES)),
        Answer::Tail(Tail { suffixes: vec![entries(3), entries(1)], openers: entries(2), total: 99 }),
        Answer::Pushed(vec![(key(1), height(4))]),
        Answer::Done,
        Answer::Epochs { entries: entries(2), tips: vec![entry_id(4)] },
        Answer::Refused(Refusal::Busy { retry_ms: 500 }),
        Answer::Refused(Refusal::Malformed),
    ];
    for answer in answers {
        assert_eq!(Answer::decode(&answer.encode().unwrap()), Ok(answer));
    }
}

#[test]
fn counts_over_the_limit_are_refused() {
    let one = entries(1).remove(0);
    let many = |count: usize| vec![one.clone(); count];
    let genesis = Room::new(1).genesis.into_inner();
    let register = |epochs, topics| RoomRequest::Register { genesis: genesis.clone(), epochs, topics };
    let requests = [
        RoomRequest::Push { entries: many(PAGE_MAX_ENTRIES + 1) },
        RoomRequest::Tail { limit: 201 },
        RoomRequest::Received { heights: vec![(key(1), 5); LOGS_MAX + 1] },
        register(many(PAGE_MAX_ENTRIES + 1), vec![]),
        register(vec![], vec![TopicId::default(); PAGE_MAX_ENTRIES + 1]),
    ];
    for request in requests.map(ask) {
        let error = Request::decode(&request.encode().unwrap()).unwrap_err();
        assert!(matches!(error, CodecError::TooMany { .. }), "{error}");
    }
    let tail = |suffixes, openers| Answer::Tail(Tail { suffixes, openers, total: 1 });
    let answers = [
        Answer::Page(many(PAGE_MAX_ENTRIES + 1)),
        Answer::Heights(vec![(key(1), height(1)); LOGS_MAX + 1]),
        Answer::Pushed(vec![(key(1), height(1)); LOGS_MAX + 1]),
        tail(vec![many(TAIL_MAX), many(1)], vec![]),
        tail(vec![], many(TAIL_MAX * 8 + 1)),
    ];
    for answer in answers {
        let error = Answer::decode(&answer.encode().unwrap()).unwrap_err();
        assert!(matches!(error, CodecError::TooMany { .. }), "{error}");
    }
    // Empty lists cost a byte each, so these are refused while they are read.
    let empty_lists = tail(vec![vec![]; LOGS_MAX + 1], vec![]).encode().unwrap();
    assert_eq!(Answer::decode(&empty_lists), Err(CodecError::Malformed("answer")));
}

#[test]
fn lengths_over_the_limit_are_refused_before_anything_is_read() {
    let too_long = |max| Some(CodecError::TooLong { max, got: max + 1 });
    assert_eq!(Request::decode(&vec![1; WIRE_MAX + 1]).err(), too_long(WIRE_MAX));
    assert_eq!(Answer::decode(&vec![1; WIRE_MAX + 1]).err(), too_long(WIRE_MAX));
    assert_eq!(Gossip::decode(&vec![1; GOSSIP_MAX + 1]).err(), too_long(GOSSIP_MAX));
}

#[test]
fn another_version_asks_for_an_update_everywhere() {
    let other = [9, 1, 1, 1];
    let version = CodecError::Version { theirs: 9, ours: 1 };
    assert_eq!(Request::decode(&other), Err(version));
    assert_eq!(Answer::decode(&other), Err(version));
    assert_eq!(Gossip::decode(&other), Err(version));
    let mut frame = Gossip::Entry(entries(1).remove(0)).encode().unwrap();
    frame[2] = 9;
    assert_eq!(Gossip::decode(&frame), Err(version), "a newer entry in a frame of today");
    for empty in [Request::decode(&[]).err(), Answer::decode(&[]).err(), Gossip::decode(&[]).err()] {
        assert_eq!(empty, Some(CodecError::Empty));
    }
}

#[test]
fn gossip_frames_come_back() {
    let room = Room::new(1);
    let body = SignalBody { at: 1, kind: SignalKind::Online };
    let signal = Signal::seal(&room.secrets, parlor_protocol::epoch::Step::FIRST, &room.maker.key, body, &mut rng(1)).unwrap();
    let runs = [Gossip::Run(entries(2)), Gossip::Run(entries(PAGE_MAX_ENTRIES))];
    for frame in [Gossip::Entry(entries(1).remove(0)), Gossip::Signal(signal)].into_iter().chain(runs) {
        assert_eq!(Gossip::decode(&frame.encode().unwrap()), Ok(frame));
    }
    assert_eq!(Gossip::decode(&[1]), Err(CodecError::CutOff { expected: 2, got: 1 }));
    assert_eq!(Gossip::decode(&[1, 7, 0]), Err(CodecError::UnknownKind(7)));
}

#[test]
fn a_run_has_at_least_two_entries_and_at_most_a_page_of_them() {
    for few in [0, 1] {
        assert_eq!(Gossip::Run(entries(few)).encode(), Err(CodecError::Malformed("run")));
    }
    let frame = |run: &[Entry]| run.iter().fold(vec![1, 3], |frame, entry| [&frame, entry.bytes().as_ref()].concat());
    assert_eq!(Gossip::decode(&frame(&entries(0))), Err(CodecError::Malformed("run")));
    assert_eq!(Gossip::decode(&frame(&entries(1))), Err(CodecError::Malformed("run")));
    let many = entries(PAGE_MAX_ENTRIES + 1);
    let too_many = CodecError::TooMany { what: "entries", max: PAGE_MAX_ENTRIES, got: PAGE_MAX_ENTRIES + 1 };
    assert_eq!(Gossip::Run(many.clone()).encode(), Err(too_many));
    assert_eq!(Gossip::decode(&frame(&many)), Err(too_many));
}

#[test]
fn a_run_is_no_longer_than_a_gossip_message() {
    use parlor_protocol::{entry::Kind, limits::BODY_MAX};
    let (room, device) = (Room::new(1), Device::new(2));
    let header = device.header(Kind::Content, room.id(), room.secrets.id(), Height::EMPTY);
    let long = Entry::sign(&device.key, header, &vec![0; BODY_MAX]).unwrap().into_inner();
    assert!(Gossip::Run(vec![long.clone(); 3]).encode().is_ok());
    let got = 2 + 4 * long.bytes().len();
    let refused = Gossip::Run(vec![long; 4]).encode().unwrap_err();
    assert_eq!(refused, CodecError::TooLong { max: GOSSIP_MAX, got });
}

#[test]
fn the_longest_entry_fits_a_gossip_frame_and_a_page() {
    use parlor_protocol::{entry::Kind, limits::EPOCH_BODY_MAX};
    let (room, device) = (Room::new(1), Device::new(2));
    let header = device.header(Kind::Epoch, room.id(), room.secrets.id(), Height::EMPTY);
    let longest = Entry::sign(&device.key, header, &vec![7; EPOCH_BODY_MAX]).unwrap().into_inner();
    let frame = Gossip::Entry(longest.clone()).encode().unwrap();
    assert!(Gossip::decode(&frame).is_ok());
    let page = Answer::Page(vec![longest; 5]);
    assert_eq!(Answer::decode(&page.encode().unwrap()), Ok(page));
}

#[test]
fn a_broken_copy_does_not_take_the_place_of_the_true_entry() {
    let entry = entries(1).remove(0);
    let copy = flipped(&entry, entry.bytes().len() - 1, 1).unwrap();
    assert_eq!(copy.id(), entry.id());
    let (here, elsewhere) = (TopicId::from_bytes([1; 32]), TopicId::from_bytes([2; 32]));
    let id = |topic, entry: &Entry| gossip_id(topic, &Gossip::Entry(entry.clone()).encode().unwrap());
    assert_ne!(id(here, &copy), id(here, &entry));
    assert_ne!(id(elsewhere, &entry), id(here, &entry), "nor one in another topic");
    assert_eq!(id(here, &entry), id(here, &entry.clone()));
}

proptest! {
    #[test]
    fn any_bytes_are_no_message_or_a_lasting_one(bytes: Vec<u8>, kind: u8) {
        for target in [crate::targets::request, crate::targets::answer, crate::targets::gossip] {
            target(&bytes);
            target(&[b"\x01".as_slice(), &[kind % 8], &bytes].concat());
        }
    }

    #[test]
    fn an_altered_request_is_refused_or_another_one(at: prop::sample::Index, mask in 1..=255u8) {
        let request = ask(RoomRequest::Push { entries: entries(2) });
        let mut bytes = request.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        if let Ok(altered) = Request::decode(&bytes) {
            prop_assert_ne!(altered, request);
        }
        crate::targets::request(&bytes);
    }

    #[test]
    fn a_cut_run_is_refused_or_a_shorter_one(at: prop::sample::Index, mask in 1..=255u8, place: prop::sample::Index) {
        let run = entries(4);
        let bytes = Gossip::Run(run.clone()).encode().unwrap();
        if let Ok(Gossip::Run(shorter)) = Gossip::decode(&bytes[..at.index(bytes.len())]) {
            prop_assert!(run.starts_with(&shorter));
        }
        prop_assert!(Gossip::decode(&[&bytes[..], &[0]].concat()).is_err());
        let mut altered = bytes;
        let place = 2 + place.index(altered.len() - 2);
        altered[place] ^= mask;
        prop_assert_ne!(Gossip::decode(&altered), Ok(Gossip::Run(run)));
        crate::targets::gossip(&altered);
    }

    #[test]
    fn a_cut_answer_is_refused(at: prop::sample::Index) {
        let bytes = Answer::Page(entries(3)).encode().unwrap();
        prop_assert!(Answer::decode(&bytes[..at.index(bytes.len())]).is_err());
        prop_assert_eq!(Answer::decode(&[&bytes[..], &[0]].concat()), Err(CodecError::Trailing { extra: 1 }));
    }
}

#[test]
fn short_messages_with_large_claims_at_any_place_are_survived() {
    // Lengths as bincode writes them: u32 after 252, u64 after 253, little endian.
    let claims: [&[u8]; 3] =
        [&[252, 0, 0, 48, 0], &[252, 255, 255, 255, 255], &[253, 255, 255, 255, 255, 255, 255, 255, 127]];
    for (claim, kind) in claims.into_iter().flat_map(|claim| (0..12u8).map(move |kind| (claim, kind))) {
        for place in 0..180 {
            let mut bytes = vec![1, kind];
            bytes.resize(2 + place, 0);
            bytes.extend_from_slice(claim);
            crate::targets::TARGETS.iter().for_each(|(_, target)| target(&bytes));
        }
    }
}
