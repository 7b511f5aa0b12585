//! The graph comes to the same as the plain rules, with whatever rooms chance makes up.

use super::{
    Record,
    chance::{Act, act, random_room},
    device, log, record, user,
};
use crate::{
    epoch::{
        EpochFacts,
        graph::{
            EpochGraph,
            oracle::{Answers, Oracle},
        },
    },
    ids::{DeviceId, EntryId, EpochId},
    log::Height,
    rules::Refused,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the graph says, in the oracle's words.
fn answers(graph: &EpochGraph, records: &[Record]) -> Answers {
    let known: Vec<(usize, &super::super::Node)> = graph.nodes.iter().enumerate().collect();
    let standing: BTreeSet<EntryId> =
        known.iter().filter(|(at, _)| !graph.view.void.contains(*at)).map(|(_, node)| node.entry).collect();
    let usable = known.iter().filter(|(at, _)| graph.shuts_out_all(*at)).map(|(_, node)| node.entry).collect();
    let of = |node: &super::super::Node| node.owners.iter().filter_map(|person| graph.people.id(person)).collect();
    let facts: Vec<&EpochFacts> =
        records.iter().filter(|record| graph.contains(record.0)).map(|record| &record.1).collect();
    let named: BTreeSet<DeviceId> =
        facts.iter().flat_map(|facts| facts.keys.iter().chain(&facts.removed)).copied().collect();
    let epochs: BTreeSet<EpochId> = facts.iter().map(|facts| facts.epoch).collect();
    let writes = |id: DeviceId| {
        let one = graph.device(id);
        let writes = epochs.iter().filter(|epoch| one.may_write(**epoch, true).is_ok());
        (id, writes.copied().collect())
    };
    let logs = facts.iter().flat_map(|facts| facts.heads.keys()).copied();
    let cuts: BTreeMap<_, Height> = logs.filter_map(|log| Some((log, graph.cut(log)?))).collect();
    Answers {
        owners: graph.owners(),
        removed: graph.removed(),
        standing,
        heads: graph.heads().into_iter().map(|(_, entry)| entry).collect(),
        usable,
        cuts: cuts.into_iter().filter(|(_, height)| *height != Height::EMPTY).collect(),
        was_owner: known.iter().map(|(_, node)| (node.entry, of(node))).collect(),
        writers: named.into_iter().map(writes).collect(),
    }
}

/// Gives both the records, again and again until what they follow has come, and compares all answers
/// after each.
fn compare(records: &[Record], order: &[usize]) -> Result<(), TestCaseError> {
    let founders = vec![user(1), user(2), user(3)];
    let (mut graph, mut oracle) = (EpochGraph::new(device(1), founders.clone()), Oracle::new(device(1), founders));
    let mut waiting: Vec<&Record> = order.iter().map(|at| &records[*at]).collect();
    loop {
        let before = waiting.len();
        let mut left = Vec::new();
        for record in std::mem::take(&mut waiting) {
            let asked = graph.check(&record.1);
            let taken = graph.learn(record.0, record.1.clone());
            prop_assert_eq!(taken, oracle.learn(record.0, record.1.clone()), "{:?}", record);
            prop_assert_eq!(asked.is_ok(), taken.is_ok());
            if taken == Err(Refused::NotYet) {
                left.push(record);
            } else {
                prop_assert_eq!(answers(&graph, records), oracle.answer());
            }
        }
        waiting = left;
        if waiting.len() == before {
            return Ok(());
        }
    }
}

/// More of what a record may do: ends of logs without a removal, ended codes, people who are not named,
/// two people at once.
type More = (bool, Option<u8>, Option<u8>, Option<u8>);

fn more() -> impl Strategy<Value = More> {
    let sometimes = || prop::option::weighted(0.25, prop::sample::select(vec![1u8, 2, 3, 4, 5, 51, 52, 54]));
    (prop::bool::weighted(0.15), sometimes(), sometimes(), sometimes())
}

fn full_room(acts: &[(Act, More)]) -> Vec<Record> {
    let plain: Vec<Act> = acts.iter().map(|(act, _)| act.clone()).collect();
    let mut records = random_room(&plain);
    for (at, (record, (_, (ends_codes, demoted, unnamed, also)))) in records.iter_mut().skip(1).zip(acts).enumerate() {
        record.1.ends_codes = *ends_codes;
        if let Some(number) = demoted {
            record.1.heads.insert(log(*number), Height { next: at as u64, head: super::id(*number) });
        }
        if let Some(number) = unnamed {
            record.1.keys.remove(&device(*number));
        }
        record.1.added.extend(also.map(user));
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_graph_comes_to_what_the_plain_rules_say(
        acts in prop::collection::vec((act(), more()), 1..24),
        picks in any::<[prop::sample::Index; 24]>(),
        in_order: bool,
    ) {
        let records = full_room(&acts);
        let mut left: Vec<usize> = (0..records.len()).collect();
        let order: Vec<usize> = match in_order {
            true => left,
            false => picks.iter().cycle().take(records.len()).map(|pick| left.remove(pick.index(left.len()))).collect(),
        };
        compare(&records, &order)?;
    }

    /// Many owners who remove, promote and drop each other at the same time, and unite what they did.
    #[test]
    fn fights_come_to_what_the_plain_rules_say(
        fights in prop::collection::vec(
            (1..6u8, prop::collection::vec(1..6u8, 0..3), 0..3u8, prop::collection::vec(0..5usize, 1..4)),
            1..14,
        ),
    ) {
        let mut records = vec![record(10, 1, &[]).promotes(4).promotes(5)];
        for (at, (author, targets, kind, backs)) in fights.iter().enumerate() {
            let parents = backs.iter().map(|back| 10 + u8::try_from(at.saturating_sub(*back)).unwrap());
            let parents: Vec<u8> = parents.collect::<BTreeSet<u8>>().into_iter().collect();
            let next = record(11 + u8::try_from(at).unwrap(), *author, &parents);
            records.push(targets.iter().fold(next, |next, target| match kind {
                0 => next.removes(&[*target]),
                1 => next.promotes(*target),
                _ => next.drops(*target),
            }));
        }
        compare(&records, &(0..records.len()).collect::<Vec<_>>())?;
    }
}
