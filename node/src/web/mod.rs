//! The shell of a browser: a node inside a page.

mod address;
mod node;
mod wake;

pub use address::ArchiveAddress;
pub use node::{Node, NodeConfig, StartError};

pub use crate::runtime::{serve_as_worker, stretch_in_workers};
