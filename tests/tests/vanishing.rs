//! Disappearing messages under a simulated network: gone everywhere after their time, and nothing
//! brings them back; clocks that are wrong, machines that were away, peers that keep or prune what
//! they should not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    Command, CommandError, Event, Reply, RoomChange,
    store::{LocalStore as _, Read, Write},
};
use parlor_protocol::{LogKey, Role, RoomCode, RoomId, Text};
use parlor_tests::sim::{Faults, Network};

type HostId = usize;

const MINUTE: u64 = 60_000;
const LIFETIME: u64 = 10 * MINUTE;
/// How far ahead the time of a message may be shown.
const AHEAD: u64 = 5 * MINUTE;

fn text(network: &mut Network, host: HostId, room: RoomId, text: &str) -> Result<Reply, CommandError> {
    network.call(host, Command::Send { room, text: Text::new(text).unwrap(), reply_to: None })
}

/// A room of the first hosts.
fn room_of(network: &mut Network, hosts: usize) -> (RoomId, RoomCode) {
    let (room, code) = network.create(0, "kitchen");
    for host in 1..hosts {
        network.join(host, &code).unwrap();
    }
    assert!(network.run_until(|network| (0..hosts).all(|host| network.member_count(host, room) == hosts)));
    network.run_for(3_000);
    (room, code)
}

fn let_vanish(network: &mut Network, room: RoomId, hosts: usize) {
    let change = RoomChange::Lifetime(Some(LIFETIME));
    network.call(0, Command::ChangeRoom { room, change }).unwrap();
    let knows = |network: &mut Network, host| match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.iter().any(|known| known.room == room && known.vanish_ms == Some(LIFETIME)),
        other => panic!("rooms are told, not {other:?}"),
    };
    assert!(network.run_until(|network| (0..hosts).all(|host| knows(network, host))), "all know the rule");
}

/// Places of a room on a host's disk: all, and those that are pruned.
fn held(network: &mut Network, host: HostId, room: RoomId) -> (usize, Vec<(LogKey, u64)>) {
    let scan = network.hosts[host].store.read(&Read::Scan { room, after: None }).unwrap();
    let entries: Vec<_> = scan.runs.concat();
    let place = |at: &parlor_node::store::StoredEntry| (at.entry.log_key(), at.entry.header().seq);
    (entries.len(), entries.iter().filter(|at| at.entry.is_pruned()).map(place).collect())
}

fn all_see(network: &mut Network, hosts: &[HostId], room: RoomId, texts: &[&str]) {
    let seen = network.run_until(|network| hosts.iter().all(|host| network.texts(*host, room) == texts));
    let what: Vec<_> = hosts.iter().map(|host| network.texts(*host, room)).collect();
    assert!(seen, "{texts:?} was to be seen, not {what:?}");
}

#[test]
fn messages_vanish_everywhere_and_neither_a_late_joiner_nor_one_who_was_away_brings_them_back() {
    let mut network = Network::new(4, 1, Faults::NONE);
    let (room, code) = room_of(&mut network, 3);
    text(&mut network, 0, room, "this stays").unwrap();
    all_see(&mut network, &[0, 1, 2], room, &["this stays"]);
    let_vanish(&mut network, room, 3);
    text(&mut network, 0, room, "one").unwrap();
    text(&mut network, 0, room, "two").unwrap();
    text(&mut network, 1, room, "three").unwrap();
    all_see(&mut network, &[0, 1, 2], room, &["this stays", "one", "two", "three"]);
    network.stop(2);
    network.run_for(LIFETIME + MINUTE);

    all_see(&mut network, &[0, 1], room, &["this stays"]);
    let gone = |event: &Event| matches!(event, Event::MessagesGone { room: of, .. } if *of == room);
    assert!(network.hosts[0].events.iter().any(gone), "people are told");
    let search = Command::Search { room: Some(room), words: "two".into(), limit: 9 };
    assert!(matches!(network.call(0, search), Ok(Reply::Found(found)) if found.is_empty()));
    assert_eq!(held(&mut network, 0, room).1.len(), 3, "their bodies are off the disk");
    assert_eq!(held(&mut network, 1, room).1.len(), 3);
    assert_eq!(held(&mut network, 2, room).1.len(), 0, "whoever is off cannot forget");

    // It comes back with everything, and a newcomer may take it from there.
    network.start(2);
    network.join(3, &code).unwrap();
    all_see(&mut network, &[0, 1, 2], room, &["this stays"]);
    network.run_for(MINUTE);
    for host in 0..4 {
        assert_eq!(network.texts(host, room), ["this stays"], "host {host}");
        assert_eq!(held(&mut network, host, room).1.len(), 3, "host {host}");
    }
    let total = held(&mut network, 0, room).0;
    assert!((1..4).all(|host| held(&mut network, host, room).0 == total), "the logs are whole");

    // What is written now can be read, after restarts too.
    text(&mut network, 0, room, "four").unwrap();
    text(&mut network, 3, room, "five").unwrap();
    all_see(&mut network, &[0, 1, 2, 3], room, &["this stays", "four", "five"]);
    network.quit(0);
    network.start(0);
    all_see(&mut network, &[0, 1, 2, 3], room, &["this stays", "four", "five"]);
    network.run_for(LIFETIME + MINUTE);
    all_see(&mut network, &[0, 1, 2, 3], room, &["this stays"]);
}

