//! Identifiers, names and texts: what is accepted, and what never shows in logs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use parlor_protocol::{
    DeviceId, EntryId, Hlc, Locator, Name, RoomId, Text,
    content::Emoji,
    error::{IdError, TextError},
    limits::{CLOCK_AHEAD_MAX_MS, NAME_MAX, REACTION_MAX, TEXT_MAX},
};
use proptest::prelude::*;

#[test]
fn an_identifier_is_64_hex_digits() {
    let id = RoomId::from_bytes([0xab; 32]);
    assert_eq!(id.to_string(), "ab".repeat(32));
    assert_eq!("AB".repeat(32).parse::<RoomId>().unwrap(), id);
    assert_eq!("ab".parse::<RoomId>(), Err(IdError::Length { expected: 64, got: 2 }));
    let bad = format!("{}+1{}", "ab".repeat(3), "ab".repeat(28));
    assert_eq!(bad.parse::<RoomId>(), Err(IdError::Digit { at: 6 }));
    // 64 bytes, but not 64 characters.
    assert!("é".repeat(32).parse::<RoomId>().is_err());
}

#[test]
fn identifiers_are_short_in_debug_output_and_whole_in_json() {
    let id = DeviceId::from_bytes([0xcd; 32]);
    assert_eq!(format!("{id:?}"), "DeviceId(cdcdcdcd)");
    assert_eq!(format!("{:?}", Locator([0xef; 16])), "Locator(efefefef)");
    let json = serde_json::to_string(&id).unwrap();
    assert_eq!(json, format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<DeviceId>(&json).unwrap(), id);
}

#[test]
fn a_name_is_trimmed_and_bounded() {
    assert_eq!(Name::new("  Ada \n").unwrap().as_str(), "Ada");
    assert_eq!(Name::new(" \t"), Err(TextError::Empty));
    assert!(Name::new(&"n".repeat(NAME_MAX)).is_ok());
    let long = Name::new(&"n".repeat(NAME_MAX + 1));
    assert_eq!(long, Err(TextError::TooLong { max: NAME_MAX, got: NAME_MAX + 1 }));
}

#[test]
fn a_name_has_no_invisible_characters() {
    for hidden in ['\0', '\n', '\u{7f}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}'] {
        let name = Name::new(&format!("A{hidden}b"));
        assert_eq!(name, Err(TextError::ControlCharacter { at: 1 }), "{hidden:?}");
    }
}

#[test]
fn a_text_keeps_its_lines_and_tabs_but_no_other_controls() {
    assert_eq!(Text::new("a\r\nb\rc\n\td").unwrap().as_str(), "a\nb\nc\n\td");
    assert_eq!(Text::new("a\u{1b}[2J"), Err(TextError::ControlCharacter { at: 1 }));
    assert_eq!(Text::new("\n \n"), Err(TextError::Empty));
    assert!(Text::new(&"t".repeat(TEXT_MAX)).is_ok());
    assert_eq!(Text::new(&"t".repeat(TEXT_MAX + 1)), Err(TextError::TooLong { max: TEXT_MAX, got: TEXT_MAX + 1 }));
}

#[test]
fn names_and_texts_show_only_their_length_in_debug_output() {
    assert_eq!(format!("{:?}", Name::new("Ada").unwrap()), "Name(3 bytes)");
    assert_eq!(format!("{:?}", Text::new("meet at nine").unwrap()), "Text(12 bytes)");
}

#[test]
fn names_and_texts_from_outside_are_checked_like_typed_ones() {
    assert!(serde_json::from_str::<Name>("\"\\u202eAda\"").is_err());
    assert!(serde_json::from_str::<Text>("\"\"").is_err());
    assert_eq!(serde_json::from_str::<Name>("\" Ada \"").unwrap().as_str(), "Ada");
}

#[test]
fn a_reaction_is_short_and_visible() {
    assert!(Emoji::try_from("👍🏽".to_owned()).is_ok());
    assert!(Emoji::try_from(" ".to_owned()).is_err());
    assert!(Emoji::try_from("a\nb".to_owned()).is_err());
    assert!(Emoji::try_from("e".repeat(REACTION_MAX + 1)).is_err());
}

#[test]
fn hybrid_time_grows_even_when_the_clock_runs_backwards() {
    let first = Hlc::at(1_000);
    let second = first.next(10);
    let third = second.next(2_000);
    assert!(first < second && second < third);
    assert_eq!(third.millis(), 2_000);
    assert_eq!(Hlc::from_bits(u64::MAX).next(0), Hlc::from_bits(u64::MAX));
}

#[test]
fn a_clock_far_ahead_is_shown_five_minutes_ahead_at_most() {
    let now = 1_000_000;
    assert_eq!(Hlc::at(u64::MAX).capped(now).millis(), now + CLOCK_AHEAD_MAX_MS);
    assert_eq!(Hlc::at(now + 5).capped(now), Hlc::at(now + 5));
    assert!(Hlc::at(1).capped(u64::MAX) == Hlc::at(1));
}

proptest! {
    #[test]
    fn identifiers_read_back(bytes in any::<[u8; 32]>()) {
        let id = EntryId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse::<EntryId>().unwrap(), id);
    }

    #[test]
    fn any_text_is_taken_or_refused_without_panic(input in any::<String>()) {
        if let Ok(name) = Name::new(&input) {
            prop_assert_eq!(Name::new(name.as_str()).unwrap(), name);
        }
        if let Ok(text) = Text::new(&input) {
            prop_assert!(!text.as_str().contains('\r'));
            prop_assert_eq!(Text::new(text.as_str()).unwrap(), text);
        }
        let _ = input.parse::<RoomId>();
        let _ = Emoji::try_from(input);
    }
}
