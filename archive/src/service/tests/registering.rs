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
async fn a_room_is_registered_by_who_shows_its_records_and_was_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (TestRoom::new(1), TestRoom::new(2));
    // Nothing but the genesis.
    let bare = RoomRequest::Register { genesis: room.genesis.clone(), epochs: Vec::new() };
    assert_eq!(stage.ask_in(&room, &room.owner, bare).await, not_in());
    // The genesis of another room, and a forged one.
    let malformed = refused(Refusal::Malformed);
    let wrong = in_room(room.id, register(&other));
    assert_eq!(stage.ask(room.owner.id(), &wrong).await, malformed);
    let fake = TestRoom { genesis: forged(&room.genesis), ..room.clone() };
    assert_eq!(stage.register(&fake).await, malformed);
    // An epoch by somebody who owns nothing.
    let fake = TestRoom { epoch: other.epoch.clone(), ..room.clone() };
    assert_eq!(stage.register(&fake).await, malformed);
    // Whom the records themselves remove.
    let (mut removing, gone) = (room.clone(), Writer::new(5));
    let (_, change) = removing.change(&[(gone.id(), gone.log_key(), gone.height)]);
    let epochs = vec![room.epoch.clone(), change];
    let ask = RoomRequest::Register { genesis: room.genesis.clone(), epochs };
    let removed = refused(Refusal::NotAdmitted(NotAdmitted::Removed));
    assert_eq!(stage.ask_in(&room, &gone, ask.clone()).await, removed);
    assert_eq!(stage.store.rooms().await.unwrap(), []);
    assert_eq!(stage.subscribed, []);
    // Who does not show yet by what it came in may show it afterwards.
    let newcomer = Writer::new(9);
    assert_eq!(stage.ask_in(&room, &newcomer, ask.clone()).await, Answer::Done);
    assert_eq!(stage.ask_in(&room, &gone, ask).await, removed, "also now that it is known");
    let heights = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };
    assert_eq!(stage.ask_in(&room, &newcomer, heights).await, not_in());
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
    let comes_in = room.comes_in(&mut second);
    assert_eq!(stage.push(&room, &second, vec![comes_in]).await, pushed(&second));
    let (_, change) = room.change(&[(second.id(), second.log_key(), second.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![change]).await, pushed(&owner));
    // It makes an epoch of its own and lets somebody in.
    let mut rogue = TestRoom { owner: second, ..room.clone() };
    let mut friend = Writer::new(20);
    rogue.stays.push(friend.id());
    let (secrets, epoch) = rogue.change(&[]);
    let rogue = TestRoom { secrets, epoch, ..rogue };
    let ask = register(&rogue);
    let removed = refused(Refusal::NotAdmitted(NotAdmitted::Removed));
    assert_eq!(stage.ask_in(&rogue, &rogue.owner, ask.clone()).await, removed);
    // The record of it counts for nothing, whoever brings it.
    assert_eq!(stage.ask_in(&rogue, &friend, ask).await, Answer::Done);
    let comes_in = rogue.comes_in(&mut friend);
    assert_ne!(stage.push(&rogue, &friend, vec![comes_in]).await, pushed(&friend));
    let peek = stage.ask_in(&rogue, &friend, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    assert_eq!(peek, not_in());
    stage.shut_down().await;
}
