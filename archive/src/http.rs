//! Health and metrics over HTTP, on this machine only unless told otherwise.
//!
//! Whoever reaches the address may ask, as often as he likes: that costs the store nothing. Names that a website can
//! have are not answered, as with the page. Connections, their time and the length of what is asked are bounded.

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use prometheus_client::registry::Registry;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore},
    task::JoinSet,
};

use crate::{
    config::DEFAULT_HTTP,
    error::StartError,
    metrics,
    store::{Store, StoreError},
    web::hosts,
};

/// How long the store may take to show that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// How long it is told to who asks that the store could commit, and that it could not.
const READY_FOR: Duration = Duration::from_secs(5);
const FAILED_FOR: Duration = Duration::from_secs(1);
/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 32;
/// How long a connection may take to ask, and how long it may last.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes; hyper takes nothing below 8 KiB.
const HEAD_MAX: usize = 8 * 1024;
/// How long to wait when the system gives no connection, because too many files are open.
const PAUSE: Duration = Duration::from_millis(200);

/// Whether the store can commit, and since when that is known.
#[derive(Debug, Default)]
struct Readiness(Mutex<Option<(Instant, Result<(), String>)>>);

impl Readiness {
    /// What the store showed a moment before `now`, or what `check` shows now. One at a time tries it: all others wait for
    /// what comes of that.
    async fn ask(&self, now: Instant, check: impl Future<Output = Result<(), StoreError>>) -> Result<(), String> {
        let mut known = self.0.lock().await;
        if let Some((at, shown)) = &*known
            && now.saturating_duration_since(*at) < if shown.is_ok() { READY_FOR } else { FAILED_FOR }
        {
            return shown.clone();
        }
        let shown = match tokio::time::timeout(READY_WITHIN, check).await {
            Ok(done) => done.map_err(|error| error.to_string()),
            Err(_) => Err("the store does not answer".to_owned()),
        };
        *known = Some((now, shown.clone()));
        shown
    }
}

struct Shared {
    store: Arc<dyn Store>,
    registry: Registry,
    readiness: Readiness,
    /// Names that count as this archive's, besides addresses and local names.
    hosts: Vec<String>,
}

/// Binds the address. When the usual one is taken a free port on this machine does as well.
///
/// # Errors
/// [`StartError::Http`] when it is taken or not allowed.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bad = |error: std::io::Error| StartError::Http { address: address.to_string(), reason: error.to_string() };
    match TcpListener::bind(address).await {
        Err(error) if address == DEFAULT_HTTP && error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::warn!("{address} is taken by another program; health and metrics are served on another port");
            TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(bad)
        }
        bound => bound.map_err(bad),
    }
}

/// Serves until `stop` resolves. `hosts` are names besides addresses and local names.
pub(crate) async fn serve(
    listener: TcpListener,
    store: Arc<dyn Store>,
    registry: Registry,
    hosts: Vec<String>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let shared = Arc::new(Shared { store, registry, readiness: Readiness::default(), hosts });
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_page))
        .layer(from_fn_with_state(Arc::clone(&shared), check_host))
        .with_state(shared);
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let permit = Arc::clone(&free).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            next = next => next,
            // What is under way ends with the set: nobody loses anything by asking again.
            () = &mut stop => return,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    let _permit = permit;
                    answer(stream, router).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection for health and metrics");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One connection.
async fn answer(stream: TcpStream, router: Router) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Who went away in the middle, or takes too long, is the ordinary case.
    let _ = tokio::time::timeout(CONNECTION_MAX, served).await;
}

/// Answers only who asks for a host that can be this one.
async fn check_host(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if hosts::is_own(request.headers(), &shared.hosts) { next.run(request).await } else { hosts::unknown() }
}

/// Ready when the store could commit a moment ago.
async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    match shared.readiness.ask(Instant::now(), shared.store.check()).await {
        Ok(()) => (StatusCode::OK, "ready\n").into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics_page(State(shared): State<Arc<Shared>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics::page(&shared.registry)).into_response()
}

#[cfg(test)]
mod tests;
