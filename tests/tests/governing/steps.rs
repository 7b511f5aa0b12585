//! Steps of epochs: what was written before a joining stays shut for that newcomer, whatever program
//! it runs, and no owner has to do anything for it.

use super::*;
use bytes::Bytes;
use parlor_protocol::{
    EpochId, Hlc, LogId,
    card::UserKey,
    content::{Body, Content},
    entry::{Entry, Header, Kind},
    epoch::{EpochSecrets, Step},
    keys::DeviceKey,
    log::Height,
    session::SealingSession,
    wire::Gossip,
};
use parlor_tests::{door::Door, sim::stretched};
use rand_chacha::ChaCha20Rng;

const MINUTE: u64 = 60_000;

fn create(network: &mut Network, history: HistoryPolicy) -> (RoomId, RoomCode) {
    match network.call(0, Command::CreateRoom { name: Name::new("kitchen").unwrap(), history }) {
        Ok(Reply::Created { room, code }) => (room, code),
        other => panic!("a room is made, not {other:?}"),
    }
}

fn readable(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<String> {
    network.readable(host, room).into_iter().collect()
}

/// The epochs that somebody began, as far as a host knows.
fn epochs(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<EpochId> {
    let entries = network.entries_of(host, room);
    entries.iter().filter(|entry| entry.header().kind == Kind::Epoch).map(|entry| entry.header().epoch).collect()
}

fn all_see(network: &mut Network, hosts: &[HostId], room: RoomId, text: &str) {
    let sees = |network: &mut Network, host: HostId| network.texts(host, room).iter().any(|seen| seen == text);
    assert!(network.run_until(|network| hosts.iter().all(|host| sees(network, *host))), "{text:?} is seen");
}

fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}

#[test]
fn what_was_written_before_a_joining_stays_shut_and_names_open() {
    let mut network = Network::new(4, 301, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::FromJoining);
    text(&mut network, 0, room, "for me").unwrap();
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.run_for(MINUTE);
    text(&mut network, 0, room, "for two").unwrap();
    all_see(&mut network, &[1], room, "for two");
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3 && network.member_count(2, room) == 3));
    network.run_for(MINUTE);
    text(&mut network, 1, room, "for three").unwrap();
    all_see(&mut network, &[0, 1, 2], room, "for three");
    assert_eq!(epochs(&mut network, 0, room).len(), 1, "nobody began an epoch for it");
    // Not only what is shown: a changed program has no key of it.
    assert_eq!(readable(&mut network, 2, room), set(["for three"]));
    assert_eq!(readable(&mut network, 1, room), set(["for two", "for three"]));
    assert_eq!(readable(&mut network, 0, room), set(["for me", "for two", "for three"]));
    // What they cannot open they have all the same, and are not told that it is missing.
    assert_eq!(network.entries_of(2, room).len(), network.entries_of(0, room).len());
    let bodies: Vec<MessageBody> = network.messages(2, room).into_iter().map(|message| message.body).collect();
    assert!(!bodies.iter().any(|body| matches!(body, MessageBody::NeedsUpdate)), "{bodies:?}");
    assert_eq!(names(&mut network, 2, room), names(&mut network, 0, room));
    // The next one has what was before only from newcomers, who lack it: names come all the same.
    network.stop(0);
    network.stop(1);
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| names(network, 3, room).len() == 4), "{:?}", names(&mut network, 3, room));
    network.run_for(MINUTE);
    network.start(0);
    network.run_for(MINUTE);
    text(&mut network, 0, room, "for four").unwrap();
    all_see(&mut network, &[0, 2, 3], room, "for four");
    assert_eq!(readable(&mut network, 2, room), set(["for three", "for four"]));
    assert!(!readable(&mut network, 3, room).contains("for two"));
}

#[test]
fn after_a_restart_nobody_writes_where_newcomers_cannot_read() {
    let mut network = Network::new(2, 302, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::FromJoining);
    text(&mut network, 0, room, "for me").unwrap();
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.run_for(MINUTE);
    for host in [0, 1] {
        network.stop(host);
        network.start(host);
        let said = format!("by {host}");
        text(&mut network, host, room, &said).unwrap();
        all_see(&mut network, &[0, 1], room, &said);
    }
    assert_eq!(readable(&mut network, 1, room), set(["by 0", "by 1"]));
}

#[test]
fn newcomers_read_on_where_messages_vanish() {
    let mut network = Network::new(3, 303, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::FromJoining);
    let change = RoomChange::Lifetime(Some(60 * MINUTE));
    network.call(0, Command::ChangeRoom { room, change }).unwrap();
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.run_for(MINUTE);
    text(&mut network, 0, room, "for two").unwrap();
    all_see(&mut network, &[0, 1], room, "for two");
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3));
    network.run_for(MINUTE);
    text(&mut network, 0, room, "for three").unwrap();
    all_see(&mut network, &[0, 1, 2], room, "for three");
    assert_eq!(readable(&mut network, 2, room), set(["for three"]));
    network.run_for(120 * MINUTE);
    assert_eq!(network.texts(2, room), Vec::<String>::new());
}

