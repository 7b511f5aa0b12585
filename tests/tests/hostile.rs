//! Machines that send rubbish at rate: the conversation of the honest goes on, memory stays bounded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use bytes::Bytes;
use parlor_node::net::{Net, NetCommand, NetEvent, NetHandle, RequestId, Verdict};
use parlor_protocol::{
    DeviceId, RoomCode, RoomId, TopicId,
    access::{
        CodeKeys,
        wire::{Enter, Entered, Found, Look},
    },
    card::UserKey,
    keys::{DeviceKey, Secret},
    limits::{GOSSIP_MAX, WIRE_MAX},
    wire::{Answer, GossipKind, Request, RequestKind},
};
use parlor_tests::{
    attacker,
    door::{Door, code_keys},
    process::{self, Background, free_port, run},
    real::PATIENCE,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::collections::BTreeSet;
use tokio::{sync::mpsc, time::timeout};

/// Identities of the attacker, one after the other: each is banned sooner or later.
const ATTACKERS: u8 = 4;
const MESSAGES_EACH: u64 = 4_000;

struct Attacker {
    key: DeviceKey,
    net: Net,
    handle: NetHandle,
    events: mpsc::Receiver<NetEvent>,
    rng: ChaCha20Rng,
    victims: BTreeSet<DeviceId>,
    topics: BTreeSet<TopicId>,
    /// An honest message, to be replayed and altered.
    captured: Option<Bytes>,
}

impl Attacker {
    async fn start(seed: u8, addresses: &[String]) -> Self {
        let (handle, events, net) = attacker::network([seed; 32], addresses).await;
        let rng = ChaCha20Rng::seed_from_u64(seed.into());
        let key = DeviceKey::from_seed(&Secret::from_bytes([seed; 32]));
        Self { key, net, handle, events, rng, victims: BTreeSet::new(), topics: BTreeSet::new(), captured: None }
    }

    fn note(&mut self, event: NetEvent) -> Option<NetCommand> {
        match event {
            NetEvent::PeerConnected { peer, .. } => drop(self.victims.insert(peer)),
            NetEvent::Gossip { message, bytes, .. } => {
                self.captured = Some(bytes);
                return Some(NetCommand::Judge { message, verdict: Verdict::Accept });
            }
            _ => {}
        }
        None
    }

    /// Finds out where the room talks, as somebody can who overheard the code: it comes in.
    async fn prepare(&mut self, keys: &CodeKeys) {
        let me = self.key.id();
        let user = UserKey::random(&mut self.rng);
        let ready = async {
            while self.topics.is_empty() {
                let event = self.events.recv().await.unwrap();
                let (peer, request) = match event {
                    NetEvent::PeerConnected { peer, .. } => {
                        self.victims.insert(peer);
                        (peer, Request::Look(Look::sign(keys, me, peer)))
                    }
                    NetEvent::Answered { from, bytes, .. } => match Answer::decode(&bytes) {
                        Ok(Answer::Found(Some(found))) => (from, self.comes_in(keys, &user, *found)),
                        Ok(Answer::Entered(Entered::In(wraps))) => {
                            let Some(wrap) = wraps.first() else { continue };
                            let topic = wrap.open(keys).unwrap().secrets(&wrap.facts).unwrap().topic();
                            self.topics.insert(topic);
                            self.handle.send(NetCommand::Subscribe(topic)).await;
                            continue;
                        }
                        _ => continue,
                    },
                    _ => continue,
                };
                let bytes = request.encode().unwrap().into();
                self.handle.send(NetCommand::Request { id: RequestId(u64::MAX), peer, bytes }).await;
            }
        };
        timeout(PATIENCE, ready).await.expect("nobody to attack");
    }

    fn comes_in(&self, keys: &CodeKeys, user: &UserKey, found: Found) -> Request {
        let door = Door { keys: keys.clone(), entry: found.door };
        let offer = found.offers[0];
        let entry = door.comes_in_at(user, &self.key, found.genesis.room(), offer, 1);
        Request::Enter(Box::new(Enter { room: entry.room(), entry, for_keys: true }))
    }

    fn rubbish(&mut self, max: usize) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.rng.next_u64()).unwrap() % max + 1];
        self.rng.fill_bytes(&mut bytes);
        // Most of it gets past the first look.
        match self.rng.next_u32() % 4 {
            0 => bytes,
            1 => self.framed(GossipKind::ALL.iter().map(|kind| kind.number()).collect(), &bytes),
            _ => self.framed(RequestKind::ALL.iter().map(|kind| kind.number()).collect(), &bytes),
        }
    }

    /// A frame of one of these kinds around the body.
    fn framed(&mut self, kinds: Vec<u16>, body: &[u8]) -> Vec<u8> {
        let kind = kinds[usize::try_from(self.rng.next_u32()).unwrap() % kinds.len()];
        let len = u32::try_from(body.len()).unwrap();
        [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat()
    }

    fn gossip(&mut self) -> Vec<u8> {
        match (self.rng.next_u32() % 4, self.captured.clone()) {
            (0, Some(captured)) => captured.to_vec(),
            (1, Some(captured)) => {
                let mut altered = captured.to_vec();
                let at = usize::try_from(self.rng.next_u64()).unwrap() % altered.len();
                altered[at] ^= 1 << (self.rng.next_u32() % 8);
                altered
            }
            (2, _) if self.rng.next_u32().is_multiple_of(50) => self.rubbish(GOSSIP_MAX),
            _ => self.rubbish(2_000),
        }
    }

    fn request(&mut self) -> Vec<u8> {
        let mut id = [0; 32];
        self.rng.fill_bytes(&mut id);
        match self.rng.next_u32() % 4 {
            0 => self.framed(vec![RequestKind::Look.number()], &id.repeat(3)[..80]),
            1 => self.framed(vec![RequestKind::Heights.number()], RoomId::from_bytes(id).as_bytes()),
            2 if self.rng.next_u32().is_multiple_of(50) => self.rubbish(WIRE_MAX),
            _ => self.rubbish(2_000),
        }
    }

    async fn attack(mut self, keys: CodeKeys) {
        self.prepare(&keys).await;
        for number in 0..MESSAGES_EACH {
            while let Ok(event) = self.events.try_recv() {
                if let Some(command) = self.note(event) {
                    self.handle.send(command).await;
                }
            }
            for topic in self.topics.clone() {
                let bytes = Bytes::from(self.gossip());
                self.handle.send(NetCommand::Publish { topic, bytes }).await;
            }
            for peer in self.victims.clone() {
                let bytes = Bytes::from(self.request());
                self.handle.send(NetCommand::Request { id: RequestId(number), peer, bytes }).await;
            }
        }
        self.net.shutdown().await;
    }
}

