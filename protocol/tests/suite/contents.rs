//! Contents and their padding.

use crate::fixtures::{Device, entry_id, says};
use parlor_protocol::{
    DeviceId, Hlc, Name, Text,
    content::{Body, Content, Emoji, padded_len},
    error::CodecError,
    limits::{BODY_MAX, CLOCK_AHEAD_MAX_MS, DEVICES_MAX, OUT_DEVICES_MAX, PADDING_FLOOR, TEXT_MAX},
};
use proptest::prelude::*;

fn emoji(text: &str) -> Emoji {
    Emoji::try_from(text.to_owned()).unwrap()
}

fn comes_back(body: Body) {
    let content = Content { hlc: Hlc::at(1_700_000_000_000), at: 1_700_000_000_000, body };
    let padded = content.encode(BODY_MAX).unwrap();
    assert_eq!(padded.len(), padded_len(padded.len()), "already of a padded size");
    assert_eq!(Content::decode(&padded), Ok(content));
}

#[test]
fn every_kind_of_content_comes_back() {
    let device = Device::new(1);
    comes_back(says("hello **there**").body);
    let text = || Text::new("x".repeat(TEXT_MAX).as_str()).unwrap();
    let mentions = vec![device.id(); DEVICES_MAX];
    comes_back(Body::Text { text: text(), reply_to: Some(entry_id(1)), mentions });
    comes_back(Body::Edit { target: entry_id(2), text: text() });
    comes_back(Body::Delete { target: entry_id(3) });
    comes_back(Body::Reaction { target: entry_id(4), emoji: emoji("👩‍👩‍👧"), present: true });
    comes_back(device.profile("Ada"));
    comes_back(Body::RoomName { name: Name::new("Kitchen").unwrap() });
    comes_back(went_out(OUT_DEVICES_MAX));
}

fn went_out(devices: usize) -> Body {
    Body::WentOut { devices: vec![Device::new(1).id(); devices], for_ever: true }
}

#[test]
fn too_many_devices_that_went_out_are_refused() {
    let content = Content { body: went_out(OUT_DEVICES_MAX + 1), ..says("x") };
    let padded = content.encode(BODY_MAX).unwrap();
    assert!(matches!(Content::decode(&padded), Err(CodecError::TooMany { what: "devices", .. })));
}

#[test]
fn lines_of_ordinary_length_look_alike() {
    for text in ["y", "a longer line", &"z".repeat(200)] {
        assert_eq!(says(text).encode(BODY_MAX).unwrap().len(), PADDING_FLOOR);
    }
    assert!(says(&"z".repeat(300)).encode(BODY_MAX).unwrap().len() > PADDING_FLOOR);
}

#[test]
fn padded_lengths_fall_into_few_classes() {
    assert_eq!([0, 1, 255, 256].map(padded_len), [256; 4]);
    assert_eq!([257, 272, 273, 512, 513, 1000].map(padded_len), [272, 272, 288, 512, 544, 1024]);
    let classes: std::collections::BTreeSet<usize> = (0..=BODY_MAX).map(padded_len).collect();
    assert!(classes.len() < 130, "{} classes", classes.len());
    assert_eq!(padded_len(usize::MAX), usize::MAX, "no wrapping at the end");
}

#[test]
fn padding_never_cuts_a_content_off_at_the_limit() {
    // 61,376 lies between two classes: what is close to it is padded to the limit itself.
    let max = BODY_MAX - 64;
    let profile = |len: usize| Content {
        hlc: Hlc::at(1),
        at: 1,
        body: Body::Text { text: Text::new(&"x".repeat(len)).unwrap(), reply_to: None, mentions: vec![] },
    };
    for (limit, len) in [(max, TEXT_MAX), (1000, 900), (400, 380), (300, 280)] {
        let Ok(padded) = profile(len).encode(limit) else { panic!("{len} in {limit}") };
        assert!(padded.len() <= limit);
        assert_eq!(Content::decode(&padded), Ok(profile(len)));
    }
    assert!(matches!(profile(400).encode(400), Err(CodecError::TooLong { .. })));
    assert!(profile(1).encode(0).is_err());
}

