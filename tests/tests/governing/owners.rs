//! Roles, and owners who act at once while apart.

use super::*;
use parlor_node::Event;

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

/// Logs arrive in any order, so that the line about somebody may be there before who that is.
#[test]
fn a_line_about_a_person_names_that_person_also_on_a_device_that_was_linked_later() {
    for seed in 120..128 {
        let mut network = Network::new(3, seed, Faults::NONE);
        let (room, _) = room_of(&mut network, 2);
        let ben = user(&mut network, 1, room);
        set_role(&mut network, 0, room, ben, Role::Owner).unwrap();
        network.link(0, 2);
        let about = |body: &MessageBody| match body {
            MessageBody::RoleGiven { name, .. } => Some(name.clone()),
            _ => None,
        };
        // What was told last of the line, as the app has it.
        let told = |network: &Network| {
            let all = network.hosts[2].events.iter().flat_map(|event| match event {
                Event::MessagesAdded { messages, .. } => messages.clone(),
                Event::MessageChanged(message) => vec![message.clone()],
                _ => Vec::new(),
            });
            all.filter_map(|message| about(&message.body)).last()
        };
        assert!(network.run_until(|network| told(network).is_some_and(|name| name == "host 1")), "seed {seed}");
        for restarts in 0..2 {
            let lines = network.messages(2, room);
            let lines: Vec<_> = lines.iter().filter_map(|message| about(&message.body)).collect();
            assert_eq!(lines, ["host 1"], "seed {seed}, {restarts}");
            network.quit(2);
            network.start(2);
            assert!(network.run_until(|network| network.member_count(2, room) == 3));
        }
    }
}
