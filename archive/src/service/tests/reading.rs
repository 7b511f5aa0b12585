//! Heights, pages, tails and codes.

use super::*;
use crate::fixture::code;
use parlor_protocol::{
    access::{Door, DoorBody, Terms},
    entry::Kind,
    limits::{BODY_MAX, PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, TAIL_MAX},
    log::{Heights, digest, verify_page, verify_suffix},
    wire::{HEADER_LEN, Tail},
};

#[tokio::test]
async fn equal_heights_are_told_in_one_word() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let member = stage.member(&room, 5).await;
    let pairs = [(room.owner.log_key(), room.owner.height), (member.log_key(), member.height)];
    let rules = parlor_protocol::epoch::EpochGraph::new(room.owner.id(), vec![room.owner.user.id()]);
    let epochs = {
        let mut graph = rules;
        let record = parlor_protocol::epoch::EpochRecord::decode(room.epoch.body()).unwrap();
        graph.learn(room.epoch.id(), (&record).into()).unwrap();
        graph.digest()
    };
    let ask = RoomRequest::Heights { digest: digest(&Heights::from(pairs)), epochs };
    assert_eq!(stage.ask_in(&room, &member, ask).await, Answer::Same);
    let ask = RoomRequest::Heights { digest: digest(&Heights::new()), epochs };
    assert_eq!(stage.ask_in(&room, &member, ask).await, heights(&pairs));
    assert_eq!(stage.ask_in(&room, &member, RoomRequest::Received { heights: Vec::new() }).await, Answer::Done);
    stage.shut_down().await;
}

#[tokio::test]
async fn strangers_and_unknown_rooms_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (stage.founded(1).await, TestRoom::new(2));
    let stranger = Writer::new(9);
    for ask in [
        RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] },
        RoomRequest::Page { log: room.owner.log_key(), from: 0 },
        RoomRequest::Tail { limit: 9 },
    ] {
        assert_eq!(stage.ask_in(&room, &stranger, ask.clone()).await, not_in());
        assert_eq!(stage.ask_in(&other, &other.owner, ask).await, refused(Refusal::UnknownRoom));
    }
    assert_eq!(stage.ask_raw(stranger.id(), rubbish()).await, refused(Refusal::Malformed));
    assert_eq!(stage.ask_raw(room.owner.id(), Vec::new()).await, refused(Refusal::Malformed));
    stage.shut_down().await;
}

/// Something that no honest program sends: a known kind that says nothing.
fn rubbish() -> Vec<u8> {
    let mut rubbish = Request::Own(vec![7; 9]).encode().unwrap();
    rubbish[HEADER_LEN] = 0xff;
    rubbish
}

#[tokio::test]
async fn a_question_that_only_later_versions_ask_is_answered_and_costs_its_asker_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let own = RoomRequest::Page { log: room.owner.log_key(), from: 0 };
    // Its header is all that arrives of a kind that is not known.
    let later = [1, 0x99, 0x09, 200, 0, 0, 0];
    for _ in 0..100 {
        assert_eq!(stage.ask_raw(room.owner.id(), later.to_vec()).await, refused(Refusal::Unsupported));
    }
    assert!(matches!(stage.ask_in(&room, &room.owner, own.clone()).await, Answer::Page(_)));
    // Rubbish is another matter: whoever sends it often is not served for a while.
    for _ in 0..10 {
        stage.ask_raw(room.owner.id(), rubbish()).await;
    }
    assert!(matches!(stage.ask_in(&room, &room.owner, own).await, Answer::Refused(Refusal::Busy { .. })));
    stage.shut_down().await;
}

