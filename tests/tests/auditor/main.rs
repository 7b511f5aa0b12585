//! Attacks by those who are trusted with something: archives, members, and whoever listens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod archives;
mod early;
mod knocks;
mod members;
mod replays;
mod vaults;

use parlor_protocol::{
    RoomCode,
    entry::{Entry, Kind},
    epoch::EpochSecrets,
    invite::{Invite, InviteBody},
};
use parlor_tests::sim::{Network, entries_in, stretched};

/// All entries that were published so far, in order, each once.
fn entries(network: &Network) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (_, bytes) in &network.published {
        for entry in entries_in(bytes) {
            if entries.iter().all(|known| known.id() != entry.id()) {
                entries.push(entry);
            }
        }
    }
    entries
}

fn invites(entries: &[Entry]) -> Vec<Invite> {
    let made = |entry: &Entry| match InviteBody::decode(entry.body()) {
        Ok(InviteBody::Made(invite)) if entry.header().kind == Kind::Invite => Some(invite),
        _ => None,
    };
    entries.iter().filter_map(made).collect()
}

/// What whoever knows a code learns of its room.
fn unlock(network: &Network, code: &RoomCode) -> EpochSecrets {
    let stretched = stretched(code);
    let open = |invite: Invite| invite.open(&stretched).ok()?.epoch_secrets().ok();
    // The newest: it was sealed anew when the epoch changed.
    invites(&entries(network)).into_iter().rev().find_map(open).expect("the code's invite was published")
}
