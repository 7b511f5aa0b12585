//! A person's own devices, under a simulated network without archive or account: linking by a code, cut
//! off at every step, guessed at; names; and what one device knows, all know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, CommandError, CommandResult, DeviceCommand, Event, Reply, RoomStanding};
use parlor_node::{
    engine::account::{AccountBundle, DeviceNote, Stamp, Stamped},
    store::{LocalStore as _, SecretBytes, Write},
};
use parlor_protocol::{
    DeviceId, HistoryPolicy, LinkCode, Locator, Name, RoomId, UserId,
    keys::DeviceKey,
    link::Linking,
    wire::{Answer, Request},
};
use parlor_tests::sim::{Faults, HostId, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn labels(network: &mut Network, host: HostId) -> Vec<String> {
    network.own_devices(host).into_iter().map(|device| device.label).collect()
}

fn user(network: &mut Network, host: HostId, room: RoomId) -> UserId {
    let own = |network: &mut Network| network.members(host, room).into_iter().find(|member| member.own)?.user;
    assert!(network.run_until(|network| own(network).is_some()), "host {host} is in");
    own(network).unwrap()
}

fn rooms(network: &mut Network, host: HostId) -> Vec<RoomId> {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.into_iter().map(|room| room.room).collect(),
        other => panic!("rooms are told, not {other:?}"),
    }
}

/// The person's name that a host shows.
fn own_name(network: &mut Network, host: HostId) -> String {
    match network.call(host, Command::Me) {
        Ok(Reply::Me(profile)) => profile.name,
        other => panic!("the profile is told, not {other:?}"),
    }
}

/// Host 0 and host 1 in a room with some history, host 2 still empty.
fn kitchen(seed: u64, faults: Faults) -> (Network, RoomId) {
    let mut network = Network::new(3, seed, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.send(0, room, "hello");
    network.send(1, room, "hello yourself");
    assert!(network.run_until(|network| (0..2).all(|host| network.texts(host, room).len() == 2)));
    network.faults = faults;
    (network, room)
}

#[test]
fn a_device_is_linked_by_a_code_and_has_everything() {
    let (mut network, room) = kitchen(700, Faults::NONE);
    let (garden, _) = network.create(0, "garden");
    let person = user(&mut network, 0, room);
    let code = network.offer(0);
    match network.link_by(2, &code) {
        Ok(Reply::Linked { by, rooms }) => assert_eq!((by.as_str(), rooms), ("desktop", 2)),
        other => panic!("linked, not {other:?}"),
    }
    assert!(network.run_until(|network| network.texts(2, room) == ["hello", "hello yourself"]));
    assert_eq!(user(&mut network, 2, garden), person, "the same person");
    assert_eq!(own_name(&mut network, 2), "host 0");
    // The old device says so; a member sees that the person has one more.
    let device = network.hosts[2].device();
    let is_told = |event: &Event| matches!(event, Event::DeviceLinked { device: new, label } if (*new, label.as_str()) == (device, "laptop"));
    assert!(network.run_until(|network| network.hosts[0].events.iter().any(is_told)));
    let is_warned = |event: &Event| matches!(event, Event::PersonWarned { user, .. } if *user == person);
    assert!(network.run_until(|network| network.hosts[1].events.iter().any(is_warned)));
    assert_eq!(labels(&mut network, 0), ["desktop", "laptop"]);
    assert_eq!(labels(&mut network, 2), ["laptop", "desktop"]);
    // It writes like any member, and after a restart it is all still so.
    network.send(2, room, "from the laptop");
    assert!(network.run_until(|network| network.texts(1, room).len() == 3));
    network.stop(2);
    network.start(2);
    assert!(network.run_until(|network| network.texts(2, room).len() == 3));
    assert_eq!(user(&mut network, 2, room), person);
    network.send(2, garden, "alone with oneself");
    assert!(network.run_until(|network| network.texts(0, garden) == ["alone with oneself"]));
}

#[test]
fn rooms_of_both_devices_come_together() {
    let (mut network, room) = kitchen(701, Faults::NONE);
    let (cellar, _) = network.create(2, "cellar");
    network.send(2, cellar, "potatoes");
    let code = network.offer(0);
    network.link_by(2, &code).unwrap();
    assert!(network.run_until(|network| network.texts(0, cellar) == ["potatoes"]), "what the new one had");
    assert!(network.run_until(|network| network.texts(2, room).len() == 2));
    assert!(network.run_until(|network| own_name(network, 0) == own_name(network, 2)));
}

#[test]
fn history_from_before_joining_comes_along_where_newcomers_get_none() {
    let mut network = Network::new(2, 702, Faults::NONE);
    let made = network.call(0, Command::CreateRoom { name: name("quiet"), history: HistoryPolicy::FromJoining });
    let Ok(Reply::Created { room, .. }) = made else { panic!("a room is made, not {made:?}") };
    network.send(0, room, "long ago");
    network.run_for(60_000);
    let code = network.offer(0);
    network.link_by(1, &code).unwrap();
    assert!(network.run_until(|network| network.texts(1, room) == ["long ago"]));
}

#[test]
fn a_wrong_code_a_used_one_and_an_old_one_are_answered_alike() {
    let (mut network, _) = kitchen(703, Faults::NONE);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let code = network.offer(0);
    let unknown = |result: CommandResult| matches!(result, Err(CommandError::LinkUnknown { asked: 2 }));
    let wrong = LinkCode::random(&mut rng);
    assert!(unknown(network.link_by(2, &wrong)));
    network.link_by(2, &code).unwrap();
    // Once is once, for the next device and for the same.
    assert!(unknown(network.link_by(1, &code)));
    let old = network.offer(0);
    network.run_for(10 * 60 * 1_000);
    assert!(unknown(network.link_by(1, &old)));
    let taken_back = network.offer(0);
    network.ask_devices(0, DeviceCommand::CancelOffer).unwrap();
    assert!(unknown(network.link_by(1, &taken_back)));
    // A restart of the old device ends an offer too.
    let forgotten = network.offer(0);
    network.stop(0);
    network.start(0);
    assert!(unknown(network.link_by(1, &forgotten)));
    assert_eq!(network.own_devices(1).len(), 1);
}

#[derive(Debug)]
struct Silent;

impl parlor_tests::sim::Stranger for Silent {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        None
    }
}

