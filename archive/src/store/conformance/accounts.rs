//! Accounts: single names, whole changes, tokens that work once, tries that are counted.

use parlor_protocol::{
    DeviceId, Name,
    account::{RecoveryKey, RegisterUpload, SignedInDevice, UserName, VaultKey, VaultRecord, WrappedKey},
};

use super::Place;
use crate::{
    fixture::rng,
    store::{AccountRow, AccountStore, Added, Pass, Tries, TryPlace, VaultNote},
};

pub(crate) fn name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn device(seed: u8) -> SignedInDevice {
    SignedInDevice { device: DeviceId::from_bytes([seed; 32]), name: Name::new("desk").unwrap(), since: 7 }
}

pub(crate) fn vault(text: &str, version: u64) -> VaultRecord {
    let (user, key) = (name(text), VaultKey::random(&mut rng(1)));
    let lock = RecoveryKey::random(&mut rng(2)).lock();
    VaultRecord {
        version,
        sealed: key.seal(&user, version, &lock, b"contents", &mut rng(4)).unwrap(),
        by_password: Some(WrappedKey::try_from([3; 72].as_slice()).unwrap()),
        by_recovery: key.wrap_for_recovery(&user, &lock, &mut rng(3)).unwrap(),
    }
}

pub(crate) fn account(text: &str, devices: &[u8]) -> AccountRow {
    AccountRow {
        record: RegisterUpload::try_from([4; 192].as_slice()).unwrap(),
        vault: VaultNote::of(&vault(text, 1)),
        devices: devices.iter().copied().map(device).collect(),
        disabled: false,
        reset: None,
        created: 5,
        revision: 0,
        name: name(text),
    }
}

async fn add(store: &dyn AccountStore, row: AccountRow, pass: Option<[u8; 32]>) -> Added {
    let vault = vault(row.name.as_str(), 1);
    store.add_account(row, vault, pass).await.unwrap()
}

async fn change(store: &dyn AccountStore, row: AccountRow) -> bool {
    store.change_account(row, None).await.unwrap()
}

pub(crate) async fn an_account_comes_back_by_name_and_by_device(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    assert_eq!(accounts.account(&name("anna")).await.unwrap(), None);
    let row = AccountRow { reset: Some(Pass { hash: [1; 32], expires: 9, name: None }), ..account("anna", &[1, 2]) };
    assert_eq!(add(accounts, row.clone(), None).await, Added::Stored);
    assert_eq!(accounts.account(&name("anna")).await.unwrap(), Some(row.clone()));
    assert_eq!(accounts.account_of(device(2).device).await.unwrap(), Some(row.clone()));
    assert_eq!(accounts.account_of(device(3).device).await.unwrap(), None);
    add(accounts, account("ben", &[]), None).await;
    let names: Vec<_> = accounts.accounts().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, [name("anna"), name("ben")]);
    assert_eq!(accounts.account_count().await.unwrap(), 2);
    assert!(accounts.remove_account(&name("anna")).await.unwrap());
    assert!(!accounts.remove_account(&name("anna")).await.unwrap());
    assert_eq!(accounts.account_count().await.unwrap(), 1);
    assert_eq!(accounts.account_of(device(1).device).await.unwrap(), None);
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.accounts().accounts().await.unwrap(), [account("ben", &[])]);
    assert_eq!(add(store.accounts(), account("anna", &[]), None).await, Added::Stored);
    store.close().await;
}

pub(crate) async fn a_name_and_its_look_alikes_are_given_out_once(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    assert_eq!(add(accounts, account("anna", &[1]), None).await, Added::Stored);
    for other in ["anna", "\u{430}nna"] {
        assert_eq!(add(accounts, account(other, &[2]), None).await, Added::NameTaken);
    }
    assert_eq!(accounts.account_of(device(2).device).await.unwrap(), None, "nothing of it was kept");
    store.close().await;
}

