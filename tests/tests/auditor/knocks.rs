//! Strangers who knock: in masses, with what was forged, with what is not theirs.

use parlor_node::{Command, Reply};
use parlor_protocol::{
    DeviceId, EpochId, HistoryPolicy, LogId, RoomId, UserId,
    card::{DeviceCard, UserKey},
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, Genesis, RoomKind, RoomSettings},
    keys::{DeviceKey, DhSecret, Secret},
    log::Height,
    wire::{Answer, Introduction, Refusal, Request},
};
use parlor_tests::sim::{Faults, Network};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Somebody with keys of their own and no rules.
struct Stranger {
    key: DeviceKey,
    user: UserKey,
    noise: DhSecret,
    rng: ChaCha20Rng,
}

impl Stranger {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self {
            key: DeviceKey::random(&mut rng),
            user: UserKey::random(&mut rng),
            noise: DhSecret::random(&mut rng),
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
        let genesis = Genesis { owners: users.to_vec(), history: HistoryPolicy::Everything, salt: [1; 16], kind };
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
        let record =
            EpochRecord::seal(&secrets, &change, &RoomSettings::default(), &[], &card, &self.noise, &mut self.rng)
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
    network.meet(0, from, false);
    network.run_for(10);
    match network.ask_as(from, 0, &Request::Hello(None)) {
        Some(Answer::Hello(Some(intro))) => *intro,
        other => panic!("an introduction, not {other:?}"),
    }
}

#[test]
fn a_flood_of_knocks_is_bounded_for_each_machine_and_in_all() {
    let mut network = Network::new(1, 1, Faults::NONE);
    let mut one = Stranger::new(1);
    let at = victim(&mut network, one.key.id());
    let mut answers = Vec::new();
    for _ in 0..20 {
        let user = UserKey::random(&mut one.rng);
        let entries = one.knock(&at, &user);
        answers.push(network.ask_as(one.key.id(), 0, &Request::Knock { entries }).unwrap());
    }
    let taken = answers.iter().filter(|answer| **answer == Answer::Done).count();
    assert!((1..=5).contains(&taken), "{taken} of 20 at once");
    assert!(answers.iter().any(|answer| matches!(answer, Answer::Refused(Refusal::Busy { .. }))));
    for seed in 2..80 {
        let mut stranger = Stranger::new(seed);
        let at = victim(&mut network, stranger.key.id());
        let user = stranger.user.clone();
        let entries = stranger.knock(&at, &user);
        network.ask_as(stranger.key.id(), 0, &Request::Knock { entries });
    }
    assert_eq!(requests(&mut network), 32);
    // A person who answers one has room for the next.
    network.run_for(60_000);
    network.quit(0);
    network.start(0);
    assert!(network.run_until(|network| requests(network) == 32), "they are kept");
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
