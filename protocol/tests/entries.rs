//! Entries: nothing of one can be changed without its id or signature noticing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    EntryId, EpochId, LogId, RoomId, codec,
    entry::{Entry, HEADER_LEN, Header, Kind, SIG_LEN},
    error::{CodecError, LogError},
    keys::DeviceKey,
    limits::{BODY_MAX, EPOCH_BODY_MAX},
};
use proptest::prelude::*;
use support::{Device, Room, flipped, header, rng};

fn key() -> DeviceKey {
    DeviceKey::random(&mut rng(1))
}

fn entry(body: &[u8]) -> Entry {
    let key = key();
    let header = header(RoomId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]), key.id(), 3);
    Entry::sign(&key, Header { prev: EntryId::from_bytes([4; 32]), session: 2, ..header }, body).unwrap().into_inner()
}

#[test]
fn the_layout_is_header_body_signature() {
    let entry = entry(b"hello");
    let bytes = entry.bytes();
    assert_eq!(bytes.len(), HEADER_LEN + 5 + SIG_LEN);
    assert_eq!(bytes[..2], [1, 5]);
    assert_eq!(bytes[2..34], [1; 32]);
    assert_eq!(&bytes[34..66], key().id().as_bytes());
    assert_eq!(bytes[66..74], 7u64.to_le_bytes());
    assert_eq!(bytes[74..82], 3u64.to_le_bytes());
    assert_eq!(bytes[82..114], [4; 32]);
    assert_eq!(bytes[114..146], [2; 32]);
    assert_eq!(bytes[146..154], 2u64.to_le_bytes());
    assert_eq!(bytes[154..158], 5u32.to_le_bytes());
    assert_eq!(entry.body(), b"hello");
    assert_eq!(bytes[163..], entry.sig().0);
}

#[test]
fn the_id_covers_header_and_body_but_not_the_signature() {
    let good = entry(b"hello");
    let mut bytes = good.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let resigned = Entry::decode(bytes).unwrap();
    assert_eq!(resigned.id(), good.id());
    assert_eq!(resigned.verify(), Err(LogError::BadSignature { seq: 3 }));
    assert_ne!(entry(b"hellp").id(), good.id());
}

#[test]
fn an_altered_body_is_refused() {
    let good = entry(b"pay 10");
    let mut bytes = good.bytes().to_vec();
    bytes[HEADER_LEN + 4] = b'9';
    let altered = Entry::decode(bytes).unwrap();
    assert_eq!(altered.body(), b"pay 90");
    assert_eq!(altered.verify(), Err(LogError::BadSignature { seq: 3 }));
}

#[test]
fn another_version_asks_to_update() {
    let mut bytes = entry(b"x").bytes().to_vec();
    bytes[0] = 2;
    let error = Entry::decode(bytes).unwrap_err();
    assert_eq!(error, CodecError::Version { theirs: 2, ours: 1 });
    assert!(error.to_string().contains("update Parlor"));
}

#[test]
fn an_unknown_kind_is_refused() {
    for kind in [0, 6, 255] {
        let mut bytes = entry(b"x").bytes().to_vec();
        bytes[1] = kind;
        assert_eq!(Entry::decode(bytes), Err(CodecError::UnknownKind(kind)));
    }
}

#[test]
fn nobody_signs_as_somebody_else() {
    let (one, two) = (key(), DeviceKey::random(&mut rng(2)));
    let header = header(RoomId::default(), EpochId::default(), two.id(), 0);
    assert!(Entry::sign(&one, header, b"").is_err());
}

#[test]
fn impossible_places_are_refused_by_writer_and_reader() {
    let key = key();
    let header = header(RoomId::default(), EpochId::default(), key.id(), 5);
    assert!(Entry::sign(&key, Header { session: 6, ..header }, b"").is_err());
    assert!(Entry::sign(&key, Header { seq: u64::MAX, ..header }, b"").is_err());
    let good = Entry::sign(&key, header, b"").unwrap();
    let mut late = good.bytes().to_vec();
    late[146] = 6;
    assert!(Entry::decode(late).is_err());
    let mut last = good.bytes().to_vec();
    last[74..82].fill(0xff);
    assert!(Entry::decode(last).is_err());
}

