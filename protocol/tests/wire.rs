//! Messages of the wire: every one reads back, and hostile ones are refused cheaply.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    EpochId, Locator, RoomCode, RoomId, TopicId, codec,
    entry::Entry,
    epoch::AdmissionCert,
    error::CodecError,
    invite::{Invitation, Invite},
    keys::DeviceKey,
    limits::{GOSSIP_MAX, LOGS_MAX, PAGE_MAX_ENTRIES, TAIL_MAX, WIRE_MAX},
    log::Height,
    signal::{Signal, SignalBody, SignalKind},
    wire::{Answer, Gossip, Refusal, Request, RoomRequest, Tail, gossip_id},
};
use proptest::prelude::*;
use std::sync::LazyLock;
use support::{Device, Room, chain, flipped, log_of, name, rng};

struct Parts {
    room: RoomId,
    cert: AdmissionCert,
    genesis: Entry,
    entries: Vec<Entry>,
    signal: Signal,
    invite: Invite,
}

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let mut rng = rng(1);
    let device = Device::new(&mut rng);
    let room = Room::new(&device, &mut rng);
    let body = SignalBody { at: 5, kind: SignalKind::Online };
    let invitation = Invitation {
        name: name("Kitchen"),
        genesis: room.genesis.clone().into_inner(),
        epoch: room.secrets.id(),
        parents: Vec::new(),
        key: room.secrets.key().clone(),
        expires: None,
    };
    let code = RoomCode::random(&mut rng).stretch().unwrap();
    Parts {
        room: room.id(),
        cert: room.secrets.admit(device.id()),
        entries: chain(&device.key, room.id(), Height::EMPTY, 3),
        signal: Signal::seal(&room.secrets, &device.key, body, &mut rng).unwrap(),
        invite: Invite::seal(&code, &invitation, &device.key, &mut rng).unwrap(),
        genesis: room.genesis.into_inner(),
    }
});

fn ask(ask: RoomRequest) -> Request {
    Request::Room { room: PARTS.room, cert: PARTS.cert.clone(), ask }
}

fn requests() -> Vec<Request> {
    let log = log_of(PARTS.entries[0].header().author);
    let (genesis, entries) = (PARTS.genesis.clone(), PARTS.entries.clone());
    vec![
        Request::Invite(Locator([7; 16])),
        ask(RoomRequest::Heights { digest: [3; 32] }),
        ask(RoomRequest::Page { log, from: u64::MAX }),
        ask(RoomRequest::Tail { limit: u16::try_from(TAIL_MAX).unwrap() }),
        ask(RoomRequest::Push { entries: entries.clone() }),
        ask(RoomRequest::Register { genesis, epochs: entries, topics: vec![TopicId::from_bytes([4; 32]); 2] }),
        ask(RoomRequest::Received { heights: vec![(log, 300)] }),
    ]
}

fn answers() -> Vec<Answer> {
    let entries = PARTS.entries.clone();
    let heights = vec![(log_of(entries[0].header().author), Height::after(&entries[2]))];
    let mut answers = vec![
        Answer::Invite(Some(PARTS.invite.clone())),
        Answer::Invite(None),
        Answer::Same,
        Answer::Heights(heights.clone()),
        Answer::Page(entries.clone()),
        Answer::Page(Vec::new()),
        Answer::Tail(Tail { suffixes: vec![entries.clone(), Vec::new()], openers: entries, total: 1 << 40 }),
        Answer::Pushed(heights),
        Answer::Done,
    ];
    answers.extend(
        [
            Refusal::UnknownRoom,
            Refusal::NotAdmitted,
            Refusal::Busy { retry_ms: 900 },
            Refusal::DoesNotFit,
            Refusal::QuotaReached,
            Refusal::StoreUnavailable,
            Refusal::RegistrationClosed,
            Refusal::Malformed,
        ]
        .map(Answer::Refused),
    );
    answers
}

fn gossip() -> Vec<Gossip> {
    vec![Gossip::Entry(PARTS.entries[1].clone()), Gossip::Signal(PARTS.signal.clone())]
}

