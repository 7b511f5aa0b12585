//! Replays the fuzz corpus: every input that was ever worth keeping runs in every test run.
//!
//! `PARLOR_WRITE_CORPUS=1` writes the seeds anew (one good and a few broken inputs for each
//! parser); what fuzzing finds is put beside them by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;
#[allow(unreachable_pub)]
#[path = "../../tests/fuzz/src/targets.rs"]
mod targets;

use parlor_protocol::{
    Locator, RoomCode, TopicId,
    epoch::{EpochChange, EpochRecord},
    invite::{Invitation, Invite, InviteBody},
    log::Height,
    signal::{Signal, SignalBody, SignalKind},
    wire::{Answer, Gossip, Refusal, Request, RoomRequest, Tail},
};
use std::{collections::BTreeSet, fs, path::PathBuf};
use support::{Device, Room, chain, flipped, genesis_body, log_of, name, rng, text};

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "fuzz", "corpus", target].iter().collect()
}

/// One good input or several for each target.
fn good_inputs() -> Vec<(&'static str, Vec<u8>)> {
    let mut rng = rng(77);
    let device = Device::new(&mut rng);
    let room = Room::new(&device, &mut rng);
    let code = RoomCode::random(&mut rng);
    let entries = chain(&device.key, room.id(), Height::EMPTY, 2);
    let (log, cert, genesis) =
        (log_of(device.id()), room.secrets.admit(device.id()), room.genesis.clone().into_inner());
    let change = EpochChange {
        removed: vec![device.id()],
        heads: vec![(log, Height::after(&entries[1]))],
        recipients: vec![(device.id(), device.prekey.public())],
        ..EpochChange::default()
    };
    let record = EpochRecord::seal(&room.secrets, &change, &[], &device.card(), &device.noise, &mut rng).unwrap();
    let invitation = Invitation {
        name: name("Kitchen"),
        genesis: genesis.clone(),
        epoch: room.secrets.id(),
        parents: Vec::new(),
        key: room.secrets.key().clone(),
        expires: None,
    };
    let invite = Invite::seal(&code.stretch().unwrap(), &invitation, &device.key, &mut rng).unwrap();
    let body = SignalBody { at: 5, kind: SignalKind::Offline };
    let signal = Signal::seal(&room.secrets, &device.key, body, &mut rng).unwrap();
    let ask = |ask| Request::Room { room: room.id(), cert: cert.clone(), ask }.encode().unwrap();
    let register =
        RoomRequest::Register { genesis: genesis.clone(), epochs: entries.clone(), topics: vec![TopicId::default()] };
    let tail = Tail { suffixes: vec![entries.clone()], openers: entries.clone(), total: 2 };
    vec![
        ("code", code.to_string().into_bytes()),
        ("code", code.link().to_lowercase().replace('-', " ").into_bytes()),
        ("entry", genesis.bytes().to_vec()),
        ("entry", entries[1].bytes().to_vec()),
        ("genesis", genesis_body(device.user.id()).encode().unwrap()),
        ("epoch", record.encode().unwrap()),
        ("admission", cert.encode().unwrap()),
        ("invite", InviteBody::Made(invite.clone()).encode().unwrap()),
        ("invite", InviteBody::Revoked(Locator([7; 16])).encode().unwrap()),
        ("content", text("hello").encode(4096).unwrap().to_vec()),
        ("gossip", Gossip::Entry(entries[0].clone()).encode().unwrap()),
        ("gossip", Gossip::Signal(signal).encode().unwrap()),
        ("request", Request::Invite(Locator([7; 16])).encode().unwrap()),
        ("request", ask(RoomRequest::Heights { digest: [3; 32] })),
        ("request", ask(RoomRequest::Page { log, from: 300 })),
        ("request", ask(RoomRequest::Tail { limit: 50 })),
        ("request", ask(RoomRequest::Push { entries: entries.clone() })),
        ("request", ask(RoomRequest::Received { heights: vec![(log, 2)] })),
        ("request", ask(register)),
        ("answer", Answer::Invite(Some(invite)).encode().unwrap()),
        ("answer", Answer::Heights(vec![(log, Height::after(&entries[1]))]).encode().unwrap()),
        ("answer", Answer::Page(entries).encode().unwrap()),
        ("answer", Answer::Tail(tail).encode().unwrap()),
        ("answer", Answer::Refused(Refusal::Busy { retry_ms: 900 }).encode().unwrap()),
    ]
}

fn write_seeds() {
    for (count, (target, good)) in good_inputs().into_iter().enumerate() {
        let folder = folder(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("good-{count:02}")), &good).unwrap();
        fs::write(folder.join(format!("cut-{count:02}")), &good[..good.len() * 2 / 3]).unwrap();
        fs::write(folder.join(format!("flipped-{count:02}")), flipped(&good, 9 + good.len())).unwrap();
    }
    for (target, _) in targets::TARGETS {
        fs::write(folder(target).join("empty"), []).unwrap();
        // A claim of 2^63 items or bytes, at the first place where a length may stand.
        fs::write(folder(target).join("long"), [1, 1, 253, 0, 0, 0, 0, 0, 0, 0, 128]).unwrap();
    }
}

#[test]
fn every_kept_input_is_read_or_refused_without_panic() {
    if std::env::var_os("PARLOR_WRITE_CORPUS").is_some() {
        write_seeds();
    }
    for (target, run) in targets::TARGETS {
        let inputs: Vec<_> = fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(inputs.len() >= 5, "{target} has {} inputs", inputs.len());
        for path in inputs {
            // The name of the input, for when it makes the parser panic.
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_folder_and_a_program_of_its_name() {
    let fuzz = folder("").join("..");
    let listed = |folder: &str| -> BTreeSet<String> {
        let files = fs::read_dir(fuzz.join(folder)).unwrap();
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let named: BTreeSet<String> = targets::TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    assert_eq!(listed("fuzz_targets"), named);
    assert_eq!(listed("corpus"), named);
}

#[test]
fn good_inputs_read_back_also_when_a_byte_is_altered() {
    let run = |target: &str, bytes: &[u8]| targets::TARGETS.iter().find(|(name, _)| *name == target).unwrap().1(bytes);
    for (target, good) in good_inputs() {
        run(target, &good);
        for at in 0..good.len() {
            for by in [1, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= by;
                run(target, &bytes);
            }
        }
    }
}
