//! Which of the addresses that others name may be dialed. Pure.
//!
//! Whoever names an address makes this machine knock there. So of what is announced by mDNS, or said by a
//! peer about itself, only machines of the own network count: never this machine itself, never the
//! internet, never an address that stands for many, never anything but plain TCP or QUIC, whose first
//! bytes nobody but Parlor understands. What a person typed is not looked at here.

use std::net::{IpAddr, Ipv4Addr};

use libp2p::{Multiaddr, multiaddr::Protocol};

use super::{
    address,
    interfaces::{Interface, InterfaceKind},
};

/// Shortest prefixes of a network that count as one: what calls itself larger (a tunnel that takes
/// everything) says nothing about who is near.
const PREFIX_MIN_V4: u8 = 8;
const PREFIX_MIN_V6: u8 = 32;

/// How an address was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// Announced by mDNS, as heard by these interfaces. Loopback is among them only where a person named it.
    Announced { heard_by: &'a [&'a Interface] },
    /// The peer says so of itself, and it was seen at this very IP address.
    Said {
        interfaces: &'a [Interface],
        /// A person typed a loopback address and the peer answered there.
        by_hand_at_loopback: bool,
    },
}

/// Whether an address may be dialed because of what somebody said.
pub(super) fn may_dial(address: &Multiaddr, source: Source<'_>) -> bool {
    let Some(ip) = plain(address).filter(|ip| is_host(*ip)) else { return false };
    match source {
        Source::Announced { heard_by } => place(ip, heard_by.iter().copied()) == Place::Near,
        Source::Said { by_hand_at_loopback, .. } if ip.is_loopback() => by_hand_at_loopback,
        Source::Said { interfaces, .. } => {
            match place(ip, interfaces.iter().filter(|card| card.kind != InterfaceKind::Loopback)) {
                Place::Near => true,
                Place::Many => false,
                Place::Elsewhere => is_site(ip),
            }
        }
    }
}

/// The IP address of what is nothing but an IP address and a TCP or QUIC port.
fn plain(address: &Multiaddr) -> Option<IpAddr> {
    let bare = address::without_peer(address);
    let mut parts = bare.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::V4(ip),
        Protocol::Ip6(ip) => IpAddr::V6(ip),
        _ => return None,
    };
    match (parts.next()?, parts.next(), parts.next()) {
        (Protocol::Tcp(1..), None, _) | (Protocol::Udp(1..), Some(Protocol::QuicV1), None) => Some(ip),
        _ => None,
    }
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It is a machine in the network of an interface.
    Near,
    /// It stands for all machines of such a network.
    Many,
    Elsewhere,
}

fn place<'a>(ip: IpAddr, interfaces: impl IntoIterator<Item = &'a Interface>) -> Place {
    let places = interfaces.into_iter().flat_map(|card| &card.addresses).map(|(own, prefix)| match (own, ip) {
        (IpAddr::V4(own), IpAddr::V4(ip)) if *prefix >= PREFIX_MIN_V4 => place_v4(*own, ip, *prefix),
        (IpAddr::V6(own), IpAddr::V6(ip)) if *prefix >= PREFIX_MIN_V6 => {
            let mask = u128::MAX.checked_shl(128 - u32::from((*prefix).min(128))).unwrap_or(0);
            if own.to_bits() & mask == ip.to_bits() & mask { Place::Near } else { Place::Elsewhere }
        }
        _ => Place::Elsewhere,
    });
    places.fold(Place::Elsewhere, |found, one| match (found, one) {
        (Place::Many, _) | (_, Place::Many) => Place::Many,
        (Place::Near, _) | (_, Place::Near) => Place::Near,
        _ => Place::Elsewhere,
    })
}

fn place_v4(own: Ipv4Addr, ip: Ipv4Addr, prefix: u8) -> Place {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    if own.to_bits() & mask != ip.to_bits() & mask {
        return Place::Elsewhere;
    }
    // The first and the last address of a network stand for all of its machines; networks of one or two
    // machines (RFC 3021) have none that do.
    let host = ip.to_bits() & !mask;
    if prefix < 31 && (host == 0 || host == !mask) { Place::Many } else { Place::Near }
}

/// Whether an address stands for one machine at all. Link-local IPv6 needs to say through which interface,
/// which libp2p does not support; documentation, benchmarks and reserved ranges are nobody's (RFC 6890).
fn is_host(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let is_nobodys = matches!((a, b), (0, _) | (198, 18 | 19) | (240.., _)) || (a, b, c) == (192, 0, 0);
            !ip.is_multicast() && !ip.is_broadcast() && !ip.is_documentation() && !is_nobodys
        }
        IpAddr::V6(ip) => {
            let documentation = matches!(ip.segments(), [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..]);
            !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local() && !documentation
        }
    }
}

