//! A running machine is copied with its memory (a virtual machine put back to a snapshot): what the
//! copies say afterwards shares no keystream, also when their systems give the same random bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    Command,
    engine::{CallId, Engine, Input, Now, Output},
    store::{LocalStore as _, MemoryStore, Write},
};
use parlor_protocol::{
    RoomId, Text,
    entry::{Entry, Kind},
};
use parlor_tests::sim::{Faults, Network};

/// A machine alone: the engine with the store that it asks for.
struct Machine {
    engine: Engine,
    store: MemoryStore,
    sealed: Vec<Entry>,
    mono: u64,
    calls: u64,
    /// What the system's random bytes are made of.
    fresh: u8,
}

impl Machine {
    fn start(mut store: MemoryStore, seed: [u8; 32]) -> Self {
        let loaded = store.load().unwrap();
        let (engine, outputs) = Engine::new(loaded, seed, Now { mono: 1_000, wall: 1_900_000_000_000 });
        let mut machine = Self { engine, store, sealed: Vec::new(), mono: 1_000, calls: 0, fresh: 0 };
        machine.carry_out(outputs);
        machine
    }

    fn input(&mut self, input: Input) {
        self.mono += 1;
        let now = Now { mono: self.mono, wall: 1_900_000_000_000 + self.mono };
        let outputs = self.engine.handle(now, &[self.fresh; 32], input);
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Write { id, writes, .. } => {
                    for write in &writes {
                        if let Write::Append { entries, .. } = write {
                            let contents = entries.iter().filter(|e| e.entry.header().kind == Kind::Content);
                            self.sealed.extend(contents.map(|e| e.entry.inner().clone()));
                        }
                    }
                    let result = self.store.apply(&[writes]).remove(0);
                    self.input(Input::Written { id, result });
                }
                Output::Read { id, read } => {
                    let result = self.store.read(&read);
                    self.input(Input::Read { id, result });
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, room: RoomId, text: &str) -> Entry {
        self.calls += 1;
        let text = Text::new(text).unwrap();
        self.input(Input::Command { call: CallId(self.calls), command: Command::Send { room, text, reply_to: None } });
        self.sealed.last().unwrap().clone()
    }
}

const TEXTS: [&str; 2] = ["meet me at the old mill at nine tonight.", "the password of the safe is 4815162342!!"];

/// A room, and the disk of somebody in it.
fn disk() -> (RoomId, MemoryStore) {
    let mut network = Network::new(2, 5, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.run_for(60_000);
    network.quit(0);
    (room, network.hosts[0].store.clone())
}

/// Same disk, same memory: both go on from the same state.
fn twins(store: &MemoryStore) -> [Machine; 2] {
    [Machine::start(store.clone(), [7; 32]), Machine::start(store.clone(), [7; 32])]
}

/// The two ciphertexts laid over each other look like noise: no stretch of both is the same, and the
/// texts do not show through.
fn share_nothing(a: &Entry, b: &Entry) {
    assert_eq!((a.header().seq, a.body().len()), (b.header().seq, b.body().len()), "the same place and length");
    let xor: Vec<u8> = a.body().iter().zip(b.body()).map(|(x, y)| x ^ y).collect();
    // Padding and headers of two contents are alike: under one keystream the difference is zero there.
    assert!(xor.windows(8).all(|window| window != [0; 8]), "a stretch of both is under one keystream");
    let plain: Vec<u8> = TEXTS[0].bytes().zip(TEXTS[1].bytes()).map(|(x, y)| x ^ y).collect();
    assert!(xor.windows(plain.len()).all(|window| window != plain), "who guesses one text has the other");
}

/// Twins in one session say `TEXTS`, with these random bytes of their systems.
fn said_in_one_session(fresh: [u8; 2]) -> [Entry; 2] {
    let (room, store) = disk();
    let mut twins = twins(&store);
    let before: Vec<Entry> = twins.iter_mut().map(|twin| twin.say(room, "said before the snapshot")).collect();
    assert_eq!(before[0].id(), before[1].id(), "the twins are the same so far");
    let sealed = [0, 1].map(|n| {
        twins[n].fresh = fresh[n];
        twins[n].say(room, TEXTS[n])
    });
    assert_eq!(sealed[0].header().session, sealed[1].header().session, "both go on in the session that they share");
    sealed
}

#[test]
fn copies_of_a_running_machine_share_no_keystream() {
    let [a, b] = said_in_one_session([1, 2]);
    share_nothing(&a, &b);
}

#[test]
fn nor_when_their_systems_give_the_same_random_bytes() {
    let [a, b] = said_in_one_session([1, 1]);
    share_nothing(&a, &b);
}

#[test]
fn sessions_that_copies_open_have_keys_of_their_own() {
    let (room, store) = disk();
    for fresh in [[1, 2], [1, 1]] {
        let mut twins = twins(&store);
        let [a, b] = [0, 1].map(|n| {
            twins[n].fresh = fresh[n];
            twins[n].say(room, TEXTS[n])
        });
        assert_ne!(a.body()[..32], b.body()[..32], "the ephemeral keys");
        share_nothing(&a, &b);
    }
}
