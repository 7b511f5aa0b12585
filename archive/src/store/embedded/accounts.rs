//! Accounts in the embedded store. The indices (skeletons, devices) change with the row.

use async_trait::async_trait;
use parlor_protocol::{
    DeviceId,
    account::{TOKEN_MARK_LEN, UserName, VaultRecord},
    log::Height,
};
use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};
use std::collections::BTreeMap;

use super::{
    EmbeddedStore,
    tables::{ACCOUNT_KEY, ACCOUNTS, PASSES, SEEN, SIGNED_IN, SKELETONS, TRIES, VAULTS, decode, encode, fault},
    write::{Change, DONE},
};
use crate::store::{AccountRow, AccountStore, Added, Appended, Pass, StoreError, Tries, TryPlace, accounts::range_of};

/// Answers of the writer that mean no; `DONE` means yes.
const NO: Appended = Appended::Conflict(Height::EMPTY);
const NO_PASS: Appended = Appended::Conflict(Height { next: 1, ..Height::EMPTY });

/// One change about accounts.
#[derive(Debug)]
pub(super) enum AccountChange {
    Add(Box<AccountRow>, Box<VaultRecord>, Option<[u8; 32]>),
    Replace(Box<AccountRow>, Option<Box<VaultRecord>>),
    Seen(DeviceId, u64),
    Remove(UserName),
    Pass(Pass, u64),
    Tries(TryPlace, Tries, Tries),
    ForgetTries(u64),
    ClaimKey([u8; 32]),
}

impl AccountChange {
    /// How many bytes it holds in memory, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Add(_, vault, _) | Self::Replace(_, Some(vault)) => vault.sealed.as_bytes().len(),
            _ => 0,
        }
    }
}

pub(super) fn carry_out(txn: &WriteTransaction, change: &AccountChange) -> Result<Appended, StoreError> {
    match change {
        AccountChange::Add(row, vault, pass) => add(txn, row, vault, *pass),
        AccountChange::Replace(row, vault) => replace(txn, row, vault.as_deref()),
        AccountChange::Seen(device, at) => {
            let signed_in = txn.open_table(SIGNED_IN).map_err(fault)?;
            if signed_in.get(device.as_bytes()).map_err(fault)?.is_some() {
                txn.open_table(SEEN).map_err(fault)?.insert(device.as_bytes(), at).map_err(fault)?;
            }
            Ok(DONE)
        }
        AccountChange::Remove(name) => remove(txn, name),
        AccountChange::Pass(pass, now) => put_pass(txn, pass, *now),
        AccountChange::Tries(place, before, after) => {
            let mut table = txn.open_table(TRIES).map_err(fault)?;
            let held = table.get(place.0).map_err(fault)?.map_or(Tries::default(), |value| read_tries(value.value()));
            if held != *before {
                return Ok(NO);
            }
            table.insert(place.0, (after.count, after.last, after.until)).map_err(fault)?;
            Ok(DONE)
        }
        AccountChange::ForgetTries(now) => {
            let mut table = txn.open_table(TRIES).map_err(fault)?;
            table.retain(|_, (.., until)| until > *now).map_err(fault)?;
            Ok(DONE)
        }
        AccountChange::ClaimKey(id) => {
            let mut table = txn.open_table(ACCOUNT_KEY).map_err(fault)?;
            if table.get("").map_err(fault)?.is_none() {
                table.insert("", id).map_err(fault)?;
            }
            Ok(DONE)
        }
    }
}

fn read_tries((count, last, until): (u32, u64, u64)) -> Tries {
    Tries { count, last, until }
}

fn add(
    txn: &WriteTransaction,
    row: &AccountRow,
    vault: &VaultRecord,
    pass: Option<[u8; 32]>,
) -> Result<Appended, StoreError> {
    let mut skeletons = txn.open_table(SKELETONS).map_err(fault)?;
    let skeleton = row.name.skeleton();
    if skeletons.get(skeleton.as_str()).map_err(fault)?.is_some() {
        return Ok(NO);
    }
    if let Some(hash) = pass {
        let mut passes = txn.open_table(PASSES).map_err(fault)?;
        if passes.remove(&hash).map_err(fault)?.is_none() {
            return Ok(NO_PASS);
        }
    }
    skeletons.insert(skeleton.as_str(), row.name.as_str()).map_err(fault)?;
    put_vault(txn, &row.name, vault)?;
    put(txn, row)?;
    Ok(DONE)
}

fn held(txn: &WriteTransaction, name: &UserName) -> Result<Option<AccountRow>, StoreError> {
    let table = txn.open_table(ACCOUNTS).map_err(fault)?;
    let found = table.get(name.as_str()).map_err(fault)?;
    found.map(|value| decode(value.value(), "account")).transpose()
}

