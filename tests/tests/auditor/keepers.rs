//! Who lets somebody in and lies about the room's key.

use parlor_node::{Command, CommandError, Reply};
use parlor_protocol::{
    DeviceId, RoomCode, RoomId,
    access::{
        Wrap,
        wire::{Entered, Found, Offer},
    },
    entry::{Entry, Kind},
    epoch::EpochSecrets,
    keys::{DeviceKey, Secret},
    log::Height,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use parlor_tests::{
    door::Door,
    sim::{Faults, Network, Stranger},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{cell::RefCell, rc::Rc};

use crate::{door, entries, newest_key};

const KEEPER: DeviceId = DeviceId::from_bytes([0xCC; 32]);

/// Knows a door, and hands out the key of an epoch of its own making.
#[derive(Debug)]
struct Keeper {
    genesis: Entry,
    door: Door,
    wrap: Wrap,
    brought: Rc<RefCell<Vec<Entry>>>,
    lets_in: LetsIn,
}

/// What it does with who comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LetsIn {
    /// Hands out the key.
    Yes,
    /// Says that the step is taken, again and again.
    Later,
    /// Says nothing.
    Silent,
}

impl Stranger for Keeper {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        Some(match request {
            Request::Look(_) => {
                let offers = vec![Offer { epoch: self.wrap.facts.epoch, step: 0 }];
                let found = Found { genesis: self.genesis.clone(), door: self.door.entry.clone(), offers };
                Answer::Found(Some(Box::new(found)))
            }
            Request::Enter(_) => match self.lets_in {
                LetsIn::Yes => Answer::Entered(Entered::In(vec![self.wrap.clone()])),
                LetsIn::Later => Answer::Entered(Entered::Again(vec![Offer { epoch: self.wrap.facts.epoch, step: 0 }])),
                LetsIn::Silent => return None,
            },
            Request::Room { ask: RoomRequest::Heights { .. }, .. } => Answer::Heights(Vec::new()),
            Request::Room { ask: RoomRequest::Push { entries }, .. } => {
                let last = entries.last()?.clone();
                self.brought.borrow_mut().extend(entries);
                Answer::Pushed(vec![(last.log_key(), Height::after(&last))])
            }
            Request::Room { ask: RoomRequest::Epochs { .. }, .. } => {
                Answer::Epochs { entries: Vec::new(), tips: Vec::new() }
            }
            Request::Room { .. } | Request::PushWraps(_) => Answer::Done,
            _ => Answer::Refused(Refusal::Malformed),
        })
    }
}

fn made_up(room: RoomId, real: &EpochSecrets) -> EpochSecrets {
    EpochSecrets::derive(room, &[real.id()], Secret::from_bytes([3; 32])).unwrap()
}

/// Host 0's room, and its code; the keeper knows the door, and is in nobody's reach yet.
fn with_keeper(network: &mut Network, lets_in: LetsIn) -> (RoomId, RoomCode, Rc<RefCell<Vec<Entry>>>) {
    let (room, code) = network.create(0, "kitchen");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (door, key) = (door(network, &code), DeviceKey::random(&mut rng));
    let epoch = made_up(room, &newest_key(network, room));
    let wrap = door.wrap(&epoch, 0, &key, &mut rng);
    let genesis = entries(network).into_iter().find(|entry| entry.header().kind == Kind::Genesis).unwrap();
    let brought = Rc::new(RefCell::new(Vec::new()));
    let keeper = Keeper { genesis, door, wrap, brought: Rc::clone(&brought), lets_in };
    network.add_stranger(KEEPER, Box::new(keeper));
    (room, code, brought)
}

#[test]
fn a_keeper_that_never_lets_anybody_in_does_not_hold_up_who_joins() {
    for lets_in in [LetsIn::Later, LetsIn::Silent] {
        let mut network = Network::new(2, 91, Faults::NONE);
        network.cut(&[1], &[0]);
        let (_, code, _) = with_keeper(&mut network, lets_in);
        // It is asked first.
        network.meet(1, KEEPER, true);
        network.run_for(1_000);
        let joining = network.submit(1, Command::Join(code));
        network.run_for(1_000);
        network.heal();
        network.run_for(30_000);
        let joined = network.answer(1, joining);
        assert!(matches!(joined, Some(Ok(Reply::Joined(_)))), "{lets_in:?}: {joined:?}");
    }
}

#[test]
fn nothing_is_written_under_a_key_that_a_keeper_made_up_and_joining_again_mends_it() {
    let mut network = Network::new(2, 90, Faults::NONE);
    network.cut(&[1], &[0]);
    let (room, code, brought) = with_keeper(&mut network, LetsIn::Yes);
    network.meet(1, KEEPER, true);
    network.run_for(1_000);
    network.submit(1, Command::Join(code.clone()));
    network.run_for(60_000);
    let refused = network.say(1, room, "for the kitchen only");
    assert!(matches!(refused, Err(CommandError::RoomChanging | CommandError::NoSuchRoom)), "{refused:?}");
    network.run_for(60_000);
    let kinds: Vec<_> = brought.borrow().iter().map(|entry| entry.header().kind).collect();
    assert!(!kinds.contains(&Kind::Content), "{kinds:?}");
    // The liar is gone, and somebody of the room is there.
    network.stop(1);
    network.heal();
    network.start(1);
    network.run_for(10_000);
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.say(1, room, "hello").unwrap();
    assert!(network.run_until(|network| network.texts(0, room) == ["hello"]));
}
