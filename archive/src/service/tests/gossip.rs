//! What is passed on, and what of it is stored.

use super::*;
use crate::fixture::{code, forged, rng};
use parlor_protocol::signal::{Signal, SignalBody, SignalKind};

#[tokio::test]
async fn a_good_entry_is_passed_on_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = Writer::new(5);
    let comes_in = room.comes_in(&mut member);
    assert_eq!(stage.gossip(&room, member.id(), &comes_in).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    let entry = room.content(&mut member, b"sealed");
    assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Ignore, "once more");
    // After a gap it is passed on but waits for the member to push.
    let missing = room.content(&mut member, b"sealed");
    let held = stage.store.heights(room.id).await.unwrap();
    let late = room.content(&mut member, b"sealed");
    assert_eq!(stage.gossip(&room, member.id(), &late).await, Verdict::Accept);
    assert_eq!(stage.store.heights(room.id).await.unwrap(), held);
    assert_eq!(stage.push(&room, &member, vec![missing, late]).await, pushed(&member));
    stage.shut_down().await;
}

#[tokio::test]
async fn entries_that_follow_each_other_quickly_are_all_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    for entry in room.contents(&mut member, 40) {
        assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Accept);
    }
    stage.until_stored(&room, &member).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn rubbish_is_rejected_and_strangers_are_not_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (stage.founded(1).await, stage.founded(2).await);
    let mut member = stage.member(&room, 5).await;
    let topic = room.secrets.topic();
    let entry = room.content(&mut member, b"sealed");
    let from = member.id();
    let mut rubbish = Gossip::Entry(entry.clone()).encode().unwrap();
    rubbish.pop();
    assert_eq!(stage.gossip_raw(from, topic, rubbish).await, Verdict::Reject);
    // A kind of frame that only later versions know: not passed on, and not held against anybody.
    let later = [1, 0x99, 0x49, 1, 0, 0, 0, 7];
    assert_eq!(stage.gossip_raw(from, topic, later.to_vec()).await, Verdict::Ignore);
    assert_eq!(stage.gossip(&room, from, &forged(&entry)).await, Verdict::Reject);
    assert_eq!(stage.gossip(&other, from, &entry).await, Verdict::Reject, "in another room's topic");
    let bytes = Gossip::Entry(entry.clone()).encode().unwrap();
    let unknown = TopicId::from_bytes([1; 32]);
    assert_eq!(stage.gossip_raw(from, unknown, bytes).await, Verdict::Ignore);
    let mut stranger = Writer::new(9);
    let words = room.content(&mut stranger, b"let me in");
    assert_eq!(stage.gossip(&room, from, &words).await, Verdict::Ignore);
    // Who comes in by the code of another room, or by a name that no record has.
    let mut other = other;
    let door = stage.coded(&mut other, &code(7)).await;
    let mut liar = Writer::new(10);
    let fake = room.comes_by(&mut liar, &code(7), door, 0);
    assert_eq!(stage.gossip(&room, from, &fake).await, Verdict::Ignore);
    let fake = room.comes_in(&mut Writer::new(11));
    assert_eq!(stage.gossip(&room, from, &fake).await, Verdict::Ignore);
    assert_eq!(stage.gossip(&room, from, &entry).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    assert_eq!(stage.store.usage(room.id).await.unwrap().entries, 5);
    stage.shut_down().await;
}

#[tokio::test]
async fn signals_of_members_are_passed_on_and_never_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (stage.founded(1).await, TestRoom::new(2));
    let member = stage.member(&room, 5).await;
    let signal = |room: &TestRoom, writer: &Writer| {
        let body = SignalBody { at: 1, kind: SignalKind::Typing };
        Gossip::Signal(
            Signal::seal(&room.secrets, parlor_protocol::epoch::Step::FIRST, &writer.key, body, &mut rng(3)).unwrap(),
        )
        .encode()
        .unwrap()
    };
    let topic = room.secrets.topic();
    assert_eq!(stage.gossip_raw(member.id(), topic, signal(&room, &member)).await, Verdict::Accept);
    assert_eq!(stage.gossip_raw(member.id(), topic, signal(&room, &Writer::new(9))).await, Verdict::Ignore);
    assert_eq!(stage.gossip_raw(member.id(), topic, signal(&other, &member)).await, Verdict::Reject);
    assert_eq!(stage.store.usage(room.id).await.unwrap().entries, 4);
    stage.shut_down().await;
}

