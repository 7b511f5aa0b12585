//! Archives that lie. They can keep things back; they cannot make anybody take what was not
//! written, in another order, or with a hole.

use parlor_node::Command;
use parlor_protocol::{
    DeviceId, EntryId, LogKey, RoomCode, RoomId,
    access::{
        Wrap,
        wire::{Entered, Found, Offer},
    },
    entry::{Entry, Kind},
    keys::DeviceKey,
    limits::PAGE_MAX_ENTRIES,
    log::Height,
    wire::{Answer, Refusal, Request, RoomRequest, Tail},
};
use parlor_tests::{
    door::Door,
    sim::{Faults, Network, Stranger},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::{
    door, entries,
    members::{Forger, wire},
    newest_key,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Pages leave out an entry.
    DropMiddle,
    /// It knows nothing of the last entries of each log.
    CutTail,
    /// Two entries of a page change places.
    Swap,
    /// It answers with another log's entries.
    OtherLog,
    /// It claims entries that nobody wrote.
    Boast,
    /// It sends an entry whose bytes it changed.
    Alter,
}

#[derive(Debug)]
struct Liar {
    lie: Lie,
    logs: BTreeMap<LogKey, Vec<Entry>>,
    door: Door,
    /// What a member gave it.
    wrap: Wrap,
    asked: usize,
}

impl Liar {
    fn new(network: &mut Network, room: RoomId, code: &RoomCode, lie: Lie) -> Rc<RefCell<Self>> {
        let all = entries(network);
        let mut logs: BTreeMap<LogKey, Vec<Entry>> = BTreeMap::new();
        all.iter().for_each(|entry| logs.entry(entry.log_key()).or_default().push(entry.clone()));
        // An owner's decision goes ahead of what was written with it.
        logs.values_mut().for_each(|log| log.sort_by_key(|entry| entry.header().seq));
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (door, key) = (door(network, code), DeviceKey::random(&mut rng));
        let wrap = door.wrap(&newest_key(network, room), 0, &key, &mut rng);
        Rc::new(RefCell::new(Self { lie, logs, door, wrap, asked: 0 }))
    }

    fn heights(&self) -> Vec<(LogKey, Height)> {
        let height = |(log, entries): (&LogKey, &Vec<Entry>)| {
            let kept = if self.lie == Lie::CutTail { entries.len() - 3 } else { entries.len() };
            let mut height = Height::after(&entries[kept - 1]);
            if self.lie == Lie::Boast {
                height = Height { next: height.next + 500, head: EntryId::from_bytes([7; 32]) };
            }
            (*log, height)
        };
        self.logs.iter().map(height).collect()
    }

    fn page(&self, log: LogKey, from: u64) -> Vec<Entry> {
        let from = usize::try_from(from).unwrap();
        let other = self.logs.keys().find(|key| **key != log).unwrap();
        let whole = &self.logs[if self.lie == Lie::OtherLog { other } else { &log }];
        let mut page: Vec<Entry> = whole.iter().skip(from).take(PAGE_MAX_ENTRIES).cloned().collect();
        let middle = page.len() / 2;
        match self.lie {
            Lie::DropMiddle if page.len() > 2 => drop(page.remove(middle)),
            Lie::CutTail => page.truncate((whole.len() - 3).saturating_sub(from)),
            Lie::Swap if page.len() > 2 => page.swap(middle, middle - 1),
            Lie::Alter if page.len() > 2 => {
                let mut bytes = page[middle].bytes().to_vec();
                let place = bytes.len() - 100;
                bytes[place] ^= 1;
                page[middle] = Entry::decode(bytes).unwrap();
            }
            _ => {}
        }
        page
    }
}

#[derive(Debug)]
struct Shared(Rc<RefCell<Liar>>);

impl Stranger for Shared {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        let mut liar = self.0.borrow_mut();
        liar.asked += 1;
        Some(match request {
            Request::Look(_) => {
                let genesis = liar.logs.values().flatten().find(|entry| entry.header().kind == Kind::Genesis);
                let offers = vec![Offer { epoch: liar.wrap.facts.epoch, step: 0 }];
                let found = Found { genesis: genesis.cloned()?, door: liar.door.entry.clone(), offers };
                Answer::Found(Some(Box::new(found)))
            }
            Request::Enter(_) => Answer::Entered(Entered::In(vec![liar.wrap.clone()])),
            Request::PushWraps(_) => Answer::Done,
            Request::Account(_)
            | Request::Hello(_)
            | Request::Knock { .. }
            | Request::Link { .. }
            | Request::Own(_) => Answer::Refused(Refusal::Malformed),
            Request::Room { ask, .. } => match ask {
                RoomRequest::Heights { .. } => Answer::Heights(liar.heights()),
                RoomRequest::Page { log, from } => Answer::Page(liar.page(log, from)),
                RoomRequest::Tail { .. } => Answer::Tail(Tail::default()),
                // It says that it has stored everything, and stores nothing.
                RoomRequest::Push { entries } => {
                    let last = entries.last()?;
                    Answer::Pushed(vec![(last.log_key(), Height::after(last))])
                }
                RoomRequest::Register { .. } | RoomRequest::Received { .. } => Answer::Done,
                RoomRequest::Epochs { .. } => Answer::Epochs { entries: Vec::new(), tips: Vec::new() },
            },
        })
    }
}

