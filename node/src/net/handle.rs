//! How the rest of the program starts, commands and stops the network.

use std::fmt;

use parlor_protocol::DeviceId;
use tokio::sync::{mpsc, oneshot};

#[cfg(not(target_arch = "wasm32"))]
use super::doors::Tunnels;
use super::{
    command::NetCommand, config::NetConfig, doors::Doors, error::NetError, event::NetEvent, identity, listen,
    task::Task,
};
use crate::runtime::{self, Running};

/// Commands that wait for the network task. Who sends more waits.
const COMMANDS: usize = 256;
/// Events that wait for the reader. When it is full the swarm is not polled until there is room.
const EVENTS: usize = 1024;

/// Sends commands to the network. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NetHandle {
    commands: mpsc::Sender<NetCommand>,
}

impl NetHandle {
    /// Sends a command. Waits while too many wait. Answers `false` when the network has stopped.
    pub async fn send(&self, command: NetCommand) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// The bare sender.
    #[must_use]
    pub fn sender(&self) -> &mpsc::Sender<NetCommand> {
        &self.commands
    }
}

/// The running network. It stops when this is dropped, when the last [`NetHandle`] is dropped, or
/// when the event receiver is dropped.
pub struct Net {
    device: DeviceId,
    ports: listen::Chosen,
    #[cfg(not(target_arch = "wasm32"))]
    tunnels: Tunnels,
    stop: Option<oneshot::Sender<()>>,
    task: Running,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("device", &self.device).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Net {
    /// Starts the network.
    ///
    /// # Errors
    ///
    /// When a port that was asked for is taken, or nothing can be listened on.
    pub async fn start(config: NetConfig) -> Result<(NetHandle, mpsc::Receiver<NetEvent>, Self), NetError> {
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (stop, stopped) = oneshot::channel();
        let key = identity::keypair(&config.seed)?;
        let device = identity::device_of(&key.public().to_peer_id())
            .ok_or_else(|| NetError::Setup { reason: "the device key is unusable".to_owned() })?;
        #[cfg(not(target_arch = "wasm32"))]
        let tunnels = Tunnels::default();
        #[cfg(not(target_arch = "wasm32"))]
        let doors = Doors::new(tunnels.clone(), web_time::Instant::now());
        #[cfg(target_arch = "wasm32")]
        let doors = Doors;
        let task = Task::prepare(config, key, device, doors, command_receiver, event_sender).await?;
        let ports = task.ports();
        let task = runtime::spawn(task.run(stopped));
        let net = Self {
            device,
            ports,
            #[cfg(not(target_arch = "wasm32"))]
            tunnels,
            stop: Some(stop),
            task,
        };
        Ok((NetHandle { commands }, events, net))
    }

    /// Our own device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The same as libp2p writes it in addresses.
    #[must_use]
    pub fn peer_id(&self) -> String {
        identity::peer_of(&self.device).map(|peer| peer.to_string()).unwrap_or_default()
    }

    /// The TCP port that is listened on.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        self.ports.tcp
    }

    /// The QUIC (UDP) port that is listened on.
    #[must_use]
    pub fn quic_port(&self) -> Option<u16> {
        self.ports.quic
    }

    /// The WebSocket port that is listened on.
    #[must_use]
    pub fn ws_port(&self) -> Option<u16> {
        self.ports.ws
    }

    /// Where tunnels of the page say from where they come.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// Says goodbye to peers, closes everything and waits until that is done: a second, or up to three when
    /// QUIC holds its port for that long.
    pub async fn shutdown(mut self) {
        // Sending, or dropping the sender, both stop the task.
        self.stop.take();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the network task ended badly");
        }
    }
}
