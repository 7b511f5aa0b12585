//! The same records give the same room, in whatever order they come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bounds;
mod plainly;

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOBODY: EpochId = EpochId::from_bytes([0; 32]);

/// Everybody has one device with the same number, and more if told so.
fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn user(number: u8) -> UserId {
    UserId::from_bytes([100 + number % 50; 32])
}

fn id(number: u8) -> EntryId {
    EntryId::from_bytes([number; 32])
}

fn epoch(number: u8) -> EpochId {
    EpochId::from_bytes([number; 32])
}

/// A record; its number is its name and that of its epoch.
#[derive(Clone, Debug)]
struct Record(EntryId, EpochFacts);

fn record(number: u8, author: u8, after: &[u8]) -> Record {
    let facts = EpochFacts {
        epoch: epoch(number),
        after: after.iter().copied().map(id).collect(),
        author: device(author),
        user: user(author),
        admission: [number; 32],
        keys: (1..=9).map(device).collect(),
        ..EpochFacts::default()
    };
    Record(id(number), facts)
}

impl Record {
    fn removes(mut self, removed: &[u8]) -> Self {
        for number in removed {
            self.1.removed.insert(device(*number));
            self.1.dropped.push(user(*number));
            self.1.keys.remove(&device(*number));
        }
        self
    }

    fn promotes(mut self, number: u8) -> Self {
        self.1.added.push(user(number));
        self
    }

    fn drops(mut self, number: u8) -> Self {
        self.1.dropped.push(user(number));
        self
    }

    fn head(mut self, author: u8, next: u64) -> Self {
        self.1.heads.insert(log(author), Height { next, head: id(77) });
        self
    }
}

fn log(author: u8) -> LogKey {
    LogKey { author: device(author), log: crate::ids::LogId(0) }
}

/// Delivers records in an order, each again and again until what it follows has come. The owners are
/// 1, 2 and 3, the most senior first; 1 founded the room.
fn deliver(records: &[Record], order: &[usize]) -> EpochGraph {
    let mut graph = EpochGraph::new(device(1), vec![user(1), user(2), user(3)]);
    let mut waiting: Vec<&Record> = order.iter().map(|at| &records[*at]).collect();
    loop {
        let before = waiting.len();
        waiting.retain(|record| graph.learn(record.0, record.1.clone()) == Err(Refused::NotYet));
        if waiting.len() == before {
            return graph;
        }
    }
}

fn in_order(records: &[Record]) -> EpochGraph {
    deliver(records, &(0..records.len()).collect::<Vec<_>>())
}