const LIAR: DeviceId = DeviceId::from_bytes([0xAA; 32]);

/// Two members have talked and are away; a third joins with only a lying archive in reach.
fn joined_through(lie: Lie) -> (Network, RoomId, Rc<RefCell<Liar>>, Vec<String>) {
    let mut network = Network::new(3, 40 + lie as u64, Faults::NONE);
    network.cut(&[2], &[0, 1]);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for n in 0..20 {
        network.send(0, room, &format!("from anna {n}"));
        network.send(1, room, &format!("from ben {n}"));
        network.run_for(500);
    }
    network.run_for(5_000);
    let all = network.texts(0, room);
    assert_eq!(all.len(), 40);
    network.stop(0);
    network.stop(1);
    network.heal();
    let liar = Liar::new(&mut network, room, &code, lie);
    network.add_stranger(LIAR, Box::new(Shared(Rc::clone(&liar))));
    network.meet(2, LIAR, true);
    network.run_for(1_000);
    network.submit(2, Command::Join(code));
    network.run_for(300_000);
    (network, room, liar, all)
}

/// What is held of each log has no hole and is as it was written.
fn assert_only_beginnings(network: &mut Network, room: RoomId, all: &[String]) {
    let texts = network.texts(2, room);
    for name in ["anna", "ben"] {
        let of = |texts: &[String]| texts.iter().filter(|text| text.contains(name)).cloned().collect::<Vec<_>>();
        let (held, written) = (of(&texts), of(all));
        assert_eq!(held, written[..held.len()], "a beginning of what was written");
    }
}

fn gets_everything_once_an_honest_member_is_there(network: &mut Network, room: RoomId, all: &[String]) {
    network.start(0);
    assert!(network.run_until(|network| network.texts(2, room) == all), "{:?}", network.texts(2, room));
    network.send(2, room, "here I am");
    assert!(network.run_until(|network| network.texts(0, room).iter().any(|text| text == "here I am")));
}

fn cannot(lie: Lie) -> (usize, bool) {
    let (mut network, room, liar, all) = joined_through(lie);
    assert_only_beginnings(&mut network, room, &all);
    let asked = liar.borrow().asked;
    assert!(asked < 200, "{lie:?}: asked {asked} times in five minutes: that is a loop");
    let is_out = network.banned.contains(&(2, LIAR));
    gets_everything_once_an_honest_member_is_there(&mut network, room, &all);
    (asked, is_out)
}

#[test]
fn an_archive_that_drops_the_middle_is_found_out() {
    assert!(cannot(Lie::DropMiddle).1, "it is thrown out");
}

#[test]
fn an_archive_that_swaps_entries_is_found_out() {
    assert!(cannot(Lie::Swap).1, "it is thrown out");
}

#[test]
fn an_archive_that_alters_entries_is_found_out() {
    assert!(cannot(Lie::Alter).1, "it is thrown out");
}

#[test]
fn an_archive_that_answers_with_another_log_is_found_out() {
    assert!(cannot(Lie::OtherLog).1, "it is thrown out");
}

#[test]
fn an_archive_that_claims_what_nobody_wrote_is_not_asked_for_ever() {
    cannot(Lie::Boast);
}

