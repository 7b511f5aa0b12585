//! Six hundred strangers that are idle, ask, or push, from six hundred addresses or from one: who belongs to
//! a room comes in and reads as if they were not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parlor_node::Command;
use parlor_tests::{
    real::{address, archive, create, join, node, send, texts, until, until_archived, until_texts},
    strangers::{Manner, Strangers},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

const MANY: usize = 600;
/// In which a member is connected and reads, whatever strangers do.
const SOON: Duration = Duration::from_secs(10);

fn strangers(port: Option<u16>, manner: Manner, apart: bool) -> Strangers {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap()));
    Strangers::start(Path::new(env!("CARGO_BIN_EXE_parlor-bench")), at, MANY, manner, apart).unwrap()
}

/// All of them have tried and come back to try again.
async fn besieged(strangers: Strangers) -> Strangers {
    tokio::task::spawn_blocking(move || {
        strangers.until_tried(MANY + MANY / 2).unwrap();
        strangers
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_reads_from_the_archive_whatever_six_hundred_strangers_do_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = [address(archive.net())];
    let ben = node(dir.path(), "ben", &at).await;
    let (room, code) = create(&ben.handle(), "kitchen").await;
    // Anna is a member, and was away since.
    let anna = node(dir.path(), "anna", &at).await;
    join(&anna.handle(), &code).await;
    send(&anna.handle(), room, "I am off").await;
    until_texts(&ben.handle(), room, &["I am off"]).await;
    until_archived(&anna.handle(), room).await;
    anna.shutdown().await;
    let mut said = vec!["I am off".to_owned()];
    for (manner, apart) in Manner::ALL.into_iter().flat_map(|manner| [(manner, true), (manner, false)]) {
        let what = format!("{manner:?}, {}", if apart { "from many addresses" } else { "from one" });
        let siege = besieged(strangers(archive.net().tcp_port(), manner, apart)).await;
        let text = format!("while they {what}");
        send(&ben.handle(), room, &text).await;
        said.push(text);
        let anna = tokio::time::timeout(SOON, async {
            let anna = node(dir.path(), "anna", &at).await;
            while texts(&anna.handle(), room).await != said {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anna
        });
        let anna = anna.await.unwrap_or_else(|_| panic!("{what}: she reads nothing within {SOON:?}"));
        // Both ways, too.
        send(&anna.handle(), room, "here").await;
        said.push("here".to_owned());
        until(&what, async || (texts(&ben.handle(), room).await == said).then_some(())).await;
        anna.shutdown().await;
        drop(siege);
    }
    ben.shutdown().await;
    archive.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_leave_places_for_members_and_for_whom_a_person_dials() {
    let dir = tempfile::tempdir().unwrap();
    let ben = node(dir.path(), "ben", &[]).await;
    let at = [address(ben.net().unwrap())];
    let (room, code) = create(&ben.handle(), "kitchen").await;
    let anna = node(dir.path(), "anna", &at).await;
    join(&anna.handle(), &code).await;
    send(&anna.handle(), room, "before").await;
    until_texts(&ben.handle(), room, &["before"]).await;
    anna.shutdown().await;
    let siege = besieged(strangers(ben.net().unwrap().tcp_port(), Manner::Idle, true)).await;
    // She comes back.
    let anna = tokio::time::timeout(SOON, node(dir.path(), "anna", &at)).await.unwrap();
    send(&ben.handle(), room, "are you there?").await;
    let handle = anna.handle();
    let reads = tokio::time::timeout(SOON, until_texts(&handle, room, &["before", "are you there?"]));
    reads.await.expect("strangers keep her out");
    // And whom ben points at is dialed all the same.
    let clara = node(dir.path(), "clara", &[]).await;
    ben.handle().call(Command::AddAddress(address(clara.net().unwrap()))).await.unwrap();
    let handle = clara.handle();
    let met = tokio::time::timeout(SOON, join(&handle, &code));
    assert_eq!(met.await.expect("ben has no place to dial her"), room);
    drop(siege);
    for node in [anna, ben, clara] {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_do_nothing_are_let_go_and_one_address_has_only_its_share() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let siege = besieged(strangers(archive.net().tcp_port(), Manner::Idle, false)).await;
    let (siege, there) = tokio::task::spawn_blocking(move || {
        let there = siege.connected().unwrap();
        (siege, there)
    })
    .await
    .unwrap();
    let share = parlor_node::net::ConnectionLimits::default().of_address;
    // Some were refused and have not noticed yet.
    assert!(there <= 2 * share, "{there} connections of one address");
    drop(siege);
    archive.shutdown().await;
}
