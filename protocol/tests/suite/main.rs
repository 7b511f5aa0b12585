//! What the protocol promises, tried through its public interface only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "reads vectors and a corpus")]
#![allow(missing_docs, unreachable_pub, reason = "modules of a test program")]

mod accounts;
mod codes;
mod contents;
mod corpus;
mod door_vectors;
mod doors;
mod entries;
mod epochs;
mod examples;
mod fixtures;
mod forks;
mod founding;
mod guards;
mod identifiers;
mod keys;
mod links;
mod logs;
mod messages;
mod people;
mod secrecy;
mod sessions;
mod signals;
mod stretching;
mod vectors;

#[path = "../../../tests/fuzz/src/targets.rs"]
mod targets;
