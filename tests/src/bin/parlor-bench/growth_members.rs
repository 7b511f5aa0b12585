//! How work and memory grow with the members of a room, in the simulator: the product's own engine,
//! everybody connected with everybody, on virtual time and one core.

use parlor_node::{Command, Event, MessageBody, Reply};
use parlor_protocol::RoomId;
use parlor_tests::sim::{Faults, Network, Traffic};
use std::time::Instant;

use crate::{
    part::{self, own_resident_mb, tell},
    sample::show_micros,
    table::Outcome,
};

/// Nothing happens for so long, in virtual milliseconds.
const IDLE_MS: u64 = 60_000;
/// Messages that are sent, and how far apart.
const MESSAGES: usize = 10;
const APART_MS: u64 = 5_000;

/// Rooms of very different sizes, each in a process of its own.
pub fn members(quick: bool) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::skipped("only Linux shows the memory of a process in /proc"));
    }
    let sizes: &[usize] = if quick { &[4, 10] } else { &[10, 32, 128, 512] };
    let mut notes = Vec::new();
    for members in sizes {
        let found = part::run("members", &[&members.to_string()])?;
        let of = |name: &str| found.of(name);
        let line = format!(
            "{members} members: a message is {:.1} gossip messages and {:.0} requests of {:.0} B in all, with everybody \
             after {:.0} ms of virtual time, {} of processor time in all, {} for each member; a quiet minute is {:.1} \
             gossip messages, {:.0} requests and {} for each member; {:.2} MB for each member with its disk; joining \
             all at once took {:.1} s of virtual time until everybody knew everybody, {:.1} s of real time",
            of("published")?,
            of("requests")?,
            of("request_bytes")?,
            of("everybody_ms")?,
            show_micros(of("cpu")?),
            show_micros(of("cpu")? / *members as f64),
            of("quiet_published")?,
            of("quiet_requests")?,
            show_micros(of("quiet_cpu")?),
            of("mb")?,
            of("join_s")?,
            of("joins_real_s")?
        );
        eprintln!("    {line}");
        notes.push(line);
    }
    Ok(Outcome { figure: "see below".into(), notes, ..Outcome::default() })
}

/// What happened in a stretch of time.
struct Stretch {
    traffic: Traffic,
    real: Instant,
    clock: u64,
}

impl Stretch {
    fn begin(network: &Network) -> Self {
        Self { traffic: network.traffic, real: Instant::now(), clock: network.clock() }
    }

    /// Published, requests, bytes of requests, and processor time in microseconds, for each virtual
    /// millisecond or in all.
    fn end(&self, network: &Network) -> [f64; 4] {
        let (now, then) = (network.traffic, self.traffic);
        [
            (now.published - then.published) as f64,
            (now.requests - then.requests) as f64,
            (now.request_bytes - then.request_bytes) as f64,
            self.real.elapsed().as_secs_f64() * 1e6,
        ]
    }

    fn millis(&self, network: &Network) -> f64 {
        (network.clock() - self.clock) as f64
    }
}

/// One size, in this process.
pub fn part(members: usize) -> anyhow::Result<()> {
    let before_mb = own_resident_mb()?;
    let begin = Instant::now();
    let mut network = Network::new(members, 7, Faults::NONE);
    network.keeps_events = false;
    let (room, code) = network.create(0, "kitchen");
    // All at once: one after the other, everybody would greet everybody each time.
    let clock = network.clock();
    let mut asked: Vec<_> =
        (1..members).map(|host| (host, network.submit(host, Command::Join(code.clone())))).collect();
    let everybody_joined = |network: &mut Network| {
        asked.retain(|(host, number)| !matches!(network.answer(*host, *number), Some(Ok(Reply::Joined(_)))));
        asked.is_empty()
    };
    anyhow::ensure!(network.run_until(everybody_joined), "not everybody joined");
    let everybody_knows = |network: &mut Network| (0..members).all(|host| network.member_count(host, room) == members);
    anyhow::ensure!(network.run_until(everybody_knows), "not everybody knows everybody");
    tell("join_s", (network.clock() - clock) as f64 / 1000.0);
    tell("joins_real_s", begin.elapsed().as_secs_f64());
    // What joining left behind comes to rest.
    network.run_for(IDLE_MS);
    let quiet = Stretch::begin(&network);
    network.run_for(IDLE_MS);
    let minutes = IDLE_MS as f64 / 60_000.0 * members as f64;
    let idle = quiet.end(&network);
    let idle_ms = quiet.millis(&network);
    for (name, value) in ["quiet_published", "quiet_requests", "quiet_bytes", "quiet_cpu"].into_iter().zip(idle) {
        tell(name, value / minutes);
    }
    tell("mb", (own_resident_mb()? - before_mb) / members as f64);
    let talk = Stretch::begin(&network);
    let mut everybody_ms = 0;
    for number in 0..MESSAGES {
        everybody_ms += say(&mut network, room, number, members)?;
    }
    tell("everybody_ms", everybody_ms as f64 / MESSAGES as f64);
    let talked = talk.end(&network);
    let share = talk.millis(&network) / idle_ms;
    for ((name, all), idle) in ["published", "requests", "request_bytes", "cpu"].into_iter().zip(talked).zip(idle) {
        tell(name, (all - idle * share) / MESSAGES as f64);
    }
    Ok(())
}

/// One says something; how long until everybody was told, in virtual milliseconds.
fn say(network: &mut Network, room: RoomId, number: usize, members: usize) -> anyhow::Result<u64> {
    let text = format!("message {number}");
    let is_told = |event: &Event| match event {
        Event::MessagesAdded { messages, .. } => {
            messages.iter().any(|message| matches!(&message.body, MessageBody::Text { text: told } if *told == text))
        }
        _ => false,
    };
    let begin = network.clock();
    network.keeps_events = true;
    network.send(number % members, room, &text);
    loop {
        network.run_for(1);
        let told = network.hosts.iter().filter(|host| host.events.iter().any(is_told)).count();
        if told == members {
            break;
        }
        anyhow::ensure!(network.clock() < begin + APART_MS, "{text} reached only {told} of {members}");
    }
    let took = network.clock() - begin;
    network.keeps_events = false;
    network.hosts.iter_mut().for_each(|host| host.events.clear());
    network.run_for(APART_MS - took);
    Ok(took)
}
