//! Going out: who leaves, who is lost, and what it does to others.

use super::kit::*;
use crate::{
    access::{
        Presence, Rules, Stop,
        wire::{NotAdmitted, NotEntered},
    },
    epoch::RoomKind,
    rules::Refused,
};

/// The founder with a door, and 4 who came by it.
fn begin() -> (Vec<Record>, Log, Log) {
    let founder = Log::of_founder().makes(10, 1);
    let four = Log::new(4, 9).comes_by(10, 40, 1, founder.door()).says(10);
    (vec![record(10, 1, &[], &[1])], founder, four)
}

#[test]
fn who_leaves_is_out_and_what_it_wrote_before_stands() {
    let (records, founder, four) = begin();
    let before = four.clone();
    let four = four.leaves(10, 40).says(10);
    let rules = room(&records, &[&founder, &four]);
    assert_eq!(rules.served(device(4), NOW_MS), Err(NotAdmitted::Out));
    assert_eq!(rules.presence(device(4)), Presence::Left);
    assert!(before.entries.iter().all(|entry| rules.stands(entry)));
    assert!(!rules.stands(four.last()) && rules.keeps(four.last()), "kept and passed on, shown to nobody");
    assert_eq!(rules.may_write(device(4), epoch(10)), Err(Refused::Cut));
    assert_eq!(rules.came_by(founder.door()).len(), 1, "it came by the code all the same");
    assert!(rules.wants_epoch(NOW_MS, |_| false));
}

#[test]
fn who_left_comes_back_in_a_new_log_by_a_code_and_not_by_its_name() {
    let (mut records, founder, four) = begin();
    records[0].facts.keys.insert(device(4));
    let four = four.leaves(10, 40);
    let rules = room(&records, &[&founder, &four]);
    let named = Log::new(4, 8).comes_named(10, 40);
    assert_eq!(enter(&rules, &named), Err(Stop::Refused(NotEntered::Out)));
    let by_code = Log::new(4, 8).comes_by(10, 40, 1, founder.door()).says(10);
    let first = Log::new(4, 8).comes_by(10, 40, 1, founder.door());
    assert_eq!(enter(&rules, &first), Ok(()));
    let rules = room(&records, &[&founder, &four, &named]);
    assert_eq!(rules.presence(device(4)), Presence::Left, "also where somebody passed it on");
    let rules = room(&records, &[&founder, &four, &by_code]);
    assert!(is_in(&rules, 4) && rules.stands(by_code.last()) && !rules.stands(four.last()));
    assert_eq!(rules.came_by(founder.door()).len(), 1, "one device, twice");
    // And leaves again.
    let by_code = by_code.leaves(10, 40);
    assert_eq!(room(&records, &[&founder, &four, &by_code]).presence(device(4)), Presence::Left);
}

#[test]
fn who_left_does_not_come_back_by_a_code_that_it_never_had() {
    let (mut records, founder, four) = begin();
    records[0].facts.keys.insert(device(4));
    let four = four.leaves(10, 40);
    let forged = Log::new(4, 8).comes_by(10, 40, 7, founder.door());
    let rules = room(&records, &[&founder, &four]);
    assert_eq!(enter(&rules, &forged), Err(Stop::Refused(NotEntered::Wrong)));
    assert_eq!(room(&records, &[&founder, &four, &forged]).presence(device(4)), Presence::Left);
}

#[test]
fn a_lost_device_never_comes_back() {
    let (records, founder, four) = begin();
    let phone = Log::new(5, 9).comes_linked(10, 40);
    let phone = phone.clone().sends_out(10, 40, true, &[&four]);
    let again = Log::new(4, 8).comes_by(10, 40, 1, founder.door()).says(10);
    let rules = room(&records, &[&founder, &four, &phone]);
    assert_eq!((rules.presence(device(4)), rules.served(device(4), NOW_MS)), (Presence::Lost, Err(NotAdmitted::Out)));
    assert_eq!(enter(&rules, &Log::new(4, 8).comes_by(10, 40, 1, founder.door())), Err(Stop::Refused(NotEntered::Out)));
    assert_eq!(rules.lost(), [device(4)]);
    let rules = room(&records, &[&founder, &four, &phone, &again]);
    assert!(!is_in(&rules, 4) && !rules.stands(again.last()), "logs that were not named are cut");
    assert!(rules.stands(four.last()) && rules.cut(again.key()).is_some_and(|cut| cut.next == 0));
    // Once a record removed it, nothing is left to do.
    let mut records = records;
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 2));
    let rules = room(&records, &[&founder, &four, &phone]);
    assert!(rules.lost().is_empty() && is_in(&rules, 5));
    assert_eq!(rules.presence(device(4)), Presence::Removed);
}