#[test]
fn bodies_are_as_long_as_their_kind_allows() {
    let key = key();
    let header = header(RoomId::default(), EpochId::default(), key.id(), 0);
    for (kind, max) in [
        (Kind::Content, BODY_MAX),
        (Kind::Genesis, BODY_MAX),
        (Kind::Invite, BODY_MAX),
        (Kind::Admission, BODY_MAX),
        (Kind::Epoch, EPOCH_BODY_MAX),
    ] {
        let header = Header { kind, ..header };
        let longest = Entry::sign(&key, header, &vec![0; max]).unwrap().into_inner();
        assert!(Entry::decode(longest.bytes().clone()).unwrap().verify().is_ok());
        let over = Entry::sign(&key, header, &vec![0; max + 1]);
        assert_eq!(over.unwrap_err(), CodecError::TooLong { max, got: max + 1 });
        let mut claimed = longest.bytes().to_vec();
        claimed[154..158].copy_from_slice(&u32::try_from(max + 1).unwrap().to_le_bytes());
        assert_eq!(Entry::decode(claimed), Err(CodecError::TooLong { max, got: max + 1 }));
    }
}

#[test]
fn a_genesis_entry_founds_the_room_named_by_its_hash() {
    let mut rng = rng(3);
    let owner = Device::new(&mut rng);
    let (one, two) = (Room::new(&owner, &mut rng), Room::new(&Device::new(&mut rng), &mut rng));
    assert_eq!(one.genesis.header().room, RoomId::default());
    assert_eq!(one.genesis.room(), one.id());
    assert_ne!(one.id(), two.id());
}

#[test]
fn debug_output_shows_no_body() {
    let shown = format!("{:?}", entry(b"secret words"));
    assert!(!shown.contains("secret") && shown.contains("Content") && shown.contains("#3"), "{shown}");
}

#[test]
fn a_signature_for_one_purpose_does_not_serve_another() {
    // A card and an entry signed by one device: their signatures must not be exchangeable.
    let mut rng = rng(4);
    let device = Device::new(&mut rng);
    let prekey = codec::encode(&device.signed_prekey(), 4096).unwrap();
    let header = header(RoomId::default(), EpochId::default(), device.id(), 0);
    let good = Entry::sign(&device.key, header, b"x").unwrap();
    let mut bytes = good.bytes().to_vec();
    let at = bytes.len() - SIG_LEN;
    bytes[at..].copy_from_slice(&prekey[prekey.len() - SIG_LEN..]);
    assert!(Entry::decode(bytes).unwrap().verify().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_entry_reads_back(
        log in any::<u64>(), seq in 0..u64::MAX, back in any::<u64>(), kind in 1..=5u8,
        ids in any::<[[u8; 32]; 2]>(), body in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let kind = [Kind::Genesis, Kind::Epoch, Kind::Admission, Kind::Invite, Kind::Content][usize::from(kind) - 1];
        let key = key();
        let header = Header {
            kind, log: LogId(log), seq, session: seq.saturating_sub(back), prev: EntryId::from_bytes(ids[0]),
            ..header(RoomId::from_bytes(ids[1]), EpochId::from_bytes(ids[0]), key.id(), seq)
        };
        let signed = Entry::sign(&key, header, &body).unwrap();
        let read = Entry::decode(signed.bytes().clone()).unwrap();
        prop_assert_eq!(read.header(), &header);
        prop_assert_eq!(read.body(), body.as_slice());
        prop_assert_eq!(read.id(), signed.id());
        prop_assert_eq!(read.verify().unwrap(), signed);
    }

    #[test]
    fn a_cut_entry_is_refused(body in proptest::collection::vec(any::<u8>(), 0..100), at in any::<prop::sample::Index>()) {
        let entry = entry(&body);
        let bytes = entry.bytes();
        prop_assert!(Entry::decode(&bytes[..at.index(bytes.len())]).is_err());
        let longer = [bytes, [0].as_slice()].concat();
        prop_assert_eq!(Entry::decode(longer), Err(CodecError::Trailing { extra: 1 }));
    }

    #[test]
    fn a_turned_bit_is_noticed(at in any::<prop::sample::Index>()) {
        let good = entry(b"a body of some length");
        let altered = flipped(good.bytes(), at.index(good.bytes().len() * 8));
        prop_assert!(!Entry::decode(altered).is_ok_and(|entry| entry.verify().is_ok()));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), real in any::<bool>()) {
        let mut bytes = bytes;
        if real && bytes.len() > 1 {
            bytes[..2].copy_from_slice(&[1, 5]);
        }
        if let Ok(entry) = Entry::decode(bytes.clone()) {
            prop_assert_eq!(entry.bytes().as_ref(), bytes.as_slice());
        }
    }

    #[test]
    fn an_entry_inside_a_message_reads_back(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let entry = entry(&body);
        let encoded = codec::encode(&entry, 4096).unwrap();
        prop_assert_eq!(codec::decode::<Entry>(&encoded, 4096, "entry").unwrap(), entry);
    }
}
