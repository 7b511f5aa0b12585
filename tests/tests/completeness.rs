//! When a room is called complete, and a message delivered: whoever looks then sees all that those
//! who are connected had, and whoever goes then leaves nothing behind. On virtual time, with answers
//! that come in any order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, RoomChange, RoomStanding, SyncState};
use parlor_protocol::{
    DeviceId, Role, RoomId,
    keys::DeviceKey,
    log::Height,
    wire::{Answer, Request, RoomRequest, Tail},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Machines of people.
const ANNA: usize = 0;
const BEN: usize = 1;
const CARL: usize = 2;
const DORA: usize = 3;
/// A network on which answers overtake each other.
const SLOW: Faults = Faults { delay_ms: (1, 400), ..Faults::NONE };
/// One on which every answer takes as long.
const EVEN: Faults = Faults { delay_ms: (200, 200), ..Faults::NONE };
/// How much longer some requests take, in milliseconds.
const HELD_UP_MS: u64 = 1_500;

/// A room of all hosts in which everybody knows everything.
fn room_of(network: &mut Network) -> RoomId {
    let (room, code) = network.create(ANNA, "kitchen");
    let hosts = network.hosts.len();
    (1..hosts).for_each(|host| drop(network.join(host, &code).unwrap()));
    assert!(network.run_until(|network| (0..hosts).all(|host| network.member_count(host, room) == hosts)));
    network.run_for(3_000);
    room
}

fn sync(network: &mut Network, host: usize, room: RoomId) -> SyncState {
    network.summary(host, room).unwrap().sync
}

/// Lets time pass until a room is called complete; how long that took.
fn until_complete(network: &mut Network, host: usize, room: RoomId) -> u64 {
    let start = network.clock();
    while sync(network, host, room) != SyncState::Complete {
        assert!(network.clock() < start + 60_000, "it is never complete");
        network.run_for(1);
    }
    network.clock() - start
}

fn change(network: &mut Network, host: usize, room: RoomId, round: u64) {
    let change = RoomChange::Lifetime(Some(1_000_000_000 + round));
    network.call(host, Command::ChangeRoom { room, change }).unwrap();
}

#[test]
fn a_room_is_complete_only_with_what_was_said_in_epochs_that_are_new_here() {
    for seed in 0..20 {
        let mut network = Network::new(3, 300 + seed, Faults::NONE);
        let room = room_of(&mut network);
        network.quit(BEN);
        for round in 0..3 {
            change(&mut network, ANNA, room, round);
            // What stands in another log than its epoch may come before it.
            network.say(CARL, room, &format!("in epoch {round}")).unwrap();
        }
        network.run_for(1_000);
        network.faults = SLOW;
        network.start(BEN);
        let took = until_complete(&mut network, BEN, room);
        let texts = network.texts(BEN, room);
        assert_eq!(texts, ["in epoch 0", "in epoch 1", "in epoch 2"], "seed {seed}, after {took} ms");
    }
}

#[test]
fn a_room_is_complete_only_when_epochs_that_stand_in_no_log_are_here() {
    let mut network = Network::new(4, 330, Faults::NONE);
    let room = room_of(&mut network);
    let dora = network.members(DORA, room).into_iter().find(|member| member.own).unwrap().user.unwrap();
    network.call(ANNA, Command::SetRole { room, user: dora, role: Role::Owner }).unwrap();
    network.run_for(3_000);
    // Dora changes the room while she is removed elsewhere: her log ends before that, her change does not.
    network.cut(&[ANNA, BEN], &[CARL, DORA]);
    network.call(ANNA, Command::RemovePerson { room, user: dora }).unwrap();
    network.run_for(3_000);
    network.quit(BEN);
    change(&mut network, DORA, room, 1);
    network.run_for(1_000);
    network.say(CARL, room, "in the epoch of Dora").unwrap();
    network.run_for(3_000);
    network.stop(DORA);
    network.heal();
    assert!(network.run_until(|network| network.texts(ANNA, room) == ["in the epoch of Dora"]));
    network.run_for(30_000);
    network.quit(CARL);
    network.holds_up = |request| match request {
        Request::Room { ask: RoomRequest::Epochs { .. }, .. } => HELD_UP_MS,
        _ => 0,
    };
    network.start(BEN);
    until_complete(&mut network, BEN, room);
    assert_eq!(network.texts(BEN, room), ["in the epoch of Dora"]);
    assert_eq!(network.standing(BEN, room), Some(RoomStanding::Member));
}

#[test]
fn a_room_is_complete_only_with_what_the_slowest_of_those_had_who_are_there() {
    for seed in 0..10 {
        let mut network = Network::new(3, 340 + seed, Faults::NONE);
        let room = room_of(&mut network);
        network.quit(BEN);
        network.cut(&[ANNA], &[CARL]);
        network.say(ANNA, room, "Anna knows").unwrap();
        network.say(CARL, room, "Carl knows").unwrap();
        network.faults = SLOW;
        network.start(BEN);
        until_complete(&mut network, BEN, room);
        let mut texts = network.texts(BEN, room);
        texts.sort();
        assert_eq!(texts, ["Anna knows", "Carl knows"], "seed {seed}");
    }
}

/// An archive that holds whatever somebody asks about, and says nothing else.
#[derive(Debug, Default)]
struct Agreeing {
    pushed: Arc<AtomicUsize>,
    is_silent_about_heights: bool,
}

impl Stranger for Agreeing {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        let Request::Room { ask, .. } = request else { return None };
        match ask {
            RoomRequest::Heights { .. } => (!self.is_silent_about_heights).then_some(Answer::Same),
            RoomRequest::Epochs { tips } => Some(Answer::Epochs { entries: Vec::new(), tips }),
            RoomRequest::Tail { .. } => Some(Answer::Tail(Tail::default())),
            RoomRequest::Push { entries } => {
                self.pushed.fetch_add(entries.len(), Ordering::Relaxed);
                let last = entries.last()?.clone().verify().ok()?;
                Some(Answer::Pushed(vec![(last.log_key(), Height::after(&last))]))
            }
            _ => Some(Answer::Done),
        }
    }
}

