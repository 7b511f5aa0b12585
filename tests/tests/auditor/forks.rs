//! Members whose logs fork in such a way that no place has two good signatures.

use parlor_node::net::Verdict;
use parlor_protocol::{
    DeviceId, EpochId,
    entry::{Entry, Header, Kind},
    keys::DeviceKey,
    log::{ForkProof, Height},
    wire::{Answer, Refusal, Request, RoomRequest},
};
use parlor_tests::sim::{Network, Stranger};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use crate::members::{Forger, as_run, run, stage, talk_goes_on, verdicts, wire};

/// The signatures of some entries do not fit.
fn sparse(mut entries: Vec<Entry>, good: impl Fn(usize) -> bool) -> Vec<Entry> {
    for (n, entry) in entries.iter_mut().enumerate().filter(|(n, _)| !good(*n)) {
        let mut bytes = entry.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *entry = Entry::decode(bytes).unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    entries
}

/// Two branches that are accepted in runs of two, and for the first of the other one three.
fn branches(forger: &mut Forger, at: Height) -> [(Vec<Entry>, Vec<Vec<Entry>>); 2] {
    let names = |name: &str, many: usize| (0..many).map(|n| format!("{name} {n}")).collect::<Vec<_>>();
    let mut say = |name, many| {
        let names = names(name, many);
        run(forger, at, &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let one = sparse(say("to anna", 40), |n| n % 2 == 1);
    let other = sparse(say("to ben", 41), |n| n % 2 == 0 && n > 0);
    let in_runs = |branch: Vec<Entry>, first: usize| {
        let runs = [branch[..first].to_vec()].into_iter().chain(branch[first..].chunks(2).map(<[_]>::to_vec)).collect();
        (branch, runs)
    };
    [in_runs(one, 2), in_runs(other, 3)]
}

fn knows(network: &Network, host: usize) -> bool {
    network.problems(host).iter().any(|what| what.contains("two different"))
}

thread_local! {
    static PAGES: Cell<u64> = const { Cell::new(0) };
}

/// Counts the pages that are asked for.
fn count_pages(request: &Request) -> u64 {
    if matches!(request, Request::Room { ask: RoomRequest::Page { .. }, .. }) {
        PAGES.set(PAGES.get() + 1);
    }
    0
}

#[test]
fn a_fork_whose_good_signatures_never_stand_at_one_place_is_found_by_everybody_and_fetched_once() {
    let (mut network, room, code, mut forger) = stage(90);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let comes_in = forger.comes_in(1);
    let branches = branches(&mut forger, Height::after(&comes_in));
    let [(one, _), (other, _)] = &branches;
    let at_one_place = one
        .iter()
        .zip(other)
        .filter(|(a, b)| ForkProof::new(std::slice::from_ref(*a), std::slice::from_ref(*b)).is_ok());
    assert_eq!(at_one_place.count(), 0, "no place proves it by itself");
    network.cut(&[0], &[1, 2, 3]);
    for (host, (_, runs)) in branches.iter().enumerate() {
        network.whisper(host, from, topic, wire(&comes_in));
        for run in runs {
            assert_eq!(verdicts(&network.whisper(host, from, topic, as_run(run))), [Verdict::Accept]);
            network.run_for(10);
        }
    }
    assert_eq!((network.texts(0, room).len(), network.texts(1, room).len()), (40, 41));
    network.heal();
    // One comparison, not the next regular one.
    network.run_for(5_000);
    assert!(knows(&network, 0) && knows(&network, 1), "{:?} {:?}", network.problems(0), network.problems(1));
    assert!(network.banned.is_empty(), "nobody is taken for a liar: {:?}", network.banned);
    // A newcomer hears of it.
    network.join(3, &code).unwrap();
    assert!(network.run_until(|network| knows(network, 3) && knows(network, 2)));
    network.run_for(120_000);
    // Nothing of it is fetched any more, also after a restart, and neither branch goes on.
    network.stop(0);
    network.start(0);
    network.run_for(120_000);
    network.holds_up = count_pages;
    PAGES.set(0);
    let ends = [one, other].map(|branch| Height::after(branch.last().unwrap()));
    for (host, at) in [(0, ends[0]), (1, ends[1]), (2, ends[0]), (2, ends[1])] {
        let more = forger.text(1, at, "and more");
        network.whisper(host, from, topic, wire(&more));
    }
    network.run_for(20 * 60_000);
    assert_eq!(PAGES.get(), 0, "pages that are fetched for nothing");
    for host in 0..4 {
        assert!(!network.texts(host, room).contains(&"and more".to_owned()));
    }
    talk_goes_on(&mut network, room, "who was that?");
}

#[test]
fn a_run_of_another_branch_proves_the_fork_by_itself() {
    let (mut network, room, _, mut forger) = stage(91);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let comes_in = forger.comes_in(1);
    let [(_, runs), (other, _)] = branches(&mut forger, Height::after(&comes_in));
    for host in 0..3 {
        network.whisper(host, from, topic, wire(&comes_in));
        for run in &runs {
            network.whisper(host, from, topic, as_run(run));
        }
    }
    network.run_for(1_000);
    // Who brings it answers nothing. It follows the head that another branch has there, or begins there.
    network.whisper(0, from, topic, wire(&other[40]));
    network.whisper(1, from, topic, as_run(&other[39..]));
    // One that nobody signed proves nothing.
    let unsigned = sparse(other[39..].to_vec(), |_| false);
    assert_eq!(verdicts(&network.whisper(2, from, topic, as_run(&unsigned))), [Verdict::Reject]);
    network.run_for(100);
    assert!(knows(&network, 0) && knows(&network, 1) && !knows(&network, 2));
    talk_goes_on(&mut network, room, "who was that?");
}

#[test]
fn what_follows_the_last_good_signature_of_a_run_that_is_cut_short_is_not_kept() {
    let (mut network, room, _, mut forger) = stage(92);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let comes_in = forger.comes_in(1);
    network.whisper(0, from, topic, wire(&comes_in));
    let at = Height::after(&comes_in);
    let texts = sparse(run(&mut forger, at, &["good", "never said", "nor this"]), |n| n == 0);
    let good = Height::after(&texts[0]);
    // After them comes something that cannot be taken, and only that has a good signature.
    let end = Height::after(&texts[2]);
    let header = Header { epoch: EpochId::from_bytes([9; 32]), ..forger.header(Kind::Content, 1, end) };
    let waits = Entry::sign(&forger.key, header, &[0; 64]).unwrap().into_inner();
    network.whisper(0, from, topic, as_run(&[texts, vec![waits]].concat()));
    // What was shown of it meanwhile goes with the next comparison.
    network.run_for(60_000);
    assert_eq!(network.texts(0, room), ["good"]);
    // The log goes on from there.
    let more = forger.text(1, good, "and this");
    assert_eq!(verdicts(&network.whisper(0, from, topic, wire(&more))), [Verdict::Accept]);
    assert!(network.run_until(|network| (0..3).all(|host| network.texts(host, room) == ["good", "and this"])));
    talk_goes_on(&mut network, room, "go on");
}

/// An archive that notes what it is brought.
#[derive(Debug, Default)]
struct Notes(Rc<RefCell<Vec<Vec<Entry>>>>);

impl Stranger for Notes {
    fn answer(&mut self, request: Request) -> Option<Answer> {
        if let Request::Room { ask: RoomRequest::Push { entries }, .. } = request {
            self.0.borrow_mut().push(entries);
        }
        Some(Answer::Refused(Refusal::StoreUnavailable))
    }
}

#[test]
fn archives_are_shown_both_branches() {
    let (mut network, _, _, mut forger) = stage(93);
    let (topic, from) = (forger.secrets.topic(), forger.id());
    let archive: DeviceId = DeviceKey::random(&mut ChaCha20Rng::seed_from_u64(5)).id();
    let notes = Notes::default();
    let brought = Rc::clone(&notes.0);
    network.add_stranger(archive, Box::new(notes));
    network.meet(0, archive, true);
    let comes_in = forger.comes_in(1);
    let [(one, runs), (other, _)] = branches(&mut forger, Height::after(&comes_in));
    network.whisper(0, from, topic, wire(&comes_in));
    for run in &runs {
        network.whisper(0, from, topic, as_run(run));
    }
    network.run_for(1_000);
    network.whisper(0, from, topic, as_run(&other[39..]));
    assert!(network.run_until(|network| knows(network, 0)));
    network.run_for(1_000);
    let brought = brought.borrow();
    let is_shown = |end: &Entry| brought.iter().any(|run| run.last() == Some(end));
    assert!(is_shown(&one[39]) && is_shown(&other[40]), "{brought:?}");
}
