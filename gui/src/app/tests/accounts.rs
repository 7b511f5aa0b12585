//! The account: on the first screen, and in the settings.

use egui::{Key, Modifiers};
use parlor_node::{AccountCommand, AccountView, Command, Event};

use super::{Desk, with_room};
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
    desk.focus("User name");
    desk.types("Anna");
    desk.focus("Password");
    desk.types("wrong password");
    desk.click("Sign in");
    desk.shows("the user name or the password is wrong");
    desk.retypes("Password", "correct horse");
    desk.click("Sign in");
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
