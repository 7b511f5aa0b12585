//! Doors: who finds where a code leads, and who comes in by it, with no member up.

use super::*;
use crate::fixture::code;
use parlor_protocol::{
    access::{Hours, In, InPlace, OwnKey, wire::Offer},
    epoch::EpochSecrets,
    keys::Secret,
    rate::Rate,
};

const HEIGHTS: RoomRequest = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };

/// A room with a code, and a wrap of its key at the archive.
async fn with_code(stage: &mut Stage, seed: u64) -> (TestRoom, DoorId, Wrap) {
    let mut room = stage.founded(seed).await;
    let door = stage.coded(&mut room, &code(7)).await;
    let wrap = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), seed);
    assert_eq!(stage.push_wraps(&room, &room.owner.clone(), vec![wrap.clone()]).await, Answer::Done);
    (room, door, wrap)
}

#[tokio::test]
async fn who_has_a_code_comes_in_with_no_member_up_and_reads() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let (room, door, wrap) = with_code(&mut stage, 1).await;
        stage.shut_down().await;
        // A newcomer, after a restart.
        let mut stage = Stage::new(place.open().await).await;
        let mut newcomer = Writer::new(40);
        assert_eq!(stage.ask_in(&room, &newcomer, HEIGHTS).await, not_in());
        let found = stage.look(newcomer.id(), &code(7)).await.unwrap();
        let lead = found.check_lead(&code(7)).unwrap();
        assert_eq!((lead.room, lead.door), (room.id, door));
        assert_eq!(found.offers, [Offer { epoch: room.secrets.id(), step: 0 }]);
        let entry = room.comes_by(&mut newcomer, &code(7), door, 0);
        assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap.clone()]));
        let payload = wrap.open(&code(7)).unwrap();
        assert_eq!(payload.secrets(&wrap.facts).unwrap().id(), room.secrets.id());
        // Everybody sees it: it is in the store, it is told, and served.
        let held = stage.store.run(room.id, newcomer.log_key(), 0, 9, usize::MAX).await.unwrap();
        assert_eq!(held[0].entry.id(), entry.id());
        let expected = [(room.owner.log_key(), room.owner.height), (newcomer.log_key(), newcomer.height)];
        assert_eq!(stage.ask_in(&room, &newcomer, HEIGHTS).await, heights(&expected));
        let told = (room.secrets.topic(), Bytes::from(Gossip::Entry(entry.clone()).encode().unwrap()));
        assert!(stage.published.contains(&told));
        assert!(stage.known.contains(&newcomer.id()));
        // The same once more, as after an answer that was lost.
        assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap.clone()]));
        assert_eq!(stage.store.usage(room.id).await.unwrap().entries, 5);
        let words = room.contents(&mut newcomer, 2);
        assert_eq!(stage.push(&room, &newcomer, words).await, pushed(&newcomer));
        assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()), "also when its log goes on");
        // Another one in its place is none.
        let other = room.comes_by(&mut newcomer.again(newcomer.log.0), &code(7), door, 1);
        assert_eq!(stage.enter(&room, &other, false).await, not_entered(NotEntered::Wrong));
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn who_has_no_code_learns_nothing_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (_, door, _) = with_code(&mut stage, 1).await;
    let (asker, other) = (Writer::new(40).id(), Writer::new(41).id());
    assert!(stage.look(asker, &code(7)).await.is_some_and(|found| DoorId::from(found.door.id()) == door));
    let nothing = Answer::Found(None).encode().unwrap();
    let mut guessed = Look::sign(&code(8), asker, ARCHIVE);
    guessed.locator = code(7).locator();
    let mut named = guessed;
    named.door = code(7).door();
    for look in [
        // Nothing is there, or the code is another one.
        Look::sign(&code(8), asker, ARCHIVE),
        guessed,
        named,
        // What somebody else asked, or asked elsewhere, and was heard.
        Look::sign(&code(7), other, ARCHIVE),
        Look::sign(&code(7), asker, other),
    ] {
        assert_eq!(stage.ask(asker, &Request::Look(look)).await.encode().unwrap(), nothing);
    }
    stage.shut_down().await;
}

