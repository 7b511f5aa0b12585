//! Where devices sign in: answers requests about accounts.
//!
//! The only things kept in memory are what lies between the two steps of a login (`between`) and whose
//! turn it is to try (`line`). Everything else is in the store, so that several archives on one database
//! serve the same accounts.

mod between;
mod counting;
mod line;
mod seen;

use futures::future::try_join;
use parlor_protocol::{
    DeviceId, Name,
    account::{
        AccountAnswer, AccountRefusal, AccountRequest, AccountStatus, Binding, RegisterUpload, SeenDevice, Server,
        SignedInDevice, TokenProof, UserName, VaultRecord,
    },
    limits::ACCOUNT_DEVICES_MAX,
};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

use super::backoff::Counted;
use crate::{
    blind::Blind,
    service::now_ms,
    source::Source,
    store::{AccountRow, Added, Pass, Store, StoreError, VaultNote},
};
use between::Between;
use line::Lines;
use seen::Seen;

/// How often a change is tried again when another one came first.
const RETRIES: usize = 8;

/// Accounts that may be made without a token, unless the operator says otherwise: 8 GB at most.
pub(crate) const ACCOUNTS_MAX: u64 = 10_000;

/// Who may make an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignUp {
    /// Everybody on the network.
    #[default]
    Open,
    /// Whoever has a token.
    Token,
    /// Nobody, but for tokens that name their user.
    Closed,
}

/// Answers requests about accounts.
pub(crate) struct Desk {
    store: Arc<dyn Store>,
    server: Server,
    archive: DeviceId,
    sign_up: SignUp,
    accounts_max: u64,
    blind: Blind,
    between: Between,
    lines: Lines,
    seen: Seen,
    rng: Mutex<ChaCha20Rng>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("sign_up", &self.sign_up).finish_non_exhaustive()
    }
}

/// Why a request is not done: said to the device, or a fault of the store.
enum Stop {
    Refused(AccountRefusal),
    Store(StoreError),
    /// The vault is another one by now.
    Changed(Box<VaultRecord>),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AccountRefusal> for Stop {
    fn from(refusal: AccountRefusal) -> Self {
        Self::Refused(refusal)
    }
}

type Done = Result<AccountAnswer, Stop>;

impl Desk {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        server: Server,
        archive: DeviceId,
        sign_up: SignUp,
        rng: ChaCha20Rng,
    ) -> Self {
        Self {
            store,
            blind: Blind::of(&server),
            server,
            archive,
            sign_up,
            accounts_max: ACCOUNTS_MAX,
            between: Between::default(),
            lines: Lines::default(),
            seen: Seen::default(),
            rng: Mutex::new(rng),
        }
    }

    /// With as many accounts at most. Whoever has a token of the operator gets one all the same.
    pub(crate) fn with_accounts_max(mut self, most: u64) -> Self {
        self.accounts_max = most;
        self
    }

    /// A device's connection is closed: what it proved on it is over.
    pub(crate) fn disconnected(&self, device: DeviceId) {
        self.between.forget(device);
    }

    /// Answers a request of a device.
    pub(crate) async fn answer(&self, from: DeviceId, source: Source, request: AccountRequest) -> AccountAnswer {
        match self.carry_out(from, source, request).await {
            Ok(answer) => answer,
            Err(Stop::Refused(refusal)) => AccountAnswer::Refused(refusal),
            Err(Stop::Changed(vault)) => AccountAnswer::VaultChanged(*vault),
            Err(Stop::Store(error)) => {
                tracing::warn!(%error, "accounts cannot be served");
                AccountAnswer::Refused(AccountRefusal::Unavailable)
            }
        }
    }