#[test]
fn an_archive_that_cuts_the_tail_only_delays_it() {
    let (mut network, room, _, all) = joined_through(Lie::CutTail);
    assert_only_beginnings(&mut network, room, &all);
    assert_eq!(network.texts(2, room).len(), 40 - 2 * 3, "what it shows is read");
    gets_everything_once_an_honest_member_is_there(&mut network, room, &all);
}

#[test]
fn an_archive_with_two_histories_cannot_keep_apart_members_who_meet() {
    // One member sees all, the other one of long ago.
    let (mut network, room, liar, all) = joined_through(Lie::CutTail);
    network.start(1);
    network.cut(&[1], &[2]);
    liar.borrow_mut().lie = Lie::Boast;
    network.meet(1, LIAR, true);
    network.run_for(120_000);
    network.send(1, room, "what was said last?");
    network.heal();
    let both: Vec<String> = all.into_iter().chain(["what was said last?".to_owned()]).collect();
    assert!(network.run_until(|network| (1..3).all(|host| network.texts(host, room) == both)));
}

/// Keeps every room, and counts what it was brought to let people in with.
#[derive(Debug, Default)]
struct Counter(Rc<RefCell<usize>>);

impl Stranger for Counter {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        Some(match request {
            Request::PushWraps(push) => {
                *self.0.borrow_mut() += push.wraps.len();
                Answer::Done
            }
            Request::Room { ask: RoomRequest::Heights { .. }, .. } => Answer::Heights(Vec::new()),
            Request::Room { ask: RoomRequest::Push { entries }, .. } => {
                let last = entries.last()?;
                Answer::Pushed(vec![(last.log_key(), Height::after(last))])
            }
            Request::Room { ask: RoomRequest::Epochs { .. }, .. } => {
                Answer::Epochs { entries: Vec::new(), tips: Vec::new() }
            }
            Request::Room { .. } => Answer::Done,
            _ => Answer::Refused(Refusal::Malformed),
        })
    }
}

#[test]
fn only_an_archive_that_its_person_uses_is_brought_keys_for_newcomers() {
    const OTHER: DeviceId = DeviceId::from_bytes([0xBB; 32]);
    let mut network = Network::new(1, 60, Faults::NONE);
    let (room, _) = network.create(0, "kitchen");
    let (first, second) = (Counter::default(), Counter::default());
    let brought = || (*first.0.borrow(), *second.0.borrow());
    network.add_stranger(LIAR, Box::new(Counter(Rc::clone(&first.0))));
    network.add_stranger(OTHER, Box::new(Counter(Rc::clone(&second.0))));
    let uses = |network: &mut Network, uses| {
        network.call(0, Command::UseArchive { archive: OTHER, uses }).unwrap();
        network.run_for(60_000);
    };
    let new_code = |network: &mut Network| {
        network.call(0, Command::MakeCode { room, lifetime: None, uses: None, members_only: false }).unwrap();
        network.run_for(60_000);
    };
    // The first one is used by itself; of the next one the person is told.
    network.meet(0, LIAR, true);
    assert!(network.run_until(|_| brought().0 > 0));
    network.meet(0, OTHER, true);
    new_code(&mut network);
    assert_eq!(brought().1, 0, "a machine that calls itself an archive");
    let hints = |network: &mut Network| match network.call(0, Command::Connection) {
        Ok(parlor_node::Reply::Connection(connection)) => connection.hints,
        other => panic!("{other:?}"),
    };
    assert!(hints(&mut network).iter().any(|hint| hint.contains(&OTHER.short())), "{:?}", hints(&mut network));
    uses(&mut network, true);
    assert!(brought().1 > 0 && hints(&mut network).is_empty());
    // That stays so, until the person says otherwise.
    network.stop(0);
    network.start(0);
    network.meet(0, OTHER, true);
    network.run_for(10_000);
    let before = brought();
    new_code(&mut network);
    assert!(brought().1 > before.1 && hints(&mut network).is_empty());
    // Nobody is given keys for a code that works only while a member is there.
    let before = brought();
    network.call(0, Command::MakeCode { room, lifetime: None, uses: None, members_only: true }).unwrap();
    network.run_for(60_000);
    assert_eq!(brought(), before);
    uses(&mut network, false);
    new_code(&mut network);
    assert_eq!(brought().1, before.1);
    // Whoever uses none goes on so, however often one comes.
    network.call(0, Command::UseArchive { archive: LIAR, uses: false }).unwrap();
    let before = brought();
    for _ in 0..2 {
        network.meet(0, LIAR, true);
        network.meet(0, OTHER, true);
        new_code(&mut network);
    }
    assert_eq!(brought(), before);
}

