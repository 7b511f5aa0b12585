//! `parlor-bench`: measures and prints one table. Ratios compare systems within one run, on one
//! machine, taking turns; no figure is compared with one of another day.

#![forbid(unsafe_code)]
#![expect(unreachable_pub, reason = "a program: nothing is seen from outside")]

mod app;
mod author;
mod big_room;
mod compare;
mod crowd;
mod crypto;
mod epochs;
mod growth_entries;
mod growth_members;
mod growth_nodes;
mod hosts;
mod ingest;
mod join;
mod login;
mod logins;
mod machine;
mod memory;
mod mqtt;
mod parlor;
mod part;
mod person;
mod raw;
mod restart;
mod rows;
mod sample;
mod siege;
mod table;
mod web;

use clap::Parser;
use std::process::ExitCode;

/// Measures Parlor and prints one table.
#[derive(Debug, Parser)]
#[command(name = "parlor-bench")]
struct Cli {
    /// Only these rows, or groups of rows; without any, all that take minutes and not hours.
    rows: Vec<String>,
    /// Lists the rows.
    #[arg(long)]
    list: bool,
    /// Fewer repetitions: to see that a row works, not to quote its figure.
    #[arg(long)]
    quick: bool,
    /// Carries out a part of a row; the program starts itself with it.
    #[arg(long, hide = true, value_name = "PART")]
    part: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.list {
        rows::list();
        return ExitCode::SUCCESS;
    }
    let done = match &cli.part {
        Some(part) => part::carry_out(part, &cli.rows),
        None => run(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("parlor-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let known = |name: &String| rows::ROWS.iter().any(|row| row.answers_to(name));
    if let Some(unknown) = cli.rows.iter().find(|name| !known(name)) {
        anyhow::bail!("there is no row {unknown:?}; `--list` shows them all");
    }
    if cfg!(debug_assertions) {
        eprintln!("This is not a release build: the figures mean nothing.");
    }
    let mut table = table::Table::default();
    for row in rows::ROWS.iter().filter(|row| row.is_wanted(&cli.rows)) {
        eprintln!("{} ...", row.name);
        match (row.measure)(cli.quick) {
            Ok(outcome) => table.add(row.name, outcome),
            Err(error) => table.add(row.name, table::Outcome::failed(format!("{error:#}"))),
        }
    }
    table.print();
    Ok(())
}
