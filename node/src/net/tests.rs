//! Two and more networks in one process, on loopback only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use parlor_protocol::{
    DeviceId, TopicId,
    limits::{GOSSIP_MAX, PAGE_MAX_BYTES, WIRE_MAX},
    wire::{AnswerKind, HEADER_LEN, RequestKind},
};
use tokio::{sync::mpsc, time::timeout};
use zeroize::Zeroizing;

use super::*;

mod kinds;
mod topics;
mod waking;

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const TOPIC: TopicId = TopicId::from_bytes([9; 32]);
/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// A name that depends on every byte.
fn message_id(topic: TopicId, bytes: &[u8]) -> [u8; 20] {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (topic, bytes).hash(&mut hasher);
    let mut id = [0; 20];
    id[..8].copy_from_slice(&hasher.finish().to_le_bytes());
    id
}

/// A frame of this kind around the body.
fn framed(kind: u16, body: &[u8]) -> Bytes {
    let len = u32::try_from(body.len()).unwrap();
    [[1].as_slice(), &kind.to_le_bytes(), &len.to_le_bytes(), body].concat().into()
}

struct Node {
    net: Net,
    handle: NetHandle,
    events: mpsc::Receiver<NetEvent>,
}

fn config(seed: u8) -> NetConfig {
    NetConfig {
        ports: Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Any },
        bind: vec![LOCAL],
        mdns: false,
        ..NetConfig::new(Zeroizing::new([seed; 32]), message_id)
    }
}

impl Node {
    async fn start(config: NetConfig) -> Self {
        let (handle, events, net) = Net::start(config).await.unwrap();
        Self { net, handle, events }
    }

    fn device(&self) -> DeviceId {
        self.net.device()
    }

    fn typed_address(&self) -> String {
        format!("127.0.0.1:{}", self.net.tcp_port().unwrap())
    }

    async fn send(&self, command: NetCommand) {
        assert!(self.handle.send(command).await);
    }

    /// The next event that is wanted. Others are passed over; gossip on the way is accepted.
    async fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&NetEvent) -> Option<T>) -> T {
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the network stopped");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        };
        timeout(DEADLINE, search).await.unwrap_or_else(|_| panic!("no {what} in time"))
    }

    async fn wait_connected(&mut self, device: DeviceId) -> (String, &'static str, bool) {
        self.wait("connection", |event| match event {
            NetEvent::PeerConnected { peer, address, transport, archive, .. } if *peer == device => {
                Some((address.clone(), *transport, *archive))
            }
            _ => None,
        })
        .await
    }

    async fn wait_gossip(&mut self) -> (GossipId, DeviceId, Bytes) {
        self.wait("gossip", |event| match event {
            NetEvent::Gossip { message, from, topic, bytes } => {
                assert_eq!(*topic, TOPIC);
                Some((*message, *from, bytes.clone()))
            }
            _ => None,
        })
        .await
    }

    async fn wait_subscribed(&mut self, device: DeviceId) {
        self.wait("subscription", |event| {
            matches!(event, NetEvent::PeerSubscribed { peer, topic } if *peer == device && *topic == TOPIC)
                .then_some(())
        })
        .await;
    }

    async fn publish(&self, bytes: impl Into<Bytes>) {
        self.send(NetCommand::Publish { topic: TOPIC, bytes: bytes.into() }).await;
    }

    async fn judge(&self, message: GossipId, verdict: Verdict) {
        self.send(NetCommand::Judge { message, verdict }).await;
    }
}

/// Two nodes, connected.
async fn pair(seed: u8) -> (Node, Node) {
    let mut a = Node::start(config(seed)).await;
    let mut b = Node::start(config(seed + 1)).await;
    a.send(NetCommand::AddAddress(b.typed_address())).await;
    a.wait_connected(b.device()).await;
    b.wait_connected(a.device()).await;
    (a, b)
}

async fn subscribed_pair(seed: u8) -> (Node, Node) {
    let (mut a, mut b) = pair(seed).await;
    a.send(NetCommand::Subscribe(TOPIC)).await;
    b.send(NetCommand::Subscribe(TOPIC)).await;
    a.wait_subscribed(b.device()).await;
    b.wait_subscribed(a.device()).await;
    (a, b)
}

