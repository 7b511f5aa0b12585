//! Coming in: what is durable when, who brings what, and what an archive learns that lost everything.

use super::{failing::Switched, *};
use crate::fixture::code;
use parlor_protocol::access::wire::Offer;
use std::sync::atomic::Ordering;

const HEIGHTS: RoomRequest = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };

async fn slow(folder: &TempDir) -> (Stage, Arc<Switched>) {
    let switched = Switched::new(folder);
    (Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await, switched)
}

impl Stage {
    async fn send_enter(&mut self, room: &TestRoom, entry: &Entry) -> InboundId {
        let enter = Enter { room: room.id, entry: entry.clone(), for_keys: true };
        let request = Request::Enter(Box::new(enter)).encode().unwrap();
        self.send_raw(entry.header().author, request).await
    }
}

#[tokio::test]
async fn an_entry_is_in_the_store_before_anything_is_handed_out_and_before_anybody_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stage, switched) = slow(&folder).await;
    let mut room = stage.founded(1).await;
    let door = stage.coded(&mut room, &code(7)).await;
    let owner = room.owner.clone();
    let wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&room, &owner, vec![wrap.clone()]).await, Answer::Done);
    switched.is_slow.store(true, Ordering::SeqCst);
    let mut newcomer = Writer::new(40);
    let entry = room.comes_by(&mut newcomer, &code(7), door, 0);
    let entering = stage.send_enter(&room, &entry).await;
    let published = stage.published.len();
    // It is known, and not in the store: nobody is served on the strength of it.
    for ask in [HEIGHTS, RoomRequest::Page { log: owner.log_key(), from: 0 }] {
        let answer = stage.ask_in(&room, &newcomer, ask).await;
        assert!(matches!(answer, Answer::Refused(Refusal::Busy { .. })), "{answer:?}");
    }
    let answer = stage.push_wraps(&room, &newcomer, vec![wrap.clone()]).await;
    assert!(matches!(answer, Answer::Refused(Refusal::Busy { .. })), "{answer:?}");
    assert!(matches!(stage.ask_in(&room, &owner, HEIGHTS).await, Answer::Heights(_)), "others are");
    assert!(stage.answers.is_empty() && stage.published.len() == published);
    switched.gate.add_permits(1);
    let answer = stage.answer(entering).await;
    let held = stage.store.run(room.id, newcomer.log_key(), 0, 9, usize::MAX).await.unwrap();
    assert_eq!((answer, held[0].entry.id()), (came_in(vec![wrap]), entry.id()));
    assert!(matches!(stage.ask_in(&room, &newcomer, HEIGHTS).await, Answer::Heights(_)));
    assert_eq!(stage.published.len(), published + 1);
    stage.shut_down().await;
}

#[tokio::test]
async fn while_the_store_fails_nobody_comes_in_and_afterwards_who_shows_the_entry_again_does() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stage, switched) = slow(&folder).await;
    let mut room = stage.founded(1).await;
    let door = stage.coded(&mut room, &code(7)).await;
    let wrap = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), 1);
    switched.is_down.store(true, Ordering::SeqCst);
    let unavailable = refused(Refusal::StoreUnavailable);
    assert_eq!(stage.push_wraps(&room, &room.owner.clone(), vec![wrap.clone()]).await, unavailable);
    switched.is_down.store(false, Ordering::SeqCst);
    let mut newcomer = Writer::new(40);
    let found = stage.look(newcomer.id(), &code(7)).await.unwrap();
    assert_eq!(found.offers, [], "what is not in the store is not on offer");
    assert_eq!(stage.push_wraps(&room, &room.owner.clone(), vec![wrap.clone()]).await, Answer::Done);
    switched.is_down.store(true, Ordering::SeqCst);
    let entry = room.comes_by(&mut newcomer, &code(7), door, 0);
    assert_eq!(stage.enter(&room, &entry, true).await, unavailable);
    switched.is_down.store(false, Ordering::SeqCst);
    assert_eq!(stage.ask_in(&room, &newcomer, HEIGHTS).await, not_in());
    assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap]));
    assert!(matches!(stage.ask_in(&room, &newcomer, HEIGHTS).await, Answer::Heights(_)));
    stage.shut_down().await;
}

#[tokio::test]
async fn two_tries_of_one_program_while_the_store_is_slow_are_one_use_and_another_program_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let (mut stage, switched) = slow(&folder).await;
    let mut room = stage.founded(1).await;
    let mut owner = room.owner.clone();
    let (door, entry) = room.door_for(&mut owner, &code(7), parlor_protocol::access::Hours::NONE, 1);
    assert_eq!(stage.push(&room, &owner, vec![entry]).await, pushed(&owner));
    room.owner = owner.clone();
    let wrap = room.wrap(&owner, &code(7), room.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&room, &owner, vec![wrap.clone()]).await, Answer::Done);
    switched.is_slow.store(true, Ordering::SeqCst);
    let (mut one, mut other) = (Writer::new(40), Writer::new(41));
    let first = room.comes_by(&mut one, &code(7), door, 0);
    let second = room.comes_by(&mut one.again(9), &code(7), door, 0);
    let tries = [stage.send_enter(&room, &first).await, stage.send_enter(&room, &second).await];
    // The same entry twice is one try that waits.
    let again = stage.enter(&room, &first, true).await;
    assert!(matches!(again, Answer::Refused(Refusal::Busy { .. })), "{again:?}");
    let late = room.comes_by(&mut other, &code(7), door, 0);
    assert_eq!(stage.enter(&room, &late, true).await, not_entered(NotEntered::UsedUp));
    // Something else is stored meanwhile: what is wrapped for the last use stays until it is handed out.
    let words = room.contents(&mut owner, 1);
    switched.gate.add_permits(100);
    assert_eq!(stage.push(&room, &owner, words).await, pushed(&owner));
    for waits in tries {
        assert_eq!(stage.answer(waits).await, came_in(vec![wrap.clone()]));
    }
    assert_eq!(stage.enter(&room, &late, true).await, not_entered(NotEntered::UsedUp));
    stage.until_wraps(&room, 0).await;
    assert_eq!(stage.ask_in(&room, &other, HEIGHTS).await, not_in());
    stage.shut_down().await;
}

