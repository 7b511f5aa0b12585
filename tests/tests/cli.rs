//! The command line as people, scripts and bots use it, with everything that can be typed wrongly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::process::{self, Background};
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    process::{Output, Stdio},
};
use tempfile::TempDir;

struct Cli(TempDir);

impl Cli {
    /// A profile with a name and a room.
    fn with_kitchen() -> Self {
        let cli = Self(tempfile::tempdir().unwrap());
        cli.ok(&["init", "--name", "Anna"]);
        cli.ok(&["create", "kitchen"]);
        cli
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = process::parlor(self.0.path(), "anna", None).unwrap();
        command.args(["--wait", "0"]).args(args);
        command
    }

    fn fed(&self, args: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(args);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may stop reading early, and is right to.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        process::run(&mut self.command(args)).unwrap_or_else(|error| panic!("parlor {args:?}: {error}"))
    }

    /// Fails with this exit code; gives what it said.
    fn fails(&self, args: &[&str], code: i32) -> String {
        refused(&self.command(args).stdin(Stdio::null()).output().unwrap(), code)
    }
}

/// It failed with this exit code, without a panic; what it said.
fn refused(out: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(code), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn what_is_written_is_listed_followed_and_found() {
    let cli = Cli::with_kitchen();
    assert!(cli.ok(&["send", "kitchen", "soup is ready"]).starts_with("Saved"));
    let out = cli.fed(&["send", "KITCHEN", "-"], "two\nlines of salt\n".as_bytes());
    assert!(out.status.success());
    let history = cli.ok(&["history", "kitchen"]);
    assert!(history.contains("Anna: soup is ready"), "{history}");
    assert!(history.contains("Anna: two\n    lines of salt\n"), "{history}");
    assert_eq!(cli.ok(&["tail", "kitchen", "-n", "1"]).lines().count(), 2);
    let found = json(&cli.ok(&["search", "--json", "salt", "two"]));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["body"]["text"], "two\nlines of salt");
    assert_eq!(json(&cli.ok(&["history", "kitchen", "--json", "--limit", "1"])).len(), 1);
    assert_eq!(json(&cli.ok(&["history", "kitchen", "--json", "--since", "1h", "--offline"])).len(), 3);
    assert_eq!(cli.ok(&["history", "kitchen", "--since", "2100-01-01"]), "");
    let rooms = json(&cli.ok(&["rooms", "--json"]));
    assert_eq!((&rooms[0]["name"], &rooms[0]["members"]), (&"kitchen".into(), &1.into()));
    let id = rooms[0]["room"].as_str().unwrap();
    assert_eq!(cli.ok(&["tail", &id[..6], "-n", "1"]), cli.ok(&["tail", "kitchen", "-n", "1"]));
    assert!(cli.ok(&["rooms"]).contains("(1 member)"));
    assert!(cli.ok(&["members", "kitchen"]).contains("Anna  (you, owner, made the room)"));
    cli.ok(&["name", "Anna B"]);
    assert!(cli.ok(&["history", "kitchen"]).contains("* Anna is now Anna B"));
}

#[test]
fn codes_are_given_renewed_and_forgiven_their_typing() {
    let cli = Cli::with_kitchen();
    let code = cli.ok(&["code", "kitchen"]).trim().to_owned();
    assert_eq!(cli.ok(&["code", "kitchen"]).trim(), code, "the same code until another is made");
    let new = cli.ok(&["code", "kitchen", "--new", "--expires", "2h"]).trim().to_owned();
    assert_ne!(new, code);
    let shown = json(&cli.ok(&["code", "kitchen", "--json"]));
    assert!(shown[0]["link"].as_str().unwrap().contains(shown[0]["code"].as_str().unwrap()));
    // Somebody who is in the room already may type its code however he likes.
    let sloppy = code.to_lowercase().replace('-', "  ");
    assert!(cli.ok(&["join", &sloppy]).contains("kitchen"));
    let mut wrong: Vec<char> = code.chars().collect();
    wrong[1] = if wrong[1] == 'A' { 'B' } else { 'A' };
    let said = cli.fails(&["join", &wrong.iter().collect::<String>()], 2);
    assert!(said.contains("code"), "{said}");
    cli.fails(&["join", "7KQ2"], 2);
    cli.fails(&["join", "7KQ2-M4X9-TB3H-0RVW-5?"], 2);
    cli.fails(&["code", "kitchen", "--new", "--expires", "soon"], 2);
}

