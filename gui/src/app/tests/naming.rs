//! Names that a changed program made to look like an id, and quiet lines about what is shown.

use parlor_node::{Event, MessageBody, Warning};
use parlor_protocol::Role;

use super::{Desk, MINUTE, NOW, with_room};
use crate::fake::user_of;

const MARKED: &str = "\"0ce1f2b6\" (a name, not an id)";

#[test]
fn nobody_takes_a_name_for_an_id() {
    let (fake, room, bo) = with_room();
    let false_one = fake.member(room, 2, "0ce1f2b6", true);
    fake.says(room, false_one, "trust me", NOW - MINUTE);
    let role = MessageBody::RoleGiven { user: user_of(false_one), name: "0ce1f2b6".into(), role: Role::Owner };
    fake.put(fake.message(room, bo, role, NOW));
    let renamed = fake.message(room, bo, MessageBody::Renamed { from: "DEAD BEEF".into() }, NOW + 1);
    fake.put(renamed);
    fake.room("cafe cafe", NOW - MINUTE);
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.shows("\"cafe cafe\" (a name, not an id)");
    desk.click_containing("Kitchen");
    desk.shows(&format!("Who is {MARKED}"));
    desk.shows(&format!("{MARKED}, online"));
    desk.shows(&format!("Bo made {MARKED} an owner"));
    desk.shows("\"DEAD BEEF\" (a name, not an id)");
    // Where somebody is removed, too, and on the person's own page.
    desk.click("About this room");
    desk.shows(&format!("Remove {MARKED}"));
    desk.press(egui::Modifiers::NONE, egui::Key::Escape);
    desk.click(&format!("Who is {MARKED}"));
    desk.shows("Not verified yet");
    // What comes while the app runs is marked as well.
    let warning = Warning::LooksLike { user: user_of(bo), name: "Bo".into() };
    fake.tell(Event::PersonWarned { room, user: user_of(false_one), name: "0CE1F2B6".into(), warning });
    desk.run();
    desk.shows("\"0CE1F2B6\" (a name, not an id)");
}

#[test]
fn the_id_of_somebody_without_a_name_is_no_name() {
    let (fake, room, bo) = with_room();
    let device = parlor_protocol::DeviceId::from_bytes([0xab; 32]);
    fake.is_nearby(user_of(device), &user_of(device).short());
    let role = MessageBody::RoleGiven { user: user_of(device), name: user_of(device).short(), role: Role::Owner };
    fake.put(fake.message(room, bo, role, NOW));
    let mut desk = Desk::of_size(&fake, [1200.0, 1400.0]);
    desk.click_containing("Kitchen");
    desk.shows(&format!("Bo made {} an owner", user_of(device).short()));
    desk.hides("a name, not an id");
}

#[test]
fn a_room_that_only_the_archive_told_of_says_so_until_a_member_is_met() {
    const LINE: &str = "Only the archive has answered so far: what it shows may be old";
    let (fake, room, _) = with_room();
    fake.with_summary(room, |summary| summary.unconfirmed = true);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows(LINE);
    desk.click("Members");
    desk.shows(LINE);
    fake.with_summary(room, |summary| summary.unconfirmed = false);
    fake.tell_summary(room);
    desk.run();
    desk.hides(LINE);
}

#[test]
fn a_message_that_the_other_side_does_not_take_yet_says_so() {
    const LINE: &str = "The machine of Cy takes no more requests just now";
    let (fake, _, bo) = with_room();
    let room = fake.direct(user_of(bo), "Cy", false);
    fake.with_summary(room, |summary| summary.held_up = true);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Cy");
    desk.shows(LINE);
    fake.with_summary(room, |summary| (summary.asked, summary.held_up) = (true, false));
    fake.tell_summary(room);
    desk.run();
    desk.hides(LINE);
}
