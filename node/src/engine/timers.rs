//! Timers on the monotonic clock. At most one of each kind is set.

use parlor_protocol::RoomId;
use std::collections::{BTreeMap, BTreeSet};

use super::io::JobId;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Compare heights with some of the others.
    Check(RoomId),
    /// Say that this device is here.
    Signal(RoomId),
    /// See who has not been heard of.
    Presence(RoomId),
    /// Tell authors what has arrived.
    Receipts(RoomId),
    /// Tell the room's summary.
    Summary(RoomId),
    /// Tell who is in the room.
    Members(RoomId),
    /// See whose visit is over.
    Visits(RoomId),
    /// Tell how this device is connected.
    Connection,
    /// Tell who is on the network.
    Nearby,
    /// Tell the network who is no stranger.
    Known,
    /// Greet strangers again.
    Greet,
    /// Write the room's record.
    Save(RoomId),
    /// See whether a conversation is over.
    Release(RoomId),
    /// Do what waits for an owner.
    Govern(RoomId),
    /// Give back texts that waited too long.
    Waiting(RoomId),
    /// Take what has expired off the screen.
    Vanish(RoomId),
    /// See how a join stands.
    Join(JobId),
    /// See whether it is time for a new prekey.
    Prekeys,
    /// See how a job of the account stands.
    Account,
    /// Look at the account's vault.
    Vault,
    /// Ask the person's other devices what is new.
    Agree,
    /// See how linking this device stands.
    Link,
    /// See whether an offer to link a device is over.
    Offer,
    /// Tell of a new device that has said nothing of itself.
    FirstWord,
    /// Give the store again what it refused.
    Retry,
    /// Make durable what waits.
    Flush,
    /// Prepare the store for a crash.
    Tidy,
    /// Write what changed about people.
    Contacts,
    /// Ask the other person of a room of two in.
    Knock(RoomId),
}

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, Timer)>,
    set: BTreeMap<Timer, u64>,
}

impl Timers {
    /// Sets a timer; one that is set already keeps the earlier time.
    pub(super) fn set(&mut self, at: u64, timer: Timer) {
        match self.set.get(&timer) {
            Some(before) if *before <= at => {}
            before => {
                if let Some(before) = before {
                    self.due.remove(&(*before, timer));
                }
                self.due.insert((at, timer));
                self.set.insert(timer, at);
            }
        }
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        let first = *self.due.first().filter(|(at, _)| *at <= now)?;
        self.due.remove(&first);
        self.set.remove(&first.1);
        Some(first.1)
    }
}
