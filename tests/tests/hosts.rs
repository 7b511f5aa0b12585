//! Several hosts in a network of their own, found by mDNS: nothing is configured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

use parlor_tests::{
    lan::Lan,
    process::{Background, run},
    real::PATIENCE,
};
use std::{path::Path, time::Instant};

fn up(lan: &Lan, host: u8, dir: &Path, who: &str) -> Background {
    run(lan.on(host, "parlor", dir).args(["--profile", who, "init", "--name", who])).unwrap();
    Background::start(lan.on(host, "parlor", dir).args(["--profile", who, "run", "--json"])).unwrap()
}

fn ask(who: &mut Background, line: &str) -> String {
    who.tell(line).unwrap();
    let id = line.split('"').nth(3).unwrap();
    let (_, answer) = who.wait_for(&format!(r#""id":"{id}""#)).unwrap();
    assert!(answer.contains(r#""ok":"#), "{answer}");
    answer
}

fn say(who: &mut Background, text: &str) {
    ask(who, &format!(r#"{{"id":"{text}","cmd":"send","room":"kitchen","text":"{text}"}}"#));
}

/// Makes the room kitchen as Anna on host 0, and gives its code.
fn kitchen(lan: &Lan, dir: &Path) -> String {
    let parlor = || {
        let mut command = lan.on(0, "parlor", dir);
        command.args(["--profile", "Anna", "--wait", "0"]);
        command
    };
    run(parlor().args(["init", "--name", "Anna"])).unwrap();
    run(parlor().args(["create", "kitchen"])).unwrap();
    run(parlor().args(["code", "kitchen"])).unwrap().trim().to_owned()
}

#[test]
fn two_hosts_find_each_other_join_by_code_and_chat_also_after_a_cut() {
    let Some(lan) = Lan::with(2) else { return };
    let dir = tempfile::tempdir().unwrap();
    // What Docker and VPNs leave behind: a bridge without anybody, and an interface that is down.
    lan.change(0, &["link", "add", "docker0", "type", "bridge"]);
    lan.change(0, &["addr", "add", "172.17.0.1/16", "dev", "docker0"]);
    lan.change(0, &["link", "set", "docker0", "up"]);
    lan.change(0, &["link", "add", "tun9", "type", "bridge"]);
    let code = kitchen(&lan, dir.path());
    let mut ben = up(&lan, 1, dir.path(), "Ben");
    ben.tell(&format!(r#"{{"id":"join","cmd":"join","code":"{code}"}}"#)).unwrap();
    // Ben waits already when Anna comes.
    let mut anna = up(&lan, 0, dir.path(), "Anna");
    assert!(ben.wait_for(r#"{"id":"join","#).unwrap().1.contains(r#""ok""#));
    say(&mut anna, "soup");
    ben.wait_for("soup").unwrap();
    say(&mut ben, "coming");
    anna.wait_for("coming").unwrap();
    lan.cut(1);
    say(&mut anna, "written while cut off");
    say(&mut ben, "me too");
    lan.mend(1);
    anna.wait_for("me too").unwrap();
    ben.wait_for("written while cut off").unwrap();
}

/// Waits until somebody has seen all of these.
fn sees(who: &Background, texts: &[String]) {
    texts.iter().for_each(|text| who.until_said(&format!(r#""text":"{text}""#)).unwrap());
}

#[test]
fn five_hosts_find_each_other_and_both_sides_of_a_divided_network_come_together_again() {
    const NAMES: [&str; 5] = ["Anna", "Ben", "Cleo", "Dan", "Eva"];
    let Some(lan) = Lan::with(5) else { return };
    let dir = tempfile::tempdir().unwrap();
    let code = kitchen(&lan, dir.path());
    let mut all: Vec<Background> = (0..5).map(|at| up(&lan, at, dir.path(), NAMES[usize::from(at)])).collect();
    for who in &mut all {
        // Everybody is connected with everybody, which nobody configured.
        let deadline = Instant::now() + PATIENCE;
        while ask(who, r#"{"id":"peers","cmd":"connection"}"#).matches(r#""device""#).count() < 4 {
            assert!(Instant::now() < deadline, "somebody was not found");
            who.wait_for("connection_changed").unwrap();
        }
    }
    for who in &mut all[1..] {
        ask(who, &format!(r#"{{"id":"join","cmd":"join","code":"{code}"}}"#));
    }
    let mut round = |what: &str| {
        let texts: Vec<String> = NAMES.iter().map(|name| format!("{name} {what}")).collect();
        all.iter_mut().zip(&texts).for_each(|(who, text)| say(who, text));
        texts
    };
    let hello = round("says hello");
    lan.split(&[3, 4]);
    let apart = round("is cut off");
    lan.rejoin();
    let again = round("is back");
    for who in &all {
        sees(who, &hello);
        sees(who, &apart);
        sees(who, &again);
    }
}

#[test]
fn a_host_that_gets_another_address_is_found_again() {
    let Some(lan) = Lan::with(2) else { return };
    let dir = tempfile::tempdir().unwrap();
    let code = kitchen(&lan, dir.path());
    let mut anna = up(&lan, 0, dir.path(), "Anna");
    let mut ben = up(&lan, 1, dir.path(), "Ben");
    ask(&mut ben, &format!(r#"{{"id":"join","cmd":"join","code":"{code}"}}"#));
    lan.change(1, &["addr", "flush", "dev", "eth0"]);
    lan.change(1, &["addr", "add", "10.77.0.99/24", "dev", "eth0"]);
    say(&mut anna, "where are you");
    ben.wait_for("where are you").unwrap();
    say(&mut ben, "here");
    anna.wait_for("here").unwrap();
}

#[test]
fn an_archive_on_a_third_host_lets_a_late_one_read_while_the_others_are_off() {
    let Some(lan) = Lan::with(3) else { return };
    let dir = tempfile::tempdir().unwrap();
    let archive_dir = dir.path().join("archive");
    let archive = Background::start(&mut lan.on(2, "parlor-archive", &archive_dir)).unwrap();
    archive.wait_for("is running").unwrap();
    let code = kitchen(&lan, dir.path());
    {
        let mut anna = up(&lan, 0, dir.path(), "Anna");
        say(&mut anna, "only once");
        // The line that she made the room is archived as well, and may be so before.
        while !anna.wait_for(r#""archived":true"#).unwrap().1.contains("only once") {}
        // It also has what lets people in by the code.
        anna.wait_for(r#""kept":true"#).unwrap();
        assert!(anna.stop().unwrap());
    }
    let parlor = || {
        let mut command = lan.on(1, "parlor", dir.path());
        command.args(["--profile", "Ben"]);
        command
    };
    run(parlor().args(["init", "--name", "Ben"])).unwrap();
    run(parlor().args(["join", &code])).unwrap();
    assert!(run(parlor().args(["history", "kitchen", "--offline"])).unwrap().contains("Anna: only once"));
}

#[test]
fn the_doctor_sees_each_interface_and_the_other_host() {
    let Some(lan) = Lan::with(2) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut anna = up(&lan, 0, dir.path(), "Anna");
    let report = run(lan.on(1, "parlor", dir.path()).arg("doctor")).unwrap();
    assert!(report.contains("eth0") && report.contains(&Lan::address(1)), "{report}");
    assert!(report.contains(&Lan::address(0)), "the other host is missing:\n{report}");
    assert!(anna.stop().unwrap());
    // Alone, and on a network that cannot do it, it says what to do.
    lan.change(1, &["link", "set", "eth0", "multicast", "off"]);
    let report = run(lan.on(1, "parlor", dir.path()).arg("doctor")).unwrap();
    assert!(report.contains("by hand") || report.contains("address"), "{report}");
}
