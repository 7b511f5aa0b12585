//! Proofs of forks: two branches of one log, each up to a good signature.

use crate::fixtures::{Device, Room, flipped, opener, plain_log};
use parlor_protocol::{
    LogId, LogKey, codec,
    entry::{Entry, Header, Kind, SIG_LEN},
    error::{CodecError, LogError},
    limits::PAGE_MAX_ENTRIES,
    log::{FORK_PROOF_MAX, ForkProof, Height},
};
use proptest::prelude::*;
use std::slice::from_ref;

/// So many entries after a height that say something of their own; the signature of the nth is good where
/// `good` says so.
fn branch(
    room: &Room,
    device: &Device,
    mut at: Height,
    name: &str,
    count: usize,
    good: impl Fn(usize) -> bool,
) -> Vec<Entry> {
    (0..count)
        .map(|n| {
            let header = room.content_header(device, at);
            let body = opener(format!("{name} {n}").as_bytes());
            let entry = Entry::sign(&device.key, header, &body).unwrap().into_inner();
            at = Height::after(&entry);
            if good(n) { entry } else { unsigned(&entry) }
        })
        .collect()
}

fn unsigned(entry: &Entry) -> Entry {
    flipped(entry, entry.bytes().len() - 1, 1).unwrap()
}

/// A log of three, and two branches after it.
fn fork(
    a: (usize, impl Fn(usize) -> bool),
    b: (usize, impl Fn(usize) -> bool),
) -> (Room, Device, Vec<Entry>, Vec<Entry>) {
    let (room, device) = (Room::new(1), Device::new(2));
    let at = Height::after(plain_log(&room, &device, 3).last().unwrap());
    let a = branch(&room, &device, at, "a", a.0, a.1);
    let b = branch(&room, &device, at, "b", b.0, b.1);
    (room, device, a, b)
}

/// A short proof, and one whose second branch begins after the place.
pub fn examples() -> Vec<Vec<u8>> {
    let (_, _, a, b) = fork((3, |n| n == 2), (4, |n| n % 2 == 1));
    [ForkProof::new(&a[2..], &b[3..]), ForkProof::new(&a, &b[1..])].map(|proof| proof.unwrap().encode()).into()
}

/// A proof is the same in either order, and comes back from its bytes.
fn proven(a: &[Entry], b: &[Entry]) -> ForkProof {
    let proof = ForkProof::new(a, b).unwrap();
    assert_eq!(proof.check(), Ok(()));
    assert_eq!(ForkProof::new(b, a).unwrap(), proof, "in either order");
    let bytes = proof.encode();
    assert!(bytes.len() <= FORK_PROOF_MAX);
    assert_eq!(ForkProof::decode(&bytes).unwrap(), proof);
    let stored = codec::encode(&proof, 2 * FORK_PROOF_MAX).unwrap();
    assert_eq!(codec::decode::<ForkProof>(&stored, 2 * FORK_PROOF_MAX, "proof").unwrap(), proof);
    proof
}

#[test]
fn two_entries_at_one_place_prove_a_fork() {
    let (room, device, a, b) = fork((2, |_| true), (1, |_| true));
    let proof = proven(&a[..1], &b);
    let log = LogKey { author: device.id(), log: device.log };
    assert_eq!((proof.log_key(), proof.room(), proof.seq()), (log, room.id(), 3));
    assert_eq!(ForkProof::new(&a[..1], &a[..1]).err(), Some(LogError::NoFork), "the same");
    assert_eq!(ForkProof::new(&a, &a[1..]).err(), Some(LogError::NoFork), "a part of the same");
    assert_eq!(ForkProof::new(&a[..1], &a[1..]).err(), Some(LogError::NoFork), "one after the other");
    assert_eq!(ForkProof::new(&a, &[]).err(), Some(LogError::PageSize { max: PAGE_MAX_ENTRIES, got: 0 }));
}

