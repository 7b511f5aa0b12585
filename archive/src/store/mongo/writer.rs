//! The writer of the MongoDB store: gathers runs, inserts their entries at once, then moves the
//! heights.

use futures::{TryStreamExt as _, future::join_all};
use mongodb::{
    bson::{Document, doc},
    error::{Error, ErrorKind},
};
use parlor_protocol::log::Height;
use rand_core::{OsRng, TryRngCore as _};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time::timeout,
};

use super::{
    Tables,
    connect::fault,
    documents::{
        ARRIVAL_BITS, binary, door_document, entry_document, entry_key, log_key, read_entry, read_height, signed,
        step_id,
    },
};
use crate::{
    service::now_ms,
    store::{Appended, Kept, Run, StoreError},
};

/// A group takes no more runs past this many entries, so that nobody waits long.
const GROUP_ENTRIES: usize = 5_000;
/// Entries in one command to the server.
const INSERT_ENTRIES: usize = 500;
/// How long a group may take; far more than a healthy server needs.
const COMMIT_WITHIN: Duration = Duration::from_secs(60);
/// Duplicate key.
const DUPLICATE: i32 = 11_000;

/// A run and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) run: Run,
    pub(super) done: oneshot::Sender<Result<Appended, StoreError>>,
    /// Its bytes count as waiting until it is done.
    pub(super) _weight: Option<OwnedSemaphorePermit>,
}

/// A run that continues its log.
struct Planned<'a> {
    run: &'a Run,
    new: Vec<&'a Kept>,
    held: Height,
    height: Height,
    bytes: u64,
}

pub(super) async fn run(tables: Tables, name: String, mut queue: mpsc::Receiver<Job>) {
    let mut arrivals = Arrivals::default();
    while let Some(first) = queue.recv().await {
        // Nobody waits for it any more; who brought it was told that it is not stored.
        if first.done.is_closed() {
            continue;
        }
        let mut group = vec![first];
        let mut logs: HashSet<_> = group.iter().map(|job| (job.run.room, job.run.log)).collect();
        let mut entries = 0;
        while entries < GROUP_ENTRIES {
            let Ok(job) = queue.try_recv() else { break };
            entries += job.run.entries.len();
            let is_again = !logs.insert((job.run.room, job.run.log));
            group.push(job);
            // Two runs of one log build on each other: the second waits for the next group.
            if is_again {
                break;
            }
        }
        let last_again = group.len() > logs.len();
        let later = if last_again { group.pop() } else { None };
        commit_and_answer(&tables, &name, &mut arrivals, group).await;
        if let Some(job) = later {
            commit_and_answer(&tables, &name, &mut arrivals, vec![job]).await;
        }
    }
}

async fn commit_and_answer(tables: &Tables, name: &str, arrivals: &mut Arrivals, group: Vec<Job>) {
    let runs: Vec<&Run> = group.iter().map(|job| &job.run).collect();
    // A server that hangs must not hold up the archive. What it did nevertheless is found when
    // the entries come again.
    let results = match timeout(COMMIT_WITHIN, commit(tables, arrivals, &runs)).await {
        Ok(results) => results.map_err(|error| match error {
            Failure::Server(error) => fault(name, *error),
            Failure::Store(error) => error,
        }),
        Err(_) => Err(StoreError::Unreachable { what: name.to_owned(), last_error: "it does not answer".into() }),
    };
    for (at, job) in group.into_iter().enumerate() {
        let result = match &results {
            Ok(results) => results.get(at).copied().ok_or(StoreError::Stopped),
            Err(error) => Err(error.clone()),
        };
        // Who stopped waiting does not need the answer.
        let _ = job.done.send(result);
    }
}

