//! The `cargo xtask` commands: `demo`, `test`, `bench`.

#![forbid(unsafe_code)]

mod demo;
mod install;
mod process;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

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
    /// Takes the pictures of the documentation anew, from the real app.
    Pictures,
    /// Measures, in a release build, and prints one table.
    Bench {
        /// Only these rows; all when absent.
        rows: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().action {
        Do::Demo { no_app } => demo::run(no_app),
        Do::Test => test::run(),
        Do::Pictures => test::pictures(),
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

fn bench(rows: &[String]) -> anyhow::Result<()> {
    // Some rows measure the programs as processes of their own.
    process::cargo(&["build", "--release", "--quiet", "--package", "parlor-node", "--package", "parlor-archive"])?;
    let mut args = vec!["run", "--release", "--quiet", "--package", "parlor-tests", "--bin", "parlor-bench", "--"];
    args.extend(rows.iter().map(String::as_str));
    process::cargo(&args)
}
