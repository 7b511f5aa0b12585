//! Removing people, leaving, dissolving: who is out is out, also after a power cut.

use super::*;

#[test]
fn a_removed_person_reads_and_writes_nothing_any_more() {
    let mut network = Network::new(4, 100, Faults::NONE);
    let (room, old_code) = room_of(&mut network, 3);
    let gone = user(&mut network, 2, room);
    text(&mut network, 2, room, "before").unwrap();
    assert!(network.run_until(|network| network.texts(0, room) == ["before"]));
    remove(&mut network, 0, room, gone);
    assert!(network.run_until(|network| network.member_count(1, room) == 2));
    let by_host_0 = Some(RoomStanding::Removed { by: "host 0".into() });
    assert!(network.run_until(|network| standing(network, 2, room) == by_host_0));
    assert_eq!(text(&mut network, 2, room, "still here").unwrap_err(), CommandError::RoomOver);
    text(&mut network, 0, room, "among us").unwrap();
    text(&mut network, 1, room, "so it is").unwrap();
    let both = ["before", "among us", "so it is"];
    assert!(network.run_until(|network| network.texts(0, room) == both && network.texts(1, room) == both));
    network.run_for(60_000);
    assert_eq!(network.texts(2, room), ["before"]);
    let line =
        network.messages(1, room).into_iter().find(|message| matches!(message.body, MessageBody::Removed { .. }));
    assert!(matches!(line.unwrap().body, MessageBody::Removed { name, device: false, .. } if name == "host 2"));
    // The code that the removed one knows lets nobody in; a new one does.
    assert!(matches!(network.join(3, &old_code), Err(CommandError::CodeUnknown { .. })));
    let fresh = code(network.call(1, Command::Code { room }));
    network.join(3, &fresh).unwrap();
    assert!(network.run_until(|network| network.texts(3, room) == both), "{:?}", network.texts(3, room));
    text(&mut network, 3, room, "hello").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 4));
    // It may be taken off the machine, and is gone after a restart.
    network.call(2, Command::ForgetRoom { room }).unwrap();
    network.stop(2);
    network.start(2);
    assert_eq!(standing(&mut network, 2, room), None);
}

#[test]
fn what_a_removed_device_wrote_meanwhile_disappears_everywhere() {
    let mut network = Network::new(3, 101, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let gone = user(&mut network, 2, room);
    text(&mut network, 2, room, "before").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 1 && network.texts(1, room).len() == 1));
    network.cut(&[0], &[1, 2]);
    remove(&mut network, 0, room, gone);
    text(&mut network, 2, room, "meanwhile").unwrap();
    text(&mut network, 1, room, "also meanwhile").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 3));
    network.heal();
    let left = ["before", "also meanwhile"];
    assert!(network.run_until(|network| network.texts(1, room) == left && network.texts(0, room) == left));
    network.stop(1);
    network.start(1);
    assert!(network.run_until(|network| network.texts(1, room) == left), "also after a restart");
}

#[test]
fn an_offline_member_catches_up_over_many_epochs_and_nothing_of_it_is_lost() {
    let mut network = Network::new(3, 102, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    network.cut(&[2], &[0, 1]);
    text(&mut network, 2, room, "written while away").unwrap();
    for round in 0..20 {
        let change = RoomChange::Lifetime(Some(1_000_000_000 + round));
        network.call(0, Command::ChangeRoom { room, change }).unwrap();
        text(&mut network, 1, room, &format!("in epoch {round}")).unwrap();
    }
    network.heal();
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room).len() == 21)));
    text(&mut network, 2, room, "back").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).last().is_some_and(|text| text == "back")));
}

#[test]
fn a_power_cut_in_the_middle_of_a_removal_leaves_it_done_or_not() {
    for after in [0, 1, 2, 3, 5, 8, 13, 40] {
        let mut network = Network::new(3, 200 + after, Faults::NONE);
        let (room, _) = room_of(&mut network, 3);
        let gone = user(&mut network, 2, room);
        network.submit(0, Command::RemovePerson { room, user: gone });
        network.run_for(after);
        network.stop(0);
        network.run_for(2_000);
        network.start(0);
        let agreed = |network: &mut Network| {
            let counts: Vec<_> = (0..2).map(|host| network.member_count(host, room)).collect();
            counts[0] == counts[1] && counts[0] >= 2
        };
        assert!(network.run_until(agreed));
        network.run_for(40_000);
        text(&mut network, 0, room, "after").unwrap();
        text(&mut network, 1, room, "after it").unwrap();
        assert!(network.run_until(|network| network.texts(0, room).len() == 2 && network.texts(1, room).len() == 2));
        let is_removed = network.member_count(0, room) == 2;
        let told = matches!(standing(&mut network, 2, room), Some(RoomStanding::Removed { .. }));
        assert_eq!(is_removed, told, "cut after {after} ms");
    }
}

#[test]
fn who_leaves_is_gone_and_may_come_back_with_a_code() {
    let mut network = Network::new(2, 109, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    assert_eq!(network.call(0, Command::LeaveRoom { room }).unwrap_err(), CommandError::LastOwner);
    network.call(1, Command::LeaveRoom { room }).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 1));
    assert!(network.run_until(|network| standing(network, 1, room).is_none()), "it is forgotten");
    assert!(network.messages(0, room).iter().any(|message| message.body == MessageBody::Left));
    network.run_for(10_000);
    text(&mut network, 0, room, "alone").unwrap();
    network.run_for(10_000);
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2 && network.texts(1, room) == ["alone"]));
    text(&mut network, 1, room, "back").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 2));
}

#[test]
fn a_dissolved_room_is_over_for_everybody() {
    let mut network = Network::new(3, 110, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    text(&mut network, 1, room, "to read later").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 1));
    assert_eq!(network.call(1, Command::DissolveRoom { room }).unwrap_err(), CommandError::OwnersOnly);
    network.call(0, Command::DissolveRoom { room }).unwrap();
    let over = Some(RoomStanding::Dissolved { by: "host 0".into() });
    assert!(network.run_until(|network| (0..2).all(|host| standing(network, host, room) == over)));
    assert_eq!(text(&mut network, 1, room, "no").unwrap_err(), CommandError::RoomOver);
    assert_eq!(network.texts(1, room), ["to read later"]);
    assert!(network.join(2, &code).is_err());
    network.call(1, Command::ForgetRoom { room }).unwrap();
    assert_eq!(standing(&mut network, 1, room), None);
}

#[test]
fn who_asks_for_the_code_of_a_dissolved_room_right_after_a_start_gets_none() {
    let mut network = Network::new(1, 6, Faults::NONE);
    let (room, _) = network.create(0, "kitchen");
    network.call(0, Command::DissolveRoom { room }).unwrap();
    network.quit(0);
    network.start(0);
    let asked = network.submit(0, Command::Code { room });
    let mut answer = None;
    assert!(network.run_until(|network| {
        answer = network.answer(0, asked);
        answer.is_some()
    }));
    assert!(answer.is_some_and(|answer| answer.is_err()), "a code that works no more");
}
