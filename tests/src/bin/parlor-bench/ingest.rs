//! What an archive takes in: members push pages over loopback, each the next one when the one
//! before was acknowledged as durable, as nodes do.

use futures::{TryStreamExt as _, future::try_join_all};
use mongodb::{
    Client, Collection, Database,
    bson::{Document, doc},
    options::{Acknowledgment, WriteConcern},
};
use parlor_protocol::{
    entry::{Entry, Verified},
    limits::PAGE_MAX_ENTRIES,
    wire::{Answer, Request, RoomRequest},
};
use std::time::Instant;

use parlor_tests::mongodb::Server;

use crate::{
    author::{Author, Founded},
    compare::runtime,
    join::archive,
    machine::Machine,
    sample::{median, wall_ms},
    table::Outcome,
};

/// Members that push at the same time.
const MEMBERS: usize = 8;
const EMBEDDED_TARGET: f64 = 20_000.0;
const MONGODB_TARGET: f64 = 0.8;
const DATABASE: &str = "parlor_bench";

/// A member with a connection to the archive and the requests that hold its log.
pub struct Pusher {
    machine: Machine,
    register: Request,
    /// First its admission and profile, then pages.
    pages: Vec<Request>,
}

impl Pusher {
    async fn new(
        author: &mut Author,
        room: &Founded,
        first: Vec<Verified<Entry>>,
        pages: usize,
        address: &str,
    ) -> anyhow::Result<Self> {
        let machine = Machine::connect(author.key(), address).await?;
        let (secrets, id) = (&room.secrets, room.secrets.room());
        let request = |ask| Request::Room { room: id, ask };
        let push = |run: Vec<Verified<Entry>>| {
            request(RoomRequest::Push { entries: run.into_iter().map(Verified::into_inner).collect() })
        };
        let epochs: Vec<_> = room.start.iter().skip(1).take(1).map(|entry| entry.inner().clone()).collect();
        let register = request(RoomRequest::Register { genesis: room.genesis.clone(), epochs });
        let mut requests = vec![push(first)];
        let wall = wall_ms();
        for page in 0..pages {
            let run: Result<_, _> =
                (0..PAGE_MAX_ENTRIES).map(|at| author.say(secrets, page * PAGE_MAX_ENTRIES + at, wall)).collect();
            requests.push(push(run?));
        }
        Ok(Self { machine, register, pages: requests })
    }

    /// Pushes pages one after the other; every answer must be an acknowledgement.
    async fn push(&mut self, pages: std::ops::Range<usize>) -> anyhow::Result<()> {
        for page in self.pages.get(pages).unwrap_or_default() {
            let answer = self.machine.insist(page).await?;
            anyhow::ensure!(matches!(answer, Answer::Pushed(_)), "not acknowledged: {answer:?}");
        }
        Ok(())
    }
}

/// Members of a new room with pages to push. Rooms of different seeds are different rooms.
pub async fn pushers(address: &str, pages: usize, seed: u64) -> anyhow::Result<Vec<Pusher>> {
    let wall = wall_ms();
    let mut owner = Author::new(seed);
    let room = Founded::new(&mut owner, wall)?;
    let (_, door) = room.code(&mut owner)?;
    let start = room.start.iter().cloned().chain([door.entry.clone().verify()?]).collect();
    let mut pushers = vec![Pusher::new(&mut owner, &room, start, pages, address).await?];
    for seed in seed + 1..seed + MEMBERS as u64 {
        let mut author = Author::new(seed);
        let first = author.enter_by(&room.secrets, &door, &format!("member {seed}"), wall)?;
        pushers.push(Pusher::new(&mut author, &room, first, pages, address).await?);
    }
    for pusher in &mut pushers {
        let answer = pusher.machine.ask(&pusher.register).await?;
        anyhow::ensure!(answer == Answer::Done, "not registered: {answer:?}");
        pusher.push(0..1).await?;
    }
    Ok(pushers)
}

/// All push so many pages from a place on; entries a second.
pub async fn push_all(pushers: &mut [Pusher], pages: std::ops::Range<usize>) -> anyhow::Result<f64> {
    let entries = pages.len() * PAGE_MAX_ENTRIES * pushers.len();
    let start = Instant::now();
    try_join_all(pushers.iter_mut().map(|pusher| pusher.push(pages.clone()))).await?;
    Ok(entries as f64 / start.elapsed().as_secs_f64())
}

/// The embedded store.
pub fn embedded(quick: bool) -> anyhow::Result<Outcome> {
    runtime()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let archive = archive(dir.path(), None).await?;
        let address = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        let (rounds, pages) = if quick { (1, 5) } else { (5, 10) };
        let mut pushers = pushers(&address, rounds * pages, 1).await?;
        let mut rates = Vec::new();
        for round in 0..rounds {
            rates.push(push_all(&mut pushers, 1 + round * pages..1 + (round + 1) * pages).await?);
        }
        drop(pushers);
        archive.shutdown().await;
        let rate = median(rates);
        Ok(Outcome {
            figure: format!("{rate:.0} entries/s"),
            target: ">= 20,000 /s",
            met: Some(rate >= EMBEDDED_TARGET),
            notes: vec![format!(
                "{MEMBERS} members push pages of {PAGE_MAX_ENTRIES} over TCP, one after the other; {} entries; verified, \
                 on the disk, acknowledged",
                rounds * pages * PAGE_MAX_ENTRIES * MEMBERS
            )],
            ..Outcome::default()
        })
    })
}