#[tokio::test]
async fn an_epoch_change_is_passed_on_and_ends_what_the_removed_may_say() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let (_, change) = room.change(&[(member.id(), member.log_key(), member.height)]);
    let owner = room.owner.clone();
    assert_eq!(stage.gossip(&room, owner.id(), &change).await, Verdict::Accept);
    stage.until_stored(&room, &owner).await;
    let words = room.content(&mut member, b"still here");
    assert_eq!(stage.gossip(&room, member.id(), &words).await, Verdict::Ignore);
    let mut impostor = TestRoom { owner: Writer::new(30), ..room.clone() };
    let (_, fake) = impostor.change(&[]);
    assert_eq!(stage.gossip(&room, owner.id(), &fake).await, Verdict::Reject, "no owner made this");
    stage.shut_down().await;
}

#[tokio::test]
async fn a_fork_that_comes_by_gossip_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let mut twin = member.clone();
    let run = room.contents(&mut member, 3);
    assert_eq!(stage.push(&room, &member, run).await, pushed(&member));
    let fork = room.content(&mut twin, b"another");
    assert_eq!(stage.gossip(&room, member.id(), &fork).await, Verdict::Ignore);
    let wait = async {
        while stage.store.forks(room.id).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("no proof");
    stage.shut_down().await;
}

#[tokio::test]
async fn a_run_of_another_branch_is_noticed_wherever_its_good_signatures_stand() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        for (seed, from) in [(1, 3), (2, 2)] {
            let room = stage.founded(seed).await;
            let mut member = stage.member(&room, 5).await;
            let mut twin = member.clone();
            let mut run = room.contents(&mut member, 3);
            run[1] = forged(&run[1]);
            assert_eq!(stage.push(&room, &member, run).await, pushed(&member));
            let mut other: Vec<_> = (0..4).map(|_| room.content(&mut twin, b"another")).collect();
            other[2] = forged(&other[2]);
            let verdict = match &other[from..] {
                [one] => stage.gossip(&room, member.id(), one).await,
                run => stage.gossip_run(&room, member.id(), run).await,
            };
            assert_ne!(verdict, Verdict::Reject, "it is signed");
            let wait = async {
                while stage.store.forks(room.id).await.unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, wait).await.expect("no proof");
        }
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn what_is_pushed_is_told_to_those_who_are_there_and_what_came_by_gossip_is_not_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let entries = room.contents(&mut member, 3);
    assert_eq!(stage.push(&room, &member, entries.clone()).await, pushed(&member));
    let last = Gossip::Entry(entries[2].clone()).encode().unwrap();
    let told = (room.secrets.topic(), Bytes::from(last));
    assert_eq!(stage.published.last(), Some(&told), "the end of the run");
    let count = stage.published.len();
    assert_eq!(stage.push(&room, &member, entries).await, pushed(&member), "once more");
    let entry = room.content(&mut member, b"sealed");
    assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    assert_eq!(stage.published.len(), count);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_run_is_passed_on_as_a_whole_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = Writer::new(5);
    // The first entry lets the member in.
    let mut run = vec![room.comes_in(&mut member)];
    run.extend(room.contents(&mut member, 5));
    assert_eq!(stage.gossip_run(&room, member.id(), &run).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    assert_eq!(stage.gossip_run(&room, member.id(), &run).await, Verdict::Ignore, "once more");
    // Some of it is held already.
    let more = room.contents(&mut member, 4);
    run.extend(more);
    assert_eq!(stage.gossip_run(&room, member.id(), &run[4..]).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn a_run_with_anything_wrong_in_it_is_not_passed_on_and_nothing_of_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let (mut member, mut stranger) = (stage.member(&room, 5).await, Writer::new(9));
    let from = member.id();
    let run = room.contents(&mut member, 4);
    let mut bad_end = run.clone();
    bad_end[3] = forged(&run[3]);
    assert_eq!(stage.gossip_run(&room, from, &bad_end).await, Verdict::Reject);
    assert_eq!(stage.gossip_run(&room, from, &[run[0].clone(), run[2].clone()]).await, Verdict::Reject, "a gap");
    assert_eq!(stage.gossip_run(&room, from, &[run[1].clone(), run[0].clone()]).await, Verdict::Reject, "turned round");
    let two_logs = [run[0].clone(), room.content(&mut stranger, b"sealed")];
    assert_eq!(stage.gossip_run(&room, from, &two_logs).await, Verdict::Reject);
    let words = room.contents(&mut stranger, 3);
    assert_eq!(stage.gossip_run(&room, from, &words).await, Verdict::Ignore, "of a stranger");
    assert_eq!(stage.store.usage(room.id).await.unwrap().entries, 4);
    assert_eq!(stage.gossip_run(&room, from, &run).await, Verdict::Accept);
    stage.until_stored(&room, &member).await;
    stage.shut_down().await;
}
