//! Who can read, under a simulated network: programs with a code and no rules, comings and goings in
//! partitions, crowds. What follows from the entries alone is tested in `parlor_protocol::access`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, CommandError, Reply, RoomStanding};
use parlor_protocol::{
    DeviceId, HistoryPolicy, Name, RoomCode, RoomId,
    access::{
        AccessBody, Hours, In, InPlace, OwnKey,
        wire::{Enter, Entered, Found, Look, NotAdmitted, NotEntered},
    },
    card::UserKey,
    entry::{Entry, Kind},
    keys::DeviceKey,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use parlor_tests::{
    door::{Door, first},
    sim::{Faults, HostId, Network, stretched},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;

const MINUTE: u64 = 60_000;

fn create(network: &mut Network, history: HistoryPolicy) -> (RoomId, RoomCode) {
    match network.call(0, Command::CreateRoom { name: Name::new("kitchen").unwrap(), history }) {
        Ok(Reply::Created { room, code }) => (room, code),
        other => panic!("a room is made, not {other:?}"),
    }
}

fn listed(network: &mut Network, host: HostId, room: RoomId) -> BTreeSet<DeviceId> {
    network.members(host, room).into_iter().map(|member| member.device).collect()
}

fn epochs(network: &mut Network, host: HostId, room: RoomId) -> usize {
    network.entries_of(host, room).iter().filter(|entry| entry.header().kind == Kind::Epoch).count()
}

/// A program that has a code and keeps no rules.
struct Program {
    key: DeviceKey,
    user: UserKey,
}

impl Program {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self { key: DeviceKey::random(&mut rng), user: UserKey::random(&mut rng) }
    }

    /// Is connected with a host, as any machine may be.
    fn meets(&self, network: &mut Network, host: HostId) {
        network.meet(host, self.key.id(), false);
        network.run_for(10);
    }

    fn looks(&self, network: &mut Network, host: HostId, code: &RoomCode) -> Found {
        self.meets(network, host);
        let look = Look::sign(&stretched(code), self.key.id(), network.hosts[host].device());
        match network.ask_as(self.key.id(), host, &Request::Look(look)) {
            Some(Answer::Found(Some(found))) => *found,
            other => panic!("a door, not {other:?}"),
        }
    }

    /// The entry by which it comes in where that is offered.
    fn comes_in(&self, found: &Found, code: &RoomCode, log: u64) -> Entry {
        let door = Door { keys: stretched(code), entry: found.door.clone() };
        door.comes_in_at(&self.user, &self.key, found.genesis.room(), found.offers[0], log)
    }

    /// Shows an entry. What waits for the disk is answered when it is asked again.
    fn shows(&self, network: &mut Network, host: HostId, entry: &Entry) -> Answer {
        self.meets(network, host);
        let enter = Enter { room: entry.room(), entry: entry.clone(), for_keys: true };
        let request = Request::Enter(Box::new(enter));
        let answer = network.ask_as(self.key.id(), host, &request);
        network.run_for(1_000);
        answer.or_else(|| network.ask_as(self.key.id(), host, &request)).expect("an answer")
    }
}

#[test]
fn who_has_a_code_reads_nothing_before_it_stands_in_everybodys_list() {
    let mut network = Network::new(3, 501, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::Everything);
    network.join(1, &code).unwrap();
    network.join(2, &code).unwrap();
    network.run_for(MINUTE);
    let program = Program::new(1);
    let device = program.key.id();
    let found = program.looks(&mut network, 1, &code);
    for ask in [
        RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] },
        RoomRequest::Tail { limit: 10 },
        RoomRequest::Epochs { tips: Vec::new() },
    ] {
        let answer = network.ask_as(device, 1, &Request::Room { room, ask });
        assert_eq!(answer, Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show))));
    }
    let entry = program.comes_in(&found, &code, 1);
    let Answer::Entered(Entered::In(wraps)) = program.shows(&mut network, 1, &entry) else { panic!("it is let in") };
    assert!(wraps[0].open(&stretched(&code)).unwrap().secrets(&wraps[0].facts).is_ok());
    network.run_for(MINUTE);
    for host in 0..3 {
        assert!(listed(&mut network, host, room).contains(&device), "host {host} lists it, though it said nothing");
    }
    let ask = RoomRequest::Tail { limit: 10 };
    let served = |network: &mut Network| network.ask_as(device, 0, &Request::Room { room, ask: ask.clone() });
    assert!(!matches!(served(&mut network), Some(Answer::Refused(_))), "and is served");
}

