//! The local store of a page: everything in memory, and the same in the browser's database, row by row
//! as on a disk. A batch is acknowledged only after its transaction is durable.
//!
//! When a transaction fails, memory is read anew from the database, so that both agree. One tab
//! leads: its mark stands in the database, and a transaction of any other tab undoes itself.

mod idb;

use parlor_protocol::{
    RoomId,
    guard::{Guard, GuardError, GuardId, Passphrase, PassphraseLock},
    keys::Secret,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::{OsRng, TryRngCore as _};
use thiserror::Error;

use self::idb::{Database, Fault, Row, Table};
use crate::runtime;

use super::{
    LocalStore as _, MemoryStore, Read, ReadResult, Write,
    frame::{Frame, Kind, Sealer},
    guard::{LockChange, LockKind},
    plan::{Refused, plan},
    rows::{
        SCHEMA, decode_entry, decode_height, decode_record, encode_entry, encode_height, entry_key, log_key,
        record_key, record_of, seq_of, split_log_key,
    },
};

const GUARD: &[u8] = b"guard";
const LEADER: &[u8] = b"leader";

/// Why what a browser keeps cannot be used. Every message names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeepError {
    /// The passphrase is not the one.
    #[error("that is not the passphrase; try again")]
    PassphraseWrong,
    /// What is kept here was damaged.
    #[error(
        "what this browser kept of Parlor is damaged ({detail}); forget it here and join the rooms again with their codes"
    )]
    Damaged {
        /// What does not fit.
        detail: String,
    },
    /// A later Parlor wrote what is kept here.
    #[error(
        "what this browser keeps was written by a newer Parlor than this page. Nothing is lost: load the page anew, \
         past the browser's cache (Ctrl+Shift+R); if that does not help, ask whoever runs the archive to update it"
    )]
    Newer,
    /// An earlier Parlor wrote what is kept here.
    #[error(
        "what this browser keeps was written by an older Parlor, and this page cannot read it any more. It is still \
         there, for a page of that older version; or forget it here and join the rooms again with their codes"
    )]
    Older,
    /// The browser's database does not work.
    #[error("{reason}; keep nothing here, or use another browser")]
    Browser {
        /// Its reason.
        reason: String,
    },
}

impl From<Fault> for KeepError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Newer => Self::Newer,
            Fault::Older => Self::Older,
            other => Self::Browser { reason: other.to_string() },
        }
    }
}

impl From<GuardError> for KeepError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Wrong => Self::PassphraseWrong,
            GuardError::NoMemory => Self::Browser { reason: error.to_string() },
        }
    }
}

fn rng() -> Result<ChaCha20Rng, KeepError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    let drawn = OsRng.try_fill_bytes(seed.as_mut());
    drawn.map_err(|error| KeepError::Browser { reason: error.to_string() })?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

async fn read_guard(db: &Database) -> Result<Option<Guard>, KeepError> {
    let Some(bytes) = db.value(Table::Meta, GUARD).await? else { return Ok(None) };
    let guard = Guard::decode(&bytes).map_err(|error| KeepError::Damaged { detail: error.to_string() })?;
    Ok(Some(guard))
}

/// Whether this browser keeps a profile.
///
/// # Errors
/// [`KeepError`] when it cannot be seen.
pub async fn is_kept() -> Result<bool, KeepError> {
    Ok(read_guard(&Database::open(SCHEMA).await?).await?.is_some())
}

/// Forgets everything that this browser keeps.
///
/// # Errors
/// [`KeepError`].
pub async fn forget() -> Result<(), KeepError> {
    Ok(Database::delete().await?)
}

/// A store in the browser's database.
#[derive(Debug)]
pub(crate) struct WebStore {
    memory: MemoryStore,
    db: Database,
    sealer: Sealer,
    leader: [u8; 16],
    generation: u64,
    /// Memory may differ from the database.
    is_stale: bool,
    /// Another tab leads. Nothing more is written from here.
    is_elsewhere: bool,
}

impl WebStore {
    /// Opens the store with its passphrase, or makes it. From now on this tab leads.
    pub(crate) async fn open(passphrase: &Passphrase) -> Result<Self, KeepError> {
        let db = Database::open(SCHEMA).await?;
        let mut rng = rng()?;
        let mut leader = [0; 16];
        rand_core::RngCore::fill_bytes(&mut rng, &mut leader);
        let secret = match read_guard(&db).await? {
            Some(guard) => open_guard(&guard, passphrase).await?,
            None => {
                let secret = Secret::random(&mut rng);
                put_guard(&db, passphrase, &secret, &mut rng).await?;
                secret
            }
        };
        db.commit(&[Row::Put(Table::Meta, LEADER.to_vec(), leader.to_vec())], None).await?;
        let sealer = Sealer::new(secret.expose());
        let mut store =
            Self { memory: MemoryStore::new(), db, sealer, leader, generation: 0, is_stale: true, is_elsewhere: false };
        store.refresh().await?;
        Ok(store)
    }

