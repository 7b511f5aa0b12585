//! People under a simulated network: verifying, blocking, warnings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    Command, CommandError, Event, Member, Reply, RequestAnswer, RoomSummary, Warning, people::PersonCard,
};
use parlor_protocol::{Name, RoomId, UserId};
use parlor_tests::sim::{Faults, HostId, Network};

fn members(network: &mut Network, host: HostId, room: RoomId) -> Vec<Member> {
    match network.call(host, Command::Members { room }) {
        Ok(Reply::Members(members)) => members,
        other => panic!("members, not {other:?}"),
    }
}

fn member(network: &mut Network, host: HostId, room: RoomId, name: &str) -> Member {
    members(network, host, room).into_iter().find(|member| member.name == name).expect("a member of that name")
}

fn user_of(network: &mut Network, host: HostId, room: RoomId) -> UserId {
    members(network, host, room).into_iter().find(|member| member.own).expect("oneself").user.expect("oneself")
}

fn card(network: &mut Network, host: HostId, user: UserId) -> PersonCard {
    match network.call(host, Command::Person { user }) {
        Ok(Reply::Person(card)) => *card,
        other => panic!("a card, not {other:?}"),
    }
}

/// A room of all hosts, who know each other.
fn room_of(network: &mut Network, hosts: usize) -> RoomId {
    let (room, code) = network.create(0, "kitchen");
    for host in 1..hosts {
        network.join(host, &code).unwrap();
    }
    assert!(network.run_until(|network| (0..hosts).all(|host| network.member_count(host, room) == hosts)));
    room
}

fn warnings(network: &Network, host: HostId) -> Vec<(String, Warning)> {
    let warned = |event: &Event| match event {
        Event::PersonWarned { name, warning, .. } => Some((name.clone(), warning.clone())),
        _ => None,
    };
    network.hosts[host].events.iter().filter_map(warned).collect()
}

#[test]
fn both_see_the_same_safety_number_and_a_third_sees_another() {
    let mut network = Network::new(3, 1, Faults::NONE);
    let room = room_of(&mut network, 3);
    let users: Vec<_> = (0..3).map(|host| user_of(&mut network, host, room)).collect();
    let seen = card(&mut network, 0, users[1]).safety.unwrap();
    assert_eq!(seen, card(&mut network, 1, users[0]).safety.unwrap());
    let other = card(&mut network, 2, users[0]).safety.unwrap();
    assert_ne!(seen, other);
    let compare = |text: &str| Command::CompareSafety { user: users[1], text: text.to_owned() };
    assert_eq!(network.call(0, compare(&other.text)).unwrap_err(), CommandError::SafetyDiffers);
    assert!(card(&mut network, 0, users[1]).verified.is_none());
    network.call(0, compare(&seen.words.join(" "))).unwrap();
    assert!(card(&mut network, 0, users[1]).verified.is_some());
}

#[test]
fn a_verified_mark_stands_at_the_name_everywhere_and_after_a_restart() {
    let mut network = Network::new(2, 2, Faults::NONE);
    let room = room_of(&mut network, 2);
    network.send(1, room, "hello");
    assert!(network.run_until(|network| network.texts(0, room) == ["hello"]));
    let user = user_of(&mut network, 1, room);
    network.call(0, Command::Verify { user, verified: true }).unwrap();
    let is_marked = |network: &mut Network| {
        let last = network.messages(0, room).pop();
        last.is_some_and(|last| last.verified && last.user == Some(user)) && member(network, 0, room, "host 1").verified
    };
    assert!(is_marked(&mut network));
    network.stop(0);
    network.start(0);
    assert!(network.run_until(is_marked));
    assert!(!member(&mut network, 1, room, "host 0").verified, "it is one's own decision");
    network.call(0, Command::Verify { user, verified: false }).unwrap();
    assert!(!network.messages(0, room).pop().unwrap().verified);
}

#[test]
fn nothing_of_a_blocked_person_is_shown_and_nobody_is_told() {
    let mut network = Network::new(3, 3, Faults::NONE);
    let room = room_of(&mut network, 3);
    let user = user_of(&mut network, 1, room);
    network.call(0, Command::Block { user, blocked: true }).unwrap();
    network.hosts[0].events.clear();
    network.call(1, Command::Typing { room }).unwrap();
    network.send(1, room, "rude");
    network.send(2, room, "kind");
    assert!(network.run_until(|network| network.texts(0, room).len() == 2 && network.texts(1, room).len() == 2));
    let hidden: Vec<_> = network.messages(0, room).iter().filter(|message| message.hidden).map(|m| m.author).collect();
    assert!(!hidden.is_empty() && hidden.iter().all(|author| *author == network.hosts[1].device()));
    assert!(!network.hosts[0].events.iter().any(|event| matches!(event, Event::TypingSeen { .. })));
    let unread = |network: &Network| {
        network.hosts[0].events.iter().rev().find_map(|event| match event {
            Event::RoomChanged(summary) => Some(summary.unread),
            _ => None,
        })
    };
    assert!(network.run_until(|network| unread(network) == Some(1)), "only what is shown is new");
    assert!(!member(&mut network, 0, room, "host 1").online);
    assert!(network.messages(1, room).iter().all(|message| !message.hidden), "the other one notices nothing");
    network.call(0, Command::Block { user, blocked: false }).unwrap();
    assert!(network.messages(0, room).iter().all(|message| !message.hidden));
}

