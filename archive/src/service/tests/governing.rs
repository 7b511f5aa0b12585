//! Owners' decisions at the archive: what the removed, and those they let in, can still do; forged
//! decisions; catching up.

use super::*;
use crate::fixture::{code, epoch_record};
use parlor_protocol::{
    LogId,
    access::wire::Offer,
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

/// A room of an owner, a member who stays and one who is removed after it made a code and wrote three texts;
/// the archive knows of it. Gives the room as it is after the removal, and as it was before.
async fn after_removal(stage: &mut Stage) -> (TestRoom, TestRoom, Writer, Writer) {
    let mut room = stage.founded(1).await;
    let stays = stage.member(&room, 5).await;
    let mut gone = stage.member(&room, 6).await;
    let (_, door) = room.door(&mut gone, &code(3));
    let run = [vec![door], room.contents(&mut gone, 3)].concat();
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
    let removed = refused(Refusal::NotAdmitted(NotAdmitted::Removed));
    let shut_out = refused(Refusal::NotAdmitted(NotAdmitted::ShutOut));
    let stood = gone.height;
    for ask in [
        ANYTHING,
        RoomRequest::Page { log: room.owner.log_key(), from: 0 },
        RoomRequest::Tail { limit: 9 },
        register(&before),
        register(&room),
    ] {
        assert_eq!(stage.ask_in(&before, &gone, ask.clone()).await, removed, "{ask:?}");
    }
    // It writes, in its log and in a new one, by itself and through a member who believes it.
    let words = before.content(&mut gone, b"still here");
    assert_eq!(stage.gossip(&before, gone.id(), &words).await, Verdict::Ignore);
    let ask = RoomRequest::Push { entries: vec![words.clone()] };
    assert_eq!(stage.ask_in(&before, &gone, ask).await, removed);
    assert_eq!(stage.push(&before, &stays, vec![words]).await, shut_out);
    let mut again = Writer { log: LogId(77), height: Height::EMPTY, ..gone.clone() };
    let comes_in = before.comes_in(&mut again);
    assert_eq!(stage.gossip(&before, gone.id(), &comes_in).await, Verdict::Ignore);
    assert_eq!(stage.push(&before, &stays, vec![comes_in.clone()]).await, shut_out);
    let refusal = not_entered(NotEntered::Removed);
    assert_eq!(stage.enter(&before, &comes_in, false).await, refusal);
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
    let door = DoorId::from(stage.store.run(room.id, gone.log_key(), 1, 1, usize::MAX).await.unwrap()[0].entry.id());
    let comes_in = before.comes_by(&mut friend, &code(3), door, 0);
    for round in 0..2 {
        assert_eq!(stage.ask_in(&before, &friend, ANYTHING).await, not_in(), "{round}");
        assert_eq!(stage.gossip(&before, friend.id(), &comes_in).await, Verdict::Ignore);
        let answer = stage.push(&room, &stays, vec![comes_in.clone()]).await;
        assert_eq!(answer, refused(Refusal::NotAdmitted(NotAdmitted::ShutOut)));
        // It is told why, so that its person asks for a new code.
        let answer = stage.enter(&before, &comes_in, true).await;
        assert_eq!(answer, not_entered(NotEntered::ShutOut));
        stage.shut_down().await;
        stage = Stage::new(embedded(&folder)).await;
    }
    // A code that the removed one makes now, and one from before, lead nowhere.
    let (_, entry) = before.door(&mut gone, &code(9));
    let shut_out = refused(Refusal::NotAdmitted(NotAdmitted::ShutOut));
    assert_eq!(stage.push(&room, &stays, vec![entry]).await, shut_out);
    assert_eq!(stage.look(friend.id(), &code(9)).await, None);
    assert_eq!(stage.look(friend.id(), &code(3)).await, None);
    // Who joins by a code of after it is in.
    let mut room = room;
    let door = stage.coded(&mut room, &code(10)).await;
    let mut newcomer = Writer::new(41);
    let comes_in = room.comes_by(&mut newcomer, &code(10), door, 0);
    assert_eq!(stage.push(&room, &newcomer, vec![comes_in]).await, pushed(&newcomer));
    stage.shut_down().await;
}

#[tokio::test]
async fn codes_from_before_a_removal_are_dead_and_they_live_on_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut maker = stage.member(&room, 5).await;
    let anybody = Writer::new(50);
    let (door, entry) = room.door(&mut maker, &code(9));
    assert_eq!(stage.push(&room, &maker, vec![entry]).await, pushed(&maker));
    let offers = async |stage: &mut Stage| stage.look(anybody.id(), &code(9)).await.map(|found| found.offers);
    assert_eq!(offers(&mut stage).await, Some(Vec::new()));
    room.stays.push(maker.id());
    // A change that removes nobody: the code works on, and its maker wraps the new key for it.
    let (secrets, epoch) = room.change(&[]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![epoch.clone()]).await, pushed(&owner));
    let mut room = TestRoom { secrets, epoch, ..room };
    let wrap = room.wrap(&maker, &code(9), room.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&room, &maker, vec![wrap]).await, Answer::Done);
    assert_eq!(offers(&mut stage).await, Some(vec![Offer { epoch: room.secrets.id(), step: 0 }]));
    // A removal: whoever knows the code does not get in any more.
    let gone = stage.member(&room, 6).await;
    let (_, epoch) = room.change(&[(gone.id(), gone.log_key(), gone.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![epoch]).await, pushed(&owner));
    assert_eq!(offers(&mut stage).await, None);
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    assert_eq!(offers(&mut stage).await, None, "restarted");
    assert_eq!(stage.store.wraps(room.id, None, 9).await.unwrap(), []);
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
    // It is served as before: it was named in every one of them.
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
        let out = refused(Refusal::NotAdmitted(NotAdmitted::Out));
        for ask in [ANYTHING, page, RoomRequest::Tail { limit: 9 }] {
            assert_eq!(stage.ask_in(&room, &member, ask).await, out, "{round}");
        }
        assert_eq!(stage.ask_in(&room, &member, register(&room)).await, out);
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
    let out = refused(Refusal::NotAdmitted(NotAdmitted::Out));
    for round in 0..2 {
        assert_eq!(stage.ask_in(&before, &member, ANYTHING).await, out, "{round}");
        let ask = RoomRequest::Page { log: owner.log_key(), from: 0 };
        assert_eq!(stage.ask_in(&before, &member, ask).await, out, "{round}");
        let ask = RoomRequest::Push { entries: vec![words.clone()] };
        assert_eq!(stage.ask_in(&before, &member, ask).await, out, "{round}");
        assert_eq!(stage.ask_in(&before, &member, register(&before)).await, out, "{round}");
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