    /// Whether another tab leads, as far as this one noticed.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Looks whether this tab still leads: one that slept finds out before it has anything to write.
    pub(crate) async fn look_who_leads(&mut self) {
        // A browser that does not answer, or has nothing left, says so at the next write.
        if let Ok(Some(leader)) = self.db.value(Table::Meta, LEADER).await {
            self.is_elsewhere |= leader != self.leader;
        }
    }

    /// What is in memory.
    pub(crate) fn memory(&mut self) -> &mut MemoryStore {
        &mut self.memory
    }

    /// Answers a question.
    pub(crate) fn read(&mut self, read: &Read) -> Result<ReadResult, String> {
        self.memory.read(read)
    }

    /// Reads everything from the database.
    async fn refresh(&mut self) -> Result<(), KeepError> {
        let mut memory = MemoryStore::new();
        let mut records: Vec<(u64, Write)> = Vec::new();
        let mut bad = None;
        let sealer = &self.sealer;
        self.db
            .visit(Table::Records, |_, value| match record(sealer, value) {
                Some(record) => records.push(record),
                // Known machines are a convenience: never a reason not to start.
                None if Frame::decode(value).is_some_and(|frame| frame.kind == Kind::Peer) => {}
                None => bad = Some("a record is unreadable"),
            })
            .await?;
        if let Some(detail) = bad {
            return Err(KeepError::Damaged { detail: detail.into() });
        }
        records.sort_by_key(|(generation, _)| *generation);
        self.generation = records.last().map_or(0, |(generation, _)| *generation).max(self.generation);
        records.into_iter().for_each(|(_, record)| memory.restore(record));
        self.db
            .visit(Table::Entries, |key, value| {
                let Ok(key) = <&[u8; 80]>::try_from(key) else { return };
                let Some((room, log)) = split_log_key(key) else { return };
                let seq = seq_of(key);
                let stored = decode_entry(value).filter(|stored| {
                    let entry = &stored.entry;
                    entry.log_key() == log && entry.header().seq == seq && entry.room() == room
                });
                memory.hold(room, log, seq, stored);
            })
            .await?;
        self.db
            .visit(Table::Heights, |key, value| {
                if let (Some((room, log)), Ok(value)) = (split_log_key(key), <&[u8; 40]>::try_from(value)) {
                    memory.hold_height(room, log, decode_height(value));
                }
            })
            .await?;
        self.memory = memory;
        self.is_stale = false;
        Ok(())
    }