#[tokio::test]
async fn an_archive_that_lost_everything_learns_it_from_one_who_came_by_a_code() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let mut room = TestRoom::new(1);
        let mut founders = room.start.clone();
        let (door, entry) = room.door(&mut room.owner.clone(), &code(7));
        founders.push(entry);
        room.owner.height = Height::after(&founders[3]);
        let mut member = Writer::new(40);
        let entry = room.comes_by(&mut member, &code(7), door, 0);
        assert_eq!(stage.enter(&room, &entry, false).await, refused(Refusal::UnknownRoom));
        let ask = register(&room);
        assert_eq!(stage.ask_in(&room, &member, ask).await, Answer::Done);
        // It may show what it came in by as soon as what that hangs on is there.
        assert_eq!(stage.ask_in(&room, &member, HEIGHTS).await, not_in());
        assert_eq!(stage.enter(&room, &entry, false).await, not_entered(NotEntered::Lacking));
        assert_eq!(stage.push(&room, &member, vec![entry.clone()]).await, not_in());
        let answer = stage.push(&room, &member, founders).await;
        assert_eq!(answer, Answer::Pushed(vec![(room.owner.log_key(), room.owner.height)]));
        assert_eq!(stage.ask_in(&room, &member, HEIGHTS).await, not_in());
        assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()));
        assert!(matches!(stage.ask_in(&room, &member, HEIGHTS).await, Answer::Heights(_)));
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn a_step_that_is_not_on_offer_is_asked_for_again_and_who_came_in_elsewhere_shows_a_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let door = stage.coded(&mut room, &code(7)).await;
    let owner = room.owner.clone();
    let wraps: Vec<_> = [2, 3].map(|step| room.wrap(&owner, &code(7), room.wrap_facts(door, step), 1)).into();
    assert_eq!(stage.push_wraps(&room, &owner, wraps.clone()).await, Answer::Done);
    let offer = Offer { epoch: room.secrets.id(), step: 2 };
    for step in [0, 1, 3, 4, 900] {
        let entry = room.comes_by(&mut Writer::new(40), &code(7), door, step);
        assert_eq!(stage.enter(&room, &entry, true).await, Answer::Entered(Entered::Again(vec![offer])), "{step}");
    }
    let mut newcomer = Writer::new(41);
    let entry = room.comes_by(&mut newcomer, &code(7), door, 2);
    assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wraps[0].clone()]));
    // A member let somebody in at the step after what is written: that may be shown, and no higher one.
    let shown = |step, seed| room.comes_by(&mut Writer::new(seed), &code(7), door, step);
    let again = Answer::Entered(Entered::Again(vec![offer]));
    assert_eq!(stage.enter(&room, &shown(4, 42), false).await, again);
    assert_eq!(stage.enter(&room, &shown(3, 43), false).await, came_in(Vec::new()));
    assert_eq!(stage.enter(&room, &shown(4, 44), false).await, came_in(Vec::new()));
    stage.shut_down().await;
}

#[tokio::test]
async fn an_archive_with_the_same_store_finds_a_door_that_the_other_one_took() {
    let place = TestDatabase::new().await;
    let (mut here, mut there) = (Stage::new(place.open().await).await, Stage::new(place.open().await).await);
    let mut room = here.founded(1).await;
    // The other one opens it before there is a door.
    let owner = room.owner.clone();
    let opens = there.ask_in(&room, &owner, HEIGHTS).await;
    assert!(matches!(opens, Answer::Refused(Refusal::Busy { .. })), "{opens:?}");
    let door = here.coded(&mut room, &code(7)).await;
    let wrap = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), 1);
    assert_eq!(here.push_wraps(&room, &room.owner.clone(), vec![wrap.clone()]).await, Answer::Done);
    let mut newcomer = Writer::new(40);
    let look = Request::Look(Look::sign(&code(7), newcomer.id(), ARCHIVE));
    let wait = async {
        loop {
            match there.ask(newcomer.id(), &look).await {
                Answer::Found(Some(found)) if !found.offers.is_empty() => return,
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the door is not found");
    let entry = room.comes_by(&mut newcomer, &code(7), door, 0);
    assert_eq!(there.enter(&room, &entry, true).await, came_in(vec![wrap]));
    // A third one, that has not opened the room, as well.
    let mut third = Stage::new(place.open().await).await;
    assert!(third.look(newcomer.id(), &code(7)).await.is_some());
    for stage in [here, there, third] {
        stage.shut_down().await;
    }
}
