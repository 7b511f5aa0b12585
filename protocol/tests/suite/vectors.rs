//! Our own fixed vectors, so that another implementation can check itself, and so that no change
//! of the bytes goes unnoticed. `PARLOR_WRITE_VECTORS=1` writes them anew.
//!
//! Whatever draws randomness in them draws it from ChaCha20 with the seed that is given: the key is
//! the number in 8 bytes little endian expanded as `rand_core`'s `seed_from_u64` does.

use crate::{
    examples,
    fixtures::{Device, Room, conversation_in, hex, rng, says},
};
use parlor_protocol::{
    DeviceId, EntryId, EpochId, LinkCode, LogId, LogKey, Role, RoomId, TopicId, UserId,
    content::{Body, Content, padded_len},
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets, RoomSettings, Stamp, Step},
    guard::{Guard, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
    limits::BODY_MAX,
    link::{LinkAnswering, Linking, OwnKey, OwnMessage},
    log::{Height, Heights, digest},
    safety::SafetyNumber,
    signal::{Signal, SignalBody, SignalKind},
    wire::{Answer, Gossip, Request, gossip_id},
};
use serde_json::{Value, json};
use std::{fs, path::Path};

pub fn compare(name: &str, actual: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    if std::env::var_os("PARLOR_WRITE_VECTORS").is_some() {
        fs::write(&path, format!("{actual:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(&kept, actual, "{name}: the bytes of the protocol changed");
}

/// A derivation written out by hand, so that the table in the code is checked and not just used.
fn derive(purpose: &str, material: &[u8]) -> String {
    hex(&derive_bytes(purpose, material))
}

fn derive_bytes(purpose: &str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(&format!("parlor/v1/{purpose}"), material)
}

fn epoch_one() -> EpochSecrets {
    let (room, parent) = (RoomId::from_bytes([1; 32]), EpochId::from_bytes([2; 32]));
    EpochSecrets::derive(room, &[parent], Secret::from_bytes([3; 32])).unwrap()
}

#[test]
fn two_users_have_this_safety_number() {
    let vectors: Vec<Value> = (1..=3u8)
        .map(|seed| {
            let (one, other) = (UserId::from_bytes([seed; 32]), UserId::from_bytes([seed + 100; 32]));
            let number = SafetyNumber::of(one, other);
            json!({
                "users": [one.to_string(), other.to_string()],
                "digits": number.to_string(),
                "words": number.words().join(" "),
                "text": number.text(),
            })
        })
        .collect();
    compare("safety.json", &json!(vectors));
}

#[test]
fn epochs_derive_these_values() {
    let secrets = epoch_one();
    let key = secrets.key().expose();
    let chain: Vec<[u8; 32]> =
        std::iter::successors(Some(*key), |key| Some(derive_bytes("epoch step", key))).take(1_025).collect();
    let end = &chain[1_024];
    let parents = [EpochId::from_bytes([2; 32])];
    let mut id_input = derive_bytes("epoch commit", end).to_vec();
    id_input.extend_from_slice(secrets.room().as_bytes());
    id_input.extend_from_slice(&1u32.to_le_bytes());
    id_input.extend_from_slice(parents[0].as_bytes());
    assert_eq!(derive("epoch id", &id_input), secrets.id().to_string());
    let place = [secrets.room().as_bytes().as_slice(), secrets.id().as_bytes()].concat();
    assert_eq!(derive("epoch topic", &place), secrets.topic().to_string());
    let steps = [0, 1, 700, 1_023, 1_024].map(|step| {
        let key = &chain[step];
        assert_eq!(secrets.key_at(Step::new(u32::try_from(step).unwrap()).unwrap()).unwrap().expose(), key);
        json!({
            "step": step,
            "key": hex(key),
            "psk": derive("epoch psk", key),
            "signal_key": derive("epoch signal", key),
        })
    });
    compare(
        "epochs.json",
        &json!({
            "room": secrets.room().to_string(),
            "parents": [parents[0].to_string()],
            "key": hex(key),
            "commitment": derive("epoch commit", end),
            "id": secrets.id().to_string(),
            "topic": secrets.topic().to_string(),
            "room_secret": derive("epoch room secret", end),
            "settings_key": derive("epoch settings", end),
            "admission_seed": derive("epoch admission", end),
            "admission_public": hex(&secrets.admission_public()),
            "previous_key": derive("epoch previous key", key),
            "steps": steps,
        }),
    );
}

#[test]
fn a_change_of_epoch_gives_this_record() {
    let (room, stays, removed) = (Room::new(1), Device::new(2), Device::new(3));
    let parents = vec![room.secrets.id()];
    let next = EpochSecrets::derive(room.id(), &parents, Secret::from_bytes([4; 32])).unwrap();
    let head = Height { next: 7, head: EntryId::from_bytes([7; 32]) };
    let change = EpochChange {
        parents,
        after: vec![EntryId::from_bytes([8; 32])],
        removed: vec![removed.id()],
        heads: vec![(LogKey { author: removed.id(), log: removed.log }, head)],
        recipients: vec![(stays.id(), stays.prekey.public())],
        lifetime_ms: Some(86_400_000),
        ..EpochChange::default()
    };
    let mut settings = RoomSettings::default();
    settings.set_role(stays.user.id(), Role::Moderator, Stamp { generation: 1, epoch: room.secrets.id() });
    let prekey: Vec<u8> = serde_json::from_value(serde_json::to_value(&stays.prekey).unwrap()).unwrap();
    let (card, noise) = (room.maker.card(), &room.maker.noise);
    let record = EpochRecord::seal(&next, &change, &settings, &[&room.secrets], &card, noise, &mut rng(5)).unwrap();
    compare(
        "epoch_change.json",
        &json!({
            "room": room.id().to_string(),
            "key": hex(next.key().expose()),
            "previous_key": hex(room.secrets.key().expose()),
            "recipient": stays.id().to_string(),
            "recipient_prekey_secret": hex(&prekey),
            "owner_noise_public": hex(card.noise.as_bytes()),
            "body": hex(&record.encode().unwrap()),
            "settings": hex(&settings.encode().unwrap()),
        }),
    );
}

#[test]
fn entries_have_these_bytes() {
    let room = Room::new(1);
    let header = Header {
        kind: Kind::Content,
        room: RoomId::from_bytes([1; 32]),
        author: room.maker.id(),
        log: LogId(0x0102_0304_0506_0708),
        seq: 5,
        prev: EntryId::from_bytes([2; 32]),
        epoch: EpochId::from_bytes([3; 32]),
        session: 4,
    };
    let content = Entry::sign(&room.maker.key, header, b"body").unwrap();
    let topic = TopicId::from_bytes([5; 32]);
    let vectors = [&content, &room.genesis].map(|entry| {
        json!({
            "seed": hex(room.maker.key.seed().as_ref()),
            "bytes": hex(entry.bytes()),
            "id": entry.id().to_string(),
            "room": entry.room().to_string(),
            "signature": hex(&entry.sig().0),
            "topic": topic.to_string(),
            "gossip": hex(&Gossip::Entry((*entry).inner().clone()).encode().unwrap()),
            "gossip_id": hex(&gossip_id(topic, &Gossip::Entry((*entry).inner().clone()).encode().unwrap())),
        })
    });
    compare("entries.json", &json!(vectors));
}

#[test]
fn sessions_seal_to_these_bytes() {
    let (room, device) = (Room::new(1), Device::new(2));
    let texts = ["first", "second"];
    let in_step = |step: Step| {
        let log = conversation_in(&room, &device, step, &texts, 3);
        json!({
            "step": step.number(),
            "step_key": hex(room.secrets.key_at(step).unwrap().expose()),
            "entries": log.iter().map(|entry| hex(entry.bytes())).collect::<Vec<_>>(),
            "run": hex(&Gossip::Run(log.iter().map(|entry| entry.inner().clone()).collect()).encode().unwrap()),
        })
    };
    let sessions = [Step::FIRST, Step::new(700).unwrap(), Step::COMMON].map(in_step);
    let plain: Vec<String> = texts.map(|text| hex(&says(text).encode(BODY_MAX).unwrap())).to_vec();
    let body = SignalBody { at: 1_700_000_000_000, kind: SignalKind::Online };
    let signal = Signal::seal(&room.secrets, Step::new(700).unwrap(), &device.key, body, &mut rng(4)).unwrap();
    compare(
        "sessions.json",
        &json!({
            "room": room.id().to_string(),
            "epoch": room.secrets.id().to_string(),
            "epoch_key": hex(room.secrets.key().expose()),
            "plain": plain,
            "sessions": sessions,
            "signal": hex(&Gossip::Signal(signal).encode().unwrap()),
        }),
    );
}

#[test]
fn lengths_are_padded_to_these() {
    let lengths = [0, 1, 256, 257, 300, 512, 513, 1000, 4096, 4097, 16_400, 61_376];
    compare("padding.json", &json!(lengths.map(|len| json!([len, padded_len(len)]))));
}

#[test]
fn messages_have_these_bytes() {
    let (device, mut vectors) = (Device::new(2), serde_json::Map::new());
    let log = LogKey { author: device.id(), log: LogId(7) };
    let heights: Heights = [(log, Height { next: 300, head: EntryId::from_bytes([9; 32]) })].into();
    vectors.insert("digest".to_owned(), json!(hex(&digest(&heights))));
    let messages = (examples::requests().into_iter())
        .map(|(name, request)| (format!("request_{name}"), request.encode().unwrap()))
        .chain(examples::answers().into_iter().map(|(name, it)| (format!("answer_{name}"), it.encode().unwrap())))
        .chain(examples::gossip().into_iter().map(|(name, it)| (format!("gossip_{name}"), it.encode().unwrap())));
    for (name, bytes) in messages {
        assert!(vectors.insert(name, json!(hex(&bytes))).is_none(), "one name each");
    }
    compare("messages.json", &serde_json::Value::Object(vectors));
}

#[test]
fn linking_a_device_has_these_bytes() {
    let code = LinkCode::random(&mut rng(1));
    let stretched = code.stretch().unwrap();
    let (new, old) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
    let (linking, message) = Linking::start(&stretched, new, old, &mut rng(2)).unwrap();
    let answering = LinkAnswering::read(&stretched, new, old, &message, &mut rng(3)).unwrap();
    let gift = answering.give(b"everything").unwrap();
    assert_eq!(linking.finish(&gift).unwrap().as_slice(), b"everything");
    let user = Secret::from_bytes([4; 32]);
    let key = OwnKey::of(&user);
    let ask = key.seal(OwnMessage::Ask, new, old, &key.digest(b"everything"), &mut rng(4)).unwrap();
    let tell = key.seal(OwnMessage::Tell, old, new, b"everything", &mut rng(5)).unwrap();
    let went_out = Content { body: Body::WentOut { devices: vec![old], for_ever: true }, ..says("x") };
    let request = Request::Link { locator: stretched.locator(), message: message.clone() };
    let vectors = json!({
        "code": code.to_string(),
        "link": code.link(),
        "locator": hex(&stretched.locator().0),
        "new": new.to_string(),
        "old": old.to_string(),
        "contents": hex(b"everything"),
        "first message": hex(&message),
        "request": hex(&request.encode().unwrap()),
        "answer": hex(&Answer::Link(Some(gift)).encode().unwrap()),
        "account key": hex(user.expose()),
        "own key": derive("own devices", user.expose()),
        "own ask": hex(&ask),
        "own tell": hex(&tell),
        "went out": hex(&went_out.encode(BODY_MAX).unwrap()),
    });
    compare("links.json", &vectors);
}

#[test]
fn guards_have_these_bytes() {
    let (id, secret) = (GuardId::random(&mut rng(1)), Secret::from_bytes([7; 32]));
    let passphrase = Passphrase::new("soup on the stove").unwrap();
    let lock = PassphraseLock::seal(id, &passphrase, &secret, &mut rng(2)).unwrap();
    let shown = |guard: Guard| json!(hex(&guard.encode()));
    let vectors = json!({
        "passphrase": "soup on the stove",
        "secret": hex(secret.expose()),
        "id": id.to_string(),
        "plain": shown(Guard::Plain(secret)),
        "keychain": shown(Guard::Keychain(id)),
        "passphrase record": shown(Guard::Passphrase(id, lock.clone())),
        "both": shown(Guard::Both(id, lock)),
    });
    compare("guards.json", &vectors);
}
