//! Where connections come in: how many are being set up, how fast strangers are read, and where the tunnels
//! of the page really come from. [`Doors`] is what the transports, the gate and the page share of it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::AbortHandle;
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use web_time::Instant;

mod entrance;
mod half_open;
mod metered;
mod muxer;
mod tunnels;

pub(super) use entrance::Entrance;
pub(super) use metered::Metered;
pub(super) use muxer::Bounded;
pub use tunnels::{Carries, TunnelGuard, Tunnels};

use super::{address, source::Source};
use half_open::{From, HalfOpen};
use metered::{Account, Meters};

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    half_open: Arc<Mutex<HalfOpen>>,
    meters: Arc<Meters>,
    tunnels: Tunnels,
}

impl Doors {
    pub(super) fn new(tunnels: Tunnels, now: Instant) -> Self {
        Self { half_open: Arc::new(Mutex::new(HalfOpen::new(now))), meters: Meters::new(now), tunnels }
    }

    /// The IP address at the other end of a connection: where a browser is, not the page's tunnel.
    pub(super) fn remote(&self, address: &Multiaddr) -> Option<IpAddr> {
        let ip = address::ip_of(address)?;
        let tunnel = || tunnel_port(address).and_then(|port| self.tunnels.from(port));
        Some(if ip.is_loopback() { tunnel().unwrap_or(ip) } else { ip })
    }

    /// The same as limits count it.
    pub(super) fn source(&self, address: &Multiaddr) -> Option<Source> {
        self.remote(address).map(Source::of)
    }

    fn table(&self) -> MutexGuard<'_, HalfOpen> {
        // Nobody panics while holding it; if somebody did, the table is still whole.
        self.half_open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection begins; see [`HalfOpen::enter`].
    fn enter(&self, from: From, abort: AbortHandle, now: Instant) -> Option<u64> {
        self.table().enter(from, abort, now)
    }

    fn half_open(&self) -> Arc<Mutex<HalfOpen>> {
        Arc::clone(&self.half_open)
    }

    /// A known device is, or was, at this address.
    pub(super) fn trust(&self, source: Source, now: Instant) {
        self.table().trust(source, now);
    }

    /// A connection begins, to or from `address`, whose bytes are counted.
    pub(super) fn account(&self, address: &Multiaddr) -> Arc<Account> {
        self.meters.open(address, self.source(address))
    }

    /// The handshake with `address` showed who that is.
    pub(super) fn belongs_to(&self, address: &Multiaddr, peer: PeerId) {
        self.meters.belongs_to(address, peer);
    }

    /// A peer is known, or it is not any more.
    pub(super) fn set_known(&self, peer: &PeerId, known: bool) {
        self.meters.set_known(peer, known);
    }

    /// Tells the page whom a connection belongs to, if it is a tunnel of it.
    pub(super) fn carries(&self, address: &Multiaddr, known: bool) {
        if let Some(port) = tunnel_port(address) {
            self.tunnels.carries(port, if known { Carries::Known } else { Carries::Stranger });
        }
    }
}

/// The port from which a tunnel may come: a connection of this machine by TCP.
fn tunnel_port(address: &Multiaddr) -> Option<u16> {
    if !address::ip_of(address)?.is_loopback() {
        return None;
    }
    match address.iter().nth(1)? {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    }
}
