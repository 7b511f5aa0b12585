//! A member's connection: the real network, without the engine.

use bytes::Bytes;
use parlor_node::net::{Net, NetCommand, NetConfig, NetEvent, NetHandle, Port, Ports, RequestId};
use parlor_protocol::{
    DeviceId,
    wire::{Answer, Request, RoomRequest, gossip_id},
};
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};

use crate::fixture::{TestRoom, Writer};

const PATIENCE: Duration = Duration::from_secs(60);

/// A member that is connected to an archive.
pub(crate) struct Member {
    archive: DeviceId,
    handle: NetHandle,
    events: mpsc::Receiver<NetEvent>,
    net: Net,
    next: u64,
}

impl Member {
    pub(crate) async fn connect(writer: &Writer, port: u16) -> Self {
        let mut config = NetConfig::new(writer.key.seed(), gossip_id);
        config.mdns = false;
        config.ports = Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Off };
        config.manual = vec![format!("127.0.0.1:{port}")];
        let (handle, mut events, net) = Net::start(config).await.unwrap();
        let connected = async {
            loop {
                if let NetEvent::PeerConnected { peer, archive: true, .. } = events.recv().await.unwrap() {
                    return peer;
                }
            }
        };
        let archive = timeout(PATIENCE, connected).await.expect("not connected");
        Self { archive, handle, events, net, next: 0 }
    }

    /// The archive's device.
    pub(crate) const fn archive(&self) -> DeviceId {
        self.archive
    }

    /// Asks; nothing when the archive went away.
    pub(crate) async fn try_ask(&mut self, room: &TestRoom, ask: RoomRequest) -> Option<Answer> {
        self.send(&Request::Room { room: room.id, ask }).await
    }

    /// Asks anything; nothing when the archive went away.
    pub(crate) async fn send(&mut self, request: &Request) -> Option<Answer> {
        self.next += 1;
        let id = RequestId(self.next);
        let bytes = Bytes::from(request.encode().unwrap());
        assert!(self.handle.send(NetCommand::Request { id, peer: self.archive, bytes }).await);
        let answered = async {
            loop {
                match self.events.recv().await.unwrap() {
                    NetEvent::Answered { id: of, bytes, .. } if of == id => {
                        return Some(Answer::decode(&bytes).unwrap());
                    }
                    NetEvent::RequestFailed { id: of, .. } if of == id => return None,
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, answered).await.expect("no answer")
    }

    pub(crate) async fn ask(&mut self, room: &TestRoom, ask: RoomRequest) -> Answer {
        self.try_ask(room, ask).await.expect("the archive went away")
    }

    pub(crate) async fn shut_down(self) {
        self.net.shutdown().await;
    }
}