pub(crate) async fn of_two_changes_at_once_one_stands(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    add(accounts, account("anna", &[1]), None).await;
    let held = accounts.account(&name("anna")).await.unwrap().unwrap();
    let one = AccountRow { devices: vec![device(1), device(2)], ..held.clone() };
    let other = AccountRow { disabled: true, ..held };
    let (a, b) = tokio::join!(change(accounts, one), change(accounts, other));
    assert!(a != b, "exactly one");
    let now = accounts.account(&name("anna")).await.unwrap().unwrap();
    assert_eq!(now.revision, 1);
    assert!(now.disabled != now.has(device(2).device), "one of them, whole");
    let gone = AccountRow { devices: vec![], ..now };
    assert!(change(accounts, gone).await);
    assert_eq!(accounts.account_of(device(1).device).await.unwrap(), None, "signed out");
    assert!(!change(accounts, account("nobody", &[])).await);
    store.close().await;
}

pub(crate) async fn when_a_device_was_last_seen_is_kept_until_it_is_signed_out(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    let seen = async |name: &UserName| {
        let row = accounts.account(name).await.unwrap().unwrap();
        let seen = accounts.seen(&row).await.unwrap();
        row.devices.iter().map(|known| seen.get(&known.device).copied()).collect::<Vec<_>>()
    };
    add(accounts, account("anna", &[1, 2]), None).await;
    add(accounts, account("ben", &[3]), None).await;
    assert_eq!(seen(&name("anna")).await, [None, None]);
    for (seed, at) in [(1, 10), (2, 20), (1, 30), (3, 40), (9, 50)] {
        // Who is signed in nowhere leaves no trace.
        accounts.note_seen(device(seed).device, at).await.unwrap();
    }
    assert_eq!((seen(&name("anna")).await, seen(&name("ben")).await), (vec![Some(30), Some(20)], vec![Some(40)]));
    // A change of the account leaves it, signing out takes it away for good.
    let row = accounts.account(&name("anna")).await.unwrap().unwrap();
    assert!(change(accounts, AccountRow { devices: vec![device(2)], ..row }).await);
    assert_eq!(seen(&name("anna")).await, [Some(20)]);
    let row = accounts.account(&name("anna")).await.unwrap().unwrap();
    assert!(change(accounts, AccountRow { devices: vec![device(1), device(2)], ..row }).await);
    assert_eq!(seen(&name("anna")).await, [None, Some(20)]);
    accounts.remove_account(&name("anna")).await.unwrap();
    add(accounts, account("anna", &[2]), None).await;
    assert_eq!(seen(&name("anna")).await, [None]);
    store.close().await;
    let store = place.open().await;
    let row = store.accounts().account(&name("ben")).await.unwrap().unwrap();
    assert_eq!(store.accounts().seen(&row).await.unwrap(), [(device(3).device, 40)].into());
    store.close().await;
}

pub(crate) async fn a_token_registers_one_account(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    let pass = Pass { hash: [7; 32], expires: 100, name: Some(name("anna")) };
    let past = Pass { hash: [8; 32], expires: 10, name: None };
    accounts.put_pass(past, 1).await.unwrap();
    accounts.put_pass(pass.clone(), 50).await.unwrap();
    assert_eq!(accounts.passes([7; 8]).await.unwrap(), [pass]);
    assert_eq!(accounts.passes([8; 8]).await.unwrap(), [], "what is past is forgotten");
    assert_eq!(add(accounts, account("anna", &[]), Some([9; 32])).await, Added::PassUsed);
    assert_eq!(add(accounts, account("anna", &[]), Some([7; 32])).await, Added::Stored);
    assert_eq!(add(accounts, account("ben", &[]), Some([7; 32])).await, Added::PassUsed);
    assert_eq!(accounts.passes([7; 8]).await.unwrap(), []);
    assert_eq!(accounts.account(&name("ben")).await.unwrap(), None);
    store.close().await;
}

