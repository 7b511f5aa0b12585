//! What newcomers may read, and epochs that change by themselves.

use super::*;

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
    let lasting =
        super::code(network.call(0, Command::MakeCode { room, lifetime: None, uses: None, members_only: false }));
    network.run_for(1_000);
    let before = epochs(&network);
    // Time passes, as far as anybody can tell.
    network.hosts.iter_mut().for_each(|host| host.skew += 8 * 24 * 60 * 60 * 1000);
    network.run_for(2 * 60 * 60 * 1000);
    let renewed = epochs(&network) - before;
    assert!((1..=3).contains(&renewed), "{renewed} in eight days");
    text(&mut network, 1, room, "still together").unwrap();
    assert!(network.run_until(|network| network.texts(0, room) == ["still together"]));
    assert!(matches!(network.join(2, &code), Err(CommandError::CodeUnknown { .. })), "codes live a week");
    network.join(2, &lasting).unwrap();
    assert!(
        network.run_until(|network| network.texts(2, room) == ["still together"]),
        "or as long as their maker says"
    );
}

#[test]
fn the_last_days_are_what_newcomers_read_where_an_owner_wants_it_so() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut network = Network::new(4, 117, Faults::NONE);
    let (room, code) = room_of(&mut network, 2);
    network.call(0, Command::ChangeRoom { room, change: RoomChange::History(HistoryPolicy::LastDays(3)) }).unwrap();
    network.run_for(2_000);
    for day in 0..6 {
        text(&mut network, day % 2, room, &format!("day {day}")).unwrap();
        network.hosts.iter_mut().for_each(|host| host.skew += DAY - 2 * 60 * 60 * 1000);
        // The rest of the day passes in earnest: an owner begins the next epoch.
        network.run_for(2 * 60 * 60 * 1000);
    }
    network.join(2, &code).unwrap();
    network.run_for(60_000);
    assert_eq!(network.texts(2, room), ["day 4", "day 5"], "three days and no more");
    assert_eq!(network.texts(1, room).len(), 6, "who was there keeps all");
    text(&mut network, 2, room, "hello").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 7));
    let known = names(&mut network, 2, room);
    assert_eq!(known.len(), 3, "members told of themselves long ago, and are known all the same: {known:?}");
    // Reading it again shows no more.
    network.stop(2);
    network.start(2);
    network.run_for(60_000);
    assert_eq!(network.texts(2, room), ["day 4", "day 5", "hello"]);
}
