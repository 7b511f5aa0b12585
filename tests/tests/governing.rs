//! Who governs a room, under a simulated network: removing, roles, rules, codes, leaving; owners who
//! act at once while apart; power cuts in the middle.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{CodeInfo, Command, CommandError, Member, MessageBody, Reply, RoomChange, RoomStanding};
use parlor_protocol::{HistoryPolicy, Name, Role, RoomCode, RoomId, Text, UserId};
use parlor_tests::sim::{Faults, Network};
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::BTreeSet;

type HostId = usize;

fn members(network: &mut Network, host: HostId, room: RoomId) -> Vec<Member> {
    match network.call(host, Command::Members { room }) {
        Ok(Reply::Members(members)) => members,
        other => panic!("members are told, not {other:?}"),
    }
}

fn names(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<(String, Role)> {
    members(network, host, room).into_iter().map(|member| (member.name, member.role)).collect()
}

fn user(network: &mut Network, host: HostId, room: RoomId) -> UserId {
    members(network, host, room).into_iter().find(|member| member.own).unwrap().user
}

fn standing(network: &mut Network, host: HostId, room: RoomId) -> Option<RoomStanding> {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.into_iter().find(|known| known.room == room).map(|known| known.standing),
        other => panic!("rooms are told, not {other:?}"),
    }
}

fn text(network: &mut Network, host: HostId, room: RoomId, text: &str) -> Result<Reply, CommandError> {
    network.call(host, Command::Send { room, text: Text::new(text).unwrap(), reply_to: None })
}

fn codes(network: &mut Network, host: HostId, room: RoomId) -> Vec<CodeInfo> {
    match network.call(host, Command::Codes { room }) {
        Ok(Reply::Codes(codes)) => codes,
        other => panic!("codes are told, not {other:?}"),
    }
}

fn code(reply: Result<Reply, CommandError>) -> RoomCode {
    match reply {
        Ok(Reply::Code(code)) => code,
        other => panic!("a code is told, not {other:?}"),
    }
}

/// A room of the first hosts; the first one made it, all know all.
fn room_of(network: &mut Network, hosts: usize) -> (RoomId, RoomCode) {
    let (room, code) = network.create(0, "kitchen");
    for host in 1..hosts {
        network.join(host, &code).unwrap();
    }
    let everybody = |network: &mut Network| (0..hosts).all(|host| network.member_count(host, room) == hosts);
    assert!(network.run_until(everybody));
    network.run_for(3_000);
    (room, code)
}

fn remove(network: &mut Network, by: HostId, room: RoomId, whom: UserId) {
    assert!(matches!(network.call(by, Command::RemovePerson { room, user: whom }), Ok(Reply::Done)));
}

fn set_role(network: &mut Network, by: HostId, room: RoomId, whom: UserId, role: Role) -> Result<Reply, CommandError> {
    network.call(by, Command::SetRole { room, user: whom, role })
}

#[test]
fn a_removed_person_reads_and_writes_nothing_any_more() {
    let mut network = Network::new(4, 100, Faults::NONE);
    let (room, old_code) = room_of(&mut network, 3);
    let gone = user(&mut network, 2, room);
    text(&mut network, 2, room, "before").unwrap();
    assert!(network.run_until(|network| network.texts(0, room) == ["before"]));
    remove(&mut network, 0, room, gone);
    assert!(network.run_until(|network| network.member_count(1, room) == 2));
    let by_host_0 = Some(RoomStanding::Removed { by: "host 0".into() });
    assert!(network.run_until(|network| standing(network, 2, room) == by_host_0));
    assert_eq!(text(&mut network, 2, room, "still here").unwrap_err(), CommandError::RoomOver);
    text(&mut network, 0, room, "among us").unwrap();
    text(&mut network, 1, room, "so it is").unwrap();
    let both = ["before", "among us", "so it is"];
    assert!(network.run_until(|network| network.texts(0, room) == both && network.texts(1, room) == both));
    network.run_for(60_000);
    assert_eq!(network.texts(2, room), ["before"]);
    let line =
        network.messages(1, room).into_iter().find(|message| matches!(message.body, MessageBody::Removed { .. }));
    assert!(matches!(line.unwrap().body, MessageBody::Removed { name, device: false, .. } if name == "host 2"));
    // The code that the removed one knows lets nobody in; a new one does.
    assert!(matches!(network.join(3, &old_code), Err(CommandError::CodeUnknown { .. })));
    let fresh = code(network.call(1, Command::Code { room }));
    network.join(3, &fresh).unwrap();
    assert!(network.run_until(|network| network.texts(3, room) == both), "{:?}", network.texts(3, room));
    text(&mut network, 3, room, "hello").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 4));
    // It may be taken off the machine, and is gone after a restart.
    network.call(2, Command::ForgetRoom { room }).unwrap();
    network.stop(2);
    network.start(2);
    assert_eq!(standing(&mut network, 2, room), None);
}

