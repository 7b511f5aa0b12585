//! The store's task in a page.

use std::io;
use tokio::sync::mpsc;

use super::{DONE_QUEUE, Done, Group, JOB_QUEUE, Job, StorePorts, gather};
use crate::{runtime, store::LocalStore};

/// There is no thread. The task ends by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread;

impl Thread {
    /// Nothing to let go of.
    pub(crate) fn ended(self) {}
}

/// Gives a store its task. The task ends, with the store closed, when the job sender is dropped
/// and everything given before is done.
///
/// # Errors
/// Never; threads, which other shells need, may be refused.
pub(crate) fn start(store: Box<dyn LocalStore>) -> io::Result<StorePorts> {
    let (jobs, queue) = mpsc::channel(JOB_QUEUE);
    let (reports, done) = mpsc::channel(DONE_QUEUE);
    drop(runtime::spawn(run(store, queue, reports)));
    Ok(StorePorts { jobs, done, thread: Thread })
}

async fn run(mut store: Box<dyn LocalStore>, mut queue: mpsc::Receiver<Job>, reports: mpsc::Sender<Done>) {
    let mut group = Group::default();
    while let Some(job) = queue.recv().await {
        let next = gather(&mut group, job, &mut queue);
        if group.is_due(next.as_ref()) {
            write(&mut *store, std::mem::take(&mut group), &reports).await;
        }
        match next {
            Some(Job::Read { id, read }) => {
                let _ = reports.send(Done::Read { id, result: store.read(&read) }).await;
            }
            Some(Job::Tidy) => store.tidy(),
            _ => {}
        }
    }
    write(&mut *store, group, &reports).await;
}

async fn write(store: &mut dyn LocalStore, group: Group, reports: &mpsc::Sender<Done>) {
    if group.batches.is_empty() {
        return;
    }
    let results = store.apply(&group.batches);
    let written = group.ids.into_iter().zip(results).collect();
    if reports.send(Done::Written(written)).await.is_err() {
        tracing::debug!("nobody takes the store's reports any more");
    }
}
