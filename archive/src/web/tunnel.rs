//! The WebSocket of the page: handed on to the archive's own WebSocket port, bytes as they are.
//!
//! So a browser needs one address only, and TLS or a reverse proxy around the page is around the
//! WebSocket too. What passes is Noise between browser and archive all the same.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use hyper_util::rt::TokioIo;
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Shared, stopped};

/// How long the archive's own port may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Longest answer to the handshake.
const HEAD_MAX: usize = 4096;
/// Length of a WebSocket's key: 16 bytes in base64 (RFC 6455, section 4.1).
const KEY_LENGTH: usize = 24;

/// Answers a request for the WebSocket.
pub(super) async fn open(State(shared): State<Arc<Shared>>, mut request: Request) -> Response {
    let headers = request.headers();
    let Some(key) = websocket_key(headers) else {
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], "this address is a WebSocket\n")
            .into_response();
    };
    // Pages of others have no business here.
    if !is_own_page(headers) {
        return (StatusCode::FORBIDDEN, "open the page from this archive\n").into_response();
    }
    let Ok(permit) = Arc::clone(&shared.tunnels).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many browsers at once; try again in a moment\n").into_response();
    };
    let Some(upgrade) = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let opened = tokio::time::timeout(ANSWER_WITHIN, shake_hands(shared.ws_port, &key)).await;
    let Ok(Ok((mut inner, accept, first))) = opened else {
        return (StatusCode::BAD_GATEWAY, "the archive's WebSocket does not answer\n").into_response();
    };
    let stop = shared.stop.clone();
    tokio::spawn(async move {
        let _permit = permit;
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
            () = stopped(stop) => {}
        }
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

/// Opens the archive's own WebSocket with the browser's key: the connection, the answer to the key,
/// and what came right behind it.
async fn shake_hands(port: u16, key: &str) -> std::io::Result<(TcpStream, HeaderValue, Vec<u8>)> {
    let bad = |text: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, text.to_owned());
    let mut inner = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
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
