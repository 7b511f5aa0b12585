//! Strangers who knock: in masses, with what was forged, with what is not theirs.

use parlor_node::store::LocalStore as _;
use parlor_node::{Command, Reply, RequestAnswer};
use parlor_protocol::{
    DeviceId, EpochId, HistoryPolicy, LogId, RoomId, UserId,
    access::wire::Enter,
    card::{DeviceCard, UserKey},
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    wire::{Answer, Introduction, Refusal, Request},
};
use parlor_tests::sim::{Faults, HostId, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::net::{IpAddr, Ipv4Addr};

use crate::entries;

/// Somebody with keys of their own and no rules.
struct Stranger {
    key: DeviceKey,
    user: UserKey,
    noise: DhSecret,
    salt: [u8; 16],
    rng: ChaCha20Rng,
}

impl Stranger {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            key: DeviceKey::random(&mut rng),
            user: UserKey::random(&mut rng),
            noise: DhSecret::random(&mut rng),
            salt: [1; 16],
            rng,
        }
    }

    fn card_of(&self, user: &UserKey) -> DeviceCard {
        DeviceCard::sign(user, &self.key, self.noise.public(), 1)
    }

    /// A knock at somebody, in the name of a user.
    fn knock(&mut self, at: &Introduction, name: &UserKey) -> Vec<Entry> {
        let mut users = [name.id(), at.card.user];
        users.sort();
        self.knock_for(at, users, name)
    }

    fn knock_for(&mut self, at: &Introduction, users: [UserId; 2], owner: &UserKey) -> Vec<Entry> {
        let kind = RoomKind::Direct(users);
        let genesis = Genesis { owners: users.to_vec(), history: HistoryPolicy::Everything, salt: self.salt, kind };
        let header = Header {
            kind: Kind::Genesis,
            room: RoomId::default(),
            author: self.key.id(),
            log: LogId(1),
            seq: 0,
            prev: Height::EMPTY.head,
            epoch: EpochId::default(),
            session: 0,
        };
        let first = Entry::sign(&self.key, header, &genesis.encode().unwrap()).unwrap();
        let secrets = EpochSecrets::derive(first.room(), &[], Secret::random(&mut self.rng)).unwrap();
        let change = EpochChange { recipients: vec![(at.card.device, at.prekey.public)], ..EpochChange::default() };
        let card = self.card_of(owner);
        let record = EpochRecord::seal(
            &secrets,
            &change,
            &RoomSettings::founding(&genesis),
            &[],
            &card,
            &self.noise,
            &mut self.rng,
        )
        .unwrap();
        let header = Header {
            kind: Kind::Epoch,
            room: first.room(),
            seq: 1,
            prev: first.id(),
            epoch: secrets.id(),
            session: 1,
            ..header
        };
        let second = Entry::sign(&self.key, header, &record.encode().unwrap()).unwrap();
        vec![first.into_inner(), second.into_inner()]
    }
}

fn requests(network: &mut Network) -> usize {
    match network.call(0, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.iter().filter(|room| room.request).count(),
        other => panic!("rooms, not {other:?}"),
    }
}

fn victim(network: &mut Network, from: DeviceId) -> Introduction {
    victim_at(network, from, [10, 0, 9, 9].into())
}

fn victim_at(network: &mut Network, from: DeviceId, ip: IpAddr) -> Introduction {
    network.meet_at(0, from, false, ip);
    network.run_for(10);
    match network.ask_as(from, 0, &Request::Hello(None)) {
        Some(Answer::Hello(Some(intro))) => *intro,
        other => panic!("an introduction, not {other:?}"),
    }
}

/// Strangers who knock, each with a key of its own, at the addresses that are given. Answers how many were
/// taken.
fn strangers(network: &mut Network, addresses: impl IntoIterator<Item = IpAddr>) -> usize {
    let mut taken = 0;
    for (seed, ip) in (1_000 + network.clock()..).zip(addresses) {
        let mut stranger = Stranger::new(seed);
        let at = victim_at(network, stranger.key.id(), ip);
        let user = stranger.user.clone();
        let entries = stranger.knock(&at, &user);
        let answer = network.ask_as(stranger.key.id(), 0, &Request::Knock { entries });
        taken += usize::from(answer == Some(Answer::Done));
    }
    taken
}

/// Machines all over a network.
fn ip(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a01_0000 + number).into()
}

