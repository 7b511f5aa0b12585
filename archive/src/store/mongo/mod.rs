//! The MongoDB store, through the official driver.
//!
//! Every write is an idempotent insert or update with majority and journal write concern, so
//! several archives may share one database without a leader. An entry counts once its log's
//! height includes it: a crash between the two leaves entries that the next push finds again.
//! See `docs/Mongodb.md` and `docs/database_docs.md`.

mod accounts;
mod connect;
mod documents;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;
mod wraps;
mod writer;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::{
    Client, Collection, Database,
    bson::{Bson, Document, doc},
};
use parlor_protocol::{
    EpochId, Locator, LogKey, RoomId,
    access::Wrap,
    entry::Entry,
    log::{ForkProof, Heights},
};
use std::sync::{Arc, Mutex};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{AccountStore, Appended, Arrived, Kept, RoomRow, Run, Store, StoreError, Usage, WrapKey};
use connect::fault;
use documents::{binary, entry_key, log_key, read_entry, read_fork, read_height, read_place, read_room, room_document};
use writer::Job;

/// How many bytes the server's disk takes at most for each byte of entries, with indexes and journal.
const GROWTH: u64 = 2;
/// Runs that may wait for the writer; whoever brings more waits as well.
const QUEUE: usize = 1024;
/// Bytes of them.
const QUEUE_BYTES: usize = 256 * 1024 * 1024;

/// The collections of an archive.
#[derive(Clone, Debug)]
struct Tables {
    rooms: Collection<Document>,
    entries: Collection<Document>,
    heights: Collection<Document>,
    doors: Collection<Document>,
    steps: Collection<Document>,
    wraps: Collection<Document>,
    forks: Collection<Document>,
    records: Collection<Document>,
    meta: Collection<Document>,
    accounts: Collection<Document>,
    vaults: Collection<Document>,
    passes: Collection<Document>,
    tries: Collection<Document>,
}

impl Tables {
    fn new(database: &Database) -> Self {
        let table = |name| database.collection(name);
        Self {
            rooms: table("rooms"),
            entries: table("entries"),
            heights: table("heights"),
            doors: table("doors"),
            steps: table("steps"),
            wraps: table("wraps"),
            forks: table("forks"),
            records: table("records"),
            meta: table("meta"),
            accounts: table("accounts"),
            vaults: table("vaults"),
            passes: table("passes"),
            tries: table("tries"),
        }
    }
}

