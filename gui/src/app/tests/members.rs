//! The list of members: how everybody came, guests, and devices that said nothing of themselves.

use parlor_node::{Came, Command, RoomStanding, Visit};

use super::{Desk, MINUTE, NOW, with_room};
use crate::fake::user_of;

const HOUR: u64 = 60 * MINUTE;

fn code(late: bool, too_many: bool) -> Option<Came> {
    Some(Came::Code { by: Some("Ada".to_owned()), own: false, late, too_many })
}

#[test]
fn the_list_says_how_everybody_came() {
    let (fake, room, bo) = with_room();
    let cy = fake.member(room, 2, "Cy", false);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows("this is you, owner, made the room");
    fake.decide(user_of(bo), |member| member.came = code(false, false)).unwrap();
    fake.decide(user_of(cy), |member| {
        member.came = Some(Came::Link { by: "Cy".to_owned(), own: false });
        member.verified = true;
    })
    .unwrap();
    desk.run();
    desk.shows("Bo, online, joined by the code of Ada");
    desk.shows("Cy, away, verified, linked by Cy");
    fake.decide(user_of(bo), |member| member.came = code(true, false)).unwrap();
    fake.decide(user_of(cy), |member| member.came = code(false, true)).unwrap();
    desk.run();
    desk.shows("Bo, online, joined by the code of Ada, heard of after the code had ended");
    desk.shows("Cy, away, verified, joined by the code of Ada, more than the code allows");
    desk.click_containing("Bo, online");
    desk.shows("In Kitchen: joined by the code of Ada, heard of after the code had ended");
}

#[test]
fn guests_are_shown_with_their_time_and_as_gone_after_it() {
    let (fake, _, bo) = with_room();
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    let visits = |until, over| {
        fake.decide(user_of(bo), |member| {
            member.came = code(false, false);
            member.visit = Some(Visit { until, over });
        })
        .unwrap();
    };
    visits(NOW + HOUR, false);
    desk.run();
    desk.shows("Bo, online, visiting until 23:13, joined by the code of Ada");
    desk.shows("2 members");
    visits(NOW + 12 * HOUR, false);
    desk.run();
    desk.shows("Bo, online, visiting until Wed 10:13, joined by the code of Ada");
    visits(NOW - MINUTE, true);
    desk.run();
    desk.shows("Bo, gone, joined by the code of Ada");
    desk.shows("1 member");
    desk.click("About this room");
    desk.hides("Remove Bo");
}

#[test]
fn a_device_that_said_nothing_of_itself_is_listed_and_can_be_removed() {
    let (fake, room, bo) = with_room();
    let short = bo.short();
    fake.decide(user_of(bo), |member| {
        (member.user, member.name, member.came) = (None, member.device.short(), code(true, false));
    })
    .unwrap();
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.click_containing(&format!("{short}, online, joined by the code of Ada"));
    assert!(desk.last(|command| matches!(command, Command::Person { .. }).then_some(())).is_none());
    desk.click("About this room");
    assert!(!desk.sees(&format!("Role of {short}")));
    desk.click(&format!("Remove {short}"));
    desk.click("Remove");
    let removed = desk.last(|command| match command {
        Command::RemoveDevice { room, device } => Some((*room, *device)),
        _ => None,
    });
    assert_eq!(removed, Some((room, bo)));
}

#[test]
fn a_guest_is_told_that_its_time_is_over() {
    let (fake, room, _) = with_room();
    fake.stands(room, RoomStanding::VisitOver);
    let mut desk = Desk::new(&fake);
    desk.click_containing("Kitchen");
    desk.shows("Your visit to this room is over.");
    desk.hides("Message Kitchen");
}
