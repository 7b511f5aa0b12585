//! The store's loop: takes jobs in order, commits in groups, reports what became of them. What
//! nobody waits for stays in memory until something is urgent, is asked, or is told to be flushed.
//! It has a thread of its own where there are threads, else it is a task of the page.
//!
//! Both queues are bounded. The loop waits when nobody takes its reports, so whoever gives it
//! jobs must never wait for room in the job queue without taking reports (see `crate::actor`).

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod web;

use tokio::sync::mpsc;

use super::{Read, ReadResult, Write};
use crate::engine::{ReadId, WriteId};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Thread, start};
#[cfg(target_arch = "wasm32")]
pub(crate) use web::{PageStore, Taken, Thread, start};

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
        /// Whether somebody waits for it; the others wait for the next one or for [`Job::Flush`].
        urgent: bool,
    },
    /// Make durable what waits.
    Flush,
    /// Prepare for a crash, when there is time.
    Tidy,
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
    /// Batches, each of which is durable or failed as a whole.
    Written(Vec<(WriteId, Result<(), String>)>),
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
    pub(crate) thread: Thread,
}

#[derive(Default)]
struct Group {
    ids: Vec<WriteId>,
    batches: Vec<Vec<Write>>,
    bytes: usize,
    is_urgent: bool,
}

impl Group {
    /// Adds a batch; gives back what is no batch and has to be done after the group.
    fn add(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Write { id, writes, urgent } => {
                self.bytes += writes.iter().map(size).sum::<usize>();
                self.ids.push(id);
                self.batches.push(writes);
                self.is_urgent |= urgent;
                None
            }
            Job::Flush => {
                self.is_urgent = true;
                None
            }
            other => Some(other),
        }
    }

    /// Whether it goes to the disk now, given what comes after it.
    fn is_due(&self, next: Option<&Job>) -> bool {
        next.is_some() || self.is_urgent || self.bytes >= GROUP_BYTES
    }
}

/// Collects what waits already for the same transaction, up to the first question, which must see
/// exactly the batches before it. Gives back the job that has to be done after the group.
fn gather(group: &mut Group, first: Job, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
    let mut next = group.add(first);
    while next.is_none() && group.bytes < GROUP_BYTES {
        let Ok(job) = queue.try_recv() else { break };
        next = group.add(job);
    }
    next
}

fn size(write: &Write) -> usize {
    match write {
        Write::Append { entries, .. } => entries.iter().map(|stored| stored.entry.bytes().len()).sum(),
        _ => RECORD_BYTES,
    }
}
