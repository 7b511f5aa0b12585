//! `cargo xtask test`: what the program is made of, form, lints, docs, all tests. The same in CI and at home.

use crate::{
    deny, install,
    process::{self, cargo_path, command},
    web,
};
use std::env;

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

pub(crate) fn run() -> anyhow::Result<()> {
    deny::check()?;
    install::all();
    page()?;
    run_all(&[
        (&["fmt", "--all", "--check"], &[]),
        (&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
        (&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
        // The tests start the programs themselves.
        (&["build", "--workspace", "--all-targets"], &[]),
        (&["test", "--workspace"], &[]),
    ])
}