#[test]
fn what_a_removed_device_wrote_meanwhile_disappears_everywhere() {
    let mut network = Network::new(3, 101, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let gone = user(&mut network, 2, room);
    text(&mut network, 2, room, "before").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 1 && network.texts(1, room).len() == 1));
    network.cut(&[0], &[1, 2]);
    remove(&mut network, 0, room, gone);
    text(&mut network, 2, room, "meanwhile").unwrap();
    text(&mut network, 1, room, "also meanwhile").unwrap();
    assert!(network.run_until(|network| network.texts(1, room).len() == 3));
    network.heal();
    let left = ["before", "also meanwhile"];
    assert!(network.run_until(|network| network.texts(1, room) == left && network.texts(0, room) == left));
    network.stop(1);
    network.start(1);
    assert!(network.run_until(|network| network.texts(1, room) == left), "also after a restart");
}

#[test]
fn an_offline_member_catches_up_over_many_epochs_and_nothing_of_it_is_lost() {
    let mut network = Network::new(3, 102, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    network.cut(&[2], &[0, 1]);
    text(&mut network, 2, room, "written while away").unwrap();
    for round in 0..20 {
        let change = RoomChange::Lifetime(Some(1_000_000_000 + round));
        network.call(0, Command::ChangeRoom { room, change }).unwrap();
        text(&mut network, 1, room, &format!("in epoch {round}")).unwrap();
    }
    network.heal();
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room).len() == 21)));
    text(&mut network, 2, room, "back").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).last().is_some_and(|text| text == "back")));
}

#[test]
fn a_late_joiner_reads_everything_across_epochs() {
    let mut network = Network::new(4, 103, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    for round in 0..5 {
        text(&mut network, round % 2, room, &format!("in epoch {round}")).unwrap();
        let change = RoomChange::Newcomers(if round % 2 == 0 { Role::Reader } else { Role::Member });
        network.call(0, Command::ChangeRoom { room, change }).unwrap();
    }
    network.call(0, Command::ChangeRoom { room, change: RoomChange::Newcomers(Role::Member) }).unwrap();
    network.run_for(2_000);
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.texts(2, room).len() == 5), "{:?}", network.texts(2, room));
    assert_eq!(network.texts(2, room), network.texts(0, room));
    // Also when whoever made the room is gone, and after a restart.
    network.stop(0);
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| network.texts(3, room).len() == 5));
    network.stop(3);
    network.start(3);
    assert!(network.run_until(|network| network.texts(3, room).len() == 5));
}

#[test]
fn from_joining_means_from_joining() {
    let mut network = Network::new(4, 104, Faults::NONE);
    let command = Command::CreateRoom { name: Name::new("kitchen").unwrap(), history: HistoryPolicy::FromJoining };
    let Ok(Reply::Created { room, code }) = network.call(0, command) else { panic!("a room") };
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.run_for(10_000);
    text(&mut network, 0, room, "for two").unwrap();
    assert!(network.run_until(|network| network.texts(1, room) == ["for two"]));
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3 && network.member_count(2, room) == 3));
    network.run_for(10_000);
    text(&mut network, 1, room, "for three").unwrap();
    assert!(network.run_until(|network| network.texts(2, room).contains(&"for three".to_owned())));
    assert_eq!(network.texts(2, room), ["for three"], "what was written before is not shown");
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(3, room) == 4));
    network.run_for(10_000);
    text(&mut network, 0, room, "for four").unwrap();
    assert!(network.run_until(|network| network.texts(3, room) == ["for four"]));
}

