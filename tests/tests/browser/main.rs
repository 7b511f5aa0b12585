//! The app in a real browser: a member like any other, wherever it runs, and what it keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod accounts;
mod create;
mod https;
mod link;
#[cfg(target_os = "linux")]
mod other_host;
mod shared;
