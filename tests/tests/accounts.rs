//! Accounts with real nodes and a real archive: signing in elsewhere brings everything along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{
    AccountCommand, AccountDevice, Command, CommandError, CommandResult, DeviceCommand, Node, Reply, RoomStanding,
    engine::account::AccountBundle,
    store::{DiskStore, Loaded, LocalStore as _, Unlock},
};
use parlor_protocol::{
    Name,
    account::{Password, RecoveryKey, UserName},
};
use parlor_tests::real::{
    address, archive, create, join, members, node, send, texts, until, until_archived, until_texts,
};
use std::path::Path;

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn desk() -> Name {
    Name::new("desk").unwrap()
}

async fn ask(node: &Node, command: AccountCommand) -> CommandResult {
    node.handle().call(Command::Account(Box::new(command))).await
}

async fn register(node: &Node, name: &str, text: &str) -> RecoveryKey {
    let command = AccountCommand::Register {
        name: user(name),
        password: password(text),
        token: None,
        device: desk(),
        archive: None,
    };
    match ask(node, command).await {
        Ok(Reply::Registered(words)) => words.expose().parse().unwrap(),
        other => panic!("an account is made, not {other:?}"),
    }
}

async fn log_in(node: &Node, name: &str, text: &str) -> CommandResult {
    let (name, password) = (user(name), password(text));
    ask(node, AccountCommand::LogIn { name, password, recovery: None, device: desk(), archive: None }).await
}

async fn devices(node: &Node) -> Vec<AccountDevice> {
    match ask(node, AccountCommand::Devices).await {
        Ok(Reply::AccountDevices(devices)) => devices,
        other => panic!("devices, not {other:?}"),
    }
}

