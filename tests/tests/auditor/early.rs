//! What is shown to newcomers before the logs that prove it are here.

use parlor_node::{Command, Event, Reply};
use parlor_protocol::{
    RoomCode, RoomId,
    entry::Entry,
    keys::{DeviceKey, Secret},
    log::Height,
    wire::{Answer, Request, RoomRequest, Tail},
};
use parlor_tests::sim::{HostId, Network, Stranger};

use crate::members::{Forger, stage};

/// One who has only the first screenful to offer, and made it up.
#[derive(Debug)]
struct Storyteller(Vec<Entry>);

impl Stranger for Storyteller {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        let Request::Room { ask: RoomRequest::Tail { .. }, .. } = request else { return None };
        let total = self.0.len() as u64;
        Some(Answer::Tail(Tail { suffixes: vec![self.0.clone()], openers: Vec::new(), total }))
    }
}

/// A log of the forger: how it came in, who it says to be, and a text.
fn story(forger: &mut Forger, text: &str) -> Vec<Entry> {
    let comes_in = forger.comes_in(9);
    let text = forger.text(9, Height::after(&comes_in), text);
    vec![comes_in, text]
}

/// Host 3 joins, while ever more machines that call themselves archives come and tell a story.
fn joins_among_storytellers(network: &mut Network, code: &RoomCode, story: &[Entry]) {
    let joining = network.submit(3, Command::Join(code.clone()));
    network.run_for(245);
    for number in 1..=60u8 {
        let device = DeviceKey::from_seed(&Secret::from_bytes([number; 32])).id();
        network.add_stranger(device, Box::new(Storyteller(story.to_vec())));
        network.meet(3, device, true);
        network.run_for(1);
    }
    let mut joined = None;
    assert!(network.run_until(|network| {
        joined = network.answer(3, joining);
        joined.is_some()
    }));
    assert!(matches!(joined, Some(Ok(Reply::Joined(_)))), "{joined:?}");
}

/// Whether a text was ever shown to a host's person.
fn was_shown(network: &Network, host: HostId, text: &str) -> bool {
    let shows = |event: &Event| match event {
        Event::MessagesAdded { messages, .. } => messages
            .iter()
            .any(|message| matches!(&message.body, parlor_node::MessageBody::Text { text: shown } if shown == text)),
        _ => false,
    };
    network.hosts[host].events.iter().any(shows)
}

/// More than a screenful, and then a new epoch.
fn much_is_said_and_host_2_removed(network: &mut Network, room: RoomId) {
    for number in 0..300 {
        network.send(1, room, &number.to_string());
    }
    assert!(network.run_until(|network| network.texts(0, room).len() == 300));
    let removed = network.members(0, room).into_iter().find(|member| member.name == "host 2").unwrap().user.unwrap();
    network.call(0, Command::RemovePerson { room, user: removed }).unwrap();
    network.run_for(30_000);
}

#[test]
fn whoever_was_removed_shows_newcomers_nothing_under_an_old_key() {
    let (mut network, room, _, mut forger) = stage(75);
    // Host 2's person keeps the old key, and makes up a device.
    much_is_said_and_host_2_removed(&mut network, room);
    network.stop(2);
    let Ok(Reply::Code(code)) = network.call(0, Command::Code { room }) else { panic!("a code") };
    let story = story(&mut forger, "Anna says: send the money to this account");
    joins_among_storytellers(&mut network, &code, &story);
    assert!(network.run_until(|network| network.texts(3, room).len() >= 300));
    network.run_for(120_000);
    assert!(!was_shown(&network, 3, "Anna says: send the money to this account"));
    assert_eq!(network.texts(3, room).len(), 300);
}

#[test]
fn the_first_screenful_of_honest_members_comes_before_the_rest_across_epochs() {
    let (mut network, room, ..) = stage(77);
    much_is_said_and_host_2_removed(&mut network, room);
    for number in 300..310 {
        network.send(1, room, &number.to_string());
    }
    assert!(network.run_until(|network| network.texts(0, room).len() == 310));
    let Ok(Reply::Code(code)) = network.call(0, Command::Code { room }) else { panic!("a code") };
    network.submit(3, Command::Join(code));
    let mut first = Vec::new();
    for _ in 0..5_000 {
        network.run_for(1);
        first = network.texts(3, room);
        if !first.is_empty() {
            break;
        }
    }
    let newest: Vec<String> = (260..310).map(|number| number.to_string()).collect();
    assert!(first.len() < 310 && first.ends_with(&newest), "{first:?} at first");
    assert!(network.run_until(|network| network.texts(3, room).len() == 310));
    network.run_for(120_000);
    assert!(!network.hosts[3].events.iter().any(|event| matches!(event, Event::MessagesGone { .. })));
}

#[test]
fn what_no_log_proves_is_taken_away_again() {
    let (mut network, room, code, mut forger) = stage(76);
    network.send(1, room, "true");
    network.run_for(1_000);
    let story = story(&mut forger, "made up");
    joins_among_storytellers(&mut network, &code, &story);
    assert!(was_shown(&network, 3, "made up"), "who has the newest key can show something");
    assert!(network.run_until(|network| network.texts(3, room) == ["true"]));
    assert!(network.hosts[3].events.iter().any(|event| matches!(event, Event::MessagesGone { .. })));
}
