//! A new password brings a new vault key: whoever knew the old one, from a copy of a device or of an
//! archive, reads nothing that is written from then on. Everything changes in one step at the archive, which
//! signs the other devices out.
//!
//! The new key is on the disk before the archive hears of it. Whatever is cut off where, this device opens
//! the vault that the archive has.

use parlor_protocol::account::{
    AccountRequest, ExportKey, OpenVault, RecoveryLock, Registered, UserName, VaultKey, VaultRecord,
};

use super::{AccountBundle, job::Finish, job::Step};
use crate::{
    command::Reply,
    engine::{Engine, io::JobId, unsaved::Again, writing::Pending},
    error::CommandError,
    store::Write,
};

/// The account as it was when the login began, and what opens it.
#[derive(Debug)]
pub(super) struct Before {
    key: VaultKey,
    vault: VaultRecord,
}

/// An account that was sealed under a new key.
#[derive(Debug)]
pub(super) struct Rekeyed {
    pub(super) key: VaultKey,
    pub(super) vault: VaultRecord,
}

/// A change that the archive is about to be told of.
#[derive(Debug)]
pub(in crate::engine) struct Changing {
    key: VaultKey,
    version: u64,
    before: Before,
    set: Registered,
    /// What is asked when the new key is on the disk.
    request: Option<Box<AccountRequest>>,
}

impl Engine {
    /// The archive has let this device in, and shows the vault.
    pub(super) fn before_change(&self, export: &ExportKey, vault: VaultRecord) -> Option<Before> {
        let record = self.account.record.as_ref()?;
        let by_password = vault.by_password.as_ref();
        let key = by_password.and_then(|wrapped| VaultKey::unwrap(&record.name, export, wrapped).ok());
        Some(Before { key: key.unwrap_or_else(|| record.vault_key.clone()), vault })
    }

    /// Seals an account under a fresh key, as the version after another one.
    pub(super) fn rekey(
        &mut self,
        name: &UserName,
        export: &ExportKey,
        lock: &RecoveryLock,
        bundle: &AccountBundle,
        before: u64,
    ) -> Option<Rekeyed> {
        let (key, version) = (VaultKey::random(&mut self.rng), before.checked_add(1)?);
        let contents = bundle.encode().ok()?;
        let vault = VaultRecord {
            version,
            sealed: key.seal(name, version, lock, &contents, &mut self.rng).ok()?,
            by_password: Some(key.wrap(name, export, &mut self.rng).ok()?),
            by_recovery: key.wrap_for_recovery(name, lock, &mut self.rng).ok()?,
        };
        Some(Rekeyed { key, vault })
    }

    /// The new password is set: seals everything anew, and keeps the new key before the archive is told.
    pub(super) fn change_keys(&mut self, before: Before, set: Registered) {
        let Some(name) = self.account.record.as_ref().map(|record| record.name.clone()) else {
            return self.fail_account(CommandError::NotSignedIn);
        };
        let opened = before.key.open(&name, before.vault.version, &before.vault.sealed).ok();
        let Some((lock, theirs)) = opened.and_then(|OpenVault { lock, contents }| {
            AccountBundle::decode(&contents).ok().map(|bundle| (lock, bundle))
        }) else {
            return self.fail_account(CommandError::VaultDamaged);
        };
        let (bundle, _) = theirs.united(self.renew_bundle());
        let Some(Rekeyed { key, vault }) = self.rekey(&name, &set.export, &lock, &bundle, before.vault.version) else {
            return self.fail_account(CommandError::VaultFull);
        };
        let (expected, version) = (before.vault.version, vault.version);
        let request = AccountRequest::FinishChange { record: set.record.clone(), expected, vault };
        let changing = Changing { key: key.clone(), version, before, set, request: Some(Box::new(request)) };
        let Some(record) = self.account.record.as_mut() else { return };
        record.next_key = Some(key);
        let written = Write::PutAccount(Some(Box::new(record.clone())));
        let Some(id) = self.account_job() else { return };
        self.set_step(Step::Finishing(Box::new(Finish::Changed(changing))));
        self.write(vec![written], Pending::unasked(Again::NewKey(id)));
    }

    /// The new key is on the disk: the archive is told.
    pub(in crate::engine) fn on_new_key_saved(&mut self, id: JobId) {
        if let Some(request) = self.changing(id).and_then(|changing| changing.request.take()) {
            self.ask_account(*request);
        }
    }

    /// It is not: nothing changes.
    pub(in crate::engine) fn on_new_key_not_saved(&mut self, id: JobId, reason: &str) {
        if self.changing(id).is_some() {
            self.fail_account(CommandError::Storage { reason: reason.to_owned() });
        }
    }

    /// Another device wrote the vault in between: the same again, of what is there now.
    pub(super) fn change_again(&mut self, changing: Changing, vault: VaultRecord) {
        let Changing { before, set, .. } = changing;
        self.change_keys(Before { vault, ..before }, set);
    }

    /// The archive has the new key and no other one.
    pub(super) fn keys_changed(&mut self, changing: Changing) {
        if let Some(record) = self.account.record.as_mut() {
            record.vault_key = changing.key;
            record.version = changing.version;
            record.next_key = None;
        }
        self.save_account();
        self.end_account(Ok(Reply::Done));
    }
}
