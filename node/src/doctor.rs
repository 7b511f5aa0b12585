//! `parlor doctor`: what works on this network, what stands in the way, and what to do about it.
//!
//! It only looks: it sends a few multicast questions, tries ports and connects to what it finds.
//! It needs no running node and no profile, and one broken interface never stops the rest.

mod probe;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use parlor_protocol::DeviceId;
use serde::Serialize;

use crate::net::{Interface, InterfaceFilter, InterfaceKind, Ports};

/// What to examine.
#[derive(Clone, Debug)]
pub struct DoctorOptions {
    /// The ports that Parlor would listen on.
    pub ports: Ports,
    /// The interfaces that Parlor would use.
    pub interfaces: InterfaceFilter,
    /// How long to look for others.
    pub wait: Duration,
}

impl Default for DoctorOptions {
    fn default() -> Self {
        Self { ports: Ports::default(), interfaces: InterfaceFilter::default(), wait: Duration::from_secs(3) }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// The interfaces with an address, network cards first.
    pub interfaces: Vec<InterfaceReport>,
    /// Names of interfaces without an address (Linux only).
    pub without_address: Vec<String>,
    /// The ports.
    pub ports: Vec<PortReport>,
    /// The devices that announced themselves.
    pub peers: Vec<PeerReport>,
    /// Why nobody could be looked for.
    pub discovery_failed: Option<String>,
    /// What to do, most important first.
    pub advice: Vec<String>,
}

/// One interface.
#[derive(Clone, Debug, Serialize)]
pub struct InterfaceReport {
    /// The interface.
    #[serde(flatten)]
    pub interface: Interface,
    /// Whether the settings let Parlor use it.
    pub used: bool,
    /// What multicast does there. `None` where it was not tried: loopback, no IPv4, not used.
    pub multicast: Option<Multicast>,
}

/// What multicast does on an interface.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Multicast {
    /// Why nothing could be sent.
    pub failed: Option<String>,
    /// Whether our own question came back.
    pub own_heard: bool,
    /// Other machines that were heard.
    pub others: Vec<IpAddr>,
}

/// Who has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PortState {
    /// Nobody.
    Free,
    /// Something that answers like Parlor.
    Parlor,
    /// Another program.
    Taken,
}

/// One port.
#[derive(Clone, Debug, Serialize)]
pub struct PortReport {
    /// `TCP`, `QUIC (UDP)` or `WebSocket`.
    pub transport: &'static str,
    /// The number.
    pub port: u16,
    /// Who has it.
    pub state: PortState,
}

/// One device that announced itself.
#[derive(Clone, Debug, Serialize)]
pub struct PeerReport {
    /// The device, as it says.
    pub device: DeviceId,
    /// Whether it says that it is an archive.
    pub archive: bool,
    /// Whether it runs on this computer.
    pub is_here: bool,
    /// Its TCP addresses.
    pub routes: Vec<Route>,
}

/// One way to a device.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// Where.
    pub address: SocketAddr,
    /// How long connecting took, in microseconds. `None`: no answer.
    pub micros: Option<u64>,
}

