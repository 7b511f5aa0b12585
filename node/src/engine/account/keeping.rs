//! Keeping the account: signed in or not, and its vault as new as this device.
//!
//! The vault is written a little after something changed, and looked at now and then for what other
//! devices wrote. Whoever is second takes in what the first one wrote and writes again, so nothing
//! is overwritten. An archive that shows an older vault than was seen before, or one that does not
//! open, changes nothing here; the person is told.

use parlor_protocol::{
    DeviceId,
    account::{AccountAnswer, AccountRefusal, AccountRequest, RecoveryLock, UserName, VaultKey, VaultRecord},
    keys::Secret,
    wire::{Answer, Request},
};

use super::{AccountBundle, person::Person};
use crate::{
    command::Reply,
    engine::{Engine, io::CallId, sync::Asked, timers::Timer, unsaved::Again, writing::Pending},
    error::CommandError,
    event::{AccountView, Event},
    store::{AccountRecord, Write},
};

/// How long after a change the vault is written, in milliseconds.
const WRITE_AFTER_MS: u64 = 2_000;
/// How often the vault is looked at, in milliseconds.
const LOOK_EVERY_MS: u64 = 30_000;

impl Engine {
    /// Takes up an account that was signed in to: its key, its name, its rooms.
    pub(super) fn enter_account(
        &mut self,
        name: UserName,
        key: VaultKey,
        lock: RecoveryLock,
        version: u64,
        bundle: AccountBundle,
    ) {
        let bundle = self.become_person(bundle);
        self.keep_account(name, key, lock, version, Reply::Done);
        self.enter_rooms(&bundle);
    }

    /// Notes an account as this device's, durably, and answers whoever asked for it.
    pub(super) fn keep_account(
        &mut self,
        name: UserName,
        vault_key: VaultKey,
        lock: RecoveryLock,
        version: u64,
        reply: Reply,
    ) {
        let Some((call, archive)) = self.take_account_job() else { return };
        let record = AccountRecord { name, archive, vault_key, next_key: None, lock, version, signed_in: true };
        self.account.record = Some(record);
        let bundle = self.bundle_now();
        self.person.bundle = Some(bundle);
        // Who this device belongs to and its account change together, so that a crash leaves both or none.
        let mut writes = vec![
            Write::PutIdentity(Box::new(self.identity.clone())),
            Write::PutAccount(self.account.record.clone().map(Box::new)),
        ];
        writes.extend(self.put_person());
        self.write(writes, Pending::answering(Some(call), reply));
        self.tell_account();
        self.timers.set(self.now.mono + WRITE_AFTER_MS, Timer::Vault);
    }

    // The vault.

    /// Something changed that the person's other devices should know: looks at the vault, and at those
    /// that are here, a little later.
    pub(in crate::engine) fn touch_vault(&mut self) {
        if self.account.record.is_some() {
            self.timers.set(self.now.mono + WRITE_AFTER_MS, Timer::Vault);
        }
        self.agree_soon();
    }

    /// The regular look at the vault.
    pub(in crate::engine) fn check_vault(&mut self) {
        let Some(record) = self.account.record.as_ref().filter(|record| record.signed_in) else { return };
        let archive = record.archive;
        let next = self.now.mono + self.jitter(LOOK_EVERY_MS);
        self.timers.set(next, Timer::Vault);
        if self.account.is_syncing || !self.connections.is_connected(archive) {
            return;
        }
        self.ask_vault(archive, AccountRequest::Vault);
    }

    fn ask_vault(&mut self, archive: DeviceId, request: AccountRequest) {
        self.account.is_syncing = true;
        self.ask(archive, &Request::Account(request), Asked::Account { job: None, peer: archive });
    }

    /// The archive's answer about the vault; none when it was lost.
    pub(super) fn on_vault_answer(&mut self, archive: DeviceId, answer: Option<Answer>) {
        self.account.is_syncing = false;
        let sent = self.account.sent.take();
        let Some(record) = self.account.record.as_mut().filter(|record| record.archive == archive) else { return };
        match answer {
            Some(Answer::Account(AccountAnswer::Vault(vault) | AccountAnswer::VaultChanged(vault))) => {
                self.on_vault(archive, &vault);
            }
            Some(Answer::Account(AccountAnswer::Done)) => {
                if let Some(version) = sent {
                    record.version = version;
                    self.account.warned = false;
                    self.save_account();
                }
            }
            Some(Answer::Account(AccountAnswer::Refused(AccountRefusal::NotSignedIn))) => {
                record.signed_in = false;
                self.save_account();
                self.tell_account();
                self.problem(
                    "this device was signed out of your account",
                    "Your rooms stay here. When the password was changed on another device, sign in again with the new \
                     one. If neither was you, sign in and change your password.",
                );
            }
            // Lost, or the archive cannot at the moment: the regular look tries again.
            _ => {}
        }
    }

