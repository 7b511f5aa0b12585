//! Which wraps an archive keeps.

use super::kit::*;
use crate::{
    access::{Hours, KeptWrap, Rules, Terms, WrapFacts, wire::Offer},
    ids::{DoorId, EpochId},
};

fn begin() -> (Vec<Record>, Log, Log) {
    let founder = Log::of_founder().makes(10, 1);
    let four = Log::new(4, 9).comes_by(10, 40, 1, founder.door());
    (vec![record(10, 1, &[], &[1])], founder, four)
}

fn wrap(signer: u16, door: DoorId, number: u8, step: u32) -> KeptWrap {
    let facts = WrapFacts { room: ROOM, door, epoch: epoch(number), step, until: Hours::NONE, is_fresh: false };
    KeptWrap { facts, signer: device(signer) }
}

fn keep(rules: &Rules, wraps: &[KeptWrap]) -> Vec<KeptWrap> {
    keep_written(rules, wraps, |_| None)
}

fn keep_written(rules: &Rules, wraps: &[KeptWrap], written: impl Fn(EpochId) -> Option<u32>) -> Vec<KeptWrap> {
    let is_ended = |door| rules.is_ended(door, |_, _| true);
    rules.keep_wraps(wraps, &living(&is_ended), written).into_iter().map(|at| wraps[at]).collect()
}

#[test]
fn of_a_person_the_newest_three_steps_are_kept_and_of_each_step_the_newest() {
    let (records, founder, four) = begin();
    let (rules, door) = (room(&records, &[&founder, &four]), founder.door());
    let wraps: Vec<KeptWrap> = [7, 2, 5, 9, 5].map(|step| wrap(4, door, 10, step)).to_vec();
    let kept = keep(&rules, &wraps);
    assert_eq!(kept.iter().map(|wrap| wrap.facts.step).collect::<Vec<_>>(), [2, 5, 9]);
    assert_eq!(rules.offers(door, &kept), [Offer { epoch: epoch(10), step: 2 }]);
}

#[test]
fn junk_of_one_member_with_many_devices_takes_nobodys_place() {
    let (records, founder, four) = begin();
    let door = founder.door();
    let devices: Vec<Log> = (20..29).map(|number| Log::new(number, 9).comes_linked(10, 40)).collect();
    let logs: Vec<&Log> = [&founder, &four].into_iter().chain(&devices).collect();
    let rules = room(&records, &logs);
    let mut wraps = vec![wrap(1, door, 10, 0)];
    wraps.extend((0..1000).map(|at| wrap(20 + at % 9, door, 10, u32::from(at))));
    let kept = keep(&rules, &wraps);
    assert_eq!((kept.len(), kept[0]), (4, wraps[0]), "an owner's first");
    assert_eq!(rules.offers(door, &kept)[0], Offer { epoch: epoch(10), step: 0 });
}

#[test]
fn eight_persons_have_a_place_owners_first_then_who_came_first() {
    let (mut records, founder, _) = begin();
    records.push(record(11, 1, &[10], &[1]));
    let door = founder.door();
    let early: Vec<Log> = (20..26).map(|n| Log::new(n, 9).comes_by(10, n * 10, 1, door)).collect();
    let late: Vec<Log> = (30..50).map(|n| Log::new(n, 9).comes_by(11, n * 10, 1, door)).collect();
    let logs: Vec<&Log> = [&founder].into_iter().chain(&early).chain(&late).collect();
    let rules = room(&records, &logs);
    let wraps: Vec<KeptWrap> = (20..26).chain(30..50).chain([1]).rev().map(|n| wrap(n, door, 11, 0)).collect();
    let kept = keep(&rules, &wraps);
    assert_eq!((kept.len(), kept[0].signer), (8, device(1)));
    assert!((20..26).all(|n| kept.iter().any(|wrap| wrap.signer == device(n))));
}

