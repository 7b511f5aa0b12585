//! The program `parlor-archive` as people run it: real processes, a real member's connection.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(unix)]

#[allow(dead_code, unreachable_pub, reason = "shared with the tests inside the crate")]
#[path = "../src/fixture.rs"]
mod fixture;
#[path = "program/member.rs"]
mod member;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests inside the crate")]
#[path = "../src/store/mongo/server.rs"]
mod server;

/// Where the fixture looks for the store's words.
mod store {
    pub(crate) use parlor_archive::store::{Kept, Registrant, RoomRow, Run};
}

use fixture::{TestRoom, Writer, code, rng};
use member::Member;
use parlor_protocol::{
    Hlc, Text,
    access::wire::{Enter, Entered, Look, NotAdmitted, PushWraps},
    content::{Body, Content},
    entry::{Entry, Header, Kind},
    log::Height,
    session::SealingSession,
    wire::{Answer, Refusal, Request, RoomRequest},
};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Starts with the options that keep tests apart.
fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlor-archive"));
    for name in ["PARLOR_MONGODB", "PARLOR_ARCHIVE_CONFIG", "PARLOR_ARCHIVE_DATA_DIR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command.args(["--data-dir", dir.to_str().unwrap()]);
    command
}

fn output(command: &mut Command) -> (bool, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A running archive and what it printed at its start.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: thread::JoinHandle<String>,
    printed: String,
}

impl Running {
    fn start(dir: &Path) -> Self {
        Self::start_as(&mut command(dir))
    }

    fn start_as(command: &mut Command) -> Self {
        let mut child = command
            .args(["--no-mdns", "--port", "0", "--ws-port", "0", "--http", "127.0.0.1:0", "--web", "off"])
            // Gossipsub names topics when it is asked to trace; `docs/archive.md` says so.
            .env("RUST_LOG", "trace,libp2p_gossipsub=info")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut printed = String::new();
        while !printed.contains("Ctrl-C") {
            assert!(stdout.read_line(&mut printed).unwrap() > 0, "it ended: {printed}");
        }
        Self { child, stdout, log, printed }
    }

