//! A page reaches out only, so there is nothing to share.

use libp2p::{Multiaddr, PeerId};
use std::net::IpAddr;
use web_time::Instant;

use super::super::{address, source::Source};

/// Knows where things are, and nothing else.
#[derive(Clone, Debug, Default)]
pub(in crate::net) struct Doors;

impl Doors {
    pub(in crate::net) fn remote(&self, address: &Multiaddr) -> Option<IpAddr> {
        address::ip_of(address)
    }

    pub(in crate::net) fn source(&self, address: &Multiaddr) -> Option<Source> {
        self.remote(address).map(Source::of)
    }

    pub(in crate::net) fn trust(&self, _: Source, _: Instant) {}

    pub(in crate::net) fn set_known(&self, _: &PeerId, _: bool) {}

    pub(in crate::net) fn carries(&self, _: &Multiaddr, _: bool) {}
}
