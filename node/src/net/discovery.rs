//! Finding each other by mDNS-SD (RFC 6762, RFC 6763) as `_parlor._udp.local.`.
//!
//! `mdns-sd` runs its own thread and answers on each interface with that interface's addresses
//! only; an interface that fails does not stop the others. An announcement says where a device
//! may be found; its expiry says nothing about a connection. What is announced is not trusted:
//! the Noise handshake proves the device, and `learnt` says which addresses are worth a try.
//! `mdns-sd` remembers whatever is announced; when that is too much it is ended and begun anew.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use mdns_sd::{IfKind, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent, ServiceInfo};
use parlor_protocol::DeviceId;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    address,
    announcement::{Announcement, Found, Heard},
    config::{InterfaceFilter, VERSION},
};

/// The service type.
pub const SERVICE_TYPE: &str = "_parlor._udp.local.";
/// Most IP addresses of one announcement that are used.
const IPS_MAX: usize = 8;
/// Announcements that wait for the network task.
const QUEUE: usize = 64;
/// Most announcements whose goodbye is recognised.
const NAMES_MAX: usize = 1024;
/// Most records that `mdns-sd` may remember: five or six for each of 1,024 devices, and what else is
/// announced under our name.
const RECORDS_MAX: i64 = 16 * 1024;
/// How often they are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// What `mdns-sd` calls the records in its count (`ServiceDaemon::get_metrics`).
const RECORDS: &str = "cached-";
/// How often the system is asked whether its addresses changed.
const ADDRESS_CHECK_SECONDS: u32 = 3;

/// Browses for devices, and announces this one if told to.
pub struct Browser {
    daemon: ServiceDaemon,
    found: mpsc::Receiver<Found>,
    pump: JoinHandle<()>,
    own: Option<ServiceInfo>,
}

impl std::fmt::Debug for Browser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Browser").field("announces", &self.own.is_some()).finish_non_exhaustive()
    }
}

/// Why discovery could not start.
#[derive(Debug)]
pub(super) struct DaemonError(pub(super) String);

impl From<mdns_sd::Error> for DaemonError {
    fn from(error: mdns_sd::Error) -> Self {
        Self(error.to_string())
    }
}

impl Announcement {
    fn service(&self) -> Result<ServiceInfo, DaemonError> {
        // Not the person's name, and the same after a restart, so that it replaces the old one.
        let name: String = self.device.to_string().chars().take(16).collect();
        let mut txt = vec![("id".to_owned(), self.device.to_string()), ("v".to_owned(), VERSION.to_string())];
        let role = if self.archive { "archive" } else { "member" };
        txt.push(("role".to_owned(), role.to_owned()));
        let ws = self.ports.ws.filter(|_| !self.ports.ws_is_local);
        for (key, port) in [("tcp", self.ports.tcp), ("quic", self.ports.quic), ("ws", ws)] {
            txt.extend(port.map(|port| (key.to_owned(), port.to_string())));
        }
        let port = self.ports.quic.or(self.ports.tcp).or(ws).unwrap_or_default();
        let host = format!("parlor-{name}.local.");
        let mut service = ServiceInfo::new(SERVICE_TYPE, &name, &host, "", port, txt.as_slice())?.enable_addr_auto();
        // The name contains the key, so nobody else has it: announce without asking first.
        service.set_requires_probe(false);
        Ok(service)
    }
}

impl Browser {
    /// Browses without announcing anything.
    ///
    /// # Errors
    ///
    /// What the system said, when multicast cannot be used at all.
    pub fn browse(filter: &InterfaceFilter) -> Result<Self, String> {
        Self::start(filter, None).map_err(|error| error.0)
    }

    /// Starts. Returns at once; the work is done by a thread of `mdns-sd` and a small task.
    pub(super) fn start(filter: &InterfaceFilter, own: Option<&Announcement>) -> Result<Self, DaemonError> {
        let daemon = ServiceDaemon::new()?;
        daemon.set_ip_check_interval(ADDRESS_CHECK_SECONDS)?;
        if !filter.include.is_empty() {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(filter.include.iter().map(IfKind::from).collect::<Vec<_>>())?;
        }
        if !filter.exclude.is_empty() {
            daemon.disable_interface(filter.exclude.iter().map(IfKind::from).collect::<Vec<_>>())?;
        }
        let device = own.map(|own| own.device);
        let own = own.map(Announcement::service).transpose()?;
        if let Some(service) = &own {
            daemon.register(service.clone())?;
        }
        let (sender, found) = mpsc::channel(QUEUE);
        let pump = tokio::spawn(pump(daemon.clone(), sender, device));
        Ok(Self { daemon, found, pump, own })
    }

    /// The next report. Waits for ever when discovery ended.
    pub async fn next(&mut self) -> Found {
        match self.found.recv().await {
            Some(found) => found,
            None => std::future::pending().await,
        }
    }

    /// Announces and asks again: after sleep, or when the network changed.
    pub(super) fn refresh(&self) {
        // A full command queue of the daemon means that it is at work already.
        if let Some(service) = &self.own
            && let Err(error) = self.daemon.register(service.clone())
        {
            tracing::debug!(%error, "not announced again");
        }
        // The pump browses anew when the search ends.
        if let Err(error) = self.daemon.stop_browse(SERVICE_TYPE) {
            tracing::debug!(%error, "not searched again");
        }
    }

