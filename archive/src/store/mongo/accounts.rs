//! Accounts in MongoDB. A document is a whole account but for its vault, so every change of one is atomic;
//! unique indices keep names, look-alikes and tokens single across all archives of the database.
//!
//! Each vault is a document of its own with an id of its own, which its account names: it is written first,
//! counts when the account names it, and goes when the account names another one. A crash between leaves one
//! that nobody names and nobody reads.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use mongodb::{
    bson::{Bson, Document, doc},
    error::{Error, ErrorKind, WriteFailure},
};
use parlor_protocol::{
    DeviceId, Name,
    account::{RegisterUpload, SignedInDevice, TOKEN_MARK_LEN, UserName, VaultRecord},
};

use rand_core::{OsRng, TryRngCore as _};
use std::collections::BTreeMap;

use super::{
    MongoStore,
    documents::{array, binary, bytes, damaged, number, signed},
};
use crate::store::{AccountRow, AccountStore, Added, Pass, StoreError, Tries, TryPlace, VaultNote, accounts::range_of};

const WHAT: &str = "accounts";
const DUPLICATE: i32 = 11000;
/// How often a vault is looked for that others replace meanwhile.
const VAULT_TRIES: usize = 8;

/// All 64 bits of a place, as the number that the database has.
const fn place_id(place: TryPlace) -> i64 {
    place.0.cast_signed()
}

fn is_duplicate(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Write(WriteFailure::WriteError(write)) if write.code == DUPLICATE)
        || matches!(error.kind.as_ref(), ErrorKind::Command(command) if command.code == DUPLICATE)
}

fn device_document(device: &SignedInDevice) -> Document {
    doc! {
        "device": binary(device.device.as_bytes()),
        "name": device.name.as_str(),
        "since": signed(device.since),
    }
}

fn read_device(value: &Bson) -> Result<SignedInDevice, StoreError> {
    let document = value.as_document().ok_or_else(|| damaged(WHAT))?;
    let name = document.get_str("name").ok().and_then(|name| Name::new(name).ok());
    Ok(SignedInDevice {
        device: DeviceId::from_bytes(array(bytes(document, "device", WHAT)?, WHAT)?),
        name: name.ok_or_else(|| damaged(WHAT))?,
        since: number(document, "since", WHAT)?,
    })
}

fn pass_document(pass: &Pass) -> Document {
    let name = pass.name.as_ref().map_or(Bson::Null, |name| Bson::String(name.as_str().to_owned()));
    doc! { "_id": binary(&pass.hash), "expires": signed(pass.expires), "name": name }
}

fn read_pass(document: &Document) -> Result<Pass, StoreError> {
    let name = match document.get("name") {
        Some(Bson::String(name)) => Some(UserName::new(name).map_err(|_| damaged("passes"))?),
        _ => None,
    };
    let hash = array(bytes(document, "_id", "passes")?, "passes")?;
    Ok(Pass { hash, expires: number(document, "expires", "passes")?, name })
}

/// The document without its `_id` and revision.
fn fields(row: &AccountRow) -> Document {
    let devices: Vec<Document> = row.devices.iter().map(device_document).collect();
    doc! {
        "skeleton": row.name.skeleton(),
        "record": binary(row.record.as_bytes()),
        "version": signed(row.vault.version),
        "len": signed(row.vault.len),
        "devices": devices,
        "disabled": row.disabled,
        "reset": row.reset.as_ref().map_or(Bson::Null, |pass| Bson::Document(pass_document(pass))),
        "created": signed(row.created),
    }
}

/// Under what a vault is kept.
fn vault_id(document: &Document) -> Result<Bson, StoreError> {
    document.get("vault").cloned().ok_or_else(|| damaged(WHAT))
}

