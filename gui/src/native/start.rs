//! Starts the node. The one place of this crate that knows how.

use parlor_node::{
    Node, NodeConfig, StartError,
    net::Ports,
    store::{StoreError, Unlock},
};
use parlor_protocol::guard::Passphrase;

use super::Arguments;

/// Why the node did not start.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// A passphrase is needed.
    Locked,
    /// The passphrase was wrong.
    WrongPassphrase,
    /// Something else: one line with its remedy.
    Failed(String),
}

/// The node's settings as given on the command line.
pub(super) fn node_config(arguments: &Arguments, passphrase: Option<Passphrase>) -> NodeConfig {
    let mut config = NodeConfig::new(arguments.profile.clone(), arguments.data_dir.clone());
    config.mdns = !arguments.no_mdns;
    config.connect.clone_from(&arguments.connect);
    config.ports = arguments.port.map(Ports::from_number).unwrap_or_default();
    let unlock = if arguments.no_keychain { Unlock::default() } else { Unlock::with_system() };
    config.unlock = Unlock { passphrase, ..unlock };
    config
}

/// Starts the node.
pub(super) async fn start_node(config: NodeConfig) -> Result<Node, NotStarted> {
    Node::start(config).await.map_err(|error| match error {
        StartError::Store(StoreError::PassphraseNeeded) => NotStarted::Locked,
        StartError::Store(StoreError::PassphraseWrong) => NotStarted::WrongPassphrase,
        other => NotStarted::Failed(other.to_string()),
    })
}

/// What this machine is called, as far as its system says; empty when it does not.
pub(super) fn machine() -> String {
    let named = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok();
    let named = named.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    named.map(|name| name.trim().to_owned()).unwrap_or_default()
}