#[test]
fn two_devices_of_one_person_may_end_each_other() {
    let (records, founder, four) = begin();
    let five = Log::new(5, 9).comes_linked(10, 40);
    let (old_four, old_five) = (four.clone(), five.clone());
    let four = four.sends_out(10, 40, true, &[&old_five]);
    let five = five.sends_out(10, 40, true, &[&old_four]);
    let rules = room(&records, &[&founder, &four, &five]);
    assert_eq!(all_in(&rules), [1]);
    // Also where the second one was written beyond the cut of the first.
    let five = old_five.says(10).says(10).sends_out(10, 40, true, &[&old_four]);
    let four = old_four.sends_out(10, 40, true, &[&Log::new(5, 9).comes_linked(10, 40)]);
    assert_eq!(all_in(&room(&records, &[&founder, &four, &five])), [1]);
}

#[test]
fn nobody_sends_out_devices_of_others() {
    let (records, founder, four) = begin();
    let five = Log::new(5, 9).comes_by(10, 50, 1, founder.door());
    let (victims, by) = ([&four, &founder], five.clone());
    let five = five.sends_out(10, 50, true, &victims);
    let rules = room(&records, &[&founder, &four, &five]);
    assert_eq!(all_in(&rules), [1, 4, 5], "its own key is not theirs");
    // With the key of the other, which it does not have: the signature is copied from elsewhere.
    let of_four = four.clone().sends_out(10, 40, true, &[&four]);
    let copied = by.write(crate::entry::Kind::Access, 10, of_four.last().body());
    let mut rules = room(&records, &[&founder, &four]);
    copied.entries.iter().take(1).for_each(|entry| drop(rules.admit(entry).unwrap()));
    assert_eq!(rules.admit(copied.last()), Err(Refused::Never));
}

#[test]
fn a_going_out_beyond_a_removals_cut_does_not_count_and_beyond_another_one_does() {
    let (mut records, founder, four) = begin();
    let five = Log::new(5, 9).comes_linked(10, 40).says(10);
    let four_then = four.clone();
    let four = four.sends_out(10, 40, true, &[&five]);
    records.push(record(11, 1, &[10], &[1, 5]).removes(4).head(&four_then, 2));
    assert!(is_in(&room(&records, &[&founder, &four, &five]), 5));
    records[1] = record(11, 1, &[10], &[1, 5]).removes(4).head(&four, 3);
    assert!(!is_in(&room(&records, &[&founder, &four, &five]), 5), "the removal had heard of it");
    let left = four_then.leaves(10, 40).sends_out(10, 40, true, &[&five]);
    assert_eq!(room(&records[..1], &[&founder, &left, &five]).presence(device(5)), Presence::Lost);
}

#[test]
fn the_longest_head_of_several_is_the_cut() {
    let (records, founder, four) = begin();
    let (short, four) = (Log::new(4, 9).comes_by(10, 40, 1, founder.door()), four.says(10));
    let five = Log::new(5, 9).comes_linked(10, 40).sends_out(10, 40, true, &[&short]);
    let six = Log::new(6, 9).comes_linked(10, 40).sends_out(10, 40, true, &[&four]);
    let rules = room(&records, &[&founder, &four, &five]);
    assert!(rules.stands(&four.entries[0]) && !rules.stands(&four.entries[1]));
    let rules = room(&records, &[&founder, &four, &five, &six]);
    assert!(four.entries.iter().all(|entry| rules.stands(entry)));
}

#[test]
fn doors_of_who_left_are_dead_and_who_came_by_them_stays() {
    let (records, founder, four) = begin();
    let four = four.makes(10, 4);
    let door = four.door();
    let six = Log::new(6, 9).comes_by(10, 60, 4, door).says(10);
    let four = four.leaves(10, 40);
    let rules = room(&records, &[&founder, &four, &six]);
    assert_eq!(all_in(&rules), [1, 6]);
    let seven = Log::new(7, 9).comes_by(10, 70, 4, door);
    assert_eq!(enter(&rules, &seven), Err(Stop::Refused(NotEntered::MakerGone)));
    assert_eq!(rules.living(&living(&|_| false)), [founder.door()], "others live");
    // A door beyond its end lets nobody in at all.
    let four = four.makes(10, 5);
    let eight = Log::new(8, 9).comes_by(10, 80, 5, four.door());
    let rules = room(&records, &[&founder, &four, &six, &eight]);
    assert!(!is_in(&rules, 8) && !rules.stands(eight.last()));
}