#[test]
fn roles_are_given_and_taken_and_everybody_agrees() {
    let mut network = Network::new(3, 105, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let (anna, ben, cleo) = (user(&mut network, 0, room), user(&mut network, 1, room), user(&mut network, 2, room));
    assert_eq!(set_role(&mut network, 1, room, cleo, Role::Owner).unwrap_err(), CommandError::OwnersOnly);
    assert_eq!(set_role(&mut network, 0, room, anna, Role::Member).unwrap_err(), CommandError::LastOwner);
    set_role(&mut network, 0, room, ben, Role::Owner).unwrap();
    set_role(&mut network, 0, room, cleo, Role::Reader).unwrap();
    let agreed: BTreeSet<_> =
        [("host 0", Role::Owner), ("host 1", Role::Owner), ("host 2", Role::Reader)].map(|(n, r)| (n.into(), r)).into();
    assert!(network.run_until(|network| (0..3).all(|host| names(network, host, room) == agreed)));
    assert_eq!(text(&mut network, 2, room, "hm").unwrap_err(), CommandError::ReadersOnlyRead);
    set_role(&mut network, 1, room, cleo, Role::Moderator).unwrap();
    assert!(network.run_until(|network| text(network, 2, room, "thanks").is_ok()));
    // The maker hands over and leaves.
    set_role(&mut network, 1, room, anna, Role::Member).unwrap();
    assert!(network.run_until(|network| {
        (0..3).all(|host| names(network, host, room).contains(&("host 0".to_owned(), Role::Member)))
    }));
    assert_eq!(set_role(&mut network, 0, room, ben, Role::Member).unwrap_err(), CommandError::OwnersOnly);
    network.stop(2);
    network.start(2);
    assert!(network.run_until(|network| names(network, 2, room).contains(&("host 2".to_owned(), Role::Moderator))));
}

#[test]
fn owners_who_remove_each_other_the_senior_one_stays() {
    let mut network = Network::new(3, 106, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let (anna, ben) = (user(&mut network, 0, room), user(&mut network, 1, room));
    set_role(&mut network, 0, room, ben, Role::Owner).unwrap();
    assert!(network.run_until(|network| names(network, 1, room).contains(&("host 1".to_owned(), Role::Owner))));
    network.cut(&[0], &[1, 2]);
    remove(&mut network, 1, room, anna);
    remove(&mut network, 0, room, ben);
    assert!(network.run_until(|network| network.member_count(2, room) == 2));
    network.heal();
    let removed = |network: &mut Network| matches!(standing(network, 1, room), Some(RoomStanding::Removed { .. }));
    assert!(network.run_until(removed));
    let left: BTreeSet<_> = [("host 0", Role::Owner), ("host 2", Role::Member)].map(|(n, r)| (n.into(), r)).into();
    assert!(network.run_until(|network| names(network, 0, room) == left && names(network, 2, room) == left));
    text(&mut network, 0, room, "two of us").unwrap();
    text(&mut network, 2, room, "indeed").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 2 && network.texts(2, room).len() == 2));
}

#[test]
fn texts_wait_while_two_removals_are_united() {
    let mut network = Network::new(5, 107, Faults::NONE);
    let (room, _) = room_of(&mut network, 5);
    let users: Vec<_> = (0..5).map(|host| user(&mut network, host, room)).collect();
    set_role(&mut network, 0, room, users[1], Role::Owner).unwrap();
    assert!(network.run_until(|network| names(network, 1, room).contains(&("host 1".to_owned(), Role::Owner))));
    network.cut(&[0, 3], &[1, 4]);
    network.cut(&[2], &[0, 1, 3, 4]);
    remove(&mut network, 0, room, users[3]);
    remove(&mut network, 1, room, users[4]);
    network.heal();
    network.send(2, room, "between");
    assert!(network.run_until(|network| {
        [0, 1, 2].iter().all(|host| network.member_count(*host, room) == 3 && network.texts(*host, room) == ["between"])
    }));
    text(&mut network, 1, room, "together").unwrap();
    assert!(network.run_until(|network| network.texts(2, room).len() == 2 && network.texts(0, room).len() == 2));
    assert!(network.texts(3, room).len() <= 1 && network.texts(4, room).len() <= 1, "the last one is closed to them");
}

