//! Wraps: from whom they are taken, which are kept, and when they go.

use super::{failing::Switched, *};
use crate::{fixture::code, store::Usage};
use parlor_protocol::{
    access::{Hours, WrapFacts, wire::Offer},
    limits::WRAPS_MAX,
};
use std::sync::atomic::Ordering;

/// A room of an owner with a code and a member who came by it.
async fn with_member(stage: &mut Stage) -> (TestRoom, DoorId, Writer) {
    let mut room = stage.founded(1).await;
    let door = stage.coded(&mut room, &code(7)).await;
    let member = come(stage, &room, door, 40).await;
    (room, door, member)
}

async fn come(stage: &mut Stage, room: &TestRoom, door: DoorId, seed: u64) -> Writer {
    let mut member = Writer::new(seed);
    let entry = room.comes_by(&mut member, &code(7), door, 0);
    assert_eq!(stage.enter(room, &entry, false).await, came_in(Vec::new()));
    member
}

#[tokio::test]
async fn wraps_are_taken_from_who_is_in_and_only_with_good_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let (room, door, member) = with_member(&mut stage).await;
    let (stranger, facts) = (Writer::new(90), room.wrap_facts(door, 0));
    let good = room.wrap(&member, &code(7), facts, 1);
    assert_eq!(stage.push_wraps(&room, &stranger, vec![good.clone()]).await, not_in());
    let nowhere = TestRoom::new(2);
    let elsewhere = nowhere.wrap(&member, &code(7), nowhere.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&nowhere, &member, vec![elsewhere.clone()]).await, refused(Refusal::UnknownRoom));
    // Wraps of another room, and one that somebody else signed as the member.
    let answer = stage.push_wraps(&room, &member, vec![elsewhere]).await;
    assert_eq!(answer, refused(Refusal::Malformed));
    let mut forged = room.wrap(&stranger, &code(7), facts, 1);
    forged.signer = member.id();
    assert_eq!(stage.push_wraps(&room, &member, vec![good.clone(), forged]).await, refused(Refusal::Malformed));
    // Who brings them before what they are for brings them again.
    let facts = |door, epoch| WrapFacts { door, epoch, ..facts };
    let early = [
        facts(DoorId::from_bytes([1; 32]), room.secrets.id()),
        facts(door, parlor_protocol::EpochId::from_bytes([1; 32])),
    ];
    for facts in early {
        let wraps = vec![good.clone(), room.wrap(&member, &code(7), facts, 1)];
        assert_eq!(stage.push_wraps(&room, &member, wraps).await, refused(Refusal::DoesNotFit));
    }
    let facts = room.wrap_facts(door, 0);
    // One by who is not in is not kept, whoever brings it.
    let of_stranger = room.wrap(&stranger, &code(7), facts, 1);
    assert_eq!(stage.push_wraps(&room, &member, vec![of_stranger]).await, Answer::Done);
    assert_eq!(stage.store.wraps(room.id, None, 9).await.unwrap(), []);
    assert_eq!(stage.push_wraps(&room, &member, vec![good.clone()]).await, Answer::Done);
    assert_eq!(stage.push_wraps(&room, &member, vec![good]).await, Answer::Done, "once more");
    stage.until_wraps(&room, 1).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn junk_of_a_member_with_nine_devices_takes_nobodys_place_and_the_code_works() {
    // As devices of one person, and as nine persons who came by the code later than the first member.
    for is_one_person in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut stage = Stage::new(embedded(&folder)).await;
        let (room, door, member) = with_member(&mut stage).await;
        let mut devices = Vec::new();
        for seed in 50..59 {
            if is_one_person {
                let mut device = member.beside(seed);
                let entry = room.comes_linked(&mut device);
                assert_eq!(stage.enter(&room, &entry, false).await, came_in(Vec::new()));
                devices.push(device);
            } else {
                devices.push(come(&mut stage, &room, door, seed).await);
            }
        }
        let good = room.wrap(&room.owner, &code(7), room.wrap_facts(door, 0), 1);
        assert_eq!(stage.push_wraps(&room, &room.owner.clone(), vec![good.clone()]).await, Answer::Done);
        // They are wrapped with another code, so that nobody can open them.
        let junk = |at: u64| {
            let facts = room.wrap_facts(door, u32::try_from(at % 40).unwrap());
            room.wrap(&devices[usize::try_from(at % 9).unwrap()], &code(8), facts, at)
        };
        let junk: Vec<_> = (0..1_000).map(junk).collect();
        for some in junk.chunks(WRAPS_MAX) {
            assert_eq!(stage.push_wraps(&room, &devices[0], some.to_vec()).await, Answer::Done);
        }
        let kept = stage.store.wraps(room.id, None, 9_999).await.unwrap().len();
        assert!(kept <= if is_one_person { 1 + 3 } else { 1 + 7 * 3 }, "{kept}");
        let mut newcomer = Writer::new(80);
        let found = stage.look(newcomer.id(), &code(7)).await.unwrap();
        assert_eq!(found.offers[0], Offer { epoch: room.secrets.id(), step: 0 }, "the owner's first");
        let entry = room.comes_by(&mut newcomer, &code(7), door, 0);
        let Answer::Entered(Entered::In(wraps)) = stage.enter(&room, &entry, true).await else { panic!("not in") };
        assert!(wraps.contains(&good));
        assert_eq!(wraps.iter().filter(|wrap| wrap.open(&code(7)).is_ok()).count(), 1);
        stage.shut_down().await;
    }
}