#[test]
fn who_takes_a_name_that_looks_like_anothers_is_marked_for_everybody() {
    let mut network = Network::new(3, 4, Faults::NONE);
    let room = room_of(&mut network, 3);
    let first = user_of(&mut network, 1, room);
    // The first letter is Cyrillic.
    let wolf = "\u{04bb}ost 1";
    network.call(2, Command::SetName(Name::new(wolf).unwrap())).unwrap();
    assert!(network.run_until(|network| !warnings(network, 0).is_empty() && !warnings(network, 1).is_empty()));
    let expected = Warning::LooksLike { user: first, name: "host 1".into() };
    assert_eq!(warnings(&network, 0), [(wolf.to_owned(), expected.clone())]);
    let line = network.messages(0, room).pop().unwrap();
    assert_eq!(line.warning, Some(expected.clone()));
    assert_eq!(member(&mut network, 0, room, wolf).looks_like.as_deref(), Some("host 1"));
    assert_eq!(member(&mut network, 0, room, "host 1").looks_like, None, "the first one is the genuine one");
    network.call(2, Command::SetName(Name::new("wolf").unwrap())).unwrap();
    assert!(network.run_until(|network| members(network, 0, room).iter().all(|member| member.looks_like.is_none())));
}

#[test]
fn people_and_decisions_survive_in_the_store() {
    let mut network = Network::new(2, 5, Faults::NONE);
    let room = room_of(&mut network, 2);
    let user = user_of(&mut network, 1, room);
    network.call(0, Command::Block { user, blocked: true }).unwrap();
    network.quit(0);
    network.stop(1);
    network.start(0);
    let seen = card(&mut network, 0, user);
    assert!(seen.blocked && seen.name == "host 1" && seen.devices.len() == 1);
    assert!(warnings(&network, 0).is_empty(), "a start is no news");
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    let own = user_of(&mut network, 0, room);
    assert_eq!(network.call(0, Command::Block { user: own, blocked: true }).unwrap_err(), CommandError::NoSuchPerson);
}

/// Begins a room of two with another host's person and says something in it.
fn direct(network: &mut Network, host: HostId, user: UserId, text: &str) -> RoomId {
    let room = match network.call(host, Command::OpenDirect { user }) {
        Ok(Reply::Joined(room)) => room,
        other => panic!("a room of two, not {other:?}"),
    };
    network.send(host, room, text);
    room
}

fn rooms(network: &mut Network, host: HostId) -> Vec<RoomSummary> {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms,
        other => panic!("rooms, not {other:?}"),
    }
}

fn nearby(network: &mut Network, host: HostId, name: &str) -> Option<UserId> {
    match network.call(host, Command::Nearby) {
        Ok(Reply::Nearby(people)) => people.into_iter().find(|person| person.name == name).map(|person| person.user),
        other => panic!("people, not {other:?}"),
    }
}

/// Waits until a host's person is asked into a room, and gives the room.
fn request(network: &mut Network, host: HostId) -> RoomId {
    assert!(network.run_until(|network| rooms(network, host).iter().any(|room| room.request)));
    rooms(network, host).into_iter().find(|room| room.request).unwrap().room
}

#[test]
fn strangers_on_the_network_find_each_other_and_one_asks_the_other_in() {
    let mut network = Network::new(2, 11, Faults::NONE);
    assert!(network.run_until(|network| nearby(network, 0, "host 1").is_some()));
    let other = nearby(&mut network, 0, "host 1").unwrap();
    let room = direct(&mut network, 0, other, "hello");
    assert_eq!(request(&mut network, 1), room);
    assert_eq!(network.texts(1, room), ["hello"], "what is asked can be read before it is answered");
    let seen = rooms(&mut network, 1).pop().unwrap();
    assert_eq!((seen.name.as_str(), seen.direct.is_some()), ("host 0", true));
    network.run_for(60_000);
    let delivery = network.messages(0, room).pop().unwrap().delivery;
    assert_eq!((delivery.reached, network.member_count(0, room)), (0, 1), "nobody is told that it was read");
    let text = parlor_protocol::Text::new("too early").unwrap();
    let early = network.call(1, Command::Send { room, text, reply_to: None });
    assert_eq!(early.unwrap_err(), CommandError::NotAccepted);
    let known = |network: &mut Network| match network.call(1, Command::People) {
        Ok(Reply::People(people)) => people.into_iter().filter(|person| !person.own).map(|one| one.name).collect(),
        other => panic!("{other:?}"),
    };
    let before: Vec<String> = known(&mut network);
    network.call(1, Command::AnswerRequest { room, answer: RequestAnswer::Accept }).unwrap();
    assert_eq!((before, known(&mut network)), (Vec::new(), vec!["host 0".to_owned()]), "whom one answers one knows");
    network.send(1, room, "hi there");
    let both = ["hello".to_owned(), "hi there".to_owned()];
    assert!(network.run_until(|network| network.texts(0, room) == both && network.texts(1, room) == both));
    assert_eq!(rooms(&mut network, 0).pop().unwrap().name, "host 1");
    assert_eq!(network.call(0, Command::Code { room }).unwrap_err(), CommandError::OnlyForTwo);
}