#[test]
fn a_code_can_be_ended_and_used_up_and_all_be_rotated() {
    let mut network = Network::new(6, 108, Faults::NONE);
    let (room, first) = room_of(&mut network, 2);
    let once = code(network.call(0, Command::MakeCode { room, lifetime: None, uses: Some(1) }));
    network.run_for(1_000);
    network.join(2, &once).unwrap();
    network.run_for(5_000);
    assert!(matches!(network.join(3, &once), Err(CommandError::CodeUnknown { .. })), "it was used");
    let infos = codes(&mut network, 1, room);
    assert_eq!(infos.len(), 2);
    assert!(infos.iter().any(|info| info.works && info.code.as_ref() == Some(&first) && info.used == 1));
    // Who made a code ends it; others may not, until they are moderators.
    let theirs = code(network.call(1, Command::MakeCode { room, lifetime: None, uses: None }));
    network.run_for(1_000);
    let locator =
        codes(&mut network, 1, room).into_iter().find(|info| info.code.as_ref() == Some(&theirs)).unwrap().locator;
    assert_eq!(network.call(2, Command::RevokeCode { room, locator }).unwrap_err(), CommandError::ModeratorsOnly);
    network.call(1, Command::RevokeCode { room, locator }).unwrap();
    network.run_for(2_000);
    assert!(matches!(network.join(3, &theirs), Err(CommandError::CodeUnknown { .. })));
    network.join(3, &first).unwrap();
    network.run_for(2_000);
    let fresh = code(network.call(0, Command::RotateCodes { room }));
    network.run_for(5_000);
    assert!(matches!(network.join(4, &first), Err(CommandError::CodeUnknown { .. })), "all old ones have ended");
    network.join(4, &fresh).unwrap();
    assert!(network.run_until(|network| network.member_count(3, room) == 5));
}

#[test]
fn who_leaves_is_gone_and_may_come_back_with_a_code() {
    let mut network = Network::new(2, 109, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    assert_eq!(network.call(0, Command::LeaveRoom { room }).unwrap_err(), CommandError::LastOwner);
    network.call(1, Command::LeaveRoom { room }).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 1));
    assert!(network.run_until(|network| standing(network, 1, room).is_none()), "it is forgotten");
    assert!(network.messages(0, room).iter().any(|message| message.body == MessageBody::Left));
    network.run_for(10_000);
    text(&mut network, 0, room, "alone").unwrap();
    network.run_for(10_000);
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2 && network.texts(1, room) == ["alone"]));
    text(&mut network, 1, room, "back").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 2));
}

#[test]
fn a_dissolved_room_is_over_for_everybody() {
    let mut network = Network::new(3, 110, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    text(&mut network, 1, room, "to read later").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 1));
    assert_eq!(network.call(1, Command::DissolveRoom { room }).unwrap_err(), CommandError::OwnersOnly);
    network.call(0, Command::DissolveRoom { room }).unwrap();
    let over = Some(RoomStanding::Dissolved { by: "host 0".into() });
    assert!(network.run_until(|network| (0..2).all(|host| standing(network, host, room) == over)));
    assert_eq!(text(&mut network, 1, room, "no").unwrap_err(), CommandError::RoomOver);
    assert_eq!(network.texts(1, room), ["to read later"]);
    assert!(network.join(2, &code).is_err());
    network.call(1, Command::ForgetRoom { room }).unwrap();
    assert_eq!(standing(&mut network, 1, room), None);
}

#[test]
fn a_power_cut_in_the_middle_of_a_removal_leaves_it_done_or_not() {
    for after in [0, 1, 2, 3, 5, 8, 13, 40] {
        let mut network = Network::new(3, 200 + after, Faults::NONE);
        let (room, _) = room_of(&mut network, 3);
        let gone = user(&mut network, 2, room);
        network.submit(0, Command::RemovePerson { room, user: gone });
        network.run_for(after);
        network.stop(0);
        network.run_for(2_000);
        network.start(0);
        let agreed = |network: &mut Network| {
            let counts: Vec<_> = (0..2).map(|host| network.member_count(host, room)).collect();
            counts[0] == counts[1] && counts[0] >= 2
        };
        assert!(network.run_until(agreed));
        network.run_for(40_000);
        text(&mut network, 0, room, "after").unwrap();
        text(&mut network, 1, room, "after it").unwrap();
        assert!(network.run_until(|network| network.texts(0, room).len() == 2 && network.texts(1, room).len() == 2));
        let is_removed = network.member_count(0, room) == 2;
        let told = matches!(standing(&mut network, 2, room), Some(RoomStanding::Removed { .. }));
        assert_eq!(is_removed, told, "cut after {after} ms");
    }
}

