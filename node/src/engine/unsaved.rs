//! What the disk refused, kept in memory and given to the store again until it is saved.
//!
//! Own entries are kept only if they were published already; else their commands have failed, and
//! whoever wrote them knows. A log whose entries wait here takes no more, so this cannot grow
//! without bound.

use parlor_protocol::{LogKey, RoomId, UserId, keys::DhSecret, link::LinkGift, log::ForkProof};
use std::collections::BTreeSet;

use super::{Engine, io::JobId, logs::Frozen, timers::Timer, writing::Pending};
use crate::{
    net::InboundId,
    store::{StoredEntry, Write},
};

/// How long after a failure the store is tried again, in milliseconds.
const RETRY_AFTER_MS: u64 = 5_000;

/// Entries for one log.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) room: RoomId,
    pub(super) log: LogKey,
    pub(super) entries: Vec<StoredEntry>,
}

/// What a batch of writes was, as far as it is tried again when it fails.
#[derive(Debug)]
pub(super) enum Again {
    Run(Run),
    Room(RoomId),
    Fork(Box<ForkProof>),
    Identity,
    /// Prekeys, the newest of them new.
    Prekeys(Vec<(DhSecret, u64)>),
    /// A room is to be forgotten.
    Forget(RoomId),
    /// Addresses that the user gave.
    Manual,
    /// Which archives are used.
    Archives,
    /// The account that this device is signed in to.
    Account,
    /// The new key of the vault, which the archive is told of when it is saved.
    NewKey(JobId),
    /// What is shared with the person's other devices.
    Person,
    /// This device becomes one of a person when that is durable, and does not when it fails.
    Linked(Box<super::devices::Linked>),
    /// What a new device is given once it is on the list.
    Gift(Box<(InboundId, LinkGift)>),
    /// Somebody who comes in when its entry is on the disk.
    ComesIn(Box<super::entering::ComesIn>),
    /// What changed about people.
    Contacts(Vec<UserId>),
    /// Where a peer was seen: the next sighting writes it.
    Nothing,
}

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Unsaved {
    runs: Vec<Run>,
    forks: Vec<ForkProof>,
    rooms: BTreeSet<RoomId>,
    identity: bool,
    forgotten: BTreeSet<RoomId>,
    manual: bool,
    archives: bool,
    account: bool,
    person: bool,
    /// The user knows.
    told: bool,
}

impl Unsaved {
    /// Whether the last thing that the store said was no.
    pub(super) fn is_failing(&self) -> bool {
        self.told
    }

    /// A room is gone: nothing of it is to be saved.
    pub(super) fn forget(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.runs.retain(|run| run.room != room);
    }
}

impl Engine {
    /// Keeps what the store refused and sets the time of the next try.
    pub(super) fn keep_unsaved(&mut self, again: Again, reason: &str) {
        match again {
            Again::Run(run) => {
                if let Some(room) = self.rooms.get_mut(&run.room) {
                    // What is in memory is ahead of the disk: nothing may be added to it for now.
                    room.logs.entry(run.log).frozen.get_or_insert(Frozen::Unsaved);
                }
                self.unsaved.runs.push(run);
            }
            Again::Room(room) => drop(self.unsaved.rooms.insert(room)),
            Again::Fork(proof) => self.unsaved.forks.push(*proof),
            Again::Forget(room) => drop(self.unsaved.forgotten.insert(room)),
            Again::Identity => self.unsaved.identity = true,
            Again::Manual => self.unsaved.manual = true,
            Again::Archives => self.unsaved.archives = true,
            Again::Account => self.unsaved.account = true,
            Again::Person => self.unsaved.person = true,
            Again::Contacts(users) => self.contacts.keep_changed(users),
            Again::NewKey(job) => {
                self.unsaved.account = true;
                self.on_new_key_not_saved(job, reason);
            }
            Again::Linked(linked) => self.on_link_not_saved(&linked, reason),
            Again::Gift(gift) => {
                self.unsaved.person = true;
                self.on_gift_not_saved(gift.0);
            }
            Again::ComesIn(comes_in) => {
                self.on_came_in_not_saved(comes_in.inbound);
                return self.keep_unsaved(Again::Run(comes_in.run), reason);
            }
            Again::Nothing | Again::Prekeys(_) => {}
        }
        if !std::mem::replace(&mut self.unsaved.told, true) {
            self.problem(
                format!("could not save to disk ({reason})"),
                "Free some space or check the data folder. Parlor tries again by itself; nothing is lost.",
            );
        }
        self.timers.set(self.now.mono + RETRY_AFTER_MS, Timer::Retry);
    }

    /// Gives the store everything again that it refused.
    pub(super) fn retry_unsaved(&mut self) {
        let unsaved = std::mem::take(&mut self.unsaved);
        // Until something is saved the next failure is still the same one.
        self.unsaved.told = unsaved.told;
        if unsaved.identity {
            self.save_identity();
        }
        if unsaved.manual {
            self.save_manual();
        }
        if unsaved.archives {
            self.save_archives();
        }
        for room in unsaved.forgotten {
            self.write(vec![Write::ForgetRoom(room)], Pending::unasked(Again::Forget(room)));
        }
        if unsaved.account {
            self.save_account();
        }
        if unsaved.person {
            self.save_person();
        }
        self.save_contacts();
        for room in unsaved.rooms {
            self.save_room_now(room);
        }
        for proof in unsaved.forks {
            self.write_fork(proof);
        }
        for run in unsaved.runs {
            self.write_run(run);
        }
    }

    /// Writes entries that may be written later.
    pub(super) fn write_run(&mut self, run: Run) {
        let write = Write::Append { room: run.room, entries: run.entries.clone() };
        self.write_soon(vec![write], Pending::unasked(Again::Run(run)));
    }

    /// Writes the proof of a fork.
    pub(super) fn write_fork(&mut self, proof: ForkProof) {
        let write = Write::PutFork(Box::new(proof.clone()));
        self.write(vec![write], Pending::unasked(Again::Fork(Box::new(proof))));
    }

    /// The store works: the next failure is a new one, and a log that has caught up goes on.
    pub(super) fn note_saved(&mut self, run: Option<&Run>) {
        self.unsaved.told = false;
        let Some(run) = run else { return };
        let is_own = run.log.author == self.me();
        // Own entries that were written meanwhile wait behind it in the store's queue.
        let is_last = is_own && self.unsaved.runs.iter().all(|waiting| waiting.log != run.log);
        let Some(room) = self.rooms.get_mut(&run.room) else { return };
        let log = room.logs.entry(run.log);
        if log.frozen == Some(Frozen::Unsaved) && (log.durable >= log.height.next || is_last) {
            log.frozen = None;
            // What came meanwhile was not taken.
            self.timers.set(self.now.mono, Timer::Check(run.room));
        }
        if is_own {
            let saved: Vec<_> = run.entries.iter().map(|stored| stored.entry.id()).collect();
            self.tell_changed(run.room, &saved);
        }
    }
}