#[test]
fn a_flood_of_knocks_is_bounded_for_each_machine_and_in_all() {
    let mut network = Network::new(1, 1, Faults::NONE);
    // Many people at one machine, and many keys at one address or in one network: one in an hour.
    let mut one = Stranger::new(1);
    let at = victim(&mut network, one.key.id());
    let mut answers = Vec::new();
    for _ in 0..20 {
        let user = UserKey::random(&mut one.rng);
        let entries = one.knock(&at, &user);
        answers.push(network.ask_as(one.key.id(), 0, &Request::Knock { entries }).unwrap());
        network.run_for(6_000);
    }
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Done).count(), 1);
    let long =
        |answer: &&Answer| matches!(answer, Answer::Refused(Refusal::Busy { retry_ms }) if *retry_ms > 3_000_000);
    assert!(answers.iter().filter(long).count() > 10, "it is told how long to wait: {answers:?}");
    assert_eq!(strangers(&mut network, [ip(0); 20]), 1);
    let in_one_network = (0..20).map(|number| std::net::Ipv6Addr::new(0xfd00, 1, 2, 3, 0, 0, 0, number).into());
    assert_eq!(strangers(&mut network, in_one_network), 1);
    network.run_for(61 * 60_000);
    assert_eq!(strangers(&mut network, [ip(0); 20]), 1, "an hour later");
    // Many machines: so many at once, and never more that wait.
    let taken = strangers(&mut network, (1..80).map(ip));
    assert!((10..=17).contains(&taken), "{taken} of 79 at once");
    assert_eq!(requests(&mut network), 16);
    // They are kept.
    network.run_for(60_000);
    network.quit(0);
    network.start(0);
    assert!(network.run_until(|network| requests(network) == 16), "they are kept");
}

#[test]
fn the_newest_stranger_takes_the_place_of_the_oldest() {
    let mut network = Network::new(1, 11, Faults::NONE);
    let mut rooms = Vec::new();
    for seed in 0..20 {
        let mut stranger = Stranger::new(seed + 50);
        let at = victim_at(&mut network, stranger.key.id(), ip(seed as u32));
        let user = stranger.user.clone();
        let entries = stranger.knock(&at, &user);
        rooms.push(entries[0].room());
        let answer = network.ask_as(stranger.key.id(), 0, &Request::Knock { entries });
        assert_eq!(answer, Some(Answer::Done), "{seed}");
        network.run_for(5 * 60_000);
    }
    let Ok(Reply::Rooms(held)) = network.call(0, Command::Rooms) else { panic!("rooms") };
    let held: std::collections::BTreeSet<_> = held.into_iter().map(|room| room.room).collect();
    assert_eq!(held, rooms[4..].iter().copied().collect());
    // Who only asks is nobody whom this person knows.
    let Ok(Reply::People(people)) = network.call(0, Command::People) else { panic!("people") };
    assert!(people.iter().all(|person| person.own), "{people:?}");
}

/// Host 1 is somebody whom host 0 knows well: both are in one room. Its first direct message has to come.
#[test]
fn strangers_leave_places_for_people_one_knows() {
    let mut network = Network::new(2, 82, Faults::NONE);
    let (kitchen, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, kitchen) == 2));
    strangers(&mut network, (0..64).map(ip));
    assert_eq!(requests(&mut network), 16);
    let other = network.members(1, kitchen).into_iter().find(|member| !member.own).unwrap().user.unwrap();
    let Ok(Reply::Joined(direct)) = network.call(1, Command::OpenDirect { user: other }) else {
        panic!("a room of two")
    };
    network.say(1, direct, "it burns, come home").unwrap();
    network.run_for(5_000);
    assert!(network.summary(0, direct).is_some(), "it came at once");
    assert_eq!(requests(&mut network), 17, "and nobody lost a place");
    // Strangers push out strangers, and nobody else.
    for hour in 1..3 {
        network.run_for(61 * 60_000);
        strangers(&mut network, (hour * 100..hour * 100 + 64).map(ip));
    }
    assert!(network.summary(0, direct).is_some());
    assert_eq!(requests(&mut network), 17);
}

