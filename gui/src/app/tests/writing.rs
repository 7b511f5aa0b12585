use egui::{Key, Modifiers};
use parlor_node::{Command, CommandError};
use parlor_protocol::limits::TEXT_MAX;

use super::{Desk, MINUTE, NOW, with_room};

#[test]
fn enter_sends_and_shift_enter_starts_a_line() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("one");
    desk.press(Modifiers::SHIFT, Key::Enter);
    desk.types("two");
    assert_eq!(desk.field("Message"), "one\ntwo");
    assert!(desk.sent().is_empty());
    desk.press(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.sent(), ["one\ntwo"]);
    assert_eq!(desk.field("Message"), "");
    desk.shows("one\ntwo");
}

#[test]
fn blanks_are_not_sent() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("   ");
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(desk.sent().is_empty());
}

#[test]
fn every_room_keeps_its_own_draft() {
    let (fake, ..) = with_room();
    fake.room("Attic", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("half a thought");
    desk.click("Attic");
    assert_eq!(desk.field("Message"), "");
    desk.types("another");
    desk.click("Kitchen");
    assert_eq!(desk.field("Message"), "half a thought");
    desk.click("Attic");
    assert_eq!(desk.field("Message"), "another");
}

#[test]
fn a_text_that_could_not_be_sent_comes_back() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("precious");
    fake.fail_next(CommandError::Storage { reason: "disk full".into() });
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("disk full");
    assert_eq!(desk.field("Message"), "precious");
}

#[test]
fn a_text_that_was_sent_and_not_saved_does_not_come_back() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("precious");
    fake.fail_next(CommandError::SentNotSaved { reason: "disk full".into() });
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("not saved here yet");
    assert_eq!(desk.field("Message"), "", "the others have it already");
}

#[test]
fn a_paste_of_ten_megabytes_is_refused_in_words_and_the_text_stays() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.types("keep me");
    desk.pastes(&"x".repeat(10_000_000));
    desk.shows("10.0 MB");
    assert_eq!(desk.field("Message"), "keep me");
}

#[test]
fn a_text_a_little_too_long_is_kept_to_be_shortened() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.pastes(&"word ".repeat(TEXT_MAX / 5 + 100));
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("Too long by");
    assert!(desk.sent().is_empty());
    assert!(desk.field("Message").len() > TEXT_MAX);
}

#[test]
fn typing_is_told_once_in_two_seconds() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    for letter in ["h", "e", "l", "l", "o"] {
        desk.types(letter);
    }
    let told = fake.given().iter().filter(|command| matches!(command, Command::Typing { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn an_answer_names_whom_it_answers_and_esc_leaves_it() {
    let (fake, room, bo) = with_room();
    let asked = fake.says(room, bo, "Who has the key?", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("Reply");
    desk.shows("Answering Bo");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.hides("Answering Bo");
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("Reply");
    desk.types("Me");
    desk.press(Modifiers::NONE, Key::Enter);
    let answered = desk.last(|command| if let Command::Send { reply_to, .. } = command { *reply_to } else { None });
    assert_eq!(answered, Some(asked));
    desk.shows("Answer to Bo: Who has the key?");
}

#[test]
fn the_up_arrow_edits_the_last_own_message_and_gives_the_draft_back() {
    let (fake, room, _) = with_room();
    fake.says(room, fake.me(), "Teh soup", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.press(Modifiers::NONE, Key::ArrowUp);
    desk.shows("Editing your message");
    assert_eq!(desk.field("Message"), "Teh soup");
    desk.types("!");
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("edited");
    assert_eq!(desk.field("Message"), "");
    assert!(fake.given().iter().any(|command| matches!(command, Command::Edit { .. })));
}

#[test]
fn deleting_asks_first() {
    let (fake, room, _) = with_room();
    fake.says(room, fake.me(), "oops", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.click_secondary("Actions for your message at 22:12");
    desk.click("Delete for everybody");
    desk.shows("Delete this message?");
    assert!(!fake.given().iter().any(|command| matches!(command, Command::Delete { .. })));
    desk.click("Delete");
    desk.shows("Message deleted");
}

#[test]
fn a_reaction_can_be_added_and_taken_back() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "Tea is ready", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("React with 👍");
    desk.click("👍 from 1, yours too");
    desk.hides("👍 from");
}
