//! How the network is set up. Nothing here touches a socket.

use std::{fmt, net::IpAddr};

use parlor_protocol::{DeviceId, TopicId};
use zeroize::Zeroizing;

use super::capability::{Capabilities, Capability};

/// The port that a typed address without a port means, for TCP and for QUIC.
pub const DEFAULT_PORT: u16 = 47801;
/// The port of the WebSocket listener, for browsers.
pub const DEFAULT_WS_PORT: u16 = 47802;
/// The protocol version of the wire.
pub const VERSION: u8 = 1;

/// Names a gossip message by its topic and its bytes. Two different messages must never have the same
/// name, and the same bytes in two topics are two messages: gossip is anonymous, and what has a known
/// name is dropped as a repetition.
pub type MessageIdFn = fn(TopicId, &[u8]) -> [u8; 20];

/// How to choose one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// This one; another when it is taken, with a hint.
    Preferred(u16),
    /// This one, or an error when it is taken.
    Exactly(u16),
    /// Any free one.
    Any,
    /// Any free one that only programs of this machine reach.
    Local,
    /// Do not listen.
    Off,
}

impl From<u16> for Port {
    /// A number that a person typed: 0 means any.
    fn from(port: u16) -> Self {
        if port == 0 { Self::Any } else { Self::Exactly(port) }
    }
}

/// The ports to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// TCP.
    pub tcp: Port,
    /// QUIC, over UDP.
    pub quic: Port,
    /// WebSocket, over TCP. Browsers reach it through the archive's page, which checks where they come from;
    /// a port of its own that the network reaches is open to every website that a browser shows.
    pub ws: Port,
}

impl Default for Ports {
    fn default() -> Self {
        Self { tcp: Port::Preferred(DEFAULT_PORT), quic: Port::Preferred(DEFAULT_PORT), ws: Port::Off }
    }
}

impl Ports {
    /// From one number that a person typed for TCP and QUIC: 0 means any free ports.
    #[must_use]
    pub fn from_number(port: u16) -> Self {
        Self { tcp: port.into(), quic: port.into(), ..Self::default() }
    }
}

/// Which network interfaces take part in discovery, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceFilter {
    /// Only these. Empty: all.
    pub include: Vec<String>,
    /// Never these.
    pub exclude: Vec<String>,
}

impl InterfaceFilter {
    /// Whether the interface of this name takes part.
    #[must_use]
    pub fn allows(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|n| n == name)) && !self.exclude.iter().any(|n| n == name)
    }
}

/// How many connections there may be. Known devices are those that the rest of the program names
/// (`NetCommand::Know`), and those that were dialed where a person typed; all others are strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Of known devices: an archive on a large site, with room to spare. No stranger takes these.
    pub known: usize,
    /// That strangers opened, all together.
    pub strangers: usize,
    /// That strangers opened from one address; machines behind a router share one.
    pub of_address: usize,
    /// That this machine opened to strangers, because they were announced.
    pub dialed_strangers: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { known: 512, strangers: 256, of_address: 64, dialed_strangers: 128 }
    }
}

/// How the network is set up.
#[derive(Clone)]
pub struct NetConfig {
    /// The seed of the device's Ed25519 key.
    pub seed: Zeroizing<[u8; 32]>,
    /// The program's version, shown to peers.
    pub version: String,
    /// Whether this is an archive. Peers are told.
    pub archive: bool,
    /// Where to listen.
    pub ports: Ports,
    /// The addresses to listen on. Empty: all of the machine.
    pub bind: Vec<IpAddr>,
    /// Which interfaces take part in discovery.
    pub interfaces: InterfaceFilter,
    /// Whether to find peers and be found by mDNS.
    pub mdns: bool,
    /// Addresses that a person typed: `host`, `host:port` or a multiaddr.
    pub manual: Vec<String>,
    /// Peers known from earlier, with the addresses (multiaddrs) where they were.
    pub known: Vec<(DeviceId, Vec<String>)>,
    /// Names gossip messages.
    pub message_id: MessageIdFn,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// What this program can do besides. Peers are told.
    pub capabilities: Capabilities,
}

impl NetConfig {
    /// The set-up of an ordinary member: default ports, all interfaces, mDNS on.
    #[must_use]
    pub fn new(seed: Zeroizing<[u8; 32]>, message_id: MessageIdFn) -> Self {
        Self {
            seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            archive: false,
            ports: Ports::default(),
            bind: Vec::new(),
            interfaces: InterfaceFilter::default(),
            mdns: true,
            manual: Vec::new(),
            known: Vec::new(),
            message_id,
            connections: ConnectionLimits::default(),
            capabilities: Capabilities::default(),
        }
    }

    /// What peers see as our agent: the program, its version, and what it can do.
    #[must_use]
    pub fn agent(&self) -> String {
        let program = if self.archive { "parlor-archive" } else { "parlor" };
        let archive = self.archive.then_some(Capability::Archive);
        format!("{program}/{} {}", self.version, self.capabilities.with(archive))
    }
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed stays out.
        f.debug_struct("NetConfig")
            .field("agent", &self.agent())
            .field("ports", &self.ports)
            .field("bind", &self.bind)
            .field("interfaces", &self.interfaces)
            .field("mdns", &self.mdns)
            .field("manual", &self.manual)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_not_in_the_debug_output() {
        let config = NetConfig::new(Zeroizing::new([0xAB; 32]), |_, _| [0; 20]);
        let shown = format!("{config:?}");
        assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"), "{shown}");
    }

    #[test]
    fn excluding_wins_over_including() {
        let filter = InterfaceFilter { include: vec!["eth0".into(), "eth1".into()], exclude: vec!["eth1".into()] };
        assert!(filter.allows("eth0"));
        assert!(!filter.allows("eth1"));
        assert!(!filter.allows("wlan0"));
    }
}
