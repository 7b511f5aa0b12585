//! Signing in at a real archive over loopback: how long it takes, and whether the time of an answer
//! tells if a name is taken.

use parlor_protocol::account::{Password, UserName};
use parlor_tests::real::archive_config;
use std::time::{Duration, Instant};

use crate::{
    compare::runtime,
    join::archive,
    person::Person,
    sample::{Sample, show_micros},
    table::Outcome,
};

const TARGET: Duration = Duration::from_millis(5);
/// How far the answers to an unknown name and to a wrong password may differ, as a ratio.
const ALIKE: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// Both steps of a login, without the stretching between them.
pub fn login(quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let archive = archive(dir.path(), None).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        // One machine may begin one login a second, ten at once.
        let (people, rounds) = if quick { (2, 2) } else { (20, 8) };
        let (mut times, mut steps, mut stretching) = (Sample::new()?, [Sample::new()?, Sample::new()?], Sample::new()?);
        for seed in 0..people {
            let mut person = Person::new(seed, &at).await?;
            person.register().await?;
            for _ in 0..rounds {
                let start = Instant::now();
                let begun = person.begin().await?;
                let first = start.elapsed();
                let proven = begun.stretch().await?;
                stretching.add(start.elapsed() - first);
                let start = Instant::now();
                person.finish(proven).await?;
                let last = start.elapsed();
                person.log_out().await?;
                times.add(first + last);
                for (step, time) in steps.iter_mut().zip([first, last]) {
                    step.add(time);
                }
            }
        }
        archive.shutdown().await;
        let [first, last] = steps;
        Ok(Outcome {
            figure: times.show(),
            target: "p50 <= 5 ms",
            met: Some(times.p50() <= TARGET.as_secs_f64() * 1e6),
            notes: vec![format!(
                "{} logins of {people} people, each on a machine that was not signed in, over TCP, embedded store; first \
                 step {}, second step {}, with what it writes on the disk, until the vault is open; between them the \
                 password is stretched on purpose: {}",
                people * rounds,
                show_micros(first.p50()),
                show_micros(last.p50()),
                show_micros(stretching.p50())
            )],
            ..Outcome::default()
        })
    })
}

/// Asks with names that nobody has and with names that somebody has, in turns. Both get their answer
/// before the password counts, so the time until it comes is all that could tell them apart.
pub fn enumeration(quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let mut config = archive_config(dir.path());
        config.http = None;
        // Only for this row: who may ask as often as it likes sees small differences better.
        config.limits.rates.look_ups = parlor_protocol::rate::Rate::per_second(1_000, 10_000);
        let archive = parlor_archive::Archive::start(config).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        // A machine may try twenty names before it has to wait.
        let (strangers, tries) = if quick { (2, 4) } else { (60, 9) };
        let mut registrar = Person::new(0, &at).await?;
        registrar.register().await?;
        let (mut unknown, mut taken) = (Sample::new()?, Sample::new()?);
        let wrong = Password::new("wrong horse")?;
        for stranger in 1..=strangers {
            let names: Vec<UserName> =
                (0..tries).map(|at| UserName::new(&format!("taken{stranger}x{at}"))).collect::<Result<_, _>>()?;
            for name in &names {
                registrar.register_as(name).await?;
            }
            let mut person = Person::new(stranger, &at).await?;
            for (at, name) in names.iter().enumerate() {
                let nobody = UserName::new(&format!("nobody{stranger}x{at}"))?;
                let mut turns = [(&nobody, &mut unknown), (name, &mut taken)];
                if at % 2 == 1 {
                    turns.reverse();
                }
                for (name, times) in turns {
                    let start = Instant::now();
                    person.begin_as(name, &wrong).await?;
                    times.add(start.elapsed());
                }
            }
        }
        archive.shutdown().await;
        let ratio = unknown.p50() / taken.p50();
        Ok(Outcome {
            figure: format!("unknown name {}", unknown.show()),
            compared: format!("wrong password {}", taken.show()),
            ratio: Some(ratio),
            target: "0.9x to 1.1x",
            met: Some(ALIKE.contains(&ratio)),
            notes: vec![format!(
                "{} of each in turns, every name for the first time, one at a time over TCP, embedded store",
                strangers * tries
            )],
        })
    })
}
