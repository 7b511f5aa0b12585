//! Parlor's spare computer: keeps ciphertext so that history survives.
//!
//! It holds no key that opens a message; see `docs/CRYPT.md`.

#![forbid(unsafe_code)]

mod metrics;
mod service;
pub mod store;

pub use service::{Limits, Rates};
