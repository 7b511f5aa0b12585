//! A page cannot be reached, so there are no ports to choose.

use libp2p::Multiaddr;
use std::net::IpAddr;

use super::super::{config::Ports, error::NetError};

/// The ports that were chosen: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::net) struct Chosen {
    pub(in crate::net) tcp: Option<u16>,
    pub(in crate::net) quic: Option<u16>,
    pub(in crate::net) ws: Option<u16>,
    pub(in crate::net) moved: bool,
}

impl Chosen {
    /// Nothing to listen on.
    pub(in crate::net) fn addresses(&self, _: &[IpAddr]) -> Vec<Multiaddr> {
        Vec::new()
    }
}

/// Nothing to wait for.
pub(in crate::net) fn udp_is_free(_: &[IpAddr], _: u16) -> bool {
    true
}

/// Chooses no ports.
///
/// # Errors
/// Never; elsewhere a port may be taken.
pub(in crate::net) fn choose(_: Ports, _: &[IpAddr]) -> Result<Chosen, NetError> {
    Ok(Chosen::default())
}
