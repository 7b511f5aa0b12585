//! Real nodes on loopback: network, store and engine together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::Event;
use parlor_tests::real::{address, create, join, node, send, texts, until, until_texts};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_make_join_and_chat_both_ways_and_keep_it_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let anna = node(dir.path(), "anna", &[]).await;
    let ben = node(dir.path(), "ben", &[address(anna.net().unwrap())]).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    let mut events = ben.handle().subscribe();
    assert_eq!(join(&ben.handle(), &code).await, room);
    send(&anna.handle(), room, "hello").await;
    until_texts(&ben.handle(), room, &["hello"]).await;
    send(&ben.handle(), room, "hi").await;
    until_texts(&anna.handle(), room, &["hello", "hi"]).await;
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
