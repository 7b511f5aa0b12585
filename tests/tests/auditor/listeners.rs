//! Machines that listen to a room, or call themselves archives, and are silent where it matters.

use parlor_node::{Command, Reply, SyncState};
use parlor_protocol::{
    DeviceId, EntryId, LogKey,
    log::Height,
    wire::{Answer, Request, RoomRequest},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::entries;

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

/// Says that it holds one entry more of every log, and never brings it.
#[derive(Debug)]
struct Boaster {
    claims: Vec<(LogKey, Height)>,
    compared: Rc<RefCell<usize>>,
    pages: Rc<RefCell<usize>>,
}

impl Stranger for Boaster {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        match request {
            Request::Room { ask: RoomRequest::Heights { .. }, .. } => {
                *self.compared.borrow_mut() += 1;
                Some(Answer::Heights(self.claims.clone()))
            }
            Request::Room { ask: RoomRequest::Page { .. }, .. } => {
                *self.pages.borrow_mut() += 1;
                None
            }
            _ => None,
        }
    }

    fn silence_ms(&self) -> u64 {
        10_000
    }
}

/// Every log as it was published, and one entry more.
fn one_more(network: &Network) -> Vec<(LogKey, Height)> {
    let mut next: BTreeMap<LogKey, u64> = BTreeMap::new();
    for entry in entries(network) {
        let known = next.entry(entry.log_key()).or_default();
        *known = (*known).max(entry.header().seq + 2);
    }
    next.into_iter().map(|(log, next)| (log, Height { next, head: EntryId::from_bytes([9; 32]) })).collect()
}

/// Host 1 missed what host 0 said, and forty listeners say that they have it all.
fn a_gap_heals(archives: bool) -> (usize, usize) {
    let mut network = Network::new(2, 310, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.run_for(5_000);
    // It uses an archive, which is not there.
    network.call(1, Command::UseArchive { archive: device(99), uses: true }).unwrap();
    network.cut(&[0], &[1]);
    network.say(0, room, "the house burns").unwrap();
    network.run_for(1_000);
    let (claims, compared, pages) = (one_more(&network), Rc::default(), Rc::default());
    for number in 100..140 {
        let boaster = Boaster { claims: claims.clone(), compared: Rc::clone(&compared), pages: Rc::clone(&pages) };
        network.add_stranger(device(number), Box::new(boaster));
        network.meet(1, device(number), archives);
    }
    network.run_for(1_000);
    assert!(*pages.borrow() > 0, "they are asked while nobody else is there");
    network.heal();
    network.run_for(2_000);
    assert_eq!(network.texts(1, room), ["the house burns"], "at once, not after forty silences");
    // And what comes later, by the regular comparison alone.
    for round in 0..3 {
        network.cut(&[0], &[1]);
        network.say(0, room, &format!("still {round}")).unwrap();
        network.run_for(20_000);
        network.heal();
        network.run_for(2_000);
        assert_eq!(network.texts(1, room).len(), 2 + round);
    }
    let before = *compared.borrow();
    network.run_for(10 * 60_000);
    let regular = *compared.borrow() - before;
    (regular, *pages.borrow())
}

#[test]
fn listeners_who_claim_every_log_keep_none_from_members() {
    let (regular, pages) = a_gap_heals(false);
    assert!(regular < 80, "compared {regular} times in ten minutes: members come first");
    assert!(pages < 500, "{pages} pages");
}

#[test]
fn archives_that_are_not_used_and_claim_every_log_keep_none_from_members() {
    a_gap_heals(true);
}

/// Answers nothing, and makes others wait for that.
#[derive(Debug)]
struct Silent;

impl Stranger for Silent {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        None
    }

    fn silence_ms(&self) -> u64 {
        10_000
    }
}

#[test]
fn silent_archives_keep_no_restarted_member_from_letting_somebody_in() {
    let mut network = Network::new(3, 311, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    // Only host 0 can let host 2 in.
    network.cut(&[2], &[0, 1]);
    network.stop(0);
    network.start(0);
    for number in 100..103 {
        network.add_stranger(device(number), Box::new(Silent));
        network.meet(0, device(number), true);
        network.run_for(4_000);
    }
    assert_eq!(network.summary(0, room).unwrap().sync, SyncState::Complete);
    network.heal();
    network.cut(&[2], &[1]);
    let joining = network.submit(2, Command::Join(code));
    network.run_for(4_000);
    let joined = network.answer(2, joining);
    assert!(matches!(joined, Some(Ok(Reply::Joined(_)))), "{joined:?}");
}
