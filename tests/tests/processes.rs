//! The main job with the real programs: nothing is shared but the network of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::{
    process::{self, Background, free_port},
    secrecy::reads_nothing,
};
use tempfile::TempDir;

/// A folder, an archive in it, and people who are told its address.
struct House {
    dir: TempDir,
    port: u16,
}

impl House {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), port: free_port().unwrap() }
    }

    fn archive(&self) -> Background {
        let archive = Background::start(&mut process::archive(&self.archive_dir(), self.port).unwrap()).unwrap();
        archive.wait_for("is running").unwrap();
        archive
    }

    fn archive_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("archive")
    }

    fn ask(&self, who: &str, args: &[&str]) -> String {
        let address = format!("127.0.0.1:{}", self.port);
        let mut command = process::parlor(self.dir.path(), who, Some(&address)).unwrap();
        process::run(command.args(args)).unwrap_or_else(|error| panic!("parlor {args:?}: {error}"))
    }

    fn up(&self, who: &str) -> Background {
        let address = format!("127.0.0.1:{}", self.port);
        let mut command = process::parlor(self.dir.path(), who, Some(&address)).unwrap();
        Background::start(command.args(["run", "--json"])).unwrap()
    }

    fn newcomer(&self, who: &str) {
        self.ask(who, &["init", "--name", who]);
    }
}

