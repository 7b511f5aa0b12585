//! The swarm of a computer: TCP, QUIC and WebSocket.

use libp2p::{
    Swarm, SwarmBuilder,
    core::{Transport as _, upgrade},
    identity::Keypair,
    noise, tcp, websocket, yamux,
};

use super::{
    behaviour::{self, Behaviour},
    config::NetConfig,
    error::NetError,
};

/// Builds the swarm. Names are looked up by the dialer through the operating system (which knows
/// `.local` names and the hosts file), so libp2p's own DNS is not part of it.
pub(super) fn swarm(config: &NetConfig, key: Keypair) -> Result<Swarm<Behaviour>, NetError> {
    let setup = |error: &dyn std::fmt::Display| NetError::Setup { reason: error.to_string() };
    let behaviour = behaviour::behaviour(config, &key)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| setup(&error))?
        .with_quic()
        .with_other_transport(|key| {
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            noise::Config::new(key)
                .map(|noise| {
                    websocket::Config::new(tcp)
                        .upgrade(upgrade::Version::V1Lazy)
                        .authenticate(noise)
                        .multiplex(yamux::Config::default())
                })
                .map_err(Into::into)
        })
        .map_err(|error| setup(&error))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| setup(&error))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(behaviour::IDLE_TIMEOUT).with_smart_dial())
        .with_connection_timeout(behaviour::CONNECT_TIMEOUT)
        .build();
    Ok(swarm)
}
