//! The same records give the same room, in whatever order they come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bounds;
mod chance;
mod many;
mod plainly;

use super::*;
use std::collections::BTreeSet;

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
}

#[test]
fn a_barrier_lies_between_epochs_for_whoever_it_does_not_name() {
    let graph = converged(&[
        record(10, 1, &[]),
        record(11, 1, &[10]).removes(&[5]),
        record(12, 2, &[10]),
        record(13, 1, &[11]),
    ]);
    let (member, stranger) = (Some(device(4)), Some(device(40)));
    assert!(graph.barrier_between(epoch(10), epoch(13), stranger) && graph.barrier_between(epoch(10), epoch(11), None));
    assert!(!graph.barrier_between(epoch(10), epoch(13), member), "it names that one");
    assert!(
        !graph.barrier_between(epoch(11), epoch(13), stranger) && !graph.barrier_between(epoch(10), epoch(12), None)
    );
    assert!(!graph.barrier_between(epoch(13), epoch(10), None), "the other way round");
    assert!(graph.leads_on(epoch(11), stranger) && graph.leads_on(epoch(10), member));
    assert!(!graph.leads_on(epoch(10), stranger) && !graph.leads_on(epoch(12), member), "5 still has that key");
    assert!(graph.names(device(4)) && graph.names(device(5)) && !graph.names(device(40)));
    assert!(graph.has_key_for(epoch(10), device(5)) && !graph.has_key_for(epoch(11), device(5)));
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
