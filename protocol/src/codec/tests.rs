//! Bounds of the decoder: what a few bytes may make us reserve.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use super::*;
use crate::entry::Entry;

/// Three megabytes, as bincode writes a length: a marker for four bytes, little endian.
const THREE_MEGABYTES: [u8; 5] = [252, 0, 0, 48, 0];

fn refused_unreserved<T: DeserializeOwned + std::fmt::Debug>(bytes: &[u8]) {
    let error = decode_claiming::<T>(bytes).unwrap_err();
    // Any other error would mean that the bytes were reserved first and missed afterwards.
    assert!(format!("{error:?}").contains("LimitExceeded"), "{error:?}");
}

#[test]
fn a_length_that_the_message_cannot_hold_reserves_nothing() {
    refused_unreserved::<String>(&THREE_MEGABYTES);
    refused_unreserved::<Entry>(&THREE_MEGABYTES);
    let after_an_honest_part = [[3, b'a', b'b', b'c'].as_slice(), &THREE_MEGABYTES].concat();
    refused_unreserved::<(String, String)>(&after_an_honest_part);
}

#[test]
fn lists_that_claim_to_be_endless_are_refused() {
    // Lists reserve at most a megabyte ahead (serde's own bound), whatever they claim.
    let endless = [253, 255, 255, 255, 255, 255, 255, 255, 127];
    assert!(decode_claiming::<Vec<u64>>(&endless).is_err());
    assert!(decode_claiming::<Vec<Vec<u64>>>(&[endless.as_slice(), &endless].concat()).is_err());
}

#[test]
fn honest_messages_of_every_size_stay_within_their_claims() {
    for count in [0, 1, 100, 500, 2_000, 10_000, 100_000] {
        // Numbers below 251 take one byte and are claimed as eight: the worst case.
        let value = vec![7u64; count];
        let bytes = encode(&value, 1_000_000).unwrap();
        assert_eq!(decode::<Vec<u64>>(&bytes, 1_000_000, "numbers"), Ok(value), "{count} numbers");
        let nested = vec![Vec::<u8>::new(); count];
        let bytes = encode(&nested, 1_000_000).unwrap();
        assert_eq!(decode::<Vec<Vec<u8>>>(&bytes, 1_000_000, "lists"), Ok(nested), "{count} empty lists");
        let text = "x".repeat(count);
        let bytes = encode(&text, 1_000_000).unwrap();
        assert_eq!(decode::<String>(&bytes, 1_000_000, "text"), Ok(text), "{count} letters");
    }
}

#[test]
fn versions_and_lengths_are_checked_first() {
    assert_eq!(decode::<u8>(&[], 9, "x"), Err(CodecError::Empty));
    assert_eq!(decode::<u8>(&[2, 7], 9, "x"), Err(CodecError::Version { theirs: 2, ours: 1 }));
    assert_eq!(decode::<u8>(&[1, 7], 9, "x"), Ok(7));
    assert_eq!(decode::<u8>(&[1, 7, 7], 9, "x"), Err(CodecError::Trailing { extra: 1 }));
    assert_eq!(decode::<u8>(&[1, 7, 7], 2, "x"), Err(CodecError::TooLong { max: 2, got: 3 }));
    assert_eq!(encode(&[1u8, 2, 3], 3), Err(CodecError::TooLong { max: 3, got: 4 }));
}

#[test]
fn secrets_are_encoded_in_one_place() {
    for length in [0, 1, 31, 64, 1_000, 100_000] {
        let value = (vec![7u8; length], "label".to_owned(), u64::MAX);
        let out = encode_secret(&value, 200_000).unwrap();
        assert_eq!(*out, encode(&value, 200_000).unwrap());
        assert_eq!(out.capacity(), out.len(), "it never grew");
        assert!(
            matches!(encode_secret(&value, out.len() - 1), Err(CodecError::TooLong { got, .. }) if got == out.len())
        );
    }
}