#[test]
fn a_peer_that_keeps_what_has_expired_does_not_make_it_appear() {
    let mut network = Network::new(3, 2, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    let_vanish(&mut network, room, 2);
    text(&mut network, 0, room, "one").unwrap();
    text(&mut network, 0, room, "two").unwrap();
    all_see(&mut network, &[0, 1], room, &["one", "two"]);
    // Its clock stands in the past: to this machine nothing ever expires.
    network.hosts[1].skew = -86_400_000;
    network.run_for(LIFETIME + MINUTE);
    all_see(&mut network, &[0], room, &[]);
    assert_eq!(network.texts(1, room), ["one", "two"]);
    assert_eq!(held(&mut network, 1, room).1.len(), 0);

    // A newcomer has nobody else to ask.
    network.cut(&[0], &[1, 2]);
    network.join(2, &code).unwrap();
    network.run_for(2 * MINUTE);
    assert_eq!(network.texts(2, room), [""; 0]);
    assert_eq!(held(&mut network, 2, room).1.len(), 2, "pruned as it came");
    network.heal();
    network.run_for(2 * MINUTE);
    assert_eq!(network.texts(0, room), [""; 0]);
    assert_eq!(held(&mut network, 0, room).1.len(), 2);
}

#[test]
fn with_wrong_clocks_messages_vanish_soon_after_their_time() {
    let mut network = Network::new(3, 3, Faults::NONE);
    network.hosts[1].skew = 3 * 86_400_000;
    network.hosts[2].skew = -3 * 86_400_000;
    let (room, _) = room_of(&mut network, 3);
    let_vanish(&mut network, room, 3);
    for host in [1, 0, 2] {
        text(&mut network, host, room, &format!("from {host}")).unwrap();
        network.run_for(1_000);
    }
    network.run_for(LIFETIME + AHEAD + MINUTE);
    for host in 0..3 {
        assert_eq!(network.texts(host, room), [""; 0], "host {host}");
        assert_eq!(held(&mut network, host, room).1.len(), 3, "host {host}");
    }
}

#[test]
fn a_message_that_was_deleted_stays_deleted_when_the_deletion_is_old() {
    let mut network = Network::new(2, 4, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    let Ok(Reply::Sent(target)) = text(&mut network, 0, room, "a slip") else { panic!("it is sent") };
    text(&mut network, 0, room, "this stays").unwrap();
    all_see(&mut network, &[0, 1], room, &["a slip", "this stays"]);
    let_vanish(&mut network, room, 2);
    network.call(0, Command::Delete { room, target }).unwrap();
    all_see(&mut network, &[0, 1], room, &["this stays"]);
    network.run_for(LIFETIME + MINUTE);
    for host in 0..2 {
        network.quit(host);
        network.start(host);
    }
    network.run_for(MINUTE);
    all_see(&mut network, &[0, 1], room, &["this stays"]);
}

#[test]
fn a_peer_that_prunes_what_stays_for_ever_is_not_believed() {
    let mut network = Network::new(3, 5, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    for said in ["one", "two", "three"] {
        text(&mut network, 0, room, said).unwrap();
    }
    all_see(&mut network, &[0, 1], room, &["one", "two", "three"]);
    let all = network.hosts[1].store.read(&Read::Scan { room, after: None }).unwrap().runs.concat();
    let places = all.iter().map(|at| (at.entry.log_key(), at.entry.header().seq)).collect();
    network.hosts[1].store.apply(&[vec![Write::Prune { room, places }]]).pop().unwrap().unwrap();
    assert!(!held(&mut network, 1, room).1.is_empty());

    network.cut(&[0], &[1, 2]);
    network.join(2, &code).unwrap();
    network.run_for(2 * MINUTE);
    assert!(held(&mut network, 2, room).1.is_empty(), "nothing pruned is taken");
    network.heal();
    all_see(&mut network, &[2], room, &["one", "two", "three"]);
}

#[test]
fn who_owned_the_room_under_a_former_key_owns_it_where_messages_vanish_too() {
    let mut network = Network::new(3, 13, Faults::NONE);
    // The laptop makes a room with host 2, and becomes a device of host 0's person then.
    let (room, code) = network.create(1, "kitchen");
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(1, room) == 2));
    network.link(0, 1);
    assert!(network.run_until(|network| (0..3).all(|host| network.member_count(host, room) == 3)));
    network.run_for(35_000);
    let laptop = network.hosts[1].device();
    let as_seen = |network: &mut Network| {
        let member = network.members(2, room).into_iter().find(|member| member.device == laptop).unwrap();
        (member.user, member.role)
    };
    let (owner, role) = as_seen(&mut network);
    assert_eq!(role, Role::Owner);
    network.call(1, Command::ChangeRoom { room, change: RoomChange::Lifetime(Some(LIFETIME)) }).unwrap();
    network.run_for(35_000);
    // What it says first after a start opens a session.
    network.quit(1);
    network.start(1);
    network.run_for(1_000);
    text(&mut network, 1, room, "still mine").unwrap();
    assert!(network.run_until(|network| network.texts(2, room) == ["still mine"]));
    assert_eq!(as_seen(&mut network), (owner, Role::Owner));
}
