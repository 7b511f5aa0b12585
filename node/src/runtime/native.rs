//! The words of this module, on tokio.

use parlor_protocol::stretch::{NoMemory, Stretch, Stretched};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

use super::{Broken, TooLate};

/// A task that was started. Dropping this lets it run on.
#[derive(Debug)]
pub(crate) struct Running<T = ()>(JoinHandle<T>);

/// Heavy work under way, on a thread made for that. Dropping this drops work that has not begun.
#[derive(Debug)]
pub(crate) struct Heavy<T>(Running<T>);

/// Starts a task.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Running<T> {
    Running(tokio::spawn(task))
}

/// Starts work that takes long without waiting for anything.
pub(crate) fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Heavy<T> {
    Heavy(Running(tokio::task::spawn_blocking(work)))
}

/// Stretches something, and makes something of what came of it.
pub(crate) fn stretch<T: Send + 'static>(
    work: Stretch,
    then: impl FnOnce(Result<Stretched, NoMemory>) -> T + Send + 'static,
) -> Heavy<T> {
    heavy(move || then(work.run()))
}

/// Waits until then.
pub(crate) async fn sleep_until(then: Instant) {
    tokio::time::sleep_until(then.into()).await;
}

/// Waits for something, but not longer than this.
///
/// # Errors
/// [`TooLate`].
pub(crate) async fn timeout<T>(limit: Duration, what: impl Future<Output = T>) -> Result<T, TooLate> {
    tokio::time::timeout(limit, what).await.map_err(|_| TooLate)
}

impl<T> Future for Running<T> {
    type Output = Result<T, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.map_err(|error| Broken(error.to_string())))
    }
}

impl<T> Future for Heavy<T> {
    type Output = Result<T, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Heavy<T> {
    fn drop(&mut self) {
        self.0.0.abort();
    }
}
