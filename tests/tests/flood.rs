//! A million bogus gossip messages at one member: its memory and its answers stay bounded, and the
//! conversation goes on. A program of its own, so that nothing else uses memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

use bytes::Bytes;
use parlor_node::net::{NetCommand, Verdict};
use parlor_protocol::{
    DeviceId, EntryId, LogId, RoomId,
    entry::{Entry, Header, Kind, SIG_LEN},
    epoch::EpochSecrets,
    keys::DeviceKey,
    wire::Gossip,
};
use parlor_tests::sim::{Faults, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

const MESSAGES: usize = 1_000_000;
/// Different ones of each kind.
const TEMPLATES: usize = 2_000;
/// What the flood may add to the memory of the whole program: templates and simulated network
/// included.
const MEMORY_MAX: u64 = 64 * 1024 * 1024;

fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn wire(entry: Entry) -> Bytes {
    Gossip::Entry(entry).encode().unwrap().into()
}

/// What strangers can make who know the room's public side, and what one of them overheard.
fn bogus(rng: &mut ChaCha20Rng, room: RoomId, secrets: &EpochSecrets, overheard: &[Bytes]) -> Vec<Vec<Bytes>> {
    let header = |key: &DeviceKey, room: RoomId, seq: u64| Header {
        kind: Kind::Content,
        room,
        author: key.id(),
        log: LogId(seq ^ 7),
        seq,
        prev: EntryId::from_bytes([3; 32]),
        epoch: secrets.id(),
        session: seq,
    };
    let signed = |key: &DeviceKey, room, seq| Entry::sign(key, header(key, room, seq), &[0; 300]).unwrap().into_inner();
    let run = |key: &DeviceKey, seq: u64| {
        let first = signed(key, room, seq);
        let header = Header { seq: seq + 1, prev: first.id(), log: first.header().log, ..header(key, room, seq) };
        vec![first, Entry::sign(key, header, &[0; 300]).unwrap().into_inner()]
    };
    let mut kinds: Vec<Vec<Bytes>> = vec![Vec::new(); 8];
    for at in 0..TEMPLATES {
        let key = DeviceKey::random(rng);
        let mut rubbish = vec![0; 400];
        rng.fill_bytes(&mut rubbish);
        kinds[0].push(rubbish.into());
        kinds[1].push(wire(signed(&key, RoomId::from_bytes([9; 32]), 0)));
        kinds[2].push(wire(signed(&key, room, 0)));
        kinds[3].push(wire(signed(&key, room, u64::from(rng.next_u32()))));
        let mut broken = signed(&key, room, 0).bytes().to_vec();
        let place = broken.len() - 1 - at % SIG_LEN;
        broken[place] ^= 1;
        kinds[4].push(wire(Entry::decode(broken).unwrap()));
        kinds[5].push(overheard[at % overheard.len()].clone());
        kinds[6].push(Gossip::Run(run(&key, 0)).encode().unwrap().into());
        let mut broken = Gossip::Run(run(&key, u64::from(rng.next_u32()))).encode().unwrap();
        let place = broken.len() - 1 - at % SIG_LEN;
        broken[place] ^= 1;
        kinds[7].push(broken.into());
    }
    kinds
}

#[test]
fn a_million_bogus_messages_are_refused_in_bounded_memory_and_the_conversation_goes_on() {
    let mut network = Network::new(2, 1, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.send(1, room, "before");
    assert!(network.run_until(|network| network.texts(0, room) == ["before"]));
    network.run_for(60_000);

    let overheard: Vec<Bytes> = network.published.iter().map(|(_, bytes)| bytes.clone()).collect();
    let secrets = network.keys_of(0, room).pop().expect("a key");
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let kinds = bogus(&mut rng, room, &secrets, &overheard);
    // The one who passes it all on is a member; all the worse.
    let from: DeviceId = network.hosts[1].device();
    network.hosts[0].events.clear();
    let (before, mut accepted, mut requests) = (resident(), 0, 0);
    for at in 0..MESSAGES {
        let kind = &kinds[at % kinds.len()];
        let bytes = kind[at / kinds.len() % kind.len()].clone();
        for command in network.whisper(0, from, secrets.topic(), bytes) {
            match command {
                NetCommand::Judge { verdict, .. } => accepted += usize::from(verdict == Verdict::Accept),
                NetCommand::Request { .. } => requests += 1,
                NetCommand::Publish { .. } | NetCommand::Ban(_) => {}
                other => panic!("a flood leads to {other:?}"),
            }
        }
        // A thousand in a hundredth of a second.
        if at % 1_000 == 0 {
            network.run_for(10);
        }
    }
    let grown = resident().saturating_sub(before);
    assert_eq!(accepted, 0, "nothing bogus is passed on");
    assert!(grown < MEMORY_MAX, "{} MB more", grown / 1024 / 1024);
    assert!(requests < MESSAGES / 100, "{requests} requests went out because of it");
    assert_eq!(network.texts(0, room), ["before"]);
    assert!(network.hosts[0].events.len() < 1_000, "{} events", network.hosts[0].events.len());
    network.send(1, room, "after");
    network.send(0, room, "me too");
    let all = ["before", "after", "me too"];
    assert!(network.run_until(|network| (0..2).all(|host| {
        let texts = network.texts(host, room);
        all.iter().all(|text| texts.iter().any(|seen| seen == text))
    })));
}
