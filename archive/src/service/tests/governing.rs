//! Owners' decisions at the archive: what the removed, and those they let in, can still do; forged
//! decisions; catching up.

use super::*;
use crate::fixture::epoch_record;
use parlor_protocol::{
    LogId,
    entry::Kind,
    epoch::{EpochChange, EpochSecrets},
    keys::Secret,
};
use std::time::Instant;

const ANYTHING: RoomRequest = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };

fn epochs(answer: Answer) -> Vec<Entry> {
    match answer {
        Answer::Epochs { entries, .. } => entries,
        other => panic!("records of epochs, not {other:?}"),
    }
}

/// A room of an owner, a member who stays and one who is removed after three entries; the archive
/// knows of it. Gives the room as it is after the removal, and as it was before.
async fn after_removal(stage: &mut Stage) -> (TestRoom, TestRoom, Writer, Writer) {
    let mut room = stage.founded(1).await;
    let stays = stage.member(&room, 5).await;
    let mut gone = stage.member(&room, 6).await;
    let run = room.contents(&mut gone, 3);
    assert_eq!(stage.push(&room, &gone, run).await, pushed(&gone));
    room.stays.push(stays.id());
    let (secrets, epoch) = room.change(&[(gone.id(), gone.log_key(), gone.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![epoch.clone()]).await, pushed(&owner));
    let before = room.clone();
    (TestRoom { secrets, epoch, ..room }, before, stays, gone)
}

#[tokio::test]
async fn a_removed_device_with_all_its_old_keys_gets_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, before, stays, mut gone) = after_removal(&mut stage).await;
    let not_admitted = refused(Refusal::NotAdmitted);
    let stood = gone.height;
    for ask in [
        ANYTHING,
        RoomRequest::Page { log: room.owner.log_key(), from: 0 },
        RoomRequest::Tail { limit: 9 },
        register(&before),
        register(&room),
    ] {
        assert_eq!(stage.ask_in(&before, &gone, ask.clone()).await, not_admitted, "{ask:?}");
    }
    // It writes, in its log and in a new one, by itself and through a member who believes it.
    let words = before.content(&mut gone, b"still here");
    assert_eq!(stage.gossip(&before, gone.id(), &words).await, Verdict::Ignore);
    let ask = RoomRequest::Push { entries: vec![words.clone()] };
    assert_eq!(stage.ask_in(&before, &gone, ask).await, not_admitted);
    assert_eq!(stage.push(&before, &stays, vec![words]).await, not_admitted);
    let mut again = Writer { log: LogId(77), height: Height::EMPTY, ..gone.clone() };
    let admission = before.admission(&mut again);
    assert_eq!(stage.gossip(&before, gone.id(), &admission).await, Verdict::Ignore);
    assert_eq!(stage.push(&before, &stays, vec![admission]).await, not_admitted);
    // What it wrote before is there, and no more.
    let answer = stage.ask_in(&room, &stays, ANYTHING).await;
    assert!(matches!(answer, Answer::Heights(heights) if heights.contains(&(gone.log_key(), stood))));
    // It is told who removed it.
    let told = epochs(stage.ask_in(&before, &gone, RoomRequest::Epochs { tips: vec![before.epoch.id()] }).await);
    assert_eq!(told, std::slice::from_ref(&room.epoch));
    stage.shut_down().await;
}

#[tokio::test]
async fn whom_a_removed_device_lets_in_stays_out_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, before, stays, mut gone) = after_removal(&mut stage).await;
    let mut friend = Writer::new(40);
    let admission = before.admission(&mut friend);
    for round in 0..2 {
        assert_eq!(stage.ask_in(&before, &friend, ANYTHING).await, refused(Refusal::NotAdmitted), "{round}");
        assert_eq!(stage.gossip(&before, friend.id(), &admission).await, Verdict::Ignore);
        let answer = stage.push(&room, &stays, vec![admission.clone()]).await;
        assert_eq!(answer, refused(Refusal::NotAdmitted));
        // It is told why, so that its person asks for a new code.
        assert_eq!(epochs(stage.ask_in(&before, &friend, RoomRequest::Epochs { tips: vec![] }).await).len(), 2);
        stage.shut_down().await;
        stage = Stage::new(embedded(&folder)).await;
    }
    // A code that the removed one makes now, and one from before, lead nowhere.
    let (invite, entry) = before.invite(&mut gone, 9);
    assert_eq!(stage.push(&room, &stays, vec![entry]).await, refused(Refusal::NotAdmitted));
    assert_eq!(stage.ask(friend.id(), &Request::Invite(invite.locator)).await, Answer::Invite(None));
    // Who joins by the new key is in.
    let mut newcomer = Writer::new(41);
    let admission = room.admission(&mut newcomer);
    assert_eq!(stage.push(&room, &newcomer, vec![admission]).await, pushed(&newcomer));
    stage.shut_down().await;
}