fn put(txn: &WriteTransaction, row: &AccountRow) -> Result<(), StoreError> {
    let mut signed_in = txn.open_table(SIGNED_IN).map_err(fault)?;
    for device in &row.devices {
        signed_in.insert(device.device.as_bytes(), row.name.as_str()).map_err(fault)?;
    }
    let mut table = txn.open_table(ACCOUNTS).map_err(fault)?;
    table.insert(row.name.as_str(), encode(row)?.as_slice()).map_err(fault)?;
    Ok(())
}

fn put_vault(txn: &WriteTransaction, name: &UserName, vault: &VaultRecord) -> Result<(), StoreError> {
    let mut table = txn.open_table(VAULTS).map_err(fault)?;
    table.insert(name.as_str(), encode(vault)?.as_slice()).map_err(fault)?;
    Ok(())
}

/// Signs out the devices of a row that another one does not have.
fn sign_out(txn: &WriteTransaction, row: &AccountRow, stay: Option<&AccountRow>) -> Result<(), StoreError> {
    let mut signed_in = txn.open_table(SIGNED_IN).map_err(fault)?;
    let mut seen = txn.open_table(SEEN).map_err(fault)?;
    for device in row.devices.iter().filter(|device| stay.is_none_or(|stay| !stay.has(device.device))) {
        let key = device.device.as_bytes();
        let is_here = signed_in.get(key).map_err(fault)?.is_some_and(|name| name.value() == row.name.as_str());
        if is_here {
            signed_in.remove(key).map_err(fault)?;
            seen.remove(key).map_err(fault)?;
        }
    }
    Ok(())
}

fn replace(txn: &WriteTransaction, row: &AccountRow, vault: Option<&VaultRecord>) -> Result<Appended, StoreError> {
    match held(txn, &row.name)? {
        Some(before) if before.revision == row.revision => {
            sign_out(txn, &before, Some(row))?;
            if let Some(vault) = vault {
                put_vault(txn, &row.name, vault)?;
            }
            put(txn, &AccountRow { revision: row.revision + 1, ..row.clone() })?;
            Ok(DONE)
        }
        _ => Ok(NO),
    }
}

fn remove(txn: &WriteTransaction, name: &UserName) -> Result<Appended, StoreError> {
    let Some(row) = held(txn, name)? else { return Ok(NO) };
    sign_out(txn, &row, None)?;
    txn.open_table(ACCOUNTS).map_err(fault)?.remove(name.as_str()).map_err(fault)?;
    txn.open_table(VAULTS).map_err(fault)?.remove(name.as_str()).map_err(fault)?;
    txn.open_table(SKELETONS).map_err(fault)?.remove(name.skeleton().as_str()).map_err(fault)?;
    Ok(DONE)
}

fn put_pass(txn: &WriteTransaction, pass: &Pass, now: u64) -> Result<Appended, StoreError> {
    let mut table = txn.open_table(PASSES).map_err(fault)?;
    let mut past = Vec::new();
    for row in table.iter().map_err(fault)? {
        let (hash, value) = row.map_err(fault)?;
        let known: Pass = decode(value.value(), "token")?;
        if known.expires <= now {
            past.push(*hash.value());
        }
    }
    for hash in past {
        table.remove(&hash).map_err(fault)?;
    }
    table.insert(&pass.hash, encode(pass)?.as_slice()).map_err(fault)?;
    Ok(DONE)
}

