//! `cargo xtask demo`: the main job with the real programs, in a folder that is thrown away.

use anyhow::{Context as _, bail, ensure};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::process::{cargo, program, target};

/// How long any step may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in the background, with the lines it prints. It is stopped when dropped.
struct Background {
    child: Child,
    lines: Receiver<String>,
}

impl Background {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        Ok(Self { child, lines: read_lines(out) })
    }

    /// The first line that has `what` in it.
    fn wait_for(&self, what: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(what) => return Ok(line),
                Ok(_) => {}
                Err(_) => bail!("{what:?} did not come within {PATIENCE:?}"),
            }
        }
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("no input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

struct Demo {
    dir: PathBuf,
    archive_port: u16,
}

impl Demo {
    fn parlor(&self, profile: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program("parlor"));
        let connect = format!("127.0.0.1:{}", self.archive_port);
        command.arg("--data-dir").arg(&self.dir).args(["--profile", profile, "--port", "0", "--connect", &connect]);
        command.args(args);
        command
    }

    /// Runs a command to its end and returns what it printed.
    fn ask(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        let out = self.parlor(profile, args).output()?;
        let error = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "{} failed: {error}", args.join(" "));
        Ok(String::from_utf8(out.stdout)?.trim().to_owned())
    }

    fn show(&self, profile: &str, args: &[&str]) -> anyhow::Result<String> {
        println!("  $ parlor --profile {profile} {}", args.join(" "));
        let out = self.ask(profile, args)?;
        out.lines().for_each(|line| println!("    {line}"));
        Ok(out)
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn has_display() -> bool {
    cfg!(any(windows, target_os = "macos"))
        || env::var_os("DISPLAY").is_some()
        || env::var_os("WAYLAND_DISPLAY").is_some()
}

pub(crate) fn run(no_app: bool) -> anyhow::Result<()> {
    let opens_app = has_display() && !no_app;
    println!("Building (the first time this takes some minutes) ...");
    let mut build = vec!["build", "--quiet", "--package", "parlor-node", "--package", "parlor-archive"];
    if opens_app {
        build.extend(["--package", "parlor-gui"]);
    }
    cargo(&build)?;
    let dir = target().join("demo");
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
    }
    std::fs::create_dir_all(&dir)?;
    let demo = Demo { archive_port: free_port()?, dir };
    let archive = start_archive(&demo)?;
    let code = conversation(&demo)?;
    late_joiner(&demo, &code)?;
    println!("\nAll of it worked. Data of this demo: {}", demo.dir.display());
    if opens_app {
        open_app(&demo, &code)?;
    } else {
        println!("There is no display here, so the app is not opened. With one: cargo run -p parlor-gui");
    }
    drop(archive);
    Ok(())
}

fn start_archive(demo: &Demo) -> anyhow::Result<Background> {
    println!("\n1. A spare computer runs the archive. It keeps only ciphertext.");
    let port = demo.archive_port.to_string();
    let mut command = Command::new(program("parlor-archive"));
    command.arg("--data-dir").arg(demo.dir.join("archive"));
    command.args(["--port", &port, "--ws-port", "0", "--http", "off"]);
    let archive = Background::start(&mut command)?;
    println!("    {}", archive.wait_for("is running")?);
    println!("  {}", archive.wait_for("store")?);
    Ok(archive)
}

fn conversation(demo: &Demo) -> anyhow::Result<String> {
    println!("\n2. Anna makes a room and gets a code.");
    demo.ask("anna", &["init", "--name", "Anna"])?;
    demo.ask("ben", &["init", "--name", "Ben"])?;
    demo.show("anna", &["create", "kitchen"])?;
    let code = demo.ask("anna", &["code", "kitchen"])?;
    println!("\n3. Ben types the code. Anna's machine is off: the archive knows the way.");
    demo.show("ben", &["join", &code])?;
    println!("\n4. Both are up and chat directly.");
    let mut anna = Background::start(&mut demo.parlor("anna", &["run", "--json"]))?;
    let mut ben = Background::start(&mut demo.parlor("ben", &["run", "--json"]))?;
    let said = |line: &str, text: &str| line.contains(text);
    anna.tell(r#"{"id":1,"cmd":"send","room":"kitchen","text":"Soup is ready!"}"#)?;
    ensure!(said(&ben.wait_for("Soup is ready!")?, "messages_added"), "Ben sees Anna's message");
    println!("    Ben reads:  Anna: Soup is ready!");
    ben.tell(r#"{"id":1,"cmd":"send","room":"kitchen","text":"On my way."}"#)?;
    ensure!(said(&anna.wait_for("On my way.")?, "messages_added"), "Anna sees Ben's message");
    println!("    Anna reads: Ben: On my way.");
    ben.wait_for(r#""archived":true"#)?;
    println!("    The archive has both.");
    println!("\n5. Anna's machine is switched off, then Ben's.");
    Ok(code)
}

fn late_joiner(demo: &Demo, code: &str) -> anyhow::Result<()> {
    println!("\n6. Carla comes late. Nobody else is up; she reads everything from the archive.");
    demo.ask("carla", &["init", "--name", "Carla"])?;
    demo.show("carla", &["join", code])?;
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
    println!("Ben is up and answers nothing, but he receives. Close the window to end the demo.");
    let _ben = Background::start(&mut demo.parlor("ben", &["run", "--json"]))?;
    let connect = format!("127.0.0.1:{}", demo.archive_port);
    let mut app = Command::new(program("parlor-gui"));
    app.arg("--data-dir").arg(&demo.dir).args(["--profile", "you", "--port", "0", "--connect", &connect]);
    ensure!(app.status()?.success(), "the app ended badly");
    Ok(())
}
