//! A store that fails: nothing is acknowledged, the service goes on, and recovers with the store.

use super::{super::keeping::EASE_EVERY, *};
use crate::fixture::code;
use crate::store::{Appended, Arrived, Kept, RoomRow, Run, StoreError, Usage, WrapKey};
use async_trait::async_trait;
use parlor_protocol::{
    EpochId, Locator,
    log::{ForkProof, Heights},
};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};
use tokio::sync::Semaphore;

/// The embedded store behind a switch.
#[derive(Debug)]
pub(super) struct Switched {
    store: Arc<dyn Store>,
    pub(super) is_down: AtomicBool,
    is_hanging: AtomicBool,
    /// Nothing is stored until the gate is open.
    pub(super) is_slow: AtomicBool,
    pub(super) gate: Semaphore,
    /// Wraps are neither kept nor deleted.
    pub(super) cannot_wrap: AtomicBool,
    /// How many bytes the disk has room for.
    room_for: AtomicU64,
}

impl Switched {
    pub(super) fn new(folder: &TempDir) -> Arc<Self> {
        let off = || AtomicBool::new(false);
        Arc::new(Self {
            store: embedded(folder),
            is_down: off(),
            is_hanging: off(),
            is_slow: off(),
            gate: Semaphore::new(0),
            cannot_wrap: off(),
            room_for: AtomicU64::new(u64::MAX),
        })
    }