    /// Says goodbye and stops. Waits for the goodbye for a moment only.
    pub async fn stop(self) {
        self.pump.abort();
        if let Some(own) = &self.own
            && let Ok(done) = self.daemon.unregister(own.get_fullname())
        {
            let _ = tokio::time::timeout(Duration::from_millis(300), done.recv_async()).await;
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = tokio::time::timeout(Duration::from_millis(300), done.recv_async()).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.pump.abort();
        // Without a shutdown the daemon's thread would run on.
        let _ = self.daemon.shutdown();
    }
}

/// Carries what the daemon finds to the network task, and starts searches anew when they end.
async fn pump(daemon: ServiceDaemon, sender: mpsc::Sender<Found>, own: Option<DeviceId>) {
    let mut names: HashMap<String, DeviceId> = HashMap::new();
    let mut count = tokio::time::interval(COUNT_EVERY);
    count.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let Ok(search) = daemon.browse(SERVICE_TYPE) else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        loop {
            let event = tokio::select! {
                event = search.recv_async() => event,
                _ = count.tick() => {
                    if records(&daemon).await > RECORDS_MAX {
                        // Nobody listens any more: then there is nothing to begin anew.
                        let _ = sender.send(Found::Flooded).await;
                        return;
                    }
                    continue;
                }
            };
            let Ok(event) = event else { break };
            let found = match event {
                ServiceEvent::ServiceResolved(service) => {
                    let Some(found) = understand(&service) else { continue };
                    if let Found::Here { device, .. } = &found
                        && names.len() < NAMES_MAX
                    {
                        names.insert(service.fullname.clone(), *device);
                    }
                    found
                }
                ServiceEvent::ServiceRemoved(_, name) => match names.remove(&name) {
                    Some(device) => Found::Gone(device),
                    None => continue,
                },
                ServiceEvent::SearchStopped(_) => break,
                _ => continue,
            };
            let is_own = matches!(&found, Found::Here { device, .. } | Found::Gone(device) if Some(*device) == own);
            if !is_own && sender.send(found).await.is_err() {
                return;
            }
        }
        // Never a busy loop, whatever the daemon does.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How many records `mdns-sd` remembers. One that does not answer is busy, and counted the next time.
async fn records(daemon: &ServiceDaemon) -> i64 {
    let Ok(answer) = daemon.get_metrics() else { return 0 };
    match tokio::time::timeout(COUNT_EVERY, answer.recv_async()).await {
        Ok(Ok(counts)) => counts.iter().filter(|(name, _)| name.starts_with(RECORDS)).map(|(_, count)| count).sum(),
        _ => 0,
    }
}

/// The names of the interfaces by which an address was heard.
fn heard_by(ip: &ScopedIp) -> Vec<String> {
    match ip {
        ScopedIp::V4(ip) => ip.interface_ids().iter().map(|card| card.name.clone()).collect(),
        ScopedIp::V6(ip) => vec![ip.scope_id().name.clone()].into_iter().filter(|name| !name.is_empty()).collect(),
        _ => Vec::new(),
    }
}

fn understand(service: &ResolvedService) -> Option<Found> {
    let text = |key| service.get_property_val_str(key);
    let device = text("id")?.parse().ok()?;
    let port = |key| text(key).and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != 0);
    let mut ips: Vec<(IpAddr, Vec<String>)> =
        service.addresses.iter().map(|ip| (ip.to_ip_addr(), heard_by(ip))).collect();
    // IPv4 first: on a LAN it is what works most often.
    ips.sort_by_key(|(ip, _)| (ip.is_ipv6(), *ip));
    ips.truncate(IPS_MAX);
    let addresses: Vec<_> = ips
        .into_iter()
        .flat_map(|(ip, interfaces)| {
            let quic = port("quic").map(|port| address::quic(ip, port));
            let tcp = port("tcp").map(|port| address::tcp(ip, port));
            let dialable = [quic, tcp].into_iter().flatten().filter(address::is_dialable);
            dialable.map(move |address| Heard { address, interfaces: interfaces.clone() })
        })
        .collect();
    let archive = text("role") == Some("archive");
    (!addresses.is_empty()).then_some(Found::Here { device, addresses, archive })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::listen::Chosen, *};

    #[test]
    fn an_announcement_is_understood_by_the_other_side() {
        let device = DeviceId::from_bytes([3; 32]);
        let ports = Chosen { tcp: Some(5), quic: Some(6), ..Chosen::default() };
        let service = Announcement { device, ports, archive: true }.service().unwrap();
        assert!(service.get_fullname().ends_with(SERVICE_TYPE));
        let mut resolved = service.as_resolved_service();
        resolved.addresses.insert(IpAddr::from([10, 0, 0, 1]).into());
        let found = understand(&resolved).unwrap();
        let ip = IpAddr::from([10, 0, 0, 1]);
        let heard = |address| Heard { address, interfaces: Vec::new() };
        let addresses = vec![heard(address::quic(ip, 6)), heard(address::tcp(ip, 5))];
        assert_eq!(found, Found::Here { device, addresses, archive: true });
    }

    #[test]
    fn an_announcement_without_a_device_or_an_address_is_left_out() {
        let service = ServiceInfo::new(SERVICE_TYPE, "x", "x.local.", "10.0.0.1", 5, &[("tcp", "5")][..]).unwrap();
        assert_eq!(understand(&service.as_resolved_service()), None);
        let id = "03".repeat(32);
        let txt = [("id", id.as_str()), ("tcp", "70000")];
        let service = ServiceInfo::new(SERVICE_TYPE, "x", "x.local.", "10.0.0.1", 5, &txt[..]).unwrap();
        assert_eq!(understand(&service.as_resolved_service()), None);
    }
}
