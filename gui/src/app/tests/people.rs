use egui::{Key, Modifiers};
use parlor_node::{Command, Event, MessageBody, Warning};

use super::{Desk, MINUTE, NOW, with_room};
use crate::{
    app::Wish,
    fake::{safety, user_of},
    view::QrOf,
};

#[test]
fn a_person_is_shown_by_a_click_on_the_name_and_verified_by_comparing() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "hello", NOW - MINUTE);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.click("Who is Bo");
    desk.shows("Not verified yet");
    desk.click("Compare");
    desk.shows("Digits: ");
    desk.shows("Words: ");
    desk.shows("QR picture of the safety number");
    desk.click("They are the same");
    assert_eq!(
        desk.last(|command| if let Command::Verify { user, verified } = command {
            Some((*user, *verified))
        } else {
            None
        }),
        Some((user_of(bo), true))
    );
    desk.shows("Verified");
    desk.shows("Bo, online, verified");
}

#[test]
fn a_pasted_number_of_somebody_else_is_a_loud_no() {
    let (fake, room, bo) = with_room();
    let cy = fake.member(room, 2, "Cy", true);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.click_containing("Bo, online");
    desk.click("Compare");
    desk.focus("Their safety number");
    desk.pastes(&safety(user_of(cy)).text());
    desk.click("Compare pasted");
    desk.shows("safety numbers differ");
    desk.focus("Their safety number");
    desk.pastes(&safety(user_of(bo)).text());
    desk.press(Modifiers::NONE, Key::Enter);
    desk.hides("safety numbers differ");
    desk.shows("Verified");
}

#[test]
fn a_blocked_person_is_hidden_until_unblocked() {
    let (fake, room, bo) = with_room();
    let id = fake.says(room, bo, "rude words", NOW - MINUTE);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.click("Who is Bo");
    desk.click("Block");
    let hidden = fake.change(id, |message| message.hidden = true).unwrap();
    fake.tell(Event::MessageChanged(hidden));
    desk.run();
    desk.shows("You see nothing of this person");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.hides("rude words");
    desk.shows("Hidden: you blocked this person");
    desk.shows("Bo, online, blocked");
}

#[test]
fn a_warning_stays_until_it_is_taken_away() {
    let (fake, room, bo) = with_room();
    let mut joined = fake.message(room, bo, MessageBody::Joined, NOW - MINUTE);
    joined.warning = Some(Warning::NewDevice);
    fake.put(joined);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.shows("Careful: A new device was added to the account of Bo");
    let warning = Warning::LooksLike { user: user_of(fake.me()), name: "Ada".into() };
    fake.tell(Event::PersonWarned { room, user: user_of(bo), name: "Adа".into(), warning });
    desk.run();
    desk.shows("the names look alike");
    desk.click("Who is this?");
    desk.shows("Not verified yet");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.click("Dismiss warning");
    desk.hides("the names look alike");
}

#[test]
fn a_click_on_somebody_nearby_opens_a_room_of_two() {
    let (fake, _, bo) = with_room();
    fake.is_nearby(user_of(bo), "Bo");
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click("People nearby");
    desk.click("Write to Bo, not met yet");
    desk.shows("Room Direct");
    desk.hides("Share code");
    desk.types("hello Bo");
    desk.press(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.sent(), ["hello Bo"]);
}

#[test]
fn a_request_makes_no_noise_and_is_answered_where_one_writes() {
    let (fake, _, bo) = with_room();
    let room = fake.direct(user_of(bo), "Bo", true);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    fake.arrives(room, bo, "may I?", NOW);
    desk.loses_focus();
    assert!(!desk.wishes.borrow().iter().any(|wish| matches!(wish, crate::app::Wish::Notify(_))));
    desk.click("Bo, request");
    desk.shows("wants to write to you");
    desk.click("Accept");
    desk.hides("wants to write to you");
    let second = fake.direct(user_of(bo), "Bo again", true);
    fake.tell_summary(second);
    desk.run();
    desk.click("Bo again, request");
    desk.click("Block");
    assert!(fake.summary(second).is_none());
}

#[test]
fn a_safety_number_is_compared_by_a_picture() {
    let (fake, room, bo) = with_room();
    let cy = fake.member(room, 2, "Cy", true);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.click_containing("Bo, online");
    desk.click("Compare");
    desk.click("Save picture");
    desk.click("From a picture...");
    let user = user_of(bo);
    assert_eq!(desk.wishes.borrow().last(), Some(&Wish::ReadPicture(QrOf::Safety(user))));
    assert!(desk.wishes.borrow().iter().any(|wish| matches!(wish, Wish::SavePicture(picture) if picture.side() > 0)));
    desk.picture_read(QrOf::Safety(user), Err("There is no QR code.".into()));
    desk.shows("There is no QR code.");
    desk.picture_read(QrOf::Safety(user), Ok(safety(user_of(cy)).text()));
    desk.shows("safety numbers differ");
    desk.picture_read(QrOf::Safety(user), Ok(safety(user).text()));
    desk.shows("The same: it is really Bo.");
    desk.hides("safety numbers differ");
    // The dialog has another size now, and stands at another place with the next frame.
    desk.run();
    desk.click("Compare again");
    desk.shows("Digits: ");
    desk.press(Modifiers::NONE, Key::Escape);
    fake.forget_given();
    desk.picture_read(QrOf::Safety(user), Ok(safety(user).text()));
    assert!(fake.given().is_empty(), "who closed the card is not answered");
}
