//! Accounts: names, passwords, logins, recovery keys, vaults, and what goes over the wire.

use crate::fixtures::{Device, rng};
use parlor_protocol::{
    DeviceId, Name,
    account::{
        AccessToken, AccountAnswer, AccountRefusal, AccountRequest, AccountStatus, Binding, LogInProof, LogInRequest,
        LogInResponse, LoggingIn, Password, RecoveryKey, RecoveryLock, RecoveryWrap, RegisterRequest, RegisterResponse,
        RegisterUpload, Registered, Registering, SealedVault, SeenDevice, Server, SignedInDevice, UserName, VaultKey,
        VaultRecord, WrappedKey,
    },
    error::{CodecError, LogInError, PasswordError, RecoveryKeyError, SealError, UserNameError},
    keys::Secret,
    limits::{ACCOUNT_DEVICES_MAX, PASSWORD_MAX, USER_NAME_MAX, VAULT_FLOOR, VAULT_MAX, WIRE_MAX},
    wire::{Answer, Request},
};
use proptest::prelude::*;

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn seed() -> Secret {
    Secret::from_bytes([8; 32])
}

fn binding(device: u64) -> Binding {
    Binding { device: Device::new(device).id(), archive: Device::new(99).id() }
}

fn register(server: &Server, name: &str, text: &str) -> Registered {
    let (state, message) = Registering::start(user(name), password(text), &mut rng(1)).unwrap();
    state.finish(&server.register(&user(name), &message).unwrap(), &seed()).unwrap()
}

fn record() -> VaultRecord {
    let key = VaultKey::random(&mut rng(2));
    VaultRecord {
        version: 1,
        sealed: key.seal(&user("anna"), 1, &lock(), b"rooms", &mut rng(5)).unwrap(),
        by_password: Some(WrappedKey::try_from([3; 72].as_slice()).unwrap()),
        by_recovery: key.wrap_for_recovery(&user("anna"), &lock(), &mut rng(4)).unwrap(),
    }
}

fn lock() -> RecoveryLock {
    RecoveryKey::random(&mut rng(3)).lock()
}

/// One of each request, for this suite and the corpus.
pub fn example_requests() -> Vec<AccountRequest> {
    let (name, device) = (user("anna"), Name::new("desk").unwrap());
    let binding = Binding { device: DeviceId::from_bytes([8; 32]), archive: DeviceId::from_bytes([9; 32]) };
    let token = AccessToken::random(&mut rng(6)).proof(&binding);
    let message = RegisterRequest::try_from([1; 32].as_slice()).unwrap();
    let upload = RegisterUpload::try_from([2; 192].as_slice()).unwrap();
    let next = VaultRecord { version: 8, ..record() };
    vec![
        AccountRequest::Status,
        AccountRequest::StartRegister { name: name.clone(), token: Some(token), message: message.clone() },
        AccountRequest::FinishRegister {
            name: name.clone(),
            token: None,
            record: upload.clone(),
            vault: record(),
            device: device.clone(),
        },
        AccountRequest::StartLogIn { name: name.clone(), message: LogInRequest::try_from([4; 96].as_slice()).unwrap() },
        AccountRequest::FinishLogIn {
            proof: LogInProof::try_from([5; 64].as_slice()).unwrap(),
            device: device.clone(),
        },
        AccountRequest::LogOut,
        AccountRequest::StartChange { message: message.clone() },
        AccountRequest::FinishChange { record: upload.clone(), expected: 7, vault: next.clone() },
        AccountRequest::StartReset { name: name.clone(), token, message },
        AccountRequest::FinishReset { name, token, record: upload },
        AccountRequest::Vault,
        AccountRequest::PutVault { expected: 7, sealed: record().sealed },
        AccountRequest::PutVaultAndKeys { expected: 7, vault: next },
        AccountRequest::Devices,
        AccountRequest::RenameDevice { device: Device::new(1).id(), name: device },
        AccountRequest::RevokeDevice { device: Device::new(1).id() },
        AccountRequest::Delete,
    ]
}

