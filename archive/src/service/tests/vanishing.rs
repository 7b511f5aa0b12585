//! Rooms where messages vanish: swept, served as they are then, and nothing of it by mistake.

use super::*;

async fn pruned(stage: &mut Stage, room: &TestRoom, writer: &Writer) -> Vec<bool> {
    let page = stage.ask_in(room, writer, RoomRequest::Page { log: writer.log_key(), from: 0 }).await;
    let Answer::Page(page) = page else { panic!("{page:?}") };
    page.iter().map(Entry::is_pruned).collect()
}

#[tokio::test]
async fn what_is_said_is_swept_after_its_time_and_served_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let stays = room.session(&mut member, 3);
    assert_eq!(stage.push(&room, &member, stays).await, pushed(&member));
    room.stays.push(member.id());
    let before = room.clone();
    let epoch = room.let_vanish(1);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&before, &owner, vec![epoch]).await, pushed(&owner));
    let vanishes = room.session(&mut member, 3);
    assert_eq!(stage.push(&room, &member, vanishes).await, pushed(&member));
    stage.shut_down().await;

    // It sweeps as soon as it is up.
    let mut stage = Stage::new(embedded(&folder)).await;
    let swept = async {
        while stage.metrics.pruned.get() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, swept).await.expect("it is swept");
    let expected = [false, false, false, false, false, true, true];
    assert_eq!(pruned(&mut stage, &room, &member).await, expected);
    assert_eq!(stage.metrics.pruned.get(), 2);
    stage.shut_down().await;
}

#[tokio::test]
async fn a_pruned_entry_is_taken_from_a_push_only_where_messages_vanish_and_never_from_gossip() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let mut said = room.session(&mut member, 2);
    said[1] = said[1].pruned();
    assert_eq!(stage.push(&room, &member, said[1..].to_vec()).await, refused(Refusal::DoesNotFit));
    assert_eq!(
        stage.push(&room, &member, said[..1].to_vec()).await,
        Answer::Pushed(vec![(member.log_key(), Height::after(&said[0]))])
    );
    assert_eq!(stage.push(&room, &member, said[1..].to_vec()).await, refused(Refusal::Malformed), "it stays for ever");
    assert_eq!(stage.gossip(&room, member.id(), &said[1]).await, Verdict::Reject);

    let mut other = stage.member(&room, 6).await;
    room.stays.extend([member.id(), other.id()]);
    let before = room.clone();
    let epoch = room.let_vanish(3_600_000);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&before, &owner, vec![epoch]).await, pushed(&owner));
    let mut said = room.session(&mut other, 2);
    said[1] = said[1].pruned();
    assert_eq!(stage.gossip(&before, other.id(), &said[1]).await, Verdict::Reject);
    let published = stage.published.len();
    assert_eq!(stage.push(&room, &other, said).await, pushed(&other));
    assert_eq!(pruned(&mut stage, &room, &other).await, [false, false, true]);
    assert_eq!(stage.published.len(), published, "nobody is told of it by gossip, where it would be refused");
    stage.shut_down().await;
}