#[test]
fn in_a_room_of_two_who_left_comes_back_by_name_and_there_are_no_doors() {
    let records = [record(10, 1, &[], &[1, 2])];
    let (founder, other) = (Log::of_founder(), Log::new(2, 9).comes_named(10, 2).leaves(10, 2));
    let back = Log::new(2, 8).comes_named(10, 2);
    let deliver_all = |logs: &[&Log]| {
        let mut rules = empty(RoomKind::Direct([user(1).id(), user(2).id()]));
        let items = items(&records, logs);
        deliver(&mut rules, &items, &(0..items.len()).collect::<Vec<_>>());
        rules
    };
    let mut rules: Rules = deliver_all(&[&founder, &other]);
    assert_eq!(rules.presence(device(2)), Presence::Left);
    assert_eq!(enter(&rules, &back), Ok(()));
    let door = founder.clone().makes(10, 1);
    assert_eq!(rules.admit(door.last()), Err(Refused::Never));
    assert!(is_in(&deliver_all(&[&founder, &other, &back]), 2));
}

#[test]
fn an_epoch_is_wanted_until_one_follows_that_names_nobody_who_is_out() {
    let (mut records, founder, four) = begin();
    records[0].facts.keys.insert(device(4));
    let stays = room(&records, &[&founder, &four]);
    assert!(!stays.wants_epoch(NOW_MS, |_| true));
    let four = four.leaves(10, 40);
    let wants = |more: &[Record], logs: &[&Log]| {
        let records = [records.as_slice(), more].concat();
        room(&records, &[[&founder, &four].as_slice(), logs].concat()).wants_epoch(NOW_MS, |_| true)
    };
    assert!(wants(&[], &[]));
    assert!(wants(&[record(11, 1, &[10], &[1, 4])], &[]), "it names who is out");
    assert!(!wants(&[record(11, 1, &[10], &[1])], &[]));
    // One beside it that does not follow where somebody left.
    let beside = [record(11, 1, &[10], &[1]), record(12, 2, &[10], &[1])];
    assert!(!wants(&beside, &[]));
    let five = Log::new(5, 9).comes_by(11, 50, 1, founder.door()).leaves(11, 50);
    assert!(wants(&beside, &[&five]));
    // Somebody who is in, said hello, and has no key of the newest epoch.
    let six = Log::new(6, 9).comes_by(10, 60, 1, founder.door());
    assert!(wants(&[record(11, 1, &[10], &[1])], &[&six]));
    assert!(!wants(&[record(11, 1, &[10], &[1, 6])], &[&six]));
}

#[test]
fn leaving_in_an_epoch_that_does_not_stand_wants_no_epoch_for_ever() {
    let (records, founder, four) = begin();
    let beside = [record(11, 1, &[10], &[1]).drops(2), record(12, 2, &[10], &[2, 4])];
    let four = four.leaves(12, 40);
    let rules = room(&[records.as_slice(), &beside].concat(), &[&founder, &four]);
    assert!(rules.graph().is_void(epoch(12)));
    assert_eq!((rules.presence(device(4)), rules.wants_epoch(NOW_MS, |_| true)), (Presence::Left, false));
}

#[test]
fn whose_device_it_is_does_not_depend_on_the_order_of_its_entries() {
    let (records, founder, _) = begin();
    let logs = [40, 41].map(|person| Log::new(4, u64::from(person)).comes_by(10, person, 1, founder.door()));
    let [one, other] = logs;
    let forth = room(&records, &[&founder, &one, &other]).own_of(device(4));
    assert_eq!(forth, room(&records, &[&founder, &other, &one]).own_of(device(4)));
    assert!(forth == Some(own_id(40)) || forth == Some(own_id(41)));
}

#[test]
fn what_is_known_already_is_taken_again_also_where_a_log_may_have_no_more_of_it() {
    let (records, founder, mut four) = begin();
    for _ in 0..64 {
        four = four.leaves(10, 40);
    }
    let mut rules = room(&records, &[&founder, &four]);
    assert!(rules.admit(four.last()).is_ok());
    let beyond = four.leaves(10, 40);
    assert_eq!(rules.admit(beyond.last()), Err(Refused::Never));
}

#[test]
fn a_lost_device_does_not_say_itself_how_far_it_counts() {
    let (records, founder, four) = begin();
    let five = Log::new(5, 9).comes_linked(10, 40).sends_out(10, 40, true, &[&four]);
    // It writes on, and says that all of it counts.
    let thief = four.clone().says(10);
    let said = thief.last().clone();
    let thief = {
        let all = thief.clone();
        thief.sends_out(10, 40, true, &[&all])
    };
    for logs in [[&founder, &five, &thief], [&founder, &thief, &five]] {
        let rules = room(&records, &logs);
        assert_eq!(rules.presence(device(4)), Presence::Lost);
        assert!(rules.stands(four.last()) && !rules.stands(&said));
        assert!(is_in(&rules, 5));
    }
    // While nobody else has said anything it counts as far as it says.
    assert!(room(&records, &[&founder, &thief]).stands(&said));
}
