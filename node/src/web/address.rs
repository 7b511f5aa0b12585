//! Where a page finds the archive that it came from.

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::net::IpAddr;

/// What a page knows of its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveAddress {
    /// The host that the page came from: a name or an IP address, as a browser writes it.
    pub host: String,
    /// The port of the WebSocket.
    pub port: u16,
    /// Its path, with the slash.
    pub path: String,
    /// Whether TLS is around it.
    pub secure: bool,
    /// The archive's peer id, where it says so; then nobody else is taken for it.
    pub peer: Option<String>,
}

impl ArchiveAddress {
    /// As a multiaddr, which [`super::NodeConfig::connect`] takes. None when the host is none.
    #[must_use]
    pub fn multiaddr(&self) -> Option<String> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || !self.path.starts_with('/') {
            return None;
        }
        let mut address = match host.parse::<IpAddr>() {
            Ok(ip) => Multiaddr::from(ip),
            Err(_) => Multiaddr::from(Protocol::Dns(host.into())),
        };
        address.push(Protocol::Tcp(self.port));
        if self.secure {
            address.push(Protocol::Tls);
        }
        address.push(Protocol::Ws(self.path.as_str().into()));
        if let Some(peer) = self.peer.as_ref().and_then(|peer| peer.parse::<PeerId>().ok()) {
            address.push(Protocol::P2p(peer));
        }
        Some(address.to_string())
    }
}
