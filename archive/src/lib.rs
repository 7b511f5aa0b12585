//! Parlor's spare computer: keeps ciphertext so that history survives.
//!
//! It holds no key that opens a message; see `docs/CRYPT.md`.

#![forbid(unsafe_code)]

mod accounts;
mod backup;
mod blind;
mod config;
mod error;
#[cfg(test)]
mod fixture;
mod folder;
mod http;
mod metrics;
mod server;
mod service;
mod source;
pub mod store;
mod web;

pub use accounts::{SignUp, UsersAction};
pub use backup::maintain;
pub use config::{Action, ArchiveConfig, Cli, DEFAULT_HTTP, Registration, Settings};
pub use error::StartError;
pub use server::Archive;
pub use service::{Limits, Rates, Share};
pub use web::{DEFAULT_WEB, Served, Tls, WebConfig};
