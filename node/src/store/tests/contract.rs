//! What every local store must do.

use parlor_protocol::{
    DeviceId, EntryId, RoomId, UserId,
    account::{RecoveryKey, UserName, VaultKey},
    keys::Secret,
    log::ForkProof,
    log::Height,
};
use rand_core::SeedableRng as _;

use super::{
    super::{
        AccountRecord, ArchivesRecord, ContactRecord, DiskStore, LocalStore, Mark, MemoryStore, PeerRecord,
        PersonRecord, Read, SecretBytes, StoredEntry, Write, answer::SCAN_MAX_ENTRIES, record::PEERS_MAX,
    },
    Author, identity, put, room_record,
};

/// Runs a test on every store there is.
fn on_all(test: fn(&mut dyn LocalStore)) {
    test(&mut MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    test(&mut DiskStore::open(dir.path()).unwrap());
}

fn run_of(store: &mut dyn LocalStore, author: &Author, from: u64, max: usize) -> Vec<u64> {
    let read = Read::Run { room: author.room, log: author.log, from, max };
    let result = store.read(&read).unwrap();
    assert_eq!(result.damaged, []);
    result.runs[0].iter().map(|stored| stored.entry.header().seq).collect()
}

#[test]
fn an_empty_store_loads_as_nothing() {
    on_all(|store| {
        let loaded = store.load().unwrap();
        assert!(loaded.identity.is_none() && loaded.rooms.is_empty() && loaded.peers.is_empty());
    });
}

#[test]
fn what_is_put_is_loaded_again() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(3);
        let mut contact = ContactRecord::new(UserId::from_bytes([7; 32]), 5);
        contact.verified = Mark { is_set: true, at: 6 };
        let archives = ArchivesRecord { used: vec![DeviceId::from_bytes([5; 32])], is_decided: true };
        let fork = ForkProof::new(
            std::slice::from_ref(run[1].entry.inner()),
            &[author.sign(1, run[0].entry.id(), b"other").entry.into_inner()],
        )
        .unwrap();
        put(
            store,
            vec![
                Write::PutIdentity(Box::new(identity("Ada"))),
                Write::PutRoom(Box::new(room_record(&author, "Kitchen"))),
                Write::PutManual(vec!["10.0.0.7".into()]),
                Write::PutArchives(archives.clone()),
                Write::PutFork(Box::new(fork.clone())),
                Write::PutContact(Box::new(contact.clone())),
            ],
        );
        put(store, author.append(&run));
        let loaded = store.load().unwrap();
        assert_eq!(loaded.identity.unwrap().name, "Ada");
        let (room, heights) = &loaded.rooms[0];
        assert_eq!((room.name.as_str(), room.unread), ("Kitchen", 3));
        assert_eq!(heights.get(&author.log), Some(&Height::after(&run[2].entry)));
        assert_eq!(loaded.manual, ["10.0.0.7"]);
        assert_eq!(loaded.archives, archives);
        assert_eq!(loaded.forks, [fork]);
        assert_eq!(loaded.contacts, [contact]);
    });
}

#[test]
fn a_later_record_replaces_the_earlier_one() {
    on_all(|store| {
        put(store, vec![Write::PutIdentity(Box::new(identity("Ada")))]);
        put(store, vec![Write::PutIdentity(Box::new(identity("Ada Lovelace")))]);
        assert_eq!(store.load().unwrap().identity.unwrap().name, "Ada Lovelace");
    });
}

#[test]
fn runs_are_read_in_order_and_no_further_than_asked() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(10);
        put(store, author.append(&run));
        assert_eq!(run_of(store, &author, 0, 3), [0, 1, 2]);
        assert_eq!(run_of(store, &author, 8, 100), [8, 9]);
        assert!(run_of(store, &author, 10, 5).is_empty());
        assert!(run_of(store, &Author::new(2), 0, 5).is_empty());
        let result = store.read(&Read::Run { room: author.room, log: author.log, from: 0, max: 10 }).unwrap();
        assert_eq!(result.runs[0], run);
    });
}

#[test]
fn a_gap_is_refused_and_the_whole_batch_with_it() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(5);
        put(store, author.append(&run[..2]));
        let mut batch = vec![Write::PutManual(vec!["never".into()])];
        batch.extend(author.append(&run[3..]));
        assert!(store.apply(&[batch])[0].is_err());
        assert_eq!(store.load().unwrap().manual, Vec::<String>::new());
        assert_eq!(run_of(store, &author, 0, 9), [0, 1]);
    });
}