/// One of each answer.
pub fn example_answers() -> Vec<AccountAnswer> {
    let name = user("anna");
    let device = SignedInDevice { device: Device::new(1).id(), name: Name::new("desk").unwrap(), since: 9 };
    let seen = |last_seen| SeenDevice { device: device.clone(), last_seen };
    vec![
        AccountAnswer::Status(None),
        AccountAnswer::Status(Some(AccountStatus { name, version: 4 })),
        AccountAnswer::Registering(RegisterResponse::try_from([1; 64].as_slice()).unwrap()),
        AccountAnswer::LoggingIn(LogInResponse::try_from([1; 320].as_slice()).unwrap()),
        AccountAnswer::LoggedIn(record()),
        AccountAnswer::Vault(VaultRecord { by_password: None, ..record() }),
        AccountAnswer::VaultChanged(record()),
        AccountAnswer::Devices(vec![seen(None), seen(Some(3_600_000)), seen(None)]),
        AccountAnswer::Done,
        AccountAnswer::Refused(AccountRefusal::Wait { ms: 900 }),
    ]
}

#[test]
fn a_user_name_has_one_spelling() {
    for (typed, kept) in
        [("Juliet", "juliet"), (" anna.b ", "anna.b"), ("\u{ff21}nna", "anna"), ("A\u{308}nne", "\u{e4}nne")]
    {
        assert_eq!(user(typed).as_str(), kept);
    }
    assert_eq!(UserName::new("  "), Err(UserNameError::Empty));
    for bad in ["anna b", "an\u{200b}na", "a\u{0}", "\u{202e}anna", "a\u{2665}"] {
        assert_eq!(UserName::new(bad), Err(UserNameError::Characters), "{bad:?}");
    }
    let got = USER_NAME_MAX + 1;
    assert_eq!(UserName::new(&"a".repeat(got)), Err(UserNameError::TooLong { max: USER_NAME_MAX, got }));
}

#[test]
fn names_that_look_alike_share_a_skeleton() {
    for (one, other) in
        [("anna", "\u{430}nna"), ("bill", "bi11"), ("paypal", "p\u{430}ypal"), ("modern", "rnodem"), ("anno", "ann0")]
    {
        assert_ne!(user(one), user(other));
        assert_eq!(user(one).skeleton(), user(other).skeleton(), "{one} {other}");
    }
    assert_ne!(user("anna").skeleton(), user("anne").skeleton());
}

#[test]
fn a_password_is_the_same_from_every_keyboard_and_a_new_one_is_not_too_short() {
    assert_eq!(password("caf\u{e9} noir"), password("cafe\u{301}\u{a0}noir"));
    assert_ne!(password("Secret"), password("secret"));
    assert_eq!(Password::new(""), Err(PasswordError::Empty));
    assert_eq!(Password::new("a\u{7}b"), Err(PasswordError::Characters));
    assert_eq!(Password::new(&"a".repeat(PASSWORD_MAX + 1)), Err(PasswordError::TooLong { max: PASSWORD_MAX }));
    assert_eq!(Password::choose("1234567"), Err(PasswordError::TooShort { min: 8, got: 7 }));
    assert!(Password::choose("12345678").is_ok());
}

#[test]
fn whoever_knows_the_password_signs_in_and_gets_the_same_key() {
    let server = Server::from_bytes(&Server::random(&mut rng(7)).to_bytes()).unwrap();
    let registered = register(&server, "anna", "correct horse");
    let (name, bound) = (user("anna"), binding(1));
    let log_in = |text: &str, record: Option<&RegisterUpload>| {
        let (state, message) = LoggingIn::start(name.clone(), password(text), bound, &mut rng(2)).unwrap();
        let answered = server.log_in(&name, record, &message, bound, &mut rng(3)).unwrap();
        (state.finish(&answered.message, &seed()), answered)
    };
    let (proven, answered) = log_in("correct horse", Some(&registered.record));
    let proven = proven.unwrap();
    assert!(answered.accepts(&proven.proof));
    let key = VaultKey::random(&mut rng(4));
    let wrapped = key.wrap(&name, &registered.export, &mut rng(5)).unwrap();
    assert_eq!(VaultKey::unwrap(&name, &proven.export, &wrapped), Ok(key));

    let (wrong, _) = log_in("correct house", Some(&registered.record));
    let (unknown, _) = log_in("correct horse", None);
    assert_eq!(wrong.unwrap_err(), LogInError::Wrong);
    assert_eq!(unknown.unwrap_err(), LogInError::Wrong, "an unknown name looks the same");
}

