//! Repair: saves every readable record and entry of a damaged store into a fresh one.
//!
//! Values explain themselves (`frame`), so they are found by reading the file from end to end,
//! whatever became of the tables. Where the tables can still be read they decide which copy of a
//! value is the present one. The damaged file is kept beside the new one.

use parlor_protocol::{EntryId, LogId, LogKey, RoomId};
use rand_core::{OsRng, TryRngCore as _};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    DiskStore, GUARD_FILE, Identity, LocalStore as _, PeerRecord, RoomRecord, STORE_FILE, StoreError, StoredEntry,
    Write,
    frame::{Frame, Kind, Sealer},
    guard::{self, Unlock},
    rows::{decode_entry, decode_record},
};

mod scan;

use scan::{Present, found_in, present_in};

/// Entries written to the fresh store at once.
const BATCH: usize = 256;

/// What a repair saved and lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage {
    /// Whether this device's keys and name were saved.
    pub identity: bool,
    /// Rooms saved.
    pub rooms: usize,
    /// Entries saved.
    pub entries: usize,
    /// Entries that are lost here, as far as is known. They come back from others.
    pub lost_entries: u64,
    /// Rooms in which this device goes on in a new log, because its old one may be cut off.
    pub new_logs: usize,
    /// Where the damaged file is kept.
    pub kept: PathBuf,
}

/// An entry found in the file: enough to choose among copies without holding its bytes.
#[derive(Clone, Copy, Debug)]
struct Found {
    offset: u64,
    generation: u64,
    id: EntryId,
    prev: EntryId,
}

type Places = BTreeMap<(RoomId, LogKey), BTreeMap<u64, Vec<Found>>>;
type Records = BTreeMap<(Kind, Vec<u8>), (u64, Vec<u8>)>;

/// Repairs the store of a profile folder. The caller holds the profile's lock. `stamp` ends the
/// name of the kept file, for example a date.
///
/// # Errors
/// [`StoreError`] when there is no store, its key is missing or locked, or the disk refuses.
pub fn repair(dir: &Path, stamp: &str, unlock: &Unlock) -> Result<Salvage, StoreError> {
    let file = dir.join(STORE_FILE);
    if !file.exists() {
        return Err(StoreError::Absent { file });
    }
    let sealer = Sealer::new(guard::load_or_make(dir, true, unlock)?.expose());
    let system = |error| StoreError::system(&file, error);
    let present = present_in(&file);
    let mut source = File::open(&file).map_err(system)?;
    let (places, records) = found_in(&mut source, &present).map_err(system)?;
    if !records.is_empty() && !records.values().any(|(_, bytes)| opens(&sealer, bytes)) {
        return Err(StoreError::KeyWrong { file: dir.join(GUARD_FILE) });
    }

    let kept = dir.join(format!("{STORE_FILE}.damaged-{stamp}"));
    let fresh = dir.join(format!("{STORE_FILE}.repairing"));
    let _ = fs::remove_file(&fresh);
    let mut store = DiskStore::open_file(fresh.clone(), sealer.clone())?;
    let mut salvage =
        Salvage { identity: false, rooms: 0, entries: 0, lost_entries: 0, new_logs: 0, kept: kept.clone() };
    let heights = save_entries(&mut store, &mut source, places, &present, &mut salvage, &fresh)?;
    save_records(&mut store, &sealer, &records, &present, &heights, &mut salvage, &fresh)?;
    drop((store, source));

    fs::rename(&file, &kept).and_then(|()| fs::rename(&fresh, &file)).map_err(system)?;
    guard::sync_dir(dir).map_err(system)?;
    Ok(salvage)
}

fn opens(sealer: &Sealer, bytes: &[u8]) -> bool {
    Frame::decode(bytes).is_some_and(|frame| sealer.open(&frame).is_some())
}

fn write(store: &mut DiskStore, batch: Vec<Write>, file: &Path) -> Result<(), StoreError> {
    match store.apply(&[batch]).pop() {
        Some(Err(reason)) => Err(StoreError::system(file, std::io::Error::other(reason))),
        _ => Ok(()),
    }
}

