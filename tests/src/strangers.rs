//! Strangers: programs that nobody knows, each with a key of its own, at addresses of this machine
//! (127.0.0.0/8). They connect to one node or archive and are idle, ask, or push, and when they are let go
//! they come back with another key.
//!
//! They run in a process at the lowest priority: in life they have processors of their own.

use anyhow::Context as _;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, StreamExt as _, future::BoxFuture};
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder,
    core::{
        transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent},
        upgrade,
    },
    gossipsub, identify,
    identity::Keypair,
    noise, ping,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
    yamux,
};
use parlor_protocol::{
    DeviceId, RoomCode,
    access::wire::Look,
    wire::{HEADER_LEN, Request},
};
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, SeedableRng as _, TryRngCore as _};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    pin::Pin,
    process::Command,
    str::FromStr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::net::TcpSocket;

use crate::{door::code_keys, process::Background};

const SYNC: libp2p::StreamProtocol = libp2p::StreamProtocol::new("/parlor/sync/1");
/// Requests that a stranger has under way.
const AT_ONCE: usize = 8;
/// What a pushing stranger sends at a time, and how much of it as gossip.
const PUSH: usize = 1024 * 1024;
const GOSSIP: usize = 128 * 1024;
/// How long a stranger waits before it comes back.
const PAUSE: Duration = Duration::from_millis(250);
/// How often they say how they fare.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What a stranger does when it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Nothing: it does not even say that it speaks Parlor.
    Idle,
    /// Asks for codes, as fast as it is answered.
    Ask,
    /// Sends requests of a megabyte, and gossip in every topic that it hears of.
    Push,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Idle, Self::Ask, Self::Push];

    const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Ask => "ask",
            Self::Push => "push",
        }
    }
}

impl FromStr for Manner {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|manner| manner.name() == text).context("no such manner")
    }
}

/// A crowd of strangers, as the measuring process has it. They end with it.
#[derive(Debug)]
pub struct Strangers(Background);

impl Strangers {
    /// Starts so many, from as many addresses or from one. `program` is `parlor-bench`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: &Path, at: SocketAddr, many: usize, manner: Manner, apart: bool) -> anyhow::Result<Self> {
        let mut command = Command::new("nice");
        command.args(["-n", "19"]).arg(program).args(["--part", "strangers", &at.to_string(), &many.to_string()]);
        command.args([manner.name(), if apart { "apart" } else { "together" }]);
        Ok(Self(Background::start(&mut command)?))
    }

    /// Waits until they tried to connect so many times; how many are connected then.
    ///
    /// # Errors
    /// When they do not, in the patience of tests.
    pub fn until_tried(&self, times: usize) -> anyhow::Result<usize> {
        loop {
            let (_, line) = self.0.wait_for("tried")?;
            let mut numbers = line.split_ascii_whitespace().filter_map(|word| word.parse::<usize>().ok());
            let (tried, there) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            if tried >= times {
                return Ok(there);
            }
        }
    }

    /// How many are connected now.
    ///
    /// # Errors
    /// When they say nothing.
    pub fn connected(&self) -> anyhow::Result<usize> {
        // What was said before is old.
        self.0.lines().for_each(drop);
        self.until_tried(0)
    }
}

#[derive(Debug, Default)]
struct Counts {
    tried: AtomicUsize,
    there: AtomicUsize,
}

/// The crowd itself, in its own process, until its input ends.
///
/// # Errors
/// When there is no runtime.
pub fn part(at: &str, many: usize, manner: Manner, apart: bool) -> anyhow::Result<()> {
    let at: SocketAddr = at.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let counts = Arc::new(Counts::default());
    for n in 0..many {
        let from = if apart { address(n) } else { Ipv4Addr::new(127, 200, 0, 1) };
        let counts = Arc::clone(&counts);
        runtime.spawn(async move {
            // Not all in the same millisecond.
            tokio::time::sleep(Duration::from_millis(n as u64 * 2)).await;
            loop {
                counts.tried.fetch_add(1, Ordering::Relaxed);
                // It is refused or let go: the ordinary case.
                let _ = live(at, from, manner, &counts).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    runtime.spawn(async move {
        loop {
            println!("tried {} there {}", counts.tried.load(Ordering::Relaxed), counts.there.load(Ordering::Relaxed));
            tokio::time::sleep(TELL_EVERY).await;
        }
    });
    // Ends when whoever started it does.
    io::copy(&mut io::stdin(), &mut io::sink())?;
    runtime.shutdown_background();
    Ok(())
}

fn address(n: usize) -> Ipv4Addr {
    let [.., c, d] = (n as u32 + 1).to_be_bytes();
    Ipv4Addr::new(127, 100, c, d)
}

#[derive(NetworkBehaviour)]
struct Speaks {
    identify: Toggle<identify::Behaviour>,
    ping: ping::Behaviour,
    wire: request_response::Behaviour<Wire>,
    gossip: Toggle<gossipsub::Behaviour>,
}

/// Connects with a new key, and stays as long as it may.
async fn live(at: SocketAddr, from: Ipv4Addr, manner: Manner, counts: &Counts) -> anyhow::Result<()> {
    let mut swarm = swarm(from, manner)?;
    swarm.dial(Multiaddr::from(at.ip()).with(libp2p::multiaddr::Protocol::Tcp(at.port())))?;
    let mut there = false;
    let result = loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                there = true;
                counts.there.fetch_add(1, Ordering::Relaxed);
                if manner != Manner::Idle {
                    for _ in 0..AT_ONCE {
                        swarm.behaviour_mut().wire.send_request(&peer_id, says(manner)?);
                    }
                }
            }
            SwarmEvent::Behaviour(SpeaksEvent::Wire(event)) => {
                if let request_response::Event::Message { peer, .. }
                | request_response::Event::OutboundFailure { peer, .. } = event
                    && swarm.is_connected(&peer)
                {
                    swarm.behaviour_mut().wire.send_request(&peer, says(manner)?);
                }
            }
            SwarmEvent::Behaviour(SpeaksEvent::Gossip(gossipsub::Event::Subscribed { topic, .. })) => {
                if let Some(gossip) = swarm.behaviour_mut().gossip.as_mut() {
                    // Nobody takes it, or it is too much at once: it goes on all the same.
                    let _ = gossip.publish(topic, random(GOSSIP)?);
                }
            }
            SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => break Ok(()),
            _ => {}
        }
    };
    if there {
        counts.there.fetch_sub(1, Ordering::Relaxed);
    }
    result
}

fn random(length: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}

/// A look at a door that nobody made; each stranger looks elsewhere.
static LOOK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let keys = code_keys(&RoomCode::random(&mut ChaCha20Rng::seed_from_u64(1)));
    let nobody = DeviceId::from_bytes([1; 32]);
    Request::Look(Look::sign(&keys, nobody, nobody)).encode().expect("a look that can be written")
});

