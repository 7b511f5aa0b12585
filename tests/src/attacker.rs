//! A program with a device's keys that says to a machine whatever it likes, straight over the network:
//! no engine stands between.

use bytes::Bytes;
use parlor_node::net::{Net, NetCommand, NetConfig, NetEvent, NetHandle, Port, Ports, RequestId};
use parlor_protocol::{
    DeviceId,
    wire::{Answer, Refusal, Request, gossip_id},
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use crate::real::PATIENCE;

/// A network of its own for the device with this seed, told these addresses.
///
/// # Panics
/// When it does not start.
pub async fn network(seed: [u8; 32], addresses: &[String]) -> (NetHandle, mpsc::Receiver<NetEvent>, Net) {
    let config = NetConfig {
        ports: Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Off },
        mdns: false,
        manual: addresses.to_vec(),
        ..NetConfig::new(Zeroizing::new(seed), gossip_id)
    };
    Net::start(config).await.expect("a network starts")
}

/// A device that asks one machine.
#[derive(Debug)]
pub struct Attacker {
    handle: NetHandle,
    events: mpsc::Receiver<NetEvent>,
    net: Net,
    victim: DeviceId,
    asked: u64,
}

impl Attacker {
    /// Reaches the machine at an address.
    ///
    /// # Panics
    /// When nobody is there.
    pub async fn reach(seed: [u8; 32], address: &str) -> Self {
        let (handle, mut events, net) = network(seed, &[address.to_owned()]).await;
        let met = async {
            loop {
                if let NetEvent::PeerConnected { peer, .. } = events.recv().await.expect("the network runs") {
                    return peer;
                }
            }
        };
        let victim = timeout(PATIENCE, met).await.expect("somebody is there");
        Self { handle, events, net, victim, asked: 0 }
    }

    /// The machine that it asks.
    #[must_use]
    pub fn victim(&self) -> DeviceId {
        self.victim
    }

    /// Says something and waits for the answer; the same again while it is told to wait.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        let bytes = Bytes::from(request.encode().expect("a request that can be written"));
        loop {
            match timeout(PATIENCE, self.ask_once(bytes.clone())).await.expect("an answer") {
                Some(Answer::Refused(Refusal::Busy { retry_ms })) => {
                    sleep(std::time::Duration::from_millis(retry_ms.into())).await;
                }
                Some(answer) => return answer,
                // The connection was replaced by a better one.
                None => tokio::task::yield_now().await,
            }
        }
    }

    async fn ask_once(&mut self, bytes: Bytes) -> Option<Answer> {
        self.asked += 1;
        let asked = RequestId(self.asked);
        self.handle.send(NetCommand::Request { id: asked, peer: self.victim, bytes }).await;
        loop {
            match self.events.recv().await.expect("the network runs") {
                NetEvent::Answered { id, bytes, .. } if id == asked => {
                    return Some(Answer::decode(&bytes).expect("an answer that can be read"));
                }
                NetEvent::RequestFailed { id, .. } if id == asked => return None,
                _ => {}
            }
        }
    }

    /// Ends it.
    pub async fn end(self) {
        self.net.shutdown().await;
    }
}
