//! What starts tasks, waits and does heavy work: tokio on a computer, the page's event loop in a
//! browser. Both have the same words, so that the shells above them are written once.

#[cfg(target_arch = "wasm32")]
mod heard;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;
#[cfg(target_arch = "wasm32")]
mod worker;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Heavy, Running, heavy, sleep_until, spawn, stretch, timeout};
#[cfg(target_arch = "wasm32")]
pub use worker::{serve_as_worker, stretch_in_workers};
#[cfg(target_arch = "wasm32")]
pub(crate) use {
    heard::Heard,
    web::{Heavy, Running, heavy, later, sleep_until, spawn, stretch, timeout},
    worker::stretch as stretched,
};

/// What was waited for did not happen in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLate;

/// A task ended without a result: it panicked, or the runtime stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Broken(pub(crate) String);
