//! Backup, restore and verify, for both stores.
//!
//! A backup is a stream of records: `PARLOR-ARCHIVE-BACKUP 4\n`, then for each record its length
//! (4 bytes little endian), its BLAKE3 hash (32 bytes) and the record itself; the last record
//! says that the file is whole. Entries stay as sealed as they are in the store; keys that members wrapped
//! for newcomers are left out, so that an old backup opens nothing for a code that has ended.

use anyhow::{Context as _, bail, ensure};
use parlor_node::private;
use parlor_protocol::{
    LogKey, RoomId,
    access::{DoorBody, Rules},
    account::VaultRecord,
    codec,
    entry::{Entry, Kind},
    epoch::Step,
    limits::{PAGE_MAX_BYTES, PAGE_MAX_ENTRIES, WIRE_MAX, WRAPS_MAX},
    log::{ForkProof, Height, verify_page},
    rules::Refused,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, BufWriter, Read as _, Write as _},
    path::Path,
};

use crate::{
    accounts,
    config::{Action, ArchiveConfig},
    folder,
    service::now_ms,
    store::{self, AccountRow, Appended, Kept, RoomRow, Run, Store, VaultNote, each_plain},
};

/// Longest record: a run that was pushed as one, and what describes it.
const RECORD_MAX: usize = WIRE_MAX + 64 * 1024;
const MAGIC: &[u8] = b"PARLOR-ARCHIVE-BACKUP 5\n";

#[derive(Debug, Serialize, Deserialize)]
enum Record {
    Room(Box<RoomRow>),
    /// A run of one log that ends at a checked signature.
    Run {
        room: RoomId,
        entries: Vec<(Entry, bool)>,
    },
    Fork(Box<ForkProof>),
    /// The end, with the number of entries.
    End(u64),
    /// An account with its sealed vault.
    Account(Box<AccountRow>, Box<VaultRecord>),
    /// The account key that the accounts work with, by name. The key itself is a file.
    AccountKey([u8; 32]),
    /// The record of an epoch of a room that has ended; nothing else is kept of it.
    Ended {
        room: RoomId,
        record: Box<Entry>,
    },
}

/// Carries out a maintenance command.
///
/// # Errors
/// What went wrong and what to do about it.
pub async fn maintain(config: &ArchiveConfig, action: Action) -> anyhow::Result<()> {
    if let (Action::Users(users), None) = (&action, &config.mongodb)
        && let Some(result) = accounts::ask_control(&config.data_dir, users).await
    {
        // The running archive has the store; it has done it.
        println!("{}", result.map_err(anyhow::Error::msg)?);
        return Ok(());
    }
    let _lock = match config.mongodb {
        Some(_) => None,
        None => Some(folder::lock(&config.data_dir)?),
    };
    let store = store::open(config).await?;
    let result = match &action {
        Action::Backup { file } => backup(&*store, file).await,
        Action::Restore { file } => restore(&*store, file).await,
        Action::Verify => verify(&*store).await,
        Action::Users(users) => {
            let mut rng = accounts::system_rng().map_err(anyhow::Error::msg)?;
            let done = accounts::carry_out(store.accounts(), users.clone(), &mut rng, now_ms()).await;
            done.map_err(anyhow::Error::msg)
        }
    };
    store.close().await;
    println!("{}", result?);
    Ok(())
}

async fn backup(store: &dyn Store, path: &Path) -> anyhow::Result<String> {
    // It shows whoever has it what the archive knows.
    let file = private::options().create_new(true).write(true).open(path);
    let file = file.with_context(|| format!("cannot create {}; choose a new file", path.display()))?;
    let written = write_all(store, file).await;
    if written.is_err() {
        // Half a backup would only be mistaken for a whole one.
        let _ = std::fs::remove_file(path);
    }
    let (rooms, entries) = written.with_context(|| format!("cannot write the backup {}", path.display()))?;
    Ok(format!("{rooms} rooms with {entries} entries were written to {}.", path.display()))
}