#[async_trait]
impl AccountStore for EmbeddedStore {
    async fn account(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError> {
        let name = name.clone();
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(ACCOUNTS).map_err(fault)?;
            let found = table.get(name.as_str()).map_err(fault)?;
            found.map(|value| decode(value.value(), "account")).transpose()
        })
        .await
    }

    async fn account_evenly(&self, name: &UserName) -> Result<Option<AccountRow>, StoreError> {
        let name = name.clone();
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(ACCOUNTS).map_err(fault)?;
            // The account with the name, or another one that is near: both are found and read alike.
            let after = table.range(name.as_str()..).map_err(fault)?.next();
            let found = match (after, table.first().map_err(fault)?) {
                (Some(after), _) => Some(after.map_err(fault)?),
                (None, first) => first,
            };
            let near: Option<AccountRow> = found.map(|(_, value)| decode(value.value(), "account")).transpose()?;
            Ok(near.filter(|row| row.name == name))
        })
        .await
    }

    async fn vault(&self, name: &UserName) -> Result<Option<VaultRecord>, StoreError> {
        let name = name.clone();
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(VAULTS).map_err(fault)?;
            let found = table.get(name.as_str()).map_err(fault)?;
            found.map(|value| decode(value.value(), "vault")).transpose()
        })
        .await
    }

    async fn account_of(&self, device: DeviceId) -> Result<Option<AccountRow>, StoreError> {
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let signed_in = txn.open_table(SIGNED_IN).map_err(fault)?;
            let Some(name) = signed_in.get(device.as_bytes()).map_err(fault)? else { return Ok(None) };
            let table = txn.open_table(ACCOUNTS).map_err(fault)?;
            let found = table.get(name.value()).map_err(fault)?;
            let row: Option<AccountRow> = found.map(|value| decode(value.value(), "account")).transpose()?;
            Ok(row.filter(|row| row.has(device)))
        })
        .await
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        self.read(|db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(ACCOUNTS).map_err(fault)?;
            let rows = table.iter().map_err(fault)?;
            rows.map(|row| decode(row.map_err(fault)?.1.value(), "account")).collect()
        })
        .await
    }

    async fn account_count(&self) -> Result<u64, StoreError> {
        self.read(|db| {
            let txn = db.begin_read().map_err(fault)?;
            txn.open_table(ACCOUNTS).map_err(fault)?.len().map_err(fault)
        })
        .await
    }

    async fn add_account(
        &self,
        row: AccountRow,
        vault: VaultRecord,
        pass: Option<[u8; 32]>,
    ) -> Result<Added, StoreError> {
        let done = self.write(Change::Account(AccountChange::Add(Box::new(row), Box::new(vault), pass))).await?;
        Ok(match done {
            DONE => Added::Stored,
            NO_PASS => Added::PassUsed,
            _ => Added::NameTaken,
        })
    }

    async fn change_account(&self, row: AccountRow, vault: Option<VaultRecord>) -> Result<bool, StoreError> {
        let change = AccountChange::Replace(Box::new(row), vault.map(Box::new));
        Ok(self.write(Change::Account(change)).await? == DONE)
    }

    async fn note_seen(&self, device: DeviceId, at: u64) -> Result<(), StoreError> {
        let is_known = self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(SEEN).map_err(fault)?;
            Ok(table.get(device.as_bytes()).map_err(fault)?.is_some_and(|held| held.value() == at))
        });
        if is_known.await? {
            return Ok(());
        }
        self.write(Change::Account(AccountChange::Seen(device, at))).await.map(drop)
    }

    async fn seen(&self, row: &AccountRow) -> Result<BTreeMap<DeviceId, u64>, StoreError> {
        let devices: Vec<DeviceId> = row.devices.iter().map(|known| known.device).collect();
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(SEEN).map_err(fault)?;
            let mut seen = BTreeMap::new();
            for device in devices {
                if let Some(at) = table.get(device.as_bytes()).map_err(fault)? {
                    seen.insert(device, at.value());
                }
            }
            Ok(seen)
        })
        .await
    }

    async fn remove_account(&self, name: &UserName) -> Result<bool, StoreError> {
        Ok(self.write(Change::Account(AccountChange::Remove(name.clone()))).await? == DONE)
    }

    async fn put_pass(&self, pass: Pass, now: u64) -> Result<(), StoreError> {
        self.write(Change::Account(AccountChange::Pass(pass, now))).await.map(drop)
    }

    async fn passes(&self, mark: [u8; TOKEN_MARK_LEN]) -> Result<Vec<Pass>, StoreError> {
        let (first, last) = range_of(mark);
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(PASSES).map_err(fault)?;
            let found = table.range::<&[u8; 32]>(&first..=&last).map_err(fault)?;
            found.map(|row| decode(row.map_err(fault)?.1.value(), "token")).collect()
        })
        .await
    }

    async fn tries(&self, place: TryPlace) -> Result<Tries, StoreError> {
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(TRIES).map_err(fault)?;
            Ok(table.get(place.0).map_err(fault)?.map_or(Tries::default(), |value| read_tries(value.value())))
        })
        .await
    }

    async fn note_tries(&self, place: TryPlace, before: Tries, after: Tries) -> Result<bool, StoreError> {
        Ok(self.write(Change::Account(AccountChange::Tries(place, before, after))).await? == DONE)
    }

    async fn forget_tries(&self, now: u64) -> Result<(), StoreError> {
        self.write(Change::Account(AccountChange::ForgetTries(now))).await.map(drop)
    }

    async fn claim_account_key(&self, id: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.write(Change::Account(AccountChange::ClaimKey(id))).await?;
        self.read(move |db| {
            let txn = db.begin_read().map_err(fault)?;
            let table = txn.open_table(ACCOUNT_KEY).map_err(fault)?;
            Ok(table.get("").map_err(fault)?.map_or(id, |held| *held.value()))
        })
        .await
    }
}
