use egui::{Key, Modifiers};

use super::{Desk, MINUTE, NOW, with_room};

fn desk_with(text: &str) -> Desk {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, text, NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click("Kitchen");
    desk
}

#[test]
fn a_plain_link_opens_at_a_click() {
    let mut desk = desk_with("look at Https://a.example/c.");
    desk.link("Https://a.example/c").click();
    desk.run();
    assert_eq!(*desk.opened.borrow(), ["https://a.example/c"]);
}

#[test]
fn a_link_is_reached_and_opened_by_keyboard_alone() {
    let mut desk = desk_with("look at https://a.example/c");
    desk.link("https://a.example/c").focus();
    desk.run();
    assert!(desk.link("https://a.example/c").is_focused());
    desk.press(Modifiers::NONE, Key::Enter);
    assert_eq!(*desk.opened.borrow(), ["https://a.example/c"]);
}

#[test]
fn where_a_link_that_deceives_leads_is_shown_before_it_opens() {
    let mut desk = desk_with("your bank: https://bank.example@p\u{430}ypal.example:8443/x");
    let link = "https://bank.example@p\u{430}ypal.example:8443/x";
    desk.link(link).click();
    desk.run();
    assert!(desk.opened.borrow().is_empty(), "not without asking");
    for said in [
        "Open this link?",
        "xn--pypal-4ve.example",
        "letters that look like others",
        "What stands before the @ is not where it leads.",
        "It leads to an unusual port.",
    ] {
        desk.shows(said);
    }
    desk.click("Cancel");
    desk.hides("Open this link?");
    assert!(desk.opened.borrow().is_empty());
    desk.link(link).click();
    desk.run();
    desk.click("Open");
    assert_eq!(*desk.opened.borrow(), ["https://bank.example@xn--pypal-4ve.example:8443/x"]);
    desk.hides("Open this link?");
}

#[test]
fn a_link_that_deceives_can_be_copied_instead() {
    let mut desk = desk_with("https://a.example:8443/");
    desk.link("https://a.example:8443/").click();
    desk.run();
    desk.click("Copy");
    desk.shows("The link copied");
    assert!(desk.opened.borrow().is_empty());
}

#[test]
fn what_is_neither_a_page_nor_mail_is_no_link() {
    let desk = desk_with("file:///etc/passwd javascript:alert(1) smb://a.example/b parlor:7KQ2");
    assert_eq!(desk.links(), 0);
}
