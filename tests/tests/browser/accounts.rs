//! Signing in from browsers: the rooms come along, to a first one and to a second one.

use parlor_node::{AccountCommand, Command, Node, Reply};
use parlor_protocol::{
    Name,
    account::{Password, UserName},
};
use parlor_tests::{
    real::{address, create, join, members, messages, node, send, until, until_archived, until_texts},
    site::{archive_with, page_in_turn},
    visitor::Visitor,
};

const PASSWORD: &str = "correct horse battery";

async fn register(node: &Node) {
    let command = AccountCommand::Register {
        name: UserName::new("mara").unwrap(),
        password: Password::new(PASSWORD).unwrap(),
        token: None,
        device: Name::new("desk").unwrap(),
        archive: None,
    };
    let answer = node.handle().call(Command::Account(Box::new(command))).await;
    assert!(matches!(answer, Ok(Reply::Registered(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_from_one_browser_and_then_another_finds_rooms_and_history_in_both() {
    let Some((page, _turn)) = page_in_turn().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (archive, site) = archive_with(page, dir.path()).await;
    let at = address(archive.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let mara = node(dir.path(), "mara", std::slice::from_ref(&at)).await;
    let (garden, code) = create(&anna.handle(), "garden").await;
    send(&anna.handle(), garden, "roses").await;
    join(&mara.handle(), &code).await;
    until_texts(&mara.handle(), garden, &["roses"]).await;
    let user = members(&mara.handle(), garden).await.iter().find(|member| member.own).unwrap().user;
    register(&mara).await;
    until_archived(&anna.handle(), garden).await;
    until("the account holds the room", async || {
        let row = archive.accounts().account(&UserName::new("mara").unwrap()).await.unwrap()?;
        (row.vault.version >= 1).then_some(())
    })
    .await;
    // Nobody but the archive is up.
    mara.shutdown().await;
    anna.shutdown().await;

    let first = Visitor::opens(&site, None).await;
    first.browser.keeps("bread in the oven").await;
    first.signs_in("mara", PASSWORD).await;
    first.goes_to("garden").await;
    first.likes_the_topmost().await;
    first.says("from a browser").await;
    first.obeyed_the_policy().await;

    let second = Visitor::opens(&site, None).await;
    second.browser.keeps_nothing().await;
    second.signs_in("Mara", PASSWORD).await;
    second.goes_to("garden").await;
    second.says("from another browser").await;

    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    until_texts(&anna.handle(), garden, &["roses", "from a browser", "from another browser"]).await;
    until("the reaction of the first browser", async || {
        messages(&anna.handle(), garden).await.iter().any(|message| !message.reactions.is_empty()).then_some(())
    })
    .await;
    let devices = members(&anna.handle(), garden).await.into_iter().filter(|member| member.user == user);
    assert_eq!(devices.count(), 3, "the desk and two browsers are one person");
    drop((first, second));
    anna.shutdown().await;
    archive.shutdown().await;
}