#[test]
fn branches_whose_good_signatures_never_stand_at_one_place_prove_a_fork() {
    // One has them at every second place, the other, whose first run has three, at those between.
    let (_, _, a, b) = fork((40, |n| n % 2 == 1), (41, |n| n % 2 == 0 && n > 0));
    let is_good = |entry: &Entry| entry.clone().verify().is_ok();
    assert!(a.iter().zip(&b).all(|(a, b)| !(is_good(a) && is_good(b))), "no place has two good ones");
    // From every place on, and by pages that only overlap.
    for from in 0..38 {
        assert_eq!(proven(&a[from..], &b[from..]).seq(), 3 + from.saturating_sub(1) as u64);
    }
    let (few, many) = (proven(&a[10..12], &b[10..13]), proven(&a[10..], &b[10..]));
    assert_eq!(few, many, "a proof has no more than it needs");
    assert_eq!(proven(&a[..20], &b[10..]).seq(), 12, "the first of these says what stands before it");
    assert_eq!(ForkProof::new(&a[10..11], &b[10..13]).err(), Some(LogError::BadSignature { seq: 13 }));
}

#[test]
fn what_does_not_link_proves_a_fork_by_itself() {
    // The entry that the other one follows is not at hand, but its id is.
    let (_, _, a, b) = fork((5, |n| n == 4), (6, |n| n == 5));
    assert_eq!(proven(&a, &b[5..]).seq(), 7);
    assert_eq!(proven(&a[3..], &b[4..]).seq(), 6);
    assert_eq!(proven(&a[2..], &b[2..]).seq(), 4);
    assert_eq!(ForkProof::new(&a[..3], &b[4..]).err(), Some(LogError::NoFork), "they say nothing of one place");
}

#[test]
fn branches_may_be_long_but_not_for_ever() {
    let end = PAGE_MAX_ENTRIES - 1;
    let (_, _, a, b) = fork((end + 1, move |n| n == end), (end + 1, move |n| n == end));
    let proof = proven(&a, &b);
    assert_eq!((proof.seq(), proof.encode().len()), (3, FORK_PROOF_MAX));
    let (_, _, a, b) = fork((end + 2, move |n| n > end), (1, |_| true));
    let got = PAGE_MAX_ENTRIES + 1;
    assert_eq!(ForkProof::new(&a, &b).err(), Some(LogError::PageSize { max: PAGE_MAX_ENTRIES, got }));
}

#[test]
fn a_fork_may_lie_in_what_was_pruned() {
    let (room, device) = (Room::new(1), Device::new(2));
    let log = plain_log(&room, &device, 3);
    let inside = |body: &[u8]| {
        let header = Header { session: 2, ..room.content_header(&device, Height::after(&log[2])) };
        Entry::sign(&device.key, header, body).unwrap().into_inner()
    };
    let (a, b) = (inside(b"a"), inside(b"another"));
    let whole = proven(from_ref(&a), from_ref(&b));
    assert!(a.pruned().is_pruned());
    assert_eq!(proven(&[a.pruned()], &[b.pruned()]), whole);
}

#[test]
fn a_log_that_founds_a_room_forks_too() {
    let room = Room::new(1);
    let maker = &room.maker;
    let header = Header { log: room.genesis.header().log, ..room.content_header(maker, Height::EMPTY) };
    let other = Entry::sign(&maker.key, header, &opener(b"x")).unwrap().into_inner();
    let genesis = room.genesis.inner().clone();
    assert_eq!(genesis.header().kind, Kind::Genesis);
    assert_eq!(proven(from_ref(&genesis), &[other]).room(), room.id());
    let another = Room::new(9).genesis.into_inner();
    assert_eq!(ForkProof::new(&[genesis], &[another]).err(), Some(LogError::WrongLog { seq: 0 }), "of two rooms");
}

#[test]
fn nobody_can_be_framed_with_a_fork() {
    let (room, device, a, b) = fork((4, |_| true), (4, |n| n == 3));
    let only = |entry: &Entry| vec![entry.clone()];
    assert_eq!(ForkProof::new(&a[..1], &only(&unsigned(&a[0]))).err(), Some(LogError::NoFork), "only the signature");
    let forged = flipped(&a[0], a[0].bytes().len() - SIG_LEN - 1, 1).unwrap();
    assert_eq!(ForkProof::new(&a[..1], &only(&forged)).err(), Some(LogError::BadSignature { seq: 3 }));
    // Good signatures elsewhere prove nothing of entries that they do not cover.
    let mut other_end = b.clone();
    other_end[3] = a[3].clone();
    assert_eq!(ForkProof::new(&a, &other_end).err(), Some(LogError::BrokenLink { seq: 6 }));
    assert_eq!(ForkProof::new(&a, &b[..3]).err(), Some(LogError::BadSignature { seq: 5 }));
    let mut gap = b.clone();
    gap.remove(1);
    assert_eq!(ForkProof::new(&a, &gap).err(), Some(LogError::Gap { expected: 4, got: 5 }));
    let at = Height { next: a[0].header().seq, head: a[0].header().prev };
    for (room, device) in
        [(&room, &Device::new(3)), (&Room::new(7), &device), (&room, &Device { log: LogId(1), ..Device::new(2) })]
    {
        let elsewhere = branch(room, device, at, "elsewhere", 1, |_| true);
        assert_eq!(ForkProof::new(&a, &elsewhere).err(), Some(LogError::WrongLog { seq: 3 }));
    }
}