#[test]
fn a_bad_batch_does_not_hold_back_its_neighbours() {
    on_all(|store| {
        let (mut one, mut two) = (Author::new(1), Author::new(2));
        let (first, second) = (one.run(4), two.run(4));
        let results = store.apply(&[one.append(&first), two.append(&second[2..]), two.append(&second[..2])]);
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(run_of(store, &one, 0, 9), [0, 1, 2, 3]);
        assert_eq!(run_of(store, &two, 0, 9), [0, 1]);
    });
}

#[test]
fn batches_applied_together_build_on_each_other() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(6);
        let results = store.apply(&[author.append(&run[..3]), author.append(&run[3..])]);
        assert_eq!(results, [Ok(()), Ok(())]);
        assert_eq!(run_of(store, &author, 0, 9).len(), 6);
    });
}

#[test]
fn an_entry_that_is_held_is_skipped_and_the_rest_appended() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(5);
        put(store, author.append(&run[..3]));
        put(store, author.append(&run));
        put(store, author.append(&run));
        assert_eq!(run_of(store, &author, 0, 9), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn another_entry_for_a_place_that_is_taken_is_refused() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(3);
        put(store, author.append(&run));
        let other = author.sign(1, run[0].entry.id(), b"a fork");
        assert!(store.apply(&[author.append(&[other])])[0].is_err());
    });
}

#[test]
fn an_entry_that_does_not_link_is_refused() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run = author.run(1);
        put(store, author.append(&run));
        let unlinked = author.sign(1, EntryId::from_bytes([5; 32]), b"nothing before me");
        assert!(store.apply(&[author.append(&[unlinked])])[0].is_err());
    });
}

#[test]
fn several_runs_come_back_in_the_order_asked() {
    on_all(|store| {
        let (mut one, mut two) = (Author::new(1), Author::new(2));
        let (first, second) = (one.run(4), two.run(4));
        put(store, [one.append(&first), two.append(&second)].concat());
        let runs = vec![(two.log, 1, 2), (one.log, 3, 9), (two.log, 7, 1)];
        let result = store.read(&Read::Runs { room: one.room, runs }).unwrap();
        assert_eq!(result.runs, [second[1..3].to_vec(), first[3..].to_vec(), Vec::new()]);
    });
}

#[test]
fn a_run_is_cut_at_one_page_of_bytes() {
    on_all(|store| {
        let mut author = Author::new(1);
        let run: Vec<_> = (0..30).map(|_| author.write(&[7; 60_000])).collect();
        put(store, author.append(&run));
        assert_eq!(run_of(store, &author, 0, 30).len(), 17);
    });
}

#[test]
fn a_scan_goes_through_a_room_until_it_is_empty() {
    on_all(|store| {
        let (mut one, mut two) = (Author::new(1), Author::new(2));
        let total = SCAN_MAX_ENTRIES + 100;
        let (first, second) = (one.run(total - 50), two.run(50));
        put(store, [one.append(&first), two.append(&second)].concat());
        let mut elsewhere = Author::new(3);
        elsewhere.room = parlor_protocol::RoomId::from_bytes([200; 32]);
        let other = elsewhere.run(5);
        put(store, elsewhere.append(&other));
        let (mut after, mut seen) = (None, 0);
        loop {
            let result = store.read(&Read::Scan { room: one.room, after }).unwrap();
            let Some(last) = result.runs[0].last() else { break };
            assert!(result.runs[0].len() <= SCAN_MAX_ENTRIES);
            seen += result.runs[0].len();
            after = Some((last.entry.log_key(), last.entry.header().seq));
        }
        assert_eq!(seen, total);
    });
}

#[test]
fn known_machines_are_kept_newest_first_up_to_a_limit() {
    on_all(|store| {
        for n in 0..PEERS_MAX + 10 {
            let mut device = [0; 32];
            device[..8].copy_from_slice(&(n as u64).to_be_bytes());
            let device = parlor_protocol::DeviceId::from_bytes(device);
            put(store, vec![Write::PutPeer(PeerRecord { device, addresses: vec![format!("/ip4/10.0.0.1/tcp/{n}")] })]);
        }
        let peers = store.load().unwrap().peers;
        assert_eq!(peers.len(), PEERS_MAX);
        assert_eq!(peers[0].addresses, [format!("/ip4/10.0.0.1/tcp/{}", PEERS_MAX + 9)]);
    });
}

