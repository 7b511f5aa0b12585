//! The same entries give the same room, in whatever order they come.

use proptest::prelude::*;

use super::kit::*;
use crate::{
    access::Hours,
    epoch::RoomKind,
    ids::{DoorId, EntryId},
};

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![vec![]];
    }
    let shorter = permutations(count - 1);
    let insert = |order: &Vec<usize>, at: usize| [&order[..at], &[count - 1], &order[at..]].concat();
    shorter.iter().flat_map(|order| (0..count).map(move |at| insert(order, at))).collect()
}

fn in_order(items: &[Item], order: &[usize]) -> Outcome {
    let mut rules = empty(RoomKind::Group);
    let taken = deliver(&mut rules, items, order);
    outcome(&rules, items, &taken)
}

fn entry_id(item: &Item) -> Option<EntryId> {
    if let Item::Entry(entry) = item { Some(entry.id()) } else { None }
}

/// Delivers in all orders, and gives the one outcome.
fn converged(records: &[Record], logs: &[&Log]) -> Outcome {
    let items = items(records, logs);
    assert!(items.len() <= 7, "{} are too many for all orders", items.len());
    // Entries of one log come one after the other in any case.
    let place = |order: &[usize], id| order.iter().position(|at| entry_id(&items[*at]) == Some(id));
    let in_turn = |order: &[usize], at: usize| match &items[order[at]] {
        Item::Entry(entry) => place(order, entry.header().prev).is_none_or(|before| before < at),
        Item::Record(_) => true,
    };
    let mut orders = permutations(items.len());
    orders.retain(|order| (0..order.len()).all(|at| in_turn(order, at)));
    let first = in_order(&items, &orders[0]);
    for order in &orders[1..] {
        assert_eq!(in_order(&items, order), first, "{order:?}");
    }
    first
}

#[test]
fn a_maker_is_removed_by_who_knew_the_door_or_not_while_somebody_comes_by_it() {
    let first = record(10, 1, &[], &[1, 4]);
    let four = Log::new(4, 9).comes_named(10, 40).makes(10, 4);
    let five = Log::new(5, 9).comes_by(10, 50, 4, four.door()).says(10);
    for next in [0, 1, 2] {
        for named in [[1].as_slice(), &[1, 5]] {
            let removal = record(11, 1, &[10], named).removes(4).head(&four, next);
            converged(&[first.clone(), removal], &[&four, &five]);
        }
    }
}

#[test]
fn two_devices_end_each_other_while_one_of_them_lets_somebody_in() {
    let first = record(10, 1, &[], &[1, 4]);
    let four = Log::new(4, 9).comes_named(10, 40);
    let five = Log::new(5, 9).comes_linked(10, 40);
    let both = (four.clone(), five.clone());
    let four = four.makes(10, 4).sends_out(10, 40, true, &[&both.1]);
    let door = DoorId::from(four.entries[1].id());
    let five = five.sends_out(10, 40, true, &[&both.0]);
    let six = Log::new(6, 9).comes_by(10, 60, 4, door);
    converged(&[first], &[&four, &five, &six]);
}

#[test]
fn somebody_leaves_and_comes_back_while_a_removal_names_it_or_not() {
    let first = record(10, 1, &[], &[1]);
    let founder = Log::of_founder().makes(10, 1);
    let four = Log::new(4, 9).comes_by(10, 40, 1, founder.door()).leaves(10, 40);
    let back = Log::new(4, 8).comes_by(10, 40, 1, founder.door());
    for named in [[1].as_slice(), &[1, 4]] {
        converged(&[first.clone(), record(11, 1, &[10], named).ends_codes()], &[&founder, &four, &back]);
    }
}

#[test]
fn a_lost_device_had_linked_another_which_had_sent_it_out_and_made_a_code() {
    let first = record(10, 1, &[], &[1, 4]);
    let four = Log::new(4, 9).comes_named(10, 40).says(10);
    let known = Log::new(4, 9).comes_named(10, 40);
    let five = Log::new(5, 9).comes_linked(10, 40).sends_out(10, 40, true, &[&known]).makes(10, 5);
    let six = Log::new(6, 9).comes_by(10, 60, 5, five.door());
    let outcome = converged(&[first], &[&four, &five, &six]);
    assert_eq!(outcome, converged(&[record(10, 1, &[], &[1, 4])], &[&six, &five, &four]));
}

/// What one person of a random room does.
#[derive(Clone, Debug)]
enum Act {
    Code { expires: bool, uses: u32 },
    By { door: prop::sample::Index, epoch: prop::sample::Index, visit: bool },
    Link { with: prop::sample::Index, epoch: prop::sample::Index },
    Say { epoch: prop::sample::Index },
    Leave,
    Lose { whom: prop::sample::Index },
    End { door: prop::sample::Index },
    Epoch { after: Vec<prop::sample::Index>, removes: Option<prop::sample::Index>, names: u64, ends: bool },
}