#[tokio::test]
async fn a_typed_address_leads_to_a_connection_that_both_sides_see() {
    let mut a = Node::start(NetConfig { archive: true, ..config(1) }).await;
    let mut b = Node::start(config(2)).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    let (address, transport, archive) = b.wait_connected(a.device()).await;
    assert!(archive, "the archive is known by its agent");
    assert_eq!(transport, "quic");
    assert!(address.ends_with(&format!("/p2p/{}", peer_of(&a.device()).unwrap())), "{address}");
    let (address, _, archive) = a.wait_connected(b.device()).await;
    assert!(!archive);
    // Who was dialed remembers where the dialer listens.
    assert!(address.contains(&b.net.tcp_port().unwrap().to_string()), "{address}");
}

#[tokio::test]
async fn every_transport_carries_a_connection() {
    for (seed, transport) in [(3, "tcp"), (5, "quic"), (7, "websocket")] {
        let mut a = Node::start(config(seed)).await;
        let mut b = Node::start(config(seed + 1)).await;
        let address = match transport {
            "tcp" => format!("/ip4/127.0.0.1/tcp/{}", b.net.tcp_port().unwrap()),
            "quic" => format!("/dns4/localhost/udp/{}/quic-v1", b.net.quic_port().unwrap()),
            _ => format!("/ip4/127.0.0.1/tcp/{}/ws", b.net.ws_port().unwrap()),
        };
        a.send(NetCommand::AddAddress(address)).await;
        assert_eq!(a.wait_connected(b.device()).await.1, transport);
        assert_eq!(b.wait_connected(a.device()).await.1, transport);
    }
}

#[tokio::test]
async fn gossip_goes_both_ways_and_is_not_repeated() {
    let (mut a, mut b) = subscribed_pair(10).await;
    for n in 0..3 {
        a.publish(format!("from a {n}")).await;
        a.publish(format!("from a {n}")).await;
        let (message, from, bytes) = b.wait_gossip().await;
        assert_eq!((from, bytes), (a.device(), Bytes::from(format!("from a {n}"))));
        b.judge(message, Verdict::Accept).await;
    }
    b.publish(vec![7; GOSSIP_MAX]).await;
    let (message, _, bytes) = a.wait_gossip().await;
    assert_eq!(bytes.len(), GOSSIP_MAX);
    a.judge(message, Verdict::Accept).await;
}

#[tokio::test]
async fn an_accepted_message_is_passed_on_to_who_is_not_connected_to_its_author() {
    let (mut a, mut b) = subscribed_pair(13).await;
    let mut c = Node::start(config(15)).await;
    c.send(NetCommand::Subscribe(TOPIC)).await;
    c.send(NetCommand::AddAddress(b.typed_address())).await;
    c.wait_subscribed(b.device()).await;
    b.wait_subscribed(c.device()).await;
    a.publish("through b").await;
    let (message, ..) = b.wait_gossip().await;
    b.judge(message, Verdict::Accept).await;
    let (_, from, bytes) = c.wait_gossip().await;
    assert_eq!((from, bytes), (b.device(), Bytes::from("through b")));
    // What b ignores stays with b.
    a.publish("ignored").await;
    let (message, ..) = b.wait_gossip().await;
    b.judge(message, Verdict::Ignore).await;
    a.publish("accepted").await;
    let (message, ..) = b.wait_gossip().await;
    b.judge(message, Verdict::Accept).await;
    assert_eq!(c.wait_gossip().await.2, Bytes::from("accepted"));
    // Nobody leaves early.
    a.send(NetCommand::Unsubscribe(TOPIC)).await;
    b.wait("unsubscription", |event| {
        matches!(event, NetEvent::PeerUnsubscribed { peer, .. } if *peer == a.net.device()).then_some(())
    })
    .await;
    a.wait("round trip", |event| matches!(event, NetEvent::RoundTrip { .. }).then_some(())).await;
}

