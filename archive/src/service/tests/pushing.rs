//! What is stored and what is not.

use super::*;
use crate::{
    fixture::{forged, ids},
    store::Usage,
};
use parlor_protocol::{EpochId, entry::Kind, rate::Rate};

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        let run = room.contents(&mut member, 20);
        assert_eq!(stage.push(&room, &member, run.clone()).await, pushed(&member));
        all.extend(run);
    }
    assert_eq!(stage.push(&room, &member, all[30..50].to_vec()).await, pushed(&member), "again");
    stage.shut_down().await;
    let mut stage = Stage::new(embedded(&folder)).await;
    let page = stage.ask_in(&room, &member, RoomRequest::Page { log: member.log_key(), from: 1 }).await;
    let Answer::Page(page) = page else { panic!("{page:?}") };
    assert_eq!(ids(&page), ids(&all));
    // And the log goes on.
    let more = room.contents(&mut member, 1);
    assert_eq!(stage.push(&room, &member, more).await, pushed(&member));
    stage.shut_down().await;
}

#[tokio::test]
async fn who_is_not_in_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut stranger = Writer::new(9);
    // By itself, and through a member who believes it.
    let run = room.contents(&mut stranger, 2);
    assert_eq!(stage.push(&room, &stranger, run.clone()).await, not_in());
    assert_eq!(stage.push(&room, &room.owner, run).await, not_in());
    // A coming in that is somebody else's.
    let mut liar = Writer::new(10);
    let entry = liar.write(Kind::Access, room.id, room.secrets.id(), room.start[2].body());
    assert_eq!(stage.push(&room, &room.owner, vec![entry]).await, refused(Refusal::Malformed));
    let mut unknown = Writer::new(11);
    let entry = unknown.write(Kind::Content, room.id, EpochId::from_bytes([3; 32]), b"x");
    assert_eq!(stage.push(&room, &room.owner, vec![entry]).await, not_in());
    assert_eq!(stage.store.usage(room.id).await.unwrap().entries, 3);
    let metrics = stage.metrics();
    assert!(metrics.contains("refusals_total{reason=\"not_admitted\"} 3"), "{metrics}");
    stage.shut_down().await;
}

#[tokio::test]
async fn what_does_not_fit_its_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, other) = (stage.founded(1).await, stage.founded(2).await);
    let mut member = stage.member(&room, 5).await;
    let before = member.height;
    let run = room.contents(&mut member, 4);
    let last = run.len() - 1;
    let bad = [run[..last].to_vec(), vec![forged(&run[last])]].concat();
    assert_eq!(stage.push(&room, &member, bad).await, refused(Refusal::Malformed), "forged");
    assert_eq!(stage.push(&room, &member, run[1..].to_vec()).await, refused(Refusal::DoesNotFit), "a gap");
    let holed = vec![run[0].clone(), run[2].clone()];
    assert_eq!(stage.push(&room, &member, holed).await, refused(Refusal::DoesNotFit), "a gap inside");
    let mixed = vec![run[0].clone(), room.start[1].clone()];
    assert_ne!(stage.push(&room, &member, mixed).await, pushed(&member), "two logs in one run");
    assert_eq!(stage.push(&room, &member, Vec::new()).await, refused(Refusal::Malformed), "nothing");
    let mut abroad = member.clone();
    abroad.height = before;
    let foreign = other.content(&mut abroad, b"x");
    assert_eq!(stage.push(&room, &member, vec![foreign]).await, refused(Refusal::Malformed), "another room");
    assert_eq!(stage.store.heights(room.id).await.unwrap()[&member.log_key()], before);
    assert_eq!(stage.push(&room, &member, run).await, pushed(&member), "the honest run");
    stage.shut_down().await;
}

