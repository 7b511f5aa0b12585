use egui::{Key, Modifiers};
use parlor_node::{Command, Delivery, Event, SyncState};

use super::{DAY, Desk, MINUTE, NOW, with_room};

#[test]
fn days_are_set_apart() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "long ago", NOW - 400 * DAY);
    fake.says(room, bo, "last week", NOW - 8 * DAY);
    fake.says(room, bo, "before", NOW - DAY);
    fake.says(room, bo, "now", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    for day in ["10 October 2022", "Monday, 6 November", "Yesterday", "Today", "This is where the room begins"] {
        desk.shows(day);
    }
}

#[test]
fn an_own_message_says_how_far_it_got() {
    let (fake, room, _) = with_room();
    let id = fake.says(room, fake.me(), "hello", NOW - MINUTE);
    let at = |stored, reached, archived| {
        let delivery = Delivery { stored, reached, of: 3, archived };
        fake.change(id, |message| message.delivery = delivery).unwrap()
    };
    at(false, 0, false);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.shows("22:12, Saving");
    for (reached, archived, label) in [
        (0, false, "22:12, Pending"),
        (0, true, "22:12, Archived"),
        (2, false, "22:12, Reached 2 of 3"),
        (3, false, "22:12, Reached all 3"),
        (3, true, "22:12, Reached all 3, archived"),
    ] {
        fake.tell(Event::MessageChanged(at(true, reached, archived)));
        desk.run();
        desk.shows(label);
    }
}

#[test]
fn scrolling_up_loads_older_messages_and_what_is_seen_stays_in_place() {
    let (fake, room, bo) = with_room();
    for index in 0..400 {
        fake.says(room, bo, &format!("message {index:03}"), NOW - 400 * MINUTE + index * MINUTE);
    }
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.shows("message 399");
    assert_eq!(desk.model().open_chat().unwrap().timeline.items().len(), 100);
    let mut pages = 0;
    while desk.model().open_chat().unwrap().timeline.items().len() == 100 {
        desk.press(Modifiers::NONE, Key::PageUp);
        pages += 1;
        assert!(pages < 50, "older messages were never read");
    }
    desk.hides("message 399");
    let before = desk.model().open_chat().unwrap().timeline.items().len();
    assert_eq!(before, 200);
    let seen = (200..400).map(|index| format!("message {index:03}")).find(|text| desk.sees(text)).unwrap();
    let top = desk.top_of(&seen);
    let changed = fake.given().len();
    fake.arrives(room, bo, "at the end", NOW);
    desk.run();
    assert!((desk.top_of(&seen) - top).abs() < 1.5, "the view moved");
    assert_eq!(fake.given().len(), changed, "nothing is asked without a cause");
    desk.click("Jump to newest");
    desk.shows("at the end");
}

#[test]
fn a_hundred_thousand_messages_cost_what_is_in_sight() {
    let (fake, room, bo) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    let messages: Vec<_> = (0..100_000_u64)
        .map(|index| {
            let body = parlor_node::MessageBody::Text { text: format!("line {index}") };
            std::sync::Arc::new(fake.message(room, bo, body, NOW - 200_000_000 + index * 1_000))
        })
        .collect();
    fake.tell(Event::MessagesAdded { room, messages, live: false });
    desk.run();
    assert!(desk.app().timeline(room).unwrap().row_count() > 100_000);
    for _ in 0..20 {
        desk.press(Modifiers::NONE, Key::PageUp);
    }
    desk.hides("line 99999");
}

#[test]
fn a_new_message_follows_the_end_but_does_not_pull_down_who_reads_above() {
    let (fake, room, bo) = with_room();
    for index in 0..60 {
        fake.says(room, bo, &format!("message {index:02}"), NOW - 60 * MINUTE + index * MINUTE);
    }
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    fake.arrives(room, bo, "follow me", NOW);
    desk.run();
    desk.shows("follow me");
    desk.scroll("message 59", 600.0);
    assert!(!desk.app().timeline(room).unwrap().is_at_end());
    fake.arrives(room, bo, "not seen yet", NOW + 1);
    desk.run();
    assert!(!desk.app().timeline(room).unwrap().is_at_end());
    desk.press(Modifiers::NONE, Key::End);
    desk.shows("not seen yet");
}

#[test]
fn the_mark_stands_before_the_first_unread_message() {
    let (fake, room, bo) = with_room();
    for text in ["read", "new one", "new two"] {
        fake.says(room, bo, text, NOW - MINUTE);
    }
    fake.unread(room, 2);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen, 2 unread");
    let mark = desk.top_of("New messages");
    assert!(desk.top_of("read") < mark && mark < desk.top_of("new one"));
}

#[test]
fn missed_events_are_read_again() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "first", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    fake.says(room, bo, "missed", NOW);
    fake.forget_given();
    fake.tell(Event::Lagged { missed: 7 });
    desk.run();
    desk.shows("missed");
    let asked = |wanted: fn(&Command) -> bool| fake.given().iter().any(wanted);
    assert!(asked(|command| matches!(command, Command::Rooms)));
    assert!(asked(|command| matches!(command, Command::Connection)));
    assert!(asked(|command| matches!(command, Command::History { before: None, .. })));
}

#[test]
fn who_types_and_how_reading_goes_stand_in_the_header() {
    let (fake, room, bo) = with_room();
    fake.sync(room, SyncState::Syncing { have: 40, total: 90 });
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.shows("Reading history: 40 of 90");
    fake.tell(Event::TypingSeen { room, author: bo });
    desk.run();
    desk.shows("Bo is typing");
    fake.arrives(room, bo, "here", NOW);
    desk.run();
    desk.hides("Bo is typing");
}

#[test]
fn writing_that_no_font_has_is_asked_for_once() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "\u{6f22}\u{5b57} and letters", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.run();
    let wishes = desk.wishes.borrow();
    let asked: Vec<char> = wishes
        .iter()
        .flat_map(|wish| if let crate::app::Wish::Glyphs(chars) = wish { chars.clone() } else { Vec::new() })
        .collect();
    assert_eq!(asked, ['\u{5b57}', '\u{6f22}']);
}

#[test]
fn a_room_says_that_its_messages_vanish_and_takes_them_away_when_they_do() {
    let (fake, room, bo) = with_room();
    let said = fake.says(room, bo, "Burn this after reading", NOW - MINUTE);
    fake.vanishes(room, 7 * DAY);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk.shows("Messages vanish after 7 days");
    desk.shows("Burn this after reading");
    fake.tell(Event::MessagesGone { room, ids: vec![said] });
    desk.run();
    desk.hides("Burn this after reading");
}

#[test]
fn what_others_write_into_the_open_room_is_said_to_who_cannot_see_it() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "long there", NOW - DAY);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    assert_eq!(desk.says_itself(), None, "what was there is read when it is asked for");
    fake.arrives(room, bo, "soup is ready", NOW);
    desk.run();
    assert_eq!(desk.says_itself().as_deref(), Some("Bo: soup is ready"));
    fake.arrives(room, fake.me(), "on my way", NOW);
    desk.run();
    assert_eq!(desk.says_itself().as_deref(), Some("Bo: soup is ready"), "nobody hears what they write themselves");
}
