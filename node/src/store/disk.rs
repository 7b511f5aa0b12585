//! The local store on disk: one redb file in the profile folder.
//!
//! Records are sealed under the profile's key, entries lie as they came (sealed by their
//! authors). A batch is acknowledged only after its transaction is on the disk.

use parlor_protocol::{DeviceId, LogId, LogKey, RoomId, log::Height};
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable, Table};
use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    Loaded, LocalStore, Read, ReadResult, StoreError, Write,
    answer::answer,
    error::plain_reason,
    frame::{Frame, Kind, Sealer},
    guard::{self, Unlock},
    plan::{Held, Plan, Refused, Slot, plan},
    record::PEERS_MAX,
    rows::{
        Record, decode_entry, decode_height, encode_entry, encode_height, entry_key, log_key, record_key, record_of,
        seq_of, split_log_key,
    },
    tables::{ENTRIES, HEIGHTS, META, META_GENERATION, META_SCHEMA, RECORDS, SCHEMA},
};

use crate::{private, unwind};

mod load;

/// The store file, in the profile folder.
pub const STORE_FILE: &str = "parlor.redb";
/// Memory for pages read before. A room's screenful is far below.
const CACHE_BYTES: usize = 32 * 1024 * 1024;
const KEY_CHECK: &[u8] = b"this key fits";

/// The local store on disk.
#[derive(Debug)]
pub struct DiskStore {
    file: PathBuf,
    sealer: Sealer,
    /// None after the disk failed: redb wants to be opened anew then.
    db: Option<Database>,
}

/// What redb reports, boxed by kind.
pub(super) type Fault = redb::Error;