    fn on_vault(&mut self, archive: DeviceId, vault: &VaultRecord) {
        let Some(record) = self.account.record.as_mut() else { return };
        let with = |key: &VaultKey| key.open(&record.name, vault.version, &vault.sealed).ok();
        let opened = match (with(&record.vault_key), &record.next_key) {
            // The password was changed here, and this device was cut off before it heard so.
            (None, Some(next)) => {
                let opened = with(next);
                if opened.is_some() {
                    record.vault_key = next.clone();
                    record.next_key = None;
                }
                opened
            }
            (opened, _) => opened,
        };
        let theirs = opened.and_then(|opened| AccountBundle::decode(&opened.contents).ok());
        let (seen, is_older) = (record.version, vault.version < record.version);
        let Some(theirs) = theirs else {
            return self.warn_vault("the archive shows a vault that is not this account's");
        };
        if is_older {
            self.warn_vault("the archive shows an older copy of your account than before");
        }
        if vault.version > seen {
            self.take_bundle(theirs.clone());
            if let Some(record) = self.account.record.as_mut() {
                record.version = vault.version;
                self.save_account();
            }
        }
        // Also what this device may not take up stays in it, for the others.
        let (bundle, is_whole) = theirs.united(self.renew_bundle());
        if !is_whole {
            self.warn_vault("your account has more rooms than its vault can hold");
        }
        if bundle != theirs {
            self.put_vault(archive, vault.version, &bundle);
        }
    }

    fn put_vault(&mut self, archive: DeviceId, expected: u64, bundle: &AccountBundle) {
        let Some(record) = self.account.record.as_ref() else { return };
        let (name, key, lock) = (record.name.clone(), record.vault_key.clone(), record.lock);
        let Ok(contents) = bundle.encode() else {
            return self.warn_vault("your account has more rooms than its vault can hold");
        };
        let Ok(sealed) = key.seal(&name, expected + 1, &lock, &contents, &mut self.rng) else { return };
        self.account.sent = Some(expected + 1);
        self.ask_vault(archive, AccountRequest::PutVault { expected, sealed });
    }

    fn warn_vault(&mut self, what: &str) {
        if !std::mem::replace(&mut self.account.warned, true) {
            self.problem(
                what,
                "What this device knows stays, and is written again. Ask whoever runs the archive whether it was \
                 restored from a backup.",
            );
        }
    }

    // The record.

    pub(in crate::engine) fn save_account(&mut self) {
        let record = self.account.record.clone().map(Box::new);
        self.write(vec![Write::PutAccount(record)], Pending::unasked(Again::Account));
        // Its archive is used.
        self.tell_other_archive();
    }

    /// How the account stands.
    pub(super) fn account_view(&self) -> AccountView {
        let record = self.account.record.as_ref();
        // Another device may be signed in to one that this device is not.
        let place = self.person.bundle.as_ref().and_then(|bundle| bundle.account.value.as_ref());
        let name = record.map(|record| &record.name).or_else(|| place.map(|place| &place.name));
        AccountView {
            name: name.map(|name| name.as_str().to_owned()),
            archive: record.map(|record| record.archive).or_else(|| place.map(|place| place.archive)),
            signed_in: record.is_some_and(|record| record.signed_in),
            reachable: record.is_some_and(|record| self.connections.is_connected(record.archive)),
        }
    }

    /// Tells people how the account stands.
    pub(in crate::engine) fn tell_account_changed(&mut self) {
        self.tell_account();
    }

    pub(super) fn tell_account(&mut self) {
        let view = self.account_view();
        self.event(Event::AccountChanged(view));
    }

    /// Forgets the account, its key and the rooms that came by it. What was here before stays.
    pub(super) fn forget_account(&mut self, call: Option<CallId>) {
        if self.account.record.is_none() {
            return self.reply(call, Err(CommandError::NotSignedIn));
        }
        // On a shared computer the others are told: this device comes back as somebody else.
        self.go_out(self.person.entered.clone());
        self.account.record = None;
        let Person { entered, before, .. } = std::mem::take(&mut self.person);
        self.former.clear();
        self.identity.user_seed = before.unwrap_or_else(|| Secret::random(&mut self.rng));
        self.user = self.identity.user();
        entered.iter().for_each(|room| self.forget_room(*room));
        // All of it together, so that a crash leaves this device signed in or signed out.
        let mut writes =
            vec![Write::PutIdentity(Box::new(self.identity.clone())), Write::PutPerson(None), Write::PutAccount(None)];
        writes.extend(entered.into_iter().map(Write::ForgetRoom));
        self.write(writes, Pending::answering(call, Reply::Done));
        let rooms: Vec<_> = self.rooms.keys().copied().collect();
        for room in rooms {
            let bodies = self.profile_body().into_iter().collect();
            self.write_contents(room, bodies, None, |_| Reply::Done);
        }
        self.tell_account();
    }

    /// The archive has deleted the account.
    pub(super) fn leave_account(&mut self) {
        let Some((call, _)) = self.take_account_job() else { return };
        self.forget_account(Some(call));
    }
}
