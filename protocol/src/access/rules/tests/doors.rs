//! Coming in by name and by code.

use super::kit::*;
use crate::{
    access::{CameBy, Hours, Learned, Presence, wire::NotAdmitted},
    entry::Kind,
    epoch::RoomKind,
    ids::DoorId,
    rules::Refused,
};

/// The founder with a door, and 4, whom the first epoch names.
fn begin() -> (Vec<Record>, Log) {
    (vec![record(10, 1, &[], &[1, 2, 3, 4])], Log::of_founder().makes(10, 1))
}

#[test]
fn who_is_named_is_in_once_that_stands_in_a_log() {
    let (records, founder) = begin();
    let rules = room(&records, &[&founder]);
    assert_eq!(all_in(&rules), [1]);
    assert_eq!(rules.served(device(4), NOW_MS), Err(NotAdmitted::Show), "named, but not to be seen");
    let four = Log::new(4, 9).comes_named(10, 40).says(10);
    let rules = room(&records, &[&founder, &four]);
    assert_eq!(all_in(&rules), [1, 4]);
    assert!(rules.stands(four.last()));
    let came: Vec<CameBy> = rules.list(NOW_MS, |_| None).into_iter().map(|line| line.came).collect();
    assert!(came.contains(&CameBy::Founding) && came.contains(&CameBy::Owner) && came.len() == 2);
}

#[test]
fn who_is_not_named_does_not_come_in_by_name() {
    let (records, founder) = begin();
    let mut rules = room(&records, &[&founder]);
    let stranger = Log::new(9, 9).comes_named(10, 90);
    assert_eq!(rules.admit(stranger.last()), Err(Refused::NotYet));
    // A record that does not stand names nobody.
    let void = [record(11, 1, &[10], &[1, 2, 4]).removes(3), record(12, 3, &[10], &[3, 9])];
    let rules = room(&[records.as_slice(), &void].concat(), &[&founder, &Log::new(9, 9).comes_named(12, 90)]);
    assert!(rules.graph().is_void(epoch(12)));
    assert_eq!(rules.presence(device(9)), Presence::Unknown);
}

#[test]
fn a_code_lets_in_whose_maker_is_in_and_so_do_the_codes_of_who_came_by_it() {
    let (records, founder) = begin();
    let five = Log::new(5, 9).comes_by(10, 50, 1, founder.door()).makes(10, 2);
    let six = Log::new(6, 9).comes_by(10, 60, 2, five.door()).says(10);
    let rules = room(&records, &[&founder, &five, &six]);
    assert_eq!(all_in(&rules), [1, 5, 6]);
    let line = rules.list(NOW_MS, |_| None).into_iter().find(|line| line.device == device(6)).unwrap();
    let maker = Some(device(5));
    assert_eq!(line.came, CameBy::Code { door: five.door(), maker, late: false, too_many: false });
    assert_eq!((line.own, line.entry), (own_id(60), six.entries[0].id()));
    // Without the middle one nothing lets the last one in.
    let rules = room(&records, &[&founder, &six]);
    assert_eq!(all_in(&rules), [1]);
}

#[test]
fn an_entry_waits_for_the_door_and_the_epoch_that_it_names() {
    let (records, founder) = begin();
    let five = Log::new(5, 9).comes_by(10, 50, 1, founder.door());
    let mut rules = empty(RoomKind::Group);
    assert_eq!(rules.admit(five.last()), Err(Refused::NotYet), "no epoch");
    learn(&mut rules, &records[0]).unwrap();
    assert_eq!(rules.admit(five.last()), Err(Refused::NotYet), "no door");
    for entry in &founder.entries {
        rules.admit(entry).unwrap();
    }
    assert_eq!(rules.admit(five.last()), Ok(Learned::In(device(5))));
    assert_eq!(rules.admit(five.last()), Ok(Learned::Nothing), "known");
}

#[test]
fn nobody_comes_in_in_the_middle_of_a_log_with_another_code_or_for_somebody_else() {
    let (records, founder) = begin();
    let mut rules = room(&records, &[&founder, &Log::new(5, 9).comes_by(10, 50, 1, founder.door()).says(10)]);
    let refused = |rules: &mut crate::access::Rules, log: &Log| rules.admit(log.last());
    let again = Log::new(5, 9).comes_by(10, 50, 1, founder.door()).says(10).comes_by(10, 50, 1, founder.door());
    assert_eq!(refused(&mut rules, &again), Err(Refused::Never));
    let wrong_code = Log::new(6, 9).comes_by(10, 60, 2, founder.door());
    assert_eq!(refused(&mut rules, &wrong_code), Err(Refused::Never));
    // What 5 signed, written by 6 in a log of its own.
    let stolen = Log::new(6, 9).write(Kind::Access, 10, again.entries[0].body());
    assert_eq!(refused(&mut rules, &stolen), Err(Refused::Never));
    let other_epoch = Log::new(6, 9).comes_linked(10, 60);
    assert_eq!(refused(&mut rules, &other_epoch), Err(Refused::NotYet), "nobody of that person is in");
    let junk = Log::new(6, 9).write(Kind::Access, 10, b"\x01\x00junk");
    assert_eq!(refused(&mut rules, &junk), Err(Refused::Never));
}