#[test]
fn what_a_code_signed_for_one_is_of_no_use_to_another() {
    let mut network = Network::new(2, 502, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::Everything);
    network.join(1, &code).unwrap();
    network.run_for(MINUTE);
    let (program, thief) = (Program::new(1), Program::new(2));
    let keys = stretched(&code);
    // A look that another machine was asked with, or another device asked.
    let look = Look::sign(&keys, program.key.id(), network.hosts[0].device());
    program.meets(&mut network, 1);
    thief.meets(&mut network, 0);
    assert_eq!(network.ask_as(program.key.id(), 1, &Request::Look(look)), Some(Answer::Found(None)));
    assert_eq!(network.ask_as(thief.key.id(), 0, &Request::Look(look)), Some(Answer::Found(None)));
    let found = program.looks(&mut network, 0, &code);
    let wrong = Answer::Entered(Entered::Refused(NotEntered::Wrong));
    // The entry of another device.
    let entry = program.comes_in(&found, &code, 1);
    assert_eq!(thief.shows(&mut network, 0, &entry), wrong);
    // What the code signed for another device, room, epoch, log.
    let door = Door { keys: keys.clone(), entry: found.door.clone() };
    let header = first(&thief.key, room, found.offers[0].epoch, 7);
    let own = OwnKey::new(&thief.user, room);
    let place = InPlace::from(&header);
    let mut places = [place; 4];
    places[0].device = program.key.id();
    places[1].room = RoomId::from_bytes([1; 32]);
    places[2].epoch = parlor_protocol::EpochId::from_bytes([1; 32]);
    places[3].log = parlor_protocol::LogId(8);
    for signed_for in places {
        let body = AccessBody::In(In::by_code(&own, &signed_for, &keys, door.id(), 0, Hours::NONE));
        let entry = Entry::sign(&thief.key, header, &body.encode().unwrap()).unwrap().into_inner();
        assert_eq!(thief.shows(&mut network, 0, &entry), wrong, "{signed_for:?}");
    }
    // Another entry at the place of one by which it came in: nothing for what is in no list.
    let entry = thief.comes_in(&found, &code, 9);
    assert!(matches!(thief.shows(&mut network, 0, &entry), Answer::Entered(Entered::In(_))));
    let header = first(&thief.key, room, found.offers[0].epoch, 9);
    let other = Program::new(3);
    let own = OwnKey::new(&other.user, room);
    let body = AccessBody::In(In::by_code(&own, &InPlace::from(&header), &keys, door.id(), 0, Hours::NONE));
    let twin = Entry::sign(&thief.key, header, &body.encode().unwrap()).unwrap().into_inner();
    assert_eq!(thief.shows(&mut network, 0, &twin), wrong, "a second entry at one place");
}

