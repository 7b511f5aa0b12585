//! The embedded store: one redb file, no set-up. The default.
//!
//! One thread writes and commits in groups: while one transaction is made durable the next runs
//! gather. Reads happen on threads for blocking work and see every acknowledged write.

mod accounts;
mod ending;
mod handle;
mod read;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use async_trait::async_trait;
use parlor_protocol::{
    EpochId, Locator, LogKey, RoomId,
    access::Wrap,
    entry::Entry,
    log::{ForkProof, Heights},
};
use redb::Database;
use std::{
    path::Path,
    sync::{Arc, Mutex},
    thread,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{AccountStore, Appended, Arrived, Kept, RoomRow, Run, Store, StoreError, Usage, WrapKey};
use handle::Handle;
use write::{Change, Job};

/// The name of the file in the data folder.
pub(crate) const STORE_FILE: &str = "archive.redb";
/// Writes that may wait; whoever brings more waits as well.
const QUEUE: usize = 1024;
/// Bytes of them.
const QUEUE_BYTES: usize = 256 * 1024 * 1024;
/// How many bytes the file takes at most for each byte of entries: up to 1.8 were measured.
const GROWTH: u64 = 2;

/// The embedded store.
#[derive(Debug)]
pub struct EmbeddedStore {
    db: Arc<Handle>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: Arc<Semaphore>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
}

impl EmbeddedStore {
    /// Opens the store in a folder, or makes it. Blocks while the file is checked.
    ///
    /// # Errors
    /// [`StoreError`] when the file is damaged, newer, in use or cannot be written.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let db = Arc::new(Handle::open(dir.join(STORE_FILE))?);
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = {
            let db = Arc::clone(&db);
            thread::Builder::new().name("archive-writer".into()).spawn(move || write::run(&db, queue))
        };
        let writer = writer.map_err(|error| StoreError::Other(error.to_string()))?;
        let waiting = Arc::new(Semaphore::new(QUEUE_BYTES));
        Ok(Self { db, jobs: Mutex::new(Some(jobs)), waiting, writer: Mutex::new(Some(writer)) })
    }

    async fn write(&self, change: Change) -> Result<Appended, StoreError> {
        let jobs = self.jobs.lock().map_err(|_| StoreError::Stopped)?.clone().ok_or(StoreError::Stopped)?;
        let weight = u32::try_from(change.weight().min(QUEUE_BYTES)).unwrap_or_default();
        let weight = Arc::clone(&self.waiting).acquire_many_owned(weight).await.ok();
        let (done, result) = oneshot::channel();
        jobs.send(Job { change, done, _weight: weight }).await.map_err(|_| StoreError::Stopped)?;
        result.await.map_err(|_| StoreError::Stopped)?
    }

    async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = Arc::clone(&self.db);
        let result = tokio::task::spawn_blocking(move || db.with(act)).await;
        result.map_err(|error| StoreError::Damaged { what: error.to_string() })?
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        self.read(read::rooms).await
    }

    async fn room(&self, room: RoomId) -> Result<Option<RoomRow>, StoreError> {
        self.read(move |db| read::room(db, room)).await
    }

    async fn put_room(&self, row: RoomRow) -> Result<(), StoreError> {
        self.write(Change::Room(Box::new(row))).await.map(drop)
    }

    async fn heights(&self, room: RoomId) -> Result<Heights, StoreError> {
        self.read(move |db| read::heights(db, room)).await
    }

    async fn append(&self, run: Run) -> Result<Appended, StoreError> {
        self.write(Change::Run(run)).await
    }

    async fn run(
        &self,
        room: RoomId,
        log: LogKey,
        from: u64,
        max: usize,
        max_bytes: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        self.read(move |db| read::run(db, room, log, from, max, max_bytes)).await
    }

    async fn newest(&self, room: RoomId, limit: usize) -> Result<Vec<(LogKey, u64)>, StoreError> {
        self.read(move |db| read::newest(db, room, limit)).await
    }

    async fn arrived(&self, room: RoomId, from: u64, max: usize) -> Result<Vec<Arrived>, StoreError> {
        self.read(move |db| read::arrived(db, room, from, max)).await
    }

    async fn prune(&self, room: RoomId, places: Vec<(LogKey, u64)>) -> Result<(), StoreError> {
        self.write(Change::Prune(room, places)).await.map(drop)
    }

    async fn end_room(&self, room: RoomId, records: Vec<Entry>) -> Result<(), StoreError> {
        self.write(Change::End(room, records)).await?;
        // A step at a time, so that others do not wait long.
        while self.write(Change::Clear(room)).await? != write::DONE {}
        Ok(())
    }

    async fn remove_room(&self, room: RoomId) -> Result<(), StoreError> {
        self.end_room(room, Vec::new()).await?;
        self.write(Change::Forget(room)).await.map(drop)
    }

    async fn room_for(&self, kept: u64, free: u64) -> Result<Option<u64>, StoreError> {
        let file = self.db.file().to_owned();
        let measured = tokio::task::spawn_blocking(move || {
            let folder = file.parent().unwrap_or(&file);
            let available = fs4::available_space(folder)?;
            Ok((available, std::fs::metadata(&file)?.len()))
        });
        let measured: std::io::Result<(u64, u64)> =
            measured.await.map_err(|error| StoreError::Other(error.to_string()))?;
        // Without an answer of the system the disk itself says when it is full.
        let Ok((available, file)) = measured else { return Ok(None) };
        // The file never shrinks, but what is deleted in it makes room again: so it is what the file could
        // grow to that counts.
        let grown = file.saturating_add(available).saturating_sub(free) / GROWTH;
        Ok(Some(grown.max(kept.saturating_add(available.saturating_sub(free) / GROWTH))))
    }

    async fn records(&self, room: RoomId) -> Result<Vec<Entry>, StoreError> {
        self.read(move |db| read::records(db, room)).await
    }

    async fn plain(&self, room: RoomId, from: u64, max: usize, max_bytes: usize) -> Result<Vec<Arrived>, StoreError> {
        self.read(move |db| read::plain(db, room, from, max, max_bytes)).await
    }

    async fn rooms_at(&self, locator: Locator) -> Result<Vec<RoomId>, StoreError> {
        self.read(move |db| read::rooms_at(db, locator)).await
    }

    async fn steps(&self, room: RoomId) -> Result<Vec<(EpochId, u32)>, StoreError> {
        self.read(move |db| read::steps(db, room)).await
    }

    async fn change_wraps(&self, room: RoomId, put: Vec<Wrap>, gone: Vec<WrapKey>) -> Result<(), StoreError> {
        self.write(Change::Wraps(room, put, gone)).await.map(drop)
    }

    async fn wraps(
        &self,
        room: RoomId,
        after: Option<WrapKey>,
        max: usize,
    ) -> Result<Vec<(WrapKey, Wrap)>, StoreError> {
        self.read(move |db| read::wraps(db, room, after, max)).await
    }

    async fn wrap(&self, room: RoomId, key: WrapKey) -> Result<Option<Wrap>, StoreError> {
        self.read(move |db| read::wrap(db, room, key)).await
    }

    async fn put_fork(&self, proof: ForkProof) -> Result<(), StoreError> {
        self.write(Change::Fork(Box::new(proof))).await.map(drop)
    }

    async fn forks(&self, room: RoomId) -> Result<Vec<ForkProof>, StoreError> {
        self.read(move |db| read::forks(db, room)).await
    }

    async fn usage(&self, room: RoomId) -> Result<Usage, StoreError> {
        self.read(move |db| read::usage(db, room)).await
    }

    fn accounts(&self) -> &dyn AccountStore {
        self
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.write(Change::Nothing).await.map(drop)
    }

    async fn close(&self) {
        // The writer ends when the last sender is gone and everything given before is durable.
        drop(self.jobs.lock().map(|mut jobs| jobs.take()));
        let writer = self.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer {
            let joined = tokio::task::spawn_blocking(move || writer.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the store's writer ended badly");
            }
        }
        // The file is free for others when the last read under way has ended.
        let db = Arc::clone(&self.db);
        let closed = tokio::task::spawn_blocking(move || db.close()).await;
        if closed.is_err() {
            tracing::error!("the store's file was not closed");
        }
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        format!("embedded store in {}", self.db.file().display())
    }
}
