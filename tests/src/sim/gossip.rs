//! Gossip messages as an onlooker reads them.

use parlor_protocol::{entry::Entry, wire::Gossip};

/// The entries that a gossip message brings, in order; none when it is something else.
#[must_use]
pub fn entries_in(bytes: &[u8]) -> Vec<Entry> {
    match Gossip::decode(bytes) {
        Ok(Gossip::Entry(entry)) => vec![entry],
        Ok(Gossip::Run(run)) => run,
        Ok(Gossip::Signal(_)) | Err(_) => Vec::new(),
    }
}
