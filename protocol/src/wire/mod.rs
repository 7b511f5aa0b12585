//! What goes over the wire: gossip, requests and answers, all in one frame that bears unknown kinds.
//!
//! A frame is `version1 kind2 len4 body` (`frame.rs`). Each kind has a number of its own, a longest
//! body that is known before the body is read, and an encoding of its own. So a program that does not
//! know a kind can still answer ([`Refusal::Unsupported`]) or pass over what it got, and never takes
//! it for an attack: see [`CodecError::is_unsupported`](crate::error::CodecError::is_unsupported).
//! `docs/CRYPT.md`, "Wire", has the rules.
//!
//! **How a kind is added**, for example a request that is called `Peek`:
//! 1. One line in the table of kinds in `request.rs` (`answer.rs`, `gossip.rs`): a number that no kind
//!    ever had, and the longest body in bytes. Numbers are never used again for something else.
//! 2. A variant of [`Request`] ([`RoomRequest`] when it is about a room), an
//!    arm in its `encode` and one in its `decode`, where counts are checked as well. The compiler asks
//!    for both.
//! 3. An answer of its own the same way, unless [`Answer::Done`] says all. A new reason to refuse gets
//!    a number in `refusal.rs`.
//! 4. An example in `protocol/tests/suite/examples.rs`, which properties, vectors and the seeds of the
//!    fuzzer take from there; then `PARLOR_WRITE_VECTORS=1 cargo test -p parlor-protocol --test suite`.
//!
//! What a kind says never changes: another layout is another kind.

mod account;
mod answer;
mod frame;
mod gossip;
mod refusal;
mod request;

pub use answer::{Answer, AnswerKind, Tail};
pub use frame::{HEADER_LEN, Header, Plan};
pub use gossip::{Gossip, GossipKind, gossip_id};
pub use refusal::Refusal;
pub use request::{Introduction, Request, RequestKind, RoomRequest};

use crate::error::CodecError;

fn count(what: &'static str, got: usize, max: usize) -> Result<(), CodecError> {
    if got > max { Err(CodecError::TooMany { what, max, got }) } else { Ok(()) }
}
