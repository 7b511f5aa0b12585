use egui::{Key, Modifiers};
use parlor_node::{Command, CommandError, Connection, Event, JoinStage, Peer, Reply};
use parlor_protocol::DeviceId;

use super::{DAY, Desk, MINUTE, NOW, with_room};
use crate::{
    app::Wish,
    config::Theme,
    fake::{self, Fake},
};

fn mistyped() -> String {
    let code = fake::code().to_string();
    // The third group's second symbol becomes another one.
    let at = 11;
    let other = if code.as_bytes()[at] == b'7' { "8" } else { "7" };
    format!("{}{other}{}", &code[..at], &code[at + 1..])
}

#[test]
fn a_room_is_made_and_its_code_is_shown() {
    let mut desk = Desk::new(&Fake::new("Ada"));
    desk.click("Make a room");
    desk.types("Kitchen");
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("Room Kitchen");
    desk.shows("Share this room");
    desk.shows(&format!("Code {}", fake::code()));
    desk.shows("QR picture of the code");
    desk.click("Copy code");
    desk.shows("Code copied");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.hides("Share this room");
}

#[test]
fn a_mistyped_code_names_the_wrong_group() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.types(&mistyped());
    desk.shows("Group 3 looks mistyped");
    desk.shows("Group 3 wrong");
    desk.shows("Group 2 complete");
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(!fake.given().iter().any(|command| matches!(command, Command::Join(_))));
}

#[test]
fn a_symbol_that_no_code_has_is_named_while_typing() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.types("7KQ2-M4!");
    desk.shows("Group 2 has “!”");
}

#[test]
fn joining_alone_goes_on_until_somebody_comes_or_it_is_cancelled() {
    let (fake, room, _) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.pastes(&fake::code().to_string());
    desk.press(Modifiers::NONE, Key::Enter);
    fake.finish_join(Err(CommandError::NobodyFound));
    desk.run();
    let joins = || fake.given().iter().filter(|command| matches!(command, Command::Join(_))).count();
    assert_eq!(joins(), 2, "it asks again by itself");
    desk.shows("Cancel joining");
    fake.finish_join(Ok(Reply::Joined(room)));
    desk.run();
    desk.shows("Room Kitchen");
}

#[test]
fn joining_shows_progress_can_be_cancelled_and_opens_the_room() {
    let (fake, room, _) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.pastes(&format!("  {}\n", fake::code().link()));
    desk.press(Modifiers::NONE, Key::Enter);
    desk.shows("Asking 2 machines");
    desk.click("Cancel joining");
    assert!(fake.given().iter().any(|command| matches!(command, Command::CancelJoin(_))));
    desk.hides("Asking 2 machines");
    desk.click("Join");
    let stage = JoinStage::Found { room, name: "Kitchen".into() };
    fake.tell(Event::JoinProgress { code: fake::code(), stage });
    desk.run();
    desk.shows("Found “Kitchen”");
    fake.finish_join(Ok(Reply::Joined(room)));
    desk.run();
    desk.shows("Room Kitchen");
    desk.hides("Join a room");
}

#[test]
fn a_code_nobody_knows_says_what_to_do_and_stays_to_be_corrected() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.pastes(&fake::code().to_string());
    desk.click("Join");
    fake.finish_join(Err(CommandError::CodeUnknown { asked: 2 }));
    desk.run();
    desk.shows("Nobody here knows this code");
    assert_eq!(desk.field("Room code"), fake::code().to_string());
}

#[test]
fn a_join_goes_on_while_its_dialog_is_closed_and_a_failure_is_told() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Join with a code");
    desk.pastes(&fake::code().to_string());
    desk.click("Join");
    desk.press(Modifiers::NONE, Key::Escape);
    desk.hides("Join a room");
    desk.click("Show how joining goes");
    desk.shows("Asking 2 machines");
    desk.press(Modifiers::NONE, Key::Escape);
    fake.finish_join(Err(CommandError::CodeExpired));
    desk.run();
    desk.shows("Joining did not work.");
    desk.hides("Show how joining goes");
}