async fn write_all(store: &dyn Store, file: File) -> anyhow::Result<(u64, u64)> {
    let mut out = BufWriter::new(file);
    out.write_all(MAGIC)?;
    let (mut rooms, mut entries) = (0u64, 0u64);
    for row in store.rooms().await? {
        let room = row.room;
        put(&mut out, &Record::Room(Box::new(row)))?;
        rooms += 1;
        for (log, height) in store.heights(room).await? {
            let mut next = 0;
            while next < height.next {
                let run = page(store, room, log, next).await?;
                next += run.len() as u64;
                entries += run.len() as u64;
                let run = run.into_iter().map(|kept| (kept.entry.into_inner(), kept.checked)).collect();
                put(&mut out, &Record::Run { room, entries: run })?;
            }
        }
        for fork in store.forks(room).await? {
            put(&mut out, &Record::Fork(Box::new(fork)))?;
        }
        for record in store.records(room).await? {
            put(&mut out, &Record::Ended { room, record: Box::new(record) })?;
        }
    }
    let accounts = store.accounts().accounts().await?;
    if !accounts.is_empty() {
        put(&mut out, &Record::AccountKey(store.accounts().claim_account_key([0; 32]).await?))?;
    }
    for account in accounts {
        // One that was deleted meanwhile has no vault any more.
        if let Some(vault) = store.accounts().vault(&account.name).await? {
            let account = AccountRow { vault: VaultNote::of(&vault), ..account };
            put(&mut out, &Record::Account(Box::new(account), Box::new(vault)))?;
        }
    }
    put(&mut out, &Record::End(entries))?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok((rooms, entries))
}

/// The next run of a log that ends at a checked signature: what was taken has one in every page.
async fn page(store: &dyn Store, room: RoomId, log: LogKey, from: u64) -> anyhow::Result<Vec<Kept>> {
    let mut run = store.run(room, log, from, PAGE_MAX_ENTRIES, PAGE_MAX_BYTES).await?;
    let end = run.iter().rposition(|kept| kept.checked).map_or(0, |at| at + 1);
    run.truncate(end);
    ensure!(!run.is_empty(), "entry {from} of a log in room {} is missing or unsigned; restore a backup", room.short());
    Ok(run)
}

async fn restore(store: &dyn Store, path: &Path) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut input = BufReader::new(file);
    let mut magic = [0; MAGIC.len()];
    let known = input.read_exact(&mut magic).is_ok() && magic == *MAGIC;
    ensure!(known, "{} is not a backup of a Parlor archive, or of another version", path.display());
    let (mut entries, mut rooms) = (0u64, 0u64);
    let mut ended: BTreeMap<RoomId, Vec<Entry>> = BTreeMap::new();
    loop {
        let record = take(&mut input).with_context(|| {
            format!("{} is damaged after {entries} entries; what was read so far is restored", path.display())
        })?;
        match record {
            Record::Room(row) => {
                store.put_room(*row).await?;
                rooms += 1;
            }
            Record::Fork(proof) => store.put_fork(*proof).await?,
            Record::AccountKey(id) => {
                let held = store.accounts().claim_account_key(id).await?;
                ensure!(held == id, "the store has accounts of another account key; restore into an empty store");
            }
            // An account that is there stays as it is.
            Record::Account(row, vault) => drop(store.accounts().add_account(*row, *vault, None).await?),
            Record::Ended { room, record } => ended.entry(room).or_default().push(*record),
            Record::Run { room, entries: run } => entries += restore_run(store, room, run).await?,
            Record::End(expected) => {
                ensure!(expected == entries, "the backup names {expected} entries but holds {entries}");
                for (room, records) in ended {
                    // What is there already stays.
                    if store.heights(room).await?.is_empty() {
                        store.end_room(room, records).await?;
                    }
                }
                return Ok(format!("{rooms} rooms with {entries} entries were restored."));
            }
        }
    }
}

async fn restore_run(store: &dyn Store, room: RoomId, run: Vec<(Entry, bool)>) -> anyhow::Result<u64> {
    let Some(first) = run.first().map(|(entry, _)| *entry.header()) else { bail!("the backup has an empty run") };
    let (entries, checked): (Vec<_>, Vec<_>) = run.into_iter().unzip();
    let height = Height { next: first.seq, head: first.prev };
    let verified = verify_page(room, first.log_key(), height, entries)?;
    let count = verified.len() as u64;
    let (mut doors, mut steps) = (Vec::new(), Vec::new());
    for entry in &verified {
        if let (Kind::Door, Ok(DoorBody::Made(door))) = (entry.header().kind, DoorBody::decode(entry.body())) {
            doors.push(door.locator);
        }
        let step = entry.opened_step().filter(|step| *step <= Step::LAST);
        steps.extend(step.map(|step| (entry.header().epoch, step.number())));
    }
    let entries = verified.into_iter().zip(checked).map(|(entry, checked)| Kept { entry, checked }).collect();
    match store.append(Run { room, log: first.log_key(), entries, doors, steps }).await? {
        Appended::Stored(_) => Ok(count),
        Appended::Conflict(_) => bail!(
            "the store holds something else in room {} than the backup; restore into an empty store",
            room.short()
        ),
    }
}

