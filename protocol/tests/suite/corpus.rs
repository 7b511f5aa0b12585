//! Replays the fuzz corpus through the fuzz targets. With `PARLOR_WRITE_VECTORS=1` the seeds are
//! written anew; what a fuzzer found is kept beside them under other names.

use crate::{
    examples,
    fixtures::{Device, Room, conversation, plain_log, rng, says},
    targets::TARGETS,
};
use parlor_protocol::{
    LinkCode, Role, RoomCode,
    account::RecoveryKey,
    content::{Body, Content},
    epoch::{EpochChange, EpochRecord, RoomSettings, Stamp},
    guard::{Guard, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
    limits::BODY_MAX,
    wire::{Answer, HEADER_LEN},
};
use std::{fs, path::PathBuf};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus")
}

/// One good example or a few for each target.
fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let (room, device) = (Room::new(1), Device::new(2));
    let code = RoomCode::random(&mut rng(1));
    let log = conversation(&room, &device, &["one", "two"], 1);
    let plain = plain_log(&room, &device, 3);
    let page: Vec<u8> = plain
        .iter()
        .flat_map(|entry| [&u16::try_from(entry.bytes().len()).unwrap().to_le_bytes(), entry.bytes().as_ref()].concat())
        .collect();
    let mixed: Vec<u8> = log
        .iter()
        .enumerate()
        .map(|(at, entry)| if at == 1 { entry.pruned() } else { entry.clone() })
        .flat_map(|entry| [&u16::try_from(entry.bytes().len()).unwrap().to_le_bytes(), entry.bytes().as_ref()].concat())
        .collect();
    let change = EpochChange { recipients: vec![(device.id(), device.prekey.public())], ..EpochChange::default() };
    let mut settings = RoomSettings::default();
    settings.set_role(device.user.id(), Role::Moderator, Stamp::default());
    let (card, noise) = (room.maker.card(), &room.maker.noise);
    let record =
        EpochRecord::seal(&room.secrets, &change, &RoomSettings::default(), &[], &card, noise, &mut rng(2)).unwrap();
    let gossip = examples::gossip().into_iter().map(|(_, gossip)| gossip.encode().unwrap());
    let [_, signal, run] = <[_; 3]>::try_from(gossip.collect::<Vec<_>>()).unwrap();
    let (id, secret) = (GuardId::random(&mut rng(4)), Secret::from_bytes([5; 32]));
    let lock =
        PassphraseLock::seal(id, &Passphrase::new("four plain words here").unwrap(), &secret, &mut rng(5)).unwrap();
    let guards =
        [Guard::Plain(secret), Guard::Keychain(id), Guard::Passphrase(id, lock.clone()), Guard::Both(id, lock)];
    let link = LinkCode::random(&mut rng(6));
    let (message, gift) = examples::LINK.clone();
    let went_out = Content { body: Body::WentOut { devices: vec![device.id()], for_ever: true }, ..says("x") };
    vec![
        ("code", vec![code.to_string().into_bytes(), code.link().to_lowercase().into_bytes(), b"7KQ2 m4x9".to_vec()]),
        ("entry", vec![log[0].bytes().to_vec(), room.genesis.bytes().to_vec(), log[1].pruned().bytes().to_vec()]),
        ("page", vec![page, mixed]),
        ("genesis", vec![room.genesis.body().to_vec()]),
        ("epoch", vec![record.encode().unwrap()]),
        ("settings", vec![settings.encode().unwrap()]),
        (
            "content",
            vec![says("hello").encode(BODY_MAX).unwrap().to_vec(), went_out.encode(BODY_MAX).unwrap().to_vec()],
        ),
        ("signal", vec![signal[HEADER_LEN..].to_vec()]),
        ("gossip", examples::gossip().into_iter().map(|(_, gossip)| gossip.encode().unwrap()).collect()),
        ("request", examples::requests().into_iter().map(|(_, request)| request.encode().unwrap()).collect()),
        ("answer", examples::answers().into_iter().map(|(_, answer)| answer.encode().unwrap()).collect()),
        ("user_name", ["Juliet", "f\u{fb01}n", "\u{430}nna", "x"].map(|name| name.as_bytes().to_vec()).into()),
        (
            "recovery_key",
            vec![RecoveryKey::random(&mut rng(9)).words().as_bytes().to_vec(), b"abandon ability".to_vec()],
        ),
        ("guard", guards.iter().map(|guard| guard.encode().to_vec()).collect()),
        ("run", vec![run[HEADER_LEN..].to_vec()]),
        ("link_code", vec![link.to_string().into_bytes(), link.link().into_bytes(), b"parlor:link:7KQ2".to_vec()]),
        ("link", vec![message, Answer::Link(Some(gift)).encode().unwrap()]),
        ("stretch", vec![code.stretching().encode().to_vec(), link.stretching().encode().to_vec()]),
        ("door", crate::doors::example_doors()),
        ("access", crate::doors::example_access()),
        ("wrap", vec![crate::doors::wrap(&room, &crate::doors::CODES[0]).encode().unwrap()]),
        ("fork", crate::forks::examples()),
    ]
}

#[test]
fn every_file_of_the_corpus_passes_its_target() {
    if std::env::var_os("PARLOR_WRITE_VECTORS").is_some() {
        for (name, examples) in seeds() {
            fs::create_dir_all(corpus().join(name)).unwrap();
            for (at, bytes) in examples.iter().enumerate() {
                fs::write(corpus().join(name).join(format!("seed-{at}")), bytes).unwrap();
            }
        }
    }
    for (name, target) in TARGETS {
        let files: Vec<PathBuf> = fs::read_dir(corpus().join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name} has no examples");
        files.iter().for_each(|file| target(&fs::read(file).unwrap()));
    }
}

#[test]
fn every_example_survives_one_changed_byte() {
    for ((name, target), (same, examples)) in TARGETS.into_iter().zip(seeds()) {
        assert_eq!(name, same);
        for example in examples {
            for at in 0..example.len().min(400) {
                let mut altered = example.clone();
                altered[at] ^= 0x41;
                target(&altered);
            }
        }
    }
}