/// Two who have never met, on a network full of strangers: the sender reads that it takes longer, and
/// everything comes by itself.
#[test]
fn who_is_not_taken_is_told_and_comes_in_later_by_itself() {
    let mut network = Network::new(2, 83, Faults::NONE);
    network.run_for(1_000);
    let Ok(Reply::Nearby(people)) = network.call(1, Command::Nearby) else { panic!("people") };
    // At the very address of host 1, somebody else has asked just now.
    assert_eq!(strangers(&mut network, [[10, 0, 0, 1].into()]), 1);
    let user = people[0].user;
    let Ok(Reply::Joined(direct)) = network.call(1, Command::OpenDirect { user }) else { panic!("a room of two") };
    network.say(1, direct, "hello, I am new here").unwrap();
    network.run_for(5_000);
    assert!(network.summary(1, direct).unwrap().held_up);
    assert!(network.summary(0, direct).is_none());
    let told = |network: &Network| network.problems(1).iter().filter(|what| what.contains("no more requests")).count();
    assert_eq!(told(&network), 1);
    network.run_for(75 * 60_000);
    assert!(network.summary(0, direct).is_some_and(|summary| summary.request), "it went on trying");
    let summary = network.summary(1, direct).unwrap();
    assert!((summary.asked, summary.held_up) == (true, false));
    assert_eq!(told(&network), 1, "told once");
}

/// Whoever is blocked cannot find that out by who has to wait.
#[test]
fn who_is_blocked_waits_like_everybody() {
    let mut network = Network::new(1, 12, Faults::NONE);
    let mut one = Stranger::new(2);
    let at = victim_at(&mut network, one.key.id(), ip(1));
    let user = one.user.clone();
    let mut knock = |network: &mut Network, salt: u8| {
        one.salt = [salt; 16];
        let entries = one.knock(&at, &user);
        let room = entries[0].room();
        (room, network.ask_as(one.key.id(), 0, &Request::Knock { entries }).unwrap())
    };
    let (room, answer) = knock(&mut network, 1);
    assert_eq!(answer, Answer::Done);
    network.call(0, Command::AnswerRequest { room, answer: RequestAnswer::Block }).unwrap();
    network.run_for(30_000);
    // Another room from the same address within the hour, and one later.
    assert!(matches!(knock(&mut network, 2).1, Answer::Refused(Refusal::Busy { .. })));
    assert_eq!(knock(&mut network, 1).1, Answer::Done, "what was taken before is answered as before");
    network.run_for(61 * 60_000);
    assert_eq!((knock(&mut network, 3).1, requests(&mut network)), (Answer::Done, 0));
}

#[test]
fn a_knock_that_was_forged_is_none() {
    let mut network = Network::new(1, 2, Faults::NONE);
    let mut stranger = Stranger::new(3);
    let (user, other) = (stranger.user.clone(), UserKey::random(&mut stranger.rng));
    let at = victim(&mut network, stranger.key.id());
    let mut users = [user.id(), at.card.user];
    users.sort();
    let mut strangers = [user.id(), other.id()];
    strangers.sort();
    let mut for_others = at.clone();
    for_others.prekey =
        parlor_protocol::card::Prekey::sign(&stranger.key, DhSecret::random(&mut stranger.rng).public(), 1);
    let good = stranger.knock(&at, &user);
    let forged = [
        ("a room of two others", stranger.knock_for(&at, strangers, &user)),
        ("a card of somebody else than the two", stranger.knock_for(&at, users, &other)),
        ("a key that does not open", stranger.knock(&for_others, &user)),
        ("no epoch", vec![good[0].clone()]),
        ("the wrong order", vec![good[1].clone(), good[0].clone()]),
        ("nothing", Vec::new()),
    ];
    for (what, entries) in forged {
        let answer = network.ask_as(stranger.key.id(), 0, &Request::Knock { entries });
        assert!(matches!(answer, Some(Answer::Refused(_))), "{what}: {answer:?}");
        assert_eq!(requests(&mut network), 0, "{what}");
        network.run_for(10_000);
    }
    let answer = network.ask_as(stranger.key.id(), 0, &Request::Knock { entries: good });
    assert_eq!((answer, requests(&mut network)), (Some(Answer::Done), 1));
}

#[test]
fn nobody_introduces_somebody_else() {
    let mut network = Network::new(1, 3, Faults::NONE);
    let stranger = Stranger::new(4);
    let someone = Stranger::new(5);
    let at = victim(&mut network, stranger.key.id());
    let card = someone.card_of(&someone.user);
    let name = parlor_protocol::Name::new("somebody else").unwrap();
    let lie = Introduction { name, card, prekey: at.prekey };
    network.ask_as(stranger.key.id(), 0, &Request::Hello(Some(Box::new(lie))));
    match network.call(0, Command::Nearby) {
        Ok(Reply::Nearby(people)) => assert_eq!(people, []),
        other => panic!("people, not {other:?}"),
    }
}

