//! However much owners write: everybody refuses the same, nobody takes another's place, and what is kept
//! grows with what was said.

use crate::{
    epoch::{EpochFacts, EpochGraph},
    ids::{DeviceId, EntryId, EpochId, LogId, LogKey, UserId},
    limits::{
        DEVICES_MAX, EPOCH_BYTES_OF_USER_MAX, EPOCH_REMOVED_OF_USER_MAX, EPOCHS_MAX, EPOCHS_OF_USER_MAX, OWNERS_MAX,
    },
    log::Height,
    rules::Refused,
};

fn id(kind: u8, number: usize) -> [u8; 32] {
    let mut id = [kind; 32];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    id
}

fn person(number: usize) -> UserId {
    UserId::from_bytes(id(1, number))
}

fn device(number: usize) -> DeviceId {
    DeviceId::from_bytes(id(2, number))
}

fn entry(number: usize) -> EntryId {
    EntryId::from_bytes(id(3, number))
}

/// A record with a number by the one device of a person.
fn record(number: usize, by: usize, after: &[usize]) -> EpochFacts {
    EpochFacts {
        epoch: EpochId::from_bytes(id(4, number)),
        after: after.iter().copied().map(entry).collect(),
        author: device(by),
        user: person(by),
        ..EpochFacts::default()
    }
}

/// So many devices that nobody ever saw.
fn strangers(from: usize, many: usize) -> impl Iterator<Item = DeviceId> {
    (from..from + many).map(|number| DeviceId::from_bytes(id(5, number)))
}

fn learn(graph: &mut EpochGraph, number: usize, facts: EpochFacts) -> Result<bool, Refused> {
    graph.learn(entry(number), facts)
}

fn founded(people: usize) -> EpochGraph {
    let mut graph = EpochGraph::new(device(0), (0..people).map(person).collect());
    assert_eq!(learn(&mut graph, 0, record(0, 0, &[])), Ok(true));
    graph
}

#[test]
fn a_person_removes_so_many_devices_and_nobody_else_is_hindered_by_it() {
    let mut graph = founded(2);
    let steps = EPOCH_REMOVED_OF_USER_MAX / DEVICES_MAX;
    for step in 1..=steps {
        let mut next = record(step, 1, &[step - 1]);
        next.removed = strangers(step * DEVICES_MAX, DEVICES_MAX).collect();
        assert_eq!(learn(&mut graph, step, next), Ok(true));
    }
    let mut one_more = record(steps + 1, 1, &[steps]);
    one_more.removed = [DeviceId::from_bytes(id(6, 0))].into();
    assert_eq!(graph.check(&one_more), Err(Refused::Never));
    // Beside these it is another matter: what others know cannot depend on what came first.
    one_more.after = vec![entry(0)];
    assert_eq!(graph.check(&one_more), Ok(()));
    // Who is removed now had made use of all places for removals.
    let mut removal = record(steps + 1, 0, &[steps]);
    removal.removed = [device(1)].into();
    removal.dropped = vec![person(1)];
    assert_eq!(learn(&mut graph, steps + 1, removal), Ok(true));
    assert!(graph.is_removed(device(1)) && graph.owners() == [person(0)]);
}

#[test]
fn a_person_asks_to_remember_so_much_and_everybody_refuses_the_same() {
    let heavy = |number: usize, by: usize, after: &[usize]| {
        let mut facts = record(number, by, after);
        let log = |number| LogKey { author: device(9), log: LogId(number) };
        facts.heads = (0..2048).map(|number| (log(number), Height { next: 1, head: entry(1) })).collect();
        facts
    };
    let mut graph = founded(2);
    let mut last = 0;
    loop {
        match learn(&mut graph, last + 1, heavy(last + 1, 1, &[last])) {
            Ok(_) => last += 1,
            Err(refused) => break assert_eq!(refused, Refused::Never),
        }
    }
    assert!(last * 2048 * 80 < EPOCH_BYTES_OF_USER_MAX && (last + 1) * 2048 * 110 > EPOCH_BYTES_OF_USER_MAX);
    assert_eq!(learn(&mut graph, last + 1, heavy(last + 1, 0, &[last])), Ok(true), "another person");
}

#[test]
fn a_full_room_changes_its_key_as_often_as_there_are_places() {
    let mut graph = founded(4);
    let keys: Vec<DeviceId> = (0..DEVICES_MAX).map(device).collect();
    for number in 1..EPOCHS_MAX {
        // The last quarter is the first owner's.
        let by = if number < EPOCHS_MAX / 4 * 3 { 1 + number % 3 } else { 0 };
        let mut facts = record(number, by, &[number - 1]);
        facts.keys = keys.iter().copied().collect();
        assert_eq!(learn(&mut graph, number, facts), Ok(true), "record {number}");
    }
    assert_eq!(learn(&mut graph, EPOCHS_MAX, record(EPOCHS_MAX, 0, &[EPOCHS_MAX - 1])), Err(Refused::NotYet));
    assert!(graph.has_key_for(EpochId::from_bytes(id(4, 9)), device(511)) && graph.names(device(5)));
}

#[test]
fn an_owner_who_fills_the_places_with_puppets_is_removed_all_the_same() {
    let mut graph = founded(2);
    let mut puppets = record(1, 1, &[0]);
    puppets.added = (10..20).map(person).collect();
    assert_eq!(learn(&mut graph, 1, puppets), Ok(true));
    // Beside each other, so that no chain grows long.
    let mut number = 2;
    for puppet in 10..20 {
        while learn(&mut graph, number, record(number, puppet, &[1])) == Ok(true) {
            number += 1;
        }
    }
    assert!(number < EPOCHS_MAX && number > EPOCHS_OF_USER_MAX, "{number}");
    let mut removal = record(number, 0, &[0]);
    (removal.removed, removal.dropped) = ([device(1)].into(), vec![person(1)]);
    assert_eq!(learn(&mut graph, number, removal), Ok(true));
    assert_eq!(graph.owners(), [person(0)], "the puppets were promoted beside the removal");
    assert_eq!(graph.heads(), [(EpochId::from_bytes(id(4, number)), entry(number))]);
}

#[test]
fn there_are_never_more_owners_than_a_room_has_devices() {
    let mut graph = founded(1);
    let mut many = record(1, 0, &[0]);
    many.added = (1..600).map(person).collect();
    assert_eq!(learn(&mut graph, 1, many), Ok(true));
    assert_eq!(graph.owners().len(), OWNERS_MAX);
    // Who was not added owns nothing, and there is room again when somebody goes.
    assert_eq!(learn(&mut graph, 2, record(2, 599, &[1])), Err(Refused::Never));
    let mut change = record(2, 0, &[1]);
    (change.added, change.dropped) = (vec![person(599)], vec![person(1)]);
    assert_eq!(learn(&mut graph, 2, change), Ok(true));
    let mut again = record(3, 0, &[2]);
    again.added = vec![person(599)];
    assert_eq!(learn(&mut graph, 3, again), Ok(true));
    assert!(graph.is_owner(person(599)) && !graph.is_owner(person(1)));
}

#[test]
fn a_founder_who_is_named_twice_counts_once() {
    let graph = EpochGraph::new(device(0), vec![person(0), person(1), person(0)]);
    assert_eq!(graph.owners(), [person(0), person(1)]);
}
