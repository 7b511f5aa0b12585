//! Fixed vectors of our own, so that no change of a byte layout or derivation goes unnoticed.
//!
//! `PARLOR_WRITE_VECTORS=1` writes them anew; a difference in a released version is a new
//! protocol version. Everything comes from one ChaCha20 generator with the seed 32 x 0x50.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use parlor_protocol::{
    DeviceId, EntryId, EpochId, LogId, RoomCode, RoomId,
    card::{DeviceCard, Prekey},
    codec,
    content::padded_len,
    entry::{Entry, Header, Kind},
    epoch::{EpochChange, EpochRecord, EpochSecrets},
    invite::{Invitation, Invite, InviteBody},
    keys::{DhSecret, Secret},
    log::{Height, Heights, digest},
    session::{OpeningSession, SealingSession},
    signal::{Signal, SignalBody, SignalKind},
    store_key,
    wire::{Answer, Gossip, Request, RoomRequest, Tail, gossip_id},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::{Map, Value, json};
use support::{Device, genesis_body, header, log_of, name, text};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/parlor.json");

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// Long bytes are compared by their hash.
fn digest_of(bytes: impl AsRef<[u8]>) -> Value {
    let bytes = bytes.as_ref();
    json!({ "bytes": bytes.len(), "blake3": blake3::hash(bytes).to_hex().as_str() })
}

#[derive(Default)]
struct Vectors(Map<String, Value>);

impl Vectors {
    fn note(&mut self, what: &str, value: Value) {
        assert!(self.0.insert(what.to_owned(), value).is_none(), "{what} is there twice");
    }
}

