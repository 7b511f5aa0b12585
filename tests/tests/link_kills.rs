//! Programs killed in the middle of linking a device, at chosen pieces on the wire between the two: on
//! the new one the link is done or not, never half; what was not done can be done anew; and whatever
//! happens, neither side loses a room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::{
    process::{self, Background, free_port},
    relay::{Moment, Relay, moments},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::Value;
use std::{collections::BTreeSet, process::Command};

/// Moments at which a link is killed; each side at every other one.
const MOMENTS: usize = 12;
/// How long a command waits for others, in seconds.
const WAIT: &str = "4";

/// Which side is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Old,
    New,
}

/// Anna's machine at a port, and a relay to it for her new ones.
struct Scene {
    dir: tempfile::TempDir,
    port: u16,
    relay: Relay,
}

impl Scene {
    fn new() -> Self {
        let port = free_port().unwrap();
        let scene = Self { dir: tempfile::tempdir().unwrap(), port, relay: Relay::start(port).unwrap() };
        for args in [&["init", "--name", "anna"][..], &["create", "kitchen"], &["send", "kitchen", "hello"]] {
            process::run(scene.anna(args).arg("--offline")).unwrap();
        }
        scene
    }

    fn anna(&self, args: &[&str]) -> Command {
        let mut command = process::parlor_on(self.dir.path(), "anna", self.port).unwrap();
        command.args(["--wait", WAIT, "--json"]).args(args);
        command
    }

    /// A new machine, which reaches anna's through the relay.
    fn new_one(&self, profile: &str, args: &[&str]) -> Command {
        let address = format!("127.0.0.1:{}", self.relay.port());
        let mut command = process::parlor(self.dir.path(), profile, Some(&address)).unwrap();
        command.args(["--wait", WAIT, "--json"]).args(args);
        command
    }

    /// Somebody new, with a room of their own.
    fn newcomer(&self, profile: &str) {
        let cellar = format!("cellar of {profile}");
        for args in [&["init", "--name", profile][..], &["create", &cellar], &["send", &cellar, "potatoes"]] {
            process::run(self.new_one(profile, args).arg("--offline")).unwrap();
        }
    }

