//! `cargo xtask test`: what the program is made of, form, lints, docs, all tests. The same in CI and at home.

use crate::{
    deny, install,
    process::{self, cargo_path, command},
    web,
};
use std::{env, fs, path::PathBuf};

/// Arguments of cargo, and environment variables for it.
pub(crate) type Step<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

fn run_all(steps: &[Step<'_>]) -> anyhow::Result<()> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths = env::join_paths(env::split_paths(&paths).chain([install::bin()]))?;
    for (args, variables) in steps {
        process::run(command(&cargo_path(), args).env("PATH", &paths).envs(variables.iter().copied()))?;
    }
    Ok(())
}

/// Runs cargo with the tools that tests need.
pub(crate) fn with_tools(steps: &[Step<'_>]) -> anyhow::Result<()> {
    install::all();
    run_all(steps)
}

/// The window test, which keeps what it saw.
pub(crate) fn pictures() -> anyhow::Result<()> {
    install::all();
    page()?;
    run_all(&[
        (&["build", "--workspace", "--all-targets"], &[]),
        (
            &["test", "--package", "parlor-tests", "--test", "window", "--test", "pictures", "--test", "face"],
            &[("PARLOR_KEEP_PICTURES", "1")],
        ),
    ])
}

/// The app as a web page; the tests with a browser use it.
fn page() -> anyhow::Result<()> {
    match web::way() {
        Ok(_) => web::build(true),
        Err(error) if env::var_os("PARLOR_TEST_ALL").is_some() => Err(error),
        Err(error) => {
            println!("the page is not built: {error:#}");
            Ok(())
        }
    }
}

/// Where tests note that they could not run.
fn skipped() -> PathBuf {
    process::root().join(process::target()).join("skipped.txt")
}

/// Says which tests could not run: those pass, and nobody would see it.
fn tell_skipped() {
    let list = fs::read_to_string(skipped()).unwrap_or_default();
    println!("{} tests could not run here, or are not for every run:", list.lines().count());
    print!("{list}");
}

pub(crate) fn run() -> anyhow::Result<()> {
    deny::check()?;
    install::all();
    page()?;
    let skipped = skipped();
    // There is none the first time.
    let _ = fs::remove_file(&skipped);
    run_all(&[
        (&["fmt", "--all", "--check"], &[]),
        (&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
        (&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
        // The tests start the programs themselves.
        (&["build", "--workspace", "--all-targets"], &[]),
        (&["test", "--workspace"], &[("PARLOR_SKIPPED", &skipped.to_string_lossy())]),
    ])
    .inspect(|()| tell_skipped())
}
