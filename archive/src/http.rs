//! Health and metrics over HTTP, on this machine only unless told otherwise.

use axum::{Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

use crate::{config::DEFAULT_HTTP, error::StartError, metrics, store::Store};

/// How long the store may take to show that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(5);

struct Shared {
    store: Arc<dyn Store>,
    registry: Registry,
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

/// Serves until `stop` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    store: Arc<dyn Store>,
    registry: Registry,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_page))
        .with_state(Arc::new(Shared { store, registry }));
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "health and metrics are no longer served");
    }
}

/// Ready when the store can commit.
async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match tokio::time::timeout(READY_WITHIN, shared.store.check()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n".to_owned()),
    }
}

async fn metrics_page(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics::page(&shared.registry))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::{metrics::Metrics, store::EmbeddedStore};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn page(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: archive\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_tells_whether_it_lives_and_whether_the_store_works() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let registry = Metrics::default().registry();
        let serving = tokio::spawn(serve(listener, Arc::clone(&store), registry, async {
            let _ = stopped.await;
        }));
        assert!(page(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(page(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        let metrics = page(address, "/metrics").await;
        assert!(metrics.contains("parlor_archive_rooms 0") && metrics.ends_with("# EOF\n"), "{metrics}");
        assert!(page(address, "/else").await.starts_with("HTTP/1.1 404"));
        store.close().await;
        assert!(page(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        assert!(page(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        stop.send(()).unwrap();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let taken = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address).await.unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("--http"), "{error}");
    }
}
