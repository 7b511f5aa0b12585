//! Gossip frames, requests and answers.

use crate::{
    doors::{CODES, example_found, longest_wrap, wrap},
    examples::{answers, ask, entries, gossip, height, key, requests},
    fixtures::{Device, Room, entry_id, flipped},
};
use parlor_protocol::{
    TopicId,
    access::wire::{Entered, Found, PushWraps},
    account::{AccountAnswer, AccountRefusal},
    entry::Entry,
    error::CodecError,
    limits::{EPOCH_TIPS_MAX, GOSSIP_MAX, LOGS_MAX, OFFERS_MAX, PAGE_MAX_ENTRIES, TAIL_MAX, WIRE_MAX, WRAPS_MAX},
    log::Height,
    wire::{
        Answer, AnswerKind, Gossip, GossipKind, HEADER_LEN, Header, Plan, Refusal, Request, RequestKind, RoomRequest,
        Tail, gossip_id,
    },
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A frame of this kind around the body.
fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap();
    [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

fn kind_of(frame: &[u8]) -> u16 {
    u16::from_le_bytes([frame[1], frame[2]])
}

#[test]
fn every_message_comes_back_and_every_kind_has_an_example() {
    let mut kinds = BTreeSet::new();
    for (name, request) in requests() {
        let bytes = request.encode().unwrap();
        assert_eq!(Request::decode(&bytes), Ok(request), "{name}");
        kinds.insert(kind_of(&bytes));
    }
    for (name, answer) in answers() {
        let bytes = answer.encode().unwrap();
        assert_eq!(Answer::decode(&bytes), Ok(answer), "{name}");
        kinds.insert(kind_of(&bytes));
    }
    for (name, gossip) in gossip() {
        let bytes = gossip.encode().unwrap();
        assert_eq!(Gossip::decode(&bytes), Ok(gossip), "{name}");
        kinds.insert(kind_of(&bytes));
    }
    let all = (RequestKind::ALL.iter().map(|kind| kind.number()))
        .chain(AnswerKind::ALL.iter().map(|kind| kind.number()))
        .chain(GossipKind::ALL.iter().map(|kind| kind.number()));
    assert_eq!(kinds, all.collect(), "a kind without an example, or two kinds with one number");
}

#[test]
fn no_kind_is_longer_than_the_wire_takes() {
    let longest =
        (RequestKind::ALL.iter().map(|kind| kind.body_max())).chain(AnswerKind::ALL.iter().map(|kind| kind.body_max()));
    assert!(longest.max().unwrap() <= WIRE_MAX - HEADER_LEN);
    assert!(GossipKind::ALL.iter().all(|kind| kind.body_max() <= GOSSIP_MAX - HEADER_LEN));
}

#[test]
fn the_largest_messages_fit_their_kinds() {
    let heights = Answer::Heights(vec![(key(u64::MAX), height(u64::MAX)); LOGS_MAX]);
    let received = ask(RoomRequest::Received { heights: vec![(key(u64::MAX), u64::MAX); LOGS_MAX] });
    let page = Answer::Page(entries(PAGE_MAX_ENTRIES));
    let room = Room::new(1);
    let wraps = vec![longest_wrap(&room); WRAPS_MAX];
    let found = example_found();
    let offers = vec![found.offers[0]; OFFERS_MAX];
    let again = Answer::Entered(Entered::Again(offers.clone()));
    let found = Answer::Found(Some(Box::new(Found { offers, ..found })));
    for answer in [heights, page, found, again, Answer::Entered(Entered::In(wraps.clone()))] {
        assert_eq!(Answer::decode(&answer.encode().unwrap()), Ok(answer));
    }
    for request in [received, Request::PushWraps(PushWraps { room: room.id(), wraps })] {
        assert_eq!(Request::decode(&request.encode().unwrap()), Ok(request));
    }
}

#[test]
fn what_is_too_long_is_refused_by_its_header() {
    for kind in RequestKind::ALL {
        let max = kind.body_max();
        let header = |len: usize| {
            let frame = [[1].as_slice(), &kind.number().to_le_bytes(), &u32::try_from(len).unwrap().to_le_bytes()];
            Header::read(frame.concat().try_into().unwrap())
        };
        assert_eq!(header(max).plan_request(), Ok(Plan::Read(max)), "{kind:?}");
        assert_eq!(header(max + 1).plan_request(), Err(CodecError::TooLong { max, got: max + 1 }), "{kind:?}");
        assert_eq!(header(max).plan_answer(), Ok(Plan::Skip(max)), "it is no answer");
        let too_long = framed(kind.number(), &vec![0; max + 1]);
        assert_eq!(Request::decode(&too_long), Err(CodecError::TooLong { max, got: max + 1 }), "{kind:?}");
    }
}

#[test]
fn counts_over_the_limit_are_refused() {
    let one = entries(1).remove(0);
    let many = |count: usize| vec![one.clone(); count];
    let genesis = Room::new(1).genesis.into_inner();
    let requests = [
        RoomRequest::Push { entries: many(PAGE_MAX_ENTRIES + 1) },
        RoomRequest::Tail { limit: 201 },
        RoomRequest::Received { heights: vec![(key(1), 5); LOGS_MAX + 1] },
        RoomRequest::Register { genesis, epochs: many(PAGE_MAX_ENTRIES + 1) },
        RoomRequest::Epochs { tips: vec![entry_id(4); EPOCH_TIPS_MAX + 1] },
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
    // These are refused while they are read.
    let (found, wrap) = (example_found(), wrap(&Room::new(1), &CODES[0]));
    let offers = vec![found.offers[0]; OFFERS_MAX + 1];
    let wraps = vec![wrap; WRAPS_MAX + 1];
    let answers = [
        Answer::Entered(Entered::In(wraps.clone())),
        Answer::Entered(Entered::Again(offers.clone())),
        Answer::Found(Some(Box::new(Found { offers, ..found }))),
    ];
    for answer in answers {
        let refused = Answer::decode(&answer.encode().unwrap());
        assert!(matches!(refused, Err(CodecError::Malformed(_))), "{refused:?}");
    }
    let push = Request::PushWraps(PushWraps { room: Room::new(1).id(), wraps }).encode().unwrap();
    assert!(matches!(Request::decode(&push), Err(CodecError::Malformed(_))));
    // Empty lists cost a byte each, so these are refused while they are read.
    let empty_lists = tail(vec![vec![]; LOGS_MAX + 1], vec![]).encode().unwrap();
    assert_eq!(Answer::decode(&empty_lists), Err(CodecError::Malformed("Tail")));
}

#[test]
fn gossip_over_the_limit_is_refused_before_anything_is_read() {
    let too_long = Some(CodecError::TooLong { max: GOSSIP_MAX, got: GOSSIP_MAX + 1 });
    assert_eq!(Gossip::decode(&vec![1; GOSSIP_MAX + 1]).err(), too_long);
}

#[test]
fn a_kind_that_is_not_known_is_told_from_rubbish_by_the_header_alone() {
    let header = &framed(0x0999, b"what a later version asks")[..HEADER_LEN];
    let unknown = CodecError::UnknownKind(0x0999);
    assert_eq!(Request::decode(header), Err(unknown));
    assert_eq!(Answer::decode(header), Err(unknown));
    assert_eq!(Gossip::decode(header), Err(unknown));
    assert!(unknown.is_unsupported());
    assert_eq!(Answer::unread(&unknown), Answer::Refused(Refusal::Unsupported));
    let rubbish = Request::decode(&framed(RequestKind::Heights.number(), b"rubbish")).unwrap_err();
    assert!(!rubbish.is_unsupported());
    assert_eq!(Answer::unread(&rubbish), Answer::Refused(Refusal::Malformed));
}

#[test]
fn a_reason_that_is_not_known_is_still_a_refusal() {
    let newer = [999u16.to_le_bytes().as_slice(), b"wait for the baker"].concat();
    let refused = Answer::decode(&framed(AnswerKind::Refused.number(), &newer));
    assert_eq!(refused, Ok(Answer::Refused(Refusal::Other { reason: 999 })));
    let refused = Answer::decode(&framed(AnswerKind::AccountRefused.number(), &newer));
    assert_eq!(refused, Ok(Answer::Account(AccountAnswer::Refused(AccountRefusal::Other { reason: 999 }))));
    assert!(Answer::decode(&framed(AnswerKind::Refused.number(), &[9])).is_err());
    assert!(Answer::decode(&framed(AnswerKind::Refused.number(), &[1, 0, 0])).is_err());
}

#[test]
fn another_version_asks_for_an_update_everywhere() {
    let other = [9, 1, 1, 1];
    let version = CodecError::Version { theirs: 9, ours: 1 };
    assert_eq!(Request::decode(&other), Err(version));
    assert_eq!(Answer::decode(&other), Err(version));
    assert_eq!(Gossip::decode(&other), Err(version));
    let mut frame = Gossip::Entry(entries(1).remove(0)).encode().unwrap();
    frame[HEADER_LEN] = 9;
    assert_eq!(Gossip::decode(&frame), Err(version), "a newer entry in a frame of today");
    for empty in [Request::decode(&[]).err(), Answer::decode(&[]).err(), Gossip::decode(&[]).err()] {
        assert_eq!(empty, Some(CodecError::Empty));
    }
}

#[test]
fn cut_and_padded_frames_are_refused() {
    let frame = Gossip::Entry(entries(1).remove(0)).encode().unwrap();
    let len = frame.len() - HEADER_LEN;
    assert_eq!(Gossip::decode(&frame[..1]), Err(CodecError::CutOff { expected: HEADER_LEN, got: 1 }));
    let cut = CodecError::CutOff { expected: len, got: len - 1 };
    assert_eq!(Gossip::decode(&frame[..frame.len() - 1]), Err(cut));
    assert_eq!(Gossip::decode(&[&frame[..], &[0]].concat()), Err(CodecError::Trailing { extra: 1 }));
    let padded = framed(GossipKind::Entry.number(), &[&frame[HEADER_LEN..], &[0]].concat());
    assert!(Gossip::decode(&padded).is_err());
    assert!(Answer::decode(&framed(AnswerKind::Done.number(), &[0])).is_err());
}

#[test]
fn a_run_has_at_least_two_entries_and_at_most_a_page_of_them() {
    for few in [0, 1] {
        assert_eq!(Gossip::Run(entries(few)).encode(), Err(CodecError::Malformed("run")));
    }
    let frame = |run: &[Entry]| {
        let run: Vec<&[u8]> = run.iter().map(|entry| entry.bytes().as_ref()).collect();
        framed(GossipKind::Run.number(), &run.concat())
    };
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
    let (max, got) = (GOSSIP_MAX - HEADER_LEN, 4 * long.bytes().len());
    let refused = Gossip::Run(vec![long; 4]).encode().unwrap_err();
    assert_eq!(refused, CodecError::TooLong { max, got });
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
            let known = RequestKind::ALL.iter().map(|kind| kind.number()).nth(usize::from(kind) % RequestKind::ALL.len());
            target(&framed(known.unwrap(), &bytes));
            let known = AnswerKind::ALL.iter().map(|kind| kind.number()).nth(usize::from(kind) % AnswerKind::ALL.len());
            target(&framed(known.unwrap(), &bytes));
        }
    }

    #[test]
    fn any_kind_that_is_not_known_is_unsupported_whatever_it_says(kind: u16, body: Vec<u8>, cut: prop::sample::Index) {
        let frame = framed(kind, &body);
        let unknown = Some(CodecError::UnknownKind(kind));
        let cut = HEADER_LEN + cut.index(frame.len() - HEADER_LEN + 1);
        for frame in [&frame[..], &frame[..cut]] {
            prop_assert!(RequestKind::of(kind).is_some() || Request::decode(frame).err() == unknown);
            prop_assert!(AnswerKind::of(kind).is_some() || Answer::decode(frame).err() == unknown);
            prop_assert!(GossipKind::of(kind).is_some() || Gossip::decode(frame).err() == unknown);
        }
        let header = Header::read(frame[..HEADER_LEN].try_into().unwrap());
        if RequestKind::of(kind).is_none() {
            prop_assert_eq!(header.plan_request(), Ok(Plan::Skip(body.len())));
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
        let place = HEADER_LEN + place.index(altered.len() - HEADER_LEN);
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
            let body = [vec![0; place].as_slice(), claim].concat();
            let bytes = [[1, kind].as_slice(), &body].concat();
            crate::targets::TARGETS.iter().for_each(|(_, target)| target(&bytes));
            for group in [0x0000, 0x0100, 0x0200] {
                crate::targets::request(&framed(group | u16::from(kind), &body));
                crate::targets::answer(&framed(0x8000 | group | u16::from(kind), &body));
            }
            crate::targets::gossip(&framed(0x4000 | u16::from(kind), &body));
        }
    }
}
