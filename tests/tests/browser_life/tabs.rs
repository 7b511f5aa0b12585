//! Several tabs of one browser.

use crate::place::{PHRASE, Place, joined, unlock};
use parlor_tests::{
    browser::{Browser, ENTER},
    real::{members, texts, until},
    site::page_in_turn,
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_lost_what_the_browser_keeps_stops_and_publishes_nothing_more() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let place = Place::new(page).await;
    let (anna, room, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;
    joined(&browser, &place.site(), &code).await;
    browser.writes("first").await;
    until("the first message", async || texts(&anna.handle(), room).await.contains(&"first".to_owned()).then_some(()))
        .await;
    // As if another tab had begun while this one was frozen.
    let taken = "return new Promise(done => { const asked = indexedDB.open('parlor'); asked.onsuccess = () => { \
        const change = asked.result.transaction('meta', 'readwrite'); \
        change.objectStore('meta').put(new Uint8Array(16), new TextEncoder().encode('leader')); \
        change.oncomplete = () => { asked.result.close(); done(true); }; }; })";
    assert_eq!(browser.script(taken).await, Value::Bool(true));
    browser.writes("never sent").await;
    browser.until_title("Parlor").await;
    browser.presses_part("Use it here").await;
    unlock(&browser).await;
    browser.writes("back again").await;
    until("the message after that", async || {
        texts(&anna.handle(), room).await.contains(&"back again".to_owned()).then_some(())
    })
    .await;
    assert_eq!(texts(&anna.handle(), room).await, ["first", "back again"]);
    assert_eq!(members(&anna.handle(), room).await.len(), 2, "no third member came");
    drop(browser);
    anna.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_that_start_at_once_the_newer_one_leads() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let place = Place::new(page).await;
    let (anna, room, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;
    joined(&browser, &place.site(), &code).await;
    browser.reload().await;
    browser.until_loaded().await;
    browser.until_focused("Passphrase").await;
    let first = browser.open_tab().await;
    browser.open(&place.site()).await;
    browser.until_loaded().await;
    browser.until_focused("Passphrase").await;
    browser.types(PHRASE).await;
    let second = browser.tab().await;
    browser.go_to_tab(&first).await;
    browser.until_focused("Passphrase").await;
    browser.types(PHRASE).await;
    browser.types(&ENTER.to_string()).await;
    browser.go_to_tab(&second).await;
    browser.types(&ENTER.to_string()).await;
    browser.until_title("kitchen - Parlor").await;
    browser.writes("from the newer tab").await;
    until("its message", async || {
        texts(&anna.handle(), room).await.contains(&"from the newer tab".to_owned()).then_some(())
    })
    .await;
    browser.go_to_tab(&first).await;
    browser.until_title("Parlor").await;
    // It can have it back.
    browser.presses_part("Use it here").await;
    unlock(&browser).await;
    browser.writes("from the older tab").await;
    until("the message of the first tab", async || {
        texts(&anna.handle(), room).await.contains(&"from the older tab".to_owned()).then_some(())
    })
    .await;
    drop(browser);
    anna.shutdown().await;
}
