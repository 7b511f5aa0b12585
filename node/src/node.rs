//! A running node: profile folder, store, network and engine put together.

use directories::ProjectDirs;
use parlor_protocol::wire::gossip_id;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};
use thiserror::Error;
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    actor::{self, NetPorts, Ports},
    engine::Now,
    handle::{COMMAND_QUEUE, EVENT_QUEUE, NodeHandle},
    net::{InterfaceFilter, Net, NetConfig, NetError, Ports as NetPortsConfig},
    private::{self, Mended},
    stop::stop,
    store::{DiskStore, Identity, Loaded, LocalStore, LockKeeper, ProfileLock, StoreError, Unlock, Write, task},
};

/// The profile that is used when none is named.
pub const DEFAULT_PROFILE: &str = "default";
const PROFILE_NAME_MAX: usize = 40;

/// How a node is set up.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The profile: letters, digits, `-` and `_`.
    pub profile: String,
    /// The folder that holds the profiles; the platform's data folder when absent.
    pub data_dir: Option<PathBuf>,
    /// Whether to use the network at all. Commands that only read do not need it.
    pub online: bool,
    /// Where to listen.
    pub ports: NetPortsConfig,
    /// Which interfaces take part in discovery.
    pub interfaces: InterfaceFilter,
    /// Whether to find others and be found by mDNS.
    pub mdns: bool,
    /// Addresses to reach in this run, besides the remembered ones.
    pub connect: Vec<String>,
    /// What opens the profile. Programs for people add the system's keychain.
    pub unlock: Unlock,
}

impl NodeConfig {
    /// The usual set-up of a profile.
    #[must_use]
    pub fn new(profile: Option<String>, data_dir: Option<PathBuf>) -> Self {
        Self {
            profile: profile.unwrap_or_else(|| DEFAULT_PROFILE.to_owned()),
            data_dir,
            online: true,
            ports: NetPortsConfig::default(),
            interfaces: InterfaceFilter::default(),
            mdns: true,
            connect: Vec::new(),
            unlock: Unlock::default(),
        }
    }

    /// The folder of the profile. It need not exist yet.
    ///
    /// # Errors
    /// [`StartError`] when the profile's name is unusable or the platform has no data folder.
    pub fn profile_dir(&self) -> Result<PathBuf, StartError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.profile.is_empty() || self.profile.len() > PROFILE_NAME_MAX || !self.profile.chars().all(fits) {
            return Err(StartError::ProfileName { name: self.profile.clone() });
        }
        let base = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => ProjectDirs::from("", "", "parlor").ok_or(StartError::NoDataDir)?.data_dir().to_owned(),
        };
        Ok(base.join("profiles").join(&self.profile))
    }
}