/// Three owners act at random while a network of five falls apart and heals, again and again. In the
/// end all who are left agree on everything.
#[test]
fn owners_acting_at_random_in_a_divided_network_end_in_one_room() {
    let seeds =
        std::env::var("PARLOR_SEED").ok().and_then(|seed| seed.parse().ok()).map_or(1..7, |seed| seed..seed + 1);
    for seed in seeds {
        let mut network = Network::new(5, 1_000 + seed, Faults::NONE);
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(seed);
        let (room, _) = room_of(&mut network, 5);
        let users: Vec<_> = (0..5).map(|host| user(&mut network, host, room)).collect();
        for owner in [1, 2] {
            set_role(&mut network, 0, room, users[owner], Role::Owner).unwrap();
        }
        network.run_for(5_000);
        for _ in 0..3 {
            let left: Vec<HostId> = (0..5).filter(|_| rng.next_u64() % 2 == 0).collect();
            let right: Vec<HostId> = (0..5).filter(|host| !left.contains(host)).collect();
            network.cut(&left, &right);
            for owner in 0..3 {
                let whom = usize::try_from(rng.next_u64() % 5).unwrap();
                // What is refused is refused.
                let command = match rng.next_u64() % 5 {
                    0 if whom != owner => Command::RemovePerson { room, user: users[whom] },
                    1 => Command::SetRole { room, user: users[whom], role: Role::Owner },
                    2 => Command::SetRole { room, user: users[whom], role: Role::Reader },
                    3 => Command::ChangeRoom { room, change: RoomChange::Slow(Some(1 + rng.next_u64() % 9)) },
                    _ => Command::RotateCodes { room },
                };
                network.submit(owner, command);
                network.send(whom, room, "noise");
            }
            network.run_for(rng.next_u64() % 20_000);
            network.heal();
            network.run_for(rng.next_u64() % 20_000);
        }
        network.run_for(120_000);
        let here: Vec<HostId> =
            (0..5).filter(|host| standing(&mut network, *host, room) == Some(RoomStanding::Member)).collect();
        assert!(!here.is_empty(), "seed {seed}");
        let expected = names(&mut network, here[0], room);
        assert_eq!(expected.len(), here.len(), "seed {seed}: {expected:?}");
        for host in &here {
            assert_eq!(names(&mut network, *host, room), expected, "seed {seed}, host {host}");
        }
        // Everybody reads what anybody writes.
        let writers: Vec<HostId> = here
            .iter()
            .filter(|host| text(&mut network, **host, room, &format!("from {host}")).is_ok())
            .copied()
            .collect();
        let all = |network: &mut Network| {
            here.iter().all(|host| {
                let texts = network.texts(*host, room);
                writers.iter().all(|writer| texts.contains(&format!("from {writer}")))
            })
        };
        let agreed = network.run_until(all);
        let texts: Vec<_> = here.iter().map(|host| network.texts(*host, room)).collect();
        assert!(agreed, "seed {seed}: {writers:?} of {here:?}: {texts:?}");
        let first = network.texts(here[0], room);
        for host in &here {
            assert_eq!(network.texts(*host, room), first, "seed {seed}, host {host}");
        }
    }
}