fn says(manner: Manner) -> anyhow::Result<Vec<u8>> {
    match manner {
        Manner::Push => random(PUSH),
        Manner::Idle | Manner::Ask => {
            let mut locator = [0; 16];
            OsRng.try_fill_bytes(&mut locator)?;
            let mut look = LOOK.clone();
            look.get_mut(HEADER_LEN..).unwrap_or_default().iter_mut().zip(locator).for_each(|(to, from)| *to = from);
            Ok(look)
        }
    }
}

fn swarm(from: Ipv4Addr, manner: Manner) -> anyhow::Result<Swarm<Speaks>> {
    let transport = |key: &Keypair| {
        let noise = noise::Config::new(key)?;
        Ok(From(from).upgrade(upgrade::Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default()))
    };
    let speaks = |key: &Keypair| {
        let identify =
            identify::Config::new("/parlor/1".into(), key.public()).with_agent_version("parlor/0.1.0".into());
        let gossip = gossipsub::ConfigBuilder::default()
            .validation_mode(gossipsub::ValidationMode::Anonymous)
            .max_transmit_size(256 * 1024)
            .max_control_message_size(256 * 1024)
            .flood_publish(true)
            .build()?;
        let gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, gossip)?;
        Ok(Speaks {
            identify: Toggle::from((manner != Manner::Idle).then(|| identify::Behaviour::new(identify))),
            ping: ping::Behaviour::default(),
            wire: request_response::Behaviour::new(
                [(SYNC, ProtocolSupport::Full)],
                request_response::Config::default(),
            ),
            gossip: Toggle::from((manner == Manner::Push).then_some(gossip)),
        })
    };
    type Failed = Box<dyn std::error::Error + Send + Sync>;
    let built = (|| -> Result<Swarm<Speaks>, Failed> {
        Ok(SwarmBuilder::with_existing_identity(Keypair::generate_ed25519())
            .with_tokio()
            .with_other_transport(|key| -> Result<_, Failed> { transport(key) })?
            .with_behaviour(|key| -> Result<_, Failed> { speaks(key) })?
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(86_400)))
            .build())
    })();
    built.map_err(|error| anyhow::anyhow!("{error}"))
}

/// TCP from one address of this machine.
struct From(Ipv4Addr);

impl Transport for From {
    type Output = libp2p::tcp::tokio::TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = std::future::Pending<io::Result<Self::Output>>;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(&mut self, _: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, address: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        use libp2p::multiaddr::Protocol;
        let mut parts = address.iter();
        let (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let from = self.0;
        Ok(Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            socket.bind((IpAddr::from(from), 0).into())?;
            Ok(libp2p::tcp::tokio::TcpStream(socket.connect((ip, port).into()).await?))
        }))
    }

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}

/// Requests and answers as Parlor frames them: a length, then that many bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Wire;

async fn read(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let mut bytes = Vec::new();
    io.take(u32::from_be_bytes(length).into()).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

async fn write(io: &mut (impl AsyncWrite + Unpin + Send), bytes: &[u8]) -> io::Result<()> {
    io.write_all(&(bytes.len() as u32).to_be_bytes()).await?;
    io.write_all(bytes).await?;
    io.close().await
}

impl request_response::Codec for Wire {
    type Protocol = libp2p::StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read(io).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        read(io).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &Self::Protocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        write(io, &bytes).await
    }
}