#[tokio::test]
async fn codes_from_before_a_removal_are_dead_and_sealed_anew_they_live_on_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut maker = stage.member(&room, 5).await;
    let anybody = Writer::new(50);
    let (invite, entry) = room.invite(&mut maker, 9);
    assert_eq!(stage.push(&room, &maker, vec![entry]).await, pushed(&maker));
    room.stays.push(maker.id());
    // A change that removes nobody: the code works on, and its maker seals it anew.
    let (secrets, epoch) = room.change(&[]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![epoch.clone()]).await, pushed(&owner));
    assert_eq!(stage.ask(anybody.id(), &Request::Invite(invite.locator)).await, Answer::Invite(Some(invite.clone())));
    let mut room = TestRoom { secrets, epoch, ..room };
    let (anew, entry) = room.invite(&mut maker, 9);
    assert_eq!(anew.locator, invite.locator);
    assert_eq!(stage.push(&room, &maker, vec![entry]).await, pushed(&maker));
    assert_eq!(stage.ask(anybody.id(), &Request::Invite(invite.locator)).await, Answer::Invite(Some(anew)));
    // A removal: whoever knows the code does not get in any more.
    let gone = stage.member(&room, 6).await;
    let (_, epoch) = room.change(&[(gone.id(), gone.log_key(), gone.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![epoch]).await, pushed(&owner));
    assert_eq!(stage.ask(anybody.id(), &Request::Invite(invite.locator)).await, Answer::Invite(None));
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    assert_eq!(stage.ask(anybody.id(), &Request::Invite(invite.locator)).await, Answer::Invite(None), "restarted");
    stage.shut_down().await;
}

#[tokio::test]
async fn forged_decisions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, before, stays, gone) = after_removal(&mut stage).await;
    // By a member.
    let mut upstart = TestRoom { owner: stays.clone(), ..room.clone() };
    let (_, epoch) = upstart.change(&[(room.owner.id(), room.owner.log_key(), Height::EMPTY)]);
    assert_eq!(stage.gossip(&before, stays.id(), &epoch).await, Verdict::Reject);
    let secrets = EpochSecrets::derive(room.id, &[], Secret::from_bytes([9; 32])).unwrap();
    let unrelated =
        EpochChange { parents: vec![room.secrets.id()], after: vec![room.genesis.id()], ..EpochChange::default() };
    let key = Secret::from_bytes([8; 32]);
    let next = EpochSecrets::derive(room.id, &unrelated.parents, key).unwrap();
    let record = epoch_record(&room.owner, &next, &unrelated);
    // Parents that are no record, or not the record of that epoch.
    let mut owner = room.owner.clone();
    let forged = owner.write(Kind::Epoch, room.id, record.id, &record.encode().unwrap());
    assert_ne!(stage.gossip(&before, owner.id(), &forged).await, Verdict::Accept);
    // A second first epoch, by the removed device.
    let root = epoch_record(&gone, &secrets, &EpochChange::default());
    let mut rogue = gone.clone();
    let root = rogue.write(Kind::Epoch, room.id, secrets.id(), &root.encode().unwrap());
    assert_eq!(stage.gossip(&before, gone.id(), &root).await, Verdict::Reject);
    // Nothing of it counts.
    let answer = stage.ask_in(&room, &stays, RoomRequest::Epochs { tips: vec![] }).await;
    assert_eq!(epochs(answer), [before.epoch.clone(), room.epoch.clone()]);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_device_that_was_away_catches_up_fifty_epochs_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let away = stage.member(&room, 5).await;
    let before = room.clone();
    room.stays.push(away.id());
    let mut changes = Vec::new();
    for _ in 0..50 {
        let (secrets, epoch) = room.change(&[]);
        changes.push(epoch.clone());
        room = TestRoom { secrets, epoch, ..room };
    }
    let owner = room.owner.clone();
    assert_eq!(stage.push(&before, &owner, changes.clone()).await, pushed(&owner));
    let began = Instant::now();
    let told = epochs(stage.ask_in(&before, &away, RoomRequest::Epochs { tips: before_tips(&before) }).await);
    let took = began.elapsed();
    assert_eq!(told, changes);
    assert!(took < Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 200 }), "{took:?}");
    // With its old ticket it may also write: it was named in every one of them.
    assert!(matches!(stage.ask_in(&before, &away, ANYTHING).await, Answer::Heights(_)));
    stage.shut_down().await;
}

