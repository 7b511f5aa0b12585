use egui::{Key, Modifiers};
use parlor_node::{Command, CommandError, Event, MessageBody};

use super::{DAY, Desk, MINUTE, NOW, with_room};
use crate::{app::Wish, config::Look, fake::Fake};

#[test]
fn the_first_start_asks_for_a_name_and_nothing_more() {
    let mut desk = Desk::new(&Fake::new(""));
    desk.shows("Welcome to Parlor");
    desk.types("Ada");
    desk.press(Modifiers::NONE, Key::Enter);
    desk.hides("Welcome to Parlor");
    desk.shows("Start a conversation");
    let name = desk.last(|command| if let Command::SetName(name) = command { Some(name.to_string()) } else { None });
    assert_eq!(name.as_deref(), Some("Ada"));
}

#[test]
fn a_name_with_invisible_marks_is_refused_with_the_remedy() {
    let mut desk = Desk::new(&Fake::new(""));
    desk.types("A\u{202e}da");
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("Type it by hand");
    desk.shows("Welcome to Parlor");
}

#[test]
fn a_name_the_disk_did_not_take_is_said_and_kept() {
    let fake = Fake::new("");
    let mut desk = Desk::new(&fake);
    desk.types("Ada");
    fake.fail_next(CommandError::Storage { reason: "disk full".into() });
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("disk full");
    assert_eq!(desk.field("Your name"), "Ada");
}

#[test]
fn rooms_show_unread_counts_and_opening_one_marks_it_read() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "Tea is ready", NOW - MINUTE);
    fake.unread(room, 3);
    let mut desk = Desk::new(&fake);
    desk.shows("Kitchen, 3 unread");
    desk.click("Kitchen, 3 unread");
    desk.shows("Tea is ready");
    desk.hides("unread");
    assert!(fake.given().iter().any(|command| matches!(command, Command::MarkRead { .. })));
}

#[test]
fn the_room_that_was_open_last_is_open_again_but_a_narrow_window_starts_with_the_list() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "Tea is ready", NOW - MINUTE);
    let look = Look { room: Some(room), ..Look::default() };
    let desk = Desk::looking(&fake, [1200.0, 800.0], look);
    desk.shows("Room Kitchen");
    let desk = Desk::looking(&fake, [400.0, 800.0], look);
    desk.hides("Room Kitchen");
}

#[test]
fn a_room_out_of_sight_is_not_marked_read() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "one", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.loses_focus();
    fake.forget_given();
    fake.unread(room, 1);
    fake.arrives(room, bo, "two", NOW);
    fake.tell_summary(room);
    desk.run();
    desk.shows("New messages");
    desk.shows("Kitchen, 1 unread");
    assert!(!fake.given().iter().any(|command| matches!(command, Command::MarkRead { .. })));
    let notices = desk.wishes.borrow();
    let notice = notices.iter().find_map(|wish| if let Wish::Notify(notice) = wish { Some(notice) } else { None });
    assert_eq!(notice.map(|notice| (notice.title.as_str(), notice.body.as_str())), Some(("Bo in Kitchen", "two")));
}

#[test]
fn backlog_is_never_told_to_the_desktop() {
    let (fake, room, bo) = with_room();
    let mut desk = Desk::new(&fake);
    let message = fake.message(room, bo, MessageBody::Text { text: "old".into() }, NOW - DAY);
    fake.tell(Event::MessagesAdded { room, messages: vec![message.into()], live: false });
    desk.run();
    assert!(!desk.wishes.borrow().iter().any(|wish| matches!(wish, Wish::Notify(_))));
}

#[test]
fn a_narrow_window_shows_the_list_and_the_conversation_one_at_a_time() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "Tea is ready", NOW - MINUTE);
    let mut desk = Desk::of_size(&fake, [420.0, 760.0]);
    desk.shows("Join with a code");
    desk.click("Kitchen");
    desk.hides("Join with a code");
    desk.shows("Tea is ready");
    desk.click("Back to rooms");
    desk.shows("Join with a code");
    desk.click("Kitchen");
    desk.resize([1200.0, 800.0]);
    desk.shows("Join with a code");
    desk.shows("Tea is ready");
}

#[test]
fn a_problem_is_shown_with_its_remedy_and_can_be_dismissed() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    let (what, remedy) = ("The disk is full.".to_owned(), "Free some space.".to_owned());
    fake.tell(Event::ProblemRaised(parlor_node::Problem { what, remedy }));
    desk.run();
    desk.shows("The disk is full.");
    desk.shows("Free some space.");
    desk.click("Dismiss");
    desk.hides("The disk is full.");
}

#[test]
fn a_code_that_came_by_a_link_waits_for_a_name_and_is_joined_by_one_key() {
    let code = parlor_protocol::RoomCode::random(&mut rand_core::UnwrapErr(rand_core::OsRng)).to_string();
    let mut desk = Desk::new(&Fake::new(""));
    desk.offers(&code);
    desk.shows("Welcome to Parlor");
    desk.types("Ada");
    desk.press(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.field("Room code"), code);
    assert!(desk.last(|command| matches!(command, Command::Join(_)).then_some(())).is_none(), "the person decides");
    assert!(!format!("{:?}", desk.app()).contains(&code), "it is nowhere in what is printed");
    desk.press(Modifiers::NONE, Key::Enter);
    let joined = desk.last(|command| if let Command::Join(code) = command { Some(code.to_string()) } else { None });
    assert_eq!(joined, Some(code));
}