fn member(dir: &std::path::Path, who: &str, port: u16, connect: Option<&str>) -> Background {
    let mut command = process::parlor_on(dir, who, port).unwrap();
    command.args(connect.into_iter().flat_map(|address| ["--connect", address])).args(["run", "--json"]);
    Background::start(&mut command).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_while_strangers_send_rubbish_at_rate() {
    let dir = tempfile::tempdir().unwrap();
    let (at_anna, at_ben) = (free_port().unwrap(), free_port().unwrap());
    let (anna_address, ben_address) = (format!("127.0.0.1:{at_anna}"), format!("127.0.0.1:{at_ben}"));
    for who in ["Anna", "Ben"] {
        run(process::parlor(dir.path(), who, None).unwrap().args(["init", "--name", who])).unwrap();
    }
    run(process::parlor(dir.path(), "Anna", None).unwrap().args(["--wait", "0", "create", "kitchen"])).unwrap();
    let code = run(process::parlor(dir.path(), "Anna", None).unwrap().args(["code", "kitchen"])).unwrap();
    let mut anna = member(dir.path(), "Anna", at_anna, None);
    let mut ben = member(dir.path(), "Ben", at_ben, Some(&anna_address));
    ben.tell(&format!(r#"{{"id":"join","cmd":"join","code":"{}"}}"#, code.trim())).unwrap();
    assert!(ben.wait_for(r#""id":"join""#).unwrap().1.contains(r#""ok""#));
    let code: RoomCode = code.trim().parse().unwrap();
    let keys = code_keys(&code);
    let mut attackers = Vec::new();
    for seed in 0..ATTACKERS {
        let attacker = Attacker::start(100 + seed, &[anna_address.clone(), ben_address.clone()]).await;
        attackers.push(tokio::spawn(attacker.attack(keys.clone())));
    }
    let mut spoken = 0;
    while spoken < 20 || attackers.iter().any(|attacker| !attacker.is_finished()) {
        let text = format!("through the noise {spoken}.");
        anna.tell(&format!(r#"{{"cmd":"send","room":"kitchen","text":"{text}"}}"#)).unwrap();
        ben.wait_for(&text).unwrap();
        ben.tell(&format!(r#"{{"cmd":"send","room":"kitchen","text":"heard {text}"}}"#)).unwrap();
        anna.wait_for(&format!("heard {text}")).unwrap();
        spoken += 1;
    }
    for attacker in attackers {
        attacker.await.unwrap();
    }
    if cfg!(target_os = "linux") {
        for who in [&anna, &ben] {
            let peak = who.peak_mb().unwrap();
            assert!(peak < 400.0, "{peak} MB");
        }
    }
    assert!(anna.stop().unwrap() && ben.stop().unwrap());
    for who in ["Anna", "Ben"] {
        let mut command = process::parlor(dir.path(), who, None).unwrap();
        let history = run(command.args(["--offline", "history", "kitchen"])).unwrap();
        assert_eq!(history.lines().count(), 2 * spoken + 2, "only what the honest wrote is there");
    }
}
