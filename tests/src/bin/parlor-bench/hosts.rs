//! Two hosts of one network that know nothing of each other: mDNS only.

use parlor_tests::{
    lan::Lan,
    process::{Background, run},
};
use std::time::{Duration, Instant};

use crate::{
    sample::{median, show_micros},
    table::Outcome,
};

const TARGET: Duration = Duration::from_secs(2);
const WHO: [(u8, &str); 2] = [(0, "anna"), (1, "ben")];
/// How long a host that was there first waits for the other.
const LATER: Duration = Duration::from_secs(5);

/// Two node processes on two hosts from their start until both are connected.
pub fn cold_start(quick: bool) -> anyhow::Result<Outcome> {
    let lan = match Lan::of(2) {
        Ok(lan) => lan,
        Err(reason) => {
            return Ok(Outcome { target: "<= 2 s", ..Outcome::skipped(format!("no network namespaces: {reason}")) });
        }
    };
    let (mut together, mut later) = (Vec::new(), Vec::new());
    for _ in 0..if quick { 1 } else { 7 } {
        together.push(connect(&lan, Duration::ZERO)?);
        later.push(connect(&lan, LATER)?);
    }
    let (count, time) = (together.len(), median(together));
    Ok(Outcome {
        figure: show_micros(time),
        target: "<= 2 s",
        met: Some(time <= TARGET.as_secs_f64() * 1e6),
        notes: vec![format!(
            "two network namespaces and a bridge, new profiles each time, started together; the second started {} s \
             after the first: {} from its start; median of {count}",
            LATER.as_secs(),
            show_micros(median(later))
        )],
        ..Outcome::default()
    })
}

/// From the start of the second until both say that they are connected, in microseconds.
fn connect(lan: &Lan, apart: Duration) -> anyhow::Result<f64> {
    // New profiles: remembered addresses would be tried at once.
    let dir = tempfile::tempdir()?;
    for (host, who) in WHO {
        run(lan.on(host, "parlor", dir.path()).args(["--profile", who, "init", "--name", who]))?;
    }
    let start =
        |(host, who)| Background::start(lan.on(host, "parlor", dir.path()).args(["--profile", who, "run", "--json"]));
    let first = start(WHO[0])?;
    std::thread::sleep(apart);
    let begin = Instant::now();
    let second = start(WHO[1])?;
    let connected = r#""peers":[{"#;
    let end = first.wait_for(connected)?.0.max(second.wait_for(connected)?.0);
    Ok((end - begin).as_secs_f64() * 1e6)
}
