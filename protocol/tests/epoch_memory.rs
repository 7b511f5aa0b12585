//! What the records of epochs take in memory: as much as they say, however many there are.
//!
//! The only test of its program, because it watches the memory of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use parlor_protocol::{
    DeviceId, EntryId, EpochId, UserId,
    epoch::{EpochFacts, EpochGraph},
};

/// Memory of this program in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn id(kind: u8, number: u64) -> [u8; 32] {
    let mut out = [kind; 32];
    out[..8].copy_from_slice(&number.to_be_bytes());
    out
}

/// What each record says.
#[derive(Clone, Copy, Debug)]
struct Says {
    removed: u64,
    added: u64,
    /// Names that nobody ever saw, each time.
    is_new: bool,
    /// One after the other, or all beside each other.
    is_chain: bool,
}

/// Records by founders in turn, the most senior of whom has place for the last ones.
fn graph(records: u64, says: Says) -> EpochGraph {
    let (device, user) = (|n| DeviceId::from_bytes(id(1, n)), |n| UserId::from_bytes(id(2, n)));
    let mut graph = EpochGraph::new(device(0), (0..200).map(user).collect());
    for n in 0..records {
        let before = if says.is_chain { n.checked_sub(1) } else { n.checked_sub(1).map(|_| 0) };
        let name = |of: u64, at: u64| at + 1 + if says.is_new { n * of } else { 0 };
        let facts = EpochFacts {
            epoch: EpochId::from_bytes(id(3, n)),
            after: before.map(|before| EntryId::from_bytes(id(4, before))).into_iter().collect(),
            author: device(n % 200),
            user: user(n % 200),
            removed: (0..says.removed).map(|at| DeviceId::from_bytes(id(5, name(says.removed, at)))).collect(),
            added: (0..says.added).map(|at| UserId::from_bytes(id(6, name(says.added, at)))).collect(),
            ..EpochFacts::default()
        };
        // A room has so many places and no more.
        if graph.learn(EntryId::from_bytes(id(4, n)), facts) != Ok(true) {
            break;
        }
    }
    graph
}

#[test]
fn memory_of_records_grows_with_what_they_say() {
    // Kept, so that the next one finds nothing free.
    let mut kept = Vec::new();
    for (removed, added, is_new, is_chain) in [
        (512, 0, true, true),
        (512, 0, true, false),
        (0, 512, true, true),
        (512, 0, false, true),
        (512, 0, false, false),
    ] {
        let says = Says { removed, added, is_new, is_chain };
        let mut grown = Vec::new();
        let many = if is_new { [20, 40, 80] } else { [100, 200, 400] };
        for records in many {
            let before = resident();
            kept.push(graph(records, says));
            grown.push(resident().saturating_sub(before));
        }
        println!("{many:?} records: {grown:?} KiB, {says:?}");
        assert_eq!(kept.last().unwrap().len() as u64, many[2], "{says:?}");
        let names = many[2] * (removed + added);
        let each = if is_new { 300 } else { 20 };
        assert!(grown[2] < 1024 + names * each / 1024, "{grown:?} KiB for {names} names, {says:?}");
    }
    // However many come, there is a most that a room can take.
    let before = resident();
    let full = graph(4_000, Says { removed: 512, added: 512, is_new: true, is_chain: true });
    println!("{} of 4000 records were taken, with {} KiB", full.len(), resident() - before);
    assert!(resident() - before < 64 * 1024);
}
