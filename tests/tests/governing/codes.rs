//! Codes: how often they work, and who ends them.

use super::*;

#[test]
fn a_code_can_be_ended_and_used_up_and_all_be_rotated() {
    let mut network = Network::new(6, 108, Faults::NONE);
    let (room, first) = room_of(&mut network, 2);
    let once = code(network.call(0, Command::MakeCode { room, lifetime: None, uses: Some(1), members_only: false }));
    network.run_for(1_000);
    network.join(2, &once).unwrap();
    network.run_for(5_000);
    assert!(matches!(network.join(3, &once), Err(CommandError::CodeUnknown { .. })), "it was used");
    let infos = codes(&mut network, 0, room);
    assert_eq!(infos.len(), 2);
    assert!(infos.iter().any(|info| info.works && info.code.as_ref() == Some(&first) && info.used == 1));
    assert!(codes(&mut network, 1, room).iter().all(|info| info.code.is_none()), "who came by a code does not keep it");
    // Who made a code ends it; others may not, until they are moderators.
    let theirs = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: None, members_only: false }));
    network.run_for(1_000);
    let locator =
        codes(&mut network, 1, room).into_iter().find(|info| info.code.as_ref() == Some(&theirs)).unwrap().locator;
    assert_eq!(network.call(2, Command::RevokeCode { room, locator }).unwrap_err(), CommandError::ModeratorsOnly);
    network.call(1, Command::RevokeCode { room, locator }).unwrap();
    network.run_for(2_000);
    assert!(matches!(network.join(3, &theirs), Err(CommandError::CodeUnknown { .. })));
    network.join(3, &first).unwrap();
    network.run_for(2_000);
    let fresh = code(network.call(0, Command::RotateCodes { room }));
    network.run_for(5_000);
    assert!(matches!(network.join(4, &first), Err(CommandError::CodeUnknown { .. })), "all old ones have ended");
    network.join(4, &fresh).unwrap();
    assert!(network.run_until(|network| network.member_count(3, room) == 5));
}

#[test]
fn a_code_that_is_used_up_lets_nobody_in_though_its_maker_is_away() {
    let mut network = Network::new(6, 115, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let twice = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: Some(2), members_only: false }));
    network.run_for(2_000);
    network.stop(1);
    for (host, members) in [(3, 4), (4, 5)] {
        network.join(host, &twice).unwrap();
        assert!(network.run_until(|network| network.member_count(2, room) == members));
    }
    network.run_for(5_000);
    assert!(matches!(network.join(5, &twice), Err(CommandError::CodeUnknown { .. })), "two came");
    for host in [0, 2, 3] {
        let infos = codes(&mut network, host, room);
        let info = infos.iter().find(|info| info.uses == Some(2)).expect("everybody knows the limit");
        assert!(!info.works && info.used == 2, "host {host}");
    }
}

#[test]
fn members_count_the_uses_of_a_code_by_themselves_with_neither_its_maker_nor_an_owner_there() {
    let mut network = Network::new(5, 116, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let once = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: Some(1), members_only: false }));
    network.run_for(2_000);
    network.stop(0);
    network.stop(1);
    network.join(3, &once).unwrap();
    network.run_for(5_000);
    assert!(matches!(network.join(4, &once), Err(CommandError::CodeUnknown { .. })));
}

#[test]
fn a_fresh_code_works_though_the_disk_is_slower_than_the_making_of_it() {
    let mut network = Network::new(3, 118, Faults::NONE);
    let (room, first) = room_of(&mut network, 2);
    network.disk_ms = 5_000;
    let fresh = code(network.call(0, Command::RotateCodes { room }));
    network.disk_ms = 3;
    network.run_for(10_000);
    assert!(matches!(network.join(2, &first), Err(CommandError::CodeUnknown { .. })));
    network.join(2, &fresh).unwrap();
}

#[test]
fn a_code_that_works_only_while_a_member_is_there_lets_people_in_then() {
    let mut network = Network::new(3, 119, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    let theirs = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: None, members_only: true }));
    network.run_for(2_000);
    network.stop(1);
    network.join(2, &theirs).unwrap();
    assert!(codes(&mut network, 0, room).iter().any(|info| info.members_only && info.used == 1));
    // What is shown when somebody asks for the room's code is one that works at archives, too.
    let usual = code(network.call(0, Command::Code { room }));
    let infos = codes(&mut network, 0, room);
    assert!(infos.iter().any(|info| info.code.as_ref() == Some(&usual) && !info.members_only));
}