#[tokio::test]
async fn a_log_that_forks_is_frozen_and_the_proof_is_kept() {
    // The fork is at the head, below the head, and beyond the head.
    for (fork_at, fork_len) in [(4, 1), (1, 1), (1, 3), (1, 9)] {
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Stage::new(embedded(&folder)).await;
        let room = stage.founded(1).await;
        let mut member = stage.member(&room, 5).await;
        let mut twin = member.clone();
        let run = room.contents(&mut member, 4);
        assert_eq!(stage.push(&room, &member, run.clone()).await, pushed(&member));
        if fork_at > 1 {
            twin.height = Height::after(&run[fork_at - 2]);
        }
        let fork: Vec<_> = (0..fork_len).map(|_| room.content(&mut twin, b"another")).collect();
        assert_eq!(stage.push(&room, &member, fork).await, refused(Refusal::DoesNotFit));
        let proofs = stage.store.forks(room.id).await.unwrap();
        assert_eq!(proofs.len(), 1, "fork at {fork_at} of {fork_len}");
        proofs[0].check().unwrap();
        assert_eq!(proofs[0].log_key(), member.log_key());
        assert!(stage.metrics().contains("forks_total 1"));
        // Neither branch goes on, also after a restart; others do.
        let more = room.contents(&mut member, 1);
        assert_eq!(stage.push(&room, &member, more.clone()).await, refused(Refusal::DoesNotFit));
        stage.shut_down().await;
        let mut stage = Stage::new(embedded(&folder)).await;
        assert_eq!(stage.push(&room, &member, more).await, refused(Refusal::DoesNotFit));
        stage.member(&room, 6).await;
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn a_removed_device_is_refused_beyond_the_heads_of_its_removal() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let mut room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let run = room.contents(&mut member, 3);
    assert_eq!(stage.push(&room, &member, run.clone()).await, pushed(&member));
    let stands = member.height;
    let kept = room.contents(&mut member, 2);
    let stands_until = Height::after(&kept[0]);
    let (_, change) = room.change(&[(member.id(), member.log_key(), stands_until)]);
    let owner = room.owner.clone();
    assert_eq!(stage.push(&room, &owner, vec![change]).await, pushed(&owner));
    // The device itself is not served any more; another member may bring what stands.
    let ask = RoomRequest::Push { entries: kept.clone() };
    assert_eq!(stage.ask_in(&room, &member, ask).await, refused(Refusal::NotAdmitted(NotAdmitted::Removed)));
    let shut_out = refused(Refusal::NotAdmitted(NotAdmitted::ShutOut));
    let answer = stage.push(&room, &owner, kept.clone()).await;
    assert_eq!(answer, Answer::Pushed(vec![(member.log_key(), stands_until)]), "one entry, from {stands:?}");
    let answer = stage.push(&room, &owner, kept[1..].to_vec()).await;
    assert_eq!(answer, shut_out);
    // A new log of the device is refused as well, whatever epoch it names.
    let mut again = Writer { log: parlor_protocol::LogId(99), height: Height::EMPTY, ..member.clone() };
    let comes_in = room.comes_in(&mut again);
    assert_eq!(stage.push(&room, &owner, vec![comes_in]).await, shut_out);
    stage.shut_down().await;
}

#[tokio::test]
async fn quotas_hold_per_room_and_per_peer() {
    let folder = tempfile::tempdir().unwrap();
    let mut limits = Limits { room: Usage { entries: 10, bytes: u64::MAX }, ..Limits::default() };
    limits.rates.bytes.device = Rate::per_second(3_000, 30_000);
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let few = room.contents(&mut member, 6);
    assert_eq!(stage.push(&room, &member, few).await, pushed(&member));
    let more = room.contents(&mut member.clone(), 1);
    assert_eq!(stage.push(&room, &member, more.clone()).await, refused(Refusal::QuotaReached));
    let other = stage.founded(2).await;
    let mut flood = stage.member(&other, 5).await;
    let mut busy = false;
    for _ in 0..4 {
        let large: Vec<_> = vec![other.content(&mut flood, &vec![1; 20_000])];
        busy |= matches!(stage.push(&other, &flood, large).await, Answer::Refused(Refusal::Busy { retry_ms: 1.. }));
    }
    assert!(busy);
    stage.shut_down().await;
}
