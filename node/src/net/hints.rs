//! What to tell a person when the network stands in the way. Words only; the task asks.

use web_time::{Duration, Instant};

use super::{
    address,
    config::InterfaceFilter,
    interfaces::{Interface, InterfaceKind},
};

/// How long to look for others before saying that nobody is there.
const ALONE_AFTER: Duration = Duration::from_secs(8);
/// Most own addresses that are shown.
const SHOWN_MAX: usize = 3;
/// After so many failures a typed address gets a hint.
pub(super) const TYPED_FAILURES: u32 = 3;

/// Whether nobody was found.
#[derive(Debug)]
pub(super) struct Alone {
    since: Instant,
    met: bool,
    shown: bool,
}

/// What became of the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Show,
    Clear,
}

impl Alone {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, met: false, shown: false }
    }

    /// Somebody is connected.
    pub(super) fn met(&mut self) -> Option<Change> {
        self.met = true;
        std::mem::take(&mut self.shown).then_some(Change::Clear)
    }

    /// The network changed while nobody was connected: look anew.
    pub(super) fn restart(&mut self, now: Instant) {
        self.since = now;
        self.met = false;
    }

    /// When to look at it next.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.met && !self.shown).then(|| self.since + ALONE_AFTER)
    }

    /// Whether to show the hint now.
    pub(super) fn check(&mut self, now: Instant) -> Option<Change> {
        let show = self.due().is_some_and(|due| now >= due);
        self.shown |= show;
        show.then_some(Change::Show)
    }
}

/// Where others can reach this machine, as they would type it. Best first.
pub(super) fn own_addresses(interfaces: &[Interface], filter: &InterfaceFilter, port: Option<u16>) -> Vec<String> {
    let Some(port) = port else { return Vec::new() };
    let usable: Vec<_> =
        interfaces.iter().filter(|i| i.up && i.kind != InterfaceKind::Loopback && filter.allows(&i.name)).collect();
    // Addresses of bridges and tunnels only help where there is nothing else.
    let best = usable.iter().map(|i| i.kind).min();
    let ips = usable.iter().filter(|i| Some(i.kind) == best).flat_map(|i| i.addresses.iter().map(|(ip, _)| *ip));
    let real = |ip: &std::net::IpAddr| match ip {
        std::net::IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        std::net::IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let mut ips: Vec<_> = ips.filter(real).collect();
    // Stable: physical interfaces stay first. IPv4 is easier to type.
    ips.sort_by_key(std::net::IpAddr::is_ipv6);
    ips.iter().take(SHOWN_MAX).map(|ip| address::typed(*ip, port)).collect()
}

/// Nobody was found.
pub(super) fn alone(own: &[String]) -> String {
    if cfg!(target_arch = "wasm32") {
        return "The archive that this page came from does not answer. Parlor keeps trying. Check that this device is \
                still in its network; if it is, tell whoever runs the archive."
            .to_owned();
    }
    if own.is_empty() {
        return "This computer is not on any network. Connect it to the same network as the others, by cable or Wi-Fi."
            .to_owned();
    }
    format!(
        "Nobody found yet. If others are running Parlor, this network may filter discovery (schools and offices often \
         do) or keep devices apart (guest Wi-Fi). On another computer, add this address: {}. Or run the archive on a \
         computer that everyone can reach, and add its address here.",
        own.join(" or ")
    )
}

/// A preferred port was taken.
pub(super) fn port_moved(tcp: Option<u16>, quic: Option<u16>) -> String {
    let port = quic.or(tcp).map_or_else(|| "another port".to_owned(), |port| format!("port {port}"));
    format!(
        "The usual port is in use, probably by another Parlor on this computer, so this one uses {port}. Others find it \
         by themselves; only who types the address must add the port."
    )
}

/// Discovery could not start.
pub(super) fn no_multicast(reason: &str) -> String {
    format!(
        "Automatic discovery could not start ({reason}). Add the address of another computer by hand, and run `parlor \
         doctor` to see what stands in the way."
    )
}

/// What was typed is no address.
pub(super) fn not_an_address(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    format!(
        "\"{shown}\" is not an address. Write a name or number such as 192.168.1.20, with :port if it is not 47801."
    )
}

/// Nobody answers at what was typed.
pub(super) fn no_answer(text: &str) -> String {
    format!(
        "No answer from {text}. Check that Parlor runs there, that the address and port are right, and that its \
         firewall lets Parlor in (TCP and UDP). Parlor keeps trying."
    )
}

/// What was typed is this computer.
pub(super) fn own_address(text: &str) -> String {
    format!("{text} is this computer itself. Add the address of another one.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_hint_comes_once_after_a_while_and_goes_when_somebody_is_there() {
        let now = Instant::now();
        let mut alone = Alone::new(now);
        assert_eq!(alone.check(now), None);
        assert_eq!(alone.check(now + ALONE_AFTER), Some(Change::Show));
        assert_eq!(alone.check(now + ALONE_AFTER * 2), None);
        assert_eq!(alone.met(), Some(Change::Clear));
        assert_eq!(alone.check(now + ALONE_AFTER * 3), None);
    }

    #[test]
    fn who_has_met_others_is_not_told_about_filters_when_they_leave() {
        let now = Instant::now();
        let mut alone = Alone::new(now);
        assert_eq!(alone.met(), None);
        assert_eq!(alone.check(now + ALONE_AFTER), None);
    }

    #[test]
    fn the_hint_names_the_address_of_the_network_card_only() {
        let interface = |name: &str, kind, ip: &str| Interface {
            name: name.into(),
            kind,
            up: true,
            addresses: vec![(ip.parse().unwrap(), 24)],
        };
        let interfaces = [
            interface("eth0", InterfaceKind::Physical, "192.168.1.5"),
            interface("docker0", InterfaceKind::Bridge, "172.17.0.1"),
            interface("lo", InterfaceKind::Loopback, "127.0.0.1"),
        ];
        let own = own_addresses(&interfaces, &InterfaceFilter::default(), Some(47801));
        assert_eq!(own, ["192.168.1.5:47801"]);
        assert!(alone(&own).contains("192.168.1.5:47801"));
    }
}