/// Everything in a folder, for looking for what must not be there.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        out.extend(if path.is_dir() { bytes_in(&path) } else { std::fs::read(&path).unwrap() });
    }
    out
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_on_another_machine_finds_rooms_and_history_with_nobody_else_up() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("archive");
    let archive = archive(&folder).await;
    let at = address(archive.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (kitchen, code) = create(&anna.handle(), "secret kitchen").await;
    join(&ben.handle(), &code).await;
    send(&anna.handle(), kitchen, "hello").await;
    register(&anna, "anna", "correct horse battery").await;
    // A room made after the account was goes into the vault by itself.
    let (garden, _) = create(&anna.handle(), "secret garden").await;
    send(&anna.handle(), garden, "roses").await;
    until_archived(&anna.handle(), garden).await;
    until_archived(&anna.handle(), kitchen).await;
    let anna_user = members(&anna.handle(), kitchen).await.iter().find(|m| m.own).unwrap().user;
    until("the vault is written", async || {
        let row = archive.accounts().account(&user("anna")).await.unwrap()?;
        (row.vault.version >= 2).then_some(())
    })
    .await;
    anna.shutdown().await;
    ben.shutdown().await;

    let other = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    assert_eq!(log_in(&other, "anna", "wrong horse").await.unwrap_err(), CommandError::WrongLogIn);
    assert_eq!(log_in(&other, "nobody", "correct horse battery").await.unwrap_err(), CommandError::WrongLogIn);
    log_in(&other, "Anna", "correct horse battery").await.unwrap();
    until_texts(&other.handle(), kitchen, &["hello"]).await;
    until_texts(&other.handle(), garden, &["roses"]).await;
    let own = members(&other.handle(), garden).await.into_iter().find(|member| member.own).unwrap();
    assert_eq!((own.user, own.role), (anna_user, parlor_protocol::Role::Owner), "the same person");
    // It writes as a full member, and the others see it.
    send(&other.handle(), kitchen, "from the laptop").await;
    until_archived(&other.handle(), kitchen).await;
    assert_eq!(devices(&other).await.len(), 2);
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    until_texts(&ben.handle(), kitchen, &["hello", "from the laptop"]).await;
    ben.shutdown().await;
    other.shutdown().await;
    archive.shutdown().await;
    let kept = bytes_in(&folder);
    for secret in ["correct horse", "secret kitchen", "secret garden", "roses", "from the laptop"] {
        assert!(!holds(&kept, secret.as_bytes()), "the archive holds {secret:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_two_machines_are_united_and_signing_out_takes_them_away_again() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let first = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    let (kitchen, _) = create(&first.handle(), "kitchen").await;
    let (attic, _) = create(&second.handle(), "attic").await;
    send(&second.handle(), attic, "boxes").await;
    register(&first, "anna", "correct horse battery").await;
    log_in(&second, "anna", "correct horse battery").await.unwrap();
    until("the kitchen is on the laptop", async || {
        second.handle().rooms().await.ok()?.iter().any(|room| room.room == kitchen).then_some(())
    })
    .await;
    until("the attic is on the first machine", async || {
        (texts(&first.handle(), attic).await == ["boxes"]).then_some(())
    })
    .await;
    // The attic knows its maker as owner; both machines of the person are.
    until("both own the attic", async || {
        let members = members(&first.handle(), attic).await;
        (members.len() == 2 && members.iter().all(|m| m.role == parlor_protocol::Role::Owner)).then_some(())
    })
    .await;
    ask(&second, AccountCommand::LogOut).await.unwrap();
    let rooms: Vec<_> = second.handle().rooms().await.unwrap().into_iter().map(|room| room.room).collect();
    assert_eq!(rooms, [attic], "its own room stays");
    second.shutdown().await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    let rooms: Vec<_> = second.handle().rooms().await.unwrap().into_iter().map(|room| room.room).collect();
    assert_eq!(rooms, [attic], "also after a restart");
    assert_eq!(devices(&first).await.len(), 1);
    second.shutdown().await;
    first.shutdown().await;
    archive.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_changed_devices_signed_out_and_accounts_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let first = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    register(&first, "anna", "correct horse battery").await;
    let change = |old: &str, new: &str| AccountCommand::ChangePassword { old: password(old), new: password(new) };
    assert_eq!(ask(&first, change("wrong", "new password")).await.unwrap_err(), CommandError::WrongLogIn);
    ask(&first, change("correct horse battery", "new password")).await.unwrap();
    assert_eq!(log_in(&second, "anna", "correct horse battery").await.unwrap_err(), CommandError::WrongLogIn);
    log_in(&second, "anna", "new password").await.unwrap();
    assert_eq!(log_in(&second, "anna", "new password").await.unwrap_err(), CommandError::AlreadySignedIn);
    let laptop = devices(&first).await.into_iter().find(|device| !device.own).unwrap();
    ask(&first, AccountCommand::SignOut { device: laptop.device }).await.unwrap();
    assert_eq!(ask(&second, AccountCommand::Devices).await.unwrap_err(), CommandError::NotSignedIn);
    let delete = |text: &str| AccountCommand::Delete { password: password(text) };
    assert_eq!(ask(&first, delete("wrong")).await.unwrap_err(), CommandError::WrongLogIn);
    ask(&first, delete("new password")).await.unwrap();
    assert_eq!(ask(&first, AccountCommand::Devices).await.unwrap_err(), CommandError::NotSignedIn);
    second.shutdown().await;
    first.shutdown().await;
    archive.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_several_call_themselves_archives_an_account_goes_to_the_one_that_was_named() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (archive(&dir.path().join("first")).await, archive(&dir.path().join("second")).await);
    let anna = node(dir.path(), "anna", &[address(first.net()), address(second.net())]).await;
    until("both are there", async || match anna.handle().call(Command::Connection).await {
        Ok(Reply::Connection(connection)) => {
            (connection.peers.iter().filter(|peer| peer.archive).count() == 2).then_some(())
        }
        _ => None,
    })
    .await;
    let made = |archive| AccountCommand::Register {
        name: user("anna"),
        password: password("correct horse"),
        token: None,
        device: desk(),
        archive,
    };
    let error = ask(&anna, made(None)).await.unwrap_err();
    let CommandError::ManyArchives { archives } = &error else { panic!("{error}") };
    assert!(archives.contains(&first.device()) && archives.contains(&second.device()));
    assert!(error.to_string().contains(&second.device().short()), "{error}");
    assert!(matches!(ask(&anna, made(Some(second.device()))).await, Ok(Reply::Registered(_))));
    let has =
        async |archive: &parlor_archive::Archive| archive.accounts().account(&user("anna")).await.unwrap().is_some();
    assert!(has(&second).await && !has(&first).await);
    anna.shutdown().await;
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_blocked_or_verified_on_one_device_is_so_on_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let first = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (kitchen, code) = create(&first.handle(), "kitchen").await;
    ben.handle().call(Command::Join(code)).await.unwrap();
    let user = until("ben is in", async || {
        members(&ben.handle(), kitchen).await.into_iter().find(|member| member.own).and_then(|member| member.user)
    })
    .await;
    until("ben is known", async || {
        first.handle().call(Command::Block { user, blocked: true }).await.is_ok().then_some(())
    })
    .await;
    register(&first, "anna", "correct horse battery").await;
    log_in(&second, "anna", "correct horse battery").await.unwrap();
    let marks = async |node: &Node| {
        let members = members(&node.handle(), kitchen).await;
        members.into_iter().find(|member| member.user == Some(user)).map(|ben| (ben.verified, ben.blocked))
    };
    until("ben is blocked on the laptop", async || (marks(&second).await == Some((false, true))).then_some(())).await;
    second.handle().call(Command::Block { user, blocked: false }).await.unwrap();
    second.handle().call(Command::Verify { user, verified: true }).await.unwrap();
    until("the first device follows", async || (marks(&first).await == Some((true, false))).then_some(())).await;
    for node in [ben, second, first] {
        node.shutdown().await;
    }
    archive.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_out_of_the_account_and_of_the_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let first = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    let (kitchen, _) = create(&first.handle(), "kitchen").await;
    send(&first.handle(), kitchen, "hello").await;
    register(&first, "anna", "correct horse battery").await;
    log_in(&second, "anna", "correct horse battery").await.unwrap();
    until_texts(&second.handle(), kitchen, &["hello"]).await;
    let laptop = until("the first device knows of the laptop", async || {
        match first.handle().call(Command::Device(Box::new(DeviceCommand::List))).await {
            Ok(Reply::Devices(devices)) => devices.into_iter().find(|known| !known.own).map(|known| known.device),
            other => panic!("devices, not {other:?}"),
        }
    })
    .await;
    assert_eq!(devices(&first).await.len(), 2);
    let revoke = DeviceCommand::Revoke { device: laptop };
    first.handle().call(Command::Device(Box::new(revoke))).await.unwrap();
    until("it is signed out", async || (devices(&first).await.len() == 1).then_some(())).await;
    until("it is out of the room", async || {
        let rooms = second.handle().rooms().await.unwrap();
        let is_out = rooms.iter().any(|room| matches!(room.standing, RoomStanding::Removed { .. }));
        is_out.then_some(())
    })
    .await;
    let text = Command::Send { room: kitchen, text: parlor_protocol::Text::new("hi").unwrap(), reply_to: None };
    assert_eq!(second.handle().call(text).await.unwrap_err(), CommandError::RoomOver);
    // Whoever is new gets nothing of it from the archive, and the laptop nothing of what comes.
    send(&first.handle(), kitchen, "without the laptop").await;
    until_archived(&first.handle(), kitchen).await;
    assert_eq!(members(&first.handle(), kitchen).await.len(), 1);
    second.shutdown().await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    until("the archive is there", async || match second.handle().call(Command::Connection).await {
        Ok(Reply::Connection(connection)) => connection.peers.iter().any(|peer| peer.archive).then_some(()),
        _ => None,
    })
    .await;
    until_texts(&second.handle(), kitchen, &["hello"]).await;
    for node in [second, first] {
        node.shutdown().await;
    }
    archive.shutdown().await;
}

/// What a machine that is shut down has on its disk.
fn on_disk(dir: &Path, profile: &str) -> Loaded {
    DiskStore::open_with(&dir.join("profiles").join(profile), &Unlock::default()).unwrap().load().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_takes_no_newer_key_up_from_the_vault_and_takes_none_out_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let first = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let second = node(dir.path(), "laptop", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (kitchen, code) = create(&ben.handle(), "kitchen").await;
    join(&first.handle(), &code).await;
    send(&ben.handle(), kitchen, "hello").await;
    register(&first, "anna", "correct horse battery").await;
    log_in(&second, "anna", "correct horse battery").await.unwrap();
    until_texts(&second.handle(), kitchen, &["hello"]).await;
    let laptop = devices(&second).await.into_iter().find(|device| device.own).unwrap().device;
    // Whoever is not known to who removes somebody is shut out, too.
    until("ben sees both machines", async || {
        let seen = members(&ben.handle(), kitchen).await;
        (seen.iter().any(|member| member.device == laptop) && seen.len() == 3).then_some(())
    })
    .await;
    ben.handle().call(Command::RemoveDevice { room: kitchen, device: laptop }).await.unwrap();
    until("the laptop is out", async || {
        let rooms = second.handle().rooms().await.unwrap();
        rooms.iter().any(|room| matches!(room.standing, RoomStanding::Removed { .. })).then_some(())
    })
    .await;
    send(&ben.handle(), kitchen, "without the laptop").await;
    until_texts(&first.handle(), kitchen, &["hello", "without the laptop"]).await;
    let version = async || archive.accounts().account(&user("anna")).await.unwrap().map(|row| row.vault.version);
    // The first machine writes the new key into the vault; then the laptop writes something of its own.
    let (garden, _) = create(&first.handle(), "garden").await;
    until("the laptop has the garden from the vault", async || {
        second.handle().rooms().await.ok()?.iter().any(|room| room.room == garden).then_some(())
    })
    .await;
    first.shutdown().await;
    ben.shutdown().await;
    let before = version().await;
    let (attic, _) = create(&second.handle(), "attic").await;
    until("the laptop has written the vault", async || (version().await > before).then_some(())).await;
    until_archived(&second.handle(), attic).await;
    second.shutdown().await;
    let kept = on_disk(dir.path(), "anna");
    let newest = kept.rooms.iter().find(|(room, _)| room.genesis.room() == kitchen).map(|(room, _)| &room.epochs);
    let newest = newest.and_then(|epochs| epochs.last()).unwrap().id;
    let kept = on_disk(dir.path(), "laptop");
    assert!(kept.rooms.iter().flat_map(|(room, _)| &room.epochs).all(|epoch| epoch.id != newest));
    let shared = AccountBundle::decode(&kept.person.unwrap().bundle.0).unwrap();
    assert!(shared.rooms[&kitchen].is_out(laptop));
    assert!(shared.rooms.values().flat_map(|room| &room.epochs).all(|epoch| epoch.id != newest));
    // A new machine has the kitchen with its new key from the vault, though the laptop wrote it last.
    let third = node(dir.path(), "tablet", std::slice::from_ref(&at)).await;
    log_in(&third, "anna", "correct horse battery").await.unwrap();
    until_texts(&third.handle(), kitchen, &["hello", "without the laptop"]).await;
    until("the attic is there", async || {
        third.handle().rooms().await.ok()?.iter().any(|room| room.room == attic).then_some(())
    })
    .await;
    third.shutdown().await;
    archive.shutdown().await;
}