#[test]
fn the_connection_panel_says_who_is_reached_how_and_what_to_do() {
    let (fake, _, bo) = with_room();
    let peer = |device, name: &str, archive| {
        let (address, transport) = ("/ip4/10.0.0.2/udp/1/quic-v1".into(), "quic".into());
        Peer { device, name: name.into(), archive, used: archive, address, transport, rtt_us: Some(1_250) }
    };
    fake.connect(Connection {
        listening: vec!["/ip4/10.0.0.1/tcp/4711".into()],
        peers: vec![peer(bo, "Bo", false), peer(DeviceId::from_bytes([7; 32]), "spare", true)],
        manual: Vec::new(),
        archives: Vec::new(),
        hints: vec!["No multicast on wlan0.".into()],
    });
    let mut desk = Desk::new(&fake);
    desk.shows("1 machine and archive");
    desk.click("Connection");
    desk.shows("Machine Bo, QUIC, 1.2 ms");
    desk.shows("Archive spare, QUIC, 1.2 ms");
    desk.shows("No multicast on wlan0.");
    desk.shows("/ip4/10.0.0.1/tcp/4711");
}

#[test]
fn settings_change_the_name_the_theme_and_the_addresses() {
    let (fake, ..) = with_room();
    let mut desk = Desk::of_size(&fake, [1200.0, 1800.0]);
    desk.click("Settings");
    desk.click("Dark");
    let kept =
        desk.wishes.borrow().iter().any(|wish| matches!(wish, Wish::KeepLook(look) if look.theme == Theme::Dark));
    assert!(kept);
    desk.focus("Address");
    desk.types("10.0.0.9:4711");
    desk.click("Add");
    desk.shows("Remove 10.0.0.9:4711");
    desk.click("Remove 10.0.0.9:4711");
    desk.hides("10.0.0.9:4711");
    desk.focus("Name");
    desk.types(" Byron");
    desk.click("Save name");
    assert_eq!(desk.model().profile.as_ref().unwrap().name, "Ada Byron");
    desk.shows("/data/parlor");
}

#[test]
fn an_address_that_is_none_says_what_would_be_one() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Settings");
    desk.focus("Address");
    desk.types("###");
    fake.fail_next(CommandError::Invalid { what: "this is no address; write host:port".into() });
    desk.click("Add");
    desk.shows("write host:port");
}

#[test]
fn a_found_message_is_shown_in_its_place_however_old() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "the needle", NOW - 9 * DAY);
    for index in 0..350 {
        fake.says(room, bo, &format!("hay {index}"), NOW - 400 * MINUTE + index * MINUTE);
    }
    let mut desk = Desk::new(&fake);
    desk.click("Search");
    desk.types("NEEDLE the");
    desk.shows("1 message");
    desk.click_containing("Bo in Kitchen: the needle");
    for _ in 0..6 {
        desk.run();
    }
    desk.hides("Finds messages");
    desk.shows("Actions for message of Bo at 22:13");
    desk.shows("the needle");
    assert!(!desk.app().timeline(room).unwrap().is_at_end());
}

#[test]
fn a_search_without_a_result_says_so() {
    let (fake, ..) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click("Search");
    desk.types("zebra");
    desk.shows("Nothing found");
}

#[test]
fn the_settings_say_which_archives_are_used_and_change_it() {
    let (fake, _, _) = with_room();
    let peer = |number: u8, used| Peer {
        device: DeviceId::from_bytes([number; 32]),
        name: "archive".into(),
        archive: true,
        used,
        address: "/ip4/10.0.0.2/udp/1/quic-v1".into(),
        transport: "quic".into(),
        rtt_us: None,
    };
    fake.connect(Connection { peers: vec![peer(7, true), peer(9, false)], ..Connection::default() });
    let mut desk = Desk::of_size(&fake, [1200.0, 1800.0]);
    desk.click("Settings");
    desk.shows("in use");
    desk.shows("not in use");
    desk.click("Use the archive 09090909");
    desk.hides("not in use");
    desk.click("Stop using the archive 07070707");
    desk.shows("Use the archive 07070707");
}