    /// Makes batches durable. Each holds as a whole or not at all.
    pub(crate) async fn apply(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>> {
        let results = self.commit(batches).await;
        match results {
            Ok(results) => results,
            Err(reason) if batches.len() <= 1 => batches.iter().map(|_| Err(reason.clone())).collect(),
            // One transaction too large for the browser may be several that fit.
            Err(_) => {
                let mut results = Vec::with_capacity(batches.len());
                for batch in batches {
                    let result = self.commit(std::slice::from_ref(batch)).await;
                    results.push(result.and_then(|results| results.into_iter().collect()));
                }
                results
            }
        }
    }

    async fn commit(&mut self, batches: &[Vec<Write>]) -> Result<Vec<Result<(), String>>, String> {
        if self.is_elsewhere {
            return Err(Fault::Elsewhere.to_string());
        }
        if self.is_stale {
            self.refresh().await.map_err(|error| error.to_string())?;
        }
        let (mut rows, mut results) = (Vec::new(), Vec::with_capacity(batches.len()));
        for batch in batches {
            self.generation += 1;
            let planned = match self.rows(batch) {
                Ok(planned) => planned,
                Err(reason) => {
                    results.push(Err(reason));
                    continue;
                }
            };
            results.extend(self.memory.apply(std::slice::from_ref(batch)));
            self.is_stale = true;
            rows.extend(planned);
        }
        if rows.is_empty() {
            self.is_stale = false;
            return Ok(results);
        }
        let committed = self.db.commit(&rows, Some((LEADER, &self.leader))).await;
        self.is_elsewhere |= committed == Err(Fault::Elsewhere);
        committed.map_err(|fault| fault.to_string())?;
        self.is_stale = false;
        Ok(results)
    }

    /// The rows that a batch comes to.
    fn rows(&self, batch: &[Write]) -> Result<Vec<Row>, String> {
        let plan = plan(&self.memory, batch).map_err(|refused| match refused {
            Refused::Rule(reason) => reason,
            Refused::Fault(never) => match never {},
        })?;
        let mut rows = Vec::new();
        for ((room, log, seq), entry) in &plan.entries {
            let value = encode_entry(entry, self.generation);
            rows.push(Row::Put(Table::Entries, entry_key(*room, *log, *seq).to_vec(), value));
        }
        for ((room, log), height) in &plan.heights {
            rows.push(Row::Put(Table::Heights, log_key(*room, *log).to_vec(), encode_height(*height).to_vec()));
        }
        for write in plan.records {
            if let Write::ForgetRoom(room) = write {
                rows.extend(forgotten(*room));
            }
            let Some(record) = record_of(write) else { continue };
            let plain = record.plain.ok_or("a record is too long to keep")?;
            let sealed = self.sealer.seal(record.kind, &record.key, self.generation, &plain);
            let sealed = sealed.ok_or("the browser gives no random numbers")?;
            rows.push(Row::Put(Table::Records, record_key(record.kind, &record.key), sealed));
        }
        Ok(rows)
    }
}

/// Everything about a room.
fn forgotten(room: RoomId) -> impl Iterator<Item = Row> {
    let tables = [Table::Entries, Table::Heights].map(|table| (table, room.as_bytes().to_vec()));
    let records = [Kind::Room, Kind::Fork, Kind::Epoch].map(|kind| (Table::Records, record_key(kind, room.as_bytes())));
    tables.into_iter().chain(records).map(|(table, from)| {
        // Longer than any key that begins with the room.
        let to = [from.as_slice(), &[u8::MAX; 81]].concat();
        Row::Forget(table, from, to)
    })
}

/// Opens a record and says which change had put it there.
fn record(sealer: &Sealer, value: &[u8]) -> Option<(u64, Write)> {
    let frame = Frame::decode(value)?;
    let plain = sealer.open(&frame)?;
    let write = match frame.kind {
        Kind::KeyCheck | Kind::Entry => return None,
        Kind::Identity => Write::PutIdentity(decode_record(&plain)?),
        Kind::Room => Write::PutRoom(decode_record(&plain)?),
        Kind::Account => Write::PutAccount(decode_record(&plain)?),
        Kind::Person => Write::PutPerson(decode_record(&plain)?),
        Kind::Manual => Write::PutManual(decode_record(&plain)?),
        Kind::Archives => Write::PutArchives(decode_record(&plain)?),
        Kind::Peer => Write::PutPeer(decode_record(&plain)?),
        Kind::Epoch => Write::PutEpoch(decode_record(&plain)?),
        Kind::Fork => Write::PutFork(decode_record(&plain)?),
        Kind::Contact => Write::PutContact(decode_record(&plain)?),
    };
    Some((frame.generation, write))
}

async fn open_guard(guard: &Guard, passphrase: &Passphrase) -> Result<Secret, KeepError> {
    match (guard, guard.id(), guard.lock()) {
        (_, Some(id), Some(lock)) => {
            let stretched = runtime::stretched(lock.stretching(passphrase)).await.map_err(GuardError::from)?;
            Ok(lock.opened(id, &stretched)?)
        }
        (Guard::Plain(secret), ..) => Ok(secret.clone()),
        _ => Err(KeepError::Damaged { detail: "nothing here opens it".into() }),
    }
}

/// Puts a secret under a passphrase, in place of the one before.
async fn put_guard(
    db: &Database,
    passphrase: &Passphrase,
    secret: &Secret,
    rng: &mut ChaCha20Rng,
) -> Result<(), KeepError> {
    let (id, fresh) = (GuardId::random(rng), PassphraseLock::fresh(rng));
    let stretched = runtime::stretched(fresh.stretching(passphrase)).await.map_err(GuardError::from)?;
    let guard = Guard::Passphrase(id, fresh.sealed(id, &stretched, secret)?).encode().to_vec();
    Ok(db.commit(&[Row::Put(Table::Meta, GUARD.to_vec(), guard)], None).await?)
}

/// Changes the passphrase, or only says how the profile is locked.
pub(super) async fn change_lock(change: Option<LockChange>) -> Result<LockKind, String> {
    let Some(change) = change else { return Ok(LockKind::Passphrase) };
    let LockChange::SetPassphrase { current, new, .. } = change else {
        return Err("in a browser the passphrase cannot be taken away: nothing else would lock what is kept".into());
    };
    let changed = async {
        let db = Database::open(SCHEMA).await?;
        let guard = read_guard(&db).await?.ok_or_else(|| KeepError::Damaged { detail: "its key is gone".into() })?;
        let current = current.ok_or(KeepError::PassphraseWrong)?;
        let secret = open_guard(&guard, &current).await?;
        put_guard(&db, &new, &secret, &mut rng()?).await?;
        Ok::<_, KeepError>(LockKind::Passphrase)
    };
    changed.await.map_err(|error| error.to_string())
}
