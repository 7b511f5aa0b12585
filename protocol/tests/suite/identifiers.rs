//! Ids, names, texts and hybrid time.

use parlor_protocol::{
    DeviceId, EntryId, Hlc, Locator, LogId, LogKey, Name, RoomId, Text,
    error::{IdError, TextError},
    limits::{NAME_MAX, TEXT_MAX},
};
use proptest::prelude::*;

#[test]
fn names_that_look_like_ids_are_not_given_but_those_of_others_are_read() {
    let short = "0012dde5";
    for id in [short, "DEADBEEF", "dead beef", "20261130", &"a1".repeat(32), "ｄｅａｄｂｅｅｆ", "dеadbееf", "𝟎𝟎𝟏𝟐dde5"]
    {
        assert_eq!(Name::choose(id), Err(TextError::LooksLikeId), "{id}");
        assert!(Name::new(id).is_ok(), "{id}: a name that somebody has is shown");
    }
    for name in
        ["Anna", "cafe", "2026", "facade", "deadbeefs", "dead-beef", "Ben 0012dde5", "кухня", "👪👪👪👪👪👪👪👪"]
    {
        assert_eq!(Name::choose(name).map(|name| name.to_string()).as_deref(), Ok(name));
    }
    assert_eq!(Name::choose(" "), Err(TextError::Empty));
}

#[test]
fn an_id_of_the_wrong_length_or_with_a_wrong_digit_is_refused() {
    assert_eq!("abc".parse::<RoomId>(), Err(IdError::Length { expected: 64, got: 3 }));
    let mut digits = "ab".repeat(32);
    digits.replace_range(10..11, "g");
    assert_eq!(digits.parse::<RoomId>(), Err(IdError::Digit { at: 10 }));
    // Signs pass `from_str_radix`, so they need a check of their own.
    digits.replace_range(10..12, "+1");
    assert_eq!(digits.parse::<RoomId>(), Err(IdError::Digit { at: 10 }));
    // 64 bytes, but not 64 characters.
    assert!("é".repeat(32).parse::<RoomId>().is_err());
}

#[test]
fn ids_show_eight_digits_in_debug() {
    assert_eq!(format!("{:?}", DeviceId::from_bytes([0xab; 32])), "DeviceId(abababab)");
    assert_eq!(format!("{:?}", Locator([1; 16])), "Locator(01010101)");
}

#[test]
fn names_are_trimmed_and_bounded() {
    assert_eq!(Name::new("  Ada \n").unwrap().as_str(), "Ada");
    assert_eq!(Name::new(" \t "), Err(TextError::Empty));
    assert!(Name::new(&"x".repeat(NAME_MAX)).is_ok());
    let got = NAME_MAX + 1;
    assert_eq!(Name::new(&"x".repeat(got)), Err(TextError::TooLong { max: NAME_MAX, got }));
}

#[test]
fn names_that_could_deceive_are_refused() {
    for sly in ["a\u{7}b", "a\u{202e}b", "a\u{200b}b", "a\nb", "\u{3164}", "a\u{ad}b", "x\u{e0041}", "\u{2800}"] {
        assert!(matches!(Name::new(sly), Err(TextError::ControlCharacter { .. })), "{sly:?}");
    }
    for honest in ["Zoë", "李雷", "Ólafur 2", "🦀 corner", "עברית"] {
        assert_eq!(Name::new(honest).unwrap().as_str(), honest);
    }
}

#[test]
fn texts_keep_their_lines_and_lose_nothing_else() {
    assert_eq!(Text::new("a\r\nb\rc\n\td ").unwrap().as_str(), "a\nb\nc\n\td ");
    assert_eq!(Text::new("\n \t"), Err(TextError::Empty));
    assert_eq!(Text::new("a\u{1b}[31m"), Err(TextError::ControlCharacter { at: 1 }));
    assert!(Text::new(&"x".repeat(TEXT_MAX)).is_ok());
    assert!(matches!(Text::new(&"x".repeat(10_000_000)), Err(TextError::TooLong { .. })));
}

#[test]
fn hybrid_time_grows_even_when_the_clock_stands_or_runs_back() {
    let first = Hlc::at(1000);
    assert!(first.next(1000) > first);
    assert!(first.next(10) > first);
    assert_eq!(first.next(2000), Hlc::at(2000));
    let many = (0..70_000).fold(first, |hlc, _| hlc.next(0));
    assert!(many > first && many.millis() <= 1002, "a full counter runs over into the milliseconds");
}

#[test]
fn hybrid_time_at_the_end_of_time_does_not_wrap() {
    let last = Hlc::from_bits(u64::MAX);
    assert_eq!(last.next(0), last);
    assert_eq!(Hlc::at(u64::MAX).millis(), u64::MAX >> 16);
    assert_eq!(Hlc::at(1000).follow(last), Hlc::at(1000), "nobody follows to where no next is left");
    assert_eq!(Hlc::at(1000).follow(Hlc::at(5000)), Hlc::at(5000));
}

proptest! {
    #[test]
    fn ids_come_back_as_text_and_json(bytes: [u8; 32], log: u64) {
        let id = EntryId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let key = LogKey { author: DeviceId::from_bytes(bytes), log: LogId(log) };
        let json = serde_json::to_string(&key).unwrap();
        prop_assert_eq!(serde_json::from_str::<LogKey>(&json).unwrap(), key);
    }

    #[test]
    fn any_text_is_no_id_or_the_same_id(text in "\\PC{0,70}") {
        if let Ok(id) = text.parse::<RoomId>() {
            prop_assert_eq!(id.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn accepted_names_and_texts_are_accepted_again(text in any::<String>()) {
        if let Ok(name) = Name::new(&text) {
            prop_assert_eq!(Name::new(name.as_str()).unwrap(), name);
        }
        if let Ok(text) = Text::new(&text) {
            prop_assert_eq!(Text::new(text.as_str()).unwrap(), text);
        }
    }

    #[test]
    fn hybrid_time_never_runs_back(bits: u64, now: u64) {
        let before = Hlc::from_bits(bits);
        prop_assert!(before.next(now) >= before);
        let followed = Hlc::at(now >> 17).follow(before);
        prop_assert!(followed.next(0) > followed, "after following there is always a next");
    }
}
