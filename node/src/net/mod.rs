//! The network: libp2p swarm, discovery, reconnection. It knows topics and bytes, not rooms.

mod command;
mod event;

pub use command::{GossipId, InboundId, NetCommand, RequestId, Verdict};
pub use event::NetEvent;