#[test]
fn a_forgotten_room_leaves_nothing_and_the_others_stay() {
    on_all(|store| {
        let (mut gone, mut stays) = (Author::new(1), Author::new(2));
        stays.room = RoomId::from_bytes([8; 32]);
        for author in [&mut gone, &mut stays] {
            put(store, vec![Write::PutRoom(Box::new(room_record(author, "Kitchen")))]);
            let run = author.run(3);
            put(store, author.append(&run));
        }
        put(store, vec![Write::ForgetRoom(gone.room)]);
        let loaded = store.load().unwrap();
        assert_eq!(loaded.rooms.iter().map(|(room, _)| room.room).collect::<Vec<_>>(), [stays.room]);
        assert!(run_of(store, &gone, 0, 9).is_empty());
        assert_eq!(run_of(store, &stays, 0, 9), [0, 1, 2]);
    });
}

/// Entries of two sessions: an opener and two more, then an opener and one more.
fn two_sessions(author: &Author) -> Vec<StoredEntry> {
    let mut run: Vec<StoredEntry> = Vec::new();
    for (seq, session) in [(0, 0), (1, 0), (2, 0), (3, 3), (4, 3)] {
        let prev = run.last().map(|stored| stored.entry.id()).unwrap_or_default();
        run.push(author.sign_in(session, seq, prev, format!("body {seq}").as_bytes()));
    }
    run
}

fn prune(author: &Author, seqs: &[u64]) -> Vec<Write> {
    vec![Write::Prune { room: author.room, places: seqs.iter().map(|seq| (author.log, *seq)).collect() }]
}

fn pruned(store: &mut dyn LocalStore, author: &Author) -> Vec<u64> {
    let read = Read::Run { room: author.room, log: author.log, from: 0, max: 99 };
    let run = store.read(&read).unwrap().runs.remove(0);
    assert_eq!(run.len(), 5, "nothing goes out of its log");
    run.iter().filter(|stored| stored.entry.is_pruned()).map(|stored| stored.entry.header().seq).collect()
}

#[test]
fn what_is_pruned_keeps_its_place_and_what_opens_a_session_stays() {
    on_all(|store| {
        let author = Author::new(1);
        put(store, author.append(&two_sessions(&author)));
        put(store, prune(&author, &[0, 1, 3]));
        assert_eq!(pruned(store, &author), [1], "the others need the handshakes");
        put(store, prune(&author, &[4, 4, 77]));
        assert_eq!(pruned(store, &author), [1, 4]);
    });
}

#[test]
fn the_account_is_kept_until_it_is_forgotten() {
    on_all(|store| {
        let record = AccountRecord {
            name: UserName::new("anna").unwrap(),
            archive: DeviceId::from_bytes([7; 32]),
            vault_key: VaultKey::random(&mut rand_chacha::ChaCha20Rng::from_seed([1; 32])),
            next_key: None,
            lock: RecoveryKey::random(&mut rand_chacha::ChaCha20Rng::from_seed([2; 32])).lock(),
            version: 4,
            signed_in: true,
        };
        put(store, vec![Write::PutAccount(Some(Box::new(record.clone())))]);
        let loaded = store.load().unwrap().account.unwrap();
        assert_eq!((&loaded.name, loaded.version), (&record.name, 4));
        put(store, vec![Write::PutAccount(None)]);
        assert!(store.load().unwrap().account.is_none());
    });
}

#[test]
fn what_devices_share_is_kept_until_it_is_forgotten() {
    on_all(|store| {
        let record = PersonRecord {
            bundle: SecretBytes(vec![1, 2, 3].into()),
            entered: [RoomId::from_bytes([5; 32])].into(),
            before: Some(Secret::from_bytes([6; 32])),
        };
        put(store, vec![Write::PutPerson(Some(Box::new(record.clone())))]);
        let loaded = store.load().unwrap().person.unwrap();
        assert_eq!((loaded.bundle, loaded.entered, loaded.before), (record.bundle, record.entered, record.before));
        put(store, vec![Write::PutPerson(None)]);
        assert!(store.load().unwrap().person.is_none());
    });
}

#[test]
fn a_full_entry_never_takes_the_place_of_a_pruned_one() {
    on_all(|store| {
        let author = Author::new(1);
        let run = two_sessions(&author);
        put(store, author.append(&run));
        put(store, prune(&author, &[1]));
        put(store, author.append(&run));
        assert_eq!(pruned(store, &author), [1]);
    });
}

#[test]
fn full_and_pruned_entries_continue_each_other() {
    on_all(|store| {
        let author = Author::new(1);
        let run = two_sessions(&author);
        let mixed: Vec<StoredEntry> = run
            .iter()
            .map(|stored| match stored.entry.header().seq {
                1 | 4 => StoredEntry { entry: stored.entry.pruned(), checked: stored.checked },
                _ => stored.clone(),
            })
            .collect();
        put(store, author.append(&mixed));
        assert_eq!(pruned(store, &author), [1, 4]);
    });
}
