use egui::{Key, Modifiers};
use parlor_node::Command;

use super::{Desk, MINUTE, NOW, with_room};
use crate::view::dialog::Dialog;

#[test]
fn dialogs_open_by_key_and_close_with_esc() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    for (key, title) in [
        (Key::N, "New room"),
        (Key::J, "Join a room"),
        (Key::F, "Search"),
        (Key::K, "Go to a room"),
        (Key::I, "Share this room"),
        (Key::Comma, "Settings"),
    ] {
        desk.press(Modifiers::COMMAND, key);
        assert!(desk.app().dialog().is_some(), "{title} did not open");
        desk.shows(title);
        desk.press(Modifiers::NONE, Key::Escape);
        assert!(desk.app().dialog().is_none(), "{title} did not close");
    }
}

#[test]
fn control_and_arrows_go_from_room_to_room() {
    let (fake, room, _) = with_room();
    let attic = fake.room("Attic", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.press(Modifiers::COMMAND, Key::ArrowDown);
    assert_eq!(desk.model().open, Some(attic));
    desk.press(Modifiers::COMMAND, Key::ArrowDown);
    assert_eq!(desk.model().open, Some(room));
    desk.press(Modifiers::COMMAND, Key::ArrowUp);
    assert_eq!(desk.model().open, Some(attic));
}

#[test]
fn the_switcher_goes_to_the_room_that_was_named() {
    let (fake, room, _) = with_room();
    fake.room("Attic", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.press(Modifiers::COMMAND, Key::K);
    desk.types("kit");
    desk.press(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.model().open, Some(room));
    assert!(!matches!(desk.app().dialog(), Some(Dialog::Switcher(_))));
}

#[test]
fn typing_anywhere_goes_into_the_message() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.press(Modifiers::COMMAND, Key::ArrowDown);
    desk.types("straight away");
    assert_eq!(desk.field("Message"), "straight away");
}

#[test]
fn a_message_can_be_answered_without_a_mouse() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "Who has the key?", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.focus("Actions for message of Bo at 22:12");
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("Copy text");
    // The first thing in the menu has the keyboard.
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(fake.given().iter().any(|command| matches!(command, Command::React { emoji, .. } if emoji == "👍")));
    desk.hides("Copy text");
}
