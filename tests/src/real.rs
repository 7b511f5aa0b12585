//! Real nodes and archives in this process, on loopback, without mDNS.

use parlor_archive::{Archive, ArchiveConfig};
use parlor_node::{
    Command, Member, Message, MessageBody, Node, NodeConfig, NodeHandle, Reply,
    net::{Net, Port, Ports},
};
use parlor_protocol::{HistoryPolicy, Name, RoomCode, RoomId, Text};
use std::{path::Path, sync::Arc, time::Duration};

/// How long anything may take before a test gives up. It only ends a test that is stuck: on a machine that is
/// busy with other things everything may take long.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Any free ports.
pub const ANY_PORTS: Ports = Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Any };

/// The address at which a network can be reached on this machine.
///
/// # Panics
/// When it does not listen on TCP.
#[must_use]
pub fn address(net: &Net) -> String {
    format!("127.0.0.1:{}", net.tcp_port().expect("it listens on TCP"))
}

/// Starts a node with the profile's name as its person's name.
///
/// # Panics
/// When it does not start.
pub async fn node(dir: &Path, profile: &str, connect: &[String]) -> Node {
    let mut config = NodeConfig::new(Some(profile.into()), Some(dir.to_owned()));
    config.mdns = false;
    config.ports = ANY_PORTS;
    config.connect = connect.to_vec();
    let node = Node::start(config).await.expect("a node starts");
    node.handle().call(Command::SetName(Name::new(profile).expect("a name"))).await.expect("a name is set");
    node
}

/// An archive's settings in a folder.
#[must_use]
pub fn archive_config(dir: &Path) -> ArchiveConfig {
    let mut config = ArchiveConfig::new(dir.to_owned());
    config.mdns = false;
    config.ports = ANY_PORTS;
    config.http = Some(([127, 0, 0, 1], 0).into());
    config
}

/// Starts an archive on the embedded store.
///
/// # Panics
/// When it does not start.
pub async fn archive(dir: &Path) -> Archive {
    Archive::start(archive_config(dir)).await.expect("an archive starts")
}

/// Waits until `poll` finds something.
///
/// # Panics
/// When it takes longer than [`PATIENCE`].
pub async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes a room.
///
/// # Panics
/// When it cannot be made.
pub async fn create(handle: &NodeHandle, name: &str) -> (RoomId, RoomCode) {
    let create = Command::CreateRoom { name: Name::new(name).expect("a name"), history: HistoryPolicy::Everything };
    match handle.call(create).await {
        Ok(Reply::Created { room, code }) => (room, code),
        other => panic!("a room is made, not {other:?}"),
    }
}

/// Joins a room.
///
/// # Panics
/// When it cannot be joined.
pub async fn join(handle: &NodeHandle, code: &RoomCode) -> RoomId {
    match handle.call(Command::Join(code.clone())).await {
        Ok(Reply::Joined(room)) => room,
        other => panic!("a room is joined, not {other:?}"),
    }
}

/// Sends a text and waits until it is durable.
///
/// # Panics
/// When it is refused.
pub async fn send(handle: &NodeHandle, room: RoomId, text: &str) {
    let send = Command::Send { room, text: Text::new(text).expect("a text"), reply_to: None };
    handle.call(send).await.expect("a message is sent");
}

/// The newest messages of a room.
pub async fn messages(handle: &NodeHandle, room: RoomId) -> Vec<Arc<Message>> {
    match handle.call(Command::History { room, before: None, limit: 1000 }).await {
        Ok(Reply::History { messages, .. }) => messages,
        _ => Vec::new(),
    }
}

/// The newest texts of a room.
pub async fn texts(handle: &NodeHandle, room: RoomId) -> Vec<String> {
    let text = |message: &Arc<Message>| match &message.body {
        MessageBody::Text { text } => Some(text.clone()),
        _ => None,
    };
    messages(handle, room).await.iter().filter_map(text).collect()
}

/// Waits until a room has exactly these texts.
pub async fn until_texts(handle: &NodeHandle, room: RoomId, expected: &[&str]) {
    until(&format!("texts {expected:?}"), async || (texts(handle, room).await == expected).then_some(())).await;
}

/// Waits until the newest own message is archived.
pub async fn until_archived(handle: &NodeHandle, room: RoomId) {
    until("the newest message is archived", async || {
        messages(handle, room).await.iter().rev().find(|m| m.own).filter(|m| m.delivery.archived).map(drop)
    })
    .await;
}

/// Uses the archive that is connected, as the person says: only the first one is used by itself.
///
/// # Panics
/// When none comes within [`PATIENCE`].
pub async fn use_archive(handle: &NodeHandle) {
    let archive = until("an archive is connected", async || match handle.call(Command::Connection).await {
        Ok(Reply::Connection(connection)) => connection.peers.into_iter().find(|peer| peer.archive),
        _ => None,
    })
    .await;
    handle.call(Command::UseArchive { archive: archive.device, uses: true }).await.expect("it is used");
}

/// The members of a room.
pub async fn members(handle: &NodeHandle, room: RoomId) -> Vec<Member> {
    handle.members(room).await.unwrap_or_default()
}
