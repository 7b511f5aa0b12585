//! The swarm of a page: WebSocket, outwards only.

use libp2p::{
    Swarm, SwarmBuilder,
    core::{Transport as _, upgrade},
    identity::Keypair,
    noise, yamux,
};

use super::{
    super::{
        behaviour::{self, Behaviour},
        config::NetConfig,
        doors::Doors,
        error::NetError,
    },
    socket::Sockets,
};

/// Builds the swarm. Names are looked up by the browser.
pub(in crate::net) fn swarm(config: &NetConfig, key: Keypair, doors: Doors) -> Result<Swarm<Behaviour>, NetError> {
    let setup = |error: &dyn std::fmt::Display| NetError::Setup { reason: error.to_string() };
    let behaviour = behaviour::behaviour(config, &key, doors)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_wasm_bindgen()
        .with_other_transport(|key| {
            noise::Config::new(key)
                .map(|noise| {
                    Sockets.upgrade(upgrade::Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default())
                })
                .map_err(Into::into)
        })
        .map_err(|error| setup(&error))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| setup(&error))?
        .with_swarm_config(|swarm| swarm.with_idle_connection_timeout(behaviour::IDLE_TIMEOUT))
        .with_connection_timeout(behaviour::CONNECT_TIMEOUT)
        .build();
    Ok(swarm)
}
