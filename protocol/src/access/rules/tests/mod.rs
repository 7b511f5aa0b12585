//! Who is in, who may come in, what is kept: each rule by itself, and all of them in every order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod doors;
mod enter;
mod kit;
mod leaving;
mod linking;
mod orders;
mod removing;
mod wraps;