fn make() -> Value {
    let mut rng = ChaCha20Rng::from_seed([0x50; 32]);
    let mut out = Vectors::default();

    let code = RoomCode::random(&mut rng);
    let stretched = code.stretch().unwrap();
    out.note("code", code.to_string().into());
    out.note("code: locator", hex(stretched.locator().0));
    out.note("store key of 32 x 1", hex(*store_key(&[1; 32])));

    let (device, other) = (Device::new(&mut rng), Device::new(&mut rng));
    out.note("device: seed", hex(*device.key.seed()));
    out.note("device: id", hex(device.id().as_bytes()));
    out.note("user: id", hex(device.user.id().as_bytes()));
    out.note("device: noise public", hex(device.noise.public().as_bytes()));
    out.note("card", hex(codec::encode::<DeviceCard>(&device.card(), 1024).unwrap()));
    out.note("prekey", hex(codec::encode::<Prekey>(&device.signed_prekey(), 1024).unwrap()));

    let body = genesis_body(device.user.id()).encode().unwrap();
    let nowhere = header(RoomId::default(), EpochId::default(), device.id(), 0);
    let genesis = Entry::sign(&device.key, Header { kind: Kind::Genesis, log: LogId(1), ..nowhere }, &body).unwrap();
    out.note("genesis: bytes", hex(genesis.bytes()));
    out.note("genesis: id", hex(genesis.id().as_bytes()));
    out.note("room: id", hex(genesis.room().as_bytes()));

    let first = EpochSecrets::derive(genesis.room(), &[], Secret::from_bytes([0x11; 32])).unwrap();
    let parents = [EpochId::from_bytes([9; 32]), first.id()];
    let merge = EpochSecrets::derive(genesis.room(), &parents, Secret::from_bytes([0x22; 32])).unwrap();
    for (what, epoch) in [("epoch 1", &first), ("epoch 2", &merge)] {
        out.note(&format!("{what}: key"), hex(epoch.key().expose()));
        out.note(&format!("{what}: id"), hex(epoch.id().as_bytes()));
        out.note(&format!("{what}: topic"), hex(epoch.topic().as_bytes()));
        out.note(&format!("{what}: admission key"), hex(epoch.admission_public()));
    }
    let cert = first.admit(device.id());
    out.note("epoch 1: certificate of the device", hex(cert.encode().unwrap()));

    let log = log_of(device.id());
    let change = EpochChange {
        parents: parents.to_vec(),
        removed: vec![DeviceId::from_bytes([6; 32])],
        heads: vec![(log, Height { next: 3, head: EntryId::from_bytes([7; 32]) })],
        recipients: vec![(other.id(), other.prekey.public())],
    };
    let record = EpochRecord::seal(&merge, &change, &[&first], &device.card(), &device.noise, &mut rng).unwrap();
    out.note("epoch 2: record", hex(record.encode().unwrap()));
    let opened = record.open(genesis.room(), other.id(), &[&DhSecret::random(&mut rng), &other.prekey]).unwrap();
    assert_eq!(opened.id(), merge.id());

    let opener = header(genesis.room(), first.id(), device.id(), 0);
    let session = SealingSession::open(&first, &opener, &mut rng).unwrap();
    let one = Entry::sign(&device.key, opener, &session.seal(0, &text("hello")).unwrap()).unwrap();
    let second = Header { seq: 1, prev: one.id(), ..opener };
    let two = Entry::sign(&device.key, second, &session.seal(1, &text("there")).unwrap()).unwrap();
    let reader = OpeningSession::accept(&first, &one).unwrap();
    assert_eq!(reader.open(&two).unwrap(), text("there"));
    out.note("content: hello", hex(&text("hello").encode(1024).unwrap()[..32]));
    out.note("session: first body", hex(one.body()));
    out.note("session: second body", hex(two.body()));
    out.note("entry: id", hex(two.id().as_bytes()));
    out.note("entry: signature", hex(two.sig().0));
    out.note("entry: bytes", digest_of(two.bytes()));
    let heights = Heights::from([(log, Height::after(&two))]);
    out.note("heights: digest", hex(digest(&heights)));

    let invitation = Invitation {
        name: name("Kitchen"),
        genesis: genesis.clone().into_inner(),
        epoch: first.id(),
        parents: Vec::new(),
        key: first.key().clone(),
        expires: Some(1_800_000_000_000),
    };
    let invite = Invite::seal(&stretched, &invitation, &device.key, &mut rng).unwrap();
    out.note("invite: entry body", hex(InviteBody::Made(invite).encode().unwrap()));

    let body = SignalBody { at: 5, kind: SignalKind::Typing };
    let signal = Signal::seal(&first, &device.key, body, &mut rng).unwrap();
    let gossip = Gossip::Signal(signal).encode().unwrap();
    out.note("gossip: signal", hex(&gossip));
    out.note("gossip: id of the signal", hex(gossip_id(&gossip)));
    let gossip = Gossip::Entry(two.clone().into_inner()).encode().unwrap();
    out.note("gossip: id of the entry", hex(gossip_id(&gossip)));

    let (room, entries) = (genesis.room(), vec![one.into_inner(), two.into_inner()]);
    let request = Request::Room { room, cert: cert.clone(), ask: RoomRequest::Page { log, from: 300 } };
    out.note("request: page", hex(request.encode().unwrap()));
    let push = Request::Room { room, cert, ask: RoomRequest::Push { entries: entries.clone() } };
    out.note("request: push", digest_of(push.encode().unwrap()));
    let tail = Answer::Tail(Tail { suffixes: vec![entries.clone()], openers: entries, total: 2 });
    out.note("answer: tail", digest_of(tail.encode().unwrap()));

    let lengths = [0, 256, 257, 1000, 1025, 9000, 16_385, 60_000].map(|len| json!([len, padded_len(len)]));
    out.note("padded lengths", Value::Array(lengths.to_vec()));
    Value::Object(out.0)
}

#[test]
fn nothing_of_the_protocol_has_changed() {
    let made = make();
    if std::env::var_os("PARLOR_WRITE_VECTORS").is_some() {
        std::fs::write(PATH, format!("{made:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(PATH).unwrap()).unwrap();
    let (made, kept) = (made.as_object().unwrap(), kept.as_object().unwrap());
    for (what, value) in made {
        assert_eq!(Some(value), kept.get(what), "{what}");
    }
    assert_eq!(made.len(), kept.len());
}