#[test]
fn a_login_is_of_no_use_on_another_connection_or_at_another_archive() {
    let server = Server::random(&mut rng(7));
    let registered = register(&server, "anna", "correct horse");
    let name = user("anna");
    let (mine, theirs) = (binding(1), binding(2));
    let elsewhere = Binding { archive: Device::new(98).id(), ..mine };
    for other in [theirs, elsewhere] {
        let start = || LoggingIn::start(name.clone(), password("correct horse"), mine, &mut rng(2)).unwrap();
        let (state, message) = start();
        // Somebody passes the messages on over a connection of their own.
        let answered = server.log_in(&name, Some(&registered.record), &message, other, &mut rng(3)).unwrap();
        assert!(state.finish(&answered.message, &seed()).is_err());
        // A proof that was right once is replayed where the archive expects another one.
        let (state, message) = start();
        let good = server.log_in(&name, Some(&registered.record), &message, mine, &mut rng(4)).unwrap();
        let proof = state.finish(&good.message, &seed()).unwrap().proof;
        assert!(!answered.accepts(&proof));
        assert!(good.accepts(&proof));
        let again = server.log_in(&name, Some(&registered.record), &message, mine, &mut rng(5)).unwrap();
        assert!(!again.accepts(&proof), "a replayed proof answers another challenge");
    }
}

#[test]
fn a_record_is_of_no_use_under_another_name_or_another_account_key() {
    let (server, other) = (Server::random(&mut rng(7)), Server::random(&mut rng(8)));
    let registered = register(&server, "anna", "correct horse");
    assert_ne!(server.id(), other.id());
    for (name, server) in [("ben", &server), ("anna", &other)] {
        let (name, bound) = (user(name), binding(1));
        let (state, message) = LoggingIn::start(name.clone(), password("correct horse"), bound, &mut rng(2)).unwrap();
        let answered = server.log_in(&name, Some(&registered.record), &message, bound, &mut rng(3)).unwrap();
        assert_eq!(state.finish(&answered.message, &seed()).unwrap_err(), LogInError::Wrong);
    }
}

#[test]
fn rubbish_in_place_of_a_message_is_refused() {
    let server = Server::random(&mut rng(7));
    let (name, bound) = (user("anna"), binding(1));
    let bad = [0xff; 320];
    let message = RegisterRequest::try_from(&bad[..32]).unwrap();
    assert_eq!(server.register(&name, &message).unwrap_err(), LogInError::Malformed);
    let message = LogInRequest::try_from(&bad[..96]).unwrap();
    assert!(server.log_in(&name, None, &message, bound, &mut rng(1)).is_err());
    let (state, _) = LoggingIn::start(name, password("x"), bound, &mut rng(2)).unwrap();
    assert!(state.finish(&LogInResponse::try_from(bad.as_slice()).unwrap(), &seed()).is_err());
    assert!(Server::from_bytes(&bad[..Server::KEY_LEN]).is_err() && Server::from_bytes(b"short").is_err());
    assert_eq!(RegisterRequest::try_from(&bad[..31]).unwrap_err(), CodecError::CutOff { expected: 32, got: 31 });
    assert_eq!(RegisterRequest::try_from(&bad[..33]).unwrap_err(), CodecError::TooLong { max: 32, got: 33 });
}

#[test]
fn a_recovery_key_survives_paper() {
    let key = RecoveryKey::random(&mut rng(1));
    let words = key.words();
    assert_eq!(words.split(' ').count(), 24);
    let typed = words.to_uppercase().replace(' ', "\n  ");
    assert_eq!(typed.parse::<RecoveryKey>(), Ok(key));
    let fewer = words.rsplit_once(' ').unwrap().0;
    assert_eq!(fewer.parse::<RecoveryKey>(), Err(RecoveryKeyError::Count { expected: 24, got: 23 }));
    let unknown = format!("parlor {}", words.split_once(' ').unwrap().1);
    assert_eq!(unknown.parse::<RecoveryKey>(), Err(RecoveryKeyError::UnknownWord { number: 1 }));
    let mut swapped: Vec<&str> = words.split(' ').collect();
    swapped.swap(3, 4);
    assert_eq!(swapped.join(" ").parse::<RecoveryKey>(), Err(RecoveryKeyError::Mixed));
    // The first vector of BIP 39 with 24 words.
    let zeros = format!("{}art", "abandon ".repeat(23));
    assert_eq!(*zeros.parse::<RecoveryKey>().unwrap().words(), zeros);
}