/// MongoDB, beside the bare driver.
pub fn mongodb(quick: bool) -> anyhow::Result<Outcome> {
    let server = match Server::find() {
        Ok(server) => server,
        Err(reason) => return Ok(Outcome { target: ">= 0.8x", ..Outcome::skipped(reason) }),
    };
    runtime()?.block_on(async {
        let dir = tempfile::tempdir()?;
        let uri = server.uri(DATABASE);
        let database = Client::with_uri_str(&uri).await?.database(DATABASE);
        database.drop().await?;
        let archive = archive(dir.path(), Some(uri)).await?;
        let address = format!("/ip4/127.0.0.1/tcp/{}", archive.net().tcp_port().unwrap_or_default());
        let (rounds, pages) = if quick { (1, 2) } else { (5, 4) };
        let mut pushers = pushers(&address, rounds * pages, 1).await?;
        let (mut rates, mut bare_rates) = (Vec::new(), Vec::new());
        let bare = bare_table(&database).await?;
        let (mut last, mut count, mut bytes) = (0, 0, 0);
        for round in 0..rounds {
            rates.push(push_all(&mut pushers, 1 + round * pages..1 + (round + 1) * pages).await?);
            let documents = newer_documents(&database, &mut last).await?;
            count += documents.len();
            bytes += documents.iter().map(document_len).sum::<anyhow::Result<usize>>()?;
            bare_rates.push(insert_bare(&bare, documents).await?);
        }
        drop(pushers);
        archive.shutdown().await;
        let stats = database.run_command(doc! { "collStats": "entries" }).await.unwrap_or_default();
        database.drop().await?;
        let (rate, bare_rate) = (median(rates), median(bare_rates));
        Ok(Outcome {
            figure: format!("{rate:.0} entries/s"),
            compared: format!("bare insert_many {bare_rate:.0} /s"),
            ratio: Some(rate / bare_rate),
            target: ">= 0.8x",
            met: Some(rate / bare_rate >= MONGODB_TARGET),
            notes: vec![format!(
                "server: {}; {MEMBERS} members as above; bare: the same documents and indexes, {MEMBERS} tasks with \
                 insert_many of {PAGE_MAX_ENTRIES}, majority and journal; a document has {:.0} B; the server says of {} \
                 documents: {} B of data, {} B stored, {} B of indexes",
                server.what(),
                bytes as f64 / count.max(1) as f64,
                number(&stats, "count"),
                number(&stats, "size"),
                number(&stats, "storageSize"),
                number(&stats, "totalIndexSize")
            )],
        })
    })
}

fn document_len(document: &Document) -> anyhow::Result<usize> {
    Ok(mongodb::bson::serialize_to_vec(document)?.len())
}

/// A number that a server told, whatever kind it chose; 0 when it did not.
fn number(document: &Document, field: &str) -> i64 {
    let number = document.get_i64(field).or_else(|_| document.get_i32(field).map(i64::from));
    number.or_else(|_| document.get_f64(field).map(|number| number as i64)).unwrap_or_default()
}

/// A table with the indexes of the archive's own.
async fn bare_table(database: &Database) -> anyhow::Result<Collection<Document>> {
    let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let options = mongodb::options::CollectionOptions::builder().write_concern(concern).build();
    let bare = database.collection_with_options("bare", options);
    let entries = database.collection::<Document>("entries");
    let indexes: Vec<_> = entries.list_indexes().await?.try_collect().await?;
    for index in indexes.into_iter().filter(|index| !index.keys.contains_key("_id")) {
        bare.create_index(index).await?;
    }
    Ok(bare)
}

/// The documents that the archive has written since the last time.
async fn newer_documents(database: &Database, last: &mut i64) -> anyhow::Result<Vec<Document>> {
    let entries = database.collection::<Document>("entries");
    let found = entries.find(doc! { "arrival": { "$gt": *last } }).sort(doc! { "arrival": 1 }).await?;
    let documents: Vec<Document> = found.try_collect().await?;
    *last = documents.last().and_then(|document| document.get_i64("arrival").ok()).unwrap_or(*last);
    Ok(documents)
}

async fn insert_bare(bare: &Collection<Document>, documents: Vec<Document>) -> anyhow::Result<f64> {
    let count = documents.len();
    let share = count.div_ceil(MEMBERS).max(1);
    let start = Instant::now();
    try_join_all(documents.chunks(share).map(|share| async {
        for batch in share.chunks(PAGE_MAX_ENTRIES) {
            bare.insert_many(batch).ordered(false).await?;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