fn read_account(document: &Document) -> Result<AccountRow, StoreError> {
    let bad = || damaged(WHAT);
    let name = document.get_str("_id").ok().and_then(|name| UserName::new(name).ok()).ok_or_else(bad)?;
    let reset = match document.get("reset") {
        Some(Bson::Document(pass)) => Some(read_pass(pass)?),
        _ => None,
    };
    Ok(AccountRow {
        name,
        record: RegisterUpload::try_from(bytes(document, "record", WHAT)?).map_err(|_| bad())?,
        vault: VaultNote { version: number(document, "version", WHAT)?, len: number(document, "len", WHAT)? },
        devices: document.get_array("devices").map_err(|_| bad())?.iter().map(read_device).collect::<Result<_, _>>()?,
        disabled: document.get_bool("disabled").unwrap_or(false),
        reset,
        created: number(document, "created", WHAT)?,
        revision: number(document, "revision", WHAT)?,
    })
}

/// When devices were last seen, under their ids. Beside the row, so that it counts as no change of it.
fn seen_in(document: &Document) -> Result<BTreeMap<DeviceId, u64>, StoreError> {
    let Ok(seen) = document.get_document("seen") else { return Ok(BTreeMap::new()) };
    seen.keys()
        .map(|key| {
            let device = key.parse::<DeviceId>().map_err(|_| damaged(WHAT))?;
            Ok((device, number(seen, key, WHAT)?))
        })
        .collect()
}

impl MongoStore {
    /// Writes a vault that nothing names yet; gives its id.
    async fn put_vault(&self, vault: &VaultRecord) -> Result<Bson, StoreError> {
        let mut id = [0; 16];
        OsRng.try_fill_bytes(&mut id).map_err(|error| StoreError::Other(error.to_string()))?;
        let contents = vault.encode().map_err(|error| StoreError::Other(error.to_string()))?;
        let document = doc! { "_id": binary(&id), "vault": binary(&contents) };
        self.tables.vaults.insert_one(document).await.map_err(|error| self.fault(error))?;
        Ok(binary(&id))
    }

    /// Deletes a vault that nothing names any more. One that stays is in nobody's way.
    async fn drop_vault(&self, id: Bson) {
        if let Err(error) = self.tables.vaults.delete_one(doc! { "_id": id }).await {
            tracing::debug!(%error, "a vault that is not needed stays");
        }
    }
}

