//! The page over https, with a certificate that the archive made itself.

use parlor_archive::Tls;
use parlor_tests::{
    real::{address, create, node, send, texts, until},
    site::{archive_over, page_in_turn},
    visitor::Visitor,
};

#[tokio::test(flavor = "multi_thread")]
async fn over_https_the_page_and_its_connection_come_from_the_archive_and_pass_messages_both_ways() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (archive, site) = archive_over(Tls::SelfSigned, page, dir.path()).await;
    assert!(site.starts_with("https://"), "{site}");
    let anna = node(dir.path(), "anna", &[address(archive.net())]).await;
    let (room, code) = create(&anna.handle(), "vault").await;
    let bea = Visitor::opens(&format!("{site}#{code}"), None).await;
    assert_eq!(bea.browser.script("return location.protocol").await, "https:");
    bea.browser.keeps_nothing().await;
    bea.browser.is_called("Bea").await;
    bea.browser.joins_by_link("vault").await;
    bea.says("behind a lock").await;
    until("Bea's message", async || {
        texts(&anna.handle(), room).await.contains(&"behind a lock".to_owned()).then_some(())
    })
    .await;
    bea.leaves_the_room().await;
    send(&anna.handle(), room, "and back").await;
    bea.browser.until_title("(1) Parlor").await;
    bea.obeyed_the_policy().await;
    drop(bea);
    anna.shutdown().await;
    archive.shutdown().await;
}
