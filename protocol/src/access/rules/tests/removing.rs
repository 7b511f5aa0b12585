//! What removals do to who is in: barriers, cuts, and codes that die.

use super::kit::*;
use crate::{
    access::{
        Presence, Stop,
        wire::{NotAdmitted, NotEntered},
    },
    rules::Refused,
};

/// The founder with a door, and 4, 5 who came by it.
fn begin() -> (Vec<Record>, Log, Log, Log) {
    let founder = Log::of_founder().makes(10, 1);
    let four = Log::new(4, 9).comes_by(10, 40, 1, founder.door()).says(10);
    let five = Log::new(5, 9).comes_by(10, 50, 1, founder.door()).says(10);
    (vec![record(10, 1, &[], &[1])], founder, four, five)
}

#[test]
fn a_removed_device_is_out_and_its_log_ends_where_the_removal_says() {
    let (mut records, founder, four, five) = begin();
    let four = four.says(10);
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 2));
    let rules = room(&records, &[&founder, &four, &five]);
    assert_eq!(all_in(&rules), [1, 5]);
    assert_eq!(rules.served(device(4), NOW_MS), Err(NotAdmitted::Removed));
    assert!(rules.stands(&four.entries[1]) && !rules.stands(&four.entries[2]));
    assert!(!rules.keeps(&four.entries[2]), "nor kept");
    assert_eq!(rules.may_write(device(4), epoch(10)), Err(Refused::Cut));
}

#[test]
fn a_code_of_before_a_removal_lets_nobody_in_after_it() {
    let (mut records, founder, four, five) = begin();
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 2));
    let rules = room(&records, &[&founder, &four, &five]);
    // In the new epoch, whose key somebody who stayed gave; and in the old one.
    let new = Log::new(6, 9).comes_by(11, 60, 1, founder.door());
    assert_eq!(enter(&rules, &new), Err(Stop::Refused(NotEntered::ShutOut)));
    let old = Log::new(6, 8).comes_by(10, 60, 1, founder.door());
    assert_eq!(enter(&rules, &old), Err(Stop::Refused(NotEntered::ShutOut)));
    let mut rules = rules;
    assert_eq!(rules.admit(new.last()), Err(Refused::Cut), "nor by who passes it on");
    assert_eq!(rules.admit(old.last()), Err(Refused::Cut));
    assert!(rules.living(&living(&|_| false)).is_empty());
    // A code of after it does.
    let founder = founder.makes(11, 2);
    let rules = room(&records, &[&founder, &four, &five, &Log::new(6, 9).comes_by(11, 60, 2, founder.door())]);
    assert!(is_in(&rules, 6));
}

#[test]
fn a_removal_shuts_out_whom_it_does_not_know_and_names_who_stays() {
    let (mut records, founder, four, five) = begin();
    let six = Log::new(6, 9).comes_by(10, 60, 1, founder.door()).says(10);
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 2));
    let logs = [&founder, &four, &five, &six];
    assert_eq!(all_in(&room(&records, &logs)), [1, 5], "5 is named, 6 was not heard of");
    let rules = room_before(&records, &logs);
    assert_eq!(all_in(&rules), [1, 5], "nor where the removal came last");
    assert!(rules.stands(five.last()) && !rules.stands(six.last()));
    let is_empty = |log: &Log| rules.end(log.key()).is_some_and(|end| end.next == 0);
    assert!(!is_empty(&five) && is_empty(&six));
    assert_eq!(rules.served(device(6), NOW_MS), Err(NotAdmitted::ShutOut));
    assert!(!rules.stands(&six.entries[0]));
    assert_eq!(rules.came_by(founder.door()).len(), 2, "who is shut out counts no more");
}

#[test]
fn a_flood_of_newcomers_ends_by_a_barrier_that_names_who_stays() {
    let (mut records, founder, four, five) = begin();
    let flood: Vec<Log> = (20..40).map(|n| Log::new(n, 9).comes_by(10, n * 10, 1, founder.door()).says(10)).collect();
    let logs: Vec<&Log> = [&founder, &four, &five].into_iter().chain(&flood).collect();
    assert_eq!(all_in(&room(&records, &logs)).len(), 23);
    records.push(record(11, 1, &[10], &[1, 4, 5]).ends_codes());
    let rules = room_before(&records, &logs);
    assert_eq!(all_in(&rules), [1, 4, 5]);
    let takes_no_place = |log: &Log| rules.end(log.key()).is_some_and(|end| end.next == 0);
    assert!(flood.iter().all(takes_no_place));
}

