//! The app as it is in a browser, and under fingers.

use egui::{Key, Modifiers};
use parlor_node::{Event, MessageBody};

use super::{Desk, MINUTE, NOW, with_room};
use crate::{
    app::Wish,
    config::Look,
    place::{Notices, Place},
    view::{QrOf, dialog::Dialog},
};

const PAGE: Place = Place { is_browser: true, is_touched: false, notices: Notices::Unasked };
const PHONE: Place = Place { is_browser: true, is_touched: true, notices: Notices::Absent };
const NOTICES: &str = "Show new messages on the desktop while in the background";

#[test]
fn the_browser_is_asked_for_notifications_only_when_they_are_turned_on() {
    let (fake, room, bo) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.moves_to(PAGE);
    let is_told = |desk: &Desk| desk.wishes.borrow().iter().any(|wish| matches!(wish, Wish::Notify(_)));
    let speak = |desk: &mut Desk, text: &str| {
        let message = fake.message(room, bo, MessageBody::Text { text: text.to_owned() }, NOW - MINUTE);
        fake.tell(Event::MessagesAdded { room, messages: vec![message.into()], live: true });
        desk.run();
    };
    speak(&mut desk, "one");
    assert!(!is_told(&desk), "nobody asked for it");
    desk.click("Settings");
    desk.click(NOTICES);
    assert_eq!(desk.wishes.borrow().last(), Some(&Wish::AllowNotices));
    desk.moves_to(Place { notices: Notices::Ready, ..PAGE });
    speak(&mut desk, "two");
    assert!(is_told(&desk));
    desk.click(NOTICES);
    desk.wishes.borrow_mut().clear();
    speak(&mut desk, "three");
    assert!(!is_told(&desk), "they are turned off again");
}

#[test]
fn where_there_are_no_notifications_the_settings_say_why() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click("Settings");
    for (notices, why) in [
        (Notices::Refused, "You told this browser"),
        (Notices::Insecure, "plain http"),
        (Notices::Absent, "This browser shows none"),
    ] {
        desk.moves_to(Place { notices, ..PAGE });
        desk.shows(why);
        desk.hides(NOTICES);
    }
}

#[test]
fn a_click_on_a_notification_opens_its_room() {
    let (fake, room, _) = with_room();
    let other = fake.room("Workshop", NOW);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows_room(other);
    assert_eq!(desk.model().open, Some(other));
    desk.shows_room(room);
    assert_eq!(desk.model().open, Some(room));
}

#[test]
fn keys_that_are_the_browsers_are_left_to_it() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.moves_to(PAGE);
    for key in [Key::N, Key::L, Key::Q] {
        desk.press(Modifiers::COMMAND, key);
        assert!(desk.app().dialog().is_none() && !desk.wishes.borrow().contains(&Wish::Quit), "{key:?}");
    }
    desk.click("Settings");
    desk.shows("Ctrl+K");
    desk.hides("Ctrl+N");
    desk.hides("Ctrl+L");
}

#[test]
fn under_fingers_everything_to_press_is_tall_and_there_is_a_camera() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "hello", NOW - MINUTE);
    let mut desk = Desk::looking(&fake, [390.0, 844.0], Look::default());
    desk.moves_to(PHONE);
    for label in ["Settings", "Connection", "Search", "Join with a code", "New room", "People nearby"] {
        assert!(desk.height_of(label) >= 40.0, "{label}");
    }
    desk.hides("Ctrl+");
    desk.click("Join with a code");
    desk.click("Camera");
    assert_eq!(desk.wishes.borrow().last(), Some(&Wish::TakePicture(QrOf::Room)));
    desk.picture_read(QrOf::Room, Ok("parlor:7KQ2-M4X9".into()));
    assert_eq!(desk.field("Room code"), "parlor:7KQ2-M4X9");
    desk.picture_read(QrOf::Room, Err("There is no QR code.".into()));
    desk.shows("There is no QR code.");
    assert!(matches!(desk.app().dialog(), Some(Dialog::Join(_))));
    desk.press(Modifiers::NONE, Key::Escape);
    desk.click_containing("Kitchen");
    for label in ["Back to rooms", "About this room", "Send"] {
        assert!(desk.height_of(label) >= 40.0, "{label}");
    }
    assert!(!desk.has_keyboard("Message"), "the keyboard would cover what was written");
    desk.moves_to(PAGE);
    desk.click("Back to rooms");
    desk.click_containing("Kitchen");
    assert!(desk.has_keyboard("Message"));
}