#[test]
fn with_the_last_days_a_newcomer_is_given_these_and_no_more() {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let mut network = Network::new(3, 304, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::LastDays(2));
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    for day in 0..5 {
        network.run_for(MINUTE);
        text(&mut network, day % 2, room, &format!("day {day}")).unwrap();
        network.hosts.iter_mut().for_each(|host| host.skew += DAY);
    }
    network.run_for(10 * MINUTE);
    network.join(2, &code).unwrap();
    all_see(&mut network, &[2], room, "day 4");
    network.run_for(10 * MINUTE);
    assert_eq!(epochs(&mut network, 0, room).len(), 1, "nobody began an epoch for it");
    assert_eq!(readable(&mut network, 2, room), set(["day 4"]), "day 3 was more than two days ago");
    text(&mut network, 0, room, "welcome").unwrap();
    all_see(&mut network, &[0, 1, 2], room, "welcome");
}

/// A program that knows a room's keys and writes in whatever step it likes.
struct Climber {
    key: DeviceKey,
    user: UserKey,
    door: Door,
    secrets: EpochSecrets,
    height: Height,
}

impl Climber {
    /// One with the keys of a host, and a code.
    fn new(network: &mut Network, room: RoomId, code: &RoomCode) -> Self {
        let secrets = network.keys_of(0, room).pop().expect("the host has a key");
        let door = Door::find(stretched(code), &network.entries_of(0, room)).expect("a door");
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        let (key, user) = (DeviceKey::random(&mut rng), UserKey::random(&mut rng));
        Self { key, user, door, secrets, height: Height::EMPTY }
    }

    fn write(&mut self, kind: Kind, body: impl FnOnce(&Header) -> Vec<u8>) -> Bytes {
        let Height { next: seq, head: prev } = self.height;
        let (room, epoch, author) = (self.secrets.room(), self.secrets.id(), self.key.id());
        let header = Header { kind, room, author, log: LogId(5), seq, prev, epoch, session: seq };
        let entry = Entry::sign(&self.key, header, &body(&header)).unwrap();
        self.height = Height::after(&entry);
        Gossip::Entry(entry.into_inner()).encode().unwrap().into()
    }

    /// Lets all hosts hear that it is in the room, and then a text in a step.
    fn climb(&mut self, network: &mut Network, step: Step) {
        let secrets = self.secrets.clone();
        let author = self.key.id();
        let comes_in = self.door.comes_in(&self.user, &self.key, &secrets, 5, 0);
        self.height = Height::after(&comes_in);
        let comes_in = Bytes::from(Gossip::Entry(comes_in).encode().unwrap());
        let said = self.write(Kind::Content, |header| {
            let text = Text::new("up here").unwrap();
            let body = Body::Text { text, reply_to: None, mentions: Vec::new() };
            let content = Content { hlc: Hlc::at(1_800_000_000_000), at: 1_800_000_000_000, body };
            let mut rng = ChaCha20Rng::seed_from_u64(78);
            let session = SealingSession::open(&secrets, step, header, &content, &mut rng).unwrap();
            session.seal(header, &content, &mut rng).unwrap()
        });
        for host in 0..2 {
            for bytes in [&comes_in, &said] {
                network.whisper(host, author, secrets.topic(), bytes.clone());
                network.run_for(1_000);
            }
        }
    }
}

#[test]
fn an_owner_begins_an_epoch_before_the_steps_run_out() {
    let mut network = Network::new(3, 305, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::FromJoining);
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    Climber::new(&mut network, room, &code).climb(&mut network, Step::LAST);
    text(&mut network, 1, room, "before").unwrap();
    all_see(&mut network, &[0, 1], room, "before");
    // Whatever steps are left, people get in.
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3 && network.member_count(2, room) == 3));
    network.run_for(MINUTE);
    text(&mut network, 0, room, "still the same").unwrap();
    all_see(&mut network, &[0, 1, 2], room, "still the same");
    assert_eq!(epochs(&mut network, 0, room).len(), 1, "not at once: any member could make thousands");
    network.run_for(2 * 60 * MINUTE);
    assert_eq!(epochs(&mut network, 0, room).len(), 2);
    text(&mut network, 1, room, "after").unwrap();
    all_see(&mut network, &[0, 1, 2], room, "after");
    network.run_for(3 * 60 * MINUTE);
    assert_eq!(epochs(&mut network, 0, room).len(), 2, "once is enough");
}
