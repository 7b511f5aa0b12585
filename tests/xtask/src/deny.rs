//! What the program is made of: licences, where crates come from, and how they are asked for, by the rules of
//! `deny.toml`.
//!
//! The rules are looked after here on every run, from what cargo itself says, because `cargo-deny` has to be built
//! first, and that is long. Where it is installed it runs as well, with the advisories of RustSec if their
//! database lies on this computer. What was not checked is said.

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use spdx::{Expression, ParseMode};
use std::{collections::BTreeSet, env, path::PathBuf, process::Command};

use crate::process::{self, cargo_path, command, succeeds};

/// The one place that crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The part of `deny.toml` that is looked after here.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

/// The part of what cargo says that is needed here.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    req: String,
    source: Option<String>,
}

/// Checks everything that can be checked here.
///
/// # Errors
/// Each thing that breaks a rule.
pub(crate) fn check() -> anyhow::Result<()> {
    let rules = std::fs::read_to_string(process::root().join("deny.toml")).context("no deny.toml")?;
    let problems = problems(&metadata()?, &toml::from_str(&rules)?);
    ensure!(problems.is_empty(), "what the program is made of breaks the rules of deny.toml:\n{}", problems.join("\n"));
    println!("licences, sources and versions of all crates: checked");
    if !succeeds(&cargo_path(), &["deny", "--version"]) {
        println!("advisories and yanked versions: not checked (cargo-deny is not installed: cargo install cargo-deny)");
        return Ok(());
    }
    process::cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"])?;
    if has_advisories() {
        return process::cargo(&["deny", "--offline", "check", "advisories"]);
    }
    println!("advisories and yanked versions: not checked (no database of them here: cargo deny fetch)");
    Ok(())
}

/// Whether `cargo deny fetch` has brought the database of advisories.
fn has_advisories() -> bool {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let found = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    found.is_some_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}

/// All crates of all systems, or, where those of others cannot be had, of this one.
fn metadata() -> anyhow::Result<Metadata> {
    let ask = |more: &[&str]| -> anyhow::Result<Metadata> {
        let args = [&["metadata", "--locked", "--format-version", "1"], more].concat();
        let output = command(&cargo_path(), &args).output().context("cannot run cargo")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    ask(&[]).or_else(|error| {
        let host = host()?;
        let own = ask(&["--offline", "--filter-platform", &host]).map_err(|_| error)?;
        println!("crates that only other systems need: not checked (they are not here)");
        Ok(own)
    })
}

/// The system that this computer is.
fn host() -> anyhow::Result<String> {
    let output = Command::new(env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("rustc does not say what this system is"),
    }
}

/// What breaks the rules, a line each.
fn problems(metadata: &Metadata, rules: &Rules) -> Vec<String> {
    let allowed: BTreeSet<&str> = rules.licenses.allow.iter().map(String::as_str).collect();
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let name = format!("{} {}", package.name, package.version);
        if let Some(source) = package.source.as_deref().filter(|source| *source != REGISTRY) {
            problems.push(format!("{name} comes from {source}"));
        }
        match &package.license {
            None => problems.push(format!("{name} names no licence")),
            Some(text) if !is_allowed(text, &allowed) => problems.push(format!("{name} has the licence {text}")),
            Some(_) => {}
        }
        // What others ask for is theirs; of ours no version may be any.
        let any = package.dependencies.iter().filter(|needed| needed.req == "*" && needed.source.is_some());
        if package.source.is_none() {
            problems.extend(any.map(|needed| format!("{name} asks for any version of {}", needed.name)));
        }
    }
    problems
}

/// Whether a licence expression can be met with what is allowed.
fn is_allowed(text: &str, allowed: &BTreeSet<&str>) -> bool {
    let expression = Expression::parse_mode(text, ParseMode::LAX);
    expression.is_ok_and(|expression| expression.evaluate(|needed| allowed.contains(needed.to_string().as_str())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::{Metadata, REGISTRY, Rules, is_allowed, problems};
    use std::collections::BTreeSet;

    fn rules() -> Rules {
        toml::from_str(
            "[licenses]\nallow = [\"MIT\", \"Apache-2.0 WITH LLVM-exception\"]\n[bans]\nwildcards = \"deny\"\n",
        )
        .unwrap()
    }

    #[test]
    fn what_breaks_a_rule_is_named() {
        let own = r#"{"name":"own","version":"1.0.0","license":"MIT","source":null,"dependencies":[
            {"name":"a","req":"*","source":"registry"},{"name":"beside","req":"*","source":null},{"name":"b","req":"^1","source":"registry"}]}"#;
        let other = |name: &str, license: &str, source: &str| {
            format!(
                r#"{{"name":"{name}","version":"1.0.0","license":{license},"source":"{source}","dependencies":[
                {{"name":"c","req":"*","source":"registry"}}]}}"#
            )
        };
        let packages = [
            own.to_owned(),
            other("good", r#""MIT/GPL-3.0""#, REGISTRY),
            other("bare", "null", REGISTRY),
            other("bound", r#""MIT AND GPL-3.0-only""#, REGISTRY),
            other("fork", r#""MIT""#, "git+https://example.org/fork"),
        ];
        let metadata: Metadata = serde_json::from_str(&format!(r#"{{"packages":[{}]}}"#, packages.join(","))).unwrap();
        let found = problems(&metadata, &rules());
        let expected =
            ["own 1.0.0 asks for any version of a", "bare 1.0.0 names no", "bound 1.0.0 has the", "fork 1.0.0 comes"];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn exceptions_to_licences_count() {
        let allowed: BTreeSet<&str> = ["Apache-2.0 WITH LLVM-exception"].into();
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception OR GPL-2.0-only", &allowed));
        assert!(!is_allowed("Apache-2.0", &allowed) && !is_allowed("no licence at all", &allowed));
    }
}
