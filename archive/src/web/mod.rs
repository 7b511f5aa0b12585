//! The web page: the app for browsers, its WebSocket, and what the archive says about itself.
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/NAME` | files of the page, packed with gzip for who takes that |
//! | `/parlor.json` | `{"version", "peer", "ws_path", "page"}`: protocol version, the archive's peer id, path of the WebSocket, state of the page |
//! | `/ws` | the archive's WebSocket |
//!
//! Nothing is taken from a browser but the name of a file. Connections, tunnels, the time for a
//! request's head and its length are bounded.

pub(crate) mod hosts;
mod page;
mod tls;
mod tunnel;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{from_fn_with_state, map_response},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use self::page::{File, INDEX, Page};
use crate::error::StartError;

pub use tls::Tls;

/// Connections of browsers at once; more wait.
const CONNECTIONS_MAX: usize = 512;
/// WebSockets of browsers at once.
const TUNNELS_MAX: usize = 256;
/// How long a browser may take for the head of a request, and for the handshake of TLS.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;
/// How long a connection may last that is no WebSocket: time for the whole page over a slow line. Browsers
/// open another one when they need it.
const CONNECTION_MAX: Duration = Duration::from_secs(300);
/// How long requests that are under way may take when the archive stops.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait when the system gives no connection, because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);
/// The path of the WebSocket.
const WS_PATH: &str = "/ws";

/// What the page may do: run its own program, and talk to where it came from. Nothing else, so that
/// what slips into it from a message can neither run nor call home (W3C, "Content Security Policy
/// Level 3").
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: \
    blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// What goes with every answer besides.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(self), geolocation=(), microphone=()"),
];

/// How the page is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// Where; nowhere when absent.
    pub address: Option<SocketAddr>,
    /// The folder with the page; when absent, the page that is built into the program, or the folder `web`
    /// beside it.
    pub dir: Option<PathBuf>,
    /// Whether with TLS.
    pub tls: Tls,
    /// Names by which browsers open the page, besides addresses and names that only local networks have.
    pub hosts: Vec<String>,
}

/// Where the page is served unless told otherwise: on every interface.
pub const DEFAULT_WEB: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 47803);

impl Default for WebConfig {
    fn default() -> Self {
        Self { address: Some(DEFAULT_WEB), dir: None, tls: Tls::Off, hosts: Vec::new() }
    }
}

/// A page that is served, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// SHA-256 of the certificate; none with plain http.
    pub fingerprint: Option<String>,
}

impl Served {
    /// The addresses to type into a browser: of this machine's networks, or the one it listens on.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let scheme = if self.fingerprint.is_some() { "https" } else { "http" };
        let link = |ip: IpAddr| format!("{scheme}://{}/", SocketAddr::new(ip, self.address.port()));
        if !self.address.ip().is_unspecified() {
            return vec![link(self.address.ip())];
        }
        let mut own: Vec<IpAddr> = own_addresses().into_iter().filter(IpAddr::is_ipv4).collect();
        if own.is_empty() {
            own.push(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        }
        own.into_iter().map(link).collect()
    }
}

/// What the answers need.
#[derive(Debug)]
struct Shared {
    page: Page,
    /// What `/parlor.json` says.
    about: String,
    ws_port: u16,
    /// Names that count as this archive's; `None` where a certificate says so.
    hosts: Option<Vec<String>>,
    tunnels: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// A page that is ready to be served.
pub(crate) struct Site {
    listener: TcpListener,
    page: Page,
    tls: Option<TlsAcceptor>,
    hosts: Vec<String>,
    /// For people.
    pub(crate) served: Served,
}

impl Site {
    /// Reads the page and the certificate, and binds the address. `None` when the page is not to be
    /// served, or when none is built into the program.
    ///
    /// # Errors
    /// [`StartError`]: no page in the folder that was given, certificate unusable, address taken.
    pub(crate) async fn open(config: &WebConfig, data_dir: &std::path::Path) -> Result<Option<Self>, StartError> {
        let Some(address) = config.address else { return Ok(None) };
        let page = match &config.dir {
            Some(dir) => Some(Page::read(dir)?),
            None => match Page::built_in() {
                Some(page) => Some(page),
                // A page may lie beside the program instead.
                None => beside_the_program().map(|dir| Page::read(&dir)).transpose()?,
            },
        };
        let Some(page) = page else { return Ok(None) };
        let tls = tls::prepare(&config.tls, data_dir, &own_names())?;
        let listener = bind(address).await?;
        let address = listener.local_addr().map_err(|error| taken(address, &error))?;
        let (tls, fingerprint) = tls.map(|ready| (ready.acceptor, ready.fingerprint)).unzip();
        let hosts = config.hosts.clone();
        Ok(Some(Self { listener, page, tls, hosts, served: Served { address, fingerprint } }))
    }

    /// Serves until `stop` says so. `peer` is the archive's peer id, `ws_port` where its WebSocket is.
    pub(crate) async fn serve(self, peer: &str, ws_port: u16, stop: watch::Receiver<bool>) {
        let about = serde_json::json!({
            "version": parlor_node::net::VERSION,
            "peer": peer,
            "ws_path": WS_PATH,
            "page": self.page.version(),
        });
        let tunnels = Arc::new(Semaphore::new(TUNNELS_MAX));
        let (about, hosts) = (about.to_string(), self.tls.is_none().then_some(self.hosts));
        let shared = Arc::new(Shared { page: self.page, about, ws_port, hosts, tunnels, stop: stop.clone() });
        let router = Router::new()
            .route(WS_PATH, get(tunnel::open))
            .fallback(answer)
            .layer(from_fn_with_state(Arc::clone(&shared), hosts::check))
            .layer(map_response(guarded))
            .with_state(shared);
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let next = async {
                let permit = Arc::clone(&free).acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                next = next => next,
                () = stopped(stop.clone()) => break,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) => {
                    let (router, tls, stop) = (router.clone(), self.tls.clone(), stop.clone());
                    connections.spawn(async move {
                        let _permit = permit;
                        connection(stream, tls, router, stop).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection for a browser");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        let rest = async { while connections.join_next().await.is_some() {} };
        // What is still under way then ends with the set.
        let _ = tokio::time::timeout(STOP_WITHIN, rest).await;
    }
}

/// The folder `web` beside the program, when there is a page in it.
fn beside_the_program() -> Option<PathBuf> {
    let folder = std::env::current_exe().ok()?.parent()?.join("web");
    folder.join(INDEX).with_extension("html.gz").is_file().then_some(folder)
}

/// Resolves when the archive stops.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn taken(address: SocketAddr, error: &std::io::Error) -> StartError {
    StartError::Web { address: address.to_string(), reason: error.to_string() }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    match TcpListener::bind(address).await {
        Err(error) if address == DEFAULT_WEB && error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!("{address} is taken by another program; the web page is served on another port");
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(|error| taken(address, &error))
        }
        bound => bound.map_err(|error| taken(address, &error)),
    }
}

/// One connection of a browser.
async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, stop: watch::Receiver<bool>) {
    // Small answers and the messages of the WebSocket are not to wait for company.
    let _ = stream.set_nodelay(true);
    match tls {
        None => requests(stream, router, stop).await,
        // A browser that does not trust the certificate goes away: nothing to tell anybody.
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_WITHIN, tls.accept(stream)).await {
                requests(stream, router, stop).await;
            }
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

/// Answers with a file of the page, or with what the archive says about itself.
async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let name = request.uri().path().trim_start_matches('/');
    if name == "parlor.json" {
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        return (headers, shared.about.clone()).into_response();
    }
    match shared.page.file(if name.is_empty() { INDEX } else { name }) {
        Some(file) => send(file, request.headers()),
        None => (StatusCode::NOT_FOUND, "nothing here; the page is at /\n").into_response(),
    }
}

fn send(file: &File, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", file.tag);
    let keep = if file.lasts { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, keep),
        (header::VARY, "accept-encoding"),
        (header::ETAG, tag.as_str()),
    ];
    let says = |name: HeaderName, word: &str| {
        asked.get(name).and_then(|value| value.to_str().ok()).is_some_and(|text| text.contains(word))
    };
    if says(header::IF_NONE_MATCH, &tag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if says(header::ACCEPT_ENCODING, "gzip") {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], file.packed.clone()).into_response();
    }
    match file.unpacked() {
        Some(bytes) => (headers, bytes).into_response(),
        None => {
            tracing::error!("a file of the web page is damaged; install the archive again");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Every answer tells the browser what the page may do.
async fn guarded(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// This machine's addresses on its networks.
fn own_addresses() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let is_of_use = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    found.into_iter().map(|interface| interface.ip()).filter(is_of_use).collect()
}

/// The names under which browsers may open the page, for a certificate.
fn own_names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = gethostname::gethostname().to_string_lossy().to_lowercase();
    if !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) {
        names.extend([format!("{host}.local"), host]);
    }
    names.extend(own_addresses().iter().map(IpAddr::to_string));
    names
}

#[cfg(test)]
mod tests;
