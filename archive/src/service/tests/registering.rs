//! Making rooms known.

use super::*;
use crate::{config::Registration, fixture::forged};

#[tokio::test]
async fn a_registered_room_is_listened_to_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    assert_eq!(stage.subscribed, [room.secrets.topic()]);
    assert_eq!(stage.register(&room).await, Answer::Done, "again");
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    let owner = room.owner.clone();
    let answer = stage.ask_in(&room, &owner, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    assert_eq!(answer, heights(&[(owner.log_key(), owner.height)]));
    assert_eq!(stage.subscribed, [room.secrets.topic()]);
    stage.shut_down().await;
}

#[tokio::test]
async fn only_a_device_with_a_certificate_registers() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (TestRoom::new(1), TestRoom::new(2));
    let stranger = Writer::new(9);
    let not_admitted = refused(Refusal::NotAdmitted);
    // Somebody else's certificate, and one of another room.
    let borrowed = in_room(room.id, room.cert(&room.owner), register(&room));
    assert_eq!(stage.ask(stranger.id(), &borrowed).await, not_admitted);
    let foreign = in_room(room.id, other.cert(&stranger), register(&room));
    assert_eq!(stage.ask(stranger.id(), &foreign).await, not_admitted);
    // The genesis of another room, and a forged one.
    let malformed = refused(Refusal::Malformed);
    let wrong = in_room(room.id, room.cert(&room.owner), register(&other));
    assert_eq!(stage.ask(room.owner.id(), &wrong).await, malformed);
    let fake = TestRoom { genesis: forged(&room.genesis), ..room.clone() };
    assert_eq!(stage.register(&fake).await, malformed);
    // An epoch by somebody who owns nothing.
    let fake = TestRoom { epoch: other.epoch.clone(), ..room.clone() };
    assert_eq!(stage.register(&fake).await, malformed);
    assert_eq!(stage.store.rooms().await.unwrap(), []);
    assert_eq!(stage.subscribed, []);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_closed_archive_serves_its_rooms_and_takes_no_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    stage.shut_down().await;
    let closed = Limits { registration: Registration::Closed, ..Limits::default() };
    let mut stage = Stage::with_limits(embedded(&folder), closed).await;
    assert_eq!(stage.register(&TestRoom::new(2)).await, refused(Refusal::RegistrationClosed));
    assert_eq!(stage.register(&room).await, Answer::Done);
    stage.member(&room, 5).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn a_removed_owner_device_cannot_make_epochs_by_registering() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    // A second device of the owner is removed.
    let mut second = Writer { user: room.owner.user.clone(), ..Writer::new(8) };
    let admission = room.admission(&mut second);
    assert_eq!(stage.push(&room, &second, vec![admission]).await, pushed(&second));
    let (_, change) = room.change(&[(second.id(), second.log_key(), second.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![change]).await, pushed(&owner));
    // It makes an epoch of its own and lets somebody in.
    let mut rogue = TestRoom { owner: second, ..room.clone() };
    let (secrets, epoch) = rogue.change(&[]);
    let friend = Writer::new(20);
    let rogue = TestRoom { secrets, epoch, ..rogue };
    let ask = register(&rogue);
    assert_eq!(stage.ask_in(&rogue, &rogue.owner, ask.clone()).await, refused(Refusal::NotAdmitted));
    assert_eq!(stage.ask_in(&rogue, &friend, ask).await, refused(Refusal::NotAdmitted));
    let peek = stage.ask_in(&rogue, &friend, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    assert_eq!(peek, refused(Refusal::NotAdmitted));
    stage.shut_down().await;
}
