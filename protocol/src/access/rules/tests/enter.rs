//! What a keeper checks when somebody comes in, beyond what the set of entries says.

use super::kit::*;
use crate::{
    access::{
        CameBy, Entering, Hours, Rules, Stop,
        wire::{NotEntered, Offer},
    },
    ids::DoorId,
};

fn begin(expires: Hours, uses: u32) -> (Vec<Record>, Log) {
    (vec![record(10, 1, &[], &[1])], Log::of_founder().makes_for(10, 1, expires, uses))
}

fn comes(number: u16, founder: &Log) -> Log {
    Log::new(number, 9).comes_by(10, number * 10, 1, founder.door())
}

fn refused(why: NotEntered) -> Result<(), Stop> {
    Err(Stop::Refused(why))
}

#[test]
fn what_one_shows_for_another_is_refused() {
    let (records, founder) = begin(Hours::NONE, 0);
    let (rules, five) = (room(&records, &[&founder]), comes(5, &founder));
    assert_eq!(enter(&rules, &five), Ok(()));
    let is_ended = |_| false;
    let entering = Entering { living: living(&is_ended), offers: &[], for_keys: false };
    assert_eq!(rules.check_enter(five.last(), device(6), &entering), refused(NotEntered::Wrong));
    assert_eq!(rules.check_gossiped(five.last(), &entering), Ok(()));
    assert_eq!(rules.check_gossiped(founder.last(), &entering), refused(NotEntered::Wrong), "a door");
}

#[test]
fn a_code_lets_in_as_many_as_it_says_and_who_left_counts() {
    let (records, founder) = begin(Hours::NONE, 1);
    let (five, six) = (comes(5, &founder), comes(6, &founder));
    assert_eq!(enter(&room(&records, &[&founder]), &six), Ok(()));
    let rules = room(&records, &[&founder, &five]);
    assert_eq!(enter(&rules, &six), refused(NotEntered::UsedUp));
    assert_eq!(enter(&rules, &Log::new(5, 8).comes_by(10, 50, 1, founder.door())), Ok(()), "in by it already");
    let left = five.clone().leaves(10, 50);
    let rules = room(&records, &[&founder, &left]);
    assert_eq!(enter(&rules, &six), refused(NotEntered::UsedUp), "one came");
    assert_eq!(enter(&rules, &Log::new(5, 8).comes_by(10, 50, 1, founder.door())), refused(NotEntered::UsedUp));
    // In two parts of the network one came to each: both are in, and the list says so.
    let both = room(&records, &[&founder, &five, &six]);
    assert_eq!(all_in(&both), [1, 5, 6]);
    let beyond = |line: &crate::access::Listed| matches!(line.came, CameBy::Code { too_many: true, .. });
    assert_eq!(both.list(NOW_MS, |_| None).iter().filter(|line| beyond(line)).count(), 1);
    let heard = |entry| Some(if entry == six.last().id() { 1 } else { 2 });
    let first = both.list(NOW_MS, heard).into_iter().find(beyond).unwrap();
    assert_eq!(first.device, device(5), "heard of later");
}

#[test]
fn a_code_lets_in_until_its_end_by_the_own_clock_and_ten_minutes() {
    let (records, founder) = begin(NOW, 0);
    let (rules, five) = (room(&records, &[&founder]), comes(5, &founder));
    let at = |now_ms| {
        let is_ended = |_| false;
        let living = crate::access::Living { now_ms, ..living(&is_ended) };
        let offers = [Offer { epoch: epoch(10), step: 0 }];
        rules.check_enter(five.last(), device(5), &Entering { living, offers: &offers, for_keys: true })
    };
    assert_eq!(at(NOW_MS + 9 * 60_000), Ok(()));
    assert_eq!(at(NOW_MS + 11 * 60_000), refused(NotEntered::Expired));
    // Who is in passes on who came at the last minute, a week later: it is taken, and listed as late.
    let rules = room(&records, &[&founder, &five]);
    let line = rules.list(NOW_MS, |_| Some(NOW_MS + 7 * 24 * 3_600_000)).into_iter().find(|l| l.device == device(5));
    assert!(matches!(line.unwrap().came, CameBy::Code { late: true, .. }));
}