/// Saves the unbroken beginning of every log.
fn save_entries(
    store: &mut DiskStore,
    source: &mut File,
    places: Places,
    present: &Present,
    salvage: &mut Salvage,
    file: &Path,
) -> Result<BTreeMap<(RoomId, LogKey), u64>, StoreError> {
    let mut heights = BTreeMap::new();
    for ((room, log), places) in places {
        let known = present.heights.get(&(room, log)).copied();
        let seen = places.keys().next_back().map_or(0, |last| last + 1);
        let chain = unbroken(&places, room, log, present);
        let mut kept = 0;
        for run in chain.chunks(BATCH) {
            let entries: Vec<StoredEntry> = run
                .iter()
                .map_while(|found| scan::frame_at(source, found.offset).and_then(|bytes| decode_entry(&bytes)))
                .collect();
            let whole = entries.len() == run.len();
            kept += entries.len();
            write(store, vec![Write::Append { room, entries }], file)?;
            if !whole {
                break;
            }
        }
        let kept_to = u64::try_from(kept).unwrap_or(u64::MAX);
        salvage.entries += kept;
        salvage.lost_entries += known.unwrap_or(seen).saturating_sub(kept_to);
        heights.insert((room, log), kept_to);
    }
    // Logs of which nothing was found at all.
    for (key, height) in &present.heights {
        if !heights.contains_key(key) {
            salvage.lost_entries += height;
        }
    }
    Ok(heights)
}

/// The longest chain from the beginning of a log. Of several candidates for a place the one in
/// the tables wins, then the one that the next entry names, then the newest.
fn unbroken(places: &BTreeMap<u64, Vec<Found>>, room: RoomId, log: LogKey, present: &Present) -> Vec<Found> {
    let mut chain: Vec<Found> = Vec::new();
    for seq in 0.. {
        let head = chain.last().map(|found| found.id);
        let Some(candidates) = places.get(&seq) else { break };
        let next = places.get(&(seq + 1)).map(Vec::as_slice).unwrap_or_default();
        let best = candidates.iter().filter(|found| head.is_none_or(|head| found.prev == head)).max_by_key(|found| {
            let in_tables = present.entries.contains(&(room, log, seq, found.id));
            (in_tables, next.iter().any(|next| next.prev == found.id), found.generation)
        });
        let Some(best) = best else { break };
        chain.push(*best);
    }
    chain
}

fn save_records(
    store: &mut DiskStore,
    sealer: &Sealer,
    records: &Records,
    present: &Present,
    heights: &BTreeMap<(RoomId, LogKey), u64>,
    salvage: &mut Salvage,
    file: &Path,
) -> Result<(), StoreError> {
    let opened = |kind: Kind| {
        records.iter().filter(move |((at, _), _)| *at == kind).filter_map(|(_, (_, bytes))| {
            let frame = Frame::decode(bytes)?;
            sealer.open(&frame)
        })
    };
    let identity: Option<Identity> = opened(Kind::Identity).find_map(|plain| decode_record(&plain));
    salvage.identity = identity.is_some();
    let mut batch: Vec<Write> = Vec::new();
    for plain in opened(Kind::Room) {
        let Some(mut room) = decode_record::<RoomRecord>(&plain) else { continue };
        salvage.rooms += 1;
        if let Some(identity) = &identity {
            let own = (room.room, LogKey { author: identity.device().id(), log: room.own_log });
            let kept = heights.get(&own).copied().unwrap_or(0);
            // Going on in a log whose end may be lost would fork it.
            if present.heights.get(&own).is_none_or(|known| *known > kept) {
                salvage.new_logs += 1;
                room.own_log = fresh_log().ok_or_else(|| {
                    StoreError::system(file, std::io::Error::other("the system gives no random numbers"))
                })?;
                room.archived = 0;
                room.received.clear();
                room.reserved = 0;
            }
        }
        batch.push(Write::PutRoom(Box::new(room)));
    }
    batch.extend(identity.map(|identity| Write::PutIdentity(Box::new(identity))));
    batch.extend(
        opened(Kind::Epoch).filter_map(|plain| decode_record(&plain)).map(|epoch| Write::PutEpoch(Box::new(epoch))),
    );
    batch.extend(
        opened(Kind::Fork).filter_map(|plain| decode_record(&plain)).map(|fork| Write::PutFork(Box::new(fork))),
    );
    let account = opened(Kind::Account).find_map(|plain| decode_record::<Option<super::AccountRecord>>(&plain));
    batch.extend(account.map(|account| Write::PutAccount(account.map(Box::new))));
    let person = opened(Kind::Person).find_map(|plain| decode_record::<Option<super::PersonRecord>>(&plain));
    batch.extend(person.map(|person| Write::PutPerson(person.map(Box::new))));
    batch.extend(opened(Kind::Manual).filter_map(|plain| decode_record(&plain)).map(Write::PutManual));
    batch.extend(opened(Kind::Archives).filter_map(|plain| decode_record(&plain)).map(Write::PutArchives));
    batch.extend(opened(Kind::Peer).filter_map(|plain| decode_record::<PeerRecord>(&plain)).map(Write::PutPeer));
    batch.extend(
        opened(Kind::Contact)
            .filter_map(|plain| decode_record(&plain))
            .map(|contact| Write::PutContact(Box::new(contact))),
    );
    write(store, batch, file)
}

fn fresh_log() -> Option<LogId> {
    OsRng.try_next_u64().ok().map(LogId)
}