    fn line(&self, name: &str) -> &str {
        let line = self.printed.lines().find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.printed))
    }

    fn tcp_port(&self) -> u16 {
        let (_, rest) = self.line("listening").split_once("TCP ").unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    }

    fn page(&self, path: &str) -> String {
        let (_, rest) = self.line("health").split_once("http://").unwrap();
        let mut stream = TcpStream::connect(rest.split('/').next().unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut out = String::new();
        stream.read_to_string(&mut out).unwrap();
        out
    }

    /// Asks it to stop, and gives back whether all went well and everything it said.
    fn terminate(mut self) -> (bool, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.stdout.read_to_string(&mut self.printed).unwrap();
        let status = self.child.wait().unwrap();
        (status.success(), self.printed + &self.log.join().unwrap())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn it_starts_by_itself_says_what_one_needs_and_stops_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    let first = Running::start(&folder);
    for word in ["device", "listening", "QUIC", "embedded store", "limits", "registration open", "TCP port above"] {
        assert!(first.printed.contains(word), "{word}: {}", first.printed);
    }
    assert!(first.printed.contains(folder.to_str().unwrap()));
    assert!(first.page("/healthz").starts_with("HTTP/1.1 200"));
    assert!(first.page("/readyz").starts_with("HTTP/1.1 200"));
    let mode = std::fs::metadata(folder.join("archive.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner reads the key");
    let (well, second) = output(command(&folder).args(["--http", "off", "--web", "off"]));
    assert!(!well && second.contains("in use by another parlor-archive"), "{second}");
    let (well, verify) = output(command(&folder).arg("verify"));
    assert!(!well && verify.contains("in use"), "{verify}");
    let device = first.line("device").to_owned();
    let (well, said) = first.terminate();
    assert!(well && said.contains("Stopping"), "{said}");
    let again = Running::start(&folder);
    assert_eq!(again.line("device"), device, "it stays the same archive");
    assert!(again.terminate().0);
    let (well, verify) = output(command(&folder).arg("verify"));
    assert!(well && verify.contains("All is well: 0 rooms"), "{verify}");
}

#[test]
fn what_cannot_work_is_told_with_a_remedy_and_without_passwords() {
    let dir = tempfile::tempdir().unwrap();
    let uri = "mongodb://anna:hunter2@127.0.0.1:9/chat?serverSelectionTimeoutMS=300";
    let (well, said) = output(command(dir.path()).env("PARLOR_MONGODB", uri).env("RUST_LOG", "trace").arg("-v"));
    assert!(!well && said.contains("cannot be reached") && said.contains("127.0.0.1:9"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let (_, help) = output(command(dir.path()).env("PARLOR_MONGODB", uri).arg("--help"));
    assert!(!help.contains("hunter2"), "{help}");
    let (well, printed) = output(command(dir.path()).env("PARLOR_MONGODB", uri).arg("--print-config"));
    assert!(well && printed.contains("127.0.0.1:9") && !printed.contains("hunter2"), "{printed}");

    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let holder = std::net::TcpListener::bind(("0.0.0.0", taken)).unwrap();
    let (well, said) =
        output(command(dir.path()).args(["--http", "off", "--web", "off", "--no-mdns", "--port", &taken.to_string()]));
    assert!(!well && said.contains(&taken.to_string()), "{said}");
    drop(holder);

    std::fs::write(dir.path().join("file"), b"").unwrap();
    let (well, said) = output(&mut command(&dir.path().join("file")));
    assert!(!well && said.contains("--data-dir"), "{said}");
    std::fs::write(dir.path().join("archive.key"), b"short").unwrap();
    let (well, said) = output(&mut command(dir.path()));
    assert!(!well && said.contains("archive.key is damaged"), "{said}");
}

/// Connects and makes a room known.
async fn founded(archive: &Running, seed: u64) -> (Member, TestRoom) {
    let room = TestRoom::new(seed);
    let mut member = Member::connect(&room.owner, archive.tcp_port()).await;
    let register = RoomRequest::Register { genesis: room.genesis.clone(), epochs: vec![room.epoch.clone()] };
    assert_eq!(member.ask(&room, register).await, Answer::Done);
    let owner = &room.owner;
    let pushed = Answer::Pushed(vec![(owner.log_key(), owner.height)]);
    assert_eq!(member.ask(&room, RoomRequest::Push { entries: room.start.clone() }).await, pushed);
    (member, room)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_has_everything_that_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Running::start(dir.path());
    let (mut member, room) = founded(&archive, 1).await;
    let mut owner = room.owner.clone();
    let mut acknowledged = 0;
    let mut archive = Some(archive);
    loop {
        let entries = room.contents(&mut owner, 20);
        let last = entries[19].header().seq;
        match member.try_ask(&room, RoomRequest::Push { entries }).await {
            Some(answer) => assert_eq!(answer, Answer::Pushed(vec![(owner.log_key(), owner.height)])),
            None => break,
        }
        acknowledged = last + 1;
        // Killed while the next pushes are under way.
        if acknowledged > 400
            && let Some(archive) = archive.take()
        {
            thread::spawn(move || archive.kill());
        }
    }
    member.shut_down().await;
    let archive = Running::start(dir.path());
    let mut member = Member::connect(&room.owner, archive.tcp_port()).await;
    let answer = member.ask(&room, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    let Answer::Heights(heights) = answer else { panic!("{answer:?}") };
    assert!(heights[0].1.next >= acknowledged, "{heights:?}, {acknowledged} acknowledged");
    member.shut_down().await;
    assert!(archive.terminate().0);
    let (well, said) = output(command(dir.path()).arg("verify"));
    assert!(well && said.contains("All is well: 1 rooms"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_it_let_somebody_in_it_shows_to_all_that_it_did() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Running::start(dir.path());
    let (mut member, room) = founded(&archive, 1).await;
    let mut owner = room.owner.clone();
    let (door, entry) = room.door(&mut owner, &code(7));
    let pushed = Answer::Pushed(vec![(owner.log_key(), owner.height)]);
    assert_eq!(member.ask(&room, RoomRequest::Push { entries: vec![entry] }).await, pushed);
    let wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1);
    let push = Request::PushWraps(PushWraps { room: room.id, wraps: vec![wrap.clone()] });
    assert_eq!(member.send(&push).await, Some(Answer::Done));
    member.shut_down().await;
    // Nobody else is up.
    let mut newcomer = Writer::new(40);
    let mut asking = Member::connect(&newcomer, archive.tcp_port()).await;
    let look = Request::Look(Look::sign(&code(7), newcomer.id(), asking.archive()));
    let Some(Answer::Found(Some(found))) = asking.send(&look).await else { panic!("the door is not found") };
    assert_eq!(found.check_lead(&code(7)).unwrap().door, door);
    let entry = room.comes_by(&mut newcomer, &code(7), door, found.offers[0].step);
    let enter = Request::Enter(Box::new(Enter { room: room.id, entry, for_keys: true }));
    assert_eq!(asking.send(&enter).await, Some(Answer::Entered(Entered::In(vec![wrap]))));
    archive.kill();
    asking.shut_down().await;

    let archive = Running::start(dir.path());
    let mut member = Member::connect(&owner, archive.tcp_port()).await;
    let answer = member.ask(&room, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    let Answer::Heights(heights) = answer else { panic!("{answer:?}") };
    assert!(heights.contains(&(newcomer.log_key(), newcomer.height)), "{heights:?}");
    member.shut_down().await;
    assert!(archive.terminate().0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_mongodb_goes_away_it_stays_and_goes_on_when_mongodb_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mongodb = tokio::task::spawn_blocking(|| server::Server::start(&[])).await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=500&connectTimeoutMS=500", mongodb.uri("parlor"));
    let archive = Running::start_as(command(dir.path()).env("PARLOR_MONGODB", &uri));
    assert!(archive.line("store").contains("MongoDB at 127.0.0.1"), "{}", archive.printed);
    let (mut member, room) = founded(&archive, 1).await;
    let mut owner = room.owner.clone();
    let down = Arc::clone(&mongodb);
    tokio::task::spawn_blocking(move || down.kill()).await.unwrap();
    assert!(archive.page("/readyz").starts_with("HTTP/1.1 503"));
    assert!(archive.page("/healthz").starts_with("HTTP/1.1 200"));
    let entries = room.contents(&mut owner, 5);
    let push = RoomRequest::Push { entries };
    assert_eq!(member.ask(&room, push.clone()).await, Answer::Refused(Refusal::StoreUnavailable));
    let up = Arc::clone(&mongodb);
    tokio::task::spawn_blocking(move || up.restart()).await.unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let pushed = Answer::Pushed(vec![(owner.log_key(), owner.height)]);
    while member.ask(&room, push.clone()).await != pushed {
        assert!(Instant::now() < end, "it does not come back");
    }
    assert!(archive.page("/readyz").starts_with("HTTP/1.1 200"));
    member.shut_down().await;
    assert!(archive.terminate().0);
    let (well, said) = output(command(dir.path()).env("PARLOR_MONGODB", &uri).arg("verify"));
    assert!(well && said.contains("All is well: 1 rooms with 8 entries"), "{said}");
}

fn text(text: &str) -> Content {
    let body = Body::Text { text: Text::new(text).unwrap(), reply_to: None, mentions: Vec::new() };
    Content { hlc: Hlc::at(1_700_000_000_000), at: 1_700_000_000_000, body }
}

/// Writes a sealed text, as a member does.
fn sealed(room: &TestRoom, writer: &mut Writer, session: &SealingSession, said: &str) -> Entry {
    let header = Header {
        kind: Kind::Content,
        room: room.id,
        author: writer.id(),
        log: writer.log,
        seq: writer.height.next,
        prev: writer.height.head,
        epoch: room.secrets.id(),
        session: session.start(),
    };
    let body = session.seal(&header, &text(said), &mut rng(10)).unwrap();
    let entry = Entry::sign(&writer.key, header, &body).unwrap().into_inner();
    writer.height = Height::after(&entry);
    entry
}

fn all_bytes(dir: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|path| if path.is_dir() { all_bytes(&path) } else { std::fs::read(path).unwrap() }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_its_files_nor_its_logs_nor_its_metrics_say_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Running::start(dir.path());
    let (mut member, room) = founded(&archive, 1).await;
    let mut owner = room.owner.clone();
    let opener = Header {
        kind: Kind::Content,
        room: room.id,
        author: owner.id(),
        log: owner.log,
        seq: owner.height.next,
        prev: owner.height.head,
        epoch: room.secrets.id(),
        session: owner.height.next,
    };
    let first = text("plaintextmarker 0");
    let session = SealingSession::open(&room.secrets, room.secrets.lowest(), &opener, &first, &mut rng(9)).unwrap();
    let mut entries: Vec<_> =
        (0..30).map(|n| sealed(&room, &mut owner, &session, &format!("plaintextmarker {n}"))).collect();
    let (door, entry) = room.door(&mut owner, &code(7));
    entries.push(entry);
    let pushed = Answer::Pushed(vec![(owner.log_key(), owner.height)]);
    assert_eq!(member.ask(&room, RoomRequest::Push { entries }).await, pushed);
    // The wrap that the fixture makes has the room's name, "kitchen", inside, and the epoch's key.
    let wraps = vec![room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1)];
    let push = Request::PushWraps(PushWraps { room: room.id, wraps });
    assert_eq!(member.send(&push).await, Some(Answer::Done));
    let stranger = room.contents(&mut Writer::new(99), 1);
    let refused = member.ask(&room, RoomRequest::Push { entries: stranger }).await;
    assert_eq!(refused, Answer::Refused(Refusal::NotAdmitted(NotAdmitted::Show)));
    let metrics = archive.page("/metrics");
    assert!(metrics.contains("parlor_archive_entries_total 34"), "{metrics}");
    member.shut_down().await;
    let (well, said) = archive.terminate();
    assert!(well);
    // Whole ids of rooms and devices are in no log and no metric.
    for id in [room.id.to_string(), hex_of(room.secrets.topic().as_bytes())] {
        let told: Vec<_> = said.lines().filter(|line| line.contains(&id)).take(3).collect();
        assert!(told.is_empty() && !metrics.contains(&id), "{id} is told: {told:?}");
    }
    let mut held = all_bytes(dir.path());
    assert!(held.len() > 10_000);
    held.extend(said.into_bytes());
    held.extend(metrics.into_bytes());
    for secret in [b"plaintextmarker".as_slice(), b"kitchen", room.secrets.key().expose()] {
        let found = held.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret));
        assert!(!found, "{} is known to the archive", String::from_utf8_lossy(secret));
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn accounts_are_looked_after_while_the_archive_runs_and_while_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    // A folder that others can read is told of; see `tests/tests/other_users.rs`.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let users = |args: &[&str]| output(command(folder.path()).arg("users").args(args));
    assert_eq!(users(&["list"]), (true, "There are no accounts yet.\n".to_owned()));
    let running = Running::start(folder.path());
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("control.json"), mode("opaque.key")), (0o600, 0o600));
    assert_eq!(users(&["list"]), (true, "There are no accounts yet.\n".to_owned()));
    let (done, said) = users(&["token"]);
    assert!(done && said.starts_with("Token: "), "{said}");
    let (done, said) = users(&["disable", "nobody"]);
    assert!(!done && said.contains("there is no account nobody"), "{said}");
    // A stranger on this machine who cannot read the file gets nothing.
    let control = std::fs::read_to_string(folder.path().join("control.json")).unwrap();
    let port: serde_json::Value = serde_json::from_str(&control).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port["port"].as_u64().unwrap()).unwrap())).unwrap();
    stream.write_all(b"{\"secret\":\"guess\",\"action\":\"List\"}\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
    // One that was killed leaves the file behind; the store is opened directly then.
    running.kill();
    assert!(folder.path().join("control.json").exists());
    assert_eq!(users(&["list"]), (true, "There are no accounts yet.\n".to_owned()));
    let running = Running::start(folder.path());
    assert_eq!(users(&["list"]), (true, "There are no accounts yet.\n".to_owned()));
    let (stopped, _) = running.terminate();
    assert!(stopped && !folder.path().join("control.json").exists());
    // Accounts of one key are of no use with another.
    std::fs::remove_file(folder.path().join("opaque.key")).unwrap();
    let (started, said) =
        output(command(folder.path()).args(["--no-mdns", "--port", "0", "--http", "off", "--web", "off"]));
    assert!(!started && said.contains("another account key"), "{said}");
}