#[test]
fn who_came_by_a_code_writes_in_its_epoch_and_later_ones_and_in_no_other() {
    let (mut records, founder) = begin();
    records.extend([record(11, 1, &[10], &[1, 4]), record(12, 2, &[10], &[1, 4]), record(13, 1, &[11], &[1, 4])]);
    let five = Log::new(5, 9).comes_by(11, 50, 1, founder.door());
    let rules = room(&records, &[&founder, &five]);
    assert_eq!(rules.may_write(device(5), epoch(11)), Ok(()));
    assert_eq!(rules.may_write(device(5), epoch(13)), Ok(()));
    assert_eq!(rules.may_write(device(5), epoch(10)), Err(Refused::NotYet));
    assert_eq!(rules.may_write(device(5), epoch(12)), Err(Refused::NotYet));
    assert_eq!(rules.may_write(device(9), epoch(11)), Err(Refused::NotYet));
    assert_eq!(rules.may_write(device(5), crate::EpochId::default()), Err(Refused::NotYet), "no such epoch");
}

#[test]
fn what_is_written_without_coming_in_first_is_not_taken() {
    let (records, founder) = begin();
    let mut rules = room(&records, &[&founder]);
    for (log, verdict) in [
        (Log::new(5, 9).says(10), Err(Refused::NotYet)),
        (Log::new(4, 9).says(10), Err(Refused::NotYet)),
        (Log::new(5, 9).makes(10, 4), Err(Refused::NotYet)),
        (Log::new(5, 9).ends(10, founder.door()), Err(Refused::NotYet)),
        (Log::new(5, 9).leaves(10, 50), Err(Refused::NotYet)),
    ] {
        assert_eq!(rules.admit(log.last()), verdict, "{log:?}");
    }
}

#[test]
fn a_visitor_is_in_for_its_time_in_its_epoch_and_in_those_that_name_it() {
    let (records, founder) = begin();
    let visit = |until| Log::new(5, 9).comes_at(10, 50, 1, founder.door(), 0, until);
    let five = visit(Hours(NOW.0 + 1));
    let rules = room(&records, &[&founder, &five]);
    assert_eq!(rules.presence(device(5)), Presence::In { until: Hours(NOW.0 + 1) });
    assert!(is_in(&rules, 5));
    let later = NOW_MS + 2 * 60 * 60 * 1000;
    assert_eq!(rules.served(device(5), later), Err(NotAdmitted::Out));
    let line = |now| rules.list(now, |_| None).into_iter().find(|line| line.device == device(5)).unwrap();
    assert!(!line(NOW_MS).is_gone && line(later).is_gone);
    // The next epoch leaves it out, or does not.
    let next = |named: &[u16]| [records.as_slice(), &[record(11, 1, &[10], named)]].concat();
    let without = room(&next(&[1, 4]), &[&founder, &five]);
    assert_eq!(without.served(device(5), NOW_MS), Err(NotAdmitted::ShutOut));
    assert_eq!(without.may_write(device(5), epoch(11)), Err(Refused::NotYet));
    assert!(without.list(NOW_MS, |_| None).iter().all(|line| line.device != device(5)));
    let with = room(&next(&[1, 4, 5]), &[&founder, &five]);
    assert!(is_in(&with, 5) && with.may_write(device(5), epoch(11)).is_ok());
    // Who also came to stay is no visitor.
    let stays = Log::new(5, 8).comes_by(10, 50, 1, founder.door());
    let both = room(&records, &[&founder, &five, &stays]);
    assert_eq!(both.presence(device(5)), Presence::In { until: Hours::NONE });
}

#[test]
fn a_device_that_records_name_needs_the_door_no_more() {
    // Its maker was removed, and the owner who did it had not heard of the door.
    let (mut records, founder) = begin();
    let four = Log::new(4, 9).comes_named(10, 40).makes(10, 4);
    let five = Log::new(5, 9).comes_by(10, 50, 4, four.door()).says(10);
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 1));
    let rules = room(&records, &[&founder, &five]);
    assert!(is_in(&rules, 5), "the door never came here");
    let rules = room(&records, &[&founder, &four, &five]);
    assert!(is_in(&rules, 5) && rules.door(four.door()).is_none());
    let CameBy::Code { maker: None, .. } =
        rules.list(NOW_MS, |_| None).iter().find(|l| l.device == device(5)).unwrap().came
    else {
        panic!("by a code whose door is not here")
    };
}

#[test]
fn a_signature_that_came_before_its_door_is_checked_when_the_door_comes() {
    let (mut records, founder) = begin();
    records[0].facts.keys.insert(device(5));
    let good = Log::new(5, 9).comes_by(10, 50, 1, founder.door());
    let forged = Log::new(5, 8).comes_by(10, 50, 2, founder.door());
    for (log, came) in [(&good, 1), (&forged, 0)] {
        let mut rules = empty(RoomKind::Group);
        learn(&mut rules, &records[0]).unwrap();
        rules.admit(log.last()).unwrap();
        founder.entries.iter().for_each(|entry| drop(rules.admit(entry).unwrap()));
        let (mut named, number) = (rules.facts.by_door(founder.door()), usize::from(came == 1));
        let (at, _) = named.next().unwrap();
        assert_eq!(usize::from(rules.who().now.marks(at).code), number);
        assert!(is_in(&rules, 5), "by its name");
    }
}

#[test]
fn a_log_has_a_bounded_number_of_doors_and_goings_out() {
    let (records, mut founder) = begin();
    for _ in 0..70 {
        founder = founder.sends_out(10, 1, false, &[]);
    }
    let mut rules = room(&records, &[]);
    let taken = founder.entries.iter().take_while(|entry| rules.admit(entry).is_ok()).count();
    assert_eq!(taken, 2 + 64);
    assert_eq!(rules.admit(&founder.entries[taken]), Err(Refused::Never));
    assert_eq!(rules.door(DoorId::default()).map(|door| door.maker), None);
}
