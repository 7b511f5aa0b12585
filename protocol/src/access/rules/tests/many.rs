//! A full room that is old.

use super::kit::*;
use crate::{
    epoch::EpochFacts,
    ids::{EntryId, EpochId},
};

fn number(of: u32) -> [u8; 32] {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&of.to_le_bytes());
    bytes
}

#[test]
fn a_full_room_with_thousands_of_records_is_judged_after_each_of_the_last() {
    let founder = Log::of_founder().makes(10, 1);
    let devices = 100..611;
    let mut rules = room(&[record(10, 1, &[], &[1])], &[&founder]);
    for device in devices.clone() {
        let log = Log::new(device, 9).comes_by(10, device, 1, founder.door());
        rules.admit(log.last()).unwrap();
    }
    assert_eq!(rules.devices_in(NOW_MS).count(), 512);
    let named: std::collections::BTreeSet<_> = devices.map(device).chain([device(1)]).collect();
    let mut after = record_id(10);
    for at in 0..2000 {
        let (entry, epoch) = (EntryId::from_bytes(number(at)), EpochId::from_bytes(number(at)));
        // One in a hundred is a barrier, and half of them name everybody.
        let keys = if at % 2 == 0 { named.clone() } else { named.iter().take(40).copied().collect() };
        let facts = EpochFacts {
            epoch,
            after: vec![after],
            author: device(1),
            user: user(1).id(),
            ends_codes: at % 100 == 0,
            keys,
            ..EpochFacts::default()
        };
        rules.graph.learn(entry, facts).unwrap();
        rules.forget_who();
        after = entry;
        if at >= 1990 {
            assert_eq!(rules.devices_in(NOW_MS).count(), 512);
        }
    }
    // Who is not named by the next barrier is shut out.
    let facts = EpochFacts {
        epoch: EpochId::from_bytes(number(5000)),
        after: vec![after],
        author: device(1),
        user: user(1).id(),
        ends_codes: true,
        keys: named.iter().take(100).copied().collect(),
        ..EpochFacts::default()
    };
    rules.graph.learn(EntryId::from_bytes(number(5000)), facts).unwrap();
    rules.forget_who();
    assert_eq!(rules.devices_in(NOW_MS).count(), 100);
}