#[test]
fn a_device_that_used_the_code_and_says_nothing_is_told_everywhere() {
    let (mut network, _) = kitchen(709, Faults::NONE);
    network.link(0, 2);
    network.run_for(30_000);
    let is_told = |event: &Event, device: DeviceId| matches!(event, Event::DeviceLinked { device: new, label } if *new == device && *label == device.short());
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let code = network.offer(0);
    let stretched = code.stretch().unwrap();
    let old = network.hosts[0].device();
    let stranger = DeviceKey::from_seed(&parlor_protocol::keys::Secret::from_bytes([8; 32])).id();
    network.add_stranger(stranger, Box::new(Silent));
    network.meet(0, stranger, false);
    network.run_for(10);
    let (linking, message) = Linking::start(&stretched, stranger, old, &mut rng).unwrap();
    // It asks twice, because an answer may be lost, and the answer waits for the disk.
    for _ in 0..2 {
        let request = Request::Link { locator: stretched.locator(), message: message.clone() };
        assert_eq!(network.ask_as(stranger, 0, &request), None);
        network.run_for(100);
    }
    drop(linking);
    for host in [0, 2] {
        let told =
            |network: &Network| network.hosts[host].events.iter().filter(|event| is_told(event, stranger)).count();
        assert!(network.run_until(|network| told(network) == 1), "host {host}");
        network.run_for(60_000);
        assert_eq!(told(&network), 1, "host {host}");
        assert!(labels(&mut network, host).contains(&stranger.short()), "host {host}");
    }
    assert!(!network.hosts[1].events.iter().any(|event| matches!(event, Event::DeviceLinked { .. })));
}

#[test]
fn somebody_in_between_can_pass_nothing_on() {
    let (mut network, _) = kitchen(705, Faults::NONE);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let code = network.offer(0);
    let stretched = code.stretch().unwrap();
    let (new, old) = (network.hosts[2].device(), network.hosts[0].device());
    let between = network.hosts[1].device();
    // A first message for the one in between, passed on; and one for the old device, taken over.
    for (from, to) in [(new, between), (new, old)] {
        let (_, message) = Linking::start(&stretched, from, to, &mut rng).unwrap();
        let request = Request::Link { locator: stretched.locator(), message };
        assert!(matches!(network.ask_as(between, 0, &request), Some(Answer::Link(None))));
    }
    network.link_by(2, &code).unwrap();
}