#[test]
fn moderators_take_back_what_others_wrote_and_members_do_not() {
    let mut network = Network::new(3, 111, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let ben = user(&mut network, 1, room);
    let Ok(Reply::Sent(target)) = text(&mut network, 2, room, "rude") else { panic!("sent") };
    assert!(network.run_until(|network| network.texts(1, room) == ["rude"]));
    assert_eq!(network.call(1, Command::Delete { room, target }).unwrap_err(), CommandError::NotYours);
    set_role(&mut network, 0, room, ben, Role::Moderator).unwrap();
    assert!(network.run_until(|network| network.call(1, Command::Delete { room, target }).is_ok()));
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room).is_empty())));
    network.stop(0);
    network.start(0);
    assert!(network.run_until(|network| network.messages(0, room).len() >= 4));
    network.run_for(2_000);
    assert!(network.texts(0, room).is_empty(), "also after a restart");
}

#[test]
fn who_is_silenced_is_not_shown_and_told_so_and_heard_again_afterwards() {
    let mut network = Network::new(3, 112, Faults::NONE);
    let (room, _) = room_of(&mut network, 3);
    let (ben, cleo) = (user(&mut network, 1, room), user(&mut network, 2, room));
    let lasts = Some(std::time::Duration::from_secs(60));
    let mute = |user, lasts| Command::Mute { room, user, lasts };
    assert_eq!(network.call(1, mute(cleo, lasts)).unwrap_err(), CommandError::ModeratorsOnly);
    set_role(&mut network, 0, room, ben, Role::Moderator).unwrap();
    network.run_for(2_000);
    let anna = user(&mut network, 0, room);
    assert_eq!(network.call(1, mute(anna, lasts)).unwrap_err(), CommandError::NotBelowYou);
    // While apart: what is written after the moderator's word disappears when the two meet.
    network.cut(&[2], &[0, 1]);
    network.call(1, mute(cleo, lasts)).unwrap();
    network.run_for(1_000);
    text(&mut network, 2, room, "you cannot hear me").unwrap();
    network.heal();
    let told = |network: &mut Network, host| {
        network.messages(host, room).iter().any(|message| matches!(message.body, MessageBody::Muted { .. }))
    };
    assert!(network.run_until(|network| (0..3).all(|host| told(network, host))));
    network.run_for(1_000);
    assert!((0..3).all(|host| network.texts(host, room).is_empty()));
    assert!(matches!(text(&mut network, 2, room, "hm"), Err(CommandError::Muted { wait_ms: 1..60_000 })));
    network.stop(0);
    network.start(0);
    network.run_for(2_000);
    assert!(network.texts(0, room).is_empty());
    network.run_for(70_000);
    text(&mut network, 2, room, "again").unwrap();
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room) == ["again"])));
}

#[test]
fn in_a_slow_room_everybody_waits_but_moderators() {
    let mut network = Network::new(2, 113, Faults::NONE);
    let (room, _) = room_of(&mut network, 2);
    network.call(0, Command::ChangeRoom { room, change: RoomChange::Slow(Some(10_000)) }).unwrap();
    network.run_for(2_000);
    text(&mut network, 1, room, "one").unwrap();
    assert!(matches!(text(&mut network, 1, room, "two"), Err(CommandError::TooSoon { wait_ms: 1..=10_000 })));
    text(&mut network, 0, room, "owner").unwrap();
    text(&mut network, 0, room, "owner again").unwrap();
    network.run_for(10_000);
    text(&mut network, 1, room, "two").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 4));
}

#[test]
fn epochs_and_prekeys_are_renewed_by_themselves_every_week() {
    let mut network = Network::new(3, 114, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    let epochs = |network: &Network| {
        let records = network.published.iter().filter(|(_, bytes)| {
            let Ok(parlor_protocol::wire::Gossip::Entry(entry)) = parlor_protocol::wire::Gossip::decode(bytes) else {
                return false;
            };
            entry.header().kind == parlor_protocol::entry::Kind::Epoch
        });
        records.count()
    };
    let before = epochs(&network);
    // Time passes, as far as anybody can tell.
    network.hosts.iter_mut().for_each(|host| host.skew += 8 * 24 * 60 * 60 * 1000);
    network.run_for(2 * 60 * 60 * 1000);
    let renewed = epochs(&network) - before;
    assert!((1..=3).contains(&renewed), "{renewed} in eight days");
    text(&mut network, 1, room, "still together").unwrap();
    assert!(network.run_until(|network| network.texts(0, room) == ["still together"]));
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.texts(2, room) == ["still together"]), "the code was sealed anew");
}