#[tokio::test]
async fn a_doors_signature_counts_for_no_other_device_room_epoch_or_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, door, _) = with_code(&mut stage, 1).await;
    let (mut thief, honest) = (Writer::new(41), Writer::new(40));
    let here = InPlace { room: room.id, epoch: room.secrets.id(), device: thief.id(), log: thief.log };
    let elsewhere = EpochSecrets::derive(room.id, &[], Secret::from_bytes([9; 32])).unwrap().id();
    let own = |writer: &Writer, room| OwnKey::new(&writer.user, room);
    for other in [
        InPlace { device: honest.id(), ..here },
        InPlace { room: TestRoom::new(2).id, ..here },
        InPlace { epoch: elsewhere, ..here },
        InPlace { log: parlor_protocol::LogId(7), ..here },
    ] {
        let seen = In::by_code(&own(&thief, room.id), &other, &code(7), door, 0, Hours::NONE);
        let mut body = In::by_code(&own(&thief, room.id), &here, &code(8), door, 0, Hours::NONE);
        body.how = seen.how;
        let mut try_it = Writer { ..thief.clone() };
        let entry = room.writes_in(&mut try_it, body);
        assert_eq!(stage.enter(&room, &entry, true).await, not_entered(NotEntered::Wrong), "{other:?}");
        assert_eq!(stage.push(&room, &thief, vec![entry.clone()]).await, not_in());
        assert_eq!(stage.push(&room, &room.owner, vec![entry]).await, refused(Refusal::Malformed));
    }
    // The entry of another device, shown by this one; and one of somebody else's person.
    let entry = room.comes_by(&mut honest.clone(), &code(7), door, 0);
    let enter = Enter { room: room.id, entry, for_keys: true };
    let answer = stage.ask(thief.id(), &Request::Enter(Box::new(enter))).await;
    assert_eq!(answer, not_entered(NotEntered::Wrong));
    let body = In::by_code(&own(&honest, TestRoom::new(2).id), &here, &code(7), door, 0, Hours::NONE);
    let mut foreign = In::by_code(&own(&thief, room.id), &here, &code(7), door, 0, Hours::NONE);
    foreign.own = body.own;
    let entry = room.writes_in(&mut thief.clone(), foreign);
    assert_eq!(stage.enter(&room, &entry, true).await, not_entered(NotEntered::Wrong));
    // What it may do it does: it has the code.
    let entry = room.comes_by(&mut thief, &code(7), door, 0);
    assert!(matches!(stage.enter(&room, &entry, true).await, Answer::Entered(Entered::In(wraps)) if wraps.len() == 1));
    stage.shut_down().await;
}

#[tokio::test]
async fn a_code_that_works_no_longer_is_refused_with_its_reason() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let mut room = stage.founded(1).await;
        let mut leaves = stage.member(&room, 5).await;
        let mut owner = room.owner.clone();
        let (ended, entry) = room.door(&mut owner, &code(1));
        let (expired, later) = room.door_for(&mut owner, &code(2), Hours(1), 0);
        let (single, last) = room.door_for(&mut owner, &code(3), Hours::NONE, 1);
        let end = room.ends(&mut owner, ended);
        assert_eq!(stage.push(&room, &owner, vec![entry, later, last, end]).await, pushed(&owner));
        room.owner = owner;
        let (abandoned, entry) = room.door(&mut leaves, &code(4));
        let gone = room.leaves(&mut leaves);
        assert_eq!(stage.push(&room, &leaves, vec![entry, gone]).await, pushed(&leaves));
        let mut first = Writer::new(40);
        let entry = room.comes_by(&mut first, &code(3), single, 0);
        assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()));
        for round in 0..2 {
            for (number, door, why) in [
                (1, ended, NotEntered::Ended),
                (2, expired, NotEntered::Expired),
                (3, single, NotEntered::UsedUp),
                (4, abandoned, NotEntered::MakerGone),
                (5, DoorId::from_bytes([5; 32]), NotEntered::Lacking),
            ] {
                let mut newcomer = Writer::new(50 + u64::from(number));
                let entry = room.comes_by(&mut newcomer, &code(number), door, 0);
                assert_eq!(stage.look(newcomer.id(), &code(number)).await, None, "{why:?}");
                assert_eq!(stage.enter(&room, &entry, true).await, not_entered(why), "{round}");
                assert_eq!(stage.enter(&room, &entry, false).await, not_entered(why), "{round}");
                assert_eq!(stage.push(&room, &newcomer, vec![entry.clone()]).await, not_in(), "{why:?}");
                assert_eq!(stage.gossip(&room, newcomer.id(), &entry).await, Verdict::Ignore, "{why:?}");
                assert_eq!(stage.ask_in(&room, &newcomer, HEIGHTS).await, not_in());
            }
            stage.shut_down().await;
            stage = Stage::new(place.open().await).await;
        }
        // Whoever is in may have let it in all the same, and answers for it.
        let mut late = Writer::new(52);
        let entry = room.comes_by(&mut late, &code(2), expired, 0);
        assert_eq!(
            stage.push(&room, &room.owner, vec![entry]).await,
            Answer::Pushed(vec![(late.log_key(), late.height)])
        );
        assert!(matches!(stage.ask_in(&room, &late, HEIGHTS).await, Answer::Heights(_)));
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn only_so_many_come_in_by_one_door_in_a_time_and_by_another_one_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits::default();
    limits.rates.comings = Rate::new(2, 60 * 60 * 1_000, 2);
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let (mut room, door, _) = with_code(&mut stage, 1).await;
    let other = stage.coded(&mut room, &code(8)).await;
    let mut entries = Vec::new();
    for seed in 40..42 {
        let entry = room.comes_by(&mut Writer::new(seed), &code(7), door, 0);
        assert!(matches!(stage.enter(&room, &entry, true).await, Answer::Entered(Entered::In(_))));
        entries.push(entry);
    }
    let mut third = Writer::new(42);
    let entry = room.comes_by(&mut third, &code(7), door, 0);
    let answer = stage.enter(&room, &entry, true).await;
    assert!(matches!(answer, Answer::Refused(Refusal::Busy { retry_ms }) if retry_ms > 60_000), "{answer:?}");
    assert_eq!(stage.gossip(&room, third.id(), &entry).await, Verdict::Ignore);
    assert_eq!(stage.push(&room, &third, vec![entry]).await, not_in());
    // Who is in already is no newcomer.
    assert!(matches!(stage.enter(&room, &entries[0], true).await, Answer::Entered(Entered::In(_))));
    let entry = room.comes_by(&mut Writer::new(43), &code(8), other, 0);
    assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()));
    stage.shut_down().await;
}

