//! Entries: layout, ids, signatures.

use crate::fixtures::{Device, Room, conversation, flipped, opener};
use parlor_protocol::{
    EntryId, EpochId, LogId, RoomId,
    entry::{Entry, HEADER_LEN, Header, Kind, SIG_LEN},
    error::{CodecError, LogError},
    limits::{BODY_MAX, EPOCH_BODY_MAX},
    log::{Height, verify_page},
};
use proptest::prelude::*;

fn entry(body: &[u8]) -> Entry {
    let (room, device) = (Room::new(1), Device::new(2));
    Entry::sign(&device.key, room.content_header(&device, Height::EMPTY), &opener(body)).unwrap().into_inner()
}

/// An entry of a session that began before it.
fn later(body: &[u8]) -> Entry {
    let (room, device) = (Room::new(1), Device::new(2));
    let mut header = room.content_header(&device, Height { next: 7, head: EntryId::from_bytes([3; 32]) });
    header.session = 5;
    Entry::sign(&device.key, header, body).unwrap().into_inner()
}

fn refused(bytes: Vec<u8>) -> CodecError {
    Entry::decode(bytes).unwrap_err()
}

#[test]
fn an_entry_has_the_documented_layout() {
    let device = Device::new(2);
    let header = Header {
        kind: Kind::Content,
        room: RoomId::from_bytes([1; 32]),
        author: device.id(),
        log: LogId(0x0807_0605_0403_0201),
        seq: 3,
        prev: EntryId::from_bytes([4; 32]),
        epoch: EpochId::from_bytes([5; 32]),
        session: 2,
    };
    let entry = Entry::sign(&device.key, header, b"body").unwrap();
    let mut expected = vec![1, 5];
    expected.extend_from_slice(&[1; 32]);
    expected.extend_from_slice(device.id().as_bytes());
    expected.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    expected.extend_from_slice(&3u64.to_le_bytes());
    expected.extend_from_slice(&[4; 32]);
    expected.extend_from_slice(&[5; 32]);
    expected.extend_from_slice(&2u64.to_le_bytes());
    expected.extend_from_slice(&4u32.to_le_bytes());
    assert_eq!(expected.len(), HEADER_LEN);
    assert_eq!(entry.bytes()[..HEADER_LEN], expected[..]);
    assert_eq!(entry.body(), b"body");
    assert_eq!(entry.bytes().len(), HEADER_LEN + 4 + SIG_LEN);
    let mut hasher = blake3::Hasher::new_derive_key("parlor/v1/entry");
    hasher.update(&expected).update(blake3::hash(b"body").as_bytes());
    assert_eq!(entry.id().as_bytes(), hasher.finalize().as_bytes());
}

#[test]
fn every_cut_and_every_extra_byte_is_refused() {
    let entry = entry(b"some body");
    for len in 0..entry.bytes().len() {
        assert!(matches!(refused(entry.bytes()[..len].to_vec()), CodecError::CutOff { .. }), "{len} bytes");
    }
    let longer = [entry.bytes().as_ref(), &[0]].concat();
    assert_eq!(refused(longer), CodecError::Trailing { extra: 1 });
}

#[test]
fn every_changed_bit_is_refused_or_makes_another_entry_that_does_not_verify() {
    let entry = entry(b"some body");
    for (at, bit) in (0..entry.bytes().len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))) {
        let Some(altered) = flipped(&entry, at, bit) else { continue };
        let in_signature = at >= entry.bytes().len() - SIG_LEN;
        assert_eq!(altered.id() == entry.id(), in_signature, "byte {at}");
        // Checking signatures is slow: one bit of each byte will do.
        if bit == 1 {
            assert!(altered.verify().is_err(), "byte {at}");
        }
    }
    assert!(entry.verify().is_ok());
}

#[test]
fn versions_kinds_lengths_and_sessions_are_checked() {
    let good = entry(b"x").bytes().to_vec();
    let with = |at: usize, bytes: &[u8]| {
        let mut altered = good.clone();
        altered[at..at + bytes.len()].copy_from_slice(bytes);
        refused(altered)
    };
    assert_eq!(with(0, &[2]), CodecError::Version { theirs: 2, ours: 1 });
    assert_eq!(with(1, &[0]), CodecError::UnknownKind(0));
    assert_eq!(with(1, &[99]), CodecError::UnknownKind(99));
    let len = u32::try_from(BODY_MAX + 1).unwrap();
    assert_eq!(with(154, &len.to_le_bytes()), CodecError::TooLong { max: BODY_MAX, got: BODY_MAX + 1 });
    assert_eq!(with(146, &1u64.to_le_bytes()), CodecError::Malformed("session of an entry"));
    assert_eq!(with(74, &u64::MAX.to_le_bytes()), CodecError::Malformed("place of an entry"));
}

#[test]
fn bodies_are_bounded_by_kind() {
    let (room, device) = (Room::new(1), Device::new(2));
    let sign = |kind, len| {
        let header = device.header(kind, room.id(), room.secrets.id(), Height::EMPTY);
        Entry::sign(&device.key, header, &vec![0; len]).map(|entry| Entry::decode(entry.bytes().to_vec()).is_ok())
    };
    assert_eq!(sign(Kind::Content, BODY_MAX), Ok(true));
    assert_eq!(sign(Kind::Content, BODY_MAX + 1), Err(CodecError::TooLong { max: BODY_MAX, got: BODY_MAX + 1 }));
    assert_eq!(sign(Kind::Epoch, EPOCH_BODY_MAX), Ok(true));
    assert!(sign(Kind::Epoch, EPOCH_BODY_MAX + 1).is_err());
}