/// A room of two with a smaller id than another one: a few tries find it.
fn smaller(stranger: &mut Stranger, at: &Introduction, name: &UserKey, than: RoomId) -> Vec<Entry> {
    for salt in 0.. {
        stranger.salt = [salt; 16];
        let entries = stranger.knock(at, name);
        if entries[0].room() < than {
            return entries;
        }
    }
    panic!("no smaller id in 256 tries");
}

fn directs(network: &mut Network, host: HostId) -> Vec<RoomId> {
    match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => {
            rooms.into_iter().filter(|room| room.direct.is_some() && !room.request).map(|room| room.room).collect()
        }
        other => panic!("rooms, not {other:?}"),
    }
}

/// The account key of a host, as whoever stole it has it.
fn stolen(network: &mut Network, host: HostId) -> UserKey {
    UserKey::from_seed(&network.hosts[host].store.load().unwrap().identity.unwrap().user_seed)
}

/// Ben (host 0) writes to Anna (host 1), who is in a room with him.
fn ben_writes(network: &mut Network, anna: &UserKey) -> RoomId {
    let (kitchen, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, kitchen) == 2));
    let Ok(Reply::Joined(direct)) = network.call(0, Command::OpenDirect { user: anna.id() }) else {
        panic!("a room of two")
    };
    network.say(0, direct, "my secret").unwrap();
    direct
}

fn accept(network: &mut Network, host: HostId) -> RoomId {
    let request = |network: &mut Network| match network.call(host, Command::Rooms) {
        Ok(Reply::Rooms(rooms)) => rooms.into_iter().find(|room| room.request).map(|room| room.room),
        other => panic!("rooms, not {other:?}"),
    };
    assert!(network.run_until(|network| request(network).is_some()));
    let room = request(network).unwrap();
    network.call(host, Command::AnswerRequest { room, answer: RequestAnswer::Accept }).unwrap();
    room
}

#[test]
fn a_stolen_account_key_takes_no_conversation_over() {
    let mut network = Network::new(2, 4, Faults::NONE);
    let anna = stolen(&mut network, 1);
    let direct = ben_writes(&mut network, &anna);
    assert_eq!(accept(&mut network, 1), direct);
    network.say(1, direct, "mine").unwrap();
    let both = ["my secret".to_owned(), "mine".to_owned()];
    assert!(network.run_until(|network| network.texts(0, direct) == both));
    let mut thief = Stranger::new(6);
    let at = victim(&mut network, thief.key.id());
    let entries = smaller(&mut thief, &at, &anna, direct);
    let false_room = entries[0].room();
    let answer = network.ask_as(thief.key.id(), 0, &Request::Knock { entries });
    assert_eq!(answer, Some(Answer::Done));
    network.run_for(60_000);
    assert_eq!(directs(&mut network, 0), [direct], "nobody accepted another one");
    assert_eq!((network.texts(0, direct), requests(&mut network)), (both.to_vec(), 1));
    let opened = network.call(0, Command::OpenDirect { user: anna.id() });
    assert!(matches!(opened, Ok(Reply::Joined(room)) if room == direct), "{opened:?}");
    // Also who accepts it keeps what was said, and writes where it was said.
    assert_eq!(accept(&mut network, 0), false_room);
    network.run_for(60_000);
    for restarts in 0..2 {
        assert_eq!((network.texts(0, direct), network.texts(0, false_room)), (both.to_vec(), Vec::new()), "{restarts}");
        let opened = network.call(0, Command::OpenDirect { user: anna.id() });
        assert!(matches!(opened, Ok(Reply::Joined(room)) if room == direct), "{opened:?}");
        network.quit(0);
        network.start(0);
        assert!(network.run_until(|network| network.texts(0, direct) == both));
    }
    network.say(0, direct, "still with you").unwrap();
    assert!(network.run_until(|network| network.texts(1, direct).len() == 3));
}

