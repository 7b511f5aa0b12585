//! A lost device is revoked, under a simulated network: everywhere, also where others own the room, are
//! away, or somebody fights back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, CommandError, CommandResult, DeviceCommand, MessageBody, Reply, RoomStanding};
use parlor_protocol::{DeviceId, LinkCode, Name, RoomCode, RoomId, Text};
use parlor_tests::sim::{Faults, HostId, Network};
use std::collections::BTreeSet;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn ask(network: &mut Network, host: HostId, command: DeviceCommand) -> CommandResult {
    network.call(host, Command::Device(Box::new(command)))
}

fn link(network: &mut Network, old: HostId, new: HostId) {
    let code: LinkCode = match ask(network, old, DeviceCommand::Offer { label: name("desktop") }) {
        Ok(Reply::LinkOffered { code, .. }) => code,
        other => panic!("a code is shown, not {other:?}"),
    };
    ask(network, new, DeviceCommand::Link { code, label: name("laptop") }).unwrap();
}

fn revoke(network: &mut Network, by: HostId, device: DeviceId) {
    assert!(matches!(ask(network, by, DeviceCommand::Revoke { device }), Ok(Reply::Done)));
}

fn members(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<DeviceId> {
    match network.call(host, Command::Members { room }) {
        Ok(Reply::Members(members)) => members.into_iter().map(|member| member.device).collect(),
        other => panic!("members are told, not {other:?}"),
    }
}

fn is_out(network: &mut Network, host: HostId, room: RoomId) -> bool {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => {
            let known = rooms.into_iter().find(|known| known.room == room);
            known.is_some_and(|known| matches!(known.standing, RoomStanding::Removed { .. }))
        }
        other => panic!("rooms are told, not {other:?}"),
    }
}

fn text(network: &mut Network, host: HostId, room: RoomId, text: &str) -> CommandResult {
    network.call(host, Command::Send { room, text: Text::new(text).unwrap(), reply_to: None })
}

/// A room of `owner`, with the person of hosts 0 (desktop) and 2 (laptop), and hosts 1 and 3.
fn house(seed: u64, owner: HostId) -> (Network, RoomId, RoomCode) {
    let mut network = Network::new(4, seed, Faults::NONE);
    let (room, code) = network.create(owner, "kitchen");
    for host in [0, 1, 3].into_iter().filter(|host| *host != owner) {
        network.join(host, &code).unwrap();
    }
    link(&mut network, 0, 2);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.run_for(35_000);
    text(&mut network, 2, room, "before").unwrap();
    assert!(network.run_until(|network| (0..4).all(|host| network.texts(host, room) == ["before"])));
    (network, room, code)
}

/// Nothing of the laptop (host 2) counts any more for the others, and it gets nothing.
fn shut_out(network: &mut Network, room: RoomId) {
    let laptop = network.hosts[2].device();
    let others = [0, 1, 3];
    assert!(network.run_until(|network| others.iter().all(|host| !members(network, *host, room).contains(&laptop))));
    assert!(network.run_until(|network| is_out(network, 2, room)));
    assert_eq!(text(network, 2, room, "still here").unwrap_err(), CommandError::RoomOver);
    text(network, 1, room, "among us").unwrap();
    assert!(
        network.run_until(|network| others.iter().all(|host| network.texts(*host, room) == ["before", "among us"]))
    );
    network.run_for(60_000);
    assert_eq!(network.texts(2, room), ["before"]);
}