#[test]
fn nobody_signs_for_another_device_or_at_an_impossible_place() {
    let (room, device) = (Room::new(1), Device::new(2));
    let header = room.content_header(&device, Height::EMPTY);
    let foreign = Entry::sign(&Device::new(3).key, header, b"").err();
    assert_eq!(foreign, Some(CodecError::Malformed("author of an entry")));
    let session_ahead = Header { session: 1, ..header };
    assert!(Entry::sign(&device.key, session_ahead, b"").is_err());
    let last = Header { seq: u64::MAX, ..header };
    assert!(Entry::sign(&device.key, last, b"").is_err());
}

#[test]
fn an_author_with_a_weak_key_never_verifies() {
    let mut bytes = entry(b"x").bytes().to_vec();
    bytes[34..66].fill(0);
    bytes[34] = 1;
    // With the identity as key and R, the equation would hold for every message if it were let in.
    let sig = bytes.len() - SIG_LEN;
    bytes[sig..].fill(0);
    bytes[sig] = 1;
    assert_eq!(Entry::decode(bytes).unwrap().verify(), Err(LogError::BadSignature { seq: 0 }));
}

#[test]
fn a_pruned_entry_has_the_documented_layout_and_keeps_id_chain_and_signature() {
    let full = later(b"what nobody shall read any more");
    let pruned = full.pruned();
    let mut expected = full.bytes()[..HEADER_LEN].to_vec();
    expected[1] = 0x85;
    expected.extend_from_slice(blake3::hash(full.body()).as_bytes());
    expected.extend_from_slice(&full.sig().0);
    assert_eq!(pruned.bytes().as_ref(), expected);
    assert_eq!((pruned.id(), pruned.header()), (full.id(), full.header()));
    assert!(pruned.is_pruned() && pruned.body().is_empty() && !full.is_pruned());
    assert_ne!(pruned, full);
    assert_eq!(pruned.pruned(), pruned, "what is pruned stays so");
    let read = Entry::decode(expected).unwrap();
    assert_eq!(read, pruned);
    assert!(read.verify().is_ok());
}

#[test]
fn only_contents_that_open_no_session_are_pruned_and_every_altered_byte_of_one_is_noticed() {
    let (room, device) = (Room::new(1), Device::new(2));
    for kind in [Kind::Epoch, Kind::Access, Kind::Door, Kind::Content] {
        let header = device.header(kind, room.id(), room.secrets.id(), Height::EMPTY);
        let plain = Entry::sign(&device.key, header, &opener(b"public")).unwrap().into_inner();
        assert_eq!(plain.pruned(), plain, "others act on it for ever");
        let mut bytes = plain.bytes()[..HEADER_LEN].to_vec();
        bytes[1] |= 0x80;
        bytes.extend_from_slice(blake3::hash(plain.body()).as_bytes());
        bytes.extend_from_slice(&plain.sig().0);
        assert_eq!(refused(bytes), CodecError::Malformed("pruned entry"));
    }
    let pruned = later(b"some body").pruned();
    for at in 0..pruned.bytes().len() {
        let Some(altered) = flipped(&pruned, at, 1) else { continue };
        assert!(altered.verify().is_err(), "byte {at}");
    }
}

#[test]
fn a_page_may_hold_full_and_pruned_entries() {
    let (room, device) = (Room::new(1), Device::new(2));
    let log: Vec<Entry> = conversation(&room, &device, &["one", "two", "three", "four"], 1)
        .into_iter()
        .map(parlor_protocol::entry::Verified::into_inner)
        .collect();
    let key = log[0].log_key();
    for mask in 0..16_u32 {
        let page: Vec<Entry> =
            log.iter().enumerate().map(|(at, e)| if mask >> at & 1 == 1 { e.pruned() } else { e.clone() }).collect();
        assert_eq!(verify_page(room.id(), key, Height::EMPTY, page).unwrap().len(), 4);
    }
    let mut swapped = log.clone();
    swapped.swap(1, 2);
    let swapped = swapped.iter().map(Entry::pruned).collect();
    assert!(verify_page(room.id(), key, Height::EMPTY, swapped).is_err());
}

proptest! {
    #[test]
    fn a_pruned_entry_is_the_same_entry(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let full = later(&body);
        let pruned = full.pruned();
        let read = Entry::decode(pruned.bytes().to_vec()).unwrap();
        prop_assert_eq!(read.id(), full.id());
        prop_assert_eq!(&read, &pruned);
        prop_assert!(Height::after(&read) == Height::after(&full));
        // 32 bytes of body cannot pass for a hash: the kind byte tells.
        prop_assert_eq!(full.bytes().len() == pruned.bytes().len(), body.len() == 32);
    }

    #[test]
    fn entries_come_back(rest in prop::collection::vec(any::<u8>(), 0..2000), seq in 0..u64::MAX, back in 0..100u64, prev: [u8; 32], log: u64) {
        let (room, device) = (Room::new(1), Device::new(2));
        let mut header = room.content_header(&device, Height { next: seq, head: EntryId::from_bytes(prev) });
        header.session = seq.saturating_sub(back);
        header.log = LogId(log);
        let body = opener(&rest);
        let entry = Entry::sign(&device.key, header, &body).unwrap();
        let decoded = Entry::decode(entry.bytes().to_vec()).unwrap();
        prop_assert_eq!(decoded.header(), &header);
        prop_assert_eq!(decoded.body(), &body[..]);
        prop_assert_eq!(decoded.id(), entry.id());
        prop_assert_eq!(decoded.sig(), entry.sig());
        prop_assert_eq!(decoded.verify(), Ok(entry));
    }

    #[test]
    fn any_bytes_are_no_entry_or_exactly_one(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::targets::entry(&bytes);
        crate::targets::entry(&[b"\x01\x05".as_slice(), &bytes].concat());
        crate::targets::entry(&[b"\x01\x85".as_slice(), &bytes].concat());
    }
}
