//! What strangers can take, and what members keep all the same.

use super::*;
use crate::{
    config::Registration,
    fixture::code,
    store::{AccountRow, VaultNote},
};
use parlor_protocol::{
    Name,
    account::{RecoveryKey, RegisterUpload, SignedInDevice, UserName, VaultKey, VaultRecord, WrappedKey},
    rate::Rate,
};

/// Somebody signed in on a device, as the store has it.
async fn sign_in(store: &Arc<dyn Store>, name: &str, device: DeviceId) {
    let (user, key) = (UserName::new(name).unwrap(), VaultKey::random(&mut rng(1)));
    let lock = RecoveryKey::random(&mut rng(2)).lock();
    let vault = VaultRecord {
        version: 1,
        sealed: key.seal(&user, 1, &lock, b"contents", &mut rng(4)).unwrap(),
        by_password: Some(WrappedKey::try_from([3; 72].as_slice()).unwrap()),
        by_recovery: key.wrap_for_recovery(&user, &lock, &mut rng(3)).unwrap(),
    };
    let row = AccountRow {
        name: user,
        record: RegisterUpload::try_from([4; 192].as_slice()).unwrap(),
        vault: VaultNote::of(&vault),
        devices: vec![SignedInDevice { device, name: Name::new("desk").unwrap(), since: 7 }],
        disabled: false,
        reset: None,
        created: 5,
        revision: 0,
    };
    store.accounts().add_account(row, vault, None).await.unwrap();
}

/// Registers rooms one after the other until one is refused; how many were taken.
async fn flood(stage: &mut Stage, seeds: std::ops::Range<u64>, address: [u8; 4]) -> (u64, Option<Answer>) {
    for (taken, seed) in seeds.enumerate() {
        let room = TestRoom::new(seed);
        stage.connect(room.owner.id(), address).await;
        match stage.register(&room).await {
            Answer::Done => {}
            other => return (taken as u64, Some(other)),
        }
    }
    (u64::MAX, None)
}

#[tokio::test]
async fn one_address_registers_only_so_many_rooms_whatever_keys_it_brings_and_a_member_elsewhere_registers_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.rates.rooms.address = Rate::one_every(600_000, 20);
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let (taken, refused) = flood(&mut stage, 100..400, [192, 0, 2, 1]).await;
    assert_eq!(taken, 20);
    assert!(matches!(refused, Some(Answer::Refused(Refusal::Busy { retry_ms })) if retry_ms > 60_000), "{refused:?}");
    let room = TestRoom::new(1);
    stage.connect(room.owner.id(), [192, 0, 2, 2]).await;
    assert_eq!(stage.register(&room).await, Answer::Done);
    stage.shut_down().await;
}

#[tokio::test]
async fn all_strangers_together_register_only_so_many_rooms_and_who_is_signed_in_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.rates.rooms.strangers = Rate::one_every(600_000, 10);
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let mut taken = 0;
    for seed in 100..130 {
        let room = TestRoom::new(seed);
        stage.connect(room.owner.id(), [192, 0, 2, u8::try_from(seed).unwrap()]).await;
        taken += u32::from(stage.register(&room).await == Answer::Done);
    }
    assert_eq!(taken, 10);
    let room = TestRoom::new(1);
    sign_in(&stage.store, "anna", room.owner.id()).await;
    stage.connect(room.owner.id(), [192, 0, 2, 200]).await;
    assert_eq!(stage.register(&room).await, Answer::Done);
    stage.shut_down().await;
}

#[tokio::test]
async fn where_rooms_need_an_account_a_device_that_is_signed_in_registers_and_others_do_not() {
    for registration in [Registration::Token, Registration::Accounts] {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { registration, ..Limits::default() };
        let mut stage = Stage::with_limits(embedded(&folder), limits).await;
        let (room, other) = (TestRoom::new(1), TestRoom::new(2));
        assert_eq!(stage.register(&room).await, refused(Refusal::RegistrationClosed));
        sign_in(&stage.store, "anna", room.owner.id()).await;
        assert_eq!(stage.register(&room).await, Answer::Done, "{registration}");
        assert_eq!(stage.register(&other).await, refused(Refusal::RegistrationClosed));
        // A disabled account is none.
        let mut row = stage.store.accounts().account(&UserName::new("anna").unwrap()).await.unwrap().unwrap();
        row.disabled = true;
        assert!(stage.store.accounts().change_account(row, None).await.unwrap());
        let later = TestRoom { owner: room.owner.clone(), ..TestRoom::new(3) };
        let ask = in_room(later.id, register(&later));
        assert_eq!(stage.ask(later.owner.id(), &ask).await, refused(Refusal::RegistrationClosed));
        // What is known stays served.
        let member = stage.member(&TestRoom { owner: room.owner.clone(), ..room.clone() }, 5).await;
        assert_eq!(member.height.next, 1);
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn where_places_are_short_the_oldest_room_of_one_device_goes_and_its_member_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { rooms: 3, ..Limits::default() }).await;
    let lone = stage.founded(1).await;
    let together = stage.founded(2).await;
    stage.member(&together, 5).await;
    let newer = stage.founded(3).await;
    let fourth = stage.founded(4).await;
    assert_eq!(stage.subscribed.len(), 3, "nobody listens to it any more");
    let gone = stage.ask_in(&lone, &lone.owner, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
    assert_eq!(gone, refused(Refusal::UnknownRoom));
    for room in [&together, &newer, &fourth] {
        let ask = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };
        assert!(matches!(stage.ask_in(room, &room.owner, ask).await, Answer::Heights(_)));
    }
    until_gone(&mut stage, &lone).await;
    // It comes again as it was; now another one goes.
    let owner = lone.owner.clone();
    assert_eq!(stage.push(&lone, &owner, lone.start.clone()).await, pushed(&owner));
    assert!(stage.store.room(together.id).await.unwrap().is_some());
    stage.shut_down().await;
    let store = embedded(&folder);
    assert_eq!(store.rooms().await.unwrap().len(), 3);
    assert_eq!(store.usage(lone.id).await.unwrap().entries, 3);
    store.close().await;
}

