//! Many people with accounts, in a process of their own at the lowest priority: their machines are others in
//! life, and shall not take the processor from those who are measured.

use anyhow::Context as _;
use futures::future::try_join_all;
use parlor_protocol::account::Proven;
use parlor_tests::process::Background;
use std::{
    env,
    io::BufRead as _,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    compare::runtime,
    part::tell,
    person::{Begun, Person},
};

/// What the crowd says of each account that was made, and when all were.
const MADE: &str = "made";
const ALL_MADE: &str = "made all";

/// What all of them do at once, when told to.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Begin to sign in.
    Begin,
    /// Stretch the password, which takes long on purpose.
    Stretch,
    /// Finish signing in.
    Finish,
    /// Sign out again.
    LogOut,
}

impl Step {
    const ALL: [Self; 4] = [Self::Begin, Self::Stretch, Self::Finish, Self::LogOut];

    fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Stretch => "stretch",
            Self::Finish => "finish",
            Self::LogOut => "log-out",
        }
    }
}

/// The crowd, as the measuring process has it.
pub struct Crowd(Background);

impl Crowd {
    /// Starts so many people, who make their accounts.
    pub async fn start(people: u64, archive: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(env::current_exe()?).args(["--part", "crowd", &people.to_string(), archive]);
        let started = tokio::task::spawn_blocking(move || {
            let crowd = Background::start(&mut command)?;
            // Two hundred people make their accounts, one after the other.
            while crowd.wait_for(MADE)?.1 != ALL_MADE {}
            anyhow::Ok(Self(crowd))
        });
        started.await?
    }

    /// Lets all of them do a step at once; gives how long that took.
    pub async fn does(mut self, step: Step) -> anyhow::Result<(Self, Duration)> {
        let done = tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            self.0.tell(step.name())?;
            self.0.wait_for(step.name())?;
            anyhow::Ok((self, start.elapsed()))
        });
        done.await?
    }
}

/// A person in the middle of signing in.
enum At {
    Out(Box<Person>),
    Begun(Box<Person>, Box<Begun>),
    Proven(Box<Person>, Box<Proven>),
    In(Box<Person>),
}

impl At {
    async fn does(self, step: Step) -> anyhow::Result<Self> {
        Ok(match (step, self) {
            (Step::Begin, Self::Out(mut person)) => {
                let begun = person.begin().await?;
                Self::Begun(person, Box::new(begun))
            }
            (Step::Stretch, Self::Begun(person, begun)) => Self::Proven(person, Box::new(begun.stretch().await?)),
            (Step::Finish, Self::Proven(mut person, proven)) => {
                person.finish(*proven).await?;
                Self::In(person)
            }
            (Step::LogOut, Self::In(mut person)) => {
                person.log_out().await?;
                Self::Out(person)
            }
            (step, _) => anyhow::bail!("nobody can {step:?} now"),
        })
    }
}

/// The crowd itself, in its own process: does what it reads, until there is nothing more to read.
pub fn part(people: u64, archive: &str) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let mut all = Vec::new();
    for seed in 0..people {
        let person = runtime.block_on(async {
            let mut person = Person::new(seed, archive).await?;
            person.register().await?;
            anyhow::Ok(person)
        })?;
        all.push(At::Out(Box::new(person)));
        tell(MADE, seed as f64);
    }
    println!("{ALL_MADE}");
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let step = Step::ALL.into_iter().find(|step| step.name() == line).context("no such step")?;
        all = runtime.block_on(async {
            let tasks = all.into_iter().map(|at| tokio::spawn(at.does(step)));
            try_join_all(tasks).await?.into_iter().collect::<anyhow::Result<Vec<_>>>()
        })?;
        println!("{}", step.name());
    }
    Ok(())
}
