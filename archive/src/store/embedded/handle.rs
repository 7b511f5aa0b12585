//! The open database, opened anew after the disk failed: redb refuses all work once an IO error
//! came, until its file is opened again.

use parlor_node::unwind;
use redb::Database;
use std::{
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use super::tables;
use crate::store::StoreError;

#[derive(Debug)]
enum State {
    Open(Database),
    /// The disk failed; the next use opens the file again.
    Failed,
    Closed,
}

/// A database that survives a failing disk.
#[derive(Debug)]
pub(super) struct Handle {
    file: PathBuf,
    state: RwLock<State>,
}

impl Handle {
    /// Opens the file, or makes it. Blocks while it is checked.
    pub(super) fn open(file: PathBuf) -> Result<Self, StoreError> {
        let state = RwLock::new(State::Open(open(&file)?));
        Ok(Self { file, state })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Runs something on the database. Blocks; several may run at once.
    pub(super) fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.revive()?;
        let state = self.read();
        let State::Open(db) = &*state else { return Err(StoreError::Stopped) };
        // redb trusts its file and may panic on one that was altered behind its back.
        let result = unwind::catch(|| act(db)).unwrap_or_else(|_| Err(broken(&self.file)));
        let has_failed = matches!(result, Err(StoreError::Full { .. } | StoreError::Other(_)));
        drop(state);
        if has_failed {
            self.leave(State::Failed);
        }
        result
    }

    /// Closes the file when what runs has ended.
    pub(super) fn close(&self) {
        self.leave(State::Closed);
    }

    fn revive(&self) -> Result<(), StoreError> {
        if !matches!(&*self.read(), State::Failed) {
            return Ok(());
        }
        self.change(|state| {
            if matches!(state, State::Failed) {
                *state = State::Open(open(&self.file)?);
                tracing::info!(file = %self.file.display(), "the store is open again");
            }
            Ok(())
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Closes the database, if it is open. Nobody opens the file again before it is closed.
    fn leave(&self, next: State) {
        self.change(|state| {
            if matches!(state, State::Closed) {
                return;
            }
            let before = std::mem::replace(state, next);
            // Closing writes, and so may panic as well.
            if unwind::catch(|| drop(before)).is_err() {
                tracing::warn!(file = %self.file.display(), "the store is damaged");
            }
        });
    }
}

fn open(file: &Path) -> Result<Database, StoreError> {
    unwind::catch(|| tables::open(file)).unwrap_or_else(|_| Err(broken(file)))
}

fn broken(file: &Path) -> StoreError {
    StoreError::Damaged { what: format!("{} has a broken structure", file.display()) }
}
