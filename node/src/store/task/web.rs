//! The store's task in a page.

use tokio::sync::{mpsc, oneshot};
use web_time::{Duration, Instant};

use super::{DONE_QUEUE, Done, Group, JOB_QUEUE, Job, StorePorts, gather};
use crate::{
    runtime,
    store::{Loaded, LocalStore as _, MemoryStore, Read, ReadResult, StoreError, WebStore, Write},
};

/// How often to look whether another tab leads. A page that slept looks at once, because this is over by then.
const LOOK: Duration = Duration::from_secs(20);

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

    fn is_elsewhere(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            Self::Kept(store) => store.is_elsewhere(),
        }
    }

    async fn look_who_leads(&mut self) {
        if let Self::Kept(store) = self {
            store.look_who_leads().await;
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

/// Ends when another tab took over what the browser keeps; with an error when the store is closed before.
pub(crate) type Taken = oneshot::Receiver<()>;

/// Gives a store its task. The task ends, with the store closed, when the job sender is dropped
/// and everything given before is done.
pub(crate) fn start(store: PageStore) -> (StorePorts, Taken) {
    let (jobs, queue) = mpsc::channel(JOB_QUEUE);
    let (reports, done) = mpsc::channel(DONE_QUEUE);
    let (take, taken) = oneshot::channel();
    drop(runtime::spawn(run(store, queue, reports, Some(take))));
    (StorePorts { jobs, done, thread: Thread }, taken)
}

async fn run(
    mut store: PageStore,
    mut queue: mpsc::Receiver<Job>,
    reports: mpsc::Sender<Done>,
    mut take: Option<oneshot::Sender<()>>,
) {
    let mut group = Group::default();
    let mut look = Instant::now() + LOOK;
    loop {
        tokio::select! {
            job = queue.recv() => {
                let Some(job) = job else { break };
                let next = gather(&mut group, job, &mut queue);
                if group.is_due(next.as_ref()) {
                    write(&mut store, std::mem::take(&mut group), &reports).await;
                }
                if let Some(Job::Read { id, read }) = next {
                    let _ = reports.send(Done::Read { id, result: store.read(&read) }).await;
                }
            }
            () = runtime::sleep_until(look) => {
                store.look_who_leads().await;
                look = Instant::now() + LOOK;
            }
        }
        if store.is_elsewhere()
            && let Some(take) = take.take()
        {
            // Who does not wait for it stops the node by other ways.
            let _ = take.send(());
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