#[test]
fn who_left_is_served_no_more_and_has_no_key_of_what_comes_later() {
    let mut network = Network::new(3, 503, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::Everything);
    network.join(1, &code).unwrap();
    network.join(2, &code).unwrap();
    assert!(network.run_until(|network| (0..3).all(|host| network.member_count(host, room) == 3)));
    let leaver = network.hosts[2].device();
    // What lies on its disk now, a copy keeps.
    let kept: BTreeSet<_> = network.keys_of(2, room).iter().map(parlor_protocol::epoch::EpochSecrets::id).collect();
    network.call(2, Command::LeaveRoom { room }).unwrap();
    assert!(network.run_until(|network| (0..2).all(|host| !listed(network, host, room).contains(&leaver))));
    network.run_for(MINUTE);
    network.say(0, room, "among us").unwrap();
    assert!(network.run_until(|network| network.texts(1, room) == ["among us"]));
    for host in 0..2 {
        let ask = RoomRequest::Tail { limit: 10 };
        let answer = network.ask_as(leaver, host, &Request::Room { room, ask });
        assert_eq!(answer, Some(Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Out))));
    }
    let newest = network.keys_of(0, room).pop().unwrap();
    assert!(!kept.contains(&newest.id()), "an owner began an epoch");
    let sealed = network.entries_of(0, room).into_iter().rfind(|entry| entry.header().kind == Kind::Content).unwrap();
    assert!(!kept.contains(&sealed.header().epoch));
}

#[test]
fn a_code_for_one_lets_one_in_and_an_ended_one_nobody_whatever_is_passed_on() {
    let mut network = Network::new(3, 504, Faults::NONE);
    let (room, _) = create(&mut network, HistoryPolicy::Everything);
    let made = |network: &mut Network, uses| match network
        .call(0, Command::MakeCode { room, lifetime: None, uses, members_only: false })
    {
        Ok(Reply::Code(code)) => code,
        other => panic!("a code, not {other:?}"),
    };
    let once = made(&mut network, Some(1));
    let many = made(&mut network, None);
    network.join(1, &many).unwrap();
    network.run_for(MINUTE);
    let programs: Vec<_> = (10..15).map(Program::new).collect();
    let found = programs[0].looks(&mut network, 0, &once);
    let entries: Vec<_> = programs.iter().map(|program| program.comes_in(&found, &once, 1)).collect();
    let answers: Vec<_> =
        programs.iter().zip(&entries).map(|(program, entry)| program.shows(&mut network, 0, entry)).collect();
    assert!(matches!(answers[0], Answer::Entered(Entered::In(_))));
    let used_up = Answer::Entered(Entered::Refused(NotEntered::UsedUp));
    assert!(answers[1..].iter().all(|answer| *answer == used_up), "{answers:?}");
    // By gossip, from somebody who is not in, it does not come in either.
    let topic = network.keys_of(0, room).pop().unwrap().topic();
    for entry in &entries[1..] {
        let bytes = parlor_protocol::wire::Gossip::Entry(entry.clone()).encode().unwrap();
        network.whisper(1, programs[1].key.id(), topic, bytes.into());
    }
    network.run_for(MINUTE);
    assert!((0..2).all(|host| listed(&mut network, host, room).len() == 3));
    // A code that ends while somebody joins by it.
    let found = programs[1].looks(&mut network, 0, &many);
    let entry = programs[1].comes_in(&found, &many, 2);
    let locator = stretched(&many).locator();
    network.call(0, Command::RevokeCode { room, locator }).unwrap();
    network.run_for(1_000);
    let ended = Answer::Entered(Entered::Refused(NotEntered::Ended));
    assert_eq!(programs[1].shows(&mut network, 0, &entry), ended);
    assert_eq!(programs[1].shows(&mut network, 1, &entry), ended);
    assert!(matches!(network.join(2, &many), Err(CommandError::CodeUnknown { .. })));
}

#[test]
fn whom_a_keeper_let_in_everybody_lists_though_it_died_right_after() {
    let mut network = Network::new(3, 505, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::Everything);
    network.join(1, &code).unwrap();
    network.run_for(MINUTE);
    network.cut(&[1], &[0, 2]);
    network.join(2, &code).unwrap();
    network.stop(0);
    let newcomer = network.hosts[2].device();
    network.start(0);
    network.heal();
    assert!(network.run_until(|network| (0..3).all(|host| listed(network, host, room).contains(&newcomer))));
}

