//! Bare rust-libp2p gossipsub, to compare with: same transport, same number of peers, every one
//! connected with every other, the parameters of `node/src/net/gossip.rs`. No storage, no
//! encryption beyond the transport's, no signatures, nothing judged before it is passed on.

use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    gossipsub::{self, IdentTopic, MessageAuthenticity, MessageId, ValidationMode},
    multiaddr::Protocol,
    noise,
    swarm::SwarmEvent,
    tcp, yamux,
};
use parlor_protocol::{TopicId, limits::GOSSIP_MAX, wire::gossip_id};
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};

use crate::{
    author::number_of,
    compare::{Arrival, Group, PATIENCE, Sender, Transport},
};

const TOPIC: &str = "bench";
/// Messages and reports that may wait.
const QUEUE: usize = 8192;

fn swarm() -> anyhow::Result<Swarm<gossipsub::Behaviour>> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| MessageId::new(&gossip_id(TopicId::default(), &message.data)))
        .max_transmit_size(GOSSIP_MAX + 1024)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(200))
        .history_length(12)
        .history_gossip(4)
        .mesh_n(8)
        .mesh_n_low(5)
        .mesh_n_high(12)
        .mesh_outbound_min(2)
        .gossip_lazy(6)
        .flood_publish(true)
        .connection_handler_queue_len(2048)
        .duplicate_cache_time(Duration::from_secs(120))
        .build()?;
    let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).map_err(anyhow::Error::msg)?;
    gossip.subscribe(&IdentTopic::new(TOPIC))?;
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(|_| gossip)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build();
    Ok(swarm)
}

/// Starts peers that are all connected with each other. Dropping the group stops them.
pub async fn group(transport: Transport, peers: usize, payload: usize) -> anyhow::Result<Group> {
    let (reports, arrivals) = mpsc::channel(QUEUE);
    let (ready, mut readiness) = watch::channel(0);
    let mut addresses: Vec<Multiaddr> = Vec::new();
    let mut sender = None;
    for index in 0..peers {
        let mut swarm = swarm()?;
        let listen = Multiaddr::from(Ipv4Addr::LOCALHOST);
        swarm.listen_on(match transport {
            Transport::Tcp => listen.with(Protocol::Tcp(0)),
            Transport::Quic => listen.with(Protocol::Udp(0)).with(Protocol::QuicV1),
        })?;
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        addresses.iter().try_for_each(|address| swarm.dial(address.clone()))?;
        addresses.push(address);
        let (commands, queue) = mpsc::channel(QUEUE);
        let peer = Peer { swarm, queue, reports: reports.clone(), ready: ready.clone(), others: peers - 1 };
        tokio::spawn(peer.run());
        if index == 0 {
            sender = Some(commands);
        } else {
            // Keeps the queue open for as long as the reports are read.
            let reports = reports.clone();
            tokio::spawn(async move {
                reports.closed().await;
                drop(commands);
            });
        }
    }
    tokio::time::timeout(PATIENCE, readiness.wait_for(|ready| *ready >= peers)).await??;
    let commands = sender.ok_or_else(|| anyhow::anyhow!("no peers"))?;
    Ok(Group { sender: Sender::Raw { commands, payload }, arrivals, others: peers - 1, nodes: Vec::new(), dir: None })
}

struct Peer {
    swarm: Swarm<gossipsub::Behaviour>,
    queue: mpsc::Receiver<Bytes>,
    reports: mpsc::Sender<Arrival>,
    ready: watch::Sender<usize>,
    others: usize,
}

impl Peer {
    async fn run(mut self) {
        let mut subscribed = 0;
        loop {
            tokio::select! {
                command = self.queue.recv() => match command {
                    // A full queue to a peer is made up for by gossipsub itself.
                    Some(bytes) => drop(self.swarm.behaviour_mut().publish(IdentTopic::new(TOPIC), bytes)),
                    None => return,
                },
                event = self.swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                        let Some(number) = number_of(&message.data) else { continue };
                        if self.reports.send(Arrival { number, at: Instant::now() }).await.is_err() {
                            return;
                        }
                    }
                    SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) => {
                        subscribed += 1;
                        if subscribed == self.others {
                            self.ready.send_modify(|ready| *ready += 1);
                        }
                    }
                    _ => {}
                },
            }
        }
    }
}
