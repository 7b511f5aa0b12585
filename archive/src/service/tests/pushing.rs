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

/// The signatures of some entries do not fit.
fn sparse(entries: Vec<Entry>, good: impl Fn(usize) -> bool) -> Vec<Entry> {
    let keep = |(n, entry): (usize, Entry)| if good(n) { entry } else { forged(&entry) };
    entries.into_iter().enumerate().map(keep).collect()
}

#[tokio::test]
async fn branches_whose_good_signatures_never_stand_at_one_place_are_a_fork_too() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let mut frozen = Vec::new();
        // What comes follows the head of another branch, begins at the head, below it, and ends below it.
        for (seed, from, to) in [(1, 8, 9), (2, 7, 9), (3, 3, 9), (4, 0, 3)] {
            let room = stage.founded(seed).await;
            let mut member = stage.member(&room, 5).await;
            let mut twin = member.clone();
            let one = sparse(room.contents(&mut member, 8), |n| n % 2 == 1);
            let other = (0..9).map(|_| room.content(&mut twin, b"another")).collect();
            let other = sparse(other, |n| n % 2 == 0 && n > 0);
            assert_eq!(stage.push(&room, &member, one).await, pushed(&member));
            let answer = stage.push(&room, &member, other[from..to].to_vec()).await;
            assert_eq!(answer, refused(Refusal::DoesNotFit), "{from} to {to}");
            let proofs = stage.store.forks(room.id).await.unwrap();
            assert_eq!(proofs.len(), 1, "{from} to {to}");
            proofs[0].check().unwrap();
            assert_eq!((proofs[0].room(), proofs[0].log_key()), (room.id, member.log_key()));
            let more = room.contents(&mut member, 1);
            assert_eq!(stage.push(&room, &member, more.clone()).await, refused(Refusal::DoesNotFit));
            frozen.push((room, member, more));
        }
        stage.shut_down().await;
        let mut stage = Stage::new(place.open().await).await;
        for (room, member, more) in frozen {
            assert_eq!(stage.push(&room, &member, more).await, refused(Refusal::DoesNotFit), "after a restart");
        }
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn what_does_not_fit_and_is_signed_by_nobody_freezes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let mut twin = member.clone();
    let run = room.contents(&mut member, 4);
    assert_eq!(stage.push(&room, &member, run).await, pushed(&member));
    let other: Vec<_> = (0..6).map(|_| room.content(&mut twin, b"another")).collect();
    let other = sparse(other, |n| n < 2);
    for range in [2..4, 3..5, 4..6] {
        let answer = stage.push(&room, &member, other[range.clone()].to_vec()).await;
        assert_eq!(answer, refused(Refusal::DoesNotFit), "{range:?}");
    }
    assert_eq!(stage.store.forks(room.id).await.unwrap(), []);
    let more = room.contents(&mut member, 1);
    assert_eq!(stage.push(&room, &member, more).await, pushed(&member));
    stage.shut_down().await;
}

#[tokio::test]
async fn a_record_whose_signature_was_taken_away_is_not_taken_and_later_is_when_it_is_whole() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let mut room = stage.founded(1).await;
        let mut owner = room.owner.clone();
        let (_, change) = room.change(&[]);
        owner.height = Height::after(&change);
        let after = room.content(&mut owner, b"sealed");
        let stripped = vec![forged(&change), after.clone()];
        assert_eq!(stage.push(&room, &owner, stripped.clone()).await, refused(Refusal::Malformed));
        assert_eq!(stage.gossip_run(&room, owner.id(), &stripped).await, Verdict::Reject);
        assert_eq!(stage.push(&room, &owner, vec![change.clone(), after]).await, pushed(&owner));
        // And it is passed on.
        let answer = stage.ask_in(&room, &owner, RoomRequest::Epochs { tips: Vec::new() }).await;
        let Answer::Epochs { entries, .. } = answer else { panic!("{answer:?}") };
        assert!(entries.contains(&change));
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