#[test]
fn a_visit_is_over_when_it_is_over_and_an_ended_code_makes_it_no_longer() {
    let (records, founder) = begin(Hours::NONE, 0);
    let visit = |log, until| Log::new(5, log).comes_at(10, 50, 1, founder.door(), 0, until);
    let rules = room(&records, &[&founder]);
    assert_eq!(enter(&rules, &visit(9, Hours(NOW.0 - 1))), refused(NotEntered::Expired));
    let (five, ending) = (visit(9, Hours(NOW.0 + 2)), founder.clone().ends(10, founder.door()));
    let rules = room(&records, &[&founder, &five]);
    assert_eq!(enter(&rules, &visit(8, Hours(NOW.0 + 9))), Ok(()));
    let rules = room(&records, &[&ending, &five]);
    assert_eq!(enter(&rules, &visit(8, Hours(NOW.0 + 2))), Ok(()), "it is in by this code");
    assert_eq!(enter(&rules, &visit(8, Hours(NOW.0 + 9))), refused(NotEntered::Ended));
    assert_eq!(enter(&rules, &visit(8, Hours::NONE)), refused(NotEntered::Ended));
}

#[test]
fn an_ended_code_lets_nobody_in_and_who_may_end_it_the_caller_says() {
    let (records, founder) = begin(Hours::NONE, 0);
    let door = founder.door();
    let five = comes(5, &founder).ends(10, door);
    let rules = room(&records, &[&founder, &five]);
    assert!(rules.is_ended(door, |_, _| true) && !rules.is_ended(door, |_, _| false));
    assert_eq!(enter(&rules, &comes(6, &founder)), refused(NotEntered::Ended));
    // Its maker, and other devices of the maker's person, always may.
    assert!(room(&records, &[&founder.clone().ends(10, door)]).is_ended(door, |_, _| false));
    let phone = Log::new(7, 9).comes_linked(10, 1).ends(10, door);
    assert!(room(&records, &[&founder, &phone]).is_ended(door, |_, _| false));
    // What somebody says after leaving ends nothing.
    let left = comes(5, &founder).leaves(10, 50).ends(10, door);
    assert!(!room(&records, &[&founder, &left]).is_ended(door, |_, _| true));
    assert!(!rules.is_ended(DoorId::default(), |_, _| true));
}

#[test]
fn keys_are_given_at_a_step_on_offer_and_nobody_uses_up_steps() {
    let (records, founder) = begin(Hours::NONE, 0);
    let rules = room(&records, &[&founder]);
    let offers = [Offer { epoch: epoch(10), step: 3 }, Offer { epoch: epoch(10), step: 5 }];
    let at = |step, for_keys| {
        let five = Log::new(5, 9).comes_at(10, 50, 1, founder.door(), step, Hours::NONE);
        let is_ended = |_| false;
        rules.check_enter(five.last(), device(5), &Entering { living: living(&is_ended), offers: &offers, for_keys })
    };
    assert_eq!((at(3, true), at(5, true)), (Ok(()), Ok(())));
    assert_eq!((at(4, true), at(6, true)), (Err(Stop::Again), Err(Stop::Again)));
    assert_eq!((at(0, false), at(5, false), at(6, false)), (Ok(()), Ok(()), Err(Stop::Again)));
    // Where nothing is on offer, the next after what somebody named.
    let shows = |rules: &Rules, number, step| {
        let log = Log::new(number, 9).comes_at(10, number * 10, 1, founder.door(), step, Hours::NONE);
        let is_ended = |_| false;
        rules.check_gossiped(log.last(), &Entering { living: living(&is_ended), offers: &[], for_keys: false })
    };
    assert_eq!((shows(&rules, 6, 0), shows(&rules, 6, 1)), (Ok(()), Err(Stop::Again)));
    let five = Log::new(5, 9).comes_at(10, 50, 1, founder.door(), 5, Hours::NONE);
    let rules = room(&records, &[&founder, &five]);
    assert_eq!((shows(&rules, 6, 6), shows(&rules, 6, 1023)), (Ok(()), Err(Stop::Again)));
    assert_eq!((rules.highest_named(epoch(10)), rules.highest_named(epoch(11))), (Some(5), None));
}

