//! Programs killed in the middle of what changes an account or a room's epoch: at chosen pieces on
//! the wire between a member and its archive, so before, between and after every step. What was
//! under way is done or not, never half, and a person can always sign in with exactly one password.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::{
    house::House,
    process::{self, Background},
    relay::{self, Relay},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Moments at which each operation is killed.
const MOMENTS: usize = 8;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Member,
    Archive,
}

/// When somebody dies, and who.
type Moment = (relay::Moment, Victim);

/// Whether what was on its way may still be taken by the archive after somebody was killed.
fn may_come_late((moment, victim): Moment) -> bool {
    moment.arrives && victim == Victim::Member
}

/// A house whose first member reaches the archive through a relay.
struct Scene {
    house: House,
    relay: Relay,
    rng: ChaCha20Rng,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let seed = std::env::var("PARLOR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(seed);
        let house = House::open(&[], None).unwrap();
        house.newcomer("anna").unwrap();
        let relay = Relay::start(house.port()).unwrap();
        Self { house, relay, rng: ChaCha20Rng::seed_from_u64(seed) }
    }

    /// Carries an operation out undisturbed, to see how many pieces it is.
    fn measure(&mut self, args: &[&str]) -> usize {
        self.relay.trap(None);
        process::run(&mut self.house.parlor("anna", Some(&self.relay), args).unwrap()).unwrap();
        self.relay.passed()
    }

    /// Moments of an operation of so many pieces, spread from where the two have met to the end.
    fn moments(&mut self, pieces: usize) -> Vec<Moment> {
        let victim = |number| if number % 3 == 2 { Victim::Archive } else { Victim::Member };
        let moments = relay::moments(&mut self.rng, pieces, MOMENTS).into_iter().enumerate();
        moments.map(|(number, moment)| (moment, victim(number))).collect()
    }

    /// Begins an operation, and kills somebody at a moment. Gives whether it said that all went well:
    /// who is killed says nothing.
    fn kill_at(&mut self, (moment, victim): Moment, args: &[&str]) -> bool {
        self.relay.trap(Some(moment.piece));
        let mut member = Background::start(&mut self.house.parlor("anna", Some(&self.relay), args).unwrap()).unwrap();
        let is_held = self.relay.until_held(|| member.has_ended().unwrap());
        match victim {
            Victim::Member => {
                // What is held is in the hands of the network: it arrives, or is lost with its sender.
                member.kill().unwrap();
                self.relay.release(moment.arrives);
                false
            }
            Victim::Archive => {
                if is_held {
                    self.house.kill_archive().unwrap();
                    self.relay.release(false);
                    self.house.start_archive().unwrap();
                }
                member.ends_well().unwrap()
            }
        }
    }
}

#[test]
fn after_a_killed_change_of_the_password_exactly_one_of_the_two_opens_the_account() {
    let mut scene = Scene::new(11);
    let mut words = (0..).map(|number| format!("good password number {number}"));
    let mut current = words.next().unwrap();
    scene.house.register("anna", "anna", &current).unwrap();
    scene.house.ask("anna", &["create", "kitchen"]).unwrap();
    let passwd = |scene: &Scene, old: &str, new: &str| {
        let files = [scene.house.file(old).unwrap(), scene.house.file(new).unwrap()];
        ["account", "passwd", "--password-file", &files[0], "--new-password-file", &files[1]].map(str::to_owned)
    };
    let next = words.next().unwrap();
    let args = passwd(&scene, &current, &next);
    let pieces = scene.measure(&args.each_ref().map(String::as_str));
    current = next;
    let (mut changed, mut kept) = (0, 0);
    for (number, moment) in scene.moments(pieces).into_iter().enumerate() {
        let next = words.next().unwrap();
        let args = passwd(&scene, &current, &next);
        let said_done = scene.kill_at(moment, &args.each_ref().map(String::as_str));
        let fresh = format!("fresh{number}");
        let look = || [&current, &next].map(|password| scene.house.opens(&fresh, "anna", password).unwrap());
        let mut opens = look();
        if opens == [true, true] && may_come_late(moment) {
            // It was changed between the two looks.
            opens = look();
        }
        assert!(opens[0] != opens[1], "{moment:?}: old and new open {opens:?}");
        assert!(!said_done || opens[1], "{moment:?}: it was said to be changed");
        // The machine itself is still signed in, and finds its way with the one that is right.
        let devices = scene.house.ask("anna", &["account", "devices"]);
        assert!(devices.as_ref().is_ok_and(|said| said.contains("this one")), "{moment:?}: {devices:?}");
        if opens[1] {
            current = next;
            changed += 1;
        } else {
            kept += 1;
        }
    }
    assert!(kept > 0 && changed + kept == MOMENTS, "{changed} were changed, {kept} not");
    scene.house.log_in("last", "anna", &current).unwrap();
    assert!(scene.house.ask("last", &["rooms"]).unwrap().contains("kitchen"), "the vault opens as well");
}

