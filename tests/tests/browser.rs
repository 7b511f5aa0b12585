//! The app in a real browser: a member like any other, and what it keeps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_archive::{Archive, WebConfig};
use parlor_tests::{
    browser::{ALT, Browser, CTRL, DOWN, ENTER, LEFT, TAB, has_browser, page},
    real::{address, archive_config, create, members, node, send, texts, until},
};
use std::{env, path::PathBuf};

/// The page, unless it cannot be tried here.
fn page_or_word() -> Option<PathBuf> {
    let page = page().filter(|_| has_browser());
    if page.is_none() {
        assert!(env::var_os("PARLOR_TEST_ALL").is_none(), "PARLOR_TEST_ALL: build the page with `cargo xtask web`");
        println!("not tried: it needs chromedriver and the page (`cargo xtask web`)");
    }
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_joins_by_a_link_chats_both_ways_and_comes_back_as_the_same_member() {
    let Some(page) = page_or_word() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut config = archive_config(&dir.path().join("archive"));
    config.web = WebConfig { address: Some(([127, 0, 0, 1], 0).into()), dir: Some(page), ..WebConfig::default() };
    let archive = Archive::start(config).await.unwrap();
    let site = archive.page().unwrap().links().swap_remove(0);
    let anna = node(dir.path(), "anna", &[address(archive.net())]).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;

    let browser = Browser::start(1000, 720).await;
    browser.open(&format!("{site}#{code}")).await;
    browser.until_loaded().await;
    // Whose device is this: mine, with a passphrase.
    browser.until_typing().await;
    browser.types(&format!("soup on the stove{TAB}soup on the stove{ENTER}")).await;
    browser.until_title("Welcome to Parlor").await;
    assert_eq!(browser.script("return location.hash").await, "", "the code is out of the address");
    browser.until_typing().await;
    browser.types(&format!("Bea{ENTER}")).await;
    // The dialog has the code of the link already.
    browser.until_title("Parlor").await;
    browser.until_typing().await;
    browser.types(&ENTER.to_string()).await;
    browser.until_title("kitchen - Parlor").await;
    until("Anna sees Bea", async || members(&anna.handle(), room).await.iter().any(|m| m.name == "Bea").then_some(()))
        .await;

    browser.types(&format!("hello from a page{ENTER}")).await;
    until("the page's message", async || {
        texts(&anna.handle(), room).await.contains(&"hello from a page".to_owned()).then_some(())
    })
    .await;
    // What arrives while no room is open is counted in the title.
    browser.presses(ALT, LEFT).await;
    browser.until_title("Parlor").await;
    send(&anna.handle(), room, "hello page").await;
    browser.until_title("(1) Parlor").await;
    browser.presses(CTRL, DOWN).await;
    browser.until_title("kitchen - Parlor").await;

    // After the page was loaded anew its passphrase opens the same member.
    browser.reload().await;
    browser.until_loaded().await;
    browser.until_title("Parlor").await;
    browser.until_typing().await;
    browser.types(&format!("soup on the stove{ENTER}")).await;
    browser.until_title("kitchen - Parlor").await;
    browser.until_typing().await;
    browser.types(&format!("still me{ENTER}")).await;
    until("the message after that", async || {
        texts(&anna.handle(), room).await.contains(&"still me".to_owned()).then_some(())
    })
    .await;

    // A second tab takes over; the first shows nothing more.
    let first = browser.open_tab().await;
    browser.open(&site).await;
    browser.until_loaded().await;
    browser.until_typing().await;
    browser.types(&format!("soup on the stove{ENTER}")).await;
    browser.until_title("kitchen - Parlor").await;
    browser.until_typing().await;
    browser.types(&format!("from the second tab{ENTER}")).await;
    until("the message of the second tab", async || {
        texts(&anna.handle(), room).await.contains(&"from the second tab".to_owned()).then_some(())
    })
    .await;
    browser.go_to_tab(&first).await;
    browser.until_title("Parlor").await;
    let others: Vec<_> = members(&anna.handle(), room).await.into_iter().map(|member| member.name).collect();
    assert_eq!(others, ["anna", "Bea"], "no third member came");

    let refused: Vec<_> =
        browser.console().await.into_iter().filter(|line| line.contains("Content Security")).collect();
    assert!(refused.is_empty(), "{refused:?}");
    drop(browser);
    anna.shutdown().await;
    archive.shutdown().await;
}
