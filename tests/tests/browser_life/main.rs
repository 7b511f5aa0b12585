//! The life of a page in a real browser: newer pages, archives that do not answer, other tabs, what another
//! version kept, work in workers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

mod connection;
mod newer;
mod place;
mod tabs;