#[test]
fn a_killed_registration_made_an_account_or_left_the_name_free() {
    let mut scene = Scene::new(12);
    const PASSWORD: &str = "correct horse battery";
    let file = scene.house.file(PASSWORD).unwrap();
    let pieces = scene.measure(&["account", "register", "first", "--new-password-file", &file]);
    scene.house.ask("anna", &["account", "logout", "--yes"]).unwrap();
    let (mut made, mut free) = (0, 0);
    for (number, moment) in scene.moments(pieces).into_iter().enumerate() {
        let name = format!("person{number}");
        // One device may make four accounts at once and then one a minute; who starts anew counts anew.
        scene.house.kill_archive().unwrap();
        scene.house.start_archive().unwrap();
        let said_done = scene.kill_at(moment, &["account", "register", &name, "--new-password-file", &file]);
        let look = || scene.house.users(&["list"]).unwrap().contains(&name);
        let mut is_made = look();
        let opens = scene.house.opens("fresh", &name, PASSWORD).unwrap();
        // It may have been made between the two looks.
        is_made |= opens && may_come_late(moment) && look();
        assert!(!said_done || is_made, "{moment:?}");
        assert_eq!(opens, is_made, "{moment:?}: half an account");
        let signed_in = scene.house.ask("anna", &["account", "status"]).unwrap().contains(&name);
        if !is_made && let Err(error) = scene.house.register("anna", &name, PASSWORD) {
            // Or after them.
            assert!(may_come_late(moment) && look(), "{moment:?}: the name is free: {error:#}");
            assert!(scene.house.opens("fresh", &name, PASSWORD).unwrap(), "{moment:?}: half an account");
            is_made = true;
        }
        if is_made {
            made += 1;
            if !signed_in {
                // It did not hear that it is signed in; the password says so.
                scene.house.log_in("anna", &name, PASSWORD).unwrap();
            }
        } else {
            free += 1;
            assert!(!signed_in, "{moment:?}: signed in to nothing");
        }
        scene.house.ask("anna", &["account", "logout", "--yes"]).unwrap();
    }
    assert!(free > 0 && made + free == MOMENTS, "{made} were made, {free} not");
}

#[test]
fn rooms_whose_way_into_the_vault_was_cut_off_come_to_the_other_machine_all_the_same() {
    let mut scene = Scene::new(13);
    scene.house.register("anna", "anna", "correct horse battery").unwrap();
    scene.house.log_in("laptop", "anna", "correct horse battery").unwrap();
    let pieces = scene.measure(&["create", "room 0"]);
    for (number, moment) in scene.moments(pieces).into_iter().enumerate() {
        let room = format!("attic {number}");
        let said_done = scene.kill_at(moment, &["create", &room]);
        let is_made = scene.house.ask("anna", &["rooms", "--offline"]).unwrap().contains(&room);
        assert!(!said_done || is_made, "{moment:?}");
        if !is_made {
            continue;
        }
        let mut laptop =
            Background::start(&mut scene.house.parlor("laptop", None, &["run", "--json"]).unwrap()).unwrap();
        let mut anna = Background::start(&mut scene.house.parlor("anna", None, &["run"]).unwrap()).unwrap();
        // The laptop hears of it from the vault and from nothing else: nobody gave it a code.
        laptop.wait_for(&room).unwrap_or_else(|error| panic!("{moment:?}: {error}"));
        // The laptop may have it from the vault before she is up.
        anna.wait_for("is up").unwrap();
        // It is told of what it has not written yet; who is killed then learns of it once more, some time.
        assert!(anna.stop().unwrap() && laptop.stop().unwrap());
    }
    let rooms = |who| {
        let mut rooms: Vec<String> = scene
            .house
            .ask(who, &["rooms"])
            .unwrap()
            .lines()
            .map(|line| line.split("  ").next().unwrap().into())
            .collect();
        rooms.sort();
        rooms
    };
    assert_eq!(rooms("anna"), rooms("laptop"));
}

#[test]
fn a_killed_change_of_the_epoch_is_there_for_everybody_or_for_nobody() {
    let mut scene = Scene::new(14);
    scene.house.newcomer("ben").unwrap();
    scene.house.ask("anna", &["create", "kitchen"]).unwrap();
    let code = scene.house.ask("anna", &["code", "kitchen"]).unwrap();
    scene.house.ask("ben", &["join", code.trim()]).unwrap();
    let lifetime = |house: &House, who| {
        let said = house.ask(who, &["policy", "kitchen"]).unwrap();
        let line = said.lines().find_map(|line| line.strip_prefix("messages vanish after: "));
        line.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let pieces = scene.measure(&["policy", "kitchen", "--vanish", "100h"]);
    let mut before = lifetime(&scene.house, "ben");
    for (number, moment) in scene.moments(pieces).into_iter().enumerate() {
        let hours = 200 + number;
        scene.kill_at(moment, &["policy", "kitchen", "--vanish", &format!("{hours}h")]);
        let text = format!("after {number}");
        let sent = scene.house.ask("anna", &["send", "kitchen", &text]).unwrap();
        let read = scene.house.ask("ben", &["history", "kitchen"]).unwrap();
        assert!(read.contains(&text), "{moment:?}: {text:?} was sent ({sent:?}) and is not in {read}");
        let (here, there) = (lifetime(&scene.house, "anna"), lifetime(&scene.house, "ben"));
        assert_eq!(here, there, "{moment:?}");
        let after = format!("{} s", hours * 3_600);
        assert!(here == before || here == after, "{moment:?}: {here}, before {before}");
        before = here;
    }
}