#[test]
fn a_link_that_is_cut_off_anywhere_is_done_or_not_done() {
    let mut done = 0;
    for cut in 0..24 {
        for gone in [0, 2] {
            let (mut network, room) = kitchen(800 + cut, Faults::NONE);
            let before = rooms(&mut network, 2);
            assert!(before.is_empty());
            let code = network.offer(0);
            let command = DeviceCommand::Link { code: code.clone(), label: name("laptop") };
            network.submit(2, Command::Device(Box::new(command)));
            // Stretching takes 250 ms, each step after it a few.
            network.run_for(245 + cut);
            network.stop(gone);
            network.run_for(60_000);
            network.start(gone);
            network.run_for(60_000);
            let is_linked = !rooms(&mut network, 2).is_empty();
            let count = network.own_devices(2).len();
            let text = "after the cut";
            if is_linked {
                done += 1;
                assert_eq!(count, 2, "{cut} {gone}");
                let same = user(&mut network, 2, room) == user(&mut network, 0, room);
                assert!(same, "{cut} {gone}");
                network.send(2, room, text);
                assert!(network.run_until(|network| network.texts(1, room).len() == 3), "{cut} {gone}");
                assert!(network.run_until(|network| network.texts(2, room).len() == 3), "{cut} {gone}");
                assert_eq!(network.own_devices(0).len(), 2, "{cut} {gone}");
            } else {
                assert_eq!((count, own_name(&mut network, 2).as_str()), (1, "host 2"), "{cut} {gone}");
                assert_eq!(network.members(0, room).len(), 2, "{cut} {gone}");
                // The code is not worth anything any more; a new one is.
                if gone == 0 {
                    assert!(network.link_by(2, &code).is_err(), "{cut} {gone}");
                }
                let fresh = network.offer(0);
                network.link_by(2, &fresh).unwrap();
            }
        }
    }
    assert!(done > 8, "some were late enough: {done}");
}

#[test]
fn a_full_disk_changes_nothing() {
    let (mut network, room) = kitchen(706, Faults::NONE);
    let code = network.offer(0);
    network.hosts[2].disk_full = true;
    let result = network.link_by(2, &code);
    assert!(matches!(result, Err(CommandError::Storage { .. })), "{result:?}");
    network.hosts[2].disk_full = false;
    network.run_for(30_000);
    assert!(rooms(&mut network, 2).is_empty());
    let code = network.offer(0);
    network.link_by(2, &code).unwrap();
    assert!(network.run_until(|network| network.texts(2, room).len() == 2));
}

#[test]
fn a_bad_network_delays_a_link_and_nothing_else() {
    for seed in 0..6 {
        let (mut network, room) = kitchen(720 + seed, Faults::BAD);
        let code = network.offer(0);
        if network.link_by(2, &code).is_err() {
            let code = network.offer(0);
            network.link_by(2, &code).unwrap();
        }
        assert!(network.run_until(|network| network.texts(2, room).len() == 2), "seed {seed}");
        assert!(network.run_until(|network| labels(network, 0).len() == 2), "seed {seed}");
    }
}