    fn store(&self) -> Result<&Arc<dyn Store>, StoreError> {
        let down = StoreError::Unreachable { what: "it".into(), last_error: "switched off".into() };
        if self.is_down.load(Ordering::SeqCst) { Err(down) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl Store for Switched {
    async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        self.store()?.rooms().await
    }
    async fn put_room(&self, row: RoomRow) -> Result<(), StoreError> {
        self.store()?.put_room(row).await
    }
    async fn heights(&self, room: RoomId) -> Result<Heights, StoreError> {
        self.store()?.heights(room).await
    }
    async fn append(&self, run: Run) -> Result<Appended, StoreError> {
        if self.is_slow.load(Ordering::SeqCst) {
            drop(self.gate.acquire().await);
        }
        self.store()?.append(run).await
    }
    async fn run(&self, r: RoomId, l: LogKey, from: u64, max: usize, bytes: usize) -> Result<Vec<Kept>, StoreError> {
        if self.is_hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.store()?.run(r, l, from, max, bytes).await
    }
    async fn newest(&self, room: RoomId, limit: usize) -> Result<Vec<(LogKey, u64)>, StoreError> {
        self.store()?.newest(room, limit).await
    }
    async fn arrived(&self, room: RoomId, from: u64, max: usize) -> Result<Vec<Arrived>, StoreError> {
        self.store()?.arrived(room, from, max).await
    }
    async fn prune(&self, room: RoomId, places: Vec<(LogKey, u64)>) -> Result<(), StoreError> {
        self.store()?.prune(room, places).await
    }
    async fn end_room(&self, room: RoomId, records: Vec<Entry>) -> Result<(), StoreError> {
        self.store()?.end_room(room, records).await
    }
    async fn records(&self, room: RoomId) -> Result<Vec<Entry>, StoreError> {
        self.store()?.records(room).await
    }
    async fn plain(&self, room: RoomId, from: u64, max: usize, bytes: usize) -> Result<Vec<Arrived>, StoreError> {
        self.store()?.plain(room, from, max, bytes).await
    }
    async fn remove_room(&self, room: RoomId) -> Result<(), StoreError> {
        self.store()?.remove_room(room).await
    }
    async fn room_for(&self, _: u64, _: u64) -> Result<Option<u64>, StoreError> {
        self.store().map(|_| Some(self.room_for.load(Ordering::SeqCst)))
    }
    async fn rooms_at(&self, locator: Locator) -> Result<Vec<RoomId>, StoreError> {
        self.store()?.rooms_at(locator).await
    }
    async fn steps(&self, room: RoomId) -> Result<Vec<(EpochId, u32)>, StoreError> {
        self.store()?.steps(room).await
    }
    async fn change_wraps(&self, room: RoomId, put: Vec<Wrap>, gone: Vec<WrapKey>) -> Result<(), StoreError> {
        if self.cannot_wrap.load(Ordering::SeqCst) {
            return Err(StoreError::Other("it takes no wraps".into()));
        }
        self.store()?.change_wraps(room, put, gone).await
    }
    async fn wraps(&self, r: RoomId, after: Option<WrapKey>, max: usize) -> Result<Vec<(WrapKey, Wrap)>, StoreError> {
        self.store()?.wraps(r, after, max).await
    }
    async fn wrap(&self, room: RoomId, key: WrapKey) -> Result<Option<Wrap>, StoreError> {
        self.store()?.wrap(room, key).await
    }
    async fn put_fork(&self, proof: ForkProof) -> Result<(), StoreError> {
        self.store()?.put_fork(proof).await
    }
    async fn forks(&self, room: RoomId) -> Result<Vec<ForkProof>, StoreError> {
        self.store()?.forks(room).await
    }
    async fn usage(&self, room: RoomId) -> Result<Usage, StoreError> {
        self.store()?.usage(room).await
    }
    fn accounts(&self) -> &dyn crate::store::AccountStore {
        self.store.accounts()
    }
    async fn check(&self) -> Result<(), StoreError> {
        self.store()?.check().await
    }
    async fn close(&self) {
        self.store.close().await;
    }
    fn is_shared(&self) -> bool {
        false
    }
    fn describe(&self) -> String {
        self.store.describe()
    }
}

/// How many rooms went.
fn let_go(stage: &Stage) -> u64 {
    let metrics = stage.metrics();
    let line = metrics.lines().find(|line| line.contains("rooms_let_go_total ")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_full_disk_takes_the_rest_when_there_is_space_and_no_room_goes_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    switched.room_for.store(60_000, Ordering::SeqCst);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let room = stage.founded(1).await;
    let mut owner = room.owner.clone();
    let first = room.content(&mut owner, &vec![1; 30_000]);
    assert_eq!(stage.push(&room, &owner, vec![first]).await, pushed(&owner));
    let rest = room.content(&mut owner, &vec![2; 40_000]);
    // Long enough for a few looks at the disk.
    let until = Instant::now() + EASE_EVERY * 3;
    while Instant::now() < until {
        let answer = stage.push(&room, &owner, vec![rest.clone()]).await;
        assert!(matches!(answer, Answer::Refused(Refusal::QuotaReached | Refusal::Busy { .. })), "{answer:?}");
    }
    assert_eq!(let_go(&stage), 0, "it would be brought again, and go again");
    switched.room_for.store(200_000, Ordering::SeqCst);
    let taken = async { while stage.push(&room, &owner, vec![rest.clone()]).await != pushed(&owner) {} };
    timeout(PATIENCE, taken).await.expect("the disk is never looked at again");
    assert_eq!(let_go(&stage), 0);
    stage.shut_down().await;
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_acknowledged_and_afterwards_all_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let (_, entry) = room.door(&mut member, &code(7));
    assert_eq!(stage.push(&room, &member, vec![entry]).await, pushed(&member));
    switched.is_down.store(true, Ordering::SeqCst);
    let before = member.height;
    let run = room.contents(&mut member, 3);
    let unavailable = refused(Refusal::StoreUnavailable);
    assert_eq!(stage.push(&room, &member, run.clone()).await, unavailable);
    assert_eq!(stage.register(&TestRoom::new(2)).await, unavailable);
    let page = RoomRequest::Page { log: member.log_key(), from: 0 };
    assert_eq!(stage.ask_in(&room, &member, page).await, unavailable);
    assert_eq!(stage.ask_in(&room, &member, RoomRequest::Tail { limit: 5 }).await, unavailable);
    let stranger = DeviceId::from_bytes([9; 32]);
    let look = Request::Look(Look::sign(&code(7), stranger, ARCHIVE));
    assert_eq!(stage.ask(stranger, &look).await, unavailable);
    // What is known by heart is still told, and gossip is still passed on.
    assert_eq!(stage.look(stranger, &code(1)).await, None);
    let known = [(room.owner.log_key(), room.owner.height), (member.log_key(), before)];
    let ask = RoomRequest::Heights { digest: [0; 32], epochs: [0; 32] };
    assert_eq!(stage.ask_in(&room, &member, ask).await, heights(&known));
    assert_eq!(stage.gossip(&room, member.id(), &run[0]).await, Verdict::Accept);
    switched.is_down.store(false, Ordering::SeqCst);
    assert_eq!(stage.push(&room, &member, run).await, pushed(&member));
    assert!(stage.metrics().contains("store_failures_total"));
    stage.shut_down().await;
}

#[tokio::test]
async fn stopping_answers_what_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(embedded(&folder)).await;
    let room = stage.founded(1).await;
    let mut members = Vec::new();
    for seed in NAMED {
        members.push(stage.member(&room, seed).await);
    }
    let mut asked = Vec::new();
    for member in &mut members {
        for _ in 0..5 {
            let entries = room.contents(member, 10);
            let request = in_room(room.id, RoomRequest::Push { entries });
            asked.push((stage.send_raw(member.id(), request.encode().unwrap()).await, pushed(member)));
        }
    }
    // The last one is answered: all before it were at least taken.
    let (last, _) = asked[asked.len() - 1];
    let answer = stage.answer(last).await;
    stage.answers.insert(last, answer);
    let Stage { store, mut commands, mut answers, stop, task, .. } = stage;
    stop.send(()).unwrap();
    timeout(PATIENCE, task).await.expect("it does not stop").unwrap();
    while let Some(command) = commands.recv().await {
        if let NetCommand::Answer { id, bytes } = command {
            answers.insert(id, Answer::decode(&bytes).unwrap());
        }
    }
    for (id, expected) in asked {
        assert_eq!(answers.get(&id), Some(&expected), "answered");
    }
    assert_eq!(store.usage(room.id).await.unwrap().entries, 3 + 10 + 500);
    store.close().await;
}

#[tokio::test]
async fn a_store_that_hangs_holds_up_neither_gossip_nor_refusals() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    let mut asking = Vec::new();
    for seed in NAMED.into_iter().skip(1).take(8) {
        asking.push(stage.member(&room, seed).await);
    }
    switched.is_hanging.store(true, Ordering::SeqCst);
    let page = in_room(room.id, RoomRequest::Page { log: member.log_key(), from: 0 });
    // Each has only so many under way, so that it takes several to fill the places, at several addresses.
    for (at, asking) in asking.iter().enumerate() {
        stage.connect(asking.id(), [192, 0, 2, u8::try_from(at).unwrap()]).await;
        for _ in 0..super::super::TASKS_MAX / 8 {
            stage.send_raw(asking.id(), page.encode().unwrap()).await;
        }
    }
    let answer = stage.ask(member.id(), &page).await;
    assert!(matches!(answer, Answer::Refused(Refusal::Busy { .. })), "{answer:?}");
    assert!(stage.answers.is_empty());
    let entry = room.content(&mut member, b"sealed");
    assert_eq!(stage.gossip(&room, member.id(), &entry).await, Verdict::Accept);
    let stored = async {
        while stage.store.heights(room.id).await.unwrap()[&member.log_key()] != member.height {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, stored).await.expect("not stored");
}

#[tokio::test]
async fn while_a_store_is_slow_only_so_much_gossip_waits_and_what_waited_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let room = stage.founded(1).await;
    let mut members = Vec::new();
    for seed in NAMED {
        members.push(stage.member(&room, seed).await);
    }
    let before = stage.store.usage(room.id).await.unwrap();
    switched.is_slow.store(true, Ordering::SeqCst);
    // All of it is passed on by one peer.
    let from = members[0].id();
    stage.connect(from, [192, 0, 2, 1]).await;
    for member in &mut members {
        for _ in 0..50 {
            let entry = room.content(member, &vec![1; 59 * 1024]);
            assert_eq!(stage.gossip(&room, from, &entry).await, Verdict::Accept, "it is passed on all the same");
        }
    }
    switched.is_slow.store(false, Ordering::SeqCst);
    switched.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    let waited = async {
        while stage.store.usage(room.id).await.unwrap().entries < before.entries + 128 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waited).await.expect("not stored");
    // Nothing else waited: what comes now is stored at once, and is the next.
    let mut late = members[0].beside(99);
    let comes_in = room.comes_linked(&mut late);
    assert_eq!(stage.push(&room, &late, vec![comes_in]).await, pushed(&late));
    let after = stage.store.usage(room.id).await.unwrap();
    assert_eq!(after.entries, before.entries + 128 + 1, "eight megabytes of one address, and no more");
    stage.shut_down().await;
}

#[tokio::test]
async fn who_replays_what_is_held_takes_no_places_from_members() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    let mut stage = Stage::new(Arc::clone(&switched) as Arc<dyn Store>).await;
    let room = stage.founded(1).await;
    let (mut member, mut other) = (stage.member(&room, 5).await, stage.member(&room, 6).await);
    let said = room.contents(&mut member, 40);
    assert_eq!(stage.push(&room, &member, said.clone()).await, pushed(&member));
    switched.is_hanging.store(true, Ordering::SeqCst);
    // Every part of what is held is another message, and has to be compared with what is held.
    let parts = (0..38).flat_map(|begin| (begin + 2..40).map(move |end| (begin, end)));
    for (begin, end) in parts.take(super::super::TASKS_MAX + 50) {
        assert_eq!(stage.gossip_run(&room, DeviceId::from_bytes([9; 32]), &said[begin..end]).await, Verdict::Ignore);
    }
    let words = room.contents(&mut other, 1);
    assert_eq!(stage.push(&room, &other, words).await, pushed(&other));
}

#[tokio::test]
async fn a_store_that_never_answers_a_push_is_waited_for_only_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let switched = Switched::new(&folder);
    // Long enough for a disk that works, also where many tests run at once.
    let limits = Limits { store_within: Duration::from_secs(3), ..Limits::default() };
    let mut stage = Stage::with_limits(Arc::clone(&switched) as Arc<dyn Store>, limits).await;
    let room = stage.founded(1).await;
    let mut member = stage.member(&room, 5).await;
    switched.is_slow.store(true, Ordering::SeqCst);
    let said = room.contents(&mut member, 1);
    assert_eq!(stage.push(&room, &member, said.clone()).await, refused(Refusal::StoreUnavailable));
    switched.is_slow.store(false, Ordering::SeqCst);
    // A disk that works may take longer than that, too, where many tests run at once.
    let mut again = stage.push(&room, &member, said.clone()).await;
    for _ in 0..20 {
        if again == pushed(&member) {
            break;
        }
        again = stage.push(&room, &member, said.clone()).await;
    }
    assert_eq!(again, pushed(&member), "the same once more");
    stage.shut_down().await;
}