#[test]
fn what_waits_for_somebody_goes_to_no_other_device_unasked() {
    let mut network = Network::new(2, 5, Faults::NONE);
    let anna = stolen(&mut network, 1);
    // Anna does not answer.
    let direct = ben_writes(&mut network, &anna);
    network.stop(1);
    let mut thief = Stranger::new(7);
    let at = victim(&mut network, thief.key.id());
    let entries = smaller(&mut thief, &at, &anna, direct);
    let false_room = entries[0].room();
    let answer = network.ask_as(thief.key.id(), 0, &Request::Knock { entries });
    assert_eq!(answer, Some(Answer::Done));
    network.run_for(60_000);
    assert_eq!((directs(&mut network, 0), requests(&mut network)), (vec![direct], 1));
    assert_eq!((network.texts(0, direct).len(), network.texts(0, false_room).len()), (1, 0));
}

#[test]
fn a_new_device_that_was_accepted_gets_what_waited() {
    let mut network = Network::new(2, 6, Faults::NONE);
    let anna = stolen(&mut network, 1);
    let direct = ben_writes(&mut network, &anna);
    network.stop(1);
    let mut other = Stranger::new(8);
    let at = victim(&mut network, other.key.id());
    let entries = smaller(&mut other, &at, &anna, direct);
    network.ask_as(other.key.id(), 0, &Request::Knock { entries });
    let one = accept(&mut network, 0);
    network.run_for(1_000);
    assert_eq!((directs(&mut network, 0), network.texts(0, one)), (vec![one], vec!["my secret".to_owned()]));
}

#[test]
fn a_revoked_device_asks_nobody_in() {
    let mut network = Network::new(3, 7, Faults::NONE);
    let anna = stolen(&mut network, 1);
    let (kitchen, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.link(1, 2);
    assert!(network.run_until(|network| network.member_count(0, kitchen) == 3));
    let laptop = network.hosts[2].store.load().unwrap().identity.unwrap();
    let device = network.hosts[2].device();
    network.revoke(1, device);
    assert!(network.run_until(|network| network.member_count(0, kitchen) == 2));
    network.stop(2);
    let mut thief = Stranger::new(9);
    thief.key = DeviceKey::from_seed(&laptop.device_seed);
    let at = victim(&mut network, thief.key.id());
    let entries = thief.knock(&at, &anna);
    let answer = network.ask_as(thief.key.id(), 0, &Request::Knock { entries });
    assert_eq!(answer, Some(Answer::Done), "it learns nothing");
    network.run_for(60_000);
    assert_eq!((directs(&mut network, 0), requests(&mut network)), (Vec::new(), 0));
}

/// How many of so many keys at one address get another answer than that they are to wait.
fn looked_at(network: &mut Network, keys: u32, at: IpAddr, ask: &Request) -> usize {
    let is_looked_at = |number: &u32| {
        let mut bytes = [0xEE; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        let device = DeviceId::from_bytes(bytes);
        network.meet_at(0, device, false, at);
        network.run_for(1);
        !matches!(network.ask_as(device, 0, ask), Some(Answer::Refused(Refusal::Busy { .. })) | None)
    };
    (0..keys).filter(is_looked_at).count()
}

#[test]
fn what_many_keys_at_one_address_knock_with_is_not_even_looked_at() {
    let mut network = Network::new(1, 84, Faults::NONE);
    let mut stranger = Stranger::new(10);
    let at = victim_at(&mut network, stranger.key.id(), ip(1));
    let user = stranger.user.clone();
    // Of these only the look itself would cost something.
    let looked = looked_at(&mut network, 500, ip(2), &Request::Knock { entries: Vec::new() });
    assert!((20..60).contains(&looked), "{looked} of 500");
    let entries = stranger.knock(&at, &user);
    let answer = network.ask_as(stranger.key.id(), 0, &Request::Knock { entries });
    assert_eq!((answer, requests(&mut network)), (Some(Answer::Done), 1), "from another address");
}

#[test]
fn what_many_keys_at_one_address_try_to_come_in_with_is_not_even_looked_at() {
    let mut network = Network::new(3, 85, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    network.run_for(5_000);
    let entry = entries(&network).into_iter().find(|entry| entry.header().kind == Kind::Access).unwrap();
    let enter = Enter { room, entry, for_keys: true };
    let looked = looked_at(&mut network, 2_000, ip(2), &Request::Enter(Box::new(enter)));
    assert!((100..400).contains(&looked), "{looked} of 2,000");
    // Whoever has the code comes in all the same.
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3));
}
