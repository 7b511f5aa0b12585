//! The shell of a browser: a node inside a page.

mod node;

pub use node::{Node, NodeConfig, StartError};
