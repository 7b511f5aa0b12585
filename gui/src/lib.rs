//! The Parlor app, drawn with egui. It talks only to a node's handle, through [`backend`]; it
//! must never touch a socket, a file of the store, or a key.
//!
//! [`model`] is what the app knows, `view` draws it and says what the person wants, [`app`]
//! carries that out. Nothing outside `native` uses threads, files, tokio or the system's
//! clock types, because `web`, the shell of browsers, has none of them. See `docs/architecture.md`.

#![forbid(unsafe_code)]

#[cfg(any(test, target_arch = "wasm32"))]
mod agent;
pub mod app;
pub mod backend;
pub mod config;
pub mod drawn;
#[doc(hidden)]
pub mod fake;
pub mod links;
pub mod model;
#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "only the desktop shell has it")]
pub mod native;
pub mod pictures;
pub mod place;
#[cfg(any(test, target_arch = "wasm32"))]
mod spoken;
pub mod theme;
pub mod view;
#[cfg(target_arch = "wasm32")]
pub mod web;
pub mod widgets;
pub mod words;
