//! One connection of a browser, from TLS to the last answer; and from where a request really comes.

use axum::{Extension, Router, http::HeaderMap};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, watch},
};
use tokio_rustls::TlsAcceptor;

use super::{
    places::Holder,
    stopped,
    watched::{Activity, Watched},
};

/// How long a browser may take for the head of a request, and for the handshake of TLS.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
pub(super) const HEAD_MAX: usize = 16 * 1024;
/// How long a connection may be open over which nothing passes. Browsers open another one when they need it.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// How long a connection may last that is no WebSocket: time for the whole page over a slow line.
const CONNECTION_MAX: Duration = Duration::from_secs(300);

/// Who is at the other end of a connection: a browser, or a proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl Peer {
    /// Where the browser is. A proxy puts that behind what it was told itself (`X-Forwarded-For`), so the
    /// last one is its own word.
    pub(super) fn browser(self, headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
        if !proxies.contains(&self.0) {
            return Some(self.0);
        }
        let said = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        said.rsplit(',').next()?.trim().parse().ok()
    }
}

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    peer: Peer,
    activity: Activity,
    leave: Arc<Notify>,
}

/// Its place.
#[derive(Debug)]
pub(super) struct Seat {
    activity: Activity,
    leave: Arc<Notify>,
}

impl Holder for Seat {
    fn is_known(&self) -> bool {
        false
    }

    fn active(&self) -> Instant {
        self.activity.last()
    }

    fn give_way(self) {
        self.leave.notify_one();
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream, from: IpAddr) -> (Self, Seat) {
        let (activity, leave) = (Activity::new(), Arc::new(Notify::new()));
        let seat = Seat { activity: activity.clone(), leave: Arc::clone(&leave) };
        (Self { stream, peer: Peer(from), activity, leave }, seat)
    }

    /// Answers until the browser has no more to ask, does nothing, or gives way.
    pub(super) async fn serve(self, tls: Option<TlsAcceptor>, router: Router, stop: watch::Receiver<bool>) {
        let Self { stream, peer, activity, leave } = self;
        // Small answers and the messages of the WebSocket are not to wait for company.
        let _ = stream.set_nodelay(true);
        let stream = Watched::new(stream, activity.clone());
        let router = router.layer(Extension(peer));
        let served = async {
            match tls {
                None => requests(stream, router, stop).await,
                // A browser that does not trust the certificate goes away: nothing to tell anybody.
                Some(tls) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_WITHIN, tls.accept(stream)).await {
                        requests(stream, router, stop).await;
                    }
                }
            }
        };
        tokio::select! {
            () = served => {}
            () = activity.ceased(IDLE_MAX) => {}
            () = leave.notified() => {}
        }
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        // A browser that went away in the middle is the ordinary case.
        _ = tokio::time::timeout(CONNECTION_MAX, served.as_mut()) => return,
        () = stopped(stop) => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_proxy_that_was_named_is_believed_and_only_its_own_word() {
        let (proxy, browser) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 9]));
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "1.1.1.1".parse().unwrap());
        headers.append("x-forwarded-for", "2.2.2.2, 10.0.0.9".parse().unwrap());
        assert_eq!(Peer(proxy).browser(&headers, &[proxy]), Some(browser));
        assert_eq!(Peer(browser).browser(&headers, &[proxy]), Some(browser));
        assert_eq!(Peer(proxy).browser(&headers, &[]), Some(proxy));
        assert_eq!(Peer(proxy).browser(&HeaderMap::new(), &[proxy]), None);
        headers.insert("x-forwarded-for", "nowhere".parse().unwrap());
        assert_eq!(Peer(proxy).browser(&headers, &[proxy]), None);
    }
}