#[test]
fn who_came_by_the_code_of_somebody_who_was_removed_meanwhile_is_out() {
    let mut network = Network::new(4, 506, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::Everything);
    network.join(1, &code).unwrap();
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 3 && network.member_count(1, room) == 3));
    let Ok(Reply::Code(theirs)) =
        network.call(1, Command::MakeCode { room, lifetime: None, uses: None, members_only: false })
    else {
        panic!("a code")
    };
    network.run_for(MINUTE);
    let user = network.members(0, room).into_iter().find(|member| member.name == "host 1").unwrap().user.unwrap();
    network.cut(&[0, 3], &[1, 2]);
    network.call(0, Command::RemovePerson { room, user }).unwrap();
    network.join(2, &theirs).unwrap();
    network.run_for(MINUTE);
    network.heal();
    let (removed, late) = (network.hosts[1].device(), network.hosts[2].device());
    let is_settled = |network: &mut Network| {
        let all = [0, 3].iter().all(|host| listed(network, *host, room).is_disjoint(&BTreeSet::from([removed, late])));
        all && matches!(network.standing(2, room), Some(RoomStanding::ShutOut | RoomStanding::Removed { .. }))
    };
    assert!(network.run_until(is_settled), "{:?}", network.standing(2, room));
    network.say(0, room, "among us").unwrap();
    network.run_for(5 * MINUTE);
    assert!(network.texts(3, room).contains(&"among us".to_owned()));
    assert!(!network.texts(2, room).contains(&"among us".to_owned()));
}

#[test]
fn a_class_of_thirty_joins_by_one_code_within_a_minute() {
    let mut network = Network::new(31, 507, Faults::NONE);
    let (room, code) = create(&mut network, HistoryPolicy::FromJoining);
    network.say(0, room, "before the lesson").unwrap();
    let calls: Vec<_> = (1..31).map(|host| (host, network.submit(host, Command::Join(code.clone())))).collect();
    network.run_for(MINUTE);
    for (host, call) in calls {
        assert!(matches!(network.answer(host, call), Some(Ok(Reply::Joined(_)))), "host {host} has joined");
    }
    assert!(network.run_until(|network| (0..31).all(|host| network.member_count(host, room) == 31)));
    network.run_for(MINUTE);
    network.say(0, room, "good morning").unwrap();
    let reads = |network: &mut Network, host| network.texts(host, room).iter().any(|text| text == "good morning");
    assert!(network.run_until(|network| (0..31).all(|host| reads(network, host))));
    for host in [1, 15, 30] {
        assert_eq!(network.readable(host, room), ["good morning"], "host {host} has no key of before");
    }
}

#[test]
fn however_many_come_and_go_in_a_day_owners_begin_few_epochs() {
    let mut network = Network::new(2, 508, Faults::NONE);
    let (room, _) = create(&mut network, HistoryPolicy::Everything);
    let Ok(Reply::Code(code)) =
        network.call(0, Command::MakeCode { room, lifetime: None, uses: None, members_only: false })
    else {
        panic!("a code")
    };
    for _ in 0..60 {
        network.join(1, &code).unwrap();
        assert!(network.run_until(|network| network.member_count(0, room) == 2));
        // A room that is being read is left when it has been.
        while network.call(1, Command::LeaveRoom { room }).is_err() {
            network.run_for(100);
        }
        assert!(network.run_until(|network| network.member_count(0, room) == 1 && network.standing(1, room).is_none()));
        network.run_for(20 * MINUTE);
    }
    let begun = epochs(&mut network, 0, room) - 1;
    assert!((2..=24).contains(&begun), "{begun} epochs in a day");
}

#[test]
fn who_could_not_be_asked_is_asked_again() {
    // A quarter of all requests and of all answers is lost.
    let lossy = Faults { loss_percent: 25, ..Faults::NONE };
    for seed in 520..550 {
        let mut network = Network::new(2, seed, Faults::NONE);
        let (_, code) = create(&mut network, HistoryPolicy::Everything);
        network.faults = lossy;
        network.join(1, &code).expect("nobody gives up because a question was lost");
    }
}
