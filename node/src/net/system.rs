//! What the operating system is asked: names, interfaces, memory.

use std::net::IpAddr;

use super::interfaces::{self, Interface};
use crate::runtime;

/// Looks a name up. The operating system knows `.local` names, the hosts file and search domains.
pub(super) async fn look_up(host: String, port: u16) -> Vec<IpAddr> {
    let found = tokio::net::lookup_host((host, port)).await;
    found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

/// Bytes of memory that this process uses; none when the system does not say.
pub(super) fn memory() -> Option<usize> {
    memory_stats::memory_stats().map(|used| used.physical_mem)
}

/// The machine's interfaces; none when the system does not say.
pub(super) async fn interfaces() -> Option<Vec<Interface>> {
    runtime::heavy(interfaces::interfaces).await.ok()?.ok()
}
