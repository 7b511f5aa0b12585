//! Strangers and known devices, over real sockets.

use super::*;

#[tokio::test]
async fn gossip_of_a_stranger_is_not_listened_to_until_it_is_known() {
    let mut a = Node::start(config(90)).await;
    let mut b = Node::start(config(91)).await;
    a.send(NetCommand::Subscribe(TOPIC)).await;
    b.send(NetCommand::Subscribe(TOPIC)).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    // What a stranger listens to is heard: it may be a newcomer, and sync goes to it.
    a.wait_subscribed(b.device()).await;
    b.wait_subscribed(a.device()).await;
    b.publish("from a stranger").await;
    // A request comes after the message on the way.
    b.send(NetCommand::Request { id: RequestId(1), peer: a.device(), bytes: framed(0x0999, b"a question") }).await;
    let asked = a.wait("request", |event| match event {
        NetEvent::Gossip { .. } => panic!("a stranger was listened to"),
        NetEvent::Asked { id, .. } => Some(*id),
        _ => None,
    });
    let id = asked.await;
    a.send(NetCommand::Answer { id, bytes: framed(0x8999, b"an answer") }).await;
    a.know(&b).await;
    b.wait("answer", |event| matches!(event, NetEvent::Answered { .. }).then_some(())).await;
    // Known a moment later, whatever the network is doing now.
    let mut n = 0;
    let (_, from, _) = loop {
        n += 1;
        b.publish(format!("from a member {n}")).await;
        if let Ok(heard) = timeout(Duration::from_millis(300), a.wait_gossip()).await {
            break heard;
        }
        assert!(n < 100, "it is never listened to");
    };
    assert_eq!(from, b.device());
}

#[tokio::test]
async fn what_is_passed_on_right_after_somebody_became_known_reaches_it() {
    let mut middle = Node::start(config(85)).await;
    let mut ends = [Node::start(config(86)).await, Node::start(config(87)).await];
    middle.send(NetCommand::Subscribe(TOPIC)).await;
    for end in &mut ends {
        end.send(NetCommand::Subscribe(TOPIC)).await;
        end.send(NetCommand::AddAddress(middle.typed_address())).await;
        middle.wait_subscribed(end.device()).await;
        end.wait_subscribed(middle.device()).await;
        // What it asked of the mesh was not listened to when a question that followed it has come.
        end.send(NetCommand::Request { id: RequestId(1), peer: middle.device(), bytes: framed(0x0999, b"?") }).await;
        middle.wait("request", |event| matches!(event, NetEvent::Asked { .. }).then_some(())).await;
    }
    for end in &ends {
        middle.know(end).await;
    }
    let [one, other] = &mut ends;
    one.publish("hello").await;
    let (message, from, _) = middle.wait_gossip().await;
    assert_eq!(from, one.device());
    middle.judge(message, Verdict::Accept).await;
    assert_eq!(other.wait_gossip().await.2, "hello");
}

#[tokio::test]
async fn what_a_peer_can_do_is_told_with_it() {
    let capabilities = Capabilities::default().with([Capability::Accounts]);
    let a = Node::start(NetConfig { archive: true, capabilities, ..config(92) }).await;
    let mut b = Node::start(config(93)).await;
    b.send(NetCommand::AddAddress(a.typed_address())).await;
    let told = b.wait("connection", |event| match event {
        NetEvent::PeerConnected { capabilities, archive: true, .. } => Some(*capabilities),
        _ => None,
    });
    let told = told.await;
    assert!(told.has(Capability::Accounts) && told.has(Capability::Archive));
}

#[tokio::test]
async fn strangers_get_the_places_of_one_address_and_a_known_device_one_more() {
    let connections = ConnectionLimits { of_address: 3, ..ConnectionLimits::default() };
    let mut a = Node::start(NetConfig { connections, ..config(94) }).await;
    let mut strangers = Vec::new();
    for n in 0..6 {
        let stranger = Node::start(config(100 + n)).await;
        stranger.send(NetCommand::AddAddress(a.typed_address())).await;
        strangers.push(stranger);
    }
    let devices: Vec<_> = strangers.iter().map(Node::device).collect();
    let mut there = std::collections::BTreeSet::new();
    while there.len() < 3 {
        there.insert(
            a.wait("connection", |event| match event {
                NetEvent::PeerConnected { peer, .. } => Some(*peer),
                _ => None,
            })
            .await,
        );
    }
    let mut member = Node::start(config(95)).await;
    a.know(&member).await;
    member.send(NetCommand::AddAddress(a.typed_address())).await;
    member.wait_connected(a.device()).await;
    // Everybody else tried meanwhile.
    let new = a.wait("member", |event| match event {
        NetEvent::PeerConnected { peer, .. } if !there.contains(peer) => Some(*peer),
        _ => None,
    });
    let new = new.await;
    assert!(new == member.device() && there.iter().all(|device| devices.contains(device)));
}
