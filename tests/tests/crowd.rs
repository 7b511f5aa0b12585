//! Rooms with many members: the work of one member does not grow with all the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, Event, Reply};
use parlor_protocol::RoomId;
use parlor_tests::sim::{Faults, Network};

const MEMBERS: usize = 30;

/// A room that everybody joins in the same moment.
fn crowd(seed: u64) -> (Network, RoomId) {
    let mut network = Network::new(MEMBERS, seed, Faults::NONE);
    let (room, code) = network.create(0, "hall");
    let mut joining: Vec<_> =
        (1..MEMBERS).map(|host| (host, network.submit(host, Command::Join(code.clone())))).collect();
    assert!(network.run_until(|network| {
        joining.retain(|(host, call)| !matches!(network.answer(*host, *call), Some(Ok(Reply::Joined(_)))));
        joining.is_empty()
    }));
    let all_known = |network: &mut Network| (0..MEMBERS).all(|host| network.member_count(host, room) == MEMBERS);
    assert!(network.run_until(all_known));
    (network, room)
}

#[test]
fn many_who_come_at_once_are_told_together() {
    let (mut network, room) = crowd(1);
    network.run_for(1_000);
    let told = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::MembersChanged { .. })).count();
    let lists = told(&network.hosts[0].events);
    assert!(lists < MEMBERS / 2, "the list of members was told {lists} times");
    let last = network.hosts[0].events.iter().rev().find_map(|event| match event {
        Event::MembersChanged { members, .. } => Some(members.len()),
        _ => None,
    });
    assert_eq!(last, Some(MEMBERS), "the last list has everybody");
    assert_eq!(network.member_count(0, room), MEMBERS);
}

#[test]
fn in_a_quiet_room_a_member_compares_with_a_few_and_not_with_all() {
    let (mut network, _) = crowd(2);
    network.run_for(60_000);
    let before = network.traffic.requests;
    network.run_for(60_000);
    let each = (network.traffic.requests - before) / MEMBERS as u64;
    // Eight at a time, every 22 to 30 seconds.
    assert!(each <= 8 * 3, "{each} requests of each member in a minute");
}

#[test]
fn what_only_one_member_has_reaches_all_of_a_crowd_without_gossip() {
    let (mut network, room) = crowd(3);
    network.run_for(60_000);
    let (left, right): (Vec<_>, Vec<_>) = (0..MEMBERS).partition(|host| *host < 2);
    network.cut(&left, &right);
    network.send(0, room, "we were cut off");
    network.run_for(5_000);
    network.stop(0);
    network.heal();
    let everybody_has = |network: &mut Network| (1..MEMBERS).all(|host| network.texts(host, room).len() == 1);
    assert!(network.run_until(everybody_has), "it reaches everybody through the one who has it");
}
