//! Stopping a node: the same on a computer and in a page.

use std::{fmt, future::Future};
use tokio::sync::oneshot;

use crate::net::Net;

/// Tells the actor to stop, waits until it has written everything, then closes all connections.
pub(crate) async fn stop<E: fmt::Display>(
    stop: Option<oneshot::Sender<()>>,
    task: impl Future<Output = Result<(), E>>,
    net: Option<Net>,
) {
    // Dropping the sender stops it.
    drop(stop);
    if let Err(error) = task.await {
        tracing::error!(%error, "the node ended badly");
    }
    if let Some(net) = net {
        net.shutdown().await;
    }
}