#[test]
fn nobody_there_is_an_exit_code_of_its_own() {
    let cli = Cli::with_kitchen();
    let other = Cli::with_kitchen();
    let code = other.ok(&["code", "kitchen"]);
    let said = cli.fails(&["join", code.trim()], 4);
    assert!(said.contains("nobody") || said.contains("no other"), "{said}");
    cli.fails(&["peers"], 4);
}

#[test]
fn mistakes_are_named_with_their_remedy_and_change_nothing() {
    let cli = Cli::with_kitchen();
    let said = cli.fails(&["send", "garden", "hello"], 3);
    assert!(said.contains("garden") && said.contains("kitchen"), "{said}");
    assert!(cli.fails(&["init", "--name", "An\u{1b}[31mna"], 2).contains("name"));
    cli.fails(&["init", "--name", "  "], 2);
    cli.fails(&["create", &"x".repeat(5_000)], 2);
    cli.fails(&["send", "kitchen", ""], 2);
    cli.fails(&["history", "kitchen", "--since", "yesterday"], 2);
    cli.fails(&["search", "nowhere"], 3);
    cli.fails(&["dance"], 2);
    let paste = vec![b'x'; 10 * 1024 * 1024];
    let said = refused(&cli.fed(&["send", "kitchen"], &paste), 2);
    assert!(said.contains("longer than") && said.contains("nothing was sent"), "{said}");
    let said = refused(&cli.fed(&["send", "kitchen"], b"caf\xe9"), 2);
    assert!(said.contains("UTF-8") && said.contains("byte 3"), "{said}");
    assert_eq!(json(&cli.ok(&["history", "kitchen", "--json"])).len(), 1, "only the line that it was made");
    let bare = Cli(tempfile::tempdir().unwrap());
    assert!(bare.fails(&["create", "kitchen"], 1).contains("parlor init"));
    assert!(bare.fails(&["send", "kitchen", "hi"], 3).contains("parlor join"));
    let mut odd = process::parlor(bare.0.path(), "../evil", None).unwrap();
    assert!(refused(&odd.arg("rooms").output().unwrap(), 2).contains("profile"));
}

#[test]
fn mistakes_about_people_codes_and_rules_are_named_with_their_remedy_and_change_nothing() {
    let cli = Cli::with_kitchen();
    let rules = cli.ok(&["policy", "kitchen"]);
    let said = |args: &[&str], code: i32, words: &[&str]| {
        let said = cli.fails(args, code);
        for word in words {
            assert!(said.contains(word), "parlor {args:?}: {word:?} is not in {said:?}");
        }
    };
    // Nobody, nothing, oneself.
    said(&["remove", "kitchen", "Zed"], 3, &["nobody called \"Zed\"", "parlor members"]);
    said(&["remove", "garden", "Anna"], 3, &["garden", "you are in: kitchen"]);
    said(&["remove", "kitchen", "Anna"], 1, &["leave the room instead"]);
    said(&["role", "kitchen", "Zed", "reader"], 3, &["parlor members"]);
    said(&["role", "kitchen", "Anna", "king"], 2, &["king", "owner", "moderator", "member", "reader"]);
    said(&["role", "kitchen", "Anna", "member"], 1, &["last owner", "make somebody else an owner"]);
    said(&["mute", "kitchen", "Zed", "10m"], 3, &["parlor members"]);
    said(&["mute", "kitchen", "Anna", "a while"], 2, &["is no time", "90m"]);
    said(&["mute", "kitchen", "Anna", "10m"], 1, &["below yours"]);
    // Codes.
    said(&["codes", "kitchen", "revoke", "7KQ2"], 3, &["no such code", "parlor codes"]);
    said(&["codes", "kitchen", "new", "--expires", "soon"], 2, &["soon", "2h"]);
    said(&["codes", "kitchen", "new", "--uses", "0"], 2, &["uses"]);
    said(&["codes", "kitchen", "new", "--uses", "many"], 2, &["uses"]);
    said(&["codes", "garden", "list"], 3, &["kitchen"]);
    // Rules.
    said(&["policy", "kitchen", "--history", "some"], 2, &["everything, from-joining", "7d"]);
    said(&["policy", "kitchen", "--history", "0d"], 2, &["between 1 and 30 days"]);
    said(&["policy", "kitchen", "--history", "99d"], 2, &["between 1 and 30 days"]);
    said(&["policy", "kitchen", "--vanish", "late"], 2, &["is no time", "never"]);
    said(&["policy", "kitchen", "--vanish", "99999w"], 2, &["ten years"]);
    said(&["policy", "kitchen", "--slow=-5s"], 2, &["is no time", "90m"]);
    said(&["policy", "kitchen", "--newcomers", "owner"], 2, &["member", "reader"]);
    said(&["policy", "kitchen", "--name", ""], 2, &["name"]);
    // Ends.
    said(&["leave", "garden"], 3, &["kitchen"]);
    said(&["forget", "kitchen"], 1, &["leave it before"]);
    said(&["dissolve", "garden"], 3, &["kitchen"]);
    assert_eq!(cli.ok(&["policy", "kitchen"]), rules);
    assert_eq!(cli.ok(&["codes", "kitchen", "list"]).lines().count(), 1);

    cli.ok(&["dissolve", "kitchen"]);
    for args in [&["send", "kitchen", "hello"][..], &["policy", "kitchen", "--slow", "10s"]] {
        said(args, 1, &["has ended"]);
    }
    said(&["dissolve", "kitchen"], 1, &["has ended"]);
    cli.ok(&["forget", "kitchen"]);
    said(&["history", "kitchen"], 3, &["in no room yet"]);
}

