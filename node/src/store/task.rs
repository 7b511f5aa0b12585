//! The store's thread: takes jobs in order, commits in groups, reports what became of them.
//!
//! Both queues are bounded. The thread waits when nobody takes its reports, so whoever gives it
//! jobs must never wait for room in the job queue without taking reports (see `crate::actor`).

use std::{io, thread};
use tokio::sync::mpsc;

use super::{LocalStore, Read, ReadResult, Write};
use crate::engine::{ReadId, WriteId};

/// Jobs that may wait for the store.
const JOB_QUEUE: usize = 256;
/// Reports that may wait for the actor.
const DONE_QUEUE: usize = 256;
/// A group commit takes no more batches past this many bytes, so that nobody waits long for one
/// transaction.
const GROUP_BYTES: usize = 4 * 1024 * 1024;
/// A record counts as this many bytes.
const RECORD_BYTES: usize = 1024;

/// Something for the store to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make a batch durable.
    Write {
        /// For the report.
        id: WriteId,
        /// The batch.
        writes: Vec<Write>,
    },
    /// Answer a question after everything that was given before.
    Read {
        /// For the report.
        id: ReadId,
        /// The question.
        read: Read,
    },
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Done {
    /// A batch is durable, or failed as a whole.
    Written {
        /// Which.
        id: WriteId,
        /// How it went.
        result: Result<(), String>,
    },
    /// A question was answered.
    Read {
        /// Which.
        id: ReadId,
        /// The answer.
        result: Result<ReadResult, String>,
    },
}

/// The ends of the store's queues.
#[derive(Debug)]
pub(crate) struct StorePorts {
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) done: mpsc::Receiver<Done>,
    pub(crate) thread: thread::JoinHandle<()>,
}

/// Gives a store its thread. The thread ends, with the store closed, when the job sender is dropped
/// and everything given before is done.
pub(crate) fn start(mut store: Box<dyn LocalStore>) -> io::Result<StorePorts> {
    let (jobs, mut queue) = mpsc::channel(JOB_QUEUE);
    let (reports, done) = mpsc::channel(DONE_QUEUE);
    let thread =
        thread::Builder::new().name("parlor-store".into()).spawn(move || run(&mut *store, &mut queue, &reports))?;
    Ok(StorePorts { jobs, done, thread })
}

fn run(store: &mut dyn LocalStore, queue: &mut mpsc::Receiver<Job>, reports: &mpsc::Sender<Done>) {
    while let Some(job) = queue.blocking_recv() {
        let mut group = Group::default();
        let mut question = group.take(job);
        // What waits already goes into the same transaction, up to the first question, which
        // must see exactly the batches before it.
        while question.is_none() && group.bytes < GROUP_BYTES {
            let Ok(next) = queue.try_recv() else { break };
            question = group.take(next);
        }
        let results = if group.batches.is_empty() { Vec::new() } else { store.apply(&group.batches) };
        for (id, result) in group.ids.into_iter().zip(results) {
            if reports.blocking_send(Done::Written { id, result }).is_err() {
                tracing::debug!("nobody takes the store's reports any more");
            }
        }
        if let Some((id, read)) = question {
            let _ = reports.blocking_send(Done::Read { id, result: store.read(&read) });
        }
    }
}

#[derive(Default)]
struct Group {
    ids: Vec<WriteId>,
    batches: Vec<Vec<Write>>,
    bytes: usize,
}

impl Group {
    fn take(&mut self, job: Job) -> Option<(ReadId, Read)> {
        match job {
            Job::Write { id, writes } => {
                self.bytes += writes.iter().map(size).sum::<usize>();
                self.ids.push(id);
                self.batches.push(writes);
                None
            }
            Job::Read { id, read } => Some((id, read)),
        }
    }
}

fn size(write: &Write) -> usize {
    match write {
        Write::Append { entries, .. } => entries.iter().map(|stored| stored.entry.bytes().len()).sum(),
        _ => RECORD_BYTES,
    }
}
