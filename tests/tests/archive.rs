//! Nodes with an archive: history survives everybody, and the archive reads nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use parlor_node::{Command, NodeHandle, Reply};
use parlor_protocol::{RoomId, Text};
use parlor_tests::real::{address, archive, create, join, node, send, texts, until, until_archived, until_texts};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_reads_everything_from_the_archive_while_all_others_are_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    join(&ben.handle(), &code).await;
    send(&anna.handle(), room, "hello").await;
    until_texts(&ben.handle(), room, &["hello"]).await;
    send(&ben.handle(), room, "hi").await;
    until_archived(&anna.handle(), room).await;
    until_archived(&ben.handle(), room).await;
    anna.shutdown().await;
    ben.shutdown().await;
    let carla = node(dir.path(), "carla", std::slice::from_ref(&at)).await;
    assert_eq!(join(&carla.handle(), &code).await, room);
    until_texts(&carla.handle(), room, &["hello", "hi"]).await;
    // The first texts are shown before the logs of their authors are here.
    until("all are members", async || {
        let members = carla.handle().members(room).await.unwrap().into_iter();
        members.map(|member| member.name).eq(["anna", "ben", "carla"]).then_some(())
    })
    .await;
    // Only an archive's word so far, which may be old, also after a restart; a member's ends that.
    assert!(is_unconfirmed(&carla.handle(), room).await);
    carla.shutdown().await;
    let carla = node(dir.path(), "carla", std::slice::from_ref(&at)).await;
    assert!(is_unconfirmed(&carla.handle(), room).await);
    let ben = node(dir.path(), "ben", &[address(carla.net().unwrap())]).await;
    for (who, node) in [("carla", &carla), ("ben", &ben)] {
        until(who, async || (!is_unconfirmed(&node.handle(), room).await).then_some(())).await;
    }
    ben.shutdown().await;
    carla.shutdown().await;
    archive.shutdown().await;
}

async fn is_unconfirmed(handle: &NodeHandle, room: RoomId) -> bool {
    handle.rooms().await.unwrap().into_iter().find(|known| known.room == room).unwrap().unconfirmed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_reads_across_all_epochs_from_the_archive_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("archive");
    let first = archive(&folder).await;
    let at = address(first.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    join(&ben.handle(), &code).await;
    let mut expected = Vec::new();
    let mut code = code;
    for epoch in 0..4 {
        for (who, name) in [(&anna, "anna"), (&ben, "ben")] {
            let text = format!("{name} in epoch {epoch}");
            send(&who.handle(), room, &text).await;
            until_has(&anna.handle(), room, &text).await;
            until_has(&ben.handle(), room, &text).await;
            expected.push(text);
        }
        let Ok(Reply::Code(fresh)) = anna.handle().call(Command::RotateCodes { room }).await else { panic!("no code") };
        code = fresh;
        let own = format!("anna after the change {epoch}");
        send(&anna.handle(), room, &own).await;
        until_has(&ben.handle(), room, &own).await;
        expected.push(own);
    }
    until_archived(&anna.handle(), room).await;
    until_archived(&ben.handle(), room).await;
    anna.shutdown().await;
    ben.shutdown().await;
    // It has all of it on its disk, and nobody else is there.
    first.shutdown().await;
    let second = archive(&folder).await;
    let carla = node(dir.path(), "carla", &[address(second.net())]).await;
    join(&carla.handle(), &code).await;
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    until_texts(&carla.handle(), room, &expected).await;
    send(&carla.handle(), room, "hello").await;
    until_archived(&carla.handle(), room).await;
    carla.shutdown().await;
    second.shutdown().await;
}

async fn until_has(handle: &NodeHandle, room: RoomId, text: &str) {
    until(text, async || texts(handle, room).await.iter().any(|seen| seen == text).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_restarts_has_everything_and_gets_what_it_missed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("archive");
    let first = archive(&folder).await;
    let anna = node(dir.path(), "anna", &[address(first.net())]).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    send(&anna.handle(), room, "one").await;
    until_archived(&anna.handle(), room).await;
    first.shutdown().await;
    send(&anna.handle(), room, "two").await;
    let second = archive(&folder).await;
    anna.handle().call(parlor_node::Command::AddAddress(address(second.net()))).await.unwrap();
    until_archived(&anna.handle(), room).await;
    anna.shutdown().await;
    let ben = node(dir.path(), "ben", &[address(second.net())]).await;
    join(&ben.handle(), &code).await;
    until_texts(&ben.handle(), room, &["one", "two"]).await;
    ben.shutdown().await;
    second.shutdown().await;
}

fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut out = String::new();
    stream.read_to_string(&mut out).unwrap();
    out
}

fn all_bytes(dir: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        out.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(path).unwrap() });
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_holds_no_text_name_or_code_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("archive");
    let archive = archive(&folder).await;
    let http = archive.http().unwrap();
    let anna = node(dir.path(), "Wilhelmina", &[address(archive.net())]).await;
    let (room, code) = create(&anna.handle(), "Secretgarden").await;
    for n in 0..50 {
        send(&anna.handle(), room, &format!("plaintextmarker number {n}")).await;
    }
    until_archived(&anna.handle(), room).await;
    assert!(get(http, "/healthz").contains("200 OK"));
    assert!(get(http, "/readyz").contains("200 OK"));
    let metrics = get(http, "/metrics");
    assert!(metrics.contains("parlor_archive_rooms 1"), "{metrics}");
    assert_eq!(texts(&anna.handle(), room).await.len(), 50);
    anna.shutdown().await;
    archive.shutdown().await;
    let mut held = all_bytes(&folder);
    held.extend(metrics.into_bytes());
    let code = code.to_string();
    let bare = code.replace('-', "");
    for secret in ["plaintextmarker", "Wilhelmina", "Secretgarden", &code, &bare] {
        let found = held.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret.as_bytes()));
        assert!(!found, "{secret:?} is in the archive");
    }
    assert!(held.len() > 10_000, "the archive holds the conversation");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_while_somebody_was_away_is_unread_and_what_was_there_before_they_joined_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = address(archive.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    send(&anna.handle(), room, "before anybody").await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    join(&ben.handle(), &code).await;
    until_texts(&ben.handle(), room, &["before anybody"]).await;
    assert_eq!(unread(&ben.handle(), room).await, 0, "history is no news");
    ben.shutdown().await;
    send(&anna.handle(), room, "while you were away").await;
    send(&anna.handle(), room, "and this").await;
    until_archived(&anna.handle(), room).await;
    anna.shutdown().await;
    let ben = node(dir.path(), "ben", &[at]).await;
    until_texts(&ben.handle(), room, &["before anybody", "while you were away", "and this"]).await;
    assert_eq!(unread(&ben.handle(), room).await, 2);
    ben.handle().call(Command::MarkRead { room }).await.unwrap();
    assert_eq!(unread(&ben.handle(), room).await, 0);
    ben.shutdown().await;
    archive.shutdown().await;
}

