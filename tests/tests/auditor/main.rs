//! Attacks by those who are trusted with something: archives, members, and whoever listens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod archives;
mod early;
mod forks;
mod keepers;
mod knocks;
mod listeners;
mod loops;
mod members;
mod replays;
mod vaults;

use parlor_protocol::{RoomCode, RoomId, entry::Entry, epoch::EpochSecrets};
use parlor_tests::{
    door::Door,
    sim::{Network, entries_in, stretched},
};

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

/// The door of a code, which all members were told of.
fn door(network: &Network, code: &RoomCode) -> Door {
    Door::find(stretched(code), &entries(network)).expect("the code's door was published")
}

/// The newest key of a room, as the member that made it knows it.
fn newest_key(network: &mut Network, room: RoomId) -> EpochSecrets {
    network.keys_of(0, room).pop().expect("a key")
}