/// One encoding of every message.
fn encodings() -> Vec<Vec<u8>> {
    let requests = requests().into_iter().map(|request| request.encode().unwrap());
    let answers = answers().into_iter().map(|answer| answer.encode().unwrap());
    let gossip = gossip().into_iter().map(|gossip| gossip.encode().unwrap());
    requests.chain(answers).chain(gossip).collect()
}

fn read_all(bytes: &[u8]) -> [Option<CodecError>; 3] {
    [Request::decode(bytes).err(), Answer::decode(bytes).err(), Gossip::decode(bytes).err()]
}

#[test]
fn every_message_reads_back() {
    for request in requests() {
        assert_eq!(Request::decode(&request.encode().unwrap()).unwrap(), request);
    }
    for answer in answers() {
        assert_eq!(Answer::decode(&answer.encode().unwrap()).unwrap(), answer);
    }
    for gossip in gossip() {
        assert_eq!(Gossip::decode(&gossip.encode().unwrap()).unwrap(), gossip);
    }
}

#[test]
fn every_message_of_another_version_asks_to_update() {
    for mut bytes in encodings() {
        assert_eq!(bytes[0], codec::VERSION);
        for theirs in [0, 2, 255] {
            bytes[0] = theirs;
            assert_eq!(read_all(&bytes), [Some(CodecError::Version { theirs, ours: 1 }); 3]);
        }
    }
}

#[test]
fn empty_and_unknown_messages_are_refused() {
    assert_eq!(read_all(&[]), [Some(CodecError::Empty); 3]);
    assert_eq!(Gossip::decode(&[1]), Err(CodecError::CutOff { expected: 2, got: 1 }));
    assert_eq!(Gossip::decode(&[1, 9, 9]), Err(CodecError::UnknownKind(9)));
    assert_eq!(Request::decode(&[1, 200]), Err(CodecError::Malformed("request")));
    assert_eq!(Answer::decode(&[1, 200]), Err(CodecError::Malformed("answer")));
}

#[test]
fn messages_over_the_limit_are_refused_unread() {
    let long = CodecError::TooLong { max: WIRE_MAX, got: WIRE_MAX + 1 };
    let bytes = vec![1; WIRE_MAX + 1];
    let gossip = CodecError::TooLong { max: GOSSIP_MAX, got: WIRE_MAX + 1 };
    assert_eq!(read_all(&bytes), [Some(long), Some(long), Some(gossip)]);
}

#[test]
fn counts_over_the_limit_are_refused() {
    let key = DeviceKey::random(&mut rng(2));
    let many = chain(&key, PARTS.room, Height::EMPTY, PAGE_MAX_ENTRIES + 1);
    let (genesis, log) = (PARTS.genesis.clone(), log_of(key.id()));
    let max = PAGE_MAX_ENTRIES;
    let too_many = |what, max| Some(CodecError::TooMany { what, max, got: max + 1 });
    let request = |request| Request::decode(&ask(request).encode().unwrap()).err();
    assert_eq!(request(RoomRequest::Push { entries: many.clone() }), too_many("entries", max));
    assert_eq!(request(RoomRequest::Tail { limit: 201 }), too_many("entries", TAIL_MAX));
    let heights = vec![(log, 1); LOGS_MAX + 1];
    assert_eq!(request(RoomRequest::Received { heights }), too_many("heights", LOGS_MAX));
    let register = RoomRequest::Register { genesis: genesis.clone(), epochs: many.clone(), topics: Vec::new() };
    assert_eq!(request(register), too_many("epochs", max));
    let topics = vec![TopicId::default(); max + 1];
    assert_eq!(request(RoomRequest::Register { genesis, epochs: Vec::new(), topics }), too_many("topics", max));

    let answer = |answer: Answer| Answer::decode(&answer.encode().unwrap()).err();
    assert_eq!(answer(Answer::Page(many.clone())), too_many("entries", max));
    let heights = vec![(log, Height::EMPTY); LOGS_MAX + 1];
    assert_eq!(answer(Answer::Heights(heights.clone())), too_many("heights", LOGS_MAX));
    assert_eq!(answer(Answer::Pushed(heights)), too_many("heights", LOGS_MAX));
    let tail = |suffixes, openers| answer(Answer::Tail(Tail { suffixes, openers, total: 0 }));
    assert_eq!(tail(vec![many[..=TAIL_MAX].to_vec()], Vec::new()), too_many("entries", TAIL_MAX));
    assert_eq!(tail(Vec::new(), vec![many[0].clone(); TAIL_MAX * 8 + 1]), too_many("openers", TAIL_MAX * 8));
    assert!(tail(vec![Vec::new(); LOGS_MAX + 1], Vec::new()).is_some());
    assert_eq!(tail(vec![Vec::new(); LOGS_MAX], Vec::new()), None);
}

