//! Programs that are killed under load: nothing acknowledged is lost, nothing is there twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_tests::{
    mongodb::Server,
    process::{self, Background, free_port, run},
    skip::cannot_run,
};

const MESSAGES: usize = 300;

/// Sends while `trouble` is made now and then, and then reads the room from the archive as a
/// newcomer, with nobody else up.
fn under_load(port: u16, mut start: impl FnMut() -> Background, mut trouble: impl FnMut(&mut Background)) {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{port}");
    let parlor = |who: &str| process::parlor(dir.path(), who, Some(&address)).unwrap();
    let mut archive = start();
    for who in ["Anna", "Ben"] {
        run(parlor(who).args(["init", "--name", who])).unwrap();
    }
    run(parlor("Anna").args(["create", "kitchen"])).unwrap();
    let code = run(parlor("Anna").args(["code", "kitchen"])).unwrap();
    let mut anna = Background::start(parlor("Anna").args(["run", "--json"])).unwrap();
    for at in 0..MESSAGES {
        anna.tell(&format!(r#"{{"id":"m{at}","cmd":"send","room":"kitchen","text":"message {at}"}}"#)).unwrap();
        if at % 60 == 30 {
            trouble(&mut archive);
        }
        if at % 10 == 9 {
            let (_, answer) = anna.wait_for(&format!(r#""id":"m{at}""#)).unwrap();
            assert!(answer.contains(r#""ok""#), "{answer}");
        }
    }
    let last = format!(r#""text":"message {}""#, MESSAGES - 1);
    while !anna.wait_for(r#""archived":true"#).unwrap().1.contains(&last) {}
    assert!(anna.stop().unwrap());
    run(parlor("Ben").args(["join", code.trim()])).unwrap();
    let history = run(parlor("Ben").args(["history", "kitchen", "--offline"])).unwrap();
    let texts: Vec<_> = history.lines().filter_map(|line| line.split_once("Anna: ")).map(|(_, text)| text).collect();
    let expected: Vec<_> = (0..MESSAGES).map(|at| format!("message {at}")).collect();
    assert_eq!(texts, expected);
    assert!(archive.stop().unwrap());
}

#[test]
fn an_archive_that_is_killed_again_and_again_has_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let start = || {
        let archive = Background::start(process::archive(dir.path(), port).unwrap().env_remove("RUST_LOG")).unwrap();
        archive.wait_for("is running").unwrap();
        archive
    };
    under_load(port, start, |archive| {
        archive.kill().unwrap();
        *archive = start();
    });
}

#[test]
fn a_database_that_is_killed_again_and_again_has_everything_once() {
    let mut server = match Server::start() {
        Ok(server) => server,
        Err(reason) => {
            cannot_run(&reason.to_string());
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let uri = server.uri("parlor_kills");
    let start = || {
        let mut command = process::archive(dir.path(), port).unwrap();
        command.env("PARLOR_MONGODB", &uri).env_remove("RUST_LOG");
        let archive = Background::start(&mut command).unwrap();
        archive.wait_for("is running").unwrap();
        archive
    };
    under_load(port, start, |_| {
        server.kill().unwrap();
        server.restart().unwrap();
    });
}
