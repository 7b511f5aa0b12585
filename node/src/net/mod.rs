//! The network: libp2p swarm, discovery, reconnection. It knows topics and bytes, not rooms.
//!
//! [`Net::start`] starts one task that owns the swarm. [`NetCommand`]s go in, [`NetEvent`]s come
//! out, both through bounded queues: a slow reader slows the network down, nothing is dropped.
//! It never opens an entry, never looks into a request and keeps no file. See
//! `docs/architecture.md`, "The network".

mod address;
#[cfg_attr(target_arch = "wasm32", allow(dead_code, unreachable_pub, reason = "a page finds nobody"))]
mod announcement;
mod asked;
mod behaviour;
mod capability;
mod clock;
mod codec;
mod command;
mod commands;
mod config;
mod dialer;
#[cfg(not(target_arch = "wasm32"))]
mod discovery;
#[cfg(not(target_arch = "wasm32"))]
mod doors;
mod error;
mod event;
mod gate;
mod gossip;
mod handle;
mod hints;
mod identity;
mod interfaces;
#[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "a page learns no addresses"))]
mod learnt;
#[cfg(not(target_arch = "wasm32"))]
mod listen;
mod meshing;
mod peers;
mod places;
mod requests;
mod source;
mod standing;
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
use web::{discovery, doors, listen, system, transport};

pub use capability::{Capabilities, Capability};
pub use command::{GossipId, InboundId, KNOWN_BATCH, NetCommand, RequestId, Verdict};
pub use config::{
    ConnectionLimits, DEFAULT_PORT, DEFAULT_WS_PORT, InterfaceFilter, MessageIdFn, NetConfig, Port, Ports, VERSION,
};
pub use error::NetError;
pub use event::NetEvent;
pub use handle::{Net, NetHandle};
pub use identity::{device_of, peer_of};
pub use interfaces::{Interface, InterfaceKind};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use listen::{tcp_is_free, udp_is_free};
pub use source::Source;
#[cfg(not(target_arch = "wasm32"))]
pub use {
    announcement::{Found, Heard},
    discovery::{Browser, SERVICE_TYPE},
    doors::{Carries, TunnelGuard, Tunnels},
    interfaces::interfaces,
};
