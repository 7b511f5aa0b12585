//! Whole networks of engines in one thread on virtual time.
//!
//! The engines are the product's own; only the network and the clock are simulated. Every run
//! follows from its seed. Faults (loss, delay, restarts, partitions, clock skew) are the
//! scenario's to choose.

mod carrying;
mod gossip;
mod host;
mod liar;
mod network;
mod own;
mod people;
mod reading;
mod stranger;

pub use carrying::stretched;
pub use gossip::entries_in;
pub use host::{Host, HostId};
pub use liar::Liar;
pub use network::{Faults, Network, Traffic};
pub use reading::opened_with;
pub use stranger::Stranger;
