//! The service between channels: what the network would tell it, and what it answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod doors;
mod entering;
mod failing;
mod gossip;
mod governing;
mod known;
mod limits;
mod listening;
mod pushing;
mod reading;
mod registering;
mod signing_in;
mod vanishing;
mod wraps;

use async_trait::async_trait;
use bytes::Bytes;
use parlor_node::net::{Capabilities, GossipId, InboundId, NetCommand, NetEvent, Verdict};
use parlor_protocol::{
    DeviceId, DoorId, LogKey, RoomId, TopicId,
    access::{
        CodeKeys, Wrap,
        wire::{Enter, Entered, Found, Look, NotAdmitted, NotEntered, PushWraps},
    },
    account::Server,
    entry::Entry,
    log::Height,
    wire::{Answer, Gossip, Refusal, Request, RoomRequest},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{Limits, RETRY_MS, Service};
use crate::{
    accounts::Desk,
    blind::Blind,
    fixture::{NAMED, TestRoom, Writer, rng},
    metrics::{self, Metrics},
    store::{EmbeddedStore, Store, TestDatabase, conformance::Place},
};

/// The archive's device.
const ARCHIVE: DeviceId = DeviceId::from_bytes([77; 32]);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A service, and everything around it played by the test.
struct Stage {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<NetEvent>,
    commands: mpsc::Receiver<NetCommand>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    next: u64,
    answers: HashMap<InboundId, Answer>,
    verdicts: HashMap<GossipId, Verdict>,
    subscribed: Vec<TopicId>,
    published: Vec<(TopicId, Bytes)>,
    /// Whom the network was told to be no strangers.
    known: BTreeSet<DeviceId>,
}

#[async_trait]
impl Place for TempDir {
    async fn open(&self) -> Arc<dyn Store> {
        embedded(self)
    }
}

/// An empty place in each of the stores.
async fn places() -> [Box<dyn Place>; 2] {
    [Box::new(tempfile::tempdir().unwrap()), Box::new(TestDatabase::new().await)]
}

fn embedded(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(EmbeddedStore::open(folder.path()).unwrap())
}

impl Stage {
    async fn new(store: Arc<dyn Store>) -> Self {
        Self::with_limits(store, Limits::default()).await
    }

    async fn with_limits(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self::with_desk(store, limits, None).await
    }

    async fn with_desk(store: Arc<dyn Store>, limits: Limits, desk: Option<Desk>) -> Self {
        let (to_net, commands) = mpsc::channel(4096);
        let (events, from_net) = mpsc::channel(4096);
        let (stop, stopping) = oneshot::channel();
        let metrics = Arc::new(Metrics::default());
        let (counted, blind) = (Arc::clone(&metrics), Blind::of(&Server::random(&mut rng(1))));
        let service = Service::restore(Arc::clone(&store), to_net, ARCHIVE, counted, limits, blind).await.unwrap();
        let service = match desk {
            Some(desk) => service.with_accounts(Arc::new(desk)),
            None => service,
        };
        let task = tokio::spawn(service.run(from_net, async {
            let _ = stopping.await;
        }));
        Self {
            store,
            metrics,
            events,
            commands,
            stop,
            task,
            next: 0,
            answers: HashMap::new(),
            verdicts: HashMap::new(),
            subscribed: Vec::new(),
            published: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    async fn listen(&mut self) {
        match timeout(PATIENCE, self.commands.recv()).await.expect("the service says nothing").unwrap() {
            NetCommand::Answer { id, bytes } => {
                let answer = Answer::decode(&bytes).unwrap();
                assert!(self.answers.insert(id, answer).is_none(), "answered twice");
            }
            NetCommand::Judge { message, verdict } => drop(self.verdicts.insert(message, verdict)),
            NetCommand::Subscribe(topic) => self.subscribed.push(topic),
            NetCommand::Unsubscribe(topic) => self.subscribed.retain(|known| *known != topic),
            NetCommand::Publish { topic, bytes } => self.published.push((topic, bytes)),
            NetCommand::Know(devices) => self.known.extend(devices),
            NetCommand::Forget(devices) => self.known.retain(|known| !devices.contains(known)),
            other => panic!("an archive does not do {other:?}"),
        }
    }

    /// A peer comes, from an address.
    async fn connect(&mut self, peer: DeviceId, address: [u8; 4]) {
        let remote = Some(std::net::IpAddr::from(address));
        let (address, transport) = ("/ip4/192.0.2.1/tcp/1".to_owned(), "tcp");
        let event = NetEvent::PeerConnected {
            peer,
            address,
            remote,
            transport,
            archive: false,
            capabilities: Capabilities::default(),
        };
        self.events.send(event).await.unwrap();
    }

    async fn send_raw(&mut self, from: DeviceId, bytes: Vec<u8>) -> InboundId {
        self.next += 1;
        let id = InboundId(self.next);
        self.events.send(NetEvent::Asked { id, from, bytes: Bytes::from(bytes) }).await.unwrap();
        id
    }

    async fn answer(&mut self, id: InboundId) -> Answer {
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer;
            }
            self.listen().await;
        }
    }

    async fn ask_raw(&mut self, from: DeviceId, bytes: Vec<u8>) -> Answer {
        let id = self.send_raw(from, bytes).await;
        self.answer(id).await
    }

    async fn ask(&mut self, from: DeviceId, request: &Request) -> Answer {
        self.ask_raw(from, request.encode().unwrap()).await
    }

    async fn ask_in(&mut self, room: &TestRoom, writer: &Writer, ask: RoomRequest) -> Answer {
        let request = Request::Room { room: room.id, ask };
        self.ask(writer.id(), &request).await
    }

    async fn register(&mut self, room: &TestRoom) -> Answer {
        let ask = register(room);
        self.ask_in(room, &room.owner.clone(), ask).await
    }

    async fn push(&mut self, room: &TestRoom, writer: &Writer, entries: Vec<Entry>) -> Answer {
        self.ask_in(room, writer, RoomRequest::Push { entries }).await
    }

    /// A registered room with its first three entries stored.
    async fn founded(&mut self, seed: u64) -> TestRoom {
        let room = TestRoom::new(seed);
        assert_eq!(self.register(&room).await, Answer::Done);
        let owner = room.owner.clone();
        assert_eq!(self.push(&room, &owner, room.start.clone()).await, pushed(&owner));
        room
    }

    /// A member whom a record names, and who came in.
    async fn member(&mut self, room: &TestRoom, seed: u64) -> Writer {
        assert!(NAMED.contains(&seed));
        let mut writer = Writer::new(seed);
        let comes_in = room.comes_in(&mut writer);
        assert_eq!(self.push(room, &writer, vec![comes_in]).await, pushed(&writer));
        writer
    }

    /// A code that the owner made.
    async fn coded(&mut self, room: &mut TestRoom, code: &CodeKeys) -> DoorId {
        let mut owner = room.owner.clone();
        let (door, entry) = room.door(&mut owner, code);
        assert_eq!(self.push(room, &owner, vec![entry]).await, pushed(&owner));
        room.owner = owner;
        door
    }

    /// Asks; where other archives may write to the store, again while what they did is read.
    async fn ask_shared(&mut self, from: DeviceId, request: &Request) -> Answer {
        loop {
            match self.ask(from, request).await {
                Answer::Refused(Refusal::Busy { retry_ms: RETRY_MS }) if self.store.is_shared() => {
                    tokio::task::yield_now().await;
                }
                answer => return answer,
            }
        }
    }

    /// Looks for the door of a code.
    async fn look(&mut self, from: DeviceId, code: &CodeKeys) -> Option<Found> {
        match self.ask_shared(from, &Request::Look(Look::sign(code, from, ARCHIVE))).await {
            Answer::Found(found) => found.map(|found| *found),
            other => panic!("something found or not, not {other:?}"),
        }
    }

    async fn enter(&mut self, room: &TestRoom, entry: &Entry, for_keys: bool) -> Answer {
        let enter = Enter { room: room.id, entry: entry.clone(), for_keys };
        self.ask_shared(entry.header().author, &Request::Enter(Box::new(enter))).await
    }

    async fn push_wraps(&mut self, room: &TestRoom, from: &Writer, wraps: Vec<Wrap>) -> Answer {
        self.ask(from.id(), &Request::PushWraps(PushWraps { room: room.id, wraps })).await
    }

    async fn gossip_raw(&mut self, from: DeviceId, topic: TopicId, bytes: Vec<u8>) -> Verdict {
        self.next += 1;
        let message = GossipId(self.next);
        self.events.send(NetEvent::Gossip { message, from, topic, bytes: Bytes::from(bytes) }).await.unwrap();
        loop {
            if let Some(verdict) = self.verdicts.remove(&message) {
                return verdict;
            }
            self.listen().await;
        }
    }

    async fn gossip(&mut self, room: &TestRoom, from: DeviceId, entry: &Entry) -> Verdict {
        self.gossip_raw(from, room.secrets.topic(), Gossip::Entry(entry.clone()).encode().unwrap()).await
    }

    async fn gossip_run(&mut self, room: &TestRoom, from: DeviceId, run: &[Entry]) -> Verdict {
        self.gossip_raw(from, room.secrets.topic(), Gossip::Run(run.to_vec()).encode().unwrap()).await
    }

    /// Waits until a room has so many wraps in the store.
    async fn until_wraps(&self, room: &TestRoom, count: usize) {
        let wait = async {
            while self.store.wraps(room.id, None, 9_999).await.unwrap().len() != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, wait).await.expect("another number of wraps");
    }

    /// Waits until a log is stored this far, and the service knows it.
    async fn until_stored(&mut self, room: &TestRoom, writer: &Writer) {
        let wait = async {
            loop {
                let answer =
                    self.ask_in(room, &room.owner, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
                if matches!(answer, Answer::Heights(heights) if heights.contains(&(writer.log_key(), writer.height))) {
                    return;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("not stored");
        assert_eq!(self.store.heights(room.id).await.unwrap().get(&writer.log_key()), Some(&writer.height));
    }

    fn metrics(&self) -> String {
        metrics::page(&self.metrics.registry())
    }

    /// Stops in order and gives back the store, closed.
    async fn shut_down(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.task).await.expect("it does not stop").unwrap();
        self.store.close().await;
    }
}

fn register(room: &TestRoom) -> RoomRequest {
    RoomRequest::Register { genesis: room.genesis.clone(), epochs: vec![room.epoch.clone()] }
}

fn pushed(writer: &Writer) -> Answer {
    Answer::Pushed(vec![(writer.log_key(), writer.height)])
}

fn refused(refusal: Refusal) -> Answer {
    Answer::Refused(refusal)
}

fn in_room(room: RoomId, ask: RoomRequest) -> Request {
    Request::Room { room, ask }
}

/// Comes in, and gets these.
fn came_in(wraps: Vec<Wrap>) -> Answer {
    Answer::Entered(Entered::In(wraps))
}

fn not_entered(why: NotEntered) -> Answer {
    Answer::Entered(Entered::Refused(why))
}

/// Not served: nothing shows that the peer came in.
fn not_in() -> Answer {
    refused(Refusal::NotAdmitted(NotAdmitted::Show))
}

fn heights(pairs: &[(LogKey, Height)]) -> Answer {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable_by_key(|(log, _)| *log);
    Answer::Heights(pairs)
}
