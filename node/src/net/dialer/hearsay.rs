//! How many addresses that others name may become targets: so many a minute at one IP address, and so many
//! of all. Whoever makes machines up makes this one knock at that many doors and no more.

use std::net::IpAddr;

use libp2p::Multiaddr;
use parlor_protocol::rate::{Rate, TokenBucket, TokenBuckets};
use web_time::Instant;

use super::super::address;

/// New addresses at one IP address: a few programs that listen for TCP and QUIC, and start again.
const AT_ONE_IP: Rate = Rate::new(8, 60_000, 16);
/// New addresses in all: hundreds of machines of a site that start in the morning, with four addresses each.
const OF_ALL: Rate = Rate::new(256, 60_000, 1_024);
/// IP addresses that are counted by themselves; the rest shares one count.
const IPS_MAX: usize = 1_024;

/// What was taken of what others said.
#[derive(Debug)]
pub(super) struct Hearsay {
    began: Instant,
    ips: TokenBuckets<IpAddr>,
    all: TokenBucket,
}

impl Hearsay {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, ips: TokenBuckets::new(AT_ONE_IP, IPS_MAX, 0), all: TokenBucket::full(OF_ALL, 0) }
    }

    /// Whether a new address may become a target.
    pub(super) fn takes(&mut self, address: &Multiaddr, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.began).as_millis();
        let ms = u64::try_from(passed).unwrap_or(u64::MAX);
        let Some(ip) = address::ip_of(address) else { return false };
        self.ips.of(ip, ms).take(ms) && self.all.take(ms)
    }
}
