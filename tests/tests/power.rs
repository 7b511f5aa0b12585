//! Programs that die between writing and publishing: no place of a log and no nonce is used twice,
//! nothing acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, CommandError, Event, Reply};
use parlor_protocol::{EntryId, LogKey, RoomId, Text, entry::Kind};
use parlor_tests::sim::{Faults, Network, entries_in};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

/// Networks, and how often the writer of each loses power: 1,000 times in all.
const NETWORKS: u64 = 25;
const POWER_CUTS: u64 = 40;

fn say(room: RoomId, text: &str) -> Command {
    Command::Send { room, text: Text::new(text).unwrap(), reply_to: None }
}

/// No two entries for one place, no two ciphertexts under one nonce of a session. Returns how many
/// entries there were.
fn assert_every_place_was_used_once(network: &Network, seed: u64) -> usize {
    let mut places: BTreeMap<(LogKey, u64), EntryId> = BTreeMap::new();
    let mut nonces: BTreeMap<(LogKey, u64, u64), Vec<u8>> = BTreeMap::new();
    for entry in network.published.iter().flat_map(|(_, bytes)| entries_in(bytes)) {
        let header = *entry.header();
        let before = places.insert((header.log_key(), header.seq), entry.id());
        assert!(before.is_none_or(|id| id == entry.id()), "seed {seed}: place {} was used twice", header.seq);
        if header.kind == Kind::Content {
            let place = (header.log_key(), header.session, header.seq - header.session);
            let before = nonces.insert(place, entry.body().to_vec());
            assert!(before.is_none_or(|body| body == entry.body()), "seed {seed}: a nonce was used twice");
        }
    }
    places.len()
}

/// A writer that loses power again and again while it writes. Returns how many of its entries were
/// published and not on its disk when it did.
fn loses_power(seed: u64) -> usize {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut random = |below: u64| rng.next_u64() % below;
    let mut network = Network::new(2, seed, Faults { duplicate_percent: 10, ..Faults::NONE });
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.run_for(1_000);
    let (mut sent, mut acknowledged, mut lost) = (0, BTreeSet::new(), 0);
    for _ in 0..POWER_CUTS {
        let mut calls = Vec::new();
        for _ in 0..random(12) {
            // Mostly one, sometimes several at once: they leave as one gossip message.
            let texts: Vec<_> = (0..1 + random(8) / 6 * random(5)).map(|at| format!("message {}", sent + at)).collect();
            sent += texts.len() as u64;
            let numbers = network.submit_all(0, texts.iter().map(|text| say(room, text)).collect());
            calls.extend(numbers.into_iter().zip(texts));
            network.run_for(random(5));
        }
        calls.retain(|(call, text)| match network.answer(0, *call) {
            Some(Ok(_)) => !acknowledged.insert(text.clone()),
            _ => true,
        });
        network.stop(0);
        network.run_for(random(400));
        // What the others have and nobody acknowledged was published before it was durable.
        let others = network.texts(1, room);
        lost += calls.iter().filter(|(_, text)| others.contains(text)).count();
        network.start(0);
        // Often it writes before anybody could tell it what it has forgotten.
        network.run_for(random(40));
    }
    let done = network.run_until(|network| {
        let texts = network.texts(0, room);
        texts == network.texts(1, room) && acknowledged.iter().all(|text| texts.contains(text))
    });
    assert!(done, "seed {seed}: {} and {}", network.texts(0, room).len(), network.texts(1, room).len());
    let texts = network.texts(0, room);
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "seed {seed}: something is there twice");
    for host in 0..2 {
        assert_eq!(network.problems(host), Vec::<String>::new(), "seed {seed}: nobody is told of a fork");
    }
    let published = assert_every_place_was_used_once(&network, seed);
    assert!(published >= texts.len(), "seed {seed}: every message was published");
    lost
}

#[test]
fn no_place_and_no_nonce_is_used_twice_in_a_thousand_power_cuts() {
    let (next, caught) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let seed @ 0..NETWORKS = next.fetch_add(1, Ordering::Relaxed) {
                    caught.fetch_add(loses_power(seed) as u64, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(caught.into_inner() > 100, "the power was cut at the wrong moments: nothing was tried");
}

#[test]
fn a_message_that_the_disk_refused_after_it_was_sent_is_kept_and_saved_later() {
    refused_after_it_was_sent(false);
}

#[test]
fn a_message_that_the_disk_refused_after_it_was_sent_is_saved_before_the_next_one() {
    refused_after_it_was_sent(true);
}

fn refused_after_it_was_sent(is_next_at_once: bool) {
    let mut network = Network::new(2, 3, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for text in ["one", "two", "three"] {
        network.call(0, say(room, text)).unwrap();
    }
    network.hosts[0].disk_full = true;
    let told = network.call(0, say(room, "four")).unwrap_err();
    assert!(matches!(told, CommandError::SentNotSaved { .. }), "{told}");
    assert!(matches!(network.call(0, say(room, "five")), Err(CommandError::Storage { .. })), "now it is known");
    let all = ["one", "two", "three", "four"];
    assert!(network.run_until(|network| network.texts(1, room) == all));
    assert_eq!(network.texts(0, room), all, "it stays on the screen");
    let is_saved = |network: &mut Network| network.messages(0, room).last().unwrap().delivery.stored;
    assert!(!is_saved(&mut network), "and is marked");
    network.hosts[0].disk_full = false;
    if is_next_at_once {
        network.call(0, say(room, "six")).expect("there is space again, and nobody has to wait");
        assert!(network.messages(0, room).iter().filter(|message| message.own).all(|message| message.delivery.stored));
    } else {
        assert!(network.run_until(is_saved), "it is saved by itself");
        network.call(0, say(room, "six")).unwrap();
    }
    network.stop(0);
    network.start(0);
    let all = ["one", "two", "three", "four", "six"];
    assert!(network.run_until(|network| network.texts(0, room) == all && network.texts(1, room) == all));
    assert_eq!(network.problems(1), Vec::<String>::new(), "no fork");
}

#[test]
fn a_pause_or_a_proper_end_gives_reserved_places_back() {
    let mut network = Network::new(2, 4, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    let log_of = |network: &mut Network, text: &str| {
        network.call(0, say(room, text)).unwrap();
        network.messages(0, room).last().unwrap().order.log
    };
    let first = log_of(&mut network, "one");
    for text in ["two", "three", "four"] {
        assert_eq!(log_of(&mut network, text), first);
    }
    network.run_for(60_000);
    network.stop(0);
    network.start(0);
    assert_eq!(log_of(&mut network, "five"), first, "the power went out in a pause: the log goes on");
    log_of(&mut network, "six");
    network.quit(0);
    network.start(0);
    assert_eq!(log_of(&mut network, "seven"), first, "it was stopped in a conversation: the log goes on");
    log_of(&mut network, "more");
    log_of(&mut network, "and more");
    network.stop(0);
    network.start(0);
    let second = log_of(&mut network, "eight");
    assert_ne!(second, first, "the power went out in a conversation: a place may have been used");
    let texts = ["one", "two", "three", "four", "five", "six", "seven", "more", "and more", "eight"];
    assert!(network.run_until(|network| network.texts(1, room) == texts));
    let told = |event: &Event| matches!(event, Event::ProblemRaised(_));
    assert!(!network.hosts.iter().any(|host| host.events.iter().any(told)), "nobody needs to know");
    let Ok(Reply::Rooms(rooms)) = network.call(1, Command::Rooms) else { panic!("rooms") };
    assert_eq!(rooms.len(), 1);
}
