//! A shared computer: nothing is kept, and nobody finds anything afterwards.

use parlor_tests::{
    real::{address, create, members, node, send, texts, until},
    site::{archive_with, page_in_turn},
    visitor::Visitor,
};

/// Counts what the browser keeps for the page.
const KEPT: &str = "
    const open = name => new Promise(done => { indexedDB.open(name).onsuccess = event => done(event.target.result) });
    const count = (db, store) => new Promise(done => {
        db.transaction(store).objectStore(store).count().onsuccess = event => done(event.target.result);
    });
    return (async () => {
        let kept = localStorage.length + sessionStorage.length;
        for (const { name } of await indexedDB.databases()) {
            const db = await open(name);
            for (const store of db.objectStoreNames) kept += await count(db, store);
            db.close();
        }
        return kept;
    })();
";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_keeps_nothing_chats_like_any_other_and_is_a_stranger_when_it_is_loaded_anew() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (archive, site) = archive_with(page, dir.path()).await;
    let anna = node(dir.path(), "anna", &[address(archive.net())]).await;
    let (room, code) = create(&anna.handle(), "library").await;
    send(&anna.handle(), room, "quiet please").await;

    let cai = Visitor::opens(&format!("{site}#{code}"), None).await;
    cai.browser.keeps_nothing().await;
    cai.browser.is_called("Cai").await;
    cai.browser.joins_by_link("library").await;
    cai.says("as you wish").await;
    until("Cai's message", async || {
        texts(&anna.handle(), room).await.contains(&"as you wish".to_owned()).then_some(())
    })
    .await;
    assert_eq!(cai.browser.script(KEPT).await, 0, "nothing is kept in the browser");

    let visits = members(&anna.handle(), room).await.into_iter().filter(|member| member.visit.is_some());
    assert_eq!(visits.map(|member| member.name).collect::<Vec<_>>(), ["Cai"], "a guest");
    cai.browser.reload().await;
    until("the page said that it goes", async || {
        let names: Vec<_> = members(&anna.handle(), room).await.into_iter().map(|member| member.name).collect();
        (names == ["anna"]).then_some(())
    })
    .await;
    cai.browser.until_loaded().await;
    cai.browser.keeps_nothing().await;
    // A fresh person, who has no name yet.
    cai.browser.is_called("Dora").await;
    cai.obeyed_the_policy().await;
    drop(cai);
    anna.shutdown().await;
    archive.shutdown().await;
}
