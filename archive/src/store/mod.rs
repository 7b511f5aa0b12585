//! What an archive keeps, in the words of its domain. Two backends: embedded (redb) and MongoDB.

mod accounts;
#[cfg(test)]
pub(crate) mod conformance;
mod embedded;
mod mongo;

pub use accounts::{AccountRow, AccountStore, Added, Pass, Tries, TryPlace, VaultNote};
pub use embedded::EmbeddedStore;
pub(crate) use embedded::STORE_FILE;
pub use mongo::MongoStore;

use crate::{config::ArchiveConfig, error::StartError};
use async_trait::async_trait;
use parlor_protocol::{
    EpochId, Locator, LogKey, RoomId,
    access::Wrap,
    entry::{Entry, Verified},
    log::{ForkProof, Height, Heights},
};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt::Debug, sync::Arc};
use thiserror::Error;

/// An entry with what is known of its own signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The entry.
    pub entry: Verified<Entry>,
    /// True when this very signature was checked, false when only the chain was.
    pub checked: bool,
}

/// Who registered a room, under a keyed hash: an account, or the address of somebody who has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Registrant(pub [u8; 16]);

/// A registered room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRow {
    /// The room.
    pub room: RoomId,
    /// Its genesis entry.
    pub genesis: Entry,
    /// When it was registered, in milliseconds since 1970.
    pub registered: u64,
    /// By whom.
    pub by: Registrant,
}

/// What a wrap is kept under: the hash of its bytes.
pub type WrapKey = [u8; 32];

/// What a wrap is kept under.
///
/// # Errors
/// [`StoreError::Other`] when it is over its bounds.
pub fn wrap_key(wrap: &Wrap) -> Result<WrapKey, StoreError> {
    let bytes = wrap.encode().map_err(|error| StoreError::Other(error.to_string()))?;
    Ok(*blake3::hash(&bytes).as_bytes())
}

/// A run of one log to be stored.
#[derive(Clone, Debug)]
pub struct Run {
    /// The room.
    pub room: RoomId,
    /// The log.
    pub log: LogKey,
    /// The entries, in order; the last one is checked.
    pub entries: Vec<Kept>,
    /// Where doors are found that they make.
    pub doors: Vec<Locator>,
    /// Steps of epochs in which they open sessions.
    pub steps: Vec<(EpochId, u32)>,
}

impl Run {
    /// Parts the run into what lies below a place and what comes after.
    fn split(&self, next: u64) -> (&[Kept], &[Kept]) {
        self.entries.split_at(self.entries.partition_point(|kept| kept.entry.header().seq < next))
    }
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Durable; the log is held this far.
    Stored(Height),
    /// The store holds something else at that place; this is how far it holds the log.
    Conflict(Height),
}

/// How much a room takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: u64,
    /// Bytes of entries.
    pub bytes: u64,
}

/// An entry with when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Grows with every entry of a room.
    pub number: u64,
    /// When it came, in milliseconds since 1970 by the archive's clock.
    pub at: u64,
    /// The entry.
    pub kept: Kept,
}

/// Why the store cannot do something. Every message names the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The database server cannot be reached.
    #[error("{what} cannot be reached ({last_error}); check that it runs and that the address is right")]
    Unreachable {
        /// The server, without password.
        what: String,
        /// The last reason.
        last_error: String,
    },
    /// It takes no writes.
    #[error("{what} takes no writes; point Parlor at the primary of the replica set")]
    ReadOnly {
        /// The server, without password.
        what: String,
    },
    /// It refused the login.
    #[error("{what} refused the login; check user, password and authSource in the address")]
    LoginRefused {
        /// The server, without password.
        what: String,
    },
    /// It is too old.
    #[error("{found} is too old; Parlor needs {needed} or newer")]
    TooOld {
        /// What was found.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// A newer archive wrote it.
    #[error("the store was written by a newer Parlor (format {found}, this one knows {known}); update parlor-archive")]
    NewerSchema {
        /// Its format.
        found: u64,
        /// The newest format known here.
        known: u64,
    },
    /// An older archive wrote it.
    #[error(
        "the store was written by an older Parlor (format {found}, this one knows {known}); move it away or use \
         another --data-dir or database; members fill the new one again, accounts have to be made anew"
    )]
    OlderSchema {
        /// Its format.
        found: u64,
        /// The format known here.
        known: u64,
    },
    /// Something in it is damaged.
    #[error("the store is damaged: {what}. Run `parlor-archive verify`, and restore a backup if it finds more")]
    Damaged {
        /// What.
        what: String,
    },
    /// The disk is full.
    #[error("the disk is full ({reason}); free some space, the archive goes on by itself")]
    Full {
        /// The system's reason.
        reason: String,
    },
    /// It was closed.
    #[error("the store was closed")]
    Stopped,
    /// Anything else.
    #[error("the store failed ({0}); see its own log")]
    Other(String),
}

