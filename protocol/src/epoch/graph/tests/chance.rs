//! Small rooms, all of them, and larger ones by chance: the same in whatever order the records come.

use super::{Record, deliver, device, epoch, in_order, outcome, permutations, record, user};
use crate::epoch::EpochGraph;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Every room of three records after the first, with all delivery orders.
#[test]
fn every_small_room_converges() {
    let acts: [&dyn Fn(Record) -> Record; 5] =
        [&|r| r, &|r| r.removes(&[1]), &|r| r.removes(&[2]), &|r| r.removes(&[3]), &|r| r.promotes(5)];
    let parents: [&[u8]; 4] = [&[10], &[11], &[12], &[11, 12]];
    let orders = permutations(3);
    let single: Vec<(u8, usize)> =
        (0..4).flat_map(|who| (0..acts.len()).map(move |act| ([1, 2, 3, 5][who], act))).collect();
    for (a, b, c) in single
        .iter()
        .flat_map(|a| single.iter().map(move |b| (a, b)))
        .flat_map(|(a, b)| single.iter().step_by(3).map(move |c| (a, b, c)))
    {
        for (second, third) in [(0, 0), (0, 1), (0, 3), (1, 0), (1, 2)] {
            let records = [
                acts[a.1](record(11, a.0, &[10])),
                acts[b.1](record(12, b.0, parents[second])),
                acts[c.1](record(13, c.0, parents[third])),
            ];
            let first = record(10, 1, &[]);
            let all = |order: &[usize]| {
                let records: Vec<Record> = order.iter().map(|at| records[*at].clone()).collect();
                in_order(&[std::slice::from_ref(&first), records.as_slice()].concat())
            };
            let graph = all(&orders[0]);
            for order in &orders[1..] {
                assert_eq!(outcome(&all(order)), outcome(&graph), "{records:#?}");
            }
            assert!(!graph.owners().is_empty() && !graph.heads().is_empty());
        }
    }
}

/// What one record of a random room does.
pub(super) type Act = (u8, Vec<prop::sample::Index>, Option<u8>, Option<u8>, Option<u8>);

pub(super) fn random_room(acts: &[Act]) -> Vec<Record> {
    let mut records = vec![record(10, 1, &[])];
    for (at, (author, after, removes, promotes, drops)) in acts.iter().enumerate() {
        let after: BTreeSet<u8> =
            after.iter().map(|index| 10 + u8::try_from(index.index(records.len())).unwrap()).collect();
        let after: Vec<u8> = after.into_iter().collect();
        // Some people have a second device.
        let mut next = record(11 + u8::try_from(at).unwrap(), *author, &after);
        if let Some(number) = *removes {
            next = next.removes(&[number]).head(number, u64::from(number) + at as u64);
        }
        next = promotes.iter().fold(next, |next, number| next.promotes(*number));
        next = drops.iter().fold(next, |next, number| next.drops(*number));
        records.push(next);
    }
    records
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let people = || prop::sample::select(vec![1, 2, 3, 4, 5, 51, 52, 54]);
    let sometimes = |of: fn() -> BoxedStrategy<u8>| prop::option::weighted(0.3, of());
    let anybody = || prop::sample::select(vec![1u8, 2, 3, 4, 5, 51, 52, 54]).boxed();
    (
        people(),
        prop::collection::vec(any::<prop::sample::Index>(), 1..3),
        sometimes(anybody),
        sometimes(anybody),
        sometimes(anybody),
    )
}

proptest! {
    #[test]
    fn random_rooms_converge(
        acts in prop::collection::vec(act(), 1..14),
        orders in prop::collection::vec(any::<[prop::sample::Index; 16]>(), 4),
    ) {
        let records = random_room(&acts);
        let graph = in_order(&records);
        for picks in orders {
            let mut left: Vec<usize> = (0..records.len()).collect();
            let order: Vec<usize> = picks.iter().cycle().take(records.len()).map(|pick| left.remove(pick.index(left.len()))).collect();
            prop_assert_eq!(outcome(&deliver(&records, &order)), outcome(&graph));
        }
        prop_assert!(!graph.owners().is_empty());
        // The epoch that is written in is closed to everybody who was removed.
        if let Some(sending) = graph.sending(|_| true) {
            let facts = &records.iter().find(|record| record.1.epoch == sending).unwrap().1;
            prop_assert!(facts.removed.is_subset(&graph.removed()));
            prop_assert!(!graph.is_void(sending));
        }
        // Who is told what they lack, in that order, has everything.
        let mut other = EpochGraph::new(device(1), vec![user(1), user(2), user(3)]);
        for entry in graph.missing(&[]) {
            let record = records.iter().find(|record| record.0 == entry).unwrap();
            prop_assert_eq!(other.learn(record.0, record.1.clone()), Ok(true));
        }
        prop_assert_eq!(outcome(&other), outcome(&graph));
    }

    #[test]
    fn whoever_removes_somebody_less_senior_at_the_same_time_wins(junior in 2..4u8, swap: bool) {
        let both = [record(11, 1, &[10]).removes(&[junior]), record(12, junior, &[10]).removes(&[1])];
        let order = if swap { [0, 2, 1] } else { [0, 1, 2] };
        let graph = deliver(&[&[record(10, 1, &[])], both.as_slice()].concat(), &order);
        prop_assert!(graph.is_void(epoch(12)) && !graph.is_void(epoch(11)));
    }
}
