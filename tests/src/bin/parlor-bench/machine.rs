//! A machine that has nothing but a connection to an archive: it asks, and waits for the answer.

use bytes::Bytes;
use parlor_node::net::{Net, NetCommand, NetConfig, NetEvent, NetHandle, RequestId};
use parlor_protocol::{
    DeviceId,
    keys::DeviceKey,
    wire::{Answer, Refusal, Request, gossip_id},
};
use std::time::Duration;
use tokio::sync::mpsc;

use crate::{compare::PATIENCE, parlor::ANY_PORTS};

/// A connection to an archive.
pub struct Machine {
    handle: NetHandle,
    events: mpsc::Receiver<NetEvent>,
    net: Net,
    archive: DeviceId,
    next: u64,
}

impl Machine {
    /// Connects with the archive at an address.
    pub async fn connect(key: &DeviceKey, address: &str) -> anyhow::Result<Self> {
        let mut config = NetConfig::new(key.seed(), gossip_id);
        (config.mdns, config.ports, config.manual) = (false, ANY_PORTS, vec![address.to_owned()]);
        let (handle, mut events, net) = Net::start(config).await?;
        let connected = async {
            loop {
                match events.recv().await {
                    Some(NetEvent::PeerConnected { peer, archive: true, .. }) => return Ok(peer),
                    Some(_) => {}
                    None => anyhow::bail!("the network ended"),
                }
            }
        };
        let archive = tokio::time::timeout(PATIENCE, connected).await??;
        Ok(Self { handle, events, net, archive, next: 0 })
    }

    /// Its device.
    pub fn device(&self) -> DeviceId {
        self.net.device()
    }

    /// The archive's device.
    pub fn archive(&self) -> DeviceId {
        self.archive
    }

    /// Asks once.
    pub async fn ask(&mut self, request: &Request) -> anyhow::Result<Answer> {
        self.next += 1;
        let id = RequestId(self.next);
        let bytes = Bytes::from(request.encode()?);
        self.handle.send(NetCommand::Request { id, peer: self.archive, bytes }).await;
        let answer = async {
            loop {
                match self.events.recv().await {
                    Some(NetEvent::Answered { id: of, bytes, .. }) if of == id => return Ok(Answer::decode(&bytes)?),
                    Some(NetEvent::RequestFailed { id: of, reason }) if of == id => anyhow::bail!("{reason}"),
                    Some(_) => {}
                    None => anyhow::bail!("the network ended"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, answer).await?
    }

    /// Asks until the archive is not busy, as nodes do.
    pub async fn insist(&mut self, request: &Request) -> anyhow::Result<Answer> {
        loop {
            match self.ask(request).await? {
                Answer::Refused(Refusal::Busy { retry_ms }) => {
                    tokio::time::sleep(Duration::from_millis(retry_ms.into())).await;
                }
                answer => return Ok(answer),
            }
        }
    }
}