#[tokio::test]
async fn a_peer_that_sends_rubbish_is_thrown_out_while_an_honest_one_goes_on() {
    let (mut bad, mut b) = subscribed_pair(20).await;
    let mut good = Node::start(config(22)).await;
    good.send(NetCommand::Subscribe(TOPIC)).await;
    good.send(NetCommand::AddAddress(b.typed_address())).await;
    good.wait_subscribed(b.device()).await;
    b.wait_subscribed(good.device()).await;
    for n in 0..20 {
        bad.publish(format!("rubbish {n}")).await;
    }
    let is_bad = bad.device();
    // Judge what comes until the bad peer is out.
    let judged = timeout(DEADLINE, async {
        let mut rejected = 0;
        loop {
            match b.events.recv().await.unwrap() {
                NetEvent::Gossip { message, bytes, .. } => {
                    assert!(bytes.starts_with(b"rubbish"));
                    b.judge(message, Verdict::Reject).await;
                    rejected += 1;
                }
                NetEvent::PeerDisconnected(device) if device == is_bad => return rejected,
                _ => {}
            }
        }
    });
    assert!(judged.await.expect("the bad peer stayed") >= 5);
    bad.wait("end of the connection", |event| {
        matches!(event, NetEvent::PeerDisconnected(device) if *device == b.net.device()).then_some(())
    })
    .await;
    good.publish("honest").await;
    let (message, from) = b
        .wait("honest gossip", |event| match event {
            NetEvent::Gossip { message, from, bytes, .. } if bytes == "honest" => Some((*message, *from)),
            NetEvent::PeerConnected { peer, .. } if *peer == is_bad => panic!("the bad peer is back"),
            _ => None,
        })
        .await;
    assert_eq!(from, good.device());
    b.judge(message, Verdict::Accept).await;
}

#[tokio::test]
async fn a_request_is_answered_with_a_megabyte() {
    let (mut a, mut b) = pair(30).await;
    let body_of = |bytes: &Bytes| u64::from(bytes[HEADER_LEN]);
    for n in 0..16 {
        let bytes = framed(RequestKind::Own.number(), &[n as u8; 100]);
        a.send(NetCommand::Request { id: RequestId(n), peer: b.device(), bytes }).await;
    }
    let answering = tokio::spawn(async move {
        for _ in 0..16 {
            let (id, bytes) = b
                .wait("question", |event| match event {
                    NetEvent::Asked { id, bytes, .. } => Some((*id, bytes.clone())),
                    _ => None,
                })
                .await;
            let bytes = framed(AnswerKind::Page.number(), &vec![bytes[HEADER_LEN]; PAGE_MAX_BYTES]);
            b.send(NetCommand::Answer { id, bytes }).await;
        }
        b
    });
    let mut answered = std::collections::BTreeSet::new();
    while answered.len() < 16 {
        let (id, bytes) = a
            .wait("answer", |event| match event {
                NetEvent::Answered { id, bytes, .. } => Some((*id, bytes.clone())),
                NetEvent::RequestFailed { reason, .. } => panic!("{reason}"),
                _ => None,
            })
            .await;
        assert_eq!((bytes.len(), body_of(&bytes)), (HEADER_LEN + PAGE_MAX_BYTES, id.0));
        assert!(answered.insert(id), "answered twice");
    }
    answering.await.unwrap();
}

#[tokio::test]
async fn requests_that_cannot_be_sent_or_answered_fail_with_a_reason() {
    let (mut a, b) = pair(33).await;
    let stranger = DeviceId::from_bytes([1; 32]);
    let large = Bytes::from(vec![0; WIRE_MAX + 1]);
    a.send(NetCommand::Request { id: RequestId(1), peer: b.device(), bytes: large }).await;
    a.send(NetCommand::Request { id: RequestId(2), peer: stranger, bytes: Bytes::new() }).await;
    a.send(NetCommand::Request { id: RequestId(3), peer: b.device(), bytes: Bytes::new() }).await;
    b.net.shutdown().await;
    let mut failed = std::collections::BTreeMap::new();
    while failed.len() < 3 {
        let (id, reason) = a
            .wait("failure", |event| match event {
                NetEvent::RequestFailed { id, reason } => Some((*id, reason.clone())),
                _ => None,
            })
            .await;
        assert!(failed.insert(id.0, reason).is_none());
    }
    assert!(failed[&1].contains("larger"), "{failed:?}");
    assert!(failed[&2].contains("not connected"), "{failed:?}");
}

