//! The `cargo xtask` commands: `demo`, `test`, `web`, `bench` and others.

#![forbid(unsafe_code)]

mod deny;
mod install;
mod process;
mod test;
mod web;

use clap::{Parser, Subcommand};
use std::{env, process::ExitCode};

/// Work on Parlor itself.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    action: Do,
}

#[derive(Debug, Subcommand)]
enum Do {
    /// Shows the main job on real programs; with a display it opens the app.
    Demo {
        /// Does not open the app even with a display.
        #[arg(long)]
        no_app: bool,
    },
    /// Installs what the tests need, then checks form, lints, docs and runs all tests.
    Test,
    /// Builds the app as a web page, into `target/web`.
    Web {
        /// Quicker to build, larger and slower to run.
        #[arg(long)]
        quick: bool,
        /// Then builds `parlor-archive` for release, with the page in it.
        #[arg(long)]
        archive: bool,
    },
    /// Takes the pictures of the documentation anew, from the real app.
    Pictures,
    /// Lets programs talk, die and come back for a while, and counts what was lost.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// Repeats a run's choices.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measures, in a release build, and prints one table.
    Bench {
        /// Only these rows; all when absent.
        rows: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().action {
        Do::Demo { no_app } => demo(no_app),
        Do::Test => test::run(),
        Do::Web { quick, archive } => web::build(quick).and_then(|()| if archive { web::archive() } else { Ok(()) }),
        Do::Pictures => test::pictures(),
        Do::Soak { minutes, seed } => soak(minutes, seed),
        Do::Bench { rows } => bench(&rows),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether a window could be shown.
fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || env::var_os("DISPLAY").is_some_and(|name| !name.is_empty())
        || env::var_os("WAYLAND_DISPLAY").is_some_and(|name| !name.is_empty())
}

fn demo(no_app: bool) -> anyhow::Result<()> {
    let opens_app = has_display() && !no_app;
    println!("Building (the first time this takes some minutes) ...");
    let mut build = vec!["build", "--package", "parlor-node", "--package", "parlor-archive"];
    if opens_app {
        build.extend(["--package", "parlor-gui"]);
    }
    process::cargo(&build)?;
    let dir = process::target().join("demo");
    let dir = dir.to_string_lossy();
    let mut run = vec!["run", "--quiet", "--package", "parlor-tests", "--bin", "parlor-demo", "--", &dir];
    run.extend(opens_app.then_some("--app"));
    process::cargo(&run)
}

fn soak(minutes: u64, seed: u64) -> anyhow::Result<()> {
    test::with_tools(&[
        (&["build", "--release", "--package", "parlor-node", "--package", "parlor-archive"], &[]),
        (
            &[
                "run",
                "--release",
                "--quiet",
                "--package",
                "parlor-tests",
                "--bin",
                "parlor-soak",
                "--",
                "--minutes",
                &minutes.to_string(),
                "--seed",
                &seed.to_string(),
            ],
            &[],
        ),
    ])
}

fn bench(rows: &[String]) -> anyhow::Result<()> {
    // Some rows measure the programs as processes of their own.
    process::cargo(&["build", "--release", "--quiet", "--package", "parlor-node", "--package", "parlor-archive"])?;
    let mut args = vec!["run", "--release", "--quiet", "--package", "parlor-tests", "--bin", "parlor-bench", "--"];
    args.extend(rows.iter().map(String::as_str));
    process::cargo(&args)
}