#[tokio::test]
async fn who_left_is_told_so_and_its_old_entry_lets_it_in_no_more() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let (room, door, wrap) = with_code(&mut stage, 1).await;
        let mut guest = Writer::new(40);
        let entry = room.comes_by(&mut guest, &code(7), door, 0);
        assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap.clone()]));
        let gone = room.leaves(&mut guest);
        assert_eq!(stage.push(&room, &guest, vec![gone.clone()]).await, pushed(&guest));
        assert!(!stage.known.contains(&guest.id()), "it is a stranger again");
        let out = refused(Refusal::NotAdmitted(NotAdmitted::Out));
        for round in 0..2 {
            for ask in [HEIGHTS, RoomRequest::Tail { limit: 9 }, RoomRequest::Push { entries: vec![gone.clone()] }] {
                assert_eq!(stage.ask_in(&room, &guest, ask).await, out, "{round}");
            }
            assert_eq!(stage.push_wraps(&room, &guest, vec![wrap.clone()]).await, out);
            assert_eq!(stage.enter(&room, &entry, true).await, not_entered(NotEntered::Out));
            // What became of it it may know.
            let told = stage.ask_in(&room, &guest, RoomRequest::Epochs { tips: Vec::new() }).await;
            assert!(matches!(told, Answer::Epochs { entries, .. } if entries == [room.epoch.clone()]));
            // Others still hear of all that it wrote.
            let expected = [(room.owner.log_key(), room.owner.height), (guest.log_key(), guest.height)];
            assert_eq!(stage.ask_in(&room, &room.owner, HEIGHTS).await, heights(&expected));
            stage.shut_down().await;
            stage = Stage::new(place.open().await).await;
        }
        // It comes in again, for everybody to see.
        let mut again = guest.again(99);
        let entry = room.comes_by(&mut again, &code(7), door, 0);
        assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap]));
        assert!(matches!(stage.ask_in(&room, &guest, HEIGHTS).await, Answer::Heights(_)));
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn a_device_that_its_person_sent_out_for_ever_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, door, _) = with_code(&mut stage, 1).await;
    let (mut phone, lost) = (stage.member(&room, 5).await, Writer::new(5));
    let mut lost = lost.beside(60);
    let entry = room.comes_linked(&mut lost);
    assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()));
    let out = room.sends_out(&mut phone, true, &[&lost]);
    assert_eq!(stage.push(&room, &phone, vec![out]).await, pushed(&phone));
    assert_eq!(stage.ask_in(&room, &lost, HEIGHTS).await, refused(Refusal::NotAdmitted(NotAdmitted::Out)));
    for entry in [room.comes_by(&mut lost.again(1), &code(7), door, 0), room.comes_linked(&mut lost.again(2))] {
        assert_eq!(stage.enter(&room, &entry, false).await, not_entered(NotEntered::Out));
    }
    assert!(matches!(stage.ask_in(&room, &phone, HEIGHTS).await, Answer::Heights(_)));
    stage.shut_down().await;
}
