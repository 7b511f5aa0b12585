//! Starts the node. The one place of this crate that knows how.

use parlor_node::{Node, NodeConfig, net::Ports};

use super::Arguments;

/// The node's settings as given on the command line.
pub(super) fn node_config(arguments: &Arguments) -> NodeConfig {
    let mut config = NodeConfig::new(arguments.profile.clone(), arguments.data_dir.clone());
    config.mdns = !arguments.no_mdns;
    config.connect.clone_from(&arguments.connect);
    config.ports = arguments.port.map(Ports::from_number).unwrap_or_default();
    config
}

/// Starts the node; the error is one line with its remedy.
pub(super) async fn start_node(config: NodeConfig) -> Result<Node, String> {
    Node::start(config).await.map_err(|error| error.to_string())
}
