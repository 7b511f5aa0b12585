//! The person's own devices: the list, a new one by a code, and revoking.

use egui::{Key, Modifiers};
use parlor_node::{Command, CommandError, DeviceCommand, Event};
use parlor_protocol::DeviceId;

use super::{Desk, MINUTE, NOW, with_room};
use crate::fake::{Fake, code, link_code};

fn asked(desk: &Desk) -> Option<DeviceCommand> {
    desk.last(|command| match command {
        Command::Device(command) if !matches!(**command, DeviceCommand::List) => Some((**command).clone()),
        _ => None,
    })
}

fn page(fake: &Fake) -> Desk {
    let mut desk = Desk::of_size(fake, [1200.0, 1600.0]);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your devices");
    desk
}

#[test]
fn all_devices_are_listed_and_get_other_names() {
    let (fake, ..) = with_room();
    let laptop = fake.owns(1, "laptop", Some(NOW - 10 * MINUTE));
    fake.owns(2, "attic", None);
    let mut desk = page(&fake);
    desk.shows("this device, 1 room");
    desk.shows("last seen today 22:03, 0 rooms");
    desk.shows("not seen from here yet");
    desk.click("Rename laptop");
    desk.retypes("Name of the device", "  ");
    desk.click("Save name");
    desk.shows("Write a name first.");
    desk.retypes("Name of the device", "red laptop");
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(matches!(asked(&desk), Some(DeviceCommand::Rename { device, .. }) if device == laptop));
    desk.shows("red laptop");
    desk.shows("attic");
}

#[test]
fn a_device_is_revoked_after_a_question_and_this_one_cannot_be() {
    let (fake, ..) = with_room();
    let laptop = fake.owns(1, "laptop", Some(NOW - MINUTE));
    let mut desk = page(&fake);
    desk.click("Revoke laptop");
    desk.shows("Revoke laptop?");
    desk.click("Back");
    assert!(asked(&desk).is_none(), "nothing was revoked");
    desk.click("Revoke laptop");
    desk.click("Revoke");
    assert!(matches!(asked(&desk), Some(DeviceCommand::Revoke { device }) if device == laptop));
    desk.shows("revoked yesterday 22:13");
    desk.hides("Rename laptop");
    desk.hides(&format!("Revoke {}", fake.me().short()));
}

#[test]
fn a_code_for_a_new_device_is_shown_with_the_time_that_is_left_and_then_used() {
    let (fake, ..) = with_room();
    let mut desk = page(&fake);
    desk.click("Add a device");
    assert!(matches!(asked(&desk), Some(DeviceCommand::Offer { label }) if label.as_str() == "desk"));
    desk.shows(&format!("Code {}", link_code()));
    desk.shows("QR picture of the code");
    desk.shows("for 10 more minutes");
    desk.passes(MINUTE);
    desk.shows("for 9 more minutes");
    desk.click("Back");
    desk.click("Add a device");
    desk.shows(&format!("Code {}", link_code()));
    fake.owns(1, "laptop", Some(NOW));
    fake.tell(Event::DeviceLinked { device: DeviceId::default(), label: "laptop".into() });
    desk.run();
    desk.shows("Linked: laptop.");
    desk.shows("A new device of yours: laptop.");
    desk.hides(&format!("Code {}", link_code()));
    desk.click("Back");
    desk.shows("last seen today 22:13");
}

#[test]
fn a_code_that_nobody_used_in_time_is_shown_no_longer() {
    let (fake, ..) = with_room();
    let mut desk = page(&fake);
    desk.click("Add a device");
    desk.passes(9 * MINUTE + 30_000);
    desk.shows("for 1 more minute.");
    desk.passes(MINUTE);
    desk.shows("does not work any more");
    desk.hides(&format!("Code {}", link_code()));
    fake.offers_until(NOW + 60 * MINUTE);
    desk.click("Show a new code");
    desk.click("Take the code back");
    assert!(matches!(asked(&desk), Some(DeviceCommand::CancelOffer)));
    desk.shows("Add a device");
}

#[test]
fn a_device_that_nobody_offered_is_a_loud_message() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    fake.tell(Event::DeviceLinked { device: DeviceId::default(), label: "stranger".into() });
    desk.run();
    desk.shows("A new device of yours: stranger.");
    desk.shows("revoke it at once");
    assert!(desk.model().toasts.iter().any(|toast| toast.bad));
}

#[test]
fn the_first_screen_links_this_device_with_a_code_of_another_one() {
    let fake = Fake::new("");
    let mut desk = Desk::new(&fake);
    desk.click("I use Parlor on another device");
    desk.shows("On your other device");
    desk.click("Back");
    desk.click("I use Parlor on another device");
    desk.pastes(&code().to_string());
    desk.shows("not for linking a device");
    desk.retypes("Code of the other device", &link_code().to_string());
    desk.shows("The code is complete.");
    desk.click("Link this device");
    desk.shows("Looking for your other device");
    assert!(matches!(asked(&desk), Some(DeviceCommand::Link { label, .. }) if label.as_str() == "desk"));
    fake.finish_join(Err(CommandError::LinkUnknown { asked: 2 }));
    desk.run();
    desk.shows("No device here offers");
    desk.click("Link this device");
    desk.click("Cancel");
    desk.shows("Welcome to Parlor");
    desk.click("I use Parlor on another device");
    desk.pastes(&link_code().link());
    fake.joins_at_once(true);
    desk.click("Link this device");
    desk.shows("This device is linked with laptop.");
    desk.shows("1 room comes along.");
    desk.shows("Kitchen");
}
