//! The account of this profile: what belongs to it, and how it goes from device to device.
//!
//! Nobody needs one. With one, a person signs in on any machine of the network: the archive keeps
//! what the account is made of, sealed (`docs/CRYPT.md`, "Accounts").

mod bundle;
mod job;
mod keeping;
mod people;
pub(super) mod person;
mod questions;
mod rekeying;
mod work;

pub use bundle::{AccountBundle, AccountPlace, BundleRoom, DeviceNote, Stamp, Stamped};
pub use work::{PasswordWork, PasswordWorked};

use parlor_protocol::{
    DeviceId, Name,
    account::AccountRequest,
    wire::{Answer, Request},
};
use std::collections::BTreeMap;

use super::{
    Engine,
    io::{CallId, JobId},
    sync::Asked,
};
use crate::{
    command::{AccountCommand, Reply},
    store::AccountRecord,
};
use job::{AccountJob, Goal};
use questions::Question;

/// Everything about the account.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) record: Option<AccountRecord>,
    job: Option<AccountJob>,
    /// Single questions that wait for their answers.
    questions: BTreeMap<CallId, Question>,
    /// The job's request is under way.
    is_asking: bool,
    /// The vault is being read or written.
    is_syncing: bool,
    /// The version of the vault that is being written.
    sent: Option<u64>,
    /// The person knows that the archive shows a wrong vault.
    warned: bool,
}

impl Account {
    pub(super) fn new(record: Option<AccountRecord>) -> Self {
        Self { record, ..Self::default() }
    }
}

impl Engine {
    /// What a person asks about the account.
    pub(super) fn on_account_command(&mut self, call: CallId, command: AccountCommand) {
        match command {
            AccountCommand::Status => {
                let view = self.account_view();
                self.reply(Some(call), Ok(Reply::Account(view)));
            }
            AccountCommand::Register { name, password, token, device, archive } => {
                self.person.suggested = Some(device.clone());
                self.begin_account(call, Goal::Register { name, password, token, device }, archive);
            }
            AccountCommand::LogIn { name, password, recovery, device, archive } => {
                self.person.suggested = Some(device.clone());
                self.begin_account(call, Goal::LogIn { name, password, recovery, device }, archive);
            }
            AccountCommand::Recover { name, token, password, recovery, device, archive } => {
                self.person.suggested = Some(device.clone());
                self.begin_account(call, Goal::Recover { name, token, password, recovery, device }, archive);
            }
            AccountCommand::ChangePassword { old, new } => {
                self.begin_account(call, Goal::Change { old, new }, None);
            }
            AccountCommand::Delete { password } => self.begin_account(call, Goal::Delete { password }, None),
            AccountCommand::LogOut => {
                if let Some(archive) = self.account.record.as_ref().map(|record| record.archive) {
                    // Best said, but not needed: whoever does not hear it lists this device a while longer.
                    self.ask(archive, &Request::Account(AccountRequest::LogOut), Asked::Receipt);
                }
                self.forget_account(Some(call));
            }
            AccountCommand::Devices => self.ask_archive(call, AccountRequest::Devices),
            AccountCommand::RenameDevice { device, name } => {
                self.ask_archive(call, AccountRequest::RenameDevice { device, name });
            }
            AccountCommand::SignOut { device } => self.ask_archive(call, AccountRequest::RevokeDevice { device }),
        }
    }

    /// An answer about accounts, or none when it was lost.
    pub(super) fn on_account_answer(&mut self, job: Option<JobId>, peer: DeviceId, answer: Option<Answer>) {
        match job {
            Some(id) => self.on_job_answer(id, answer),
            None => self.on_vault_answer(peer, answer),
        }
    }

    /// An archive is here: a job may wait for it, and so may the vault.
    pub(super) fn account_met(&mut self, archive: DeviceId) {
        self.continue_account();
        if self.account.record.as_ref().is_some_and(|record| record.archive == archive) {
            self.tell_account();
            self.check_vault();
            self.sign_out_revoked(archive);
        }
    }
}

/// What a device is called when its shell says nothing.
#[must_use]
pub fn device_name(host: Option<&str>) -> Option<Name> {
    // Containers are often called by a part of their id.
    let named = host.and_then(|host| Name::choose(host).or_else(|_| Name::choose(&format!("device {host}"))).ok());
    named.or_else(|| Name::new("device").ok())
}
