//! A lost device is revoked, under a simulated network: everywhere, also where others own the room, are
//! away, or somebody fights back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::engine::account::{AccountBundle, Stamped};
use parlor_node::store::LocalStore as _;
use parlor_node::{Command, CommandError, DeviceCommand, MessageBody, Reply};
use parlor_protocol::{
    DeviceId, RoomCode, RoomId,
    keys::{DeviceKey, Secret},
    link::{OwnKey, OwnMessage},
    wire::{Answer, Request},
};
use parlor_tests::sim::{Faults, HostId, Liar, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{collections::BTreeSet, sync::atomic::Ordering};

fn members(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<DeviceId> {
    network.members(host, room).into_iter().map(|member| member.device).collect()
}

/// A room of `owner`, with the person of hosts 0 (desktop) and 2 (laptop), and hosts 1 and 3.
fn house(seed: u64, owner: HostId) -> (Network, RoomId, RoomCode) {
    let mut network = Network::new(4, seed, Faults::NONE);
    let (room, code) = network.create(owner, "kitchen");
    for host in [0, 1, 3].into_iter().filter(|host| *host != owner) {
        network.join(host, &code).unwrap();
    }
    network.link(0, 2);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.run_for(35_000);
    network.say(2, room, "before").unwrap();
    assert!(network.run_until(|network| (0..4).all(|host| network.texts(host, room) == ["before"])));
    (network, room, code)
}

/// Nothing of the laptop (host 2) counts any more for the others, and it gets nothing.
fn shut_out(network: &mut Network, room: RoomId) {
    let laptop = network.hosts[2].device();
    let others = [0, 1, 3];
    assert!(network.run_until(|network| others.iter().all(|host| !members(network, *host, room).contains(&laptop))));
    assert!(network.run_until(|network| network.is_out(2, room)));
    assert_eq!(network.say(2, room, "still here").unwrap_err(), CommandError::RoomOver);
    network.say(1, room, "among us").unwrap();
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
        network.revoke(0, laptop);
        shut_out(&mut network, room);
        assert!(network.run_until(|network| network.is_out(2, attic)));
        let told = |network: &Network| network.problems(2).iter().any(|problem| problem.contains("revoked"));
        assert!(network.run_until(|network| told(network)), "it says plainly what happened");
        // People read it in the room.
        let line = |body: &MessageBody| matches!(body, MessageBody::Removed { device: true, .. });
        assert!(network.messages(1, room).iter().any(|message| line(&message.body)));
        // The keys are others, and the code that it knew lets nobody in.
        let again = network.join(2, &code);
        assert!(again.is_err() || network.is_out(2, room), "{again:?}");
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
        assert!(network.is_out(2, room) && network.is_out(2, attic));
        // It cannot be linked anew either.
        let code = network.offer(0);
        let result = network.link_by(2, &code);
        assert!(matches!(result, Err(CommandError::DeviceRevoked)), "{result:?}");
    }
}

#[test]
fn members_heed_it_while_every_owner_is_away() {
    let (mut network, room, _) = house(910, 3);
    let laptop = network.hosts[2].device();
    network.cut(&[3], &[0, 1, 2]);
    network.cut(&[0], &[2]);
    network.revoke(0, laptop);
    assert!(network.run_until(|network| !members(network, 1, room).contains(&laptop)));
    // It may not know yet, and write.
    network.say(2, room, "by a thief").ok();
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
    network.revoke(0, laptop);
    network.say(2, room, "by a thief").unwrap();
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
    network.revoke(0, laptop);
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
        network.revoke(0, laptop);
        network.revoke(2, desktop);
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
        network.say(1, room, "what a mess").unwrap();
        assert!(network.run_until(|network| network.texts(3, room).len() == 2), "seed {seed}");
        assert!(network.run_until(|network| network.is_out(0, room) && network.is_out(2, room)), "seed {seed}");
    }
}

#[test]
fn a_thief_who_strikes_back_too_late_is_not_heard() {
    let (mut network, room, _) = house(930, 1);
    let (desktop, laptop) = (network.hosts[0].device(), network.hosts[2].device());
    network.cut(&[2], &[0, 1, 3]);
    network.revoke(0, laptop);
    // The owner has removed it before its own word comes.
    network.run_for(30_000);
    network.revoke(2, desktop);
    network.heal();
    network.run_for(120_000);
    for host in [0, 1, 3] {
        let known = members(&mut network, host, room);
        assert!(known.contains(&desktop) && !known.contains(&laptop), "host {host}");
    }
    network.say(0, room, "still here").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 2));
}

#[test]
fn a_third_device_follows_and_says_so_in_rooms_that_the_first_is_not_in() {
    let mut network = Network::new(4, 940, Faults::NONE);
    let (room, code) = network.create(3, "kitchen");
    network.join(0, &code).unwrap();
    network.link(0, 1);
    network.link(0, 2);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.run_for(35_000);
    let laptop = network.hosts[2].device();
    network.cut(&[0], &[2, 3]);
    network.revoke(0, laptop);
    // Host 1 has it from host 0 and tells host 3.
    assert!(network.run_until(|network| !members(network, 3, room).contains(&laptop)));
    // Said twice.
    network.revoke(1, laptop);
    let own = network.hosts[1].device();
    let result = network.ask_devices(1, DeviceCommand::Revoke { device: own });
    assert!(matches!(result, Err(CommandError::RevokeElsewhere)));
    network.heal();
    assert!(network.run_until(|network| network.is_out(2, room)));
}

