//! Addresses: what people type, what libp2p dials, what is worth remembering.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

#[cfg(not(target_arch = "wasm32"))]
use super::config::DEFAULT_PORT;
#[cfg(target_arch = "wasm32")]
use super::config::DEFAULT_WS_PORT as DEFAULT_PORT;
use super::interfaces::Interface;

/// A page dials WebSockets only, and its browser looks names up by itself.
pub(super) const IS_PAGE: bool = cfg!(target_arch = "wasm32");
/// Longest address that is accepted as typed.
const TYPED_MAX: usize = 512;
/// Most addresses of one name that are tried.
const RESOLVED_MAX: usize = 4;

/// An address that a person typed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A name or an IP address, and a port: QUIC and TCP are tried.
    Host { host: String, port: u16 },
    /// A multiaddr; a name in it is still to be looked up.
    Multi(Multiaddr),
}

impl Typed {
    /// Understands `host`, `host:port`, `[v6]:port` or a multiaddr. `None` when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > TYPED_MAX {
            return None;
        }
        if text.starts_with('/') {
            return text.parse().ok().filter(is_dialable).map(Self::Multi);
        }
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Some(Self::Host { host: ip.to_string(), port: DEFAULT_PORT });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
            None => (text, DEFAULT_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_ip = host.parse::<IpAddr>().is_ok();
        let is_name = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
        (is_ip || is_name).then(|| Self::Host { host: host.to_owned(), port })
    }

    /// The name that must be looked up first, with its port.
    pub(super) fn lookup(&self) -> Option<(String, u16)> {
        match self {
            _ if IS_PAGE => None,
            Self::Host { host, port } => Some((host.clone(), *port)),
            Self::Multi(address) => address.iter().find_map(|part| match part {
                Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => Some((name.into_owned(), 0)),
                _ => None,
            }),
        }
    }

    /// What to dial, given what the lookup found: QUIC before TCP.
    pub(super) fn dialable(&self, found: &[IpAddr]) -> Vec<Multiaddr> {
        match self {
            Self::Host { host, port } if IS_PAGE => vec![ws_of(host, *port)],
            Self::Host { port, .. } => {
                let found = || found.iter().take(RESOLVED_MAX);
                found().map(|ip| quic(*ip, *port)).chain(found().map(|ip| tcp(*ip, *port))).collect()
            }
            Self::Multi(address) if self.lookup().is_none() => vec![address.clone()],
            Self::Multi(address) => found.iter().take(RESOLVED_MAX).filter_map(|ip| with_ip(address, *ip)).collect(),
        }
    }
}

/// The address with its name replaced by what the name stands for.
fn with_ip(address: &Multiaddr, ip: IpAddr) -> Option<Multiaddr> {
    address
        .iter()
        .map(|part| match (part, ip) {
            (Protocol::Dns(_), ip) => Some(ip.into()),
            (Protocol::Dns4(_), IpAddr::V4(ip)) => Some(Protocol::Ip4(ip)),
            (Protocol::Dns6(_), IpAddr::V6(ip)) => Some(Protocol::Ip6(ip)),
            (Protocol::Dns4(_) | Protocol::Dns6(_), _) => None,
            (other, _) => Some(other),
        })
        .collect::<Option<Multiaddr>>()
}

/// A TCP address.
pub(super) fn tcp(ip: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(ip).with(Protocol::Tcp(port))
}

/// A QUIC address.
pub(super) fn quic(ip: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(ip).with(Protocol::Udp(port)).with(Protocol::QuicV1)
}

/// A WebSocket address.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn ws(ip: IpAddr, port: u16) -> Multiaddr {
    let mut address = tcp(ip, port);
    address.push(Protocol::Ws("/".into()));
    address
}

/// The WebSocket address of a name or an IP address.
fn ws_of(host: &str, port: u16) -> Multiaddr {
    let name = || Multiaddr::from(Protocol::Dns(host.into()));
    let host = host.parse::<IpAddr>().map_or_else(|_| name(), Multiaddr::from);
    host.with(Protocol::Tcp(port)).with(Protocol::Ws("/".into()))
}

/// All wildcard addresses.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn every_address() -> Vec<IpAddr> {
    vec![IpAddr::from([0, 0, 0, 0]), IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)]
}

/// The IP address at the start of an address.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    }
}

/// The peer that an address names.
pub(super) fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last()? {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    }
}

/// The address without the peer at its end.
pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The address with the peer at its end: how an address worth remembering is told from others.
pub(super) fn with_peer(address: &Multiaddr, peer: PeerId) -> Multiaddr {
    without_peer(address).with(Protocol::P2p(peer))
}

/// `quic`, `tcp` or `websocket`.
pub(super) fn transport_of(address: &Multiaddr) -> &'static str {
    address.iter().fold("tcp", |found, part| match part {
        Protocol::QuicV1 | Protocol::Quic => "quic",
        Protocol::Ws(_) | Protocol::Wss(_) => "websocket",
        _ => found,
    })
}

