//! Members that are hostile: they hold the keys and keep no rules.

use bytes::Bytes;
use parlor_node::{
    Command, RoomChange,
    net::{NetCommand, Verdict},
};
use parlor_protocol::{
    DeviceId, Hlc, LogId, LogKey, RoomCode, RoomId, Text,
    card::UserKey,
    content::{Body, Content},
    entry::{Entry, Header, Kind},
    epoch::EpochSecrets,
    keys::DeviceKey,
    log::Height,
    session::SealingSession,
    wire::Gossip,
};
use parlor_tests::sim::{Faults, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use parlor_tests::door::Door;

use crate::{door, newest_key};

/// A program that writes what it likes with the room's keys.
pub(crate) struct Forger {
    pub(crate) key: DeviceKey,
    user: UserKey,
    pub(crate) secrets: EpochSecrets,
    door: Door,
    rng: ChaCha20Rng,
}

impl Forger {
    pub(crate) fn new(network: &mut Network, room: RoomId, code: &RoomCode) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(66);
        let (secrets, door) = (newest_key(network, room), door(network, code));
        Self { key: DeviceKey::random(&mut rng), user: UserKey::random(&mut rng), secrets, door, rng }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.key.id()
    }

    pub(crate) fn header(&self, kind: Kind, log: u64, at: Height) -> Header {
        let (room, epoch, author) = (self.secrets.room(), self.secrets.id(), self.id());
        Header { kind, room, author, log: LogId(log), seq: at.next, prev: at.head, epoch, session: at.next }
    }

    /// It comes in by the code.
    pub(crate) fn comes_in(&self, log: u64) -> Entry {
        self.door.comes_in(&self.user, &self.key, &self.secrets, log, 0)
    }

    /// A text at a place, in a session of its own.
    pub(crate) fn text(&mut self, log: u64, at: Height, text: &str) -> Entry {
        self.text_at(log, at, text, 1_800_000_000_000)
    }

    /// The same, with the time that it says.
    pub(crate) fn text_at(&mut self, log: u64, at: Height, text: &str, wall: u64) -> Entry {
        let header = self.header(Kind::Content, log, at);
        let body = Body::Text { text: Text::new(text).unwrap(), reply_to: None, mentions: Vec::new() };
        let content = Content { hlc: Hlc::at(wall), at: wall, body };
        let session =
            SealingSession::open(&self.secrets, self.secrets.lowest(), &header, &content, &mut self.rng).unwrap();
        let sealed = session.seal(&header, &content, &mut self.rng).unwrap();
        Entry::sign(&self.key, header, &sealed).unwrap().into_inner()
    }
}

pub(crate) fn wire(entry: &Entry) -> Bytes {
    Gossip::Entry(entry.clone()).encode().unwrap().into()
}

/// Three honest members, and a forger who knows the code.
pub(crate) fn stage(seed: u64) -> (Network, RoomId, RoomCode, Forger) {
    let mut network = Network::new(4, seed, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.join(2, &code).unwrap();
    network.run_for(5_000);
    let forger = Forger::new(&mut network, room, &code);
    (network, room, code, forger)
}

pub(crate) fn talk_goes_on(network: &mut Network, room: RoomId, text: &str) {
    network.send(1, room, text);
    assert!(
        network.run_until(|network| { (0..3).all(|host| network.texts(host, room).iter().any(|seen| seen == text)) })
    );
}

#[test]
fn a_fork_shown_to_two_members_is_found_when_they_compare_and_newcomers_hear_of_it() {
    let (mut network, room, code, mut forger) = stage(70);
    let topic = forger.secrets.topic();
    let comes_in = forger.comes_in(1);
    let at = Height::after(&comes_in);
    let (one, other) = (forger.text(1, at, "to anna"), forger.text(1, at, "to ben"));
    network.cut(&[0], &[1, 2, 3]);
    for (host, entry) in [(0, &one), (1, &other)] {
        let from = forger.id();
        network.whisper(host, from, topic, wire(&comes_in));
        network.whisper(host, from, topic, wire(entry));
        network.run_for(100);
    }
    assert_eq!((network.texts(0, room), network.texts(1, room)), (vec!["to anna".into()], vec!["to ben".into()]));
    network.heal();
    // One comparison, not the next regular one.
    network.run_for(5_000);
    let knows = |network: &Network, host| network.problems(host).iter().any(|what| what.contains("two different"));
    assert!(knows(&network, 0) && knows(&network, 1), "{:?} {:?}", network.problems(0), network.problems(1));
    // The log takes nothing more.
    let more = forger.text(1, Height::after(&one), "and more");
    for host in 0..2 {
        network.whisper(host, forger.id(), topic, wire(&more));
        network.run_for(1_000);
        assert!(!network.texts(host, room).contains(&"and more".to_owned()));
    }
    talk_goes_on(&mut network, room, "who was that?");
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| knows(network, 3)), "a newcomer hears of it");
}

