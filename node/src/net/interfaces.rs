//! The machine's network interfaces, and a guess at what each of them is.

use std::net::IpAddr;
#[cfg(not(target_arch = "wasm32"))]
use std::{collections::BTreeMap, io};

use serde::Serialize;

/// What an interface probably is, guessed from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InterfaceKind {
    /// A network card or Wi-Fi.
    Physical,
    /// A bridge to containers or virtual machines.
    Bridge,
    /// A tunnel.
    Vpn,
    /// The machine itself.
    Loopback,
}

/// One interface and its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What it probably is.
    pub kind: InterfaceKind,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses and the length of their network prefix.
    pub addresses: Vec<(IpAddr, u8)>,
}

impl Interface {
    /// Whether the address is in a network of this interface.
    #[must_use]
    pub fn reaches(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|(own, prefix)| same_network(*own, ip, *prefix))
    }
}

#[cfg(not(target_arch = "wasm32"))]
const BRIDGES: &[&str] = &[
    "docker",
    "br-",
    "virbr",
    "veth",
    "vmnet",
    "vboxnet",
    "lxc",
    "lxd",
    "podman",
    "cni",
    "flannel",
    "cali",
    "vethernet",
    "bridge",
];
#[cfg(not(target_arch = "wasm32"))]
const TUNNELS: &[&str] =
    &["tun", "tap", "wg", "ppp", "utun", "tailscale", "zt", "nordlynx", "ipsec", "proton", "mullvad", "vpn"];

#[cfg(not(target_arch = "wasm32"))]
fn guess(name: &str, loopback: bool) -> InterfaceKind {
    let name = name.to_lowercase();
    let begins = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
    if loopback {
        InterfaceKind::Loopback
    } else if begins(BRIDGES) {
        InterfaceKind::Bridge
    } else if begins(TUNNELS) || name.contains("vpn") {
        InterfaceKind::Vpn
    } else {
        InterfaceKind::Physical
    }
}

#[cfg(not(target_arch = "wasm32"))]
/// Lists the interfaces that have an address, physical ones first. Asks the system, so it may
/// take a few milliseconds: not for an async task.
///
/// # Errors
///
/// What the system says.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in if_addrs::get_if_addrs()? {
        let prefix = match &entry.addr {
            if_addrs::IfAddr::V4(v4) => v4.prefixlen,
            if_addrs::IfAddr::V6(v6) => v6.prefixlen,
        };
        let interface = found.entry(entry.name.clone()).or_insert_with(|| Interface {
            name: entry.name.clone(),
            kind: guess(&entry.name, entry.is_loopback()),
            up: entry.is_oper_up() || entry.is_loopback(),
            addresses: Vec::new(),
        });
        interface.addresses.push((entry.ip(), prefix));
    }
    let mut found: Vec<_> = found.into_values().collect();
    for interface in &mut found {
        interface.addresses.sort();
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    Ok(found)
}

fn same_network(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    let prefix = u32::from(prefix);
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32_u32.saturating_sub(prefix)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128_u32.saturating_sub(prefix)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_tell_bridges_and_tunnels_from_network_cards() {
        assert_eq!(guess("docker0", false), InterfaceKind::Bridge);
        assert_eq!(guess("vEthernet (WSL)", false), InterfaceKind::Bridge);
        assert_eq!(guess("wg0", false), InterfaceKind::Vpn);
        assert_eq!(guess("enp3s0", false), InterfaceKind::Physical);
        assert_eq!(guess("Ethernet", false), InterfaceKind::Physical);
        assert_eq!(guess("lo", true), InterfaceKind::Loopback);
    }

    #[test]
    fn an_address_is_reached_through_the_interface_of_its_network() {
        let interface = Interface {
            name: "eth0".into(),
            kind: InterfaceKind::Physical,
            up: true,
            addresses: vec![("192.168.1.7".parse().unwrap(), 24)],
        };
        assert!(interface.reaches("192.168.1.200".parse().unwrap()));
        assert!(!interface.reaches("192.168.2.200".parse().unwrap()));
        assert!(!interface.reaches("fe80::1".parse().unwrap()));
    }

    #[test]
    fn the_loopback_interface_is_listed() {
        assert!(interfaces().unwrap().iter().any(|i| i.kind == InterfaceKind::Loopback));
    }
}