pub(crate) async fn a_vault_changes_with_its_account_or_not_at_all(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    assert_eq!(accounts.vault(&name("anna")).await.unwrap(), None);
    add(accounts, account("anna", &[1]), None).await;
    assert_eq!(accounts.vault(&name("anna")).await.unwrap(), Some(vault("anna", 1)));
    let row = accounts.account(&name("anna")).await.unwrap().unwrap();
    let next = AccountRow { vault: VaultNote::of(&vault("anna", 2)), devices: vec![], ..row.clone() };
    assert!(accounts.change_account(next, Some(vault("anna", 2))).await.unwrap());
    assert_eq!(accounts.vault(&name("anna")).await.unwrap(), Some(vault("anna", 2)));
    // Who comes second changes neither.
    let late = AccountRow { vault: VaultNote::of(&vault("anna", 3)), ..row };
    assert!(!accounts.change_account(late, Some(vault("anna", 3))).await.unwrap());
    assert_eq!(accounts.vault(&name("anna")).await.unwrap(), Some(vault("anna", 2)));
    let now = accounts.account(&name("anna")).await.unwrap().unwrap();
    assert_eq!((now.vault, now.devices.len(), now.revision), (VaultNote::of(&vault("anna", 2)), 0, 1));
    // A change without one leaves it.
    assert!(change(accounts, AccountRow { disabled: true, ..now }).await);
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.accounts().vault(&name("anna")).await.unwrap(), Some(vault("anna", 2)));
    store.accounts().remove_account(&name("anna")).await.unwrap();
    assert_eq!(store.accounts().vault(&name("anna")).await.unwrap(), None);
    // The same name with another vault.
    add(store.accounts(), account("anna", &[]), None).await;
    assert_eq!(store.accounts().vault(&name("anna")).await.unwrap(), Some(vault("anna", 1)));
    store.close().await;
}

pub(crate) async fn a_name_is_looked_up_evenly_whether_it_is_there_or_not(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    assert_eq!(accounts.account_evenly(&name("anna")).await.unwrap(), None, "there is nobody at all");
    for text in ["ben", "dora"] {
        add(accounts, account(text, &[]), None).await;
    }
    for text in ["ben", "dora"] {
        assert_eq!(accounts.account_evenly(&name(text)).await.unwrap(), Some(account(text, &[])));
    }
    for text in ["anna", "clara", "zoe", "be", "benn"] {
        assert_eq!(accounts.account_evenly(&name(text)).await.unwrap(), None, "{text}");
    }
    store.close().await;
}

pub(crate) async fn tries_that_are_forgiven_are_forgotten(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    let (none, old, new) =
        (Tries::default(), Tries { count: 1, last: 5, until: 10 }, Tries { count: 1, last: 6, until: 11 });
    assert!(accounts.note_tries(TryPlace(1), none, old).await.unwrap());
    assert!(accounts.note_tries(TryPlace(u64::MAX), none, new).await.unwrap());
    accounts.forget_tries(10).await.unwrap();
    assert_eq!(accounts.tries(TryPlace(1)).await.unwrap(), none);
    assert_eq!(accounts.tries(TryPlace(u64::MAX)).await.unwrap(), new);
    assert!(accounts.note_tries(TryPlace(1), none, old).await.unwrap(), "counted anew");
    store.close().await;
}

pub(crate) async fn tries_and_the_account_key_outlive_a_restart(place: &dyn Place) {
    let store = place.open().await;
    let accounts = store.accounts();
    let place_of = TryPlace(7);
    let (none, one, two) =
        (Tries::default(), Tries { count: 1, last: 5, until: 9 }, Tries { count: 2, last: 6, until: 12 });
    assert_eq!(accounts.tries(place_of).await.unwrap(), none);
    assert!(accounts.note_tries(place_of, none, one).await.unwrap());
    assert!(!accounts.note_tries(place_of, none, one).await.unwrap(), "somebody was faster");
    assert!(accounts.note_tries(place_of, one, two).await.unwrap());
    assert_eq!(accounts.claim_account_key([1; 32]).await.unwrap(), [1; 32]);
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.accounts().tries(place_of).await.unwrap(), two);
    assert_eq!(store.accounts().claim_account_key([2; 32]).await.unwrap(), [1; 32], "the first one stays");
    store.close().await;
}