    async fn carry_out(&self, from: DeviceId, source: Source, request: AccountRequest) -> Done {
        match request {
            AccountRequest::Status => {
                let row = self.store.accounts().account_of(from).await?;
                let status = row.map(|row| AccountStatus { name: row.name, version: row.vault.version });
                Ok(AccountAnswer::Status(status))
            }
            AccountRequest::StartRegister { name, token, message } => {
                self.may_register(from, &name, token.as_ref()).await?;
                self.registering(&name, &message)
            }
            AccountRequest::FinishRegister { name, token, record, vault, device } => {
                self.register(from, name, token, record, vault, device).await
            }
            AccountRequest::StartLogIn { name, message } => {
                let row = self.store.accounts().account_evenly(&name).await?;
                let counted = self.count_try(from, source, &name, row.as_ref()).await?;
                let binding = self.binding(from);
                let record = row.as_ref().map(|row| &row.record);
                let answered = {
                    let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
                    self.server.log_in(&name, record, &message, binding, &mut *rng)
                };
                let answered = answered.map_err(|_| AccountRefusal::Unfit)?;
                let message = answered.message.clone();
                self.between.answered(from, source, answered, counted);
                Ok(AccountAnswer::LoggingIn(message))
            }
            AccountRequest::FinishLogIn { proof, device } => {
                let (answered, counted) = self.between.take_answered(from).ok_or(AccountRefusal::LogInAgain)?;
                let name = answered.user().clone();
                if !answered.accepts(&proof) {
                    return Err(AccountRefusal::WrongLogIn.into());
                }
                self.log_in(from, name, device, counted).await
            }
            AccountRequest::LogOut => {
                self.between.forget(from);
                self.sign_out(from, from).await
            }
            AccountRequest::StartChange { message } => {
                let name = self.fresh(from).await?;
                self.registering(&name, &message)
            }
            AccountRequest::FinishChange { record, expected, vault } => {
                self.replace_keys(from, Some(record), expected, vault).await
            }
            AccountRequest::StartReset { name, token, message } => {
                self.check_reset(from, &name, &token).await?;
                self.registering(&name, &message)
            }
            AccountRequest::FinishReset { name, token, record } => self.reset(from, &name, &token, record).await,
            AccountRequest::Vault => {
                let row = self.signed_in(from).await?;
                Ok(AccountAnswer::Vault(self.vault_of(&row.name).await?))
            }
            AccountRequest::PutVault { expected, sealed } => {
                let next = expected.checked_add(1).ok_or(AccountRefusal::Unfit)?;
                let name = self.signed_in(from).await?.name;
                self.put_vault(from, &name, expected, |_, held| {
                    Ok(VaultRecord { version: next, sealed: sealed.clone(), ..held.clone() })
                })
                .await
            }
            AccountRequest::PutVaultAndKeys { expected, vault } => self.replace_keys(from, None, expected, vault).await,
            AccountRequest::Devices => self.devices(from).await,
            AccountRequest::RenameDevice { device, name } => {
                self.change_own(from, |row| {
                    let known = row.devices.iter_mut().find(|known| known.device == device);
                    known.ok_or(AccountRefusal::Unfit)?.name = name.clone();
                    Ok(())
                })
                .await
            }
            AccountRequest::RevokeDevice { device } => self.sign_out(from, device).await,
            AccountRequest::Delete => {
                let name = self.fresh(from).await?;
                self.store.accounts().remove_account(&name).await?;
                self.between.forget(from);
                Ok(AccountAnswer::Done)
            }
        }
    }

    fn registering(&self, name: &UserName, message: &parlor_protocol::account::RegisterRequest) -> Done {
        let answer = self.server.register(name, message).map_err(|_| AccountRefusal::Unfit)?;
        Ok(AccountAnswer::Registering(answer))
    }

    fn binding(&self, device: DeviceId) -> Binding {
        Binding { device, archive: self.archive }
    }

    // New accounts.

    /// Whether a device may register a name; with the hash of the token it uses up.
    async fn may_register(
        &self,
        from: DeviceId,
        name: &UserName,
        token: Option<&TokenProof>,
    ) -> Result<Option<[u8; 32]>, Stop> {
        let Some(token) = token else {
            return match self.sign_up {
                SignUp::Open if self.store.accounts().account_count().await? >= self.accounts_max => {
                    Err(AccountRefusal::Full.into())
                }
                SignUp::Open => Ok(None),
                SignUp::Token => Err(AccountRefusal::Token.into()),
                SignUp::Closed => Err(AccountRefusal::Closed.into()),
            };
        };
        let passes = self.store.accounts().passes(token.mark()).await?;
        let binding = self.binding(from);
        let works = |pass: &Pass| {
            let fits = token.fits(&pass.hash, &binding);
            fits && pass.expires > now_ms() && pass.name.as_ref().is_none_or(|only| only == name)
        };
        // A token for one person works also where registration is closed.
        let opens = |pass: &Pass| self.sign_up != SignUp::Closed || pass.name.is_some();
        match passes.into_iter().find(|pass| works(pass) && opens(pass)) {
            Some(pass) => Ok(Some(pass.hash)),
            None => {
                // Tokens are too long to be guessed; counting keeps it quiet.
                self.count(self.blind.tries_of_machine(from), Counted::Peer).await?;
                Err(AccountRefusal::Token.into())
            }
        }
    }