/// Keeps every room, and has something else in one log.
#[derive(Debug)]
struct Picky {
    not: DeviceId,
    held: Rc<RefCell<BTreeMap<LogKey, Height>>>,
    refused: Rc<RefCell<usize>>,
}

impl Stranger for Picky {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        Some(match request {
            Request::Room { ask: RoomRequest::Heights { .. }, .. } => {
                Answer::Heights(self.held.borrow().iter().map(|(log, height)| (*log, *height)).collect())
            }
            Request::Room { ask: RoomRequest::Push { entries }, .. } => {
                let last = entries.last()?;
                if last.header().author == self.not {
                    *self.refused.borrow_mut() += 1;
                    return Some(Answer::Refused(Refusal::DoesNotFit));
                }
                self.held.borrow_mut().insert(last.log_key(), Height::after(last));
                Answer::Pushed(vec![(last.log_key(), Height::after(last))])
            }
            Request::Room { ask: RoomRequest::Epochs { .. }, .. } => {
                Answer::Epochs { entries: Vec::new(), tips: Vec::new() }
            }
            Request::Room { .. } | Request::PushWraps(_) => Answer::Done,
            _ => Answer::Refused(Refusal::Malformed),
        })
    }
}

#[test]
fn a_log_that_an_archive_never_takes_holds_up_no_other_and_is_not_offered_again_and_again() {
    let mut network = Network::new(2, 61, Faults::NONE);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    assert!(network.run_until(|network| network.member_count(0, room) == 2));
    network.say(0, room, "from anna").unwrap();
    network.say(1, room, "from ben").unwrap();
    network.run_for(5_000);
    // Anna's log stands first with everybody, because she made the room.
    let (held, refused) = (Rc::default(), Rc::default());
    let picky = Picky { not: network.hosts[0].device(), held: Rc::clone(&held), refused: Rc::clone(&refused) };
    network.add_stranger(LIAR, Box::new(picky));
    network.meet(1, LIAR, true);
    network.run_for(20 * 60_000);
    let ben = network.hosts[1].device();
    assert!(held.borrow().keys().any(|log| log.author == ben), "the other log is there");
    assert!(*refused.borrow() < 100, "offered {} times in twenty minutes", refused.borrow());
}

#[test]
fn a_message_of_the_future_does_not_show_that_an_archive_shows_a_room_as_it_is() {
    const START: u64 = 1_800_000_000_000;
    let mut network = Network::new(3, 62, Faults::NONE);
    network.cut(&[2], &[0, 1]);
    let (room, code) = network.create(0, "kitchen");
    network.join(1, &code).unwrap();
    for number in 0..10 {
        network.say(number % 2, room, &number.to_string()).unwrap();
        network.run_for(500);
    }
    let mut forger = Forger::new(&mut network, room, &code);
    let liar = Liar::new(&mut network, room, &code, Lie::CutTail);
    network.stop(0);
    network.stop(1);
    network.add_stranger(LIAR, Box::new(Shared(liar)));
    network.meet(2, LIAR, true);
    network.run_for(1_000);
    network.join(2, &code).unwrap();
    network.run_for(10_000);
    let is_open = |network: &mut Network| network.summary(2, room).unwrap().unconfirmed;
    assert!(is_open(&mut network), "only an archive let it in");
    let (topic, from, comes_in) = (forger.secrets.topic(), forger.id(), forger.comes_in(1));
    let future = forger.text_at(1, Height::after(&comes_in), "dated to last", START + 3_600_000);
    let now = forger.text_at(1, Height::after(&future), "by the clock", START + network.clock());
    for entry in [&comes_in, &future] {
        network.whisper(2, from, topic, wire(entry));
        network.run_for(1_000);
    }
    assert_eq!(network.texts(2, room).last().unwrap(), "dated to last");
    assert!(is_open(&mut network), "written whenever, with a date of its writer's choice");
    network.whisper(2, from, topic, wire(&now));
    network.run_for(1_000);
    assert!(!is_open(&mut network));
}