#[test]
fn what_is_of_no_use_any_more_goes() {
    let (records, founder, four) = begin();
    let door = founder.door();
    let all = [wrap(1, door, 10, 0), wrap(4, door, 10, 1)];
    let kept = |records: &[Record], logs: &[&Log]| keep(&room(records, logs), &all).len();
    assert_eq!(kept(&records, &[&founder, &four]), 2);
    assert_eq!(kept(&records, &[&founder]), 1, "a signer who is not in");
    assert_eq!(kept(&records, &[&founder, &four.clone().leaves(10, 40)]), 1, "one who left");
    assert_eq!(kept(&records, &[&founder.clone().ends(10, door), &four]), 0, "ended");
    let next = |next: Record| [records.as_slice(), &[next]].concat();
    assert_eq!(kept(&next(record(11, 1, &[10], &[1, 4])), &[&founder, &four]), 0, "a newer epoch");
    let barrier = next(record(11, 1, &[10], &[1, 4]).ends_codes());
    let (of_new, rules) = ([wrap(1, door, 11, 0)], room(&barrier, &[&founder, &four]));
    assert!(keep(&rules, &of_new).is_empty(), "the code is one of before the barrier");
    let rules = room(&records, &[&founder, &four]);
    let with = |change: fn(&mut WrapFacts)| {
        let mut wrap = all[0];
        change(&mut wrap.facts);
        keep(&rules, &[wrap]).len()
    };
    assert_eq!(with(|facts| facts.until = Hours(NOW.0 - 1)), 0, "its time is over");
    assert_eq!(with(|facts| facts.until = Hours(NOW.0 + 1)), 1);
    assert_eq!(with(|facts| facts.room = crate::RoomId::default()), 0);
    assert_eq!(with(|facts| facts.door = DoorId::default()), 0);
}

#[test]
fn the_last_use_of_a_code_and_its_end_delete_what_is_wrapped_to_it() {
    let (records, ..) = begin();
    let founder = Log::of_founder().makes_for(10, 1, NOW, 1);
    let all = [wrap(1, founder.door(), 10, 0)];
    let rules = room(&records, &[&founder]);
    assert_eq!(keep(&rules, &all).len(), 1);
    let is_ended = |_| false;
    let later = crate::access::Living { now_ms: NOW_MS + 3_600_000, ..living(&is_ended) };
    assert!(rules.keep_wraps(&all, &later, |_| None).is_empty(), "expired");
    let four = Log::new(4, 9).comes_by(10, 40, 1, founder.door());
    assert!(keep(&room(&records, &[&founder, &four]), &all).is_empty(), "used up");
}

#[test]
fn a_fresh_wrap_goes_when_its_step_is_written() {
    let (records, founder, four) = begin();
    let rules = room(&records, &[&founder, &four]);
    let mut fresh = [2, 3].map(|step| wrap(1, founder.door(), 10, step));
    fresh.iter_mut().for_each(|wrap| wrap.facts.is_fresh = true);
    let steps = |written| -> Vec<u32> {
        keep_written(&rules, &fresh, |_| written).into_iter().map(|wrap| wrap.facts.step).collect()
    };
    assert_eq!((steps(None), steps(Some(1))), (vec![2, 3], vec![2, 3]));
    assert_eq!((steps(Some(2)), steps(Some(3))), (vec![3], vec![]));
}

#[test]
fn whoever_keeps_fewer_leaves_no_door_without() {
    let founder = Log::of_founder().makes(10, 1).makes(10, 2);
    let doors = [&founder.entries[1], &founder.entries[2]].map(|entry| DoorId::from(entry.id()));
    let four = Log::new(4, 9).comes_by(10, 40, 1, doors[0]);
    let rules = room(&[record(10, 1, &[], &[1])], &[&founder, &four]);
    let wraps: Vec<KeptWrap> = doors.iter().flat_map(|door| [wrap(4, *door, 10, 0), wrap(1, *door, 10, 0)]).collect();
    let kept = keep(&rules, &wraps);
    assert_eq!(kept.iter().map(|wrap| wrap.signer).collect::<Vec<_>>(), [1, 1, 4, 4].map(device));
    assert_ne!(kept[0].facts.door, kept[1].facts.door);
}

#[test]
fn nothing_is_kept_for_a_code_that_works_only_while_a_member_is_there() {
    let (records, ..) = begin();
    let for_members = Terms { members_only: true, ..Terms::default() };
    let founder = Log::of_founder().makes_on(10, 1, for_members);
    let wraps = [wrap(1, founder.door(), 10, 0)];
    assert!(keep(&room(&records, &[&founder]), &wraps).is_empty());
    let founder = Log::of_founder().makes_on(10, 1, Terms::default());
    assert_eq!(keep(&room(&records, &[&founder]), &[wrap(1, founder.door(), 10, 0)]).len(), 1);
}
