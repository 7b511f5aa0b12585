//! The browser's database, as far as a store needs it: tables of bytes by bytes, read whole at start,
//! written in transactions that hold completely or not at all.

use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use std::{cell::Cell, rc::Rc, time::Duration};
use thiserror::Error;
use tokio::sync::oneshot;
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use web_sys::{
    DomException, Event, EventTarget, IdbDatabase, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest,
    IdbTransaction, IdbTransactionMode, IdbVersionChangeEvent,
};

use crate::runtime::{self, Heard};

/// The database of this page.
const NAME: &str = "parlor";
/// How long the browser may take. A disk that is busy takes seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows that are read at once.
const READ_AT_ONCE: u32 = 1000;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// About the store itself: the guard of its secret, who leads.
    Meta,
    /// Sealed records.
    Records,
    /// Entries.
    Entries,
    /// How far each log is held.
    Heights,
}

impl Table {
    const ALL: [Self; 4] = [Self::Meta, Self::Records, Self::Entries, Self::Heights];

    const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Records => "records-1",
            Self::Entries => "entries-1",
            Self::Heights => "heights-1",
        }
    }
}

/// One change.
#[derive(Debug)]
pub(super) enum Row {
    /// Puts a value into its place.
    Put(Table, Vec<u8>, Vec<u8>),
    /// Takes away everything from one key up to before another one.
    Forget(Table, Vec<u8>, Vec<u8>),
}

/// Why the database did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// The browser has none for this page.
    #[error("this browser keeps nothing for this page (a private window, or a setting)")]
    None,
    /// It is full.
    #[error("the browser's room for this page is used up")]
    Full,
    /// Another tab leads now.
    #[error("Parlor runs in another tab of this browser now")]
    Elsewhere,
    /// A newer version of the page wrote it.
    #[error("a newer Parlor wrote here")]
    Newer,
    /// An older version of the page wrote it, in a way that this one does not read.
    #[error("an older Parlor wrote here")]
    Older,
    /// It does not answer.
    #[error("the browser's storage does not answer; close other tabs of this page, then load it again")]
    Silent,
    /// Something else.
    #[error("the browser's storage failed ({0})")]
    Other(String),
}

impl Fault {
    fn of(error: &JsValue) -> Self {
        match error.dyn_ref::<DomException>() {
            Some(error) => match error.name().as_str() {
                "QuotaExceededError" => Self::Full,
                "VersionError" => Self::Newer,
                "SecurityError" | "InvalidStateError" => Self::None,
                _ => Self::Other(error.message()),
            },
            None => Self::Other(format!("{error:?}")),
        }
    }
}

/// An open database. It is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Database(IdbDatabase);

impl Drop for Database {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Database {
    /// Opens the database, or makes it. One of another version is left as it is.
    pub(super) async fn open(version: u32) -> Result<Self, Fault> {
        let factory = web_sys::window().and_then(|window| window.indexed_db().ok().flatten()).ok_or(Fault::None)?;
        let request: IdbOpenDbRequest = factory.open_with_u32(NAME, version).map_err(|error| Fault::of(&error))?;
        let (asked, is_older) = (request.clone(), Rc::new(Cell::new(false)));
        let older = Rc::clone(&is_older);
        let _make = heard(&request, "upgradeneeded", move |event| {
            let before = event.dyn_ref::<IdbVersionChangeEvent>().map_or(0.0, IdbVersionChangeEvent::old_version);
            if before > 0.0 {
                older.set(true);
                // Then it stays what it was.
                let undone = asked.transaction().map(|transaction| transaction.abort());
                tracing::debug!(before, ?undone, "an older database is left alone");
                return;
            }
            let Some(db) = asked.result().ok().and_then(|db| db.dyn_into::<IdbDatabase>().ok()) else { return };
            for table in Table::ALL {
                if let Err(error) = db.create_object_store(table.name()) {
                    tracing::warn!(?error, "a table could not be made");
                }
            }
        })?;
        let opened = answer(&request).await;
        if is_older.get() {
            return Err(Fault::Older);
        }
        let db = opened?.dyn_into::<IdbDatabase>().map_err(|other| Fault::of(&other))?;
        // Whoever deletes or upgrades the database need not wait for us.
        let held = db.clone();
        let close = Closure::once_into_js(move || held.close());
        db.set_onversionchange(Some(close.unchecked_ref()));
        Ok(Self(db))
    }

    /// Deletes the database with everything in it.
    pub(super) async fn delete() -> Result<(), Fault> {
        let factory = web_sys::window().and_then(|window| window.indexed_db().ok().flatten()).ok_or(Fault::None)?;
        let request = factory.delete_database(NAME).map_err(|error| Fault::of(&error))?;
        answer(&request).await.map(|_| ())
    }

    fn transaction(&self, mode: IdbTransactionMode) -> Result<IdbTransaction, Fault> {
        let names: Array = Table::ALL.iter().map(|table| JsValue::from_str(table.name())).collect();
        let options = Object::new();
        // Acknowledged means on the disk. Browsers that do not know this option wait anyhow.
        let with_options = || -> Result<JsValue, JsValue> {
            Reflect::set(&options, &"durability".into(), &"strict".into())?;
            let begin: Function = Reflect::get(&self.0, &"transaction".into())?.dyn_into()?;
            begin.call3(&self.0, &names, &mode.into(), &options)
        };
        let begun = with_options().map_err(|error| Fault::of(&error))?;
        begun.dyn_into::<IdbTransaction>().map_err(|other| Fault::of(&other))
    }

