//! The desk as devices see it, over the embedded store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_protocol::{
    account::{
        AccessToken, ExportKey, LoggingIn, Password, RecoveryKey, RecoveryLock, Registering, SealedVault, VaultKey,
    },
    keys::Secret,
};
use tempfile::TempDir;

use super::*;
use crate::{
    accounts::UsersAction,
    accounts::carry_out,
    fixture::rng,
    store::{EmbeddedStore, Tries},
};

/// What the machines are called.
const DESK: Label = Label("desk");

struct Label(&'static str);

impl Label {
    fn name(&self) -> Name {
        Name::new(self.0).unwrap()
    }
}

struct Place {
    desk: Desk,
    folder: TempDir,
}

fn device(seed: u8) -> DeviceId {
    DeviceId::from_bytes([seed; 32])
}

/// Each machine has an address of its own.
fn at(seed: u8) -> Source {
    Source::V4([192, 0, 2, seed].into())
}

fn lock() -> RecoveryLock {
    RecoveryKey::random(&mut rng(10)).lock()
}

/// A vault under a new key, as the version after another one.
fn next(before: u64, export: &ExportKey, contents: &[u8]) -> VaultRecord {
    let (anna, version, key) = (user("anna"), before + 1, VaultKey::random(&mut rng(77)));
    VaultRecord {
        version,
        sealed: key.seal(&anna, version, &lock(), contents, &mut rng(8)).unwrap(),
        by_password: Some(key.wrap(&anna, export, &mut rng(9)).unwrap()),
        by_recovery: key.wrap_for_recovery(&anna, &lock(), &mut rng(11)).unwrap(),
    }
}

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn archive() -> DeviceId {
    device(200)
}

impl Place {
    fn new(sign_up: SignUp) -> Self {
        Self::at(tempfile::tempdir().unwrap(), sign_up)
    }

    fn at(folder: TempDir, sign_up: SignUp) -> Self {
        let store = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
        let desk = Desk::new(store, Server::random(&mut rng(1)), archive(), sign_up, rng(2));
        Self { desk, folder }
    }

    async fn restarted(self, sign_up: SignUp) -> Self {
        self.desk.store.close().await;
        Self::at(self.folder, sign_up)
    }

    async fn ask(&self, from: u8, request: AccountRequest) -> AccountAnswer {
        self.desk.answer(device(from), at(from), request).await
    }

    async fn refused(&self, from: u8, request: AccountRequest) -> AccountRefusal {
        match self.ask(from, request).await {
            AccountAnswer::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    async fn admin(&self, action: UsersAction) -> String {
        carry_out(self.desk.store.accounts(), action, &mut rng(now_ms()), now_ms()).await.unwrap()
    }

    /// The record and export key of a password.
    async fn set(&self, from: u8, name: &str, password: &str, start: StartWith<'_>) -> Result<Set, AccountRefusal> {
        let (state, message) = Registering::start(user(name), Password::new(password).unwrap(), &mut rng(3)).unwrap();
        let shown = |token: &AccessToken| token.proof(&binding(from));
        let request = match start {
            StartWith::Register(token) => {
                AccountRequest::StartRegister { name: user(name), token: token.map(shown), message }
            }
            StartWith::Change => AccountRequest::StartChange { message },
            StartWith::Reset(token) => AccountRequest::StartReset { name: user(name), token: shown(token), message },
        };
        match self.ask(from, request).await {
            AccountAnswer::Registering(answer) => {
                let done = state.finish(&answer, &Secret::from_bytes([5; 32])).unwrap();
                Ok(Set { record: done.record, export: done.export })
            }
            AccountAnswer::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// What finishes a registration.
    async fn prepared(
        &self,
        from: u8,
        name: &str,
        password: &str,
        token: Option<&AccessToken>,
    ) -> Result<AccountRequest, AccountRefusal> {
        let set = self.set(from, name, password, StartWith::Register(token)).await?;
        let key = VaultKey::random(&mut rng(7));
        let vault = VaultRecord {
            version: 1,
            sealed: key.seal(&user(name), 1, &lock(), b"rooms", &mut rng(8)).unwrap(),
            by_password: Some(key.wrap(&user(name), &set.export, &mut rng(9)).unwrap()),
            by_recovery: key.wrap_for_recovery(&user(name), &lock(), &mut rng(11)).unwrap(),
        };
        let (name, token) = (user(name), token.map(|token| token.proof(&binding(from))));
        Ok(AccountRequest::FinishRegister { name, token, record: set.record, vault, device: DESK.name() })
    }

    async fn register(&self, from: u8, name: &str, password: &str, token: Option<&AccessToken>) -> AccountAnswer {
        match self.prepared(from, name, password, token).await {
            Ok(request) => self.ask(from, request).await,
            Err(refusal) => AccountAnswer::Refused(refusal),
        }
    }

    /// The first step of a login, and what finishes it when the password was right.
    async fn started(
        &self,
        from: u8,
        name: &str,
        password: &str,
    ) -> Result<Option<(AccountRequest, ExportKey)>, AccountRefusal> {
        let binding = binding(from);
        let (state, message) =
            LoggingIn::start(user(name), Password::new(password).unwrap(), binding, &mut rng(4)).unwrap();
        match self.ask(from, AccountRequest::StartLogIn { name: user(name), message }).await {
            AccountAnswer::LoggingIn(answer) => {
                Ok(state.finish(&answer, &Secret::from_bytes([5; 32])).ok().map(|proven| {
                    (AccountRequest::FinishLogIn { proof: proven.proof, device: DESK.name() }, proven.export)
                }))
            }
            AccountAnswer::Refused(refusal) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    async fn log_in(&self, from: u8, name: &str, password: &str) -> Option<(AccountAnswer, ExportKey)> {
        let (finish, export) = self.started(from, name, password).await.unwrap()?;
        Some((self.ask(from, finish).await, export))
    }

    async fn logged_in(&self, from: u8, name: &str, password: &str) -> VaultRecord {
        match self.log_in(from, name, password).await {
            Some((AccountAnswer::LoggedIn(vault), _)) => vault,
            other => panic!("{other:?}"),
        }
    }
}

enum StartWith<'a> {
    Register(Option<&'a AccessToken>),
    Change,
    Reset(&'a AccessToken),
}

struct Set {
    record: RegisterUpload,
    export: ExportKey,
}

fn sealed(contents: &[u8]) -> SealedVault {
    SealedVault::from_bytes(contents.to_vec()).unwrap()
}

fn binding(from: u8) -> Binding {
    Binding { device: device(from), archive: archive() }
}

fn token_in(text: &str) -> AccessToken {
    text.split_whitespace().find_map(|word| word.parse().ok()).expect("a token")
}

#[tokio::test]
async fn a_person_registers_on_one_machine_and_signs_in_on_another() {
    let place = Place::new(SignUp::Open);
    let request = place.prepared(1, "anna", "correct horse", None).await.unwrap();
    assert_eq!(place.ask(1, request.clone()).await, AccountAnswer::Done);
    assert_eq!(place.ask(1, request.clone()).await, AccountAnswer::Done, "the answer was lost, the same once more");
    assert_eq!(place.refused(2, request).await, AccountRefusal::NameTaken, "by another machine");
    let vault = place.logged_in(2, "anna", "correct horse").await;
    assert_eq!(vault.version, 1);
    assert!(place.log_in(3, "anna", "correct house").await.is_none(), "the machine itself sees that it is wrong");
    let AccountAnswer::Devices(devices) = place.ask(2, AccountRequest::Devices).await else { panic!() };
    assert_eq!(devices.iter().map(|known| known.device.device).collect::<Vec<_>>(), [device(1), device(2)]);
    assert_eq!(
        place.register(4, "\u{430}nna", "another one", None).await,
        AccountAnswer::Refused(AccountRefusal::NameTaken)
    );

    // Everything after the login hangs on the connected machine.
    assert_eq!(place.refused(3, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
    assert_eq!(place.ask(3, AccountRequest::Status).await, AccountAnswer::Status(None));
    assert_eq!(place.ask(2, AccountRequest::RevokeDevice { device: device(1) }).await, AccountAnswer::Done);
    assert_eq!(place.refused(1, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
    let place = place.restarted(SignUp::Open).await;
    assert!(matches!(place.ask(2, AccountRequest::Vault).await, AccountAnswer::Vault(_)), "a restart signs nobody out");
    assert_eq!(place.ask(2, AccountRequest::LogOut).await, AccountAnswer::Done);
    assert_eq!(place.refused(2, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
}

#[tokio::test]
async fn of_two_vaults_written_at_once_the_second_is_told() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    let put = |contents: &[u8]| AccountRequest::PutVault { expected: 1, sealed: sealed(contents) };
    assert_eq!(place.ask(1, put(b"one")).await, AccountAnswer::Done);
    assert_eq!(place.ask(1, put(b"one")).await, AccountAnswer::Done, "the same once more");
    let AccountAnswer::VaultChanged(now) = place.ask(2, put(b"two")).await else { panic!() };
    assert_eq!((now.version, now.sealed.as_bytes()), (2, b"one".as_slice()));
    let next = AccountRequest::PutVault { expected: 2, sealed: sealed(b"both") };
    assert_eq!(place.ask(2, next).await, AccountAnswer::Done);
}

#[tokio::test]
async fn a_password_is_changed_only_right_after_a_login() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    let start = place.set(1, "anna", "battery staple", StartWith::Change).await;
    assert_eq!(start.err(), Some(AccountRefusal::LogInAgain));
    assert_eq!(place.refused(1, AccountRequest::Delete).await, AccountRefusal::LogInAgain);
    let vault = place.logged_in(1, "anna", "correct horse").await;
    let set = place.set(1, "anna", "battery staple", StartWith::Change).await.unwrap();
    let vault = next(vault.version, &set.export, b"rooms");
    let finish = AccountRequest::FinishChange { record: set.record, expected: 1, vault: vault.clone() };
    assert_eq!(place.ask(1, finish).await, AccountAnswer::Done);
    assert!(place.log_in(2, "anna", "correct horse").await.is_none());
    let now = place.logged_in(2, "anna", "battery staple").await;
    assert_eq!(now, vault);
    assert_eq!(place.ask(2, AccountRequest::Delete).await, AccountAnswer::Done);
    assert!(place.log_in(1, "anna", "battery staple").await.is_none());
    assert_eq!(place.refused(1, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
}

#[tokio::test]
async fn a_device_that_was_signed_out_right_after_it_logged_in_changes_and_deletes_nothing() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    let set = place.set(2, "anna", "of a thief", StartWith::Change).await.unwrap();
    let vault = next(1, &set.export, b"rooms");
    let finish = AccountRequest::FinishChange { record: set.record, expected: 1, vault };
    let out = AccountRequest::RevokeDevice { device: device(2) };
    assert_eq!(place.ask(1, out.clone()).await, AccountAnswer::Done);
    assert_eq!(place.refused(2, finish.clone()).await, AccountRefusal::NotSignedIn);
    assert_eq!(place.refused(2, AccountRequest::Delete).await, AccountRefusal::LogInAgain);
    assert_eq!(place.set(2, "anna", "again", StartWith::Change).await.err(), Some(AccountRefusal::LogInAgain));
    // Signed out at another archive of the same database, which this one's memory knows nothing of.
    place.logged_in(2, "anna", "correct horse").await;
    let rng = rng(3);
    let elsewhere =
        Desk::new(Arc::clone(&place.desk.store), Server::random(&mut rng.clone()), archive(), SignUp::Open, rng);
    assert_eq!(elsewhere.answer(device(1), at(1), out).await, AccountAnswer::Done);
    assert_eq!(place.refused(2, finish).await, AccountRefusal::NotSignedIn);
    assert_eq!(place.refused(2, AccountRequest::Delete).await, AccountRefusal::NotSignedIn);
    assert!(place.log_in(3, "anna", "correct horse").await.is_some(), "the account is as it was");
}

#[tokio::test]
async fn the_list_of_devices_tells_to_the_hour_when_each_was_there() {
    let place = Place::new(SignUp::Open);
    let began = now_ms();
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    let listed = async |place: &Place| match place.ask(2, AccountRequest::Devices).await {
        AccountAnswer::Devices(devices) => devices,
        other => panic!("devices, not {other:?}"),
    };
    for known in listed(&place).await {
        let seen = known.last_seen.unwrap();
        assert!(seen.is_multiple_of(3_600_000) && seen <= now_ms() && seen + 3_600_000 > began, "{seen}");
    }
    // What was noted long ago stays so until the device is there again.
    place.desk.store.accounts().note_seen(device(1), 3_600_000).await.unwrap();
    let place = place.restarted(SignUp::Open).await;
    assert_eq!(listed(&place).await[0].last_seen, Some(3_600_000));
    place.ask(1, AccountRequest::Vault).await;
    assert!(listed(&place).await[0].last_seen.unwrap() > 3_600_000);
    // Who is not signed in is not noted, and who was signed out is forgotten.
    assert_eq!(place.refused(7, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
    assert_eq!(place.ask(2, AccountRequest::RevokeDevice { device: device(1) }).await, AccountAnswer::Done);
    assert_eq!(listed(&place).await.len(), 1);
}

#[tokio::test]
async fn an_unknown_name_is_answered_like_a_wrong_password() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    for name in ["anna", "nobody"] {
        assert!(place.started(9, name, "a guess").await.unwrap().is_none(), "{name}");
        let proof = parlor_protocol::account::LogInProof::try_from([1; 64].as_slice()).unwrap();
        let finish = || AccountRequest::FinishLogIn { proof: proof.clone(), device: DESK.name() };
        assert_eq!(place.refused(9, finish()).await, AccountRefusal::WrongLogIn, "{name}");
        assert_eq!(place.refused(9, finish()).await, AccountRefusal::LogInAgain, "{name}");
    }
}

/// The first step of a login with a guess.
async fn guess(place: &Place, from: u8, name: &str) -> AccountAnswer {
    let binding = Binding { device: device(from), archive: archive() };
    let (_, message) = LoggingIn::start(user(name), Password::new("x").unwrap(), binding, &mut rng(4)).unwrap();
    place.ask(from, AccountRequest::StartLogIn { name: user(name), message }).await
}

#[tokio::test]
async fn guessing_is_slowed_down_also_after_a_restart_and_not_where_the_person_is_signed_in() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    for name in ["anna", "nobody"] {
        let mut allowed = 0;
        // Each guess from another machine: new machines cost a stranger nothing.
        while let AccountAnswer::LoggingIn(_) = guess(&place, 20 + allowed, name).await {
            allowed += 1;
        }
        assert_eq!(allowed, 6, "{name}");
    }
    let place = place.restarted(SignUp::Open).await;
    let refused = guess(&place, 90, "anna").await;
    assert!(matches!(refused, AccountAnswer::Refused(AccountRefusal::Wait { .. })), "{refused:?}");
    place.logged_in(1, "anna", "correct horse").await;
}

#[tokio::test]
async fn a_right_password_does_not_count_as_a_try() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    for machine in 2..22 {
        place.logged_in(machine, "anna", "correct horse").await;
    }
    let tries = place.desk.store.accounts().tries(place.desk.blind.tries_of_name(&user("anna"))).await.unwrap();
    assert_eq!(tries.count, 0);
    // What was wrong stays counted.
    assert!(place.log_in(30, "anna", "correct house").await.is_none());
    place.logged_in(31, "anna", "correct horse").await;
    let tries = place.desk.store.accounts().tries(place.desk.blind.tries_of_name(&user("anna"))).await.unwrap();
    assert_eq!(tries.count, 1);
}

/// Lets so much time pass for somebody's name, with so many tries behind.
async fn let_pass(place: &Place, name: &str, count: u32, ms: u64) {
    let (store, at) = (place.desk.store.accounts(), place.desk.blind.tries_of_name(&user(name)));
    let before = store.tries(at).await.unwrap();
    assert!(store.note_tries(at, before, Tries { count, last: now_ms() - ms, until: u64::MAX }).await.unwrap());
}

#[tokio::test]
async fn a_stranger_who_asks_all_the_time_does_not_take_the_turn_of_a_person_who_waits() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    for name in ["anna", "nobody"] {
        let waits = async |from: u8| {
            let answer = guess(&place, from, name).await;
            let AccountAnswer::Refused(AccountRefusal::Wait { ms }) = answer else {
                panic!("{name} {from}: {answer:?}")
            };
            ms
        };
        let five_minutes = 5 * 60 * 1_000;
        let_pass(&place, name, 30, 0).await;
        assert!(waits(50).await <= five_minutes);
        assert!(waits(60).await > five_minutes, "the second one waits for the first one's turn");
        // The wait is over, and everybody comes at once. New machines stand at the end.
        let_pass(&place, name, 30, five_minutes + 1_000).await;
        for stranger in [60, 61, 62, 60] {
            waits(stranger).await;
        }
        assert!(matches!(guess(&place, 50, name).await, AccountAnswer::LoggingIn(_)), "{name}");
        // It was its turn once. Who does not come when it can gives it to the next one.
        let_pass(&place, name, 30, five_minutes + 1_000).await;
        waits(50).await;
        let_pass(&place, name, 30, five_minutes + 31_000).await;
        assert!(matches!(guess(&place, 61, name).await, AccountAnswer::LoggingIn(_)), "{name}");
    }
}

#[tokio::test]
async fn a_login_cannot_be_replayed_or_taken_to_another_machine() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    let (finish, _) = place.started(2, "anna", "correct horse").await.unwrap().unwrap();
    assert_eq!(place.refused(3, finish.clone()).await, AccountRefusal::LogInAgain, "by a machine that did not begin");
    place.started(3, "anna", "a guess").await.unwrap();
    assert_eq!(place.refused(3, finish.clone()).await, AccountRefusal::WrongLogIn, "nor by one that did");
    assert!(matches!(place.ask(2, finish.clone()).await, AccountAnswer::LoggedIn(_)));
    assert_eq!(place.refused(2, finish).await, AccountRefusal::LogInAgain, "once");
}

#[tokio::test]
async fn tokens_open_registration_once() {
    let place = Place::new(SignUp::Token);
    let closed = AccountAnswer::Refused(AccountRefusal::Token);
    assert_eq!(place.register(1, "anna", "correct horse", None).await, closed);
    let token = token_in(&place.admin(UsersAction::Token).await);
    assert_eq!(place.register(1, "anna", "correct horse", Some(&token)).await, AccountAnswer::Done);
    assert_eq!(place.register(2, "ben", "correct horse", Some(&token)).await, closed);
    let place = place.restarted(SignUp::Closed).await;
    let any = token_in(&place.admin(UsersAction::Token).await);
    assert_eq!(place.register(2, "ben", "correct horse", Some(&any)).await, closed);
    let named = token_in(&place.admin(UsersAction::Add { name: "Ben".into() }).await);
    assert_eq!(place.register(2, "clara", "correct horse", Some(&named)).await, closed);
    assert_eq!(place.register(2, "ben", "correct horse", Some(&named)).await, AccountAnswer::Done);
    assert_eq!(place.register(3, "clara", "correct horse", None).await, AccountAnswer::Refused(AccountRefusal::Closed));
}

#[tokio::test]
async fn an_archive_takes_only_so_many_accounts_and_those_of_its_operator() {
    let mut place = Place::new(SignUp::Open);
    place.desk = place.desk.with_accounts_max(2);
    let begun = place.prepared(3, "clara", "correct horse", None).await.unwrap();
    assert_eq!(place.register(1, "anna", "correct horse", None).await, AccountAnswer::Done);
    assert_eq!(place.register(2, "ben", "correct horse", None).await, AccountAnswer::Done);
    assert_eq!(place.refused(3, begun).await, AccountRefusal::Full, "also for those who began before");
    assert_eq!(place.prepared(3, "clara", "correct horse", None).await.err(), Some(AccountRefusal::Full));
    let named = token_in(&place.admin(UsersAction::Add { name: "Clara".into() }).await);
    assert_eq!(place.register(3, "clara", "correct horse", Some(&named)).await, AccountAnswer::Done);
    place.admin(UsersAction::Remove { name: "anna".into() }).await;
    place.admin(UsersAction::Remove { name: "ben".into() }).await;
    assert_eq!(place.register(4, "dora", "correct horse", None).await, AccountAnswer::Done);
}

#[tokio::test]
async fn a_reset_sets_a_new_password_once_and_opens_nothing() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    let before = place.logged_in(1, "anna", "correct horse").await;
    let token = token_in(&place.admin(UsersAction::Reset { name: "anna".into() }).await);
    let wrong = AccessToken::random(&mut rng(99));
    let start = place.set(2, "anna", "new password", StartWith::Reset(&wrong)).await;
    assert_eq!(start.err(), Some(AccountRefusal::Token));
    let set = place.set(2, "anna", "new password", StartWith::Reset(&token)).await.unwrap();
    let finish =
        AccountRequest::FinishReset { name: user("anna"), token: token.proof(&binding(2)), record: set.record };
    assert_eq!(place.ask(2, finish.clone()).await, AccountAnswer::Done);
    assert_eq!(place.ask(2, finish).await, AccountAnswer::Done, "the answer was lost, the same once more");
    let again = place.set(2, "anna", "newer password", StartWith::Reset(&token)).await;
    assert_eq!(again.err(), Some(AccountRefusal::Token), "once");
    assert!(place.log_in(3, "anna", "correct horse").await.is_none());
    let after = place.logged_in(2, "anna", "new password").await;
    assert_eq!(after, VaultRecord { by_password: None, ..before }, "nobody but the recovery key opens it");
}

#[tokio::test]
async fn what_a_machine_was_shown_that_only_calls_itself_an_archive_opens_nothing_at_the_true_one() {
    let place = Place::new(SignUp::Token);
    let token = token_in(&place.admin(UsersAction::Token).await);
    let false_archive = Binding { device: device(1), archive: device(66) };
    let AccountRequest::FinishRegister { name, record, vault, device: named, .. } =
        place.prepared(1, "anna", "correct horse", Some(&token)).await.unwrap()
    else {
        panic!("a request to register")
    };
    let with = |proof| AccountRequest::FinishRegister {
        name: name.clone(),
        token: Some(proof),
        record: record.clone(),
        vault: vault.clone(),
        device: named.clone(),
    };
    assert_eq!(place.refused(66, with(token.proof(&false_archive))).await, AccountRefusal::Token);
    assert_eq!(place.refused(66, with(token.proof(&binding(1)))).await, AccountRefusal::Token, "also a true one");
    assert_eq!(place.ask(1, with(token.proof(&binding(1)))).await, AccountAnswer::Done);
    let reset = token_in(&place.admin(UsersAction::Reset { name: "anna".into() }).await);
    let with = |proof| AccountRequest::FinishReset { name: name.clone(), token: proof, record: record.clone() };
    assert_eq!(place.refused(66, with(reset.proof(&false_archive))).await, AccountRefusal::Token);
}

#[tokio::test]
async fn a_disabled_account_is_closed_and_only_its_person_is_told() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.admin(UsersAction::Disable { name: "anna".into() }).await;
    assert!(place.admin(UsersAction::List).await.contains("disabled"));
    assert_eq!(place.refused(1, AccountRequest::Vault).await, AccountRefusal::Disabled);
    assert!(place.log_in(2, "anna", "a guess").await.is_none());
    let (answer, _) = place.log_in(2, "anna", "correct horse").await.unwrap();
    assert_eq!(answer, AccountAnswer::Refused(AccountRefusal::Disabled));
    place.admin(UsersAction::Enable { name: "anna".into() }).await;
    assert!(matches!(place.ask(1, AccountRequest::Vault).await, AccountAnswer::Vault(_)));
    place.admin(UsersAction::Remove { name: "anna".into() }).await;
    assert_eq!(place.refused(1, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
}

#[tokio::test]
async fn a_machine_is_signed_in_to_one_account() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.register(2, "ben", "battery staple", None).await;
    place.logged_in(1, "ben", "battery staple").await;
    let AccountAnswer::Status(Some(status)) = place.ask(1, AccountRequest::Status).await else { panic!() };
    assert_eq!(status.name, user("ben"));
    let anna = place.desk.store.accounts().account(&user("anna")).await.unwrap().unwrap();
    assert!(anna.devices.is_empty());
}

#[tokio::test]
async fn the_keys_of_a_vault_are_replaced_only_right_after_a_login_on_the_same_connection() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    // The machine is signed in, its login is long ago. Somebody sits at it for a minute.
    let place = place.restarted(SignUp::Open).await;
    let AccountAnswer::Vault(held) = place.ask(2, AccountRequest::Vault).await else { panic!() };
    let set = place.prepared(3, "other", "of a thief", None).await.unwrap();
    let AccountRequest::FinishRegister { record, vault: theirs, .. } = set else { panic!() };
    let vault = VaultRecord { version: held.version + 1, ..theirs };
    let put = AccountRequest::PutVaultAndKeys { expected: held.version, vault: vault.clone() };
    let change = AccountRequest::FinishChange { record, expected: held.version, vault };
    for ask in [put.clone(), change.clone()] {
        assert_eq!(place.refused(2, ask).await, AccountRefusal::LogInAgain);
    }
    // A login of before, on a connection that is over, is none.
    place.logged_in(2, "anna", "correct horse").await;
    place.desk.disconnected(device(2));
    for ask in [put, change] {
        assert_eq!(place.refused(2, ask).await, AccountRefusal::LogInAgain);
    }
    assert_eq!(place.logged_in(4, "anna", "correct horse").await, held, "nothing changed");
}

#[tokio::test]
async fn a_new_password_signs_the_other_devices_out_and_leaves_them_nothing_that_opens() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    let before = place.logged_in(1, "anna", "correct horse").await;
    let old = VaultKey::random(&mut rng(7));
    assert!(old.open(&user("anna"), before.version, &before.sealed).is_ok(), "what device 2 has");
    let set = place.set(1, "anna", "battery staple", StartWith::Change).await.unwrap();
    let vault = next(before.version, &set.export, b"more rooms");
    let finish = AccountRequest::FinishChange { record: set.record, expected: before.version, vault };
    assert_eq!(place.ask(1, finish.clone()).await, AccountAnswer::Done);
    place.desk.disconnected(device(1));
    assert_eq!(place.ask(1, finish).await, AccountAnswer::Done, "the answer was lost, the same once more");
    assert_eq!(place.refused(2, AccountRequest::Vault).await, AccountRefusal::NotSignedIn);
    let now = place.logged_in(3, "anna", "battery staple").await;
    assert!(old.open(&user("anna"), now.version, &now.sealed).is_err());
    // The recovery key, whose words nobody had to type, opens it.
    let recovery = RecoveryKey::random(&mut rng(10));
    let key = VaultKey::recover(&user("anna"), &recovery, &now.by_recovery).unwrap();
    assert_eq!(key.open(&user("anna"), now.version, &now.sealed).unwrap().contents.as_slice(), b"more rooms");
}

#[tokio::test]
async fn a_new_password_does_not_overwrite_what_another_device_wrote_in_between() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    place.logged_in(2, "anna", "correct horse").await;
    place.logged_in(1, "anna", "correct horse").await;
    let set = place.set(1, "anna", "battery staple", StartWith::Change).await.unwrap();
    let put = AccountRequest::PutVault { expected: 1, sealed: sealed(b"of the other one") };
    assert_eq!(place.ask(2, put).await, AccountAnswer::Done);
    let stale = next(1, &set.export, b"rooms");
    let finish = AccountRequest::FinishChange { record: set.record.clone(), expected: 1, vault: stale };
    let AccountAnswer::VaultChanged(now) = place.ask(1, finish).await else { panic!() };
    assert_eq!(now.sealed, sealed(b"of the other one"));
    assert!(place.log_in(3, "anna", "battery staple").await.is_none(), "the password is the old one");
    let vault = next(now.version, &set.export, b"both");
    let finish = AccountRequest::FinishChange { record: set.record, expected: now.version, vault };
    assert_eq!(place.ask(1, finish).await, AccountAnswer::Done);
}

/// The first step of a login, from wherever.
async fn started_at(place: &Place, machine: DeviceId, source: Source, name: &str) -> AccountAnswer {
    let binding = Binding { device: machine, archive: archive() };
    let (_, message) = LoggingIn::start(user(name), Password::new("any thing").unwrap(), binding, &mut rng(4)).unwrap();
    place.desk.answer(machine, source, AccountRequest::StartLogIn { name: user(name), message }).await
}

#[tokio::test]
async fn a_machine_that_is_signed_in_never_waits_for_what_strangers_try() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    // Tries for the name, with a new key each.
    for number in 0..100_u64 {
        let machine = DeviceId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        started_at(&place, machine, at(100), "anna").await;
    }
    let refused = started_at(&place, device(9), at(9), "anna").await;
    assert!(matches!(refused, AccountAnswer::Refused(AccountRefusal::Wait { .. })), "{refused:?}");
    place.logged_in(1, "anna", "correct horse").await;
    assert!(place.set(1, "anna", "battery staple", StartWith::Change).await.is_ok());
    // What is mistyped on it is counted there.
    let mut wrong = 0;
    while place.started(1, "anna", "a guess").await.is_ok() {
        wrong += 1;
    }
    assert_eq!(wrong, 21, "twenty for nothing, and the one after them");
}

#[tokio::test]
async fn many_keys_do_not_push_out_a_login_between_its_steps() {
    let place = Place::new(SignUp::Open);
    place.register(1, "anna", "correct horse", None).await;
    let (finish, _) = place.started(2, "anna", "correct horse").await.unwrap().unwrap();
    for number in 0..600_u64 {
        let machine = DeviceId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes());
        started_at(&place, machine, at(100), &format!("nobody{number}")).await;
    }
    assert!(matches!(place.ask(2, finish).await, AccountAnswer::LoggedIn(_)));
}