#[test]
fn bytes_left_over_are_refused() {
    for request in requests() {
        let bytes = [request.encode().unwrap(), vec![0]].concat();
        assert_eq!(Request::decode(&bytes), Err(CodecError::Trailing { extra: 1 }));
    }
    for gossip in gossip() {
        let bytes = [gossip.encode().unwrap(), vec![0]].concat();
        assert_eq!(Gossip::decode(&bytes), Err(CodecError::Trailing { extra: 1 }));
    }
}

#[test]
fn copies_of_an_entry_with_other_signatures_are_one_gossip_message() {
    let bytes = gossip()[0].encode().unwrap();
    let mut resigned = bytes.clone();
    *resigned.last_mut().unwrap() ^= 1;
    assert_eq!(gossip_id(&bytes), gossip_id(&resigned));
    assert_eq!(gossip_id(&bytes), PARTS.entries[1].id().as_bytes()[..20]);
    let mut other = bytes;
    other[162] ^= 1;
    assert_ne!(gossip_id(&other), gossip_id(&resigned));
}

#[test]
fn anything_that_is_not_an_entry_has_its_hash_as_gossip_id() {
    let signal = gossip()[1].encode().unwrap();
    for bytes in [signal.as_slice(), &[], &[1, 1, 2], &[7; 40]] {
        assert_eq!(gossip_id(bytes), blake3::hash(bytes).as_bytes()[..20]);
    }
}

#[test]
fn an_entry_inside_a_message_is_checked_like_any_other() {
    let mut bytes = Answer::Page(PARTS.entries.clone()).encode().unwrap();
    // Version, variant, count, length of the first entry (one byte below 251), then its version.
    assert_eq!(bytes[2], 3);
    assert_eq!(bytes[4], 1);
    bytes[4] = 9;
    assert_eq!(Answer::decode(&bytes), Err(CodecError::Malformed("answer")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0u8..8) {
        read_all(&bytes);
        read_all(&[vec![1, at], bytes.clone()].concat());
        let _ = gossip_id(&bytes);
    }

    #[test]
    fn a_turned_bit_is_refused_or_reads_back_as_it_is(which in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let all = encodings();
        let good = which.get(&all);
        let bytes = flipped(good, bit.index(good.len() * 8));
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(Request::decode(&request.encode().unwrap()).unwrap(), request);
        }
        if let Ok(answer) = Answer::decode(&bytes) {
            prop_assert_eq!(Answer::decode(&answer.encode().unwrap()).unwrap(), answer);
        }
        if let Ok(gossip) = Gossip::decode(&bytes) {
            prop_assert_eq!(Gossip::decode(&gossip.encode().unwrap()).unwrap(), gossip);
        }
    }

    #[test]
    fn a_cut_message_is_refused(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        for request in requests() {
            let bytes = request.encode().unwrap();
            prop_assert!(Request::decode(&bytes[..at.index(bytes.len())]).is_err());
        }
        let answers = answers();
        let bytes = which.get(&answers).encode().unwrap();
        prop_assert!(Answer::decode(&bytes[..at.index(bytes.len())]).is_err());
    }
}

#[test]
fn an_epoch_that_nobody_knows_is_no_reason_to_refuse_to_read() {
    // Whether certificates fit is checked against the room, not while decoding.
    let mut cert = PARTS.cert.clone();
    cert.epoch = EpochId::default();
    let request = Request::Room { room: PARTS.room, cert, ask: RoomRequest::Heights { digest: [0; 32] } };
    assert_eq!(Request::decode(&request.encode().unwrap()).unwrap(), request);
}
