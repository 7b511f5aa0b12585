//! Pages and suffixes of logs, digests of heights, and proofs of forks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    EntryId, EpochId, LogId, RoomId, codec,
    entry::{Entry, Header},
    error::LogError,
    keys::DeviceKey,
    limits::PAGE_MAX_ENTRIES,
    log::{ForkProof, Height, Heights, digest, verify_page, verify_suffix},
};
use proptest::prelude::*;
use support::{chain, header, log_of, rng};

const ROOM: RoomId = RoomId::from_bytes([1; 32]);

fn key() -> DeviceKey {
    DeviceKey::random(&mut rng(1))
}

fn good(count: usize) -> Vec<Entry> {
    chain(&key(), ROOM, Height::EMPTY, count)
}

fn page(entries: Vec<Entry>) -> Result<usize, LogError> {
    verify_page(ROOM, log_of(key().id()), Height::EMPTY, entries).map(|page| page.len())
}

fn suffix(entries: Vec<Entry>) -> Result<usize, LogError> {
    verify_suffix(ROOM, log_of(key().id()), entries).map(|page| page.len())
}

/// The entry with its body altered and its signature kept.
fn altered(entry: &Entry) -> Entry {
    let mut bytes = entry.bytes().to_vec();
    bytes[158] ^= 1;
    Entry::decode(bytes).unwrap()
}

#[test]
fn a_good_page_is_accepted_from_the_start_and_from_the_middle() {
    let entries = good(20);
    assert_eq!(page(entries.clone()), Ok(20));
    assert_eq!(suffix(entries[7..].to_vec()), Ok(13));
    let height = Height::after(&entries[6]);
    let rest = verify_page(ROOM, log_of(key().id()), height, entries[7..].to_vec()).unwrap();
    assert_eq!(rest.last().unwrap().inner(), &entries[19]);
}

#[test]
fn a_page_has_1_to_256_entries() {
    let entries = good(PAGE_MAX_ENTRIES + 1);
    assert_eq!(page(entries[..PAGE_MAX_ENTRIES].to_vec()), Ok(PAGE_MAX_ENTRIES));
    let over = LogError::PageSize { max: PAGE_MAX_ENTRIES, got: PAGE_MAX_ENTRIES + 1 };
    assert_eq!(page(entries.clone()), Err(over));
    assert_eq!(suffix(entries), Err(over));
    assert_eq!(page(Vec::new()), Err(LogError::PageSize { max: PAGE_MAX_ENTRIES, got: 0 }));
    assert_eq!(suffix(Vec::new()), Err(LogError::PageSize { max: PAGE_MAX_ENTRIES, got: 0 }));
}

#[test]
fn a_gap_is_refused() {
    let mut entries = good(5);
    entries.remove(2);
    assert_eq!(page(entries.clone()), Err(LogError::Gap { expected: 2, got: 3 }));
    assert_eq!(suffix(entries), Err(LogError::Gap { expected: 2, got: 3 }));
    assert_eq!(page(good(5)[1..].to_vec()), Err(LogError::Gap { expected: 0, got: 1 }));
}

#[test]
fn a_repeated_entry_is_refused() {
    let mut entries = good(3);
    entries.insert(1, entries[1].clone());
    assert_eq!(page(entries), Err(LogError::Gap { expected: 2, got: 1 }));
}

#[test]
fn swapped_entries_are_refused() {
    let mut entries = good(5);
    entries.swap(1, 2);
    assert!(page(entries.clone()).is_err());
    assert!(suffix(entries).is_err());
}

#[test]
fn an_altered_entry_in_the_middle_breaks_the_chain() {
    let mut entries = good(5);
    entries[2] = altered(&entries[2]);
    assert_eq!(page(entries.clone()), Err(LogError::BrokenLink { seq: 3 }));
    assert_eq!(suffix(entries), Err(LogError::BrokenLink { seq: 3 }));
}

#[test]
fn an_altered_last_entry_fails_its_signature() {
    let mut entries = good(5);
    entries[4] = altered(&entries[4]);
    assert_eq!(page(entries), Err(LogError::BadSignature { seq: 4 }));
}

#[test]
fn an_entry_of_another_device_or_room_in_the_middle_is_refused() {
    let other = DeviceKey::random(&mut rng(2));
    let mut entries = good(5);
    entries[2] = chain(&other, ROOM, Height::after(&entries[1]), 1).remove(0);
    assert_eq!(page(entries), Err(LogError::WrongLog { seq: 2 }));

    let mut entries = good(5);
    entries[2] = chain(&key(), RoomId::from_bytes([2; 32]), Height::after(&entries[1]), 1).remove(0);
    assert_eq!(page(entries), Err(LogError::WrongLog { seq: 2 }));
}

#[test]
fn a_page_that_does_not_follow_what_is_held_is_refused() {
    let entries = good(5);
    let forked = Height { next: 2, head: EntryId::from_bytes([9; 32]) };
    let result = verify_page(ROOM, log_of(key().id()), forked, entries[2..].to_vec());
    assert_eq!(result, Err(LogError::BrokenLink { seq: 2 }));
}