    /// Anna's machine shows a code.
    fn offer(&self) -> (Background, String) {
        let old = Background::start(&mut self.anna(&["devices", "offer"])).unwrap();
        let line = old.wait_for(r#""code""#).unwrap().1;
        (old, serde_json::from_str::<Value>(&line).unwrap()["code"].as_str().unwrap().to_owned())
    }

    /// Links a device undisturbed; how many pieces that was until the old one told of it. What follows is the
    /// rooms' ordinary talk.
    fn link(&self, profile: &str) -> usize {
        self.relay.trap(None);
        let (mut old, code) = self.offer();
        let mut new = Background::start(&mut self.new_one(profile, &["devices", "link", &code])).unwrap();
        old.wait_for("linked").unwrap();
        let pieces = self.relay.passed();
        assert!(new.ends_well().unwrap());
        assert!(old.ends_well().unwrap());
        pieces
    }

    /// Links a device and kills a side at a moment. Gives whether the new one said that all went well.
    fn kill_at(&self, moment: Moment, victim: Victim, profile: &str) -> bool {
        let (mut old, code) = self.offer();
        self.relay.trap(Some(moment.piece));
        let mut new = Background::start(&mut self.new_one(profile, &["devices", "link", &code])).unwrap();
        self.relay.until_held(|| new.has_ended().unwrap());
        let said_done = match victim {
            Victim::New => {
                // What is held is in the hands of the network: it arrives, or is lost with its sender.
                new.kill().unwrap();
                self.relay.release(moment.arrives);
                false
            }
            Victim::Old => {
                old.kill().unwrap();
                self.relay.release(moment.arrives);
                new.ends_well().unwrap()
            }
        };
        if victim == Victim::New && !old.has_ended().unwrap() {
            old.stop().unwrap();
        }
        said_done
    }
}

/// What a machine has, without anybody's help.
#[derive(Debug)]
struct Has {
    rooms: BTreeSet<String>,
    devices: BTreeSet<String>,
    own: String,
}

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn has(command: impl Fn(&[&str]) -> Command) -> Has {
    let ask = |args: &[&str]| lines(&process::run(command(args).arg("--offline")).unwrap());
    let devices = ask(&["devices", "list"]);
    let id = |device: &Value| device["device"].as_str().unwrap().to_owned();
    Has {
        rooms: ask(&["rooms"]).iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect(),
        own: devices.iter().find(|device| device["own"] == true).map(id).unwrap(),
        devices: devices.iter().map(id).collect(),
    }
}

/// Whose device it is, as it says itself in a room.
fn user(mut members: Command) -> String {
    let members = lines(&process::run(members.arg("--offline")).unwrap());
    members.iter().find(|member| member["own"] == true).unwrap()["user"].as_str().unwrap().to_owned()
}

#[test]
fn a_device_whose_link_was_killed_anywhere_is_linked_or_not_and_can_be_linked_anew() {
    let scene = Scene::new();
    let seed = std::env::var("PARLOR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(21);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    scene.newcomer("first");
    let pieces = scene.link("first");
    let anna = user(scene.anna(&["members", "kitchen"]));
    let (mut done, mut undone, mut listed) = (0, 0, 0);
    for (number, moment) in moments(&mut rng, pieces, MOMENTS).into_iter().enumerate() {
        let victim = if number % 2 == 0 { Victim::New } else { Victim::Old };
        let profile = format!("new{number}");
        let on_new = |args: &[&str]| scene.new_one(&profile, args);
        let cellar = format!("cellar of {profile}");
        scene.newcomer(&profile);
        let said_done = scene.kill_at(moment, victim, &profile);
        scene.relay.trap(None);
        let what = format!("{moment:?} {victim:?} {profile}");
        let (old, new) = (has(|args| scene.anna(args)), has(on_new));
        assert!(new.rooms.contains(&cellar), "{what}: its own room: {new:?}");
        assert!(old.rooms.contains("kitchen"), "{what}: {old:?}");
        let is_linked = new.rooms.contains("kitchen");
        assert!(!said_done || is_linked, "{what}: it was said to be linked");
        if is_linked {
            done += 1;
            assert!(new.devices.contains(&old.own), "{what}: half a link: {new:?}");
            // Who was given everything is on the list: also a crash hides nobody.
            assert!(old.devices.contains(&new.own), "{what}: {old:?}");
        } else {
            undone += 1;
            listed += usize::from(old.devices.contains(&new.own));
            assert_eq!((new.rooms.len(), new.devices.len()), (1, 1), "{what}: half a link: {new:?}");
            assert_ne!(user(on_new(&["members", &cellar])), anna, "{what}");
            scene.link(&profile);
        }
        let home = Background::start(&mut scene.anna(&["run"])).unwrap();
        let text = format!("from {profile}");
        process::run(&mut on_new(&["send", "kitchen", &text])).unwrap();
        home.wait_for(&text).unwrap();
        home.until_said(&cellar).unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut home = home;
        assert!(home.stop().unwrap());
        let told = |mut command: Command| process::run(command.arg("--offline")).unwrap();
        // Whichever it was: it is anna's, and speaks and is heard in all rooms of both.
        assert_eq!(user(on_new(&["members", "kitchen"])), anna, "{what}");
        assert!(told(on_new(&["history", "kitchen"])).contains("hello"), "{what}");
        assert!(told(on_new(&["history", &cellar])).contains("potatoes"), "{what}");
        let old = has(|args| scene.anna(args));
        assert!(old.devices.contains(&new.own) && old.rooms.contains(&cellar), "{what}: {old:?}");
    }
    assert!(done > 0 && undone > 0, "{done} were linked, {undone} not");
    println!("{done} were linked, {undone} not, {listed} of those were on the list");
}
