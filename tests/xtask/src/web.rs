//! `cargo xtask web`: the app as a web page, in `target/web`.
//!
//! Rust compiles for browsers with the target `wasm32-unknown-unknown`. Where `rustup` has it, that is
//! all. Where it cannot be added, Debian's packages `rustc-web`, `cargo-web` and `rust-web-src` build the
//! standard library along with the app.

use anyhow::{Context as _, bail, ensure};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{self, cargo_path, command, run};

/// The target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// The oldest compiler that builds Parlor; the same as in `Cargo.toml`.
const OLDEST: (u32, u32) = (1, 95);
/// Where Debian puts the compiler and the sources of the standard library.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";
/// What to do where neither way is there.
pub(crate) const REMEDY: &str = "to build for browsers, run `rustup target add wasm32-unknown-unknown`; where that is \
    not possible, on Debian or Ubuntu: apt-get install rustc-web cargo-web rust-web-src";

/// A way to compile for browsers.
#[derive(Debug)]
pub(crate) enum Way {
    /// The toolchain has the target.
    Target,
    /// Debian's compiler builds the standard library as well; with this linker.
    Debian(PathBuf),
}

/// Finds a way that this machine has.
///
/// # Errors
/// What is missing, and what to do.
pub(crate) fn way() -> anyhow::Result<Way> {
    if has_target() {
        return Ok(Way::Target);
    }
    ensure!(has_debian(), "{REMEDY}");
    Ok(Way::Debian(linker().with_context(
        || "no linker for wasm32: neither this Rust toolchain has rust-lld, nor is there a wasm-ld of LLVM 20 or later",
    )?))
}

fn answer(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(process::root()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn rustc() -> String {
    env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

fn has_target() -> bool {
    let dir = answer(&rustc(), &["--print", "target-libdir", "--target", TARGET]);
    dir.is_some_and(|dir| Path::new(&dir).join("self-contained").exists() || has_core(Path::new(&dir)))
}

fn has_core(dir: &Path) -> bool {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

fn has_debian() -> bool {
    let version = answer(DEBIAN_RUSTC, &["--version"]).and_then(|line| {
        let mut numbers = line.split_whitespace().nth(1)?.split('.').map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    version.is_some_and(|version| version >= OLDEST)
        && Path::new(DEBIAN_SOURCES).exists()
        && Path::new(DEBIAN_CARGO).exists()
}

/// The linker of the Rust toolchain, or of a recent LLVM.
fn linker() -> Option<PathBuf> {
    let sysroot = answer(&rustc(), &["--print", "sysroot"])?;
    let host = answer(&rustc(), &["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "))?;
    let own = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    let others = (20..30).rev().map(|version| PathBuf::from(format!("/usr/bin/wasm-ld-{version}")));
    std::iter::once(own).chain(others).find(|linker| linker.is_file())
}

/// Builds the archive for release, with the page in it.
pub(crate) fn archive() -> anyhow::Result<()> {
    let mut cargo = command(&cargo_path(), &["build", "--release", "--package", "parlor-archive"]);
    run(cargo.env("PARLOR_WEB", process::target().join("web")))
}

/// Builds the page. A quick build is large and slow, for trying things.
pub(crate) fn build(quick: bool) -> anyhow::Result<()> {
    let way = way()?;
    let profile = if quick { "web-quick" } else { "web" };
    // A folder of its own: the flags differ from those of the other builds.
    let built = process::target().join("web-build");
    let args = ["build", "--package", "parlor-gui", "--bin", "parlor-gui", "--target", TARGET, "--profile", profile];
    let mut cargo = match &way {
        Way::Target => command(&cargo_path(), &args),
        Way::Debian(linker) => {
            let mut cargo = command(DEBIAN_CARGO, &args);
            cargo.args(["-Zbuild-std=std,panic_abort"]);
            // `cargo xtask` runs under rustup's own choice of a compiler.
            cargo
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("CARGO");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            cargo
        }
    };
    run(cargo.env("CARGO_TARGET_DIR", &built))?;
    let program = built.join(TARGET).join(profile).join("parlor-gui.wasm");
    let program = program.to_string_lossy();
    let page = process::root().join("gui/web");
    let target = process::target().join("web");
    let (page, target) = (page.to_string_lossy(), target.to_string_lossy());
    let mut bundle = vec!["run", "--quiet", "--package", "parlor-bundle", "--", &program, &page, &target];
    bundle.extend(quick.then_some("--as-it-is"));
    process::cargo(&bundle)?;
    if !Path::new(&*target).join("index.html").exists() {
        bail!("the page is not where it should be");
    }
    println!("To try it: cargo run --package parlor-archive -- --web-dir {target}");
    Ok(())
}
