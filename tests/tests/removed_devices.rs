//! An owner removes one device of a person whose other devices stay, under a simulated network: those
//! bring it back by no way, whatever it asks, tells, forgets or is linked to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    Command,
    engine::account::{AccountBundle, Stamp, Stamped},
    store::LocalStore as _,
};
use parlor_protocol::{
    EpochId, RoomId,
    link::{OwnKey, OwnMessage},
    wire::{Answer, Request},
};
use parlor_tests::sim::{Faults, HostId, Liar, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{collections::BTreeSet, sync::atomic::Ordering};

const DESKTOP: HostId = 0;
const FRIEND: HostId = 1;
const LAPTOP: HostId = 2;
const OWNER: HostId = 3;
const TABLET: HostId = 4;

/// A room of host 3 with host 1 and the person of hosts 0 and 2; host 4 is still empty. Some history.
fn house(seed: u64) -> (Network, RoomId) {
    let mut network = Network::new(5, seed, Faults::NONE);
    let (room, code) = network.create(OWNER, "kitchen");
    network.join(DESKTOP, &code).unwrap();
    network.join(FRIEND, &code).unwrap();
    network.link(DESKTOP, LAPTOP);
    assert!(network.run_until(|network| (0..4).all(|host| network.member_count(host, room) == 4)));
    network.say(LAPTOP, room, "before").unwrap();
    assert!(network.run_until(|network| (0..4).all(|host| network.texts(host, room) == ["before"])));
    network.run_for(35_000);
    (network, room)
}

/// The owner removes the laptop, and everybody knows; something is said after it.
fn remove_laptop(network: &mut Network, room: RoomId) {
    let device = network.hosts[LAPTOP].device();
    network.call(OWNER, Command::RemoveDevice { room, device }).unwrap();
    assert!(network.run_until(|network| network.is_out(LAPTOP, room)));
    assert!(network.run_until(|network| (0..2).all(|host| network.member_count(host, room) == 3)));
    network.say(FRIEND, room, "without the laptop").unwrap();
    assert!(network.run_until(|network| network.texts(DESKTOP, room).len() == 2));
    network.run_for(120_000);
}

/// What a host has on its disk of what its person's devices share.
fn shared(network: &mut Network, host: HostId) -> AccountBundle {
    AccountBundle::decode(&network.hosts[host].store.load().unwrap().person.unwrap().bundle.0).unwrap()
}

/// Epochs of a room whose key a host has on its disk, wherever it lies.
fn keys(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<EpochId> {
    let loaded = network.hosts[host].store.load().unwrap();
    let own = loaded.rooms.iter().filter(|(record, _)| record.genesis.room() == room);
    let own: Vec<_> = own.flat_map(|(record, _)| &record.epochs).map(|epoch| epoch.id).collect();
    let shared = shared(network, host);
    own.into_iter().chain(shared.rooms.get(&room).into_iter().flat_map(|room| &room.epochs).map(|e| e.id)).collect()
}

/// Asks a host as another device of its person, with all that such a device has, what it knows.
fn asked(network: &mut Network, as_host: HostId, host: HostId) -> Option<AccountBundle> {
    let seed = network.hosts[as_host].store.load().unwrap().identity.unwrap().user_seed.clone();
    let (from, to) = (network.hosts[as_host].device(), network.hosts[host].device());
    let (key, mut rng) = (OwnKey::of(&seed), ChaCha20Rng::seed_from_u64(1));
    let sealed = key.seal(OwnMessage::Ask, from, to, &[0; 32], &mut rng).unwrap();
    match network.ask_as(from, host, &Request::Own(sealed)) {
        Some(Answer::Own(Some(told))) => {
            Some(AccountBundle::decode(&key.open(OwnMessage::Tell, to, from, &told).unwrap()).unwrap())
        }
        _ => None,
    }
}

#[test]
fn a_removed_device_gets_no_newer_key_from_the_own_devices_that_stay() {
    let (mut network, room) = house(1_000);
    let before = keys(&mut network, LAPTOP, room);
    remove_laptop(&mut network, room);
    // Its own program has taken up nothing.
    assert!(keys(&mut network, LAPTOP, room).is_subset(&before));
    assert!(keys(&mut network, DESKTOP, room).len() > before.len());
    // And a program that asks by itself is told nothing of the room.
    let told = asked(&mut network, LAPTOP, DESKTOP).expect("it is still a device of the person");
    assert!(!told.rooms.contains_key(&room) && !told.devices.is_empty());
    assert_eq!(network.texts(LAPTOP, room), ["before"]);
    // All else goes on between the two.
    let (attic, _) = network.create(DESKTOP, "attic");
    assert!(network.run_until(|network| network.member_count(LAPTOP, attic) == 2));
    // Also after restarts.
    for host in [DESKTOP, LAPTOP] {
        network.quit(host);
        network.start(host);
    }
    network.run_for(60_000);
    let told = asked(&mut network, LAPTOP, DESKTOP).unwrap();
    assert!(!told.rooms.contains_key(&room) && told.rooms.contains_key(&attic));
    assert!(keys(&mut network, LAPTOP, room).is_subset(&before) && network.is_out(LAPTOP, room));
    // The person is told what the removal does not do.
    let told = |network: &Network, host| {
        network.problems(host).iter().filter(|problem| problem.contains("removed your device laptop")).count()
    };
    network.say(DESKTOP, room, "still here").unwrap();
    assert_eq!(told(&network, DESKTOP), 0, "once is enough");
}

#[test]
fn the_person_is_told_of_a_device_that_an_owner_removed() {
    let (mut network, room) = house(1_001);
    remove_laptop(&mut network, room);
    let told = |network: &Network, host| {
        network.problems(host).iter().filter(|problem| problem.contains("removed your device laptop")).count()
    };
    assert_eq!([DESKTOP, LAPTOP, FRIEND, OWNER].map(|host| told(&network, host)), [1, 0, 0, 0]);
}

#[test]
fn a_third_device_that_has_not_heard_in_the_room_hands_nothing_on_either() {
    let (mut network, room) = house(1_002);
    network.link(DESKTOP, TABLET);
    assert!(network.run_until(|network| (0..5).all(|host| network.member_count(host, room) == 5)));
    network.run_for(35_000);
    let before = keys(&mut network, LAPTOP, room);
    // The tablet and the laptop reach only the desktop, and the tablet the desktop only when it is over.
    network.cut(&[TABLET], &[DESKTOP, FRIEND, LAPTOP, OWNER]);
    network.cut(&[LAPTOP], &[DESKTOP, FRIEND, OWNER]);
    let device = network.hosts[LAPTOP].device();
    network.call(OWNER, Command::RemoveDevice { room, device }).unwrap();
    assert!(network.run_until(|network| network.member_count(DESKTOP, room) == 4));
    network.run_for(35_000);
    network.heal();
    network.cut(&[TABLET], &[FRIEND, OWNER]);
    network.cut(&[LAPTOP], &[DESKTOP, FRIEND, OWNER]);
    // It has them by its person's desktop, and with them who is not to have them.
    let newest = keys(&mut network, DESKTOP, room);
    assert!(network.run_until(|network| keys(network, TABLET, room) == newest));
    network.run_for(120_000);
    assert!(keys(&mut network, LAPTOP, room).is_subset(&before), "{newest:?}");
    assert!(!asked(&mut network, LAPTOP, TABLET).unwrap().rooms.contains_key(&room));
}

#[test]
fn a_removed_device_that_forgets_the_room_is_not_brought_back_and_takes_it_from_nobody() {
    let (mut network, room) = house(1_003);
    let before = keys(&mut network, LAPTOP, room);
    remove_laptop(&mut network, room);
    network.call(LAPTOP, Command::ForgetRoom { room }).unwrap();
    network.run_for(60_000);
    for host in [DESKTOP, LAPTOP] {
        network.quit(host);
        network.start(host);
    }
    network.run_for(60_000);
    assert_eq!(network.standing(LAPTOP, room), None);
    assert!(keys(&mut network, LAPTOP, room).is_subset(&before));
    // A new device of the person enters the room all the same, by the one that stayed.
    network.link(DESKTOP, TABLET);
    assert!(network.run_until(|network| network.texts(TABLET, room) == ["before", "without the laptop"]));
    // The removed one has nothing of it to hand on.
    let tablet = network.hosts[TABLET].device();
    let knows = |network: &mut Network| network.own_devices(LAPTOP).iter().any(|known| known.device == tablet);
    assert!(network.run_until(knows));
    assert_eq!(asked(&mut network, TABLET, LAPTOP).map(|told| told.rooms.contains_key(&room)), Some(false));
}

#[test]
fn a_removed_device_that_is_linked_anew_is_handed_nothing_of_the_room() {
    let (mut network, room) = house(1_004);
    let before = keys(&mut network, LAPTOP, room);
    remove_laptop(&mut network, room);
    network.call(LAPTOP, Command::ForgetRoom { room }).unwrap();
    network.link(DESKTOP, LAPTOP);
    network.run_for(60_000);
    assert_eq!(network.standing(LAPTOP, room), None);
    assert!(keys(&mut network, LAPTOP, room).is_subset(&before));
    assert!(!shared(&mut network, DESKTOP).rooms[&room].epochs.is_empty(), "the desktop keeps its keys");
    network.say(DESKTOP, room, "still a member").unwrap();
    assert!(network.run_until(|network| network.texts(OWNER, room).len() == 3));
}

#[test]
fn what_a_removed_device_tells_of_the_room_is_not_heeded() {
    let (mut network, room) = house(1_005);
    remove_laptop(&mut network, room);
    // A changed program with all that the laptop has says that the person left, and that the desktop is
    // out.
    let laptop = network.hosts[LAPTOP].device();
    let mut lies = shared(&mut network, LAPTOP);
    let seed = lies.user_seed.clone();
    let desktop = network.hosts[DESKTOP].device();
    let mut known = shared(&mut network, DESKTOP).rooms[&room].clone();
    known.epochs.clear();
    known.removed = [desktop].into();
    known.held = Stamped::new(false, Stamp { at: u64::MAX / 2, device: laptop });
    lies.rooms.insert(room, known);
    network.stop(LAPTOP);
    network.run_for(1_000);
    let liar = Liar::new(&seed, laptop, &lies);
    let told = liar.asked();
    network.add_stranger(laptop, Box::new(liar));
    network.meet(DESKTOP, laptop, false);
    assert!(network.run_until(|_| told.load(Ordering::Relaxed) > 1));
    network.run_for(60_000);
    let known = &shared(&mut network, DESKTOP).rooms[&room];
    assert!(known.held.value && !known.removed.contains(&desktop));
    network.say(DESKTOP, room, "still a member").unwrap();
    assert!(network.run_until(|network| network.texts(OWNER, room).len() == 3));
}
