//! The looking itself. What blocks runs on threads of its own.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant, SystemTime},
};

use futures::future::join_all;
use libp2p::{Multiaddr, multiaddr::Protocol};
use socket2::{Domain, Socket, Type};

use super::{InterfaceReport, Multicast, PeerReport, PortReport, PortState, Route};
use crate::net::{
    self, Browser, Found, Interface, InterfaceFilter, InterfaceKind, Port, Ports, tcp_is_free, udp_is_free,
};

/// Where mDNS questions go (RFC 6762).
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const MDNS_PORT: u16 = 5353;
/// How long answers may take: mDNS responders wait up to 120 ms, Wi-Fi adds to it.
const LISTEN: Duration = Duration::from_millis(1200);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Most devices that are examined.
const PEERS_MAX: usize = 64;
/// What a libp2p program says first.
const GREETING: &[u8] = b"\x13/multistream/1.0.0\n";

pub(super) async fn interfaces(filter: &InterfaceFilter) -> Vec<InterfaceReport> {
    let listed = tokio::task::spawn_blocking(net::interfaces).await;
    let listed = listed.ok().and_then(Result::ok).unwrap_or_default();
    let reports = listed.into_iter().map(|interface| async {
        let used = filter.allows(&interface.name);
        let ip = interface.addresses.iter().find_map(|(ip, _)| match ip {
            IpAddr::V4(ip) => Some(*ip),
            IpAddr::V6(_) => None,
        });
        let multicast = match ip {
            Some(ip) if used && interface.kind != InterfaceKind::Loopback => {
                let asked = interface.clone();
                let tried = tokio::task::spawn_blocking(move || multicast(ip, &asked)).await;
                Some(tried.unwrap_or_else(|error| Multicast { failed: Some(error.to_string()), ..Default::default() }))
            }
            _ => None,
        };
        InterfaceReport { interface, used, multicast }
    });
    join_all(reports).await
}

/// Asks on one interface who is there, and listens.
fn multicast(ip: Ipv4Addr, interface: &Interface) -> Multicast {
    let mut found = Multicast::default();
    if let Err(error) = ask(ip, interface, &mut found) {
        found.failed = Some(error.to_string());
    }
    found
}

fn ask(ip: Ipv4Addr, interface: &Interface, found: &mut Multicast) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // The port is shared with the system's own mDNS and with Parlor itself.
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, MDNS_PORT)).into())?;
    socket.join_multicast_v4(&GROUP, &ip)?;
    socket.set_multicast_if_v4(&ip)?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let socket = UdpSocket::from(socket);
    let question = question();
    socket.send_to(&question, (GROUP, MDNS_PORT))?;
    let mut others = BTreeSet::new();
    let mut packet = [0; 9000];
    let start = Instant::now();
    while start.elapsed() < LISTEN {
        match socket.recv_from(&mut packet) {
            Ok((length, from)) if from.ip() == ip => {
                found.own_heard |= packet.get(..length) == Some(question.as_slice());
            }
            Ok((_, from)) if interface.reaches(from.ip()) => {
                others.insert(from.ip());
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    found.others = others.into_iter().collect();
    Ok(())
}

/// An mDNS question for Parlor and for services of any kind, so that printers and the like answer
/// as well and show that multicast comes in.
fn question() -> Vec<u8> {
    // The id is ignored by others; it tells our question from one of a running Parlor.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let [low, high, ..] = now.to_le_bytes();
    let mut packet = vec![low, high, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
    for name in [net::SERVICE_TYPE, "_services._dns-sd._udp.local."] {
        for label in name.split_terminator('.') {
            packet.push(u8::try_from(label.len()).unwrap_or_default());
            packet.extend(label.as_bytes());
        }
        // End of the name, type PTR, class IN.
        packet.extend([0, 0, 12, 0, 1]);
    }
    packet
}

/// Interfaces that have no address are not listed by the system call; Linux shows their names.
pub(super) fn without_address(listed: &[InterfaceReport]) -> Vec<String> {
    let known: HashSet<_> = listed.iter().map(|report| report.interface.name.as_str()).collect();
    let Ok(names) = std::fs::read_dir("/sys/class/net") else { return Vec::new() };
    let names = names.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| !known.contains(name.as_str())).collect();
    names.sort();
    names
}

pub(super) async fn ports(ports: Ports) -> Vec<PortReport> {
    let wanted = [("TCP", ports.tcp), ("QUIC (UDP)", ports.quic), ("WebSocket", ports.ws)];
    let look = move || {
        let numbered = wanted.into_iter().filter_map(|(transport, port)| match port {
            Port::Preferred(port) | Port::Exactly(port) => Some((transport, port)),
            Port::Any | Port::Local | Port::Off => None,
        });
        let mut reports: Vec<_> =
            numbered.map(|(transport, port)| PortReport { transport, port, state: state(transport, port) }).collect();
        // UDP cannot be asked who it is; beside a Parlor on TCP it is that Parlor's.
        let parlor = reports.iter().any(|report| report.state == PortState::Parlor);
        for report in reports.iter_mut().filter(|report| parlor && report.state == PortState::Taken) {
            if report.transport != "TCP" {
                report.state = PortState::Parlor;
            }
        }
        reports
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

fn state(transport: &str, port: u16) -> PortState {
    match transport {
        "TCP" if tcp_is_free(&[], port) => PortState::Free,
        "TCP" if greets(port) => PortState::Parlor,
        "WebSocket" if tcp_is_free(&[], port) => PortState::Free,
        "QUIC (UDP)" if udp_is_free(&[], port) => PortState::Free,
        _ => PortState::Taken,
    }
}

/// Whether what listens on this port of this machine speaks like Parlor.
fn greets(port: u16) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), CONNECT)?;
        stream.set_read_timeout(Some(CONNECT))?;
        // Both sides may speak first; libp2p listeners answer a greeting.
        io::Write::write_all(&mut stream, GREETING)?;
        let mut heard = [0; GREETING.len()];
        stream.read_exact(&mut heard)?;
        io::Result::Ok(heard == *GREETING)
    };
    greeting().unwrap_or(false)
}

pub(super) async fn peers(filter: &InterfaceFilter, wait: Duration) -> Result<Vec<PeerReport>, String> {
    let cards = tokio::task::spawn_blocking(net::interfaces).await.ok().and_then(Result::ok).unwrap_or_default();
    let mut browser = Browser::browse(filter)?;
    let mut found = BTreeMap::new();
    let search = async {
        loop {
            if let Found::Here { device, addresses, archive } = browser.next().await
                && found.len() < PEERS_MAX
            {
                // As the network itself: nothing is tried that does not lie where it was announced.
                let near = addresses.into_iter().filter(|heard| heard.is_near(&cards, filter));
                found.insert(device, (near.map(|heard| heard.address).collect::<Vec<_>>(), archive));
            }
        }
    };
    // Looking ends when the time is over.
    let _: Result<std::convert::Infallible, _> = tokio::time::timeout(wait, search).await;
    browser.stop().await;
    let reports = found.into_iter().map(|(device, (addresses, archive))| async move {
        let routes = join_all(addresses.iter().filter_map(tcp_address).map(route)).await;
        PeerReport { device, archive, is_here: false, routes }
    });
    Ok(join_all(reports).await)
}

async fn route(address: SocketAddr) -> Route {
    let start = Instant::now();
    let connected = tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(address)).await;
    let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    Route { address, micros: matches!(connected, Ok(Ok(_))).then_some(took) }
}

fn tcp_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}