#[async_trait]
impl AccountStore for MongoStore {
    async fn account(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError> {
        let found = self.tables.accounts.find_one(doc! { "_id": name.as_str() }).await;
        found.map_err(|error| self.fault(error))?.as_ref().map(read_account).transpose()
    }

    async fn account_evenly(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError> {
        // The account with the name, or another one that is near: both are looked for at once, found and read
        // alike.
        let near = doc! { "_id": { "$gte": name.as_str() } };
        let (after, first) = tokio::join!(
            self.tables.accounts.find_one(near).sort(doc! { "_id": 1 }).into_future(),
            self.tables.accounts.find_one(doc! {}).sort(doc! { "_id": 1 }).into_future(),
        );
        let (after, first) = (after.map_err(|error| self.fault(error))?, first.map_err(|error| self.fault(error))?);
        let near = after.or(first).as_ref().map(read_account).transpose()?;
        Ok(near.filter(|row| row.name == *name))
    }

    async fn vault(&self, name: &UserName) -> Result<Option<VaultRecord>, StoreError> {
        for _ in 0..VAULT_TRIES {
            let row = self.tables.accounts.find_one(doc! { "_id": name.as_str() }).await;
            let Some(row) = row.map_err(|error| self.fault(error))? else { return Ok(None) };
            let found = self.tables.vaults.find_one(doc! { "_id": vault_id(&row)? }).await;
            // When it is not there, another one took its place in between.
            if let Some(found) = found.map_err(|error| self.fault(error))? {
                return VaultRecord::decode(bytes(&found, "vault", "vaults")?).map(Some).map_err(|_| damaged("vaults"));
            }
        }
        Err(StoreError::Damaged { what: format!("the vault of {name} is not there") })
    }

    async fn account_of(&self, device: DeviceId) -> Result<Option<AccountRow>, StoreError> {
        let filter = doc! { "devices.device": binary(device.as_bytes()) };
        let found = self.tables.accounts.find_one(filter).await;
        found.map_err(|error| self.fault(error))?.as_ref().map(read_account).transpose()
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let mut rows: Vec<AccountRow> =
            self.all(&self.tables.accounts, doc! {}).await?.iter().map(read_account).collect::<Result<_, _>>()?;
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }

    async fn account_count(&self) -> Result<u64, StoreError> {
        self.tables.accounts.estimated_document_count().await.map_err(|error| self.fault(error))
    }

    async fn add_account(
        &self,
        row: AccountRow,
        vault: VaultRecord,
        pass: Option<[u8; 32]>,
    ) -> Result<Added, StoreError> {
        let mut document = fields(&row);
        document.insert("_id", row.name.as_str());
        document.insert("revision", signed(row.revision));
        if let Some(hash) = pass {
            let found = self.tables.passes.find_one(doc! { "_id": binary(&hash) }).await;
            if found.map_err(|error| self.fault(error))?.is_none() {
                return Ok(Added::PassUsed);
            }
            // The unique index makes the token good for one account, whatever happens next.
            document.insert("pass", binary(&hash));
        }
        let id = self.put_vault(&vault).await?;
        document.insert("vault", id.clone());
        match self.tables.accounts.insert_one(document).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => {
                self.drop_vault(id).await;
                let used = match pass {
                    Some(hash) => self.tables.accounts.find_one(doc! { "pass": binary(&hash) }).await,
                    None => Ok(None),
                };
                let is_used = used.map_err(|error| self.fault(error))?.is_some();
                return Ok(if is_used { Added::PassUsed } else { Added::NameTaken });
            }
            Err(error) => return Err(self.fault(error)),
        }
        if let Some(hash) = pass {
            let done = self.tables.passes.delete_one(doc! { "_id": binary(&hash) }).await;
            done.map_err(|error| self.fault(error))?;
        }
        Ok(Added::Stored)
    }

    async fn change_account(&self, row: AccountRow, vault: Option<VaultRecord>) -> Result<bool, StoreError> {
        let filter = doc! { "_id": row.name.as_str(), "revision": signed(row.revision) };
        let mut set = fields(&row);
        set.insert("revision", signed(row.revision + 1));
        let next = match &vault {
            Some(vault) => Some(self.put_vault(vault).await?),
            None => None,
        };
        if let Some(id) = &next {
            set.insert("vault", id.clone());
        }
        let before = self.tables.accounts.find_one_and_update(filter, doc! { "$set": set }).await;
        let Some(before) = before.map_err(|error| self.fault(error))? else {
            if let Some(id) = next {
                self.drop_vault(id).await;
            }
            return Ok(false);
        };
        if next.is_some() {
            self.drop_vault(vault_id(&before)?).await;
        }
        let gone: Document = seen_in(&before)?
            .into_keys()
            .filter(|device| !row.has(*device))
            .map(|device| (format!("seen.{device}"), Bson::from("")))
            .collect();
        if !gone.is_empty() {
            let forgotten = self.tables.accounts.update_one(doc! { "_id": row.name.as_str() }, doc! { "$unset": gone });
            forgotten.await.map_err(|error| self.fault(error))?;
        }
        Ok(true)
    }

    async fn note_seen(&self, device: DeviceId, at: u64) -> Result<(), StoreError> {
        let field = format!("seen.{device}");
        let filter = doc! { "devices.device": binary(device.as_bytes()), &field: { "$ne": signed(at) } };
        let done = self.tables.accounts.update_one(filter, doc! { "$set": { field: signed(at) } }).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn seen(&self, row: &AccountRow) -> Result<BTreeMap<DeviceId, u64>, StoreError> {
        let found = self.tables.accounts.find_one(doc! { "_id": row.name.as_str() }).await;
        let found = found.map_err(|error| self.fault(error))?;
        let mut seen = found.as_ref().map(seen_in).transpose()?.unwrap_or_default();
        seen.retain(|device, _| row.has(*device));
        Ok(seen)
    }

    async fn remove_account(&self, name: &UserName) -> Result<bool, StoreError> {
        let gone = self.tables.accounts.find_one_and_delete(doc! { "_id": name.as_str() }).await;
        let Some(gone) = gone.map_err(|error| self.fault(error))? else { return Ok(false) };
        self.drop_vault(vault_id(&gone)?).await;
        Ok(true)
    }

    async fn put_pass(&self, pass: Pass, now: u64) -> Result<(), StoreError> {
        let past = self.tables.passes.delete_many(doc! { "expires": { "$lte": signed(now) } }).await;
        past.map_err(|error| self.fault(error))?;
        let mut document = pass_document(&pass);
        document.remove("_id");
        let update = doc! { "$set": document };
        let done = self.tables.passes.update_one(doc! { "_id": binary(&pass.hash) }, update).upsert(true).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn passes(&self, mark: [u8; TOKEN_MARK_LEN]) -> Result<Vec<Pass>, StoreError> {
        let (first, last) = range_of(mark);
        let range = doc! { "_id": { "$gte": binary(&first), "$lte": binary(&last) } };
        let found = self.tables.passes.find(range).await.map_err(|error| self.fault(error))?;
        let found: Vec<Document> = found.try_collect().await.map_err(|error| self.fault(error))?;
        found.iter().map(read_pass).collect()
    }

    async fn tries(&self, place: TryPlace) -> Result<Tries, StoreError> {
        let found = self.tables.tries.find_one(doc! { "_id": place_id(place) }).await;
        let found = found.map_err(|error| self.fault(error))?;
        let read = |document: &Document| -> Result<Tries, StoreError> {
            let count = u32::try_from(number(document, "count", "tries")?).unwrap_or(u32::MAX);
            let (last, until) = (number(document, "last", "tries")?, number(document, "until", "tries")?);
            Ok(Tries { count, last, until })
        };
        found.as_ref().map_or(Ok(Tries::default()), read)
    }

    async fn note_tries(&self, place: TryPlace, before: Tries, after: Tries) -> Result<bool, StoreError> {
        let id = place_id(place);
        let values = |tries: Tries| {
            doc! { "count": i64::from(tries.count), "last": signed(tries.last), "until": signed(tries.until) }
        };
        let done = if before == Tries::default() {
            let mut document = values(after);
            document.insert("_id", id);
            self.tables.tries.insert_one(document).await.map(|_| true)
        } else {
            let mut filter = values(before);
            filter.insert("_id", id);
            let update = doc! { "$set": values(after) };
            self.tables.tries.update_one(filter, update).await.map(|done| done.matched_count == 1)
        };
        match done {
            Err(error) if is_duplicate(&error) => Ok(false),
            done => done.map_err(|error| self.fault(error)),
        }
    }

    async fn forget_tries(&self, now: u64) -> Result<(), StoreError> {
        let done = self.tables.tries.delete_many(doc! { "until": { "$lte": signed(now) } }).await;
        done.map(drop).map_err(|error| self.fault(error))
    }

    async fn claim_account_key(&self, id: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let update = doc! { "$setOnInsert": { "key": binary(&id) } };
        let filter = doc! { "_id": "account key" };
        match self.tables.meta.update_one(filter.clone(), update).upsert(true).await {
            Err(error) if !is_duplicate(&error) => return Err(self.fault(error)),
            _ => {}
        }
        let held = self.tables.meta.find_one(filter).await.map_err(|error| self.fault(error))?;
        match held {
            Some(held) => array(bytes(&held, "key", "meta")?, "meta"),
            None => Ok(id),
        }
    }
}
