//! A machine that woke, or a network that came back.

use super::{NetCommand, NetEvent, pair};

#[tokio::test]
async fn a_network_that_came_back_connects_anew_at_once_and_waking_alone_breaks_nothing() {
    let (mut a, mut b) = pair(60).await;
    a.send(NetCommand::LookAnew { lost: false }).await;
    a.send(NetCommand::LookAnew { lost: true }).await;
    // The first of both would have come before.
    a.wait("end of the connection", |event| matches!(event, NetEvent::PeerDisconnected(_)).then_some(())).await;
    b.wait("end of the connection", |event| matches!(event, NetEvent::PeerDisconnected(_)).then_some(())).await;
    a.wait_connected(b.device()).await;
    b.wait_connected(a.device()).await;
    let quiet = std::time::Duration::from_millis(300);
    let lost = tokio::time::timeout(
        quiet,
        a.wait("nothing", |event| matches!(event, NetEvent::PeerDisconnected(_)).then_some(())),
    );
    assert!(lost.await.is_err(), "it was lost once only");
}
