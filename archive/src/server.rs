//! A running archive: folder, store, network, service and HTTP put together.

use parlor_node::net::{Capabilities, Capability, Net, NetConfig};
use parlor_protocol::{DeviceId, wire::gossip_id};
use std::{net::SocketAddr, sync::Arc};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    accounts::{self, Control, Desk},
    blind::Blind,
    config::ArchiveConfig,
    error::StartError,
    folder::{self, FolderLock},
    http,
    metrics::Metrics,
    service::Service,
    store::{self, Store},
    web::{Served, Site},
};

/// A running archive. [`Archive::shutdown`] waits until everything taken is stored.
#[derive(Debug)]
pub struct Archive {
    net: Net,
    store: Arc<dyn Store>,
    http: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    service: JoinHandle<()>,
    control: JoinHandle<()>,
    health: Option<JoinHandle<()>>,
    web: Option<JoinHandle<()>>,
    page: Option<Served>,
    _lock: FolderLock,
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Archive {
    /// Starts an archive.
    ///
    /// # Errors
    /// [`StartError`]: folder in use, store unusable, port taken, and so on.
    pub async fn start(config: ArchiveConfig) -> Result<Self, StartError> {
        let dir = config.data_dir.clone();
        let lock = folder::lock(&dir)?;
        let key = folder::device_key(&dir)?;
        let store = store::open(&config).await?;
        let accounts = folder::account_key(&dir, config.account_key.as_deref())?;
        if store.accounts().claim_account_key(accounts.id()).await? != accounts.id() {
            return Err(StartError::OtherAccountKey);
        }
        let system = |reason: String| StartError::DataDir { dir: dir.clone(), reason };
        let rng = accounts::system_rng().map_err(system)?;
        let blind = Blind::of(&accounts);
        let desk = Desk::new(Arc::clone(&store), accounts, key.id(), config.sign_up, rng);
        let desk = Arc::new(desk.with_accounts_max(config.accounts_max));
        let control = Control::open(&dir).await.map_err(|error| system(error.to_string()))?;
        let metrics = Arc::new(Metrics::default());
        let (stop, stopping) = watch::channel(false);
        let listener = match config.http {
            Some(address) => Some(http::bind(address).await?),
            None => None,
        };
        let site = Site::open(&config.web, &dir).await?;
        let mut net = NetConfig::new(key.seed(), gossip_id);
        net.archive = true;
        net.ports = config.ports;
        net.interfaces = config.interfaces.clone();
        net.mdns = config.mdns;
        net.connections = config.connections;
        net.capabilities = Capabilities::default().with([Capability::Accounts]);
        let (handle, events, net) = Net::start(net).await?;
        let (to_net, of_service) = (handle.sender().clone(), Arc::clone(&metrics));
        let (me, limits) = (key.id(), config.limits);
        let service = Service::restore(Arc::clone(&store), to_net, me, of_service, limits, blind).await?;
        let service = service.with_accounts(desk);
        let control = tokio::spawn(control.serve(Arc::clone(&store), stopped(stopping.clone())));
        let service = tokio::spawn(service.run(events, stopped(stopping.clone())));
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let registry = metrics.registry();
        let health = listener.map(|listener| {
            let hosts = config.web.hosts.clone();
            tokio::spawn(http::serve(listener, Arc::clone(&store), registry, hosts, stopped(stopping.clone())))
        });
        // Without a WebSocket there is nothing that a page could talk to.
        let site = site.zip(net.ws_port());
        let page = site.as_ref().map(|(site, _)| site.served.clone());
        let peer = net.peer_id();
        let tunnels = net.tunnels().clone();
        let web =
            site.map(|(site, port)| tokio::spawn(async move { site.serve(&peer, port, tunnels, stopping).await }));
        Ok(Self { net, store, http: address, stop, service, control, health, web, page, _lock: lock })
    }

    /// The archive's device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.net.device()
    }

    /// The network, for its ports.
    #[must_use]
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Where health and metrics are served.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where the web page is served.
    #[must_use]
    pub fn page(&self) -> Option<&Served> {
        self.page.as_ref()
    }

    /// What the store is, for people.
    #[must_use]
    pub fn store(&self) -> String {
        self.store.describe()
    }

    /// What the store keeps of accounts: for whoever runs the archive inside a program.
    #[must_use]
    pub fn accounts(&self) -> &dyn store::AccountStore {
        self.store.accounts()
    }

    /// Stops: takes no more, stores what was taken, closes everything.
    pub async fn shutdown(self) {
        // Nobody listening any more means that everything has stopped already.
        let _ = self.stop.send(true);
        for task in [Some(self.service), Some(self.control), self.health, self.web].into_iter().flatten() {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the archive ended badly");
            }
        }
        self.net.shutdown().await;
        self.store.close().await;
    }
}