/// Whether a store of some format can be used.
fn check_schema(found: u64, known: u64) -> Result<(), StoreError> {
    match found.cmp(&known) {
        Ordering::Less => Err(StoreError::OlderSchema { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::NewerSchema { found, known }),
    }
}

/// What an archive keeps. All writes are idempotent, and durable when they return.
#[async_trait]
pub trait Store: Send + Sync + Debug + 'static {
    /// All registered rooms.
    async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError>;

    /// One registered room.
    async fn room(&self, room: RoomId) -> Result<Option<RoomRow>, StoreError> {
        Ok(self.rooms().await?.into_iter().find(|row| row.room == room))
    }

    /// Registers a room. One that is known stays as it is.
    async fn put_room(&self, row: RoomRow) -> Result<(), StoreError>;

    /// How far the logs of a room are held.
    async fn heights(&self, room: RoomId) -> Result<Heights, StoreError>;

    /// Stores a run that continues its log. Entries held already with the same id are skipped.
    async fn append(&self, run: Run) -> Result<Appended, StoreError>;

    /// Up to `max` entries and `max_bytes` bytes of a log from a place on, in order; one entry at
    /// least when there is one, however large. Its last entry need not be a checked one.
    async fn run(
        &self,
        room: RoomId,
        log: LogKey,
        from: u64,
        max: usize,
        max_bytes: usize,
    ) -> Result<Vec<Kept>, StoreError>;

    /// Places of the newest entries by arrival, newest first.
    async fn newest(&self, room: RoomId, limit: usize) -> Result<Vec<(LogKey, u64)>, StoreError>;

    /// Up to `max` entries of a room in the order of their arrival, from a number on.
    async fn arrived(&self, room: RoomId, from: u64, max: usize) -> Result<Vec<Arrived>, StoreError>;

    /// Puts the pruned form of contents into their places. Other entries, and places that are not
    /// held, are passed over.
    async fn prune(&self, room: RoomId, places: Vec<(LogKey, u64)>) -> Result<(), StoreError>;

    /// Deletes all entries of a room that has ended, its codes and its proofs of forks. What stays is
    /// that it is registered, and these records of its epochs, each after those that it follows, for
    /// those who have not heard yet. Again it does no harm, and finishes what was cut off.
    async fn end_room(&self, room: RoomId, records: Vec<Entry>) -> Result<(), StoreError>;

    /// Deletes a room with everything that is kept of it. Again it does no harm, and finishes what was cut
    /// off; until it is finished the room is still among the registered ones.
    async fn remove_room(&self, room: RoomId) -> Result<(), StoreError>;

    /// The records that were kept of a room that has ended; none of others.
    async fn records(&self, room: RoomId) -> Result<Vec<Entry>, StoreError>;

    /// Up to `max` entries and `max_bytes` bytes of those that are not contents (genesis, epochs, coming in and
    /// going out, doors) in arrival order, from a number on: what a room's rules follow from. Those that share a number
    /// come together, and one at least comes when there is one, however large.
    async fn plain(&self, room: RoomId, from: u64, max: usize, max_bytes: usize) -> Result<Vec<Arrived>, StoreError>;

    /// Rooms in which a door with this locator was made, whatever became of it.
    async fn rooms_at(&self, locator: Locator) -> Result<Vec<RoomId>, StoreError>;

    /// The highest step of each epoch of a room in which something was written.
    async fn steps(&self, room: RoomId) -> Result<Vec<(EpochId, u32)>, StoreError>;

    /// Keeps wraps of a room, and forgets others.
    async fn change_wraps(&self, room: RoomId, put: Vec<Wrap>, gone: Vec<WrapKey>) -> Result<(), StoreError>;

    /// Up to `max` wraps of a room in the order of their keys, those that come after one.
    async fn wraps(&self, room: RoomId, after: Option<WrapKey>, max: usize)
    -> Result<Vec<(WrapKey, Wrap)>, StoreError>;

    /// One wrap of a room.
    async fn wrap(&self, room: RoomId, key: WrapKey) -> Result<Option<Wrap>, StoreError>;

    /// Keeps the proof that a log forked.
    async fn put_fork(&self, proof: ForkProof) -> Result<(), StoreError>;

    /// The forks of a room.
    async fn forks(&self, room: RoomId) -> Result<Vec<ForkProof>, StoreError>;

    /// How much a room takes.
    async fn usage(&self, room: RoomId) -> Result<Usage, StoreError>;

    /// How many bytes of entries there is room for in all, when `kept` are kept now and `free` bytes of the
    /// disk are to stay free for others. None when the store cannot know.
    async fn room_for(&self, kept: u64, free: u64) -> Result<Option<u64>, StoreError>;

    /// What it keeps of accounts.
    fn accounts(&self) -> &dyn AccountStore;

    /// Whether it can read and write now.
    async fn check(&self) -> Result<(), StoreError>;

    /// Whether other archives may write to it at the same time.
    fn is_shared(&self) -> bool;

    /// Finishes what is under way and closes.
    async fn close(&self);

    /// What it is, for people; without passwords.
    fn describe(&self) -> String;
}

/// Entries, and bytes, that are read at once where all plain ones of a room are.
pub(crate) const PLAIN_STEP: usize = 256;
pub(crate) const PLAIN_STEP_BYTES: usize = 1024 * 1024;

/// Reads all plain entries of a room from a number on, a page after the other, however many there are.
///
/// # Errors
/// The store's.
pub(crate) async fn each_plain(
    store: &dyn Store,
    room: RoomId,
    mut page: impl FnMut(Vec<Kept>) + Send,
) -> Result<(), StoreError> {
    let mut from = 0;
    loop {
        let arrived = store.plain(room, from, PLAIN_STEP, PLAIN_STEP_BYTES).await?;
        let Some(last) = arrived.last() else { return Ok(()) };
        from = last.number.saturating_add(1);
        page(arrived.into_iter().map(|arrived| arrived.kept).collect());
    }
}

#[cfg(test)]
pub(crate) use mongo::server::TestDatabase;

/// Opens the store that the settings name.
///
/// # Errors
/// [`StartError::Store`].
pub(crate) async fn open(config: &ArchiveConfig) -> Result<Arc<dyn Store>, StartError> {
    if let Some(uri) = &config.mongodb {
        return Ok(Arc::new(MongoStore::open(uri).await?));
    }
    let dir = config.data_dir.clone();
    let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(&dir)).await;
    let store = opened.map_err(|error| StoreError::Other(error.to_string()))??;
    Ok(Arc::new(store))
}
