//! Real nodes in this process: network, store on disk, engine, one room.

use parlor_node::{
    Command, Event, MessageBody, Node, NodeConfig, NodeHandle, Reply,
    net::{Net, Port, Ports},
};
use parlor_protocol::{HistoryPolicy, Name, RoomCode, RoomId};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

use crate::{
    author::number_of,
    compare::{Arrival, Group, PATIENCE, Sender, Transport},
};

/// Any free ports.
pub const ANY_PORTS: Ports = Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Off };
/// Reports that may wait.
const QUEUE: usize = 8192;

impl Transport {
    fn ports(self) -> Ports {
        match self {
            Self::Tcp => Ports { tcp: Port::Any, quic: Port::Off, ws: Port::Off },
            Self::Quic => Ports { tcp: Port::Off, quic: Port::Any, ws: Port::Off },
        }
    }

    /// Where a node can be reached with it.
    pub fn address(self, net: &Net) -> anyhow::Result<String> {
        let port = |port: Option<u16>| port.ok_or_else(|| anyhow::anyhow!("a node does not listen"));
        Ok(match self {
            Self::Tcp => format!("/ip4/127.0.0.1/tcp/{}", port(net.tcp_port())?),
            Self::Quic => format!("/ip4/127.0.0.1/udp/{}/quic-v1", port(net.quic_port())?),
        })
    }
}

/// Starts a node on loopback with the profile's name as its person's name.
pub async fn node(dir: &Path, profile: &str, ports: Ports, connect: &[String]) -> anyhow::Result<Node> {
    let mut config = NodeConfig::new(Some(profile.into()), Some(dir.to_owned()));
    config.mdns = false;
    config.ports = ports;
    config.connect = connect.to_vec();
    let node = Node::start(config).await?;
    node.handle().call(Command::SetName(Name::new(profile)?)).await?;
    Ok(node)
}

/// Makes a room.
pub async fn create(handle: &NodeHandle) -> anyhow::Result<(RoomId, RoomCode)> {
    let create = Command::CreateRoom { name: Name::new("kitchen")?, history: HistoryPolicy::Everything };
    match handle.call(create).await? {
        Reply::Created { room, code } => Ok((room, code)),
        other => anyhow::bail!("a room is made, not {other:?}"),
    }
}

/// Waits until `poll` says yes.
pub async fn until(what: &str, mut poll: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !poll().await {
        anyhow::ensure!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Starts nodes that are all connected with each other and members of one room.
pub async fn group(transport: Transport, peers: usize) -> anyhow::Result<Group> {
    let dir = tempfile::tempdir()?;
    let (reports, arrivals) = mpsc::channel(QUEUE);
    let mut nodes: Vec<Node> = Vec::new();
    let mut addresses: Vec<String> = Vec::new();
    for index in 0..peers {
        let node = node(dir.path(), &format!("node{index}"), transport.ports(), &addresses).await?;
        let net = node.net().ok_or_else(|| anyhow::anyhow!("a node is offline"))?;
        addresses.push(transport.address(net)?);
        nodes.push(node);
    }
    let handles: Vec<_> = nodes.iter().map(Node::handle).collect();
    for handle in &handles {
        until("everybody is connected", async || connected(handle).await == peers - 1).await?;
    }
    let first = handles.first().ok_or_else(|| anyhow::anyhow!("no nodes"))?.clone();
    let (room, code) = create(&first).await?;
    for handle in handles.iter().skip(1) {
        handle.call(Command::Join(code.clone())).await?;
        tokio::spawn(report(handle.subscribe(), reports.clone()));
    }
    for handle in &handles {
        until("everybody knows everybody", async || {
            handle.members(room).await.is_ok_and(|members| members.len() == peers)
        })
        .await?;
    }
    let sender = Sender::Parlor { handle: first, room };
    Ok(Group { sender, arrivals, others: peers - 1, nodes, dir: Some(dir) })
}

/// Two members of one room who reach each other only through an archive.
pub async fn apart(archive: &str) -> anyhow::Result<Group> {
    let dir = tempfile::tempdir()?;
    let (reports, arrivals) = mpsc::channel(QUEUE);
    let at = [archive.to_owned()];
    let anna = node(dir.path(), "anna", Transport::Tcp.ports(), &at).await?;
    let ben = node(dir.path(), "ben", Transport::Tcp.ports(), &at).await?;
    let (sender, other) = (anna.handle(), ben.handle());
    for handle in [&sender, &other] {
        until("the archive is connected", async || connected(handle).await == 1).await?;
    }
    let (room, code) = create(&sender).await?;
    other.call(Command::Join(code)).await?;
    tokio::spawn(report(other.subscribe(), reports));
    for handle in [&sender, &other] {
        until("both know each other", async || handle.members(room).await.is_ok_and(|members| members.len() == 2))
            .await?;
    }
    let sender = Sender::Parlor { handle: sender, room };
    Ok(Group { sender, arrivals, others: 1, nodes: vec![anna, ben], dir: Some(dir) })
}

async fn connected(handle: &NodeHandle) -> usize {
    match handle.call(Command::Connection).await {
        Ok(Reply::Connection(connection)) => connection.peers.len(),
        _ => 0,
    }
}

/// Reports what a subscriber of a node sees, when it sees it.
async fn report(mut events: parlor_node::Subscription, reports: mpsc::Sender<Arrival>) {
    loop {
        match events.next().await {
            Event::MessagesAdded { messages, .. } => {
                let at = Instant::now();
                for message in &messages {
                    let MessageBody::Text { text } = &message.body else { continue };
                    let Some(number) = number_of(text.as_bytes()) else { continue };
                    if reports.send(Arrival { number, at }).await.is_err() {
                        return;
                    }
                }
            }
            Event::Lagged { missed } => eprintln!("    a subscriber missed {missed} events"),
            Event::Stopped => return,
            _ => {}
        }
    }
}
