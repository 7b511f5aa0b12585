//! Newer pages, and what another version kept.

use crate::place::{
    Place, come_in, is_marked, mark, name, put_in_sight, put_out_of_sight, unlock, until_console, until_it_looked,
    until_loaded_anew,
};
use parlor_tests::{
    browser::{Browser, ENTER},
    real::{members, texts, until},
    site::page_in_turn,
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_loads_itself_anew_when_the_archive_has_a_newer_one_but_not_under_somebodys_hands() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let mut place = Place::new(page).await;
    let (anna, room, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;

    // Before anybody came in: the code of the link is not lost.
    browser.open(&format!("{}#{code}", place.site())).await;
    browser.until_loaded().await;
    browser.until_focused("New passphrase").await;
    mark(&browser).await;
    place.update("00000000000000a1").await;
    put_out_of_sight(&browser).await;
    until_it_looked(&browser).await;
    until_loaded_anew(&browser).await;
    assert_eq!(name(&browser).await, "00000000000000a1");
    come_in(&browser).await;

    // Half a sentence keeps it from doing so.
    browser.types("half a sent").await;
    mark(&browser).await;
    place.update("00000000000000a2").await;
    put_out_of_sight(&browser).await;
    until_it_looked(&browser).await;
    assert!(is_marked(&browser).await, "what is being written is not lost");
    put_in_sight(&browser).await;
    browser.types(&format!("ence{ENTER}")).await;
    until("the sentence", async || {
        texts(&anna.handle(), room).await.contains(&"half a sentence".to_owned()).then_some(())
    })
    .await;
    put_out_of_sight(&browser).await;
    until_loaded_anew(&browser).await;
    assert_eq!(name(&browser).await, "00000000000000a2");
    unlock(&browser).await;
    browser.writes("and on").await;
    until("the next sentence", async || texts(&anna.handle(), room).await.contains(&"and on".to_owned()).then_some(()))
        .await;
    assert_eq!(members(&anna.handle(), room).await.len(), 2, "no third member came");
    drop(browser);
    anna.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_stays_another_one_is_not_loaded_anew_for_ever_and_one_that_keeps_nothing_never() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let mut place = Place::new(page).await;
    let browser = Browser::start(1000, 720).await;
    browser.open(&place.site()).await;
    browser.until_loaded().await;
    browser.until_focused("New passphrase").await;
    mark(&browser).await;
    // No name of ours, so the archive calls it by another one: as if a cache handed out an old page.
    place.update("never what the archive says").await;
    put_out_of_sight(&browser).await;
    until_it_looked(&browser).await;
    until_loaded_anew(&browser).await;
    assert_eq!(name(&browser).await, "never what the archive says");
    mark(&browser).await;
    put_out_of_sight(&browser).await;
    until_it_looked(&browser).await;
    assert!(is_marked(&browser).await, "once is enough");

    put_in_sight(&browser).await;
    browser.keeps_nothing().await;
    browser.is_called("Cat").await;
    place.update("00000000000000b1").await;
    put_out_of_sight(&browser).await;
    until_it_looked(&browser).await;
    assert!(is_marked(&browser).await, "all would be gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_kept_is_named_and_left_alone() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let place = Place::new(page).await;
    let browser = Browser::start(1000, 720).await;
    for (version, words) in [(1, "an older Parlor"), (99, "a newer Parlor")] {
        browser.open(&format!("{}parlor.json", place.site())).await;
        let made = format!(
            "return new Promise(done => {{ const gone = indexedDB.deleteDatabase('parlor'); gone.onsuccess = () => {{ \
             const asked = indexedDB.open('parlor', {version}); \
             asked.onupgradeneeded = () => asked.result.createObjectStore('meta').put('kept', 'word'); \
             asked.onsuccess = () => {{ asked.result.close(); done(true); }}; }}; }})"
        );
        assert_eq!(browser.script(&made).await, Value::Bool(true));
        browser.open(&place.site()).await;
        browser.until_loaded().await;
        until_console(&browser, words).await;
        browser.open(&format!("{}parlor.json", place.site())).await;
        let there = "return new Promise(done => { const asked = indexedDB.open('parlor'); asked.onsuccess = () => { \
            const word = asked.result.transaction('meta').objectStore('meta').get('word'); \
            word.onsuccess = () => { const found = [asked.result.version, word.result]; asked.result.close(); done(found); }; }; })";
        assert_eq!(browser.script(there).await, serde_json::json!([version, "kept"]));
    }
}
