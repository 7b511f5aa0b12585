//! Chooses the ports to listen on before the swarm does.
//!
//! libp2p shares TCP ports between sockets of one user (`SO_REUSEPORT`), so a second Parlor would
//! silently get half of the first one's connections. Hence every port is tried with a plain
//! socket first.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use libp2p::Multiaddr;
use socket2::{Domain, Socket, Type};

use super::{
    address,
    config::{Port, Ports},
    error::NetError,
};

/// How often a number that is free for TCP is tried for UDP as well.
const TRIES: usize = 32;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The ports that were chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) tcp: Option<u16>,
    pub(super) quic: Option<u16>,
    pub(super) ws: Option<u16>,
    /// Whether only programs of this machine reach the WebSocket.
    pub(super) ws_is_local: bool,
    /// Whether a preferred port was taken and another is used.
    pub(super) moved: bool,
}

impl Chosen {
    /// What to listen on.
    pub(super) fn addresses(&self, bind: &[IpAddr]) -> Vec<Multiaddr> {
        let every = address::every_address();
        let ips = if bind.is_empty() { &every } else { bind };
        let local = self.ws.filter(|_| self.ws_is_local).map(|port| address::ws(LOCALHOST, port));
        ips.iter()
            .flat_map(|ip| {
                [
                    self.quic.map(|port| address::quic(*ip, port)),
                    self.tcp.map(|port| address::tcp(*ip, port)),
                    self.ws.filter(|_| !self.ws_is_local).map(|port| address::ws(*ip, port)),
                ]
            })
            .flatten()
            .chain(local)
            .collect()
    }
}

/// Whether nobody listens on this TCP port. Binds and lets go again.
pub(crate) fn tcp_is_free(bind: &[IpAddr], port: u16) -> bool {
    if bind.is_empty() {
        return TcpListener::bind((IpAddr::from([0, 0, 0, 0]), port)).is_ok() && v6_is_free(Type::STREAM, port);
    }
    bind.iter().all(|ip| TcpListener::bind((*ip, port)).is_ok())
}

/// Whether nobody listens on this UDP port. Binds and lets go again.
pub(crate) fn udp_is_free(bind: &[IpAddr], port: u16) -> bool {
    if bind.is_empty() {
        return UdpSocket::bind((IpAddr::from([0, 0, 0, 0]), port)).is_ok() && v6_is_free(Type::DGRAM, port);
    }
    bind.iter().all(|ip| UdpSocket::bind((*ip, port)).is_ok())
}

/// A machine without IPv6 counts as free: only "in use" counts as taken.
fn v6_is_free(kind: Type, port: u16) -> bool {
    let tried = Socket::new(Domain::IPV6, kind, None).and_then(|socket| {
        socket.set_only_v6(true)?;
        // As the standard library does for listeners, so that connections that are still closing
        // do not count.
        #[cfg(unix)]
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        let every: IpAddr = std::net::Ipv6Addr::UNSPECIFIED.into();
        socket.bind(&SocketAddr::new(every, port).into())?;
        if kind == Type::STREAM { socket.listen(1) } else { Ok(()) }
    });
    !matches!(tried, Err(error) if error.kind() == std::io::ErrorKind::AddrInUse)
}

/// A number that is free for TCP and UDP alike, so that one typed port serves both.
fn any(bind: &[IpAddr]) -> Result<u16, NetError> {
    let ip = bind.first().copied().unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let mut reason = "no port is free".to_owned();
    for _ in 0..TRIES {
        match TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr()) {
            Ok(address) if tcp_is_free(bind, address.port()) && udp_is_free(bind, address.port()) => {
                return Ok(address.port());
            }
            Ok(_) => {}
            Err(error) => reason = error.to_string(),
        }
    }
    Err(NetError::NothingToListenOn { reason })
}

/// Chooses the ports. Opens and closes sockets, which takes no noticeable time.
pub(super) fn choose(ports: Ports, bind: &[IpAddr]) -> Result<Chosen, NetError> {
    let mut chosen = Chosen::default();
    let mut shared = None;
    // UDP first: no one can share it by accident. Who does not get a preferred UDP port is not
    // the first Parlor here, and leaves the other preferred ports alone, too.
    let mut decide = |port: Port, transport: &'static str, is_free: fn(&[IpAddr], u16) -> bool, pair: bool| {
        let mut take_any = || match shared {
            Some(port) if pair => Ok(Some(port)),
            _ => {
                let port = any(bind)?;
                if pair {
                    shared = Some(port);
                }
                Ok(Some(port))
            }
        };
        match port {
            Port::Off => Ok(None),
            Port::Exactly(port) if is_free(bind, port) => Ok(Some(port)),
            Port::Exactly(port) => Err(NetError::PortTaken { transport, port }),
            Port::Any => take_any(),
            Port::Local => any(&[LOCALHOST]).map(Some),
            Port::Preferred(port) if !chosen.moved && is_free(bind, port) => Ok(Some(port)),
            Port::Preferred(_) => {
                chosen.moved = true;
                take_any()
            }
        }
    };
    let quic = decide(ports.quic, "QUIC (UDP)", udp_is_free, true)?;
    let tcp = decide(ports.tcp, "TCP", tcp_is_free, true)?;
    let ws = decide(ports.ws, "WebSocket", tcp_is_free, false)?;
    Ok(Chosen { tcp, quic, ws, ws_is_local: ports.ws == Port::Local, ..chosen })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const LOCAL: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

    #[test]
    fn any_port_is_the_same_for_tcp_and_quic() {
        let chosen = choose(Ports { tcp: Port::Any, quic: Port::Any, ws: Port::Any }, &LOCAL).unwrap();
        assert_eq!(chosen.tcp, chosen.quic);
        assert_ne!(chosen.tcp, chosen.ws);
        assert!(!chosen.moved);
    }

    #[test]
    fn a_port_for_programs_of_this_machine_is_on_no_other_address() {
        let chosen = choose(Ports { tcp: Port::Any, quic: Port::Off, ws: Port::Local }, &[]).unwrap();
        let addresses = chosen.addresses(&["10.0.0.5".parse().unwrap(), "10.0.0.6".parse().unwrap()]);
        let shown: Vec<_> = addresses.iter().map(ToString::to_string).filter(|one| one.ends_with("/ws")).collect();
        assert_eq!(shown, [format!("/ip4/127.0.0.1/tcp/{}/ws", chosen.ws.unwrap())]);
    }

    #[test]
    fn a_taken_port_that_was_asked_for_is_an_error_that_names_it() {
        let taken = TcpListener::bind((LOCAL[0], 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = choose(Ports { tcp: Port::Exactly(port), quic: Port::Off, ws: Port::Off }, &LOCAL).unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }

    #[test]
    fn a_taken_preferred_port_is_replaced() {
        let taken = UdpSocket::bind((LOCAL[0], 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let preferred = Port::Preferred(port);
        let chosen = choose(Ports { tcp: preferred, quic: preferred, ws: Port::Off }, &LOCAL).unwrap();
        assert!(chosen.moved);
        assert_ne!(chosen.quic, Some(port));
        assert_eq!(chosen.tcp, chosen.quic);
    }
}