/// Whether our transports could dial this at all: an IP or a name, then TCP, WebSocket or QUIC; in a
/// page WebSocket, with or without TLS.
pub(super) fn is_dialable(address: &Multiaddr) -> bool {
    let parts: Vec<_> = address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect();
    let host_is_real = match parts.first() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        // Link-local addresses need to say through which interface, which libp2p does not support.
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    };
    let way = parts.get(1..);
    let is_page_way = matches!(
        way,
        Some(
            [Protocol::Tcp(1..), Protocol::Ws(_) | Protocol::Wss(_)]
                | [Protocol::Tcp(1..), Protocol::Tls, Protocol::Ws(_)]
        )
    );
    let is_way = matches!(
        way,
        Some([Protocol::Tcp(1..)] | [Protocol::Tcp(1..), Protocol::Ws(_)] | [Protocol::Udp(1..), Protocol::QuicV1])
    );
    host_is_real && if IS_PAGE { is_page_way } else { is_way }
}

/// Sorts so that addresses reached through a network card come first, then those of unknown
/// networks, bridges and tunnels.
pub(super) fn rank(addresses: &mut [Multiaddr], interfaces: &[Interface]) {
    addresses.sort_by_cached_key(|address| {
        let kind = ip_of(address)
            .and_then(|ip| interfaces.iter().filter(|i| i.reaches(ip)).map(|i| i.kind).min())
            .map_or(2, |kind| match kind {
                super::InterfaceKind::Physical => 0,
                super::InterfaceKind::Loopback => 1,
                super::InterfaceKind::Bridge => 3,
                super::InterfaceKind::Vpn => 4,
            });
        (kind, transport_of(address))
    });
}

/// `host:port` as a person types it.
pub(super) fn typed(ip: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(ip, port).to_string()
}

/// A loopback TCP address, for tests.
#[cfg(test)]
pub(super) fn local(port: u16) -> Multiaddr {
    tcp(IpAddr::from([127, 0, 0, 1]), port)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn host(host: &str, port: u16) -> Option<Typed> {
        Some(Typed::Host { host: host.into(), port })
    }

    #[test]
    fn people_may_type_hosts_ports_and_multiaddrs() {
        assert_eq!(Typed::parse(" 192.168.1.7 "), host("192.168.1.7", DEFAULT_PORT));
        assert_eq!(Typed::parse("192.168.1.7:5000"), host("192.168.1.7", 5000));
        assert_eq!(Typed::parse("laptop.local"), host("laptop.local", DEFAULT_PORT));
        assert_eq!(Typed::parse("laptop:99"), host("laptop", 99));
        assert_eq!(Typed::parse("fd00::2"), host("fd00::2", DEFAULT_PORT));
        assert_eq!(Typed::parse("[fd00::2]:99"), host("fd00::2", 99));
        assert!(matches!(Typed::parse("/ip4/10.0.0.1/tcp/99"), Some(Typed::Multi(_))));
        assert!(matches!(Typed::parse("/dns4/laptop/tcp/99/ws"), Some(Typed::Multi(_))));
    }

    #[test]
    fn nonsense_is_not_an_address() {
        for text in ["", "  ", "a b", "host:0", "host:99999", "host:x", "/ip4/10.0.0.1", "/foo", "/ip4/0.0.0.0/tcp/1"] {
            assert_eq!(Typed::parse(text), None, "{text}");
        }
        assert_eq!(Typed::parse(&"x".repeat(TYPED_MAX + 1)), None);
    }

    #[test]
    fn a_typed_host_is_tried_by_quic_and_tcp() {
        let typed = Typed::parse("10.0.0.1:7").unwrap();
        let dial: Vec<_> = typed.dialable(&["10.0.0.1".parse().unwrap()]).iter().map(ToString::to_string).collect();
        assert_eq!(dial, ["/ip4/10.0.0.1/udp/7/quic-v1", "/ip4/10.0.0.1/tcp/7"]);
    }

    #[test]
    fn a_page_dials_names_and_numbers_by_websocket() {
        assert_eq!(ws_of("archive.local", 7).to_string(), "/dns/archive.local/tcp/7/ws");
        assert_eq!(ws_of("10.0.0.1", 7).to_string(), "/ip4/10.0.0.1/tcp/7/ws");
    }

    #[test]
    fn a_name_in_a_multiaddr_is_replaced_by_its_address() {
        let typed = Typed::parse("/dns4/laptop/tcp/99").unwrap();
        assert_eq!(typed.lookup(), Some(("laptop".into(), 0)));
        let found = ["fd00::1".parse().unwrap(), "10.0.0.9".parse().unwrap()];
        let dial: Vec<_> = typed.dialable(&found).iter().map(ToString::to_string).collect();
        assert_eq!(dial, ["/ip4/10.0.0.9/tcp/99"]);
    }

    #[test]
    fn network_cards_come_before_bridges() {
        let interface = |name: &str, kind, ip: &str| Interface {
            name: name.into(),
            kind,
            up: true,
            addresses: vec![(ip.parse().unwrap(), 24)],
        };
        let interfaces = [
            interface("docker0", super::super::InterfaceKind::Bridge, "172.17.0.1"),
            interface("eth0", super::super::InterfaceKind::Physical, "192.168.1.1"),
        ];
        let mut addresses = vec![
            tcp("172.17.0.2".parse().unwrap(), 1),
            tcp("8.8.8.8".parse().unwrap(), 1),
            tcp("192.168.1.9".parse().unwrap(), 1),
        ];
        rank(&mut addresses, &interfaces);
        assert_eq!(ip_of(&addresses[0]), Some("192.168.1.9".parse().unwrap()));
        assert_eq!(ip_of(&addresses[2]), Some("172.17.0.2".parse().unwrap()));
    }
}