#[test]
fn a_device_that_never_came_in_writes_nothing() {
    let (mut network, room, _, mut forger) = stage(71);
    let (topic, from) = (forger.secrets.topic(), network.hosts[1].device());
    // It knows the keys, and did not come in: content first, then behind a gap.
    let first = forger.text(1, Height::EMPTY, "nobody let me in");
    let second = forger.text(1, Height::after(&first), "nor now");
    for entry in [&first, &second, &first] {
        network.whisper(0, from, topic, wire(entry));
        network.run_for(1_000);
    }
    network.run_for(60_000);
    assert_eq!(network.texts(0, room), Vec::<String>::new());
    talk_goes_on(&mut network, room, "still here");
    // It comes in with another log, and is heard: being in is of the device, not of the log.
    let comes_in = forger.comes_in(2);
    network.whisper(0, from, topic, wire(&comes_in));
    let hello = forger.text(2, Height::after(&comes_in), "now I am in");
    network.whisper(0, from, topic, wire(&hello));
    assert!(network.run_until(|network| network.texts(0, room).contains(&"now I am in".to_owned())));
}

#[test]
fn entries_forged_in_the_name_of_others_are_refused() {
    let (mut network, room, _, mut forger) = stage(72);
    let topic = forger.secrets.topic();
    network.send(1, room, "mine");
    assert!(network.run_until(|network| network.texts(0, room) == ["mine"]));
    let message = network.messages(0, room).pop().unwrap();
    let LogKey { author, log } = message.order.log;
    // The place after Ben's last entry, signed by the forger's key.
    let at = Height { next: message.order.seq + 1, head: message.id };
    let forged = forger.text(log.0, at, "not mine");
    let mut bytes = forged.bytes().to_vec();
    let place = bytes.windows(32).position(|window| window == forger.id().as_bytes()).unwrap();
    bytes[place..place + 32].copy_from_slice(author.as_bytes());
    network.whisper(0, forger.id(), topic, wire(&Entry::decode(bytes).unwrap()));
    network.run_for(1_000);
    assert_eq!(network.texts(0, room), ["mine"]);
    talk_goes_on(&mut network, room, "and this is mine too");
}

/// A run of texts behind a height, all sealed and signed by the forger.
pub(crate) fn run(forger: &mut Forger, mut at: Height, texts: &[&str]) -> Vec<Entry> {
    let mut say = |text: &&str| {
        let entry = forger.text(1, at, text);
        at = Height::after(&entry);
        entry
    };
    texts.iter().map(&mut say).collect()
}

pub(crate) fn as_run(run: &[Entry]) -> Bytes {
    Gossip::Run(run.to_vec()).encode().unwrap().into()
}

pub(crate) fn verdicts(commands: &[NetCommand]) -> Vec<Verdict> {
    let verdict = |command: &NetCommand| match command {
        NetCommand::Judge { verdict, .. } => Some(*verdict),
        _ => None,
    };
    commands.iter().filter_map(verdict).collect()
}

#[test]
fn a_run_counts_as_a_whole_or_not_at_all() {
    let (mut network, room, _, mut forger) = stage(73);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let comes_in = forger.comes_in(1);
    network.whisper(0, from, topic, wire(&comes_in));
    let good = run(&mut forger, Height::after(&comes_in), &["one", "two", "three", "four"]);
    let broken_signature = |entry: &Entry| {
        let mut bytes = entry.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        Entry::decode(bytes).unwrap()
    };
    let (mut bad_end, mut gap, mut turned) = (good.clone(), good.clone(), good.clone());
    bad_end[3] = broken_signature(&good[3]);
    gap.remove(1);
    turned.swap(1, 2);
    for bad in [&bad_end, &gap, &turned] {
        assert_eq!(verdicts(&network.whisper(0, from, topic, as_run(bad))), [Verdict::Reject]);
        assert_eq!(network.texts(0, room), Vec::<String>::new());
    }
    assert_eq!(verdicts(&network.whisper(0, from, topic, as_run(&good))), [Verdict::Accept]);
    assert_eq!(network.texts(0, room), ["one", "two", "three", "four"]);
    assert_eq!(verdicts(&network.whisper(0, from, topic, as_run(&good))), [Verdict::Ignore], "once more");
    // One that overlaps with what is there brings only the rest.
    let more = run(&mut forger, Height::after(&good[3]), &["five", "six"]);
    let overlapping = [&good[2..], &more].concat();
    assert_eq!(verdicts(&network.whisper(0, from, topic, as_run(&overlapping))), [Verdict::Accept]);
    assert_eq!(network.texts(0, room), ["one", "two", "three", "four", "five", "six"]);
    talk_goes_on(&mut network, room, "everybody gets it");
    assert!(network.run_until(|network| network.texts(2, room).contains(&"six".to_owned())));
}