#[test]
fn rooms_of_two_lose_it_too() {
    let mut network = Network::new(3, 950, Faults::NONE);
    let (room, code) = network.create(1, "kitchen");
    network.join(0, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    let other = network.members(0, room).into_iter().find(|member| !member.own).unwrap().user.unwrap();
    let Ok(Reply::Joined(direct)) = network.call(0, Command::OpenDirect { user: other }) else {
        panic!("a room of two")
    };
    network.say(0, direct, "hello").unwrap();
    let answer = parlor_node::RequestAnswer::Accept;
    assert!(network.run_until(|network| {
        matches!(network.call(1, Command::Rooms), Ok(Reply::Rooms(rooms)) if rooms.iter().any(|known| known.room == direct))
    }));
    network.call(1, Command::AnswerRequest { room: direct, answer }).unwrap();
    network.link(0, 2);
    assert!(network.run_until(|network| network.texts(2, direct) == ["hello"]));
    network.run_for(35_000);
    let laptop = network.hosts[2].device();
    network.revoke(0, laptop);
    assert!(network.run_until(|network| network.is_out(2, direct)));
    network.say(1, direct, "only for you").unwrap();
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
            network.revoke(0, laptop);
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
        network.revoke(0, laptop);
        network.revoke(2, desktop);
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

#[test]
fn the_stolen_account_key_on_a_new_device_gets_nothing_and_is_not_heard() {
    let (mut network, room, _) = house(990, 1);
    let (desktop, laptop) = (network.hosts[0].device(), network.hosts[2].device());
    let stolen = network.hosts[2].store.load().unwrap().identity.unwrap().user_seed.clone();
    network.revoke(0, laptop);
    network.run_for(5_000);
    shut_out(&mut network, room);
    // It says that every honest device is revoked.
    let mut lies = AccountBundle::new(stolen.clone(), Stamped::default());
    lies.revoked.insert(desktop, 1);
    let (key, device) = (OwnKey::of(&stolen), DeviceKey::from_seed(&Secret::from_bytes([9; 32])).id());
    let thief = Liar::new(&stolen, device, &lies);
    let asked = thief.asked();
    network.add_stranger(device, Box::new(thief));
    network.meet(0, device, false);
    network.run_for(100);
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for _ in 0..5 {
        let sealed = key.seal(OwnMessage::Ask, device, desktop, &[0; 32], &mut rng).unwrap();
        let answer = network.ask_as(device, 0, &Request::Own(sealed));
        assert!(matches!(answer, Some(Answer::Own(None))), "{answer:?}");
        network.run_for(40_000);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nobody asks it either");
    let known: Vec<_> = network.own_devices(0).iter().map(|known| (known.device, known.revoked.is_some())).collect();
    assert_eq!(known, [(desktop, false), (laptop, true)]);
    for host in [0, 1, 3] {
        let known = members(&mut network, host, room);
        assert!(known.contains(&desktop) && known.len() == 3, "host {host}");
    }
    // The revoked device itself hears that it is out, and no key.
    let sealed = key.seal(OwnMessage::Ask, laptop, desktop, &[0; 32], &mut rng).unwrap();
    let Some(Answer::Own(Some(told))) = network.ask_as(laptop, 0, &Request::Own(sealed)) else { panic!("a notice") };
    let told = key.open(OwnMessage::Tell, desktop, laptop, &told).unwrap();
    let told = AccountBundle::decode(&told).unwrap();
    assert!(told.rooms.is_empty() && told.former.is_empty() && told.revoked.contains_key(&laptop));
}

#[test]
fn a_device_that_a_room_knows_to_be_revoked_gets_no_keys_from_one_that_has_not_heard_yet() {
    let mut network = Network::new(4, 991, Faults::NONE);
    let (room, code) = network.create(3, "kitchen");
    network.join(0, &code).unwrap();
    network.link(0, 1);
    network.link(0, 2);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.run_for(35_000);
    let (second, laptop) = (network.hosts[1].device(), network.hosts[2].device());
    // Host 1 hears it in the room, from host 3, and not from host 0.
    network.cut(&[0], &[1, 2]);
    network.revoke(0, laptop);
    assert!(network.run_until(|network| !members(network, 1, room).contains(&laptop)));
    network.run_for(20_000);
    let seed = network.hosts[1].store.load().unwrap().identity.unwrap().user_seed.clone();
    let (key, mut rng) = (OwnKey::of(&seed), ChaCha20Rng::seed_from_u64(3));
    let sealed = key.seal(OwnMessage::Ask, laptop, second, &[0; 32], &mut rng).unwrap();
    let answer = network.ask_as(laptop, 1, &Request::Own(sealed));
    assert!(matches!(answer, Some(Answer::Own(None))), "{answer:?}");
}