async fn page(stage: &mut Stage, room: &TestRoom, log: LogKey, from: u64) -> Vec<Entry> {
    match stage.ask_in(room, &room.owner, RoomRequest::Page { log, from }).await {
        Answer::Page(page) => page,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pages_prove_themselves_and_lead_through_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    // Small runs, a run of the most bytes, one of the most entries.
    let mut runs: Vec<Vec<Entry>> = (0..100).map(|_| room.contents(&mut member, 3)).collect();
    runs.push((0..17).map(|_| room.content(&mut member, &vec![1; BODY_MAX])).collect());
    runs.push(room.contents(&mut member, PAGE_MAX_ENTRIES));
    for run in &runs {
        let answer = stage.push(&room, &member, run.clone()).await;
        assert_eq!(answer, Answer::Pushed(vec![(member.log_key(), Height::after(run.last().unwrap()))]));
    }
    for start in [0, 1, 7, 310] {
        let mut height = match start {
            0 => Height::EMPTY,
            _ => Height::after(&page(&mut stage, &room, member.log_key(), start - 1).await[0]),
        };
        while height != member.height {
            let page = page(&mut stage, &room, member.log_key(), height.next).await;
            assert!(!page.is_empty(), "stuck at {}", height.next);
            assert!(page.iter().map(|entry| entry.bytes().len()).sum::<usize>() <= PAGE_MAX_BYTES);
            let page = verify_page(room.id, member.log_key(), height, page).unwrap();
            height = Height::after(page.last().unwrap());
        }
    }
    assert_eq!(page(&mut stage, &room, member.log_key(), member.height.next).await, []);
    assert_eq!(page(&mut stage, &room, member.log_key(), u64::MAX).await, []);
    stage.shut_down().await;
}

async fn tail(stage: &mut Stage, room: &TestRoom, limit: u16) -> Tail {
    match stage.ask_in(room, &room.owner, RoomRequest::Tail { limit }).await {
        Answer::Tail(tail) => tail,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tail_has_the_newest_of_all_logs_and_what_opens_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut members = vec![stage.member(&room, 5).await, stage.member(&room, 6).await];
    for round in 0..30 {
        for member in &mut members {
            let entry = room.content(member, format!("round {round}").as_bytes());
            assert_eq!(stage.push(&room, member, vec![entry]).await, pushed(member));
        }
    }
    let tail = tail(&mut stage, &room, 10).await;
    assert_eq!(tail.total, 3 + 62);
    assert_eq!(tail.suffixes.iter().map(Vec::len).sum::<usize>(), 10);
    for suffix in tail.suffixes {
        let (log, last) = (suffix[0].log_key(), suffix.last().unwrap().id());
        assert!(members.iter().any(|member| member.log_key() == log && member.height.head == last), "up to the head");
        verify_suffix(room.id, log, suffix).unwrap();
    }
    let seqs: Vec<u64> = tail.openers.iter().map(|entry| entry.header().seq).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 0, 1, 2, 3], "coming in and profile of both");
    tail.openers.into_iter().for_each(|opener| drop(opener.verify().unwrap()));
    stage.shut_down().await;
}

#[tokio::test]
async fn a_tail_of_the_largest_entries_fits_in_an_answer_and_reaches_the_heads() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut members = Vec::new();
    for seed in NAMED.into_iter().take(8) {
        members.push(stage.member(&room, seed).await);
    }
    for member in &mut members {
        let run: Vec<_> = (0..15).map(|n| room.content(member, &vec![n; BODY_MAX])).collect();
        assert_eq!(stage.push(&room, member, run).await, pushed(member));
    }
    let limit = u16::try_from(TAIL_MAX).unwrap();
    let tail = tail(&mut stage, &room, limit).await;
    assert!(tail.suffixes.iter().map(Vec::len).sum::<usize>() >= 5);
    for suffix in tail.suffixes {
        let last = suffix.last().unwrap().id();
        assert!(members.iter().any(|member| member.height.head == last));
    }
    stage.shut_down().await;
}

