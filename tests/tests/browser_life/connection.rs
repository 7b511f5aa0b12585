//! Archives that do not answer, connections that break, and work that takes long.

use crate::place::{PHRASE, Place, come_in, joined, unlock, until_console};
use parlor_tests::{
    browser::{Browser, ENTER},
    real::{texts, until},
    site::page_in_turn,
};
use std::net::SocketAddr;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_does_not_answer_is_named_and_can_be_tried_again() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let mut place = Place::new(page.clone()).await;
    let (anna, _, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;
    joined(&browser, &place.site(), &code).await;
    browser.reload().await;
    browser.until_loaded().await;
    browser.until_focused("Passphrase").await;
    place.stop().await;
    browser.types(&format!("{PHRASE}{ENTER}")).await;
    until_console(&browser, "the archive does not answer").await;
    // Somebody listens there, and says nothing.
    let silent = tokio::net::TcpListener::bind(place.web).await.unwrap();
    let silence = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    browser.presses_part("Try again").await;
    browser.until_focused("Passphrase").await;
    browser.types(&format!("{PHRASE}{ENTER}")).await;
    until_console(&browser, "did not answer within 10 seconds").await;
    silence.abort();
    let _ = silence.await;
    place.serve(page).await;
    browser.presses_part("Try again").await;
    unlock(&browser).await;
    drop(browser);
    anna.shutdown().await;
}

/// A cable between browser and archive, which can be cut.
struct Cable {
    address: SocketAddr,
    cut: watch::Sender<()>,
}

impl Cable {
    async fn to(archive: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, (cut, cutting)) = (listener.local_addr().unwrap(), watch::channel(()));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cutting = cutting.clone();
                cutting.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(archive).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cutting.changed() => {}
                    }
                });
            }
        });
        Self { address, cut }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_is_made_anew_without_waiting_for_a_ping() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let place = Place::new(page).await;
    let cable = Cable::to(place.web).await;
    let (anna, room, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;
    joined(&browser, &format!("http://{}/", cable.address), &code).await;
    browser.reload().await;
    browser.until_loaded().await;
    let watch = "window.opened = []; window.WebSocket = class extends WebSocket { constructor(...given) { \
        super(...given); window.opened.push(performance.now()); } };";
    browser.script(watch).await;
    unlock(&browser).await;
    browser.writes("before").await;
    until("the first message", async || texts(&anna.handle(), room).await.contains(&"before".to_owned()).then_some(()))
        .await;
    let opened = async || browser.script("return window.opened.length").await.as_u64().unwrap();
    let before = opened().await;
    let now = browser.script("return performance.now()").await.as_f64().unwrap();
    cable.cut.send(()).unwrap();
    until("another try", async || (opened().await > before).then_some(())).await;
    let at = browser.script(&format!("return window.opened[{before}]")).await.as_f64().unwrap();
    // Two lost pings take 12 seconds.
    assert!(at - now < 8_000.0, "{} ms", at - now);
    browser.writes("after").await;
    until("the next message", async || texts(&anna.handle(), room).await.contains(&"after".to_owned()).then_some(()))
        .await;
    let before = opened().await;
    // The network was gone and is back: what was connected before is not trusted.
    browser.script("window.dispatchEvent(new Event('offline')); window.dispatchEvent(new Event('online'))").await;
    until("another connection", async || (opened().await > before).then_some(())).await;
    drop(browser);
    anna.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_stretched_in_workers_and_in_the_page_where_there_are_none() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let place = Place::new(page).await;
    let (anna, _, code) = place.anna().await;
    let browser = Browser::start(1000, 720).await;
    browser.open(&format!("{}#{code}", place.site())).await;
    browser.until_loaded().await;
    let counts = "window.workers = 0; window.Worker = class extends Worker { constructor(...given) { super(...given); \
        window.workers += 1; } };";
    browser.script(counts).await;
    come_in(&browser).await;
    // The passphrase, and the code.
    assert_eq!(browser.script("return window.workers").await, 2);
    let refused = |line: &String| line.contains("no worker") || line.contains("Content Security");
    let refused: Vec<_> = browser.console().await.into_iter().filter(refused).collect();
    assert!(refused.is_empty(), "{refused:?}");

    browser.reload().await;
    browser.until_loaded().await;
    browser.script("delete window.Worker").await;
    unlock(&browser).await;
    until_console(&browser, "no worker").await;
    drop(browser);
    anna.shutdown().await;
}
