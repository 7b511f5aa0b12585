//! A room of many entries in an archive's store, as ten members would have written it, and its code.

use futures::future::try_join_all;
use parlor_archive::store::{Appended, EmbeddedStore, Kept, Registrant, RoomRow, Run, Store};
use parlor_protocol::{
    RoomCode, RoomId,
    access::DoorBody,
    entry::{Entry, Kind, Verified},
};
use std::path::Path;

use crate::{
    author::{Author, Founded},
    sample::wall_ms,
};

/// Members who wrote the room.
const AUTHORS: usize = 10;
/// One text every ten seconds.
const PACE_MS: u64 = 10_000;
/// Appends that are given to the store at once.
const AT_ONCE: usize = 1_000;

/// What a joining node needs.
pub struct BigRoom {
    /// Lets it in.
    pub code: RoomCode,
    /// How many texts there are to read.
    pub texts: usize,
}

/// Fills the store of an archive that does not run yet. Every entry arrives by itself, as from gossip.
pub async fn fill(dir: &Path, texts: usize) -> anyhow::Result<BigRoom> {
    std::fs::create_dir_all(dir)?;
    let store = EmbeddedStore::open(dir)?;
    let begin = wall_ms().saturating_sub(texts as u64 * PACE_MS);
    let mut authors: Vec<_> = (0..AUTHORS as u64).map(|seed| Author::new(seed + 1)).collect();
    let (owner, others) = authors.split_first_mut().ok_or_else(|| anyhow::anyhow!("no authors"))?;
    let room = Founded::new(owner, begin)?;
    let id = room.secrets.room();
    store
        .put_room(RoomRow { room: id, genesis: room.genesis.clone(), registered: begin, by: Registrant::default() })
        .await?;
    let mut entries = room.start.clone();
    let (code, door) = room.code(owner)?;
    let wrap = owner.wrap(&door, &room.secrets);
    entries.push(door.entry.clone().verify()?);
    append(&store, id, entries).await?;
    for (number, author) in others.iter_mut().enumerate() {
        append(&store, id, author.enter_by(&room.secrets, &door, &format!("member {number}"), begin)?).await?;
    }
    let mut waiting = Vec::with_capacity(AT_ONCE);
    for number in 0..texts {
        let at = begin + number as u64 * PACE_MS;
        let Some(author) = authors.get_mut(number % AUTHORS) else { continue };
        waiting.push(author.say(&room.secrets, number, at)?);
        if waiting.len() == AT_ONCE {
            append(&store, id, std::mem::take(&mut waiting)).await?;
        }
    }
    append(&store, id, waiting).await?;
    store.change_wraps(id, vec![wrap], Vec::new()).await?;
    store.close().await;
    Ok(BigRoom { code, texts })
}

/// Stores entries, each by itself, as they would come by gossip.
pub async fn append(store: &EmbeddedStore, room: RoomId, entries: Vec<Verified<Entry>>) -> anyhow::Result<()> {
    let locator = |entry: &Entry| match DoorBody::decode(entry.body()) {
        Ok(DoorBody::Made(door)) if entry.header().kind == Kind::Door => Some(door.locator),
        _ => None,
    };
    let runs = entries.into_iter().map(|entry| Run {
        room,
        log: entry.log_key(),
        doors: locator(&entry).into_iter().collect(),
        steps: Vec::new(),
        entries: vec![Kept { entry, checked: true }],
    });
    // Each append queues its run when it is first polled, in order, if nothing makes it wait.
    let done = tokio::task::unconstrained(try_join_all(runs.map(|run| store.append(run)))).await?;
    let refused = done.iter().position(|done| !matches!(done, Appended::Stored(_)));
    anyhow::ensure!(refused.is_none(), "the store refused entry {refused:?} of {}", done.len());
    Ok(())
}
