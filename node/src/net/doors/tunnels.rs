//! Connections that another part of this program passes on: the archive's page hands the bytes of browsers
//! to the WebSocket of its own machine. Such a connection seems to come from this machine; here stands from
//! where it really comes, so that limits count the browser and nothing is believed because it is near.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Whom a tunnel carries, as far as the network knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carries {
    /// Not known yet, or a stranger.
    #[default]
    Stranger,
    /// A known device.
    Known,
}

#[derive(Clone, Copy, Debug)]
struct Tunnel {
    from: IpAddr,
    carries: Carries,
}

/// The tunnels that are open, by the local port from which they reach the network. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tunnels {
    open: Arc<Mutex<HashMap<u16, Tunnel>>>,
}

/// An open tunnel; it is forgotten when this is dropped.
#[derive(Debug)]
pub struct TunnelGuard {
    tunnels: Tunnels,
    port: u16,
}

impl Tunnels {
    /// A tunnel for somebody at `from` will connect from this local port. To be called before it does.
    #[must_use]
    pub fn open(&self, port: u16, from: IpAddr) -> TunnelGuard {
        self.lock().insert(port, Tunnel { from, carries: Carries::Stranger });
        TunnelGuard { tunnels: self.clone(), port }
    }

    /// Where the other end of a tunnel is. `None` where there is no such tunnel.
    pub(super) fn from(&self, port: u16) -> Option<IpAddr> {
        self.lock().get(&port).map(|tunnel| tunnel.from)
    }

    /// Who is at the other end.
    pub(super) fn carries(&self, port: u16, carries: Carries) {
        if let Some(tunnel) = self.lock().get_mut(&port) {
            tunnel.carries = carries;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u16, Tunnel>> {
        // Nobody panics while holding it; if somebody did, the map is still whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TunnelGuard {
    /// Whom it carries.
    #[must_use]
    pub fn carries(&self) -> Carries {
        self.tunnels.lock().get(&self.port).map_or(Carries::Stranger, |tunnel| tunnel.carries)
    }
}

impl Drop for TunnelGuard {
    fn drop(&mut self) {
        self.tunnels.lock().remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_is_known_by_its_port_as_long_as_it_is_open() {
        let tunnels = Tunnels::default();
        let browser = IpAddr::from([192, 168, 1, 9]);
        let guard = tunnels.open(5, browser);
        assert_eq!((tunnels.from(5), tunnels.from(6)), (Some(browser), None));
        assert_eq!(guard.carries(), Carries::Stranger);
        tunnels.carries(5, Carries::Known);
        assert_eq!(guard.carries(), Carries::Known);
        drop(guard);
        assert_eq!(tunnels.from(5), None);
    }
}