    /// One value.
    pub(super) async fn value(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let store = self.table(IdbTransactionMode::Readonly, table)?;
        let request = store.get(&Uint8Array::from(key)).map_err(|error| Fault::of(&error))?;
        let value = answer(&request).await?;
        Ok((!value.is_undefined()).then(|| bytes(&value)))
    }

    fn table(&self, mode: IdbTransactionMode, table: Table) -> Result<IdbObjectStore, Fault> {
        self.transaction(mode)?.object_store(table.name()).map_err(|error| Fault::of(&error))
    }

    /// Visits all rows of a table in the order of their keys.
    pub(super) async fn visit(&self, table: Table, mut visitor: impl FnMut(&[u8], &[u8])) -> Result<(), Fault> {
        let mut after: Option<JsValue> = None;
        loop {
            let store = self.table(IdbTransactionMode::Readonly, table)?;
            let range = match &after {
                Some(after) => {
                    JsValue::from(IdbKeyRange::lower_bound_with_open(after, true).map_err(|error| Fault::of(&error))?)
                }
                None => JsValue::UNDEFINED,
            };
            let of = |error: JsValue| Fault::of(&error);
            // Both are asked for before the first is waited for: they see the same state.
            let keys = store.get_all_keys_with_key_and_limit(&range, READ_AT_ONCE).map_err(of)?;
            let values = store.get_all_with_key_and_limit(&range, READ_AT_ONCE).map_err(of)?;
            let (keys, values) = futures::join!(answer(&keys), answer(&values));
            let (keys, values) = (Array::from(&keys?), Array::from(&values?));
            for (key, value) in keys.iter().zip(values.iter()) {
                visitor(&bytes(&key), &bytes(&value));
            }
            if keys.length() < READ_AT_ONCE {
                return Ok(());
            }
            after = Some(keys.get(keys.length() - 1));
        }
    }

    /// Writes rows in one transaction, if `leader` still stands in [`Table::Meta`] under its key.
    /// Returns when they are durable.
    pub(super) async fn commit(&self, rows: &[Row], leader: Option<(&[u8], &[u8])>) -> Result<(), Fault> {
        let of = |error: JsValue| Fault::of(&error);
        let transaction = self.transaction(IdbTransactionMode::Readwrite)?;
        let is_elsewhere = Rc::new(Cell::new(false));
        let mut check = None;
        if let Some((key, leader)) = leader {
            let meta = transaction.object_store(Table::Meta.name()).map_err(of)?;
            let request = meta.get(&Uint8Array::from(key)).map_err(of)?;
            let (asked, aborting) = (request.clone(), transaction.clone());
            let (leader, elsewhere) = (leader.to_vec(), Rc::clone(&is_elsewhere));
            check = Some(heard(&request, "success", move |_| {
                if asked.result().map(|value| bytes(&value)).as_ref() != Ok(&leader) {
                    elsewhere.set(true);
                    // Everything in this transaction is undone.
                    let _ = aborting.abort();
                }
            })?);
        }
        let put = || -> Result<(), JsValue> {
            for row in rows {
                match row {
                    Row::Put(table, key, value) => {
                        let store = transaction.object_store(table.name())?;
                        store.put_with_key(&Uint8Array::from(value.as_slice()), &Uint8Array::from(key.as_slice()))?;
                    }
                    Row::Forget(table, from, to) => {
                        let (from, to) = (Uint8Array::from(from.as_slice()), Uint8Array::from(to.as_slice()));
                        let range = IdbKeyRange::bound_with_lower_open_and_upper_open(&from, &to, false, true)?;
                        transaction.object_store(table.name())?.delete(&range)?;
                    }
                }
            }
            Ok(())
        };
        if let Err(error) = put() {
            let _ = transaction.abort();
            return Err(Fault::of(&error));
        }
        let ended = end(&transaction).await;
        drop(check);
        if is_elsewhere.get() { Err(Fault::Elsewhere) } else { ended }
    }
}

fn bytes(value: &JsValue) -> Vec<u8> {
    Uint8Array::new(value).to_vec()
}

fn heard(target: &EventTarget, name: &'static str, then: impl FnMut(Event) + 'static) -> Result<Heard, Fault> {
    Heard::new(target, name, then).map_err(|error| Fault::of(&error))
}

/// Waits until one of two events happens; true for the good one.
async fn outcome(of: &EventTarget, good: &'static str, bad: &'static str) -> Result<bool, Fault> {
    let (told, result) = oneshot::channel();
    let told = Rc::new(Cell::new(Some(told)));
    let tell = |is_good: bool| {
        let told = Rc::clone(&told);
        move |_| {
            if let Some(told) = told.take() {
                let _ = told.send(is_good);
            }
        }
    };
    let _heard = (heard(of, good, tell(true))?, heard(of, bad, tell(false))?);
    let ended = runtime::timeout(PATIENCE, result).await;
    ended.map_err(|_| Fault::Silent).map(|told| told == Ok(true))
}

/// Waits for the answer to a request.
async fn answer(request: &IdbRequest) -> Result<JsValue, Fault> {
    if outcome(request, "success", "error").await? {
        return request.result().map_err(|error| Fault::of(&error));
    }
    let error = request.error().ok().flatten();
    Err(error.map_or_else(|| Fault::Other("no reason was given".into()), |error| Fault::of(&error)))
}

/// Waits until a transaction is durable, or undone.
async fn end(transaction: &IdbTransaction) -> Result<(), Fault> {
    match outcome(transaction, "complete", "abort").await {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err(transaction.error().map_or_else(|| Fault::Other("it was undone".into()), |error| Fault::of(&error)))
        }
        Err(fault) => {
            // What counts as failed must not become durable after all.
            let _ = transaction.abort();
            Err(fault)
        }
    }
}
