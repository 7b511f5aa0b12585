//! The account: on the first screen, and in the settings.

use egui::{Key, Modifiers};
use parlor_node::{AccountCommand, AccountView, Command, Connection, Event, Peer};
use parlor_protocol::DeviceId;

use super::{DAY, Desk, MINUTE, NOW, with_room};
use crate::fake::Fake;

fn asked(desk: &Desk) -> Option<AccountCommand> {
    desk.last(|command| match command {
        Command::Account(command) if !matches!(**command, AccountCommand::Status) => Some((**command).clone()),
        _ => None,
    })
}

#[test]
fn the_first_screen_offers_signing_in_and_going_back() {
    let fake = Fake::new("");
    let mut desk = Desk::new(&fake);
    desk.click("I have an account: sign in");
    desk.shows("Your rooms come along");
    desk.click("Cancel");
    desk.shows("Welcome to Parlor");
    desk.click("I have an account: sign in");
    // The first field has the keyboard.
    desk.types("Anna");
    desk.focus("Password");
    desk.types("wrong password");
    desk.click("Sign in");
    desk.shows("user name or the password is wrong");
    desk.retypes("Password", "correct horse");
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(matches!(asked(&desk), Some(AccountCommand::LogIn { name, .. }) if name.as_str() == "anna"));
    assert!(
        !format!("{:?} {:?}", asked(&desk), desk.app()).contains("correct horse"),
        "it is nowhere in what is printed"
    );
    fake.tell(Event::ProfileChanged(parlor_node::Profile {
        device: parlor_protocol::DeviceId::default(),
        name: "Anna".into(),
        visible: true,
    }));
    desk.run();
    desk.hides("Welcome back");
}

#[test]
fn an_account_is_made_in_the_settings_and_its_recovery_key_is_shown_once() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1600.0]);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your account");
    desk.shows("You need no account");
    desk.click("Make an account");
    desk.focus("User name");
    desk.types("Anna B");
    desk.focus("New password");
    desk.types("correct horse");
    desk.focus("The same again");
    desk.types("correct house");
    desk.click("Make the account");
    desk.shows("no spaces");
    desk.retypes("User name", "Anna");
    desk.click("Make the account");
    desk.shows("The two new passwords differ");
    desk.retypes("The same again", "correct horse");
    desk.click("Make the account");
    desk.shows("24 art");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your account");
    desk.shows("24 art");
    desk.click("I have written it down");
    desk.hides("24 art");
    desk.shows("You are signed in as anna");
    desk.click("Sign out");
    desk.shows("This machine forgets the account");
    desk.click("Sign out");
    assert!(matches!(asked(&desk), Some(AccountCommand::LogOut)));
    desk.shows("You need no account");
}

#[test]
fn a_device_that_was_signed_out_from_elsewhere_says_so() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1600.0]);
    let view = AccountView { name: Some("anna".into()), signed_in: false, ..AccountView::default() };
    fake.tell(Event::AccountChanged(view));
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your account");
    desk.shows("This device was signed out of anna");
    desk.click("Sign in again");
    assert_eq!(desk.field("User name"), "anna");
}

#[test]
fn a_password_is_reset_with_a_token_and_the_recovery_key() {
    let fake = Fake::new("");
    let mut desk = Desk::of_size(&fake, [1200.0, 1000.0]);
    desk.click("I have an account: sign in");
    desk.focus("User name");
    desk.types("Anna");
    desk.click("The password was reset");
    desk.focus("Recovery key, 24 words");
    desk.hides("The password was reset");
    desk.click("I have a token");
    desk.shows("whoever runs the archive");
    assert_eq!(desk.field("User name"), "Anna", "what was typed stays");
    desk.focus("Token");
    desk.types("7KQ2-M4X9");
    desk.focus("New password");
    desk.types("correct horse");
    desk.focus("The same again");
    desk.types("correct horse");
    desk.click("Set the password");
    desk.shows("symbols");
    assert!(asked(&desk).is_none(), "half a token is not sent");
    desk.retypes("Token", &crate::fake::code().to_string());
    desk.focus("Recovery key, 24 words");
    desk.types(&(vec!["abandon"; 23].join(" ") + " art"));
    desk.click("Set the password");
    let Some(AccountCommand::Recover { name, recovery, device, .. }) = asked(&desk) else {
        panic!("{:?} was asked", asked(&desk));
    };
    assert_eq!((name.as_str(), device.as_str()), ("anna", "desk"));
    assert!(recovery.is_some());
    assert!(!format!("{:?}", desk.app()).contains("abandon"), "it is nowhere in what is printed");
}

#[test]
fn another_device_is_signed_out_after_a_question_and_this_one_is_marked() {
    let (fake, ..) = with_room();
    fake.is_signed_in(0, "desk", NOW - MINUTE, NOW - MINUTE);
    fake.is_signed_in(1, "old laptop", NOW - 40 * DAY, NOW - DAY);
    let mut desk = Desk::of_size(&fake, [1200.0, 1600.0]);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your account");
    desk.click("Signed-in devices");
    desk.shows("this device, signed in today 22:12");
    desk.shows("signed in on 5 October, last seen yesterday 22:13");
    desk.hides("Sign out desk");
    desk.click("Sign out old laptop");
    desk.shows("Sign out old laptop?");
    desk.click("Back");
    desk.shows("old laptop");
    assert!(matches!(asked(&desk), Some(AccountCommand::Devices)), "nothing was signed out");
    desk.click("Sign out old laptop");
    desk.click("Sign out");
    desk.hides("old laptop");
    desk.shows("this device");
    fake.fail_next(parlor_node::CommandError::NotSignedIn);
    desk.click("Back");
    desk.click("Signed-in devices");
    desk.hides("Asking the archive");
}

#[test]
fn where_several_machines_call_themselves_archives_the_person_says_which_is_meant() {
    let (fake, ..) = with_room();
    let peer = |number: u8| Peer {
        device: DeviceId::from_bytes([number; 32]),
        name: "archive".into(),
        archive: true,
        used: false,
        address: format!("/ip4/192.168.1.{number}/tcp/47801"),
        transport: "tcp".into(),
        rtt_us: None,
    };
    fake.connect(Connection { peers: vec![peer(5), peer(7)], ..Connection::default() });
    let mut desk = Desk::of_size(&fake, [1200.0, 1600.0]);
    desk.press(Modifiers::COMMAND, Key::Comma);
    desk.click("Your account");
    desk.click("Make an account");
    desk.shows("There are several archives here");
    desk.focus("User name");
    desk.types("Anna");
    desk.focus("New password");
    desk.types("correct horse");
    desk.focus("The same again");
    desk.types("correct horse");
    desk.click_containing("192.168.1.7");
    desk.click("Make the account");
    let wanted = DeviceId::from_bytes([7; 32]);
    assert!(matches!(asked(&desk), Some(AccountCommand::Register { archive: Some(archive), .. }) if archive == wanted));
}