    async fn register(
        &self,
        from: DeviceId,
        name: UserName,
        token: Option<TokenProof>,
        record: RegisterUpload,
        vault: VaultRecord,
        device: Name,
    ) -> Done {
        let store = self.store.accounts();
        // The answer may have been lost on the way: the same once more is no second account.
        let held = store.account(&name).await?;
        if held.is_some_and(|row| row.has(from) && row.record == record) {
            return Ok(AccountAnswer::Done);
        }
        let pass = self.may_register(from, &name, token.as_ref()).await?;
        self.leave_other(from, &name).await?;
        let now = now_ms();
        let row = AccountRow {
            name: name.clone(),
            record,
            vault: VaultNote::of(&vault),
            devices: vec![SignedInDevice { device: from, name: device, since: now }],
            disabled: false,
            reset: None,
            created: now,
            revision: 0,
        };
        match store.add_account(row, vault, pass).await? {
            Added::Stored => {
                tracing::info!("an account was made");
                self.note_seen(from).await;
                Ok(AccountAnswer::Done)
            }
            Added::NameTaken => Err(AccountRefusal::NameTaken.into()),
            Added::PassUsed => Err(AccountRefusal::Token.into()),
        }
    }

    // Signing in.

    async fn log_in(&self, from: DeviceId, name: UserName, device: Name, counted: bool) -> Done {
        self.leave_other(from, &name).await?;
        self.change(&name, |row| {
            if row.disabled {
                return Err(AccountRefusal::Disabled);
            }
            if !row.has(from) {
                if row.devices.len() >= ACCOUNT_DEVICES_MAX {
                    return Err(AccountRefusal::TooManyDevices);
                }
                row.devices.push(SignedInDevice { device: from, name: device.clone(), since: now_ms() });
            }
            Ok(())
        })
        .await?;
        let vault = self.vault_of(&name).await?;
        // Both at once: the store makes them durable together.
        let of_name = async { if counted { self.take_back(&name).await } else { Ok(()) } };
        try_join(of_name, self.forgive_machine(from)).await?;
        self.note_seen(from).await;
        self.between.has_proven(from, name);
        Ok(AccountAnswer::LoggedIn(vault))
    }