/// Looks at everything. Takes a few seconds.
pub async fn examine(options: &DoctorOptions) -> DoctorReport {
    let interfaces = probe::interfaces(&options.interfaces).await;
    let ports = probe::ports(options.ports).await;
    let found = probe::peers(&options.interfaces, options.wait).await;
    let (mut peers, discovery_failed) = match found {
        Ok(peers) => (peers, None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    let is_own = |ip: IpAddr| interfaces.iter().any(|i| i.interface.addresses.iter().any(|(own, _)| *own == ip));
    for peer in &mut peers {
        // Not all of them: bridges have the same address on many machines.
        peer.is_here = peer.routes.iter().all(|route| is_own(route.address.ip())) && !peer.routes.is_empty();
    }
    let without_address = probe::without_address(&interfaces);
    let advice = Vec::new();
    let mut report = DoctorReport { interfaces, without_address, ports, peers, discovery_failed, advice };
    report.advice = advice_for(&report);
    report
}

/// Whether others could be met through this interface.
fn is_way_out(interface: &InterfaceReport) -> bool {
    interface.used && interface.interface.up && interface.interface.kind == InterfaceKind::Physical
}

fn advice_for(report: &DoctorReport) -> Vec<String> {
    let mut advice = Vec::new();
    let ways: Vec<_> = report.interfaces.iter().filter(|i| is_way_out(i)).collect();
    if ways.is_empty() {
        advice.push(
            "No network card is connected. Plug in a cable or join the Wi-Fi that the others use. If there is one, check \
             the settings that include or exclude interfaces."
                .to_owned(),
        );
    }
    if let Some(reason) = &report.discovery_failed {
        advice.push(format!(
            "Automatic discovery does not work here ({reason}). Add the address of another computer by hand."
        ));
    }
    for way in &ways {
        let name = &way.interface.name;
        match &way.multicast {
            Some(Multicast { failed: Some(reason), .. }) => advice.push(format!(
                "Nothing could be sent to the others on {name} ({reason}). Allow UDP port 5353 for Parlor in the firewall \
                 of this computer, or add addresses by hand."
            )),
            Some(Multicast { own_heard: false, .. }) => advice.push(format!(
                "What this computer sends on {name} does not come back, so its own firewall probably drops multicast. \
                 Allow UDP port 5353 in it."
            )),
            Some(multicast) if multicast.others.is_empty() && report.peers.iter().all(|p| p.is_here) => advice.push(format!(
                "Nobody answered on {name}. Either no other Parlor runs there, or the network filters multicast (schools, \
                 offices) or keeps devices apart (guest Wi-Fi). Add the address of another computer by hand: one of its \
                 addresses as shown there by `parlor doctor`."
            )),
            _ => {}
        }
    }
    for port in report.ports.iter().filter(|port| port.state == PortState::Taken) {
        advice.push(format!(
            "{} port {} belongs to another program. Parlor takes another one by itself; to keep the usual one, close that \
             program.",
            port.transport, port.port
        ));
    }
    for peer in report.peers.iter().filter(|peer| peer.routes.iter().all(|route| route.micros.is_none())) {
        advice.push(format!(
            "Device {} was found but does not let this computer connect. Allow Parlor (TCP and UDP) in the firewall over \
             there{}.",
            peer.device.short(),
            if peer.routes.is_empty() { "; it announces no TCP address" } else { "" }
        ));
    }
    if cfg!(windows) && !advice.is_empty() {
        advice.push(
            "On Windows, set this network to \"Private network\" in the network settings: on a public one the firewall \
             keeps others out."
                .to_owned(),
        );
    }
    advice
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Network interfaces")?;
        for interface in &self.interfaces {
            writeln!(f, "  {interface}")?;
        }
        for name in &self.without_address {
            writeln!(f, "  {name}: no address")?;
        }
        writeln!(f, "\nPorts")?;
        for port in &self.ports {
            let state = match port.state {
                PortState::Free => "free",
                PortState::Parlor => "in use by Parlor",
                PortState::Taken => "in use by another program",
            };
            writeln!(f, "  {} {}: {state}", port.transport, port.port)?;
        }
        writeln!(f, "\nOther devices")?;
        if self.peers.is_empty() {
            writeln!(f, "  none found")?;
        }
        for peer in &self.peers {
            let role = if peer.archive { ", an archive" } else { "" };
            let place = if peer.is_here { ", on this computer" } else { "" };
            writeln!(f, "  {}{role}{place}", peer.device.short())?;
            for Route { address, micros } in &peer.routes {
                match micros {
                    Some(micros) => {
                        writeln!(f, "    {address}: reachable in {}.{} ms", micros / 1000, micros % 1000 / 100)?
                    }
                    None => writeln!(f, "    {address}: no answer")?,
                }
            }
        }
        writeln!(f, "\nWhat to do")?;
        if self.advice.is_empty() {
            writeln!(f, "  Nothing: all is well.")?;
        }
        for advice in &self.advice {
            writeln!(f, "  - {advice}")?;
        }
        Ok(())
    }
}

impl fmt::Display for InterfaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.interface.kind {
            InterfaceKind::Physical => "network card",
            InterfaceKind::Bridge => "bridge to containers or virtual machines",
            InterfaceKind::Vpn => "tunnel",
            InterfaceKind::Loopback => "this computer itself",
        };
        let addresses: Vec<_> = self.interface.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect();
        write!(
            f,
            "{} ({kind}{}): {}",
            self.interface.name,
            if self.interface.up { "" } else { ", down" },
            addresses.join(", ")
        )?;
        if !self.used {
            write!(f, "; left out by the settings")?;
        }
        match &self.multicast {
            None => Ok(()),
            Some(Multicast { failed: Some(reason), .. }) => write!(f, "; multicast does not go out ({reason})"),
            Some(Multicast { own_heard, others, .. }) => {
                write!(f, "; multicast goes out, {}", if *own_heard { "comes back" } else { "does not come back" })?;
                match others.len() {
                    0 => write!(f, ", nobody else heard"),
                    1 => write!(f, ", 1 other machine heard"),
                    n => write!(f, ", {n} other machines heard"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report(multicast: Multicast) -> DoctorReport {
        let interface = Interface {
            name: "eth0".into(),
            kind: InterfaceKind::Physical,
            up: true,
            addresses: vec![("192.168.1.5".parse().unwrap(), 24)],
        };
        DoctorReport {
            interfaces: vec![InterfaceReport { interface, used: true, multicast: Some(multicast) }],
            without_address: vec!["eth1".into()],
            ports: vec![PortReport { transport: "TCP", port: 47801, state: PortState::Free }],
            peers: Vec::new(),
            discovery_failed: None,
            advice: Vec::new(),
        }
    }

    #[test]
    fn every_finding_has_its_remedy() {
        let sent = Multicast { own_heard: true, others: vec!["192.168.1.9".parse().unwrap()], failed: None };
        assert_eq!(advice_for(&report(sent.clone())), Vec::<String>::new());
        let lonely = Multicast { others: Vec::new(), ..sent.clone() };
        assert!(advice_for(&report(lonely)).concat().contains("by hand"));
        let deaf = Multicast { own_heard: false, ..sent.clone() };
        assert!(advice_for(&report(deaf)).concat().contains("firewall"));
        let mute = Multicast { failed: Some("permission denied".into()), ..sent.clone() };
        assert!(advice_for(&report(mute)).concat().contains("permission denied"));
        let mut taken = report(sent.clone());
        taken.ports = vec![PortReport { transport: "TCP", port: 47801, state: PortState::Taken }];
        assert!(advice_for(&taken).concat().contains("47801"));
        let mut walled = report(sent);
        let route = Route { address: "192.168.1.9:47801".parse().unwrap(), micros: None };
        walled.peers =
            vec![PeerReport { device: DeviceId::default(), archive: true, is_here: false, routes: vec![route] }];
        assert!(advice_for(&walled).concat().contains("firewall over there"));
        walled.interfaces.clear();
        assert!(advice_for(&walled).concat().contains("cable"));
    }

    #[test]
    fn the_report_reads_as_plain_english_and_as_json() {
        let report = report(Multicast { own_heard: true, ..Multicast::default() });
        let text = report.to_string();
        assert!(
            text.contains("eth0 (network card): 192.168.1.5/24; multicast goes out, comes back, nobody else heard")
        );
        assert!(text.contains("eth1: no address"));
        assert!(text.contains("Nothing: all is well."));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json.pointer("/interfaces/0/kind").unwrap(), "physical");
        assert_eq!(json.pointer("/ports/0/state").unwrap(), "free");
    }

    #[tokio::test]
    async fn an_examination_ends_whatever_the_network_is_like() {
        // Loopback only: nothing leaves this machine.
        let interfaces = InterfaceFilter { include: vec!["lo".into()], exclude: Vec::new() };
        let options = DoctorOptions { interfaces, wait: Duration::from_millis(200), ..DoctorOptions::default() };
        let report = examine(&options).await;
        assert_eq!(report.ports.len(), 2, "TCP and QUIC; members have no WebSocket");
        assert!(!report.to_string().is_empty());
    }
}