#[test]
fn who_came_in_before_a_barrier_that_names_it_is_taken_by_who_knows_the_barrier_first() {
    let (mut records, founder, four, five) = begin();
    records.push(record(11, 1, &[10], &[1, 4, 5]).ends_codes());
    let items = items(&records, &[&founder, &four, &five]);
    let mut rules = empty(crate::epoch::RoomKind::Group);
    let taken = deliver(&mut rules, &items, &(0..items.len()).collect::<Vec<_>>());
    assert_eq!(taken.len(), items.len());
    assert_eq!(all_in(&rules), [1, 4, 5]);
    // Also shown by itself, at somebody who has all records and the founder's log.
    let fresh = room(&records, &[&founder]);
    let first = Log::new(4, 9).comes_by(10, 40, 1, founder.door());
    assert_eq!(first.last().id(), four.entries[0].id());
    assert_eq!(enter(&fresh, &first), Err(Stop::Again), "it asks for no keys");
    assert!(show(&fresh, &first).is_ok());
}

fn show(rules: &crate::access::Rules, log: &Log) -> Result<(), Stop> {
    let is_ended = |door| rules.is_ended(door, |_, _| true);
    let entering = crate::access::Entering { living: living(&is_ended), offers: &[], for_keys: false };
    rules.check_enter(log.last(), device(log.device), &entering)
}

#[test]
fn a_door_beyond_the_end_of_its_log_lets_nobody_in() {
    let (mut records, founder, four, _) = begin();
    let short = four.clone();
    let four = four.makes(10, 4);
    let six = Log::new(6, 9).comes_by(10, 60, 4, four.door());
    assert!(is_in(&room(&records, &[&founder, &four, &six]), 6));
    // The removal had heard of 6, but not of the door: 6 stays by its name.
    records.push(record(11, 1, &[10], &[1, 6]).removes(4).head(&short, 2));
    assert!(is_in(&room(&records, &[&founder, &four, &six]), 6));
    records[1].facts.keys.remove(&device(6));
    records[1].facts.ends_codes = false;
    let rules = room(&records, &[&founder, &four, &six]);
    assert!(!is_in(&rules, 6) && rules.doors().all(|door| door.id != four.door()));
}

#[test]
fn what_a_former_owner_did_lets_nobody_in_and_takes_nobody_away() {
    let (mut records, founder, four, five) = begin();
    // 2 is dropped, and begins an epoch at the same time that names a stranger and 5.
    records.push(record(11, 1, &[10], &[1, 4, 5]).drops(2));
    records.push(record(12, 2, &[10], &[2, 5, 7]));
    let seven = Log::new(7, 9).comes_named(12, 70).says(12);
    let five = five.says(12);
    let rules = room(&records, &[&founder, &four, &five, &seven]);
    assert!(rules.graph().is_void(epoch(12)));
    assert_eq!(all_in(&rules), [1, 4, 5]);
    assert!(rules.stands(five.last()), "5 is in by other means");
    assert_eq!(rules.may_write(device(7), epoch(12)), Err(Refused::NotYet));
}

#[test]
fn removals_at_the_same_time_end_all_codes_of_before_both() {
    let (mut records, founder, four, five) = begin();
    let other = Log::new(2, 9).comes_named(10, 2).makes(10, 3);
    records[0].facts.keys.insert(device(2));
    records.push(record(11, 1, &[10], &[1, 2, 5]).removes(4).head(&four, 2));
    records.push(record(12, 2, &[10], &[1, 2, 4]).removes(5).head(&five, 2));
    records.push(record(13, 1, &[11, 12], &[1, 2]));
    let rules = room(&records, &[&founder, &other, &four, &five]);
    assert_eq!(all_in(&rules), [1, 2]);
    assert!(rules.living(&living(&|_| false)).is_empty());
    for (number, log) in [(11, 1), (12, 2), (13, 3)] {
        let six = Log::new(6, log).comes_by(number, 60, 3, other.door());
        assert_eq!(enter(&rules, &six), Err(Stop::Refused(NotEntered::ShutOut)), "{number}");
    }
    assert_eq!(rules.presence(device(9)), Presence::Unknown);
}