    /// A device is signed in to one account: it leaves another one first.
    async fn leave_other(&self, device: DeviceId, name: &UserName) -> Result<(), Stop> {
        while let Some(other) = self.store.accounts().account_of(device).await?.filter(|row| row.name != *name) {
            self.change(&other.name, |row| {
                row.devices.retain(|known| known.device != device);
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    async fn sign_out(&self, from: DeviceId, device: DeviceId) -> Done {
        let done = self.change_own(from, |row| {
            row.devices.retain(|known| known.device != device);
            Ok(())
        });
        let done = done.await?;
        self.between.forget(device);
        self.seen.forget(device);
        Ok(done)
    }

    // Passwords.

    /// The user that a device has just proven to be. Another device may have signed it out since, at
    /// this archive or at another one of the database: then the proof is worth nothing.
    async fn fresh(&self, from: DeviceId) -> Result<UserName, Stop> {
        let name = self.between.proven(from).ok_or(AccountRefusal::LogInAgain)?;
        let row = self.signed_in(from).await?;
        if row.name == name { Ok(name) } else { Err(AccountRefusal::LogInAgain.into()) }
    }

    /// Replaces the vault together with the keys that open it, and the password's record when it is a new
    /// one. Only right after a login: whoever finds a device unlocked could lock its person out of every new
    /// machine. The other devices are signed out, for what they have opens nothing any more.
    async fn replace_keys(
        &self,
        from: DeviceId,
        record: Option<RegisterUpload>,
        expected: u64,
        vault: VaultRecord,
    ) -> Done {
        // The answer may have been lost on the way, together with the connection.
        let row = self.signed_in(from).await?;
        let is_same = record.as_ref().is_none_or(|record| *record == row.record);
        if is_same && row.vault == VaultNote::of(&vault) && self.vault_of(&row.name).await? == vault {
            return Ok(AccountAnswer::Done);
        }
        let name = self.fresh(from).await?;
        let mut gone = Vec::new();
        let done = self.put_vault(from, &name, expected, |row, _| {
            if let Some(record) = &record {
                row.record = record.clone();
                row.reset = None;
            }
            gone = row.devices.extract_if(.., |known| known.device != from).map(|known| known.device).collect();
            Ok(vault.clone())
        });
        let done = done.await?;
        for device in gone {
            self.between.forget(device);
            self.seen.forget(device);
        }
        Ok(done)
    }

    async fn check_reset(&self, from: DeviceId, name: &UserName, token: &TokenProof) -> Result<AccountRow, Stop> {
        let row = self.store.accounts().account(name).await?;
        let fits = |row: &AccountRow| opens_reset(row, token, &self.binding(from));
        match row.filter(fits) {
            Some(row) => Ok(row),
            None => {
                self.count(self.blind.tries_of_machine(from), Counted::Peer).await?;
                Err(AccountRefusal::Token.into())
            }
        }
    }

    async fn reset(&self, from: DeviceId, name: &UserName, token: &TokenProof, record: RegisterUpload) -> Done {
        // The answer may have been lost on the way.
        let held = self.store.accounts().account(name).await?;
        if held.is_some_and(|row| row.reset.is_none() && row.record == record) {
            return Ok(AccountAnswer::Done);
        }
        self.check_reset(from, name, token).await?;
        self.change_vault(name, |row, vault| {
            if !opens_reset(row, token, &self.binding(from)) {
                return Err(AccountRefusal::Token.into());
            }
            row.record = record.clone();
            row.reset = None;
            // What the old password wrapped, the new one does not open.
            Ok(VaultRecord { by_password: None, ..vault.clone() })
        })
        .await?;
        Ok(AccountAnswer::Done)
    }

    // Vaults and rows.

    async fn put_vault(
        &self,
        from: DeviceId,
        name: &UserName,
        expected: u64,
        mut next: impl FnMut(&mut AccountRow, &VaultRecord) -> Result<VaultRecord, AccountRefusal>,
    ) -> Done {
        self.change_vault(name, |row, held| {
            // A device that was signed out meanwhile writes nothing.
            if !row.has(from) {
                return Err(AccountRefusal::NotSignedIn.into());
            }
            let new = next(row, held)?;
            // The very same once more: its answer was lost.
            if new != *held && held.version != expected {
                return Err(Stop::Changed(Box::new(held.clone())));
            }
            Ok(new)
        })
        .await?;
        Ok(AccountAnswer::Done)
    }

    async fn vault_of(&self, name: &UserName) -> Result<VaultRecord, Stop> {
        Ok(self.store.accounts().vault(name).await?.ok_or(AccountRefusal::NotSignedIn)?)
    }

    async fn signed_in(&self, device: DeviceId) -> Result<AccountRow, Stop> {
        let row = self.store.accounts().account_of(device).await?.ok_or(AccountRefusal::NotSignedIn)?;
        self.note_seen(device).await;
        if row.disabled { Err(AccountRefusal::Disabled.into()) } else { Ok(row) }
    }

    /// A device that is signed in is there. Nothing hangs on it, so a store that cannot note it now
    /// holds nothing up.
    async fn note_seen(&self, device: DeviceId) {
        let Some(hour) = self.seen.to_note(device, now_ms()) else { return };
        if let Err(error) = self.store.accounts().note_seen(device, hour).await {
            tracing::debug!(%error, "when a device was there is not noted");
            self.seen.forget(device);
        }
    }

    async fn devices(&self, from: DeviceId) -> Done {
        let row = self.signed_in(from).await?;
        let seen = self.store.accounts().seen(&row).await?;
        let with = |device: SignedInDevice| SeenDevice { last_seen: seen.get(&device.device).copied(), device };
        Ok(AccountAnswer::Devices(row.devices.into_iter().map(with).collect()))
    }

    async fn change_own(
        &self,
        from: DeviceId,
        change: impl FnMut(&mut AccountRow) -> Result<(), AccountRefusal>,
    ) -> Done {
        let row = self.signed_in(from).await?;
        self.change(&row.name, change).await?;
        Ok(AccountAnswer::Done)
    }

    /// Changes a row, again when somebody else changed it meanwhile.
    async fn change(
        &self,
        name: &UserName,
        mut change: impl FnMut(&mut AccountRow) -> Result<(), AccountRefusal>,
    ) -> Result<AccountRow, Stop> {
        let store = self.store.accounts();
        for _ in 0..RETRIES {
            let mut row = store.account(name).await?.ok_or(AccountRefusal::WrongLogIn)?;
            let before = row.clone();
            change(&mut row)?;
            if row == before || store.change_account(row.clone(), None).await? {
                return Ok(row);
            }
        }
        Err(AccountRefusal::Unavailable.into())
    }

    /// Changes a row together with its vault, again when somebody else changed one of them meanwhile.
    async fn change_vault(
        &self,
        name: &UserName,
        mut change: impl FnMut(&mut AccountRow, &VaultRecord) -> Result<VaultRecord, Stop>,
    ) -> Result<(), Stop> {
        let store = self.store.accounts();
        for _ in 0..RETRIES {
            let mut row = store.account(name).await?.ok_or(AccountRefusal::WrongLogIn)?;
            let held = store.vault(name).await?.ok_or(AccountRefusal::WrongLogIn)?;
            let before = row.clone();
            let next = change(&mut row, &held)?;
            let is_new = next != held;
            row.vault = VaultNote::of(&next);
            if row == before && !is_new || store.change_account(row, is_new.then_some(next)).await? {
                return Ok(());
            }
        }
        Err(AccountRefusal::Unavailable.into())
    }
}

fn opens_reset(row: &AccountRow, token: &TokenProof, binding: &Binding) -> bool {
    row.reset.as_ref().is_some_and(|pass| token.fits(&pass.hash, binding) && pass.expires > now_ms())
}

#[cfg(test)]
mod tests;
