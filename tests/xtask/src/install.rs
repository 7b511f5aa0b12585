//! Installs what the tests need, when it is missing and permitted: a virtual display and tools to
//! type and look, network namespaces, a MongoDB-compatible server, a compiler for browsers and one of them.

use crate::{
    process::{self, command, run, succeeds},
    web,
};
use std::{env, path::PathBuf};

/// Programs and the Debian packages that have them.
const TOOLS: &[(&str, &[&str])] =
    &[("Xvfb", &["xvfb"]), ("xdotool", &["xdotool"]), ("import", &["imagemagick"]), ("ip", &["iproute2"])];

/// Libraries that a window needs, by a file and the packages that have it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("libGL.so.1", &["libgl1", "libgl1-mesa-dri"]),
    ("libEGL.so.1", &["libegl1"]),
    ("libxkbcommon-x11.so.0", &["libxkbcommon-x11-0"]),
    ("libXcursor.so.1", &["libxcursor1"]),
    ("libXi.so.6", &["libxi6"]),
    ("libXrandr.so.2", &["libxrandr2"]),
];

fn on_path(program: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|dir| dir.join(program).is_file())
}

fn has_library(file: &str) -> bool {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/lib"];
    dirs.iter().any(|dir| PathBuf::from(dir).join(file).exists())
}

/// Installs what is missing. What cannot be installed is said; the tests that need it say so too.
pub(crate) fn all() {
    if cfg!(target_os = "linux") {
        apt();
    }
    mongodb();
}

fn apt() {
    let tools = TOOLS.iter().filter(|(program, _)| !on_path(program));
    let libraries = LIBRARIES.iter().filter(|(file, _)| !has_library(file));
    let mut missing: Vec<&str> = tools.chain(libraries).flat_map(|(_, packages)| packages.iter().copied()).collect();
    if !on_path("secantusd-py") && !succeeds("python3", &["-c", "import venv, ensurepip"]) {
        missing.push("python3-venv");
    }
    apt_get(&missing);
    // By themselves: not every release of Debian and Ubuntu has them.
    if web::way().is_err() && !succeeds("rustup", &["target", "add", web::TARGET]) {
        apt_get(&["rustc-web", "cargo-web", "rust-web-src"]);
    }
    if !on_path("chromedriver") {
        apt_get(&["chromium", "chromium-driver"]);
    }
}

/// Installs packages, or says how.
fn apt_get(missing: &[&str]) {
    if missing.is_empty() {
        return;
    }
    let is_root = env::var("USER").is_ok_and(|user| user == "root") || succeeds("sh", &["-c", "[ $(id -u) = 0 ]"]);
    let prefix: &[&str] = match () {
        () if !on_path("apt-get") => {
            println!("missing: {}; install them by hand, there is no apt here", missing.join(" "));
            return;
        }
        () if is_root => &[],
        () if succeeds("sudo", &["-n", "true"]) => &["sudo", "-n"],
        () => {
            println!("missing: sudo apt-get install {}", missing.join(" "));
            return;
        }
    };
    let apt = |args: &[&str]| {
        let words: Vec<&str> = prefix.iter().chain(&["apt-get"]).chain(args).copied().collect();
        let (program, args) = words.split_first()?;
        run(command(program, args).env("DEBIAN_FRONTEND", "noninteractive")).err()
    };
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(missing);
    if let Some(error) = apt(&["update", "-qq"]).or_else(|| apt(&install)) {
        println!("could not install {}: {error:#}", missing.join(" "));
    }
}

/// Where the tools from PyPI are installed.
fn venv() -> PathBuf {
    process::target().join("test-tools")
}

/// The MongoDB-compatible server, unless a real one is named or it is there already.
fn mongodb() {
    if env::var_os("PARLOR_TEST_MONGODB").is_some() || on_path("secantusd-py") || bin().join("secantusd-py").exists() {
        return;
    }
    let dir = venv();
    let dir = dir.to_string_lossy();
    let pip = bin().join("pip");
    let installed = run(&mut command("python3", &["-m", "venv", &dir]))
        .and_then(|()| run(&mut command(&pip.to_string_lossy(), &["install", "--quiet", "secantusdb"])));
    if let Err(error) = installed {
        println!("could not install the MongoDB-compatible server: {error:#}");
    }
}

/// Programs of the tools from PyPI.
pub(crate) fn bin() -> PathBuf {
    venv().join(if cfg!(windows) { "Scripts" } else { "bin" })
}
