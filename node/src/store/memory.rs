//! A local store in memory: for tests, the simulator and the browser. It forgets everything.

use parlor_protocol::{DeviceId, EntryId, LogKey, RoomId, UserId, entry::Entry, log::ForkProof, log::Height};
use std::{collections::BTreeMap, convert::Infallible};

use super::{
    AccountRecord, ArchivesRecord, ContactRecord, Identity, Loaded, LocalStore, PeerRecord, PersonRecord, Read,
    ReadResult, RoomRecord, StoreError, StoredEntry, Write,
    answer::answer,
    plan::{Held, Refused, Slot, plan},
    record::PEERS_MAX,
};

/// A local store in memory. A clone is a copy of its present state, which is what a crash leaves.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    identity: Option<Identity>,
    rooms: BTreeMap<RoomId, RoomRecord>,
    /// None for what was damaged.
    entries: BTreeMap<(RoomId, LogKey, u64), Option<StoredEntry>>,
    heights: BTreeMap<(RoomId, LogKey), Height>,
    forks: BTreeMap<(RoomId, LogKey, u64), ForkProof>,
    epochs: BTreeMap<(RoomId, EntryId), Entry>,
    manual: Vec<String>,
    archives: ArchivesRecord,
    account: Option<AccountRecord>,
    person: Option<PersonRecord>,
    peers: BTreeMap<DeviceId, (u64, PeerRecord)>,
    contacts: BTreeMap<UserId, ContactRecord>,
    generation: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As if the disk had altered the entry at one place.
    pub fn damage(&mut self, room: RoomId, log: LogKey, seq: u64) {
        self.entries.insert((room, log, seq), None);
    }

    /// Puts a record into its place, as read from where it was kept.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn restore(&mut self, record: Write) {
        self.put(record);
    }

    /// Holds an entry as read from where it was kept; none when it was damaged there.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn hold(&mut self, room: RoomId, log: LogKey, seq: u64, stored: Option<StoredEntry>) {
        self.entries.insert((room, log, seq), stored);
    }

    /// Holds how far a log reaches, as read from where it was kept.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn hold_height(&mut self, room: RoomId, log: LogKey, height: Height) {
        self.heights.insert((room, log), height);
    }

    fn apply_one(&mut self, batch: &[Write]) -> Result<(), String> {
        let plan = plan(&*self, batch).map_err(|refused| match refused {
            Refused::Rule(reason) => reason,
            Refused::Fault(never) => match never {},
        })?;
        let entries: Vec<_> = plan.entries.into_iter().map(|(key, entry)| (key, Some(entry.into_owned()))).collect();
        let heights = plan.heights;
        let records: Vec<Write> = plan.records.into_iter().cloned().collect();
        self.entries.extend(entries);
        self.heights.extend(heights);
        self.generation += 1;
        for record in records {
            self.put(record);
        }
        Ok(())
    }

    fn put(&mut self, record: Write) {
        match record {
            Write::PutIdentity(identity) => self.identity = Some(*identity),
            Write::PutRoom(room) => drop(self.rooms.insert(room.room, *room)),
            Write::PutEpoch(epoch) => drop(self.epochs.insert((epoch.room(), epoch.id()), *epoch)),
            Write::ForgetRoom(gone) => {
                self.rooms.remove(&gone);
                self.entries.retain(|(room, ..), _| *room != gone);
                self.heights.retain(|(room, _), _| *room != gone);
                self.forks.retain(|(room, ..), _| *room != gone);
                self.epochs.retain(|(room, _), _| *room != gone);
            }
            Write::PutFork(fork) => drop(self.forks.insert((fork.room(), fork.log_key(), fork.seq()), *fork)),
            Write::PutManual(manual) => self.manual = manual,
            Write::PutArchives(archives) => self.archives = archives,
            Write::PutAccount(account) => self.account = account.map(|account| *account),
            Write::PutPerson(person) => self.person = person.map(|person| *person),
            Write::PutPeer(peer) => {
                self.generation += 1;
                self.peers.insert(peer.device, (self.generation, peer));
                while self.peers.len() > PEERS_MAX {
                    let oldest = self.peers.iter().min_by_key(|(_, (at, _))| *at).map(|(device, _)| *device);
                    oldest.and_then(|device| self.peers.remove(&device));
                }
            }
            Write::PutContact(contact) => drop(self.contacts.insert(contact.user, *contact)),
            Write::Append { .. } | Write::Prune { .. } => {}
        }
    }
}

impl Held for MemoryStore {
    type Fault = Infallible;

    fn height(&self, room: RoomId, log: LogKey) -> Result<Height, Infallible> {
        Ok(self.heights.get(&(room, log)).copied().unwrap_or(Height::EMPTY))
    }

    fn visit(
        &self,
        room: RoomId,
        (log, seq): (LogKey, u64),
        visitor: &mut dyn FnMut(LogKey, u64, Slot) -> bool,
    ) -> Result<(), Infallible> {
        for ((at, log, seq), entry) in self.entries.range((room, log, seq)..) {
            let slot = entry.clone().map_or(Slot::Damaged, Slot::Intact);
            if *at != room || !visitor(*log, *seq, slot) {
                break;
            }
        }
        Ok(())
    }
}

impl LocalStore for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let rooms = self.rooms.values().map(|record| {
            let heights = self.heights.iter().filter(|((room, _), _)| *room == record.room);
            (record.clone(), heights.map(|((_, log), height)| (*log, *height)).collect())
        });
        let mut peers: Vec<_> = self.peers.values().cloned().collect();
        peers.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Ok(Loaded {
            identity: self.identity.clone(),
            rooms: rooms.collect(),
            epochs: self.epochs.values().cloned().collect(),
            forks: self.forks.values().cloned().collect(),
            manual: self.manual.clone(),
            archives: self.archives.clone(),
            account: self.account.clone(),
            person: self.person.clone(),
            peers: peers.into_iter().map(|(_, peer)| peer).collect(),
            contacts: self.contacts.values().cloned().collect(),
            is_guest: false,
        })
    }

    fn apply(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>> {
        batches.iter().map(|batch| self.apply_one(batch)).collect()
    }

    fn read(&mut self, read: &Read) -> Result<ReadResult, String> {
        let Ok(result) = answer(self, read);
        Ok(result)
    }
}
