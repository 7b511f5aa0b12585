//! The shell of a browser: a node inside a page.

mod address;
mod node;

pub use address::ArchiveAddress;
pub use node::{Node, NodeConfig, StartError};