impl DiskStore {
    /// Opens the store of a profile folder that needs neither keychain nor passphrase, or makes it.
    ///
    /// # Errors
    /// As [`DiskStore::open_with`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, &Unlock::default())
    }

    /// Opens the store of a profile folder, or makes it.
    ///
    /// # Errors
    /// [`StoreError`] when the file is damaged, newer, or cannot be written, or the key does not
    /// fit or is locked.
    pub fn open_with(dir: &Path, unlock: &Unlock) -> Result<Self, StoreError> {
        let file = dir.join(STORE_FILE);
        let has_store = file.metadata().is_ok_and(|meta| meta.len() > 0);
        let secret = guard::load_or_make(dir, has_store, unlock)?;
        Self::open_file(file, Sealer::new(secret.expose()))
    }

    pub(super) fn open_file(file: PathBuf, sealer: Sealer) -> Result<Self, StoreError> {
        let mut store = Self { file, sealer, db: None };
        store.prepare()?;
        Ok(store)
    }

    /// Opens the file, checks schema and key, and makes the tables of a new file.
    fn prepare(&mut self) -> Result<(), StoreError> {
        let file = self.file.clone();
        // redb trusts its file and may panic on one that was altered behind its back.
        let opened = unwind::catch(|| -> Result<(), StoreError> {
            let db = open_database(&file)?;
            self.check_or_init(&db)?;
            self.db = Some(db);
            Ok(())
        });
        match opened {
            Ok(result) => result,
            Err(_) => Err(StoreError::Damaged { file: self.file.clone(), detail: "its structure is broken".into() }),
        }
    }

    fn check_or_init(&self, db: &Database) -> Result<(), StoreError> {
        let fault = |fault: Fault| store_error(&self.file, fault);
        let schema = self.schema(db).map_err(fault)?;
        match schema {
            Some(theirs) if theirs > SCHEMA => {
                return Err(StoreError::Newer { file: self.file.clone(), theirs, ours: SCHEMA });
            }
            Some(theirs) if theirs < SCHEMA => {
                return Err(StoreError::Older { file: self.file.clone(), theirs, ours: SCHEMA });
            }
            Some(_) => {}
            None => self.init(db).map_err(fault)?,
        }
        self.check_key(db)
    }

    fn schema(&self, db: &Database) -> Result<Option<u64>, Fault> {
        let txn = db.begin_read()?;
        match txn.open_table(META) {
            Ok(meta) => Ok(meta.get(META_SCHEMA)?.map(|value| value.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn init(&self, db: &Database) -> Result<(), Fault> {
        let txn = db.begin_write()?;
        {
            let mut tables = Tables::open(&txn)?;
            tables.meta.insert(META_SCHEMA, SCHEMA)?;
            tables.put_sealed(&self.sealer, Kind::KeyCheck, &[], 0, KEY_CHECK)?;
        }
        txn.commit()?;
        if let Some(dir) = self.file.parent() {
            guard::sync_dir(dir)?;
        }
        Ok(())
    }

    fn check_key(&self, db: &Database) -> Result<(), StoreError> {
        let read = || -> Result<Option<Vec<u8>>, Fault> {
            let records = db.begin_read()?.open_table(RECORDS)?;
            Ok(records.get(record_key(Kind::KeyCheck, &[]).as_slice())?.map(|value| value.value().to_vec()))
        };
        let value = read().map_err(|fault| store_error(&self.file, fault))?.unwrap_or_default();
        let damaged = || StoreError::Damaged { file: self.file.clone(), detail: "its key check is unreadable".into() };
        let frame = Frame::decode(&value).ok_or_else(damaged)?;
        match self.sealer.open(&frame) {
            Some(_) => Ok(()),
            None => Err(StoreError::KeyWrong { file: self.file.with_file_name(guard::GUARD_FILE) }),
        }
    }

    /// Runs something on the open database. After a failure of the disk the database is closed,
    /// so that the next call opens it anew.
    fn with_db<T>(&mut self, run: impl FnOnce(&Database, &Sealer) -> Result<T, Fault>) -> Result<T, String> {
        if self.db.is_none() {
            self.prepare().map_err(|error| match error {
                StoreError::Full { .. } => "the disk is full".to_owned(),
                other => other.to_string(),
            })?;
        }
        let Some(db) = self.db.as_ref() else { return Err("the store is closed".into()) };
        match unwind::catch(|| run(db, &self.sealer)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => {
                self.close();
                Err(reason(&fault))
            }
            Err(_) => {
                self.close();
                Err(format!("{} is damaged; stop Parlor and run `parlor repair`", self.file.display()))
            }
        }
    }
}

impl DiskStore {
    fn close(&mut self) {
        let db = self.db.take();
        // Closing writes, and so may panic as well.
        if unwind::catch(|| drop(db)).is_err() {
            tracing::warn!(file = %self.file.display(), "the store is damaged");
        }
    }

    fn commit(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>> {
        match self.with_db(|db, sealer| commit(db, sealer, batches)) {
            Ok(results) => results,
            Err(reason) if batches.len() <= 1 => batches.iter().map(|_| Err(reason.clone())).collect(),
            // One transaction too large for the disk may be several that fit.
            Err(_) => batches.iter().flat_map(|batch| self.commit(std::slice::from_ref(batch))).collect(),
        }
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_database(file: &Path) -> Result<Database, StoreError> {
    // redb would make it readable for everybody.
    private::make_file(file).map_err(|error| StoreError::system(file, error))?;
    Database::builder().set_cache_size(CACHE_BYTES).create(file).map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { profile: file.display().to_string(), pid: None },
        DatabaseError::UpgradeRequired(_) | DatabaseError::RepairAborted | DatabaseError::LockProtocolMismatch => {
            StoreError::Damaged { file: file.to_owned(), detail: error.to_string() }
        }
        other => store_error(file, other.into()),
    })
}

/// The store's error for what redb reports when a profile is opened.
pub(super) fn store_error(file: &Path, fault: Fault) -> StoreError {
    match fault {
        Fault::Io(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            StoreError::Damaged { file: file.to_owned(), detail: error.to_string() }
        }
        Fault::Io(error) => StoreError::system(file, error),
        other => StoreError::Damaged { file: file.to_owned(), detail: other.to_string() },
    }
}

const fn last_log() -> LogKey {
    LogKey { author: DeviceId::from_bytes([u8::MAX; 32]), log: LogId(u64::MAX) }
}

fn reason(fault: &Fault) -> String {
    match fault {
        Fault::Io(error) => plain_reason(error),
        other => other.to_string(),
    }
}

impl LocalStore for DiskStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        if self.db.is_none() {
            self.prepare()?;
        }
        let damaged = |detail: &str| StoreError::Damaged { file: self.file.clone(), detail: detail.to_owned() };
        let Some(db) = self.db.as_ref() else { return Err(damaged("it is closed")) };
        match unwind::catch(|| load::load(db, &self.sealer, &self.file)) {
            Ok(loaded) => loaded,
            Err(_) => Err(damaged("its structure is broken")),
        }
    }

    fn apply(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>> {
        self.commit(batches)
    }

    fn tidy(&mut self) {
        let tidied = self.with_db(|db, _| {
            let mut txn = db.begin_write()?;
            // Saves walking the whole file after a crash. It costs twice a transaction, so it is
            // not done with every one.
            txn.set_quick_repair(true);
            Ok(txn.commit()?)
        });
        if let Err(reason) = tidied {
            tracing::debug!(reason, "the store was not tidied");
        }
    }

    fn read(&mut self, read: &Read) -> Result<ReadResult, String> {
        self.with_db(|db, _| {
            let txn = db.begin_read()?;
            answer(&View { entries: txn.open_table(ENTRIES)?, heights: txn.open_table(HEIGHTS)? }, read)
        })
    }
}

/// Writes several batches in one transaction. A batch that is refused changes nothing.
fn commit(db: &Database, sealer: &Sealer, batches: &[Vec<Write>]) -> Result<Vec<Result<(), String>>, Fault> {
    let txn = db.begin_write()?;
    let mut results = Vec::with_capacity(batches.len());
    {
        let mut tables = Tables::open(&txn)?;
        let mut generation = tables.meta.get(META_GENERATION)?.map_or(0, |value| value.value());
        for batch in batches {
            generation += 1;
            let planned = match plan(&tables, batch) {
                Ok(plan) => plan,
                Err(Refused::Rule(reason)) => {
                    results.push(Err(reason));
                    continue;
                }
                Err(Refused::Fault(fault)) => return Err(fault),
            };
            tables.carry_out(sealer, planned, generation)?;
            results.push(Ok(()));
        }
        tables.meta.insert(META_GENERATION, generation)?;
    }
    if results.iter().any(Result::is_ok) {
        txn.commit()?
    } else {
        txn.abort()?
    }
    Ok(results)
}

/// Entries and heights, in a read or a write transaction.
struct View<E, H> {
    entries: E,
    heights: H,
}

struct Tables<'t> {
    meta: Table<'t, &'static str, u64>,
    records: Table<'t, &'static [u8], &'static [u8]>,
    #[expect(clippy::type_complexity, reason = "redb names its tables by key and value type")]
    view: View<Table<'t, &'static [u8; 80], &'static [u8]>, Table<'t, &'static [u8; 72], &'static [u8; 40]>>,
}

impl<'t> Tables<'t> {
    fn open(txn: &'t redb::WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            meta: txn.open_table(META)?,
            records: txn.open_table(RECORDS)?,
            view: View { entries: txn.open_table(ENTRIES)?, heights: txn.open_table(HEIGHTS)? },
        })
    }

    fn carry_out(&mut self, sealer: &Sealer, plan: Plan<'_>, generation: u64) -> Result<(), Fault> {
        for ((room, log, seq), entry) in &plan.entries {
            let value = encode_entry(entry, generation);
            self.view.entries.insert(&entry_key(*room, *log, *seq), value.as_slice())?;
        }
        for ((room, log), height) in &plan.heights {
            self.view.heights.insert(&log_key(*room, *log), &encode_height(*height))?;
        }
        plan.records.into_iter().try_for_each(|record| self.put(sealer, record, generation))
    }

    fn put(&mut self, sealer: &Sealer, record: &Write, generation: u64) -> Result<(), Fault> {
        if let Write::ForgetRoom(room) = record {
            return self.forget_room(*room);
        }
        let Some(Record { kind, key, plain }) = record_of(record) else { return Ok(()) };
        let plain = plain.ok_or_else(|| io::Error::other("a record is too long to keep"))?;
        self.put_sealed(sealer, kind, &key, generation, &plain)?;
        if kind == Kind::Peer { self.forget_old_peers() } else { Ok(()) }
    }

    /// Removes everything about a room. redb reuses its pages; until then a disk may still hold them.
    fn forget_room(&mut self, room: RoomId) -> Result<(), Fault> {
        let (first, last) = (LogKey { author: DeviceId::from_bytes([0; 32]), log: LogId(0) }, last_log());
        let entries = entry_key(room, first, 0)..=entry_key(room, last, u64::MAX);
        self.view.entries.retain_in::<&[u8; 80], _>(entries.start()..=entries.end(), |_, _| false)?;
        let heights = log_key(room, first)..=log_key(room, last);
        self.view.heights.retain_in::<&[u8; 72], _>(heights.start()..=heights.end(), |_, _| false)?;
        for kind in [Kind::Room, Kind::Fork, Kind::Epoch] {
            let first = record_key(kind, room.as_bytes());
            let after = [first.as_slice(), &[u8::MAX; 81]].concat();
            self.records.retain_in::<&[u8], _>(first.as_slice()..after.as_slice(), |_, _| false)?;
        }
        Ok(())
    }

    fn put_sealed(
        &mut self,
        sealer: &Sealer,
        kind: Kind,
        key: &[u8],
        generation: u64,
        plain: &[u8],
    ) -> Result<(), Fault> {
        let sealed = sealer
            .seal(kind, key, generation, plain)
            .ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
        self.records.insert(record_key(kind, key).as_slice(), sealed.as_slice())?;
        Ok(())
    }

    fn forget_old_peers(&mut self) -> Result<(), Fault> {
        let mut known = Vec::new();
        for item in
            self.records.range(record_key(Kind::Peer, &[]).as_slice()..record_key(Kind::Fork, &[]).as_slice())?
        {
            let (key, value) = item?;
            known.push((Frame::decode(value.value()).map_or(0, |frame| frame.generation), key.value().to_vec()));
        }
        known.sort();
        for (_, key) in known.iter().take(known.len().saturating_sub(PEERS_MAX)) {
            self.records.remove(key.as_slice())?;
        }
        Ok(())
    }
}

