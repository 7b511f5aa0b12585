//! The swarm of a page: WebSocket, outwards only.

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    Swarm, SwarmBuilder,
    core::{Transport as _, upgrade},
    identity::Keypair,
    noise, websocket_websys, yamux,
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use super::super::{
    behaviour::{self, Behaviour},
    config::NetConfig,
    error::NetError,
};

/// A WebSocket that counts as flushed when the browser has the bytes. libp2p's waits until they are
/// on the wire, and looks for that ten times a second: every step of a handshake would take as long.
struct Handed<C>(C);

impl<C: AsyncRead + Unpin> AsyncRead for Handed<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Handed<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// Builds the swarm. Names are looked up by the browser.
pub(in crate::net) fn swarm(config: &NetConfig, key: Keypair) -> Result<Swarm<Behaviour>, NetError> {
    let setup = |error: &dyn std::fmt::Display| NetError::Setup { reason: error.to_string() };
    let behaviour = behaviour::behaviour(config, &key)?;
    let swarm = SwarmBuilder::with_existing_identity(key)
        .with_wasm_bindgen()
        .with_other_transport(|key| {
            noise::Config::new(key)
                .map(|noise| {
                    websocket_websys::Transport::default()
                        .map(|connection, _| Handed(connection))
                        .upgrade(upgrade::Version::V1Lazy)
                        .authenticate(noise)
                        .multiplex(yamux::Config::default())
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