/// Three devices of one person (0, 2 and 3) and host 1.
fn three_devices(seed: u64) -> (Network, RoomId) {
    let mut network = Network::new(4, seed, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for host in [2, 3] {
        let code = network.offer(0);
        network.link_by(host, &code).unwrap();
    }
    let all_know = |network: &mut Network| [0, 2, 3].iter().all(|host| labels(network, *host).len() == 3);
    assert!(network.run_until(all_know));
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    (network, room)
}

#[test]
fn what_one_device_decides_all_decide() {
    let (mut network, room) = three_devices(730);
    let other = user(&mut network, 1, room);
    network.call(2, Command::Verify { user: other, verified: true }).unwrap();
    let verified = |network: &mut Network, host| {
        network.members(host, room).iter().any(|member| member.user == Some(other) && member.verified)
    };
    assert!(network.run_until(|network| verified(network, 0) && verified(network, 3)));
    network.call(3, Command::Block { user: other, blocked: true }).unwrap();
    let blocked = |network: &mut Network, host| {
        network.members(host, room).iter().any(|member| member.user == Some(other) && member.blocked)
    };
    assert!(network.run_until(|network| blocked(network, 0) && blocked(network, 2)));
    // Both verdicts hold, and the one that is taken back is taken back.
    network.call(0, Command::Block { user: other, blocked: false }).unwrap();
    assert!(network.run_until(|network| !blocked(network, 2) && !blocked(network, 3) && verified(network, 3)));
    // A room made on one device is on all; a new name too.
    let (attic, _) = network.create(3, "attic");
    assert!(network.run_until(|network| [0, 2].iter().all(|host| rooms(network, *host).contains(&attic))));
    network.call(2, Command::SetName(name("Anna"))).unwrap();
    assert!(network.run_until(|network| own_name(network, 0) == "Anna" && own_name(network, 3) == "Anna"));
    network.run_for(120_000);
    assert_eq!(own_name(&mut network, 2), "Anna", "and it stays");
}

#[test]
fn devices_that_were_apart_agree_when_they_meet() {
    let (mut network, room) = three_devices(731);
    let other = user(&mut network, 1, room);
    network.cut(&[0], &[2, 3]);
    network.call(0, Command::Verify { user: other, verified: true }).unwrap();
    let (attic, _) = network.create(0, "attic");
    let (cellar, _) = network.create(2, "cellar");
    let laptop = network.hosts[2].device();
    network.ask_devices(2, DeviceCommand::Rename { device: laptop, label: name("old laptop") }).unwrap();
    network.run_for(60_000);
    assert!(!rooms(&mut network, 3).contains(&attic));
    network.heal();
    let agree = |network: &mut Network| {
        [0, 2, 3].iter().all(|host| {
            let known = rooms(network, *host);
            let marks = network.members(*host, room).iter().any(|member| member.user == Some(other) && member.verified);
            let named = labels(network, *host).contains(&"old laptop".to_owned());
            known.contains(&attic) && known.contains(&cellar) && marks && named
        })
    };
    assert!(network.run_until(agree));
    // When all know the same they ask with a digest and tell each other nothing more.
    network.run_for(60_000);
    let before = network.traffic.request_bytes;
    network.run_for(120_000);
    let bytes = network.traffic.request_bytes - before;
    assert!(bytes < 400_000, "{bytes} bytes in two quiet minutes");
}

#[test]
fn a_room_that_is_left_on_one_device_is_over_on_all_and_does_not_come_back() {
    let (mut network, room) = three_devices(732);
    let (attic, _) = network.create(2, "attic");
    assert!(network.run_until(|network| rooms(network, 0).contains(&attic) && rooms(network, 3).contains(&attic)));
    network.run_for(5_000);
    network.call(2, Command::LeaveRoom { room: attic }).unwrap();
    let standing = |network: &mut Network, host| match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.into_iter().find(|known| known.room == attic).map(|known| known.standing),
        other => panic!("rooms are told, not {other:?}"),
    };
    let is_over = |network: &mut Network, host| standing(network, host).is_none_or(|s: RoomStanding| s.is_over());
    assert!(network.run_until(|network| [0, 2, 3].iter().all(|host| is_over(network, *host))));
    network.run_for(120_000);
    assert!([0, 2, 3].iter().all(|host| is_over(&mut network, *host)));
    assert!(rooms(&mut network, 3).contains(&room));
}

#[test]
fn nobody_else_is_told_what_devices_tell_each_other() {
    let (mut network, _) = three_devices(733);
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let key = parlor_protocol::link::OwnKey::of(&parlor_protocol::keys::Secret::from_bytes([5; 32]));
    let (stranger, old) = (network.hosts[1].device(), network.hosts[0].device());
    let sealed = key.seal(parlor_protocol::link::OwnMessage::Ask, stranger, old, &[0; 32], &mut rng).unwrap();
    for bytes in [sealed, Vec::new(), vec![7; 100]] {
        assert!(matches!(network.ask_as(stranger, 0, &Request::Own(bytes)), Some(Answer::Own(None))));
        network.run_for(2_000);
    }
    let silent = network.ask_as(stranger, 0, &Request::Link { locator: Locator([1; 16]), message: vec![1; 48] });
    assert!(matches!(silent, Some(Answer::Link(None))), "also where nothing is offered");
}