#[test]
fn an_epoch_that_nothing_leads_on_from_is_closed() {
    let (mut records, founder) = begin(Hours::NONE, 0);
    records.extend([record(11, 1, &[10], &[1]), record(12, 1, &[11], &[1])]);
    let rules = room(&records, &[&founder]);
    assert_eq!(enter(&rules, &comes(5, &founder)), Err(Stop::Again), "it leads on, and is not on offer");
    assert_eq!(enter(&rules, &Log::new(5, 9).comes_by(12, 50, 1, founder.door())), Ok(()));
    assert_eq!(enter(&rules, &Log::new(5, 9).comes_by(13, 50, 1, founder.door())), refused(NotEntered::Lacking));
    assert_eq!(enter(&rules, &Log::new(5, 9).comes_by(12, 50, 1, DoorId::default())), refused(NotEntered::Lacking));
}

#[test]
fn one_person_has_64_devices_and_a_room_has_512() {
    let (records, founder) = begin(Hours::NONE, 0);
    let by = |number, person| Log::new(number, 9).comes_by(10, person, 1, founder.door());
    let of_one: Vec<Log> = (100..164).map(|number| by(number, 40)).collect();
    let mut rules: Rules = room(&records, &[&founder]);
    of_one.iter().for_each(|log| drop(rules.admit(log.last()).unwrap()));
    assert_eq!(enter(&rules, &by(500, 40)), refused(NotEntered::TooManyOwn));
    assert_eq!(enter(&rules, &by(100, 40)), Ok(()), "in already");
    let linked = Log::new(501, 9).comes_linked(10, 40);
    assert_eq!(enter(&rules, &linked), refused(NotEntered::TooManyOwn));
    // A room is filled by those that one passed on as well.
    (200..647).for_each(|number| drop(rules.admit(by(number, number).last()).unwrap()));
    assert_eq!(rules.devices_in(NOW_MS).count(), 512);
    assert_eq!(enter(&rules, &by(999, 999)), refused(NotEntered::Full));
    let past = Log::new(998, 9).comes_at(10, 998, 1, founder.door(), 0, Hours(NOW.0 - 1));
    rules.admit(past.last()).unwrap();
    assert_eq!(rules.devices_in(NOW_MS).count(), 512, "visits that are over take no place");
}

#[test]
fn a_person_has_64_living_codes_and_owners_are_not_crowded_out() {
    let (records, founder) = begin(Hours::NONE, 0);
    let mut five = comes(5, &founder);
    for _ in 0..70 {
        five = five.makes(10, 9);
    }
    let rules = room(&records, &[&founder, &five]);
    let found = rules.living(&living(&|_| false));
    assert_eq!((found.len(), found[0]), (65, founder.door()));
    assert!(found.contains(&five.entries[1].id().into()) && !found.contains(&five.door()), "the older ones");
    // Of several doors of one code one that works is found.
    let locator = code(9).locator();
    assert_eq!(rules.find(locator, &living(&|_| false), |_, _| true), Some(five.entries[1].id().into()));
    let first = DoorId::from(five.entries[1].id());
    assert_eq!(rules.find(locator, &living(&|door| door == first), |_, _| true), Some(five.entries[2].id().into()));
    assert_eq!(rules.find(code(77).locator(), &living(&|_| false), |_, _| true), None);
}
