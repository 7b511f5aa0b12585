//! A running node in a page: store, network and engine put together on the page's event loop.

use parlor_protocol::wire::gossip_id;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::sync::{Arc, atomic::AtomicU64};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use web_time::SystemTime;

use crate::{
    actor::{self, NetPorts, Ports},
    handle::{COMMAND_QUEUE, EVENT_QUEUE, NodeHandle},
    net::{Net, NetConfig, NetError, Port, Ports as NetPortsConfig},
    runtime::{self, Running},
    store::{Identity, Loaded, LocalStore, LockKeeper, MemoryStore, StoreError, Write, task},
};

/// How a node is set up.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig {
    /// WebSocket addresses to reach: the archive that the page came from.
    pub connect: Vec<String>,
}

/// Why a node could not start. Every message names the remedy.
#[derive(Debug, Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot be used.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The browser refused something basic.
    #[error("this browser gives no {what} ({reason}); use a newer browser")]
    Browser {
        /// What.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
}

/// A running node. Dropping it stops it without waiting; [`Node::shutdown`] waits.
#[derive(Debug)]
pub struct Node {
    handle: NodeHandle,
    stop: Option<oneshot::Sender<()>>,
    task: Running,
    net: Option<Net>,
}

impl Node {
    /// Starts a node with a fresh identity, which is gone with the page.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: NodeConfig) -> Result<Self, StartError> {
        let random = |reason| StartError::Browser { what: "random numbers", reason };
        let mut store = MemoryStore::new();
        found_identity(&mut store).map_err(random)?;
        let loaded = store.load()?;
        let seed = actor::random_seed().map_err(random)?;
        let (net, net_ports) = start_net(&config, &loaded).await?.unzip();
        let tasks = |error: std::io::Error| StartError::Browser { what: "tasks", reason: error.to_string() };
        let store = task::start(Box::new(store)).map_err(tasks)?;
        let (calls, call_queue) = mpsc::channel(COMMAND_QUEUE);
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (stop, stopped) = oneshot::channel();
        let handle = NodeHandle { calls, events: events.clone(), next_id: Arc::new(AtomicU64::new(1)) };
        let ports = Ports { calls: call_queue, events, store, net: net_ports, keeper: LockKeeper, stop: stopped };
        let task = runtime::spawn(actor::run(loaded, seed, ports));
        Ok(Self { handle, stop: Some(stop), task, net })
    }

    /// The door to the node.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Stops the node and waits until everything is written and all connections are closed.
    pub async fn shutdown(mut self) {
        self.stop.take();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the node ended badly");
        }
        if let Some(net) = self.net.take() {
            net.shutdown().await;
        }
    }
}

fn found_identity(store: &mut MemoryStore) -> Result<(), String> {
    let mut rng = ChaCha20Rng::from_seed(actor::random_seed()?);
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall = wall.map_or(0, |wall| u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
    let identity = Identity::random(&mut rng, wall);
    store.apply(&[vec![Write::PutIdentity(Box::new(identity))]]).into_iter().collect()
}

async fn start_net(config: &NodeConfig, loaded: &Loaded) -> Result<Option<(Net, NetPorts)>, StartError> {
    let Some(identity) = &loaded.identity else { return Ok(None) };
    let mut net = NetConfig::new(identity.device().seed(), gossip_id);
    net.ports = NetPortsConfig { tcp: Port::Off, quic: Port::Off, ws: Port::Off };
    net.mdns = false;
    net.manual = loaded.manual.iter().chain(&config.connect).cloned().collect();
    net.known = loaded.peers.iter().map(|peer| (peer.device, peer.addresses.clone())).collect();
    let (handle, events, net) = Net::start(net).await?;
    Ok(Some((net, NetPorts { handle, events })))
}