/// Everything that devices decide by.
fn outcome(graph: &EpochGraph) -> impl PartialEq + std::fmt::Debug + use<> {
    let epochs: BTreeSet<EpochId> = graph.nodes.iter().map(|node| node.outline.epoch).collect();
    let void: Vec<_> = epochs.iter().filter(|epoch| graph.is_void(**epoch)).copied().collect();
    let usable: Vec<_> = epochs.iter().filter(|epoch| graph.is_usable(**epoch)).copied().collect();
    let cuts: Vec<_> = (1..=9).map(|number| graph.cut(log(number))).collect();
    let sending = graph.sending(|_| true);
    (graph.owners(), graph.removed(), graph.heads(), void, usable, cuts, sending, graph.digest())
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| [&order[..at], &[count - 1], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
}

/// Delivers in all orders and gives the one outcome.
fn converged(records: &[Record]) -> EpochGraph {
    let graph = in_order(records);
    for order in permutations(records.len()) {
        assert_eq!(outcome(&deliver(records, &order)), outcome(&graph), "{order:?}\n{records:#?}");
    }
    graph
}

#[test]
fn a_record_waits_for_what_it_follows() {
    let mut graph = EpochGraph::new(device(1), vec![user(1)]);
    let (first, second) = (record(10, 1, &[]), record(11, 1, &[10]));
    assert_eq!(graph.learn(second.0, second.1.clone()), Err(Refused::NotYet));
    assert_eq!(graph.learn(first.0, first.1.clone()), Ok(true));
    assert_eq!(graph.learn(first.0, first.1), Ok(false));
    assert_eq!(graph.learn(second.0, second.1), Ok(true));
    assert_eq!(graph.heads(), [(epoch(11), id(11))]);
}

#[test]
fn only_owners_begin_epochs_and_only_the_founder_the_first() {
    let mut graph = EpochGraph::new(device(1), vec![user(1), user(2)]);
    let learn = |graph: &mut EpochGraph, record: Record| graph.learn(record.0, record.1);
    assert_eq!(learn(&mut graph, record(9, 2, &[])), Err(Refused::Never), "an owner, but not the founder");
    assert_eq!(learn(&mut graph, record(10, 1, &[])), Ok(true));
    assert_eq!(learn(&mut graph, record(11, 5, &[10])), Err(Refused::Never), "a member");
    assert_eq!(learn(&mut graph, record(12, 2, &[10]).removes(&[5])), Ok(true));
    let removed = record(13, 1, &[12]).removes(&[2]);
    assert_eq!(learn(&mut graph, removed), Ok(true));
    assert_eq!(learn(&mut graph, record(14, 2, &[13])), Err(Refused::Never), "removed before");
}

#[test]
fn owners_that_remove_each_other_the_senior_one_stands() {
    let graph =
        converged(&[record(10, 1, &[]), record(11, 1, &[10]).removes(&[2]), record(12, 2, &[10]).removes(&[1])]);
    assert!(graph.is_void(epoch(12)));
    assert_eq!(graph.owners(), [user(1), user(3)]);
    assert_eq!(graph.sending(|_| true), Some(epoch(11)));
    assert!(graph.is_removed(device(2)) && !graph.is_removed(device(1)));
}

#[test]
fn removals_at_the_same_time_are_united_and_wait_for_a_merge() {
    let apart = [
        record(10, 1, &[]),
        record(11, 2, &[10]).removes(&[5]).head(5, 7),
        record(12, 3, &[10]).removes(&[6]).head(6, 2),
    ];
    let graph = converged(&apart);
    assert_eq!(graph.heads(), [(epoch(11), id(11)), (epoch(12), id(12))], "the most senior author's first");
    assert_eq!(graph.sending(|_| true), None, "each key is known to somebody removed");
    let merge = record(13, 1, &[11, 12]).removes(&[]);
    let graph = converged(&[apart.as_slice(), &[merge]].concat());
    assert_eq!(graph.sending(|_| true), Some(epoch(13)));
    assert!(graph.is_removed(device(5)) && graph.is_removed(device(6)));
    assert_eq!(graph.cut(log(5)).unwrap().next, 7);
}

#[test]
fn a_removal_beside_a_change_that_removes_nobody_is_written_in_at_once() {
    let graph = converged(&[record(10, 1, &[]), record(11, 1, &[10]), record(12, 3, &[10]).removes(&[5])]);
    assert_eq!(graph.sending(|_| true), Some(epoch(12)), "a removed device has the key of the other");
    assert_eq!(graph.sending(|epoch| epoch != self::epoch(12)), None);
}

#[test]
fn changes_that_remove_nobody_need_no_wait() {
    let graph = converged(&[record(10, 1, &[]), record(11, 3, &[10]), record(12, 2, &[10])]);
    assert_eq!(graph.sending(|_| true), Some(epoch(12)), "the most senior author's");
    assert_eq!(graph.sending(|epoch| epoch == self::epoch(11)), Some(epoch(11)), "or what one has the key of");
    assert_eq!(graph.sending(|epoch| epoch == self::epoch(10)), Some(epoch(10)), "or the one before");
    assert_eq!(graph.sending(|_| false), None);
}

#[test]
fn who_was_removed_promotes_nobody_who_counts() {
    // 3 was removed, and in the old epoch makes 5 an owner, who removes 2.
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).removes(&[3]),
        record(12, 3, &[10]).promotes(5),
        record(13, 5, &[12]).removes(&[2]),
    ]);
    assert!(graph.is_void(epoch(12)) && graph.is_void(epoch(13)));
    assert_eq!(graph.owners(), [user(1), user(2)]);
    assert!(!graph.is_removed(device(2)));
}

#[test]
fn the_newest_epochs_are_heads_first_and_nobody_who_was_removed_pushes_them_out() {
    // 3, since removed, goes on in the old epoch and has the longest chain.
    let mut records = vec![
        record(10, 1, &[]),
        record(11, 1, &[10]).removes(&[3]),
        record(12, 2, &[11]),
        record(13, 1, &[11]),
        record(14, 3, &[10]),
    ];
    records.extend((15..30).map(|n| record(n, 3, &[n - 1])));
    let mut graph = EpochGraph::new(device(1), vec![user(1), user(2), user(3)]);
    for record in records {
        graph.learn(record.0, record.1).unwrap();
    }
    assert_eq!(graph.newest(9), [epoch(13), epoch(12), epoch(11), epoch(10)]);
    assert_eq!(graph.newest(3), [epoch(13), epoch(12), epoch(11)]);
    assert_eq!(graph.newest(1), [epoch(13)]);
}

#[test]
fn what_somebody_else_did_after_a_void_record_stands() {
    // 3, since removed, changed the key; 2 removed 5 on top of it.
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).removes(&[3]),
        record(12, 3, &[10]),
        record(13, 2, &[12]).removes(&[5]),
    ]);
    assert!(graph.is_void(epoch(12)) && !graph.is_void(epoch(13)));
    assert!(graph.is_removed(device(5)) && graph.is_removed(device(3)));
    assert_eq!(graph.heads().len(), 2);
}

