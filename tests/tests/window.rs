//! The real app in a real window: typed into with a keyboard, looked at in a picture.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(target_os = "linux")]

use parlor_node::store::{LockChange, ProfileLock, Unlock, change_lock};
use parlor_protocol::guard::Passphrase;
use parlor_tests::{
    real::{address, archive, create, join, members, node, send, texts, until, until_texts},
    skip::cannot_run,
    window::{App, Screen, guide_picture, missing_tool, test_picture},
};
use std::path::Path;

/// How many different colours a picture has.
fn colors(picture: &Path) -> usize {
    let out = std::process::Command::new("identify").args(["-format", "%k"]).arg(picture).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_joins_by_code_and_chats_both_ways_in_a_window() {
    if let Some(tool) = missing_tool() {
        cannot_run(&format!("{tool} is not installed; `cargo xtask test` installs it"));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let archive_at = address(archive.net());
    let anna = node(dir.path(), "Anna", std::slice::from_ref(&archive_at)).await;
    let at = [address(anna.net().unwrap()), archive_at];
    let ben = node(dir.path(), "Ben", &at).await;
    let (kitchen, code) = create(&anna.handle(), "Kitchen").await;
    join(&ben.handle(), &code).await;
    send(&anna.handle(), kitchen, "There is soup on the stove. Who is hungry?").await;
    until_texts(&ben.handle(), kitchen, &["There is soup on the stove. Who is hungry?"]).await;
    send(&ben.handle(), kitchen, "Me! I finish one page and come down.").await;

    let screen = Screen::start();
    let at = [vec![address(ben.net().unwrap())], at.to_vec()].concat();
    let app = App::start(&screen, dir.path(), "mara", &at);
    // What opens a field is waited for before something is typed into it.
    let opens = |app: &App, keys: &str| {
        screen.press(keys);
        screen.picture_at_rest(app, &test_picture("opened"));
    };
    screen.await_window("^Welcome to Parlor$");
    screen.picture_at_rest(&app, &test_picture("welcome"));
    screen.types("Mara");
    screen.press("Return");
    screen.await_window("^Parlor$");
    screen.picture_at_rest(&app, &test_picture("no-rooms"));
    opens(&app, "ctrl+j");
    screen.types(&code.to_string());
    screen.press("Return");
    screen.await_window("Kitchen - Parlor");
    let names = async || members(&anna.handle(), kitchen).await.into_iter().map(|m| m.name).collect::<Vec<_>>();
    until("Mara is a member", async || names().await.contains(&"Mara".to_owned()).then_some(())).await;

    screen.picture_at_rest(&app, &test_picture("joined"));
    screen.types("Save me a bowl, I bring bread");
    screen.press("Return");
    let history = [
        "There is soup on the stove. Who is hungry?",
        "Me! I finish one page and come down.",
        "Save me a bowl, I bring bread",
    ];
    until_texts(&anna.handle(), kitchen, &history).await;
    send(&anna.handle(), kitchen, "Perfect. Dinner is in ten minutes.").await;
    until("the app has it", async || {
        let messages = parlor_tests::real::messages(&anna.handle(), kitchen).await;
        messages.last().filter(|m| m.own && m.delivery.reached == 2 && m.delivery.archived).map(drop)
    })
    .await;

    // A second room, where something new waits to be read.
    let (film, code) = create(&anna.handle(), "Film night").await;
    opens(&app, "ctrl+j");
    screen.types(&code.to_string());
    screen.press("Return");
    screen.await_window("Film night - Parlor");
    opens(&app, "ctrl+k");
    screen.types("Kitchen");
    screen.press("Return");
    screen.await_window("Kitchen - Parlor");
    send(&anna.handle(), film, "Saturday at eight?").await;
    screen.await_window(r"^\(1\) Kitchen - Parlor$");
    until("the app shows who is here", async || {
        let members = members(&ben.handle(), kitchen).await;
        members.iter().all(|member| member.online || member.own).then_some(())
    })
    .await;
    until("both received what Mara wrote", async || {
        let seen = async |node: &parlor_node::Node| texts(&node.handle(), kitchen).await.len() == 4;
        (seen(&anna).await && seen(&ben).await).then_some(())
    })
    .await;
    // The cursor blinks only in a window that has the keyboard.
    let picture = guide_picture("app");
    screen.picture_at_rest(&app, &picture);
    assert!(colors(&picture) > 100, "the picture shows the app, not an empty screen");

    screen.press("ctrl+q");
    assert!(app.ended_well(), "the app ends when it is told to");
    let app = App::start(&screen, dir.path(), "mara", &at);
    screen.await_window("Kitchen - Parlor");
    send(&ben.handle(), kitchen, "Coming!").await;
    until("the restarted app has it", async || {
        let messages = parlor_tests::real::messages(&ben.handle(), kitchen).await;
        messages.last().filter(|m| m.own && m.delivery.reached > 0).map(drop)
    })
    .await;
    drop(app);
    anna.shutdown().await;
    ben.shutdown().await;
    archive.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_app_shows_one_field_and_nothing_else_until_the_passphrase_is_typed() {
    if let Some(tool) = missing_tool() {
        cannot_run(&format!("{tool} is not installed; `cargo xtask test` installs it"));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mara = node(dir.path(), "mara", &[]).await;
    let (kitchen, _) = create(&mara.handle(), "Kitchen").await;
    send(&mara.handle(), kitchen, "The key is under the flower pot").await;
    let profile = mara.dir().to_owned();
    mara.shutdown().await;
    let new = Passphrase::choose("soup on the stove").unwrap();
    let set = LockChange::SetPassphrase { current: None, new, at_start: None };
    change_lock(&profile, &Unlock::default(), set).unwrap();

    let screen = Screen::start();
    let app = App::start(&screen, dir.path(), "mara", &[]);
    screen.await_window("^Parlor$");
    let locked = test_picture("locked");
    screen.picture_at_rest(&app, &locked);
    let unlock = async |passphrase: &str, title: &str| {
        screen.types(passphrase);
        screen.press("Return");
        screen.await_window(title);
    };
    screen.types("bread in the oven");
    screen.press("Return");
    screen.picture_at_rest(&app, &test_picture("locked-wrong"));
    unlock("soup on the stove", "^Parlor$").await;
    screen.picture_at_rest(&app, &test_picture("unlocked"));
    screen.press("ctrl+k");
    screen.picture_at_rest(&app, &test_picture("switcher"));
    screen.types("Kitchen");
    screen.press("Return");
    screen.await_window("Kitchen - Parlor");
    screen.press("ctrl+comma");
    screen.picture_at_rest(&app, &test_picture("lock-settings"));
    screen.press("Escape");
    screen.press("ctrl+l");
    screen.await_window("^Parlor$");
    until("the node is gone", async || ProfileLock::take(&profile, "mara").ok().map(drop)).await;
    screen.picture_at_rest(&app, &test_picture("locked-again"));
    unlock("soup on the stove", "Kitchen - Parlor").await;
    screen.press("ctrl+q");
    assert!(app.ended_well(), "the app ends when it is told to");
}
