//! Codes for new devices, where others guess at them or where many people link at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, CommandError, DeviceCommand, Reply};
use parlor_protocol::{
    DeviceId, LinkCode, Locator, Name,
    keys::{DeviceKey, Secret},
    link::{Linking, StretchedLink},
    wire::{Answer, Refusal, Request},
};
use parlor_tests::sim::{Faults, Network, Stranger};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::net::Ipv4Addr;

fn key(number: u32) -> DeviceId {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    DeviceKey::from_seed(&Secret::from_bytes(seed)).id()
}

/// Somebody who knows the locator, from a new device that asked, and not the code.
struct Guesser {
    rng: ChaCha20Rng,
    right: StretchedLink,
    wrong: StretchedLink,
}

impl Guesser {
    fn of(code: &LinkCode, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let wrong = LinkCode::random(&mut rng).stretch().unwrap();
        Self { rng, right: code.stretch().unwrap(), wrong }
    }

    fn guess(&mut self, network: &mut Network, from: DeviceId) -> Option<Answer> {
        let old = network.hosts[0].device();
        let (_, message) = Linking::start(&self.wrong, from, old, &mut self.rng).unwrap();
        network.ask_as(from, 0, &Request::Link { locator: self.right.locator(), message })
    }
}

fn told_of_guesses(network: &Network, host: usize) -> usize {
    network.problems(host).iter().filter(|problem| problem.contains("guesses")).count()
}

#[test]
fn guesses_get_nowhere_are_told_and_end_no_offer() {
    let mut network = Network::new(3, 704, Faults::NONE);
    let code = network.offer(0);
    let mut guesser = Guesser::of(&code, 2);
    let (mut no, mut busy) = (0, 0);
    for number in 0..60 {
        // A new key each time, and each at an address of its own.
        let from = key(number);
        let ip = Ipv4Addr::from_bits(0x0a01_0000 + number);
        network.meet_at(0, from, false, ip.into());
        network.run_for(10);
        for _ in 0..8 {
            match guesser.guess(&mut network, from) {
                Some(Answer::Link(None)) => no += 1,
                Some(Answer::Refused(Refusal::Busy { .. })) => busy += 1,
                other => panic!("a guess gets nothing, not {other:?}"),
            }
        }
    }
    assert!(no >= 100, "{no} guesses");
    assert!(busy >= 60 * 8 - (100 + 50), "all strangers together are held back: {busy}");
    assert_eq!(told_of_guesses(&network, 0), 1);
    assert!(matches!(network.link_by(2, &code), Ok(Reply::Linked { .. })));
}

#[test]
fn one_key_cannot_end_an_offer() {
    for knows_locator in [false, true] {
        let mut network = Network::new(2, 80, Faults::NONE);
        let code = network.offer(0);
        let mut guesser = Guesser::of(&code, 3);
        let one = key(0);
        network.meet(0, one, false);
        network.run_for(100);
        let start = network.clock();
        let mut answered = 0;
        while network.clock() - start < 9 * 60_000 {
            let answer = match knows_locator {
                true => guesser.guess(&mut network, one),
                false => network.ask_as(one, 0, &Request::Link { locator: Locator([9; 16]), message: vec![0; 64] }),
            };
            match answer {
                Some(Answer::Link(None)) => answered += 1,
                _ => network.run_for(250),
            }
        }
        assert!((500..600).contains(&answered), "about one in a second: {answered}");
        // A wrong locator is no guess at this code.
        assert_eq!(told_of_guesses(&network, 0), usize::from(knows_locator));
        let result = network.link_by(1, &code);
        assert!(matches!(result, Ok(Reply::Linked { .. })), "{result:?}");
    }
}

/// A school: so many people link a new device at the same moment; all codes are right, nobody guesses.
#[test]
fn honest_links_do_not_end_each_other() {
    const OLD: usize = 103;
    // The hosts 0..OLD are people with an offer each; the others are their new devices.
    let mut network = Network::new(2 * OLD, 81, Faults::NONE);
    let codes: Vec<_> = (0..OLD).map(|host| network.offer(host)).collect();
    network.run_for(2_000);
    let label = Name::new("laptop").unwrap();
    let link = |code: &LinkCode| DeviceCommand::Link { code: code.clone(), label: label.clone() };
    let calls: Vec<_> = codes
        .iter()
        .enumerate()
        .map(|(n, code)| network.submit(OLD + n, Command::Device(Box::new(link(code)))))
        .collect();
    network.run_for(30_000);
    for (n, call) in calls.into_iter().enumerate() {
        let result = network.answer(OLD + n, call);
        assert!(matches!(result, Some(Ok(Reply::Linked { .. }))), "{n}: {result:?}");
        assert_eq!(told_of_guesses(&network, n), 0, "{n}");
    }
}

#[test]
fn a_link_that_is_held_up_by_guesses_waits_and_is_done() {
    let mut network = Network::new(2, 82, Faults::NONE);
    let code = network.offer(0);
    let mut guesser = Guesser::of(&code, 4);
    // Many keys at the very address of the new device use up what one address may ask.
    let answers = (0..10).flat_map(|number| {
        let from = key(number);
        network.meet_at(0, from, false, [10, 0, 0, 1].into());
        network.run_for(1);
        (0..5).map(|_| guesser.guess(&mut network, from)).collect::<Vec<_>>()
    });
    assert!(answers.filter(|answer| matches!(answer, Some(Answer::Refused(Refusal::Busy { .. })))).count() > 20);
    let result = network.link_by(1, &code);
    assert!(matches!(result, Ok(Reply::Linked { .. })), "{result:?}");
}

#[derive(Debug)]
struct AlwaysBusy;

impl Stranger for AlwaysBusy {
    fn answer(&mut self, _: Request) -> Option<Answer> {
        Some(Answer::Refused(Refusal::Busy { retry_ms: 0 }))
    }
}

#[test]
fn who_finds_only_busy_machines_is_told_so() {
    let mut network = Network::new(2, 83, Faults::NONE);
    network.add_stranger(key(0), Box::new(AlwaysBusy));
    network.meet(0, key(0), false);
    network.run_for(10);
    let code = LinkCode::random(&mut ChaCha20Rng::seed_from_u64(5));
    let error = network.link_by(0, &code).unwrap_err();
    assert_eq!(error, CommandError::LinkHeldUp { asked: 1, busy: 1 });
    assert!(error.to_string().contains("Try again in a minute"), "{error}");
}
