//! Whom an archive knows: the network is told, so that strangers do not take their places.

use super::*;

#[tokio::test]
async fn who_writes_in_a_room_is_known_also_after_a_restart_and_a_stranger_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let member = stage.member(&room, 5).await;
    let stranger = Writer::new(9).id();
    let refusal = stage.ask_raw(stranger, Vec::new()).await;
    assert_eq!(refusal, refused(Refusal::Malformed));
    assert_eq!(stage.known, BTreeSet::from([room.owner.id(), member.id()]));
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    // The first answer comes after everything that was told at the start.
    stage.ask_raw(stranger, Vec::new()).await;
    assert_eq!(stage.known, BTreeSet::from([room.owner.id(), member.id()]));
}

#[tokio::test]
async fn a_device_that_was_removed_is_a_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let stays = stage.member(&room, 5).await;
    let gone = stage.member(&room, 6).await;
    assert!(stage.known.contains(&gone.id()));
    room.stays.push(stays.id());
    let (_, epoch) = room.change(&[(gone.id(), gone.log_key(), gone.height)]);
    let owner = room.owner.clone();
    stage.push(&room, &owner, vec![epoch]).await;
    assert_eq!(stage.known, BTreeSet::from([owner.id(), stays.id()]));
}
