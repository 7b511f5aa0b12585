//! A room's page: people, rules, codes, and the ways out.

use egui::{Key, Modifiers};
use parlor_node::{Command, CommandError, RoomChange, RoomStanding};
use parlor_protocol::{HistoryPolicy, Role};
use std::time::Duration;

use super::{Desk, MINUTE, NOW, with_room};

fn page() -> (Desk, parlor_protocol::RoomId, parlor_protocol::DeviceId) {
    let (fake, room, bo) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.click("About this room");
    (desk, room, bo)
}

#[test]
fn an_owner_removes_a_person_after_being_asked() {
    let (mut desk, room, bo) = page();
    desk.click("Remove Bo");
    desk.shows("Remove Bo?");
    desk.shows("new lock");
    desk.click("Back");
    assert!(desk.last(|command| matches!(command, Command::RemovePerson { .. }).then_some(())).is_none());
    desk.click("Remove Bo");
    desk.click("Remove");
    let removed = desk.last(|command| match command {
        Command::RemovePerson { room, user } => Some((*room, *user)),
        _ => None,
    });
    assert_eq!(removed.map(|(at, user)| (at, *user.as_bytes())), Some((room, *bo.as_bytes())));
}

#[test]
fn an_owner_gives_a_role() {
    let (mut desk, room, _) = page();
    desk.click("Role of Bo");
    desk.click("Moderator");
    let given = desk.last(|command| match command {
        Command::SetRole { room, role, .. } => Some((*room, *role)),
        _ => None,
    });
    assert_eq!(given, Some((room, Role::Moderator)));
}

#[test]
fn an_owner_changes_what_newcomers_may_read_and_how_long_messages_stay() {
    let (mut desk, ..) = page();
    desk.click("Rules");
    desk.click("What newcomers may read");
    desk.click("Newcomers can read from their joining on");
    desk.click("How long messages stay");
    desk.click("Messages vanish after 7 days");
    let changes: Vec<_> = desk
        .fake
        .given()
        .into_iter()
        .filter_map(|command| match command {
            Command::ChangeRoom { change, .. } => Some(change),
            _ => None,
        })
        .collect();
    let week = RoomChange::Lifetime(Some(7 * 24 * 60 * MINUTE));
    assert_eq!(changes, [RoomChange::History(HistoryPolicy::FromJoining), week]);
}

#[test]
fn what_is_wrong_with_a_change_is_said_on_the_page() {
    let (mut desk, ..) = page();
    desk.fake.fail_next(CommandError::LastOwner);
    desk.click("Leave room");
    desk.click("Leave");
    desk.click("About this room");
    desk.fake.fail_next(CommandError::LastOwner);
    desk.click("Role of Ada");
    desk.click("Reader");
    desk.shows("You are the room's last owner");
}

#[test]
fn a_member_sees_the_rules_and_cannot_change_them() {
    let (fake, room, _) = with_room();
    fake.give_role(room, fake.me(), Role::Member);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.click("About this room");
    desk.hides("Role of Bo");
    desk.hides("Remove Bo");
    desk.hides("Dissolve room");
    desk.click("Rules");
    desk.shows("What newcomers may read: Newcomers can read everything");
    desk.shows("Owners of the room can change these.");
}

#[test]
fn codes_are_listed_made_and_ended() {
    let (mut desk, room, _) = page();
    desk.click("Codes");
    desk.shows("Made by Ada, used 2 times");
    desk.click("How many may join with it");
    desk.click("for one person");
    desk.click("Only while a member is there (the archive gets no key)");
    desk.click("Make code");
    let made = desk.last(|command| match command {
        Command::MakeCode { uses, lifetime, members_only, .. } => Some((*uses, *lifetime, *members_only)),
        _ => None,
    });
    const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    assert_eq!(made, Some((Some(1), Some(WEEK), true)), "a week, unless somebody says otherwise");
    desk.click("End the code of Ada");
    assert!(desk.last(|command| matches!(command, Command::RevokeCode { .. }).then_some(())).is_some());
    desk.click("End all codes");
    desk.click("End all codes");
    assert_eq!(
        desk.last(|command| if let Command::RotateCodes { room } = command { Some(*room) } else { None }),
        Some(room)
    );
}

#[test]
fn a_reader_has_no_field_to_write_in() {
    let (fake, room, _) = with_room();
    fake.give_role(room, fake.me(), Role::Reader);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows("In this room you can only read");
    desk.types("hello");
    desk.press(Modifiers::NONE, Key::Enter);
    assert!(desk.sent().is_empty());
}

#[test]
fn who_was_removed_can_still_read_and_take_the_room_away() {
    let (fake, room, bo) = with_room();
    fake.says(room, bo, "soup is ready", NOW - MINUTE);
    fake.stands(room, RoomStanding::Removed { by: "Bo".into() });
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows("soup is ready");
    desk.shows("Bo removed you from this room");
    desk.click("About this room");
    desk.hides("Leave room");
    desk.click("Remove from this machine");
    desk.click("Remove room");
    assert!(desk.last(|command| matches!(command, Command::ForgetRoom { .. }).then_some(())).is_some());
}

#[test]
fn a_moderator_deletes_messages_of_others() {
    let (fake, room, bo) = with_room();
    fake.give_role(room, fake.me(), Role::Moderator);
    let id = fake.says(room, bo, "spam", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("Delete for everybody");
    desk.click("Delete");
    let deleted = desk.last(|command| if let Command::Delete { target, .. } = command { Some(*target) } else { None });
    assert_eq!(deleted, Some(id));
}

#[test]
fn a_moderator_silences_somebody_and_lets_them_write_again() {
    let (fake, room, bo) = with_room();
    fake.give_role(room, fake.me(), Role::Moderator);
    fake.says(room, bo, "and another thing", NOW - MINUTE);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("Silence for an hour");
    let muted =
        |desk: &Desk| desk.last(|command| if let Command::Mute { lasts, .. } = command { Some(*lasts) } else { None });
    assert_eq!(muted(&desk), Some(Some(std::time::Duration::from_secs(3_600))));
    desk.click_secondary("Actions for message of Bo at 22:12");
    desk.click("Let write again");
    assert_eq!(muted(&desk), Some(None));
}