#[test]
fn a_message_to_somebody_who_is_away_knocks_when_they_come() {
    let mut network = Network::new(2, 12, Faults::NONE);
    let kitchen = room_of(&mut network, 2);
    network.faults = Faults::BAD;
    let other = user_of(&mut network, 1, kitchen);
    network.stop(1);
    let room = direct(&mut network, 0, other, "are you there?");
    network.run_for(5_000);
    network.stop(0);
    network.start(1);
    network.start(0);
    assert_eq!(request(&mut network, 1), room);
    network.quit(1);
    network.start(1);
    assert_eq!(request(&mut network, 1), room, "a request survives a restart");
    network.call(1, Command::AnswerRequest { room, answer: RequestAnswer::Accept }).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
}

#[test]
fn two_who_begin_at_the_same_moment_end_in_one_room_with_everything() {
    for seed in 0..8 {
        let mut network = Network::new(2, 100 + seed, Faults::NONE);
        let kitchen = room_of(&mut network, 2);
        network.faults = if seed % 2 == 0 { Faults::NONE } else { Faults::BAD };
        let users: Vec<_> = (0..2).map(|host| user_of(&mut network, host, kitchen)).collect();
        network.cut(&[0], &[1]);
        let first = direct(&mut network, 0, users[1], "from 0");
        let second = direct(&mut network, 1, users[0], "from 1");
        assert_ne!(first, second);
        network.heal();
        let one = first.min(second);
        let united = |network: &mut Network, host: HostId| {
            let twos: Vec<_> = rooms(network, host).into_iter().filter(|room| room.direct.is_some()).collect();
            let mut texts = network.texts(host, one);
            texts.sort();
            twos.len() == 1 && twos[0].room == one && !twos[0].request && texts == ["from 0", "from 1"]
        };
        assert!(network.run_until(|network| united(network, 0) && united(network, 1)), "seed {seed}");
        network.send(0, one, "so");
        assert!(network.run_until(|network| network.texts(1, one).contains(&"so".to_owned())));
    }
}

#[test]
fn two_with_several_devices_who_begin_at_the_same_moment_lose_nothing() {
    for seed in 0..8 {
        let mut network = Network::new(4, 200 + seed, Faults::NONE);
        let (kitchen, code) = network.create(0, "kitchen");
        network.join(1, &code).unwrap();
        network.link(0, 2);
        network.link(1, 3);
        assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, kitchen) == 4)));
        network.run_for(35_000);
        let users: Vec<_> = (0..2).map(|host| user_of(&mut network, host, kitchen)).collect();
        network.cut(&[0, 2], &[1, 3]);
        let first = direct(&mut network, 0, users[1], "from 0");
        let second = direct(&mut network, 1, users[0], "from 1");
        network.run_for(10_000);
        network.heal();
        let one = first.min(second);
        let has_all = |network: &mut Network, host: HostId| {
            let mut texts = network.texts(host, one);
            texts.sort();
            texts == ["from 0", "from 1"] && rooms(network, host).iter().all(|room| !room.request)
        };
        assert!(network.run_until(|network| (0..4).all(|host| has_all(network, host))), "seed {seed}");
    }
}

#[test]
fn who_was_refused_does_not_come_again_and_who_was_blocked_not_at_all() {
    let mut network = Network::new(3, 13, Faults::NONE);
    let kitchen = room_of(&mut network, 3);
    let host_0 = user_of(&mut network, 0, kitchen);
    let one = direct(&mut network, 1, host_0, "hello");
    assert_eq!(request(&mut network, 0), one);
    network.call(0, Command::AnswerRequest { room: one, answer: RequestAnswer::Refuse }).unwrap();
    let two = direct(&mut network, 2, host_0, "rude");
    assert_eq!(request(&mut network, 0), two);
    network.call(0, Command::AnswerRequest { room: two, answer: RequestAnswer::Block }).unwrap();
    for host in 1..3 {
        network.stop(host);
        network.start(host);
    }
    network.run_for(120_000);
    assert!(rooms(&mut network, 0).iter().all(|room| room.direct.is_none()));
    let blocked = user_of(&mut network, 2, kitchen);
    assert!(card(&mut network, 0, blocked).blocked);
}

#[test]
fn who_does_not_want_to_be_seen_is_not_seen() {
    let mut network = Network::new(2, 14, Faults::NONE);
    assert!(network.run_until(|network| nearby(network, 0, "host 1").is_some()));
    network.call(1, Command::SetVisible(false)).unwrap();
    assert!(network.run_until(|network| nearby(network, 0, "host 1").is_none()));
    assert!(nearby(&mut network, 1, "host 0").is_some());
}