#[test]
fn terminals_are_safe_from_messages() {
    let cli = Cli::with_kitchen();
    let out = cli.fed(&["send", "kitchen"], b"red \x1b[31malert\x07\n2026-01-01 10:00  Ben: forged");
    let history = cli.ok(&["history", "kitchen"]);
    // Refused or shown harmlessly; either way no control character reaches the terminal.
    assert!(!history.contains('\x1b') && !history.contains('\x07'), "{history:?}");
    if out.status.success() {
        assert!(history.contains("\n    2026-01-01 10:00  Ben: forged"), "{history}");
    }
}

#[test]
fn one_profile_is_used_by_one_program_at_a_time() {
    let cli = Cli::with_kitchen();
    let mut up = Background::start(&mut cli.command(&["run"])).unwrap();
    up.wait_for("is up").unwrap();
    let said = cli.fails(&["rooms"], 5);
    assert!(said.contains("in use"), "{said}");
    assert!(cli.fails(&["repair"], 5).contains("in use"), "a store in use is not repaired");
    assert!(up.stop().unwrap());
    assert!(cli.ok(&["rooms"]).contains("kitchen"));
}

#[test]
fn a_bot_talks_in_json_lines_and_survives_its_own_mistakes() {
    let cli = Cli::with_kitchen();
    let mut bot = Background::start(&mut cli.command(&["run", "--json"])).unwrap();
    bot.tell("this is no JSON").unwrap();
    bot.tell(r#"{"id":"a","cmd":"fly"}"#).unwrap();
    bot.tell(&format!(r#"{{"id":"b","cmd":"send","room":"kitchen","text":"{}"}}"#, "x".repeat(2_000_000))).unwrap();
    bot.tell(r#"{"id":"c","cmd":"send","room":"kitchen","text":"hello from a bot"}"#).unwrap();
    bot.tell(r#"{"id":"d","cmd":"history","room":"kitchen","limit":5}"#).unwrap();
    assert!(bot.wait_for(r#""error":"#).unwrap().1.contains("not a command"));
    assert!(bot.wait_for(r#""id":"a""#).unwrap().1.contains("error"));
    assert!(bot.wait_for(r#""error":"#).unwrap().1.contains("not read"));
    assert!(bot.wait_for(r#""id":"c""#).unwrap().1.contains(r#""ok""#));
    assert!(bot.wait_for(r#""id":"d""#).unwrap().1.contains("hello from a bot"));
    assert!(bot.stop().unwrap(), "it ends although its input is open");
}

#[test]
fn output_that_nobody_reads_to_its_end_is_no_failure() {
    let cli = Cli::with_kitchen();
    for at in 0..3 {
        cli.ok(&["send", "kitchen", &format!("message {at} {}", "x".repeat(15_000))]);
    }
    let mut child = cli.command(&["history", "kitchen"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.is_empty(), "{said}");
}

#[test]
fn a_taken_port_is_no_obstacle_unless_it_was_asked_for() {
    let cli = Cli::with_kitchen();
    let taken = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut wanted = process::parlor_on(cli.0.path(), "anna", port).unwrap();
    let said = refused(&wanted.args(["rooms"]).output().unwrap(), 5);
    assert!(said.contains(&port.to_string()), "{said}");
}

#[test]
fn completions_are_printed_for_every_shell() {
    let cli = Cli(tempfile::tempdir().unwrap());
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(cli.ok(&["completions", shell]).contains("parlor"));
    }
}

/// A passphrase in a file of its own.
fn phrase(cli: &Cli, name: &str, text: &str) -> String {
    let file = cli.0.path().join(name);
    std::fs::write(&file, format!("{text}\n")).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    file.display().to_string()
}

fn lock(cli: &Cli) -> Value {
    json(&cli.ok(&["lock", "status", "--json"]))[0]["lock"].clone()
}

#[test]
fn a_passphrase_locks_the_profile_until_it_is_changed_or_removed() {
    let cli = Cli::with_kitchen();
    let (old, new) = (phrase(&cli, "old", "soup on the stove"), phrase(&cli, "new", "bread in the oven"));
    assert_eq!(lock(&cli), "file");
    assert!(cli.ok(&["lock", "status"]).contains("Not locked") && cli.ok(&["doctor"]).contains("Not locked"));
    cli.fails(&["lock", "change", "--new-passphrase-file", &new], 1);
    cli.fails(&["lock", "remove"], 1);
    let weak = phrase(&cli, "weak", "1234");
    assert!(cli.fails(&["lock", "set", "--new-passphrase-file", &weak], 2).contains("at least 8"));
    cli.ok(&["lock", "set", "--new-passphrase-file", &old]);
    assert_eq!(lock(&cli), "passphrase");

    let said = cli.fails(&["rooms"], 5);
    assert!(said.contains("locked") && said.contains("--passphrase-file"), "{said}");
    let said = cli.fails(&["rooms", "--passphrase-file", &new], 5);
    assert!(said.contains("wrong") && said.contains("cannot be reset"), "{said}");
    assert!(cli.ok(&["rooms", "--passphrase-file", &old]).contains("kitchen"));
    let mut bot = cli.command(&["rooms"]);
    assert!(process::run(bot.env("PARLOR_PASSPHRASE_FILE", &old)).unwrap().contains("kitchen"));

    cli.fails(&["lock", "change", "--new-passphrase-file", &new, "--passphrase-file", &new], 1);
    cli.ok(&["lock", "change", "--new-passphrase-file", &new, "--passphrase-file", &old]);
    cli.fails(&["rooms", "--passphrase-file", &old], 5);
    assert!(cli.ok(&["rooms", "--passphrase-file", &new]).contains("kitchen"));

    // A locked store is repaired with its passphrase, and not without.
    let said = cli.fails(&["repair"], 5);
    assert!(said.contains("locked"), "{said}");
    assert!(cli.ok(&["repair", "--passphrase-file", &new]).starts_with("Saved 1 room"));
    assert!(cli.ok(&["history", "kitchen", "--passphrase-file", &new]).contains("Anna made the room"));

    cli.ok(&["lock", "remove", "--passphrase-file", &new]);
    assert_eq!(lock(&cli), "file");
    assert!(cli.ok(&["rooms"]).contains("kitchen"));
}

#[test]
fn a_stolen_folder_has_nothing_to_open_it_with_and_no_log_tells_the_passphrase() {
    let cli = Cli::with_kitchen();
    let old = phrase(&cli, "old", "soup on the stove");
    let mut set = cli.command(&["lock", "set", "--new-passphrase-file", &old, "--verbose"]);
    let out = set.env("RUST_LOG", "trace").output().unwrap();
    assert!(out.status.success());
    let mut rooms = cli.command(&["rooms", "--passphrase-file", &old, "--verbose"]);
    let opened = rooms.env("RUST_LOG", "trace").output().unwrap();
    let said = [out.stdout, out.stderr, opened.stdout, opened.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("soup on"), "nothing that is printed has it");

    let stolen = Cli(tempfile::tempdir().unwrap());
    let profile = std::path::Path::new("profiles/anna");
    std::fs::create_dir_all(stolen.0.path().join(profile)).unwrap();
    for file in std::fs::read_dir(cli.0.path().join(profile)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), stolen.0.path().join(profile).join(file.file_name())).unwrap();
    }
    assert!(stolen.fails(&["history", "kitchen"], 5).contains("locked"));
    assert!(stolen.fails(&["lock", "remove"], 5).contains("locked"));
    assert!(stolen.ok(&["rooms", "--passphrase-file", &old]).contains("kitchen"), "its owner opens it anywhere");
}

#[cfg(unix)]
#[test]
fn a_passphrase_change_that_is_killed_leaves_the_old_one_or_the_new() {
    let cli = Cli::with_kitchen();
    let files = [phrase(&cli, "old", "soup on the stove"), phrase(&cli, "new", "bread in the oven")];
    cli.ok(&["lock", "set", "--new-passphrase-file", &files[0]]);
    for round in 0..12_u64 {
        let opens =
            |file: &String| cli.command(&["rooms", "--passphrase-file", file]).output().unwrap().status.success();
        let now = usize::from(!opens(&files[0]));
        assert!(opens(&files[now]), "round {round}: neither opens");
        let change = ["lock", "change", "--new-passphrase-file", &files[1 - now], "--passphrase-file", &files[now]];
        let mut child = cli.command(&change).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Somewhere in the stretching, the writing, or just after it.
        std::thread::sleep(std::time::Duration::from_millis(40 * round));
        let _ = child.kill();
        child.wait().unwrap();
    }
}

#[test]
fn a_second_device_is_linked_by_a_code_without_archive_or_account() {
    let dir = tempfile::tempdir().unwrap();
    let port = process::free_port().unwrap();
    let address = format!("127.0.0.1:{port}");
    let desktop = |args: &[&str]| {
        let mut command = process::parlor_on(dir.path(), "desktop", port).unwrap();
        command.args(["--wait", "5"]).args(args);
        command
    };
    let laptop = |args: &[&str]| {
        let mut command = process::parlor(dir.path(), "laptop", Some(&address)).unwrap();
        command.args(["--wait", "10"]).args(args);
        command
    };
    process::run(&mut desktop(&["init", "--name", "Anna"])).unwrap();
    process::run(&mut desktop(&["create", "kitchen"])).unwrap();
    process::run(&mut desktop(&["send", "kitchen", "soup is ready"])).unwrap();
    let room = process::run(&mut desktop(&["code", "kitchen"])).unwrap().trim().to_owned();
    let offer = Background::start(&mut desktop(&["devices", "offer"])).unwrap();
    let (_, said) = offer.wait_for("Code for one new device").unwrap();
    let code = said.rsplit(' ').next().unwrap().trim().to_owned();
    // Each kind of code is told apart where the other is wanted.
    let said = refused(&laptop(&["devices", "link", &room]).output().unwrap(), 2);
    assert!(said.contains("is for a room"), "{said}");
    let said = refused(&laptop(&["join", &code]).output().unwrap(), 2);
    assert!(said.contains("links a new device"), "{said}");
    let said = process::run(&mut laptop(&["devices", "link", &format!("parlor:link:{code}")])).unwrap();
    assert!(said.contains("This device is linked with") && said.contains("1 room"), "{said}");
    offer.wait_for("Linked: ").unwrap();
    let history = process::run(&mut laptop(&["history", "kitchen", "--offline"])).unwrap();
    assert!(history.contains("Anna: soup is ready"), "{history}");
    let devices = json(&process::run(&mut laptop(&["devices", "list", "--json", "--offline"])).unwrap());
    assert_eq!(devices.len(), 2);
    let id = devices[0]["device"].as_str().unwrap();
    assert_eq!(devices[0]["own"], true);
    process::run(&mut laptop(&["devices", "rename", &id[..8], "small one", "--offline"])).unwrap();
    let shown = process::run(&mut laptop(&["devices", "list", "--offline"])).unwrap();
    assert!(shown.contains("small one  (this one"), "{shown}");
    let said = refused(&laptop(&["devices", "rename", "nothing", "x", "--offline"]).output().unwrap(), 3);
    assert!(said.contains("parlor devices list"), "{said}");
    // Lost: the desktop has the room to itself again. The one that waited for the code goes by itself.
    let deadline = std::time::Instant::now() + parlor_tests::real::PATIENCE;
    while desktop(&["devices", "list", "--offline"]).output().unwrap().status.code() == Some(5) {
        assert!(std::time::Instant::now() < deadline, "it stays for ever");
    }
    let said = refused(&desktop(&["devices", "revoke", &id[..8]]).stdin(Stdio::null()).output().unwrap(), 2);
    assert!(said.contains("--yes"), "{said}");
    let said = process::run(&mut desktop(&["devices", "revoke", &id[..8], "--yes"])).unwrap();
    assert!(said.contains("is revoked"), "{said}");
    assert_eq!(json(&process::run(&mut desktop(&["members", "kitchen", "--json", "--offline"])).unwrap()).len(), 1);
    assert!(process::run(&mut desktop(&["devices", "list", "--offline"])).unwrap().contains("(revoked "));
    let said = refused(&desktop(&["devices", "revoke", "nothing", "--yes", "--offline"]).output().unwrap(), 3);
    assert!(said.contains("parlor devices list"), "{said}");
}