fn say(who: &mut Background, text: &str) {
    who.tell(&format!(r#"{{"cmd":"send","room":"kitchen","text":"{text}"}}"#)).unwrap();
}

/// Says something and waits until the archive has it.
fn say_archived(who: &mut Background, text: &str) {
    say(who, text);
    loop {
        let (_, line) = who.wait_for(r#""archived":true"#).unwrap();
        if line.contains(text) {
            return;
        }
    }
}

#[test]
fn a_room_lives_through_absence_of_everybody_and_restarts_of_the_archive() {
    let house = House::new();
    let mut archive = house.archive();
    for who in ["Anna", "Ben", "Carla"] {
        house.newcomer(who);
    }
    let made = house.ask("Anna", &["create", "kitchen"]);
    let code = house.ask("Anna", &["code", "kitchen"]).trim().to_owned();
    assert!(made.contains(&code), "{made}");
    // Anna is off by now: the archive alone lets Ben in.
    assert!(house.ask("Ben", &["join", &code]).contains("kitchen"));
    {
        let (mut anna, mut ben) = (house.up("Anna"), house.up("Ben"));
        say_archived(&mut anna, "soup is ready");
        ben.wait_for("soup is ready").unwrap();
        say_archived(&mut ben, "on my way");
        anna.wait_for("on my way").unwrap();
        assert!(anna.stop().unwrap() && ben.stop().unwrap());
    }
    assert!(archive.stop().unwrap());
    let first_log = archive.said();
    let mut archive = house.archive();
    // Nobody but the archive is up.
    house.ask("Carla", &["join", &code]);
    let history = house.ask("Carla", &["history", "kitchen"]);
    assert!(history.contains("Anna: soup is ready") && history.contains("Ben: on my way"), "{history}");
    // What it shows might be old, and it says so as long as no member was met.
    let rooms = house.ask("Carla", &["rooms"]);
    assert!(rooms.contains("only the archive has answered so far"), "{rooms}");
    let rooms = house.ask("Carla", &["--json", "rooms"]);
    assert!(rooms.contains(r#""unconfirmed":true"#), "{rooms}");
    {
        // The archive is gone, then back: what was written meanwhile reaches it.
        let (mut anna, mut carla) = (house.up("Anna"), house.up("Carla"));
        say_archived(&mut anna, "with it");
        archive.kill().unwrap();
        say(&mut carla, "without it");
        carla.wait_for("without it").unwrap();
        archive = house.archive();
        loop {
            let (_, line) = carla.wait_for(r#""archived":true"#).unwrap();
            if line.contains("without it") {
                break;
            }
        }
    }
    let rooms = house.ask("Carla", &["rooms"]);
    assert!(rooms.contains("kitchen") && !rooms.contains("only the archive"), "{rooms}");
    house.ask("Ben", &["send", "kitchen", "last words"]);
    let history = house.ask("Ben", &["history", "kitchen"]);
    let expected = ["soup is ready", "on my way", "with it", "without it", "last words"];
    let places: Vec<_> = expected.iter().map(|text| history.find(text).expect(text)).collect();
    assert!(places.is_sorted(), "{history}");
    assert!(archive.stop().unwrap());
    let typed = code.replace('-', "");
    let known = [&expected[..], &["kitchen", "Anna", "Ben", "Carla", &code, &typed]].concat();
    reads_nothing(&house.archive_dir(), &(first_log + &archive.said()), &known);
}

#[test]
fn a_killed_node_has_what_it_acknowledged() {
    let house = House::new();
    house.newcomer("Anna");
    house.ask("Anna", &["create", "kitchen", "--wait", "0"]);
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let mut anna = house.up("Anna");
        for at in 0..20 {
            let text = format!("round {round} message {at}");
            anna.tell(&format!(r#"{{"id":"{text}","cmd":"send","room":"kitchen","text":"{text}"}}"#)).unwrap();
        }
        let until = format!(r#"{{"id":"round {round} message {}","ok""#, 3 * round + 2);
        anna.wait_for(&until).unwrap();
        anna.kill().unwrap();
        let said = anna.said();
        let is_answer = |line: &&str| line.starts_with(r#"{"id":"round"#) && line.contains(r#""ok""#);
        acknowledged
            .extend(said.lines().filter(is_answer).filter_map(|line| line.split('"').nth(3)).map(str::to_owned));
    }
    assert!(acknowledged.len() >= 15, "{acknowledged:?}");
    let history = house.ask("Anna", &["history", "kitchen"]);
    for text in acknowledged {
        assert_eq!(history.lines().filter(|line| line.ends_with(&format!(": {text}"))).count(), 1, "{text}\n{history}");
    }
}

#[test]
fn one_person_writes_to_another_who_accepts_verifies_and_blocks() {
    let house = House::new();
    let archive = house.archive();
    ["anna", "ben"].into_iter().for_each(|who| house.newcomer(who));
    let made = house.ask("anna", &["create", "kitchen"]);
    let code = made.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    house.ask("ben", &["join", &code]);
    let mut ben = house.up("ben");
    // The archive helps them to nothing here: a knock goes from machine to machine.
    let at = ben.wait_for("/ip4/127.0.0.1/tcp/").unwrap().1;
    let port: String =
        at.split("/ip4/127.0.0.1/tcp/").nth(1).unwrap().chars().take_while(char::is_ascii_digit).collect();
    let address = format!("127.0.0.1:{port}");
    let sent = house.ask("anna", &["--connect", &address, "--wait", "5", "dm", "ben", "just between us"]);
    assert!(sent.contains("asks whether to accept"), "nobody says that it was read: {sent}");
    // He is told of the request before it is on his disk.
    assert!(ben.stop().unwrap());
    assert!(house.ask("ben", &["--offline", "requests"]).contains("anna"));
    assert!(house.ask("ben", &["--offline", "tail", "anna"]).contains("just between us"));
    house.ask("ben", &["requests", "anna", "accept"]);
    house.ask("ben", &["send", "anna", "good"]);
    assert!(house.ask("anna", &["tail", "ben"]).contains("good"), "from then on the archive serves it");
    let shown = house.ask("anna", &["--json", "verify", "ben"]);
    let text = shown.split("parlor:verify:").nth(1).unwrap().chars().take(64).collect::<String>();
    assert!(house.ask("ben", &["verify", "anna", &format!("parlor:verify:{text}")]).contains("is verified"));
    assert!(house.ask("ben", &["--offline", "people"]).contains("anna  (verified"));
    house.ask("ben", &["block", "anna"]);
    assert!(house.ask("ben", &["--offline", "tail", "anna"]).contains("hidden: you blocked this person"));
    drop(archive);
}
