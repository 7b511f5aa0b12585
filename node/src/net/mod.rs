//! The network: libp2p swarm, discovery, reconnection. It knows topics and bytes, not rooms.
//!
//! [`Net::start`] starts one task that owns the swarm. [`NetCommand`]s go in, [`NetEvent`]s come
//! out, both through bounded queues: a slow reader slows the network down, nothing is dropped.
//! It never opens an entry, never looks into a request and keeps no file. See
//! `docs/architecture.md`, "The network".

mod address;
#[cfg_attr(target_arch = "wasm32", allow(dead_code, unreachable_pub, reason = "a page finds nobody"))]
mod announcement;
mod behaviour;
mod clock;
mod codec;
mod command;
mod commands;
mod config;
mod dialer;
#[cfg(not(target_arch = "wasm32"))]
mod discovery;
mod error;
mod event;
mod gossip;
mod handle;
mod hints;
mod identity;
mod interfaces;
#[cfg(not(target_arch = "wasm32"))]
mod listen;
mod peers;
mod requests;
mod swarm_events;
#[cfg(not(target_arch = "wasm32"))]
mod system;
mod task;
#[cfg(test)]
mod tests;
#[cfg(not(target_arch = "wasm32"))]
mod transport;
#[cfg(any(test, target_arch = "wasm32"))]
mod url;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(target_arch = "wasm32")]
use web::{discovery, listen, system, transport};

pub use command::{GossipId, InboundId, NetCommand, RequestId, Verdict};
pub use config::{DEFAULT_PORT, DEFAULT_WS_PORT, InterfaceFilter, MessageIdFn, NetConfig, Port, Ports, VERSION};
pub use error::NetError;
pub use event::NetEvent;
pub use handle::{Net, NetHandle};
pub use identity::{device_of, peer_of};
pub use interfaces::{Interface, InterfaceKind};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use listen::{tcp_is_free, udp_is_free};
#[cfg(not(target_arch = "wasm32"))]
pub use {
    announcement::Found,
    discovery::{Browser, SERVICE_TYPE},
    interfaces::interfaces,
};