#[tokio::test]
async fn a_code_is_found_by_who_has_it_until_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let (door, entry) = room.door(&mut member, &code(7));
    assert_eq!(stage.push(&room, &member, vec![entry.clone()]).await, pushed(&member));
    let stranger = DeviceId::from_bytes([9; 32]);
    let found = Some(Found { genesis: room.genesis.clone(), door: entry, offers: Vec::new() });
    assert_eq!(stage.look(stranger, &code(7)).await, found);
    assert_eq!(stage.look(stranger, &code(1)).await, None);
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    assert_eq!(stage.look(stranger, &code(7)).await, found);
    let entry = room.ends(&mut member, door);
    assert_eq!(stage.push(&room, &member, vec![entry]).await, pushed(&member));
    assert_eq!(stage.look(stranger, &code(7)).await, None);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_door_signed_for_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let door = Door::sign(&code(7), room.id, Writer::new(66).id(), Terms::default());
    let entry = member.write(Kind::Door, room.id, room.secrets.id(), &DoorBody::Made(door).encode().unwrap());
    assert_eq!(stage.push(&room, &member, vec![entry]).await, refused(Refusal::Malformed));
    assert_eq!(stage.store.rooms_at(code(7).locator()).await.unwrap(), []);
    stage.shut_down().await;
}

#[tokio::test]
async fn who_tries_codes_is_slowed_down_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (guesser, other) = (DeviceId::from_bytes([9; 32]), DeviceId::from_bytes([8; 32]));
    let mut busy = 0;
    for n in 0..100 {
        let answer = stage.ask(guesser, &Request::Look(Look::sign(&code(n), guesser, ARCHIVE))).await;
        busy += usize::from(matches!(answer, Answer::Refused(Refusal::Busy { .. })));
    }
    assert!(busy >= 85, "{busy}");
    assert_eq!(stage.look(other, &code(1)).await, None);
    stage.shut_down().await;
}

#[tokio::test]
async fn what_another_archive_stored_in_the_same_place_is_served() {
    let place = TestDatabase::new().await;
    let mut here = Stage::new(place.open().await).await;
    let there = place.open().await;
    let room = here.founded(1).await;
    let mut member = here.member(&room, 5).await;
    // The other archive takes more of the log, and a new member.
    let run = room.contents(&mut member, 5);
    there.append(room.run(run)).await.unwrap();
    let mut second = Writer::new(6);
    let comes_in = room.comes_in(&mut second);
    there.append(room.run(vec![comes_in])).await.unwrap();
    let expected = heights(&[
        (room.owner.log_key(), room.owner.height),
        (member.log_key(), member.height),
        (second.log_key(), second.height),
    ]);
    let wait = async {
        loop {
            let answer = here.ask_in(&room, &member, RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] }).await;
            if answer == expected {
                return;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the other archive's entries are not seen");
    // The log goes on here, and what the other has is not a gap.
    let more = room.contents(&mut second, 2);
    assert_eq!(here.push(&room, &second, more).await, pushed(&second));
    here.shut_down().await;
    there.close().await;
}

#[tokio::test]
async fn a_room_that_another_archive_registered_is_opened_when_it_is_asked_for() {
    let place = TestDatabase::new().await;
    // This one starts while there are no rooms.
    let mut here = Stage::new(place.open().await).await;
    let mut there = Stage::new(place.open().await).await;
    let room = there.founded(1).await;
    let owner = room.owner.clone();
    let ask = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };
    let answer = here.ask_in(&room, &owner, ask.clone()).await;
    assert!(matches!(answer, Answer::Refused(Refusal::Busy { .. })), "{answer:?}");
    let expected = heights(&[(room.owner.log_key(), room.owner.height)]);
    assert_eq!(here.ask_in(&room, &owner, ask.clone()).await, expected);
    assert!(here.subscribed.contains(&room.secrets.topic()), "it listens to the room as well");
    let nowhere = TestRoom::new(9);
    assert_eq!(here.ask_in(&nowhere, &nowhere.owner, ask).await, refused(Refusal::UnknownRoom));
    here.shut_down().await;
    there.shut_down().await;
}