fn act() -> impl Strategy<Value = Act> {
    let any_index = any::<prop::sample::Index>;
    prop_oneof![
        2 => (any::<bool>(), 0..3u32).prop_map(|(expires, uses)| Act::Code { expires, uses }),
        4 => (any_index(), any_index(), prop::bool::weighted(0.2))
            .prop_map(|(door, epoch, visit)| Act::By { door, epoch, visit }),
        1 => (any_index(), any_index()).prop_map(|(with, epoch)| Act::Link { with, epoch }),
        2 => any_index().prop_map(|epoch| Act::Say { epoch }),
        1 => Just(Act::Leave),
        1 => any_index().prop_map(|whom| Act::Lose { whom }),
        1 => any_index().prop_map(|door| Act::End { door }),
        3 => (prop::collection::vec(any_index(), 1..3), prop::option::weighted(0.4, any_index()), any::<u64>(), prop::bool::weighted(0.2))
            .prop_map(|(after, removes, names, ends)| Act::Epoch { after, removes, names, ends }),
    ]
}

/// A room from what people do, whether they may or not. Persons 1 to 3 own it.
fn random_room(acts: &[(prop::sample::Index, Act)]) -> Vec<Item> {
    let mut records = vec![record(10, 1, &[], &[1, 2, 3])];
    let mut logs =
        vec![Log::of_founder().makes(10, 1), Log::new(2, 1).comes_named(10, 2), Log::new(3, 1).comes_named(10, 3)];
    let mut persons = vec![1, 2, 3];
    let mut doors = vec![(logs[0].door(), 1)];
    for (who, act) in acts {
        let at = who.index(logs.len());
        let log = logs[at].clone();
        let newest = records.last().unwrap().number;
        let number = |index: &prop::sample::Index| records[index.index(records.len())].number;
        match act {
            Act::Code { expires, uses } => {
                let with = u8::try_from(20 + doors.len()).unwrap();
                let log = log.makes_for(newest, with, if *expires { NOW } else { Hours::NONE }, *uses);
                doors.push((log.door(), with));
                logs[at] = log;
            }
            Act::By { door, epoch, visit } => {
                let (door, with) = doors[door.index(doors.len())];
                let device = u16::try_from(10 + logs.len()).unwrap();
                let until = if *visit { Hours(NOW.0 + 1) } else { Hours::NONE };
                // Some come again with another log.
                let device = if who.index(5) == 0 { log.device } else { device };
                let person = if device == log.device { persons[at] } else { device * 10 };
                let new = Log::new(device, 100 + logs.len() as u64);
                logs.push(new.comes_at(number(epoch), person, with, door, 0, until).says(number(epoch)));
                persons.push(person);
            }
            Act::Link { with, epoch } => {
                let person = persons[with.index(persons.len())];
                let device = u16::try_from(10 + logs.len()).unwrap();
                logs.push(Log::new(device, 1).comes_linked(number(epoch), person));
                persons.push(person);
            }
            Act::Say { epoch } => logs[at] = log.says(number(epoch)),
            Act::Leave => logs[at] = log.leaves(newest, persons[at]),
            Act::Lose { whom } => {
                let whom = logs[whom.index(logs.len())].clone();
                logs[at] = log.sends_out(newest, persons[at], true, &[&whom]);
            }
            Act::End { door } => logs[at] = log.ends(newest, doors[door.index(doors.len())].0),
            Act::Epoch { after, removes, names, ends } => {
                let next = u8::try_from(10 + records.len()).unwrap();
                let mut after: Vec<u8> = after.iter().map(number).collect();
                after.sort_unstable();
                after.dedup();
                let named: Vec<u16> = logs
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| names & (1 << (at % 64)) != 0)
                    .map(|(_, l)| l.device)
                    .collect();
                let author = u16::try_from(1 + at % 3).unwrap();
                let mut new = record(next, author, &after, &named);
                if let Some(removed) = removes {
                    let removed = &logs[removed.index(logs.len())];
                    let height = removed.height().next;
                    new = new.removes(removed.device).head(removed, height - (names & 1).min(height));
                    new.facts.keys.remove(&device(removed.device));
                }
                records.push(if *ends { new.ends_codes() } else { new });
            }
        }
    }
    let logs: Vec<&Log> = logs.iter().collect();
    items(&records, &logs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn random_rooms_converge(
        acts in prop::collection::vec((any::<prop::sample::Index>(), act()), 1..24),
        orders in prop::collection::vec(any::<[prop::sample::Index; 32]>(), 3),
    ) {
        let items = random_room(&acts);
        let first = in_order(&items, &(0..items.len()).collect::<Vec<_>>());
        for picks in orders {
            let mut left: Vec<usize> = (0..items.len()).collect();
            let order: Vec<usize> =
                picks.iter().cycle().take(items.len()).map(|pick| left.remove(pick.index(left.len()))).collect();
            prop_assert_eq!(&in_order(&items, &order), &first, "{:?}", acts);
        }
    }
}
