//! Registering, signing in, recovering, changing the password, deleting: one at a time, step by step.
//!
//! Every step is a request to one archive. A step whose answer was lost is asked again with the very
//! same bytes, which archives answer the same.

use parlor_protocol::{
    DeviceId, Name,
    account::{
        AccessToken, AccountAnswer, AccountRefusal, AccountRequest, Binding, ExportKey, LoggingIn, OpenVault, Password,
        RecoveryKey, RecoveryLock, RegisterUpload, Registered, Registering, TokenProof, UserName, VaultKey,
        VaultRecord,
    },
    error::LogInError,
    keys::Secret,
    wire::{Answer, Request},
};
use std::collections::BTreeSet;

use super::{
    AccountBundle, PasswordWork, PasswordWorked,
    rekeying::{Before, Changing, Rekeyed},
};
use crate::{
    command::{RecoveryWords, Reply},
    engine::{
        Engine,
        io::{CallId, JobId, Output},
        sync::Asked,
        timers::Timer,
    },
    error::CommandError,
};

/// How long to look for an archive, in milliseconds.
const NOBODY_AFTER_MS: u64 = 12_000;
/// How often to look for one, and to ask a busy one again, in milliseconds.
const LOOK_EVERY_MS: u64 = 500;
/// How long it takes until other archives are found, in milliseconds, if there are any.
const OTHERS_WITHIN_MS: u64 = 1_000;
/// How often one step is asked again while the archive is busy.
const REPEATS_MAX: u32 = 20;
/// As how many of these one counts that was lost.
const LOST_COUNTS: u32 = 7;

/// What a job is to bring about.
#[derive(Debug)]
pub(in crate::engine) enum Goal {
    Register { name: UserName, password: Password, token: Option<AccessToken>, device: Name },
    LogIn { name: UserName, password: Password, recovery: Option<RecoveryKey>, device: Name },
    Recover { name: UserName, token: AccessToken, password: Password, recovery: Option<RecoveryKey>, device: Name },
    Change { old: Password, new: Password },
    Delete { password: Password },
}

/// Where a job stands.
#[derive(Debug)]
pub(super) enum Step {
    /// No archive was asked yet.
    Looking,
    /// A password is being set: at the archive, or being stretched.
    Setting(Option<Box<Registering>>),
    /// A login is under way.
    LoggingIn(Option<Box<LoggingIn>>, Option<ExportKey>),
    /// The last request is under way; what it brings when it is done.
    Finishing(Box<Finish>),
}

#[derive(Debug)]
pub(super) enum Finish {
    Registered { key: VaultKey, recovery: RecoveryKey, name: UserName },
    Reset,
    Changed(Changing),
    Deleted,
    Recovered { bundle: Box<AccountBundle>, key: VaultKey, lock: RecoveryLock, version: u64, name: UserName },
}

/// A job.
#[derive(Debug)]
pub(in crate::engine) struct AccountJob {
    id: JobId,
    call: CallId,
    goal: Goal,
    /// The only archive to ask, if one was named.
    only: Option<DeviceId>,
    archive: Option<DeviceId>,
    tried: BTreeSet<DeviceId>,
    started: u64,
    step: Step,
    /// The account as it was before its password changes.
    before: Option<Before>,
    /// The request under way, to ask again.
    request: Option<AccountRequest>,
    repeats: u32,
}

impl Engine {
    /// Begins a job; one at a time.
    pub(super) fn begin_account(&mut self, call: CallId, goal: Goal, only: Option<DeviceId>) {
        let signed_in = self.account.record.as_ref().is_some_and(|record| record.signed_in);
        let wants_none = matches!(goal, Goal::Register { .. } | Goal::LogIn { .. } | Goal::Recover { .. });
        let error = match () {
            () if self.account.job.is_some() => Some(CommandError::AccountBusy),
            () if wants_none && signed_in => Some(CommandError::AlreadySignedIn),
            () if !wants_none && self.account.record.is_none() => Some(CommandError::NotSignedIn),
            () if matches!(goal, Goal::Register { .. }) && self.profile_body().is_none() => Some(CommandError::NoName),
            () => None,
        };
        if let Some(error) = error {
            self.reply(Some(call), Err(error));
            return;
        }
        // A change is for the archive that has the account.
        let only = only.or_else(|| self.account.record.as_ref().filter(|_| !wants_none).map(|record| record.archive));
        let id = JobId(self.number());
        let started = self.now.mono;
        self.account.job = Some(AccountJob {
            id,
            call,
            goal,
            only,
            archive: None,
            tried: BTreeSet::new(),
            started,
            step: Step::Looking,
            before: None,
            request: None,
            repeats: 0,
        });
        self.continue_account();
    }

