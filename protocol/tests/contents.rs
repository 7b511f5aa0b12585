//! Contents and their padding: everything reads back, and lengths tell little.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    DeviceId, EntryId, Hlc, Text,
    content::{Body, Content, Emoji, padded_len},
    error::CodecError,
    limits::{BODY_MAX, PADDING_FLOOR, TEXT_MAX},
};
use proptest::prelude::*;
use support::{Device, name, rng, text};

const MAX: usize = BODY_MAX - 64;

fn bodies() -> Vec<Body> {
    let device = Device::new(&mut rng(1));
    let target = EntryId::from_bytes([3; 32]);
    let words = Text::new("**hello**\n```\nthere\n```").unwrap();
    vec![
        Body::Text { text: words.clone(), reply_to: Some(target), mentions: vec![device.id(); 3] },
        Body::Edit { target, text: words },
        Body::Delete { target },
        Body::Reaction { target, emoji: Emoji::try_from("👍".to_owned()).unwrap(), present: true },
        Body::Profile { name: name("Ada"), card: Box::new(device.card()), prekey: Box::new(device.signed_prekey()) },
        Body::RoomName { name: name("Kitchen") },
    ]
}

#[test]
fn every_kind_of_content_reads_back() {
    for body in bodies() {
        let content = Content { hlc: Hlc::at(5), body };
        let padded = content.encode(MAX).unwrap();
        assert_eq!(padded.len(), padded_len(padded.len()), "a padded length is a fixed point");
        assert_eq!(Content::decode(&padded).unwrap(), content);
    }
}

#[test]
fn short_messages_look_alike() {
    let lengths: Vec<usize> =
        ["y", "see you at nine", &"w".repeat(200)].map(|words| text(words).encode(MAX).unwrap().len()).to_vec();
    assert_eq!(lengths, [PADDING_FLOOR; 3]);
}

#[test]
fn the_longest_text_fits() {
    let longest = text(&"ä".repeat(TEXT_MAX / 2));
    assert_eq!(Content::decode(&longest.encode(MAX).unwrap()).unwrap(), longest);
}

#[test]
fn a_content_over_the_limit_is_refused() {
    let body = Body::Text {
        text: Text::new("x").unwrap(),
        reply_to: None,
        mentions: vec![DeviceId::from_bytes([1; 32]); BODY_MAX / 32],
    };
    let content = Content { hlc: Hlc::at(5), body };
    assert!(matches!(content.encode(MAX), Err(CodecError::TooLong { .. })));
}

#[test]
fn a_content_is_never_padded_beyond_the_limit() {
    // 1,890 mentions are 60,480 bytes, which Padmé would round up beyond the limit of a body.
    let mentions = vec![DeviceId::from_bytes([1; 32]); 1_890];
    let content =
        Content { hlc: Hlc::at(5), body: Body::Text { text: Text::new("x").unwrap(), reply_to: None, mentions } };
    let padded = content.encode(MAX).unwrap();
    assert_eq!(padded.len(), padded_len(60_480).min(MAX));
    assert_eq!(Content::decode(&padded).unwrap(), content);
}

#[test]
fn padding_hides_nothing() {
    let mut padded = text("hello").encode(MAX).unwrap().to_vec();
    *padded.last_mut().unwrap() = 1;
    assert_eq!(Content::decode(&padded), Err(CodecError::Malformed("padding")));
}

#[test]
fn a_kind_from_a_newer_parlor_is_an_error_and_not_a_guess() {
    let mut padded = text("hello").encode(MAX).unwrap().to_vec();
    // Length 4, version 1, then the time as a varint (marker 0xfd and 8 bytes), then the kind.
    assert_eq!((padded[4], padded[5], padded[14]), (1, 0xfd, 0));
    padded[14] = 200;
    assert_eq!(Content::decode(&padded), Err(CodecError::Malformed("content")));
    padded[4] = 2;
    assert_eq!(Content::decode(&padded), Err(CodecError::Version { theirs: 2, ours: 1 }));
}

#[test]
fn a_length_beyond_the_bytes_is_refused() {
    assert_eq!(Content::decode(&[1, 0]), Err(CodecError::CutOff { expected: 4, got: 2 }));
    assert_eq!(Content::decode(&[9, 0, 0, 0, 1]), Err(CodecError::CutOff { expected: 9, got: 1 }));
    assert!(Content::decode(&[0xff; 8]).is_err());
    assert_eq!(Content::decode(&[0; 256]), Err(CodecError::Empty));
}

#[test]
fn debug_output_of_a_content_shows_no_words() {
    let shown = format!("{:?}", text("meet me at nine"));
    assert!(!shown.contains("nine"), "{shown}");
}

#[test]
fn padded_lengths_are_those_of_the_paper() {
    for (len, padded) in [
        (0, 256),
        (1, 256),
        (256, 256),
        (257, 272),
        (272, 272),
        (273, 288),
        (500, 512),
        (1_000, 1_024),
        (1_025, 1_088),
        (9_000, 9_216),
        (16_384, 16_384),
        (16_385, 17_408),
        (65_537, 67_584),
    ] {
        assert_eq!(padded_len(len), padded, "{len}");
    }
}

proptest! {
    #[test]
    fn padding_grows_with_the_length_and_stays_within_12_percent(len in 0usize..4_000_000, more in 0usize..1000) {
        let padded = padded_len(len);
        prop_assert!(padded >= len && padded_len(padded) == padded);
        prop_assert!(padded_len(len + more) >= padded);
        if len > PADDING_FLOOR {
            prop_assert!((padded - len) * 100 <= len * 12, "{len} -> {padded}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), real in any::<bool>()) {
        let mut bytes = bytes;
        if real && bytes.len() > 16 {
            let len = u32::try_from(bytes.len() - 4).unwrap();
            bytes[..4].copy_from_slice(&len.to_le_bytes());
            bytes[4] = 1;
        }
        if let Ok(content) = Content::decode(&bytes) {
            prop_assert_eq!(Content::decode(&content.encode(MAX).unwrap()).unwrap(), content);
        }
    }

    #[test]
    fn a_cut_content_is_refused(which in 0usize..6, at in any::<prop::sample::Index>()) {
        let content = Content { hlc: Hlc::at(5), body: bodies()[which].clone() };
        let padded = content.encode(MAX).unwrap();
        let used = 4 + u32::from_le_bytes(padded[..4].try_into().unwrap()) as usize;
        prop_assert!(Content::decode(&padded[..at.index(used)]).is_err());
    }
}
