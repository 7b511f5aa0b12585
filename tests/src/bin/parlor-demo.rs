//! The main job with the real programs, in a folder that is thrown away at the next start. It is
//! what `cargo xtask demo` runs.

#![forbid(unsafe_code)]

use anyhow::{Context as _, ensure};
use clap::Parser;
use parlor_tests::process::{self, Background, free_port, program};
use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Shows what Parlor does.
#[derive(Debug, Parser)]
struct Cli {
    /// Where the demo keeps its data; it is emptied first.
    dir: PathBuf,
    /// Opens the app at the end.
    #[arg(long)]
    app: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.dir, cli.app) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Demo {
    dir: PathBuf,
    archive_port: u16,
}

impl Demo {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.archive_port)
    }

    fn parlor(&self, profile: &str) -> anyhow::Result<Command> {
        process::parlor(&self.dir, profile, Some(&self.address()))
    }

    /// Runs a command to its end and returns what it printed.
    fn ask(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        let out = process::run(self.parlor(profile)?.args(args)).with_context(|| args.join(" "))?;
        Ok(out.trim().to_owned())
    }

    fn show(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        println!("  $ parlor --profile {profile} {}", args.join(" "));
        let out = self.ask(profile, args)?;
        out.lines().for_each(|line| println!("    {line}"));
        Ok(out)
    }

    fn join(&self, profile: &str, code: &str) -> anyhow::Result<()> {
        println!("  $ parlor --profile {profile} join\n    Code: {code}");
        let out = process::run_with(self.parlor(profile)?.arg("join"), code)?;
        out.lines().for_each(|line| println!("    {line}"));
        Ok(())
    }

    fn start(&self, profile: &str) -> anyhow::Result<Background> {
        Background::start(self.parlor(profile)?.args(["run", "--json"]))
    }
}

fn run(dir: PathBuf, opens_app: bool) -> anyhow::Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir)?;
    let demo = Demo { archive_port: free_port()?, dir };
    let (archive, page) = start_archive(&demo)?;
    let code = conversation(&demo)?;
    late_joiner(&demo, &code)?;
    println!("\nAll of it worked. Data of this demo: {}", demo.dir.display());
    match &page {
        Some(page) => println!("In a browser: open {page} and type {code}"),
        None => println!("To try it in a browser, build the page first: cargo xtask web"),
    }
    if opens_app {
        open_app(&demo, &code)?;
    } else {
        println!("The app is not opened here. With a display: cargo run --release -p parlor-gui");
        if page.is_some() && std::io::stdin().is_terminal() {
            println!("The archive runs until you press Enter.");
            std::io::stdin().read_line(&mut String::new())?;
        }
    }
    drop(archive);
    Ok(())
}

/// The archive, and where it serves the page for browsers, if there is one.
fn start_archive(demo: &Demo) -> anyhow::Result<(Background, Option<String>)> {
    println!("\n1. A spare computer runs the archive. It keeps only ciphertext.");
    let dir = demo.dir.join("archive");
    let mut command = match process::page() {
        Some(page) => process::archive_with_page(&dir, demo.archive_port, &page)?,
        None => process::archive(&dir, demo.archive_port)?,
    };
    let archive = Background::start(command.env_remove("RUST_LOG"))?;
    println!("    {}", archive.wait_for("is running")?.1);
    println!("  {}", archive.wait_for("store")?.1);
    let web = archive.wait_for("web ")?.1;
    let page = web.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned);
    Ok((archive, page))
}

fn conversation(demo: &Demo) -> anyhow::Result<String> {
    println!("\n2. Anna makes a room and gets a code.");
    demo.ask("anna", &["init", "--name", "Anna"])?;
    demo.ask("ben", &["init", "--name", "Ben"])?;
    demo.show("anna", &["create", "kitchen"])?;
    let code = demo.ask("anna", &["code", "kitchen"])?;
    println!("\n3. Ben types the code. Anna's machine is off: the archive knows the way.");
    demo.join("ben", &code)?;
    println!("\n4. Both are up and chat directly.");
    let mut anna = demo.start("anna")?;
    let mut ben = demo.start("ben")?;
    anna.tell(r#"{"id":1,"cmd":"send","room":"kitchen","text":"Soup is ready!"}"#)?;
    anna.wait_for(r#""archived":true"#)?;
    ben.wait_for("Soup is ready!")?;
    println!("    Ben reads:  Anna: Soup is ready!");
    ben.tell(r#"{"id":1,"cmd":"send","room":"kitchen","text":"On my way."}"#)?;
    anna.wait_for("On my way.")?;
    println!("    Anna reads: Ben: On my way.");
    ben.wait_for(r#""archived":true"#)?;
    println!("    The archive has both.");
    println!("\n5. Anna's machine is switched off, then Ben's.");
    ensure!(anna.stop()? && ben.stop()?, "both end well");
    Ok(code)
}

fn late_joiner(demo: &Demo, code: &str) -> anyhow::Result<()> {
    println!("\n6. Carla comes late. Nobody else is up; she reads everything from the archive.");
    demo.ask("carla", &["init", "--name", "Carla"])?;
    demo.join("carla", code)?;
    let history = demo.show("carla", &["history", "kitchen"])?;
    ensure!(history.contains("Soup is ready!") && history.contains("On my way."), "Carla reads the history");
    archive_reads_nothing(&demo.dir.join("archive"))
}

fn archive_reads_nothing(dir: &Path) -> anyhow::Result<()> {
    for file in std::fs::read_dir(dir)? {
        let bytes = std::fs::read(file?.path())?;
        for known in ["Soup is ready", "On my way", "kitchen", "Carla"] {
            let found = bytes.windows(known.len()).any(|window| window == known.as_bytes());
            ensure!(!found, "the archive holds {known:?} in the clear");
        }
    }
    println!("\n7. The archive's files were searched for these texts and names: none is in them.");
    Ok(())
}

fn open_app(demo: &Demo, code: &str) -> anyhow::Result<()> {
    println!("\nOpening the app. Choose a name, then join the room with this code: {code}");
    println!("Ben is up: he answers nothing, but he receives. Close the window to end the demo.");
    let _ben = demo.start("ben")?;
    let mut app = Command::new(program("parlor-gui")?);
    // Nothing of the demo stays in anybody's keychain.
    app.env("PARLOR_NO_KEYCHAIN", "1");
    app.arg("--data-dir").arg(&demo.dir).args(["--profile", "you", "--no-mdns", "--port", "0"]);
    let status = app.args(["--connect", &demo.address()]).status()?;
    ensure!(status.success(), "the app ended badly ({status})");
    Ok(())
}