    /// Goes on where a job waits: looks for an archive, or asks a busy one again.
    pub(in crate::engine) fn continue_account(&mut self) {
        let archives = self.connections.archives();
        let Some(job) = self.account.job.as_mut() else { return };
        if job.archive.is_some() {
            if let Some(request) = job.request.clone().filter(|_| !self.account.is_asking) {
                self.ask_account(request);
            }
            return;
        }
        // What lasts is not given to whoever calls itself an archive first.
        let lasts = matches!(job.goal, Goal::Register { .. } | Goal::Recover { .. });
        if lasts && job.only.is_none() {
            if archives.len() > 1 {
                return self.fail_account(CommandError::ManyArchives { archives });
            }
            if self.now.mono.saturating_sub(job.started) < OTHERS_WITHIN_MS {
                self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Account);
                return;
            }
        }
        let may_ask = |archive: &DeviceId| job.only.is_none_or(|only| only == *archive) && !job.tried.contains(archive);
        if let Some(archive) = archives.into_iter().find(may_ask) {
            job.archive = Some(archive);
            job.tried.insert(archive);
            self.start_goal(archive);
            return;
        }
        if !job.tried.is_empty() {
            // Everybody was asked and said no.
            return self.fail_account(CommandError::WrongLogIn);
        }
        if self.now.mono.saturating_sub(job.started) >= NOBODY_AFTER_MS {
            return self.fail_account(CommandError::NoArchive);
        }
        self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Account);
    }

    fn start_goal(&mut self, archive: DeviceId) {
        let binding = Binding { device: self.me(), archive };
        let Some(job) = self.account.job.as_ref() else { return };
        match &job.goal {
            Goal::Register { name, password, token, .. } => {
                let (name, password) = (name.clone(), password.clone());
                let token = token.as_ref().map(|token| token.proof(&binding));
                self.start_setting(name.clone(), password, |message| AccountRequest::StartRegister {
                    name,
                    token,
                    message,
                });
            }
            Goal::Recover { name, password, token, .. } => {
                let (name, password, token) = (name.clone(), password.clone(), token.proof(&binding));
                self.start_setting(name.clone(), password, |message| AccountRequest::StartReset {
                    name,
                    token,
                    message,
                });
            }
            Goal::LogIn { name, password, .. } => {
                let (name, password) = (name.clone(), password.clone());
                self.start_login(archive, name, password);
            }
            Goal::Change { old: password, .. } | Goal::Delete { password } => {
                let password = password.clone();
                match self.account.record.as_ref().map(|record| record.name.clone()) {
                    Some(name) => self.start_login(archive, name, password),
                    None => self.fail_account(CommandError::NotSignedIn),
                }
            }
        }
    }

    fn start_setting(
        &mut self,
        name: UserName,
        password: Password,
        request: impl FnOnce(parlor_protocol::account::RegisterRequest) -> AccountRequest,
    ) {
        match Registering::start(name, password, &mut self.rng) {
            Ok((state, message)) => {
                self.set_step(Step::Setting(Some(Box::new(state))));
                self.ask_account(request(message));
            }
            Err(error) => self.fail_account(stretching_failed(error)),
        }
    }

    fn start_login(&mut self, archive: DeviceId, name: UserName, password: Password) {
        let binding = Binding { device: self.me(), archive };
        match LoggingIn::start(name.clone(), password, binding, &mut self.rng) {
            Ok((state, message)) => {
                self.set_step(Step::LoggingIn(Some(Box::new(state)), None));
                self.ask_account(AccountRequest::StartLogIn { name, message });
            }
            Err(error) => self.fail_account(stretching_failed(error)),
        }
    }

    pub(super) fn account_job(&self) -> Option<JobId> {
        self.account.job.as_ref().map(|job| job.id)
    }

    /// The change of keys that a job has come to.
    pub(super) fn changing(&mut self, id: JobId) -> Option<&mut Changing> {
        let job = self.account.job.as_mut().filter(|job| job.id == id)?;
        match &mut job.step {
            Step::Finishing(finish) => match &mut **finish {
                Finish::Changed(changing) => Some(changing),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn set_step(&mut self, step: Step) {
        if let Some(job) = self.account.job.as_mut() {
            job.step = step;
        }
    }

    /// Asks the job's archive, and remembers the request until it is answered.
    pub(super) fn ask_account(&mut self, request: AccountRequest) {
        let Some(job) = self.account.job.as_mut() else { return };
        let (Some(archive), id) = (job.archive, job.id) else { return };
        job.request = Some(request.clone());
        self.account.is_asking = true;
        self.ask(archive, &Request::Account(request), Asked::Account { job: Some(id), peer: archive });
    }

    /// The archive's answer to the job's request, or none when it was lost.
    pub(super) fn on_job_answer(&mut self, id: JobId, answer: Option<Answer>) {
        self.account.is_asking = false;
        let Some(job) = self.account.job.as_mut().filter(|job| job.id == id) else { return };
        let answer = match answer {
            Some(Answer::Account(answer)) => answer,
            // Lost, which took long to be seen, or busy: the same again, a little later.
            _ if job.repeats < REPEATS_MAX => {
                job.repeats += if answer.is_none() { LOST_COUNTS } else { 1 };
                self.timers.set(self.now.mono + LOOK_EVERY_MS, Timer::Account);
                return;
            }
            _ => return self.fail_account(CommandError::ArchiveSilent),
        };
        job.request = None;
        job.repeats = 0;
        let step = std::mem::replace(&mut job.step, Step::Looking);
        match (step, answer) {
            (Step::Setting(Some(state)), AccountAnswer::Registering(answer)) => {
                let seed = Secret::random(&mut self.rng);
                self.set_step(Step::Setting(None));
                self.out.push(Output::Password { job: id, work: PasswordWork::Register { state, answer, seed } });
            }
            (Step::LoggingIn(Some(state), _), AccountAnswer::LoggingIn(answer)) => {
                let seed = Secret::random(&mut self.rng);
                self.set_step(Step::LoggingIn(None, None));
                self.out.push(Output::Password { job: id, work: PasswordWork::LogIn { state, answer, seed } });
            }
            (Step::LoggingIn(None, Some(export)), AccountAnswer::LoggedIn(vault)) => self.on_logged_in(&export, vault),
            (Step::Finishing(finish), AccountAnswer::Done) => self.on_finished(*finish),
            (Step::Finishing(finish), AccountAnswer::VaultChanged(vault)) => match *finish {
                Finish::Changed(changing) => self.change_again(changing, vault),
                _ => self.fail_account(CommandError::ArchiveSilent),
            },
            (_, AccountAnswer::Refused(AccountRefusal::WrongLogIn)) => self.try_elsewhere(),
            (_, AccountAnswer::Refused(refusal)) => self.fail_account(refused(refusal)),
            _ => self.fail_account(CommandError::ArchiveSilent),
        }
    }

    /// A password was stretched.
    pub(in crate::engine) fn on_password(&mut self, id: JobId, worked: PasswordWorked) {
        let Some(job) = self.account.job.as_mut().filter(|job| job.id == id) else { return };
        match worked {
            PasswordWorked::Registered(Ok(registered)) => self.on_set(registered),
            PasswordWorked::Proven(Ok(proven)) => {
                job.step = Step::LoggingIn(None, Some(proven.export));
                let device = match &job.goal {
                    Goal::LogIn { device, .. } | Goal::Recover { device, .. } => Some(device.clone()),
                    _ => None,
                };
                let device = device.or_else(|| Name::new("device").ok());
                match device {
                    Some(device) => self.ask_account(AccountRequest::FinishLogIn { proof: proven.proof, device }),
                    None => self.fail_account(CommandError::Stopped),
                }
            }
            PasswordWorked::Proven(Err(LogInError::Wrong)) => self.try_elsewhere(),
            PasswordWorked::Registered(Err(error)) | PasswordWorked::Proven(Err(error)) => {
                self.fail_account(stretching_failed(error));
            }
        }
    }

    /// Name or password is wrong at this archive; another one may have the account.
    fn try_elsewhere(&mut self) {
        let Some(job) = self.account.job.as_mut() else { return };
        if matches!(job.goal, Goal::LogIn { .. }) && job.only.is_none() {
            job.archive = None;
            job.request = None;
            job.step = Step::Looking;
            self.continue_account();
        } else {
            self.fail_account(CommandError::WrongLogIn);
        }
    }

    /// A new password is set: the last request follows.
    fn on_set(&mut self, registered: Registered) {
        let Some(job) = self.account.job.as_ref() else { return };
        let Registered { record, export } = registered;
        let binding = job.archive.map(|archive| Binding { device: self.me(), archive });
        match &job.goal {
            Goal::Register { name, token, device, .. } => {
                let token = binding.and_then(|binding| Some(token.as_ref()?.proof(&binding)));
                let (name, device) = (name.clone(), device.clone());
                self.finish_registering(name, token, device, record, &export);
            }
            Goal::Recover { name, token, .. } => {
                let Some(token) = binding.map(|binding| token.proof(&binding)) else { return };
                let request = AccountRequest::FinishReset { name: name.clone(), token, record };
                self.set_step(Step::Finishing(Box::new(Finish::Reset)));
                self.ask_account(request);
            }
            Goal::Change { .. } => {
                let before = self.account.job.as_mut().and_then(|job| job.before.take());
                match before {
                    Some(before) => self.change_keys(before, Registered { record, export }),
                    None => self.fail_account(CommandError::NotSignedIn),
                }
            }
            Goal::LogIn { .. } | Goal::Delete { .. } => {}
        }
    }

    fn finish_registering(
        &mut self,
        name: UserName,
        token: Option<TokenProof>,
        device: Name,
        record: RegisterUpload,
        export: &ExportKey,
    ) {
        let (key, recovery) = (VaultKey::random(&mut self.rng), RecoveryKey::random(&mut self.rng));
        let bundle = self.bundle_now();
        let vault = bundle.encode().ok().and_then(|contents| {
            Some(VaultRecord {
                version: 1,
                sealed: key.seal(&name, 1, &recovery.lock(), &contents, &mut self.rng).ok()?,
                by_password: Some(key.wrap(&name, export, &mut self.rng).ok()?),
                by_recovery: key.wrap_for_recovery(&name, &recovery.lock(), &mut self.rng).ok()?,
            })
        });
        let Some(vault) = vault else { return self.fail_account(CommandError::VaultFull) };
        let finish = Finish::Registered { key, recovery, name: name.clone() };
        self.set_step(Step::Finishing(Box::new(finish)));
        self.ask_account(AccountRequest::FinishRegister { name, token, record, vault, device });
    }

    /// The archive has let this device in.
    fn on_logged_in(&mut self, export: &ExportKey, vault: VaultRecord) {
        let Some(job) = self.account.job.as_ref() else { return };
        match &job.goal {
            Goal::Change { new, .. } => {
                let new = new.clone();
                let before = self.before_change(export, vault);
                if let Some(job) = self.account.job.as_mut() {
                    job.before = before;
                }
                match self.account.record.as_ref().map(|record| record.name.clone()) {
                    Some(name) => self.start_setting(name, new, |message| AccountRequest::StartChange { message }),
                    None => self.fail_account(CommandError::NotSignedIn),
                }
            }
            Goal::Delete { .. } => {
                self.set_step(Step::Finishing(Box::new(Finish::Deleted)));
                self.ask_account(AccountRequest::Delete);
            }
            Goal::LogIn { name, recovery, .. } | Goal::Recover { name, recovery, .. } => {
                let (name, recovery) = (name.clone(), recovery.clone());
                self.open_vault(&name, recovery.as_ref(), export, vault);
            }
            Goal::Register { .. } => {}
        }
    }

    fn open_vault(&mut self, name: &UserName, recovery: Option<&RecoveryKey>, export: &ExportKey, vault: VaultRecord) {
        let by_password = vault.by_password.as_ref().and_then(|wrapped| VaultKey::unwrap(name, export, wrapped).ok());
        let recovered = recovery.and_then(|recovery| VaultKey::recover(name, recovery, &vault.by_recovery).ok());
        let is_reset = by_password.is_none();
        let Some(key) = by_password.or(recovered) else {
            let error = if recovery.is_some() { CommandError::RecoveryWrong } else { CommandError::VaultLocked };
            return self.fail_account(error);
        };
        let opened = key.open(name, vault.version, &vault.sealed).ok();
        let Some((lock, bundle)) = opened.and_then(|OpenVault { lock, contents }| {
            AccountBundle::decode(&contents).ok().map(|bundle| (lock, bundle))
        }) else {
            return self.fail_account(CommandError::VaultDamaged);
        };
        if !is_reset {
            return self.enter_account(name.clone(), key, lock, vault.version, bundle);
        }
        let Some(Rekeyed { key, vault: next }) = self.rekey(name, export, &lock, &bundle, vault.version) else {
            return self.fail_account(CommandError::VaultDamaged);
        };
        let (version, bundle) = (next.version, Box::new(bundle));
        let finish = Finish::Recovered { bundle, key, lock, version, name: name.clone() };
        self.set_step(Step::Finishing(Box::new(finish)));
        self.ask_account(AccountRequest::PutVaultAndKeys { expected: vault.version, vault: next });
    }

    fn on_finished(&mut self, finish: Finish) {
        match finish {
            Finish::Registered { key, recovery, name } => {
                let reply = Reply::Registered(RecoveryWords::new(recovery.words()));
                self.keep_account(name, key, recovery.lock(), 1, reply);
            }
            Finish::Reset => {
                let Some(job) = self.account.job.as_ref() else { return };
                let (Some(archive), Goal::Recover { name, password, .. }) = (job.archive, &job.goal) else { return };
                let (name, password) = (name.clone(), password.clone());
                self.start_login(archive, name, password);
            }
            Finish::Changed(changing) => self.keys_changed(changing),
            Finish::Deleted => self.leave_account(),
            Finish::Recovered { bundle, key, lock, version, name } => {
                self.enter_account(name, key, lock, version, *bundle);
            }
        }
    }

    /// The archive that the job talks to, and who asked for it; the job ends with it.
    pub(super) fn take_account_job(&mut self) -> Option<(CallId, DeviceId)> {
        self.account.is_asking = false;
        let job = self.account.job.take()?;
        Some((job.call, job.archive?))
    }

    /// Ends the job with an answer.
    pub(super) fn end_account(&mut self, result: crate::command::CommandResult) {
        self.account.is_asking = false;
        if let Some(job) = self.account.job.take() {
            self.reply(Some(job.call), result);
        }
    }

    pub(in crate::engine) fn fail_account(&mut self, error: CommandError) {
        self.end_account(Err(error));
    }
}

fn stretching_failed(error: LogInError) -> CommandError {
    match error {
        LogInError::Wrong => CommandError::WrongLogIn,
        LogInError::Malformed => CommandError::ArchiveSilent,
        LogInError::NoMemory => CommandError::Invalid { what: error.to_string() },
    }
}

/// A refusal of the archive, as people are told.
pub(super) fn refused(refusal: AccountRefusal) -> CommandError {
    match refusal {
        AccountRefusal::WrongLogIn => CommandError::WrongLogIn,
        AccountRefusal::NotSignedIn => CommandError::NotSignedIn,
        AccountRefusal::NameTaken => CommandError::NameTaken,
        AccountRefusal::Closed => CommandError::RegistrationClosed,
        AccountRefusal::Token => CommandError::TokenWrong,
        AccountRefusal::Wait { ms } => CommandError::TryLater { seconds: ms.div_ceil(1_000) },
        AccountRefusal::Disabled => CommandError::AccountDisabled,
        AccountRefusal::TooManyDevices => CommandError::TooManyDevices,
        AccountRefusal::Full => CommandError::ArchiveFull,
        AccountRefusal::LogInAgain
        | AccountRefusal::Unavailable
        | AccountRefusal::Unfit
        | AccountRefusal::Other { .. } => CommandError::ArchiveSilent,
    }
}