/// The MongoDB store.
#[derive(Debug)]
pub struct MongoStore {
    client: Client,
    database: Database,
    tables: Tables,
    /// Hosts and database, without user and password.
    name: String,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl MongoStore {
    /// Connects, checks the server, makes indexes.
    ///
    /// # Errors
    /// [`StoreError`]: unreachable, login refused, read-only, too old, newer schema.
    pub async fn open(uri: &str) -> Result<Self, StoreError> {
        let (client, database, name) = connect::connect(uri).await?;
        let tables = Tables::new(&database);
        connect::prepare(&database, &tables, &name).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(writer::run(tables.clone(), name.clone(), queue));
        let (jobs, writer) = (Mutex::new(Some(jobs)), Mutex::new(Some(writer)));
        Ok(Self { client, database, tables, name, jobs, waiting: Arc::new(Semaphore::new(QUEUE_BYTES)), writer })
    }

    async fn all(&self, table: &Collection<Document>, filter: Document) -> Result<Vec<Document>, StoreError> {
        let found = async { table.find(filter).await?.try_collect().await };
        found.await.map_err(|error| fault(&self.name, error))
    }

    fn fault(&self, error: mongodb::error::Error) -> StoreError {
        fault(&self.name, error)
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        self.all(&self.tables.rooms, doc! {}).await?.iter().map(read_room).collect()
    }

    async fn room(&self, room: RoomId) -> Result<Option<RoomRow>, StoreError> {
        let found = self.tables.rooms.find_one(doc! { "_id": binary(room.as_bytes()) }).await;
        found.map_err(|error| self.fault(error))?.as_ref().map(read_room).transpose()
    }

    async fn put_room(&self, row: RoomRow) -> Result<(), StoreError> {
        let (id, insert) = room_document(&row);
        let update = doc! { "$setOnInsert": insert };
        let done = self.tables.rooms.update_one(doc! { "_id": id }, update).upsert(true).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn heights(&self, room: RoomId) -> Result<Heights, StoreError> {
        let found = self.all(&self.tables.heights, doc! { "room": binary(room.as_bytes()) }).await?;
        found.iter().map(|document| read_height(document).map(|(log, height, _)| (log, height))).collect()
    }

    async fn append(&self, run: Run) -> Result<Appended, StoreError> {
        let jobs = self.jobs.lock().map_err(|_| StoreError::Stopped)?.clone().ok_or(StoreError::Stopped)?;
        let bytes: usize = run.entries.iter().map(|kept| kept.entry.bytes().len()).sum();
        let weight = u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or_default();
        let weight = Arc::clone(&self.waiting).acquire_many_owned(weight).await.ok();
        let (done, result) = oneshot::channel();
        jobs.send(Job { run, done, _weight: weight }).await.map_err(|_| StoreError::Stopped)?;
        result.await.map_err(|_| StoreError::Stopped)?
    }

    async fn run(
        &self,
        room: RoomId,
        log: LogKey,
        from: u64,
        max: usize,
        max_bytes: usize,
    ) -> Result<Vec<Kept>, StoreError> {
        // Only what the height includes has been acknowledged and is without gaps.
        let height = self.tables.heights.find_one(doc! { "_id": binary(&log_key(room, log)) }).await;
        let height = height.map_err(|error| self.fault(error))?;
        let next = height.as_ref().map(read_height).transpose()?.map_or(0, |(_, height, _)| height.next);
        if from >= next {
            return Ok(Vec::new());
        }
        let range = doc! { "$gte": binary(&entry_key(room, log, from)), "$lt": binary(&entry_key(room, log, next)) };
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let found = self.tables.entries.find(doc! { "_id": range }).sort(doc! { "_id": 1 }).limit(limit).await;
        let mut found = found.map_err(|error| self.fault(error))?;
        let (mut run, mut bytes) = (Vec::new(), 0);
        while let Some(document) = found.try_next().await.map_err(|error| self.fault(error))? {
            let kept = read_entry(&document)?;
            bytes += kept.entry.bytes().len();
            if bytes > max_bytes && !run.is_empty() {
                break;
            }
            run.push(kept);
        }
        Ok(run)
    }

    async fn newest(&self, room: RoomId, limit: usize) -> Result<Vec<(LogKey, u64)>, StoreError> {
        // To MongoDB a limit of 0 is none.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self
            .tables
            .entries
            .find(doc! { "room": binary(room.as_bytes()) })
            .projection(doc! { "_id": 1 })
            .sort(doc! { "arrival": -1, "_id": -1 })
            .limit(limit)
            .await;
        let found: Result<Vec<Document>, _> = async { found?.try_collect().await }.await;
        found.map_err(|error| self.fault(error))?.iter().map(read_place).collect()
    }

    async fn arrived(&self, room: RoomId, from: u64, max: usize) -> Result<Vec<Arrived>, StoreError> {
        // Asked from one number further back and sorted out here: not every compatible server includes
        // the end of a range over a descending index.
        let start = documents::signed(from.saturating_sub(1));
        let filter = doc! { "room": binary(room.as_bytes()), "arrival": { "$gte": start } };
        let limit = i64::try_from(max.saturating_add(1)).unwrap_or(i64::MAX);
        let found = self.tables.entries.find(filter).sort(doc! { "arrival": 1, "_id": 1 }).limit(limit).await;
        let found: Result<Vec<Document>, _> = async { found?.try_collect().await }.await;
        let found = found.map_err(|error| self.fault(error))?;
        let arrived = found.iter().map(documents::read_arrived);
        let wanted = |arrived: &Result<Arrived, _>| arrived.as_ref().map_or(true, |arrived| arrived.number >= from);
        arrived.filter(wanted).take(max).collect()
    }

    async fn prune(&self, room: RoomId, places: Vec<(LogKey, u64)>) -> Result<(), StoreError> {
        for (log, seq) in places {
            let id = binary(&entry_key(room, log, seq));
            let held = self.tables.entries.find_one(doc! { "_id": id.clone() }).await;
            let Some(held) = held.map_err(|error| self.fault(error))?.as_ref().map(read_entry).transpose()? else {
                continue;
            };
            let pruned = held.entry.pruned();
            if pruned == held.entry {
                continue;
            }
            let size = |entry: &Entry| documents::signed(entry.bytes().len() as u64);
            let less = size(&pruned) - size(&held.entry);
            // Only where the full entry still stands, so that two archives count it once.
            let filter = doc! { "_id": id, "entry": binary(held.entry.bytes()) };
            let set = doc! { "$set": { "entry": binary(pruned.bytes()) } };
            let done = self.tables.entries.update_one(filter, set).await.map_err(|error| self.fault(error))?;
            if done.modified_count > 0 {
                let log = doc! { "_id": binary(&log_key(room, log)) };
                let change = doc! { "$inc": { "bytes": less } };
                self.tables.heights.update_one(log, change).await.map_err(|error| self.fault(error))?;
            }
        }
        Ok(())
    }

    async fn end_room(&self, room: RoomId, records: Vec<Entry>) -> Result<(), StoreError> {
        let ending = async {
            for (number, record) in (0..).zip(&records) {
                let (id, document) = documents::record_document(room, number, record);
                self.tables.records.replace_one(doc! { "_id": id }, document).upsert(true).await?;
            }
            // Heights last: whoever is cut off finds by them that something is left.
            let of_room = doc! { "room": binary(room.as_bytes()) };
            let tables = &self.tables;
            for table in [&tables.entries, &tables.doors, &tables.steps, &tables.wraps, &tables.forks, &tables.heights]
            {
                table.delete_many(of_room.clone()).await?;
            }
            Ok(())
        };
        ending.await.map_err(|error| self.fault(error))
    }

    async fn remove_room(&self, room: RoomId) -> Result<(), StoreError> {
        self.end_room(room, Vec::new()).await?;
        let removing = async {
            self.tables.records.delete_many(doc! { "room": binary(room.as_bytes()) }).await?;
            self.tables.rooms.delete_one(doc! { "_id": binary(room.as_bytes()) }).await
        };
        removing.await.map(drop).map_err(|error| self.fault(error))
    }

    async fn room_for(&self, kept: u64, free: u64) -> Result<Option<u64>, StoreError> {
        let Ok(stats) = self.database.run_command(doc! { "dbStats": 1 }).await else { return Ok(None) };
        let number = |field| match stats.get(field) {
            Some(Bson::Double(number)) if *number >= 0.0 => Some(*number as u64),
            Some(Bson::Int64(number)) => u64::try_from(*number).ok(),
            Some(Bson::Int32(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        // Not every compatible server knows its disk.
        let disk = number("fsTotalSize").zip(number("fsUsedSize")).filter(|(total, _)| *total > 0);
        Ok(disk.map(|(total, used)| kept.saturating_add(total.saturating_sub(used).saturating_sub(free) / GROWTH)))
    }

    async fn records(&self, room: RoomId) -> Result<Vec<Entry>, StoreError> {
        let of_room = doc! { "room": binary(room.as_bytes()) };
        let found: Result<Vec<Document>, _> =
            async { self.tables.records.find(of_room).sort(doc! { "_id": 1 }).await?.try_collect().await }.await;
        found.map_err(|error| self.fault(error))?.iter().map(documents::read_record).collect()
    }

    async fn plain(&self, room: RoomId, from: u64, max: usize, max_bytes: usize) -> Result<Vec<Arrived>, StoreError> {
        // As in `arrived`, asked from one number further back.
        let start = documents::signed(from.saturating_sub(1));
        let filter = doc! { "room": binary(room.as_bytes()), "plain": true, "arrival": { "$gte": start } };
        let found = self.tables.entries.find(filter).sort(doc! { "arrival": 1, "_id": 1 }).await;
        let mut found = found.map_err(|error| self.fault(error))?;
        let (mut arrived, mut bytes) = (Vec::<Arrived>::new(), 0);
        while let Some(document) = found.try_next().await.map_err(|error| self.fault(error))? {
            let next = documents::read_arrived(&document)?;
            if next.number < from {
                continue;
            }
            bytes += next.kept.entry.bytes().len();
            let is_over = arrived.len() >= max || bytes > max_bytes;
            // Several archives may share a number: those come together.
            if is_over && arrived.last().is_some_and(|last| last.number != next.number) {
                break;
            }
            arrived.push(next);
        }
        Ok(arrived)
    }

    async fn rooms_at(&self, locator: Locator) -> Result<Vec<RoomId>, StoreError> {
        let found = self.all(&self.tables.doors, doc! { "locator": binary(&locator.0) }).await?;
        found.iter().map(documents::read_door).collect()
    }

    async fn steps(&self, room: RoomId) -> Result<Vec<(EpochId, u32)>, StoreError> {
        let found = self.all(&self.tables.steps, doc! { "room": binary(room.as_bytes()) }).await?;
        found.iter().map(documents::read_step).collect()
    }

    async fn change_wraps(&self, room: RoomId, put: Vec<Wrap>, gone: Vec<WrapKey>) -> Result<(), StoreError> {
        wraps::change(self, room, &put, &gone).await
    }

    async fn wraps(
        &self,
        room: RoomId,
        after: Option<WrapKey>,
        max: usize,
    ) -> Result<Vec<(WrapKey, Wrap)>, StoreError> {
        wraps::read(self, room, after, max).await
    }

    async fn wrap(&self, room: RoomId, key: WrapKey) -> Result<Option<Wrap>, StoreError> {
        wraps::read_one(self, room, &key).await
    }

    async fn put_fork(&self, proof: ForkProof) -> Result<(), StoreError> {
        let (id, document) = documents::fork_document(&proof)?;
        let update = doc! { "$setOnInsert": document };
        let done = self.tables.forks.update_one(doc! { "_id": id }, update).upsert(true).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn forks(&self, room: RoomId) -> Result<Vec<ForkProof>, StoreError> {
        let found = self.all(&self.tables.forks, doc! { "room": binary(room.as_bytes()) }).await?;
        found.iter().map(read_fork).collect()
    }

    async fn usage(&self, room: RoomId) -> Result<Usage, StoreError> {
        let found = self.all(&self.tables.heights, doc! { "room": binary(room.as_bytes()) }).await?;
        let mut usage = Usage::default();
        for document in &found {
            let (_, height, bytes) = read_height(document)?;
            usage.entries += height.next;
            usage.bytes += bytes;
        }
        Ok(usage)
    }

    fn accounts(&self) -> &dyn AccountStore {
        self
    }

    async fn check(&self) -> Result<(), StoreError> {
        let update = doc! { "$currentDate": { "at": true } };
        let done = self.tables.meta.update_one(doc! { "_id": "check" }, update).upsert(true).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn close(&self) {
        // The writer ends when the last sender is gone and everything given before is durable.
        drop(self.jobs.lock().map(|mut jobs| jobs.take()));
        let writer = self.writer.lock().ok().and_then(|mut writer| writer.take());
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the store's writer ended badly");
        }
        self.client.clone().shutdown().await;
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}