fn archive() -> DeviceId {
    DeviceKey::random(&mut ChaCha20Rng::seed_from_u64(9)).id()
}

#[test]
fn what_is_written_while_an_archive_is_asked_is_called_archived_only_when_it_took_it() {
    let mut network = Network::new(1, 360, EVEN);
    let (room, _) = network.create(ANNA, "kitchen");
    network.run_for(1_000);
    let stranger = Agreeing::default();
    let pushed = Arc::clone(&stranger.pushed);
    network.add_stranger(archive(), Box::new(stranger));
    network.meet(ANNA, archive(), true);
    // It is asked whether it has the same, and answers about what was there then.
    network.run_for(50);
    network.send(ANNA, room, "later");
    let is_archived = |network: &mut Network| {
        let message = network.messages(ANNA, room).pop();
        message.is_some_and(|message| message.delivery.archived)
    };
    let mut took = 0;
    while !is_archived(&mut network) {
        assert!(took < 5_000, "it is never archived");
        network.run_for(1);
        took += 1;
    }
    assert!(pushed.load(Ordering::Relaxed) > 0, "after {took} ms it is called archived, and nobody has it");
}

#[test]
fn what_is_written_while_a_member_is_asked_has_reached_it_only_when_it_is_there() {
    for seed in 0..10 {
        let mut network = Network::new(2, 370 + seed, Faults::NONE);
        let room = room_of(&mut network);
        network.cut(&[ANNA], &[BEN]);
        network.run_for(1_000);
        // Gossip gets lost, and answers are late.
        network.faults = Faults { delay_ms: (100, 300), ..Faults::NONE };
        network.heal();
        network.run_for(5 + 10 * seed);
        network.faults.loss_percent = 100;
        network.send(ANNA, room, "later");
        network.run_for(5);
        network.faults.loss_percent = 0;
        let reached = |network: &mut Network| network.messages(ANNA, room).last().unwrap().delivery.reached > 0;
        while !reached(&mut network) {
            network.run_for(1);
        }
        assert_eq!(network.texts(BEN, room), ["later"], "seed {seed}: it is said to have reached Ben");
    }
}

#[test]
fn an_archive_that_answers_nothing_is_waited_for_only_until_it_has_failed() {
    let mut network = Network::new(2, 390, EVEN);
    let room = room_of(&mut network);
    network.call(BEN, Command::UseArchive { archive: archive(), uses: true }).unwrap();
    network.quit(BEN);
    network.quit(ANNA);
    let stranger = Agreeing { is_silent_about_heights: true, ..Agreeing::default() };
    network.add_stranger(archive(), Box::new(stranger));
    network.start(BEN);
    network.meet(BEN, archive(), true);
    network.run_for(100);
    assert!(matches!(sync(&mut network, BEN, room), SyncState::Syncing { .. }), "it is being asked");
    network.run_for(200);
    assert_eq!(sync(&mut network, BEN, room), SyncState::Alone, "it has failed");
    network.start(ANNA);
    until_complete(&mut network, BEN, room);
}