#[test]
fn a_chain_made_up_by_somebody_else_is_refused() {
    // A forger can link entries that name another author, but cannot sign the last one.
    let forger = DeviceKey::random(&mut rng(3));
    let forged: Vec<Entry> = chain(&forger, ROOM, Height::EMPTY, 3)
        .iter()
        .scan(Height::EMPTY, |height, entry| {
            let mut bytes = entry.bytes().to_vec();
            bytes[34..66].copy_from_slice(key().id().as_bytes());
            bytes[82..114].copy_from_slice(height.head.as_bytes());
            let entry = Entry::decode(bytes).unwrap();
            *height = Height::after(&entry);
            Some(entry)
        })
        .collect();
    assert_eq!(page(forged), Err(LogError::BadSignature { seq: 2 }));
}

#[test]
fn a_new_log_may_begin_with_a_link_to_the_old_one() {
    let key = key();
    let old = good(3);
    let header = Header { prev: old[2].id(), log: LogId(8), ..header(ROOM, EpochId::default(), key.id(), 0) };
    let first = Entry::sign(&key, header, b"").unwrap().into_inner();
    assert!(verify_page(ROOM, first.log_key(), Height::EMPTY, vec![first]).is_ok());
}

#[test]
fn digests_are_equal_exactly_when_the_heights_are() {
    let entries = good(3);
    let log = log_of(key().id());
    let mut one = Heights::new();
    let empty = digest(&one);
    one.insert(log, Height::after(&entries[1]));
    let two = Heights::from([(log, Height::after(&entries[2]))]);
    // The same number of entries, another head: a fork shows.
    let forked = Heights::from([(log, Height { next: 2, head: entries[2].id() })]);
    let digests = [empty, digest(&one), digest(&two), digest(&forked)];
    for (at, a) in digests.iter().enumerate() {
        assert!(digests[at + 1..].iter().all(|b| a != b));
    }
    assert_eq!(digest(&one), digest(&one.clone()));
}

#[test]
fn two_entries_for_one_place_prove_a_fork() {
    let key = key();
    let base = good(2);
    let at = Height::after(&base[1]);
    let one = chain(&key, ROOM, at, 1).remove(0);
    let header = Header { prev: at.head, ..header(ROOM, EpochId::default(), key.id(), 2) };
    let two = Entry::sign(&key, header, b"other words").unwrap().into_inner();
    let proof = ForkProof::new(&one, &two).unwrap();
    assert_eq!(ForkProof::new(&two, &one).unwrap(), proof, "the order does not matter");
    assert_eq!((proof.seq(), proof.room(), proof.log_key()), (2, ROOM, log_of(key.id())));
    let bytes = codec::encode(&proof, 4096).unwrap();
    let read: ForkProof = codec::decode(&bytes, 4096, "proof").unwrap();
    assert_eq!(read.check(), Ok(()));
    assert_eq!(read, proof);
}

#[test]
fn entries_that_do_not_contradict_each_other_prove_nothing() {
    let entries = good(3);
    assert_eq!(ForkProof::new(&entries[1], &entries[1]), Err(LogError::WrongLog { seq: 1 }));
    assert_eq!(ForkProof::new(&entries[1], &entries[2]), Err(LogError::WrongLog { seq: 1 }));
    let elsewhere = chain(&key(), RoomId::from_bytes([2; 32]), Height::EMPTY, 2).remove(1);
    assert!(ForkProof::new(&entries[1], &elsewhere).is_err());
    let other = DeviceKey::random(&mut rng(4));
    assert!(ForkProof::new(&entries[1], &chain(&other, ROOM, Height::EMPTY, 2)[1]).is_err());
}

#[test]
fn nobody_can_frame_a_device_with_a_fork() {
    let entries = good(3);
    let forged = altered(&entries[1]);
    assert_eq!(ForkProof::new(&entries[1], &forged), Err(LogError::BadSignature { seq: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_part_of_a_log_is_a_good_suffix(count in 1usize..20, from in any::<prop::sample::Index>()) {
        let entries = good(count);
        let from = from.index(count);
        prop_assert_eq!(suffix(entries[from..].to_vec()), Ok(count - from));
    }

    #[test]
    fn any_turned_bit_before_the_last_signature_breaks_a_page(
        at in 0usize..6, bit in any::<prop::sample::Index>(),
    ) {
        let mut entries = good(6);
        // Signatures in the middle are not covered, which is why pages end at checked ones.
        let unsigned = (entries[at].bytes().len() - 64) * 8;
        let bytes = support::flipped(entries[at].bytes(), bit.index(unsigned));
        if let Ok(entry) = Entry::decode(bytes) {
            entries[at] = entry;
            prop_assert!(page(entries).is_err());
        }
    }

    #[test]
    fn any_other_order_is_refused(order in Just((0..6usize).collect::<Vec<_>>()).prop_shuffle()) {
        prop_assume!(!order.is_sorted());
        let entries = good(6);
        prop_assert!(page(order.iter().map(|at| entries[*at].clone()).collect()).is_err());
    }
}