#[test]
fn a_proof_that_was_altered_proves_nothing() {
    let (_, _, a, b) = fork((3, |n| n == 2), (2, |n| n == 1));
    let bytes = ForkProof::new(&a, &b).unwrap().encode();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let proves = ForkProof::decode(&altered).is_ok_and(|proof| proof.check().is_ok());
        assert!(!proves, "byte {at}");
    }
    // The same branch twice, and the two the other way round.
    let (head, branches) = bytes.split_at(81);
    let (long, short) = (35 + 3 * 77 + SIG_LEN, 35 + 2 * 77 + SIG_LEN);
    assert_eq!(branches.len(), long + short);
    let is_long_first = ForkProof::new(&a, &b).unwrap().encode()[81 + 33] == 3;
    let (one, other) = branches.split_at(if is_long_first { long } else { short });
    for wrong in [[head, one, one].concat(), [head, other, other].concat(), [head, other, one].concat()] {
        assert_eq!(ForkProof::decode(&wrong).unwrap().check(), Err(LogError::NoFork));
    }
}

#[test]
fn proofs_are_bounded_before_they_are_read() {
    let (_, _, a, b) = fork((1, |_| true), (1, |_| true));
    let bytes = ForkProof::new(&a, &b).unwrap().encode();
    let long = vec![1; FORK_PROOF_MAX + 1];
    assert_eq!(ForkProof::decode(&long), Err(CodecError::TooLong { max: FORK_PROOF_MAX, got: FORK_PROOF_MAX + 1 }));
    assert_eq!(ForkProof::decode(&[bytes.as_slice(), &[0]].concat()), Err(CodecError::Trailing { extra: 1 }));
    for len in 0..bytes.len() {
        assert!(ForkProof::decode(&bytes[..len]).is_err(), "{len} bytes");
    }
    for count in [0u16, 257, u16::MAX] {
        let mut many = bytes.clone();
        many[81 + 33..81 + 35].copy_from_slice(&count.to_le_bytes());
        assert_eq!(ForkProof::decode(&many), Err(CodecError::Malformed("length of a branch")));
    }
    let mut newer = bytes;
    newer[0] = 2;
    assert_eq!(ForkProof::decode(&newer), Err(CodecError::Version { theirs: 2, ours: 1 }));
}

proptest! {
    #[test]
    fn wherever_good_signatures_stand_two_branches_prove_a_fork(
        a in prop::collection::vec(any::<bool>(), 1..12),
        b in prop::collection::vec(any::<bool>(), 1..12),
        from in (0..12usize, 0..12usize),
    ) {
        // Every run that is accepted ends at a good signature.
        let ends = |good: Vec<bool>| { let last = good.len() - 1; move |n: usize| good[n] || n == last };
        let (_, _, one, other) = fork((a.len(), ends(a.clone())), (b.len(), ends(b.clone())));
        let (one, other) = (&one[from.0 % a.len()..], &other[from.1 % b.len()..]);
        match ForkProof::new(one, other) {
            Ok(proof) => prop_assert_eq!(proof.check(), Ok(())),
            // They have no place in common, though one may follow the other.
            Err(error) => {
                prop_assert_eq!(error, LogError::NoFork);
                let says = |run: &[Entry]| (run[0].header().seq - 1, run[run.len() - 1].header().seq);
                let (one, other) = (says(one), says(other));
                prop_assert!(one.1 < other.0 || other.1 < one.0, "{:?} {:?}", one, other);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_proof_or_a_good_one(bytes: Vec<u8>) {
        crate::targets::fork(&bytes);
    }
}
