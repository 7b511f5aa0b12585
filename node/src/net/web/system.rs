//! What a page cannot ask: it knows no interfaces, and its browser looks names up by itself.

use std::net::IpAddr;

use super::super::interfaces::Interface;

/// Nothing; names are dialed as they are.
#[allow(clippy::unused_async, reason = "as elsewhere")]
pub(in crate::net) async fn look_up(_: String, _: u16) -> Vec<IpAddr> {
    Vec::new()
}

/// Not known.
pub(in crate::net) fn memory() -> Option<usize> {
    None
}

/// Not known.
#[allow(clippy::unused_async, reason = "as elsewhere")]
pub(in crate::net) async fn interfaces() -> Option<Vec<Interface>> {
    None
}
