//! What only later versions say: this one says so, and holds it against nobody.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::net::{NetCommand, Verdict};
use parlor_protocol::{
    DeviceId,
    keys::DeviceKey,
    wire::{Answer, Refusal, Request},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap();
    [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
}

fn device(seed: u64) -> DeviceId {
    DeviceKey::random(&mut ChaCha20Rng::seed_from_u64(seed)).id()
}

#[test]
fn a_kind_of_gossip_that_is_not_known_is_neither_passed_on_nor_held_against_who_told_it() {
    let mut network = Network::new(2, 1, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.send(1, room, "before");
    assert!(network.run_until(|network| network.texts(0, room) == ["before"]));
    let (topic, teller) = (network.hosts[0].heard_topics()[0], network.hosts[1].device());
    let mut verdicts = Vec::new();
    for kind in [0x4999, 0x0001, 0x8001, u16::MAX] {
        verdicts.extend(network.whisper(0, teller, topic, framed(kind, b"from later").into()));
    }
    assert_eq!(verdicts.len(), 4, "nothing else comes of it: {verdicts:?}");
    let is_ignored = |command: &NetCommand| matches!(command, NetCommand::Judge { verdict: Verdict::Ignore, .. });
    assert!(verdicts.iter().all(is_ignored), "{verdicts:?}");
    network.send(1, room, "after");
    assert!(network.run_until(|network| network.texts(0, room) == ["before", "after"]));
}

#[test]
fn a_request_of_a_kind_that_is_not_known_is_answered_as_one() {
    let mut network = Network::new(1, 1, Faults::NONE);
    network.create(0, "kitchen");
    for _ in 0..1_000 {
        let answer = network.ask_raw_as(device(7), 0, framed(0x0999, &[]));
        assert_eq!(answer, Some(Answer::Refused(Refusal::Unsupported)));
    }
    let rubbish = network.ask_raw_as(device(7), 0, framed(0x0003, b"\xff\xff"));
    assert_eq!(rubbish, Some(Answer::Refused(Refusal::Malformed)));
}

/// Answers everything in a way that is not known.
#[derive(Debug)]
struct Later;

impl Stranger for Later {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        Some(Answer::Done)
    }

    fn write(&mut self, _: &Answer) -> Vec<u8> {
        framed(0x8999, b"from later")
    }
}

#[test]
fn who_answers_in_kinds_that_are_not_known_stays_connected_and_the_room_goes_on() {
    let mut network = Network::new(2, 1, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for (later, archive) in [(device(7), true), (device(8), false)] {
        network.add_stranger(later, Box::new(Later));
        network.meet(0, later, archive);
    }
    network.run_for(10 * 60_000);
    assert!(network.banned.is_empty(), "{:?}", network.banned);
    network.send(1, room, "hello");
    assert!(network.run_until(|network| network.texts(0, room) == ["hello"]));
}