enum Failure {
    Server(Box<Error>),
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Server(Box::new(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn commit(tables: &Tables, arrivals: &mut Arrivals, runs: &[&Run]) -> Result<Vec<Appended>, Failure> {
    let heights = read_heights(tables, runs).await?;
    let mut results = Vec::with_capacity(runs.len());
    let mut planned = Vec::new();
    for run in runs {
        let (held, bytes) = heights.get(&log_key(run.room, run.log)).copied().unwrap_or((Height::EMPTY, 0));
        let plan = if agrees(tables, run, held).await? { plan(run, held, bytes) } else { None };
        match plan {
            Some(plan) => {
                results.push(Appended::Stored(plan.height));
                planned.push((results.len() - 1, plan));
            }
            None => results.push(Appended::Conflict(held)),
        }
    }
    let arrival = arrivals.take(planned.iter().map(|(_, plan)| plan.new.len()).sum());
    let mut documents = Vec::new();
    for (room, kept) in planned.iter().flat_map(|(_, plan)| plan.new.iter().map(|kept| (plan.run.room, *kept))) {
        documents.push(entry_document(room, kept, arrival + signed(documents.len() as u64)));
    }
    if insert(tables, &documents).await? == Inserted::SomeWereThere {
        // Another archive, or this one before a crash, wrote some of them: the same ones?
        for (at, plan) in &planned {
            if !holds_same(tables, plan).await?
                && let Some(result) = results.get_mut(*at)
            {
                *result = Appended::Conflict(plan.held);
            }
        }
    }
    let stored = planned.iter().filter(|(at, _)| matches!(results.get(*at), Some(Appended::Stored(_))));
    for moved in join_all(stored.map(|(_, plan)| note_and_move(tables, plan))).await {
        moved?;
    }
    Ok(results)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inserted {
    All,
    SomeWereThere,
}

/// Inserts documents, several commands at a time: a server has more than one processor, and waits
/// for its journal once for all of them.
async fn insert(tables: &Tables, documents: &[Document]) -> Result<Inserted, Failure> {
    let commands = documents.chunks(INSERT_ENTRIES).map(|chunk| tables.entries.insert_many(chunk).ordered(false));
    let mut inserted = Inserted::All;
    for result in join_all(commands.map(IntoFuture::into_future)).await {
        match result {
            Ok(_) => {}
            Err(error) if only_duplicates(&error) => inserted = Inserted::SomeWereThere,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(inserted)
}

async fn read_heights(tables: &Tables, runs: &[&Run]) -> Result<HashMap<Vec<u8>, (Height, u64)>, Failure> {
    let keys: Vec<_> = runs.iter().map(|run| binary(&log_key(run.room, run.log))).collect();
    let found: Vec<Document> = tables.heights.find(doc! { "_id": { "$in": keys } }).await?.try_collect().await?;
    let mut heights = HashMap::new();
    for document in &found {
        let (_, height, bytes) = read_height(document)?;
        if let Ok(id) = document.get_binary_generic("_id") {
            heights.insert(id.clone(), (height, bytes));
        }
    }
    Ok(heights)
}

fn plan(run: &Run, held: Height, bytes: u64) -> Option<Planned<'_>> {
    let (_, new) = run.split(held.next);
    let mut plan = Planned { run, new: new.iter().collect(), held, height: held, bytes };
    for kept in new {
        plan.height.check_next(run.room, run.log, &kept.entry).ok()?;
        plan.height = Height::after(&kept.entry);
        plan.bytes += kept.entry.bytes().len() as u64;
    }
    Some(plan)
}

/// Whether what a run has in common with its log is the same there. The chain covers what came
/// before, so the last entry in common decides; when it is the head the height tells.
async fn agrees(tables: &Tables, run: &Run, held: Height) -> Result<bool, Failure> {
    let Some(last) = run.split(held.next).0.last() else { return Ok(true) };
    let seq = last.entry.header().seq;
    if seq + 1 == held.next {
        return Ok(last.entry.id() == held.head);
    }
    let key = binary(&entry_key(run.room, run.log, seq));
    let found = tables.entries.find_one(doc! { "_id": key }).await?;
    Ok(found.as_ref().map(read_entry).transpose()?.is_some_and(|stored| stored.entry.id() == last.entry.id()))
}

/// Arrival numbers follow the clock, with random low bits, so that several archives need no
/// counter. Those of one archive always grow, whatever its clock does.
#[derive(Debug, Default)]
struct Arrivals {
    next: i64,
}

impl Arrivals {
    /// The first of `count` numbers that were not given out before.
    fn take(&mut self, count: usize) -> i64 {
        let mut random = [0; 2];
        // Without randomness two archives may share a number; the key decides the order then.
        let _ = OsRng.try_fill_bytes(&mut random);
        let first = (signed(now_ms() << ARRIVAL_BITS) | i64::from(u16::from_le_bytes(random))).max(self.next);
        self.next = first.saturating_add(signed(count as u64));
        first
    }
}

fn only_duplicates(error: &Error) -> bool {
    match error.kind.as_ref() {
        ErrorKind::InsertMany(failed) => {
            failed.write_concern_error.is_none()
                && failed.write_errors.as_ref().is_some_and(|errors| errors.iter().all(|e| e.code == DUPLICATE))
        }
        _ => false,
    }
}

async fn holds_same(tables: &Tables, plan: &Planned<'_>) -> Result<bool, Failure> {
    let keys: Vec<_> =
        plan.new.iter().map(|kept| binary(&entry_key(plan.run.room, plan.run.log, kept.entry.header().seq))).collect();
    let found: Vec<Document> = tables.entries.find(doc! { "_id": { "$in": keys } }).await?.try_collect().await?;
    let mut ids = HashSet::new();
    for document in &found {
        ids.insert(read_entry(document)?.entry.id());
    }
    Ok(plan.new.iter().all(|kept| ids.contains(&kept.entry.id())))
}

/// Notes what a run makes, then moves its height: whoever is cut off between the two has the run brought
/// again, and all of it noted.
async fn note_and_move(tables: &Tables, plan: &Planned<'_>) -> Result<(), Failure> {
    for locator in &plan.run.doors {
        let (id, document) = door_document(plan.run.room, *locator);
        tables.doors.update_one(doc! { "_id": id }, doc! { "$setOnInsert": document }).upsert(true).await?;
    }
    for (epoch, step) in &plan.run.steps {
        let id = step_id(plan.run.room, *epoch);
        let room = binary(plan.run.room.as_bytes());
        let update = doc! { "$max": { "step": i64::from(*step) }, "$setOnInsert": { "room": room } };
        tables.steps.update_one(doc! { "_id": id }, update).upsert(true).await?;
    }
    if plan.new.is_empty() { Ok(()) } else { move_height(tables, plan).await }
}

/// Moves a height forward, never back: another archive may have moved it further.
async fn move_height(tables: &Tables, plan: &Planned<'_>) -> Result<(), Failure> {
    let id = binary(&log_key(plan.run.room, plan.run.log));
    let next = signed(plan.height.next);
    let set = doc! { "next": next, "head": binary(plan.height.head.as_bytes()), "bytes": signed(plan.bytes) };
    let filter = doc! { "_id": id.clone(), "next": { "$lt": next } };
    let moved = tables.heights.update_one(filter, doc! { "$set": set.clone() }).await?;
    if moved.matched_count == 0 {
        let mut once = set;
        once.insert("room", binary(plan.run.room.as_bytes()));
        tables.heights.update_one(doc! { "_id": id }, doc! { "$setOnInsert": once }).upsert(true).await?;
    }
    Ok(())
}
