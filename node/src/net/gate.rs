//! The part of the swarm that gives connections their places. What it decides is in `places`.

use std::{
    collections::VecDeque,
    convert::Infallible,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, DialFailure, FromSwarm, NetworkBehaviour,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::ConnectionEstablished, dummy,
    },
};
use thiserror::Error;
use web_time::Instant;

use super::{
    config::ConnectionLimits,
    doors::Doors,
    places::{Places, Verdict},
};

/// Why a connection was refused.
#[derive(Debug, Error)]
#[error("no place for a stranger")]
pub(super) struct NoPlace;

/// See the module.
pub(super) struct Gate {
    pub(super) places: Places,
    doors: Doors,
    to_close: VecDeque<(PeerId, ConnectionId)>,
}

impl Gate {
    pub(super) fn new(limits: ConnectionLimits, doors: Doors) -> Self {
        Self { places: Places::new(limits), doors, to_close: VecDeque::new() }
    }

    /// Somebody is known from now on, or a stranger. Answers whether that is news.
    pub(super) fn set_known(&mut self, peer: PeerId, known: bool, now: Instant) -> bool {
        let is_news = if known { self.places.known.add(peer) } else { self.places.known.remove(&peer) };
        if is_news {
            self.standing_changed(&peer, now);
        }
        is_news
    }

    fn standing_changed(&self, peer: &PeerId, now: Instant) {
        let known = self.places.is_known(peer);
        self.doors.set_known(peer, known);
        for (address, source, dialed) in self.places.links_of(peer) {
            if !dialed {
                self.doors.carries(address, known);
            }
            if let (Some(source), true) = (source, known) {
                self.doors.trust(source, now);
            }
        }
    }

    /// Closes connections of strangers that are overdue.
    pub(super) fn close_overdue(&mut self, now: Instant) {
        let overdue = self.places.overdue(now);
        self.close(overdue, "asks for nothing");
    }

    /// Closes the connections of all strangers.
    pub(super) fn close_strangers(&mut self) {
        let strangers = self.places.all_strangers();
        self.close(strangers, "memory is short");
    }

    fn close(&mut self, connections: Vec<(PeerId, ConnectionId)>, why: &str) {
        for (peer, connection) in connections {
            tracing::debug!(%peer, why, "a stranger is let go");
            self.places.closed(connection);
            self.to_close.push_back((peer, connection));
        }
    }

    fn take(&mut self, verdict: Verdict) -> Result<(), ConnectionDenied> {
        match verdict {
            Verdict::Welcome => Ok(()),
            Verdict::Instead(other) => {
                let gone = self.places.peer_of(other).map(|peer| (peer, other));
                self.close(gone.into_iter().collect(), "gives way");
                Ok(())
            }
            Verdict::Full => Err(ConnectionDenied::new(NoPlace)),
        }
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let verdict = self.places.incoming(peer, self.doors.source(remote), Instant::now());
        self.take(verdict)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let verdict = self.places.dial(connection, peer);
        self.take(verdict)?;
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let verdict = self.places.reached(connection, peer);
        self.take(verdict)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, endpoint, .. }) => {
                let now = Instant::now();
                let (address, dialed) = match endpoint {
                    ConnectedPoint::Dialer { address, .. } => (address, true),
                    ConnectedPoint::Listener { send_back_addr, .. } => (send_back_addr, false),
                };
                let source = self.doors.source(address);
                self.places.opened(connection_id, peer_id, address.clone(), source, dialed, now);
                if self.places.is_known(&peer_id) {
                    self.standing_changed(&peer_id, now);
                }
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => self.places.closed(connection_id),
            FromSwarm::DialFailure(DialFailure { connection_id, .. }) => self.places.dial_failed(connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.to_close.pop_front() {
            Some((peer_id, connection)) => {
                Poll::Ready(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::One(connection) })
            }
            // What fills the queue is done by whoever polls the swarm right after.
            None => Poll::Pending,
        }
    }
}
