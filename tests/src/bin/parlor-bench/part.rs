//! Parts of a row that need a process of their own, so that nothing else counts: this program
//! started again. A part prints its figures, one a line: a name and a number.

use anyhow::Context as _;
use parlor_tests::process;
use std::{collections::HashMap, env, process::Command};

use crate::{app, crowd, growth_members, growth_nodes};

/// What a part found, by name.
#[derive(Debug)]
pub struct Figures(HashMap<String, f64>);

impl Figures {
    /// One figure.
    pub fn of(&self, name: &str) -> anyhow::Result<f64> {
        self.0.get(name).copied().with_context(|| format!("the part did not tell {name:?}"))
    }
}

/// Runs a part in a process of its own.
pub fn run(part: &str, args: &[&str]) -> anyhow::Result<Figures> {
    let said = process::run(Command::new(env::current_exe()?).arg("--part").arg(part).args(args))?;
    let figure = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(Figures(said.lines().filter_map(figure).collect()))
}

/// Carries out a part in this process.
pub fn carry_out(part: &str, args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match (part, args.as_slice()) {
        ("app", [dir, profile, archive, quick]) => app::part(dir.as_ref(), profile, archive, *quick == "true"),
        ("crowd", [people, archive]) => crowd::part(people.parse()?, archive),
        ("members", [members]) => growth_members::part(members.parse()?),
        ("nodes", [nodes]) => growth_nodes::part(nodes.parse()?),
        ("strangers", [at, many, manner, apart]) => {
            parlor_tests::strangers::part(at, many.parse()?, manner.parse()?, *apart == "apart")
        }
        _ => anyhow::bail!("there is no part {part:?} with {} arguments", args.len()),
    }
}

/// Tells a figure.
pub fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}

/// Resident memory of this process, in MB.
pub fn own_resident_mb() -> anyhow::Result<f64> {
    process::resident_mb(std::process::id())
}

/// Processor time of this process so far, in seconds.
pub fn own_cpu_seconds() -> anyhow::Result<f64> {
    process::cpu_seconds(std::process::id())
}