#[tokio::test]
async fn a_peer_that_restarts_on_its_port_is_found_again() {
    let (mut a, b) = pair(40).await;
    let (device, port) = (b.device(), b.net.tcp_port().unwrap());
    b.net.shutdown().await;
    a.wait("end of the connection", |event| {
        matches!(event, NetEvent::PeerDisconnected(gone) if *gone == device).then_some(())
    })
    .await;
    let exactly = Ports { tcp: Port::Exactly(port), quic: Port::Exactly(port), ws: Port::Off };
    let mut b = Node::start(NetConfig { ports: exactly, ..config(41) }).await;
    a.wait_connected(device).await;
    b.wait_connected(a.device()).await;
}

#[tokio::test]
async fn a_peer_that_was_killed_and_comes_back_at_once_hears_gossip_again() {
    let mut a = Node::start(config(42)).await;
    a.send(NetCommand::Subscribe(TOPIC)).await;
    // Killed: its runtime is torn down, so that QUIC says no goodbye.
    let killed = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = a.typed_address();
    let b = config(43);
    let mut first = killed.spawn(Node::start(b.clone())).await.unwrap();
    first.send(NetCommand::AddAddress(address.clone())).await;
    first.wait_connected(a.device()).await;
    // Two round trips take longer than connections need to count as settled.
    for _ in 0..2 {
        a.wait("round trip", |event| matches!(event, NetEvent::RoundTrip { .. }).then_some(())).await;
    }
    killed.shutdown_background();
    let mut b = Node::start(NetConfig { manual: vec![address], ..b }).await;
    b.send(NetCommand::Subscribe(TOPIC)).await;
    b.wait_subscribed(a.device()).await;
    a.wait_subscribed(b.device()).await;
    b.publish("back").await;
    assert_eq!(a.wait_gossip().await.2, Bytes::from("back"));
    a.publish("welcome").await;
    assert_eq!(b.wait_gossip().await.2, Bytes::from("welcome"));
}

#[tokio::test]
async fn a_known_peer_is_dialed_at_start() {
    let mut a = Node::start(config(45)).await;
    let addresses = vec![format!("/ip4/127.0.0.1/tcp/{}", a.net.tcp_port().unwrap())];
    let mut b = Node::start(NetConfig { known: vec![(a.device(), addresses)], ..config(46) }).await;
    b.wait_connected(a.device()).await;
    a.wait_connected(b.device()).await;
}

/// Only over the loopback interface, so that nothing leaves this machine.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_that_start_one_after_the_other_find_each_other_by_mdns() {
    let over_loopback = |seed| NetConfig {
        mdns: true,
        interfaces: InterfaceFilter { include: vec!["lo".into()], exclude: Vec::new() },
        ..config(seed)
    };
    let mut a = Node::start(over_loopback(80)).await;
    let mut b = Node::start(NetConfig { archive: true, ..over_loopback(81) }).await;
    assert!(a.wait_connected(b.device()).await.2, "the archive is known as one");
    b.wait_connected(a.device()).await;
    // A third one that only looks finds both, and sees one of them leave.
    let lo = InterfaceFilter { include: vec!["lo".into()], exclude: Vec::new() };
    let mut browser = Browser::browse(&lo).unwrap();
    let (mut found, archive) = (std::collections::BTreeSet::new(), b.device());
    let search = async {
        while !(found.contains(&a.device()) && found.contains(&archive)) {
            if let Found::Here { device, archive: is_archive, addresses } = browser.next().await {
                // Somebody may be using Parlor on this machine.
                if device != a.device() && device != archive {
                    continue;
                }
                assert_eq!(is_archive, device == archive);
                assert!(!addresses.is_empty());
                found.insert(device);
            }
        }
        // Looking anew, as after sleep, finds them anew.
        browser.refresh();
        found.clear();
        while !found.contains(&archive) {
            if let Found::Here { device, .. } = browser.next().await {
                found.insert(device);
            }
        }
        b.net.shutdown().await;
        while browser.next().await != Found::Gone(archive) {}
    };
    timeout(DEADLINE, search).await.expect("not found, or its goodbye not heard");
    browser.stop().await;
}