/// Waits until a room that was let go can be registered again, and does it.
async fn until_gone(stage: &mut Stage, room: &TestRoom) {
    let wait = async {
        loop {
            match stage.register(room).await {
                Answer::Done => return,
                Answer::Refused(Refusal::Busy { .. }) => tokio::task::yield_now().await,
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("it is never gone");
}

#[tokio::test]
async fn a_room_to_which_a_code_leads_or_in_which_several_wrote_is_not_lost_to_few_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { rooms: 2, ..Limits::default() }).await;
    let mut coded = stage.founded(1).await;
    stage.coded(&mut coded, &code(7)).await;
    let together = stage.founded(2).await;
    stage.member(&together, 5).await;
    assert_eq!(stage.register(&TestRoom::new(3)).await, refused(Refusal::RegistrationClosed));
    assert_eq!(stage.store.rooms().await.unwrap().len(), 2);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_stranger_with_two_keys_in_every_room_does_not_keep_all_places() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { rooms: 20, ..Limits::default() }).await;
    for seed in 100..120 {
        let room = TestRoom::new(seed);
        let mut friend = Writer::new(5);
        stage.connect(room.owner.id(), [192, 0, 2, 1]).await;
        stage.connect(friend.id(), [192, 0, 2, 1]).await;
        assert_eq!(stage.register(&room).await, Answer::Done);
        let owner = room.owner.clone();
        assert_eq!(stage.push(&room, &owner, room.start.clone()).await, pushed(&owner));
        let comes_in = room.comes_in(&mut friend);
        assert_eq!(stage.push(&room, &friend, vec![comes_in]).await, pushed(&friend));
    }
    for seed in 1..6 {
        let room = TestRoom::new(seed);
        stage.connect(room.owner.id(), [192, 0, 2, 2]).await;
        assert_eq!(stage.register(&room).await, Answer::Done, "{seed}");
    }
    stage.shut_down().await;
}

#[tokio::test]
async fn a_dissolved_room_takes_no_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { rooms: 1, ..Limits::default() }).await;
    let mut room = stage.founded(1).await;
    let before = room.clone();
    let dissolved = room.dissolve();
    let owner = room.owner.clone();
    assert_eq!(stage.push(&before, &owner, vec![dissolved]).await, pushed(&owner));
    let other = stage.founded(2).await;
    assert!(stage.store.room(room.id).await.unwrap().is_some(), "who comes late is told");
    assert!(stage.store.room(other.id).await.unwrap().is_some());
    stage.shut_down().await;
}

#[tokio::test]
async fn all_rooms_together_take_only_so_much_and_a_lone_one_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { bytes: Some(60_000), ..Limits::default() }).await;
    let lone = stage.founded(1).await;
    let mut owner = lone.owner.clone();
    let large = lone.content(&mut owner, &vec![1; 30_000]);
    assert_eq!(stage.push(&lone, &owner, vec![large]).await, pushed(&owner));
    let room = stage.founded(2).await;
    let mut member = stage.member(&room, 5).await;
    let text = room.content(&mut member, &vec![2; 30_000]);
    assert_eq!(stage.push(&room, &member.clone(), vec![text.clone()]).await, refused(Refusal::QuotaReached));
    let wait = async {
        loop {
            match stage.push(&room, &member, vec![text.clone()]).await {
                Answer::Refused(Refusal::QuotaReached) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    };
    assert_eq!(timeout(PATIENCE, wait).await.expect("nothing goes"), pushed(&member));
    assert!(stage.metrics().contains("rooms_let_go_total 1"));
    stage.shut_down().await;
}

#[tokio::test]
async fn a_room_of_one_device_whose_code_ended_goes_before_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::with_limits(embedded(&folder), Limits { rooms: 1, ..Limits::default() }).await;
    let mut room = stage.founded(1).await;
    let door = stage.coded(&mut room, &code(7)).await;
    assert_eq!(stage.register(&TestRoom::new(2)).await, refused(Refusal::RegistrationClosed));
    let wrap = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&room, &room.owner.clone(), vec![wrap]).await, Answer::Done);
    let mut owner = room.owner.clone();
    let end = room.ends(&mut owner, door);
    assert_eq!(stage.push(&room, &owner, vec![end]).await, pushed(&owner));
    // As soon as what was wrapped for the code is deleted.
    let wait = async {
        while stage.register(&TestRoom::new(2)).await != Answer::Done {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it does not go");
    stage.until_wraps(&room, 0).await;
    stage.shut_down().await;
}
