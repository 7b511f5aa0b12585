//! The swarm of a computer: TCP, QUIC and WebSocket, with bounds for what strangers send.

use super::{
    behaviour::{self, Behaviour},
    config::NetConfig,
    doors::{Bounded, Doors, Entrance, Metered},
    error::NetError,
};
use libp2p::{
    PeerId, Swarm,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, Transport as _, timeout::TransportTimeout},
        upgrade,
    },
    futures::{AsyncRead, AsyncWrite},
    identity::Keypair,
    noise, quic, tcp, websocket, yamux,
};

/// Most bytes of a WebSocket's message. A page sends no more at once (`net/web/socket.rs`), and what is not
/// complete lies in memory.
const WS_MESSAGE_MAX: usize = 1024 * 1024 + 64 * 1024;
/// What a QUIC connection may send that nobody has read yet: a little more than the largest message.
const QUIC_WINDOW: u32 = 1_310_720;
/// Most streams that the other side of a QUIC connection has open. Requests take 56, gossip and the rest a few.
const QUIC_STREAMS_MAX: u32 = 128;

/// Builds the swarm. Names are looked up by the dialer through the operating system (which knows
/// `.local` names and the hosts file), so libp2p's own DNS is not part of it.
pub(super) fn swarm(config: &NetConfig, key: Keypair, doors: Doors) -> Result<Swarm<Behaviour>, NetError> {
    let setup = |error: &dyn std::fmt::Display| NetError::Setup { reason: error.to_string() };
    let behaviour = behaviour::behaviour(config, &key, doors.clone())?;
    let noise = noise::Config::new(&key).map_err(|error| setup(&error))?;
    let plain = || tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let mut ws = websocket::Config::new(plain());
    ws.set_max_data_size(WS_MESSAGE_MAX);
    let counted = doors.clone();
    let quic = quic::tokio::Transport::new(quic_config(&key)).map(move |(peer, muxer), endpoint| {
        let account = counted.account(endpoint.get_remote_address());
        counted.belongs_to(endpoint.get_remote_address(), peer);
        // Its bytes come by the datagram, so its streams are counted.
        (peer, StreamMuxerBox::new(Bounded::new(muxer, Some(account))))
    });
    let transport = secured(plain(), &noise, &doors)
        .or_transport(quic)
        .map(|either, _| either.into_inner())
        .or_transport(secured(ws, &noise, &doors))
        .map(|either, _| either.into_inner());
    let transport = TransportTimeout::new(transport, behaviour::CONNECT_TIMEOUT).boxed();
    let transport = Entrance::new(transport, doors).boxed();
    let swarm = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(behaviour::IDLE_TIMEOUT)
        .with_smart_dial();
    Ok(Swarm::new(transport, behaviour, key.public().to_peer_id(), swarm))
}

fn quic_config(key: &Keypair) -> quic::Config {
    let mut config = quic::Config::new(key);
    config.max_stream_data = QUIC_WINDOW;
    config.max_connection_data = QUIC_WINDOW;
    config.max_concurrent_stream_limit = QUIC_STREAMS_MAX;
    config
}

/// Noise and Yamux over a transport of bytes, with the bytes counted underneath.
fn secured<T>(plain: T, noise: &noise::Config, doors: &Doors) -> Boxed<(PeerId, StreamMuxerBox)>
where
    T: libp2p::Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
    T::Error: Send + Sync + 'static,
{
    let (counted, named) = (doors.clone(), doors.clone());
    plain
        .map(move |socket, endpoint| Metered::new(socket, counted.account(endpoint.get_remote_address())))
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex_ext(move |peer, endpoint| {
            named.belongs_to(endpoint.get_remote_address(), *peer);
            yamux::Config::default()
        })
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Bounded::new(muxer, None))))
        .boxed()
}
