//! The store's task in a page.

use tokio::sync::mpsc;

use super::{DONE_QUEUE, Done, Group, JOB_QUEUE, Job, StorePorts, gather};
use crate::{
    runtime,
    store::{Loaded, LocalStore as _, MemoryStore, Read, ReadResult, StoreError, WebStore, Write},
};

/// There is no thread. The task ends by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread;

impl Thread {
    /// Nothing to let go of.
    pub(crate) fn ended(self) {}
}

/// A store in a page.
#[derive(Debug)]
pub(crate) enum PageStore {
    /// It forgets everything with the page.
    Memory(MemoryStore),
    /// The browser keeps it.
    Kept(Box<WebStore>),
}

impl PageStore {
    async fn apply(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>> {
        match self {
            Self::Memory(store) => store.apply(batches),
            Self::Kept(store) => store.apply(batches).await,
        }
    }

    fn read(&mut self, read: &Read) -> Result<ReadResult, String> {
        match self {
            Self::Memory(store) => store.read(read),
            Self::Kept(store) => store.read(read),
        }
    }

    /// Makes something durable before anything else begins.
    ///
    /// # Errors
    /// The browser's reason in plain words.
    pub(crate) async fn put(&mut self, write: Write) -> Result<(), String> {
        self.apply(&[vec![write]]).await.into_iter().collect()
    }

    /// Everything but the entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn load(&mut self) -> Result<Loaded, StoreError> {
        match self {
            Self::Memory(store) => store.load(),
            Self::Kept(store) => store.memory().load(),
        }
    }
}

/// Gives a store its task. The task ends, with the store closed, when the job sender is dropped
/// and everything given before is done.
pub(crate) fn start(store: PageStore) -> StorePorts {
    let (jobs, queue) = mpsc::channel(JOB_QUEUE);
    let (reports, done) = mpsc::channel(DONE_QUEUE);
    drop(runtime::spawn(run(store, queue, reports)));
    StorePorts { jobs, done, thread: Thread }
}

async fn run(mut store: PageStore, mut queue: mpsc::Receiver<Job>, reports: mpsc::Sender<Done>) {
    let mut group = Group::default();
    while let Some(job) = queue.recv().await {
        let next = gather(&mut group, job, &mut queue);
        if group.is_due(next.as_ref()) {
            write(&mut store, std::mem::take(&mut group), &reports).await;
        }
        if let Some(Job::Read { id, read }) = next {
            let _ = reports.send(Done::Read { id, result: store.read(&read) }).await;
        }
    }
    write(&mut store, group, &reports).await;
}

async fn write(store: &mut PageStore, group: Group, reports: &mpsc::Sender<Done>) {
    if group.batches.is_empty() {
        return;
    }
    let results = store.apply(&group.batches).await;
    let written = group.ids.into_iter().zip(results).collect();
    if reports.send(Done::Written(written)).await.is_err() {
        tracing::debug!("nobody takes the store's reports any more");
    }
}
