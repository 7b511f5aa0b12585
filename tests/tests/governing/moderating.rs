//! Taking back, silencing, waiting between messages.

use super::*;

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
    // Starting the program anew makes it no shorter: others would not show it.
    network.stop(1);
    network.start(1);
    assert!(network.run_until(|network| network.texts(1, room).len() == 4));
    assert!(matches!(text(&mut network, 1, room, "three"), Err(CommandError::TooSoon { wait_ms: 1..=10_000 })));
    network.run_for(10_000);
    text(&mut network, 1, room, "three").unwrap();
    assert!(network.run_until(|network| network.texts(0, room).len() == 5));
}
