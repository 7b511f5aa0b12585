//! Health and metrics over HTTP, on this machine only unless told otherwise.

use axum::{Router, extract::State, http::StatusCode, http::header, response::IntoResponse, routing::get};
use prometheus_client::registry::Registry;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

use crate::{error::StartError, metrics, store::Store};

/// How long the store may take to show that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(5);

struct Shared {
    store: Arc<dyn Store>,
    registry: Registry,
}

/// Binds the address.
///
/// # Errors
/// [`StartError::Http`] when it is taken or not allowed.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bad = |error: std::io::Error| StartError::Http { address: address.to_string(), reason: error.to_string() };
    TcpListener::bind(address).await.map_err(bad)
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