/// Whether an address is one that sites give out themselves and that leads nowhere outside (RFC 1918,
/// RFC 6598, RFC 4193): a large site has several networks of them. Such an address counts only where the
/// peer was seen at it.
fn is_site(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || matches!(ip.octets(), [100, 64..=127, ..]),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn card(name: &str, addresses: &[(&str, u8)]) -> Interface {
        let addresses = addresses.iter().map(|(ip, prefix)| (ip.parse().unwrap(), *prefix)).collect();
        let kind = if name == "lo" { InterfaceKind::Loopback } else { InterfaceKind::Physical };
        Interface { name: name.into(), kind, up: true, addresses }
    }

    fn cards() -> Vec<Interface> {
        vec![
            card("eth0", &[("192.168.1.7", 24), ("fe80::7", 64), ("fd00:1::7", 64)]),
            card("wlan0", &[("169.254.3.3", 16)]),
            card("tun0", &[("10.8.0.2", 0), ("2001:4860::1", 0)]),
            card("uni0", &[("131.111.5.5", 24), ("2a00:1098:5::5", 64)]),
            card("lo", &[("127.0.0.1", 8), ("::1", 128)]),
        ]
    }

    /// By all cards; discovery hears nothing by loopback.
    fn announced(address: &str, heard_by: &[Interface]) -> bool {
        let heard_by = &heard_by.iter().filter(|card| card.kind != InterfaceKind::Loopback).collect::<Vec<_>>();
        may_dial(&address.parse().unwrap(), Source::Announced { heard_by })
    }

    fn said(address: &str, by_hand_at_loopback: bool) -> bool {
        let interfaces = &cards();
        may_dial(&address.parse().unwrap(), Source::Said { interfaces, by_hand_at_loopback })
    }

    #[test]
    fn of_what_is_announced_only_machines_in_the_network_of_the_card_that_heard_it_are_dialed() {
        let cards = cards();
        let [eth, wlan, ..] = cards.as_slice() else { unreachable!() };
        for near in ["/ip4/192.168.1.9/tcp/47801", "/ip4/192.168.1.9/udp/47801/quic-v1", "/ip6/fd00:1::9/tcp/1"] {
            assert!(announced(near, std::slice::from_ref(eth)), "{near}");
            assert!(!announced(near, std::slice::from_ref(wlan)), "{near}: heard by another card");
            assert!(!announced(near, &[]), "{near}: heard by nobody");
        }
        assert!(announced("/ip4/169.254.9.9/tcp/1", std::slice::from_ref(wlan)));
        assert!(!announced("/ip4/169.254.9.9/tcp/1", std::slice::from_ref(eth)));
        // A university or a company may have addresses of the internet on its own network.
        assert!(announced("/ip4/131.111.5.9/tcp/1", &cards) && announced("/ip6/2a00:1098:5::9/tcp/1", &cards));
        for far in
            ["/ip4/192.168.2.9/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/2001:4860:4860::8888/tcp/1", "/ip4/10.8.0.9/tcp/1"]
        {
            assert!(!announced(far, &cards), "{far}");
        }
    }

    #[test]
    fn nobody_makes_this_machine_knock_at_itself_at_many_or_at_something_that_is_not_parlor() {
        for bad in [
            "/ip4/127.0.0.1/tcp/22",
            "/ip4/127.9.9.9/udp/53/quic-v1",
            "/ip6/::1/tcp/22",
            "/ip4/0.0.0.0/tcp/1",
            "/ip6/::/tcp/1",
            "/ip4/255.255.255.255/udp/1/quic-v1",
            "/ip4/192.168.1.255/udp/1/quic-v1",
            "/ip4/192.168.1.0/tcp/1",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/ip6/ff02::fb/udp/5353/quic-v1",
            "/ip6/fe80::9/tcp/1",
            "/ip4/192.0.2.9/tcp/1",
            "/ip4/198.18.0.1/tcp/1",
            "/ip4/203.0.113.9/tcp/1",
            "/ip4/240.0.0.9/tcp/1",
            "/ip6/2001:db8::9/tcp/1",
            "/ip6/::ffff:127.0.0.1/tcp/1",
            "/ip6/::ffff:192.168.1.9/tcp/1",
            "/ip4/8.8.8.8/tcp/53",
            "/ip6/2606:4700::1111/tcp/443",
            "/ip4/192.168.1.9/tcp/80/ws",
            "/ip4/192.168.1.9/tcp/443/tls/ws",
            "/ip4/192.168.1.9/tcp/443/wss",
            "/ip4/192.168.1.9/tcp/0",
            "/ip4/192.168.1.9",
            "/ip4/192.168.1.9/udp/1",
            "/dns4/router.lan/tcp/80",
            "/dns/metadata.internal/tcp/80",
        ] {
            assert!(!announced(bad, &cards()), "announced: {bad}");
            assert!(!said(bad, false), "said: {bad}");
        }
        let mut path: Multiaddr = "/ip4/192.168.1.9/tcp/631".parse().unwrap();
        path.push(Protocol::Ws("/printers?delete=all".into()));
        assert!(!may_dial(&path, Source::Announced { heard_by: &cards().iter().collect::<Vec<_>>() }));
    }

    #[test]
    fn a_peer_of_another_network_of_the_site_may_say_where_it_listens() {
        for site in ["/ip4/10.20.30.40/tcp/47801", "/ip4/100.64.0.9/udp/9/quic-v1", "/ip6/fd12::9/tcp/9"] {
            assert!(said(site, false), "{site}");
            assert!(!announced(site, &cards()), "{site}");
        }
    }

    #[test]
    fn loopback_is_learnt_only_where_a_person_dialed_it_or_named_the_interface() {
        let lo = card("lo", &[("127.0.0.1", 8), ("::1", 128)]);
        assert!(said("/ip4/127.0.0.1/tcp/9", true) && said("/ip6/::1/udp/9/quic-v1", true));
        assert!(!said("/ip4/127.0.0.1/tcp/9/ws", true));
        assert!(!said("/ip4/8.8.8.8/tcp/9", true));
        assert!(may_dial(&address::local(9), Source::Announced { heard_by: &[&lo] }));
    }
}