/// What ends a wrap.
#[derive(Clone, Copy, Debug)]
enum End {
    Ended,
    EndedByAnother,
    LastUse,
    MakerOut,
    SignerOut,
    Removal,
    NewerEpoch,
    Written,
    Dissolved,
}

#[tokio::test]
async fn wraps_are_deleted_when_they_are_of_no_use_any_more() {
    use End::*;
    for place in places().await {
        for (seed, end) in
            (100..).zip([Ended, EndedByAnother, LastUse, MakerOut, SignerOut, Removal, NewerEpoch, Written, Dissolved])
        {
            let mut stage = Stage::new(place.open().await).await;
            let mut room = stage.founded(seed).await;
            let (mut maker, mut signer) = (stage.member(&room, 5).await, stage.member(&room, 6).await);
            let mut other = stage.member(&room, 7).await;
            let (door, entry) = room.door_for(&mut maker, &code(7), Hours::NONE, 1);
            assert_eq!(stage.push(&room, &maker, vec![entry]).await, pushed(&maker));
            let facts = WrapFacts { is_fresh: true, ..room.wrap_facts(door, 0) };
            let wrap = room.wrap(&signer, &code(7), facts, 1);
            assert_eq!(stage.push_wraps(&room, &signer, vec![wrap.clone()]).await, Answer::Done);
            stage.until_wraps(&room, 1).await;
            let before = room.clone();
            room.stays.extend([maker.id(), signer.id()]);
            let pushes = match end {
                Ended => vec![(vec![room.ends(&mut maker, door)], maker.clone())],
                EndedByAnother => vec![(vec![room.ends(&mut other, door)], other.clone())],
                LastUse => {
                    let entry = room.comes_by(&mut Writer::new(40), &code(7), door, 0);
                    assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![wrap]));
                    Vec::new()
                }
                MakerOut => vec![(vec![room.leaves(&mut maker)], maker.clone())],
                SignerOut => vec![(vec![room.leaves(&mut signer)], signer.clone())],
                Removal => {
                    let (_, epoch) = room.change(&[(other.id(), other.log_key(), other.height)]);
                    vec![(vec![epoch], room.owner.clone())]
                }
                NewerEpoch => {
                    let epoch = room.renew();
                    vec![(vec![epoch], room.owner.clone())]
                }
                Written => vec![(room.contents(&mut other, 1), other.clone())],
                Dissolved => {
                    let epoch = room.dissolve();
                    vec![(vec![epoch], room.owner.clone())]
                }
            };
            for (entries, by) in pushes {
                assert_eq!(stage.push(&before, &by, entries).await, pushed(&by), "{end:?}");
            }
            stage.until_wraps(&room, 0).await;
            stage.shut_down().await;
        }
    }
}

