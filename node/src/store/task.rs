//! The store's thread: takes jobs in order, commits in groups, reports what became of them. What
//! nobody waits for stays in memory until something is urgent, is asked, or is told to be flushed.
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
    let mut writer = Writer { store, reports };
    let mut group = Group::default();
    while let Some(job) = queue.blocking_recv() {
        let mut next = group.add(job);
        // What waits already goes into the same transaction, up to the first question, which
        // must see exactly the batches before it.
        while next.is_none() && group.bytes < GROUP_BYTES {
            let Ok(job) = queue.try_recv() else { break };
            next = group.add(job);
        }
        if next.is_some() || group.is_urgent || group.bytes >= GROUP_BYTES {
            writer.write(std::mem::take(&mut group));
        }
        match next {
            Some(Job::Read { id, read }) => writer.read(id, &read),
            Some(Job::Tidy) => writer.store.tidy(),
            _ => {}
        }
    }
    writer.write(group);
}

struct Writer<'a> {
    store: &'a mut dyn LocalStore,
    reports: &'a mpsc::Sender<Done>,
}

impl Writer<'_> {
    fn write(&mut self, group: Group) {
        if group.batches.is_empty() {
            return;
        }
        let results = self.store.apply(&group.batches);
        let written = group.ids.into_iter().zip(results).collect();
        if self.reports.blocking_send(Done::Written(written)).is_err() {
            tracing::debug!("nobody takes the store's reports any more");
        }
    }

    fn read(&mut self, id: ReadId, read: &Read) {
        let _ = self.reports.blocking_send(Done::Read { id, result: self.store.read(read) });
    }
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
}

fn size(write: &Write) -> usize {
    match write {
        Write::Append { entries, .. } => entries.iter().map(|stored| stored.entry.bytes().len()).sum(),
        _ => RECORD_BYTES,
    }
}
