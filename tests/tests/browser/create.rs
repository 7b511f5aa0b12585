//! A room that is made in a browser, and the link that leads others into it.

use parlor_tests::{
    browser::ESCAPE,
    real::{address, join, node, send, texts, until},
    site::{archive_with, page_in_turn},
    visitor::Visitor,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_room_made_in_a_browser_is_joined_from_a_desktop_by_the_link_that_was_copied() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (archive, site) = archive_with(page, dir.path()).await;
    let bea = Visitor::opens(&site, None).await;
    bea.browser.may_use_the_clipboard().await;
    bea.browser.keeps("bread in the oven").await;
    bea.browser.is_called("Bea").await;
    bea.makes_a_room("bakery").await;
    bea.browser.presses_part("Copy link").await;
    let link = until("the link is copied", async || {
        let copied = bea.browser.script("return navigator.clipboard.readText()").await;
        copied.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    })
    .await;
    let code = link.strip_prefix(&format!("{site}#")).unwrap_or_else(|| panic!("{link} leads elsewhere"));

    let anna = node(dir.path(), "anna", &[address(archive.net())]).await;
    let room = join(&anna.handle(), &code.parse().unwrap()).await;
    send(&anna.handle(), room, "what a smell").await;
    bea.browser.types(&ESCAPE.to_string()).await;
    bea.obeyed_the_policy().await;
    bea.says("fresh rolls").await;
    until("Bea's message", async || {
        texts(&anna.handle(), room).await.contains(&"fresh rolls".to_owned()).then_some(())
    })
    .await;
    drop(bea);
    anna.shutdown().await;
    archive.shutdown().await;
}