#[test]
fn a_lost_device_goes_from_every_room_at_once() {
    for owner in [0, 1] {
        let (mut network, room, code) = house(900 + owner as u64, owner);
        let (attic, _) = network.create(0, "attic");
        assert!(network.run_until(|network| network.member_count(2, attic) == 2));
        network.run_for(10_000);
        let laptop = network.hosts[2].device();
        revoke(&mut network, 0, laptop);
        shut_out(&mut network, room);
        assert!(network.run_until(|network| is_out(network, 2, attic)));
        let told = |network: &Network| network.problems(2).iter().any(|problem| problem.contains("revoked"));
        assert!(network.run_until(|network| told(network)), "it says plainly what happened");
        // People read it in the room.
        let line = |body: &MessageBody| matches!(body, MessageBody::Removed { device: true, .. });
        assert!(network.messages(1, room).iter().any(|message| line(&message.body)));
        // The keys are others, and the code that it knew lets nobody in.
        let again = network.join(2, &code);
        assert!(again.is_err() || is_out(&mut network, 2, room), "{again:?}");
        // After restarts of everybody it is still so.
        for host in 0..4 {
            network.stop(host);
        }
        for host in 0..4 {
            network.start(host);
        }
        network.run_for(60_000);
        for host in [0, 1, 3] {
            assert!(!members(&mut network, host, room).contains(&laptop), "{owner} {host}");
        }
        assert!(is_out(&mut network, 2, room) && is_out(&mut network, 2, attic));
        // It cannot be linked anew either.
        let code = match ask(&mut network, 0, DeviceCommand::Offer { label: name("desktop") }) {
            Ok(Reply::LinkOffered { code, .. }) => code,
            other => panic!("a code is shown, not {other:?}"),
        };
        let result = ask(&mut network, 2, DeviceCommand::Link { code, label: name("laptop") });
        assert!(matches!(result, Err(CommandError::DeviceRevoked)), "{result:?}");
    }
}

#[test]
fn members_heed_it_while_every_owner_is_away() {
    let (mut network, room, _) = house(910, 3);
    let laptop = network.hosts[2].device();
    network.cut(&[3], &[0, 1, 2]);
    network.cut(&[0], &[2]);
    revoke(&mut network, 0, laptop);
    assert!(network.run_until(|network| !members(network, 1, room).contains(&laptop)));
    // It may not know yet, and write.
    text(&mut network, 2, room, "by a thief").ok();
    network.run_for(60_000);
    assert_eq!(network.texts(1, room), ["before"]);
    assert_eq!(network.texts(0, room), ["before"]);
    // The owner saw what the thief wrote and not the revocation, then both.
    network.heal();
    shut_out(&mut network, room);
}

#[test]
fn what_it_wrote_meanwhile_disappears_where_it_was_shown() {
    let (mut network, room, _) = house(911, 1);
    let laptop = network.hosts[2].device();
    network.cut(&[0], &[1, 2, 3]);
    revoke(&mut network, 0, laptop);
    text(&mut network, 2, room, "by a thief").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 2 && network.texts(3, room).len() == 2));
    network.heal();
    shut_out(&mut network, room);
}

#[test]
fn members_who_were_offline_learn_it_when_they_come_back() {
    let (mut network, room, _) = house(912, 1);
    let laptop = network.hosts[2].device();
    network.stop(3);
    network.stop(1);
    revoke(&mut network, 0, laptop);
    network.run_for(30_000);
    network.start(1);
    network.run_for(30_000);
    network.stop(0);
    network.start(3);
    assert!(network.run_until(|network| !members(network, 3, room).contains(&laptop)));
    network.start(0);
    shut_out(&mut network, room);
}

#[test]
fn devices_that_revoke_each_other_are_both_out_everywhere() {
    for seed in 0..4 {
        let (mut network, room, _) = house(920 + seed, 3);
        let (desktop, laptop) = (network.hosts[0].device(), network.hosts[2].device());
        // Each with one listener, the owner away.
        network.cut(&[0, 1], &[2, 3]);
        network.stop(3);
        revoke(&mut network, 0, laptop);
        revoke(&mut network, 2, desktop);
        network.run_for(10_000);
        network.heal();
        network.run_for(60_000);
        network.start(3);
        let both_out = |network: &mut Network| {
            [1, 3].iter().all(|host| {
                let known = members(network, *host, room);
                !known.contains(&desktop) && !known.contains(&laptop) && known.len() == 2
            })
        };
        assert!(network.run_until(both_out), "seed {seed}");
        text(&mut network, 1, room, "what a mess").unwrap();
        assert!(network.run_until(|network| network.texts(3, room).len() == 2), "seed {seed}");
        assert!(is_out(&mut network, 0, room) && is_out(&mut network, 2, room), "seed {seed}");
    }
}

#[test]
fn a_thief_who_strikes_back_too_late_is_not_heard() {
    let (mut network, room, _) = house(930, 1);
    let (desktop, laptop) = (network.hosts[0].device(), network.hosts[2].device());
    network.cut(&[2], &[0, 1, 3]);
    revoke(&mut network, 0, laptop);
    // The owner has removed it before its own word comes.
    network.run_for(30_000);
    revoke(&mut network, 2, desktop);
    network.heal();
    network.run_for(120_000);
    for host in [0, 1, 3] {
        let known = members(&mut network, host, room);
        assert!(known.contains(&desktop) && !known.contains(&laptop), "host {host}");
    }
    text(&mut network, 0, room, "still here").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 2));
}