async fn unread(handle: &NodeHandle, room: RoomId) -> u64 {
    handle.rooms().await.unwrap().into_iter().find(|known| known.room == room).unwrap().unread
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_cannot_reach_each_other_talk_through_the_archive() {
    let dir = tempfile::tempdir().unwrap();
    let archive = archive(&dir.path().join("archive")).await;
    let at = [address(archive.net())];
    let (anna, ben) = (node(dir.path(), "anna", &at).await, node(dir.path(), "ben", &at).await);
    let (room, code) = create(&anna.handle(), "kitchen").await;
    until_archived_admission(&anna.handle(), room).await;
    join(&ben.handle(), &code).await;
    for text in ["one", "two", "three"] {
        send(&anna.handle(), room, text).await;
    }
    until_texts(&ben.handle(), room, &["one", "two", "three"]).await;
    // Nor does he wait for ever for somebody who is connected to him: she says that she is here.
    until("a member is here", async || (!is_unconfirmed(&ben.handle(), room).await).then_some(())).await;
    anna.shutdown().await;
    ben.shutdown().await;
    archive.shutdown().await;
}

async fn until_archived_admission(handle: &parlor_node::NodeHandle, room: parlor_protocol::RoomId) {
    until("the room is archived", async || {
        parlor_tests::real::messages(handle, room).await.last().filter(|m| m.delivery.archived).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_archive_learns_a_room_from_one_who_came_by_the_code_of_a_newcomer_and_lets_others_in() {
    let dir = tempfile::tempdir().unwrap();
    let first = archive(&dir.path().join("first")).await;
    let at = address(first.net());
    let anna = node(dir.path(), "anna", std::slice::from_ref(&at)).await;
    let ben = node(dir.path(), "ben", std::slice::from_ref(&at)).await;
    let (room, code) = create(&anna.handle(), "kitchen").await;
    join(&ben.handle(), &code).await;
    send_soon(&anna.handle(), room, "one").await;
    until_has(&ben.handle(), room, "one").await;
    let make = Command::MakeCode { room, lifetime: None, uses: None, members_only: false };
    let code = match ben.handle().call(make).await {
        Ok(Reply::Code(code)) => code,
        other => panic!("a code, not {other:?}"),
    };
    let carla = node(dir.path(), "carla", std::slice::from_ref(&at)).await;
    join(&carla.handle(), &code).await;
    until_has(&carla.handle(), room, "one").await;
    send_soon(&carla.handle(), room, "two").await;
    until_has(&anna.handle(), room, "two").await;
    until_archived(&carla.handle(), room).await;
    for node in [anna, ben, carla] {
        node.shutdown().await;
    }
    first.shutdown().await;
    // Another archive knows nothing of it, and only carla is up.
    let second = archive(&dir.path().join("second")).await;
    let at = address(second.net());
    let carla = node(dir.path(), "carla", std::slice::from_ref(&at)).await;
    send_soon(&carla.handle(), room, "three").await;
    // Nobody told it to trust this one: until its person does, it gives it no keys and does not count on it.
    let archive = until("the other archive is there", async || match carla.handle().call(Command::Connection).await {
        Ok(Reply::Connection(connection)) => connection.peers.into_iter().find(|peer| peer.archive),
        other => panic!("{other:?}"),
    })
    .await;
    assert!(!archive.used);
    carla.handle().call(Command::UseArchive { archive: archive.device, uses: true }).await.unwrap();
    until_archived(&carla.handle(), room).await;
    // It lets somebody in by itself, who meets nobody else, with what carla wrapped for ben's code.
    let dora = node(dir.path(), "dora", &[at]).await;
    until("the archive has what lets her in", async || {
        let joined = dora.handle().call(Command::Join(code.clone())).await;
        matches!(joined, Ok(Reply::Joined(joined)) if joined == room).then_some(())
    })
    .await;
    until_texts(&dora.handle(), room, &["one", "two", "three"]).await;
    carla.shutdown().await;
    dora.shutdown().await;
    second.shutdown().await;
}

/// Sends a text as soon as it is known in which epoch to write: who just came in has to learn that first.
async fn send_soon(handle: &NodeHandle, room: RoomId, text: &str) {
    until("a text is sent", async || {
        let send = Command::Send { room, text: Text::new(text).unwrap(), reply_to: None };
        handle.call(send).await.ok().map(drop)
    })
    .await;
}