#[test]
fn a_device_is_not_linked_with_its_own_code_nor_twice_at_once() {
    let (mut network, _) = kitchen(707, Faults::NONE);
    let code = network.offer(0);
    assert!(matches!(network.link_by(0, &code), Err(CommandError::LinkOwn)));
    let command = || Command::Device(Box::new(DeviceCommand::Link { code: code.clone(), label: name("laptop") }));
    let first = network.submit(2, command());
    assert!(matches!(network.call(2, command()), Err(CommandError::LinkBusy)));
    assert!(network.run_until(|network| matches!(network.answer(2, first), Some(Ok(Reply::Linked { .. })))));
    let unnamed = DeviceCommand::Rename { device: network.hosts[1].device(), label: name("x") };
    assert!(matches!(network.ask_devices(0, unnamed), Err(CommandError::NoSuchDevice)));
}

#[test]
fn a_late_answer_to_a_cancelled_link_is_not_taken_for_the_next_one() {
    for late in [140, 200, 400] {
        let (mut network, room) = kitchen(740, Faults::NONE);
        let wrong = LinkCode::random(&mut ChaCha20Rng::seed_from_u64(late));
        let code = network.offer(0);
        let submit = |network: &mut Network, code: &LinkCode| {
            let command = DeviceCommand::Link { code: code.clone(), label: name("laptop") };
            network.submit(2, Command::Device(Box::new(command)))
        };
        network.faults.delay_ms = (late, late + 1);
        submit(&mut network, &wrong);
        // Everybody is asked, and will say no while the right code is tried.
        network.run_for(255);
        network.ask_devices(2, DeviceCommand::CancelLink).unwrap();
        let second = submit(&mut network, &code);
        assert!(
            network.run_until(|network| matches!(network.answer(2, second), Some(Ok(Reply::Linked { .. })))),
            "{late}"
        );
        assert!(network.run_until(|network| network.texts(2, room).len() == 2), "{late}");
    }
}

/// Puts devices into what a host that is down shares with the person's others.
fn put_devices(network: &mut Network, host: HostId, seeds: std::ops::Range<u8>) {
    let store = &mut network.hosts[host].store;
    let mut record = store.load().unwrap().person.unwrap();
    let mut bundle = AccountBundle::decode(&record.bundle.0).unwrap();
    for seed in seeds {
        let device = DeviceId::from_bytes([seed; 32]);
        bundle.devices.insert(device, Stamped::new(DeviceNote::default(), Stamp { at: 1, device }));
    }
    record.bundle = SecretBytes(bundle.encode().unwrap());
    store.apply(&[vec![Write::PutPerson(Some(Box::new(record)))]]).remove(0).unwrap();
}

#[test]
fn more_than_can_be_shared_loses_nothing_and_a_revocation_gets_through() {
    let (mut network, _) = three_devices(750);
    network.run_for(35_000);
    for host in [0, 2] {
        network.stop(host);
    }
    put_devices(&mut network, 0, 0..140);
    put_devices(&mut network, 2, 110..255);
    network.cut(&[3], &[0, 1, 2]);
    for host in [0, 2] {
        network.start(host);
    }
    let told = |network: &Network, host| network.problems(host).iter().any(|problem| problem.contains("share"));
    assert!(network.run_until(|network| told(network, 0) && told(network, 2)));
    network.run_for(60_000);
    assert_eq!((network.own_devices(0).len(), network.own_devices(2).len()), (143, 148));
    let lost = network.hosts[3].device();
    network.ask_devices(0, DeviceCommand::Revoke { device: lost }).unwrap();
    let knows = |network: &mut Network, host| {
        network.own_devices(host).iter().any(|known| known.device == lost && known.revoked.is_some())
    };
    assert!(network.run_until(|network| knows(network, 2)));
    for host in [0, 2] {
        network.stop(host);
    }
    for host in [0, 2] {
        network.start(host);
    }
    network.run_for(60_000);
    assert!(knows(&mut network, 0) && knows(&mut network, 2), "and it is on the disk");
    assert_eq!((network.own_devices(0).len(), network.own_devices(2).len()), (143, 148));
}
