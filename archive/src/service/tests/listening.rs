//! Which topics are listened to, and whose they are.

use super::*;
use parlor_protocol::epoch::topic_of;

#[tokio::test]
async fn nobody_takes_the_topics_of_a_room_also_not_before_a_restart_or_before_its_members() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let now = room.secrets.topic();
    let change = room.renew();
    // A stranger founds a room that comes first in the store.
    let theirs = (100..).map(TestRoom::new).find(|theirs| theirs.id < room.id).unwrap();
    assert_eq!(stage.ask_in(&theirs, &theirs.owner, register(&theirs)).await, Answer::Done);
    stage.shut_down().await;

    let mut stage = Stage::new(embedded(&folder)).await;
    let owner = room.owner.clone();
    let told = Gossip::Entry(change).encode().unwrap();
    assert_eq!(stage.gossip_raw(owner.id(), now, told).await, Verdict::Accept);
    let entry = room.content(&mut member, b"sealed");
    assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Accept);
    assert!(stage.subscribed.contains(&room.secrets.topic()), "the new epoch is heard as soon as it is known");
    stage.until_stored(&room, &member).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn a_room_is_heard_in_its_newest_epochs_and_told_of_a_new_one_in_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut epochs = vec![room.secrets.id()];
    for _ in 0..20 {
        let before = room.clone();
        let change = room.renew();
        epochs.push(room.secrets.id());
        stage.published.clear();
        assert_eq!(stage.push(&before, &before.owner, vec![change]).await, pushed(&room.owner));
    }
    let newest: Vec<TopicId> = epochs.iter().rev().take(17).map(|epoch| topic_of(room.id, *epoch)).collect();
    let sorted = |mut topics: Vec<TopicId>| {
        topics.sort_unstable();
        topics
    };
    let told = stage.published.iter().map(|(topic, _)| *topic).collect();
    assert_eq!(sorted(told), sorted(newest.clone()));
    assert_eq!(sorted(stage.subscribed.clone()), sorted(newest.clone()));
    // What is said in an epoch is for those who can open it.
    let mut member = Writer::new(5);
    let comes_in = room.comes_in(&mut member);
    stage.published.clear();
    assert_eq!(stage.push(&room, &member, vec![comes_in]).await, pushed(&member));
    assert_eq!(stage.published.iter().map(|(topic, _)| *topic).collect::<Vec<_>>(), [room.secrets.topic()]);
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    stage.member(&room, 6).await;
    assert_eq!(sorted(stage.subscribed.clone()), sorted(newest), "also after a restart");
    stage.shut_down().await;
}

#[tokio::test]
async fn there_are_only_so_many_topics_and_a_room_that_is_heard_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { topics: 6, ..Limits::default() };
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let mut room = stage.founded(1).await;
    for _ in 0..9 {
        let before = room.clone();
        let change = room.renew();
        assert_eq!(stage.push(&before, &before.owner, vec![change]).await, pushed(&room.owner));
        assert!(stage.subscribed.contains(&room.secrets.topic()));
        assert!(stage.subscribed.len() <= 3, "older epochs have half of the places");
    }
    // A stranger takes all that is left.
    for seed in 10..20 {
        let theirs = TestRoom::new(seed);
        assert_eq!(stage.register(&theirs).await, Answer::Done);
    }
    assert_eq!(stage.subscribed.len(), 6);
    stage.shut_down().await;
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    for _ in 0..9 {
        let before = room.clone();
        let change = room.renew();
        assert_eq!(stage.push(&before, &before.owner, vec![change]).await, pushed(&room.owner));
        assert!(stage.subscribed.contains(&room.secrets.topic()) && stage.subscribed.len() <= 6);
    }
    stage.shut_down().await;
}
