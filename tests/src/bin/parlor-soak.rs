//! Lets real programs talk for a while, kills them at random, brings newcomers in, and counts at the
//! end what every one of them holds. It is what `cargo xtask soak` runs.

#![forbid(unsafe_code)]
#![allow(clippy::indexing_slicing, reason = "a program of the tests")]

use anyhow::Context as _;
use clap::Parser;
use parlor_tests::{
    mongodb::Server,
    process::{self, Background, free_port, run},
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::{
    collections::BTreeMap,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Members at the beginning.
const MEMBERS: usize = 4;
/// Members at most.
const MEMBERS_MAX: usize = 10;
/// Between two messages of the steady traffic.
const STEADY: Duration = Duration::from_millis(100);
/// Between two troubles.
const TROUBLE: Duration = Duration::from_secs(7);
/// Between two newcomers.
const NEWCOMER: Duration = Duration::from_secs(60);
/// Messages of a burst.
const BURST: usize = 100;

/// Lets programs talk, die and come back.
#[derive(Debug, Parser)]
struct Cli {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Repeats a run's choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match Soak::new(cli.seed).and_then(|soak| soak.run(Duration::from_secs(cli.minutes * 60))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the soak failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Soak {
    dir: TempDir,
    port: u16,
    rng: ChaCha20Rng,
    database: Option<Server>,
    archive: Option<Background>,
    members: Vec<Background>,
    code: String,
    sent: usize,
    /// Messages that were acknowledged, by their number.
    acknowledged: BTreeMap<usize, usize>,
    kills: BTreeMap<&'static str, usize>,
}

impl Soak {
    fn new(seed: u64) -> anyhow::Result<Self> {
        let database = Server::start().map_err(|reason| println!("{reason}: the embedded store is used")).ok();
        Ok(Self {
            dir: tempfile::tempdir()?,
            port: free_port()?,
            rng: ChaCha20Rng::seed_from_u64(seed),
            database,
            archive: None,
            members: Vec::new(),
            code: String::new(),
            sent: 0,
            acknowledged: BTreeMap::new(),
            kills: BTreeMap::new(),
        })
    }

    fn random(&mut self, below: usize) -> usize {
        usize::try_from(self.rng.next_u32()).unwrap_or(0) % below.max(1)
    }

    fn parlor(&self, member: usize) -> anyhow::Result<std::process::Command> {
        let name = format!("member{member}");
        process::parlor(self.dir.path(), &name, Some(&format!("127.0.0.1:{}", self.port)))
    }

    fn start_archive(&mut self) -> anyhow::Result<()> {
        let mut command = process::archive(&self.dir.path().join("archive"), self.port)?;
        command.env_remove("RUST_LOG");
        if let Some(database) = &self.database {
            command.env("PARLOR_MONGODB", database.uri("parlor_soak"));
        }
        let archive = Background::start(&mut command)?;
        archive.wait_for("is running")?;
        self.archive = Some(archive);
        Ok(())
    }

    fn start_member(&self, member: usize) -> anyhow::Result<Background> {
        Background::start(self.parlor(member)?.args(["run", "--json"]))
    }

    fn add_member(&mut self) -> anyhow::Result<()> {
        let member = self.members.len();
        run(self.parlor(member)?.args(["init", "--name", &format!("Member {member}")]))?;
        if member == 0 {
            run(self.parlor(0)?.args(["create", "kitchen"]))?;
            self.code = run(self.parlor(0)?.args(["code", "kitchen"]))?.trim().to_owned();
        } else {
            run(self.parlor(member)?.args(["join", &self.code]))?;
        }
        self.members.push(self.start_member(member)?);
        Ok(())
    }

    fn say(&mut self, count: usize) {
        let from = self.random(self.members.len());
        for _ in 0..count {
            let line = format!(r#"{{"id":"m{0}","cmd":"send","room":"kitchen","text":"number {0}."}}"#, self.sent);
            // It may have been killed this moment; what is not acknowledged does not count.
            let _ = self.members[from].tell(&line);
            self.sent += 1;
        }
    }

    fn listen(&mut self) {
        for (member, process) in self.members.iter().enumerate() {
            for line in process.lines() {
                let number = line.strip_prefix(r#"{"id":"m"#).and_then(|rest| rest.split_once('"'));
                if let Some((number, rest)) = number
                    && rest.starts_with(r#","ok""#)
                    && let Ok(number) = number.parse()
                {
                    self.acknowledged.insert(number, member);
                }
            }
        }
    }

    fn trouble(&mut self) -> anyhow::Result<()> {
        let what = match self.random(5) {
            0 | 1 => {
                let member = self.random(self.members.len());
                self.listen();
                self.members[member].kill()?;
                self.listen();
                self.members[member] = self.start_member(member)?;
                "member killed"
            }
            2 => {
                let member = self.random(self.members.len());
                self.members[member].stop()?;
                self.listen();
                self.members[member] = self.start_member(member)?;
                "member restarted"
            }
            3 => {
                self.archive.as_mut().context("no archive")?.kill()?;
                self.start_archive()?;
                "archive killed"
            }
            _ => match &mut self.database {
                Some(database) => {
                    database.kill()?;
                    database.restart()?;
                    "database killed"
                }
                None => "nothing",
            },
        };
        *self.kills.entry(what).or_default() += 1;
        Ok(())
    }

    fn state(&self) -> anyhow::Result<[(String, f64, usize); 2]> {
        let archive = self.archive.as_ref().context("no archive")?;
        let member = self.members.first().context("no member")?;
        Ok([
            ("archive".to_owned(), archive.resident_mb()?, archive.open_files()?),
            ("member 0".to_owned(), member.resident_mb()?, member.open_files()?),
        ])
    }

    fn run(mut self, time: Duration) -> anyhow::Result<bool> {
        self.start_archive()?;
        for _ in 0..MEMBERS {
            self.add_member()?;
        }
        let start = Instant::now();
        let (mut trouble, mut newcomer, mut burst) = (start + TROUBLE, start + NEWCOMER, start + TROUBLE / 2);
        thread::sleep(Duration::from_secs(5));
        let before = self.state()?;
        while start.elapsed() < time {
            self.say(1);
            self.listen();
            let now = Instant::now();
            if now >= trouble {
                self.trouble()?;
                trouble = Instant::now() + TROUBLE;
            }
            if now >= burst {
                self.say(BURST);
                burst = now + 3 * TROUBLE;
            }
            if now >= newcomer && self.members.len() < MEMBERS_MAX {
                self.add_member()?;
                newcomer = Instant::now() + NEWCOMER;
            }
            thread::sleep(STEADY);
        }
        thread::sleep(Duration::from_secs(20));
        self.listen();
        let after = self.state()?;
        self.report(start.elapsed(), &before, &after)
    }

    /// Every member, and a newcomer with nobody but the archive, must hold each acknowledged message
    /// once.
    fn report(
        mut self,
        time: Duration,
        before: &[(String, f64, usize)],
        after: &[(String, f64, usize)],
    ) -> anyhow::Result<bool> {
        let members = self.members.len();
        for mut member in std::mem::take(&mut self.members) {
            member.stop()?;
        }
        run(self.parlor(members)?.args(["init", "--name", "Late"]))?;
        run(self.parlor(members)?.args(["--wait", "120", "join", &self.code]))?;
        let (mut lost, mut doubled, mut held) = (0, 0, Vec::new());
        for member in 0..=members {
            let history = run(self.parlor(member)?.args(["--wait", "60", "history", "kitchen"]))?;
            let mut found: BTreeMap<usize, usize> = BTreeMap::new();
            for line in history.lines() {
                let number = line.split_once("number ").and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
                *found.entry(number.unwrap_or(usize::MAX)).or_default() += usize::from(number.is_some());
            }
            lost += self.acknowledged.keys().filter(|number| !found.contains_key(number)).count();
            doubled += found.values().filter(|count| **count > 1).count();
            held.push(found.values().sum::<usize>());
        }
        println!("\nAfter {} s with {members} members and a late one:", time.as_secs());
        println!("| what | count |\n|---|---|");
        println!("| sent | {} |", self.sent);
        println!("| acknowledged | {} |", self.acknowledged.len());
        println!("| held by each of the {} | {} to {} |", held.len(), least(&held), most(&held));
        println!("| of these read from the archive alone, by the late one | {} |", held.last().unwrap_or(&0));
        println!("| lost | {lost} |");
        println!("| twice | {doubled} |");
        for (what, count) in &self.kills {
            println!("| {what} | {count} |");
        }
        for ((what, mb, files), (_, mb_after, files_after)) in before.iter().zip(after) {
            println!("| {what}: memory at start, at end | {mb:.0} MB, {mb_after:.0} MB |");
            println!("| {what}: open files at start, at end | {files}, {files_after} |");
        }
        Ok(lost == 0 && doubled == 0)
    }
}

fn least(counts: &[usize]) -> usize {
    counts.iter().copied().min().unwrap_or(0)
}

fn most(counts: &[usize]) -> usize {
    counts.iter().copied().max().unwrap_or(0)
}
