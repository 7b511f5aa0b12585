//! Safety numbers and names that look alike.

use parlor_protocol::{
    UserId,
    error::SafetyError,
    lookalike::Looks,
    safety::{SAFETY_GROUPS, SAFETY_WORDS, SafetyNumber},
};
use proptest::prelude::*;

fn user(seed: u8) -> UserId {
    UserId::from_bytes([seed; 32])
}

#[test]
fn both_sides_see_the_same_number_in_every_form() {
    let (mine, theirs) = (SafetyNumber::of(user(1), user(2)), SafetyNumber::of(user(2), user(1)));
    assert_eq!(mine, theirs);
    assert_eq!((mine.groups().len(), mine.words().len()), (SAFETY_GROUPS, SAFETY_WORDS));
    for text in [theirs.text(), theirs.to_string(), theirs.words().join(" "), theirs.words().join(", ").to_uppercase()]
    {
        assert_eq!(mine.matches(&text), Ok(true), "{text}");
    }
    assert_eq!(mine.matches(&theirs.groups().join("-\n")), Ok(true), "as it was printed");
}

#[test]
fn somebody_in_between_shows_another_number() {
    let mine = SafetyNumber::of(user(1), user(3));
    let theirs = SafetyNumber::of(user(3), user(2));
    for text in [theirs.text(), theirs.to_string(), theirs.words().join(" ")] {
        assert_eq!(mine.matches(&text), Ok(false), "{text}");
    }
}

#[test]
fn what_is_no_safety_number_is_said_to_be_none() {
    let number = SafetyNumber::of(user(1), user(2));
    let almost = number.to_string().replacen(' ', "", 1);
    assert_eq!(number.matches(&almost), Ok(true), "spaces do not count");
    for text in ["", "hello", "12345", &almost[1..], &number.words()[1..].join(" "), &"7".repeat(10_000)] {
        assert_eq!(number.matches(text), Err(SafetyError::NotANumber), "{text}");
    }
}

#[test]
fn names_that_look_alike_are_found() {
    let alike = [("Anna", "\u{410}nna"), ("Anna", "anna"), ("Anna", "An na"), ("paypal", "paypa1"), ("Iris", "lris")];
    for (one, other) in alike {
        assert!(Looks::of(one).like(&Looks::of(other)), "{one} and {other}");
    }
    for (one, other) in [("Anna", "Hanna"), ("Ben", "Ken"), ("Ada", "Ida"), ("Zoe", "Z")] {
        assert!(!Looks::of(one).like(&Looks::of(other)), "{one} and {other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_two_people_does_not_matter(one: [u8; 32], other: [u8; 32]) {
        let (one, other) = (UserId::from_bytes(one), UserId::from_bytes(other));
        let number = SafetyNumber::of(one, other);
        prop_assert_eq!(number, SafetyNumber::of(other, one));
        prop_assert!(number.groups().iter().all(|group| group.len() == 5));
        prop_assert_eq!(number.matches(&number.words().join(" ")), Ok(true));
    }

    #[test]
    fn any_text_can_be_compared(text in "\\PC{0,80}") {
        let number = SafetyNumber::of(UserId::from_bytes([1; 32]), UserId::from_bytes([2; 32]));
        prop_assert_ne!(number.matches(&text), Ok(true));
    }

    #[test]
    fn looking_alike_goes_both_ways(one in "\\PC{0,12}", other in "\\PC{0,12}") {
        let (one, other) = (Looks::of(&one), Looks::of(&other));
        prop_assert_eq!(one.like(&other), other.like(&one));
        prop_assert!(one.like(&one));
    }
}
