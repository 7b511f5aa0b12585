//! Devices that another one of the same person brought.

use super::kit::*;
use crate::{
    access::{CameBy, Presence, Stop, wire::NotEntered},
    rules::Refused,
};

fn begin() -> (Vec<Record>, Log, Log, Log) {
    let founder = Log::of_founder().makes(10, 1);
    let laptop = Log::new(4, 9).comes_by(10, 40, 1, founder.door()).says(10);
    let phone = Log::new(5, 9).comes_linked(10, 40).says(10);
    (vec![record(10, 1, &[], &[1])], founder, laptop, phone)
}

#[test]
fn a_linked_device_comes_in_where_one_of_its_person_did() {
    let (records, founder, laptop, phone) = begin();
    let rules = room(&records, &[&founder, &phone, &laptop]);
    assert_eq!(all_in(&rules), [1, 4, 5]);
    let line = rules.list(NOW_MS, |_| None).into_iter().find(|line| line.device == device(5)).unwrap();
    assert_eq!((line.came, line.own), (CameBy::Link, own_id(40)));
    // Who has the epoch's key brings nobody in as another person, nor as a new one.
    let stranger = Log::new(6, 9).comes_linked(10, 60);
    assert_eq!(enter(&rules, &stranger), Err(Stop::Refused(NotEntered::Lacking)));
    let rules = room(&records, &[&founder, &phone]);
    assert_eq!(all_in(&rules), [1], "linked to nobody who came in");
}

#[test]
fn linked_devices_do_not_vouch_for_each_other() {
    let (records, founder, laptop, phone) = begin();
    let tablet = Log::new(6, 9).comes_linked(10, 40);
    let short = Log::new(4, 9);
    let mut removed = records.clone();
    removed.push(record(11, 1, &[10], &[1]).removes(4).head(&short, 0));
    let rules = room(&removed, &[&founder, &laptop, &phone, &tablet]);
    assert_eq!(all_in(&rules), [1]);
}

#[test]
fn when_the_first_device_is_lost_those_that_were_linked_stay() {
    let (records, founder, laptop, phone) = begin();
    let phone = phone.sends_out(10, 40, true, &[&laptop]);
    let rules = room(&records, &[&founder, &laptop, &phone]);
    assert_eq!(all_in(&rules), [1, 5]);
    assert!(rules.stands(&phone.entries[1]) && rules.may_write(device(5), epoch(10)).is_ok());
    // Also where the one that sent it out had not heard of its log.
    let phone = Log::new(5, 9).comes_linked(10, 40).sends_out(10, 40, true, &[&Log::new(4, 77)]);
    let rules = room(&records, &[&founder, &laptop, &phone]);
    assert_eq!(all_in(&rules), [1, 5]);
    assert!(!rules.stands(&laptop.entries[0]));
}

#[test]
fn when_the_first_device_left_or_was_removed_those_that_were_linked_go() {
    let (mut records, founder, laptop, phone) = begin();
    let left = laptop.clone().sends_out(10, 40, false, &[&laptop]);
    let rules = room(&records, &[&founder, &left, &phone]);
    assert_eq!(all_in(&rules), [1]);
    assert!(rules.stands(phone.last()), "what it wrote stands");
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&laptop, 2));
    assert_eq!(all_in(&room(&records, &[&founder, &laptop, &phone])), [1, 5], "named by the removal");
    records[1] = record(11, 1, &[10], &[1]).removes(4).head(&laptop, 2);
    assert_eq!(all_in(&room(&records, &[&founder, &laptop, &phone])), [1]);
}

#[test]
fn when_another_device_of_the_person_is_still_in_by_itself_they_stay() {
    let (records, founder, laptop, phone) = begin();
    let tablet = Log::new(6, 9).comes_by(10, 40, 1, founder.door());
    let left = laptop.clone().sends_out(10, 40, false, &[&laptop]);
    assert_eq!(all_in(&room(&records, &[&founder, &left, &phone, &tablet])), [1, 5, 6]);
}

#[test]
fn the_key_of_an_epoch_links_to_that_epoch_only() {
    let (mut records, founder, laptop, _) = begin();
    records.push(record(11, 1, &[10], &[1, 4]).ends_codes());
    let mut rules = room(&records, &[&founder, &laptop]);
    let old = Log::new(5, 9).comes_linked(10, 40);
    assert_eq!(enter(&rules, &old), Err(Stop::Refused(NotEntered::ShutOut)));
    assert_eq!(rules.admit(old.last()), Err(Refused::Cut));
    let forged = Log::new(5, 8).comes_linked(10, 40).entries[0].body().to_vec();
    let forged = Log::new(5, 8).write(crate::entry::Kind::Access, 11, &forged);
    assert_eq!(rules.admit(forged.last()), Err(Refused::Never));
    let good = Log::new(5, 7).comes_linked(11, 40);
    assert_eq!(enter(&rules, &good), Ok(()));
    rules.admit(good.last()).unwrap();
    assert_eq!(rules.presence(device(5)), Presence::In { until: crate::access::Hours::NONE });
}

#[test]
fn a_restored_device_writes_in_a_new_log_without_coming_in_again() {
    let (records, founder, laptop, _) = begin();
    let restored = Log::new(4, 8).says(10);
    let rules = room(&records, &[&founder, &laptop, &restored]);
    assert!(rules.stands(restored.last()) && is_in(&rules, 4));
}