fn before_tips(room: &TestRoom) -> Vec<parlor_protocol::EntryId> {
    vec![room.epoch.id()]
}

#[tokio::test]
async fn a_dissolved_room_is_served_to_nobody_and_not_registered_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let member = stage.member(&room, 5).await;
    let parents = vec![room.secrets.id()];
    let secrets = EpochSecrets::derive(room.id, &parents, Secret::from_bytes([7; 32])).unwrap();
    let recipients = vec![(member.id(), member.noise.public())];
    let change =
        EpochChange { parents, after: vec![room.epoch.id()], dissolved: true, recipients, ..EpochChange::default() };
    let body = epoch_record(&room.owner, &secrets, &change).encode().unwrap();
    let end = room.owner.write(Kind::Epoch, room.id, secrets.id(), &body);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![end.clone()]).await, pushed(&owner));
    for round in 0..2 {
        let page = RoomRequest::Page { log: owner.log_key(), from: 0 };
        for ask in [ANYTHING, page, RoomRequest::Tail { limit: 9 }] {
            assert_eq!(stage.ask_in(&room, &member, ask).await, refused(Refusal::NotAdmitted), "{round}");
        }
        assert_eq!(stage.ask_in(&room, &member, register(&room)).await, refused(Refusal::NotAdmitted));
        // Whoever was away learns of it.
        let told = epochs(stage.ask_in(&room, &member, RoomRequest::Epochs { tips: before_tips(&room) }).await);
        assert_eq!(told, std::slice::from_ref(&end));
        stage.shut_down().await;
        stage = Stage::new(embedded(&folder)).await;
    }
    stage.shut_down().await;
}

#[tokio::test]
async fn a_dissolved_room_is_served_to_nobody_and_members_who_come_late_hear_of_it_also_when_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    room.stays.push(member.id());
    let before = room.clone();
    let end = room.dissolve();
    let owner = room.owner.clone();
    assert_eq!(stage.push(&before, &owner, vec![end.clone()]).await, pushed(&owner));
    let words = before.content(&mut member, b"still here");
    for round in 0..2 {
        assert_eq!(stage.ask_in(&before, &member, ANYTHING).await, refused(Refusal::NotAdmitted), "{round}");
        let ask = RoomRequest::Page { log: owner.log_key(), from: 0 };
        assert_eq!(stage.ask_in(&before, &member, ask).await, refused(Refusal::NotAdmitted), "{round}");
        let ask = RoomRequest::Push { entries: vec![words.clone()] };
        assert_eq!(stage.ask_in(&before, &member, ask).await, refused(Refusal::NotAdmitted), "{round}");
        assert_eq!(stage.ask_in(&before, &member, register(&before)).await, refused(Refusal::NotAdmitted), "{round}");
        let tips = vec![before.epoch.id()];
        let told = epochs(stage.ask_in(&before, &member, RoomRequest::Epochs { tips }).await);
        assert_eq!(told, std::slice::from_ref(&end), "{round}");
        stage.shut_down().await;
        let store = embedded(&folder);
        store.end_room(room.id, vec![before.epoch.clone(), end.clone()]).await.unwrap();
        stage = Stage::new(store).await;
    }
    stage.shut_down().await;
}
