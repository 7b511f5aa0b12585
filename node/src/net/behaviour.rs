//! What speaks on connections: which protocols, with which limits. It decides nothing.

use std::time::Duration;

use libp2p::{
    allow_block_list::{self, BlockedPeers},
    identify,
    identity::Keypair,
    ping, request_response,
    swarm::NetworkBehaviour,
};

use super::{
    codec::{SYNC_PROTOCOL, WireCodec},
    config::{NetConfig, VERSION},
    doors::Doors,
    error::NetError,
    gate::Gate,
    gossip, requests,
};

/// How often the round trip is measured. With the timeout below (the first failure is free in
/// libp2p) a peer whose plug was pulled is noticed after some 20 seconds.
const PING_INTERVAL: Duration = Duration::from_secs(6);
/// When a ping counts as lost. Wi-Fi that is busy with a large transfer answers late.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take. A LAN answers in milliseconds, a machine that wakes in seconds.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);
/// Connections are never idle for us: peers stay connected.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// Everything that speaks on a connection.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    blocked: allow_block_list::Behaviour<BlockedPeers>,
    pub(super) gate: Gate,
    pub(super) gossip: gossip::Gossipsub,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) wire: request_response::Behaviour<WireCodec>,
}

impl Behaviour {
    /// Refuses a peer, or accepts it again. Its connections are closed.
    pub(super) fn set_blocked(&mut self, peer: libp2p::PeerId, blocked: bool) {
        if blocked {
            self.blocked.block_peer(peer);
        } else {
            self.blocked.unblock_peer(peer);
        }
    }
}

/// The protocol family and version that identify shows.
pub(super) fn protocol_version() -> String {
    format!("/parlor/{VERSION}")
}

pub(super) fn behaviour(config: &NetConfig, key: &Keypair, doors: Doors) -> Result<Behaviour, NetError> {
    let identify = identify::Config::new(protocol_version(), key.public())
        .with_agent_version(config.agent())
        .with_push_listen_addr_updates(true)
        // The dialer keeps addresses; identify need not.
        .with_cache_size(0);
    let wire = request_response::Config::default()
        .with_request_timeout(requests::TIMEOUT)
        .with_max_concurrent_streams(requests::STREAMS_MAX);
    Ok(Behaviour {
        blocked: allow_block_list::Behaviour::default(),
        gate: Gate::new(config.connections, doors),
        gossip: gossip::gossipsub(config.message_id)?,
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_INTERVAL).with_timeout(PING_TIMEOUT)),
        wire: request_response::Behaviour::new([(SYNC_PROTOCOL, request_response::ProtocolSupport::Full)], wire),
    })
}
