//! What every local store can do. One conformance suite (`tests`) holds all of them to it.

use super::{Loaded, Read, ReadResult, StoreError, Write};

/// A place that keeps a profile. Calls block: the shell gives a store a thread of its own.
pub trait LocalStore: Send {
    /// Everything but the entries. Called once, at start.
    ///
    /// # Errors
    /// [`StoreError`] when the store is damaged or its key does not fit.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Makes batches durable in the order given. Each batch holds as a whole or not at all; one
    /// that is refused does not hold back the others. There is one result for each batch, with
    /// the reason in plain words when it failed.
    fn apply(&mut self, batches: &[Vec<Write>]) -> Vec<Result<(), String>>;

    /// Prepares for a crash, so that the next start is quick. Called when there is time.
    fn tidy(&mut self) {}

    /// Answers a question. It sees every batch applied before.
    ///
    /// # Errors
    /// The system's reason in plain words.
    fn read(&mut self, read: &Read) -> Result<ReadResult, String>;
}
