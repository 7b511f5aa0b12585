//! As many records as a room has places for.

use super::{device, record, user};
use crate::{
    epoch::EpochGraph,
    ids::{DeviceId, EntryId, EpochId, UserId},
};

#[test]
fn a_long_chain_is_taken_in_quickly() {
    let mut graph = EpochGraph::new(device(1), vec![user(1)]);
    let entry = |number: u32| {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    for number in 0..2000u32 {
        let after = number.checked_sub(1).map(|before| EntryId::from_bytes(entry(before))).into_iter().collect();
        let mut facts = record(0, 1, &[]).1;
        (facts.epoch, facts.after) = (EpochId::from_bytes(entry(number)), after);
        if number % 20 == 0 {
            facts.removed.insert(DeviceId::from_bytes(entry(number + 1)));
        }
        assert_eq!(graph.learn(EntryId::from_bytes(entry(number)), facts), Ok(true));
    }
    assert_eq!(graph.sending(|_| true), Some(EpochId::from_bytes(entry(1999))));
}

/// Thousands of records beside each other, each of which could strike others, and merges of them.
#[test]
fn very_many_branches_are_taken_in_quickly() {
    let entry = |number: u32| {
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    let person = |number: u32| UserId::from_bytes(entry(10_000 + number));
    let device = |number: u32| DeviceId::from_bytes(entry(20_000 + number));
    let mut graph = EpochGraph::new(device(0), (0..500).map(person).collect());
    let mut learn = |number: u32, by: u32, after: &[u32], target: Option<u32>| {
        let mut facts = record(0, 1, &[]).1;
        (facts.epoch, facts.author, facts.user) = (EpochId::from_bytes(entry(number)), device(by), person(by));
        facts.after = after.iter().map(|number| EntryId::from_bytes(entry(*number))).collect();
        facts.removed = target.map(device).into_iter().chain([device(5_000 + number)]).collect();
        facts.dropped = target.map(person).into_iter().collect();
        graph.learn(EntryId::from_bytes(entry(number)), facts)
    };
    assert_eq!(learn(0, 0, &[], None), Ok(true));
    // The most junior first: each who comes removes the one before, whose record falls then.
    for number in 1..2_000 {
        let by = 499 - number % 500;
        assert_eq!(learn(number, by, &[0], (by < 499).then_some(by + 1)), Ok(true));
    }
    for number in 2_000..3_990 {
        assert_eq!(learn(number, 0, &[number - 1_999, number - 1_000], None), Ok(true));
    }
    assert!(graph.len() == 3_990 && graph.is_owner(person(0)) && !graph.is_owner(person(1)));
}
