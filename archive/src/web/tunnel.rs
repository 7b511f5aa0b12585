//! The WebSocket of the page: handed on to the archive's own WebSocket port, bytes as they are.
//!
//! So a browser needs one address only, and TLS or a reverse proxy around the page is around the
//! WebSocket too. What passes is Noise between browser and archive all the same.

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper_util::rt::TokioIo;
use parlor_node::net::{Carries, Source, TunnelGuard, Tunnels};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::Notify,
};

use super::{
    Shared,
    browser::Peer,
    places::{Holder, Places},
    stopped,
};

/// How long the archive's own port may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Longest answer to the handshake.
const HEAD_MAX: usize = 4096;
/// Length of a WebSocket's key: 16 bytes in base64 (RFC 6455, section 4.1).
const KEY_LENGTH: usize = 24;

/// A tunnel's place.
#[derive(Debug)]
pub(super) struct Tunnel {
    guard: Arc<TunnelGuard>,
    opened: Instant,
    leave: Arc<Notify>,
}

impl Holder for Tunnel {
    fn is_known(&self) -> bool {
        self.guard.carries() == Carries::Known
    }

    fn active(&self) -> Instant {
        self.opened
    }

    fn give_way(self) {
        self.leave.notify_one();
    }
}

/// Gives the place back when the tunnel ends.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Place {
    fn take(shared: &Arc<Shared>, from: Option<IpAddr>, tunnel: Tunnel) -> Option<Self> {
        let number = places(shared).take(from.map(Source::of), tunnel, Instant::now())?;
        Some(Self { shared: Arc::clone(shared), number })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        places(&self.shared).leave(self.number);
    }
}

fn places(shared: &Shared) -> MutexGuard<'_, Places<Tunnel>> {
    // Nobody panics while holding it; if somebody did, the table is still whole.
    shared.tunnel_places.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers a request for the WebSocket.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
) -> Response {
    let headers = request.headers();
    let Some(key) = websocket_key(headers) else {
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], "this address is a WebSocket\n")
            .into_response();
    };
    // Pages of others have no business here.
    if !is_own_page(headers) {
        return (StatusCode::FORBIDDEN, "open the page from this archive\n").into_response();
    }
    let from = peer.browser(headers, &shared.proxies);
    let Some(upgrade) = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let no_answer = || (StatusCode::BAD_GATEWAY, "the archive's WebSocket does not answer\n").into_response();
    // Behind a proxy that does not say where browsers are, they count as the proxy.
    let Ok((socket, guard)) = own_end(&shared.tunnels, from.unwrap_or(peer.0)) else { return no_answer() };
    let (guard, leave) = (Arc::new(guard), Arc::new(Notify::new()));
    let tunnel = Tunnel { guard: Arc::clone(&guard), opened: Instant::now(), leave: Arc::clone(&leave) };
    let Some(place) = Place::take(&shared, from, tunnel) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many browsers at once; try again in a moment\n").into_response();
    };
    let opened = tokio::time::timeout(ANSWER_WITHIN, shake_hands(socket, shared.ws_port, &key)).await;
    let Ok(Ok((mut inner, accept, first))) = opened else { return no_answer() };
    let stop = shared.stop.clone();
    tokio::spawn(async move {
        // Given back before the sockets are closed, because the port may be somebody else's right after.
        let (_place, _guard) = (place, guard);
        let Ok(outer) = upgrade.await else { return };
        let mut outer = TokioIo::new(outer);
        if outer.write_all(&first).await.is_err() {
            return;
        }
        let (mut from_browser, mut to_browser) = tokio::io::split(outer);
        let (mut from_archive, mut to_archive) = inner.split();
        tokio::select! {
            // A connection that breaks is the network's ordinary case. Each side ends both ways at once: a
            // browser that vanished is noticed by the archive, whose pings it does not answer.
            _ = tokio::io::copy(&mut from_browser, &mut to_archive) => {}
            _ = tokio::io::copy(&mut from_archive, &mut to_browser) => {}
            () = leave.notified() => {}
            () = stopped(stop) => {}
        }
        drop((_guard, _place));
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The key of a request that asks for a WebSocket.
fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let asks = text(header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let key = text(header::SEC_WEBSOCKET_KEY)?;
    let is_key =
        key.len() == KEY_LENGTH && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    (asks && is_key && text(header::SEC_WEBSOCKET_VERSION) == Some("13")).then(|| key.to_owned())
}

/// Whether the page that asks came from the host that it asks.
fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // Programs that are no browsers send no origin; they could say what they like.
    let Some(origin) = text(header::ORIGIN) else { return true };
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let asked = [header::HeaderName::from_static("x-forwarded-host"), header::HOST];
    asked.into_iter().filter_map(text).any(|asked| asked.eq_ignore_ascii_case(host))
}

/// A socket for the way to the archive's own WebSocket, and the note from where what it carries comes.
fn own_end(tunnels: &Tunnels, from: IpAddr) -> std::io::Result<(TcpSocket, TunnelGuard)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let guard = tunnels.open(socket.local_addr()?.port(), from);
    Ok((socket, guard))
}

/// Opens the archive's own WebSocket with the browser's key: the connection, the answer to the key,
/// and what came right behind it.
async fn shake_hands(socket: TcpSocket, port: u16, key: &str) -> std::io::Result<(TcpStream, HeaderValue, Vec<u8>)> {
    let bad = |text: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, text.to_owned());
    let mut inner = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    inner.set_nodelay(true)?;
    let ask = format!(
        "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    inner.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if head.len() >= HEAD_MAX || inner.read_buf(&mut head).await? == 0 {
            return Err(bad("no answer to the handshake"));
        }
    };
    let first = head.split_off(end + 4);
    let text = String::from_utf8(head).map_err(|_| bad("no text"))?;
    let mut lines = text.lines();
    if !lines.next().is_some_and(|line| line.starts_with("HTTP/1.1 101")) {
        return Err(bad("refused"));
    }
    let accept = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        let is_it = name.trim().eq_ignore_ascii_case("sec-websocket-accept");
        is_it.then(|| HeaderValue::from_str(value.trim()).ok()).flatten()
    });
    Ok((inner, accept.ok_or_else(|| bad("no answer to the key"))?, first))
}
