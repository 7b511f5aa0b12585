//! Many topics, and one message in several.

use super::*;

const OTHER: TopicId = TopicId::from_bytes([8; 32]);

fn numbered(n: u16) -> TopicId {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    TopicId::from_bytes(bytes)
}

#[tokio::test]
async fn the_same_bytes_in_two_topics_arrive_in_both() {
    let (a, mut b) = subscribed_pair(50).await;
    a.send(NetCommand::Subscribe(OTHER)).await;
    b.send(NetCommand::Subscribe(OTHER)).await;
    let seen = |event: &NetEvent| matches!(event, NetEvent::PeerSubscribed { topic: OTHER, .. }).then_some(());
    let mut a = a;
    a.wait("subscription", seen).await;
    b.wait("subscription", seen).await;
    // What a stranger says in another topic first does not keep it out of its own.
    for topic in [OTHER, TOPIC] {
        a.send(NetCommand::Publish { topic, bytes: Bytes::from("an epoch begins") }).await;
        let told = b.wait("gossip", |event| match event {
            NetEvent::Gossip { message, topic, .. } => Some((*message, *topic)),
            _ => None,
        });
        let (message, in_topic) = told.await;
        assert_eq!(in_topic, topic);
        b.judge(message, Verdict::Ignore).await;
    }
}

#[tokio::test]
async fn who_listens_to_more_topics_than_peers_take_is_heard_in_those_that_fit() {
    let mut a = Node::start(config(52)).await;
    a.send(NetCommand::Subscribe(TOPIC)).await;
    for n in 0..2_100 {
        a.send(NetCommand::Subscribe(numbered(n))).await;
    }
    let mut b = Node::start(config(53)).await;
    a.know(&b).await;
    b.send(NetCommand::Subscribe(TOPIC)).await;
    b.send(NetCommand::Subscribe(numbered(2_099))).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    b.wait_subscribed(a.device()).await;
    a.wait_subscribed(b.device()).await;
    // As soon as there is place, it is heard in others as well.
    for n in 0..60 {
        a.send(NetCommand::Unsubscribe(numbered(n))).await;
    }
    let last = numbered(2_099);
    b.wait("subscription", |event| {
        matches!(event, NetEvent::PeerSubscribed { topic, .. } if *topic == last).then_some(())
    })
    .await;
    b.publish("still heard").await;
    assert_eq!(a.wait_gossip().await.2, Bytes::from("still heard"));
}
