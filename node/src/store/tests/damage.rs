//! A file that was cut off or altered anywhere: never a panic, never an entry that was not
//! written, and repair gives back what is intact.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use std::{collections::BTreeMap, fs, path::Path};

use super::{
    super::{DiskStore, LocalStore as _, Read, STORE_FILE, StoredEntry, Unlock, Write, repair},
    Author, identity, put, room_record,
};

const PLACES: usize = 1_000;
const ENTRIES: usize = 60;

/// A store, and what was written into it.
fn filled(dir: &Path) -> (Author, BTreeMap<u64, StoredEntry>) {
    let mut author = Author::new(1);
    let who = identity("Ada");
    author.key = who.device();
    author.log.author = author.key.id();
    let run = author.run(ENTRIES);
    let mut store = DiskStore::open(dir).unwrap();
    put(&mut store, vec![Write::PutIdentity(Box::new(who)), Write::PutRoom(Box::new(room_record(&author, "Kitchen")))]);
    for part in run.chunks(7) {
        put(&mut store, author.append(part));
    }
    (author, (0..).zip(run).collect())
}

/// What can be read; `None` when the store is refused. Everything read is as it was written.
fn read(dir: &Path, author: &Author, written: &BTreeMap<u64, StoredEntry>) -> Option<usize> {
    let mut store = DiskStore::open(dir).ok()?;
    store.load().ok()?;
    let result = store.read(&Read::Scan { room: author.room, after: None }).ok()?;
    let entries: Vec<_> = result.runs.into_iter().flatten().collect();
    for found in &entries {
        let seq = found.entry.header().seq;
        assert_eq!(Some(found), written.get(&seq), "place {seq} holds what nobody wrote");
    }
    Some(entries.len() + result.damaged.len())
}

#[test]
fn a_thousand_cuts_and_flips_are_noticed_or_harmless() {
    let home = tempfile::tempdir().unwrap();
    let (author, written) = filled(home.path());
    let whole = fs::read(home.path().join(STORE_FILE)).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut refused = 0;
    for place in 0..PLACES {
        let dir = tempfile::tempdir().unwrap();
        for file in fs::read_dir(home.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        let at = usize::try_from(rng.next_u64()).unwrap() % whole.len();
        let mut bytes = whole.clone();
        if place % 4 == 0 {
            bytes.truncate(at);
        } else {
            let end = (at + 1 + place % 40).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|byte| *byte ^= 1 << (place % 8));
        }
        fs::write(dir.path().join(STORE_FILE), &bytes).unwrap();
        if let Some(known) = read(dir.path(), &author, &written) {
            // What is missing without a word comes back by sync: the height says that it is missing.
            assert!(known <= ENTRIES, "{place}");
            continue;
        }
        refused += 1;
        // Opening it may have begun to change the file.
        fs::write(dir.path().join(STORE_FILE), &bytes).unwrap();
        if repair(dir.path(), "now", &Unlock::default()).is_ok() {
            assert!(read(dir.path(), &author, &written).is_some(), "{place}: repaired and still refused");
        }
    }
    assert!(refused > 0, "nothing was ever noticed");
}
