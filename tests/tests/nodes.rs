//! Real nodes on loopback: network, store and engine together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    Command, Event, MessageBody, Node, NodeConfig, NodeHandle, Reply,
    net::{Port, Ports},
};
use parlor_protocol::{HistoryPolicy, Name, RoomId, Text};
use std::{path::Path, time::Duration};

async fn node(dir: &Path, profile: &str, connect: &[&Node]) -> Node {
    let mut config = NodeConfig::new(Some(profile.into()), Some(dir.to_owned()));
    config.mdns = false;
    config.ports = Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Any };
    config.connect =
        connect.iter().map(|node| format!("127.0.0.1:{}", node.net().unwrap().tcp_port().unwrap())).collect();
    let node = Node::start(config).await.unwrap();
    node.handle().call(Command::SetName(Name::new(profile).unwrap())).await.unwrap();
    node
}

async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} within 30 seconds");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn texts(handle: &NodeHandle, room: RoomId) -> Vec<String> {
    let Ok(Reply::History { messages, .. }) = handle.call(Command::History { room, before: None, limit: 1000 }).await
    else {
        return Vec::new();
    };
    let text = |message: &std::sync::Arc<parlor_node::Message>| match &message.body {
        MessageBody::Text { text } => Some(text.clone()),
        _ => None,
    };
    messages.iter().filter_map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_make_join_and_chat_both_ways_and_keep_it_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let anna = node(dir.path(), "anna", &[]).await;
    let ben = node(dir.path(), "ben", &[&anna]).await;
    let create = Command::CreateRoom { name: Name::new("kitchen").unwrap(), history: HistoryPolicy::Everything };
    let Ok(Reply::Created { room, code }) = anna.handle().call(create).await else { panic!("created") };
    let mut events = ben.handle().subscribe();
    assert!(matches!(ben.handle().call(Command::Join(code)).await, Ok(Reply::Joined(joined)) if joined == room));
    let send = |text: &str| Command::Send { room, text: Text::new(text).unwrap(), reply_to: None };
    anna.handle().call(send("hello")).await.unwrap();
    ben.handle().call(send("hi")).await.unwrap();
    until("both see both", async || {
        (texts(&anna.handle(), room).await.len() == 2 && texts(&ben.handle(), room).await.len() == 2).then_some(())
    })
    .await;
    let live = loop {
        if let Event::MessagesAdded { live: true, messages, .. } = events.next().await {
            break messages;
        }
    };
    assert!(!live.is_empty());
    anna.shutdown().await;
    ben.shutdown().await;
    let anna = node(dir.path(), "anna", &[]).await;
    until("history after a restart", async || (texts(&anna.handle(), room).await.len() == 2).then_some(())).await;
    anna.shutdown().await;
}