impl Held for Tables<'_> {
    type Fault = Fault;

    fn height(&self, room: RoomId, log: LogKey) -> Result<Height, Fault> {
        self.view.height(room, log)
    }

    fn visit(
        &self,
        room: RoomId,
        from: (LogKey, u64),
        visitor: &mut dyn FnMut(LogKey, u64, Slot) -> bool,
    ) -> Result<(), Fault> {
        self.view.visit(room, from, visitor)
    }
}

impl<E, H> Held for View<E, H>
where
    E: ReadableTable<&'static [u8; 80], &'static [u8]>,
    H: ReadableTable<&'static [u8; 72], &'static [u8; 40]>,
{
    type Fault = Fault;

    fn height(&self, room: RoomId, log: LogKey) -> Result<Height, Fault> {
        let value = self.heights.get(&log_key(room, log))?;
        Ok(value.map_or(Height::EMPTY, |value| decode_height(value.value())))
    }

    fn visit(
        &self,
        room: RoomId,
        (log, seq): (LogKey, u64),
        visitor: &mut dyn FnMut(LogKey, u64, Slot) -> bool,
    ) -> Result<(), Fault> {
        let start = entry_key(room, log, seq);
        for item in self.entries.range::<&[u8; 80]>(&start..)? {
            let (key, value) = item?;
            let key = key.value();
            let Some((at, log)) = split_log_key(key).filter(|(at, _)| *at == room) else { break };
            let seq = seq_of(key);
            // A value that was swapped with another place is as bad as a broken one.
            let slot = decode_entry(value.value())
                .filter(|stored| {
                    stored.entry.log_key() == log && stored.entry.header().seq == seq && stored.entry.room() == at
                })
                .map_or(Slot::Damaged, Slot::Intact);
            if !visitor(log, seq, slot) {
                break;
            }
        }
        Ok(())
    }
}
