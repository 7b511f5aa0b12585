//! A link to a room leads into it, and whoever came that way comes back as the same member.

use parlor_tests::{
    real::{address, create, members, node, send, texts, until},
    site::{archive_with, page_in_turn},
    visitor::Visitor,
};

const PASSPHRASE: &str = "soup on the stove";

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_joins_by_a_link_chats_both_ways_and_comes_back_as_the_same_member() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (archive, site) = archive_with(page, dir.path()).await;
    let anna = node(dir.path(), "anna", &[address(archive.net())]).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;

    let bea = Visitor::opens(&format!("{site}#{code}"), None).await;
    bea.browser.keeps(PASSPHRASE).await;
    assert_eq!(bea.browser.script("return location.hash").await, "", "the code is out of the address");
    bea.browser.is_called("Bea").await;
    bea.browser.joins_by_link("kitchen").await;
    until("Anna sees Bea", async || members(&anna.handle(), room).await.iter().any(|m| m.name == "Bea").then_some(()))
        .await;

    bea.says("hello from a page").await;
    until("the page's message", async || {
        texts(&anna.handle(), room).await.contains(&"hello from a page".to_owned()).then_some(())
    })
    .await;
    // What arrives while no room is open is counted in the title.
    bea.leaves_the_room().await;
    send(&anna.handle(), room, "hello page").await;
    bea.browser.until_title("(1) Parlor").await;
    bea.goes_to("kitchen").await;

    // After the page was loaded anew its passphrase opens the same member.
    bea.browser.reload().await;
    bea.unlocks(PASSPHRASE, "kitchen - Parlor").await;
    bea.says("still me").await;
    until("the message after that", async || {
        texts(&anna.handle(), room).await.contains(&"still me".to_owned()).then_some(())
    })
    .await;

    // A second tab takes over; the first shows nothing more.
    let first = bea.browser.open_tab().await;
    bea.browser.open(&site).await;
    bea.unlocks(PASSPHRASE, "kitchen - Parlor").await;
    bea.says("from the second tab").await;
    until("the message of the second tab", async || {
        texts(&anna.handle(), room).await.contains(&"from the second tab".to_owned()).then_some(())
    })
    .await;
    bea.browser.go_to_tab(&first).await;
    bea.browser.until_title("Parlor").await;
    let others: Vec<_> = members(&anna.handle(), room).await.into_iter().map(|member| member.name).collect();
    assert_eq!(others, ["anna", "Bea"], "no third member came");

    bea.obeyed_the_policy().await;
    drop(bea);
    anna.shutdown().await;
    archive.shutdown().await;
}
