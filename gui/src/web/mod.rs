//! The shell of browsers: a canvas in a page, the node on the page's event loop.
//!
//! The page may come over plain http from an address of the local network, which browsers do not
//! take for a secure context. So nothing here depends on `crypto.subtle`, `navigator.locks` or the
//! clipboard of `navigator`. See `docs/architecture.md`, "The shell of a browser".

mod attention;
mod bridge;
mod clipboard;
mod fonts;
mod held;
mod keys;
mod life;
mod links;
mod log;
mod marks;
mod newer;
mod notices;
mod page;
mod pictures;
mod reader;
mod settings;
mod site;
mod tabs;
mod viewport;
mod window;

pub use window::run;