#[test]
fn a_third_device_follows_and_says_so_in_rooms_that_the_first_is_not_in() {
    let mut network = Network::new(4, 940, Faults::NONE);
    let (room, code) = network.create(3, "kitchen");
    network.join(0, &code).unwrap();
    link(&mut network, 0, 1);
    link(&mut network, 0, 2);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.run_for(35_000);
    let laptop = network.hosts[2].device();
    network.cut(&[0], &[2, 3]);
    revoke(&mut network, 0, laptop);
    // Host 1 has it from host 0 and tells host 3.
    assert!(network.run_until(|network| !members(network, 3, room).contains(&laptop)));
    assert!(matches!(ask(&mut network, 1, DeviceCommand::Revoke { device: laptop }), Ok(Reply::Done)), "said twice");
    let own = network.hosts[1].device();
    let result = ask(&mut network, 1, DeviceCommand::Revoke { device: own });
    assert!(matches!(result, Err(CommandError::RevokeElsewhere)));
    network.heal();
    assert!(network.run_until(|network| is_out(network, 2, room)));
}

#[test]
fn rooms_of_two_lose_it_too() {
    let mut network = Network::new(3, 950, Faults::NONE);
    let (room, code) = network.create(1, "kitchen");
    network.join(0, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    let other = match network.call(0, Command::Members { room }) {
        Ok(Reply::Members(members)) => members.into_iter().find(|member| !member.own).unwrap().user,
        other => panic!("members are told, not {other:?}"),
    };
    let Ok(Reply::Joined(direct)) = network.call(0, Command::OpenDirect { user: other }) else {
        panic!("a room of two")
    };
    text(&mut network, 0, direct, "hello").unwrap();
    let answer = parlor_node::RequestAnswer::Accept;
    assert!(network.run_until(|network| {
        matches!(network.call(1, Command::Rooms), Ok(Reply::Rooms(rooms)) if rooms.iter().any(|known| known.room == direct))
    }));
    network.call(1, Command::AnswerRequest { room: direct, answer }).unwrap();
    link(&mut network, 0, 2);
    assert!(network.run_until(|network| network.texts(2, direct) == ["hello"]));
    network.run_for(35_000);
    let laptop = network.hosts[2].device();
    revoke(&mut network, 0, laptop);
    assert!(network.run_until(|network| is_out(network, 2, direct)));
    text(&mut network, 1, direct, "only for you").unwrap();
    assert!(network.run_until(|network| network.texts(0, direct).len() == 2));
    network.run_for(30_000);
    assert_eq!(network.texts(2, direct), ["hello"]);
}

#[test]
fn a_revocation_that_is_cut_off_is_finished_later() {
    for cut in [1, 2, 3, 4, 5, 8, 12, 20, 500] {
        let (mut network, room, _) = house(960 + cut, 0);
        let laptop = network.hosts[2].device();
        network.submit(0, Command::Device(Box::new(DeviceCommand::Revoke { device: laptop })));
        network.run_for(cut);
        network.stop(0);
        network.run_for(5_000);
        network.start(0);
        network.run_for(60_000);
        let known = members(&mut network, 0, room);
        if known.contains(&laptop) {
            // Nothing of it was on the disk.
            assert!(cut < 6, "{cut}");
            revoke(&mut network, 0, laptop);
        }
        shut_out(&mut network, room);
    }
}

#[test]
fn in_a_room_of_ones_own_one_of_two_that_revoke_each_other_stays() {
    for seed in 0..3 {
        let (mut network, room, _) = house(980 + seed, 0);
        let (desktop, laptop) = (network.hosts[0].device(), network.hosts[2].device());
        network.cut(&[0, 1], &[2, 3]);
        revoke(&mut network, 0, laptop);
        revoke(&mut network, 2, desktop);
        network.run_for(30_000);
        network.heal();
        let stays = if desktop < laptop { desktop } else { laptop };
        let agreed = |network: &mut Network| {
            [1, 3].iter().all(|host| {
                let known = members(network, *host, room);
                known.contains(&stays) && known.len() == 3
            })
        };
        assert!(network.run_until(agreed), "seed {seed}");
        network.run_for(60_000);
        assert!(agreed(&mut network), "seed {seed}");
    }
}
