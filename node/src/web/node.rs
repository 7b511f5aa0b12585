//! A running node in a page: store, network and engine put together on the page's event loop.

use parlor_protocol::{guard::Passphrase, wire::gossip_id};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::sync::{Arc, atomic::AtomicU64};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot};
use web_time::SystemTime;

use super::wake::Wake;
use crate::{
    actor::{self, NetPorts, Ports},
    handle::{COMMAND_QUEUE, EVENT_QUEUE, NodeHandle},
    net::{Net, NetConfig, NetError, Port, Ports as NetPortsConfig},
    runtime::{self, Running},
    stop::stop,
    store::{
        Identity, KeepError, Loaded, LockKeeper, MemoryStore, StoreError, WebStore, Write,
        task::{self, PageStore, Taken},
    },
};

/// How a node is set up.
#[derive(Clone, Debug, Default)]
pub struct NodeConfig {
    /// WebSocket addresses to reach: the archive that the page came from.
    pub connect: Vec<String>,
    /// The passphrase of what the browser keeps, or shall keep. Without one nothing is kept: everything
    /// is gone with the page, and the page is only a guest in rooms.
    pub passphrase: Option<Passphrase>,
}

/// Why a node could not start. Every message names the remedy.
#[derive(Debug, Error)]
pub enum StartError {
    /// What the browser keeps cannot be used.
    #[error(transparent)]
    Keep(#[from] KeepError),
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
    taken: Option<Taken>,
    _wake: Option<Wake>,
}

impl Node {
    /// Starts a node: with the identity that the browser keeps, or a fresh one.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: NodeConfig) -> Result<Self, StartError> {
        let random = |reason| StartError::Browser { what: "random numbers", reason };
        let is_kept = config.passphrase.is_some();
        let mut store = match &config.passphrase {
            Some(passphrase) => PageStore::Kept(Box::new(WebStore::open(passphrase).await?)),
            None => PageStore::Memory(MemoryStore::new()),
        };
        let mut loaded = store.load()?;
        if loaded.identity.is_none() {
            // The device key must be kept before the network shows it to anybody.
            let identity = fresh_identity().map_err(random)?;
            let kept = store.put(Write::PutIdentity(Box::new(identity))).await;
            kept.map_err(|reason| KeepError::Browser { reason })?;
            loaded = store.load()?;
        }
        loaded.is_guest = !is_kept;
        let seed = actor::random_seed().map_err(random)?;
        let (net, net_ports) = start_net(&config, &loaded).await?.unzip();
        let wake = net_ports.as_ref().map(|ports| Wake::new(&ports.handle));
        let (store, taken) = task::start(store);
        let (calls, call_queue) = mpsc::channel(COMMAND_QUEUE);
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (stop, stopped) = oneshot::channel();
        let handle = NodeHandle { calls, events: events.clone(), next_id: Arc::new(AtomicU64::new(1)) };
        let ports =
            Ports { calls: call_queue, events, store, net: net_ports, keeper: LockKeeper { is_kept }, stop: stopped };
        let task = runtime::spawn(actor::run(loaded, seed, ports));
        Ok(Self { handle, stop: Some(stop), task, net, taken: Some(taken), _wake: wake })
    }

    /// The door to the node.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Stops the node and waits until everything is written and all connections are closed.
    pub async fn shutdown(mut self) {
        stop(self.stop.take(), &mut self.task, self.net.take()).await;
    }

    /// Ends when this node has to stop: with true when another tab took over what the browser keeps, with
    /// false when the node stopped before. Only the first call gets it.
    pub fn taken(&mut self) -> impl Future<Output = bool> + use<> {
        let taken = self.taken.take();
        async move {
            match taken {
                Some(taken) => taken.await.is_ok(),
                None => false,
            }
        }
    }
}

fn fresh_identity() -> Result<Identity, String> {
    let mut rng = ChaCha20Rng::from_seed(actor::random_seed()?);
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall = wall.map_or(0, |wall| u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
    Ok(Identity::random(&mut rng, wall))
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
