//! A person's devices among themselves: linking a new one by a code, and agreeing afterwards.
//!
//! Nothing here needs an archive or an account. What is handed over is for the reader to know: here
//! are only the code, the handshake and the seals. See `docs/CRYPT.md`, "Linking a device".

mod code;
mod handshake;
mod own;

pub use code::{LinkCode, StretchedLink, TypedLink, read_typed_link};
pub use handshake::{LinkAnswering, LinkGift, Linking};
pub use own::{OwnKey, OwnMessage};