#[test]
fn a_record_does_not_know_of_a_removal_that_did_not_stand_for_it() {
    // 3 removes 6, and 2 removes 3: so for whoever unites them 6 stays. Then 1 drops 2 beside all that.
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 3, &[10]).removes(&[6]),
        record(12, 2, &[10]).removes(&[3]),
        record(13, 1, &[11, 12]),
        record(14, 1, &[10]).drops(2),
    ]);
    assert!(graph.is_void(epoch(12)) && graph.is_removed(device(6)) && !graph.is_removed(device(3)));
    assert!(!graph.is_usable(epoch(13)), "6 has its key");
    assert_eq!(graph.sending(|_| true), Some(epoch(11)));
}

#[test]
fn a_promoted_owner_counts_from_the_promotion() {
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).promotes(5),
        record(12, 5, &[11]).removes(&[3]),
        record(13, 3, &[11]).removes(&[5]),
    ]);
    assert!(graph.is_void(epoch(12)), "3 was an owner before 5");
    assert_eq!(graph.owners(), [user(1), user(2), user(3)]);
}

#[test]
fn the_last_owner_stays() {
    let alone = in_order(&[record(10, 1, &[]), record(11, 1, &[10]).drops(2).drops(3), record(12, 1, &[11]).drops(1)]);
    assert_eq!(alone.owners(), [user(1)]);
}

#[test]
fn who_steps_down_does_not_come_back_by_an_older_way() {
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).drops(1),
        record(12, 1, &[10]).removes(&[2, 3]),
        record(13, 2, &[11]),
    ]);
    assert!(graph.is_void(epoch(12)));
    assert_eq!(graph.owners(), [user(2), user(3)]);
}

#[test]
fn the_longest_head_that_a_removal_names_is_the_cut() {
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).removes(&[5]).head(5, 7),
        record(12, 2, &[10]).removes(&[5]).head(5, 9),
    ]);
    assert_eq!(graph.cut(log(5)).map(|cut| cut.next), Some(9));
    assert_eq!(graph.cut(LogKey { log: crate::ids::LogId(4), ..log(5) }), Some(Height::EMPTY));
    assert_eq!(graph.cut(log(4)), None);
}

#[test]
fn a_removal_shuts_out_whom_it_does_not_know() {
    let graph = converged(&[record(10, 1, &[]), record(11, 1, &[10]).removes(&[5]), record(12, 2, &[10])]);
    let stranger = device(40);
    assert_eq!(graph.device(stranger).may_write(epoch(10), true), Err(Refused::Cut));
    assert_eq!(graph.device(stranger).may_write(epoch(10), false), Err(Refused::NotYet));
    assert_eq!(
        graph.device(stranger).may_write(epoch(12), true),
        Err(Refused::Cut),
        "the removed one has that key too"
    );
    assert_eq!(graph.device(stranger).may_write(epoch(11), true), Ok(()));
    assert_eq!(graph.device(device(4)).may_write(epoch(10), false), Ok(()), "who stays may still write in the old one");
    assert!(
        !graph.device(stranger).is_member(&[epoch(10)].into()) && graph.device(stranger).is_member(&[epoch(11)].into())
    );
    assert!(
        graph.device(device(4)).is_member(&BTreeSet::new()) && !graph.device(device(5)).is_member(&[epoch(11)].into())
    );
    assert!(!graph.lets_in(epoch(10)) && graph.lets_in(epoch(11)) && graph.lets_in(NOBODY));
}

#[test]
fn a_device_is_told_what_it_lacks_and_a_removed_one_no_more_than_its_removal() {
    let records = [record(10, 1, &[]), record(11, 1, &[10]), record(12, 1, &[11]).removes(&[5]), record(13, 1, &[12])];
    let graph = in_order(&records);
    assert_eq!(graph.tips(), [id(13)]);
    assert_eq!(graph.missing(&[id(11)]), [id(12), id(13)]);
    assert_eq!(graph.missing(&[]).len(), 4);
    assert_eq!(graph.missing(&graph.tips()), []);
    assert_eq!(graph.farewell(device(5)), [id(10), id(11), id(12)].into());
    assert_ne!(graph.digest(), in_order(&records[..3]).digest());
}

#[test]
fn an_epoch_for_which_there_are_two_records_is_the_most_senior_authors() {
    let mut forged = record(12, 3, &[10]);
    forged.1.epoch = epoch(11);
    let graph = converged(&[record(10, 1, &[]), record(11, 2, &[10]).removes(&[5]), forged]);
    assert_eq!(graph.facts(epoch(11)).unwrap().author, device(2));
}

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
type Act = (u8, Vec<prop::sample::Index>, Option<u8>, Option<u8>, Option<u8>);

fn random_room(acts: &[Act]) -> Vec<Record> {
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

fn act() -> impl Strategy<Value = Act> {
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