/// Why a node could not start. Every message names the remedy.
#[derive(Debug, Error)]
pub enum StartError {
    /// The profile's name is unusable.
    #[error("{name:?} cannot be a profile name: use up to 40 letters, digits, - and _")]
    ProfileName {
        /// The name.
        name: String,
    },
    /// The platform names no data folder.
    #[error("this system names no data folder for programs; choose one with --data-dir DIR")]
    NoDataDir,
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot be used.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The system refused something basic.
    #[error("the system refused {what} ({reason}); restart the machine if this happens again")]
    System {
        /// What.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
}

/// A running node. Dropping it stops it without waiting; [`Node::shutdown`] waits until
/// everything is written.
#[derive(Debug)]
pub struct Node {
    handle: NodeHandle,
    dir: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    net: Option<Net>,
    lock: ProfileLock,
}

impl Node {
    /// Starts a node.
    ///
    /// # Errors
    /// [`StartError`]: profile in use, store damaged, port taken, and so on.
    pub async fn start(config: NodeConfig) -> Result<Self, StartError> {
        let dir = config.profile_dir()?;
        let profile = config.profile.clone();
        let opened = {
            let (dir, unlock) = (dir.clone(), config.unlock.clone());
            // Keychains may ask the person, and passphrases are stretched: both block.
            tokio::task::spawn_blocking(move || open(&dir, &profile, &unlock)).await
        };
        let system = |what| move |error: &dyn std::fmt::Display| StartError::System { what, reason: error.to_string() };
        let (lock, store, loaded) = opened.map_err(|error| system("a thread")(&error))??;
        let seed = actor::random_seed().map_err(|error| system("random numbers")(&error))?;
        let (net, ports) = if config.online { start_net(&config, &loaded).await?.unzip() } else { (None, None) };
        let store = task::start(store).map_err(|error| system("a thread")(&error))?;
        let (calls, call_queue) = mpsc::channel(COMMAND_QUEUE);
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (stop, stopped) = oneshot::channel();
        let handle = NodeHandle { calls, events: events.clone(), next_id: Arc::new(AtomicU64::new(1)) };
        // The passphrase has done its work: it need not stay in memory.
        let keeper = LockKeeper { dir: dir.clone(), keychain: config.unlock.keychain };
        let ports = Ports { calls: call_queue, events, store, net: ports, keeper, stop: stopped };
        let task = tokio::spawn(actor::run(loaded, seed, ports));
        Ok(Self { handle, dir, stop: Some(stop), task, net, lock })
    }

    /// The door to the node.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// The profile's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What of the profile other users of this computer could get at until this start; people should know.
    #[must_use]
    pub fn mended(&self) -> &[Mended] {
        self.lock.mended()
    }

    /// The network, when the node is online: for its ports.
    #[must_use]
    pub fn net(&self) -> Option<&Net> {
        self.net.as_ref()
    }

    /// Stops the node and waits until everything is written and all connections are closed.
    pub async fn shutdown(mut self) {
        stop(self.stop.take(), &mut self.task, self.net.take()).await;
    }
}

fn open(dir: &Path, profile: &str, unlock: &Unlock) -> Result<(ProfileLock, Box<dyn LocalStore>, Loaded), StartError> {
    private::make_folder(dir).map_err(|error| StoreError::system(dir, error))?;
    let lock = ProfileLock::take(dir, profile)?;
    let mut store = DiskStore::open_with(dir, unlock)?;
    let mut loaded = store.load()?;
    if loaded.identity.is_none() {
        // The device key must be on disk before the network shows it to anybody.
        loaded.identity = Some(found_identity(&mut store, dir)?);
    }
    Ok((lock, Box::new(store), loaded))
}

fn found_identity(store: &mut DiskStore, dir: &Path) -> Result<Identity, StartError> {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    let system = |reason: String| StartError::System { what: "random numbers", reason };
    let mut rng = ChaCha20Rng::from_seed(actor::random_seed().map_err(system)?);
    let wall = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let now = Now { mono: 0, wall: wall.map_or(0, |wall| u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)) };
    let identity = Identity::random(&mut rng, now.wall);
    let results = store.apply(&[vec![Write::PutIdentity(Box::new(identity.clone()))]]);
    match results.into_iter().next() {
        Some(Err(reason)) => Err(StoreError::system(dir, std::io::Error::other(reason)).into()),
        _ => Ok(identity),
    }
}

async fn start_net(config: &NodeConfig, loaded: &Loaded) -> Result<Option<(Net, NetPorts)>, StartError> {
    let Some(identity) = &loaded.identity else { return Ok(None) };
    let mut net = NetConfig::new(identity.device().seed(), gossip_id);
    net.ports = config.ports;
    net.interfaces = config.interfaces.clone();
    net.mdns = config.mdns;
    net.manual = loaded.manual.iter().chain(&config.connect).cloned().collect();
    net.known = loaded.peers.iter().map(|peer| (peer.device, peer.addresses.clone())).collect();
    let (handle, events, net) = Net::start(net).await?;
    Ok(Some((net, NetPorts { handle, events })))
}
