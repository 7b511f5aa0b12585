//! The store's thread.

use std::{io, thread};
use tokio::sync::mpsc;

use super::{DONE_QUEUE, Done, Group, JOB_QUEUE, Job, StorePorts, gather};
use crate::{
    engine::ReadId,
    store::{LocalStore, Read},
};

/// The thread of a store.
#[derive(Debug)]
pub(crate) struct Thread(pub(in crate::store) thread::JoinHandle<()>);

impl Thread {
    /// Lets go of a thread that has ended, or is stuck in the system: nobody waits for it then.
    pub(crate) fn ended(self) {
        if self.0.is_finished() {
            let _ = self.0.join();
        }
    }
}

/// Gives a store its thread. The thread ends, with the store closed, when the job sender is dropped
/// and everything given before is done.
pub(crate) fn start(mut store: Box<dyn LocalStore>) -> io::Result<StorePorts> {
    let (jobs, mut queue) = mpsc::channel(JOB_QUEUE);
    let (reports, done) = mpsc::channel(DONE_QUEUE);
    let thread =
        thread::Builder::new().name("parlor-store".into()).spawn(move || run(&mut *store, &mut queue, &reports))?;
    Ok(StorePorts { jobs, done, thread: Thread(thread) })
}

fn run(store: &mut dyn LocalStore, queue: &mut mpsc::Receiver<Job>, reports: &mpsc::Sender<Done>) {
    let mut writer = Writer { store, reports };
    let mut group = Group::default();
    while let Some(job) = queue.blocking_recv() {
        let next = gather(&mut group, job, queue);
        if group.is_due(next.as_ref()) {
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