#[test]
fn a_vault_opens_only_as_what_it_is() {
    let (key, anna, ben) = (VaultKey::random(&mut rng(1)), user("anna"), user("ben"));
    let sealed = key.seal(&anna, 3, &lock(), b"the kitchen", &mut rng(2)).unwrap();
    assert_eq!(sealed.as_bytes().len(), VAULT_FLOOR + 40, "padded");
    let opened = key.open(&anna, 3, &sealed).unwrap();
    assert_eq!((opened.contents.as_slice(), opened.lock), (b"the kitchen".as_slice(), lock()));
    for (other, version) in [(&anna, 4), (&anna, 2), (&ben, 3)] {
        assert_eq!(key.open(other, version, &sealed), Err(SealError::Unopenable));
    }
    let mut altered = sealed.as_bytes().to_vec();
    altered[50] ^= 1;
    assert!(key.open(&anna, 3, &SealedVault::from_bytes(altered).unwrap()).is_err());
    assert!(key.open(&anna, 3, &SealedVault::from_bytes(vec![1; 9]).unwrap()).is_err());
    assert!(VaultKey::random(&mut rng(3)).open(&anna, 3, &sealed).is_err());
    let most = key.seal(&anna, 1, &lock(), &vec![7; VAULT_MAX - 76], &mut rng(4)).unwrap();
    assert_eq!(key.open(&anna, 1, &most).unwrap().contents.len(), VAULT_MAX - 76);
    assert!(key.seal(&anna, 1, &lock(), &vec![7; VAULT_MAX - 75], &mut rng(4)).is_err());
    assert!(SealedVault::from_bytes(vec![0; VAULT_MAX + 1]).is_err());
}

#[test]
fn only_the_recovery_key_of_the_account_recovers_it() {
    let (key, anna) = (VaultKey::random(&mut rng(1)), user("anna"));
    let recovery = RecoveryKey::random(&mut rng(2));
    let wrapped = key.wrap_for_recovery(&anna, &recovery.lock(), &mut rng(3)).unwrap();
    assert_eq!(VaultKey::recover(&anna, &recovery, &wrapped), Ok(key));
    assert!(VaultKey::recover(&user("ben"), &recovery, &wrapped).is_err());
    assert!(VaultKey::recover(&anna, &RecoveryKey::random(&mut rng(4)), &wrapped).is_err());
    let mut altered = wrapped.as_bytes().to_vec();
    altered[79] ^= 1;
    assert!(VaultKey::recover(&anna, &recovery, &RecoveryWrap::try_from(altered.as_slice()).unwrap()).is_err());
    let zeros = RecoveryWrap::try_from([0; 80].as_slice()).unwrap();
    assert!(VaultKey::recover(&anna, &recovery, &zeros).is_err());
}

#[test]
fn a_device_wraps_a_new_key_for_the_recovery_key_without_its_words() {
    let (old, anna, recovery) = (VaultKey::random(&mut rng(1)), user("anna"), RecoveryKey::random(&mut rng(2)));
    let sealed = old.seal(&anna, 1, &recovery.lock(), b"rooms", &mut rng(3)).unwrap();
    let (opened, new) = (old.open(&anna, 1, &sealed).unwrap(), VaultKey::random(&mut rng(4)));
    let wrapped = new.wrap_for_recovery(&anna, &opened.lock, &mut rng(5)).unwrap();
    let sealed = new.seal(&anna, 2, &opened.lock, &opened.contents, &mut rng(6)).unwrap();
    assert!(old.open(&anna, 2, &sealed).is_err(), "who had the old key reads nothing later");
    let recovered = VaultKey::recover(&anna, &recovery, &wrapped).unwrap();
    assert_eq!(recovered.open(&anna, 2, &sealed).unwrap().contents.as_slice(), b"rooms");
    assert!(RecoveryLock::new([0; 32]).is_err());
}

#[test]
fn a_token_is_typed_like_a_code_and_kept_as_a_hash() {
    let token = AccessToken::random(&mut rng(1));
    assert_eq!(token.to_string().to_lowercase().parse::<AccessToken>(), Ok(token.clone()));
    assert_ne!(token.hash(), AccessToken::random(&mut rng(2)).hash());
}