#[tokio::test]
async fn a_banned_peer_is_disconnected_and_stays_out() {
    let (mut a, mut b) = pair(48).await;
    a.send(NetCommand::Ban(b.device())).await;
    let gone = a.device();
    b.wait("end of the connection", |event| {
        matches!(event, NetEvent::PeerDisconnected(device) if *device == gone).then_some(())
    })
    .await;
    a.wait("end of the connection", |event| matches!(event, NetEvent::PeerDisconnected(_)).then_some(())).await;
    // b redials; a must not let it in.
    let back = timeout(Duration::from_secs(3), a.wait_connected(b.device())).await;
    assert!(back.is_err());
}

#[tokio::test]
async fn two_that_dial_each_other_at_once_stay_connected() {
    let mut a = Node::start(config(50)).await;
    let mut b = Node::start(config(51)).await;
    a.send(NetCommand::AddAddress(b.typed_address())).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    a.wait_connected(b.device()).await;
    b.wait_connected(a.device()).await;
    a.send(NetCommand::Subscribe(TOPIC)).await;
    b.send(NetCommand::Subscribe(TOPIC)).await;
    a.wait_subscribed(b.device()).await;
    let lost = a.wait("disconnect", |event| matches!(event, NetEvent::PeerDisconnected(_)).then_some(()));
    assert!(timeout(Duration::from_secs(2), lost).await.is_err());
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let (mut a, b) = subscribed_pair(55).await;
    // Far more than the queue of events holds, while b does not read.
    const MANY: usize = 1500;
    for n in 0..MANY {
        a.publish(format!("{n}")).await;
    }
    // A sign that a is done with publishing: it answers a request to nobody.
    a.send(NetCommand::Request { id: RequestId(1), peer: a.device(), bytes: Bytes::new() }).await;
    a.wait("failure", |event| matches!(event, NetEvent::RequestFailed { .. }).then_some(())).await;
    let mut b = b;
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < MANY {
        let (message, _, bytes) = b.wait_gossip().await;
        b.judge(message, Verdict::Accept).await;
        assert!(seen.insert(bytes));
    }
}

#[tokio::test]
async fn a_taken_port_and_nonsense_addresses_are_named() {
    let mut a = Node::start(config(60)).await;
    let port = a.net.tcp_port().unwrap();
    let ports = Ports { tcp: Port::Exactly(port), quic: Port::Any, ws: Port::Off };
    let error = Net::start(NetConfig { ports, ..config(61) }).await.unwrap_err();
    assert!(matches!(error, NetError::PortTaken { port: p, .. } if p == port), "{error}");
    let preferred = Ports { tcp: Port::Preferred(port), quic: Port::Preferred(port), ws: Port::Off };
    let mut b = Node::start(NetConfig { ports: preferred, ..config(62) }).await;
    assert_ne!(b.net.tcp_port(), Some(port));
    let hint = |wanted: &'static str| {
        move |event: &NetEvent| match event {
            NetEvent::Hint { key, text: Some(text) } if *key == wanted => Some(text.clone()),
            _ => None,
        }
    };
    b.wait("hint about the port", hint("port")).await;
    a.send(NetCommand::AddAddress("not an address".into())).await;
    assert!(a.wait("hint about the address", hint("address")).await.contains("not an address"));
    a.send(NetCommand::AddAddress(a.typed_address())).await;
    assert!(a.wait("hint about the address", hint("address")).await.contains("this computer"));
}

#[tokio::test]
async fn who_is_alone_gets_a_hint_that_goes_when_somebody_comes() {
    let mut a = Node::start(config(65)).await;
    a.wait("hint", |event| matches!(event, NetEvent::Hint { key: "alone", text: Some(_) }).then_some(())).await;
    let mut b = Node::start(config(66)).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    a.wait("end of the hint", |event| matches!(event, NetEvent::Hint { key: "alone", text: None }).then_some(())).await;
    b.wait_connected(a.device()).await;
}

#[tokio::test]
async fn the_network_ends_when_its_handle_or_its_reader_is_gone() {
    let Node { net, handle, events } = Node::start(config(70)).await;
    drop(handle);
    timeout(DEADLINE, net.shutdown()).await.unwrap();
    drop(events);
    let Node { net, handle, events } = Node::start(config(71)).await;
    drop(events);
    timeout(DEADLINE, async { while handle.send(NetCommand::Subscribe(TOPIC)).await {} }).await.unwrap();
    net.shutdown().await;
}