#[tokio::test]
async fn what_is_over_by_time_is_deleted_as_soon_as_the_archive_looks() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let mut room = stage.founded(1).await;
        let (mut owner, now) = (room.owner.clone(), crate::service::now_ms());
        let (door, entry) = room.door(&mut owner, &code(7));
        let (over, later) = room.door_for(&mut owner, &code(8), Hours(1), 0);
        assert_eq!(stage.push(&room, &owner, vec![entry, later]).await, pushed(&owner));
        room.owner = owner.clone();
        let until = |until| WrapFacts { until, ..room.wrap_facts(door, 0) };
        let past = room.wrap(&owner, &code(7), until(Hours(1)), 1);
        let expired = room.wrap(&owner, &code(8), room.wrap_facts(over, 0), 2);
        let good = room.wrap(&owner, &code(7), until(Hours::rounded_up(now + 3_600_000)), 3);
        let all = vec![past, expired, good.clone()];
        assert_eq!(stage.push_wraps(&room, &owner, all.clone()).await, Answer::Done);
        stage.until_wraps(&room, 1).await;
        stage.shut_down().await;
        // Their time ended while nothing ran.
        let store = place.open().await;
        store.change_wraps(room.id, all, Vec::new()).await.unwrap();
        let mut stage = Stage::new(store).await;
        stage.until_wraps(&room, 1).await;
        let entry = room.comes_by(&mut Writer::new(40), &code(7), door, 0);
        assert_eq!(stage.enter(&room, &entry, true).await, came_in(vec![good]));
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn steps_in_which_something_was_written_are_known_also_after_a_restart() {
    for place in places().await {
        let mut stage = Stage::new(place.open().await).await;
        let (room, door, mut member) = with_member(&mut stage).await;
        let words = room.contents(&mut member, 2);
        assert_eq!(stage.push(&room, &member, words).await, pushed(&member));
        stage.shut_down().await;
        let mut stage = Stage::new(place.open().await).await;
        let fresh = |step| WrapFacts { is_fresh: true, ..room.wrap_facts(door, step) };
        let wraps = [0, 1].map(|step| room.wrap(&member, &code(7), fresh(step), 1)).to_vec();
        assert_eq!(stage.push_wraps(&room, &member, wraps).await, Answer::Done);
        let found = stage.look(Writer::new(60).id(), &code(7)).await.unwrap();
        assert_eq!(found.offers, [Offer { epoch: room.secrets.id(), step: 1 }]);
        stage.until_wraps(&room, 1).await;
        stage.shut_down().await;
    }
}

#[tokio::test]
async fn wraps_count_with_what_a_room_takes() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { room: Usage { entries: 1_000, bytes: 30_000 }, ..Limits::default() };
    let mut stage = Stage::with_limits(embedded(&folder), limits).await;
    let (room, door, mut member) = with_member(&mut stage).await;
    let wrap = room.wrap(&member, &code(7), room.wrap_facts(door, 0), 1);
    let left = 30_000 - usize::try_from(stage.store.usage(room.id).await.unwrap().bytes).unwrap() - wrap.len();
    assert_eq!(stage.push_wraps(&room, &member, vec![wrap]).await, Answer::Done);
    // Entries fill the room up to what the wrap takes; each is some bytes longer than what is in it.
    let frame = room.content(&mut member.clone(), b"").bytes().len();
    let entry = room.content(&mut member.clone(), &vec![1; left - frame + 1]);
    assert_eq!(stage.push(&room, &member, vec![entry]).await, refused(Refusal::QuotaReached));
    let entry = room.content(&mut member, &vec![1; left - frame]);
    assert_eq!(stage.push(&room, &member.clone(), vec![entry]).await, pushed(&member));
    let wrap = |step, seed| room.wrap(&member, &code(7), room.wrap_facts(door, step), seed);
    assert_eq!(stage.push_wraps(&room, &member, vec![wrap(1, 2)]).await, refused(Refusal::QuotaReached));
    // One that takes the place of another one needs no more.
    assert_eq!(stage.push_wraps(&room, &member, vec![wrap(0, 3)]).await, Answer::Done);
    stage.until_wraps(&room, 1).await;
    stage.shut_down().await;
}

#[tokio::test]
async fn what_could_not_be_deleted_is_deleted_later() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let (mut room, door, member) = with_member(&mut stage).await;
    let wrap = room.wrap(&member, &code(7), room.wrap_facts(door, 0), 1);
    assert_eq!(stage.push_wraps(&room, &member, vec![wrap]).await, Answer::Done);
    let mut owner = room.owner.clone();
    let end = room.ends(&mut owner, door);
    switched.cannot_wrap.store(true, Ordering::SeqCst);
    assert_eq!(stage.push(&room, &owner, vec![end]).await, pushed(&owner));
    room.owner = owner;
    assert!(stage.look(Writer::new(60).id(), &code(7)).await.is_none(), "it is on offer to nobody");
    stage.until_wraps(&room, 1).await;
    switched.cannot_wrap.store(false, Ordering::SeqCst);
    let other = stage.coded(&mut room, &code(8)).await;
    let wrap = room.wrap(&member, &code(8), room.wrap_facts(other, 0), 1);
    assert_eq!(stage.push_wraps(&room, &member, vec![wrap.clone()]).await, Answer::Done);
    stage.until_wraps(&room, 1).await;
    assert_eq!(stage.store.wraps(room.id, None, 9).await.unwrap()[0].1, wrap);
    stage.shut_down().await;
}