#[test]
fn every_request_and_answer_about_accounts_comes_back() {
    for request in example_requests().into_iter().map(Request::Account) {
        assert_eq!(Request::decode(&request.encode().unwrap()), Ok(request));
    }
    for answer in example_answers().into_iter().map(Answer::Account) {
        assert_eq!(Answer::decode(&answer.encode().unwrap()), Ok(answer));
    }
    let most =
        VaultKey::random(&mut rng(1)).seal(&user("anna"), 1, &lock(), &vec![7; VAULT_MAX - 76], &mut rng(4)).unwrap();
    let request = Request::Account(AccountRequest::PutVault { expected: 1, sealed: most });
    let bytes = request.encode().unwrap();
    assert!(bytes.len() < WIRE_MAX && Request::decode(&bytes) == Ok(request), "the largest vault fits");
}

#[test]
fn what_cannot_be_about_an_account_is_refused_when_it_is_read() {
    let wrong = |request: AccountRequest| Request::decode(&Request::Account(request).encode().unwrap()).unwrap_err();
    let put = |expected, version, by_password| AccountRequest::PutVaultAndKeys {
        expected,
        vault: VaultRecord { version, by_password, ..record() },
    };
    let wrapped = record().by_password;
    assert_eq!(wrong(put(7, 9, wrapped.clone())), CodecError::Malformed("vault version"));
    assert_eq!(wrong(put(u64::MAX, 0, wrapped)), CodecError::Malformed("vault version"));
    assert_eq!(wrong(put(7, 8, None)), CodecError::Malformed("vault version"));
    let device = SignedInDevice { device: DeviceId::default(), name: Name::new("desk").unwrap(), since: 9 };
    let device = SeenDevice { device, last_seen: None };
    let devices = Answer::Account(AccountAnswer::Devices(vec![device; ACCOUNT_DEVICES_MAX + 1]));
    assert!(matches!(Answer::decode(&devices.encode().unwrap()), Err(CodecError::TooMany { .. })));
    // A name in another spelling.
    let request =
        AccountRequest::StartLogIn { name: user("anna"), message: LogInRequest::try_from([4; 96].as_slice()).unwrap() };
    let mut bytes = Request::Account(request).encode().unwrap();
    let at = bytes.windows(4).position(|window| window == b"anna").unwrap();
    bytes[at] = b'A';
    assert!(Request::decode(&bytes).is_err());
    // A message one byte too long.
    let at = bytes.iter().position(|byte| *byte == 96).unwrap();
    (bytes[at], bytes[at + 1]) = (97, 4);
    bytes.push(4);
    assert!(Request::decode(&bytes).is_err());
}

#[test]
fn nothing_secret_of_an_account_is_printed() {
    let server = Server::random(&mut rng(7));
    let registered = register(&server, "anna", "correct horse");
    let (logging_in, _) = LoggingIn::start(user("anna"), password("correct horse"), binding(1), &mut rng(2)).unwrap();
    let (registering, _) = Registering::start(user("anna"), password("correct horse"), &mut rng(1)).unwrap();
    let recovery = RecoveryKey::random(&mut rng(2));
    let shown = format!(
        "{server:?} {registered:?} {logging_in:?} {registering:?} {recovery:?} {:?} {:?} {:?} {:?}",
        password("correct horse"),
        AccessToken::random(&mut rng(3)),
        VaultKey::random(&mut rng(4)),
        user("anna"),
    );
    assert_eq!(
        shown,
        "Server(..) Registered { record: RegisterUpload(..), export: ExportKey(..) } LoggingIn(..) Registering(..) \
         RecoveryKey(..) Password(..) AccessToken(..) VaultKey(Secret(..)) UserName(4 bytes)"
    );
}

proptest! {
    #[test]
    fn any_text_is_no_name_or_one_with_a_lasting_spelling(text in "\\PC{0,40}") {
        crate::targets::user_name(text.as_bytes());
    }

    #[test]
    fn any_words_are_no_recovery_key_or_a_lasting_one(text in "[a-z ]{0,200}") {
        crate::targets::recovery_key(text.as_bytes());
    }

    #[test]
    fn any_contents_come_back_from_a_vault(contents: Vec<u8>, version: u64) {
        let key = VaultKey::random(&mut rng(1));
        let sealed = key.seal(&user("anna"), version, &lock(), &contents, &mut rng(2)).unwrap();
        let opened = key.open(&user("anna"), version, &sealed).unwrap();
        prop_assert_eq!(opened.contents.as_slice(), contents.as_slice());
    }
}
