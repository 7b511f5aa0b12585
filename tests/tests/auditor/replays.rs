//! Old gossip, replayed long after gossip itself has forgotten it.

use parlor_node::{Command, Event, Reply};
use parlor_protocol::wire::Gossip;
use parlor_tests::sim::{Faults, Network};

use crate::newest_key;

const HOURS: u64 = 3_600_000;

#[test]
fn old_gossip_brings_no_message_no_presence_and_no_notification() {
    let mut network = Network::new(2, 60, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for n in 0..10 {
        network.send(1, room, &format!("note {n}"));
        network.submit(1, Command::Typing { room });
        network.run_for(30_000);
    }
    let (topic, ben) = (newest_key(&mut network, room).topic(), network.hosts[1].device());
    let said: Vec<_> = network.published.iter().filter(|(host, _)| *host == 1).map(|(_, said)| said.clone()).collect();
    let signals = said.iter().filter(|said| matches!(Gossip::decode(said), Ok(Gossip::Signal(_)))).count();
    assert!(signals >= 10 && said.len() > signals + 10, "there is something to replay");
    network.stop(1);
    network.run_for(3 * HOURS);
    let is_online = |network: &mut Network| match network.call(0, Command::Members { room }) {
        Ok(Reply::Members(members)) => members.iter().any(|member| member.device == ben && member.online),
        other => panic!("{other:?}"),
    };
    // The first time it remembers, the second time it was started anew.
    for _ in 0..2 {
        let texts = network.texts(0, room);
        assert_eq!(texts.len(), 10);
        assert!(!is_online(&mut network));
        network.hosts[0].events.clear();
        for old in said.iter().chain(said.iter().rev()) {
            // Whoever passes it on is of no account.
            network.whisper(0, ben, topic, old.clone());
        }
        network.run_for(1_000);
        assert_eq!(network.texts(0, room), texts);
        assert!(!is_online(&mut network), "a ghost is in the room");
        let is_news = |event: &Event| {
            matches!(event, Event::MessagesAdded { .. } | Event::TypingSeen { .. } | Event::ProblemRaised(_))
        };
        let news: Vec<_> = network.hosts[0].events.iter().filter(|event| is_news(event)).collect();
        assert!(news.is_empty(), "{news:?}");
        network.quit(0);
        network.start(0);
        assert!(network.run_until(|network| network.texts(0, room) == texts));
    }
}