#[test]
fn reactions_are_small_and_visible() {
    assert_eq!(Emoji::try_from("x".repeat(65)), Err(CodecError::TooLong { max: 64, got: 65 }));
    for bad in ["", "  ", "\u{7}", "a\nb"] {
        assert_eq!(Emoji::try_from(bad.to_owned()), Err(CodecError::Malformed("emoji")));
    }
}

#[test]
fn false_lengths_and_dirty_padding_are_refused() {
    let good = says("hello").encode(BODY_MAX).unwrap();
    let mut long = good.to_vec();
    long[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Content::decode(&long), Err(CodecError::CutOff { expected: u32::MAX as usize, got: 252 }));
    let mut dirty = good.to_vec();
    dirty[255] = 1;
    assert_eq!(Content::decode(&dirty), Err(CodecError::Malformed("padding")));
    assert_eq!(Content::decode(&good[..3]), Err(CodecError::CutOff { expected: 4, got: 3 }));
    assert_eq!(Content::decode(&[0; 256]), Err(CodecError::Empty));
    let mut newer = good.to_vec();
    newer[4] = 2;
    assert_eq!(Content::decode(&newer), Err(CodecError::Version { theirs: 2, ours: 1 }));
}

#[test]
fn too_many_mentions_are_refused() {
    let mut content = says("hi");
    if let Body::Text { mentions, .. } = &mut content.body {
        mentions.resize(DEVICES_MAX + 1, DeviceId::default());
    }
    let padded = content.encode(BODY_MAX).unwrap();
    assert!(matches!(Content::decode(&padded), Err(CodecError::TooMany { what: "mentions", .. })));
}

#[test]
fn the_time_shown_makes_up_for_late_clocks_and_for_ones_far_ahead() {
    let now = 1_700_000_000_000;
    let body = || Body::Delete { target: parlor_protocol::EntryId::default() };
    let shown = |hlc: u64, at: u64| Content { hlc: Hlc::at(hlc), at, body: body() }.shown_at(now);
    assert_eq!(shown(now - 5, 0), now - 5, "a clock that starts in 1970 every time");
    assert_eq!(shown(now + 400_000_000, now - 7), now - 7, "written after one whose clock is ahead");
    assert_eq!(shown(now + 400_000_000, now + 400_000_000), now + CLOCK_AHEAD_MAX_MS, "the one whose clock is ahead");
}

proptest! {
    #[test]
    fn padding_grows_by_an_eighth_at_most(len in 0..200_000usize) {
        let padded = padded_len(len);
        prop_assert!(padded >= len.max(PADDING_FLOOR));
        prop_assert!(padded <= (len + len / 8).max(PADDING_FLOOR));
        prop_assert_eq!(padded_len(padded), padded);
        prop_assert!(padded_len(len + 1) >= padded);
    }

    #[test]
    fn texts_come_back(text in "\\PC{1,300}", hlc: u64, reply: Option<[u8; 32]>) {
        prop_assume!(Text::new(&text).is_ok());
        let reply_to = reply.map(parlor_protocol::EntryId::from_bytes);
        let body = Body::Text { text: Text::new(&text).unwrap(), reply_to, mentions: vec![] };
        let content = Content { hlc: Hlc::from_bits(hlc), at: hlc, body };
        prop_assert_eq!(Content::decode(&content.encode(BODY_MAX).unwrap()), Ok(content));
    }

    #[test]
    fn any_bytes_are_no_content_or_a_lasting_one(bytes: Vec<u8>) {
        crate::targets::content(&bytes);
        let len = u32::try_from(bytes.len() + 1).unwrap().to_le_bytes();
        crate::targets::content(&[&len, b"\x01".as_slice(), &bytes].concat());
    }
}
