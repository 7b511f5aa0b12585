//! Many people who sign in at the same moment, and what that does to messages which pass through the
//! archive meanwhile.

use std::time::Duration;

use crate::{
    compare::{Group, runtime},
    crowd::{Crowd, Step},
    join::archive,
    parlor::apart,
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

    /// Talks until the whole crowd is done with a step; gives how long that took.
    async fn during(&mut self, times: &mut Sample, crowd: Crowd, step: Step) -> anyhow::Result<(Crowd, Duration)> {
        let mut work = std::pin::pin!(crowd.does(step));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                said = self.say(times) => said?,
            }
        }
    }
}

/// Two members talk through an archive while so many people sign in to it. Their passwords are
/// stretched in a pause between the two steps: that is work of their machines, not of the archive.
pub fn at_once(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(unix) {
        return Ok(Outcome::skipped("the priority of the crowd is set with `nice`"));
    }
    runtime()?.block_on(async {
        let (count, rounds) = if quick { (10, 1) } else { (PEOPLE, 6) };
        let dir = tempfile::tempdir()?;
        let archive = archive(dir.path(), None).await?;
        let at = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        let mut talk = Talk { group: apart(&at).await?, next: 0 };
        let mut crowd = Crowd::start(count, &at).await?;
        let (mut quiet, mut busy) = (Sample::new()?, Sample::new()?);
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for _ in 0..QUIET {
                talk.say(&mut quiet).await?;
            }
            let (begun, first) = talk.during(&mut busy, crowd, Step::Begin).await?;
            let (stretched, _) = begun.does(Step::Stretch).await?;
            // What the pause left behind is no part of the next step.
            talk.say(&mut Sample::new()?).await?;
            let (signed_in, last) = talk.during(&mut busy, stretched, Step::Finish).await?;
            (crowd, _) = signed_in.does(Step::LogOut).await?;
            for (times, time) in took.iter_mut().zip([first, last]) {
                times.push(time.as_secs_f64() * 1e6);
            }
        }
        let sent = talk.next;
        talk.group.stop().await;
        drop(crowd);
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
                "{count} people begin to sign in at once ({} until all have their answer) and finish at once ({}); their \
                 machines are a process at the lowest priority, on the same processors; {sent} messages from one member to \
                 another whom only the archive connects; {rounds} rounds, in turns with quiet ones",
                show_micros(first),
                show_micros(last)
            )],
        })
    })
}
