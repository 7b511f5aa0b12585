//! Many people who sign in at the same moment, and what that does to messages which pass through the
//! archive meanwhile.

use futures::future::try_join_all;
use parlor_protocol::account::Proven;
use std::time::{Duration, Instant};

use crate::{
    compare::{Group, runtime},
    join::archive,
    parlor::apart,
    person::{Begun, Person},
    sample::{Sample, median, show_micros},
    table::Outcome,
};

/// People who sign in at once.
const PEOPLE: u64 = 200;
const TARGET: f64 = 2.0;
/// Messages in the quiet turns.
const QUIET: usize = 30;

/// Messages with their numbers, of which the next ones are sent.
struct Talk {
    group: Group,
    next: usize,
}

impl Talk {
    async fn say(&mut self, times: &mut Sample) -> anyhow::Result<()> {
        self.next += 1;
        self.group.latency(self.next..self.next + 1, times).await
    }

    /// Talks until everybody is done with a step; gives how long that took.
    async fn during<T>(
        &mut self,
        times: &mut Sample,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(T, Duration)> {
        let (start, mut work) = (Instant::now(), std::pin::pin!(work));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok((done?, start.elapsed())),
                said = self.say(times) => said?,
            }
        }
    }
}

/// Lets everybody do a step at once, each in a task of its own.
async fn all<A: Send + 'static, B: Send + 'static, F>(parts: Vec<A>, step: fn(A) -> F) -> anyhow::Result<Vec<B>>
where
    F: Future<Output = anyhow::Result<B>> + Send + 'static,
{
    let tasks = parts.into_iter().map(|part| tokio::spawn(step(part)));
    try_join_all(tasks).await?.into_iter().collect()
}

async fn begin(mut person: Person) -> anyhow::Result<(Person, Begun)> {
    let begun = person.begin().await?;
    Ok((person, begun))
}

async fn finish((mut person, proven): (Person, Proven)) -> anyhow::Result<Person> {
    person.finish(proven).await?;
    Ok(person)
}

async fn log_out(mut person: Person) -> anyhow::Result<Person> {
    person.log_out().await?;
    Ok(person)
}

/// Two members talk through an archive while so many people sign in to it. Their passwords are
/// stretched in a pause between the two steps: that is work of their machines, not of the archive.
pub fn at_once(quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let (count, rounds) = if quick { (10, 1) } else { (PEOPLE, 6) };
        let dir = tempfile::tempdir()?;
        let archive = archive(dir.path(), None).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        let mut talk = Talk { group: apart(&at).await?, next: 0 };
        let mut people = Vec::new();
        for seed in 0..count {
            let mut person = Person::new(seed, &at).await?;
            person.register().await?;
            people.push(person);
        }
        let (mut quiet, mut busy) = (Sample::new()?, Sample::new()?);
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for _ in 0..QUIET {
                talk.say(&mut quiet).await?;
            }
            let (begun, first) = talk.during(&mut busy, all(people, begin)).await?;
            let mut proven = Vec::new();
            for (person, begun) in begun {
                proven.push((person, begun.stretch().await?));
            }
            // What the pause left behind is no part of the next step.
            talk.say(&mut Sample::new()?).await?;
            let (signed_in, last) = talk.during(&mut busy, all(proven, finish)).await?;
            people = all(signed_in, log_out).await?;
            for (times, time) in took.iter_mut().zip([first, last]) {
                times.push(time.as_secs_f64() * 1e6);
            }
        }
        let sent = talk.next;
        talk.group.stop().await;
        drop(people);
        archive.shutdown().await;
        let [first, last] = took.map(median);
        let ratio = busy.p50() / quiet.p50();
        Ok(Outcome {
            figure: format!("gossip {}", busy.show()),
            compared: format!("without {}", quiet.show()),
            ratio: Some(ratio),
            target: "p50 <= 2x",
            met: Some(ratio <= TARGET),
            notes: vec![format!(
                "{count} people begin to sign in at once ({} until all have their answer) and finish at once ({}); all of \
                 their machines are in this process and share its processors; {sent} messages from one member to \
                 another whom only the archive connects; {rounds} rounds, in turns with quiet ones",
                show_micros(first),
                show_micros(last)
            )],
        })
    })
}
