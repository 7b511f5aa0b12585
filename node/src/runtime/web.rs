//! The words of this module, on the event loop of a page. There is one thread, so heavy work stops
//! everything else for as long as it takes; what waits on the loop already goes first. Only keys are
//! stretched elsewhere, in a worker.

use futures::{
    FutureExt as _,
    future::{self, Either, LocalBoxFuture},
};
use futures_timer::Delay;
use parlor_protocol::stretch::{NoMemory, Stretch, Stretched};
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::oneshot;
use web_time::Instant;

use super::{Broken, TooLate, worker};

/// How long heavy work lets the page draw before it begins: a frame or two.
const BREATH: Duration = Duration::from_millis(40);
/// Timers of browsers count milliseconds in 31 bits; longer waits are cut into pieces.
const NAP_MAX: Duration = Duration::from_secs(24 * 3600);

/// A task that was started. Dropping this lets it run on.
#[derive(Debug)]
pub(crate) struct Running<T = ()>(oneshot::Receiver<T>);

/// Heavy work under way. Dropping this drops work that has not begun.
pub(crate) struct Heavy<T>(LocalBoxFuture<'static, T>);

impl<T> std::fmt::Debug for Heavy<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Heavy(..)")
    }
}

/// Starts a task.
pub(crate) fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> Running<T> {
    let (done, result) = oneshot::channel();
    wasm_bindgen_futures::spawn_local(async move {
        // Whoever dropped the receiver does not want to know.
        let _ = done.send(task.await);
    });
    Running(result)
}

/// Starts work that takes long without waiting for anything.
pub(crate) fn heavy<T: 'static>(work: impl FnOnce() -> T + 'static) -> Heavy<T> {
    let later = async move {
        Delay::new(BREATH).await;
        work()
    };
    Heavy(later.boxed_local())
}

/// Starts work that waits as well as it computes.
pub(crate) fn later<T: 'static>(work: impl Future<Output = T> + 'static) -> Heavy<T> {
    let later = async move {
        Delay::new(BREATH).await;
        work.await
    };
    Heavy(later.boxed_local())
}

/// Stretches something, and makes something of what came of it. The page goes on meanwhile, where the
/// browser has workers.
pub(crate) fn stretch<T: 'static>(
    work: Stretch,
    then: impl FnOnce(Result<Stretched, NoMemory>) -> T + 'static,
) -> Heavy<T> {
    Heavy(async move { then(worker::stretch(work).await) }.boxed_local())
}

/// Waits until then.
pub(crate) async fn sleep_until(then: Instant) {
    loop {
        let left = then.saturating_duration_since(Instant::now());
        // Browsers round down: a millisecond more, or the wait ends a little early and is repeated.
        if left.is_zero() {
            return;
        }
        Delay::new((left + Duration::from_millis(1)).min(NAP_MAX)).await;
    }
}

/// Waits for something, but not longer than this.
///
/// # Errors
/// [`TooLate`].
pub(crate) async fn timeout<T>(limit: Duration, what: impl Future<Output = T>) -> Result<T, TooLate> {
    match future::select(pin!(what), pin!(sleep_until(Instant::now() + limit))).await {
        Either::Left((result, _)) => Ok(result),
        Either::Right(((), _)) => Err(TooLate),
    }
}

impl<T> Future for Running<T> {
    type Output = Result<T, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.map_err(|_| Broken("a task of the page ended".into())))
    }
}

impl<T> Future for Heavy<T> {
    type Output = Result<T, Broken>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}