#[test]
fn what_is_served_to_others_ends_at_a_checked_signature_whatever_a_run_had_in_its_middle() {
    let (mut network, room, code, mut forger) = stage(74);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let comes_in = forger.comes_in(1);
    network.whisper(0, from, topic, wire(&comes_in));
    let mut entries = run(&mut forger, Height::after(&comes_in), &["one", "two", "three"]);
    let mut bytes = entries[1].bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    entries[1] = Entry::decode(bytes).unwrap();
    // The end proves it all: the id of an entry does not cover its signature.
    assert_eq!(verdicts(&network.whisper(0, from, topic, as_run(&entries))), [Verdict::Accept]);
    network.stop(1);
    network.run_for(5_000);
    network.join(3, &code).unwrap();
    let all = ["one", "two", "three"];
    assert!(network.run_until(|network| network.texts(3, room) == all && network.texts(2, room) == all));
    assert!(network.banned.is_empty(), "nobody is taken for a liar: {:?}", network.banned);
}

#[test]
fn a_fork_that_comes_as_a_run_is_found() {
    let (mut network, room, _, mut forger) = stage(75);
    let (topic, from) = (forger.secrets.topic(), network.hosts[1].device());
    let comes_in = forger.comes_in(1);
    let at = Height::after(&comes_in);
    network.whisper(0, from, topic, wire(&comes_in));
    network.whisper(1, from, topic, wire(&comes_in));
    let one = run(&mut forger, at, &["to anna", "and more"]);
    let other = run(&mut forger, at, &["to ben", "and other things"]);
    network.whisper(0, from, topic, as_run(&one));
    network.whisper(1, network.hosts[0].device(), topic, as_run(&other));
    network.whisper(0, from, topic, as_run(&other));
    let knows = |network: &Network, host| network.problems(host).iter().any(|what| what.contains("two different"));
    assert!(network.run_until(|network| knows(network, 0) && knows(network, 1)));
    talk_goes_on(&mut network, room, "who was that?");
}

#[test]
fn what_breaks_the_pace_of_a_slow_room_is_shown_to_nobody_and_no_link_is_missing() {
    let (mut network, room, code, _) = stage(78);
    network.call(0, Command::ChangeRoom { room, change: RoomChange::Slow(Some(10_000)) }).unwrap();
    network.run_for(5_000);
    let mut forger = Forger::new(&mut network, room, &code);
    let (from, topic) = (forger.id(), forger.secrets.topic());
    let comes_in = forger.comes_in(1);
    let begin = 1_800_000_010_000;
    let mut entries = vec![comes_in];
    // The last one is nine seconds after the one before that counts: a tenth is granted.
    for (text, after) in [("one", 0), ("at once", 0), ("soon", 5_000), ("two", 10_000), ("three", 19_000)] {
        let at = Height::after(entries.last().unwrap());
        entries.push(forger.text_at(1, at, text, begin + after));
    }
    for entry in &entries {
        for host in 0..3 {
            network.whisper(host, from, topic, wire(entry));
        }
        network.run_for(20);
    }
    let shown = ["one", "two", "three"];
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room) == shown)));
    // Also who reads it all again, or for the first time, and gets all links.
    network.stop(0);
    network.start(0);
    network.join(3, &code).unwrap();
    let agreed = network.run_until(|network| [0, 3].iter().all(|host| network.texts(*host, room) == shown));
    assert!(agreed, "{:?} {:?}", network.texts(0, room), network.texts(3, room));
    talk_goes_on(&mut network, room, "and we go on");
}