async fn verify(store: &dyn Store) -> anyhow::Result<String> {
    let (mut rooms, mut total, mut problems) = (0u64, 0u64, Vec::new());
    for row in store.rooms().await? {
        rooms += 1;
        match verify_room(store, &row).await {
            Ok(entries) => total += entries,
            Err(problem) => problems.push(format!("room {}: {problem:#}", row.room.short())),
        }
    }
    if problems.is_empty() {
        Ok(format!("All is well: {rooms} rooms with {total} entries."))
    } else {
        bail!("{} of {rooms} rooms have problems; restore a backup.\n{}", problems.len(), problems.join("\n"))
    }
}

/// Checks chains, signatures at page ends, and admission of every entry of a room.
async fn verify_room(store: &dyn Store, row: &RoomRow) -> anyhow::Result<u64> {
    let genesis = row.genesis.clone().verify()?;
    ensure!(genesis.room() == row.room, "its genesis entry is of another room");
    let founded = parlor_protocol::epoch::Genesis::decode(genesis.body())?;
    let mut rules = Rules::new(row.room, genesis.header().author, founded);
    let mut before = usize::MAX;
    loop {
        // What lets somebody in may need what arrived after it: again, until nothing changes.
        let mut waiting = 0;
        let mut admit = |page: Vec<Kept>| {
            waiting += page.iter().filter(|kept| rules.admit(&kept.entry) == Err(Refused::NotYet)).count();
        };
        each_plain(store, row.room, &mut admit).await?;
        if waiting == 0 || waiting >= before {
            break;
        }
        before = waiting;
    }
    let mut total = 0;
    for (log, end) in store.heights(row.room).await? {
        let mut height = Height::EMPTY;
        while height.next < end.next {
            let run = page(store, row.room, log, height.next).await?;
            for kept in run.iter().filter(|kept| kept.checked) {
                kept.entry.inner().clone().verify()?;
            }
            let run = run.into_iter().map(|kept| kept.entry.into_inner()).collect();
            for entry in verify_page(row.room, log, height, run)? {
                height = Height::after(&entry);
                total += 1;
                let seq = entry.header().seq;
                // What came before its author was removed may be here, and is served to nobody.
                let stands = matches!(rules.admit(&entry), Ok(_) | Err(Refused::Cut));
                ensure!(stands, "entry {seq} of a log is by a device that was not admitted");
            }
        }
        ensure!(height == end, "a log ends at {} instead of {}", height.next, end.next);
    }
    for record in store.records(row.room).await? {
        record.verify().context("a record of the room's end is not good")?;
    }
    for proof in store.forks(row.room).await? {
        proof.check().context("the proof of a fork is not good")?;
    }
    let mut after = None;
    loop {
        let wraps = store.wraps(row.room, after, WRAPS_MAX).await?;
        let Some((last, _)) = wraps.last() else { return Ok(total) };
        after = Some(*last);
        for (_, wrap) in &wraps {
            wrap.check().context("what is wrapped for a code is not good")?;
        }
    }
}

fn put(out: &mut impl std::io::Write, record: &Record) -> anyhow::Result<()> {
    let bytes = codec::encode(record, RECORD_MAX)?;
    out.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
    out.write_all(blake3::hash(&bytes).as_bytes())?;
    out.write_all(&bytes)?;
    Ok(())
}

fn take(input: &mut impl std::io::Read) -> anyhow::Result<Record> {
    let (mut len, mut hash) = ([0; 4], [0; 32]);
    input.read_exact(&mut len)?;
    input.read_exact(&mut hash)?;
    let len = u32::from_le_bytes(len) as usize;
    ensure!(len <= RECORD_MAX, "a record is too long");
    let mut bytes = vec![0; len];
    input.read_exact(&mut bytes)?;
    ensure!(blake3::hash(&bytes).as_bytes() == &hash, "a record does not match its checksum");
    Ok(codec::decode(&bytes, RECORD_MAX, "record")?)
}

#[cfg(test)]
mod tests;
